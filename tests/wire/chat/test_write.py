"""Chat Completions requests, written: their own words come back, and the rest is told."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from lynkr.wire.chat.codec import CODEC
from lynkr.wire.chat.messages import ALL
from lynkr.wire.chat.requests import ChatRequest
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    CacheMark,
    Message,
    OutputFormat,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.plain_tools import simplified
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.chat.made import Made, requests, unhurried

FIXTURES = [fixture for fixture in all_fixtures() if fixture.family == "chat"]


def read(body: Made | bytes) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.decode_request(data, "", False)


def written(request: Request, *flags: str, **target: Any) -> tuple[Any, list[str]]:
    """The body, and what is lost as "name field"."""
    losses = Losses()
    made = Target(model=request.model, capabilities=frozenset(flags), **target)
    body = json.loads(CODEC.encode_request(request, made, losses))
    return body, [f"{loss.name} {loss.field}" for loss in losses.found]


# --- round trip -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES, ids=repr)
def test_recorded_requests_come_back(fixture: Fixture) -> None:
    assert written(read(fixture.request)) == (json.loads(fixture.request), [])


@unhurried
@given(requests())
def test_any_request_comes_back(body: Made) -> None:
    """Unknown fields, nulls, which of two names: no normal form at all. Numbers stay equal."""
    assert written(read(body)) == (body, [])


def forgotten(request: Request) -> Request:
    """The same, without the client's own words."""

    def plain(kind: type, struct: msgspec.Struct) -> Any:
        return kind(**{name: getattr(struct, name) for name in kind.__struct_fields__})  # type: ignore[attr-defined]

    made: Request = plain(Request, request)
    made.messages = [plain(Message, message) for message in request.messages]
    made.tools = [plain(Tool, tool) for tool in request.tools]
    return made


@unhurried
@given(requests(normal=True))
def test_what_the_encoder_writes_of_its_own_dialect_says_the_same(body: Made) -> None:
    """Nothing hangs on the remembered words: without them all is written from its meaning. Here a
    request must be in the encoder's normal form: see ``made_chat``."""
    assert written(forgotten(read(body))) == (body, [])


def test_numbers_of_any_size_come_back() -> None:
    body = {"model": "m", "messages": [], "seed": 2**80, "x": 10**400}
    assert written(read(body))[0] == body


def test_half_an_emoji_comes_back() -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":"\ud83d","x":"\ude80"}]}'
    losses = Losses()
    request = CODEC.decode_request(body, "", False)
    assert CODEC.encode_request(request, Target(model="m"), losses) == body


def test_the_targets_model_is_named() -> None:
    request = read({"model": "alias", "messages": []})
    assert json.loads(CODEC.encode_request(request, Target(model="real"), Losses())) == {
        "model": "real", "messages": [],
    }  # fmt: skip


# --- of its own dialect, changed on the way -------------------------------------------------------

SAID: Made = {
    "model": "m",
    "temperature": None,
    "stop": "x",
    "max_tokens": 5,
    "reasoning": {"effort": "low", "exclude": True},
    "stream": True,
    "stream_options": {"include_usage": True},
    "messages": [
        {"role": "user", "content": "a", "annotations": []},
        {"role": "tool", "tool_call_id": "c", "content": "long", "x": 1},
    ],
    "tools": [{"name": "f", "input_schema": {}}, {"name": "g", "input_schema": {}}],
    "x_new": 1,
}


def test_only_what_was_changed_is_written_anew() -> None:
    request = read(SAID)
    request.max_output_tokens = 4
    request.messages[1] = msgspec.structs.replace(
        request.messages[1],
        parts=[ToolResult(call_id="c", content=[Text(text="short")], plain=True)],
    )
    request.tools = request.tools[1:]
    body, losses = written(request)
    assert losses == []
    assert (
        body
        == {
            **SAID,
            "max_tokens": 4,
            "messages": [
                SAID["messages"][0],  # type: ignore[index]
                {"role": "tool", "tool_call_id": "c", "content": "short", "x": 1},
            ],
            "tools": SAID["tools"][1:],  # type: ignore[index]
        }
    )


def test_every_setting_can_be_changed() -> None:
    request = read(SAID)
    changed = msgspec.structs.replace(
        request, stop=["a", "b"], reasoning=Reasoning(effort="high"), stream=False, temperature=1.0,
        include_usage=False, tools=[], extras={"x_more": 2}, max_output_tokens=None,
    )  # fmt: skip
    body, _ = written(changed)
    kept = {"model": "m", "messages": SAID["messages"]}
    assert body == {
        **kept, "stop": ["a", "b"], "reasoning_effort": "high", "temperature": 1.0, "x_more": 2,
    }  # fmt: skip


def test_the_clients_words_survive_a_copy() -> None:
    request = read(SAID)
    assert isinstance(request, ChatRequest)
    assert written(msgspec.structs.replace(request, model="m"))[0] == SAID


# --- of another dialect ---------------------------------------------------------------------------


def foreign(**fields: Any) -> Request:
    known = {"messages": [Message(role="user", parts=[Text(text="hi")])], **fields}
    return Request(format="anthropic_messages", model="m", **known)


def settings(*flags: str, **fields: Any) -> tuple[Made, list[str]]:
    """What is written beside model and messages, and what is lost."""
    body, losses = written(foreign(**fields), *flags)
    assert body.pop("messages") == [{"role": "user", "content": "hi"}]
    del body["model"]
    return body, losses


FUNCTION = Tool(name="f", description="d", parameters={"type": "object", "x": [1]})
WRITTEN = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object", "x": [1]}},
}


def test_nothing_is_added_to_a_bare_request() -> None:
    assert written(foreign(), *ALL) == (
        {"model": "m", "messages": [{"role": "user", "content": "hi"}]}, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "flag", "body", "loss"),
    [
        ({"temperature": 0.0}, "sampling", {"temperature": 0.0}, "temperature temperature"),
        ({"top_p": 0.5}, "sampling", {"top_p": 0.5}, "top_p top_p"),
        ({"top_k": 3}, "top_k", {"top_k": 3}, "top_k top_k"),
        ({"stop": ["a"]}, "stop", {"stop": ["a"]}, "stop_sequences stop_sequences"),
        ({"seed": 0}, "seed", {"seed": 0}, "seed seed"),
        ({"presence_penalty": 1.0}, "penalties", {"presence_penalty": 1.0},
         "presence_penalty presence_penalty"),
        ({"frequency_penalty": 1.0}, "penalties", {"frequency_penalty": 1.0},
         "frequency_penalty frequency_penalty"),
        ({"candidates": 2}, "n", {"n": 2}, "n n"),
        ({"logprobs": True}, "logprobs", {"logprobs": True}, "logprobs logprobs"),
        ({"top_logprobs": 2}, "logprobs", {"top_logprobs": 2}, "top_logprobs top_logprobs"),
        ({"verbosity": "low"}, "verbosity", {"verbosity": "low"}, "verbosity verbosity"),
        ({"user": "u"}, "user", {"user": "u"}, "user user"),
        ({"metadata": {"a": "b"}}, "metadata", {"metadata": {"a": "b"}}, "metadata metadata"),
        ({"prompt_cache_key": "k"}, "prompt_cache_key", {"prompt_cache_key": "k"},
         "prompt_cache_key prompt_cache_key"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention",
         {"prompt_cache_retention": "24h"}, "prompt_cache_retention prompt_cache_retention"),
        ({"service_tier": "flex"}, "service_tier", {"service_tier": "flex"},
         "service_tier service_tier"),
        ({"store": True}, "store", {"store": True}, "store store"),
        ({"reasoning": Reasoning(effort="max")}, "reasoning_effort", {"reasoning_effort": "max"},
         "reasoning reasoning"),
        ({"reasoning": Reasoning(mode="adaptive")}, "reasoning_effort", {}, "reasoning reasoning"),
        ({"reasoning": Reasoning(mode="enabled", budget_tokens=9)}, "thinking_switch",
         {"thinking": {"type": "enabled"}}, "reasoning reasoning"),
        ({"reasoning": Reasoning(summary="auto")}, "reasoning_content", {},
         "reasoning.summary reasoning.summary"),
        ({"output": OutputFormat(kind="json_object")}, "json_object",
         {"response_format": {"type": "json_object"}}, "output_format output_format"),
        ({"output": OutputFormat(kind="json_schema", schema={"a": 1}, description="d")},
         "json_schema",
         {"response_format": {"type": "json_schema", "json_schema": {
             "name": "response", "description": "d", "schema": {"a": 1}}}},
         "output_format output_format"),
    ],
)  # fmt: skip
def test_a_field_is_written_with_its_flag_and_lost_without(
    fields: Made, flag: str, body: Made, loss: str
) -> None:
    assert settings(flag, **fields) == (body, [])
    assert settings(**fields) == ({}, [loss])


@pytest.mark.parametrize(
    "fields",
    [
        {"store": False}, {"candidates": 1}, {"temperature": 1.0}, {"top_p": 1},
        {"logprobs": False}, {"presence_penalty": 0.0},
        {"top_logprobs": 0}, {"metadata": {}}, {"output": OutputFormat(kind="text")},
        {"reasoning": Reasoning(mode="disabled")}, {"reasoning": Reasoning(effort="none")},
        {"parallel_tool_calls": True}, {"tool_choice": ToolChoice(mode="auto")},
        {"tool_choice": ToolChoice(mode="none")}, {"include_usage": True, "stream": False},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_no_loss(fields: Made) -> None:
    assert settings(**fields) == ({}, [])


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(1024, "low"), (2048, "low"), (2049, "medium"), (8192, "medium"), (8193, "high")],
)
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    asked = Reasoning(mode="enabled", budget_tokens=budget)
    assert settings("reasoning_effort", reasoning=asked) == ({"reasoning_effort": effort}, [])


def test_an_effort_counts_more_than_a_budget() -> None:
    asked = Reasoning(mode="enabled", budget_tokens=100, effort="xhigh")
    assert settings("reasoning_effort", reasoning=asked)[0] == {"reasoning_effort": "xhigh"}


@pytest.mark.parametrize("asked", [Reasoning(mode="disabled"), Reasoning(effort="none")])
def test_no_thinking_is_said_where_it_can_be(asked: Reasoning) -> None:
    flags = ("reasoning_effort", "reasoning_none", "thinking_switch")
    assert settings(*flags, reasoning=asked) == (
        {"reasoning_effort": "none", "thinking": {"type": "disabled"}}, [],
    )  # fmt: skip
    assert settings("reasoning_effort", reasoning=asked) == ({}, [])


def test_limits() -> None:
    assert settings(max_output_tokens=9)[0] == {"max_tokens": 9}
    assert settings("max_completion_tokens", max_output_tokens=9)[0] == {"max_completion_tokens": 9}
    body, _ = written(foreign(max_output_tokens=64000), output_tokens_max=8192)
    assert body["max_tokens"] == 8192


def test_a_stream_asks_for_its_usage() -> None:
    assert settings(stream=True)[0] == {"stream": True}
    assert settings("stream_usage", stream=True)[0] == {
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_a_long_user_is_hashed() -> None:
    """Claude Code's is a JSON object of 150 characters, and OpenAI takes 64."""
    body, losses = settings("user", user="u" * 65)
    assert body == {"user": hashlib.sha256(b"u" * 65).hexdigest()}
    assert losses == []


def test_anthropics_tier_has_another_name() -> None:
    assert settings("service_tier", service_tier="standard_only")[0] == {"service_tier": "default"}


@pytest.mark.parametrize(
    "said",
    [{"service_tier": tier} for tier in ("auto", "default", "standard_only")]
    + [{"verbosity": "medium"}],
)
def test_what_a_model_does_anyway_is_no_loss(said: dict[str, Any]) -> None:
    assert settings(**said) == ({}, [])


def test_extras_of_another_dialect_are_losses() -> None:
    assert settings(extras={"context_management": {"a": 1}, "x": 1}) == (
        {}, ["context_management context_management", "x x"],
    )  # fmt: skip
    assert settings(previous_response_id="r")[1] == ["previous_response_id previous_response_id"]


# --- tools ----------------------------------------------------------------------------------------


def test_schemas_stay_as_they_are() -> None:
    assert settings(tools=[FUNCTION]) == ({"tools": [WRITTEN]}, [])
    bare = Tool(name="g")
    assert settings(tools=[bare])[0] == {"tools": [{"type": "function", "function": {"name": "g"}}]}


def test_strict_tools() -> None:
    strict = msgspec.structs.replace(FUNCTION, strict=True)
    body, losses = settings("strict_tools", tools=[strict])
    assert body["tools"][0]["function"]["strict"] is True  # type: ignore[index]
    assert losses == []
    assert settings(tools=[strict]) == ({"tools": [WRITTEN]}, ["tool.strict tools.0.strict"])
    loose = msgspec.structs.replace(FUNCTION, strict=False)
    assert settings(tools=[loose]) == ({"tools": [WRITTEN]}, [])


def test_what_a_tool_cannot_take_along() -> None:
    tool = msgspec.structs.replace(
        FUNCTION, cache=CacheMark(), extras={"eager_input_streaming": True}
    )
    hosted = Tool(name="web_search", kind="hosted", value={"type": "web_search_20250305"})
    assert settings(*ALL, tools=[hosted, tool]) == (
        {"tools": [WRITTEN]},
        [
            "web_search_20250305 tools.0",
            "tool.cache_control tools.1.cache_control",
            "eager_input_streaming tools.1.eager_input_streaming",
        ],
    )


def test_custom_tools_of_responses() -> None:
    grammar: Made = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    request = foreign(tools=[Tool(name="p", kind="custom", grammar=grammar)])
    losses = Losses()
    plain, _ = simplified(request, losses, custom=True)
    assert written(plain, "custom_tools")[0]["tools"] == [
        {
            "type": "custom",
            "custom": {
                "name": "p",
                "format": {
                    "type": "grammar",
                    "grammar": {"syntax": "lark", "definition": "start: /a/"},
                },
            },
        }
    ]


def test_custom_tools_without_a_grammar_or_a_place() -> None:
    free: Made = {"type": "text"}
    request = foreign(tools=[Tool(name="p", kind="custom", grammar=free)])
    assert written(request, "custom_tools")[0]["tools"] == [
        {"type": "custom", "custom": {"name": "p", "format": free}}
    ]
    assert written(request)[1] == ["custom_tools tools.0"]


@pytest.mark.parametrize(
    ("choice", "flag", "body"),
    [
        (ToolChoice(mode="auto"), "", "auto"),
        (ToolChoice(mode="none"), "", "none"),
        (ToolChoice(mode="required"), "tool_choice_required", "required"),
        (ToolChoice(mode="tool", name="f"), "tool_choice_named",
         {"type": "function", "function": {"name": "f"}}),
    ],
)  # fmt: skip
def test_tool_choice(choice: ToolChoice, flag: str, body: object) -> None:
    tools = {"tools": [WRITTEN]}
    assert settings(flag, tools=[FUNCTION], tool_choice=choice) == (
        {**tools, "tool_choice": body}, [],
    )  # fmt: skip
    if flag:
        assert settings(tools=[FUNCTION], tool_choice=choice) == (
            tools, ["tool_choice tool_choice"],
        )  # fmt: skip
        assert settings(flag, tool_choice=choice) == ({}, ["tool_choice tool_choice"])


def test_parallel_calls() -> None:
    one = {"tools": [FUNCTION], "parallel_tool_calls": False}
    tools = {"tools": [WRITTEN]}
    assert settings("parallel_tool_calls", **one) == ({**tools, "parallel_tool_calls": False}, [])
    assert settings(**one) == (tools, ["parallel_tool_calls parallel_tool_calls"])


def test_the_same_request_gives_the_same_bytes() -> None:
    """Turn n+1 repeats turn n, so that the provider's prompt cache stays warm."""
    first = foreign(tools=[FUNCTION], max_output_tokens=5, temperature=0.5)
    again = foreign(tools=[FUNCTION], max_output_tokens=5, temperature=0.5)
    target = Target(model="m", capabilities=ALL)
    assert CODEC.encode_request(first, target, Losses()) == CODEC.encode_request(
        again, target, Losses()
    )
