"""Messages replies as one body: read, and written for a client of whatever a provider said."""

from __future__ import annotations

import json
from typing import Any

import anthropic.types
import pytest
from hypothesis import given

from lynkr.wire.anthropic.replies import decode_response, encode_response
from lynkr.wire.anthropic.requests import decode_request
from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.events import Event
from lynkr.wire.message import (
    Image,
    Json,
    Opaque,
    Part,
    Request,
    Response,
    Seal,
    Stop,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.seals import seal_text, unseal
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.anthropic.made import unhurried
from tests.wire.made_events import streams

Body = dict[str, Any]
FOREIGN = Seal("gemini", {"thoughtSignature": "CiQB"})
BODIES = [
    each
    for each in all_fixtures()
    if each.family == "messages" and each.expect.status == 200 and not each.is_stream
    if "count_tokens" not in each.name
]


def context(model: str = "claude-opus-4-8") -> Context:
    request = Request(format="anthropic_messages", model=model, messages=[])
    return Context(request, call_id="c", created=0, model=model)


def read(**fields: object) -> Response:
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    return decode_response(json.dumps({**body, **fields}).encode(), context())


def reply(
    *parts: Part, stop: Stop | None = None, usage: Usage | None = None, checked: bool = True
) -> Body:
    """What a client gets of a reply in another dialect; the official types take it."""
    response = Response(
        id="r1", model="gpt-5.5", parts=list(parts), stop=stop or Stop("end_turn"),
        usage=usage or Usage(), created=1, extras={"system_fingerprint": "fp"},
    )  # fmt: skip
    body = encode_response(response, context())
    if checked:
        anthropic.types.Message.model_validate_json(body)
    found: Body = json.loads(body)
    return found


# --- Anthropic's own ------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", BODIES, ids=repr)
def test_a_recorded_reply_comes_out_as_it_came(fixture: Fixture) -> None:
    """With the model's name that the client asked for, and a null for no stop sequence."""
    response = decode_response(fixture.reply, context())
    expect = fixture.expect
    assert response.model == expect.model_replied
    assert response.stop.native == expect.stop_reason
    assert response.usage == Usage(**expect.usage)
    found = json.loads(encode_response(response, context("asked")))
    assert found == {**json.loads(fixture.reply), "model": "asked"}


def test_the_parts_of_a_reply() -> None:
    unknown = {"type": "hologram", "depth": 3}
    response = read(
        content=[
            {"type": "thinking", "thinking": "t", "signature": "Eq"},
            {"type": "redacted_thinking", "data": "Er"},
            {"type": "text", "text": "a", "citations": None},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1}},
            unknown,
            {"type": "text"},
        ],
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": "cyber", "explanation": None},
    )
    assert response.parts == [
        Thinking(text="t", seal=Seal("anthropic_messages", {"signature": "Eq"}), summary=True),
        Thinking(seal=Seal("anthropic_messages", {"data": "Er"}), summary=True),
        Text(text="a", extras={"citations": None}),
        ToolCall(id="toolu_1", name="f", arguments='{"b":1}'),
        Opaque(kind="hologram", value=dict(unknown), format="anthropic_messages"),
        Opaque(kind="text", value={"type": "text"}, format="anthropic_messages"),
    ]
    assert response.stop == Stop("refusal", None, "refusal", "cyber")


def test_thinking_that_says_nothing_is_kept_in_a_reply_of_anthropics() -> None:
    content = [{"type": "thinking", "thinking": "", "signature": "", "x_new": 1}]
    found = json.loads(encode_response(read(content=content), context()))
    assert found["content"] == content


def test_what_a_server_leaves_out() -> None:
    """No id, no usage, no stop reason, no content: other servers speak the dialect too."""
    response = decode_response(b'{"content":null}', context())
    assert (response.id, response.model, response.parts) == ("msg_c01", "", [])
    assert (response.usage, response.stop) == (Usage(), Stop("end_turn"))
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    assert read(content=[call]).stop == Stop("tool_use")


def test_usage_that_makes_no_sense_was_not_said() -> None:
    response = read(usage={"input_tokens": -1, "output_tokens": 2.0, "cache_read_input_tokens": ""})
    assert response.usage == Usage(None, 2)


def test_unknown_stop_reasons_are_echoed() -> None:
    response = read(stop_reason="compaction")
    assert response.stop == Stop("other", None, "compaction")
    assert json.loads(encode_response(response, context()))["stop_reason"] == "compaction"


def test_a_seal_of_another_gateway_is_for_it_to_open() -> None:
    """An upstream that is a gateway like this one gets back what it sent."""
    sealed = seal_text(FOREIGN)
    response = read(content=[{"type": "thinking", "thinking": "t", "signature": sealed}])
    assert response.parts[0] == Thinking(
        text="t", seal=Seal("anthropic_messages", {"signature": sealed}), summary=True
    )
    response = read(content=[{"type": "redacted_thinking", "data": sealed}])
    assert response.parts[0] == Thinking(
        seal=Seal("anthropic_messages", {"data": sealed}), summary=True
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"a"', b"<html>", b'{"type":"completion"}', b'{"content":"a"}',
     b'{"type":"message"}{', b'{"content":[1]}'],
)  # fmt: skip
def test_what_is_no_reply(body: bytes) -> None:
    with pytest.raises(ValueError):  # any wording will do
        decode_response(body, context())


def test_an_error_with_status_200_says_what_it_is() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(ValueError, match="Overloaded"):
        decode_response(body, context())


# --- for a client ---------------------------------------------------------------------------------


def test_a_foreign_reply_is_a_message() -> None:
    usage = Usage(10, 20, 30, 40, 5)
    assert reply(Text(text="a"), usage=usage) == {
        "id": "r1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-8",
        "content": [{"type": "text", "text": "a"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 20,
            "cache_read_input_tokens": 30,
            "cache_creation_input_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    }


def test_usage_that_nobody_said_is_zero_only_where_a_number_must_stand() -> None:
    assert reply()["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_foreign_seals_stand_where_clients_keep_them() -> None:
    """And come back as they were."""
    shown, hidden, own = reply(
        Thinking(text="t", seal=FOREIGN),
        Thinking(seal=FOREIGN),
        Thinking(text="t", seal=Seal("anthropic_messages", {"signature": "Eq"})),
    )["content"]
    assert (shown["type"], hidden["type"]) == ("thinking", "redacted_thinking")
    assert unseal(shown["signature"]) == unseal(hidden["data"]) == FOREIGN
    assert own == {"type": "thinking", "thinking": "t", "signature": "Eq"}
    body = {"model": "m", "messages": [{"role": "assistant", "content": [shown, hidden]}]}
    (message,) = decode_request(json.dumps(body).encode(), "", False).messages
    assert message.parts == [Thinking(text="t", seal=FOREIGN), Thinking(seal=FOREIGN)]


def test_what_has_no_place_in_a_reply_is_left_out() -> None:
    content = reply(
        Text(text="", extras={"annotations": []}),
        Thinking(text=""),
        Opaque(kind="web_search_call", value={"type": "web_search_call"}),
        Opaque(kind="compaction", value={"type": "compaction", "encrypted_content": "a"}),
        Image(url="https://a"),
        Text(text="a", extras={"annotations": [1]}, logprobs=[]),
        ToolCall(id="call_1", name="f", arguments='{"a":1}', extras={"status": "completed"}),
    )["content"]
    assert content == [
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
    ]


def test_blocks_of_tools_that_anthropic_runs_are_kept() -> None:
    value: Json = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found: Json = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    compaction: Json = {"type": "compaction", "content": "a"}
    parts = [
        Opaque(kind=str(each["type"]), value=each, format="anthropic_messages")
        for each in (value, found, compaction)
    ]
    response = Response(id="r1", model="m", parts=[*parts], stop=Stop("pause_turn"))
    body = json.loads(encode_response(response, context()))
    assert body["content"] == [value, found, compaction]


@pytest.mark.parametrize(
    ("arguments", "shown", "back"),
    [
        ("", {}, "{}"),
        ('{"a": [1]}', {"a": [1]}, '{"a":[1]}'),
        ('{"a": "cut', '{"a": "cut', '{"a": "cut'),
    ],
)
def test_arguments_are_an_object_if_the_model_wrote_one(
    arguments: str, shown: object, back: str
) -> None:
    """A text that is no JSON is found again when the client sends it back."""
    (block,) = reply(ToolCall(id="c", name="f", arguments=arguments), checked=False)["content"]
    assert block["input"] == shown
    body = {"model": "m", "messages": [{"role": "assistant", "content": [block]}]}
    (message,) = decode_request(json.dumps(body).encode(), "", False).messages
    assert message.parts == [ToolCall(id="c", name="f", arguments=back)]


@pytest.mark.parametrize(
    ("stop", "fields"),
    [
        (Stop("max_tokens"), {"stop_reason": "max_tokens"}),
        (Stop("stop_sequence", "x"), {"stop_reason": "stop_sequence", "stop_sequence": "x"}),
        (Stop("context_window"), {"stop_reason": "model_context_window_exceeded"}),
        (Stop("pause_turn"), {"stop_reason": "pause_turn"}),
        (Stop("other", None, "MALFORMED_FUNCTION_CALL"), {"stop_reason": "end_turn"}),
        (
            Stop("refusal", None, "content_filter", "violence"),
            {
                "stop_reason": "refusal",
                "stop_details": {"type": "refusal", "category": None, "explanation": "violence"},
            },
        ),
    ],
)
def test_why_the_model_stopped(stop: Stop, fields: Body) -> None:
    found = reply(stop=stop)
    kept = {name: found[name] for name in ("stop_reason", "stop_sequence")}
    if "stop_details" in found:
        kept["stop_details"] = found["stop_details"]
    assert kept == {"stop_sequence": None, **fields}


def test_refusals_are_texts() -> None:
    found = reply(Text(text="I cannot.", refusal=True), stop=Stop("refusal"))
    assert found["content"] == [{"type": "text", "text": "I cannot."}]
    assert found["stop_reason"] == "refusal"


@unhurried
@given(streams(kinds=("function",), fails=False, lone=False))
def test_the_official_types_take_any_reply(events: list[Event]) -> None:
    assembly = Assembly()
    assembly.add(events)
    asked = context()
    body = encode_response(assembly.response(), asked)
    message = anthropic.types.Message.model_validate_json(body)
    assert message.id == asked.reply_id
    assert message.model == "claude-opus-4-8"


def test_every_reason_has_a_word() -> None:
    reasons: tuple[StopReason, ...] = (
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn",
        "context_window", "other",
    )  # fmt: skip
    assert all(reply(stop=Stop(reason))["stop_reason"] for reason in reasons)
