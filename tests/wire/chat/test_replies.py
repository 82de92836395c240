"""Chat Completions replies as one body: read from anybody, written as the SDK's own types want."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion

from lynkr.wire.assembled import Assembly
from lynkr.wire.chat.codec import CODEC
from lynkr.wire.chat.replies import count, usage_object, usage_of
from lynkr.wire.codec import Context
from lynkr.wire.events import Event
from lynkr.wire.message import (
    Part,
    Request,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.harness.fixtures import all_fixtures
from tests.wire.chat.made import unhurried
from tests.wire.made_events import streams
from tests.wire.made_json import values

BODIES = [
    fixture
    for fixture in all_fixtures()
    if fixture.family == "chat" and not fixture.is_stream and fixture.expect.status == 200
]


def context(**request: Any) -> Context:
    asked = Request(format="openai_chat", model="alias", messages=[], **request)
    return Context(asked, call_id="x", created=7, model="alias")


def reply(message: object, finish: object = "stop", **more: object) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return json.dumps({"id": "r", "model": "m", "created": 5, "choices": [choice]}).encode()


def read(message: object, finish: object = "stop", **more: object) -> Response:
    return CODEC.decode_response(reply(message, finish, **more), context())


def called(name: str, arguments: object, **more: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


# --- read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", BODIES, ids=repr)
def test_recorded_replies(fixture: Any) -> None:
    found = CODEC.decode_response(fixture.reply, context())
    assert found.model == fixture.expect.model_replied
    assert found.stop.native == fixture.expect.stop_reason
    assert found.usage == Usage(**fixture.expect.usage)


def test_text_with_all_that_belongs_to_it() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -1, "bytes": [97]}], "refusal": None}
    note = {"type": "url_citation", "url_citation": {"url": "u"}}
    found = read({"content": "a", "annotations": [note]}, logprobs=logprobs)
    assert found.parts == [
        Text(text="a", logprobs=logprobs["content"], extras={"annotations": [note]})
    ]
    assert (found.id, found.model, found.created) == ("r", "m", 5)


def test_parts_in_their_order() -> None:
    found = read(
        {
            "reasoning_content": "Hm",
            "content": "I look.",
            "refusal": "No.",
            "tool_calls": [
                called("f", "{}", id="c1"),
                called("g", {"a": 1}, id="c2"),
                {"id": "c3", "type": "custom", "custom": {"name": "p", "input": "free"}},
            ],
        },
        "tool_calls",
    )
    assert found.parts == [
        Thinking(text="Hm", seal=Seal("openai_chat", {"field": "reasoning_content"})),
        Text(text="I look."),
        Text(text="No.", refusal=True),
        ToolCall(id="c1", name="f", arguments="{}"),
        ToolCall(id="c2", name="g", arguments='{"a":1}'),
        ToolCall(id="c3", name="p", arguments="free", kind="custom"),
    ]


def test_calls_without_ids_or_with_the_same_one() -> None:
    made = context()
    message = {"tool_calls": [called("f", ""), called("f", "", id="c"), called("f", "", id="c")]}
    found = CODEC.decode_response(reply(message), made)
    ids = [part.id for part in found.parts if isinstance(part, ToolCall)]
    assert ids == ["call_x01", "c", "call_x02"]


def test_a_legacy_function_call() -> None:
    found = read({"content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert found.parts == [ToolCall(id="call_x01", name="f", arguments="{}")]
    assert found.stop.reason == "tool_use"


def test_geminis_signature_comes_before_its_call() -> None:
    about = {"google": {"thought_signature": "s"}}
    found = read({"tool_calls": [called("f", "{}", id="c", extra_content=about)]})
    assert found.parts == [
        Thinking(seal=Seal("openai_chat", {"call": {"extra_content": about}})),
        ToolCall(id="c", name="f", arguments="{}"),
    ]


def test_mistrals_chunks() -> None:
    chunks = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    assert read({"content": chunks}).parts == [Thinking(text="Hm"), Text(text="ab")]


def test_openrouters_details() -> None:
    details = [{"type": "reasoning.summary", "summary": "Hm"}, {"type": "reasoning.encrypted"}]
    (found,) = read({"content": "", "reasoning": None, "reasoning_details": details}).parts
    seal = Seal("openai_chat", {"reasoning_details": details})
    assert found == Thinking(text="Hm", seal=seal, summary=True)


@pytest.mark.parametrize(
    ("finish", "calls", "reason"),
    [
        ("stop", False, "end_turn"), ("stop", True, "tool_use"), ("tool_calls", True, "tool_use"),
        ("tool_calls", False, "end_turn"), ("length", False, "max_tokens"),
        ("length", True, "max_tokens"), ("content_filter", False, "refusal"),
        ("function_call", True, "tool_use"), ("eos", False, "end_turn"), (None, True, "tool_use"),
        (None, False, "end_turn"), ("new", False, "other"), ("new", True, "tool_use"),
        ("model_length", False, "context_window"),
    ],
)  # fmt: skip
def test_why_it_ended(finish: str | None, calls: bool, reason: str) -> None:
    message = {"content": "a", "tool_calls": [called("f", "{}")] if calls else None}
    stop = read(message, finish).stop
    assert (stop.reason, stop.native) == (reason, finish or "")


def test_which_sequence_stopped_it() -> None:
    """vLLM says so. Else its `stop_reason` is a number of a token, or nothing."""
    made = context(stop=["END"])
    found = CODEC.decode_response(reply({"content": "a"}, stop_reason="END"), made)
    assert found.stop == Stop("stop_sequence", "END", "stop")
    for other in (None, 128001, "elsewhere"):
        found = CODEC.decode_response(reply({"content": "a"}, stop_reason=other), made)
        assert found.stop == Stop("end_turn", None, "stop")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[1]}', b'{"choices":[{}]}',
        b'{"error":{"message":"No."},"choices":[]}', reply({"content": "a"}, "error"),
        reply({"content": "a"}, "insufficient_system_resource"),
        reply({"tool_calls": [{"id": "c"}]}),
    ],
)  # fmt: skip
def test_what_is_no_reply(body: bytes) -> None:
    with pytest.raises(ValueError):
        CODEC.decode_response(body, context())


@unhurried
@given(values, values)
def test_any_json_is_a_reply_or_none(one: object, two: object) -> None:
    for message in (one, {"content": one, "tool_calls": two}, {"reasoning_details": one},
                    {"tool_calls": [one, {"function": two}]}, {"function_call": one},
                    {"content": [one, two], "reasoning": two, "refusal": one}):  # fmt: skip
        try:
            read(message, two, logprobs=one, stop_reason=two)
        except ValueError:
            continue


# --- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        (None, None),
        ([], None),
        ({}, Usage()),
        ({"prompt_tokens": 10, "completion_tokens": 3}, Usage(10, 3)),
        ({"prompt_tokens": 10.0, "completion_tokens": "3"}, Usage(10)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage()),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(1, None, 4, 5, 2),
        ),
        ({"prompt_tokens": 10, "prompt_tokens_details": None}, Usage(10)),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(0, None, 4)),
    ],
)
def test_usage_is_what_was_said(value: object, usage: Usage | None) -> None:
    assert usage_of(value) == usage


def test_counts() -> None:
    assert [count(value) for value in (0, 5.0, 2**60, None, "5", 1.5, False)] == [
        0, 5, None, None, None, None, None,
    ]  # fmt: skip


def test_totals_include_the_cache_and_the_unknown_is_left_out() -> None:
    assert usage_object(Usage()) is None
    assert usage_object(Usage(1, 2)) == {
        "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
    }  # fmt: skip
    assert usage_object(Usage(1, 2, 3, 4, 1)) == {
        "prompt_tokens": 8,
        "completion_tokens": 2,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert usage_object(Usage(None, 2)) == {
        "prompt_tokens": 0, "completion_tokens": 2, "total_tokens": 2,
    }  # fmt: skip


# --- written --------------------------------------------------------------------------------------


def shown(*parts: Part, stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    """The body, checked by the SDK's own types."""
    known: dict[str, Any] = {"id": "r", "model": "real", "usage": Usage(1, 2), **more}
    asked = known.pop("context", None) or context()
    response = Response(parts=list(parts), stop=Stop(stop), **known)  # type: ignore[arg-type]
    body = CODEC.encode_response(response, asked)
    ChatCompletion.model_validate_json(body)
    assert asked.reply_id == known["id"] or not known["id"]
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_whole_reply() -> None:
    body = shown(Text(text="a"), Text(text="b"))
    assert body == {
        "id": "r",
        "object": "chat.completion",
        "created": 7,
        "model": "alias",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_unknown_usage_is_not_invented() -> None:
    assert "usage" not in shown(Text(text="a"), usage=Usage())


def test_reasoning_calls_and_refusals() -> None:
    seal = Seal("anthropic_messages", {"signature": "s"})
    body = shown(
        Thinking(text="Hm", seal=seal),
        ToolCall(id="c1", name="f", arguments="{}"),
        ToolCall(id="c2", name="p", arguments="free", kind="custom"),
        stop="tool_use",
    )
    message = body["choices"][0]["message"]
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert message["content"] is None
    assert message["reasoning_content"] == "Hm"
    (detail,) = message["reasoning_details"]
    assert (detail["type"], detail["id"]) == ("reasoning.encrypted", "c1")
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c2", "type": "custom", "custom": {"name": "p", "input": "free"}},
    ]
    refused = shown(Text(text="No.", refusal=True))["choices"][0]["message"]
    assert (refused["content"], refused["refusal"]) == (None, "No.")


def test_what_came_from_this_dialect_goes_out_as_it_came() -> None:
    about = {"google": {"thought_signature": "s"}}
    details = [{"type": "reasoning.text", "text": "Hm", "signature": "x", "index": 0}]
    logprobs = {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}
    note = {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "u"},
    }
    message = {
        "role": "assistant", "content": "a", "refusal": None, "annotations": [note],
        "reasoning_content": "Hm", "reasoning_details": details,
        "tool_calls": [called("f", "{}", id="c", extra_content=about)],
    }  # fmt: skip
    data = json.loads(reply(message, "tool_calls", logprobs={**logprobs, "refusal": None}))
    data |= {"object": "chat.completion", "service_tier": "default", "system_fingerprint": "fp"}
    made = context()
    body = json.loads(
        CODEC.encode_response(CODEC.decode_response(json.dumps(data).encode(), made), made)
    )
    assert body == {**data, "model": "alias"}


def test_extras_of_other_dialects_are_not_shown() -> None:
    extras = {"service_tier": "standard", "container": {}, "system_fingerprint": "fp"}
    body = shown(Text(text="a", extras={"citations": [{"type": "page"}]}), extras=extras)
    assert "service_tier" not in body and "container" not in body
    assert body["system_fingerprint"] == "fp"
    assert "annotations" not in body["choices"][0]["message"]


def test_a_client_of_legacy_functions() -> None:
    asked = context(extras={"functions": [{"name": "f"}]})
    call = ToolCall(id="c", name="f", arguments="{}")
    (choice,) = shown(call, stop="tool_use", context=asked)["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]


def test_a_reply_without_an_id_gets_one() -> None:
    asked = context()
    assert shown(id="", context=asked)["id"] == "chatcmpl_x01" == asked.reply_id


@unhurried
@given(streams(fails=False))
def test_any_reply_pleases_the_sdk_and_says_the_same_again(events: list[Event]) -> None:
    """Text, arguments and usage survive a client of this dialect, whatever the provider's."""
    assembly = Assembly()
    assembly.add(events)
    response = assembly.response()
    made = context()
    body = CODEC.encode_response(response, made)
    ChatCompletion.model_validate_json(body)
    again = CODEC.decode_response(body, made)
    for refusal in (False, True):
        assert _text(again.parts, refusal) == _text(response.parts, refusal)
    assert [(part.id, part.name, part.arguments) for part in _calls(again.parts)] == [
        (part.id, part.name, part.arguments) for part in _calls(response.parts)
    ]
    if response.usage != Usage():
        assert usage_object(again.usage) == usage_object(response.usage)


def _text(parts: list[Part], refusal: bool) -> str:
    return "".join(
        part.text for part in parts if isinstance(part, Text) and part.refusal == refusal
    )


def _calls(parts: list[Part]) -> list[ToolCall]:
    return [part for part in parts if isinstance(part, ToolCall)]
