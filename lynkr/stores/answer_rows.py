"""How answers look in a store: bytes that both stores share, sealed if there is a key.

A row holds what a query may see (ids, digests, times, sizes) and, apart from it, what a person may
have written (the question, its vector and features). The content is a text of its own.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from lynkr.stores.answers import Answer, Dropped, Sighting
from lynkr.stores.seal import Seal, UnreadableError

SWEEP_EVERY = 64  # writes of one process between two looks at age and quotas
REMOVED_AT_ONCE = 256  # answers in one transaction, so that no writer waits for long
SIGHTINGS_MAX = 20_000  # comparisons kept: far more than an estimate of 1 % needs
SIGHTINGS_S = 30 * 86_400.0  # and for how long: what was true of a model then may not be now
ROW_BYTES = 400  # what a store needs for an answer beyond its texts: indexes, log, bookkeeping
COMPRESSED_MIN = 256  # bytes; a shorter text gains nothing that matters

_VERSION = 1
_PLAIN, _ZLIB = b"p", b"z"  # neither is what a sealed text begins with
_encode = msgspec.msgpack.Encoder().encode
_row: msgspec.msgpack.Decoder[tuple[int, bytes, bytes]] = msgspec.msgpack.Decoder(
    tuple[int, bytes, bytes]
)
_secret: msgspec.msgpack.Decoder[tuple[str, bytes, bytes]] = msgspec.msgpack.Decoder(
    tuple[str, bytes, bytes]
)
_Fact = TypeVar("_Fact", Sighting, Dropped)
_answer = msgspec.msgpack.Decoder(Answer)
_sighting = msgspec.msgpack.Decoder(Sighting)
_dropped = msgspec.msgpack.Decoder(Dropped)


class Rows:
    """Turns answers into bytes and back. Counts what it cannot read and raises nothing for it."""

    def __init__(self, seal: Seal | None) -> None:
        self._seal = seal
        self.unreadable_total = 0

    def row(self, answer: Answer) -> bytes:
        bare = _encode(msgspec.structs.replace(answer, question="", vector=b"", features=b""))
        secret = _encode((answer.question, answer.vector, answer.features))
        # Sealed even when there is no question: what is in the open is held to it.
        return _encode((_VERSION, bare, self._close(secret, b"row" + bare)))

    def answer(self, row: bytes) -> Answer | None:
        try:
            version, bare, secret = _row.decode(row)
            if version != _VERSION:
                raise UnreadableError(f"a row of version {version}")
            question, vector, features = _secret.decode(self._open(secret, b"row" + bare))
            return msgspec.structs.replace(
                _answer.decode(bare), question=question, vector=vector, features=features
            )
        except (msgspec.DecodeError, UnreadableError):
            self.unreadable_total += 1
            return None

    def packed(self, answer: Answer, content: bytes) -> bytes:
        """The content as it is stored."""
        text = _PLAIN + content
        if len(content) >= COMPRESSED_MIN:
            text = min(_ZLIB + zlib.compress(content, 1), text, key=len)
        return self._close(text, _whose(answer.scope, answer.id))

    def content(self, packed: bytes, scope: bytes, id_: str) -> bytes | None:
        try:
            text = self._open(packed, _whose(scope, id_))
            if text[:1] not in (_PLAIN, _ZLIB):
                raise UnreadableError("sealed, and there is no key")
            return zlib.decompress(text[1:]) if text[:1] == _ZLIB else text[1:]
        except (zlib.error, UnreadableError):
            self.unreadable_total += 1
            return None

    def sighting(self, noted: bytes) -> Sighting | None:
        return self._decoded(_sighting, noted)

    def dropped(self, noted: bytes) -> Dropped | None:
        return self._decoded(_dropped, noted)

    def _decoded(self, decoder: msgspec.msgpack.Decoder[_Fact], noted: bytes) -> _Fact | None:
        try:
            return decoder.decode(noted)
        except msgspec.DecodeError:
            self.unreadable_total += 1
            return None

    def _close(self, text: bytes, about: bytes) -> bytes:
        return text if self._seal is None else self._seal.seal(text, about)

    def _open(self, text: bytes, about: bytes) -> bytes:
        return text if self._seal is None else self._seal.open(text, about)


def body(fact: Sighting | Dropped) -> bytes:
    """As the log holds it; nothing in it is secret."""
    return _encode(fact)


def _whose(scope: bytes, id_: str) -> bytes:
    return b"content" + scope + id_.encode()
