"""Replies as bytes: well-formed in every framing, and malformed as they occur in the wild."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import brotli  # type: ignore[import-untyped, unused-ignore]
import zstandard

Headers = Sequence[tuple[str, str]]

JSON: Headers = (("Content-Type", "application/json"),)
EVENT_STREAM: Headers = (("Content-Type", "text/event-stream; charset=utf-8"),)

INVALID_STATUS_LINE = b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n"
INVALID_STATUS_NUMBER = b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n"
INVALID_CHUNK_SIZE = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\nabc\r\n0\r\n\r\n"
)
# Which length counts decides where the next reply starts.
CONTRADICTING_LENGTHS = (
    b"HTTP/1.1 200 OK\r\n"  # one line each, so that a reader sees the two
    b"Content-Length: 3\r\n"
    b"Content-Length: 4\r\n\r\nabcd"
)

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "br": lambda body: bytes(brotli.compress(body)),
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}


def head(status: int = 200, headers: Headers = (), reason: str = "OK") -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def sized(body: bytes, *, status: int = 200, headers: Headers = JSON, wrong_by: int = 0) -> bytes:
    """A body with its content-length; ``wrong_by`` is added to what is claimed."""
    length = ("Content-Length", str(len(body) + wrong_by))
    return head(status, [*headers, length]) + body


def chunked(
    body: bytes,
    *,
    cuts: Iterable[int] = (),
    status: int = 200,
    headers: Headers = EVENT_STREAM,
    trailers: Headers = (),
    extension: str = "",
) -> bytes:
    return (
        head(status, [*headers, ("Transfer-Encoding", "chunked")])
        + b"".join(chunk(piece, extension) for piece in split(body, cuts))
        + last_chunk(trailers)
    )


def chunk(piece: bytes, extension: str = "") -> bytes:
    return f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n"


def last_chunk(trailers: Headers = ()) -> bytes:
    return b"0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in trailers).encode() + b"\r\n"


def close_delimited(body: bytes, *, status: int = 200, headers: Headers = EVENT_STREAM) -> bytes:
    """No framing at all: the script must ``Close()`` after it."""
    return head(status, [*headers, ("Connection", "close")]) + body


def interim(status: int, headers: Headers = ()) -> bytes:
    """A 1xx head, to be put before a real reply."""
    return head(status, headers, "Interim")


def giant_headers(size_bytes: int) -> bytes:
    return head(headers=[("X-Large", "a" * size_bytes), ("Content-Length", "0")])


def encoded(body: bytes, coding: str, *, headers: Headers = EVENT_STREAM) -> bytes:
    """A reply whose body is compressed, chunked as servers that compress on the fly send it."""
    return chunked(ENCODERS[coding](body), headers=[*headers, ("Content-Encoding", coding)])


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """``data`` cut before each of the given offsets; no empty pieces."""
    offsets = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(offsets) if end > start]


def each_cut(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    """``data`` in two, at every offset that leaves two pieces."""
    for offset in range(1, len(data)):
        yield data[:offset], data[offset:]
