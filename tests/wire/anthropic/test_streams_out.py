"""Messages streams, written: the official SDK reads them, and makes the same reply of them."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from pydantic import TypeAdapter

from lynkr.wire.anthropic.replies import encode_response
from lynkr.wire.anthropic.streams import Decoder, Encoder
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
from lynkr.wire.message import (
    Failure,
    Json,
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
from lynkr.wire.seals import seal_text, unseal
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.anthropic.made import unhurried
from tests.wire.made_events import streams
from tests.wire.ordered import check

OWN = "anthropic_messages"
FOREIGN = Seal("openai_responses", {"id": "rs_1", "encrypted_content": "gAAA"})
WHOLE = [
    each
    for each in all_fixtures()
    if each.family == "messages" and each.is_stream and not each.expect.error
]
_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def context(model: str = "asked") -> Context:
    request = Request(format=OWN, model=model, messages=[], stream=True)
    return Context(request, call_id="c", created=0, model=model)


def frames(data: bytes) -> list[Json]:
    """The data of each event; its name is its type."""
    found: list[Json] = []
    for frame in data.split(b"\n\n")[:-1]:
        name, line = frame.split(b"\n")
        event: Json = json.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + str(event["type"]).encode()
        found.append(event)
    assert data.endswith(b"\n\n") or not data
    return found


def write(*events: Event) -> list[Json]:
    """What is written, the same in one call as in many."""
    encoder = Encoder(context())
    data = b"".join(encoder.encode([event]) for event in events)
    assert data == Encoder(context()).encode(events)
    return frames(data)


def written(*events: Event) -> list[Json]:
    """The blocks of a reply of these parts, as events without their common fields."""
    first, *found, delta, stop = write(Start("r1", "m"), *events, Finish(Stop("end_turn")))
    assert first["type"] == "message_start"
    assert (delta["type"], stop["type"]) == ("message_delta", "message_stop")
    for event in found:
        if event["type"] != "ping":
            _EVENTS.validate_python(event)
    return [{name: value for name, value in event.items() if name != "type"} for event in found]


def final(data: bytes) -> anthropic.types.Message:
    """What the official SDK makes of a stream."""
    reply = httpx2.Response(200, content=data, headers={"content-type": "text/event-stream"})
    transport = httpx2.MockTransport(lambda _: reply)
    with (
        anthropic.Anthropic(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        client.messages.stream(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]
        ) as stream,
    ):
        return stream.get_final_message()


def decoded(data: bytes) -> list[Event]:
    decoder = Decoder(context())
    return [*decoder.feed(data), *decoder.finish()]


# --- events ---------------------------------------------------------------------------------------


def test_a_text() -> None:
    assert write(
        Start("chatcmpl-1", "gpt-5.5", Usage(3, None, 4)),
        Alive(),
        TextStart(0),
        TextDelta(0, 'Grüß\u2028"\n'),
        PartStop(0),
        Used(Usage(output_tokens=1)),
        Finish(Stop("stop_sequence", "x"), Usage(None, 7, None, 2, 1)),
    ) == [
        {
            "type": "message_start",
            "message": {
                "id": "chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "asked",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 0},
            },
        },
        {"type": "ping"},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": 'Grüß\u2028"\n'},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "x"},
            "usage": {
                "input_tokens": 3,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 2,
                "output_tokens": 7,
                "output_tokens_details": {"thinking_tokens": 1},
            },
        },
        {"type": "message_stop"},
    ]


def test_usage_that_nobody_said_is_zero_only_where_a_number_must_stand() -> None:
    first, last, _ = write(Start("r", "m"), Finish(Stop("end_turn")))
    assert first["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}  # type: ignore[index]
    assert last["usage"] == {"output_tokens": 0}


def test_a_call_passes_its_fragments_on_as_they_come() -> None:
    assert written(
        CallStart(0, "call_1", "f"),
        ArgumentsDelta(0, '{"a'),
        ArgumentsDelta(0, '":1}'),
        PartStop(0),
    ) == [
        {
            "index": 0,
            "content_block": {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
        },
        {"index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a'}},
        {"index": 0, "delta": {"type": "input_json_delta", "partial_json": '":1}'}},
        {"index": 0},
    ]


SHOWN: Json = {"index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}


@pytest.mark.parametrize(
    ("events", "blocks"),
    [
        (
            [ThinkingDelta(0, "t"), Sealed(0, Seal(OWN, {"signature": "Eq"}))],
            [
                SHOWN,
                {"index": 0, "delta": {"type": "thinking_delta", "thinking": "t"}},
                {"index": 0, "delta": {"type": "signature_delta", "signature": "Eq"}},
                {"index": 0},
            ],
        ),
        (
            [ThinkingDelta(0, "t"), Sealed(0, FOREIGN)],
            [
                SHOWN,
                {"index": 0, "delta": {"type": "thinking_delta", "thinking": "t"}},
                {
                    "index": 0,
                    "delta": {"type": "signature_delta", "signature": seal_text(FOREIGN)},
                },
                {"index": 0},
            ],
        ),
        (
            [ThinkingDelta(0, "t")],
            [
                SHOWN,
                {"index": 0, "delta": {"type": "thinking_delta", "thinking": "t"}},
                {"index": 0},
            ],
        ),
        (
            [Sealed(0, Seal(OWN, {"signature": "Eq"}))],
            [
                SHOWN,
                {"index": 0, "delta": {"type": "signature_delta", "signature": "Eq"}},
                {"index": 0},
            ],
        ),
        (
            [Sealed(0, Seal(OWN, {"data": "Er"}))],
            [
                {"index": 0, "content_block": {"type": "redacted_thinking", "data": "Er"}},
                {"index": 0},
            ],
        ),
        (
            [Sealed(0, FOREIGN)],
            [
                {
                    "index": 0,
                    "content_block": {"type": "redacted_thinking", "data": seal_text(FOREIGN)},
                },
                {"index": 0},
            ],
        ),
    ],
)
def test_thinking_is_shown_or_redacted(events: list[Event], blocks: list[Json]) -> None:
    """Which of the two is known with the first delta, or with the seal."""
    assert written(ThinkingStart(0), *events, PartStop(0)) == blocks


def test_blocks_are_counted_without_those_that_are_none() -> None:
    """Clients refuse gaps, and the API refuses empty text when it comes back."""
    found = written(
        ThinkingStart(0),
        PartStop(0),
        TextStart(1),
        PartStop(1),
        OpaqueWhole(2, Opaque(kind="web_search_call", value={"type": "web_search_call"})),
        TextStart(3),
        TextDelta(3, "a"),
        PartStop(3),
        CallStart(4, "c", "f"),
        PartStop(4),
    )
    assert [event["index"] for event in found] == [0, 0, 0, 1, 1]


def test_blocks_of_tools_that_anthropic_runs() -> None:
    """Clients take the input of a call from its deltas."""
    use: Json = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "ü"}}
    found: Json = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    assert written(
        OpaqueWhole(0, Opaque(kind="server_tool_use", value=use, format="anthropic_messages")),
        OpaqueWhole(
            1, Opaque(kind="web_search_tool_result", value=found, format="anthropic_messages")
        ),
    ) == [
        {"index": 0, "content_block": {**use, "input": {}}},
        {"index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"q":"ü"}'}},
        {"index": 0},
        {"index": 1, "content_block": found},
        {"index": 1},
    ]


def test_a_failure_is_the_last_event() -> None:
    failure = Failure(status=0, kind="overloaded", message="Busy.", code="server_is_overloaded")
    assert write(
        Start("r", "m"), TextStart(0), TextDelta(0, "a"), Failed(failure), TextDelta(0, "b")
    )[3:] == [{"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}]


def test_a_reply_without_a_name_gets_one() -> None:
    asked = context()
    Encoder(asked).encode([Start("", "m")])
    assert asked.reply_id == "msg_c01"


def test_a_ping_is_one() -> None:
    assert frames(Encoder(context()).ping()) == [{"type": "ping"}]


def test_halves_of_an_emoji_are_written() -> None:
    found = written(
        TextStart(0), TextDelta(0, "\ud83d"), TextDelta(0, "\ude80"), PartStop(0)
    )  # fmt: skip
    assert found[1]["delta"] == {"type": "text_delta", "text": "\ud83d"}


# --- whole streams --------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", WHOLE, ids=repr)
def test_a_recorded_stream_says_the_same_when_it_is_written_again(fixture: Fixture) -> None:
    events = decoded(fixture.reply)
    again = decoded(Encoder(context()).encode(events))
    first, second = Assembly(), Assembly()
    first.add(events)
    second.add(again)
    second.model = first.model
    assert second.response() == first.response()
    message = final(Encoder(context()).encode(events))
    assert message.stop_reason == fixture.expect.stop_reason
    assert message.model == "asked"


@unhurried
@given(streams(kinds=("function",), fails=False))
def test_the_official_sdk_makes_the_same_reply_of_it(events: list[Event]) -> None:
    """As a stream and as one body: ids, blocks, usage, stop reason."""
    data = Encoder(context()).encode(events)
    for event in frames(data):
        if event["type"] != "ping":
            _EVENTS.validate_python(event)
    assembly = Assembly()
    assembly.add(events)
    whole = encode_response(assembly.response(), context())
    expected = anthropic.types.Message.model_validate_json(whole)
    assert final(data).to_dict(exclude_none=True) == expected.to_dict(exclude_none=True)


def comparable(part: Part) -> Part | None:
    """A part as it comes back from a client; ``None`` for one that has no block."""
    if isinstance(part, Text):
        return Text(text=part.text) if part.text else None
    if isinstance(part, Thinking):
        seal = part.seal
        if seal is not None and seal.format == OWN:
            seal = unseal(str(seal.data.get("signature") or seal.data.get("data"))) or seal
        return Thinking(text=part.text, seal=seal) if part.text or seal else None
    return part if isinstance(part, ToolCall) else None


@unhurried
@given(streams(kinds=("function",), lone=True))
def test_every_part_is_read_back(events: list[Event]) -> None:
    """A foreign seal from the place that clients keep seals in."""
    again = decoded(Encoder(context()).encode(events))
    check(again)
    assert isinstance(again[-1], type(events[-1]))
    if isinstance(events[-1], Failed):
        return
    before, after = Assembly(), Assembly()
    before.add(events)
    after.add(again)
    parts = [part for each in before.parts if (part := comparable(each)) is not None]
    assert [comparable(part) for part in after.parts] == [whole(part) for part in parts]


def whole(part: Part) -> Part:
    """Two halves of one character that came in two pieces are that character."""
    if isinstance(part, ToolCall):
        return msgspec.structs.replace(part, namespace="")
    if not isinstance(part, (Text, Thinking)):
        return part
    halves = part.text.encode("utf-16", "surrogatepass")
    return msgspec.structs.replace(part, text=halves.decode("utf-16", "surrogatepass"))
