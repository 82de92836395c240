"""The token passes and where a call goes: other dialects, other targets, later turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.config.settings import Failover, RouteRule, Routing, Tokens
from lynkr.gateway.sessions import OPENED_MIN
from tests.gateway.test_shaping import (
    CODING,
    COMPLETION,
    LOOKED,
    PATHS,
    RULES,
    WEATHER,
    asked,
    at,
    message,
    names,
    saved,
    sent,
    shortened,
)
from tests.harness import replies
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send
from tests.transforms.made import Did, Turn, body, result_texts

Json = dict[str, Any]
MARK = {"type": "ephemeral"}
FIX = "Fix the failing test in src/parser.py"
CONVERSED = json.dumps(
    {"output": {"message": {"role": "assistant", "content": [{"text": "Here they are."}]}},
     "stopReason": "end_turn", "usage": {"inputTokens": 900, "outputTokens": 5}}
).encode()  # fmt: skip


def always(theatre: Theatre, name: str, answer: bytes, status: int = 200) -> None:
    theatre[name].otherwise = Script((Send(replies.sized(answer, status=status)),))


def paths_of(value: Any, key: str, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a key stands in a JSON value."""
    found = []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += [path] if name == key else paths_of(inner, key, (*path, name))
    elif isinstance(value, list):
        for at_, inner in enumerate(value):
            found += paths_of(inner, key, (*path, at_))
    return found


# --- other dialects -------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES])
async def test_towards_anthropic_a_translated_call_gets_marks_and_short_results(
    dialect: int,
) -> None:
    """Behind the system prompt, behind the last message, and where the turn before ended."""
    async with Theatre({"one": "anthropic"}) as theatre:
        always(theatre, "one", message())
        given = asked(dialect, LOOKED, Turn("Done.", (), "And now?"), system=RULES)
        reply = await theatre.post(PATHS[dialect], given)
        assert (reply.status, reply.header("x-lynkr-lane")) == (200, "translate")
        made = await sent(theatre)
        whole = json.loads(made)
        (text,) = result_texts(made, MESSAGES)
        assert shortened(text)
        assert saved(reply) > 100
        count = len(whole["messages"])
        assert paths_of(whole, "cache_control") == [
            ("system", 0), ("messages", count - 3, "content", 0),
            ("messages", count - 1, "content", 0),
        ]  # fmt: skip
        assert (await theatre.record()).saving.tokens > 100


async def test_towards_openai_a_translated_call_gets_its_sessions_name_and_short_results() -> None:
    table: Json = {"kind": "openai", "apis": ["chat"]}
    async with Theatre({"one": table}) as theatre:
        always(theatre, "one", COMPLETION)
        for ask in (asked(MESSAGES), asked(MESSAGES, LOOKED, Turn("Done.", (), "And now?"))):
            whole = {**json.loads(ask), "system": RULES, "max_tokens": 9}
            assert (await theatre.post("/v1/messages", whole)).status == 200
        first, second = [await sent(theatre, number) for number in (0, 1)]
        key = json.loads(first)["prompt_cache_key"]
        assert key.startswith("lynkr-")
        assert json.loads(second)["prompt_cache_key"] == key
        assert shortened(*result_texts(first, CHAT))
        assert result_texts(first, CHAT) == result_texts(second, CHAT)
        assert b"cache_control" not in first


async def test_towards_bedrock_marks_are_cache_points() -> None:
    async with Theatre({"one": "bedrock"}) as theatre:
        always(theatre, "one", CONVERSED)
        given = asked(CHAT, system=RULES).replace(b'"m"', b'"anthropic.claude-sonnet-5"', 1)
        reply = await theatre.post(PATHS[CHAT], given)
        assert reply.status == 200
        whole = json.loads(await sent(theatre))
        points = paths_of(whole, "cachePoint")
        count = len(whole["messages"])
        assert points == [("messages", 0, "content", 1), ("messages", count - 1, "content", 1),
                          ("system", 1)]  # fmt: skip
        (text,) = [
            part["text"]
            for block in whole["messages"][-1]["content"]
            for part in block.get("toolResult", {}).get("content", ())
        ]
        assert shortened(text)


async def test_a_responses_client_reads_its_own_settings_in_the_reply() -> None:
    """Also the tools that were not offered to the provider."""
    given = body(RESPONSES, FIX, [LOOKED], tools=(*CODING, *WEATHER), system=RULES)
    async with Theatre({"one": "anthropic"}) as theatre:
        always(theatre, "one", message())
        reply = await theatre.post("/v1/responses", given)
        assert names(await sent(theatre)) == list(CODING)
        echoed = json.loads(reply.body)
        assert [tool["name"] for tool in echoed["tools"]] == [*CODING, *WEATHER]
        assert echoed["instructions"] == RULES


async def test_turns_continued_by_id_get_marks_at_their_own_end() -> None:
    """What is kept of a conversation has no marks of earlier turns, and what is new says too
    little to choose tools by."""
    async with Theatre({"one": "anthropic"}) as theatre:
        always(theatre, "one", message())
        given = json.loads(body(RESPONSES, FIX, [LOOKED], tools=(*CODING, *WEATHER), system=RULES))
        for turn in range(3):
            reply = await theatre.post("/v1/responses", given)
            assert reply.status == 200
            whole = json.loads(await sent(theatre, turn))
            marked = paths_of(whole, "cache_control")
            count = len(whole["messages"])
            assert len(marked) == 3
            assert {path[1] for path in marked if path[0] == "messages"} == {count - 1, count - 3}
            assert shortened(*result_texts(await sent(theatre, turn), MESSAGES))
            earlier = json.loads(reply.body)["id"]
            more: Json = {"input": f"Go on {turn}", "previous_response_id": earlier}
            given = {**given, **more, "instructions": RULES}
        assert names(await sent(theatre, 0)) == list(CODING)
        assert names(await sent(theatre, 1)) == names(await sent(theatre, 2))
        assert names(await sent(theatre, 2)) == [*CODING, *WEATHER]


async def test_what_is_continued_by_id_is_marked_whatever_the_habit() -> None:
    """Calls with these instructions have all been single ones."""
    async with Theatre({"one": "anthropic"}) as theatre:
        always(theatre, "one", message())
        earlier = ""
        for number in range(OPENED_MIN + 1):
            given = body(RESPONSES, f"Title {number}", [], tools=CODING, system=RULES)
            earlier = json.loads((await theatre.post("/v1/responses", given)).body)["id"]
        assert b"cache_control" not in await sent(theatre, OPENED_MIN)
        more = body(RESPONSES, "Go on", [], tools=CODING, system=RULES,
                    previous_response_id=earlier)  # fmt: skip
        await theatre.post("/v1/responses", more)
        assert b"cache_control" in await sent(theatre, OPENED_MIN + 1)


async def test_calls_that_continue_by_id_are_no_first_ones() -> None:
    """Else a client of many short turns would look like one of single calls."""
    async with at(RESPONSES) as theatre:
        for turn in range(6):
            given = body(RESPONSES, f"Turn {turn}", [], tools=CODING, system=RULES,
                         previous_response_id=f"resp_{turn}")  # fmt: skip
            await theatre.post("/v1/responses", given)
        sessions = theatre.gateway.rules.standing.sessions
        assert all(not habit.opened for habit in sessions._habits.values())


# --- tools over the turns -------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
async def test_what_was_left_out_stays_out_until_it_is_called(dialect: int) -> None:
    tools = (*CODING, *WEATHER)
    edited = Turn("I edit.", (Did("Edit", {"path": "src/parser.py"}, "done"),))
    guessed = Turn("Rain?", (Did(WEATHER[0], {"path": "x"}, "no such tool"),))
    turns = [edited, edited, guessed, edited]
    async with at(dialect) as theatre:
        offered = []
        for count in range(len(turns) + 1):
            given = body(dialect, FIX, turns[:count], tools=tools, system=RULES)
            reply = await theatre.post(PATHS[dialect], given)
            offered.append(names(await sent(theatre, count)))
            assert (saved(reply) > 0) == (len(offered[-1]) < len(tools))
        assert offered[:3] == [list(CODING)] * 3
        assert all(WEATHER[0] in names_ for names_ in offered[3:])
        assert offered[3] == offered[4]


async def test_a_tool_that_must_be_called_stays() -> None:
    choice = {"type": "tool", "name": WEATHER[1]}
    tools = (*CODING, *WEATHER, "mcp__mail__send", "mcp__mail__list", "mcp__mail__read")
    given = body(MESSAGES, FIX, [], tools=tools, system=RULES, tool_choice=choice)
    async with at(MESSAGES) as theatre:
        await theatre.post("/v1/messages", given)
        made = await sent(theatre)
        assert WEATHER[1] in names(made)
        assert "mcp__mail__send" not in names(made)
        assert json.loads(made)["tool_choice"] == choice


# --- the next target ------------------------------------------------------------------------------


async def test_the_next_target_gets_a_body_made_for_it() -> None:
    tables: dict[str, str | Json] = {
        "one": "anthropic", "two": {"kind": "openai", "apis": ["chat"]},
    }  # fmt: skip
    routes = [RouteRule(model="m", targets=["one", "two:gpt-6"])]
    async with Theatre(tables, routes=routes) as theatre:
        always(theatre, "one", b"{}", status=529)
        always(theatre, "two", COMPLETION)
        whole = {**json.loads(asked(MESSAGES, system=RULES)), "max_tokens": 9}
        reply = await theatre.post("/v1/messages", whole)
        assert reply.status == 200
        first, second = await sent(theatre), await sent(theatre, 0, "two")
        assert len(paths_of(json.loads(first), "cache_control")) == 3
        assert "prompt_cache_key" not in json.loads(first)
        assert b"cache_control" not in second
        assert json.loads(second)["prompt_cache_key"]
        assert result_texts(first, MESSAGES) == result_texts(second, CHAT)
        record = await theatre.record()
        assert (record.provider, record.failed_over) == ("two", ["one"])
        assert record.saving.tokens > 100


async def test_a_target_that_cannot_take_the_call_leaves_no_trace() -> None:
    """The error, its headers and its record are the first one's."""
    tables: dict[str, str | Json] = {
        "one": "anthropic", "two": {"kind": "openai", "apis": ["chat"]},
    }  # fmt: skip
    routing = Routing(default="one", fallbacks=["two"])
    async with Theatre(tables, routing=routing) as theatre:
        always(theatre, "one", b'{"busy":1}', status=529)
        given = asked(
            MESSAGES, system=RULES, mcp_servers=[{"type": "url", "url": "x", "name": "x"}]
        )
        reply = await theatre.post("/v1/messages", given)
        assert (reply.status, reply.body) == (529, b'{"busy":1}')
        assert theatre["two"].requests == []
        assert (reply.header("x-lynkr-provider"), reply.header("x-lynkr-lane")) == ("one", "edit")
        record = await theatre.record()
        assert (record.provider, record.lane, record.failed_over) == ("one", "edit", [])
        always(theatre, "one", message())
        assert (await theatre.post("/v1/messages", given)).status == 200
        assert await sent(theatre, 0) == await sent(theatre, 1)


async def test_the_same_target_again_is_billed_for_what_it_was_sent() -> None:
    """Between its two tries stood one that could not take the call."""
    tables: dict[str, str | Json] = {"one": "anthropic", "two": "openai-compatible"}
    routing = Routing(default="one", fallbacks=["two"])
    failover = Failover(retries_max=1, breaker_failures=0)
    async with Theatre(tables, routing=routing, failover=failover) as theatre:
        now = [*replies.JSON, ("retry-after", "0")]
        theatre["one"].reply(replies.sized(b"{}", status=503, headers=now))
        theatre["one"].reply(replies.sized(message()))
        servers = [{"type": "url", "url": "https://x", "name": "x"}]
        given = asked(MESSAGES, system=RULES, mcp_servers=servers)
        assert (await theatre.post("/v1/messages", given)).status == 200
        assert await sent(theatre, 0) == await sent(theatre, 1)
        assert (await theatre.record()).saving.passes == ("results", "marks")


async def test_a_second_key_gets_the_same_body() -> None:
    table: Json = {"kind": "anthropic", "api_keys": ["sk-a", "sk-b"]}
    async with Theatre({"one": table}, tokens=Tokens()) as theatre:
        theatre["one"].reply(replies.sized(b"{}", status=429))
        theatre["one"].reply(replies.sized(message()))
        assert (await theatre.post("/v1/messages", asked(MESSAGES, system=RULES))).status == 200
        assert await sent(theatre, 0) == await sent(theatre, 1)
        assert not theatre.gateway.rules.standing.first_writes._writing
