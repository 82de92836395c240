"""How a thread reaches Redis or Valkey: with a deadline for everything, and without trying again by
itself."""

from __future__ import annotations

from typing import Any

OPERATION_S = 2.0  # the longest that one connection, one command or one reply may take


def connect(url: str) -> Any:
    """A client; nothing is connected to before its first command. ``ValueError`` for an address
    that is none."""
    from redis import Redis  # 10 MB, for those who have one
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    limits = {"socket_timeout": OPERATION_S, "socket_connect_timeout": OPERATION_S}
    try:
        # RESP 2 spares a handshake. The threads try again by themselves.
        return Redis.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), **limits)
    except ValueError:
        # Its message may hold a part of the address, and that part may be the password.
        raise ValueError("the address of the Redis server cannot be read") from None
