"""Calls that begin together with one new prompt: one is sent, the others when its reply begins."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lynkr._native.spans import MESSAGES
from lynkr.config.settings import Failover, Routing, Tokens, Upstream
from lynkr.gateway import shaping
from tests.gateway.test_shaping import CODING, RULES, WEATHER, at, message, names
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Send, Wait
from tests.harness.wire import deadline
from tests.transforms.made import body

ATTRIBUTION = "x-anthropic-billing-header: cc_version=2.1.197.{}; cc_entrypoint=cli;"
ENDLESS = Tokens(first_write_wait_s=3600)  # no test waits for it
HEAD = replies.sized(message())[:-40]
REST = replies.sized(message())[-40:]


def first(ask: str, **more: Any) -> bytes:
    """The first request of a conversation of its own."""
    return body(MESSAGES, ask, [], **{"tools": CODING, "system": RULES, **more})


def writes(theatre: Theatre) -> tuple[int, int, int]:
    """How many prefixes are being written, and how many calls wait; how often one had to."""
    found = theatre.gateway.rules.standing.first_writes
    return len(found._writing), sum(map(len, found._waiting.values())), found.waits_total


async def waiting(theatre: Theatre, count: int) -> None:
    """Until so many calls have had to wait."""

    async def enough() -> None:
        while writes(theatre)[2] < count:  # nobody tells of it
            await asyncio.sleep(0)

    await deadline(enough(), f"{count} calls to wait")


async def ask(theatre: Theatre, given: bytes, *headers: tuple[str, str]) -> RawClient:
    client = await theatre.connect()
    client.send(request("/v1/messages", given, headers=list(headers)))
    return client


async def status(client: RawClient) -> int:
    async with client:
        return (await client.read_reply()).status


async def test_the_second_is_sent_when_the_reply_to_the_first_has_begun() -> None:
    """And not only when it has ended. Both arrive whole; a third then finds it warm."""
    begin, end = asyncio.Event(), asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(begin), Send(HEAD), Wait(end), Send(REST))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        follower = await ask(theatre, first("Read the printer"))
        await waiting(theatre, 1)
        assert len(theatre["one"].requests) == 1
        begin.set()
        assert b"printer" in (await theatre["one"].request(1)).body
        assert await status(follower) == 200
        end.set()
        assert await status(leader) == 200
        assert (await theatre.record(1)).attempts == 1
        assert writes(theatre) == (0, 0, 1)
        assert await status(await ask(theatre, first("Read the lexer"))) == 200
        assert writes(theatre) == (0, 0, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"system": "Other " + RULES},
        {"tools": ("Read", "Edit", "Bash")},
        {"model": "another"},
        {"system": "short", "tools": ()},
    ],
    ids=repr,
)
async def test_other_prompts_and_models_do_not_wait(other: dict[str, Any]) -> None:
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        assert await status(await ask(theatre, first("Read the printer", **other))) == 200
        hold.set()
        assert await status(leader) == 200
        assert writes(theatre) == (0, 0, 0)


async def test_prompts_that_nobody_keeps_are_not_waited_for() -> None:
    """They are the same, but shorter than what a provider keeps."""
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser", system="Short."))
        await theatre["one"].request(0)
        follower = first("Read the printer", system="Short.")
        assert await status(await ask(theatre, follower)) == 200
        hold.set()
        assert await status(leader) == 200


async def test_later_turns_do_not_wait() -> None:
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        later = json.loads(first("Read the printer"))
        later["messages"] += [
            {"role": "assistant", "content": "Done."}, {"role": "user", "content": "More"},
        ]  # fmt: skip
        assert await status(await ask(theatre, json.dumps(later).encode())) == 200
        hold.set()
        assert await status(leader) == 200


async def test_claude_codes_attribution_is_no_other_prompt() -> None:
    """It differs from thread to thread, and the provider takes it off before it looks."""
    hold = asyncio.Event()

    def of(thread: str) -> list[dict[str, str]]:
        texts = (ATTRIBUTION.format(thread), RULES)
        return [{"type": "text", "text": text} for text in texts]

    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser", system=of("1ab")))
        await theatre["one"].request(0)
        follower = await ask(theatre, first("Read the printer", system=of("2cd")))
        await waiting(theatre, 1)
        hold.set()
        assert [await status(leader), await status(follower)] == [200, 200]


async def test_calls_that_need_other_tools_have_another_prompt() -> None:
    hold = asyncio.Event()
    tools = (*CODING, *WEATHER)
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Fix the parser in src/parser.py", tools=tools))
        await theatre["one"].request(0)
        rain = first("Will it rain? Use the weather forecast", tools=tools)
        assert await status(await ask(theatre, rain)) == 200
        offered = [names(seen.body) for seen in theatre["one"].requests]
        assert offered[0] != offered[1]
        hold.set()
        assert await status(leader) == 200


@pytest.mark.parametrize("code", [500, 400])
async def test_when_the_first_fails_the_next_one_writes(code: int) -> None:
    hold, again = asyncio.Event(), asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS, failover=Failover(breaker_failures=0)) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(b"{}", status=code)))
        theatre["one"].script(Wait(again), Send(replies.sized(message())))
        clients = [await ask(theatre, first("Read the parser"))]
        await theatre["one"].request(0)
        for number, name in enumerate(("printer", "lexer"), 1):
            clients.append(await ask(theatre, first(f"Read the {name}")))
            await waiting(theatre, number)
        hold.set()
        assert b"printer" in (await theatre["one"].request(1)).body
        assert len(theatre["one"].requests) == 2
        again.set()
        assert [await status(client) for client in clients] == [code, 200, 200]
        await theatre.record(2)
        assert writes(theatre) == (0, 0, 2)


async def test_the_first_going_to_another_target_lets_the_others_try() -> None:
    """The breaker of the first target knows what to do with them."""
    hold = asyncio.Event()
    tables: dict[str, Any] = {"one": "anthropic", "two": "anthropic"}
    routing = Routing(default="one", fallbacks=["two"])
    async with Theatre(tables, routing=routing, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(b"{}", status=529)))
        theatre["one"].reply(replies.sized(message()))
        theatre["two"].reply(replies.sized(message()))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        follower = await ask(theatre, first("Read the printer"))
        await waiting(theatre, 1)
        hold.set()
        assert [await status(leader), await status(follower)] == [200, 200]
        await theatre.record(1)
        assert [len(theatre[name].requests) for name in tables] == [2, 1]
        assert writes(theatre) == (0, 0, 1)


async def test_a_client_that_leaves_while_it_waits_is_forgotten() -> None:
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        async with await ask(theatre, first("Read the printer")):
            await waiting(theatre, 1)
        record = await theatre.record(0)
        assert (record.ended_by, record.attempts, record.status) == ("client", 0, 0)
        hold.set()
        assert await status(leader) == 200
        await theatre.record(1)
        assert len(theatre["one"].requests) == 1
        assert writes(theatre) == (0, 0, 1)


async def test_a_first_one_whose_client_leaves_hands_on() -> None:
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        theatre["one"].script(Wait(asyncio.Event()))
        async with await ask(theatre, first("Read the parser")):
            await theatre["one"].request(0)
            follower = await ask(theatre, first("Read the printer"))
            await waiting(theatre, 1)
        assert await status(follower) == 200
        await theatre.record(1)
        assert writes(theatre) == (0, 0, 1)


async def test_nobody_waits_longer_than_is_configured() -> None:
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=Tokens(first_write_wait_s=0.01)) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        assert await status(await ask(theatre, first("Read the printer"))) == 200
        assert (await theatre.record(0)).attempts == 1
        # Its reply has begun as well as the first one's would have.
        assert await status(await ask(theatre, first("Read the lexer"))) == 200
        assert writes(theatre)[2] == 1
        hold.set()
        assert await status(leader) == 200
        await theatre.record(2)
        assert writes(theatre)[:2] == (0, 0)


async def test_zero_means_never() -> None:
    hold = asyncio.Event()
    async with at(MESSAGES, tokens=Tokens(first_write_wait_s=0)) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(message())))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        assert await status(await ask(theatre, first("Read the printer"))) == 200
        hold.set()
        assert await status(leader) == 200
        await theatre.record(1)
        assert writes(theatre) == (0, 0, 0)


async def test_a_gateway_that_stops_ends_those_who_wait() -> None:
    """And sends none of them, though connections are open."""
    async with at(MESSAGES, tokens=ENDLESS) as theatre:
        opening = asyncio.Event()
        for _ in range(4):
            theatre["one"].script(Wait(opening), Send(replies.sized(message())))
        others = [await ask(theatre, body(MESSAGES, "Hi", [])) for _ in range(4)]
        await theatre["one"].request(3)
        opening.set()
        assert [await status(client) for client in others] == [200] * 4
        theatre["one"].script(Wait(asyncio.Event()))
        clients = [await ask(theatre, first("Read the parser"))]
        await theatre["one"].request(4)
        for number in range(1, 4):
            clients.append(await ask(theatre, first(f"Read part {number}")))
            await waiting(theatre, number)
        await theatre.gateway.stop(drain_s=0)
        assert [await status(client) for client in clients] == [503] * 4
        assert writes(theatre)[:2] == (0, 0)
        assert len(theatre["one"].requests) == 5
        assert sorted(record.attempts for record in theatre.records[4:]) == [0, 0, 0, 1]


async def test_one_whose_turn_comes_finds_the_connection_of_the_one_before() -> None:
    """There is only that one, and nobody may queue."""
    hold = asyncio.Event()
    upstream = Upstream(connections_max=1, queue_max=0)
    async with at(MESSAGES, tokens=ENDLESS, upstream=upstream) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(b"{}", status=500)))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        follower = await ask(theatre, first("Read the printer"))
        await waiting(theatre, 1)
        hold.set()
        assert await status(leader) == 500
        assert await status(follower) == 200  # on the connection of the first
        await theatre.record(1)
        assert writes(theatre) == (0, 0, 1)


async def test_one_that_can_not_be_sent_after_its_wait_is_forgotten() -> None:
    """All connections are busy, and nobody may queue. It must not be the one that all wait for."""
    hold = asyncio.Event()
    tokens = Tokens(first_write_wait_s=0.01)
    upstream = Upstream(connections_max=1, queue_max=0)
    async with at(MESSAGES, tokens=tokens, upstream=upstream) as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(b"{}", status=500)))
        leader = await ask(theatre, first("Read the parser"))
        await theatre["one"].request(0)
        assert await status(await ask(theatre, first("Read the printer"))) == 503
        hold.set()
        assert await status(leader) == 500
        await theatre.record(1)
        assert writes(theatre) == (0, 0, 1)


async def test_what_is_only_remembered_can_not_fail_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> list[Any]:
        raise ValueError

    monkeypatch.setattr(shaping, "pieces_of", broken)
    async with at(MESSAGES) as theatre:
        assert await status(await ask(theatre, first("Read the parser"))) == 200
        assert theatre.gateway.rules.standing.calls == 1
