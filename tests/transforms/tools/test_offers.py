"""Tools left out of a request: what is left is the client's own, and still a request."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.transforms.cache_plan import Aim
from lynkr.transforms.passes import Want
from tests.transforms.made import (
    AUTOMATIC,
    DIALECTS,
    EXPLICIT,
    NONE,
    Did,
    Turn,
    body,
    keys,
    offered,
    requests,
    shaped,
)

Json = dict[str, Any]
SESSION = Want(tools="session", marks="5m")
REQUEST = Want(tools="request")
CODING = ("Read", "Edit", "Bash", "Grep")
WEATHER = tuple(f"mcp__weather__{name}" for name in ("forecast", "history", "stations"))
ASK = "Fix the failing test in src/parser.py"


def names(made: bytes) -> list[str]:
    whole = json.loads(made)
    return [tool.get("name") or tool["function"]["name"] for tool in whole.get("tools", ())]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("want", "aim"), [(SESSION, AUTOMATIC), (REQUEST, NONE)])
def test_what_nothing_hints_at_is_left_out_and_all_else_stays_as_it_was(
    dialect: int, want: Want, aim: Aim
) -> None:
    raw = body(dialect, ASK, [], tools=(*WEATHER[:1], *CODING, *WEATHER[1:]))
    found = shaped(raw, dialect, want, msgspec.structs.replace(aim, marks=False))
    assert names(found.body) == list(CODING)
    made, given = json.loads(found.body), json.loads(raw)
    assert made["tools"] == given["tools"][1:-2]
    assert {**made, "tools": 0} == {**given, "tools": 0}
    assert found.tools is not None
    assert found.tools.names == (*WEATHER[:1], *CODING, *WEATHER[1:])
    assert [
        name for name, kept in zip(found.tools.names, found.tools.kept, strict=True) if kept
    ] == list(CODING)
    left_out = sum(
        tokens
        for tokens, kept in zip(found.tools.tokens, found.tools.kept, strict=True)
        if not kept
    )
    assert found.saved_new == found.saved == left_out > 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tool_that_is_asked_for_or_was_used_stays(dialect: int) -> None:
    tools = (*CODING, *WEATHER)
    asked = body(dialect, "Will it rain tomorrow? Use the weather forecast", [], tools=tools)
    assert WEATHER[0] in names(shaped(asked, dialect, SESSION, AUTOMATIC).body)
    turn = Turn(calls=(Did(WEATHER[1], {"path": "x"}, "dry"),))
    used = body(dialect, ASK, [turn], tools=tools)
    assert WEATHER[1] in names(shaped(used, dialect, SESSION, AUTOMATIC).body)


@pytest.mark.parametrize(
    ("dialect", "choice"),
    [
        (MESSAGES, {"type": "tool", "name": WEATHER[2]}),
        (CHAT, {"type": "function", "function": {"name": WEATHER[2]}}),
        (RESPONSES, {"type": "function", "name": WEATHER[2]}),
    ],
)
def test_a_tool_that_must_be_called_stays(dialect: int, choice: Json) -> None:
    raw = body(dialect, ASK, [], tools=(*CODING, *WEATHER), tool_choice=choice)
    assert WEATHER[2] in names(shaped(raw, dialect, REQUEST, NONE).body)


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "any"},
        {"type": "allowed_tools", "mode": "auto", "tools": []},
        {"type": "custom", "custom": {"name": "x"}},
        5,
        {"type": "tool", "name": None},
    ],
)
def test_a_choice_among_several_leaves_all_of_them(choice: object) -> None:
    raw = body(CHAT, ASK, [], tools=(*CODING, *WEATHER), tool_choice=choice)
    found = shaped(raw, CHAT, REQUEST, NONE)
    assert found.body == raw
    assert found.aside


@pytest.mark.parametrize("choice", ["auto", "none", None, {"type": "auto"}])
def test_a_free_choice_is_none(choice: object) -> None:
    raw = body(CHAT, ASK, [], tools=(*CODING, *WEATHER), tool_choice=choice)
    assert names(shaped(raw, CHAT, REQUEST, NONE).body) == list(CODING)


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "mcp__maps__route", "input_schema": {}, "cache_control": {"type": "ephemeral"}},
        {"name": "", "input_schema": {}},
    ],
)
def test_tools_of_other_kinds_and_marked_ones_stay(odd: Json) -> None:
    """What a provider runs itself is not the gateway's to judge; a mark is a place in a cache."""
    given = json.loads(body(MESSAGES, ASK, [], tools=(*CODING, *WEATHER)))
    given["tools"].append(odd)
    made = json.loads(shaped(json.dumps(given).encode(), MESSAGES, REQUEST, NONE).body)
    assert made["tools"][-1] == odd
    assert len(made["tools"]) == len(CODING) + 1


def test_a_name_written_with_escapes_stays() -> None:
    raw = body(CHAT, ASK, [], tools=(*CODING, *WEATHER, "mcp__maps__way"))
    escaped = raw.replace(b"mcp__maps__way", b"mcp__maps__wa\\u0079")
    assert names(shaped(raw, CHAT, REQUEST, NONE).body) == [*CODING]
    assert names(shaped(escaped, CHAT, REQUEST, NONE).body) == [*CODING, "mcp__maps__way"]


def test_a_client_that_defers_tools_is_left_alone() -> None:
    given = json.loads(body(MESSAGES, ASK, [], tools=(*CODING, *WEATHER)))
    given["tools"][-1]["defer_loading"] = True
    raw = json.dumps(given).encode()
    assert shaped(raw, MESSAGES, REQUEST, NONE).body == raw


TOOLS = b'"tools" : [ {"name":"mcp__weather__forecast","input_schema":{}} ]'
REST = b'"messages":[{"role":"user","content":"Hello!"}]'


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        (b"{%b,%b}" % (TOOLS, REST), b"{%b}" % REST),
        (b"{%b,%b}" % (REST, TOOLS), b"{%b}" % REST),
        (b'{"a":1,%b,%b}' % (TOOLS, REST), b'{"a":1,%b}' % REST),
        (b"{ %b ,\n %b }" % (TOOLS, REST), b"{ \n %b }" % REST),
        (b"{ %b ,\n %b }" % (REST, TOOLS), b"{ %b  }" % REST),
        (b'{"s":"a\\",","b":2,%b , %b}' % (TOOLS, REST), b'{"s":"a\\",","b":2 , %b}' % REST),
    ],
)
def test_when_all_go_their_member_goes_with_its_comma(raw: bytes, made: bytes) -> None:
    """Providers refuse an empty list."""
    assert shaped(raw, MESSAGES, REQUEST, NONE).body == made
    renamed = msgspec.structs.replace(REQUEST, rename=b'"b"', cache_key="k")
    assert shaped(raw, MESSAGES, renamed, NONE).body == made


def test_all_going_and_a_session_named_at_once() -> None:
    """Two edits meet at the end of the body."""
    raw = b'{"model":"m",%b,%b}' % (REST, TOOLS)
    want = Want(tools="request", cache_key="k", rename=b'"other"')
    made = shaped(raw, MESSAGES, want, msgspec.structs.replace(NONE, cache_key=True)).body
    assert made == b'{"model":"other",%b,"prompt_cache_key":"k"}' % REST


@pytest.mark.parametrize(
    "more",
    [{"tool_choice": "auto"}, {"parallel_tool_calls": False}, {"max_tool_calls": 3}],
)
def test_a_request_that_speaks_of_tools_keeps_them_rather_than_none(more: Json) -> None:
    raw = body(RESPONSES, "Hello!", [], tools=WEATHER, **more)
    assert shaped(raw, RESPONSES, REQUEST, NONE).body == raw
    free = body(RESPONSES, "Hello!", [], tools=WEATHER)
    assert "tools" not in json.loads(shaped(free, RESPONSES, REQUEST, NONE).body)


def test_a_session_that_began_with_all_tools_keeps_them() -> None:
    """A list that shrinks costs the whole prompt again, as one that grows does."""
    silent = "<system-reminder>The date changed.</system-reminder>"
    turns = [Turn(said="Yes?", asked=ASK), Turn(said="Done.", asked="Thanks")]
    lists = [
        names(shaped(raw, CHAT, SESSION, AUTOMATIC).body)
        for raw in requests(CHAT, silent, turns, tools=(*CODING, *WEATHER))
    ]
    assert lists == [[*CODING, *WEATHER]] * 3
    turns = [Turn(said="Yes?", asked="What is the weather forecast?")]
    lists = [
        names(shaped(raw, CHAT, SESSION, AUTOMATIC).body)
        for raw in requests(CHAT, ASK, turns, tools=WEATHER, tool_choice="auto")
    ]
    assert lists == [list(WEATHER)] * 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_sessions_tools_only_grow(dialect: int) -> None:
    turns = [
        Turn(said="On it.", calls=(Did("Read", {"path": "a"}, "text"),)),
        Turn(said="Done.", asked="Now commit it"),
        Turn(said="Done.", asked="Will it rain? Look at the weather forecast"),
        Turn(said="No.", asked="ok"),
    ]
    lists = [
        set(names(shaped(raw, dialect, SESSION, AUTOMATIC).body))
        for raw in requests(dialect, ASK, turns, tools=(*CODING, *WEATHER))
    ]
    assert all(before <= after for before, after in itertools.pairwise(lists))
    assert lists[0] == lists[2] == set(CODING)
    assert lists[-1] == {*CODING, *WEATHER}


def test_where_nothing_is_cached_a_session_chooses_for_each_request() -> None:
    turns = [Turn(said="It will.", asked=ASK)]
    raw = body(CHAT, "What is the weather forecast?", turns, tools=(*CODING, *WEATHER))
    for aim in (NONE, msgspec.structs.replace(AUTOMATIC, tokens_min=100_000)):
        found = shaped(raw, CHAT, SESSION, aim)
        assert found.tools is not None
        assert found.tools.mode == "request"
    found = shaped(raw, CHAT, SESSION, AUTOMATIC)
    assert found.tools is not None
    assert found.tools.mode == "session"


def test_a_target_with_marks_caches_only_with_some() -> None:
    raw = body(MESSAGES, ASK, [], tools=(*CODING, *WEATHER))
    for want, mode in ((SESSION, "session"), (Want(tools="session"), "request")):
        found = shaped(raw, MESSAGES, want, EXPLICIT)
        assert found.tools is not None
        assert found.tools.mode == mode


def test_off_is_off() -> None:
    raw = body(CHAT, ASK, [], tools=(*CODING, *WEATHER))
    found = shaped(raw, CHAT, Want(), AUTOMATIC)
    assert found.body == raw
    assert found.tools is None


def test_the_tools_that_stay_are_the_same_pieces() -> None:
    raw = body(CHAT, ASK, [], tools=(*CODING, *WEATHER))
    made = shaped(raw, CHAT, SESSION, AUTOMATIC).body
    count = len(CODING)
    assert keys(made, CHAT) == keys(raw, CHAT)[:count] + keys(raw, CHAT)[count + len(WEATHER) :]
    assert offered(CHAT, "Read", "Does Read.") == json.loads(made)["tools"][0]
