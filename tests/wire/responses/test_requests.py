"""Responses requests: read into the vocabulary, and back to their own dialect exactly as they were.

There are no normal forms: nulls, empty lists, a message without its type and an input that is one
string come back as such.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from lynkr.errors import GatewayError
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    Image,
    OutputFormat,
    Reasoning,
    Request,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)
from lynkr.wire.responses.codec import CODEC
from lynkr.wire.seals import seal_text
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.responses import made as made_responses

FIXTURES = [each for each in all_fixtures() if each.family == "responses"]


def read(**fields: Any) -> Request:
    return CODEC.decode_request(json.dumps({"model": "m", **fields}).encode(), "", False)


def back(body: bytes) -> Any:
    """The same request for its own dialect; nothing may be lost."""
    request = CODEC.decode_request(body, "", False)
    losses = Losses()
    written = CODEC.encode_request(request, Target(model=request.model), losses)
    assert losses.found == []
    return json.loads(written)


@pytest.mark.parametrize("fixture", FIXTURES, ids=repr)
def test_recorded_requests_come_back_as_they_were(fixture: Fixture) -> None:
    assert back(fixture.request) == json.loads(fixture.request)


@made_responses.unhurried
@given(made_responses.requests())
def test_any_request_comes_back_as_it_was(body: made_responses.Body) -> None:
    """Unknown fields and items, nulls and empty values too: a client that is ahead of us, or of the
    API, must not notice that it was read."""
    assert back(json.dumps(body).encode()) == body


@made_responses.unhurried
@given(made_responses.requests())
def test_what_says_nothing_is_no_extra(body: made_responses.Body) -> None:
    """Every extra is a loss at another dialect's target, so nulls and empty values are none."""
    request = CODEC.decode_request(json.dumps(body).encode(), "", False)
    found = [request.extras]
    for message in request.messages:
        found.append(message.extras)
        found += [part.extras for part in message.parts if hasattr(part, "extras")]
    for extras in found:
        assert not [name for name, value in extras.items() if value in (None, "", [], {})]


def test_half_an_emoji_survives() -> None:
    """JavaScript cuts strings between the halves of a character."""
    body = rb'{"model":"m","input":[{"role":"user","content":"\ud83d"}]}'
    assert back(body)["input"] == [{"role": "user", "content": "\ud83d"}]


def test_the_model_is_the_targets() -> None:
    request = read(input="x")
    written = json.loads(CODEC.encode_request(request, Target(model="other"), Losses()))
    assert written == {"model": "other", "input": "x"}


def test_settings_are_found() -> None:
    request = read(
        instructions="Be brief.",
        input="x",
        stream=True,
        max_output_tokens=16,
        temperature=0.5,
        top_p=1,
        reasoning={"effort": "high", "summary": "auto"},
        text={
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True},
        },
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        top_logprobs=3,
        parallel_tool_calls=False,
        store=False,
        previous_response_id="resp_1",
        prompt_cache_key="k",
        service_tier="flex",
        safety_identifier="who",
        metadata={"a": "b"},
    )
    assert request.system is not None
    assert request.system.parts == [Text(text="Be brief.")]
    assert (request.stream, request.max_output_tokens) == (True, 16)
    assert (request.temperature, request.top_p) == (0.5, 1)
    assert request.reasoning == Reasoning(effort="high", summary="auto")
    assert request.output == OutputFormat(
        kind="json_schema", name="n", schema={"a": 1}, strict=True
    )
    assert (request.verbosity, request.logprobs, request.top_logprobs) == ("low", True, 3)
    assert (request.parallel_tool_calls, request.store) == (False, False)
    assert request.previous_response_id == "resp_1"
    assert (request.prompt_cache_key, request.service_tier) == ("k", "flex")
    assert (request.user, request.metadata) == ("who", {"a": "b"})
    assert request.extras == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("include", ["reasoning.encrypted_content"]),
        ("truncation", "disabled"),
        ("background", False),
        ("stream_options", {"include_obfuscation": False}),
        ("stream", False),
    ],
)
def test_defaults_are_no_extras(name: str, value: object) -> None:
    """Codex sends the first with every request; no other dialect needs to be asked for it."""
    assert read(input="x", **{name: value}).extras == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("include", ["reasoning.encrypted_content", "web_search_call.results"]),
        ("truncation", "auto"),
        ("background", True),
        ("stream_options", {"include_obfuscation": True}),
        ("conversation", "conv_1"),
        ("client_metadata", {"a": "b"}),
        ("max_tool_calls", 3),
    ],
)
def test_what_only_this_api_can_do_is_an_extra(name: str, value: object) -> None:
    assert read(input="x", **{name: value}).extras == {name: value}


def test_an_output_of_a_shell_is_found_by_item_or_call() -> None:
    """The API's schema names the item, its guide the call; other dialects know calls only."""
    shell = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "action": {}}
    for name in ({"id": "lsh_1"}, {"call_id": "call_1"}):
        output = {"type": "local_shell_call_output", "output": "ok", **name}
        request = read(input=[shell, output])
        call, result = (message.parts[0] for message in request.messages)
        assert isinstance(call, ToolCall)
        assert isinstance(result, ToolResult)
        assert call.id == result.call_id == "call_1"
        assert back(json.dumps({"model": "m", "input": [shell, output]}).encode())["input"] == [
            shell,
            output,
        ]


def test_another_providers_reasoning_is_not_sent_here() -> None:
    """It is reported, and the item goes as a whole: its text belongs to another model."""
    seal = Seal("anthropic_messages", {"signature": "sig"})
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": seal_text(seal),
    }
    request = read(input=[{"role": "user", "content": "x"}, item])
    losses = Losses()
    written = json.loads(CODEC.encode_request(request, Target(model="m"), losses))
    assert written["input"] == [{"role": "user", "content": "x"}]
    assert [(loss.name, loss.field) for loss in losses.found] == [("thinking", "input.1")]


def test_changes_by_others_are_written() -> None:
    """What was remembered of the client's spelling gives way to what was changed since."""
    request = read(
        input=[{"role": "user", "content": [{"type": "input_text", "text": "a", "x": None}]}],
        tools=[],
        temperature=None,
    )
    request.temperature = 0.5
    request.tools = read(tools=[{"type": "function", "name": "f"}]).tools
    message = request.messages[0]
    request.messages[0] = msgspec.structs.replace(
        message, parts=[Text(text="b"), Image(url="https://e.org/a.png")]
    )
    written = json.loads(CODEC.encode_request(request, Target(model="m"), Losses()))
    assert written["temperature"] == 0.5
    assert written["tools"] == [{"type": "function", "name": "f"}]
    assert written["input"][0]["content"] == [
        {"type": "input_text", "text": "b"},
        {"type": "input_image", "image_url": "https://e.org/a.png"},
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": 3}, "input"),
        ({"input": [3]}, "input.0"),
        ({"input": [{}]}, "input.0.type"),
        ({"input": [{"type": 5}]}, "input.0.type"),
        ({"input": [{"role": "boss", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": 5}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input.0.content.0"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input.0.content.0.text",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input.0.arguments"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": ""}]}, "input.0.call_id"),
        ({"input": [{"type": "local_shell_call", "call_id": "c"}]}, "input.0.action"),
        ({"instructions": ["x"]}, "instructions"),
        ({"tools": [{"type": "function"}]}, "tools.0.name"),
        ({"tools": [{"name": "f"}]}, "tools.0.type"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [{}]}]}, "tools.0.tools.0.type"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "none"}}, "tool_choice.mode"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"reasoning": "high"}, "reasoning"),
        ({"include": "all"}, "include"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_breaks_the_dialect_is_a_400_that_names_the_field(
    fields: dict[str, object], field: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        read(**fields)
    assert (caught.value.status, caught.value.field) == (400, field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_a_body_that_is_no_object_is_a_400(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        CODEC.decode_request(body, "", False)
    assert caught.value.status == 400
