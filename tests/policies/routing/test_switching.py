"""What a move costs: by hand, and laws that hold for any prices."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lynkr.policies.routing.offers import Offer
from lynkr.policies.routing.switching import (
    NEW_TOKENS,
    OUTPUT_TOKENS,
    cache_life_s,
    consider,
    course,
)
from lynkr.providers.models import Prices
from tests.policies.routing.scores import AUTOMATIC, EXPLICIT, NONE, offer

PROMPTS = st.integers(0, 400_000)
ENTRIES = st.floats(0.05, 30)
CALLS = st.integers(0, 40)


def test_a_move_by_hand() -> None:
    """Anthropic's rules: reads a tenth, writes a quarter more; 100,000 tokens, 500 a reply."""
    new = 500 + NEW_TOKENS
    found = consider(offer("a:l", 5.0), offer("a:s", 1.0), 100_000, 500, warm=True, calls_left=1)
    assert found is not None
    first = (100_000 - new) * 0.5 + new * 6.25 + 500 * 25
    second = 100_000 * 0.5 + new * 6.25 + 500 * 25
    assert found.stay_usd == pytest.approx((first + second) / 1e6)
    once = 100_000 * 1.25 + 500 * 5
    assert found.move_usd == pytest.approx((once + 100_000 * 0.1 + new * 1.25 + 2_500) / 1e6)
    assert found.once_usd == pytest.approx((100_000 - new) * 1.15 / 1e6)
    assert found.warm
    assert found.pays == (found.move_usd < found.stay_usd)


def test_where_nothing_is_cached_every_token_is_input() -> None:
    made = course(offer("n:n", 2.0, rules=NONE), 10_000, 100, warm=True)
    assert made is not None
    new = 100 + NEW_TOKENS
    assert made.first == pytest.approx((10_000 * 2 + 100 * 10) / 1e6)
    assert made.dollars(2) - made.first == pytest.approx((10_000 * 2 + new * 2 + 1_000) / 1e6)
    assert made.dollars(3) - made.dollars(2) == pytest.approx((10_000 + 2 * new) * 2e-6 + 1e-3)
    short = course(offer("a:s", 2.0), 1_000, 100, warm=True)
    plain = course(offer("n:s", 2.0, rules=NONE), 1_000, 100, warm=True)
    assert short == plain  # too short to be kept


def test_a_reply_of_unknown_length_is_a_usual_one() -> None:
    known = course(offer("a:s"), 50_000, OUTPUT_TOKENS, warm=False)
    assert course(offer("a:s"), 50_000, 0, warm=False) == known


def test_prices_above_a_threshold_count_for_a_prompt_above_it() -> None:
    prices = Prices(input=1, output=5, threshold=100_000, input_above=2, output_above=10)
    at = Offer("t:t", 1, prices=prices, rules=NONE)
    below, above = (course(at, tokens, 100, warm=False) for tokens in (100_000, 100_001))
    assert below is not None
    assert above is not None
    assert above.first == pytest.approx(2 * below.first, rel=1e-3)


def test_without_prices_nothing_can_be_said() -> None:
    known, unknown = offer("a:s"), offer("x:y", None)
    assert consider(known, unknown, 1, 1, warm=True) is None
    assert consider(unknown, known, 1, 1, warm=True) is None
    assert consider(known, Offer("o", 1, prices=Prices(input=1)), 1, 1, warm=True) is None


def test_how_long_a_prompt_stays_cached() -> None:
    """An hour where nobody says; without a cache a pause still makes a decision old."""
    assert cache_life_s(offer("a:s")) == 300
    assert cache_life_s(offer("a:s", rules=None)) == 3600
    assert cache_life_s(offer("a:s", rules=NONE)) == 300


def test_leaving_a_warm_cache_pays_only_after_some_calls() -> None:
    """Five times cheaper, and 100,000 tokens to be written first."""
    large, small = offer("a:l", 5.0), offer("a:s", 1.0)
    found = consider(large, small, 100_000, 500, warm=True)
    assert found is not None
    assert 1 < found.break_even_turns < 11
    assert found.pays
    single = consider(large, small, 100_000, 500, warm=True, calls_left=0)
    assert single is not None
    assert not single.pays
    assert single.break_even_turns == found.break_even_turns
    cold = consider(large, small, 100_000, 500, warm=False, calls_left=0)
    assert cold is not None
    assert (cold.break_even_turns, cold.pays) == (1.0, True)


@given(ENTRIES, ENTRIES, PROMPTS, st.integers(0, 4_000), st.booleans(), CALLS)
def test_a_move_that_is_recommended_costs_less(
    here: float, there: float, prompt: int, reply: int, warm: bool, calls: int
) -> None:
    stay, move = offer("a:l", here), offer("b:s", there, rules=AUTOMATIC)
    found = consider(stay, move, prompt, reply, warm=warm, calls_left=calls)
    staying = course(stay, prompt, reply, warm=warm)
    moving = course(move, prompt, reply, warm=False)
    assert found is not None
    assert staying is not None
    assert moving is not None
    assert found.pays == (moving.dollars(calls + 1) < staying.dollars(calls + 1))
    assert 0 <= found.once_usd <= found.move_usd
    if found.pays:
        assert found.break_even_turns <= calls + 1 + 1e-6


@given(ENTRIES, ENTRIES, PROMPTS, st.integers(0, 4_000), st.sampled_from([EXPLICIT, NONE]))
def test_both_ways_cost_the_same_at_the_break_even(
    here: float, there: float, prompt: int, reply: int, rules: object
) -> None:
    stay, move = offer("a:l", here), offer("b:s", there, rules=rules)  # type: ignore[arg-type]
    found = consider(stay, move, prompt, reply, warm=True)
    staying = course(stay, prompt, reply, warm=True)
    moving = course(move, prompt, reply, warm=False)
    assert found is not None
    assert staying is not None
    assert moving is not None
    calls = found.break_even_turns
    if calls == 1:
        assert moving.first <= staying.first
    elif calls < 1e6:
        assert moving.dollars(calls) == pytest.approx(staying.dollars(calls), rel=1e-6)
        assert moving.dollars(1 + (calls - 1) / 2) >= staying.dollars(1 + (calls - 1) / 2) - 1e-9
    elif math.isinf(calls):
        for many in (1, 2, 10, 100, 1000):
            assert moving.dollars(many) > staying.dollars(many)


@given(ENTRIES, PROMPTS, PROMPTS, CALLS)
def test_more_to_write_anew_makes_a_single_call_elsewhere_dearer(
    entry: float, one: int, other: int, calls: int
) -> None:
    """And what is paid once grows with the prompt, from where it is cached at all."""
    small, large = sorted((max(one, 4096), max(other, 4096)))
    stay, move = offer("a:l", entry), offer("b:l", entry)
    found = [consider(stay, move, n, 500, warm=True, calls_left=calls) for n in (small, large)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].once_usd <= found[1].once_usd
    gaps = [switch.move_usd - switch.stay_usd for switch in found if switch]
    assert gaps[0] <= gaps[1] + 1e-9
    assert min(gaps) >= -1e-9  # at the same prices a move never brings anything


@given(ENTRIES, ENTRIES, st.floats(1, 10), PROMPTS, st.booleans(), CALLS)
def test_the_dearer_it_is_here_the_more_a_move_brings(
    here: float, there: float, times: float, prompt: int, warm: bool, calls: int
) -> None:
    assume(here * times <= 100)
    move = offer("b:s", there)
    cheap = consider(offer("a:l", here), move, prompt, 500, warm=warm, calls_left=calls)
    dear = consider(offer("a:l", here * times), move, prompt, 500, warm=warm, calls_left=calls)
    assert cheap is not None
    assert dear is not None
    assert dear.move_usd == cheap.move_usd
    assert dear.stay_usd >= cheap.stay_usd - 1e-12
    assert dear.break_even_turns <= cheap.break_even_turns * (1 + 1e-6)
