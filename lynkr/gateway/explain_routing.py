"""Which tier a request would go to and why, without sending it: for ``lynkr explain``.

The same functions as on the way, with no conversation remembered: a request is told as the first of
its conversation here, whatever its history.
"""

from __future__ import annotations

from typing import Any

from lynkr._native.spans import Layout
from lynkr.gateway.routing import shown
from lynkr.gateway.rules import PlannedRoute, Rules
from lynkr.gateway.tiers import AUTO, RESPECTED
from lynkr.policies.difficulty.dimensions import NAMES
from lynkr.policies.difficulty.score import Change, changes, score
from lynkr.policies.routing.facts import TIERS, Floor, Policy, Score
from lynkr.policies.routing.seen import facts_of
from lynkr.policies.routing.verdict import decide
from lynkr.policies.side_calls import side_call

Plan = dict[str, Any]


def routing_plan(
    rules: Rules, api: str, token: bytes, body: bytes, layout: Layout
) -> tuple[Plan, PlannedRoute]:
    """What is decided of a body, and the target that it would be sent to. Raises ``GatewayError``
    as the call itself would."""
    tiering = rules.tiering
    named = RESPECTED if tiering is None else tiering.named(token)
    side = side_call(api, body, layout)
    said, seen = facts_of(api, body, layout, side)
    measured = score(said, seen)
    policy = Policy() if tiering is None else tiering.policy
    tiers = None if tiering is None or named == RESPECTED else tiering.tiers(api, token)
    offers = ((), (), (), ()) if tiers is None else tiers.offers
    verdict, index = decide(measured, seen, None, policy, 0.0, offers)
    reasons = [verdict.reason]
    if tiers is None:
        planned = rules.route(api, token)
        reasons.append(
            "no tiers are configured: the tier has no effect"
            if tiering is None
            else "the model was asked for by its name: the tier has no effect"
        )
    elif named == AUTO:
        chain = tiers.chains[verdict.tier]
        planned = chain[max(index, 0)]
    else:
        planned = tiers.chains[named][0]
        reasons.append(f"{TIERS[named]} was asked for by the model's name")
    reasons.append(planned.route.reason)
    told: Plan = {
        "tier": TIERS[verdict.tier if named < 0 else named],
        "score": round(measured.value, 1),
        "rule": verdict.rule if named < 0 else "asked",
        "side_request": bool(side),
        "side": side,
        "dimensions": dimensions(measured),
        "intent": round(measured.intent, 3),
        "nearest": {"example": measured.nearest, "similarity": round(measured.likeness, 3)},
        "floors": [_floor(floor) for floor in measured.floors],
        "counterfactual": verdict.counterfactual,
        "changes": [_change(one) for one in changes(measured)] if measured.basis == "ask" else [],
        "reasons": reasons,
    }
    return told, planned


def dimensions(measured: Score) -> dict[str, float]:
    """All of them by name, zeros included."""
    return dict.fromkeys(NAMES, 0.0) | shown(measured)


def _change(change: Change) -> dict[str, Any]:
    """What alone would bring the score into a neighbouring band."""
    return {
        "dimension": change.name,
        "now": round(change.now, 2),
        "then": round(change.then, 2),
        "tier": TIERS[change.tier],
    }


def _floor(floor: Floor) -> dict[str, str]:
    return {"rule": floor.rule, "word": floor.word}
