"""What is written for clients of Google's dialect: streams that its own SDK understands."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr.wire.codec import Context, Losses
from lynkr.wire.events import (
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
from lynkr.wire.gemini.codec import CODEC
from lynkr.wire.message import (
    Failure,
    Opaque,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.plain_tools import simplified
from lynkr.wire.seals import seal_text
from tests.wire import made_events
from tests.wire.gemini import sdk as gemini_sdk
from tests.wire.gemini.cases import STREAMS, assembled, chunks, context, decoded, native, read

ERROR = {"error": {"code": 503, "message": "High demand.", "status": "UNAVAILABLE"}}
FAILURE = Failure(status=0, kind="overloaded", message="High demand.", code="UNAVAILABLE")


def written(*events: Event, of: Context | None = None) -> bytes:
    return CODEC.stream_encoder(of or context()).encode(events)


START, END = Start("r9", "claude"), Finish(Stop("end_turn"))


def test_each_delta_is_a_chunk_at_once() -> None:
    encoder = CODEC.stream_encoder(context())
    assert encoder.encode([START, TextStart(0)]) == b""
    assert chunks(encoder.encode([TextDelta(0, 'ü"\n')])) == [
        {
            "candidates": [{"content": {"parts": [{"text": 'ü"\n'}], "role": "model"}, "index": 0}],
            "modelVersion": "asked",
            "responseId": "r9",
        }
    ]
    encoder.encode([PartStop(0), ThinkingStart(1)])
    (chunk,) = chunks(encoder.encode([ThinkingDelta(1, "t")]))
    assert chunk["candidates"][0]["content"]["parts"] == [{"text": "t", "thought": True}]


def test_thoughts_are_for_those_who_asked() -> None:
    """In this dialect they are hidden unless ``includeThoughts`` says otherwise."""
    events: list[Event] = [START, ThinkingStart(0), ThinkingDelta(0, "t"), PartStop(0), END]
    assert b'"t"' in written(*events)
    assert b'"t"' not in written(*events, of=context(thoughts=False))


def test_a_call_is_written_when_it_is_whole() -> None:
    encoder = CODEC.stream_encoder(context())
    begun: list[Event] = [
        START,
        CallStart(0, "i", "f"),
        ArgumentsDelta(0, '{"a":'),
        ArgumentsDelta(0, " [1]}"),
    ]
    assert encoder.encode(begun) == b""
    (chunk,) = chunks(encoder.encode([PartStop(0)]))
    assert chunk["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"id": "i", "name": "f", "args": {"a": [1]}}}
    ]


@pytest.mark.parametrize("arguments", ['{"a": "cut', "[1]", "x"])
def test_a_call_whose_arguments_are_no_object_is_malformed(arguments: str) -> None:
    """It is not made up: a client would run it."""
    call: list[Event] = [CallStart(0, "i", "f"), ArgumentsDelta(0, arguments), PartStop(0)]
    (chunk,) = chunks(written(START, *call, Finish(Stop("tool_use"))))
    candidate = chunk["candidates"][0]
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert candidate["finishMessage"] == f"Malformed function call: f({arguments})"
    (chunk,) = chunks(written(START, *call, Finish(Stop("max_tokens"))))
    assert chunk["candidates"][0]["finishReason"] == "MAX_TOKENS"


FOREIGN = Seal("anthropic_messages", {"signature": "x"})
CARRIED = base64.b64encode(seal_text(FOREIGN).encode()).decode()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [
                ThinkingStart(0), Sealed(0, FOREIGN), PartStop(0),
                CallStart(1, "i", "f"), PartStop(1),
            ],
            [{"functionCall": {"id": "i", "name": "f", "args": {}}, "thoughtSignature": CARRIED}],
        ),
        (
            [
                ThinkingStart(0), Sealed(0, FOREIGN), PartStop(0),
                TextStart(1), TextDelta(1, "a"), TextDelta(1, "b"), PartStop(1),
            ],
            [{"text": "a", "thoughtSignature": CARRIED}, {"text": "b"}],
        ),
        (
            [TextStart(0), TextDelta(0, "a"), PartStop(0),
             ThinkingStart(1), Sealed(1, FOREIGN), PartStop(1)],
            [{"text": "a"}, {"text": "", "thoughtSignature": CARRIED}],
        ),
        (  # on the second text it could be that of either
            [TextStart(0), TextDelta(0, "a"), PartStop(0),
             ThinkingStart(1), Sealed(1, FOREIGN), PartStop(1),
             TextStart(2), TextDelta(2, "b"), TextDelta(2, "c"), PartStop(2)],
            [{"text": "a"}, {"text": "", "thoughtSignature": CARRIED}, {"text": "b"},
             {"text": "c"}],
        ),
        (
            [ThinkingStart(0), Sealed(0, FOREIGN), PartStop(0),
             ThinkingStart(1), ThinkingDelta(1, "t"), Sealed(1, native("s")), PartStop(1),
             TextStart(2), TextDelta(2, "a"), PartStop(2)],
            [
                {"text": "", "thoughtSignature": CARRIED},
                {"text": "t", "thought": True},
                {"text": "a", "thoughtSignature": "s"},
            ],
        ),
        (
            [ThinkingStart(0), ThinkingDelta(0, "t"), Sealed(0, native("s", "thought")),
             PartStop(0)],
            [
                {"text": "t", "thought": True},
                {"text": "", "thought": True, "thoughtSignature": "s"},
            ],
        ),
        (
            [
                OpaqueWhole(
                    0,
                    Opaque(
                        kind="inlineData", value={"inlineData": {"data": "AA=="}}, format="gemini"
                    ),
                )
            ],
            [{"inlineData": {"data": "AA=="}}],
        ),
        # Another dialect's own part has no place here.
        ([OpaqueWhole(0, Opaque(kind="video", value={"video": {}}))], []),
        ([OpaqueWhole(0, Opaque(kind="x_use", value={"type": "x_use", "x": 1}))], []),
    ],
)  # fmt: skip
def test_seals_stand_on_the_part_that_follows(events: list[Event], expected: list[Any]) -> None:
    found = [
        part
        for chunk in chunks(written(START, *events, END))
        for part in chunk["candidates"][0]["content"]["parts"]
    ]
    assert [part for part in found if part != {"text": ""}] == expected


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop("end_turn"), "STOP"),
        (Stop("stop_sequence", "x"), "STOP"),
        (Stop("tool_use"), "STOP"),
        (Stop("max_tokens"), "MAX_TOKENS"),
        (Stop("context_window"), "MAX_TOKENS"),
        (Stop("refusal"), "SAFETY"),
        (Stop("refusal", None, "RECITATION"), "RECITATION"),
        (Stop("refusal", None, "content_filter"), "SAFETY"),
        (Stop("pause_turn"), "OTHER"),
        (Stop("other", None, "weird"), "OTHER"),
        (Stop("other", None, "LANGUAGE"), "LANGUAGE"),
    ],
)
def test_the_last_chunk_says_why(stop: Stop, word: str) -> None:
    (chunk,) = chunks(written(START, Finish(stop)))
    assert chunk["candidates"][0]["finishReason"] == word
    # A chunk without content would make the Python SDK forget the whole turn.
    assert chunk["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}
    assert types.FinishReason(word)


@pytest.mark.parametrize(
    ("usage", "metadata"),
    [
        (Usage(), None),
        (Usage(10, 20, 5, 2, 8), {
            "promptTokenCount": 17, "cachedContentTokenCount": 5, "candidatesTokenCount": 12,
            "thoughtsTokenCount": 8, "totalTokenCount": 37,
        }),
        (Usage(10), {"promptTokenCount": 10}),
        (Usage(None, 3), {"candidatesTokenCount": 3}),
        (Usage(1, 0), {"promptTokenCount": 1, "candidatesTokenCount": 0, "totalTokenCount": 1}),
    ],
)  # fmt: skip
def test_usage_is_what_is_known(usage: Usage, metadata: object) -> None:
    (chunk,) = chunks(written(START, Finish(Stop("end_turn"), usage)))
    assert chunk.get("usageMetadata") == metadata


def test_usage_adds_up_over_the_stream() -> None:
    start = Start("r", "m", Usage(7, None, 3))
    body = written(start, Used(Usage(None, 4)), Finish(Stop("end_turn"), Usage(None, 5)))
    assert chunks(body)[-1]["usageMetadata"] == {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 5,
        "totalTokenCount": 15,
    }


def test_logprobs_there_and_back() -> None:
    (fixture,) = [each for each in STREAMS if "safety" in each.name]
    events = read(fixture.reply)
    (delta,) = [event for event in events if isinstance(event, TextDelta)]
    assert delta.logprobs is not None
    assert [event for event in read(written(*events)) if isinstance(event, TextDelta)] == [delta]


def test_a_ping_means_nothing() -> None:
    """Google's SDKs take a comment for JSON, but not an empty line."""
    encoder = CODEC.stream_encoder(context())
    ping = encoder.ping()
    body = ping + encoder.encode([START, TextStart(0), TextDelta(0, "a")]) + ping + ping
    body += encoder.encode([PartStop(0), END]) + ping
    for size in (1, 4096):
        texts = [chunk.text for chunk in gemini_sdk.chunks(body, size)]
        assert texts == ["a", ""]


def test_a_failure_ends_the_stream() -> None:
    body = written(START, TextStart(0), TextDelta(0, "a"), Failed(FAILURE))
    event, _, error = body.partition(b"\n\n")
    assert b'"a"' in event
    assert json.loads(error) == ERROR


# --- through the SDK, and back --------------------------------------------------------------------


@given(made_events.streams(kinds=["function"], opaque=False, refusals=False, fails=False))
def test_what_is_written_is_read_again(events: list[Event]) -> None:
    """All but what the dialect cannot say: the model's name, which stop sequence it was; what is no
    call is left out. Seals of any format come back as they were."""
    before, after = assembled(events), assembled(read(written(*events)))
    assert (after.id, after.model) == (before.id, "asked")
    assert meaning(after.parts) == meaning(before.parts)


@given(
    made_events.streams(kinds=["function"], opaque=False, refusals=False, fails=False, pings=False)
)
def test_a_whole_reply_is_read_again_too(events: list[Event]) -> None:
    reply = Response(id="r", model="m", parts=assembled(events).parts, stop=Stop("end_turn"))
    again = CODEC.decode_response(CODEC.encode_response(reply, context()), context())
    assert meaning(again.parts) == meaning(reply.parts)


def meaning(parts: list[Any]) -> list[Any]:
    """Texts and thoughts joined, seals, calls: in order."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, ToolCall):
            found.append((part.id, part.name, json.loads(part.arguments or "{}")))
            continue
        kind = type(part).__name__
        if part.text:
            if found and found[-1][0] == kind:
                found[-1] = (kind, found[-1][1] + part.text)
            else:
                found.append((kind, part.text))
        if isinstance(part, Thinking) and part.seal is not None:
            data = {name: each for name, each in part.seal.data.items() if name != "on"}
            found.append(("seal", part.seal.format, data))
    return found


others = ("anthropic_messages", "openai_chat", "openai_responses")


@settings(deadline=None, max_examples=50)
@given(
    made_events.streams(kinds=["function"], opaque=False, seals=others), st.sampled_from([7, 4096])
)
def test_the_sdk_reads_what_is_written(events: list[Event], size: int) -> None:
    body = written(*events)
    whole = assembled(events)
    texts: list[str] = []
    calls: list[Any] = []
    try:
        for chunk in gemini_sdk.chunks(body, size):
            assert chunk.candidates is not None
            content = chunk.candidates[0].content
            assert content is not None
            for part in content.parts or []:
                if part.function_call is not None:
                    calls.append((part.function_call.id, part.function_call.args))
                elif part.text and not part.thought:
                    texts.append(part.text)
    except Exception as error:
        assert whole.failure is not None, error
        assert whole.failure.message in str(error)
    else:
        assert whole.failure is None
    given_calls = [
        (part.id, json.loads(part.arguments or "{}"))
        for part, stopped in zip(whole.parts, closed(events), strict=True)
        if isinstance(part, ToolCall) and stopped
    ]
    assert calls == given_calls
    said = [part.text for part in whole.parts if isinstance(part, Text)]
    assert "".join(texts) == "".join(said)


def closed(events: list[Event]) -> list[bool]:
    """For each part whether it came to its end."""
    stopped = {event.index for event in events if isinstance(event, PartStop)}
    starts = (TextStart, ThinkingStart, CallStart)
    return [event.index in stopped for event in events if isinstance(event, starts)]


def test_a_chat_of_the_sdk_sends_every_seal_back() -> None:
    """Claude behind a Gemini client: its thinking comes back with the next turn, and as it was
    signed, though the SDK keeps every chunk apart."""
    seal = Seal("anthropic_messages", {"signature": "Eq/+??"})
    body = written(
        START,
        ThinkingStart(0), ThinkingDelta(0, "Hm"), ThinkingDelta(0, "m."), Sealed(0, seal),
        PartStop(0),
        TextStart(1), TextDelta(1, "I call"), TextDelta(1, " it."), PartStop(1),
        CallStart(2, "toolu_1", "f"), ArgumentsDelta(2, '{"a":1}'), PartStop(2),
        Finish(Stop("tool_use"), Usage(1, 2)),
    )  # fmt: skip
    request = decoded(json.loads(gemini_sdk.next_body(body, "go")))
    said = [part for message in request.messages if message.role == "assistant"
            for part in message.parts]  # fmt: skip
    assert meaning(said) == [
        ("Thinking", "Hmm."),
        ("seal", "anthropic_messages", {"signature": "Eq/+??"}),
        ("Text", "I call it."),
        ("toolu_1", "f", {"a": 1}),
    ]
    plain, _ = simplified(request, Losses())
    (turn,) = [message for message in plain.messages if message.role == "assistant"]
    assert turn.parts[:2] == [
        Thinking(text="Hmm.", seal=seal, summary=True), Text(text="I call it."),
    ]  # fmt: skip
