"""A conversation goes up by what came of its calls: once per streak, and never past the top."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.routing.facts import COMPLEX, MEDIUM, REASONING, Pin, Policy, Seen
from lynkr.policies.routing.ladder import step
from lynkr.policies.routing.verdict import decide
from tests.policies.routing.scores import NOW, OFFERS, pin

WORK: dict[str, Any] = {
    "typed": False,
    "turns": 2,
    "calls": 9,
    "messages": 20,
    "tools": 5,
    "prompt_tokens": 31_000,
}
TOOLS: dict[str, Any] = {**WORK, "results": 1}


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen(**TOOLS, errors=1, errors_in_row=3), "3 tool errors in a row"),
        (Seen(**TOOLS, errors=1, errors_in_row=2), ""),
        (Seen(**TOOLS, errors=0, errors_in_row=3), ""),  # nothing new has failed
        (
            Seen(**TOOLS, edits=1, edit_failures=1, edit_failures_in_row=2),
            "2 edits in a row could not be applied",
        ),
        (Seen(**TOOLS, edits=1, edit_failures=1, edit_failures_in_row=1), ""),
        (Seen(**TOOLS, loops=3), "the same call 3 times in a row"),
        (Seen(**TOOLS, loops=2), ""),
        (Seen(**{**WORK, "typed": True}, retried=True), ""),
        (
            Seen(**{**WORK, "typed": True}, retried=True, errors_in_row=1),
            "the user asks again after failures",
        ),
        (
            Seen(**{**WORK, "typed": True}, retried=True, loops=2),
            "the user asks again after failures",
        ),
    ],
)
def test_what_raises(seen: Seen, why: str) -> None:
    assert step(seen, pin(MEDIUM)) == why
    assert step(seen, pin(REASONING)) == ""


def test_the_same_request_again_is_no_further_failure() -> None:
    """Clients send a request again when the provider is overloaded."""
    seen = Seen(**TOOLS, errors=1, errors_in_row=3)
    assert step(seen, pin(MEDIUM, prompt_tokens=30_000))
    assert not step(seen, pin(MEDIUM, prompt_tokens=31_000))


def test_parallel_calls_that_all_fail_are_a_streak() -> None:
    seen = Seen(**{**WORK, "results": 4}, errors=4, errors_in_row=4)
    assert step(seen, pin(MEDIUM, turns=0))


def test_a_streak_from_before_the_last_step_counts_no_more() -> None:
    """Raised at three errors; the fourth and fifth are the same streak, and three new ones not."""
    raised = pin(COMPLEX, raised=1)
    for turns, row in ((0, 4), (1, 5), (7, 11)):
        again = Seen(**TOOLS, errors=1, errors_in_row=row)
        assert not step(again, _with(raised, turns)), (turns, row)
    assert step(Seen(**TOOLS, errors=1, errors_in_row=3), _with(raised, 4))


def _with(one: Pin, turns: int) -> Pin:
    return Pin(
        one.tier, one.score, one.at_s, one.last_s, turns, one.prompt_tokens, raised=one.raised
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=40))
def test_at_most_one_step_per_streak(calls: list[tuple[bool, int]]) -> None:
    """Any course of calls, each with its results: all failed, or all worked."""
    kept: Pin | None = pin(0, turns=0)
    row, streak_raised, tokens = 0, 0, 31_000
    for failed, results in calls:
        row = row + results if failed else 0
        streak_raised = streak_raised if failed else 0
        tokens += 100
        seen = Seen(
            typed=False,
            turns=2,
            calls=9,
            results=results,
            errors=results if failed else 0,
            errors_in_row=row,
            prompt_tokens=tokens,
        )
        assert kept is not None
        verdict = decide(None, seen, kept, Policy(), NOW, OFFERS)[0]
        assert verdict.pin is not None
        assert verdict.pin.tier - kept.tier in (0, 1)
        streak_raised += verdict.pin.tier - kept.tier
        assert streak_raised <= 1
        kept = verdict.pin
