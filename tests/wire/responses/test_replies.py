"""Whole Responses replies, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.responses import Response as SdkResponse

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.events import Event, OpaqueWhole
from lynkr.wire.message import (
    Json,
    Opaque,
    Request,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.responses.codec import CODEC
from lynkr.wire.responses.replies import ending, stop_of, usage_object, usage_of
from lynkr.wire.seals import unseal
from tests.harness.fixtures import all_fixtures
from tests.wire.made_events import streams
from tests.wire.responses.made import unhurried
from tests.wire.sdk_replies import Call, read

REPLIES = [
    each
    for each in all_fixtures()
    if each.family == "responses" and not each.is_stream and each.expect.status == 200
]


def context(**fields: Any) -> Context:
    body = json.dumps({"model": "asked", "input": "x", **fields}).encode()
    return Context(
        CODEC.decode_request(body, "", False), call_id="c", created=1795430400, model="asked"
    )


def foreign(store: bool | None = None) -> Context:
    request = Request(format="anthropic_messages", model="asked", messages=[], store=store)
    return Context(request, call_id="c", created=0, model="asked")


def decoded(of: Context | None = None, **body: Any) -> Response:
    return CODEC.decode_response(json.dumps({"output": [], **body}).encode(), of or foreign())


def written(*parts: Any, of: Context | None = None, **fields: Any) -> dict[str, Any]:
    response = Response(
        **{"id": "msg_1", "model": "m", "parts": list(parts), "stop": Stop("end_turn"), **fields}
    )
    body: dict[str, Any] = json.loads(CODEC.encode_response(response, of or context()))
    SdkResponse.model_validate(body, strict=True)
    return body


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", REPLIES, ids=repr)
def test_recorded_replies(fixture: Any) -> None:
    response = CODEC.decode_response(fixture.reply, context())
    assert response.usage == Usage(**fixture.expect.usage)
    assert response.model == fixture.expect.model_replied
    assert response.stop.native == fixture.expect.stop_reason


def test_a_reply_is_read() -> None:
    response = decoded(
        id="resp_1",
        model="gpt",
        created_at=7.0,
        status="completed",
        output=[
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {
                "type": "message",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [{"type": "x"}]},
                    {"type": "x_future", "value": 1},
                ],
            },
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "web_search_call", "id": "ws_1"},
        ],
        usage={"input_tokens": 5, "output_tokens": 2},
    )
    assert response.parts == [
        Thinking(
            seal=Seal(
                "openai_responses", {"id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
            ),
            summary=True,
            id="rs_1",
        ),
        Text(text="a", extras={"annotations": [{"type": "x"}]}),
        Opaque(kind="x_future", value={"type": "x_future", "value": 1}),
        ToolCall(id="c1", name="f", arguments="{}"),
        ToolCall(id="call_c01", name="f", arguments="{}"),
        Opaque(
            kind="web_search_call",
            value={"type": "web_search_call", "id": "ws_1"},
            format="openai_responses",
        ),
    ]
    assert response.stop == Stop("tool_use", native="completed")
    assert (response.id, response.model, response.created) == ("resp_1", "gpt", 7)
    assert response.usage == Usage(5, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"output":null}',
        b'{"error":{"message":"m"},"output":[]}',
        b'{"status":"failed","output":[]}',
        b'{"output":[{"type":"function_call","call_id":"c"}]}',
    ],
)
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        CODEC.decode_response(body, foreign())


STOPS: list[tuple[Json, Stop]] = [
    ({"status": "completed"}, Stop("end_turn", native="completed")),
    (
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        Stop("max_tokens", native="max_output_tokens"),
    ),
    (
        {"incomplete_details": {"reason": "content_filter"}},
        Stop("refusal", native="content_filter"),
    ),
    ({"incomplete_details": {"reason": "steered"}}, Stop("other", native="steered")),
    ({"status": "incomplete", "incomplete_details": None}, Stop("other", native="incomplete")),
    ({"status": "queued"}, Stop("other", native="queued")),
    ({}, Stop("end_turn")),
]


@pytest.mark.parametrize(("response", "stop"), STOPS)
def test_why_it_ends(response: Json, stop: Stop) -> None:
    assert stop_of(response, called=False) == stop


def test_a_call_ends_the_turn_unless_it_was_cut() -> None:
    assert stop_of({"status": "completed"}, called=True).reason == "tool_use"
    cut: Json = {"incomplete_details": {"reason": "max_output_tokens"}}
    assert stop_of(cut, called=True).reason == "max_tokens"


def test_reasons_of_this_dialect_come_back() -> None:
    for response, _ in STOPS[1:4]:
        assert ending(stop_of(response, called=False))[1] == response["incomplete_details"]


def test_usage_is_what_was_said() -> None:
    details = {"cached_tokens": 4, "cache_write_tokens": 1}
    said = {"input_tokens": 10, "input_tokens_details": details, "output_tokens": 2.0}
    assert usage_of(said) == Usage(5, 2, 4, 1, None)
    odd = {"input_tokens": "10", "output_tokens": -2, "output_tokens_details": [], "x": 1}
    assert usage_of(odd) == usage_of(None) == usage_of([1]) == Usage()
    assert usage_object(Usage()) is None


# --- writing --------------------------------------------------------------------------------------


def test_a_reply_is_written() -> None:
    seal = Seal("anthropic_messages", {"signature": "sig"})
    of = context(instructions="Be brief.", tools=[])
    body = written(
        Thinking(text="Hm", seal=seal),
        Text(text="a"),
        Text(text="no", refusal=True),
        ToolCall(id="c1", name="f", arguments='{"a":1}', namespace="mcp"),
        Opaque(kind="server_tool_use", value={}),
        of=of,
        usage=Usage(10, 5, 3),
        stop=Stop("tool_use"),
    )
    thinking, message, call = body["output"]
    assert unseal(thinking["encrypted_content"]) == seal
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]
    assert (call["call_id"], call["namespace"], call["status"]) == ("c1", "mcp", "completed")
    assert len({item["id"] for item in body["output"]}) == 3
    assert (body["model"], body["created_at"], body["status"]) == (
        "asked",
        1795430400,
        "completed",
    )
    assert body["instructions"] == "Be brief."
    assert body["usage"]["total_tokens"] == 18
    assert body["id"] == of.reply_id
    reply = read("openai_responses", json.dumps(body).encode(), stream=False, strict=True)
    assert (reply.text, reply.refusal, reply.thinking) == ("a", "no", "Hm")
    assert reply.calls == [Call("c1", "f", {"a": 1}, "mcp")]


def test_a_cut_reply_says_so() -> None:
    body = written(Text(text="a"), stop=Stop("max_tokens"), created=5)
    assert (body["status"], body["output"][0]["status"]) == ("incomplete", "incomplete")
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert (body["usage"], body["created_at"]) == (None, 5)


def test_a_reply_of_this_dialect_keeps_its_fields_and_items() -> None:
    """Those of the request are the client's own again."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    response = decoded(
        context(), id="resp_1", status="completed", output=[search], service_tier="priority",
        temperature=0.1, x=1,
    )  # fmt: skip
    body = json.loads(CODEC.encode_response(response, context(temperature=0.5)))
    assert (body["id"], body["output"]) == ("resp_1", [search])
    assert (body["service_tier"], body["x"], body["temperature"]) == ("priority", 1, 0.5)


def test_the_extras_of_other_dialects_are_none_of_ours() -> None:
    body = written(Text(text="a", extras={"citations": [1]}), extras={"stop_details": {}})
    assert "stop_details" not in body
    assert body["output"][0]["content"][0]["annotations"] == []


@unhurried
@given(streams(fails=False, opaque=False))
def test_any_reply_is_a_valid_object(events: list[Event]) -> None:
    assembly = Assembly()
    assembly.add(events)
    response = assembly.response()
    body = CODEC.encode_response(response, context())
    shells = [part for part in response.parts if getattr(part, "kind", "") == "local_shell"]
    if not shells:  # whose command is made of anything here
        SdkResponse.model_validate(json.loads(body), strict=True)
    again = CODEC.decode_response(body, context())
    texts = [part.text for part in response.parts if isinstance(part, Text) and part.text]
    assert [part.text for part in again.parts if isinstance(part, Text)] == texts
    assert not any(isinstance(event, OpaqueWhole) for event in events)
