"""Messages streams, read: the same events at any cut of the bytes, and no surprise in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.anthropic.streams import Decoder
from lynkr.wire.assembled import merged
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
)
from lynkr.wire.message import (
    Failure,
    Json,
    Opaque,
    Request,
    Seal,
    Stop,
    Usage,
)
from tests.harness.fixtures import Fixture, all_fixtures, load
from tests.wire.anthropic.made import unhurried
from tests.wire.ordered import check

STREAMS = [each for each in all_fixtures() if each.family == "messages" and each.is_stream]
OWN = "anthropic_messages"
FOREIGN = Seal("openai_responses", {"id": "rs_1", "encrypted_content": "gAAA"})


def context(model: str = "asked") -> Context:
    request = Request(format=OWN, model=model, messages=[], stream=True)
    return Context(request, call_id="c", created=0, model=model)


def read(*pieces: bytes) -> list[Event]:
    """The events of a whole body, whose order is checked."""
    decoder = Decoder(context())
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.finish()
    check(events)
    assert decoder.feed(b"data: {}\n\n") == decoder.finish() == []
    return events


def sse(*events: Json) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())
        for event in events
    )


def started(**fields: object) -> Json:
    message = {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5}, **fields}
    return {"type": "message_start", "message": message}


def block(index: int, **fields: object) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, kind: str, **fields: object) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stopped(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def ending(reason: str | None = "end_turn", **usage: object) -> Json:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


LAST: Json = {"type": "message_stop"}


def between(*events: Json) -> list[Event]:
    """What lies between Start and Finish."""
    first, *found, last = read(sse(started(), *events, ending(), LAST))
    assert isinstance(first, Start)
    assert isinstance(last, Finish)
    return found


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_a_recorded_stream_says_what_is_expected_of_it(fixture: Fixture) -> None:
    events = read(fixture.reply)
    expect = fixture.expect
    first = next(event for event in events if isinstance(event, Start))
    assert first.model == expect.model_replied
    last = events[-1]
    usage = first.usage
    if isinstance(last, Failed):
        assert last.failure.code == expect.error
        assert last.failure.status == 0
    else:
        assert isinstance(last, Finish)
        assert last.stop.native == expect.stop_reason
        usage = merged(usage, last.usage)
    assert usage == Usage(**expect.usage)


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_cuts_change_nothing(fixture: Fixture) -> None:
    """Inside of characters too."""
    data = fixture.reply
    whole = read(data)
    assert read(*(data[at : at + 1] for at in range(len(data)))) == whole
    for at in range(0, len(data), 7):
        assert read(data[:at], data[at:]) == whole


def test_each_fragment_is_an_event_as_soon_as_it_is_there() -> None:
    decoder = Decoder(context())
    decoder.feed(sse(started(), block(0, type="text", text="")))
    piece = sse(delta(0, "text_delta", text="Gr\u00fc\u00df"))
    assert decoder.feed(piece[:-1]) == []
    assert decoder.feed(piece[-1:]) == [TextDelta(0, "Gr\u00fc\u00df")]


def test_a_turn_with_thinking_and_a_call() -> None:
    first, *found = read(load("messages/thinking_tool_stream").reply)
    signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds0ntDataUsage+/=="
    assert first == Start("msg_01Think", "claude-opus-4-8", Usage(4, 3, 21034, 0))
    assert found == [
        ThinkingStart(0, summary=True),
        ThinkingDelta(0, 'The user wants tests; "usage":{"output_tokens":99999} is only text.'),
        Sealed(0, Seal(OWN, {"signature": signature})),
        PartStop(0),
        CallStart(1, "toolu_01A", "Bash"),
        ArgumentsDelta(1, '{"command": "ls te'),
        ArgumentsDelta(1, 'sts", "model": "other"}'),
        PartStop(1),
        Finish(Stop("tool_use", None, "tool_use"), Usage(5, 158, 21034, 0, 41)),
    ]


def test_arguments_may_stand_in_the_start_of_the_call() -> None:
    def call(given: object, *fragments: str) -> list[str]:
        found = between(
            block(0, type="tool_use", id="a", name="f", input=given),
            *(delta(0, "input_json_delta", partial_json=each) for each in fragments),
            stopped(0),
        )
        return [event.text for event in found if isinstance(event, ArgumentsDelta)]

    assert call({}, "", '{"a"', ":1}") == ['{"a"', ":1}"]
    assert call({"a": 1}) == ['{"a":1}']
    assert call({"a": 1}, '{"b":2}') == ['{"b":2}']
    assert call({}) == call(None) == call("") == ["{}"]
    assert call('{"c":3}') == ['{"c":3}']


def test_hidden_thinking_is_a_seal_alone() -> None:
    assert between(block(0, type="redacted_thinking", data="Er"), stopped(0)) == [
        ThinkingStart(0, summary=True),
        Sealed(0, Seal(OWN, {"data": "Er"})),
        PartStop(0),
    ]
    # display: omitted
    assert between(
        block(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="", estimated_tokens=50),
        delta(0, "signature_delta", signature="Eq"),
        stopped(0),
    ) == [ThinkingStart(0, summary=True), Sealed(0, Seal(OWN, {"signature": "Eq"})), PartStop(0)]


def test_blocks_may_begin_with_all_they_have() -> None:
    """Some servers send a block at once, without any delta."""
    assert between(
        block(0, type="thinking", thinking="t", signature="Eq"),
        stopped(0),
        block(1, type="text", text="a"),
        stopped(1),
    ) == [
        ThinkingStart(0, summary=True),
        ThinkingDelta(0, "t"),
        Sealed(0, Seal(OWN, {"signature": "Eq"})),
        PartStop(0),
        TextStart(1),
        TextDelta(1, "a"),
        PartStop(1),
    ]


def test_input_of_an_unknown_block_may_be_cut_short() -> None:
    (whole,) = between(
        block(0, type="mcp_tool_use", id="a", name="f", input={}),
        delta(0, "input_json_delta", partial_json='{"a'),
    )
    assert isinstance(whole, OpaqueWhole)
    assert whole.part.value["input"] == '{"a'


def test_blocks_that_only_anthropic_knows_come_whole() -> None:
    search: Json = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    found: Json = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"a": 1}]}
    events = between(
        block(0, **search),
        delta(0, "input_json_delta", partial_json='{"query": '),
        delta(0, "input_json_delta", partial_json='"llhttp"}'),
        stopped(0),
        block(1, **found),
        stopped(1),
        block(2, type="compaction"),
        delta(2, "compaction_delta", content="summary", encrypted_content="e"),
        stopped(2),
        block(3, type="connector_text", text="a"),
        delta(3, "text_delta", text="b"),
        delta(3, "citations_delta", citation={"c": 1}),
        stopped(3),
    )
    assert events == [
        OpaqueWhole(
            0,
            Opaque(
                kind="server_tool_use",
                value={**search, "input": {"query": "llhttp"}},
                format="anthropic_messages",
            ),
        ),
        OpaqueWhole(
            1, Opaque(kind="web_search_tool_result", value=found, format="anthropic_messages")
        ),
        OpaqueWhole(
            2,
            Opaque(
                kind="compaction",
                value={"type": "compaction", "content": "summary", "encrypted_content": "e"},
                format="anthropic_messages",
            ),
        ),
        OpaqueWhole(
            3,
            Opaque(
                kind="connector_text",
                value={"type": "connector_text", "text": "ab", "citations": [{"c": 1}]},
                format="anthropic_messages",
            ),
        ),
    ]


def test_what_servers_leave_out() -> None:
    """Starts, stops, ids, usage, and the end after the reason for it."""
    bare = read(
        sse(
            delta(0, "text_delta", text="a"),
            delta(1, "thinking_delta", thinking="b"),
            block(2, type="tool_use", name="f"),
            block(3, type="tool_use", id="toolu_c02", name="f"),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        )
    )
    assert bare == [
        Start("msg_c01", ""),
        TextStart(0),
        TextDelta(0, "a"),
        PartStop(0),
        ThinkingStart(1, summary=True),
        ThinkingDelta(1, "b"),
        PartStop(1),
        CallStart(2, "toolu_c02", "f"),
        ArgumentsDelta(2, "{}"),
        PartStop(2),
        CallStart(3, "toolu_c03", "f"),
        ArgumentsDelta(3, "{}"),
        PartStop(3),
        Finish(Stop("tool_use", None, "tool_use")),
    ]
    assert read(sse(started(), LAST))[-1] == Finish(Stop("end_turn"), Usage(5))
    called = sse(started(), block(0, type="tool_use", id="a", name="f"), LAST)
    assert read(called)[-1] == Finish(Stop("tool_use"), Usage(5))
    # A last event without its empty line, and one of another server's end marks.
    assert isinstance(read(sse(started(), ending()) + b"data: [DONE]")[-1], Finish)
    assert isinstance(read(sse(started(), LAST)[:-1])[-1], Finish)


def test_usage_is_cumulative_and_the_last_word_counts() -> None:
    events = read(
        sse(
            started(usage={"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}),
            ending(None, output_tokens=10),
            ending("max_tokens", output_tokens=20, input_tokens=6, cache_read_input_tokens=None),
            LAST,
        )
    )
    assert events[0] == Start("msg_1", "claude", Usage(5, 1, 7))
    assert events[-1] == Finish(Stop("max_tokens", None, "max_tokens"), Usage(6, 20, 7))


def test_why_it_stopped() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    fields: Json = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    refused = read(sse(started(), {"type": "message_delta", "delta": fields}, LAST))
    assert refused[-1] == Finish(Stop("refusal", None, "refusal", "Not this."), Usage(5))
    fields = {"stop_reason": "stop_sequence", "stop_sequence": "</a>"}
    cut = read(sse(started(), {"type": "message_delta", "delta": fields}, LAST))
    assert cut[-1] == Finish(Stop("stop_sequence", "</a>", "stop_sequence"), Usage(5))


def test_an_error_ends_it() -> None:
    error: Json = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}
    events = read(sse(started(), error, delta(0, "text_delta", text="a")))
    assert events[-1] == Failed(
        Failure(status=0, kind="rate_limit", message="Slow down.", code="rate_limit_error")
    )
    assert len(events) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "upstream_truncated"),
        (sse(started(), block(0, type="tool_use", id="a", name="f")), "upstream_truncated"),
        (sse(started(), delta(0, "text_delta", text="abc"))[:-9], "upstream_truncated"),
        (b'{"type":"message","content":[]}', "upstream_truncated"),
        (b"data: {nonsense}\n\n", "upstream_protocol"),
        (b"data: \xff\xfe\n\n", "upstream_protocol"),
        (sse(delta(4, "input_json_delta", partial_json="{")), "upstream_protocol"),
        (sse(block(0, type="tool_use", id="a", input={})), "upstream_protocol"),
        (
            sse(
                block(0, type="tool_use", id="a", name="f"),
                block(1, type="tool_use", id="b", name="f"),
                delta(0, "input_json_delta", partial_json="{}"),
            ),
            "upstream_protocol",
        ),
    ],
)
def test_a_broken_stream_fails(body: bytes, code: str) -> None:
    last = read(body)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.code, last.failure.kind) == (code, "api_error")


def test_an_endless_event_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lynkr.wire.framing.EVENT_BYTES_MAX", 100)
    (failed,) = Decoder(context()).feed(b"data: " + b"x" * 200)
    assert isinstance(failed, Failed)
    assert failed.failure.code == "upstream_protocol"


def test_what_says_nothing_is_passed_over() -> None:
    events = between(
        {"type": "ping"},
        {"type": "weather_report", "index": 0},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "x_delta", "x": 1}},
        delta(0, "text_delta", text=None),
        delta(9, "input_json_delta", partial_json=" "),
        delta(0, "citations_delta", citation={}),
        stopped(3),
        started(id="again"),
    )
    assert events == [Alive()]
    assert read(b"event: ping\ndata:\n\ndata: 7\n\n" + sse(started(), LAST))[0] == Alive()


noise = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "{", "text"])
    ),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
kinds = st.sampled_from(
    ["text", "thinking", "redacted_thinking", "tool_use", "x_new", "text_delta", "thinking_delta",
     "input_json_delta", "signature_delta", "citations_delta", "x_delta"]
)  # fmt: skip
inner = st.dictionaries(
    st.sampled_from(["text", "thinking", "signature", "data", "id", "name", "input", "partial_json",
                     "stop_reason", "usage", "input_tokens"]),
    noise,
    max_size=3,
)  # fmt: skip
strange = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message_start", "content_block_start", "content_block_delta", "content_block_stop",
             "message_delta", "message_stop", "ping", "error", "x"]
        )
    },
    optional={
        "index": noise,
        "message": st.one_of(noise, inner),
        "content_block": st.one_of(noise, st.builds(lambda a, b: {**a, "type": b}, inner, kinds)),
        "delta": st.one_of(noise, st.builds(lambda a, b: {**a, "type": b}, inner, kinds)),
        "usage": st.one_of(noise, inner),
        "error": st.one_of(noise, inner),
    },
)  # fmt: skip


@unhurried
@given(st.lists(st.one_of(strange, st.just({"type": "ping"})), max_size=12), st.binary(max_size=9))
def test_no_stream_is_too_strange(events: list[Json], rest: bytes) -> None:
    """Whatever comes, the events are well-formed and nothing is raised."""
    read(sse(*events) + rest)
