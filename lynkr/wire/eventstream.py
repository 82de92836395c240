"""Amazon's binary event stream, read and written: ``application/vnd.amazon.eventstream``.

    total length u32 | length of the headers u32 | CRC32 of those eight bytes u32
    headers | payload | CRC32 of everything before it u32

All big-endian. A header is: length of its name u8, name, type u8, value. Source:
https://smithy.io/2.0/aws/amazon-eventstream.html#message-format

What fails a check is never read: ``broken`` says why, and nothing more comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from zlib import crc32

Headers = dict[str, bool | int | bytes | str]

# What Amazon's own clients accept. The lengths are known after twelve bytes, so a frame that says
# it is longer costs no memory.
HEADERS_BYTES_MAX = 128 * 1024
PAYLOAD_BYTES_MAX = 24 * 1024 * 1024

_PRELUDE_BYTES = 12
_AROUND_BYTES = 16  # the prelude and the last checksum
_KNOWN_MAX = 64
_KNOWN_BYTES_MAX = 256

_PRELUDE = Struct(">III")
_LENGTHS = Struct(">II")
_U16 = Struct(">H")
_U32 = Struct(">I")
_TRUE, _FALSE, _BYTES, _STRING, _UUID = 0, 1, 6, 7, 9
# Byte, short, integer, long, and a timestamp in milliseconds.
_NUMBERS = {2: Struct(">b"), 3: Struct(">h"), 4: Struct(">i"), 5: Struct(">q"), 8: Struct(">q")}
_UUID_BYTES = 16


class FrameReader:
    """Cuts a body into frames: pairs of headers and payload."""

    def __init__(self) -> None:
        self.broken = ""  # why the bytes make no sense; it stays that way
        self._held: list[bytes] = []  # an unfinished frame, in the pieces that it came in
        self._size = 0
        self._needed = _PRELUDE_BYTES
        # Every delta of a stream has the same headers: they are read once. Not to be changed.
        self._known: dict[bytes, Headers] = {}

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[tuple[Headers, bytes]]:
        """The frames that are whole by now, and sound; see ``broken`` for the one after them."""
        if self.broken or not data:
            return []
        self._size += len(data)
        if self._size < self._needed:
            self._held.append(data)
            return []
        if self._held:
            self._held.append(data)
            data = b"".join(self._held)
        frames: list[tuple[Headers, bytes]] = []
        at, size = 0, len(data)
        view = memoryview(data)
        self._needed = _PRELUDE_BYTES
        while size - at >= _PRELUDE_BYTES:
            total, headers_size, checksum = _PRELUDE.unpack_from(data, at)
            self.broken = _unsound(view[at : at + 8], total, headers_size, checksum)
            if self.broken:
                break
            if size - at < total:
                self._needed = total
                break
            end = at + total - 4
            if crc32(view[at:end]) != _U32.unpack_from(data, end)[0]:
                self.broken = "the checksum of a frame is wrong"
                break
            begin = at + _PRELUDE_BYTES + headers_size
            try:
                headers = self._headers(data[at + _PRELUDE_BYTES : begin])
            except (ValueError, IndexError):
                self.broken = "the headers of a frame make no sense"
                break
            frames.append((headers, data[begin:end]))
            at += total
        rest = b"" if self.broken else data[at:]
        self._held = [rest] if rest else []
        self._size = len(rest)
        return frames

    def _headers(self, block: bytes) -> Headers:
        known = self._known.get(block)
        if known is not None:
            return known
        headers = _read_headers(block)
        if len(self._known) < _KNOWN_MAX and len(block) <= _KNOWN_BYTES_MAX:
            self._known[block] = headers
        return headers


def _unsound(lengths: memoryview, total: int, headers_size: int, checksum: int) -> str:
    """What is wrong with a prelude."""
    if crc32(lengths) != checksum:
        return "the checksum of a frame's lengths is wrong"
    payload_size = total - headers_size - _AROUND_BYTES
    if payload_size < 0:
        return "the lengths of a frame contradict each other"
    if headers_size > HEADERS_BYTES_MAX or payload_size > PAYLOAD_BYTES_MAX:
        return "a frame is too large"
    return ""


def _read_headers(block: bytes) -> Headers:
    """Raises ``ValueError`` or ``IndexError`` for what is none."""
    headers: Headers = {}
    at, size = 0, len(block)
    while at < size:
        at += 1
        name = str(block[at : at + block[at - 1]], "utf-8")
        at += block[at - 1]
        kind = block[at]
        at += 1
        value: bool | int | bytes | str
        if kind in (_STRING, _BYTES):
            if at + 2 > size:
                raise ValueError("cut short")
            length = _U16.unpack_from(block, at)[0]
            at += 2
            value = block[at : at + length]
            at += length
            if kind == _STRING:
                value = value.decode()
        elif kind in (_TRUE, _FALSE):
            value = kind == _TRUE
        elif kind == _UUID:
            value = block[at : at + _UUID_BYTES]
            at += _UUID_BYTES
        else:
            number = _NUMBERS.get(kind)
            if number is None or at + number.size > size:
                raise ValueError("an unknown type, or cut short")
            value = number.unpack_from(block, at)[0]
            at += number.size
        if at > size or not name or name in headers:
            raise ValueError("cut short, nameless or named twice")
        headers[name] = value
    return headers


def packed(headers: Iterable[tuple[str, str]]) -> bytes:
    """Headers as they stand in a frame. All that a reply needs are strings."""
    pieces: list[bytes] = []
    for name, value in headers:
        coded, text = name.encode(), value.encode()
        pieces += (bytes((len(coded),)), coded, b"\x07", _U16.pack(len(text)), text)
    return b"".join(pieces)


def frame(headers: bytes, payload: bytes) -> bytes:
    """One frame; ``headers`` are ``packed``."""
    lengths = _LENGTHS.pack(_AROUND_BYTES + len(headers) + len(payload), len(headers))
    head = b"".join((lengths, _U32.pack(crc32(lengths)), headers))
    return b"".join((head, payload, _U32.pack(crc32(payload, crc32(head)))))
