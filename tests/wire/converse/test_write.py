"""Requests of other dialects, written for Converse: valid there, and nothing lost in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.wire.codec import Losses, Target, codec
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.message import (
    Json,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.plain_tools import simplified
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire import schemas
from tests.wire.converse.tools import ALL, LS, NONE, asked, assistant, user, written
from tests.wire.meaning import meaning

# --- tools ----------------------------------------------------------------------------------------


def test_tools_are_written_whole_with_what_bedrock_demands() -> None:
    schema: Json = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "x-y": [None]}
    body, lost = written(
        asked(
            tools=[
                Tool(name="one", description="First.", parameters=schema, strict=True),
                Tool(name="two", description="", strict=False),
                Tool(name="three", parameters={"properties": {}}),
            ],
            tool_choice=ToolChoice(mode="required"),
        )
    )
    assert body["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "one",
                    "description": "First.",
                    "inputSchema": {"json": schema},
                    "strict": True,
                }
            },
            *(
                {
                    "toolSpec": {
                        "name": name,
                        "inputSchema": {"json": {"type": "object", "properties": {}}},
                    }
                }
                for name in ("two", "three")
            ),
        ],
        "toolChoice": {"any": {}},
    }
    assert lost == []


CALLED = (
    user(Text(text="q")),
    assistant(ToolCall(id="1", name="ls", arguments="{}")),
    user(ToolResult(call_id="1", content=[])),
)


def test_calls_in_the_history_need_tools_and_none_are_invented() -> None:
    """Bedrock: "The toolConfig field must be defined when using toolUse and toolResult"."""
    body, lost = written(asked(*CALLED))
    assert "toolConfig" not in body
    assert lost == [("tools", "tools")]


def test_no_choice_of_tools_is_told_by_offering_none_where_the_history_allows_it() -> None:
    body, lost = written(asked(tools=[LS], tool_choice=ToolChoice(mode="none")))
    assert "toolConfig" not in body
    assert lost == []
    body, lost = written(asked(*CALLED, tools=[LS], tool_choice=ToolChoice(mode="none")))
    assert list(body["toolConfig"]) == ["tools"]
    assert lost == [("tool_choice", "tool_choice")]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (ToolChoice(mode="auto"), {"auto": {}}),
        (ToolChoice(mode="required"), {"any": {}}),
        (ToolChoice(mode="tool", name="ls"), {"tool": {"name": "ls"}}),
    ],
)
def test_choices(choice: ToolChoice, found: Json) -> None:
    body, lost = written(asked(tools=[LS], tool_choice=choice))
    assert body["toolConfig"]["toolChoice"] == found
    assert lost == []


def test_a_tool_that_another_provider_runs_is_a_loss_and_so_is_its_choice() -> None:
    search = Tool(name="web_search", kind="hosted", value={"type": "web_search_20250305"})
    body, lost = written(
        asked(tools=[search], tool_choice=ToolChoice(mode="tool", name="web_search"))
    )
    assert "toolConfig" not in body
    assert lost == [("web_search_20250305", "tools.0"), ("tool_choice", "tool_choice")]


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_carried_and_none_is_invented() -> None:
    body, lost = written(
        asked(
            max_output_tokens=9000,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            stop=["END", ""],
            metadata={"team": "a b"},
            service_tier="priority",
            output=OutputFormat(
                kind="json_schema", name="answer", schema={"type": "object"}, strict=True
            ),
        ),
        output_tokens_max=8000,
    )
    assert body == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {
            "maxTokens": 8000,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["END"],
        },
        "additionalModelRequestFields": {"top_k": 40},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "answer"}},
            }
        },
        "requestMetadata": {"team": "a b"},
        "serviceTier": {"type": "priority"},
    }
    assert lost == []
    assert written(asked())[0] == {"messages": body["messages"]}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"seed": 0}, "seed"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"candidates": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"verbosity": "low"}, "verbosity"),
        ({"user": "u"}, "user"),
        ({"prompt_cache_key": "k"}, "prompt_cache_key"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
        ({"store": True}, "store"),
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"temperature": 1.5}, "temperature"),
        ({"top_k": 3}, "top_k"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "{}"}}, "metadata"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"output": OutputFormat(kind="json_object")}, "output_format"),
        ({"output": OutputFormat(kind="json_schema", schema={})}, "output_format"),
        ({"reasoning": Reasoning(effort="high")}, "reasoning"),
        ({"tools": [Tool(name="ls", strict=True)]}, "tool.strict"),
        ({"extras": {"new": 1}}, "new"),
        ({"tools": [Tool(name="ls", extras={"new": 1})]}, "new"),
        (
            {"tools": [LS], "tool_choice": ToolChoice(mode="auto", extras={"new": 1})},
            "tool_choice.new",
        ),
    ],
)
def test_what_bedrock_or_the_model_has_no_place_for_is_named(fields: Any, name: str) -> None:
    body, lost = written(asked(**fields), NONE)
    assert [found for found, _ in lost] == [name]
    assert json.dumps(body).count("new") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"store": False},
        {"candidates": 1},
        {"logprobs": False},
        {"presence_penalty": 0.0},
        {"parallel_tool_calls": True},
        {"verbosity": "medium"},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"metadata": {}},
        {"output": OutputFormat(kind="text")},
        {"extras": {"a": None, "b": [], "c": {}, "d": ""}},
        {"reasoning": Reasoning(effort="none")},
        {"reasoning": Reasoning(mode="disabled")},
    ],
)
def test_what_says_nothing_is_no_loss(fields: Any) -> None:
    assert written(asked(**fields), NONE) == (written(asked())[0], [])


def test_models_with_fixed_sampling_get_the_default_only() -> None:
    flags = frozenset(("fixed_sampling",))
    assert written(asked(temperature=1, top_p=1.0), flags) == (written(asked())[0], [])
    _, lost = written(asked(temperature=0, top_p=0.5, top_k=1), flags)
    assert [name for name, _ in lost] == ["temperature", "top_p", "top_k"]


ADAPTIVE = frozenset(("adaptive_thinking",))
BUDGET = frozenset(("thinking_budget",))


@pytest.mark.parametrize(
    ("format_", "reasoning", "flags", "fields", "lost"),
    [
        (
            "openai_responses",
            Reasoning(effort="high", summary="auto"),
            ADAPTIVE,
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
            [],
        ),
        (
            "openai_chat",
            Reasoning(effort="low"),
            BUDGET,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            [],
        ),
        # In Claude's own dialect an effort alone asks for no thinking.
        (
            "anthropic_messages",
            Reasoning(effort="high"),
            ADAPTIVE,
            {"output_config": {"effort": "high"}},
            [],
        ),
        ("anthropic_messages", Reasoning(effort="high"), BUDGET, None, ["reasoning"]),
        (
            "anthropic_messages",
            Reasoning(mode="disabled", effort="low"),
            ADAPTIVE,
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
            [],
        ),
        (
            "anthropic_messages",
            Reasoning(mode="enabled", budget_tokens=4000, effort="max"),
            ADAPTIVE | BUDGET,
            {
                "thinking": {"type": "enabled", "budget_tokens": 4000},
                "output_config": {"effort": "max"},
            },
            [],
        ),
        (
            "anthropic_messages",
            Reasoning(mode="adaptive", effort="medium"),
            ADAPTIVE,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            [],
        ),
    ],
)
def test_thinking_is_asked_for_in_claudes_words(
    format_: str, reasoning: Reasoning, flags: frozenset[str], fields: Json | None, lost: list[str]
) -> None:
    body, found = written(asked(format=format_, reasoning=reasoning, max_output_tokens=8000), flags)
    assert body.get("additionalModelRequestFields") == fields
    assert [name for name, _ in found] == lost


# --- recorded requests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fixture", [each for each in all_fixtures() if each.family == "messages"], ids=repr
)
def test_a_recorded_request_of_claude_code_means_the_same(fixture: Fixture) -> None:
    """All texts, calls, results, tools and pictures, in their order."""
    request = codec("anthropic_messages").decode_request(fixture.request, "", False)
    losses = Losses()
    plain, _ = simplified(request, losses)
    body = CODEC.encode_request(plain, Target("m", ALL), losses)
    if not any(loss.name == "tools" for loss in losses.found):
        schemas.check("bedrock", body, stream=False)
    source, target = meaning("anthropic_messages", fixture.request), meaning("bedrock", body)
    lost = {loss.name for loss in losses.found}
    assert target.texts("system", "user") == source.texts("system", "user")
    assert target.texts("assistant") == source.texts("assistant")
    assert target.calls == source.calls
    assert [result.call for result in target.results] == [result.call for result in source.results]
    if not {"tool_reference"} & lost:
        assert [each.texts for each in target.results if each.texts] == [
            each.texts for each in source.results if any(each.texts)
        ]
    assert target.thoughts == source.thoughts
    assert target.pictures == source.pictures
    assert [tool.name for tool in target.tools] == [
        tool.name for tool in source.tools if tool.name in {each.name for each in plain.tools}
    ]
