"""What the cache would do with a request: whether it may answer, what it has, what forbids it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lynkr._native.nearest import cosine
from lynkr.gateway.cache_keys import Names, epoch_of, scope_of
from lynkr.gateway.recall import verdict_of
from lynkr.policies.access import Principal
from lynkr.policies.cache_facts import question_of
from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import RULES, Rule, judge
from lynkr.stores.answers import Answer

if TYPE_CHECKING:
    from lynkr._native.requests import InboundRequest
    from lynkr._native.spans import Layout
    from lynkr.gateway.rules import PlannedRoute, Rules

SHOWN = 4  # of the nearest entries


class _Bare:
    """A request of which nothing but the body is known."""

    query = head = b""
    anthropic_version = authorization = api_key = None


def cache_plan(
    rules: Rules,
    planned: PlannedRoute,
    principal: Principal,
    api: str,
    body: bytes,
    layout: Layout,
    kept: Iterable[Answer],
) -> dict[str, Any]:
    """The cache's part of a plan. ``kept``: the answers that there are; those of other callers are
    passed over."""
    cache = rules.settings.cache
    mode = principal.cache or planned.cache_mode
    verdict = verdict_of(api, body, layout, mode, cache.request_bytes_max)
    plan: dict[str, Any] = {
        "mode": mode,
        "cacheable": verdict.exact or verdict.semantic,
        "why": verdict.why,
        "rule": verdict.rule,
    }
    if not plan["cacheable"]:
        return plan
    bare: InboundRequest = _Bare()  # type: ignore[assignment]
    scope = scope_of(principal, cache.scope, bare, lent=False)
    names = Names(api, scope, epoch_of(cache.epoch), cache.model_dir, planned, bare, body, layout)
    mine = [answer for answer in kept if answer.scope == scope]
    exact = next((answer.id for answer in mine if answer.key == names.key), None)
    plan["entry"] = exact
    asked = question_of(body, layout) if verdict.semantic else None
    if asked is None:
        return plan
    plain = canon(asked.text)
    plan["question"] = {
        "text": plain.text,
        "style": plain.style,
        "language": plain.language,
        "fleeting": plain.fleeting,
    }
    if plain.fleeting or (plain.language != "en" and not cache.model_dir):
        plan["why"] = (
            "Its answer changes with time or place, so only the same words may have it."
            if plain.fleeting
            else "The vectors are of English, so only the same words may have its answer."
        )
        return plan
    rule = RULES[cache.rule]
    partition = names.partition(asked.span)
    vector, mark = rules.standing.answers.vector(plain.text), features(plain)
    rows = [
        (cosine(vector, answer.vector), answer)
        for answer in mine
        if len(answer.vector) == len(vector)
    ]
    rows.sort(key=lambda row: -row[0])
    plan["nearest"] = [
        _near(similarity, answer, mark, rule, partition) for similarity, answer in rows[:SHOWN]
    ]
    return plan


def _near(
    similarity: float, answer: Answer, mark: bytes, rule: Rule, partition: bytes | None
) -> dict[str, Any]:
    found = judge(mark, answer.features, similarity, rule)
    return {
        "entry": answer.id,
        "question": answer.question,
        "similarity": round(similarity, 3),
        "coverage": round(found.coverage, 3),
        # Other headers make another partition, and a plan knows none.
        "same_partition": answer.partition == partition,
        "would_answer": found.allowed,
        "vetoes": list(found.vetoes),
    }
