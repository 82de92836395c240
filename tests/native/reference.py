"""Slow, obvious twins of the byte parsers: what they must agree with on every input that is valid.

``spans`` walks one JSON document by recursion. ``read_events`` splits a stream as the SSE standard
says and gives each event to ``json.loads``. Neither knows anything of pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

MATCHED_MAX = 8  # containers on a path, arrays included; deeper ones are not looked into
LINE_END = re.compile(rb"\r\n|\n|\r")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\]}]+")
_BLANK = re.compile(rb"[ \t\r\n]*")

Span = tuple[int, int]
Ends = dict[str, tuple[bytes, ...]]


class Pairs(list[tuple[str, object]]):
    """A JSON object with its repeated keys, in order."""


def loads(text: bytes) -> object:
    return json.loads(text, object_pairs_hook=Pairs)


class _Walk:
    def __init__(self, paths: tuple[str, ...], body: bytes) -> None:
        self.paths = paths
        self.body = body
        self.found: list[Span | None] = [None] * len(paths)
        self.escaped_key = False

    def blank(self, at: int) -> int:
        match = _BLANK.match(self.body, at)
        assert match is not None
        return match.end()

    def leads_on(self, trail: str | None, matched: int) -> bool:
        """Whether a container at this place lies on the way to a wanted value."""
        if trail is None or matched >= MATCHED_MAX:
            return False
        return trail == "" or any(path.startswith(f"{trail}.") for path in self.paths)

    def value(self, at: int, trail: str | None, matched: int, *, keyed: bool) -> int:
        """The end of the value that starts at ``at``; ``keyed``: it is an object's member."""
        first = self.body[at : at + 1]
        inside = self.leads_on(trail, matched)
        if first == b"{":
            end = self.members(at, trail if inside else None, matched + 1)
        elif first == b"[":
            end = self.elements(at, trail if inside and trail else None, matched + 1)
        else:
            match = (_STRING if first == b'"' else _SCALAR).match(self.body, at)
            assert match is not None
            end = match.end()
        if keyed and trail in self.paths:
            self.found[self.paths.index(trail)] = (at, end)
        return end

    def members(self, at: int, trail: str | None, matched: int) -> int:
        at = self.blank(at + 1)
        while self.body[at : at + 1] != b"}":
            match = _STRING.match(self.body, at)
            assert match is not None
            name = match[0][1:-1].decode("utf-8", "replace")
            inner = None
            if trail is not None:
                self.escaped_key |= "\\" in name
                inner = f"{trail}.{name}" if trail else name
                if not name or "." in name:  # in no path, but easily taken for one
                    inner = None
            at = self.blank(match.end())
            assert self.body[at : at + 1] == b":"
            at = self.blank(self.value(self.blank(at + 1), inner, matched, keyed=True))
            at = self.comma(at)
        return at + 1

    def elements(self, at: int, trail: str | None, matched: int) -> int:
        at = self.blank(at + 1)
        while self.body[at : at + 1] != b"]":
            at = self.comma(self.blank(self.value(at, trail, matched, keyed=False)))
        return at + 1

    def comma(self, at: int) -> int:
        return self.blank(at + 1) if self.body[at : at + 1] == b"," else at


def spans(paths: tuple[str, ...], body: bytes) -> list[Span | None] | None:
    """What ``find_spans`` says of one valid document."""
    walk = _Walk(paths, body)
    at = walk.blank(0)
    is_container = body[at : at + 1] in (b"{", b"[")
    walk.value(at, "" if body[at : at + 1] == b"{" else None, 0, keyed=False)
    return walk.found if is_container and not walk.escaped_key else None


class Seen(NamedTuple):
    """What a tee says of one whole reply. Values are parsed, so that spelling does not count."""

    values: tuple[object, ...]
    begun: bool
    ended: bool


_Member = tuple[str, object]


def _members(
    value: object, trail: str, paths: tuple[str, ...], matched: int = 1
) -> Iterator[_Member]:
    """Each wanted value, in the order it stands; arrays on the way are stepped through."""
    if isinstance(value, Pairs):
        for name, member in value:
            inner = f"{trail}.{name}" if trail else name
            if not name or "." in name:
                continue
            if inner in paths:
                yield inner, member
            elif matched < MATCHED_MAX and any(path.startswith(f"{inner}.") for path in paths):
                yield from _members(member, inner, paths, matched + 1)
    elif isinstance(value, list) and trail:
        for element in value:
            if isinstance(element, list) and matched < MATCHED_MAX:  # Pairs are lists too
                yield from _members(element, trail, paths, matched + 1)


class Reader:
    """The rules of a tee, applied to one parsed document after another."""

    def __init__(self, paths: tuple[str, ...], begin: str, ends: Ends) -> None:
        self.paths = paths
        self.begin = begin
        self.ends = ends
        self.values: list[object] = [None] * len(paths)
        self.begun = False
        self.ended = False

    def take(self, document: object) -> None:
        if not isinstance(document, Pairs):
            return
        for path, value in _members(document, "", self.paths):
            if value is None or (path == self.begin and (self.begun or value == "")):
                continue  # the first model is kept; an empty one tells nothing
            self.begun |= path == self.begin
            self.values[self.paths.index(path)] = value
            if path in self.ends:
                marks = [loads(mark) for mark in self.ends[path]]
                self.ended |= not marks or value in marks

    @property
    def seen(self) -> Seen:
        # Of a value that is only looked at as an end mark, nothing is promised.
        values = (
            None if self.ends.get(path) else value
            for path, value in zip(self.paths, self.values, strict=True)
        )
        return Seen(tuple(values), self.begun, self.ended)


def payloads(stream: bytes) -> Iterator[bytes]:
    """The data of each event (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    One liberty, the tee's own: an event that the end of the stream cuts off counts too.
    """
    data: list[bytes] = []
    for line in [*LINE_END.split(stream.removeprefix(b"\xef\xbb\xbf")), b""]:
        if not line and data:
            yield b"\n".join(data)
            data = []
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))


def read_events(paths: tuple[str, ...], begin: str, ends: Ends, stream: bytes) -> Seen:
    reader = Reader(paths, begin, ends)
    for payload in payloads(stream):
        if payload.lstrip(b" ").startswith(b"[DONE]"):
            reader.ended = True
        elif payload.strip():
            reader.take(loads(payload))
    return reader.seen


def read_body(paths: tuple[str, ...], begin: str, ends: Ends, body: bytes) -> Seen:
    reader = Reader(paths, begin, ends)
    reader.take(loads(body))
    return reader.seen
