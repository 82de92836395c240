"""Circuit breaker: opens on failures in a row, lets one probe through, closes on success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.breaker import Breaker


def opened(at: float = 100.0, told: list[str] | None = None) -> Breaker:
    breaker = Breaker(3, 30.0, (lambda: told.append("opened")) if told is not None else None)
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(3, 30.0)
    breaker.failed(1.0)
    breaker.failed(2.0)
    assert breaker.allows(2.0)
    assert breaker.state(2.0) == "closed"
    breaker.failed(3.0)
    assert not breaker.allows(3.0)
    assert breaker.state(3.0) == "open"
    assert breaker.wait_s(3.0) == 30.0


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(3, 30.0)
    for _ in range(10):
        breaker.failed(1.0)
        breaker.failed(1.0)
        breaker.succeeded()
    assert breaker.allows(1.0)


def test_half_open_lets_exactly_one_call_pass_until_it_has_told() -> None:
    breaker = opened(100.0)
    assert not breaker.allows(129.9)
    assert breaker.allows(130.0)
    assert breaker.state(130.0) == "half_open"
    breaker.claim(130.0)
    assert not breaker.allows(130.0)
    breaker.succeeded()
    assert breaker.allows(130.0)
    assert breaker.state(130.0) == "closed"


def test_a_probe_that_fails_opens_it_again_at_once() -> None:
    told: list[str] = []
    breaker = opened(100.0, told)
    assert told == ["opened"]
    breaker.claim(130.0)
    breaker.failed(131.0)
    assert not breaker.allows(160.9)
    assert breaker.allows(161.0)
    assert told == ["opened", "opened"]


def test_a_probe_that_tells_nothing_leaves_room_for_another() -> None:
    """Its client left: the breaker must not stay shut for good."""
    breaker = opened(100.0)
    breaker.claim(130.0)
    breaker.released()
    assert breaker.allows(130.0)


def test_the_targets_own_word_on_when_to_come_back_counts_within_reason() -> None:
    breaker = Breaker(1, 30.0)
    breaker.failed(0.0, retry_after_s=90.0)
    assert breaker.wait_s(0.0) == 90.0
    breaker = Breaker(1, 30.0)
    breaker.failed(0.0, retry_after_s=5.0)
    assert breaker.wait_s(0.0) == 30.0
    breaker = Breaker(1, 30.0)
    breaker.failed(0.0, retry_after_s=1e9)
    assert breaker.wait_s(0.0) == 600.0


def test_zero_switches_it_off() -> None:
    breaker = Breaker(0, 30.0)
    for _ in range(100):
        breaker.failed(0.0)
    assert breaker.allows(0.0)


@pytest.mark.parametrize("step", ["failed", "succeeded", "released", "claim"])
@given(steps=st.lists(st.sampled_from(["failed", "succeeded", "released", "claim"]), max_size=30))
def test_whatever_happens_it_lets_a_call_pass_again_some_day(step: str, steps: list[str]) -> None:
    breaker, now = Breaker(2, 10.0), 0.0
    for name in [*steps, step]:
        now += 1.0
        if name in ("failed", "claim"):
            getattr(breaker, name)(now)
        else:
            getattr(breaker, name)()
    breaker.released()
    assert breaker.allows(now + 10.0 * 20 + 1)


def test_a_reply_that_begins_closes_it_but_forgets_no_failures() -> None:
    breaker = opened(100.0)
    breaker.claim(130.0)
    breaker.answered()
    assert breaker.state(130.0) == "closed"
    breaker = Breaker(2, 30.0)
    breaker.failed(1.0)
    breaker.answered()
    breaker.failed(2.0)
    assert not breaker.allows(2.0)
