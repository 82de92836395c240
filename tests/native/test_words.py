# ruff: noqa: RUF001 (letters and punctuation of all scripts are what is walked over)
"""A text is cut into the words that a lexicon knows, and nothing of it is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr._native import words as compiled
from lynkr._native.lexicon import Lexicon, has_far_letters
from tests.native import reference_words as reference

EDGES, COMMAS, STOPS, ASKS = ".,;:!?()'\"*…“”、。？-", ",;:、", ".!?。？…", "?？"
WORDS = {"fix": 1, "the": 2, "p99": 4, "c++": 8, "don't": 16, "über": 32, "'s": 64, "支付": 128}
WORDS |= {"a" * size: 1 << 40 + size for size in (1, 3, 4, 5, 15)} | {"\U00010400x": 1 << 57}
STEMS = {
    "refa": ("refactor", 3, "refact", 5, "refa", 7),
    "авто": ("авториз", 9),
    "üben": ("überall", 17, "üben", 33),
}
STEMS = {start: tuple(x for x in found) for start, found in STEMS.items()}
PAIRS = {"fix the": 1 << 20, "the code": 1 << 60, "it's refactored": 5, "支付 über": 6}
KINDS = {"the": 1, "die": 6, "code": 8, "a": 1 << 14}
TABLES = (WORDS, STEMS, PAIRS, KINDS, EDGES, COMMAS, STOPS, ASKS)
LEXICON = Lexicon(*TABLES)
PIECES = [*WORDS, *KINDS, "code", "it's", "refactored", "refac", "ref", "авторизации", "авто"]
PIECES += [*EDGES, *" \n\t\x1c\x85\u3000\u2003/_@#0٣", "ế", "ἀ", "证", "ไ", "\x00", "\ud83d", "😀"]
TEXTS = st.lists(st.sampled_from([*PIECES, *" " * 20]) | st.text(max_size=3), max_size=40).map(
    "".join
)


def read(module: Any, lexicon: Any, text: str, inside: bool, whole: bool) -> list[Any]:
    """All that can be asked of a walk, and of the row that it has filled."""
    row = module.Row(lexicon)
    walk = module.Walk(row, text, inside, whole)
    told: list[Any] = []
    while kind := walk.next():
        told.append((kind, walk.piece(), row.count, row.sentence))
        if kind == module.CORE:
            row.add(walk.piece())
        else:
            row.put(walk.piece(), 7)
    for at in range(-1, row.count + 1):
        told.append((row.bits(at), row.after(at), row.pair(at), row.pair_said(at)))
    for at in range(row.count):
        told.append(row.first(at))
        row.tally(row.bits(at))
    told += [row.first_said(word) for word in ("fix", "never met", "never met")][1:]
    told += [row.union(), row.words, row.asked, row.count, row.sentence, row.tallied(64)]
    return [*told, lexicon.kinds(row.words, 9), lexicon.kinds(row.words, 10_000)]


@given(TEXTS, st.booleans(), st.booleans())
@example("fix the code, refactored? (C++) don't 'fix' it's ..: p99!\n\nüberall", False, True)
@example("支付 fix支付 ế证 “ế” refactor…", True, True)
@example(" \n.\n fix \n? ", False, True)
@example("./src .github 'the' 's", False, True)
@example("'s p99's", False, False)
def test_it_agrees_with_the_slow_one(text: str, inside: bool, whole: bool) -> None:
    slow = reference.Lexicon(*TABLES)
    told = read(compiled, LEXICON, text, inside, whole)
    assert told == read(reference, slow, text, inside, whole)


@given(st.text())
@example("abc ế ἀ —“”")
@example("\ud83d\U00010400")
def test_letters_of_far_scripts_are_seen(text: str) -> None:
    assert has_far_letters(text) is reference.has_far_letters(text)


def test_every_word_of_a_large_lexicon_is_found_and_no_other() -> None:
    many = {f"w{at:x}": at for at in range(8000)}
    row = compiled.Row(Lexicon(many, {}, {}, {}, "", "", "", ""))
    for word in many:
        row.add(word)
        row.add(word + "x")
    assert [row.bits(at) for at in range(0, row.count, 2)] == list(many.values())
    assert not any(row.bits(at) for at in range(1, row.count, 2))


def test_a_word_that_is_listed_is_the_lexicon_s_own() -> None:
    """So it takes no memory, however often it stands in a text."""
    row = compiled.Row(LEXICON)
    assert compiled.Walk(row, "the the", False, True).next() == compiled.END
    assert row.words[0] is row.words[1] is next(word for word in WORDS if word == "the")


def test_a_lexicon_that_cannot_be_made_says_why() -> None:
    empty: dict[str, Any] = {}
    with pytest.raises(ValueError, match="is no mark"):
        Lexicon(empty, empty, empty, empty, "a", "", "", "")
    with pytest.raises(ValueError, match="too many marks"):
        many = "".join(chr(0x2190 + at) for at in range(65))
        Lexicon(empty, empty, empty, empty, many, "", "", "")
    with pytest.raises(ValueError, match="too many kinds"):
        Lexicon(empty, empty, empty, {"a": 1 << 15}, "", "", "", "")
    with pytest.raises(ValueError, match="too many words"):
        large = dict.fromkeys(map(str, range(40_000)), 1)
        Lexicon(large, empty, empty, empty, "", "", "", "")
    with pytest.raises(ValueError, match="same number"):
        Lexicon(empty, {"ab": ("abc", 1), "a": ("a", 1)}, empty, empty, "", "", "", "")


def test_places_beyond_a_row_are_told_apart_from_words() -> None:
    row = compiled.Row(LEXICON)
    row.comma()
    row.stop(True)  # of nothing
    assert row.asked == []
    for at in (-1, 0, 1 << 40):
        assert (row.bits(at), row.after(at), row.pair(at), row.pair_said(at)) == (0, 0, 0, "")
        with pytest.raises(IndexError):
            row.first(at)
    with pytest.raises(ValueError, match="65"):
        row.tallied(65)
    with pytest.raises(TypeError):
        row.add(None)  # type: ignore[arg-type]


def test_texts_of_any_length_are_walked_over() -> None:
    row = compiled.Row(LEXICON)
    assert compiled.Walk(row, "fix the " * 50_000, False, True).next() == compiled.END
    assert row.count == 100_000
    assert row.first(99_999)
    assert not row.first(1)
