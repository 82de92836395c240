"""Tool calls in Chat Completions streams: the same calls, however a server cuts them up."""

from __future__ import annotations

import pytest

from lynkr.wire.chat.codec import CODEC
from lynkr.wire.events import ArgumentsDelta, CallStart
from lynkr.wire.message import Seal, Stop, Thinking, ToolCall
from tests.wire.chat.chunks import assembled, calls, chunk, context, failure, parts, piece, sent

ONE = [ToolCall(id="c1", name="bash", arguments='{"a":1}')]
TWO = [*ONE, ToolCall(id="c2", name="bash", arguments='{"b":2}')]


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(
            [calls(piece(name="bash", args="", id="c1")), calls(piece(args='{"a"')),
             calls(piece(args=":1}"))],
            id="OpenAI",
        ),
        pytest.param([calls(piece(name="bash", args='{"a":1}', id="c1"))], id="whole"),
        pytest.param([calls(piece(None, name="bash", args='{"a":1}', id="c1"))], id="no index"),
        pytest.param([calls(piece(name="bash", args={"a": 1}, id="c1"))], id="an object"),
        pytest.param(
            [calls(piece(None, name="bash", id="c1")), calls(piece(None, args='{"a":1}'))],
            id="no index and no id in fragments",
        ),
        pytest.param(
            [calls(piece(None, name="bash", id="c1")), calls(piece(None, args='{"a"', id="c1")),
             calls(piece(None, args=":1}", id="c1"))],
            id="no index",
        ),
        pytest.param(
            [calls(piece(name="bash", args='{"a"', id="c1")),
             calls(piece(name="bash", args=":1}", id="c1"))],
            id="name and id repeated",
        ),
        pytest.param(
            [calls(piece(name="ba", id="c1")), calls(piece(name="sh")),
             calls(piece(args='{"a":1}'))],
            id="name in pieces",
        ),
        pytest.param(
            [calls(piece(name="bash", id="c1")), calls(piece(name="bash")),
             calls(piece(name="", args='{"a":1}', id=""))],
            id="name repeated before the arguments",
        ),
        pytest.param(
            [calls(piece(args='{"a"', id="c1")), calls(piece(name="bash", args=":1}"))],
            id="name after arguments",
        ),
        pytest.param(
            [chunk(tool_calls=[], content=None), calls(piece(name="bash", args='{"a":1}', id="c1")),
             chunk(tool_calls=None), calls({}), calls({"index": 0, "function": None})],
            id="empty arrays and nulls",
        ),
        pytest.param(
            [calls(piece(name="bash", args=None, id="c1", type="function")),
             calls(piece(name=None, args='{"a":1}'))],
            id="null arguments",
        ),
        pytest.param(
            [{**chunk(), "choices": [{"index": 0, "message": {
                "tool_calls": [piece(None, name="bash", args='{"a":1}', id="c1")]}}]}],
            id="a message instead of a delta",
        ),
    ],
)  # fmt: skip
def test_a_call_however_it_comes(chunks: list[dict[str, object]]) -> None:
    """With the tool on offer or unknown: the same call, and the reply ends because of it."""
    for finish in ("tool_calls", "stop", None):
        for tools in ((), ("bash",), ("bash", "bash_output"), ("other",)):
            assembly = assembled(*chunks, chunk(finish), tools=tools)
            assert assembly.parts == ONE
            assert assembly.stop == Stop("tool_use", None, finish or "")


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(
            [calls(piece(0, name="bash", args='{"a":1}', id="c1")),
             calls(piece(1, name="bash", args='{"b":2}', id="c2"))],
            id="one after the other",
        ),
        pytest.param(
            [calls(piece(0, name="bash", args='{"a":1}', id="c1"),
                   piece(1, name="bash", args='{"b":2}', id="c2"))],
            id="in one chunk",
        ),
        pytest.param(
            [calls(piece(0, name="bash", args='{"a":1}', id="c1")),
             calls(piece(0, name="bash", args='{"b":2}', id="c2"))],
            id="all with the index 0",
        ),
        pytest.param(
            [calls(piece(None, name="bash", args='{"a":1}', id="c1")),
             calls(piece(None, name="bash", args='{"b":2}', id="c2"))],
            id="without an index",
        ),
        pytest.param(
            [calls(piece(0, name="bash", args="", id="c1"), piece(1, name="bash", id="c2")),
             calls(piece(0, args='{"a":1}')), calls(piece(1, args='{"b":2}'))],
            id="announced together",
        ),
        pytest.param(
            [calls(piece(0, name="bash", args='{"a":1}', id="c1")),
             calls(piece(1, name="bash", args='{"b":2}', id="c2")), calls(piece(0, args=" \n"))],
            id="with white space for the first at the end",
        ),
    ],
)  # fmt: skip
def test_two_calls_however_they_come(chunks: list[dict[str, object]]) -> None:
    for tools in ((), ("bash",)):
        assert assembled(*chunks, chunk("tool_calls"), tools=tools).parts == TWO


def test_calls_without_ids_get_their_own() -> None:
    found = parts(calls(piece(None, name="f", args="{}")), calls(piece(None, name="f", args="{}")))
    assert found == [
        ToolCall(id="call_x01", name="f", arguments="{}"),
        ToolCall(id="call_x02", name="f", arguments="{}"),
    ]


def test_an_id_given_twice_is_used_once() -> None:
    found = parts(calls(piece(0, name="f", args="1", id="c"), piece(1, name="f", args="2", id="c")))
    assert [part.id for part in found if isinstance(part, ToolCall)] == ["c", "call_x01"]


def test_a_call_without_arguments() -> None:
    assert parts(calls(piece(name="f", args="", id="c")), chunk("tool_calls")) == [
        ToolCall(id="c", name="f", arguments="")
    ]
    found = parts(calls(piece(0, name="f", id="c")), calls(piece(1, name="g", args="{}", id="d")))
    assert [part.name for part in found if isinstance(part, ToolCall)] == ["f", "g"]


def test_a_call_opens_once_its_name_is_sure() -> None:
    """At once if it is that of a tool, unless a longer one begins with it."""
    decoder = CODEC.stream_decoder(context("bash", "read", "read_all"))
    decoder.feed(sent(chunk(content="")))
    assert decoder.feed(sent(calls(piece(name="bash", args="", id="c")))) == [
        CallStart(0, "c", "bash")
    ]
    assert decoder.feed(sent(calls(piece(args='{"')))) == [ArgumentsDelta(0, '{"')]
    for name in ("read", "unknown"):
        decoder = CODEC.stream_decoder(context("bash", "read", "read_all"))
        decoder.feed(sent(chunk(content="")))
        assert decoder.feed(sent(calls(piece(name=name, args="", id="c")))) == []
        assert decoder.feed(sent(calls(piece(args='{"')))) == [
            CallStart(0, "c", name), ArgumentsDelta(0, '{"'),
        ]  # fmt: skip


def test_legacy_function_calls() -> None:
    found = assembled(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": "{}"}),
        chunk("function_call"),
    )
    assert found.parts == [ToolCall(id="call_x01", name="f", arguments="{}")]
    assert found.stop == Stop("tool_use", None, "function_call")


def test_custom_calls() -> None:
    start = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "p", "input": "fr"}}
    assert parts(calls(start), calls({"index": 0, "custom": {"input": "ee"}})) == [
        ToolCall(id="c", name="p", arguments="free", kind="custom")
    ]


def test_geminis_signature_is_a_seal_before_its_call() -> None:
    about = {"google": {"thought_signature": "s"}}
    found = parts(
        chunk(reasoning_content="Hm"),
        calls(piece(name="f", args="{}", id="c", extra_content=about)),
    )
    assert found == [
        Thinking(text="Hm", seal=Seal("openai_chat", {"field": "reasoning_content"})),
        Thinking(seal=Seal("openai_chat", {"call": {"extra_content": about}})),
        ToolCall(id="c", name="f", arguments="{}"),
    ]


def test_arguments_of_a_call_that_is_over() -> None:
    found = failure(
        calls(piece(0, name="f", args="{", id="c")), calls(piece(1, name="g", args="{}", id="d")),
        calls(piece(0, args="}")),
    )  # fmt: skip
    assert found.code == "upstream_protocol"


def test_arguments_of_nothing() -> None:
    assert failure(calls(piece(args="{}", id="c"))).code == "upstream_protocol"
