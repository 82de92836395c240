"""Requests of other dialects, written for Anthropic: what it takes, and what is reported lost."""

from __future__ import annotations

import json

import pytest
from anthropic.types import message_create_params
from pydantic import TypeAdapter

from lynkr.wire.anthropic.write import encode_request
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
)
from tests.wire.anthropic.written import (
    SEALED,
    Body,
    call,
    request,
    result,
    said,
    text,
    turns,
    write,
)

# --- roles and turns ------------------------------------------------------------------------------


def test_leading_instructions_are_the_system_prompt() -> None:
    asked = request(said("system", "b", "c"), said("developer", "d"), said("user", "e"))
    asked.system = said("system", "a")
    body, lost = write(asked)
    assert body["system"] == text("a", "b", "c", "d")
    assert body["messages"] == [{"role": "user", "content": text("e")}]
    assert not lost


def test_what_is_lost_of_the_instructions_is_told_apart() -> None:
    asked = request(said("user", "a"))
    asked.system = said("system", "s", Audio(media_type="audio/wav", data="U"))
    body, lost = write(asked)
    assert (body["system"], lost) == (text("s"), [("audio", "system.content.1")])


def test_without_instructions_there_is_no_system_prompt() -> None:
    body, _ = write(request(said("user", "a")))
    assert body == {
        "model": "claude-opus-4-8",
        "max_tokens": 64000,
        "messages": [{"role": "user", "content": text("a")}],
    }


def test_results_are_the_users_and_come_first() -> None:
    """OpenAI has a message for each; Anthropic wants all behind the calls, in one turn."""
    assert turns(
        said("user", "a"),
        said("assistant", "b", call("x"), call("y")),
        said("tool", result("x")),
        said("user", "c"),
        said("tool", result("y")),
        said("user", "d"),
    ) == [
        ("user", text("a")),
        (
            "assistant",
            [
                *text("b"),
                {"type": "tool_use", "id": "x", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "y", "name": "f", "input": {"a": 1}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "x", "content": text("r")},
                {"type": "tool_result", "tool_use_id": "y", "content": text("r")},
                *text("c", "d"),
            ],
        ),
    ]


def test_items_of_one_turn_are_one_message() -> None:
    """Responses has an item for the reasoning, for the text and for each call."""
    ((_, _), (role, blocks)) = turns(
        said("user", "a"),
        said("assistant", Thinking(text="t", seal=SEALED)),
        said("assistant", "b"),
        said("assistant", call()),
    )
    assert role == "assistant"
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]


def test_later_instructions_are_the_users_words_where_the_model_knows_no_others() -> None:
    assert turns(
        said("user", "a"), said("assistant", "b"), said("developer", "c"), said("user", "d")
    ) == [("user", text("a")), ("assistant", text("b")), ("user", text("c", "d"))]


def test_later_instructions_stay_system_messages_where_they_may() -> None:
    """Behind the user's turn, and before the assistant's or at the end; one at a time."""
    found = turns(
        said("user", "a"),
        said("system", "b"),
        said("developer", "c"),
        said("assistant", "d"),
        said("user", "e"),
        said("system", "f"),
        native=True,
    )
    assert found == [
        ("user", text("a")),
        ("system", text("b", "c")),
        ("assistant", text("d")),
        ("user", text("e")),
        ("system", text("f")),
    ]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [said("user", "a"), said("system", "b"), said("user", "c")],
            [("user", text("a", "b", "c"))],
        ),
        (
            [said("user", "a"), said("assistant", "b"), said("system", "c")],
            [("user", text("a")), ("assistant", text("b")), ("user", text("c"))],
        ),
    ],
)
def test_instructions_in_a_place_that_the_api_refuses_are_the_users_words(
    messages: list[Message], expected: list[tuple[str, list[Body]]]
) -> None:
    assert turns(*messages, native=True) == expected


def test_instructions_between_a_call_and_its_result_wait_for_it() -> None:
    for native in (False, True):
        *_, (role, blocks) = turns(
            said("user", "a"),
            said("assistant", call()),
            said("developer", "b"),
            said("tool", result()),
            native=native,
        )
        assert role == "user"
        assert [block["type"] for block in blocks] == ["tool_result", "text"]


def test_instructions_alone_are_asked_by_the_user() -> None:
    body, lost = write(request(said("system", "a"), said("system", "b")))
    assert body["system"] == text("a")
    assert body["messages"] == [{"role": "user", "content": text("b")}]
    assert not lost


def test_blank_text_is_left_out_and_so_are_messages_without_anything_else() -> None:
    """ "text content blocks must contain non-whitespace text" """
    assert turns(
        said("user", "a", ""),
        said("assistant", "\n\n"),
        said("user", " ", "b"),
        said("assistant", "", call()),
        said("tool", ToolResult(call_id="call_1", content=[Text(text="")], plain=True)),
    ) == [
        ("user", text("a", "b")),
        ("assistant", [{"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}]),
        ("user", [{"type": "tool_result", "tool_use_id": "call_1"}]),
    ]


def test_the_next_turn_begins_with_the_bytes_of_this_one() -> None:
    """Prompt caches live on it."""
    first = [
        said("developer", "s"),
        said("user", "a"),
        said("assistant", Thinking(text="t", seal=SEALED), call("fc:1")),
        said("tool", result("fc:1")),
    ]
    more = [said("assistant", "b"), said("user", "c")]
    before = write(request(*first), "mid_conversation_system")[0]
    after = write(request(*first, *more), "mid_conversation_system")[0]
    assert after["system"] == before["system"]
    assert json.dumps(after["messages"])[:-1].startswith(json.dumps(before["messages"])[:-1])


# --- tools ----------------------------------------------------------------------------------------


def test_tools_have_an_object_schema() -> None:
    schema: Json = {"type": "object", "properties": {"a": {"$ref": "#/x"}}, "x": [1]}
    tools = [
        Tool(name="a", description="A.", parameters=schema, cache=CacheMark()),
        Tool(name="b", strict=False),
        Tool(name="c", parameters={}),
        Tool(name="d", parameters={"anyOf": [1]}),
    ]
    body, lost = write(request(said("user", "a"), tools=tools))
    assert body["tools"] == [
        {
            "name": "a",
            "description": "A.",
            "input_schema": schema,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "b", "input_schema": {"type": "object", "properties": {}}},
        {"name": "c", "input_schema": {"type": "object"}},
        {"name": "d", "input_schema": {"type": "object", "anyOf": [1]}},
    ]
    assert not lost


def test_tools_of_other_providers_are_reported_by_their_type() -> None:
    tools = [
        Tool(name="", kind="hosted", value={"type": "image_generation"}),
        Tool(name="exec", kind="custom"),
        Tool(name="f", strict=True, extras={"x_new": 1}),
    ]
    body, lost = write(request(said("user", "a"), tools=tools))
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert lost == [
        ("image_generation", "tools.0"),
        ("custom", "tools.1"),
        ("tool.strict", "tools.2.strict"),
        ("x_new", "tools.2.x_new"),
    ]
    body, lost = write(request(said("user", "a"), tools=tools[2:]), "structured_output")
    assert body["tools"][0]["strict"] is True
    assert [name for name, _ in lost] == ["x_new"]


FUNCTION = Tool(name="f")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": ToolChoice(mode="auto")}, {"type": "auto"}),
        ({"tool_choice": ToolChoice(mode="required")}, {"type": "any"}),
        ({"tool_choice": ToolChoice(mode="none")}, {"type": "none"}),
        ({"tool_choice": ToolChoice(mode="tool", name="f")}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": ToolChoice(mode="required")},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        (
            {"parallel_tool_calls": False, "tool_choice": ToolChoice(mode="none")},
            {"type": "none"},
        ),
    ],
)
def test_the_choice_of_tools(fields: Body, expected: Body | None) -> None:
    body, lost = write(request(said("user", "a"), tools=[FUNCTION], **fields))
    assert (body.get("tool_choice"), lost) == (expected, [])


def test_a_choice_without_its_tool_is_none() -> None:
    """Anthropic refuses ``tool_choice`` without ``tools``."""
    for mode, lost in (("auto", []), ("none", []), ("required", [("tool_choice", "tool_choice")])):
        choice = ToolChoice(mode=mode)  # type: ignore[arg-type]
        body, found = write(
            request(said("user", "a"), tool_choice=choice, parallel_tool_calls=False)
        )
        assert "tool_choice" not in body
        assert found == lost
    hosted = ToolChoice(mode="tool", name="", kind="web_search", extras={"x": 1})
    body, found = write(request(said("user", "a"), tools=[FUNCTION], tool_choice=hosted))
    assert "tool_choice" not in body
    assert found == [("tool_choice.x", "tool_choice.x"), ("tool_choice", "tool_choice")]


# --- settings -------------------------------------------------------------------------------------


def test_the_limit_of_tokens_is_the_clients_or_the_models_or_the_default() -> None:
    asked = request(said("user", "a"))
    assert write(request(said("user", "a"), max_output_tokens=5))[0]["max_tokens"] == 5
    assert write(asked)[0]["max_tokens"] == 64000
    default = Target(model="m", output_tokens_default=4096)
    assert json.loads(encode_request(asked, default, Losses()))["max_tokens"] == 4096


def test_settings_that_anthropic_has_too() -> None:
    body, lost = write(
        request(
            said("user", "a"), stream=True, temperature=0.5, top_p=0.9, top_k=5, stop=["x"],
            user="u", service_tier="auto", store=False, presence_penalty=0, frequency_penalty=0.0,
            candidates=1, logprobs=False, top_logprobs=0, verbosity="medium", metadata={},
            output=OutputFormat(kind="text"),
        )
    )  # fmt: skip
    assert not lost
    assert body == {
        "model": "claude-opus-4-8",
        "max_tokens": 64000,
        "messages": [{"role": "user", "content": text("a")}],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["x"],
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "stream": True,
    }


def test_defaults_that_both_share_are_not_sent() -> None:
    """Newer models refuse temperature and top_p together, and OpenAI's clients send both."""
    body, lost = write(request(said("user", "a"), temperature=1.0, top_p=1))
    assert not {"temperature", "top_p"} & set(body)
    assert not lost


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"seed": 0}, "seed"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"candidates": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"verbosity": "low"}, "verbosity"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"prompt_cache_key": "k"}, "prompt_cache_key"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"temperature": 1.5}, "temperature"),
        ({"output": OutputFormat(kind="json_object")}, "output_format"),
        ({"output": OutputFormat(kind="json_schema", schema={})}, "output_format"),
        ({"reasoning": Reasoning(effort="low")}, "reasoning"),
        ({"extras": {"x_new": 1}}, "x_new"),
    ],
)
def test_settings_that_anthropic_has_not(fields: Body, name: str) -> None:
    body, lost = write(request(said("user", "a"), **fields))
    assert lost == [(name, name)]
    assert set(body) == {"model", "max_tokens", "messages"}


def test_a_stop_sequence_of_blanks_is_refused_by_anthropic() -> None:
    body, lost = write(request(said("user", "a"), stop=["x", "\n\n"]))
    assert body["stop_sequences"] == ["x"]
    assert lost == [("stop_sequences", "stop_sequences.1")]


def test_openais_default_tier_is_anthropics_standard() -> None:
    assert write(request(said("user", "a"), service_tier="default"))[0]["service_tier"] == (
        "standard_only"
    )


def test_models_that_fix_their_sampling() -> None:
    asked = request(said("user", "a"), temperature=0, top_p=0.5, top_k=3)
    body, lost = write(asked, "fixed_sampling")
    assert set(body) == {"model", "max_tokens", "messages"}
    assert [name for name, _ in lost] == ["temperature", "top_p", "top_k"]


def test_thinking_limits_the_sampling() -> None:
    asked = request(
        said("user", "a"), temperature=0.2, top_p=0.96, top_k=3, reasoning=Reasoning(effort="low")
    )
    body, lost = write(asked, "adaptive_thinking")
    assert [name for name, _ in lost] == ["temperature", "top_k"]
    assert body["top_p"] == 0.96
    asked.top_p = 0.9
    assert [name for name, _ in write(asked, "adaptive_thinking")[1]] == [
        "temperature", "top_p", "top_k",
    ]  # fmt: skip


def test_a_schema_for_the_answer() -> None:
    schema: Json = {"type": "object", "additionalProperties": False}
    output = OutputFormat(kind="json_schema", name="answer", schema=schema, strict=True)
    body, lost = write(request(said("user", "a"), output=output), "structured_output")
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert not lost
    output.description, output.extras = "what it is", {"x_new": 1}
    _, lost = write(request(said("user", "a"), output=output), "structured_output")
    assert lost == [
        ("output_format.description", "output_format.description"),
        ("output_format.x_new", "output_format.x_new"),
    ]


# --- the official types ---------------------------------------------------------------------------

_SDK = TypeAdapter(message_create_params.MessageCreateParamsBase)


def test_the_official_types_take_a_request_with_everything() -> None:
    body, _ = write(
        request(
            said("system", "s"),
            said("user", "a", Image(url="https://a"), Document(text="d", title="t")),
            said("assistant", Thinking(text="t", seal=SEALED), call()),
            said("tool", result("call_1", Text(text="r"), Image(media_type="image/png", data="i"))),
            said("developer", "m"),
            tools=[Tool(name="f", description="d", parameters={"type": "object"}, strict=True)],
            tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False,
            reasoning=Reasoning(effort="high", summary="auto"), user="u", stop=["x"],
            output=OutputFormat(kind="json_schema", schema={"type": "object"}),
        ),
        "adaptive_thinking", "structured_output", "mid_conversation_system",
    )  # fmt: skip
    _SDK.validate_python(body)
    assert [message["role"] for message in body["messages"]] == [
        "user", "assistant", "user", "system",
    ]  # fmt: skip
