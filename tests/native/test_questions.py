"""The compiled comparison of two questions agrees with its slow twin, on every kind of bytes."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.questions import Guard
from tests.native.reference_questions import FLEETING, LENGTH, VERSION, Reference

FRAMES = 5
FITS = bytes(
    int(one == other or (one, other) in {(0, 1), (1, 0), (1, 2), (2, 1)})
    for one in range(FRAMES)
    for other in range(FRAMES)
)
TABLES = (
    FITS,
    3,  # "why"
    4,  # "many"
    [(1, 2), (3, 4), (2, 5)],
    [(6, 7), (1, 8)],
    [(9, 10)],
    [(11, 12), (1, 12)],
)
TEXTS = [
    *(b"", b"take", b"off", b"takeoff", b"encrypt", b"encryption", b"encrypted", b"depend"),
    *(b"dependent", b"dependency", b"mutable", b"immutable", b"legal", b"illegal", b"possible"),
    *(
        b"founded",
        b"founder",
        b"impossible",
        b"charge",
        b"discharge",
        b"message",
        b"messege",
        b"mesage",
        b"recieve",
    ),
    *(b"receive", b"happiness", b"hapiness", b"java", b"javascript", b"india", b"indian"),
    *(b"export", b"import", b"deploy", b"known", b"unknown", b"regular", b"irregular", b"x" * 24),
]

words = st.tuples(
    st.integers(1, 13),  # stem: few, so that they meet
    st.sampled_from([0, 1, 2, 3, 4, 8, 16, 32, 9, 63]),
    st.integers(0, 11),
    st.integers(1, 28),
    st.sampled_from(TEXTS),
)
numbers = st.tuples(st.integers(1, 4), st.integers(0, 1), st.integers(0, 3))
codes = st.tuples(st.integers(1, 4), st.integers(0, 7), st.integers(0, 6), st.integers(0, 4))


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """A question as features.py packs it, of few values so that two have something in common."""
    if draw(st.integers(0, 20)) == 0:
        head = struct.pack("<BBBBBBBBBI", 2, 7, 64 | draw(st.integers(0, 1)), 0, 0, 0, 0, 0, 1, 0)
        return head + draw(st.sampled_from([b"a" * 16, b"b" * 16]))
    flags = draw(st.sampled_from([0, 0, 0, 1, 2, 4, 8, 16, 16, 32, 128, 144, 14]))
    frames = draw(st.lists(st.integers(0, FRAMES), max_size=3))
    said = draw(st.lists(words, max_size=14))
    counted = draw(st.lists(numbers, max_size=3))
    coded = draw(st.lists(codes, max_size=2))
    row = draw(st.lists(st.integers(1, 13), max_size=8))
    parts = [
        struct.pack(
            "<BBBBBBBBBI",
            *(2, draw(st.sampled_from([7, 7, 7, 8])), flags, len(frames), len(said), len(counted)),
            *(len(coded), len(row), draw(st.integers(0, 1)), draw(st.integers(0, 1))),
        ),
        bytes(frames),
    ]
    for stem, word_flags, role, weight, text in said:
        parts.append(struct.pack("<IBBBB", stem, word_flags, role, weight, len(text)) + text)
    parts += [struct.pack("<IBH", *number) for number in counted]
    parts += [struct.pack("<IBBB", *code) for code in coded]
    parts.append(struct.pack(f"<{len(row)}H", *row))
    return b"".join(parts)


@settings(max_examples=400)
@given(packed(), packed())
def test_the_compiled_guard_agrees_with_its_twin_and_is_symmetric(one: bytes, other: bytes) -> None:
    guard, twin = Guard(*TABLES), Reference(*TABLES)
    coverage, against = guard.compare(one, other)
    expected = twin.compare(one, other)
    assert (round(coverage, 9), against) == (round(expected[0], 9), expected[1])
    assert guard.compare(other, one) == (coverage, against)
    assert 0 <= coverage <= 1


@given(packed())
def test_a_question_covers_itself(question: bytes) -> None:
    coverage, against = Guard(*TABLES).compare(question, question)
    assert coverage == 1
    assert against in (0, FLEETING)


@settings(max_examples=200)
@given(packed(), st.randoms(use_true_random=False))
def test_damaged_bytes_are_another_version_or_another_question(
    question: bytes, random: Random
) -> None:
    """Whatever a store gives back, nothing is read that is not there."""
    guard, twin = Guard(*TABLES), Reference(*TABLES)
    damaged = bytearray(question[: random.randint(0, len(question))])
    for _ in range(random.randint(0, 3)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    coverage, against = guard.compare(question, bytes(damaged))
    expected = twin.compare(question, bytes(damaged))
    assert (round(coverage, 9), against) == (round(expected[0], 9), expected[1])


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x02\x07" + bytes(10)])
def test_what_is_too_short_is_of_no_version(data: bytes) -> None:
    assert Guard(*TABLES).compare(data, data) == (0.0, VERSION)


def test_a_long_question_matches_only_itself() -> None:
    head = struct.pack("<BBBBBBBBBI", 2, 7, 64, 0, 0, 0, 0, 0, 1, 0)
    guard = Guard(*TABLES)
    assert guard.compare(head + b"a" * 16, head + b"b" * 16) == (0.0, LENGTH)


@pytest.mark.parametrize("tables", [(b"\x01\x00\x01", 0, 0), (b"\x01", 1, 0)])
def test_a_table_of_frames_that_is_not_square_is_refused(tables: tuple[bytes, int, int]) -> None:
    with pytest.raises(ValueError, match="square"):
        Guard(*tables, [], [], [], [])
