"""Identical calls at the same time: one is sent, and nobody else's failure is anybody's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lynkr.config.settings import Cache
from tests.gateway.cached import (
    ANSWER,
    PATHS,
    ask,
    asks,
    at,
    cache_of,
    events,
    send,
    stream,
    text_of,
    until,
    whole,
)
from tests.harness import replies
from tests.harness.client import RawClient, Reply, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Close, Reset, Send, Wait

HEAD = replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])
EVENTS = events()
STREAMED = asks("messages", stream=True)


def chunks(pieces: list[bytes]) -> bytes:
    return b"".join(map(replies.chunk, pieces))


async def joined(theatre: Theatre, count: int) -> None:
    """Until so many calls wait for another one's reply."""
    flights = theatre.gateway.answers.flights
    await until(lambda: flights.joined_total >= count, f"{count} calls to join")


async def read(client: RawClient) -> Reply:
    async with client:
        return await client.read_reply()


async def rest(client: RawClient) -> Reply:
    """A reply whose head was read."""
    async with client:
        return await client.rest()


async def test_two_hundred_at_once_cost_one_call() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        clients = [await send(theatre, "messages", STREAMED) for _ in range(200)]
        await joined(theatre, 199)
        hold.set()
        found = await asyncio.gather(*map(read, clients))
        assert len(theatre["one"].requests) == 1
        assert {reply.body for reply in found} == {b"".join(EVENTS)}
        assert all(reply.clean_end and reply.status == 200 for reply in found)
        kinds = sorted(str(cache_of(reply)) for reply in found)
        assert kinds[0] == str(("hit", "flight")) and kinds[-1] == str(("miss", None))
        assert kinds.count(str(("hit", "flight"))) == 199
        await theatre.record(199)
        billed = [record for record in theatre.records if record.usage.output_tokens]
        assert len(billed) == 1 and len(theatre.gateway.answers.flights) == 0
        followed = [one.cache.usage for one in theatre.records if one.cache.kind == "flight"]
        assert {usage.output_tokens for usage in followed} == {7}  # what each did not cost


async def test_followers_read_while_the_leader_reads() -> None:
    """Also one that comes in the middle: it gets the beginning at once."""
    go = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Send(HEAD + chunks(EVENTS[:3])), Wait(go), Send(
            chunks(EVENTS[3:]) + replies.last_chunk()
        ))  # fmt: skip
        leader = await send(theatre, "messages", STREAMED)
        await leader.read_head()
        follower = await send(theatre, "messages", STREAMED)
        await follower.read_head()
        for event in EVENTS[:3]:
            assert await follower.read_event() == event
        go.set()
        assert (await rest(follower)).body == b"".join(EVENTS)
        assert (await rest(leader)).body == b"".join(EVENTS)


async def test_one_that_wants_it_whole_waits_for_the_end() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        follower = await send(theatre, "messages", asks("messages"))
        await joined(theatre, 1)
        hold.set()
        assert text_of(await read(leader)) == ANSWER
        reply = await read(follower)
        assert json.loads(reply.body)["content"][0]["text"] == ANSWER
        assert cache_of(reply) == ("hit", "exact") and len(theatre["one"].requests) == 1


async def test_one_that_waited_for_what_cannot_be_kept_is_sent() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream("cut", "max_tokens")))
        theatre["one"].script(Send(whole("messages")))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        follower = await send(theatre, "messages", asks("messages"))
        await joined(theatre, 1)
        hold.set()
        assert text_of(await read(leader)) == "cut"
        assert text_of(await read(follower)) == ANSWER


FAILURES: dict[str, tuple[Any, ...]] = {
    "error": (Send(replies.sized(b'{"type":"error"}', status=429)),),
    "reset": (Reset(),),
    "closed": (Close(),),
    "nonsense": (Send(replies.INVALID_STATUS_LINE), Close()),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_leader_that_fails_hands_over(failure: str) -> None:
    """The next is sent; those behind it read that one's reply."""
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), *FAILURES[failure])
        theatre["one"].script(Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        followers = [await send(theatre, "messages", STREAMED) for _ in range(5)]
        await joined(theatre, 5)
        hold.set()
        assert (await read(leader)).status in (429, 502)
        for reply in await asyncio.gather(*map(read, followers)):
            assert text_of(reply) == ANSWER and reply.clean_end
        assert len(theatre["one"].requests) == 2


async def test_after_two_failures_everybody_goes_alone() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(replies.sized(b"{}", status=500)))
        theatre["one"].otherwise = type(theatre["one"].otherwise)(
            (Send(replies.sized(b"{}", status=500)),)
        )
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        followers = [await send(theatre, "messages", STREAMED) for _ in range(6)]
        await joined(theatre, 6)
        hold.set()
        found = await asyncio.gather(*map(read, [leader, *followers]))
        assert {reply.status for reply in found} == {500}
        assert len(theatre["one"].requests) == 7
        assert len(theatre.gateway.answers.flights) == 0


async def test_a_leader_whose_client_leaves_before_the_reply_hands_over() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        theatre["one"].script(Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        follower = await send(theatre, "messages", STREAMED)
        await joined(theatre, 1)
        async with leader:
            pass
        assert text_of(await read(follower)) == ANSWER
        hold.set()


async def test_a_leader_whose_client_leaves_in_the_middle_passes_its_connection_on() -> None:
    """The provider is not asked again, and whoever reads along notices nothing."""
    go = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Send(HEAD + chunks(EVENTS[:3])), Wait(go), Send(
            chunks(EVENTS[3:]) + replies.last_chunk()
        ))  # fmt: skip
        leader = await send(theatre, "messages", STREAMED)
        await leader.read_head()
        followers = [await send(theatre, "messages", STREAMED) for _ in range(3)]
        for follower in followers:
            await follower.read_head()
        async with leader:
            pass
        record = await theatre.record(0)
        assert record.ended_by == "client" and record.usage.output_tokens is None
        go.set()
        for reply in await asyncio.gather(*map(rest, followers)):
            assert reply.body == b"".join(EVENTS) and reply.clean_end
        assert len(theatre["one"].requests) == 1
        await theatre.record(3)
        assert sum(bool(record.usage.output_tokens) for record in theatre.records) == 1
        assert cache_of(await ask(theatre, "messages", STREAMED)) == ("hit", "exact")
        assert theatre.gateway._gauges.open_streams == 0 and theatre.gateway._gauges.in_flight == 0


async def test_a_follower_that_leaves_is_forgotten() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        follower = await send(theatre, "messages", STREAMED)
        await joined(theatre, 1)
        async with follower:
            pass
        assert (await theatre.record(0)).ended_by == "client"
        hold.set()
        assert text_of(await read(leader)) == ANSWER


async def test_a_reply_that_breaks_off_breaks_off_for_all_and_is_not_kept() -> None:
    go = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Send(HEAD + chunks(EVENTS[:3])), Wait(go), Reset())
        theatre["one"].script(Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await leader.read_head()
        follower = await send(theatre, "messages", STREAMED)
        await follower.read_head()
        go.set()
        for client in (leader, follower):
            reply = await rest(client)
            assert not reply.clean_end and b"event: error" in reply.body
        assert cache_of(await ask(theatre, "messages", STREAMED)) == ("miss", None)


async def test_a_follower_that_does_not_read_holds_up_nobody() -> None:
    """It has its own place, and gets the whole reply when it reads again."""
    long = [events("x" * 60_000)[3]] * 30
    pieces = [*EVENTS[:2], *long, *EVENTS[4:]]
    go = asyncio.Event()
    cache = Cache(reply_bytes_max=4_000_000)
    async with at(cache=cache) as theatre:
        theatre["one"].script(Wait(go), Send(
            HEAD + chunks(pieces) + replies.last_chunk()
        ))  # fmt: skip
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        slow = await RawClient.connect(theatre.gateway.port, receive_buffer_bytes=4096)

        slow.send(request("/v1/messages", STREAMED))
        slow.pause()
        await joined(theatre, 1)
        go.set()
        assert (await read(leader)).body == b"".join(pieces)
        slow.resume()
        assert (await read(slow)).body == b"".join(pieces)


async def test_translated_replies_are_shared_too() -> None:
    """Streamed ones as they arrive, whole ones when they are there."""
    for streamed in (True, False):
        hold = asyncio.Event()
        async with at({"kind": "openai", "apis": ["chat"]}) as theatre:
            body = asks("messages", stream=streamed)
            data = {
                "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}],
            }  # fmt: skip
            there = replies.chunked(f"data: {json.dumps(data)}\n\ndata: [DONE]\n\n".encode())
            theatre["one"].script(Wait(hold), Send(there if streamed else whole("chat")))
            leader = await send(theatre, "messages", body)
            await theatre["one"].request(0)
            followers = [await send(theatre, "messages", body) for _ in range(3)]
            await joined(theatre, 3)
            hold.set()
            for reply in await asyncio.gather(*map(read, [leader, *followers])):
                assert text_of(reply) == ANSWER and reply.clean_end
            assert len(theatre["one"].requests) == 1
            assert cache_of(await ask(theatre, "messages", body)) == ("hit", "exact")


async def test_different_requests_do_not_wait_for_each_other() -> None:
    hold = asyncio.Event()
    async with at() as theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        theatre["one"].script(Send(whole("messages", "Other.")))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        other = await ask(theatre, "messages", asks("messages", "Explain QUIC"))
        assert text_of(other) == "Other."
        hold.set()
        assert text_of(await read(leader)) == ANSWER


async def test_a_gateway_that_stops_ends_followers_and_sends_none() -> None:
    hold = asyncio.Event()
    theatre = at()
    async with theatre:
        theatre["one"].script(Wait(hold), Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        follower = await send(theatre, "messages", STREAMED)
        await joined(theatre, 1)
        await theatre.gateway.stop(drain_s=0)
        assert {(await read(leader)).status, (await read(follower)).status} == {503}
        assert len(theatre["one"].requests) == 1
        hold.set()


async def test_one_that_comes_when_the_beginning_is_gone_is_sent() -> None:
    """Of a reply too large to be kept nothing is held that nobody has yet to read."""
    go = asyncio.Event()
    async with at(cache=Cache(reply_bytes_max=10)) as theatre:
        theatre["one"].script(
            Send(HEAD + chunks(EVENTS[:3])),
            Wait(go),
            Send(chunks(EVENTS[3:]) + replies.last_chunk()),
        )
        theatre["one"].script(Send(stream()))
        leader = await send(theatre, "messages", STREAMED)
        await leader.read_head()
        for event in EVENTS[:3]:
            assert await leader.read_event() == event
        assert (await ask(theatre, "messages", STREAMED)).body == b"".join(EVENTS)
        go.set()
        assert (await rest(leader)).body == b"".join(EVENTS)
        assert len(theatre["one"].requests) == 2


async def test_one_that_waits_in_vain_is_sent_as_soon_as_that_is_known() -> None:
    begin, go = asyncio.Event(), asyncio.Event()
    async with at(cache=Cache(reply_bytes_max=10)) as theatre:
        theatre["one"].script(
            Wait(begin),
            Send(HEAD + chunks(EVENTS[:3])),
            Wait(go),
            Send(chunks(EVENTS[3:]) + replies.last_chunk()),
        )
        theatre["one"].script(Send(whole("messages")))
        leader = await send(theatre, "messages", STREAMED)
        await theatre["one"].request(0)
        other = await send(theatre, "messages", asks("messages"))
        await joined(theatre, 1)
        begin.set()
        assert text_of(await read(other)) == ANSWER  # the leader's reply has not ended
        go.set()
        assert text_of(await read(leader)) == ANSWER


async def test_a_connection_that_was_passed_on_is_kept() -> None:
    """A reply with a length has an end, whoever reads it: the follower's connection goes on."""
    go = asyncio.Event()
    data = whole("messages")
    cut = data.index(b"\r\n\r\n") + 20
    async with at() as theatre:
        theatre["one"].script(Send(data[:cut]), Wait(go), Send(data[cut:]))
        leader = await send(theatre, "messages", asks("messages"))
        await leader.read_head()
        follower = await send(theatre, "messages", asks("messages"))
        await follower.read_head()
        async with leader:
            pass
        assert (await theatre.record(0)).ended_by == "client"
        go.set()
        async with follower:
            reply = await follower.rest()
            assert text_of(reply) == ANSWER and reply.clean_end
            follower.send(request(PATHS["messages"], asks("messages")))
            assert text_of(await follower.read_reply()) == ANSWER
