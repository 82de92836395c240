"""ConverseStream: events as they come, at any cut; and frames that boto3 reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.converse.streams import StreamDecoder, StreamEncoder
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
)
from lynkr.wire.eventstream import frame, packed
from lynkr.wire.message import Failure, Opaque, Seal, Stop, Usage
from tests.wire.converse.tools import (
    START,
    begin,
    context,
    delta,
    event,
    exception,
    read,
    stop,
    thought,
    unhurried,
)

Json = dict[str, Any]


END = event("messageStop", stopReason="end_turn")
USED = event(
    "metadata",
    usage={"inputTokens": 5, "outputTokens": 7, "totalTokens": 18, "cacheReadInputTokens": 6},
    metrics={"latencyMs": 3},
)
BEGUN = Start("msg_c01", "asked")
DONE = Finish(Stop("end_turn", None, "end_turn"), Usage(5, 7, 6))

WHOLE = [
    START,
    thought(0, text="I th"),
    thought(0, text="ink"),
    thought(0, signature="Eq"),
    thought(0, signature="QI"),
    stop(0),
    thought(1, redactedContent="RXRNRg=="),
    stop(1),
    delta(2, text="zwölf "),
    delta(2, text="👋"),
    stop(2),
    begin(3, toolUse={"toolUseId": "t1", "name": "ls", "type": "tool_use"}),
    delta(3, toolUse={"input": ""}),
    delta(3, toolUse={"input": '{"path"'}),
    delta(3, toolUse={"input": ':"/"}'}),
    stop(3),
    begin(4, toolUse={"toolUseId": "t2", "name": "pwd"}),
    stop(4),
    event("messageStop", stopReason="tool_use"),
    USED,
]
EVENTS: list[Event] = [
    BEGUN,
    ThinkingStart(0),
    ThinkingDelta(0, "I th"),
    ThinkingDelta(0, "ink"),
    Sealed(0, Seal("anthropic_messages", {"signature": "EqQI"})),
    PartStop(0),
    ThinkingStart(1),
    Sealed(1, Seal("anthropic_messages", {"data": "EtMF"})),
    PartStop(1),
    TextStart(2),
    TextDelta(2, "zwölf "),
    TextDelta(2, "👋"),
    PartStop(2),
    CallStart(3, "t1", "ls"),
    ArgumentsDelta(3, '{"path"'),
    ArgumentsDelta(3, ':"/"}'),
    PartStop(3),
    CallStart(4, "t2", "pwd"),
    PartStop(4),
    Finish(Stop("tool_use", None, "tool_use"), Usage(5, 7, 6)),
]


def test_a_stream_is_read() -> None:
    assert read(*WHOLE) == EVENTS


def test_each_fragment_is_an_event_the_moment_it_arrives() -> None:
    decoder = StreamDecoder(context())
    told = [decoder.feed(each) for each in WHOLE]
    assert told[1] == [BEGUN, ThinkingStart(0), ThinkingDelta(0, "I th")] or told[0] == [BEGUN]
    assert told[2] == [ThinkingDelta(0, "ink")]
    assert told[9] == [TextDelta(2, "👋")]
    assert told[11] == [CallStart(3, "t1", "ls")]
    assert told[13] == [ArgumentsDelta(3, '{"path"')]


def test_a_cut_anywhere_gives_the_same_events() -> None:
    body = b"".join(WHOLE)
    assert read(body, size=1) == EVENTS
    for cut in range(len(body)):
        decoder = StreamDecoder(context())
        assert decoder.feed(body[:cut]) + decoder.feed(body[cut:]) == EVENTS


def test_what_models_other_than_claude_send() -> None:
    """gpt-oss: an empty text first; then the indices go on."""
    frames = [
        START, delta(0, text=""), stop(0), thought(1, text="We"), stop(1), delta(2, text="Hello"),
        stop(2), END, USED,
    ]  # fmt: skip
    assert read(*frames) == [
        BEGUN, ThinkingStart(0), ThinkingDelta(0, "We"), PartStop(0), TextStart(1),
        TextDelta(1, "Hello"), PartStop(1), DONE,
    ]  # fmt: skip


TEXT: list[Event] = [BEGUN, TextStart(0), TextDelta(0, "a"), PartStop(0), DONE]


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        ([START, delta(7, text="a"), stop(7), END, USED], TEXT),
        ([delta(0, text="a"), stop(0), END, USED], TEXT),
        ([START, delta(0, text="a"), END, USED], TEXT),  # no stop of the block
        ([START, delta(0, text="a"), stop(0), USED, END], TEXT),  # the usage before the end
        ([START, START, delta(0, text="a"), stop(0), stop(0), stop(9), END, USED], TEXT),
        ([START, begin(0), begin(0, text=""), delta(0, text="a"), END, USED], TEXT),
        ([START, delta(0, text=None), delta(0, text="a"), delta(0), END, USED], TEXT),
        ([START, event("contentBlockDelta"), delta(0, text="a"), END, USED], TEXT),
        ([START, event("new", a=1), delta(0, text="a", new=1), END, USED], TEXT),
        ([frame(b"", b""), frame(b"", b"{}"), START, delta(0, text="a"), END, USED], TEXT),
        (
            [event("messageStart"), event("contentBlockDelta", delta={"text": "a"}), END, USED],
            TEXT,
        ),
        ([START, delta(0, text="a"), END], [*TEXT[:-1], Finish(DONE.stop)]),
        ([START, delta(0, text="a"), END, USED[:-1]], [*TEXT[:-1], Finish(DONE.stop)]),
        (
            [START, delta(0, text="a"), event("messageStop"), event("metadata", usage=[])],
            [*TEXT[:-1], Finish(Stop("other"))],
        ),
        (
            [
                START,
                event(
                    "messageStop",
                    stopReason="stop_sequence",
                    additionalModelResponseFields={"stop_sequence": "END"},
                ),
                USED,
            ],
            [BEGUN, Finish(Stop("stop_sequence", "END", "stop_sequence"), DONE.usage)],
        ),
    ],
)
def test_what_is_missing_or_unknown_is_tolerated(frames: list[bytes], events: list[Event]) -> None:
    assert read(*frames) == events
    assert read(*frames, size=1) == events


def test_calls_without_a_proper_id_get_one_and_the_reply_waits_for_their_answers() -> None:
    events = read(
        START,
        begin(0, toolUse={"name": "a"}),
        delta(0, toolUse={"input": {"whole": "object"}}),
        begin(1, toolUse={"toolUseId": "x", "name": "b"}),
        begin(2, toolUse={"toolUseId": "x", "name": "c"}),
        END,
        USED,
    )
    assert [event.id for event in events if isinstance(event, CallStart)] == [
        "call_c02", "x", "call_c03",
    ]  # fmt: skip
    assert ArgumentsDelta(0, '{"whole":"object"}') in events
    assert events[-1] == Finish(Stop("tool_use", None, "end_turn"), DONE.usage)


def test_blocks_that_take_turns_are_told_one_after_the_other() -> None:
    events = read(
        START,
        delta(0, text="a"),
        thought(0, text="b"),  # the same block, another kind
        delta(1, text="c"),
        delta(0, text="d"),
        END,
        USED,
    )
    assert [type(event) for event in events if not isinstance(event, Start | Finish)] == [
        TextStart, TextDelta, PartStop, ThinkingStart, ThinkingDelta, PartStop,
        TextStart, TextDelta, PartStop, TextStart, TextDelta, PartStop,
    ]  # fmt: skip


def test_a_late_fragment_of_a_closed_call_is_an_error_unless_it_is_blank() -> None:
    frames = [
        START,
        begin(0, toolUse={"toolUseId": "1", "name": "a"}),
        begin(1, toolUse={"toolUseId": "2", "name": "b"}),
    ]
    late = delta(0, toolUse={"input": " \n"})
    assert isinstance(read(*frames, late, END)[-1], Finish)
    failed = read(*frames, delta(0, toolUse={"input": "{}"}), END)[-1]
    assert isinstance(failed, Failed)
    assert failed.failure.code == "upstream_protocol"


def test_redacted_reasoning_in_pieces_is_joined_by_its_bytes() -> None:
    """Each piece of base64 may end in padding of its own."""
    events = read(
        START, thought(0, redactedContent="RXQ="), thought(0, redactedContent="TUY="), END
    )
    assert Sealed(0, Seal("anthropic_messages", {"data": "EtMF"})) in events
    events = read(START, thought(0, redactedContent="/+8A"), thought(0, redactedContent="?"), END)
    assert Sealed(0, Seal("bedrock", {"redactedContent": "/+8A?"})) in events


def test_what_comes_behind_the_end_is_closed_before_it() -> None:
    late = [ThinkingStart(0), ThinkingDelta(0, "a"), PartStop(0)]
    assert read(START, END, thought(0, text="a"), USED) == [BEGUN, *late, DONE]
    *before, last = read(START, END, thought(0, text="a"))
    assert before == [BEGUN, *late]
    assert last == Finish(DONE.stop)


def test_what_bedrock_itself_ran_and_cited_is_kept_whole() -> None:
    events = read(
        START,
        begin(0, toolUse={"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}),
        delta(0, toolUse={"input": '{"q":'}),
        delta(0, toolUse={"input": "1}"}),
        stop(0),
        begin(1, toolResult={"toolUseId": "s", "type": "nova_grounding_result"}),
        delta(1, toolResult=[{"text": "r"}]),
        delta(1, toolResult=[{"json": {"a": 1}}]),
        stop(1),
        begin(2, image={"format": "png"}),
        delta(2, image={"source": {"bytes": "AAAA"}}),
        stop(2),
        delta(3, text="cited"),
        delta(3, citation={"title": "t"}),
        delta(3, citation={"title": "u"}),
        stop(3),
        END,
        USED,
    )
    wholes = [event.part for event in events if isinstance(event, OpaqueWhole)]
    assert wholes == [
        Opaque(
            kind="server_tool_use",
            value={
                "toolUse": {
                    "toolUseId": "s",
                    "name": "nova_grounding",
                    "type": "server_tool_use",
                    "input": {"q": 1},
                }
            },
            format="bedrock",
        ),
        Opaque(
            kind="nova_grounding_result",
            value={
                "toolResult": {
                    "toolUseId": "s",
                    "type": "nova_grounding_result",
                    "content": [{"text": "r"}, {"json": {"a": 1}}],
                }
            },
            format="bedrock",
        ),
        Opaque(
            kind="image",
            value={"image": {"format": "png", "source": {"bytes": "AAAA"}}},
            format="bedrock",
        ),
        Opaque(
            kind="citationsContent",
            value={
                "citationsContent": {"content": [], "citations": [{"title": "t"}, {"title": "u"}]}
            },
            format="bedrock",
        ),
    ]
    assert events[-1] == DONE  # nothing for the client to answer
    # Written for a client of this dialect, all of it is told again.
    assert read(StreamEncoder(context()).encode(events)) == events


# --- errors inside a stream -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "payload", "kind", "message"),
    [
        ("throttlingException", b'{"message":"Too many"}', "rate_limit", "Too many"),
        ("serviceUnavailableException", b'{"message":"x"}', "overloaded", "x"),
        ("internalServerException", b'{"message":"x"}', "api_error", "x"),
        ("modelStreamErrorException", b'{"originalMessage":"x"}', "api_error", "x"),
        ("modelTimeoutException", b'{"Message":"x"}', "timeout", "x"),
        ("validationException", b'{"message":"x"}', "invalid_request", "x"),
        (
            "validationException",
            b'{"message":"prompt is too long: 3 tokens > 2 maximum"}',
            "context_length",
            "prompt is too long: 3 tokens > 2 maximum",
        ),
        ("brandNewException", b"", "api_error", ""),
        ("validationException", b"<html>", "invalid_request", ""),
    ],
)
def test_an_exception_ends_the_stream(name: str, payload: bytes, kind: str, message: str) -> None:
    *before, last = read(START, delta(0, text="a"), exception(name, payload), END, USED)
    assert before == [BEGUN, TextStart(0), TextDelta(0, "a")]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.status, last.failure.code) == (kind, 0, name)
    assert last.failure.message == message or not message
    assert isinstance(read(exception(name, payload))[0], Failed)


def test_an_error_frame_says_it_in_its_headers() -> None:
    headers = ((":message-type", "error"), (":error-code", "Boom"), (":error-message", "Bad."))
    *_, last = read(START, frame(packed(headers), b""))
    assert last == Failed(Failure(status=0, kind="api_error", message="Bad.", code="Boom"))


@pytest.mark.parametrize("count", range(len(WHOLE) - 2))
def test_a_stream_that_breaks_off_is_told_from_one_that_ended(count: int) -> None:
    last = read(*WHOLE[:count])[-1]
    assert isinstance(last, Failed)
    assert (last.failure.code, last.failure.kind) == ("upstream_truncated", "api_error")


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b'data: {"a":1}\n\n',
        bytes(64),
        event("messageStop")[:-1] + b"\x00",
        frame(packed(((":event-type", "contentBlockDelta"),)), b"{"),
        frame(packed(((":event-type", "metadata"),)), b"[]"),
        begin(1, toolUse={"toolUseId": "1"}),
        delta(5, toolUse={"input": "{}"}),
    ],
)
def test_bytes_that_make_no_sense_fail_the_stream(garbage: bytes) -> None:
    *before, last = read(START, delta(0, text="a"), garbage)
    assert before[:3] == [BEGUN, TextStart(0), TextDelta(0, "a")]
    assert isinstance(last, Failed)
    assert last.failure.code == "upstream_protocol"
    assert read(START, delta(0, text="a"), garbage, size=1) == [*before, last]


@unhurried
@given(st.lists(st.one_of(st.sampled_from(WHOLE), st.binary(max_size=30)), max_size=12))
def test_no_bytes_at_all_raise(pieces: list[bytes]) -> None:
    read(*pieces)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(
            [
                "text", "toolUse", "input", "name", "toolUseId", "type", "reasoningContent",
                "signature", "redactedContent", "citation", "toolResult", "image", "delta",
                "start", "contentBlockIndex", "usage", "stopReason", "message",
            ]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop",
     "metadata", "else"]
)  # fmt: skip


@unhurried
@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(st.sampled_from(
            ["contentBlockIndex", "delta", "start", "stopReason", "usage",
             "additionalModelResponseFields"]), VALUES, max_size=3)),
        max_size=8,
    )
)  # fmt: skip
def test_no_event_of_any_shape_raises_and_the_order_holds(made: list[tuple[str, Json]]) -> None:
    read(*(event(name, **fields) for name, fields in made))
