"""Tools that a target does not know become plain ones, and their calls become what they were."""

from __future__ import annotations

import copy
import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.codec import Losses
from lynkr.wire.custom_input import wrapped
from lynkr.wire.events import ArgumentsDelta, CallStart, Event, Finish, PartStop, Start
from lynkr.wire.message import (
    CacheMark,
    CallKind,
    Message,
    Offer,
    Part,
    Request,
    Response,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from lynkr.wire.plain_tools import Known, Restorer, ToolNames, simplified
from tests.wire import ordered
from tests.wire.made_events import cuts
from tests.wire.made_json import some_text

SCHEMA: dict[str, object] = {"type": "object", "properties": {"path": {"type": "string"}}}
GRAMMAR: dict[str, object] = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
EXEC = Tool(name="exec", kind="custom", description="Runs.", grammar=GRAMMAR, namespace="functions")
PATCH = Tool(name="apply_patch", kind="custom", description="Edits.", grammar=GRAMMAR)
READ = Tool(name="Read", description="Reads.", parameters=SCHEMA)


def tool(name: str, **more: object) -> Tool:
    return Tool(name=name, parameters=SCHEMA, **more)  # type: ignore[arg-type]


def said(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def asked(tools: list[Tool], *messages: Message, **more: object) -> Request:
    return Request(
        format="openai_responses", model="m", tools=tools, messages=list(messages), **more  # type: ignore[arg-type]
    )  # fmt: skip


def plain(request: Request, **how: bool) -> tuple[Request, ToolNames]:
    losses = Losses()
    made, names = simplified(request, losses, **how)
    assert losses.found == []
    return made, names


def offered(request: Request, **how: bool) -> list[str]:
    return [tool.name for tool in plain(request, **how)[0].tools]


# --- names ----------------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=()), max_size=90)


@given(st.lists(st.tuples(NAMES, st.one_of(st.just(""), NAMES)), unique=True, max_size=8))
def test_every_tool_has_its_own_name_and_finds_back(tools: list[tuple[str, str]]) -> None:
    names = ToolNames()
    wires = [names.offer(name, namespace) for name, namespace in tools]
    assert len(set(wires)) == len(wires)
    for wire, (name, namespace) in zip(wires, tools, strict=True):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire)
        assert names.back(wire) == Known(name, namespace)
        assert names.out(name, namespace) == wire
    again = ToolNames()
    assert [again.offer(name, namespace) for name, namespace in tools] == wires


def test_a_good_name_stays_as_it_is() -> None:
    assert ToolNames().out("mcp__files__read-file") == "mcp__files__read-file"
    assert ToolNames().out("read", "mcp__files") == "mcp__files__read"
    assert ToolNames().out("a" * 64) == "a" * 64
    assert len(ToolNames().out("a" * 65)) == 64
    assert len(ToolNames(128).out("a" * 200)) == 128


def test_two_tools_that_would_share_a_name_do_not() -> None:
    """A provider refuses a request that has a name twice."""
    request = asked([tool("b__c", namespace="a"), tool("c", namespace="a__b"), tool("a__b__c")])
    made, names = plain(request)
    wires = [each.name for each in made.tools]
    assert wires[0] == "a__b__c"
    assert len(set(wires)) == 3
    assert [names.back(wire) for wire in wires] == [
        Known("b__c", "a"),
        Known("c", "a__b"),
        Known("a__b__c"),
    ]


def test_a_later_tool_does_not_rename_an_earlier_one() -> None:
    """Turn n+1 must write the bytes of turn n again, or the provider's cache is lost."""
    first = asked([tool("mcp.read"), EXEC])
    second = asked([*first.tools, tool("x" * 80), tool("mcp:read")])
    assert offered(second)[:2] == offered(first)


def test_a_call_of_a_tool_that_is_gone_keeps_its_name() -> None:
    call = ToolCall(id="c", name="read.file", arguments="{}", namespace="mcp")
    offering = plain(asked([tool("read.file", namespace="mcp")], said(call)))[0]
    gone = plain(asked([], said(call)))[0]
    assert gone.messages == offering.messages
    (part,) = gone.messages[0].parts
    assert isinstance(part, ToolCall)
    assert (part.namespace, part.name) == ("", offering.tools[0].name)


def test_a_result_names_the_tool_as_its_call_does() -> None:
    call = ToolCall(id="c", name="read.file", arguments="{}")
    result = ToolResult(call_id="c", content=[], name="read.file")
    made, _ = plain(asked([tool("read.file")], said(call), Message(role="tool", parts=[result])))
    (renamed,), (answered,) = made.messages[0].parts, made.messages[1].parts
    assert isinstance(renamed, ToolCall)
    assert isinstance(answered, ToolResult)
    assert answered.name == renamed.name == made.tools[0].name


# --- which tools are offered ----------------------------------------------------------------------

DEFERRED = tool("mcp__weather", deferred=True)


def reference(name: str) -> Message:
    result = ToolResult(call_id="s", content=[ToolReference(name=name)])
    return Message(role="user", parts=[result])


def hosted(kind: str) -> Tool:
    return Tool(name=kind, kind="hosted", value={"type": kind})


def test_a_deferred_tool_is_offered_once_it_is_referred_to() -> None:
    """In its own place, so that what stands before it stays cached."""
    tools = [READ, DEFERRED, tool("Write")]
    assert offered(asked(tools)) == ["Read", "Write"]
    assert offered(asked(tools, reference("mcp__weather"))) == ["Read", "mcp__weather", "Write"]
    assert offered(asked(tools, reference("other"))) == ["Read", "Write"]
    made, _ = plain(asked(tools, reference("mcp__weather")))
    assert not any(each.deferred for each in made.tools)
    (result,) = made.messages[0].parts
    assert isinstance(result, ToolResult)
    (text,) = result.content
    assert isinstance(text, Text)
    assert json.loads(text.text) == {"type": "tool_reference", "tool_name": "mcp__weather"}


@pytest.mark.parametrize("kind", ["tool_search_tool_regex_20251119", "tool_search"])
def test_what_a_hosted_search_would_find_is_offered(kind: str) -> None:
    assert offered(asked([hosted(kind), READ, DEFERRED])) == ["Read", "mcp__weather"]


def test_other_hosted_tools_are_the_encoders_business() -> None:
    """They are losses there, under their own type."""
    web = hosted("web_search_20250305")
    assert plain(asked([web, READ]))[0].tools == [web, READ]


def test_tools_that_come_with_the_conversation_are_offered() -> None:
    """Codex: `additional_tools` before the prompt, and what a `tool_search_output` loads."""
    more = Message(role="developer", parts=[Offer(tools=[EXEC, READ])])
    found = [Offer(tools=[tool("echo", namespace="mcp", deferred=True)])]
    search = ToolResult(call_id="t", content=list(found), kind="tool_search")
    request = asked([], more, Message(role="tool", parts=[search]))
    made, _ = plain(request)
    assert [each.name for each in made.tools] == ["functions__exec", "Read", "mcp__echo"]
    (message,) = made.messages  # the offer itself is gone
    (result,) = message.parts
    assert isinstance(result, ToolResult)
    assert result.kind == "function"
    (text,) = result.content
    assert isinstance(text, Text)
    assert json.loads(text.text) == {"tools": [{"name": "echo", "namespace": "mcp"}]}


def test_a_tool_offered_twice_is_offered_once() -> None:
    again = Message(role="developer", parts=[Offer(tools=[READ, EXEC])])
    request = asked([EXEC, READ], again, again)
    assert offered(request) == ["functions__exec", "Read"]


# --- what they become -----------------------------------------------------------------------------


def test_a_plain_tool_stays_as_it_is() -> None:
    given = tool("f", description="d", strict=True, cache=CacheMark(), extras={"x": 1})
    assert plain(asked([given]))[0].tools == [given]


def test_a_custom_tool_becomes_a_function_of_one_string() -> None:
    (made,) = plain(asked([EXEC]))[0].tools
    assert (made.kind, made.name, made.namespace, made.grammar) == (
        "function", "functions__exec", "", None,
    )  # fmt: skip
    assert made.parameters == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    }
    assert made.description is not None
    assert made.description.startswith("Runs.\n\n")
    assert "start: /.+/" in made.description
    assert "lark" in made.description


def test_a_custom_tool_without_a_grammar_gets_no_word_added() -> None:
    plain_text: dict[str, object] = {"type": "text"}
    for grammar in (None, plain_text):
        given = Tool(name="t", kind="custom", description="d", grammar=grammar)
        assert plain(asked([given]))[0].tools[0].description == "d"


def test_a_target_with_custom_tools_takes_them_as_they_are() -> None:
    (made,) = plain(asked([EXEC]), custom=True)[0].tools
    assert made == msgspec.structs.replace(EXEC, name="functions__exec", namespace="")
    loaded = msgspec.structs.replace(EXEC, deferred=True)
    offer = Message(role="developer", parts=[Offer(tools=[loaded])])
    assert plain(asked([], offer), custom=True)[0].tools == [made]


def test_a_namespace_tells_about_itself_once() -> None:
    """Its description stands before that of its first tool; nowhere else is a place for it."""
    of = {"namespace": "mcp", "namespace_description": "Files."}
    request = asked([tool("a", description="A.", **of), tool("b", **of), tool("c")])
    assert [each.description for each in plain(request)[0].tools] == ["Files.\n\nA.", None, None]
    alone = msgspec.structs.replace(EXEC, namespace_description="Code.")
    for custom in (False, True):
        (made,) = plain(asked([alone]), custom=custom)[0].tools
        assert made.description is not None
        assert made.description.startswith("Code.\n\nRuns.")
        assert made.namespace_description == ""


def test_a_local_shell_becomes_a_function_of_its_action() -> None:
    shell = Tool(name="local_shell", kind="local_shell")
    (made,) = plain(asked([shell]))[0].tools
    assert (made.kind, made.name) == ("function", "local_shell")
    assert made.parameters is not None
    assert "command" in str(made.parameters)


@pytest.mark.parametrize(
    ("given", "custom", "wanted"),
    [
        (ToolChoice(mode="auto"), False, ToolChoice(mode="auto")),
        (ToolChoice(mode="required"), False, ToolChoice(mode="required")),
        (
            ToolChoice(mode="tool", name="exec", namespace="functions", kind="custom"),
            False,
            ToolChoice(mode="tool", name="functions__exec"),
        ),
        (
            ToolChoice(mode="tool", name="exec", namespace="functions", kind="custom"),
            True,
            ToolChoice(mode="tool", name="functions__exec", kind="custom"),
        ),
        (
            ToolChoice(mode="tool", name="Read", extras={"x": 1}),
            False,
            ToolChoice(mode="tool", name="Read", extras={"x": 1}),
        ),
        (
            ToolChoice(mode="tool", kind="tool_search"),
            False,
            ToolChoice(mode="tool", name="tool_search"),
        ),
        # One that the provider runs is nothing that another could be told to call.
        (
            ToolChoice(mode="tool", kind="web_search"),
            False,
            ToolChoice(mode="tool", kind="web_search"),
        ),
    ],
)
def test_a_choice_names_the_tool_as_the_target_does(
    given: ToolChoice, custom: bool, wanted: ToolChoice
) -> None:
    search = Tool(name="tool_search", kind="tool_search", parameters=SCHEMA)
    request = asked([EXEC, READ, search], tool_choice=given)
    made, names = plain(request, custom=custom)
    assert made.tool_choice == wanted
    assert names.back("functions__exec") == Known("exec", "functions", "custom")
    assert names.back("tool_search") == Known("tool_search", "", "tool_search")


def test_calls_in_the_history_are_written_as_functions() -> None:
    call = ToolCall(id="c", name="exec", namespace="functions", kind="custom", arguments='a "b"\n')
    (made,) = plain(asked([EXEC], said(call)))[0].messages[0].parts
    assert isinstance(made, ToolCall)
    assert (made.name, made.namespace, made.kind) == ("functions__exec", "", "function")
    assert json.loads(made.arguments) == {"input": 'a "b"\n'}
    (kept,) = plain(asked([EXEC], said(call)), custom=True)[0].messages[0].parts
    assert kept == msgspec.structs.replace(call, name="functions__exec", namespace="")


def test_a_result_is_of_the_kind_of_its_call() -> None:
    """Chat has one form for all results; Responses refuses a result of the wrong kind."""
    call = ToolCall(id="c", name="exec", namespace="functions", kind="custom", arguments="a")
    results = [ToolResult(call_id=each, content=[], plain=True) for each in ("c", "d")]
    request = asked([EXEC], said(call), Message(role="tool", parts=list(results)))
    for custom, kinds in ((True, ["custom", "function"]), (False, ["function", "function"])):
        parts = plain(request, custom=custom)[0].messages[1].parts
        assert [part.kind for part in parts if isinstance(part, ToolResult)] == kinds


def test_the_request_is_not_changed() -> None:
    """It is encoded again when the first provider fails."""
    offer = Message(role="developer", parts=[Offer(tools=[EXEC])])
    call = ToolCall(id="c", name="exec", namespace="functions", kind="custom", arguments="a")
    request = asked([READ, DEFERRED], offer, said(call), reference("mcp__weather"))
    before = copy.deepcopy(request)
    simplified(request, Losses())
    assert request == before


def test_only_messages_of_nothing_but_offers_disappear() -> None:
    """One that the client sent empty is for the encoder to judge; it may have a name."""
    offer = Message(role="developer", parts=[Offer(tools=[EXEC])])
    empty = Message(role="assistant", parts=[], extras={"x": 1})
    assert plain(asked([], offer, empty, said(Text(text="a"))))[0].messages == [
        empty,
        said(Text(text="a")),
    ]


def test_what_clients_keep_in_the_pieces_of_a_stream_is_put_together() -> None:
    pieces = asked([], said(Text(text="a")), said(Text(text="b")))
    assert plain(pieces)[0].messages == pieces.messages
    pieces.format = "gemini"
    assert plain(pieces)[0].messages == [said(Text(text="ab"))]


# --- the reply ------------------------------------------------------------------------------------

RICH = asked(
    [EXEC, PATCH, READ, tool("read.file", namespace="mcp"), tool("s", kind="tool_search"),
     Tool(name="local_shell", kind="local_shell")]
)  # fmt: skip
KNOWN: list[tuple[str, str, CallKind]] = [
    ("exec", "functions", "custom"),
    ("apply_patch", "", "custom"),
    ("Read", "", "function"),
    ("read.file", "mcp", "function"),
    ("s", "", "tool_search"),
    ("local_shell", "", "local_shell"),
]


@st.composite
def replies(draw: st.DrawFn, *, custom: bool) -> tuple[list[Event], list[ToolCall]]:
    """Events of a target, and the calls that the client must see."""
    made, _ = simplified(RICH, Losses(), custom=custom)
    events: list[Event] = [Start("r", "m")]
    wanted: list[ToolCall] = []
    for index, number in enumerate(draw(st.lists(st.integers(0, len(KNOWN) - 1), max_size=4))):
        at_target, (name, namespace, kind) = made.tools[number], KNOWN[number]
        text = draw(some_text()) if kind == "custom" else '{"path":"\\u00fc"}'
        native = custom and kind == "custom"
        sent = wrapped(text) if kind == "custom" and not native else text
        events.append(
            CallStart(index, f"c{index}", at_target.name, "custom" if native else "function")
        )
        events += [ArgumentsDelta(index, piece) for piece in draw(cuts(sent))]
        events.append(PartStop(index))
        wanted.append(
            ToolCall(
                id=f"c{index}", name=name, namespace=namespace, kind=kind, arguments=text
            )
        )  # fmt: skip
    return [*events, Finish(Stop("tool_use"))], wanted


def calls_of(events: list[Event]) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for event in events:
        if isinstance(event, CallStart):
            calls.append(
                ToolCall(
                    id=event.id, name=event.name, kind=event.kind, namespace=event.namespace,
                    arguments="",
                )
            )  # fmt: skip
        elif isinstance(event, ArgumentsDelta):
            calls[-1].arguments += event.text
    return calls


@pytest.mark.parametrize("custom", [False, True])
@given(data=st.data())
def test_calls_are_restored_in_streams_and_whole_replies(custom: bool, data: st.DataObject) -> None:
    events, wanted = data.draw(replies(custom=custom))
    _, names = simplified(RICH, Losses(), custom=custom)
    restorer = Restorer(names)
    places = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=3)))
    batches = [events[a:b] for a, b in zip([0, *places], [*places, len(events)], strict=True)]
    restored = [event for batch in batches for event in restorer.events(batch)]
    ordered.check(restored)
    assert calls_of(restored) == wanted
    whole = Response(id="r", model="m", parts=list(calls_of(events)), stop=Stop("tool_use"))
    assert Restorer(names).response(whole).parts == wanted


def test_the_text_of_a_custom_call_is_streamed_as_it_comes() -> None:
    _, names = simplified(RICH, Losses())
    restorer = Restorer(names)
    restorer.events([Start("r", "m"), CallStart(0, "c", "functions__exec")])
    assert restorer.events([ArgumentsDelta(0, '{"input":"const')]) == [ArgumentsDelta(0, "const")]
    assert restorer.events([ArgumentsDelta(0, " a")]) == [ArgumentsDelta(0, " a")]
    assert restorer.events([ArgumentsDelta(0, '"}'), PartStop(0)]) == [PartStop(0)]


def test_a_name_that_the_model_made_up_is_passed_as_it_is() -> None:
    _, names = simplified(RICH, Losses())
    start = CallStart(0, "c", "Made__Up")
    assert Restorer(names).events([start]) == [start]


def test_a_reply_of_the_same_dialect_is_not_touched() -> None:
    """Its names were never changed, and it may know kinds and namespaces itself."""
    starts: list[Event] = [
        CallStart(0, "c", "echo", "function", "mcp"),
        CallStart(1, "d", "exec", "custom", "functions"),
        CallStart(2, "e", "", "tool_search"),
    ]
    assert Restorer(ToolNames()).events(starts) == starts
    parts: list[Part] = [ToolCall(id="c", name="echo", namespace="mcp", arguments="{}")]
    whole = Response(id="r", model="m", parts=parts, stop=Stop("tool_use"))
    assert Restorer(ToolNames()).response(whole).parts == parts


def test_whatever_is_no_call_passes() -> None:
    parts: list[Part] = [Text(text="a")]
    whole = Response(id="r", model="m", parts=parts, stop=Stop("end_turn"), extras={"x": 1})
    assert Restorer(ToolNames()).response(whole) == whole
