"""The slow, obvious twin of ``canonical``: a tree of the body, written again."""

from __future__ import annotations

from tests.native.reference_spans import (
    _BLANK,
    NotTrustedError,
    Span,
    Value,
    after,
    parsed,
)


class Writer:
    def __init__(self, body: bytes, hole: Span | None) -> None:
        self.body = body
        self.hole = hole
        self.met = hole is None

    def check(self, value: Value) -> None:
        keys = [key for key, _ in value.members]
        if len(set(keys)) < len(keys) or any(b"\\" in key for key in keys):
            raise NotTrustedError
        for inner in (*value.items, *(member for _, member in value.members)):
            self.check(inner)

    def members(self, members: list[tuple[bytes, Value]]) -> bytes:
        pairs = [b'"%b":%b' % (key, self.written(value)) for key, value in sorted(members)]
        return b"{" + b",".join(pairs) + b"}"

    def written(self, value: Value) -> bytes:
        first = self.body[value.start : value.start + 1]
        if first == b"{":
            return self.members(list(value.members))
        if first == b"[":
            return b"[" + b",".join(map(self.written, value.items)) + b"]"
        if first == b'"' and value.span == self.hole:
            self.met = True
            return b"?"
        return self.body[value.start : value.end]


def canonical(body: bytes, drop: frozenset[bytes], hole: Span | None = None) -> bytes | None:
    try:
        body.decode()
        value = parsed(body, after(_BLANK, body, 0), 0)
        if (
            after(_BLANK, body, value.end) != len(body)
            or body[value.start : value.start + 1] != b"{"
        ):
            return None
        writer = Writer(body, hole)
        writer.check(value)
    except (NotTrustedError, UnicodeDecodeError):
        return None
    kept = [
        (key, member)
        for key, member in value.members
        if key not in drop and body[member.start : member.end] != b"null"
    ]
    written = writer.members(kept)
    return written if writer.met else None
