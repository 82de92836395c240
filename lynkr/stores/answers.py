"""What the cache keeps of an answer, and what a store of answers must do.

Three kinds of facts travel between workers: an answer was kept, answers were dropped, and an answer
was compared with a fresh one. Each store keeps an append log of them, so that every worker can hold
all of it in memory and no call waits for a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import msgspec

ID_PREFIX = "c_"  # and 16 hexadecimal digits, drawn at random
DIGEST_BYTES = 16  # of a scope, a key, a partition
CHANGES_MAX = 256  # in one reading of the log


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """Everything known of a kept answer but its content. ``partition`` empty: it is found by its
    key only, and then nothing of the question is kept but that digest."""

    id: str
    scope: bytes  # whose: a digest of the key's name or the team's
    key: bytes  # a digest of the scope, the target and the whole request
    partition: bytes  # a digest of the same without the question, or b""
    epoch: str  # as the client or the configuration names the state of the world; "" is none
    stored_at: float  # unix seconds
    expires_at: float
    provider: str
    model: str
    api: str
    kind: Literal["reply", "body"]  # what the content is: a neutral reply, or the body as it came
    size: int  # bytes of the content
    question: str = ""  # in canonical words
    vector: bytes = b""  # its embedding: one int8 per dimension
    features: bytes = b""  # what the guard compares


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """One served answer compared with the one that a fresh call would have had."""

    id: str  # of the answer
    scope: bytes
    partition: bytes
    similarity: float
    coverage: float
    agreed: bool
    source: Literal["shadow", "judge", "feedback"]
    at: float  # unix seconds


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """Answers that are no longer served."""

    ids: tuple[str, ...]


Change = Answer | Sighting | Dropped


class Behind(Exception):  # noqa: N818 - no error: the log has moved on
    """The log does not hold any more what came after this cursor, or it is another log: only a new
    snapshot says what lives."""


class AnswerStore(Protocol):
    """Where answers are kept. Used by one thread at a time; every method may wait for a disk or a
    network and raise what the library behind it raises (``OSError``, the driver's own)."""

    @property
    def unreadable_total(self) -> int:
        """Rows passed over: damaged, or sealed with another key."""

    def put(self, answer: Answer, content: bytes) -> None:
        """Keep an answer; the log tells others."""

    def drop(self, ids: Sequence[str]) -> None:
        """Forget answers; the log tells others."""

    def note(self, sighting: Sighting) -> None:
        """Keep a comparison; the log tells others."""

    def content(self, scope: bytes, id_: str) -> bytes | None:
        """The content of an answer, if it is still there, not expired and of that scope."""

    def snapshot(self) -> tuple[Iterable[Answer | Sighting], str]:
        """All that lives, and the place in the log from where to go on: answers, oldest first,
        and then comparisons, oldest first. Read as it is consumed; what changes meanwhile may
        or may not be in it, and is in the log."""

    def changes(self, cursor: str, wait_s: float) -> tuple[list[Change], str]:
        """What came after ``cursor``, waiting up to ``wait_s`` for it, and the next cursor. At
        most ``CHANGES_MAX``; an answer that is gone again by now is left out. Raises
        ``Behind``."""

    def sweep(self) -> None:
        """Drop what has expired or is too much: oldest first, per scope and in all."""

    def close(self) -> None: ...
