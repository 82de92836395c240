"""Upstream connections are used again when that is safe, and a call is sent twice only then.

The one second try is for a pooled connection that turns out to be closed before a byte came back:
any other could bill a request twice.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.harness import replies
from tests.harness.client import request
from tests.harness.fixtures import load
from tests.harness.stage import Stage, expected, learned
from tests.harness.upstream import Close, HalfClose, Reset, Send, Stall, Step, Wait, sends
from tests.harness.wire import settle

MESSAGES = load("messages/text_stream")
OK = replies.sized(b'{"ok":1}')

# --- the pool ---------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", [b"x", OK, b"HTTP/1.1 408 Timeout\r\n\r\n"])
@pytest.mark.parametrize("together", [True, False])
async def test_bytes_after_a_reply_are_nobodys(garbage: bytes, together: bool) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(*([Send(OK + garbage)] if together else sends(OK, garbage)))
        client.send(MESSAGES.call)
        reply = await client.read_reply()
        assert (reply.body, reply.clean_end) == (b'{"ok":1}', True)
        await settle(20)
        stage.upstream.reply(OK)
        client.send(MESSAGES.call)
        assert (await client.read_reply()).body == b'{"ok":1}'
        assert stage.upstream.requests[1].connection == 1
        assert (await stage.record(1)).attempts == 1


@pytest.mark.parametrize("step", [Close(), Reset()], ids=["close", "reset"])
async def test_a_pooled_connection_that_went_stale_is_tried_once_more(step: Step) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(OK)
        client.send(MESSAGES.call)
        await client.read_reply()
        stage.upstream.script(step)
        stage.upstream.reply(MESSAGES.natural_reply())
        client.send(MESSAGES.call)
        reply = await client.read_reply()
        assert (reply.body, reply.clean_end) == (MESSAGES.reply, True)
        record = await stage.record(1)
        assert (record.attempts, record.connection_reused) == (2, False)
        assert [seen.connection for seen in stage.upstream.requests] == [0, 0, 1]
        assert stage.upstream.requests[1].body == stage.upstream.requests[2].body


async def test_the_second_try_is_the_last() -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(OK)
        client.send(MESSAGES.call)
        await client.read_reply()
        stage.upstream.script(Close())
        stage.upstream.script(Close())
        client.send(MESSAGES.call)
        reply = await client.read_reply()
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_closed")
        assert (await stage.record(1)).attempts == 2
        assert len(stage.upstream.requests) == 3


@pytest.mark.parametrize("step", [Close(), Reset()], ids=["close", "reset"])
async def test_a_fresh_connection_is_never_tried_again(step: Step) -> None:
    async with Stage() as stage:
        stage.upstream.script(step)
        reply, record = await stage.call(MESSAGES)
        assert (reply.status, record.attempts) == (502, 1)
        assert len(stage.upstream.requests) == 1


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 200 OK\r\n", replies.interim(100)])
async def test_a_call_that_got_bytes_is_never_tried_again(start: bytes) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(OK)
        client.send(MESSAGES.call)
        await client.read_reply()
        stage.upstream.script(*sends(start), Close())
        client.send(MESSAGES.call)
        reply = await client.read_reply()
        assert (reply.status, (await stage.record(1)).attempts) == (502, 1)
        assert len(stage.upstream.requests) == 2


@pytest.mark.parametrize("step", [Close(), Reset(), HalfClose()], ids=["close", "reset", "half"])
async def test_a_connection_closed_while_idle_is_not_used(step: Step) -> None:
    go = asyncio.Event()
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Send(OK), Wait(go), step)
        client.send(MESSAGES.call)
        await client.read_reply()
        go.set()
        await stage.upstream.ended()
        client.send(MESSAGES.call)
        assert (await client.read_reply()).status == 200
        assert (await stage.record(1)).attempts == 1
        assert [seen.connection for seen in stage.upstream.requests] == [0, 1]


async def test_a_provider_that_says_close_is_not_used_again() -> None:
    async with Stage() as stage, await stage.connect() as client:
        for number in range(2):
            stage.upstream.reply(replies.sized(b"{}", headers=[("Connection", "close")]))
            client.send(MESSAGES.call)
            assert (await client.read_reply()).clean_end
            assert stage.upstream.requests[-1].connection == number


async def test_connections_are_used_again_newest_first() -> None:
    async with Stage() as stage:
        go = asyncio.Event()
        clients = [await stage.connect() for _ in range(3)]
        for number, client in enumerate(clients):
            stage.upstream.script(Wait(go), Send(OK))
            client.send(MESSAGES.call)
            await stage.upstream.request(number)
        go.set()
        for client in clients:
            assert (await client.read_reply()).clean_end
        clients[0].send(MESSAGES.call)
        await clients[0].read_reply()
        assert len(stage.upstream.connections) == 3
        assert (await stage.record(3)).connection_reused
        for client in clients:
            client.close()


# --- unusual, but right -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [100, 102, 103, 199])
async def test_interim_replies_are_skipped(status: int) -> None:
    hints = replies.interim(status, [("Link", "</a>")])
    async with Stage() as stage:
        for pieces in ([hints + hints + MESSAGES.natural_reply()], [hints, OK]):
            stage.upstream.reply(*pieces)
            reply, _ = await stage.call(MESSAGES)
            assert (reply.status, reply.interim, reply.clean_end) == (200, [], True)
            assert reply.header("link") is None
        assert len(stage.upstream.connections) == 1


async def test_a_reply_delimited_by_its_end_is_whole() -> None:
    async with Stage() as stage, await stage.connect() as client:
        for number in range(2):
            stage.upstream.script(*sends(replies.close_delimited(MESSAGES.reply)), Close())
            client.send(MESSAGES.call)
            reply = await client.read_reply()
            assert (reply.body, reply.clean_end) == (MESSAGES.reply, True)
            assert learned(await stage.record(number)) == expected(MESSAGES)


async def test_a_provider_may_answer_before_it_has_read_the_request() -> None:
    body = b"a" * (8 * 1024 * 1024)
    refusal = b'{"type":"error","error":{"type":"request_too_large","message":"no"}}'
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Send(replies.sized(refusal, status=413)), Stall(), early=True)
        client.send(request("/v1/messages", body))
        reply = await client.read_reply()
        assert (reply.status, reply.body) == (413, refusal)
        client.send(MESSAGES.call)
        assert (await client.read_reply()).status == 200
        assert stage.upstream.requests[1].connection == 1


async def test_trailers_and_chunk_extensions_end_at_the_gateway() -> None:
    async with Stage() as stage:
        stage.upstream.reply(
            replies.chunked(MESSAGES.reply, trailers=[("X-Sum", "1")], extension=";sig=abc")
        )
        reply, record = await stage.call(MESSAGES)
        assert (reply.body, reply.clean_end) == (MESSAGES.reply, True)
        assert reply.header("x-sum") is None
        assert learned(record) == expected(MESSAGES)
