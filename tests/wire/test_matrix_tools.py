"""Codex' own kinds of tools at providers that have none of them, and Claude's deferred tools.

The provider is played by the encoder of its dialect: it calls a tool by the name that it was
offered. The client's SDK must see the call as Codex knows it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.wire.events import ArgumentsDelta, CallStart, Event, Finish, PartStop, Start
from lynkr.wire.message import CallKind, Stop, Usage
from lynkr.wire.plain_tools import Restorer
from tests.wire.dialogues import named
from tests.wire.matrix import FORMATS, FULL, Sent, context_of, sent, the
from tests.wire.meaning import meaning
from tests.wire.sdk_replies import Call, read
from tests.wire.test_matrix_replies import context

OTHERS = [name for name in FORMATS if name != "openai_responses"]
SOURCE = "await tools.exec_command({cmd: \"printf 'ü👋🏽\\n'\"})\n"


def called(request: Sent, name: str, namespace: str = "") -> tuple[str, CallKind]:
    """How the provider calls a tool of the client, and whether as a custom tool."""
    wire = request.names.out(name, namespace)
    (tool,) = (tool for tool in request.plain.tools if tool.name == wire)
    return wire, "custom" if tool.kind == "custom" else "function"


def replied(
    target: str, request: Sent, wire: str, kind: CallKind, pieces: list[str]
) -> list[bytes]:
    """The provider's stream, one read for each event."""
    events: list[Event] = [
        Start("r", "m", Usage(5, 1)),
        CallStart(0, "call_1", wire, kind),
        *(ArgumentsDelta(0, piece) for piece in pieces),
        PartStop(0),
        Finish(Stop("tool_use"), Usage(5, 9)),
    ]
    encoder = the(target).stream_encoder(context(target))
    return [written for event in events if (written := encoder.encode([event]))]


def heard(target: str, request: Sent, pieces: list[bytes]) -> list[bytes]:
    """What the client gets for each read."""
    decoder = the(target).stream_decoder(context_of(request.decoded))
    encoder = the("openai_responses").stream_encoder(context_of(request.decoded))
    restorer = Restorer(request.names)
    batches = [decoder.feed(piece) for piece in pieces]
    batches.append(decoder.finish())
    return [encoder.encode(restorer.events(batch)) for batch in batches]


def one_call(target: str, request: Sent, wire: str, kind: CallKind, pieces: list[str]) -> Call:
    body = b"".join(heard(target, request, replied(target, request, wire, kind, pieces)))
    (call,) = read("openai_responses", body, stream=True, strict=True).calls
    return call


def cut(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]


@pytest.mark.parametrize("target", OTHERS)
def test_a_custom_tool_of_a_namespace_is_called_as_itself(target: str) -> None:
    request = sent(named("dialogue/codex_namespaces"), target)
    wire, kind = called(request, "exec", "functions")
    given = SOURCE if kind == "custom" else json.dumps({"input": SOURCE})
    call = one_call(target, request, wire, kind, cut(given))
    assert call == Call("call_1", "exec", SOURCE, "functions", "custom")


@pytest.mark.parametrize("target", OTHERS)
def test_a_function_of_a_namespace_is_called_with_its_namespace(target: str) -> None:
    """Without it Codex says "unsupported call"."""
    for dialogue, name, namespace in (
        ("codex_namespaces", "wait", "functions"),
        ("codex_tool_search", "echo", "mcp__everything"),
    ):
        request = sent(named(f"dialogue/{dialogue}"), target)
        wire, kind = called(request, name, namespace)
        call = one_call(target, request, wire, kind, cut('{"path": "ü"}'))
        assert call == Call("call_1", name, {"path": "ü"}, namespace)


@pytest.mark.parametrize("target", OTHERS)
def test_a_grammar_tool_is_called_as_itself(target: str) -> None:
    patch = '*** Begin Patch\n*** Add File: ü\n+"x"\n*** End Patch\n'
    request = sent(named("dialogue/codex_tool_search"), target)
    wire, kind = called(request, "apply_patch")
    given = patch if kind == "custom" else json.dumps({"input": patch}, ensure_ascii=False)
    call = one_call(target, request, wire, kind, cut(given))
    assert call == Call("call_1", "apply_patch", patch, "", "custom")


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize(
    ("dialogue", "kind", "field", "arguments"),
    [
        ("codex_tool_search", "tool_search", "arguments", {"query": "echo ü"}),
        (
            "responses_local_shell",
            "local_shell",
            "action",
            {"type": "exec", "command": ["ls", "-l"], "env": {}},
        ),
    ],
)
def test_tools_with_items_of_their_own_are_called_by_these(
    target: str, dialogue: str, kind: str, field: str, arguments: dict[str, Any]
) -> None:
    """``tool_search_call`` and ``local_shell_call``; Codex runs nothing else as such."""
    request = sent(named(f"dialogue/{dialogue}"), target)
    wire, wired = called(request, kind)
    stream = replied(target, request, wire, wired, cut(json.dumps(arguments)))
    body = b"".join(heard(target, request, stream)).decode()
    events = [
        json.loads(line.removeprefix("data: "))
        for line in body.split("\n")
        if line.startswith("data: ")
    ]
    (item,) = (event["item"] for event in events if event["type"] == "response.output_item.done")
    assert (item["type"], item["call_id"]) == (f"{kind}_call", "call_1")
    assert item[field] == arguments
    assert events[-1]["response"]["output"] == [item]


@pytest.mark.parametrize("target", [name for name in OTHERS if name != "gemini"])
def test_the_text_of_a_custom_tool_comes_as_it_is_written(target: str) -> None:
    """Each fragment of the JSON that carries it brings its piece of the text at once."""
    request = sent(named("dialogue/codex_namespaces"), target, FULL[target] - {"custom_tools"})
    wire, kind = called(request, "exec", "functions")
    assert kind == "function"
    pieces = ['{"input": "', "const a", " = 1;", "\\nb", '"}']
    stream = replied(target, request, wire, kind, pieces)
    written = heard(target, request, stream)
    for text in ("const a", " = 1;"):
        (at,) = (number for number, piece in enumerate(stream) if text.encode() in piece)
        assert text.encode() in written[at]


@pytest.mark.parametrize("target", OTHERS)
def test_a_call_that_was_made_goes_back_as_it_came(target: str) -> None:
    """The next request names the tool as the provider called it, with the same arguments."""
    request = sent(named("dialogue/codex_namespaces"), target)
    arrived = meaning(target, request.body)
    wire, kind = called(request, "exec", "functions")
    source = 'await tools.exec_command({cmd: "ls"})\n'
    given = source if kind == "custom" else {"input": source}
    assert (arrived.calls[0].name, arrived.calls[0].arguments) == (wire, given)
    offered = {tool.name for tool in arrived.tools}
    assert {call.name for call in arrived.calls} <= offered


@pytest.mark.parametrize("target", [name for name in FORMATS if name != "anthropic_messages"])
def test_claudes_deferred_tools_are_there_once_referred_to(target: str) -> None:
    asked = named("dialogue/claude_tool_search")
    arrived = meaning(target, sent(asked, target).body)
    assert [tool.name for tool in arrived.tools] == ["ToolSearch", "mcp__weather__now"]
    assert "mcp__weather__now" in arrived.results[0].texts[0]


def test_claudes_deferred_tools_are_claudes_own_at_anthropic() -> None:
    asked = named("dialogue/claude_tool_search")
    body = json.loads(sent(asked, "anthropic_messages").body)
    assert body["tools"] == json.loads(asked.body)["tools"]
    assert body["messages"] == json.loads(asked.body)["messages"]
