"""Phrases are found in a text as if each had been looked for by itself."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr._native import phrases
from tests.native import reference_phrases as twin

LETTERS = "abAB \u00e9\u4e2d\U0001f525"
WORDS = st.lists(st.text(LETTERS, min_size=3, max_size=9), max_size=6)
LONG = st.lists(st.text(LETTERS, min_size=20, max_size=30), min_size=1, max_size=3)
TEXTS = st.text(LETTERS, max_size=60)
BODIES = st.binary(max_size=60) | TEXTS.map(str.encode)
PLACES = st.integers(-3, 70)


@given(WORDS | LONG, TEXTS, st.booleans(), st.integers(-2, 20))
@example(["aaa"], "aaaa", False, 1)
@example(["abc", "abcabc"], "xabcab", False, 1)
def test_what_is_in_a_text(words: list[str], text: str, fold: bool, at: int) -> None:
    made, slow = phrases.Phrases(words, fold), twin.Phrases(words, fold)
    for said in (text, *(text[:20] + word + text[20:] for word in words), *words):
        assert made.which(said) == slow.which(said)
        assert made.any(said) == slow.any(said)
        assert made.begin(said, at) == slow.begin(said, at)
        assert made.begin(said) == slow.begin(said)


@given(WORDS, BODIES, PLACES, PLACES, st.booleans())
def test_what_is_in_a_part_of_a_body(
    words: list[str], body: bytes, start: int, end: int, fold: bool
) -> None:
    made, slow = phrases.Phrases(words, fold), twin.Phrases(words, fold)
    for said in (body, *(body[:9] + word.encode("latin-1", "replace") for word in words)):
        assert made.any_between(said, start, end) == slow.any_between(said, start, end)
        assert made.begin_between(said, start, end) == slow.begin_between(said, start, end)
    assert phrases.literal_text(body, start, end) == twin.literal_text(body, start, end)


@given(st.text("<[x\u00e9\u4e2d\U0001f525", max_size=9))
def test_single_letters_count_for_any_of_them_only(text: str) -> None:
    made, slow = phrases.Phrases(["xxx"], singles=b"<["), twin.Phrases(["xxx"], singles=b"<[")
    assert made.any(text) == slow.any(text)
    assert made.which(text) == slow.which(text)


@given(st.text("aB \t\n\x1c\x1f\x00\x7f\x0b'", max_size=30) | st.text(max_size=9))
def test_plain_words(text: str) -> None:
    assert phrases.plain(text) == twin.plain(text)


def test_every_phrase_is_found_at_every_place() -> None:
    """Only each so manieth place is looked at, and none may fall between two looks."""
    words = [f"{chr(97 + number)}{number:05d}" for number in range(26)]
    made = phrases.Phrases(words)
    for number, word in enumerate(words):
        for before in range(40):
            for wide in ("", "\u4e2d", "\U0001f525"):
                assert made.which("-" * before + word + wide) == 1 << number


def test_what_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="three letters"):
        phrases.Phrases(["ab"])
    with pytest.raises(ValueError, match="single letters"):
        phrases.Phrases([], singles=b"abcde")
    with pytest.raises(ValueError, match="too many phrases"):
        phrases.Phrases([f"{number:09d}" for number in range(20_000)])
    with pytest.raises(ValueError, match="more phrases than bits"):
        phrases.Phrases([f"{number:03d}" for number in range(65)]).which("000")
    with pytest.raises(TypeError):
        phrases.Phrases(["abc"]).any(None)  # type: ignore[arg-type]
