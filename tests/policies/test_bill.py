"""Dollars of a call, and of the same call had nothing been cut; worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.bill import Counts, cost, counterfactual, price
from lynkr.providers.models import Prices
from lynkr.wire.message import Usage

CLAUDE = Prices(input=3, output=15, cache_read=0.3, cache_write=3.75, cache_write_1h=6)
GPT = Prices(input=5, output=30, cache_read=0.5)
LONG = Prices(input=1, output=2, cache_read=0.1, threshold=1000, input_above=2, output_above=3)


def test_each_kind_of_token_has_its_price() -> None:
    """3,000 at $3, 20,000 read at $0.30, 1,000 written at $3.75, 500 out at $15, per million."""
    usage = Usage(
        input_tokens=3000,
        prompt_cache_read_tokens=20_000,
        prompt_cache_write_tokens=1000,
        output_tokens=500,
    )
    assert price(usage, CLAUDE) == pytest.approx(0.009 + 0.006 + 0.00375 + 0.0075)
    assert price(usage, CLAUDE, kept_1h=True) == pytest.approx(0.009 + 0.006 + 0.006 + 0.0075)


def test_a_list_without_a_price_for_the_cache_charges_input() -> None:
    """OpenAI's older models write at the input price; without a price for reads, so are those."""
    usage = Usage(input_tokens=0, prompt_cache_read_tokens=1000, prompt_cache_write_tokens=1000)
    assert price(usage, GPT) == pytest.approx(0.0005 + 0.005)
    assert price(usage, Prices(input=2)) == pytest.approx(0.004)
    hour = Counts(write_1h=1000)
    assert cost(hour, Prices(input=2, cache_write=2.5)) == pytest.approx(0.0025)


def test_a_long_prompt_costs_more_as_a_whole() -> None:
    """The threshold counts cached tokens too, and holds for output; without an own price above it
    the usual one stays."""
    at = Usage(input_tokens=600, prompt_cache_read_tokens=400, output_tokens=10)
    assert price(at, LONG) == pytest.approx((600 + 40 + 20) / 1e6)
    over = Usage(input_tokens=601, prompt_cache_read_tokens=400, output_tokens=10)
    assert price(over, LONG) == pytest.approx((1202 + 40 + 30) / 1e6)


def test_what_is_not_known_is_not_zero() -> None:
    """No usage, no price: no number, rather than a bill of nothing."""
    assert price(Usage(output_tokens=10), CLAUDE) is None
    assert price(Usage(input_tokens=10), Prices(output=1)) is None
    assert price(Usage(input_tokens=10, output_tokens=1), Prices(input=1)) is None
    assert price(Usage(input_tokens=1_000_000), Prices(input=1)) == 1
    assert counterfactual(Usage(), 1, 1, CLAUDE) is None
    assert counterfactual(Usage(input_tokens=1), 1, 1, Prices()) is None


def test_an_old_cut_saves_a_read_and_a_new_one_a_write() -> None:
    """1,000 old tokens at $0.30 and 100 new ones at $3.75."""
    usage = Usage(input_tokens=10, prompt_cache_read_tokens=9000, prompt_cache_write_tokens=500)
    bills = counterfactual(usage, 1000, 100, CLAUDE)
    assert bills is not None
    assert bills.planned_usd == price(usage, CLAUDE)
    assert bills.saved_usd == pytest.approx(0.0003 + 0.000375)
    hour = counterfactual(usage, 1000, 100, CLAUDE, kept_1h=True)
    assert hour is not None
    assert hour.saved_usd == pytest.approx(0.0003 + 0.0006)


def test_where_nothing_is_written_a_new_cut_saves_input() -> None:
    """OpenAI before GPT-5.6: reads are reported, writes are not."""
    usage = Usage(input_tokens=500, prompt_cache_read_tokens=9000)
    bills = counterfactual(usage, 1000, 100, GPT)
    assert bills is not None
    assert bills.saved_usd == pytest.approx(0.0005 + 0.0005)


def test_without_a_cache_every_cut_saves_input() -> None:
    bills = counterfactual(Usage(input_tokens=500), 1000, 100, CLAUDE)
    assert bills is not None
    assert bills.saved_usd == pytest.approx(1100 * 3 / 1e6)


def test_a_cold_cache_does_not_overstate_what_was_saved() -> None:
    """All was written again; the old part is still only taken for a read."""
    usage = Usage(input_tokens=0, prompt_cache_read_tokens=0, prompt_cache_write_tokens=9000)
    bills = counterfactual(usage, 1000, 0, CLAUDE)
    assert bills is not None
    assert bills.saved_usd == pytest.approx(0.0003)


tokens = st.integers(0, 10**6)


@given(tokens, tokens | st.none(), tokens | st.none(), tokens, tokens, tokens)
def test_a_cut_never_makes_the_other_bill_smaller(
    plain: int, read: int | None, written: int | None, output: int, old: int, new: int
) -> None:
    """And with nothing cut the two bills are one."""
    usage = Usage(plain, output, read, written)
    for prices in (CLAUDE, GPT, LONG):
        bills = counterfactual(usage, old, new, prices)
        assert bills is not None
        assert bills.saved_usd >= 0
        same = counterfactual(usage, 0, 0, prices)
        assert same is not None
        assert same.passthrough_usd == same.planned_usd
