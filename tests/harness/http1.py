"""HTTP/1.1 as the tests read it: strict, slow, and written apart from what the gateway uses.

An oracle that shared the gateway's parser would share its blind spots. Bytes are kept as they came;
header names and values are latin-1 text, which loses nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.harness.wire import Wire

_HEAD_BYTES_MAX = 4 * 1024 * 1024
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)(;[^\r\n]*)?")


class WireError(Exception):
    """The peer sent something that is not HTTP/1.1."""


@dataclass
class Head:
    """A start line and the headers, in the order and case they came in."""

    raw: bytes
    start: str
    headers: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The only value of that name; a second one is an error worth failing for."""
        found = self.values(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def chunked(self) -> bool:
        return (self.value("transfer-encoding") or "").lower() == "chunked"

    @property
    def content_length(self) -> int | None:
        value = self.value("content-length")
        return None if value is None else int(value)


def parse_head(raw: bytes) -> Head:
    assert raw.endswith(b"\r\n\r\n")
    start, *lines = raw[:-4].decode("latin-1").split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line:
            raise WireError(f"not a header line: {line!r}")
        headers.append((name, value.strip(" \t")))
    return Head(raw, start, headers)


async def read_head(wire: Wire) -> Head | None:
    """The next head; None when the peer ended before its first byte."""
    while (end := wire.received.find(b"\r\n\r\n")) < 0:
        if len(wire.received) > _HEAD_BYTES_MAX:
            raise WireError("a head without end")
        if not await wire.more():
            if not wire.received:
                return None
            raise WireError(f"ended inside a head: {bytes(wire.received)!r}")
    raw = bytes(wire.received[: end + 4])
    del wire.received[: end + 4]
    return parse_head(raw)


@dataclass
class Body:
    """A body being read. ``length`` is None for chunked and for close-delimited bodies."""

    length: int | None
    chunked: bool
    content: bytearray = field(default_factory=bytearray)
    chunks: list[bytes] = field(default_factory=list)  # as framed by the sender, chunked only
    trailers: list[tuple[str, str]] = field(default_factory=list)
    done: bool = False  # the framing says so; never true for a close-delimited body
    _inside: int | None = None  # bytes left in the current chunk; 0: only its line end is

    def __post_init__(self) -> None:
        self.done = not self.chunked and self.length == 0

    def consume(self, buffer: bytearray) -> bool:
        """Takes from ``buffer`` what it can. True when it took something, or is done."""
        if self.done:
            return True
        if self.chunked:
            return self._consume_chunk(buffer)
        room = len(buffer) if self.length is None else self.length - len(self.content)
        piece = buffer[:room]
        del buffer[: len(piece)]
        self.content += piece
        self.done = self.length is not None and len(self.content) == self.length
        return bool(piece)

    def _consume_chunk(self, buffer: bytearray) -> bool:
        """A chunk's data counts as it comes in: a broken stream's last bytes are evidence too."""
        if self._inside is not None:
            return self._consume_inside(buffer, self._inside)
        line_end = buffer.find(b"\r\n")
        if line_end < 0:
            if len(buffer) > 256:
                raise WireError(f"not a chunk size: {bytes(buffer[:40])!r}")
            return False
        match = _CHUNK_SIZE.fullmatch(buffer[:line_end])
        if match is None:
            raise WireError(f"not a chunk size: {bytes(buffer[:line_end])!r}")
        size = int(match[1], 16)
        if size == 0:
            return self._consume_trailers(buffer, line_end)
        del buffer[: line_end + 2]
        self._inside = size
        self.chunks.append(b"")
        return True

    def _consume_inside(self, buffer: bytearray, left: int) -> bool:
        if left == 0:
            if len(buffer) < 2:
                return False
            if buffer[:2] != b"\r\n":
                raise WireError("a chunk that does not end where it said")
            del buffer[:2]
            self._inside = None
            return True
        piece = bytes(buffer[:left])
        del buffer[: len(piece)]
        self._inside = left - len(piece)
        self.chunks[-1] += piece
        self.content += piece
        return bool(piece)

    def _consume_trailers(self, buffer: bytearray, line_end: int) -> bool:
        # The last chunk's own line end doubles as the start of the empty line when there are none.
        end = buffer.find(b"\r\n\r\n", line_end)
        if end < 0:
            return False
        lines = bytes(buffer[line_end + 2 : end + 2])
        if lines:
            self.trailers = parse_head(b"trailers\r\n" + lines + b"\r\n").headers
        del buffer[: end + 4]
        self.done = True
        return True


async def read_some(wire: Wire, body: Body) -> bool:
    """Moves bytes of the body from the wire. False when the peer ended first."""
    while not body.consume(wire.received):
        if not await wire.more():
            return False
    return True


async def read_body(wire: Wire, body: Body) -> bool:
    """Reads to the end. True when the framing ended it, False when the connection did."""
    while not body.done:
        if not await read_some(wire, body):
            return False
    return True


def request_body(head: Head) -> Body:
    return Body(length=None if head.chunked else head.content_length or 0, chunked=head.chunked)


def reply_body(head: Head, *, bodiless: bool) -> Body:
    """``bodiless``: the request was HEAD. 1xx, 204 and 304 never have a body (RFC 9112, 6.3)."""
    status = int(head.start.split(" ")[1])
    if bodiless or status < 200 or status in (204, 304):
        return Body(length=0, chunked=False)
    return Body(length=None if head.chunked else head.content_length, chunked=head.chunked)
