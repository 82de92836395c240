"""The packed features of a question: small, versioned, and the same in every process."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr.policies.questions.canon import Canonical, canon
from lynkr.policies.questions.features import (
    ASKED,
    LONG,
    NEGATED,
    TOLD,
    VERSION,
    WORDS_MAX,
    features,
)
from lynkr.policies.questions.guard import Rule, judge
from lynkr.policies.questions.vocabulary import EDITION

TWENTY = (
    "What's the best way to reverse a linked list in Python 3.12 without using extra memory or "
    "recursion on a small server?"
)


def packed(text: str) -> bytes:
    return features(canon(text))


def test_the_first_byte_is_the_version_and_the_second_the_edition_of_the_words() -> None:
    assert packed(TWENTY)[:2] == bytes([VERSION, EDITION])


def test_the_bytes_hold_no_hash_that_changes_from_process_to_process() -> None:
    """Golden, apart from the edition: a store is read by other workers and after a restart."""
    blob = packed("Explain TCP vs UDP")
    assert blob[:1] + blob[2:] == bytes.fromhex(
        "02080102000004420000000015c6506cb2030010037463703"
        "6aceffc03001003756470" + "42a6c65009ec36ac"
    )


def test_a_question_of_twenty_words_takes_under_300_bytes() -> None:
    assert len(packed(TWENTY)) <= 300


@pytest.mark.parametrize("count", [WORDS_MAX + 40, 5000])
def test_a_question_too_long_to_compare_is_a_digest_and_matches_only_itself(count: int) -> None:
    words = " ".join(f"word{number}" for number in range(count))
    one, other = packed(words), packed(words + " more")
    assert one[2] & LONG
    assert len(one) == len(other) < 40
    assert judge(one, one, 1.0, Rule()).allowed
    assert judge(one, other, 1.0, Rule()).vetoes == ("length", "coverage")


@pytest.mark.parametrize(
    ("text", "flag", "set_"),
    [
        ("Why is the build not failing?", NEGATED, True),
        ("Is it fast or not?", NEGATED, False),
        ("Why can't I not see it?", NEGATED, False),
        ("No, it does not exist in the new version of the library", TOLD, True),
        ("The server restarts every night because of the memory limit that is set", TOLD, True),
        ("Boiling point of water", TOLD, False),
        ("Write a function that checks whether a string is a palindrome in Python", TOLD, False),
        ("Boiling point of water?", ASKED, True),
        ("how to boil water", ASKED, True),
        ("Boil water", ASKED, False),
    ],
)
def test_what_is_asked_denied_or_stated_is_marked(text: str, flag: int, set_: bool) -> None:
    assert bool(packed(text)[2] & flag) is set_


@given(st.text(max_size=200), st.sampled_from(["", "short"]), st.sampled_from(["", "en", "zh"]))
@example("'" * 200, "", "")
@example("`" * 199, "", "")
@example("/a" * 100, "", "")
@example("0" * 200, "", "")
@example("A.B." * 50, "", "")
@example("-" * 200, "", "")
@example("\ud800 x", "", "")
def test_any_text_can_be_packed_and_matches_itself(text: str, style: str, language: str) -> None:
    canonical = Canonical(text, style, language, False)
    blob = features(canonical)
    assert features(canonical) == blob
    verdict = judge(blob, blob, 1.0, Rule())
    assert verdict.allowed and verdict.coverage == 1


@given(st.text(max_size=120), st.text(max_size=120))
def test_two_texts_are_judged_alike_whichever_is_asked(one: str, other: str) -> None:
    a, b = packed(one), packed(other)
    assert judge(a, b, 0.9, Rule()) == judge(b, a, 0.9, Rule())
