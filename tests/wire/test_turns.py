"""Regrouping loses nothing: every part is there, in order, and the results come first."""

from __future__ import annotations

import copy
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.message import (
    Message,
    Part,
    Role,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lynkr.wire.turns import as_turns, call_names, rejoined

ROLES: list[Role] = ["system", "developer", "user", "assistant", "tool"]


def text(said: str) -> Text:
    return Text(text=said)


def result(call: str) -> ToolResult:
    return ToolResult(call_id=call, content=[text("of " + call)], plain=True)


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="tool_" + name, arguments="{}")


def of(role: Role, *parts: Part, **more: object) -> Message:
    return Message(role=role, parts=list(parts), **more)  # type: ignore[arg-type]


def shape(messages: list[Message]) -> list[tuple[str, list[str]]]:
    def said(part: Part) -> str:
        if isinstance(part, ToolResult):
            return "=" + part.call_id
        if isinstance(part, ToolCall):
            return "!" + part.id
        assert isinstance(part, Text)
        return part.text

    return [(message.role, [said(part) for part in message.parts]) for message in messages]


def test_parallel_results_become_one_turn_before_the_text() -> None:
    """Chat and Responses have one message per result; Claude, Gemini and Bedrock want one turn."""
    messages = [
        of("user", text("go")),
        of("assistant", text("both"), call("a"), call("b")),
        of("tool", result("a")),
        of("user", text("by the way")),
        of("tool", result("b")),
        of("assistant", text("done")),
    ]
    assert shape(as_turns(messages)) == [
        ("user", ["go"]),
        ("assistant", ["both", "!a", "!b"]),
        ("user", ["=a", "=b", "by the way"]),
        ("assistant", ["done"]),
    ]


def test_items_of_one_turn_are_put_together() -> None:
    """Responses has an item for each call; after compaction clients send users in a row."""
    messages = [
        of("assistant", text("a")),
        of("assistant", call("1")),
        of("assistant", call("2")),
        of("user", text("x")),
        of("user", text("y")),
    ]
    assert shape(as_turns(messages)) == [("assistant", ["a", "!1", "!2"]), ("user", ["x", "y"])]


def test_system_messages_stay_where_they_are_and_alone() -> None:
    messages = [
        of("system", text("1")),
        of("developer", text("2")),
        of("user", text("a")),
        of("developer", text("3")),
        of("user", text("b")),
    ]
    assert shape(as_turns(messages)) == [
        ("system", ["1"]),
        ("system", ["2"]),
        ("user", ["a"]),
        ("system", ["3"]),
        ("user", ["b"]),
    ]


def test_without_merging_every_message_stays_one() -> None:
    messages = [of("tool", result("a")), of("tool", result("b")), of("user", text("x"))]
    assert shape(as_turns(messages, merge=False)) == [
        ("user", ["=a"]),
        ("user", ["=b"]),
        ("user", ["x"]),
    ]
    mixed = [of("user", text("x"), result("a"))]
    assert shape(as_turns(mixed, merge=False)) == [("user", ["=a", "x"])]


def test_a_message_that_stands_alone_keeps_all_it_has() -> None:
    alone = of("user", text("x"), plain=True, name="ann", id="msg_1", extras={"x": 1})
    assert as_turns([alone]) == [alone]


def test_merged_messages_keep_the_first_name_and_every_unknown_field() -> None:
    messages = [
        of("user", text("x"), plain=True, name="ann", id="msg_1", extras={"x": 1}),
        of("user", text("y"), plain=True, name="bob", id="msg_2", extras={"y": 2}),
    ]
    (turn,) = as_turns(messages)
    assert (turn.name, turn.id, turn.extras, turn.plain) == (
        "ann",
        "msg_1",
        {"x": 1, "y": 2},
        False,
    )


parts = st.one_of(
    st.sampled_from("abc").map(text),
    st.sampled_from("123").map(result),
    st.sampled_from("45").map(call),
)
messages = st.lists(
    st.builds(of, st.sampled_from(ROLES), parts)
    | st.builds(of, st.sampled_from(ROLES), parts, parts),
    max_size=8,
)  # fmt: skip


@given(messages, st.booleans())
def test_nothing_is_lost_and_nothing_else_moves(given: list[Message], merge: bool) -> None:
    before = copy.deepcopy(given)
    turns = as_turns(given, merge=merge)
    assert given == before  # the request may be encoded again, for another provider

    def every(found: list[Message], *, results: bool) -> list[Part]:
        return [
            part
            for message in found
            for part in message.parts
            if isinstance(part, ToolResult) == results
        ]

    assert every(turns, results=True) == every(given, results=True)
    assert every(turns, results=False) == every(given, results=False)
    assert {turn.role for turn in turns} <= {"system", "user", "assistant"}
    roles = [turn.role for turn in turns]
    if merge:
        assert all(a != b or a == "system" for a, b in pairwise(roles))
    for turn in turns:
        if turn.role == "user":
            kinds = [isinstance(part, ToolResult) for part in turn.parts]
            assert kinds == sorted(kinds, reverse=True)


def test_the_tool_of_each_call_is_known_by_its_id() -> None:
    messages = [
        of("assistant", text("x"), call("a")),
        of("tool", result("a")),
        of("assistant", call("b")),
    ]
    assert call_names(messages) == {"a": "tool_a", "b": "tool_b"}


# --- a turn that came back in pieces --------------------------------------------------------------

SEAL = Seal("anthropic_messages", {"signature": "s"})


def thought(said: str, seal: Seal | None = None) -> Thinking:
    return Thinking(text=said, seal=seal)


def test_the_pieces_of_a_turn_are_one_turn() -> None:
    """A seal is that of all thoughts before it, and nothing is joined across one."""
    messages = [
        of("user", text("go"), text("on")),
        of("assistant", thought("a")),
        of("assistant", thought("b")),
        of("assistant", thought("", SEAL), text("x ")),
        of("assistant", text("\n"), text("y")),
        of("assistant", thought("c", SEAL), thought("d"), call("f"), text("z")),
        of("user", text("go")),
        of("assistant", text("1")),
    ]
    before = copy.deepcopy(messages)
    found = rejoined(messages)
    assert messages == before
    assert found == [
        messages[0],
        of(
            "assistant", thought("ab", SEAL), text("x \ny"), thought("c", SEAL), thought("d"),
            call("f"), text("z"),
        ),
        *messages[6:],
    ]  # fmt: skip
    assert rejoined(found) == found


def test_pieces_with_unknown_fields_stay_apart() -> None:
    marked = Text(text="b", extras={"partMetadata": {"a": 1}})
    parts: list[Part] = [
        text("a"),
        marked,
        text("c"),
        thought("t"),
        Thinking(text="u", extras={"x": 1}),
    ]
    assert rejoined([of("assistant", *parts)]) == [of("assistant", *parts)]
    turns = [of("assistant", text("a"), extras={"x": 1}), of("assistant", text("b"))]
    assert rejoined(turns) == turns
