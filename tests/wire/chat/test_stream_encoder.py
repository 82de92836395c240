"""Chat Completions streams, written: as the SDK's own types and its own accumulation want them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from lynkr.wire.assembled import Assembly
from lynkr.wire.chat.codec import CODEC
from lynkr.wire.chat.requests import decode_request
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
from lynkr.wire.framing import EventReader
from lynkr.wire.message import (
    Failure,
    Opaque,
    Part,
    Request,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.wire.chat.made import unhurried
from tests.wire.made_events import streams

START = Start("r", "real")
END = Finish(Stop("end_turn"))


def context(include_usage: bool = True, **request: Any) -> Context:
    asked = Request(
        format="openai_chat", model="alias", messages=[], include_usage=include_usage, **request
    )
    return Context(asked, call_id="x", created=7, model="alias")


def written(events: list[Event], made: Context | None = None) -> list[Any]:
    """The data of every event."""
    body = CODEC.stream_encoder(made or context()).encode(events)
    return [data if data == b"[DONE]" else json.loads(data) for _, data in EventReader().feed(body)]


def deltas(*events: Event, made: Context | None = None) -> list[Any]:
    """What stands between the first chunk and the last."""
    chunks = written([START, *events, END], made or context(False))
    return [chunk["choices"][0]["delta"] for chunk in chunks[1:-2]]


def test_a_stream_of_text() -> None:
    made = context()
    chunks = written(
        [START, TextStart(0), TextDelta(0, 'a "b"\n'), TextDelta(0, "ü"), PartStop(0),
         Finish(Stop("max_tokens"), Usage(1, 2, 3))],
        made,
    )  # fmt: skip
    common = {"id": "r", "object": "chat.completion.chunk", "created": 7, "model": "alias"}

    def chunk(delta: object, finish: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**common, "choices": [choice], "usage": None}

    assert chunks == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": 'a "b"\n'}),
        chunk({"content": "ü"}),
        chunk({}, "length"),
        {
            **common,
            "choices": [],
            "usage": {
                "prompt_tokens": 4,
                "completion_tokens": 2,
                "total_tokens": 6,
                "prompt_tokens_details": {"cached_tokens": 3},
            },
        },
        b"[DONE]",
    ]
    assert made.reply_id == "r"


def test_usage_only_for_those_who_asked_and_only_what_is_known() -> None:
    end = Finish(Stop("end_turn"), Usage(1, 2))
    assert "usage" not in json.dumps(written([START, end], context(False))[:-1])
    assert [chunk["choices"] == [] for chunk in written([START, END])[:-1]] == [False, False]


def test_usage_that_came_on_the_way_counts_where_the_end_says_nothing() -> None:
    start = Start("r", "real", Usage(5))
    chunks = written([start, Used(Usage(None, 2)), Finish(Stop("end_turn"), Usage(None, 3))])
    assert chunks[-2]["usage"]["prompt_tokens"] == 5
    assert chunks[-2]["usage"]["completion_tokens"] == 3


def test_calls_have_dense_indices() -> None:
    """Also behind text and reasoning, which count as parts but not as calls."""
    found = deltas(
        ThinkingStart(0), ThinkingDelta(0, "Hm"), PartStop(0),
        CallStart(1, "c1", "f"), ArgumentsDelta(1, '{"a'), ArgumentsDelta(1, '"'), PartStop(1),
        TextStart(2), TextDelta(2, "x"), PartStop(2),
        CallStart(3, "c2", "p", "custom"), ArgumentsDelta(3, "free"), PartStop(3),
    )  # fmt: skip
    assert found == [
        {"reasoning_content": "Hm"},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function",
                         "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"'}}]},
        {"content": "x"},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "custom",
                         "custom": {"name": "p", "input": ""}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "free"}}]},
    ]  # fmt: skip


def test_log_probabilities_and_refusals() -> None:
    tokens: list[dict[str, object]] = [{"token": '"logprobs":null', "logprob": -1.0, "bytes": None}]
    chunks = written(
        [START, TextStart(0), TextDelta(0, '"logprobs":null', tokens), PartStop(0),
         TextStart(1, True), TextDelta(1, "No.", tokens), PartStop(1), END]
    )  # fmt: skip
    first, second = (chunk["choices"][0] for chunk in chunks[1:3])
    assert first["delta"] == {"content": '"logprobs":null'}
    assert first["logprobs"] == {"content": tokens, "refusal": None}
    assert second["delta"] == {"refusal": "No."}
    assert second["logprobs"] == {"content": None, "refusal": tokens}


def test_seals_name_the_call_behind_them() -> None:
    first, second = Seal("gemini", {"thoughtSignature": "a"}), Seal("gemini", {"x": "b"})
    found = deltas(
        ThinkingStart(0), ThinkingDelta(0, "Hm"), Sealed(0, first), PartStop(0),
        TextStart(1), TextDelta(1, "x"), PartStop(1),
        ThinkingStart(2), Sealed(2, second), PartStop(2), CallStart(3, "c1", "f"), PartStop(3),
    )  # fmt: skip
    details = [detail for delta in found for detail in delta.get("reasoning_details", ())]
    assert [(detail["index"], detail.get("id"), detail.get("offset")) for detail in details] == [
        (0, None, None), (1, "c1", 2),
    ]  # fmt: skip
    assert [next(iter(delta)) for delta in found] == [
        "reasoning_content", "reasoning_details", "content", "reasoning_details", "tool_calls",
    ]  # fmt: skip


def test_own_seals_are_written_in_their_own_fields() -> None:
    details = [{"type": "reasoning.encrypted", "data": "gA"}]
    about = {"google": {"thought_signature": "s"}}
    found = deltas(
        ThinkingStart(0), Sealed(0, Seal("openai_chat", {"reasoning_details": details})),
        PartStop(0), ThinkingStart(1),
        Sealed(1, Seal("openai_chat", {"call": {"extra_content": about}})), PartStop(1),
        CallStart(2, "c1", "f"), PartStop(2),
    )  # fmt: skip
    assert found[0] == {"reasoning_details": [{**details[0], "index": 0}]}
    assert found[1]["tool_calls"][0]["extra_content"] == about


def test_what_this_dialect_has_no_word_for_is_left_out() -> None:
    assert deltas(OpaqueWhole(0, Opaque(kind="web_search", value={}))) == []


def test_a_failure_ends_the_stream_without_its_end_mark() -> None:
    """A clean end would be taken for success."""
    failed = Failed(Failure(status=0, kind="overloaded", message="No.", code="overloaded_error"))
    chunks = written([START, failed, TextStart(0), TextDelta(0, "a"), END])
    assert chunks[1:] == [
        {"error": {"message": "No.", "type": "server_error", "param": None, "code": "overloaded"}}
    ]
    assert written([failed])[0]["error"]["message"] == "No."


def test_pings_mean_nothing() -> None:
    encoder = CODEC.stream_encoder(context())
    assert encoder.ping() == b": keep-alive\n\n" == encoder.encode([Alive()])


def test_a_client_of_legacy_functions() -> None:
    made = context(extras={"functions": [{"name": "f"}]})
    chunks = written([START, CallStart(0, "c", "f"), ArgumentsDelta(0, "{}"), PartStop(0),
                      Finish(Stop("tool_use"))], made)  # fmt: skip
    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "function_call"


# --- any stream -----------------------------------------------------------------------------------


def accumulated(body: bytes) -> ChatCompletion:
    """As the SDK puts the chunks together, each checked by its type."""
    state: Any = ChatCompletionStreamState()
    for _, data in EventReader().feed(body):
        if data != b"[DONE]":
            state.handle_chunk(ChatCompletionChunk.model_validate_json(data))
    found: ChatCompletion = state.current_completion_snapshot
    return found


@unhurried
@given(streams(kinds=("function",), fails=False))
def test_the_sdk_puts_any_stream_together(events: list[Event]) -> None:
    body = CODEC.stream_encoder(context()).encode(events)
    assembly = Assembly()
    assembly.add(events)
    (choice,) = accumulated(body).choices
    message = choice.message
    assert (message.content or "") == texts(assembly.parts, refusal=False)
    assert (message.refusal or "") == texts(assembly.parts, refusal=True)
    assert [
        (call.id, call.function.name, call.function.arguments)  # type: ignore[union-attr]
        for call in message.tool_calls or []
    ] == [(call.id, call.name, call.arguments) for call in called(assembly.parts)]
    thoughts = [part for part in assembly.parts if isinstance(part, Thinking)]
    shown = getattr(message, "reasoning_content", None) or ""
    assert shown == "".join(part.text for part in thoughts)


@unhurried
@given(streams(kinds=("function", "custom"), opaque=False, fails=False, lone=True,
               seals=("gemini", "anthropic_messages")))  # fmt: skip
def test_what_is_written_can_be_read_again(events: list[Event]) -> None:
    """Cut event by event, and with half emojis: the same text, calls and usage."""
    encoder = CODEC.stream_encoder(context())
    body = b"".join(encoder.encode([event]) for event in events)
    assert body == CODEC.stream_encoder(context()).encode(events)
    decoder = CODEC.stream_decoder(context())
    again, first = Assembly(), Assembly()
    again.add(decoder.feed(body) + decoder.finish())
    first.add(events)
    assert again.failure is None
    for refusal in (False, True):
        assert texts(again.parts, refusal=refusal) == texts(first.parts, refusal=refusal)
    for one, other in zip(called(again.parts), called(first.parts), strict=True):
        assert one == msgspec.structs.replace(other, namespace="")  # Chat has none
    if first.usage != Usage():
        assert again.usage.output_tokens == (first.usage.output_tokens or 0)


@unhurried
@given(streams(kinds=("function",), opaque=False, refusals=False, fails=False,
               seals=("gemini", "anthropic_messages", "openai_responses")))  # fmt: skip
def test_a_client_brings_every_seal_back(events: list[Event]) -> None:
    """The SDK's message, sent as history: each seal is there, with the very text it is of, and
    right before the call that it stood before."""
    body = CODEC.stream_encoder(context()).encode(events)
    message = accumulated(body).choices[0].message.to_dict()
    asked = {"model": "m", "messages": [{**message, "role": "assistant"}]}
    history = decode_request(json.dumps(asked).encode(), "", False).messages[0].parts
    assembly = Assembly()
    assembly.add(events)
    sealed = [part for part in assembly.parts if isinstance(part, Thinking) and part.seal]
    found = [part for part in history if isinstance(part, Thinking)]
    foreign = [part for part in found if part.seal and part.seal.format != "openai_chat"]
    assert sorted(str(part.seal) for part in foreign) == sorted(str(part.seal) for part in sealed)
    for part, after in zip(assembly.parts, assembly.parts[1:], strict=False):
        if isinstance(part, Thinking) and part.seal and isinstance(after, ToolCall):
            at = next(n for n, each in enumerate(history) if _is(each, after))
            before = history[at - 1]
            assert isinstance(before, Thinking)
            assert before.seal == part.seal


def _is(part: Part, call: ToolCall) -> bool:
    return isinstance(part, ToolCall) and part.id == call.id


def texts(parts: list[Part], *, refusal: bool) -> str:
    return "".join(
        part.text for part in parts if isinstance(part, Text) and part.refusal == refusal
    )


def called(parts: list[Part]) -> list[ToolCall]:
    return [part for part in parts if isinstance(part, ToolCall)]
