"""A text told by its differences: always made again exactly, or not told so."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.transforms.line_delta import LINES_MAX, applied, delta

LINES = st.lists(
    st.sampled_from([b"", b"+", b"a", b"b", b"line 1 gone", b"after line 2 now:", b"c\r"])
)
OLD = b"\n".join(b"line %d says what it always says" % number for number in range(1, 101))


@given(LINES, LINES, st.integers(0, 8))
def test_what_is_said_makes_the_new_text_again(
    old: list[bytes], new: list[bytes], padding: int
) -> None:
    """Whatever the lines are, also such that look like its own words."""
    same = [b"the same line %d, long enough to save" % number for number in range(padding * 5)]
    before, after = (b"\n".join([*lines, *same, *lines[:2]]) for lines in (old, new))
    said = delta(before, after)
    if said is not None:
        assert applied(before, said) == after
        assert len(said) * 2 <= len(after)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_two_texts(old: bytes, new: bytes) -> None:
    said = delta(old, new)
    assert said is None or applied(old, said) == new


def test_it_reads_as_a_person_would_say_it() -> None:
    lines = OLD.split(b"\n")
    lines[5] = b"changed"
    lines.insert(50, b"new")
    del lines[80:83]
    assert delta(OLD, b"\n".join(lines)) == (
        b"line 6 now:\n+changed\nafter line 50 now:\n+new\nlines 80-82 gone"
    )


def test_lines_put_before_the_first_and_behind_the_last() -> None:
    assert delta(OLD, b"first\n" + OLD) == b"after line 0 now:\n+first"
    assert delta(OLD, OLD + b"\n") == b"after line 100 now:\n+"


def test_a_text_that_is_mostly_new_is_not_told_by_differences() -> None:
    assert delta(OLD, OLD.replace(b"always", b"never")) is None
    assert delta(b"", OLD) is None


def test_more_lines_than_the_hot_path_allows_are_not_compared() -> None:
    long = b"\n" * LINES_MAX
    assert delta(long, long + b"x") is None


def test_equal_ends_need_no_line_that_stands_only_once() -> None:
    choose = random.Random(7)
    old = [choose.choice([b"a", b"b", b"c"]) for _ in range(LINES_MAX - 1)]
    new = [*old[:1000], b"x", *old[1000:]]
    said = delta(b"\n".join(old), b"\n".join(new))
    assert said is not None
    assert len(said) < 80


@pytest.mark.parametrize("said", [b"nonsense", b"line x gone", b"lines 1-2"])
def test_what_is_no_difference_is_refused(said: bytes) -> None:
    with pytest.raises(ValueError, match="not a difference"):
        applied(OLD, said)
