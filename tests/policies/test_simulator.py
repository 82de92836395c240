"""A recording billed twice: what the passes are worth in dollars, and where they would lose."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.config.settings import Tokens
from lynkr.policies import simulator
from lynkr.policies.rule_sets import NO_CACHE, RULE_SETS, Session, added, sessions, wanted
from lynkr.policies.simulator import Turn, play, reply_tokens, target, wants
from lynkr.transforms.cache_plan import Aim
from lynkr.transforms.passes import Shaped, Want
from lynkr.wire.tokens import FACTORS

NOTHING = Want()
WORDS = "The same words stand in every request and are long enough to be cached. " * 120


def turn(body: dict[str, Any], at_s: float = 0, dialect: int = CHAT, session: str = "s") -> Turn:
    said = json.dumps(body, separators=(",", ":")).encode()
    return Turn(session, at_s, said, dialect, str(body.get("model", "")), 10)


def chat(*said: str, model: str = "gpt-5.5", system: str = WORDS) -> dict[str, Any]:
    """A Chat body: the system prompt, then user and assistant by turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return {"model": model, "messages": [{"role": "system", "content": system}, *messages]}


def talk(count: int, **more: Any) -> list[Turn]:
    said = [f"{WORDS[:400]} {number}" for number in range(2 * count)]
    return [turn(chat(*said[: 2 * n + 1], **more), 10.0 * n) for n in range(count)]


def shaped(body: bytes) -> Shaped:
    return Shaped(body, True, 0, 0, (), (), None, 0, ())


def test_without_passes_both_bills_are_the_same() -> None:
    for name, rules in RULE_SETS.items():
        at = target(rules.kind, rules.model, cached=name != NO_CACHE, step=rules.step)
        for billed in play(talk(4), at, NOTHING, Memo(1 << 20)):
            assert billed.passthrough == billed.planned
            assert billed.stages == {"attribution": 0}
            assert billed.passthrough.output_tokens == 10


def test_each_stage_is_billed_after_those_before_it() -> None:
    """Their savings add up to the difference of the two bills."""
    want = wanted(Tokens())
    assert [stage for stage, _ in wants(want)] == ["", "tools", "repeats", "results", "marks"]
    assert wants(want)[-1][1] == want
    assert [stage for stage, _ in wants(Want(results="lossless"))] == ["", "results"]
    at = target("anthropic", "claude-sonnet-4-5")
    for billed in play(talk(4), at, want, Memo(1 << 20)):
        assert sum(billed.stages.values()) == pytest.approx(billed.saved_usd)


def test_a_pass_that_changes_what_was_sent_shows_as_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer tokens, and yet dearer: each turn the beginning is another, so nothing is read."""
    calls: list[int] = []

    def fickle(body: bytes, dialect: int, want: Want, aim: Aim, memo: Memo) -> Shaped:
        if not want.repeats:
            return shaped(body)
        calls.append(1)
        return shaped(body.replace(b"The same words stand", b"%d same" % len(calls)))

    monkeypatch.setattr(simulator, "shape", fickle)
    at = target("openai", "gpt-5.5", step=128)
    turns = play(talk(6), at, Want(repeats=True), Memo(1 << 20))
    assert sum(billed.saved_usd for billed in turns) < 0
    assert all(b.planned.prompt_tokens < b.passthrough.prompt_tokens for b in turns)
    assert all(b.planned.read_tokens == 0 for b in turns)
    assert turns[-1].passthrough.read_tokens > 0


def test_a_body_that_passes_as_it_is_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "shape", lambda *given: None)
    at = target("openai", "gpt-5.5")
    (billed,) = play(talk(1), at, Want(repeats=True), Memo(1 << 20))
    assert billed.saved_usd == 0


def test_a_body_that_cannot_be_read_is_told() -> None:
    broken = Turn("s", 0, b'{"messages":[', CHAT, "gpt-5.5")
    with pytest.raises(ValueError, match="can be read"):
        play([broken], target("openai", "gpt-5.5"), NOTHING, Memo(1 << 20))


def test_a_client_without_marks_gets_them_where_marks_are_needed() -> None:
    """Chat to Anthropic: passed through, nothing is ever read; with marks the last prompt is.

    A talk without tools is first marked when it has gone on.
    """
    at = target("anthropic", "claude-sonnet-4-5")
    turns = play(talk(4), at, Want(marks="5m"), Memo(1 << 20))
    assert all(billed.passthrough.read_tokens == 0 for billed in turns)
    assert turns[0].planned == turns[0].passthrough
    for before, billed in pairwise(turns[1:]):
        assert billed.planned.read_tokens == before.planned.prompt_tokens
    assert sum(billed.stages["marks"] for billed in turns) > 0


def test_models_do_not_share_a_cache_and_sessions_do() -> None:
    at = target("openai", "gpt-5.5", step=128)
    one, other = chat("a"), chat("a", model="gpt-5.5-other")
    found = play([turn(one), turn(other, 1), turn(one, 2, session="t")], at, NOTHING, Memo(1 << 20))
    assert [billed.passthrough.read_tokens > 0 for billed in found] == [False, False, True]


def test_targets_are_those_of_the_catalog() -> None:
    """What is sent as it came is not translated; a price that is not known is told."""
    at = target("anthropic", "claude-sonnet-4-5")
    assert not at.aims[MESSAGES].translated
    assert at.aims[CHAT].translated
    assert at.rules.style == "explicit"
    assert at.factor == FACTORS["claude"] != target("openai", "gpt-5.5").factor
    assert target("deepseek", "deepseek-v4-pro", ttl_s=7200).rules.ttl_s == 7200
    none = target("anthropic", "claude-sonnet-4-5", cached=False)
    assert (none.rules.style, none.aims[MESSAGES].style) == ("none", "none")
    with pytest.raises(ValueError, match="price of gpt-oss at openai is not known"):
        target("openai", "gpt-oss")
    with pytest.raises(ValueError, match="no such kind"):
        target("nobody", "m")


def test_a_reply_is_counted_by_what_comes_back_of_it() -> None:
    """The assistant's part of the next request; nothing if that does not go on from this one."""
    first, second = turn(chat("a")), turn(chat("a", "word " * 200, "b"))
    assert 190 < reply_tokens(first, second) < 220
    assert reply_tokens(second, first) == 0
    item = {"type": "message", "role": "user", "content": "a"}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    output = {"type": "function_call_output", "call_id": "c", "output": "word " * 200}
    asked = turn({"model": "m", "input": [item]}, dialect=RESPONSES)
    after = turn({"model": "m", "input": [item, call, output]}, dialect=RESPONSES)
    assert 3 < reply_tokens(asked, after) < 30


# --- rule sets ------------------------------------------------------------------------------------


def billed(turns: list[Turn], *names: str) -> list[Session]:
    return sessions(turns, names or list(RULE_SETS), NOTHING)


def test_a_session_is_billed_as_its_own_model_where_that_is_known() -> None:
    """A model that a provider does not have is billed as a usual one there."""
    (found,) = billed(talk(2, model="gpt-5.4"))
    assert (found.rules, found.api) == ("openai", "chat")
    assert found.by_rules["openai"].models == ["gpt-5.4"]
    assert found.by_rules["anthropic"].models == ["claude-sonnet-4-5"]
    assert found.by_rules[NO_CACHE].models == ["gpt-5.4"]
    assert found.passthrough_usd == found.by_rules["openai"].passthrough_usd
    assert found.passthrough_usd == pytest.approx(sum(t.passthrough.usd for t in found.turns))
    assert [t.turn for t in found.turns] == [1, 2]


def test_a_model_that_nobody_knows_is_billed_by_its_dialect() -> None:
    assert billed(talk(1, model="secret"))[0].rules == "openai"
    (found,) = billed([turn(chat("a", model="secret"), dialect=MESSAGES)])
    assert found.rules == "anthropic"
    assert billed(talk(1, model="secret"), "gemini")[0].rules == "gemini"
    assert billed(talk(1, model="secret"), NO_CACHE)[0].rules == NO_CACHE


def test_any_kind_of_the_catalog_can_be_asked_for() -> None:
    (found,) = billed(talk(2, model="gpt-5.4"), "openrouter", "openai")
    assert found.rules == "openrouter"
    assert found.by_rules["openrouter"].models == ["gpt-5.4"]
    with pytest.raises(ValueError, match="price of secret at openrouter"):
        billed(talk(1, model="secret"), "openrouter")


def test_sessions_stand_apart_and_sums_add_up() -> None:
    turns = talk(2)
    other = [msgspec.structs.replace(one, session="t", at_s=one.at_s + 1) for one in talk(3)]
    found = billed(sorted([*turns, *other], key=lambda one: one.at_s))
    assert [(one.session, len(one.turns)) for one in found] == [("s", 2), ("t", 3)]
    assert found[1].turns[0].at_s == 0
    whole = added(one.by_rules["openai"] for one in found)
    assert whole.tokens_before == sum(one.by_rules["openai"].tokens_before for one in found)
    assert whole.saved == 0
    assert added([]).saved == 0
