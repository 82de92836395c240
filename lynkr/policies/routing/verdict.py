"""Which tier a call goes to, and which model of it: all rules in their order, and nothing else.

====================  ===========================  ================================================
a call                goes to                      unless
====================  ===========================  ================================================
asked for a tier      that tier                    -
by name
side call             ``policy.side_tier``         the whole conversation is in it, and its model
                                                   has that in its cache, so that it is cheaper
                                                   there; -1: where the conversation is
first of its          the tier of its score, at    -
conversation, or      least that of its floors,
nothing is kept       in plan mode that of plans
in a tool exchange    where it is pinned           the ladder raises it by one tier
new words, harder     the harder tier: at once     a score alone is not ``DRIFT_MARGIN`` above the
                      by a floor or plan mode      one that the pin was decided by
new words, as hard    where it is pinned           the user asks again after failures (ladder)
new words, easier     where it is pinned           it is a point of return (the conversation was
                                                   compacted, or has left the prompt cache), and
                                                   the move pays (``switching``)
====================  ===========================  ================================================

Then the guards choose the model (``guards``): the one of the last call where it can. Side calls and
tiers asked for by name neither read a pin's tier for others nor leave one. A pin that is lost costs
no more than a decision made anew.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from lynkr.policies.routing import ladder, reasons
from lynkr.policies.routing.facts import (
    COMPLEX,
    MEDIUM,
    REASONING,
    TIERS,
    Floor,
    Pin,
    Policy,
    Score,
    Seen,
    Switch,
    Verdict,
)
from lynkr.policies.routing.guards import Pick, pick
from lynkr.policies.routing.offers import Offer, Offers, of_tier, place_of
from lynkr.policies.routing.switching import CALLS_LEFT, cache_life_s, consider

# Points of a score: two wordings of the same ask may differ by so much (measure: envelope pairs).
DRIFT_MARGIN = 3.0
# A compacted conversation has lost most of its prompt; one whose old tool results were cleared has
# not, and later requests of a compacted one only grow.
SHRUNK = 0.7
# A side call that carries the conversation is its prompt and a few words more, or tools less.
CARRIES = 0.8
_LOST = 0.0  # unix seconds: earlier than any decision


class Decision(NamedTuple):
    """A verdict, and the place of the model in ``offers[verdict.tier]``; -1: none is offered."""

    verdict: Verdict
    place: int


class _Demand(msgspec.Struct, frozen=True):
    """What an ask demands by itself."""

    tier: int
    rule: str  # score | floor | plan: what the tier was decided by
    floor: Floor | None  # of the rule floor
    by_score: int
    least: int  # what floors and plan mode do not leave it below; -1: there are none


class _Aim(msgspec.Struct, frozen=True):
    """A decision before the guards have had their say."""

    tier: int
    rule: str
    reason: str
    counterfactual: str
    fresh: bool = True  # decided by this call: the pin begins anew
    raised: int = 0
    switch: Switch | None = None


def decide(
    score: Score | None,
    seen: Seen,
    pin: Pin | None,
    policy: Policy,
    now_s: float,
    offers: Offers,
    *,
    asked: int = -1,
    kept_s: float = 0.0,
) -> Decision:
    """Where a call goes. A pure function: the same arguments give the same decision anywhere.

    ``score``: of the last words; ``None`` where nothing was measured, as in a tool exchange with a
    pin. ``now_s``: unix seconds. ``asked``: the tier that the model's name stands for, -1 if none.
    ``kept_s``: how long this conversation's own marks ask its prompt to be kept; 0: as the provider
    does by itself.
    """
    if asked >= 0:
        aim = _Aim(asked, "asked", f"{TIERS[asked]}: asked for by name", "")
        return _placed(aim, score, seen, pin, now_s, offers, keeps=False)
    if seen.side:
        aim = _side(score, seen, pin, policy, now_s, offers, kept_s)
        return _placed(aim, score, seen, pin, now_s, offers, keeps=False)
    if pin is not None and _begins(seen):
        pin = None  # of another conversation under the same name, or of this very request
    if pin is None:
        aim = _new(score, _demand(score, seen, policy))
    elif not seen.typed:
        aim = _under_way(seen, pin, now_s, offers, kept_s)
    else:
        aim = _new_words(score, seen, pin, policy, now_s, offers, kept_s)
    return _placed(aim, score, seen, pin, now_s, offers, keeps=True)


def demanded(score: Score | None, seen: Seen, policy: Policy) -> int:
    """The tier that the last words demand by themselves, wherever the conversation is."""
    return _demand(score, seen, policy).tier


def _begins(seen: Seen) -> bool:
    """Whether a conversation has only begun: one message of the user's, and nothing done yet."""
    return seen.typed and seen.turns <= 1 and not (seen.calls or seen.results or seen.compacted)


def _demand(score: Score | None, seen: Seen, policy: Policy, most: int = REASONING) -> _Demand:
    """``most``: the score counts for no higher tier than this one."""
    by_score = min(most, MEDIUM if score is None else score.tier)
    tier, rule, least = by_score, "score", -1
    decisive: Floor | None = None
    for floor in score.floors if score is not None else ():
        lowest = _lowest(floor, policy)
        least = max(least, lowest)
        if lowest > tier:
            tier, rule, decisive = lowest, "floor", floor
    if seen.planning:
        least = max(least, policy.plan_floor)
        if policy.plan_floor > tier:
            tier, rule, decisive = policy.plan_floor, "plan", None
    return _Demand(tier, rule, decisive, by_score, least)


def _lowest(floor: Floor, policy: Policy) -> int:
    if floor.rule == "risk":
        return policy.risk_floor
    return policy.autonomous_floor if floor.rule == "autonomous" else floor.tier


# --- the rules ------------------------------------------------------------------------------------


def _new(score: Score | None, demand: _Demand, before: int = -1) -> _Aim:
    """As the ask demands: of a new conversation, or of one that goes up to it."""
    opening = reasons.opening(demand.tier, before)
    if demand.rule == "score":
        return _Aim(
            demand.tier,
            "score",
            f"{opening}: {reasons.measured(score)}",
            reasons.by_score(score, demand.least),
        )
    without = max(before, demand.by_score)
    return _Aim(
        demand.tier,
        demand.rule,
        f"{opening}: {reasons.floored(demand.floor, score)}",
        reasons.without_floor(demand.floor, without),
    )


def _under_way(seen: Seen, pin: Pin, now_s: float, offers: Offers, kept_s: float) -> _Aim:
    why = ladder.step(seen, pin)
    if why:
        return _raised(pin, why, seen, now_s, offers, kept_s)
    reason = f"{reasons.pinned(pin, _calls(seen, pin))}; a tool exchange is under way"
    return _Aim(
        pin.tier, "pinned", reason, "decided again at the user's next words", False, pin.raised
    )


def _raised(pin: Pin, why: str, seen: Seen, now_s: float, offers: Offers, kept_s: float) -> _Aim:
    tier = min(pin.tier + 1, REASONING)
    return _Aim(
        tier,
        "raised",
        f"{reasons.opening(tier, pin.tier, 'raised')}: {why}",
        f"{TIERS[pin.tier]} without these failures",
        raised=pin.raised + 1,
        switch=_considered(pin, tier, seen, now_s, offers, kept_s),
    )


def _new_words(
    score: Score | None,
    seen: Seen,
    pin: Pin,
    policy: Policy,
    now_s: float,
    offers: Offers,
    kept_s: float,
) -> _Aim:
    demand = reach = _demand(score, seen, policy)
    if score is None or score.value < pin.score + DRIFT_MARGIN:
        reach = _demand(score, seen, policy, pin.tier)
    why = ladder.step(seen, pin)
    if why and reach.tier <= pin.tier + 1:
        return _raised(pin, why, seen, now_s, offers, kept_s)
    if reach.tier > pin.tier:
        switch = _considered(pin, reach.tier, seen, now_s, offers, kept_s)
        aim = _new(score, reach, pin.tier)
        return msgspec.structs.replace(aim, raised=pin.raised, switch=switch)
    switch = _considered(pin, demand.tier, seen, now_s, offers, kept_s)
    point = ""
    if demand.tier < pin.tier:
        stay = _staying(pin, seen, offers)
        point = _return_point(stay, seen, pin, now_s, kept_s)
        if point and _pays(switch, stay, pin, now_s, kept_s):
            return _lowered(demand.tier, pin, point, switch)
    return _stays(score, demand, seen, pin, switch, point)


def _pays(switch: Switch | None, stay: Offer | None, pin: Pin, now_s: float, kept_s: float) -> bool:
    """Whether to move down. Where prices are not known, the tiers' order stands for them as long as
    nothing is lost: the prompt has to be sent anew either way."""
    if switch is not None:
        return switch.pays
    return stay is None or not _warm(stay, pin, now_s, kept_s)


def _lowered(tier: int, pin: Pin, point: str, switch: Switch | None) -> _Aim:
    return _Aim(
        tier,
        "lowered",
        f"{reasons.opening(tier, pin.tier)}: {point}; {_saving(switch)}",
        f"{TIERS[pin.tier]} had the conversation gone on as it was",
        switch=switch,
    )


def _saving(switch: Switch | None) -> str:
    if switch is None:
        return "prices are not known"
    return f"saves ${switch.stay_usd - switch.move_usd:.3f} over {CALLS_LEFT + 1} calls"


def _stays(
    score: Score | None, demand: _Demand, seen: Seen, pin: Pin, switch: Switch | None, point: str
) -> _Aim:
    start = reasons.pinned(pin, _calls(seen, pin))
    alone = TIERS[demand.tier]
    what_if = ""
    if demand.tier < pin.tier:
        money = reasons.money(switch, CALLS_LEFT + 1)
        wait = "" if point else ", when its prompt has left the cache"
        reason = f"{start}; this ask alone would be {alone}{wait}; {money}"
        what_if = f"{alone} in a new conversation"
    elif demand.tier > pin.tier and score is not None:
        reason = f"{start}; score {score.value:.0f} is too near {pin.score:.0f} to move"
        what_if = f"{alone} from score {pin.score + DRIFT_MARGIN:.0f}, or in a new conversation"
    else:
        reason = f"{start}; this ask alone would be {alone} too"
        what_if = reasons.by_score(score)
    return _Aim(pin.tier, "pinned", reason, what_if, False, pin.raised, switch)


def _side(
    score: Score | None,
    seen: Seen,
    pin: Pin | None,
    policy: Policy,
    now_s: float,
    offers: Offers,
    kept_s: float,
) -> _Aim:
    """Of a call that a tool makes for itself: cheap, and a summary where its conversation is."""
    what = f"side call {seen.side}"
    tier = policy.side_tier
    if tier < 0:
        if pin is not None:
            reason = f"{TIERS[pin.tier]}: {what}, where its conversation is"
            return _Aim(pin.tier, "side", reason, "")
        aim = _new(score, _demand(score, seen, policy))
        return msgspec.structs.replace(aim, rule="side", reason=f"{aim.reason} ({what})")
    if pin is not None and 0 < CARRIES * pin.prompt_tokens <= seen.prompt_tokens:
        switch = _considered(pin, tier, seen, now_s, offers, kept_s, 0)
        if switch is not None and not switch.pays:
            more = f"${switch.move_usd - switch.stay_usd:.3f}"
            reason = f"{TIERS[pin.tier]}: {what} of a cached prompt; {more} more elsewhere"
            return _Aim(pin.tier, "side", reason, f"{TIERS[tier]} without it cached", switch=switch)
    return _Aim(tier, "side", f"{TIERS[tier]}: {what}", "")


# --- what they go by ------------------------------------------------------------------------------


def _calls(seen: Seen, pin: Pin) -> int:
    """Since the decision, this one included."""
    return pin.turns + (1 if ladder.again(seen, pin) else 2)


def _staying(pin: Pin, seen: Seen, offers: Offers) -> Offer | None:
    """The offer that would take the call where the conversation is."""
    return _offer(offers, pick(offers, pin.tier, seen, pin.target))


def _considered(
    pin: Pin,
    tier: int,
    seen: Seen,
    now_s: float,
    offers: Offers,
    kept_s: float,
    calls_left: int = CALLS_LEFT,
) -> Switch | None:
    """What moving to a tier would cost; ``None``: nothing would move, or nobody knows."""
    if tier == pin.tier:
        return None
    stay, move = _staying(pin, seen, offers), _offer(offers, pick(offers, tier, seen, pin.target))
    if stay is None or move is None or stay.digest == move.digest:
        return None
    warm = _warm(stay, pin, now_s, kept_s)
    return consider(
        stay, move, seen.prompt_tokens, pin.output_tokens, warm=warm, calls_left=calls_left
    )


def _offer(offers: Offers, at: Pick) -> Offer | None:
    return offers[at.tier][at.place] if at.place >= 0 else None


def _life_s(stay: Offer, kept_s: float) -> float:
    return max(kept_s, cache_life_s(stay))


def _warm(stay: Offer, pin: Pin, now_s: float, kept_s: float) -> bool:
    """Whether the prompt is taken to be in the cache of where the conversation is."""
    if stay.rules is not None and stay.rules.style == "none":
        return False
    if pin.target and pin.target != stay.digest:
        return False  # the guards would send it elsewhere by now
    return now_s - pin.last_s <= _life_s(stay, kept_s)


def _return_point(stay: Offer | None, seen: Seen, pin: Pin, now_s: float, kept_s: float) -> str:
    """Why a conversation may go back to an easier tier now; "" if it may not."""
    if seen.compacted and 0 < seen.prompt_tokens < SHRUNK * pin.prompt_tokens:
        return "the conversation was compacted"
    pause = now_s - pin.last_s
    if stay is not None and pause > _life_s(stay, kept_s):
        return f"after {pause:.0f} s its prompt has left the cache"
    return ""


# --- the model, and what is kept ------------------------------------------------------------------


def _placed(
    aim: _Aim,
    score: Score | None,
    seen: Seen,
    pin: Pin | None,
    now_s: float,
    offers: Offers,
    *,
    keeps: bool,
) -> Decision:
    """The aim with the guards' choice of a model, and the pin to be kept."""
    keep = pin.target if pin is not None else 0
    at = pick(offers, aim.tier, seen, keep, held=keeps and not seen.typed and not aim.fresh)
    reason, rule, what_if = aim.reason, aim.rule, aim.counterfactual
    if at.tier != aim.tier:
        rule = "guard"
        reason = f"{TIERS[at.tier]} instead of {aim.reason}; {at.why}"
        what_if = f"{TIERS[aim.tier]} with a model that can take it"
    elif at.why:
        reason = f"{aim.reason}; {at.why}"
    target = offers[at.tier][at.place].digest if at.place >= 0 else 0
    moved = ""
    if keeps and pin is not None and at.tier != _was(pin, offers) and target != pin.target:
        moved = "up" if at.tier > _was(pin, offers) else "down"
    return Decision(
        Verdict(
            tier=at.tier,
            rule=rule,
            reason=reasons.sentence(reason),
            counterfactual=reasons.sentence(what_if),
            score=score,
            moved=moved,
            pin=_kept(aim, score, seen, pin, now_s, target) if keeps else None,
            switch=aim.switch,
        ),
        at.place,
    )


def _was(pin: Pin, offers: Offers) -> int:
    """The tier of the model that took the last call: its pin's, or where the guards had sent it."""
    if not pin.target or place_of(of_tier(offers, pin.tier), pin.target) >= 0:
        return pin.tier
    for tier in range(len(offers)):
        if place_of(offers[tier], pin.target) >= 0:
            return tier
    return pin.tier


def _kept(
    aim: _Aim, score: Score | None, seen: Seen, pin: Pin | None, now_s: float, target: int
) -> Pin:
    """The conversation's pin after this call. The tier is the one decided: what the guards need is
    looked at in every call."""
    if pin is None or aim.fresh:
        # Of a conversation under way whose pin is not here: another host may have it, and decided
        # by more than these last words. An easy tier then yields to that one when it arrives.
        lost = not _begins(seen)
        before = pin.score if pin is not None else 0.0
        return Pin(
            tier=aim.tier,
            score=score.value if score is not None else before,
            at_s=_LOST if pin is None and lost and aim.tier < COMPLEX else now_s,
            last_s=now_s,
            prompt_tokens=seen.prompt_tokens,
            output_tokens=pin.output_tokens if pin is not None else 0,
            target=target,
            raised=aim.raised,
        )
    return Pin(
        tier=pin.tier,
        score=pin.score,
        at_s=pin.at_s,
        last_s=now_s,
        turns=pin.turns + (0 if ladder.again(seen, pin) else 1),
        prompt_tokens=seen.prompt_tokens,
        output_tokens=pin.output_tokens,
        target=target,
        raised=pin.raised,
    )
