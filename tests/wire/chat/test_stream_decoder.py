"""Chat Completions streams, read: from OpenAI, and from all who mean the same and say it another
way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.assembled import Assembly
from lynkr.wire.chat.codec import CODEC
from lynkr.wire.events import (
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
from lynkr.wire.framing import EVENT_BYTES_MAX
from lynkr.wire.message import (
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.chat.chunks import (
    DONE,
    calls,
    chunk,
    context,
    events,
    failure,
    parts,
    piece,
    read,
    sent,
)
from tests.wire.chat.made import unhurried
from tests.wire.made_json import values
from tests.wire.ordered import check

STREAMS = [f for f in all_fixtures() if f.family == "chat" and f.is_stream]

# --- recorded -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_recorded_streams(fixture: Fixture) -> None:
    assembly = Assembly()
    assembly.add(events(fixture.reply))
    assert assembly.model == fixture.expect.model_replied
    if fixture.expect.error:
        assert assembly.failure is not None
        assert assembly.failure.code == fixture.expect.error
        return
    assert assembly.stop is not None
    if "running_usage" not in fixture.name:  # two choices: only the first is told
        assert assembly.stop.native == fixture.expect.stop_reason
    assert assembly.usage == Usage(**fixture.expect.usage)


@unhurried
@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 5000), max_size=8))
def test_cut_anywhere_it_says_the_same(fixture: Fixture, cuts: list[int]) -> None:
    places = sorted({0, len(fixture.reply), *(cut % len(fixture.reply) for cut in cuts)})
    pieces = [fixture.reply[a:b] for a, b in pairwise(places)]
    assert read(pieces, context()) == read([fixture.reply], context())


# --- text and reasoning ---------------------------------------------------------------------------


def test_each_fragment_is_an_event_at_once() -> None:
    decoder = CODEC.stream_decoder(context())
    assert decoder.feed(sent(chunk(role="assistant", content=""))) == [
        Start("r", "real", created=5)
    ]
    assert decoder.feed(sent(chunk(content="a"))) == [TextStart(0), TextDelta(0, "a")]
    assert decoder.feed(sent(chunk(content="b"))[:-1]) == []
    assert decoder.feed(b"\n") == [TextDelta(0, "b")]
    assert decoder.feed(sent(chunk("stop"))) == []
    assert decoder.feed(DONE) == [
        PartStop(0), Finish(Stop("end_turn", None, "stop"), Usage()),
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_has_a_seal_that_names_its_field(field: str) -> None:
    found = events(sent(chunk(**{field: "H"}), chunk(**{field: "m"}), chunk(content="a")) + DONE)
    assert found[1:7] == [
        ThinkingStart(0),
        ThinkingDelta(0, "H"),
        ThinkingDelta(0, "m"),
        Sealed(0, Seal("openai_chat", {"field": field})),
        PartStop(0),
        TextStart(1),
    ]


def test_the_same_reasoning_in_both_fields_is_told_once() -> None:
    assert parts(chunk(reasoning="a", reasoning_content="a"), chunk("stop")) == [
        Thinking(text="a", seal=Seal("openai_chat", {"field": "reasoning_content"}))
    ]


def test_openrouters_details_are_put_together() -> None:
    def detail(**more: object) -> dict[str, object]:
        made = {"type": "reasoning.text", "index": 0, **more}
        return chunk(content="", reasoning=more.get("text"), reasoning_details=[made])

    found = parts(detail(text="Let"), detail(text=" me"), detail(signature="s"), chunk(content="a"))
    whole = {"type": "reasoning.text", "index": 0, "text": "Let me", "signature": "s"}
    seal = Seal("openai_chat", {"field": "reasoning", "reasoning_details": [whole]})
    assert found == [Thinking(text="Let me", seal=seal), Text(text="a")]


def test_details_alone_show_their_own_text() -> None:
    summary = {"type": "reasoning.summary", "summary": "Hm", "index": 0}
    (found,) = parts(chunk(reasoning_details=[summary]), chunk("stop"))
    seal = Seal("openai_chat", {"reasoning_details": [summary]})
    assert found == Thinking(text="Hm", seal=seal, summary=True)


def test_encrypted_details_may_come_late() -> None:
    """Behind the call that they belong to: they are kept, in a part of their own."""
    secret = {"type": "reasoning.encrypted", "data": "gA", "id": "c"}
    found = parts(
        calls(piece(name="f", args="{}", id="c")), chunk(reasoning_details=[secret]),
        calls(piece(args=" ")), chunk("tool_calls"),
    )  # fmt: skip
    assert found == [
        ToolCall(id="c", name="f", arguments="{} "),
        Thinking(seal=Seal("openai_chat", {"reasoning_details": [secret]})),
    ]


def test_thinking_text_thinking() -> None:
    found = parts(chunk(reasoning="a"), chunk(content="b"), chunk(reasoning="c"), chunk("stop"))
    assert [type(part).__name__ for part in found] == ["Thinking", "Text", "Thinking"]


def test_mistrals_chunks() -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]
    found = parts(chunk(content=thinking), chunk(content=[{"type": "text", "text": "a"}]))
    assert found == [Thinking(text="Hm"), Text(text="a")]


def test_refusals_and_log_probabilities() -> None:
    made = chunk(content="a")
    tokens = [{"token": "a", "logprob": -0.5, "bytes": [97]}]
    made["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}  # type: ignore[index]
    assert parts(made, chunk(refusal="No."), chunk("stop")) == [
        Text(text="a", logprobs=tokens),
        Text(text="No.", refusal=True),
    ]


# --- usage and the end ----------------------------------------------------------------------------

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(content="a"), chunk("stop"), {"id": "r", "choices": [], "usage": USAGE}],
        [chunk(content="a"), {**chunk("stop"), "usage": USAGE}],
        [{**chunk(content="a"), "usage": {"prompt_tokens": 5}}, {**chunk("stop"), "usage": USAGE}],
        [chunk(content="a"), {"id": "r", "choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]}],
        [chunk(content="a"), chunk("stop"), {**chunk(content=""), "usage": USAGE}],
    ],
)  # fmt: skip
def test_usage_comes_in_any_place(chunks: list[dict[str, object]]) -> None:
    for end in (DONE, b""):
        found = events(sent(*chunks) + end)
        assert found[-1] == Finish(Stop("end_turn", None, "stop"), Usage(1, 2, 4))


def test_running_usage_is_told_when_it_changes() -> None:
    found = events(
        sent(*({**chunk(content="a"), "usage": {"completion_tokens": n}} for n in (1, 1, 2))) + DONE
    )
    assert [event.usage.output_tokens for event in found if isinstance(event, Used)] == [1, 2]


def test_no_usage_is_no_usage() -> None:
    assert events(sent(chunk(content="a"), chunk("stop")) + DONE)[-1] == Finish(
        Stop("end_turn", None, "stop"), Usage()
    )


def test_azures_first_chunk_and_missing_fields() -> None:
    first = {"choices": [], "id": "", "model": "", "prompt_filter_results": []}
    found = events(sent(first, {"choices": [{"delta": {"content": "a"}}]}) + DONE)
    assert found[0] == Start("chatcmpl_x01", "")
    assert found[-1] == Finish(Stop("end_turn"), Usage())


def test_other_choices_are_left_out() -> None:
    second = chunk(content="b")
    second["choices"][0]["index"] = 1  # type: ignore[index]
    assert parts(chunk(content="a"), second, chunk("stop")) == [Text(text="a")]


def test_what_comes_behind_the_end_is_left_out() -> None:
    body = sent(chunk(content="a")) + DONE + sent(chunk(content="b"))
    assert events(body) == events(sent(chunk(content="a")) + DONE)


def test_the_last_event_may_lack_its_empty_line() -> None:
    assert isinstance(events(sent(chunk(content="a")) + b"data: [DONE]")[-1], Finish)
    assert isinstance(events(sent(chunk(content="a"), chunk("stop"))[:-2])[-1], Finish)


@pytest.mark.parametrize(
    "body", [b"", DONE, sent(chunk(content="a")), sent(chunk(content="a"))[:-9]]
)
def test_a_stream_that_breaks_off(body: bytes) -> None:
    end = events(body)[-1]
    assert isinstance(end, Failed)
    assert end.failure.code == "upstream_truncated"


@pytest.mark.parametrize("finish", ["error", "insufficient_system_resource"])
def test_a_reply_that_its_server_broke_off(finish: str) -> None:
    assert failure(chunk(content="a"), chunk(finish)).code == finish


# --- errors and garbage ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (sent({"error": {"message": "No.", "type": "rate_limit_error"}}), "rate_limit", "No."),
        (sent({**chunk("error"), "error": {"message": "No.", "code": 502}}), "api_error", "No."),
        (sent({"error": "No."}), "api_error", "No."),
        (sent({"object": "error", "message": "No.", "code": 400}), "invalid_request", "No."),
        (sent({"detail": "No."}), "api_error", "No."),
        (b"event: error\n" + sent({"message": "No."}), "api_error", "No."),
        (
            sent({"error": {"message": "maximum context length is 5 tokens, has 6"}}),
            "context_length",
            "maximum context length is 5 tokens, has 6",
        ),
    ],
)
def test_errors_inside_the_stream(body: bytes, kind: str, message: str) -> None:
    for before in (b"", sent(chunk(content="a"))):
        end = events(before + body + DONE)[-1]
        assert isinstance(end, Failed)
        assert (end.failure.kind, end.failure.message, end.failure.status) == (kind, message, 0)


@pytest.mark.parametrize("data", [b"{", b"[]", b"5", b"\xff", b"hello"])
def test_garbage_is_a_failure(data: bytes) -> None:
    end = events(sent(chunk(content="a")) + b"data: " + data + b"\n\n")[-1]
    assert isinstance(end, Failed)
    assert end.failure.code == "upstream_protocol"


def test_events_of_other_names_may_say_anything() -> None:
    noise = b": comment\n\nevent: ping\ndata: pong\n\nid: 5\nretry: 1\n\n"
    body = sent(chunk(content="a"))
    assert events(noise + body + noise + DONE) == events(body + DONE)


def test_an_event_without_an_end() -> None:
    decoder = CODEC.stream_decoder(context())
    (end,) = decoder.feed(b"data: " + bytes(EVENT_BYTES_MAX))
    assert isinstance(end, Failed)
    assert decoder.feed(DONE) == []


@unhurried
@given(st.lists(st.tuples(values, values), max_size=4))
def test_any_json_gives_events_in_order(made: list[tuple[object, object]]) -> None:
    """Whatever stands in any field: no exception, and a well-formed stream."""
    chunks: list[object] = [chunk(content="a")]
    for one, two in made:
        chunks += [
            chunk(content=one, reasoning_content=two),
            chunk(reasoning=one, reasoning_details=two),
            chunk(reasoning_details=[one, {"type": "reasoning.text", "text": two}]),
            chunk(refusal=one, function_call=two),
            calls({"index": one, "id": two, "function": {"name": one, "arguments": two}}),
            calls({"index": 0, "id": "c", "extra_content": one, "function": two}),
            chunk(tool_calls=one, role=two),
            {"choices": one, "usage": two, "id": one},
            {"choices": [one, {"delta": two, "finish_reason": one, "logprobs": two}]},
        ]
    for n in range(1, len(chunks) + 1):
        check(read([sent(*chunks[:n]) + DONE], context("c")))
    check(read([sent(*(one for one, _ in made))], context()))


@unhurried
@given(st.binary(max_size=80))
def test_any_bytes_give_events_in_order(data: bytes) -> None:
    check(read([sent(chunk(content="a")), data], context()))
