"""What is counted of a reply, and what may be concluded from the counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lynkr.policies.outcomes import (
    COUNTERS,
    DAY_S,
    NO_BAND,
    Below,
    Outcome,
    after,
    band_of,
    below,
    merged,
    of_record,
    of_reply,
    share,
    summaries,
    weighed,
)
from lynkr.policies.record import CacheUse, Record, RoutingUse, Saving
from lynkr.policies.routing.facts import Seen
from lynkr.wire.message import Usage

NOW = 20_000.5 * DAY_S
PLACE = (NOW, "MEDIUM", "a:m", 42.0)


def row(tier: str, band: int, calls: int, flawed: int = 0, target: str = "a:m") -> Outcome:
    return Outcome(
        day=1, tier=tier, target=target, score_band=band, calls=calls, flawed=flawed, usd=calls
    )


# --- counting -----------------------------------------------------------------------------------


def test_a_whole_reply_counts_as_one_call() -> None:
    found = of_reply(*PLACE, "score", stop_reason="end_turn", output_tokens=7, usd=0.5)
    assert found == Outcome(
        day=20_000, tier="MEDIUM", target="a:m", score_band=4, rule="score", calls=1,
        output_tokens=7, usd=0.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "name"),
    [("max_tokens", "truncated"), ("length", "truncated"), ("MAX_TOKENS", "truncated"),
     ("max_output_tokens", "truncated"), ("model_context_window_exceeded", "truncated"),
     ("refusal", "refused"), ("content_filter", "refused"), ("SAFETY", "refused"),
     ("end_turn", ""), ("stop", ""), ("tool_use", ""), ("tool_calls", ""), ("completed", ""),
     ("", "")],
)  # fmt: skip
def test_stop_reasons_are_known_in_all_dialects(reason: str, name: str) -> None:
    found = of_reply(*PLACE, "score", stop_reason=reason)
    assert [one for one in ("truncated", "refused", "failed") if getattr(found, one)] == (
        [name] if name else []
    )
    assert found.flawed == bool(name)


def test_a_call_that_failed_counts_once() -> None:
    found = of_reply(*PLACE, "score", stop_reason="length", failed=True)
    assert (found.failed, found.truncated, found.flawed, found.calls) == (1, 0, 1, 1)


RECORD = Record(
    request_id="req_1", accepted_at=NOW, api="messages", path="/v1/messages", client="",
    principal="ana", team="", provider="a", lane="edit", model_asked="lynkr/auto", model="m",
    model_replied="m-1", stream=True, status=200, ended_by="complete", error="", error_source="",
    stop_reason="end_turn", request_bytes=1, reply_bytes=1, attempts=1, failed_over=[], dropped=(),
    connection_reused=True, overhead_us=1, upstream_write_ms=None, first_byte_ms=None,
    last_byte_ms=1.0, usage=Usage(output_tokens=7), saving=Saving(usd=0.5), cache=CacheUse("miss"),
    routing=RoutingUse(tier="MEDIUM", rule="pinned"),
)  # fmt: skip


def recorded(**fields: Any) -> Outcome | None:
    return of_record(msgspec.structs.replace(RECORD, **fields), 42.0)


def test_a_record_says_it_all() -> None:
    found = recorded()
    assert found is not None
    assert found.key == (20_000, "MEDIUM", "a:m", 4, "pinned")
    assert (found.calls, found.flawed, found.output_tokens, found.usd) == (1, 0, 7, 0.5)
    cut = recorded(stop_reason="max_tokens")
    assert cut is not None
    assert cut.truncated == 1


@pytest.mark.parametrize(
    "fields",
    [{"ended_by": "upstream"}, {"status": 529}, {"status": 429}, {"status": 502}, {"status": 400},
     {"error": "overloaded_error", "error_source": "upstream"}],
)  # fmt: skip
def test_a_provider_that_fails_fails_the_tier(fields: dict[str, Any]) -> None:
    found = recorded(**fields)
    assert found is not None
    assert (found.failed, found.flawed) == (1, 1)


@pytest.mark.parametrize(
    "fields",
    [{"routing": RoutingUse()}, {"routing": RoutingUse(tier="SIMPLE", side="title")},
     {"lane": "cache"}, {"lane": "local"}, {"lane": "none"}, {"ended_by": "client"},
     {"status": 401}, {"status": 413}, {"status": 400, "attempts": 0},
     {"status": 400, "error": "cannot_carry", "error_source": "client"}],
)  # fmt: skip
def test_what_is_no_models_doing_is_not_counted(fields: dict[str, Any]) -> None:
    assert recorded(**fields) is None


def test_the_next_request_says_how_the_tools_liked_it() -> None:
    seen = Seen(typed=False, turns=1, results=3, errors=2, invalid=1, edits=2, edit_failures=1)
    found = after(*PLACE, seen)
    assert found is not None
    assert (found.calls, found.flawed, found.followed, found.answered) == (0, 1, 1, 0)
    assert (found.tool_results, found.tool_errors, found.invalid_calls) == (3, 2, 1)
    assert (found.edits, found.edit_failures, found.retries) == (2, 1, 0)
    assert found.score_band == 4


def test_an_error_that_a_tool_reports_is_no_flaw_of_the_call() -> None:
    """Tests fail, files are not there: that is what tools are for."""
    found = after(*PLACE, Seen(typed=False, results=1, errors=1))
    assert found is not None
    assert (found.tool_errors, found.flawed) == (1, 0)


def test_a_retry_is_seen_where_the_user_writes_again() -> None:
    found = after(*PLACE, Seen(turns=2, retried=True))
    assert found is not None
    assert (found.retries, found.answered, found.flawed) == (1, 1, 1)
    again = after(*PLACE, Seen(turns=2, retried=True), known=True)
    assert again is not None
    assert (again.retries, again.flawed) == (1, 0)  # it has been counted as flawed before


def test_nothing_is_said_by_a_first_question_or_a_side_call() -> None:
    assert after(*PLACE, Seen()) is None
    assert after(*PLACE, Seen(side="title", turns=3, results=1)) is None


def test_scores_fall_into_ten_bands() -> None:
    assert [band_of(one) for one in (0.0, 9.9, 10.0, 99.0, 100.0, -1.0)] == [0, 0, 1, 9, 9, 0]
    assert band_of(None) == NO_BAND


def test_adding_up_keeps_the_key_and_every_counter() -> None:
    one = msgspec.structs.replace(
        Outcome(day=1, tier="SIMPLE", target="t", score_band=2, rule="r"),
        **dict.fromkeys(COUNTERS, 2),
    )
    two = msgspec.structs.replace(
        Outcome(day=9, tier="X", target="u"), **dict.fromkeys(COUNTERS, 3)
    )
    both = one.add(two)
    assert both.key == one.key == (1, "SIMPLE", "t", 2, "r")
    assert {getattr(both, name) for name in COUNTERS} == {5}
    assert merged([one, two, one], lambda row: row.tier)["SIMPLE"].calls == 4


# --- shares -------------------------------------------------------------------------------------


def test_shares_have_clopper_and_pearsons_interval() -> None:
    """Against the closed form for no failure in n: the lower limit is (alpha / 2) ** (1 / n)."""
    found = share(0, 20)
    assert (found.good, found.seen, found.share, found.high) == (20, 20, 1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 20), abs=1e-9)
    nothing = share(0, 0)
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)
    assert share(5, 3).share == 0.0  # counted twice over: never below nothing


def test_each_share_has_its_own_denominator() -> None:
    rows = [
        of_reply(*PLACE, "score", stop_reason="length"),
        of_reply(*PLACE, "score"),
        Outcome(
            day=1, tier="MEDIUM", target="a:m", followed=2, answered=1, retries=1, tool_results=8,
            invalid_calls=2, edits=4, edit_failures=1, flawed=0,
        ),
    ]  # fmt: skip
    (found,) = summaries(rows, by="tier")
    assert found.valid_calls.share == 0.75
    assert found.applied_edits.share == 0.75
    assert found.not_retried.share == 0.0
    assert found.complete.share == 0.5
    assert found.well.share == 0.5
    assert (found.calls, found.mix) == (2, 1.0)


def test_tiers_and_targets_come_in_order_with_their_part_of_all_calls() -> None:
    rows = [
        row("REASONING", 9, 1), row("SIMPLE", 0, 2, target="b:x"),
        row("SIMPLE", 1, 5, target="a:y"), row("", NO_BAND, 2),
    ]  # fmt: skip
    tiers = summaries(rows, by="tier")
    assert [(one.tier, one.calls, one.mix) for one in tiers] == [
        ("SIMPLE", 7, 0.7), ("REASONING", 1, 0.1), ("", 2, 0.2),
    ]  # fmt: skip
    targets = summaries(rows, by="target")
    assert [(one.tier, one.target) for one in targets] == [
        ("SIMPLE", "a:y"), ("SIMPLE", "b:x"), ("REASONING", "a:m"), ("", "a:m"),
    ]  # fmt: skip
    assert sum(one.usd for one in targets) == 10
    assert summaries([], by="tier") == []


# --- the tier below -----------------------------------------------------------------------------


def test_one_band_is_that_bands_own_interval() -> None:
    found = below([row("COMPLEX", 6, 50), row("MEDIUM", 6, 200, 10)], "COMPLEX")
    alone = share(10, 200)
    assert (found.lower, found.calls, found.like_them, found.covered) == ("MEDIUM", 50, 200, 1.0)
    assert (found.share, found.low, found.high) == pytest.approx((0.95, alone.low, alone.high))
    assert found.sentence == "COMPLEX: MEDIUM would have served 90-98 % of these"


def test_bands_weigh_what_the_upper_tier_has_in_them() -> None:
    """MEDIUM is good at what it mostly gets; COMPLEX's calls are mostly of the other kind."""
    rows = [
        row("MEDIUM", 3, 900), row("MEDIUM", 6, 100, 40),
        row("COMPLEX", 3, 10), row("COMPLEX", 6, 30, 1),
    ]  # fmt: skip
    found = below(rows, "COMPLEX")
    assert found.share == pytest.approx(0.25 * 1.0 + 0.75 * 0.6)
    assert found.low < 0.70 < found.high
    assert found.high < 0.80  # its share of all that MEDIUM served is 0.96


def test_where_nothing_is_alike_nothing_is_said() -> None:
    rows = [row("MEDIUM", 3, 900), row("COMPLEX", 6, 30), row("COMPLEX", NO_BAND, 5)]
    found = below([*rows, row("MEDIUM", NO_BAND, 80)], "COMPLEX")
    assert found.share is None
    assert (found.low, found.high, found.covered) == (0.0, 1.0, 0.0)
    assert found.sentence == "COMPLEX: no call like these went to MEDIUM yet"
    assert below([], "COMPLEX").sentence == "no call went to COMPLEX"
    # What is only said of replies of another day makes no calls.
    late = Outcome(day=2, tier="MEDIUM", target="a:m", score_band=6, followed=3)
    assert below([*rows, late], "COMPLEX").share is None


def test_what_is_not_covered_may_be_either() -> None:
    """Worst-case bounds: a fifth of the calls is unlike anything below, and widens them."""
    rows = [row("COMPLEX", 6, 80), row("COMPLEX", 8, 20), row("MEDIUM", 6, 400)]
    found = below(rows, "COMPLEX")
    alone = share(0, 400)
    assert found.share == 1.0
    assert found.covered == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((0.8 * alone.low, 1.0))
    assert "20 % of them are unlike" in found.sentence


def test_each_tier_is_compared_with_the_next_lower_one() -> None:
    rows = [row("REASONING", 7, 5), row("COMPLEX", 7, 5), row("MEDIUM", 7, 50, 50)]
    assert below(rows, "REASONING").share == 1.0
    assert below(rows, "COMPLEX").share == 0.0
    with pytest.raises(ValueError, match="below SIMPLE"):
        below(rows, "SIMPLE")


def test_more_flaws_than_calls_are_no_negative_share() -> None:
    found = below([row("MEDIUM", 1, 2, 3), row("SIMPLE", 1, 2, 3)], "MEDIUM")
    assert found.share == 0.0
    assert found.low == 0.0


def test_limits_are_rounded_outwards() -> None:
    found = Below("COMPLEX", "MEDIUM", 9, 9, 1.0, 0.95, 0.9201, 0.9699)
    assert found.sentence.endswith("92-97 % of these")
    assert "92-97 %" in Below("C", "M", 9, 9, 1.0, 0.95, 0.92, 0.97).sentence


def outcomes(seen: int, true: float) -> Iterator[tuple[int, float]]:
    """Every count of flaws, with its probability."""
    for wrong in range(seen + 1):
        yield wrong, math.comb(seen, wrong) * (1 - true) ** wrong * true ** (seen - wrong)


@pytest.mark.parametrize(
    ("weights", "seen", "true"),
    [((0.5, 0.5), (12, 9), (0.9, 0.7)), ((0.9, 0.1), (15, 6), (0.95, 0.5)),
     ((0.2, 0.8), (5, 20), (0.99, 0.97)), ((0.5, 0.5), (8, 8), (0.5, 0.5))],
)  # fmt: skip
def test_the_interval_holds_the_truth_as_often_as_it_says(
    weights: tuple[float, float], seen: tuple[int, int], true: tuple[float, float]
) -> None:
    """Exactly, by all that can happen: in no fewer than 95 of 100 cases."""
    truth = weights[0] * true[0] + weights[1] * true[1]
    held = 0.0
    for wrong, chance in outcomes(seen[0], true[0]):
        for other, chance_of_other in outcomes(seen[1], true[1]):
            shares = [(weights[0], share(wrong, seen[0])), (weights[1], share(other, seen[1]))]
            _, low, high = weighed(shares)
            held += chance * chance_of_other * (low - 1e-9 <= truth <= high + 1e-9)
    assert held >= 0.95
