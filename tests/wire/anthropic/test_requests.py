"""Messages requests: read and written again they are the same, and what breaks the dialect says
where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from lynkr.errors import GatewayError
from lynkr.wire.anthropic.requests import decode_request
from lynkr.wire.anthropic.write import encode_request
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    CacheMark,
    Document,
    Image,
    Opaque,
    Part,
    Request,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from lynkr.wire.seals import seal_text
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.anthropic.made import requests, unhurried

Body = dict[str, Any]


def read(body: Body) -> Request:
    return decode_request(json.dumps(body).encode(), "", False)


def written(request: Request, losses: Losses | None = None) -> Body:
    found = encode_request(request, Target(model=request.model), losses or Losses())
    body: Body = json.loads(found)
    return body


def asked(*messages: Body, **fields: object) -> Body:
    return {"model": "claude-opus-4-8", "max_tokens": 64000, "messages": [*messages], **fields}


def user(*blocks: Body) -> Body:
    return asked({"role": "user", "content": [*blocks]})


def part_of(block: Body) -> Part:
    (part,) = read(user(block)).messages[0].parts
    return part


# --- round trips ----------------------------------------------------------------------------------


def without_defaults(body: Body) -> Body:
    """The normal form of what recorded requests contain: known fields that say nothing."""
    found = {name: value for name, value in body.items() if value not in ([], False)}
    for message in found["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block.get("is_error") is False:
                del block["is_error"]
    return found


@pytest.mark.parametrize(
    "fixture", [each for each in all_fixtures() if each.family == "messages"], ids=repr
)
def test_a_recorded_request_comes_out_as_it_came(fixture: Fixture) -> None:
    request = decode_request(fixture.request, "", False)
    losses = Losses()
    assert written(request, losses) == without_defaults(json.loads(fixture.request))
    assert not losses.found
    assert request.model == fixture.expect.model
    assert request.stream == json.loads(fixture.request).get("stream", False)


@unhurried
@given(requests)
def test_any_request_comes_out_as_it_came(body: Body) -> None:
    """Every field and block that we know, and those that we do not."""
    losses = Losses()
    assert written(read(body), losses) == body
    assert not losses.found


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (asked(stream=False), asked()),
        (asked(tools=[], stop_sequences=[]), asked()),
        (asked(temperature=None, system=None, tool_choice=None, metadata=None), asked()),
        (asked(metadata={}, output_config={}), asked()),
        (asked(metadata={"user_id": None}, output_config={"effort": None}), asked()),
        (asked(tools=[{"type": "custom", "name": "a"}]), asked(tools=[{"name": "a"}])),
        (asked(tools=[{"type": None, "name": "a"}]), asked(tools=[{"name": "a"}])),
        (asked(tools=[{"name": "a", "defer_loading": False}]), asked(tools=[{"name": "a"}])),
        (asked(tools=[{"name": "a", "description": None}]), asked(tools=[{"name": "a"}])),
        (
            user({"type": "text", "text": "a", "cache_control": None}),
            user({"type": "text", "text": "a"}),
        ),
        (
            user({"type": "thinking", "thinking": "a"}),
            user({"type": "thinking", "thinking": "a", "signature": ""}),
        ),
        (
            user({"type": "tool_result", "tool_use_id": "a", "content": [], "is_error": False}),
            user({"type": "tool_result", "tool_use_id": "a"}),
        ),
        (
            user({"type": "tool_result", "tool_use_id": "a", "content": None}),
            user({"type": "tool_result", "tool_use_id": "a"}),
        ),
    ],
)
def test_forms_that_say_the_same_are_written_as_one(given: Body, normal: Body) -> None:
    """The complete list is in the module's docstring; all other forms are kept."""
    assert written(read(given)) == normal


def test_what_is_empty_but_matters_is_kept() -> None:
    body = asked(
        {"role": "user", "content": ""},
        {"role": "assistant", "content": []},
        {"role": "user", "content": [{"type": "text", "text": "", "citations": None}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": ""}]},
        system="",
        tools=[{"name": "a", "strict": False, "description": "", "x_new": None}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": False},
        container=None,
        max_tokens=0,
    )
    assert written(read(body)) == body
    assert written(read({**body, "system": []})) == {**body, "system": []}


def test_arguments_keep_their_order_and_large_numbers() -> None:
    arguments = '{"z":1,"a":{"b":12345678901234567890,"A":0.1},"text":"ü☃ \\u0000"}'
    raw = b'{"type":"tool_use","id":"t","name":"n","input":%b}' % arguments.encode()
    body = b'{"model":"m","messages":[{"role":"assistant","content":[%b]}]}' % raw
    request = decode_request(body, "", False)
    (call,) = request.messages[0].parts
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == json.loads(arguments)
    assert list(json.loads(call.arguments)) == ["z", "a", "text"]
    assert json.dumps(written(request)["messages"][0]["content"][0]["input"]) == json.dumps(
        json.loads(arguments)
    )


def test_halves_of_an_emoji_survive() -> None:
    """JavaScript cuts strings in the middle of a character."""
    body = rb'{"model":"m","messages":[{"role":"user","content":"a\ud83d b"}]}'
    request = decode_request(body, "", False)
    assert encode_request(request, Target(model="m"), Losses()).count(rb"\ud83d") == 1


# --- what the parts say ---------------------------------------------------------------------------


def test_blocks_become_parts() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert part_of({"type": "text", "text": "a", "citations": [], **mark}) == Text(
        text="a", cache=CacheMark(ttl="1h"), extras={"citations": []}
    )
    png = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
    assert part_of({"type": "image", "source": png}) == Image(media_type="image/png", data="iVBO")
    assert part_of({"type": "image", "source": {"type": "url", "url": "https://a"}}) == Image(
        url="https://a"
    )
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    assert part_of({"type": "document", "source": pdf, "title": "a.pdf", "context": "b"}) == (
        Document(media_type="application/pdf", data="JVBE", title="a.pdf", extras={"context": "b"})
    )
    plain = {"type": "text", "media_type": "text/plain", "data": "words"}
    assert part_of({"type": "document", "source": plain}) == Document(
        media_type="text/plain", text="words"
    )
    whole: Body = {"type": "document", "source": {"type": "content", "content": "a"}}
    assert part_of(whole) == Opaque(kind="document", value=whole, format="anthropic_messages")
    search: Body = {"type": "search_result", "source": "s", "title": "t", "content": []}
    assert part_of(search) == Opaque(
        kind="search_result", value=search, format="anthropic_messages"
    )


@pytest.mark.parametrize("kind", ["image", "document"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"source": None},
        {"source": {"type": "base64", "data": "iVBO"}},
        {"source": {"type": "base64", "media_type": "image/png"}},
        {"source": {"type": "url"}},
        {"source": {"type": "x_future", "url": "https://a"}},
    ],
)
def test_a_block_whose_source_we_do_not_understand_passes_as_it_is(kind: str, fields: Body) -> None:
    block = {"type": kind, **fields}
    assert part_of(block) == Opaque(kind=kind, value=block, format="anthropic_messages")
    assert written(read(user(block))) == user(block)


def test_a_format_that_we_do_not_understand_passes_as_it_is() -> None:
    body = asked(
        output_config={"format": {"type": "x_grammar", "rule": "a"}},
        output_format={"type": "json_schema"},
    )
    request = read(body)
    assert request.output is None
    assert written(request) == body


def test_a_tool_result_keeps_its_content() -> None:
    block = {
        "tool_use_id": "toolu_1",
        "type": "tool_result",
        "is_error": True,
        "content": [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "b"}],
    }
    assert part_of(block) == ToolResult(
        call_id="toolu_1",
        content=[Text(text="a"), ToolReference(name="b")],
        is_error=True,
    )
    assert part_of({"type": "tool_result", "tool_use_id": "t", "content": "a"}) == ToolResult(
        call_id="t", content=[Text(text="a")], plain=True
    )


def test_thinking_has_anthropics_seal_or_the_one_that_was_put_into_its_place() -> None:
    foreign = Seal("gemini", {"thoughtSignature": "CiQB"})
    assert part_of({"type": "thinking", "thinking": "a", "signature": "Eq"}) == Thinking(
        text="a", seal=Seal("anthropic_messages", {"signature": "Eq"})
    )
    assert part_of({"type": "redacted_thinking", "data": "Er"}) == Thinking(
        seal=Seal("anthropic_messages", {"data": "Er"})
    )
    sealed = seal_text(foreign)
    assert part_of({"type": "thinking", "thinking": "a", "signature": sealed}) == Thinking(
        text="a", seal=foreign
    )
    assert part_of({"type": "redacted_thinking", "data": sealed}) == Thinking(seal=foreign)


def test_a_foreign_seal_is_no_signature_for_anthropic() -> None:
    """It would answer 400. A message of nothing else is left out too."""
    sealed = seal_text(Seal("gemini", {"thoughtSignature": "CiQB"}))
    thinking = {"type": "thinking", "thinking": "a", "signature": sealed}
    answer = {"type": "text", "text": "b"}
    losses = Losses()
    body = asked(
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking, answer]},
        {"role": "assistant", "content": [thinking]},
    )
    assert written(read(body), losses)["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [answer]},
    ]
    assert [(loss.name, loss.field) for loss in losses.found] == [
        ("thinking", "messages.1.content.0"),
        ("thinking", "messages.2.content.0"),
    ]


def test_settings_have_their_words() -> None:
    request = read(
        asked(
            system=[{"type": "text", "text": "s"}],
            tools=[
                {"name": "a", "input_schema": {"type": "object"}, "eager_input_streaming": True},
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            ],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            thinking={"type": "adaptive", "display": "summarized"},
            output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"a": 1}}},
            metadata={"user_id": "u"},
            stop_sequences=["x"],
            service_tier="auto",
            context_management={"edits": []},
        )
    )
    custom, hosted = request.tools
    assert (custom.kind, custom.extras) == ("function", {"eager_input_streaming": True})
    assert (hosted.kind, hosted.name, hosted.value["max_uses"]) == ("hosted", "web_search", 8)
    assert request.tool_choice == ToolChoice(mode="required")
    assert request.parallel_tool_calls is False
    assert request.reasoning is not None
    assert (request.reasoning.mode, request.reasoning.effort) == ("adaptive", "high")
    assert request.reasoning.summary == "auto"
    assert request.output is not None
    assert request.output.schema == {"a": 1}
    assert (request.user, request.stop, request.service_tier) == ("u", ["x"], "auto")
    assert request.extras == {"context_management": {"edits": []}}


def test_the_path_and_the_gateway_fill_in_what_the_body_leaves_out() -> None:
    request = decode_request(b'{"messages":[]}', "claude-opus-4-8", True)
    assert (request.model, request.stream) == ("claude-opus-4-8", True)
    assert not decode_request(b'{"messages":[],"stream":false}', "m", True).stream


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 100_000, "body"),
        (b'{"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":1,"messages":[]}', "model"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":"m","messages":[1]}', "messages.0"),
        (b'{"model":"m","messages":[{"content":"a"}]}', "messages.0.role"),
        (b'{"model":"m","messages":[{"role":"tool","content":"a"}]}', "messages.0.role"),
        (b'{"model":"m","messages":[{"role":"user"}]}', "messages.0.content"),
        (b'{"model":"m","messages":[{"role":"user","content":1}]}', "messages.0.content"),
        (b'{"model":"m","messages":[],"system":1}', "system"),
        (b'{"model":"m","messages":[],"max_tokens":1.5}', "max_tokens"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[],"tools":[{"input_schema":{}}]}', "tools.0.name"),
        (b'{"model":"m","messages":[],"tool_choice":{}}', "tool_choice.type"),
        (b'{"model":"m","messages":[],"tool_choice":{"type":"tool"}}', "tool_choice.name"),
        (b'{"model":"m","messages":[],"stop_sequences":["a",1]}', "stop_sequences"),
        (b'{"model":"m","messages":[],"thinking":{}}', "thinking.type"),
    ],
)
def test_a_broken_request_says_where(body: bytes, field: str) -> None:
    with pytest.raises(GatewayError) as caught:
        decode_request(body, "", False)
    assert (caught.value.status, caught.value.field) == (400, field)


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("a", ""),
        ({"text": "a"}, ""),
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": 1}, ".text"),
        ({"type": "text", "text": "a", "cache_control": {}}, ".cache_control.type"),
        ({"type": "image", "source": "a"}, ".source"),
        ({"type": "tool_use", "name": "a", "input": {}}, ".id"),
        ({"type": "tool_use", "id": "a", "input": {}}, ".name"),
        ({"type": "tool_use", "id": "a", "name": "a"}, ".input"),
        ({"type": "tool_result", "content": "a"}, ".tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "a", "content": [1]}, ".content.0"),
        ({"type": "thinking"}, ".thinking"),
        ({"type": "redacted_thinking"}, ".data"),
    ],
)
def test_a_broken_block_says_where(block: Any, field: str) -> None:
    with pytest.raises(GatewayError) as caught:
        read(user(block))
    assert caught.value.field == f"messages.0.content.0{field}"
