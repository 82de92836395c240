"""Decoders read along whatever the encoding, in bounded memory, and fail without a sound."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import brotli
import pytest
import zstandard

from lynkr.wire import encoding
from lynkr.wire.chat.format import FORMAT
from lynkr.wire.encoding import INFLATED_BYTES_MAX, PIECE_BYTES_MAX, TooLargeError, decoder_for


def _raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate raw": _raw_deflate,
    "br": lambda data: bytes(brotli.compress(data)),
    "zstd": zstandard.ZstdCompressor().compress,
}
PLAIN = b"".join(
    b'data: {"id":"%d","choices":[{"delta":{"content":"%b"}}]}\n\n'
    % (number, random.Random(number).randbytes(9).hex().encode())
    for number in range(40)
)
# What one step may yield: zstd's input is fed in small slices, brotli's buffers grow by doubling.
STEP_BYTES_MAX = {"zstd": 8 * 1024 * 1024, "br": 2 * PIECE_BYTES_MAX}


def decoded(coding: str, pieces: Iterable[bytes]) -> bytes:
    decode = decoder_for(coding.split()[0].encode())
    assert decode is not None
    return b"".join(plain for piece in pieces for plain in decode(piece))


@pytest.mark.parametrize("coding", ENCODERS)
def test_a_body_is_decoded_however_it_is_cut(coding: str) -> None:
    body = ENCODERS[coding](PLAIN)
    assert decoded(coding, [body]) == PLAIN
    assert decoded(coding, (body[at : at + 1] for at in range(len(body)))) == PLAIN
    for cut in range(0, len(body), 7):
        assert decoded(coding, [body[:cut], b"", body[cut:]]) == PLAIN


def _flushed_gzip(pieces: list[bytes]) -> list[bytes]:
    engine = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return [engine.compress(piece) + engine.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]


def _flushed_brotli(pieces: list[bytes]) -> list[bytes]:
    engine = brotli.Compressor()
    return [engine.process(piece) + engine.flush() for piece in pieces]


def _flushed_zstd(pieces: list[bytes]) -> list[bytes]:
    engine = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return [engine.compress(piece) + engine.flush(flush) for piece in pieces]


@pytest.mark.parametrize(
    ("coding", "flushed"),
    [("gzip", _flushed_gzip), ("br", _flushed_brotli), ("zstd", _flushed_zstd)],
)
def test_each_flushed_event_is_read_at_once(
    coding: str, flushed: Callable[[list[bytes]], list[bytes]]
) -> None:
    """A stream that is compressed on the fly is read along event by event, not at its end."""
    events = [frame + b"\n\n" for frame in PLAIN.split(b"\n\n")[:-1]]
    decode = decoder_for(coding.encode())
    assert decode is not None
    for event, piece in zip(events, flushed(events), strict=True):
        assert b"".join(decode(piece)) == event


@pytest.mark.parametrize("coding", ENCODERS)
def test_a_bomb_takes_time_but_not_memory(coding: str) -> None:
    """64 MB of zeros in one read: handed on in bounded pieces, and never held at once."""
    bomb = ENCODERS[coding](bytes(64 * 1024 * 1024))
    decode = decoder_for(coding.split()[0].encode())
    assert decode is not None
    piece_bytes_max = STEP_BYTES_MAX.get(coding, PIECE_BYTES_MAX)
    tracemalloc.start()
    largest_bytes = max(len(piece) for piece in decode(bomb))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert largest_bytes <= piece_bytes_max
    assert peak_bytes <= 4 * piece_bytes_max


@pytest.mark.parametrize("coding", ENCODERS)
def test_after_the_limit_a_body_is_no_longer_read(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert INFLATED_BYTES_MAX == 256 * 1024 * 1024
    monkeypatch.setattr(encoding, "INFLATED_BYTES_MAX", 100_000)
    noise = random.Random(0).randbytes(100_001)
    assert decoded(coding, [ENCODERS[coding](noise[:-1])]) == noise[:-1]
    with pytest.raises(TooLargeError):
        decoded(coding, [ENCODERS[coding](noise)])


def test_the_limit_counts_over_all_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "INFLATED_BYTES_MAX", 1000)
    body = gzip.compress(random.Random(0).randbytes(1200))
    with pytest.raises(TooLargeError):
        decoded("gzip", (body[at : at + 1] for at in range(len(body))))


@pytest.mark.parametrize(
    "coding",
    list(ENCODERS),
)
def test_nothing_is_left_inside_at_a_pieces_limit(coding: str) -> None:
    """The last bytes come out even when one full piece has just been handed on: the usage of a
    JSON reply is there."""
    sizes = [PIECE_BYTES_MAX + more for more in (-1, 0, 1, 23, 100, 179)]
    for size in [*sizes, 2 * PIECE_BYTES_MAX, 16 * PIECE_BYTES_MAX]:
        assert len(decoded(coding, [ENCODERS[coding](b"a" * size)])) == size


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("damage", ["flipped", "not it at all"])
def test_a_broken_body_blinds_the_tee(coding: str, damage: str) -> None:
    """The tee says that it saw nothing; it does not disturb the call."""
    body = ENCODERS[coding](PLAIN)
    if damage == "flipped":
        middle = len(body) // 2
        body = body[:middle] + bytes(255 - byte for byte in body[middle:])
    else:
        body = b"\xff\xfe<html>" * 40
    tee = FORMAT.events.tee(decoder_for(coding.split()[0].encode()), None)
    tee.feed(body)
    # These two have no checksum: noise may look like them.
    assert tee.blind or coding in ("deflate raw", "br")
    assert tee.values == [None] * 4


@pytest.mark.parametrize("name", ["compress", "gzip, br", "aws-chunked", "\xff"])
def test_an_unknown_encoding_fails_on_first_use(name: str) -> None:
    """Not when it is looked up: a reply must pass on, whatever its encoding."""
    decode = decoder_for(name.encode("latin-1"))
    assert decode is not None
    with pytest.raises(ValueError, match="unknown"):
        decode(b"x")
    tee = FORMAT.events.tee(decode, None)
    tee.feed(b'data: {"model":"m"}\n\n')
    assert (tee.blind, tee.begun) == (True, False)


@pytest.mark.parametrize("name", [None, b"", b" ", b"identity", b"Identity "])
def test_a_plain_body_needs_no_decoder(name: bytes | None) -> None:
    assert decoder_for(name) is None


@pytest.mark.parametrize("name", [b"GZIP", b" gzip ", b"X-Gzip"])
def test_the_name_has_no_case(name: bytes) -> None:
    decode = decoder_for(name)
    assert decode is not None
    assert b"".join(decode(gzip.compress(PLAIN))) == PLAIN


def test_each_reply_has_its_own_decoder() -> None:
    first, second = decoder_for(b"gzip"), decoder_for(b"gzip")
    assert first is not None
    assert second is not None
    body = gzip.compress(PLAIN)
    halves = [b"".join(first(body[:99])), b"".join(second(body)), b"".join(first(body[99:]))]
    assert halves[1] == PLAIN
    assert halves[0] + halves[2] == PLAIN


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_every_member_of_a_body_is_read(coding: str) -> None:
    """RFC 1952, 2.2 and RFC 8878, 3: a body may be several compressed members in a row."""
    halves = PLAIN[:500], PLAIN[500:]
    assert decoded(coding, [ENCODERS[coding](half) for half in halves]) == PLAIN
