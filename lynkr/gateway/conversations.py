"""Responses that a client may continue by id, for targets that do not keep them.

A Responses client names its last reply in ``previous_response_id`` and sends only what is new. A
target of another dialect knows nothing of that, so what was said is kept here: in memory, of this
worker, per key of the gateway, bounded in number, bytes and age. ``store: false`` keeps nothing.
"""

from __future__ import annotations

import sys
from collections import OrderedDict

import msgspec

from lynkr.wire.message import Message

KEPT_MAX = 1000  # per key
BYTES_MAX = 64 * 1024 * 1024  # all keys together, as they came; decoded about five times that
AGE_S_MAX = 6 * 3600.0


class _Kept(msgspec.Struct):
    messages: list[Message]  # the whole conversation up to and with this reply
    size: int  # bytes, roughly: of the request that led to it
    kept_at: float


class Conversations:
    """By owner and response id. Time is an argument, in seconds."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()  # oldest first
        self._counts: dict[str, int] = {}
        self._bytes = 0
        self._bytes_max = bytes_max

    def keep(
        self, owner: str, response_id: str, messages: list[Message], size: int, now: float
    ) -> None:
        """Remember a conversation; the oldest ones make room."""
        self._forget((owner, response_id))
        size += sys.getsizeof(messages)
        if size > self._bytes_max:
            return
        self._kept[owner, response_id] = _Kept(messages, size, now)
        self._counts[owner] = self._counts.get(owner, 0) + 1
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._kept)))
        if self._counts[owner] > KEPT_MAX:
            self._forget(next(key for key in self._kept if key[0] == owner))

    def find(self, owner: str, response_id: str, now: float) -> list[Message] | None:
        """The conversation that ended with this reply; never another owner's."""
        found = self._kept.get((owner, response_id))
        if found is None:
            return None
        if now - found.kept_at > AGE_S_MAX:
            self._forget((owner, response_id))
            return None
        return found.messages

    def _forget(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key, None)
        if gone is None:
            return
        self._bytes -= gone.size
        self._counts[key[0]] -= 1
        if not self._counts[key[0]]:
            del self._counts[key[0]]
