"""Several keys for one provider: which one a call uses.

A provider's prompt cache belongs to the account (and often the machine) behind a key, so a session
stays with one: rendezvous hashing, by which a key that is put aside moves only its own sessions. A
key is put aside when the provider refuses it (429, 401), for as long as the provider says.
"""

from __future__ import annotations

import hashlib


class KeyPool:
    """The keys of one provider, as header lines. Time is an argument, in seconds."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys
        self._marks = [hashlib.sha256(key).digest() for key in keys]
        self._aside_until = [0.0] * len(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def line(self, index: int) -> bytes:
        return self._keys[index]

    def choose(self, session: bytes, now: float) -> int:
        """The key of a session; if all are aside, the one that comes back first."""
        if len(self._keys) == 1:
            return 0
        free = [i for i in range(len(self._keys)) if self._aside_until[i] <= now]
        if not free:
            return min(range(len(self._keys)), key=lambda i: self._aside_until[i])
        return max(free, key=lambda i: hashlib.sha256(self._marks[i] + session).digest())

    def put_aside(self, index: int, until: float) -> None:
        """The provider refused this key."""
        self._aside_until[index] = max(self._aside_until[index], until)

    def any_free(self, now: float) -> bool:
        return any(until <= now for until in self._aside_until)
