"""Every rule of the decision, and what holds for any call whatever."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lynkr.policies.routing.facts import (
    COMPLEX,
    MEDIUM,
    REASONING,
    SIMPLE,
    Floor,
    Pin,
    Policy,
    Score,
    Seen,
    Verdict,
)
from lynkr.policies.routing.offers import Offers
from lynkr.policies.routing.reasons import LENGTH_MAX
from lynkr.policies.routing.verdict import DRIFT_MARGIN, Decision, decide, demanded
from tests.policies.routing.scores import NONE, NOW, OFFERS, offer, pin, score

pytestmark = pytest.mark.usefixtures("bands")

POLICY = Policy()
RISK = Floor("risk", COMPLEX, "auth")
AUTONOMOUS = Floor("autonomous", REASONING, "overnight")
FIRST = Seen(prompt_tokens=30_000)
NEXT = Seen(turns=3, calls=9, messages=20, tools=5, prompt_tokens=31_000)
WORK = replace(NEXT, typed=False, results=1)


def of(given_score: Score | None, seen: Seen, kept: Pin | None = None, **more: Any) -> Verdict:
    known: dict[str, Any] = {"policy": POLICY, "now_s": NOW, "offers": OFFERS}
    known |= more
    return decide(given_score, seen, kept, **known).verdict


# --- a conversation begins ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "floors", "planning", "tier", "rule"),
    [
        (10, (), False, SIMPLE, "score"),
        (41, (), False, MEDIUM, "score"),
        (80, (), False, REASONING, "score"),
        (35, (RISK,), False, COMPLEX, "floor"),
        (60, (RISK,), False, COMPLEX, "score"),  # it needs no floor
        (35, (RISK, AUTONOMOUS), False, REASONING, "floor"),
        (5, (Floor("force", REASONING, "ultrathink"),), False, REASONING, "floor"),
        (5, (), True, COMPLEX, "plan"),
        (5, (AUTONOMOUS,), True, REASONING, "floor"),
        (80, (), True, REASONING, "score"),
    ],
)
def test_a_first_ask_goes_where_it_demands(
    value: float, floors: tuple[Floor, ...], planning: bool, tier: int, rule: str
) -> None:
    found = of(score(value, *floors), replace(FIRST, planning=planning))
    assert (found.tier, found.rule, found.moved) == (tier, rule, "")
    assert found.pin == Pin(
        tier, value, NOW, NOW, prompt_tokens=30_000, target=OFFERS[tier][0].digest
    )


def test_floors_are_as_high_as_the_configuration_says() -> None:
    low = Policy(risk_floor=SIMPLE, autonomous_floor=MEDIUM, plan_floor=SIMPLE)
    assert of(score(5, RISK), FIRST, policy=low).tier == SIMPLE
    assert of(score(5, AUTONOMOUS), FIRST, policy=low).tier == MEDIUM
    assert of(score(5), replace(FIRST, planning=True), policy=low).tier == SIMPLE


def test_without_a_pin_a_tool_exchange_is_decided_by_its_last_words() -> None:
    """A worker was started anew in the middle of it."""
    found = of(score(60), WORK)
    assert (found.tier, found.rule) == (COMPLEX, "score")
    assert found.pin is not None
    assert of(None, WORK).tier == MEDIUM


def test_a_first_message_is_decided_anew_whatever_is_kept() -> None:
    """Clients without ids of their own begin many conversations under one name."""
    found = of(score(5), FIRST, pin(COMPLEX))
    assert (found.tier, found.rule, found.moved) == (SIMPLE, "score", "")
    assert of(score(5), replace(FIRST, compacted=True), pin(COMPLEX)).tier == COMPLEX


# --- a conversation goes on -----------------------------------------------------------------------


def test_in_a_tool_exchange_nothing_moves() -> None:
    """Neither up nor down, not after an hour, and not in plan mode."""
    kept = pin(MEDIUM, last_s=NOW - 9_000)
    for given_score in (None, score(5), score(95, RISK, AUTONOMOUS)):
        found = of(given_score, replace(WORK, planning=True), kept)
        assert (found.tier, found.rule, found.moved) == (MEDIUM, "pinned", "")
        assert found.pin == replace(kept, last_s=NOW, turns=4, prompt_tokens=31_000)


def test_the_same_request_again_is_no_further_call() -> None:
    kept = pin(MEDIUM, prompt_tokens=31_000)
    assert of(None, WORK, kept).pin == replace(kept, last_s=NOW)


@pytest.mark.parametrize(
    ("value", "floors", "planning", "tier", "rule"),
    [
        (47, (), False, MEDIUM, "pinned"),
        (49, (), False, MEDIUM, "pinned"),  # over the edge, but only just above the pin's 47
        (47 + DRIFT_MARGIN, (), False, COMPLEX, "score"),
        (80, (), False, REASONING, "score"),
        (30, (RISK,), False, COMPLEX, "floor"),
        (49, (AUTONOMOUS,), False, REASONING, "floor"),
        (30, (), True, COMPLEX, "plan"),
        (80, (RISK,), False, REASONING, "score"),
    ],
)
def test_harder_words_move_it_up(
    value: float, floors: tuple[Floor, ...], planning: bool, tier: int, rule: str
) -> None:
    kept = pin(MEDIUM, value=47.0)
    found = of(score(value, *floors), replace(NEXT, planning=planning), kept)
    assert (found.tier, found.rule) == (tier, rule)
    assert found.moved == ("up" if tier > MEDIUM else "")
    assert found.pin is not None
    assert found.pin.tier == tier
    assert found.pin.score == (value if tier > MEDIUM else 47.0)
    assert found.pin.turns == (0 if tier > MEDIUM else 4)
    assert found.pin.output_tokens == 400
    if tier > MEDIUM:
        assert found.switch is not None
        assert found.switch.warm


def test_a_score_that_only_drifts_does_not_help_a_floor() -> None:
    """49 is in COMPLEX and the floor in MEDIUM: not enough of either to leave MEDIUM."""
    low = Policy(risk_floor=MEDIUM)
    assert of(score(49, RISK), NEXT, pin(MEDIUM, value=47.0), policy=low).tier == MEDIUM
    found = of(score(49, RISK), NEXT, pin(SIMPLE, value=47.0), policy=low)
    assert (found.tier, found.rule) == (MEDIUM, "floor")


def test_easier_words_stay_while_the_prompt_is_cached() -> None:
    """Also where moving would pay: a decision holds for the session."""
    kept = pin(COMPLEX, last_s=NOW - 290)
    found = of(score(5), NEXT, kept)
    assert (found.tier, found.rule, found.moved) == (COMPLEX, "pinned", "")
    assert found.switch is not None
    assert found.switch.warm
    assert "this ask alone would be SIMPLE, when its prompt has left the cache" in found.reason
    assert "moving would" in found.reason


def test_after_a_pause_it_goes_down_where_that_pays() -> None:
    kept = pin(COMPLEX, last_s=NOW - 301, raised=2)
    found = of(score(5), NEXT, kept)
    assert (found.tier, found.rule, found.moved) == (SIMPLE, "lowered", "down")
    assert found.switch is not None
    assert found.switch.pays
    assert not found.switch.warm
    assert found.pin == Pin(
        SIMPLE,
        5.0,
        NOW,
        NOW,
        prompt_tokens=31_000,
        output_tokens=400,
        target=OFFERS[SIMPLE][0].digest,
    )
    assert of(score(5), NEXT, kept, kept_s=3600.0).tier == COMPLEX  # its own marks ask for an hour


def test_it_does_not_go_down_where_that_costs_more() -> None:
    """Somebody has a dearer model in an easier tier."""
    odd = ((offer("a:s", 8.0),), *OFFERS[1:])
    found = of(score(5), NEXT, pin(COMPLEX, last_s=NOW - 9_000), offers=odd)
    assert found.tier == COMPLEX
    assert found.switch is not None
    assert not found.switch.pays


def test_a_compacted_conversation_may_go_down() -> None:
    """Once: only the request that has become so much shorter."""
    kept = pin(REASONING, prompt_tokens=150_000)
    short = replace(NEXT, compacted=True, prompt_tokens=40_000)
    found = of(score(5), short, kept)
    assert (found.tier, found.rule) == (SIMPLE, "lowered")
    assert "compacted" in found.reason
    assert of(score(5), replace(short, prompt_tokens=140_000), kept).tier == REASONING
    assert of(score(5), replace(short, compacted=False), kept).tier == REASONING


def test_without_prices_only_a_cold_prompt_goes_down() -> None:
    free = tuple((offer(f"o:{tier}", None),) for tier in range(4))
    cold = pin(COMPLEX, offers=free, last_s=NOW - 301)
    assert of(score(5), NEXT, cold, offers=free).tier == SIMPLE
    warm = pin(COMPLEX, offers=free, prompt_tokens=150_000)
    assert of(score(5), replace(NEXT, compacted=True), warm, offers=free).tier == COMPLEX


def test_without_a_cache_only_a_pause_makes_a_decision_old() -> None:
    plain = tuple((offer(f"o:{tier}", 1.0 + tier, rules=NONE),) for tier in range(4))
    kept = pin(COMPLEX, offers=plain)
    assert of(score(5), NEXT, kept, offers=plain).tier == COMPLEX
    assert of(score(5), NEXT, replace(kept, last_s=NOW - 301), offers=plain).tier == SIMPLE


def test_thanks_are_no_reason_to_leave() -> None:
    found = of(score(0, basis="closing"), NEXT, pin(COMPLEX))
    assert (found.tier, found.rule) == (COMPLEX, "pinned")


# --- the ladder -----------------------------------------------------------------------------------


def test_failures_raise_it_by_one_tier() -> None:
    kept = pin(MEDIUM)
    found = of(None, replace(WORK, errors=1, errors_in_row=3), kept)
    assert (found.tier, found.rule, found.moved) == (COMPLEX, "raised", "up")
    assert found.reason == "COMPLEX, raised from MEDIUM: 3 tool errors in a row"
    assert found.pin is not None
    assert (found.pin.raised, found.pin.turns, found.pin.score) == (1, 0, kept.score)


def test_a_user_who_asks_again_goes_where_that_leads_higher() -> None:
    again = replace(NEXT, retried=True, errors_in_row=1)
    assert of(score(30), again, pin(SIMPLE)).rule == "raised"
    found = of(score(30, AUTONOMOUS), again, pin(SIMPLE))
    assert (found.tier, found.rule) == (REASONING, "floor")


# --- side calls and names -------------------------------------------------------------------------


def test_a_side_call_goes_where_the_configuration_says_and_leaves_no_pin() -> None:
    side = Seen(side="title", prompt_tokens=400)
    found = of(None, side, pin(COMPLEX))
    assert (found.tier, found.rule, found.pin, found.moved) == (SIMPLE, "side", None, "")
    assert of(None, side, policy=Policy(side_tier=MEDIUM)).tier == MEDIUM
    like = Policy(side_tier=-1)
    assert of(None, side, pin(COMPLEX), policy=like).tier == COMPLEX
    assert of(score(80), side, policy=like).tier == REASONING
    assert of(score(80), side, policy=like).pin is None


def test_a_summary_is_made_where_its_conversation_is_cached() -> None:
    """150,000 tokens to be read at a tenth, or to be written at a fifth of the price."""
    whole = replace(NEXT, side="summary", prompt_tokens=150_000)
    kept = pin(COMPLEX, prompt_tokens=149_000)
    found = of(None, whole, kept)
    assert (found.tier, found.rule, found.pin) == (COMPLEX, "side", None)
    assert "cached" in found.reason
    assert of(None, whole, replace(kept, last_s=NOW - 301)).tier == SIMPLE
    assert of(None, replace(whole, prompt_tokens=9_000), kept).tier == SIMPLE


def test_a_tier_that_was_asked_for_is_given() -> None:
    found = of(score(90, RISK), replace(NEXT, side="title"), pin(COMPLEX), asked=SIMPLE)
    assert (found.tier, found.rule, found.pin) == (SIMPLE, "asked", None)


# --- the guards -----------------------------------------------------------------------------------


def test_a_model_that_cannot_take_it_is_passed_over() -> None:
    """The pin keeps the tier that was decided: without the picture it counts again."""
    blind = ((offer("x:blind", takes=()),), *OFFERS[1:])
    found = of(score(5), replace(FIRST, images=True), offers=blind)
    assert (found.tier, found.rule) == (MEDIUM, "guard")
    assert found.reason.startswith("MEDIUM instead of SIMPLE: score 5")
    assert found.reason.endswith("; x:blind takes no images")
    assert found.pin is not None
    assert (found.pin.tier, found.pin.target) == (SIMPLE, OFFERS[MEDIUM][0].digest)
    held = of(None, WORK, found.pin, offers=blind)
    assert (held.tier, held.moved) == (MEDIUM, "")
    back = of(score(5), NEXT, found.pin, offers=blind)
    assert (back.tier, back.moved) == (SIMPLE, "down")


def test_models_of_a_tier_do_not_take_turns() -> None:
    second = OFFERS[MEDIUM][1].digest
    found = decide(None, WORK, pin(MEDIUM, target=second), POLICY, NOW, OFFERS)
    assert found.place == 1
    assert found.verdict.pin is not None
    assert found.verdict.pin.target == second
    gone = decide(None, WORK, pin(MEDIUM, target=12345), POLICY, NOW, OFFERS)
    assert gone.place == 0


def test_a_conversation_that_outgrows_its_model_goes_on_elsewhere() -> None:
    wide = (*OFFERS[:2], (offer("a:wide", 5.0, window=1_000_000),), OFFERS[3])
    found = of(None, replace(WORK, prompt_tokens=175_000), pin(MEDIUM), offers=wide)
    assert (found.tier, found.rule, found.moved) == (COMPLEX, "guard", "up")
    assert "context window of 200000" in found.reason


# --- reasons --------------------------------------------------------------------------------------


def test_reasons_name_what_decided_and_what_would_have_changed_it() -> None:
    found = of(score(41), FIRST)
    assert found.reason == (
        "MEDIUM: score 41 in bands 22/48/74;"
        " most from code_generation +12, technical_depth +7, ambiguity -3"
    )
    assert found.counterfactual == "COMPLEX from score 48, SIMPLE below 22"
    found = of(score(35, RISK), FIRST)
    assert found.reason == "COMPLEX: floor risk (auth) over score 35"
    assert found.counterfactual == "MEDIUM without the word auth in a changing request"
    found = of(score(35), replace(FIRST, planning=True))
    assert found.reason == "COMPLEX: plan mode over score 35"
    assert found.counterfactual == "MEDIUM outside of plan mode"
    assert of(None, WORK, pin(COMPLEX)).reason == (
        "COMPLEX: pinned for 5 calls; a tool exchange is under way"
    )


def test_a_stem_is_named_without_its_mark() -> None:
    found = of(score(35, Floor("risk", COMPLEX, "migrat*")), FIRST)
    assert "floor risk (migrat)" in found.reason
    assert "the word migrat in" in found.counterfactual


def test_a_word_of_another_script_is_not_put_into_a_header() -> None:
    found = of(score(35, Floor("risk", COMPLEX, "миграция")), FIRST)
    assert found.reason == "COMPLEX: floor risk (a word of another language) over score 35"


# --- laws -----------------------------------------------------------------------------------------

FLOORS = st.builds(
    Floor,
    st.sampled_from(["force", "risk", "autonomous"]),
    st.integers(0, 3),
    st.sampled_from(["auth", "ultrathink", "密码", "x" * 300]),
)
SCORES = st.none() | st.builds(
    lambda value, floors, basis: score(value, *floors, basis=basis),
    st.floats(0, 100),
    st.lists(FLOORS, max_size=3),
    st.sampled_from(["ask", "proposal", "closing"]),
)
COUNTS = st.integers(0, 5)
SEENS = st.builds(
    Seen,
    side=st.sampled_from(["", "", "", "title", "summary"]),
    typed=st.booleans(),
    turns=st.integers(0, 4),
    tools=COUNTS,
    calls=COUNTS,
    planning=st.booleans(),
    compacted=st.booleans(),
    images=st.booleans(),
    thinking=st.booleans(),
    output_tokens=st.sampled_from([0, 4_000, 32_000, 10**6]),
    prompt_tokens=st.sampled_from([0, 10, 20_000, 31_000, 150_000, 900_000]),
    results=COUNTS,
    errors=COUNTS,
    edit_failures=COUNTS,
    errors_in_row=COUNTS,
    edit_failures_in_row=COUNTS,
    loops=COUNTS,
    retried=st.booleans(),
)
TARGETS = [0, 99, *(one.digest for chain in OFFERS for one in chain)]
PINS = st.builds(
    Pin,
    tier=st.integers(0, 3),
    score=st.floats(0, 100),
    at_s=st.just(NOW - 9_000),
    last_s=st.sampled_from([NOW, NOW - 10, NOW - 400, NOW - 8_000]),
    turns=st.integers(0, 50),
    prompt_tokens=st.sampled_from([0, 10, 20_000, 31_000, 150_000]),
    output_tokens=COUNTS,
    target=st.sampled_from(TARGETS),
    raised=st.integers(0, 3),
)
POLICIES = st.builds(
    Policy, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(-1, 3)
)
ODD = offer("x:odd", None, rules=None, takes=None, window=50_000)
BLIND = offer("x:" + "long" * 40, 0.1, takes=(), rules=NONE)
CHOICES = [OFFERS, ((ODD,), (BLIND,), (ODD, BLIND), (BLIND,)), ((), (BLIND,), (), ()), ()]


@given(SCORES, SEENS, st.none() | PINS, POLICIES, st.sampled_from(CHOICES))
def test_laws(
    given_score: Score | None, seen: Seen, kept: Pin | None, policy: Policy, offers: Offers
) -> None:
    found = decide(given_score, seen, kept, policy, NOW, offers)
    verdict = found.verdict
    assert found == decide(given_score, seen, kept, policy, NOW, offers)
    assert 0 <= verdict.tier <= 3
    assert found.place < (len(offers[verdict.tier]) if offers else 0)
    assert (found.place >= 0) == any(offers)
    for text in (verdict.reason, verdict.counterfactual):
        assert text.isascii()
        assert len(text) <= LENGTH_MAX
        assert "\n" not in text
    assert verdict.reason
    if seen.side:
        assert verdict.pin is None
        assert verdict.moved == ""
        return
    assert verdict.pin is not None
    assert verdict.pin.last_s == NOW
    assert verdict.pin.prompt_tokens == seen.prompt_tokens
    if kept is not None and not seen.typed:
        assert verdict.pin.tier in (kept.tier, kept.tier + 1)
        if verdict.pin.tier > kept.tier:
            assert seen.results or seen.errors or seen.edit_failures
        assert (verdict.tier == verdict.pin.tier) or verdict.rule == "guard"
    if verdict.rule == "lowered":
        assert kept is not None
        assert verdict.pin.tier == demanded(given_score, seen, policy) < kept.tier
        assert verdict.switch is None or verdict.switch.pays
    if verdict.rule in ("floor", "plan", "score") and kept is None:
        assert verdict.pin.tier == demanded(given_score, seen, policy)


@given(SCORES, st.lists(SEENS, min_size=1, max_size=12))
def test_a_conversation_of_tool_calls_keeps_its_model(
    given_score: Score | None, calls: list[Seen]
) -> None:
    """Whatever is seen that is no failure and takes no guard, the model is the one of before."""
    first: Decision = decide(given_score, FIRST, None, POLICY, NOW, OFFERS)
    kept, place = first.verdict.pin, first.place
    for number, seen in enumerate(calls):
        calm = replace(
            seen,
            side="",
            typed=False,
            errors=0,
            edit_failures=0,
            loops=0,
            prompt_tokens=20_000,
            output_tokens=0,
        )
        found = decide(None, calm, kept, POLICY, NOW + 900.0 * number, OFFERS)
        assert (found.verdict.tier, found.place) == (first.verdict.tier, place)
        assert found.verdict.moved == ""
        kept = found.verdict.pin


def test_what_is_decided_without_the_pin_yields_to_it() -> None:
    """Another host may have decided by more than these last words; only a hard tier does not."""
    easy, hard, first = of(score(10), NEXT).pin, of(score(60), NEXT).pin, of(score(10), FIRST).pin
    assert easy is not None and hard is not None and first is not None
    assert (easy.at_s, hard.at_s, first.at_s) == (0.0, NOW, NOW)


def test_a_floor_under_the_scores_own_tier_is_no_counterfactual() -> None:
    assert "MEDIUM" in of(score(60), FIRST).counterfactual
    assert "MEDIUM" not in of(score(60, RISK), FIRST).counterfactual
