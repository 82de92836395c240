"""Responses streams, read: the same events at any cut of the bytes, whatever is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.events import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
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
from lynkr.wire.responses.stream_decoder import ResponsesStreamDecoder
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.ordered import check
from tests.wire.responses import made as made_responses

STREAMS = [each for each in all_fixtures() if each.family == "responses" and each.is_stream]
OWN = "openai_responses"


def context(own: str = "anthropic_messages", store: bool | None = None) -> Context:
    request = Request(format=own, model="asked", messages=[], stream=True, store=store)
    return Context(request, call_id="c", created=0, model="asked")


def read(*pieces: bytes, of: Context | None = None) -> list[Event]:
    """The events of a whole body, whose order is checked."""
    decoder = ResponsesStreamDecoder(of or context())
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.finish()
    check(events)
    assert decoder.feed(b"data: {}\n\n") == decoder.finish() == []
    return events


def sse(*events: Json) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event.get("type")).encode(), json.dumps(event).encode())
        for event in events
    )


def told(kind: str, index: int | None = None, **fields: Any) -> Json:
    at = {} if index is None else {"output_index": index}
    return {"type": f"response.{kind}", **at, **fields}


CREATED = told("created", response={"id": "resp_1", "model": "gpt", "created_at": 7})
COMPLETED = told("completed", response={"id": "resp_1", "status": "completed"})


def parts(*events: Json, of: Context | None = None) -> list[Part]:
    """What a stream of these events, well begun and ended, tells of."""
    return assembled(read(sse(CREATED, *events, COMPLETED), of=of)).parts


def assembled(events: list[Event]) -> Assembly:
    assembly = Assembly()
    assembly.add(events)
    assert assembly.failure is None
    return assembly


def failure(*events: Json) -> Failed:
    last = read(sse(CREATED, *events))[-1]
    assert isinstance(last, Failed)
    return last


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_any_cut_gives_the_same_events(fixture: Fixture) -> None:
    """Inside a character, a line end or an event's name too."""
    whole = read(fixture.reply)
    assert read(*(bytes([each]) for each in fixture.reply)) == whole
    for at in range(0, len(fixture.reply), 7):
        assert read(fixture.reply[:at], fixture.reply[at:]) == whole


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_recorded_streams_tell_what_was_recorded(fixture: Fixture) -> None:
    events = read(fixture.reply)
    assembly = Assembly()
    assembly.add(events)
    expect = fixture.expect
    if expect.error:
        assert assembly.failure is not None
        assert assembly.failure.code == expect.error
        return
    assert assembly.usage == Usage(**expect.usage)
    assert assembly.stop is not None
    if "bare" not in fixture.name:
        assert assembly.model == expect.model_replied
        assert assembly.stop.native == expect.stop_reason


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_a_stream_that_breaks_off_says_so(fixture: Fixture) -> None:
    """Never a clean end in the middle: agents would take half a call for a whole one."""
    end = fixture.reply.rstrip().rfind(b"\n\n") + 2
    for at in range(0, end, 13):
        last = read(fixture.reply[:at])[-1]
        assert isinstance(last, Failed)
        assert last.failure.code


def test_fragments_are_events_at_once() -> None:
    decoder = ResponsesStreamDecoder(context())
    item = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    steps: list[tuple[Json, list[Event]]] = [
        (CREATED, [Start("resp_1", "gpt", created=7)]),
        (told("in_progress", response={}), []),
        (told("output_item.added", 0, item=message), []),
        (told("content_part.added", 0, content_index=0, part={"type": "output_text"}), []),
        (
            told("output_text.delta", 0, content_index=0, delta="a"),
            [TextStart(0, False, "msg_1"), TextDelta(0, "a")],
        ),
        (told("output_text.delta", 0, content_index=0, delta=""), []),
        (told("output_text.delta", 0, content_index=0, delta="b"), [TextDelta(0, "b")]),
        (told("output_text.done", 0, content_index=0, text="ab"), [PartStop(0)]),
        (told("content_part.done", 0, content_index=0), []),
        (told("output_item.done", 0, item={**message, "content": [{"text": "ab"}]}), []),
        (told("output_item.added", 1, item=item), [CallStart(1, "c1", "f", item_id="fc_1")]),
        (told("function_call_arguments.delta", 1, delta='{"a"'), [ArgumentsDelta(1, '{"a"')]),
        (told("function_call_arguments.delta", 1, delta=":1}"), [ArgumentsDelta(1, ":1}")]),
        (told("function_call_arguments.done", 1, arguments='{"a":1}'), [PartStop(1)]),
        (told("output_item.done", 1, item={**item, "arguments": '{"a":1}'}), []),
        (COMPLETED, [Finish(Stop("tool_use", native="completed"))]),
    ]
    for event, wanted in steps:
        assert decoder.feed(sse(event)) == wanted, event


def test_two_parts_of_a_message_are_two_parts() -> None:
    assert parts(
        told("output_text.delta", 0, content_index=0, delta="a"),
        told("refusal.delta", 0, content_index=1, delta="no"),
    ) == [Text(text="a"), Text(text="no", refusal=True)]


def test_sections_of_a_summary_are_kept_apart() -> None:
    """By an empty line; the seal keeps them as they were."""
    item: Json = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [
            {"type": "summary_text", "text": "One."},
            {"type": "summary_text", "text": "Two"},
        ],
        "encrypted_content": "gAAA",
    }
    data = {name: value for name, value in item.items() if name != "type"}
    found = read(
        sse(
            CREATED,
            told("output_item.added", 0, item={"type": "reasoning", "id": "rs_1", "summary": []}),
            told("reasoning_summary_part.added", 0, summary_index=0),
            told("reasoning_summary_text.delta", 0, summary_index=0, delta="One"),
            told("reasoning_summary_text.delta", 0, summary_index=0, delta="."),
            told("reasoning_summary_text.done", 0, summary_index=0, text="One."),
            told("reasoning_summary_part.added", 0, summary_index=1),
            told("reasoning_summary_text.delta", 0, summary_index=1, delta="Two"),
            told("output_item.done", 0, item=item),
            COMPLETED,
        )
    )
    assert found[1:-1] == [
        ThinkingStart(0, True, "rs_1"),
        ThinkingDelta(0, "One"),
        ThinkingDelta(0, "."),
        ThinkingDelta(0, "\n\nTwo"),
        Sealed(0, Seal(OWN, data)),
        PartStop(0),
    ]


def test_shown_reasoning_is_no_summary() -> None:
    """Open models show it; what they show is the reasoning itself."""
    assert parts(told("reasoning_text.delta", 0, content_index=0, delta="Hm")) == [
        Thinking(text="Hm")
    ]


@pytest.mark.parametrize(
    ("of", "sealed"),
    [
        (context(), False),
        (context(store=True), True),
        (context(OWN), True),
        (context(OWN, store=False), False),
    ],
)
def test_reasoning_without_its_content_is_sealed_only_if_it_is_stored(
    of: Context, sealed: bool
) -> None:
    """Sent back to an API that has not kept it, its id alone is an error."""
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    found = parts(told("output_item.done", 0, item=item), of=of)
    assert bool(found) == sealed


WHOLE: list[tuple[Json, list[Part]]] = [
    (
        {
            "type": "message",
            "content": [
                {"type": "output_text", "text": "a", "logprobs": [{"token": "a", "logprob": 0}]},
                {"type": "output_text", "text": ""},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        [Text(text="a", logprobs=[{"token": "a", "logprob": 0}]), Text(text="no", refusal=True)],
    ),
    (
        {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": "{}"},
        [ToolCall(id="c", name="f", arguments="{}", item_id="i")],
    ),
    (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}},
        [ToolCall(id="c", name="f", arguments='{"a":1}')],
    ),
    (
        {"type": "function_call", "name": "f", "arguments": None},
        [ToolCall(id="call_c02", name="f", arguments="")],
    ),
    (
        {"type": "custom_tool_call", "call_id": "c", "name": "exec", "input": "ls"},
        [ToolCall(id="c", name="exec", arguments="ls", kind="custom")],
    ),
    (
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"q": 1}},
        [ToolCall(id="c", name="tool_search", arguments='{"q":1}', kind="tool_search")],
    ),
    (
        {"type": "local_shell_call", "call_id": "c", "action": {"command": ["ls"]}},
        [ToolCall(id="c", name="local_shell", arguments='{"command":["ls"]}', kind="local_shell")],
    ),
    (
        {"type": "reasoning", "id": "r", "summary": [{"text": "Hm"}], "encrypted_content": "x"},
        [
            Thinking(
                text="Hm",
                summary=True,
                id="r",
                seal=Seal(OWN, {"id": "r", "summary": [{"text": "Hm"}], "encrypted_content": "x"}),
            )
        ],
    ),
    (
        {"type": "web_search_call", "id": "ws_1"},
        [
            Opaque(
                kind="web_search_call",
                value={"type": "web_search_call", "id": "ws_1"},
                format="openai_responses",
            )
        ],
    ),
    (
        {"type": "tool_search_call", "execution": "server", "arguments": {}},
        [
            Opaque(
                kind="tool_search_call",
                value={"type": "tool_search_call", "execution": "server", "arguments": {}},
                format="openai_responses",
            )
        ],
    ),
]


@pytest.mark.parametrize(("item", "wanted"), WHOLE)
def test_items_that_come_only_whole(item: Json, wanted: list[Part]) -> None:
    """Mocks and relays send nothing but `output_item.done`; some not even an index."""
    for index in (0, None):
        done = told("output_item.done", index, item=item)
        bare = read(sse(done, COMPLETED))
        assert assembled(bare).parts == wanted


def test_a_reply_that_is_nothing_but_its_last_event() -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    done = told("completed", response={"status": "completed", "output": [message]})
    assert assembled(read(sse(done))).parts == [Text(text="Hi")]


def test_what_came_in_fragments_does_not_come_again() -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    done = told("completed", response={"output": [message]})
    events = read(sse(told("output_text.delta", 0, content_index=0, delta="Hi"), done))
    assert assembled(events).parts == [Text(text="Hi")]


def test_calls_side_by_side_follow_each_other() -> None:
    """Relays that make Responses of Chat open all calls before they close one."""
    one = {"type": "function_call", "call_id": "a", "name": "f", "arguments": ""}
    two = {"type": "function_call", "call_id": "b", "name": "g", "arguments": ""}
    three = {"type": "custom_tool_call", "call_id": "c", "name": "h", "input": ""}
    found = parts(
        told("output_item.added", 0, item=one),
        told("output_item.added", 1, item=two),
        told("function_call_arguments.delta", 1, delta="{"),
        told("output_item.added", 2, item=three),
        told("function_call_arguments.delta", 0, delta="[]"),
        told("custom_tool_call_input.delta", 2, delta="ls"),
        told("output_item.done", 0, item={**one, "arguments": "[]"}),
        told("function_call_arguments.delta", 1, delta="}"),
        told("custom_tool_call_input.done", 2, input="ls"),
        told("output_text.delta", 3, content_index=0, delta="Done."),
    )
    assert found == [
        ToolCall(id="a", name="f", arguments="[]"),
        ToolCall(id="b", name="g", arguments="{}"),
        ToolCall(id="c", name="h", arguments="ls", kind="custom"),
        Text(text="Done."),
    ]


def test_text_does_not_wait_for_reasoning_to_be_closed() -> None:
    decoder = ResponsesStreamDecoder(context())
    decoder.feed(sse(told("reasoning_summary_text.delta", 0, summary_index=0, delta="Hm")))
    assert decoder.feed(sse(told("output_text.delta", 1, content_index=0, delta="a"))) == [
        PartStop(0),
        TextStart(1),
        TextDelta(1, "a"),
    ]


def test_a_late_fragment_of_a_closed_item_is_an_error_unless_it_is_empty() -> None:
    text = told("output_text.delta", 0, content_index=0, delta="a")
    other = told("output_text.delta", 1, content_index=0, delta="b")
    blank = told("output_text.delta", 0, content_index=0, delta=" \n")
    assert parts(text, other, blank) == [Text(text="a"), Text(text="b")]
    assert failure(text, other, text).failure.code == "upstream_protocol"


def test_items_are_told_apart_by_id_where_there_is_no_index() -> None:
    first = {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f"}
    second = {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "g"}
    found = parts(
        told("output_item.added", item=first),
        told("function_call_arguments.delta", item_id="fc_1", delta="{}"),
        told("function_call_arguments.done", item_id="fc_1", arguments="{}"),
        told("output_item.done", item={**first, "arguments": "{}"}),
        told("output_item.added", item=second),
        told("output_item.done", item={**second, "arguments": "[]"}),
    )
    assert found == [
        ToolCall(id="a", name="f", arguments="{}", item_id="fc_1"),
        ToolCall(id="b", name="g", arguments="[]", item_id="fc_2"),
    ]


def test_arguments_before_the_name_wait_for_it() -> None:
    item = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    assert parts(
        told("function_call_arguments.delta", 0, delta="{"),
        told("function_call_arguments.delta", 0, delta="}"),
        told("output_item.done", 0, item=item),
    ) == [ToolCall(id="a", name="f", arguments="{}")]


def test_a_call_that_comes_whole_when_it_is_opened() -> None:
    item = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    assert parts(told("output_item.added", 0, item=item)) == [
        ToolCall(id="a", name="f", arguments="{}")
    ]


def test_ids_are_made_where_they_are_missing_or_taken() -> None:
    calls = [
        told(
            "output_item.done", index, item={"type": "function_call", "call_id": name, "name": "f"}
        )
        for index, name in enumerate(["a", "a", None])
    ]
    found = parts(*calls)
    ids = [part.id for part in found if isinstance(part, ToolCall)]
    assert ids[0] == "a"
    assert len(set(ids)) == 3


FAILURES: list[tuple[Json, str, str]] = [
    (
        told("failed", response={"error": {"code": "context_length_exceeded", "message": "m"}}),
        "context_length",
        "context_length_exceeded",
    ),
    (
        told("failed", response={"error": {"code": "server_is_overloaded", "message": "m"}}),
        "overloaded",
        "server_is_overloaded",
    ),
    ({"type": "error", "code": "rate_limit_exceeded", "message": "m"}, "rate_limit", ""),
    (
        {"type": "error", "error": {"type": "invalid_request_error", "message": "m"}},
        "invalid_request",
        "",
    ),
    (told("failed", response={}), "api_error", ""),
    (told("failed"), "api_error", ""),
    ({"error": {"code": "server_error", "message": "m"}}, "api_error", "server_error"),
]


@pytest.mark.parametrize(("event", "kind", "code"), FAILURES)
def test_errors_inside_the_stream(event: Json, kind: str, code: str) -> None:
    body = b"data: %b\n\n" % json.dumps(event).encode()
    last = read(sse(CREATED, told("output_text.delta", 0, delta="a")), body)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.status) == (kind, 0)
    assert last.failure.message
    assert not code or last.failure.code == code


def test_a_failed_reply_is_paid_for() -> None:
    response = {"error": {"message": "m"}, "usage": {"input_tokens": 5, "output_tokens": 1}}
    assert read(sse(CREATED, told("failed", response=response)))[1] == Used(Usage(5, 1))


@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b"nonsense", b"\xff\xfe"])
def test_what_is_no_event_is_an_error(data: bytes) -> None:
    last = read(b"data: %b\n\n" % data)[-1]
    assert isinstance(last, Failed)
    assert last.failure.code == "upstream_protocol"


def test_what_nobody_knows_is_passed_over() -> None:
    """New events, a type that is none, Chat's end, null fields, items that are no objects."""
    body = sse(
        CREATED,
        told("x_new", 0, delta="?"),
        {"type": 5},
        told("output_item.added", 0, item=None),
        told("output_item.done", 0, item="x"),
        told("output_text.delta", 0, delta=None),
        told("output_text.delta", None, content_index=None, delta="a", logprobs=None),
    )
    assert assembled(read(body, b"data: [DONE]\n\n", sse(COMPLETED))).parts == [Text(text="a")]


def test_half_an_emoji_passes() -> None:
    body = rb'data: {"type":"response.output_text.delta","output_index":0,"delta":"\ud83d"}'
    assert assembled(read(body, b"\n\n", sse(COMPLETED))).parts == [Text(text="\ud83d")]


@pytest.mark.parametrize(
    "event",
    [
        told("output_item.done", 0, item={"type": "function_call", "call_id": "c"}),
        told("output_text.delta", 0, delta="a", content_index=0),
    ],
)
def test_a_call_without_a_name_is_an_error(event: Json) -> None:
    last = failure(told("function_call_arguments.delta", 0, delta="{}"), event, COMPLETED)
    assert last.failure.code == "upstream_protocol"


@made_responses.unhurried
@given(st.lists(made_responses.events(), max_size=8))
def test_nothing_that_a_server_says_is_too_odd(events: list[Json]) -> None:
    """The events are in order, and end in `Finish` or in an error; nothing is ever raised."""
    read(sse(*events))


def test_a_body_that_is_no_stream_is_an_error() -> None:
    last = read(b'{"id":"resp_1","output":[]}')[-1]
    assert isinstance(last, Failed)
    assert last.failure.code == "upstream_truncated"
