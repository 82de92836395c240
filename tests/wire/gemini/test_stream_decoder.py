"""Streams of Google's dialect: the events in them, and what is written for its clients."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from lynkr.wire.message import Failure, Opaque, Stop, Thinking, ToolCall, Usage
from tests.harness.fixtures import Fixture
from tests.wire.gemini.cases import (
    STREAMS,
    assembled,
    context,
    native,
    read,
    says,
    sse,
)


def parts_of(*payloads: object) -> list[Event]:
    """The events of the parts alone."""
    events = read(sse(*payloads, says({"text": ""}, finish="STOP")))
    return [event for event in events if not isinstance(event, Start | Used | Finish)]


# --- recorded -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_a_recorded_stream(fixture: Fixture) -> None:
    found = assembled(read(fixture.reply))
    expect = fixture.expect
    assert found.model == expect.model_replied
    assert found.usage == Usage(**expect.usage)
    assert (found.stop.native if found.stop is not None else "") == expect.stop_reason
    assert (found.failure is None) == ("error" not in fixture.name)


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_no_cut_changes_the_events(fixture: Fixture) -> None:
    """Not in the middle of a line end, of a character, of the bare JSON of an error."""
    whole = read(fixture.reply)
    for size in range(1, 40):
        assert read(fixture.reply, size) == whole
    for cut in range(1, len(fixture.reply)):
        decoder = CODEC.stream_decoder(context())
        events = decoder.feed(fixture.reply[:cut]) + decoder.feed(fixture.reply[cut:])
        assert events + decoder.finish() == whole


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_every_byte_that_is_missing_is_noticed(fixture: Fixture) -> None:
    """A stream that breaks off before its last chunk has failed."""
    last = 60 if "tail" in fixture.name else max(60, fixture.reply.rstrip().rfind(b"\n"))
    for cut in (0, 1, 10, last // 2, last):
        events = read(fixture.reply[:cut])
        assert isinstance(events[-1], Failed)
        assert events[-1].failure.code in ("upstream_truncated", "upstream_protocol")


def test_the_parts_of_a_recorded_turn() -> None:
    (fixture,) = [each for each in STREAMS if "parallel_tools" in each.name]
    first, _, sealed, one, two = assembled(read(fixture.reply)).parts
    assert first == Thinking(text="**Planning**\n\nBoth files at once. ☃", summary=True)
    assert isinstance(sealed, Thinking)
    assert sealed.seal is not None
    assert sealed.seal.data["thoughtSignature"]
    assert [one, two] == [
        ToolCall(id="call_abc01", name="read_file", arguments='{"file_path":"a.txt","offset":1.5}'),
        ToolCall(
            id="call_abc02",
            name="read_file",
            arguments='{"file_path":"b.txt","functionCall":"{\\"finishReason\\":\\"decoy\\"}"}',
        ),
    ]


def test_pieces_of_arguments_are_events_at_once() -> None:
    (fixture,) = [each for each in STREAMS if "argument_pieces" in each.name]
    decoder = CODEC.stream_decoder(context())
    seen = [
        "".join(e.text for e in decoder.feed(frame) if isinstance(e, ArgumentsDelta))
        for frame in fixture.frames
    ]
    assert seen[1:3] == ['{"file_path":"src/ü', '.py\\n\\"☃\\"']
    calls = [part for part in assembled(read(fixture.reply)).parts if isinstance(part, ToolCall)]
    assert [json.loads(call.arguments) for call in calls] == [
        {
            "file_path": 'src/ü.py\n"☃"',
            "edits": [{"line": 12, "text": "x = 1"}, {"text": None}],
            "odd key": [True],
        },
        {},
        {"file_path": "b"},
    ]


# --- reading --------------------------------------------------------------------------------------


def test_text_is_an_event_at_once() -> None:
    decoder = CODEC.stream_decoder(context())
    assert decoder.feed(sse(says({"text": "a"}))) == [
        Start("r1", "gemini-3", Usage(5)),
        TextStart(0),
        TextDelta(0, "a"),
    ]
    assert decoder.feed(sse(says({"text": "b"}))) == [TextDelta(0, "b")]
    assert decoder.feed(sse(says({"text": ""}, finish="STOP"))) == []
    assert decoder.finish() == [PartStop(0), Finish(Stop("end_turn", None, "STOP"), Usage(5))]


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        # On a call: the seal of the open thought.
        (
            [
                says({"text": "t", "thought": True}),
                says({"functionCall": {"name": "f", "id": "i"}, "thoughtSignature": "s"}),
            ],
            [
                ThinkingStart(0, True),
                ThinkingDelta(0, "t"),
                Sealed(0, native("s")),
                PartStop(0),
                CallStart(1, "i", "f"),
                ArgumentsDelta(1, "{}"),
                PartStop(1),
            ],
        ),
        # On the first piece of a text: before it.
        (
            [says({"text": "a", "thoughtSignature": "s"}), says({"text": "b"})],
            [
                ThinkingStart(0),
                Sealed(0, native("s")),
                PartStop(0),
                TextStart(1),
                TextDelta(1, "a"),
                TextDelta(1, "b"),
                PartStop(1),
            ],
        ),
        # In the middle of a text, or on an empty one: behind it.
        (
            [says({"text": "a"}), says({"text": "b", "thoughtSignature": "s"})],
            [
                TextStart(0),
                TextDelta(0, "a"),
                TextDelta(0, "b"),
                PartStop(0),
                ThinkingStart(1),
                Sealed(1, native("s", "text")),
                PartStop(1),
            ],
        ),
        (
            [says({"text": "a"}), says({"text": "", "thoughtSignature": "s"})],
            [
                TextStart(0),
                TextDelta(0, "a"),
                PartStop(0),
                ThinkingStart(1),
                Sealed(1, native("s", "text")),
                PartStop(1),
            ],
        ),
        # On the thought itself; alone.
        (
            [says({"text": "t", "thought": True, "thoughtSignature": "s"}), says({"text": "a"})],
            [
                ThinkingStart(0, True),
                ThinkingDelta(0, "t"),
                Sealed(0, native("s", "thought")),
                PartStop(0),
                TextStart(1),
                TextDelta(1, "a"),
                PartStop(1),
            ],
        ),
        (
            [says({"thoughtSignature": "s"}), says({"thought": True, "thoughtSignature": "t"})],
            [
                ThinkingStart(0),
                Sealed(0, native("s", "part")),
                PartStop(0),
                ThinkingStart(1),
                Sealed(1, native("t", "thought")),
                PartStop(1),
            ],
        ),
        # A part that only Google knows keeps its own.
        (
            [says({"executableCode": {"code": "1"}, "thoughtSignature": "s"})],
            [
                OpaqueWhole(
                    0,
                    Opaque(
                        kind="executableCode",
                        value={"executableCode": {"code": "1"}, "thoughtSignature": "s"},
                        format="gemini",
                    ),
                )
            ],
        ),
    ],
)
def test_signatures(payloads: list[object], expected: list[Event]) -> None:
    assert parts_of(*payloads) == expected


def test_a_signature_that_comes_while_its_call_does_is_kept() -> None:
    events = parts_of(
        says({"functionCall": {"name": "f", "willContinue": True}}),
        says({"functionCall": {}, "thoughtSignature": "s"}),
    )
    assert events[-3:] == [ThinkingStart(1), Sealed(1, native("s", "part")), PartStop(1)]


def test_calls_have_ids_of_their_own() -> None:
    """Made where the server gave none, or the same twice; the same ones on replay."""
    call = {"functionCall": {"name": "f", "args": {}, "id": "x"}}
    body = sse(says(call, call, {"functionCall": {"name": "g"}}), says({"text": ""}, finish="STOP"))
    ids = [event.id for event in read(body) if isinstance(event, CallStart)]
    assert ids == ["x", "call_abc01", "call_abc02"]


@pytest.mark.parametrize(
    ("word", "called", "reason"),
    [
        ("STOP", False, "end_turn"),
        ("STOP", True, "tool_use"),
        ("MAX_TOKENS", False, "max_tokens"),
        ("MAX_TOKENS", True, "max_tokens"),
        ("SAFETY", False, "refusal"),
        ("RECITATION", False, "refusal"),
        ("BLOCKLIST", False, "refusal"),
        ("PROHIBITED_CONTENT", False, "refusal"),
        ("SPII", False, "refusal"),
        ("IMAGE_SAFETY", False, "refusal"),
        ("MALFORMED_FUNCTION_CALL", False, "other"),
        ("LANGUAGE", False, "other"),
        ("SOMETHING_NEW", False, "other"),
    ],
)
def test_stops(word: str, called: bool, reason: str) -> None:
    part = {"functionCall": {"name": "f"}} if called else {"text": "a"}
    (stop,) = [e.stop for e in read(sse(says(part, finish=word))) if isinstance(e, Finish)]
    assert (stop.reason, stop.native) == (reason, word)


def test_a_refused_prompt() -> None:
    feedback = {"blockReason": "SAFETY", "blockReasonMessage": "No."}
    events = read(sse({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}}))
    assert events == [
        Start("resp_abc01", "asked", Usage(3)),
        Finish(Stop("refusal", None, "SAFETY", "No."), Usage(3)),
    ]


def test_older_models_say_stop_in_every_chunk() -> None:
    body = sse(says({"text": "a"}, finish="STOP"), says({"text": "b"}, finish="STOP"))
    assert [e.text for e in read(body) if isinstance(e, TextDelta)] == ["a", "b"]


def test_usage_is_said_when_it_changes() -> None:
    body = sse(
        says({"text": "a"}, usageMetadata={"trafficType": "ON_DEMAND"}),
        says({"text": "b"}, usageMetadata={"trafficType": "ON_DEMAND"}),
        says({"text": "c"}, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 1}),
        says({"text": "d"}, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 1}),
        says({"text": ""}, finish="STOP", usageMetadata={"candidatesTokenCount": 2}),
    )
    events = read(body)
    assert [e.usage for e in events if isinstance(e, Used)] == [Usage(3, 1), Usage(3, 2)]
    assert isinstance(events[-1], Finish)
    assert events[-1].usage == Usage(3, 2)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"candidates": None},
        {"candidates": []},
        {"candidates": [{}]},
        {"candidates": ["x"]},
        {"candidates": [{"content": None, "finishReason": None}]},
        {"candidates": [{"content": {"parts": None}}]},
        {"candidates": [{"content": {"parts": []}, "finishReason": ""}]},
        {"candidates": [{"content": {"parts": [{"text": None}]}}], "usageMetadata": None},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}}]},
        {"usageMetadata": "x", "modelVersion": 7, "responseId": None},
        {"promptFeedback": {"safetyRatings": []}},
        {"candidates": [{"content": {"parts": [{"functionCall": {}}]}}]},
        {"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}]},
    ],
)
def test_what_servers_really_send(odd: object) -> None:
    """None of it says anything, and none of it is an error."""
    body = sse(odd, says({"text": "a"}), odd, says({"text": ""}, finish="STOP"))
    events = read(body)
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["a"]
    assert isinstance(events[-1], Finish)
    body = b": comment\n\nevent: message\nid: 7\n" + body + b"data: [DONE]\n\n"
    assert [e.text for e in read(body) if isinstance(e, TextDelta)] == ["a"]


def test_the_last_event_may_lack_its_blank_line() -> None:
    body = sse(says({"text": "a"}, finish="STOP"))
    assert read(body.rstrip()) == read(body)


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {\n\n",
        b"data: 7\n\n",
        b"data: \xff\n\n",
        b'data: {"candidates":[{"content":{"parts":[7]}}]}\n\n',
        sse(says({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "numberValue": 1}]}})),
        sse(says({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "?"}]}})),
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_garbage_is_a_failure(garbage: bytes) -> None:
    events = read(sse(says({"text": "a"})) + garbage + sse(says({"text": "b"}, finish="STOP")))
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.code == "upstream_protocol"
    assert events[-1].failure.status == 0


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([
    b"data: ", b'{"candidates":[', b"]}", b"\n\n", b'{"content":{"parts":[', b'{"text":"a"}',
    b'{"functionCall":{"name":"f","willContinue":true}}', b'"finishReason":"STOP"', b"}", b",",
])), max_size=20))  # fmt: skip
def test_nothing_makes_the_decoder_raise(pieces: list[bytes]) -> None:
    read(b"".join(pieces))


ERROR = {"error": {"code": 503, "message": "High demand.", "status": "UNAVAILABLE"}}
FAILURE = Failure(status=0, kind="overloaded", message="High demand.", code="UNAVAILABLE")


@pytest.mark.parametrize(
    "tail",
    [
        sse(ERROR),
        sse([ERROR]),
        json.dumps(ERROR).encode(),
        json.dumps(ERROR, indent=2).encode() + b"\n",
        json.dumps([ERROR], indent=2).encode() + b"\r\n",
    ],
)
def test_an_error_in_the_middle(tail: bytes) -> None:
    """As an event, or as Google writes it: bare, on several lines."""
    body = sse(says({"text": "Half"})) + tail
    for size in (0, 1, 3, 10):
        events = read(body, size)
        assert events[-1] == Failed(FAILURE)
        assert [e.text for e in events if isinstance(e, TextDelta)] == ["Half"]


def test_a_stream_that_is_nothing_but_an_error() -> None:
    assert read(json.dumps(ERROR).encode()) == [Failed(FAILURE)]


def test_a_stream_that_breaks_off() -> None:
    for body in (b"", b"\n", sse(says({"text": "a"})), sse(says({"text": "a"}))[:40]):
        events = read(body)
        assert isinstance(events[-1], Failed)
        assert events[-1].failure.code == "upstream_truncated"
