"""What to do when an upstream fails before its first byte: try again, or give up and say why."""

from __future__ import annotations

import msgspec

from lynkr.errors import Source


class Failure(msgspec.Struct, frozen=True):
    kind: str
    reused: bool  # the connection had served a call before
    got_bytes: bool  # anything at all came back
    attempts: int


class Verdict(msgspec.Struct, frozen=True):
    retry: bool
    status: int
    source: Source


def judge(failure: Failure) -> Verdict:
    """A pooled connection may have been closed by the other side just before it was used: that, and
    only that, is tried once more, on a new connection. Anything else could bill a request twice."""
    stale = failure.reused and not failure.got_bytes and failure.kind == "upstream_closed"
    status = 504 if failure.kind.endswith(("timeout", "idle")) else 502
    source: Source = "gateway" if failure.kind == "internal_error" else "upstream"
    return Verdict(stale and failure.attempts == 1, 500 if source == "gateway" else status, source)
