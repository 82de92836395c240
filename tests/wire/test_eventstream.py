"""Amazon's event stream: whole frames at any cut, and never a wrong byte out of a broken one."""

from __future__ import annotations

import struct
import uuid
from zlib import crc32

import pytest
from botocore.eventstream import (  # type: ignore[import-untyped, unused-ignore]
    EventStreamBuffer,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lynkr.wire.eventstream import (
    HEADERS_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    FrameReader,
    Headers,
    frame,
    packed,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
names = st.text(min_size=1, max_size=12).filter(lambda name: 0 < len(name.encode()) < 256)
frames_made = st.lists(
    st.tuples(st.dictionaries(names, st.text(max_size=20), max_size=4), st.binary(max_size=40)),
    min_size=1,
    max_size=4,
)

HEADERS = packed(((":event-type", "contentBlockDelta"), (":message-type", "event")))
ONE = frame(HEADERS, b'{"delta":{"text":"one"}}')
TWO = frame(HEADERS, '{"delta":{"text":"zwölf 👋"}}'.encode())


def read(data: bytes, size: int = 0) -> list[tuple[Headers, bytes]]:
    """The frames of a sound body, fed in pieces of that size."""
    reader = FrameReader()
    found = []
    for start in range(0, len(data), size or len(data)):
        found += reader.feed(data[start : start + (size or len(data))])
    assert not reader.broken
    assert not reader.unfinished
    return found


def of_botocore(data: bytes) -> list[tuple[Headers, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(event.headers, event.payload) for event in buffer]


def raw(headers: bytes, payload: bytes = b"") -> bytes:
    """A frame written another way, with headers of any kind."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return data + struct.pack(">I", crc32(data))


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name + bytes([kind]) + value


@unhurried
@given(frames_made, st.integers(1, 40))
def test_what_is_written_is_read_by_us_and_by_botocore(
    made: list[tuple[dict[str, str], bytes]], size: int
) -> None:
    data = b"".join(frame(packed(headers.items()), payload) for headers, payload in made)
    assert read(data) == made
    assert read(data, size) == made
    assert of_botocore(data) == made


def test_every_type_of_header_is_read_as_botocore_reads_it() -> None:
    mark = uuid.uuid5(uuid.NAMESPACE_URL, "x").bytes
    block = b"".join(
        (
            header(b"yes", 0, b""),
            header(b"no", 1, b""),
            header(b"byte", 2, struct.pack(">b", -3)),
            header(b"short", 3, struct.pack(">h", -300)),
            header(b"integer", 4, struct.pack(">i", 70_000)),
            header(b"long", 5, struct.pack(">q", -(2**40))),
            header(b"bytes", 6, b"\x00\x03a\xff\x00"),
            header(b"string", 7, "\x00\x03ü!".encode("latin-1")[:2] + "ü!".encode()),
            header(b"timestamp", 8, struct.pack(">q", 1_700_000_000_000)),
            header(b"uuid", 9, mark),
        )
    )
    data = raw(block, b"{}")
    ((headers, payload),) = read(data)
    assert [(headers, payload)] == of_botocore(data)
    assert headers["yes"] is True
    assert headers["no"] is False
    assert headers["string"] == "ü!"
    assert headers["uuid"] == mark


@pytest.mark.parametrize("cut", range(len(ONE + TWO)))
def test_a_cut_anywhere_gives_the_same_frames(cut: int) -> None:
    reader = FrameReader()
    data = ONE + TWO
    assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == read(data)
    assert not reader.unfinished


@pytest.mark.parametrize("at", range(len(TWO)))
def test_a_wrong_byte_anywhere_ends_the_reading_and_gives_nothing_wrong(at: int) -> None:
    """The frame before it is whole and counts; the broken one and all after it do not."""
    broken = bytearray(TWO)
    broken[at] ^= 0x20
    for size in (1, 1000):
        reader = FrameReader()
        data = ONE + bytes(broken) + ONE
        found = []
        for start in range(0, len(data), size):
            found += reader.feed(data[start : start + size])
        assert found == read(ONE)
        assert reader.broken
        assert reader.feed(ONE) == []


def test_a_part_of_a_frame_is_unfinished() -> None:
    reader = FrameReader()
    assert reader.feed(ONE[:-1]) == []
    assert reader.unfinished
    assert not reader.broken


@pytest.mark.parametrize(
    ("total", "headers_size"),
    [
        (15, 0),
        (16, 1),
        (100, 90),
        (16 + HEADERS_BYTES_MAX + 1, HEADERS_BYTES_MAX + 1),
        (16 + PAYLOAD_BYTES_MAX + 1, 0),
        (2**32 - 1, 0),
    ],
)
def test_impossible_lengths_are_noticed_before_anything_is_kept(
    total: int, headers_size: int
) -> None:
    lengths = struct.pack(">II", total, headers_size)
    reader = FrameReader()
    assert reader.feed(lengths + struct.pack(">I", crc32(lengths))) == []
    assert reader.broken
    assert not reader.unfinished


def test_the_largest_lengths_are_waited_for() -> None:
    lengths = struct.pack(">II", 16 + HEADERS_BYTES_MAX + PAYLOAD_BYTES_MAX, HEADERS_BYTES_MAX)
    reader = FrameReader()
    assert reader.feed(lengths + struct.pack(">I", crc32(lengths))) == []
    assert not reader.broken


@pytest.mark.parametrize(
    "block",
    [
        b"\x01a",  # no type
        header(b"a", 10, b""),  # an unknown one
        header(b"a", 4, b"\x00"),
        header(b"a", 7, b"\x00"),
        header(b"a", 7, b"\x00\x05abc"),
        header(b"a", 7, b"\x00\x01\xff"),  # no UTF-8
        header(b"\xff", 0, b""),
        header(b"", 0, b""),
        header(b"a", 9, b"123"),
        header(b"a", 0, b"") * 2,
        b"\x05abc",
    ],
)
def test_headers_that_make_no_sense_break_the_frame(block: bytes) -> None:
    reader = FrameReader()
    assert reader.feed(ONE + raw(block, b"{}")) == read(ONE)
    assert "headers" in reader.broken


def test_many_kinds_of_headers_are_not_all_remembered() -> None:
    data = b"".join(frame(packed(((f"name-{n}", "x" * n),)), b"") for n in range(300))
    reader = FrameReader()
    assert [headers[f"name-{n}"] for n, (headers, _) in enumerate(reader.feed(data))] == [
        "x" * n for n in range(300)
    ]
    assert len(reader._known) <= 64


def test_a_large_frame_in_small_pieces_costs_time_in_proportion() -> None:
    """Joined once, not per piece: 8 MB in pieces of 1 KB would take minutes."""
    payload = bytes(8 * 1024 * 1024)
    data = frame(HEADERS, payload)
    assert read(data, 1024)[0][1] == payload
