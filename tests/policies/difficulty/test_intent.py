"""Meaning beside exemplars: who votes, with what weight, and what is said of words that nobody
knows."""

from __future__ import annotations

import msgspec
import pytest

from lynkr._native.nearest import quantised
from lynkr._native.weigh import chance
from lynkr.policies.difficulty.fitted import (
    HERE,
    Exemplars,
    IntentRule,
    packed,
    shipped,
    unpacked,
)
from lynkr.policies.difficulty.intent import HEAD_CHARS, TAIL_CHARS, Space, embedded

EASY = ("what port does redis use", "hello there", "what does git stash do")
HARD = (
    "prove that the protocol is linearizable",
    "prove the lower bound of comparison sorting",
    "audit the cryptography and prove each finding",
)
RULE = IntentRule(
    neighbours=3, width=0.1, vote=8.0, axis=0.0, cuts=(2.0, 4.0, 6.0), usual=0.4, foreign=0.5
)


def space(rule: IntentRule = RULE) -> Space:
    texts = (*EASY, *HARD)
    return Space(
        Exemplars(
            names=tuple(f"e{at}" for at in range(len(texts))),
            tiers=bytes([0] * len(EASY) + [3] * len(HARD)),
            vectors=tuple(quantised(embedded(text)) for text in texts),
            axis=embedded("prove it"),
        ),
        rule,
    )


def test_the_nearest_exemplars_vote_and_the_nearest_is_named() -> None:
    found = space().meaning(embedded("what port does postgres use"))
    assert found.nearest == "e0"
    assert found.likeness > 0.5
    assert found.shares[0] > 0.9
    assert found.value < 0.2
    hard = space().meaning(embedded("prove that this sorting protocol is linearizable"))
    assert hard.nearest in ("e3", "e4")
    assert hard.shares[3] > 0.9
    assert hard.value > 0.8


def test_shares_are_of_the_whole_vote() -> None:
    found = space().meaning(embedded("hello, prove that git is a protocol"))
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.vote == pytest.approx(found.shares[3])  # tiers 0 and 3 only


def test_a_wider_kernel_lets_the_distant_count_more() -> None:
    asked = embedded("prove what port redis uses")
    near = space(msgspec.structs.replace(RULE, width=0.01, neighbours=6)).meaning(asked)
    wide = space(msgspec.structs.replace(RULE, width=5.0, neighbours=6)).meaning(asked)
    assert max(near.shares) > max(wide.shares)
    assert wide.vote == pytest.approx(0.5, abs=0.1)


def test_the_axis_moves_the_value_by_its_weight() -> None:
    asked = embedded("prove that it ends")
    plain = space().meaning(asked)
    led = space(msgspec.structs.replace(RULE, axis=3.0)).meaning(asked)
    assert plain.axis == led.axis > 0.3
    assert led.value > plain.value


@pytest.mark.parametrize("text", ["", "   "])
def test_words_that_nobody_knows_are_as_usual(text: str) -> None:
    found = space().meaning(embedded(text))
    assert (found.value, found.nearest, found.likeness) == (RULE.usual, "", 0.0)


def test_a_space_without_exemplars_says_nothing() -> None:
    empty = Space(Exemplars((), b"", (), embedded("prove")), RULE)
    assert empty.meaning(embedded("prove it")).value == RULE.usual


def test_of_long_words_the_beginning_and_the_end_are_embedded() -> None:
    begin, end = "prove the lemma " * 200, " in one word please" * 60
    begin, end = begin[:HEAD_CHARS], end[-TAIL_CHARS:]
    assert embedded(begin + "x" * 9000 + end) == embedded(begin + " " + end)
    assert embedded(begin + " kubernetes " * 900 + end) == embedded(begin + " " + end)


def test_lone_surrogates_are_embedded() -> None:
    assert len(embedded("prove \ud83d it")) == 4 * 256


@pytest.mark.parametrize(("odds", "wanted"), [(0.0, 0.5), (900.0, 1.0), (-900.0, 0.0)])
def test_chances_of_any_odds(odds: float, wanted: float) -> None:
    assert chance(odds) == wanted


def test_exemplars_are_read_as_they_were_written() -> None:
    one = Exemplars(("a", "b"), bytes([0, 3]), (bytes(8), bytes(range(8))), bytes(32))
    assert unpacked(packed(one)) == one


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_damaged_file_of_exemplars_is_refused(cut: int) -> None:
    content = packed(Exemplars(("a",), bytes([2]), (bytes(8),), bytes(32)))
    with pytest.raises(ValueError):
        unpacked(content[:cut])


def test_the_shipped_exemplars_are_those_that_were_fitted() -> None:
    """Their digest stands in fitted.json, and they fit the memory that they may take."""
    import hashlib

    fitted, exemplars = shipped()
    content = HERE.joinpath("exemplars.bin").read_bytes()
    assert hashlib.blake2b(content, digest_size=16).hexdigest() == fitted.exemplars
    assert len(content) < 1_000_000
    assert set(exemplars.tiers) == {0, 1, 2, 3}
