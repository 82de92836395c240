"""Efforts and budgets of other dialects, as Claude understands them."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr.wire.anthropic.thinking import Thought, thought
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    Message,
    Reasoning,
    Request,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)


def ask(
    reasoning: Reasoning | None, *capabilities: str, limit: int = 64000, forced: bool = False
) -> tuple[Thought, list[str]]:
    choice = ToolChoice(mode="required") if forced else None
    request = Request(
        format="openai_chat", model="m", messages=[], reasoning=reasoning, tool_choice=choice
    )
    losses = Losses()
    target = Target(model="m", capabilities=frozenset(capabilities))
    return thought(request, target, limit, losses), [loss.name for loss in losses.found]


def adaptive(effort: str = "", **fields: Any) -> Thought:
    return Thought({"type": "adaptive", **fields}, effort)


def enabled(budget: int) -> Thought:
    return Thought({"type": "enabled", "budget_tokens": budget})


def test_who_asks_for_nothing_gets_the_models_default() -> None:
    assert ask(None, "adaptive_thinking", "thinking_budget") == (Thought(), [])


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (Reasoning(effort="minimal"), adaptive("low")),
        (Reasoning(effort="low"), adaptive("low")),
        (Reasoning(effort="medium"), adaptive("medium")),
        (Reasoning(effort="high"), adaptive("high")),
        (Reasoning(effort="xhigh"), adaptive("max")),
        (Reasoning(effort="max"), adaptive("max")),
        (Reasoning(mode="adaptive"), adaptive()),
        (Reasoning(mode="enabled"), adaptive()),
        (Reasoning(budget_tokens=-1), adaptive()),
        (Reasoning(summary="auto"), adaptive(display="summarized")),
        (Reasoning(mode="enabled", budget_tokens=1024), adaptive("low")),
        (Reasoning(mode="enabled", budget_tokens=8000), adaptive("medium")),
        (Reasoning(mode="enabled", budget_tokens=10_000), adaptive("high")),
        (Reasoning(mode="enabled", budget_tokens=100_000), adaptive("max")),
    ],
)
def test_adaptive_thinking_has_efforts(reasoning: Reasoning, expected: Thought) -> None:
    assert ask(reasoning, "adaptive_thinking") == (expected, [])
    assert expected.thinks


def test_newer_models_know_one_effort_more() -> None:
    found, _ = ask(Reasoning(effort="xhigh"), "adaptive_thinking", "effort_xhigh")
    assert found == adaptive("xhigh")


@pytest.mark.parametrize(
    ("reasoning", "limit", "expected"),
    [
        (Reasoning(effort="minimal"), 64000, 1024),
        (Reasoning(effort="low"), 64000, 2048),
        (Reasoning(effort="medium"), 64000, 8192),
        (Reasoning(effort="high"), 64000, 24576),
        (Reasoning(effort="xhigh"), 200_000, 32768),
        (Reasoning(effort="max"), 200_000, 65536),
        (Reasoning(summary="auto"), 64000, 8192),
        (Reasoning(effort="high"), 8192, 4096),
        (Reasoning(effort="high"), 1500, 1024),
        (Reasoning(mode="enabled", budget_tokens=5000), 6000, 5000),
        (Reasoning(mode="enabled", budget_tokens=5000), 5000, 2500),
    ],
)
def test_budgets_leave_room_for_the_answer(reasoning: Reasoning, limit: int, expected: int) -> None:
    found = ask(reasoning, "thinking_budget", limit=limit)
    assert found == (enabled(expected), [])
    assert 1024 <= expected < limit


def test_a_named_budget_is_passed_on_where_there_are_budgets() -> None:
    found = ask(Reasoning(budget_tokens=3000), "adaptive_thinking", "thinking_budget")
    assert found == (enabled(3000), [])


@pytest.mark.parametrize(
    ("reasoning", "capabilities", "fields"),
    [
        (Reasoning(effort="high"), [], {}),
        (Reasoning(effort="high"), ["thinking_budget"], {"limit": 1024}),
        (Reasoning(effort="high"), ["thinking_budget"], {"forced": True}),
        (Reasoning(mode="enabled", budget_tokens=100), ["thinking_budget"], {}),
        (Reasoning(effort="ludicrous"), ["adaptive_thinking"], {}),
        (Reasoning(effort="none"), ["adaptive_thinking", "thinking_always_on"], {}),
    ],
)
def test_what_the_model_cannot_do_is_reported(
    reasoning: Reasoning, capabilities: list[str], fields: dict[str, Any]
) -> None:
    assert ask(reasoning, *capabilities, **fields) == (Thought(), ["reasoning"])


def test_adaptive_thinking_goes_with_a_forced_call() -> None:
    found = ask(Reasoning(effort="low"), "adaptive_thinking", forced=True)
    assert found == (adaptive("low"), [])


@pytest.mark.parametrize(
    "off", [Reasoning(effort="none"), Reasoning(mode="disabled"), Reasoning(budget_tokens=0)]
)
def test_no_thinking(off: Reasoning) -> None:
    for capability in ("adaptive_thinking", "thinking_budget"):
        found, lost = ask(off, capability)
        assert found == Thought({"type": "disabled"})
        assert not found.thinks
        assert not lost
    assert ask(off) == (Thought(), [])  # such a model does not think anyway


def test_the_length_of_a_summary_is_not_to_be_chosen() -> None:
    found = ask(Reasoning(effort="low", summary="detailed"), "adaptive_thinking")
    assert found == (adaptive("low", display="summarized"), ["reasoning.summary"])


def test_unknown_fields_are_reported() -> None:
    reasoning = Reasoning(effort="low", extras={"context": "all_turns", "x_empty": None})
    assert ask(reasoning, "adaptive_thinking")[1] == ["reasoning.context"]


def _conversation(*said: tuple[str, list[Any]]) -> Request:
    return Request(
        format="openai_chat",
        model="m",
        messages=[Message(role=role, parts=parts) for role, parts in said],  # type: ignore[arg-type]
        reasoning=Reasoning(effort="high"),
    )


ASKED, CALL = Text(text="go"), ToolCall(id="c", name="n", arguments="{}")
ANSWER = ToolResult(call_id="c", content=[Text(text="done")])
OWN = Thinking(text="hm", seal=Seal("anthropic_messages", {"signature": "s"}))
OTHERS = Thinking(text="hm", seal=Seal("gemini", {"thoughtSignature": "s"}))


@pytest.mark.parametrize(
    ("said", "thinks"),
    [
        ([("user", [ASKED]), ("assistant", [CALL]), ("tool", [ANSWER])], False),
        ([("user", [ASKED]), ("assistant", [OTHERS, CALL]), ("user", [ANSWER])], False),
        ([("user", [ASKED]), ("assistant", [OWN, CALL]), ("tool", [ANSWER])], True),
        ([("assistant", [CALL]), ("tool", [ANSWER]), ("user", [ASKED])], True),
        ([("user", [ASKED]), ("assistant", [ASKED]), ("user", [ASKED])], True),
    ],
)
def test_a_budget_needs_the_thinking_of_calls_that_are_being_answered(
    said: list[tuple[str, list[Any]]], thinks: bool
) -> None:
    """Anthropic refuses a turn that goes on without it; a client that lost it can still go on."""
    losses = Losses()
    target = Target(model="m", capabilities=frozenset(["thinking_budget"]))
    found = thought(_conversation(*said), target, 64000, losses)
    assert found.thinks is thinks
    assert [loss.name for loss in losses.found] == ([] if thinks else ["reasoning"])
