"""Which calls may be answered from the cache: in doubt none, and the reason is always named."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr.config.settings import CacheMode
from lynkr.policies.cache_facts import Facts
from lynkr.policies.cacheable import Cacheable, judge

LARGE = 1000


def judged(mode: CacheMode = "exact", side: str = "", **facts: Any) -> Cacheable:
    known = {"api": "chat", "size": 100, "users": 1, **facts}
    found = judge(Facts(**known), side, mode, request_bytes_max=LARGE)
    assert found.why.endswith(".")
    assert found.rule.isidentifier()
    assert found.flight == found.exact
    assert found.exact or not found.semantic
    return found


AGAINST: list[tuple[dict[str, Any], str]] = [
    ({"understood": False}, "not_understood"),
    ({"size": LARGE + 1}, "too_large"),
    ({"tools": 3}, "tools"),
    ({"mid_exchange": True}, "mid_exchange"),
    ({"background": True}, "background"),
    ({"continues": True}, "continues"),
    ({"kept_by_provider": True}, "kept_by_provider"),
    ({"service_run": "plugins"}, "service_run"),
    ({"other_media": True}, "media"),
    ({"candidates": 2}, "candidates"),
    ({"unknown": "frobnicate"}, "unknown_field"),
]


@pytest.mark.parametrize("mode", ["exact", "semantic"])
@pytest.mark.parametrize("side", ["", "title"])
@pytest.mark.parametrize(("facts", "rule"), AGAINST)
def test_what_is_not_safe_to_repeat_never_is(
    mode: CacheMode, side: str, facts: dict[str, Any], rule: str
) -> None:
    """Whatever the key allows, and however deterministic the call."""
    found = judged(mode, side, temperature=0.0, **facts)
    assert (found.exact, found.rule) == (False, rule)


def test_nothing_is_when_the_cache_is_off() -> None:
    assert judged("off", temperature=0.0).rule == "off"
    assert judged("off", api="embeddings").rule == "off"


def test_by_default_chance_decides() -> None:
    assert judged(temperature=0.0).exact
    assert judged(seeded=True, temperature=1.0).exact
    assert judged().rule == "not_deterministic"
    assert judged(temperature=0.7).rule == "not_deterministic"


def test_tools_that_cannot_be_called_do_not_matter() -> None:
    assert judged(temperature=0.0, tools=20, tools_unused=True).exact


def test_counts_and_embeddings_are_always_the_same() -> None:
    assert judged(api="count_tokens").exact
    assert judged(api="embeddings").exact
    assert not judged("semantic", api="embeddings").semantic
    assert judged(api="embeddings", size=LARGE + 1).rule == "too_large"


def test_side_calls_go_by_their_kind() -> None:
    assert judged(side="title").exact
    assert judged(side="summary", temperature=0.0).rule == "side_call"
    assert judged("semantic", side="quota").rule == "side_call"
    assert not judged("semantic", side="title").semantic, "its words are the client's"


def test_a_key_that_asks_for_reuse_gets_it_at_any_temperature() -> None:
    assert judged("semantic", temperature=1.0, users=2, turns=1).exact
    found = judged("semantic", temperature=1.0)
    assert (found.exact, found.semantic) == (True, True)


@pytest.mark.parametrize(
    "facts",
    [
        {"turns": 1},
        {"users": 2},
        {"users": 0},
        {"seeded": True},
        {"logprobs": True},
        {"prediction": True},
        {"thinking": True},
    ],
)
def test_other_words_only_answer_one_plain_question(facts: dict[str, Any]) -> None:
    found = judged("semantic", **facts)
    assert (found.exact, found.semantic) == (True, False)
