"""Responses streams, written: the events that the API itself sends, as its SDK wants them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.events import (
    Alive,
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
    OpaqueWhole,
    PartStop,
    Sealed,
    Start,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.message import Failure, Json, Opaque, Seal, Stop, Usage
from lynkr.wire.responses.codec import CODEC
from lynkr.wire.responses.stream_decoder import ResponsesStreamDecoder
from lynkr.wire.responses.stream_encoder import ResponsesStreamEncoder
from lynkr.wire.seals import unseal
from tests.wire.made_events import streams
from tests.wire.responses.made import unhurried
from tests.wire.sdk_replies import Call, read

_EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
START = Start("msg_01", "upstream-model")
FINISH = Finish(Stop("end_turn"), Usage(10, 5))


def context(**fields: Any) -> Context:
    body = json.dumps({"model": "asked", "input": "x", "stream": True, **fields}).encode()
    request = CODEC.decode_request(body, "", False)
    return Context(request, call_id="c", created=1795430400, model="asked")


def write(*events: Event, **fields: Any) -> bytes:
    return ResponsesStreamEncoder(context(**fields)).encode(events)


def told(body: bytes) -> list[dict[str, Any]]:
    """The events, each true to the SDK's types and named as its line says."""
    found = []
    for number, block in enumerate(
        block for block in body.decode().split("\n\n") if block and not block.startswith(":")
    ):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        found.append(event)
    return found


def valid(body: bytes) -> list[dict[str, Any]]:
    events = told(body)
    for event in events:
        _EVENTS.validate_python(event, strict=True)
    return events


def items(body: bytes) -> list[dict[str, Any]]:
    """The finished ones, which are also those of the whole response."""
    events = valid(body)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]
    return done


def test_a_text() -> None:
    body = write(
        START, TextStart(0), TextDelta(0, "Grüß "), TextDelta(0, "dich"), PartStop(0), FINISH
    )
    events = valid(body)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert first["id"] == last["id"] == "resp_c01"
    assert (last["status"], last["model"], last["created_at"]) == ("completed", "asked", 1795430400)
    assert last["output"][0]["content"][0]["text"] == "Grüß dich"
    assert last["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    reply = read("openai_responses", body, stream=True, strict=True)
    assert (reply.text, reply.stop, reply.model) == ("Grüß dich", "completed", "asked")


def test_texts_that_follow_each_other_are_parts_of_one_message() -> None:
    """Unless their ids say that they are messages of their own."""
    body = write(
        START,
        TextStart(0), TextDelta(0, "a"), PartStop(0),
        TextStart(1, refusal=True), TextDelta(1, "no"), PartStop(1),
        TextStart(2, id="msg_7"), TextDelta(2, "b"), PartStop(2),
        FINISH,
    )  # fmt: skip
    first, second = items(body)
    assert [part["type"] for part in first["content"]] == ["output_text", "refusal"]
    assert (second["id"], second["content"][0]["text"]) == ("msg_7", "b")


def test_calls() -> None:
    body = write(
        START,
        CallStart(0, "c1", "echo", namespace="mcp", item_id="fc_1"),
        ArgumentsDelta(0, '{"a"'), ArgumentsDelta(0, ":1}"), PartStop(0),
        CallStart(1, "c2", "exec", "custom"), ArgumentsDelta(1, "ls"), PartStop(1),
        CallStart(2, "c3", "tool_search", "tool_search"), ArgumentsDelta(2, '{"q":"x"}'),
        PartStop(2),
        CallStart(3, "c4", "local_shell", "local_shell"),
        ArgumentsDelta(3, '{"type":"exec","command":["ls"],"env":{}}'), PartStop(3),
        Finish(Stop("tool_use")),
    )  # fmt: skip
    function, custom, search, shell = items(body)
    assert function == {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c1",
        "name": "echo",
        "namespace": "mcp",
        "arguments": '{"a":1}',
        "status": "completed",
    }
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "ls")
    assert (search["execution"], search["arguments"]) == ("client", {"q": "x"})
    assert shell["action"]["command"] == ["ls"]
    assert len({item["id"] for item in items(body)}) == 4
    reply = read("openai_responses", body, stream=True, strict=True)
    assert reply.calls == [
        Call("c1", "echo", {"a": 1}, "mcp"),
        Call("c2", "exec", "ls", "", "custom"),
    ]


def test_broken_arguments_of_a_search_or_shell() -> None:
    """No event can carry them as objects; the client must get to see them all the same."""
    search, shell = items(
        write(
            START,
            CallStart(0, "c1", "tool_search", "tool_search"), ArgumentsDelta(0, '{"q'), PartStop(0),
            CallStart(1, "c2", "local_shell", "local_shell"), ArgumentsDelta(1, "ls"), PartStop(1),
            FINISH,
        )
    )  # fmt: skip
    assert search["arguments"] == '{"q'
    assert (shell["type"], shell["name"], shell["arguments"]) == (
        "function_call",
        "local_shell",
        "ls",
    )


def test_thinking_of_another_provider_is_sealed() -> None:
    """Its seal comes back with the next request, to the very same."""
    seal = Seal("anthropic_messages", {"signature": "sig"})
    body = write(
        START, ThinkingStart(0), ThinkingDelta(0, "H"), ThinkingDelta(0, "m"), Sealed(0, seal),
        PartStop(0), FINISH,
    )  # fmt: skip
    (item,) = items(body)
    assert item["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert unseal(item["encrypted_content"]) == seal
    assert [event["type"].removeprefix("response.") for event in told(body)][2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]


def test_own_reasoning_is_as_it_was() -> None:
    data: Json = {
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": text} for text in ("a", "b")],
        "encrypted_content": "gAAA",
    }
    (item,) = items(
        write(
            START, ThinkingStart(0, True, "rs_1"), ThinkingDelta(0, "a\n\nb"),
            Sealed(0, Seal("openai_responses", data)), PartStop(0), FINISH,
        )
    )  # fmt: skip
    assert item == {"type": "reasoning", **data}


def test_what_was_told_of_own_reasoning_is_in_its_item() -> None:
    """Some servers tell a summary and leave it out of the whole item."""
    data: Json = {"id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    (item,) = items(
        write(
            START, ThinkingStart(0, True, "rs_1"), ThinkingDelta(0, "a"),
            Sealed(0, Seal("openai_responses", data)), PartStop(0), FINISH,
        )
    )  # fmt: skip
    assert item["summary"] == [{"type": "summary_text", "text": "a"}]


def test_thinking_without_text_has_no_summary() -> None:
    body = write(
        START, ThinkingStart(0), Sealed(0, Seal("gemini", {"thoughtSignature": "x"})), PartStop(0),
        FINISH,
    )  # fmt: skip
    (item,) = items(body)
    assert item["summary"] == []
    assert unseal(item["encrypted_content"]) == Seal("gemini", {"thoughtSignature": "x"})


def test_items_that_only_openai_knows() -> None:
    """Codex ends a compaction by one; those of other dialects are nothing here."""
    value: Json = {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}
    body = write(
        START,
        OpaqueWhole(0, Opaque(kind="compaction", value=value, format="openai_responses")),
        OpaqueWhole(1, Opaque(kind="server_tool_use", value={"type": "server_tool_use"})),
        FINISH,
    )
    assert items(body) == [value]


def test_log_probabilities() -> None:
    """Chat may have null for the bytes; here they are a list."""
    entry: Json = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    body = write(
        START, TextStart(0), TextDelta(0, "a", [entry]), TextDelta(0, "b"), PartStop(0), FINISH
    )
    (item,) = items(body)
    assert item["content"][0]["logprobs"] == [{**entry, "bytes": []}]


ENDS: list[tuple[Stop, str, Json | None]] = [
    (Stop("end_turn"), "completed", None),
    (Stop("tool_use"), "completed", None),
    (Stop("stop_sequence", "x"), "completed", None),
    (Stop("pause_turn"), "completed", None),
    (Stop("max_tokens"), "incomplete", {"reason": "max_output_tokens"}),
    (Stop("context_window"), "incomplete", {"reason": "max_output_tokens"}),
    (Stop("refusal"), "incomplete", {"reason": "content_filter"}),
    (Stop("other", native="steered"), "incomplete", {"reason": "steered"}),
]


@pytest.mark.parametrize(("stop", "status", "details"), ENDS)
def test_why_it_ends(stop: Stop, status: str, details: Json | None) -> None:
    body = write(START, TextStart(0), TextDelta(0, "a"), PartStop(0), Finish(stop))
    last = valid(body)[-1]
    assert last["type"] == f"response.{status}"
    assert last["response"]["status"] == status
    assert last["response"]["incomplete_details"] == details
    assert items(body)[0]["status"] == status  # the cut message says so itself
    assert last["response"]["usage"] is None  # nobody has counted


def test_usage_adds_up() -> None:
    """What the upstream said at its start, in between and at the end; totals include the cache."""
    body = write(
        Start("m", "m", Usage(10, None, 5, 2)), Used(Usage(output_tokens=1)),
        Finish(Stop("end_turn"), Usage(output_tokens=7, reasoning_tokens=3)),
    )  # fmt: skip
    assert valid(body)[-1]["response"]["usage"] == {
        "input_tokens": 17,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 24,
    }


def test_the_parameters_are_repeated() -> None:
    said: dict[str, Any] = {
        "instructions": "Be brief.",
        "tools": [
            {"type": "function", "name": "f", "parameters": {}, "strict": None},
            {"type": "namespace", "name": "n", "description": "N", "tools": []},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "metadata": {"a": "b"},
        "store": False,
        "truncation": "disabled",
        "max_output_tokens": 100,
    }
    body = write(START, FINISH, **said, service_tier="auto", include=[], client_metadata={"a": 1})
    for event in valid(body):
        response = event["response"]
        assert {name: response[name] for name in said} == said
        assert not {"service_tier", "include", "client_metadata", "input"} & set(response)
    required = valid(write(START, FINISH))[0]["response"]
    assert (required["tools"], required["tool_choice"]) == ([], "auto")
    assert required["parallel_tool_calls"] is True
    assert "temperature" not in required


FAILURES: list[tuple[Failure, str]] = [
    # Another provider's overload passes; by OpenAI's own word Codex would give up.
    (Failure(status=0, kind="overloaded", message="m", code="overloaded_error"), "server_error"),
    (
        Failure(status=0, kind="overloaded", message="m", code="server_is_overloaded"),
        "server_is_overloaded",
    ),
    (Failure(status=0, kind="rate_limit", message="m"), "rate_limit_exceeded"),
    (Failure(status=0, kind="context_length", message="m"), "context_length_exceeded"),
    (Failure(status=0, kind="invalid_request", message="m"), "invalid_prompt"),
    (Failure(status=0, kind="billing", message="m"), "insufficient_quota"),
    (Failure(status=0, kind="api_error", message="m", code="server_error"), "server_error"),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_failures(failure: Failure, code: str) -> None:
    """Codex tells by the code whether to wait, to try again or to give up."""
    last = told(write(START, Used(Usage(5)), TextStart(0), TextDelta(0, "a"), Failed(failure)))[-1]
    assert last["type"] == "response.failed"
    response = last["response"]
    assert (response["status"], response["error"]) == ("failed", {"code": code, "message": "m"})
    assert response["usage"]["input_tokens"] == 5
    (only,) = valid(write(Failed(failure)))
    assert (only["type"], only["code"], only["message"]) == ("error", code, "m")


def test_pings_are_comments() -> None:
    encoder = ResponsesStreamEncoder(context())
    assert encoder.ping() == encoder.encode([Alive()]) == b": keep-alive\n\n"
    assert encoder.encode([]) == b""


def test_the_reply_is_known_by_its_id() -> None:
    """A native one stays; the gateway keeps replies by what the client saw."""
    of = context()
    ResponsesStreamEncoder(of).encode([Start("resp_7", "m")])
    assert of.reply_id == "resp_7"
    ResponsesStreamEncoder(of).encode([START])
    assert of.reply_id == "resp_c01"


def test_half_an_emoji_passes() -> None:
    body = write(START, TextStart(0), TextDelta(0, "\ud83d"), PartStop(0), FINISH)
    assert told(body)[-1]["response"]["output"][0]["content"][0]["text"] == "\ud83d"


@unhurried
@given(streams(lone=False, fails=False))
def test_any_reply_is_what_the_sdk_expects(events: list[Event]) -> None:
    """Whatever the provider and the pieces: valid events, and the SDK puts them together."""
    names = {event.name for event in events if isinstance(event, CallStart)}
    encoder = ResponsesStreamEncoder(context())
    body = b"".join(encoder.encode([event]) for event in events)
    assert body == write(*events)
    if "local_shell" not in names:  # whose command is made of anything here
        valid(body)
        read("openai_responses", body, stream=True, strict=True)


@unhurried
@given(streams(seals=("openai_responses",), opaque=False, fails=False, pings=False))
def test_what_is_written_is_read_again(events: list[Event]) -> None:
    """Texts, arguments, seals and usage; empty texts are nothing."""
    of = context(store=False)  # else reasoning is sealed by its mere id
    decoder = ResponsesStreamDecoder(of)
    again = decoder.feed(ResponsesStreamEncoder(of).encode(events)) + decoder.finish()
    before, after = Assembly(), Assembly()
    before.add(events)
    after.add(again)
    assert _meaning(after) == _meaning(before)


def _meaning(assembly: Assembly) -> list[object]:
    found: list[object] = []
    for part in assembly.response().parts:
        text = getattr(part, "text", None)
        if text == "" and getattr(part, "seal", None) is None:
            continue
        kind = type(part).__name__
        seal = getattr(part, "seal", None)
        if text is not None:
            sealed = None if seal is None else seal.data["encrypted_content"]
            found.append((kind, text, getattr(part, "refusal", None), sealed))
        else:
            call: Any = part
            arguments = call.arguments
            if call.kind in ("tool_search", "local_shell"):
                arguments = json.loads(arguments)
            found.append((call.kind, call.id, call.name, call.namespace, arguments))
    return found
