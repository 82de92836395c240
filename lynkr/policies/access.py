"""Who is calling: a static key to a principal, in constant time.

Keys are random and long, so a plain SHA-256 is as strong as the key; what is stored cannot be used.
The digest of the presented key is compared with every configured one, without leaving early.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import msgspec

from lynkr.config.settings import Key

DIGEST_PREFIX = "sha256:"


class Principal(msgspec.Struct, frozen=True):
    """Whom a call is for; every partition (cache, sessions, limits) hangs on it."""

    name: str
    team: str = ""
    admin: bool = False
    anonymous: bool = False
    tools: str = ""  # what this key has instead of tokens.tools, and of tokens.results
    results: str = ""
    cache: str = ""  # and of cache.mode
    max_false_hit: float | None = None  # and of cache.max_false_hit


ANONYMOUS = Principal(name="anonymous", anonymous=True)


def digest(key: str | bytes) -> str:
    """What ``auth.keys[].digest`` holds for a key."""
    raw = key.encode() if isinstance(key, str) else key
    return DIGEST_PREFIX + hashlib.sha256(raw).hexdigest()


class Keyring:
    """The configured keys. An empty ring with ``required`` false lets everybody in as anonymous."""

    def __init__(self, keys: Iterable[Key], *, required: bool) -> None:
        self.required = required
        self._keys = tuple(
            (
                bytes.fromhex(key.digest.removeprefix(DIGEST_PREFIX)),
                Principal(
                    name=key.name,
                    team=key.team,
                    admin=key.admin,
                    tools=key.tools,
                    results=key.results,
                    cache=key.cache,
                    max_false_hit=key.max_false_hit,
                ),
            )
            for key in keys
        )

    def __bool__(self) -> bool:
        return bool(self._keys)

    def named(self, name: str) -> Principal | None:
        """The principal of that name, for those who configure the gateway."""
        return next((one for _, one in self._keys if one.name == name), None)

    def find(self, presented: bytes) -> Principal | None:
        """The principal of a key, or ``None``."""
        seen = hashlib.sha256(presented).digest()
        found = None
        for known, principal in self._keys:
            if hmac.compare_digest(seen, known):
                found = principal
        return found


def bearer(authorization: bytes | None) -> bytes | None:
    """The token of an ``Authorization: Bearer`` header."""
    if authorization is None or authorization[:7].lower() != b"bearer ":
        return None
    return authorization[7:].strip()
