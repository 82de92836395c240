"""Requests of other dialects, written for Google: settings arrive, or are reported."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given

from lynkr.wire.codec import Target
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from tests.wire.gemini.asked import answer, asked, said
from tests.wire.gemini.cases import encoded, lost
from tests.wire.made_json import objects, some_text

SCHEMA: Json = {
    "$schema": "x",
    "type": "object",
    "properties": {"type": {"type": ["string", "null"], "const": "a"}},
    "additionalProperties": False,
    "$defs": {"a": {"oneOf": []}},
}


def test_tools_arrive_undamaged() -> None:
    body, losses = encoded(
        asked(
            said("user", "x"),
            tools=[
                Tool(name="f", description="d", parameters=SCHEMA, strict=False),
                Tool(name="g"),
            ],
            tool_choice=ToolChoice(mode="auto"),
            parallel_tool_calls=True,
        )
    )
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA},
                {"name": "g"},
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}
    assert losses.found == []


@given(objects, some_text())
def test_any_schema_arrives_undamaged(schema: Json, description: str) -> None:
    tool = Tool(name="f", description=description, parameters=schema)
    body, _ = encoded(asked(said("user", "x"), tools=[tool]))
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"] == json.loads(json.dumps(schema))
    assert declared["description"] == description


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="tool", name="f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice(choice: ToolChoice, calling: Json) -> None:
    request = asked(said("user", "x"), tools=[Tool(name="f")], tool_choice=choice)
    assert encoded(request)[0]["toolConfig"] == {"functionCallingConfig": calling}
    # Google refuses it where there is nothing to choose from.
    body, losses = encoded(msgspec.structs.replace(request, tools=[]))
    assert "toolConfig" not in body
    assert lost(losses) == ([] if choice.mode == "none" else [("tool_choice", "tool_choice")])


def test_arguments_in_pieces_are_asked_for_where_they_are_known() -> None:
    target = Target(model="m", capabilities=frozenset(["stream_arguments"]))
    request = asked(said("user", "x"), tools=[Tool(name="f")], stream=True)
    body, _ = encoded(request, target)
    assert body["toolConfig"] == {"functionCallingConfig": {"streamFunctionCallArguments": True}}
    for other in (
        encoded(request)[0],
        encoded(msgspec.structs.replace(request, stream=False), target)[0],
        encoded(msgspec.structs.replace(request, tools=[]), target)[0],
    ):
        assert "toolConfig" not in other


def test_sampling() -> None:
    body, losses = encoded(
        asked(
            said("user", "x"),
            max_output_tokens=100,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            stop=["a", "b"],
            seed=1,
            presence_penalty=0.1,
            frequency_penalty=-0.1,
            candidates=1,
            logprobs=True,
            top_logprobs=3,
        )
    )
    assert body["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 1,
        "stopSequences": ["a", "b"],
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.1,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert losses.found == []


def test_nothing_is_invented() -> None:
    assert encoded(asked(said("user", "x")))[0] == {
        "contents": [{"role": "user", "parts": [{"text": "x"}]}]
    }


def test_limits() -> None:
    """More output than there is, or more stop sequences than five, is an error at Google."""
    body, losses = encoded(
        asked(said("user", "x"), max_output_tokens=100_000, stop=list("abcdef")),
        Target(model="m", output_tokens_max=65_536),
    )
    assert body["generationConfig"] == {
        "maxOutputTokens": 65_536,
        "stopSequences": ["a", "b", "c", "d", "e"],
    }
    assert lost(losses) == [("stop_sequences", "stop_sequences")]


@pytest.mark.parametrize(
    ("output", "config"),
    [
        (OutputFormat(kind="text"), None),
        (OutputFormat(kind="json_object"), {"responseMimeType": "application/json"}),
        (
            OutputFormat(kind="json_schema", name="n", schema=SCHEMA, strict=True),
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
    ],
)
def test_output(output: OutputFormat, config: Json | None) -> None:
    body, losses = encoded(asked(said("user", "x"), output=output))
    assert body.get("generationConfig") == config
    assert losses.found == []


BUDGET, LEVEL, MINIMAL, OFF = (
    "thinking_budget",
    "thinking_level",
    "thinking_minimal",
    "thinking_off",
)


@pytest.mark.parametrize(
    ("dialect", "reasoning", "capabilities", "config"),
    [
        ("anthropic_messages", Reasoning(mode="enabled", budget_tokens=1024), [BUDGET],
         {"thinkingBudget": 1024, "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="enabled", budget_tokens=31_999), [BUDGET],
         {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="enabled", budget_tokens=2000), [LEVEL],
         {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="enabled", budget_tokens=8000), [LEVEL],
         {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="enabled", budget_tokens=9000), [LEVEL],
         {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="adaptive"), [BUDGET],
         {"thinkingBudget": -1, "includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="adaptive"), [LEVEL], {"includeThoughts": True}),
        ("anthropic_messages", Reasoning(mode="adaptive", effort="max"), [LEVEL, BUDGET],
         {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("anthropic_messages", Reasoning(effort="medium"), [BUDGET], {"thinkingBudget": 8192}),
        ("anthropic_messages", Reasoning(mode="disabled"), [BUDGET, OFF], {"thinkingBudget": 0}),
        ("openai_chat", Reasoning(effort="low"), [BUDGET],
         {"thinkingBudget": 2048, "includeThoughts": True}),
        ("openai_chat", Reasoning(effort="none"), [LEVEL, OFF], {"thinkingBudget": 0}),
        ("openai_chat", Reasoning(effort="minimal"), [LEVEL],
         {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("openai_chat", Reasoning(effort="minimal"), [LEVEL, MINIMAL],
         {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("openai_responses", Reasoning(effort="xhigh"), [LEVEL], {"thinkingLevel": "HIGH"}),
        ("openai_responses", Reasoning(effort="high", summary="auto"), [BUDGET],
         {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("openai_responses", Reasoning(summary="detailed"), [LEVEL], {"includeThoughts": True}),
    ],
)  # fmt: skip
def test_thinking(
    dialect: str, reasoning: Reasoning, capabilities: list[str], config: Json
) -> None:
    target = Target(model="m", capabilities=frozenset(capabilities))
    body, losses = encoded(asked(said("user", "x"), format=dialect, reasoning=reasoning), target)
    assert body["generationConfig"] == {"thinkingConfig": config}
    assert losses.found == []


@pytest.mark.parametrize(
    ("reasoning", "capabilities"),
    [
        (Reasoning(mode="enabled", budget_tokens=1024), []),
        (Reasoning(effort="low"), [OFF]),
        (Reasoning(mode="disabled"), [BUDGET, LEVEL]),
        (Reasoning(effort="none"), [BUDGET]),
        (Reasoning(effort="ultra"), [BUDGET, LEVEL]),
    ],
)
def test_thinking_that_the_model_cannot_do(reasoning: Reasoning, capabilities: list[str]) -> None:
    target = Target(model="m", capabilities=frozenset(capabilities))
    body, losses = encoded(asked(said("user", "x"), reasoning=reasoning), target)
    assert "generationConfig" not in body
    assert [name for name, _ in lost(losses)] == ["reasoning"]


def test_a_model_with_fixed_sampling_gets_none() -> None:
    target = Target(model="m", capabilities=frozenset(["fixed_sampling"]))
    said_all = {"temperature": 0.5, "top_p": 0.9, "top_k": 40}
    body, losses = encoded(asked(said("user", "x"), seed=1, **said_all), target)
    assert body["generationConfig"] == {"seed": 1}
    assert lost(losses) == [(name, name) for name in said_all]
    body, losses = encoded(asked(said("user", "x"), temperature=1.0, top_p=1), target)
    assert ("generationConfig" in body, lost(losses)) == (False, [])
    own = asked(said("user", "x"), format="gemini", top_k=40)  # the client knows its model
    assert encoded(own, target)[0]["generationConfig"] == {"topK": 40}


# --- losses ---------------------------------------------------------------------------------------

MARK = CacheMark()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"user": "u"}, ("user", "user")),
        ({"metadata": {"a": "b"}}, ("metadata", "metadata")),
        ({"service_tier": "flex"}, ("service_tier", "service_tier")),
        ({"prompt_cache_key": "k"}, ("prompt_cache_key", "prompt_cache_key")),
        ({"prompt_cache_retention": "24h"}, ("prompt_cache_retention", "prompt_cache_retention")),
        ({"verbosity": "low"}, ("verbosity", "verbosity")),
        ({"store": True}, ("store", "store")),
        ({"previous_response_id": "r"}, ("previous_response_id", "previous_response_id")),
        ({"parallel_tool_calls": False}, ("parallel_tool_calls", "parallel_tool_calls")),
        ({"candidates": 2}, ("n", "n")),
        (
            {"extras": {"context_management": {"edits": 1}}},
            ("context_management", "context_management"),
        ),
        (
            {"tools": [Tool(name="f", strict=True)]},
            ("tool.strict", "tools.0.strict"),
        ),
        (
            {"tools": [Tool(name="f", cache=MARK)]},
            ("tool.cache_control", "tools.0.cache_control"),
        ),
        (
            {"tools": [Tool(name="f", extras={"eager_input_streaming": True})]},
            ("eager_input_streaming", "tools.0.eager_input_streaming"),
        ),
        (
            {"tools": [Tool(name="w", kind="hosted", value={"type": "web_search_20250305"})]},
            ("web_search_20250305", "tools.0"),
        ),
        (
            {"tools": [Tool(name="f")], "tool_choice": ToolChoice(mode="auto", extras={"x": 1})},
            ("tool_choice.x", "tool_choice.x"),
        ),
        (
            {"output": OutputFormat(kind="json_object", description="d")},
            ("output_format.description", "output_format.description"),
        ),
        (
            {"output": OutputFormat(kind="text", extras={"x": 1})},
            ("output_format.x", "output_format.x"),
        ),
        (
            {"system": Message(role="system", parts=[Text(text="s", cache=MARK)])},
            ("cache_control", "system.content.0.cache_control"),
        ),
        (
            {"system": Message(role="system", parts=[], extras={"x": 1})},
            ("system.x", "system.x"),
        ),
    ],
)
def test_a_setting_without_a_place_is_reported(more: Json, expected: tuple[str, str]) -> None:
    _, losses = encoded(asked(said("user", "x"), **more))
    assert lost(losses) == [expected]


@pytest.mark.parametrize(
    ("part", "name", "field"),
    [
        (Text(text="a", cache=MARK), "cache_control", ".cache_control"),
        (Text(text="", cache=MARK), "cache_control", ".cache_control"),
        (Text(text="a", extras={"citations": [1]}), "citations", ".citations"),
        (Text(text="no", refusal=True), "refusal", ""),
        (Image(data="A", detail="low"), "image.detail", ".detail"),
        (Image(url="https://e.com/a"), "image_url", ""),
        (Image(url="ftp://e.com/a"), "image_url", ""),
        (Image(file_id="file_1"), "file_id", ""),
        (Document(data="A", title="t"), "document.title", ".title"),
        (Document(url="https://e.com/a"), "document_url", ""),
        (Document(file_id="file_1"), "file_id", ""),
        (Document(text="a", cache=MARK), "cache_control", ".cache_control"),
        (Opaque(kind="server_tool_use", value={}), "server_tool_use", ""),
        (Audio(media_type="audio/wav", data="A", extras={"x": 1}), "x", ".x"),
    ],
)
def test_a_part_without_a_place_is_reported(part: Part, name: str, field: str) -> None:
    _, losses = encoded(asked(said("user", "x", part)))
    assert lost(losses) == [(name, f"messages.0.content.1{field}")]


def test_losses_in_calls_results_and_messages() -> None:
    marked = ToolCall(id="c1", name="f", arguments="{}", cache=MARK, extras={"caller": 1})
    result = answer("c1", Image(file_id="f"), cache=MARK, extras={"y": 1})
    message = Message(role="user", parts=[Text(text="x")], name="Ann", extras={"z": 1})
    _, losses = encoded(asked(message, said("assistant", marked), said("user", result)))
    assert lost(losses) == [
        ("message.name", "messages.0.name"),
        ("z", "messages.0.z"),
        ("cache_control", "messages.1.content.0.cache_control"),
        ("caller", "messages.1.content.0.caller"),
        ("cache_control", "messages.2.content.0.cache_control"),
        ("y", "messages.2.content.0.y"),
        ("file_id", "messages.2.content.0.content.0"),
    ]


def test_what_says_nothing_is_no_loss() -> None:
    _, losses = encoded(
        asked(
            said("user", "x", Image(data="A", detail="auto")),
            store=False,
            metadata={},
            parallel_tool_calls=True,
            verbosity="medium",
            service_tier="auto",
            tools=[Tool(name="f", strict=False)],
        )
    )
    assert losses.found == []
