"""Content-encodings, undone for reading along only: the client always gets the encoded bytes.

A decoder takes a piece of the encoded body and yields pieces of the plain one, each of bounded
size, so that a reply that inflates a thousandfold costs time in proportion and memory never.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

Decoder = Callable[[bytes], Iterator[bytes]]

PIECE_BYTES_MAX = 256 * 1024
INFLATED_BYTES_MAX = 256 * 1024 * 1024  # after this the reply is no longer read along
ZSTD_FEED_BYTES = 256  # a zstd block of 4 bytes may hold 128 KB; this keeps one step under 8 MB


class TooLargeError(Exception):
    """The plain body exceeds INFLATED_BYTES_MAX."""


def _bounded(decode: Decoder) -> Decoder:
    total = 0

    def pieces(data: bytes) -> Iterator[bytes]:
        nonlocal total
        for piece in decode(data):
            total += len(piece)
            if total > INFLATED_BYTES_MAX:
                raise TooLargeError
            yield piece

    return pieces


def _zlib(window_bits: int) -> Decoder:
    engine = zlib.decompressobj(window_bits)

    def pieces(data: bytes) -> Iterator[bytes]:
        nonlocal engine
        more = bool(data)
        while more:
            piece = engine.decompress(data, PIECE_BYTES_MAX)
            yield piece
            data = engine.unconsumed_tail
            if engine.eof and engine.unused_data:
                # A gzip body may have several members (RFC 1952 section 2.2).
                data = engine.unused_data
                engine = zlib.decompressobj(window_bits)
            # A full piece may have left output inside with no input to show for it.
            more = bool(data) or len(piece) == PIECE_BYTES_MAX

    return pieces


def _deflate() -> Decoder:
    """RFC 9110 says zlib; some servers send raw deflate. The first byte tells them apart."""
    engine: Decoder | None = None

    def pieces(data: bytes) -> Iterator[bytes]:
        nonlocal engine
        if engine is None and data:
            engine = _zlib(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        if engine is not None:
            yield from engine(data)

    return pieces


def _brotli() -> Decoder:
    engine = brotli.Decompressor()

    def pieces(data: bytes) -> Iterator[bytes]:
        # Asked until nothing comes: it may accept more input while it still holds output.
        while piece := engine.process(data, output_buffer_limit=PIECE_BYTES_MAX):
            data = b""
            yield piece

    return pieces


def _zstd() -> Decoder:
    engine = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj(
        read_across_frames=True
    )

    def pieces(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_FEED_BYTES):
            yield engine.decompress(data[start : start + ZSTD_FEED_BYTES])

    return pieces


def _unreadable(_data: bytes) -> Iterator[bytes]:
    raise ValueError("unknown content-encoding")


_DECODERS: dict[bytes, Callable[[], Decoder]] = {
    b"gzip": lambda: _zlib(zlib.MAX_WBITS | 16),
    b"x-gzip": lambda: _zlib(zlib.MAX_WBITS | 16),
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}


def decoder_for(content_encoding: bytes | None) -> Decoder | None:
    """A fresh decoder; ``None`` when the body is plain. An unknown encoding fails on first use."""
    if content_encoding is None:
        return None
    name = content_encoding.strip().lower()
    if name in (b"", b"identity"):
        return None
    make = _DECODERS.get(name)
    return _unreadable if make is None else _bounded(make())
