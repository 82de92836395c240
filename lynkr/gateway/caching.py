"""What the cache knows of one call: which answers would do for it, and where its own belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lynkr.wire.message import Usage

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.flights import Flight
    from lynkr.gateway.rules import PlannedRoute

BYPASS = b"x-lynkr-cache: bypass\r\n"
MISS = b"x-lynkr-cache: miss\r\n"


class Hit(msgspec.Struct, frozen=True):
    """What answered a call in place of a provider."""

    kind: str  # exact | semantic | flight: another call's reply, as it came
    entry: str = ""  # the answer's id
    similarity: float = 1.0
    coverage: float = 1.0
    age_s: float = 0.0
    usage: Usage = Usage()  # of the call that the answer is from

    def lines(self) -> bytes:
        """The reply's header lines."""
        return b"x-lynkr-cache: hit\r\nx-lynkr-cache-kind: %b\r\nx-lynkr-cache-entry: %b\r\n" % (
            self.kind.encode(),
            self.entry.encode(),
        ) + b"x-lynkr-cache-similarity: %.3f\r\nx-lynkr-cache-age: %d\r\n" % (
            self.similarity,
            max(int(self.age_s), 0),
        )


class Question(msgspec.Struct, frozen=True):
    """The words that the semantic cache compares."""

    span: tuple[int, int]  # of the JSON string in the client's body
    text: str  # in canonical words
    features: bytes
    vector: bytes  # int8 per dimension


class Caching:
    """Made for calls that the cache may answer or learn from, and for no others."""

    __slots__ = (
        "epoch", "flight", "go_on", "hit", "key", "look_up", "partition", "question", "scope",
        "store", "target",
    )  # fmt: skip

    def __init__(
        self,
        *,
        scope: bytes,
        key: bytes,
        epoch: str,
        target: PlannedRoute,
        store: bool,
        look_up: bool,
        go_on: Callable[[Exchange], None],
    ) -> None:
        self.scope = scope
        self.key = key
        self.epoch = epoch
        self.target = target  # whose answer it would be; another target's is not kept under it
        self.store = store
        self.look_up = look_up
        self.go_on = go_on  # sends the call after all
        self.partition = b""
        self.question: Question | None = None
        self.flight: Flight | None = None
        self.hit: Hit | None = None
