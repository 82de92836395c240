"""The front door: what clients may send, and in what order and at what pace they are answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lynkr.config.settings import KIB, Limits
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.fixtures import load
from tests.harness.stage import Stage
from tests.harness.upstream import Send, Stall, Wait
from tests.harness.wire import settle

BODY = b'{"model":"claude-sonnet-4-5","messages":[]}'
HOT = request("/v1/messages", BODY)
COLD = request("/health/live", method="GET")
OK = replies.sized(b'{"ok":1}')
CHUNKED = [("Transfer-Encoding", "chunked")]


# --- order and reuse --------------------------------------------------------------------------


async def test_a_connection_serves_call_after_call() -> None:
    async with Stage() as stage, await stage.connect() as client:
        for number in range(5):
            stage.upstream.reply(replies.sized(b"%d" % number))
            client.send(HOT)
            assert (await client.read_reply()).body == b"%d" % number
        assert len(stage.upstream.connections) == 1


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    go = [asyncio.Event() for _ in range(3)]
    async with Stage() as stage, await stage.connect() as client:
        for number, event in enumerate(go):
            stage.upstream.script(Wait(event), Send(replies.sized(b"%d" % number)))
        client.send(HOT * 3)
        for number, event in enumerate(go):
            await stage.upstream.request(number)
            await settle(20)
            assert len(stage.upstream.requests) == number + 1
            event.set()
            assert (await client.read_reply()).body == b"%d" % number


async def test_hot_and_cold_requests_share_a_connection() -> None:
    order = [HOT, COLD, COLD, HOT, request("/", method="HEAD"), HOT, COLD]
    async with Stage() as stage, await stage.connect() as client:
        client.send(b"".join(order))
        for sent in order:
            reply = await client.read_reply(to_head=sent.startswith(b"HEAD"))
            assert reply.status == 200
            assert reply.clean_end
            assert (sent is HOT) == (reply.header("x-lynkr-lane") == "splice")
        assert len(stage.upstream.requests) == 3


async def test_more_pipelined_requests_than_the_limit_wait_in_the_socket() -> None:
    count = 200
    async with Stage(limits=Limits(pipeline_max=4)) as stage, await stage.connect() as client:
        first = b"".join(request("/v1/messages", b"%d" % number) for number in range(4))
        client.send(first)
        for number in range(4):
            assert (await client.read_reply()).status == 200
            assert (await stage.upstream.request(number)).body == b"%d" % number
        go = asyncio.Event()
        stage.upstream.script(Wait(go), Send(OK))
        client.send(HOT)
        await stage.upstream.request(4)
        for number in range(count):
            client.send(request("/v1/messages", b"%d" % number))
            await settle()
        go.set()
        await client.read_reply()
        for number in range(count):
            assert (await client.read_reply()).status == 200
            assert stage.upstream.requests[5 + number].body == b"%d" % number


async def test_requests_in_single_bytes_are_whole() -> None:
    async with Stage() as stage, await stage.connect() as client:
        for offset in range(len(HOT + COLD)):
            client.send((HOT + COLD)[offset : offset + 1])
            await settle(2)
        assert [(await client.read_reply()).status for _ in range(2)] == [200, 200]
        assert stage.upstream.requests[0].body == BODY


async def test_a_client_that_says_close_is_closed() -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/v1/messages", BODY, headers=[("Connection", "close")]) + HOT)
        reply = await client.read_reply()
        assert reply.header("connection") == "close"
        assert await client.ended()
        assert len(stage.upstream.requests) == 1


@pytest.mark.parametrize("sent", [HOT, COLD], ids=["hot", "cold"])
async def test_http_1_0_gets_a_reply_it_can_read(sent: bytes) -> None:
    old = sent.replace(b"HTTP/1.1", b"HTTP/1.0")
    async with Stage() as stage, await stage.connect() as client:
        body = load("messages/text_stream").reply
        stage.upstream.reply(replies.chunked(body))
        client.send(old)
        reply = await client.read_reply()
        assert not reply.head.chunked
        assert reply.clean_end
        assert await client.ended()
        if sent is HOT:
            assert reply.body == body


async def test_http_1_0_may_keep_a_connection_alive() -> None:
    headers = [("Connection", "keep-alive")]
    old = request("/v1/messages", BODY, headers=headers, version="1.0")
    async with Stage() as stage, await stage.connect() as client:
        for _ in range(2):
            client.send(old)
            reply = await client.read_reply()
            assert (reply.status, reply.header("connection")) == (200, "keep-alive")


async def test_a_unix_socket_is_a_front_door_too(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    async with (
        Stage(unix_socket=path) as stage,
        await RawClient.connect(unix_socket=str(path)) as client,
    ):
        client.send(HOT + COLD)
        assert [(await client.read_reply()).status for _ in range(2)] == [200, 200]
        assert (await stage.record()).client == "unix"
    assert not path.exists()


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/v1/messages", "/nowhere"])
async def test_expect_continue_is_granted_once_and_before_the_body(target: str) -> None:
    headers = [("Expect", "100-continue"), ("Content-Length", str(len(BODY)))]
    async with Stage() as stage, await stage.connect() as client:
        client.send(request(target, headers=headers))
        assert (await client.read_head()).start == "HTTP/1.1 100 Continue"
        client.send(BODY)
        reply = await client.read_reply()
        assert (reply.status, reply.interim) == (200 if target != "/nowhere" else 404, [])
        for seen in stage.upstream.requests:
            assert seen.head.values("expect") == []


async def test_expect_continue_is_not_granted_when_the_body_is_there_already() -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/v1/messages", BODY, headers=[("Expect", "100-continue")]))
        reply = await client.read_reply()
        assert (reply.status, reply.interim) == (200, [])


@pytest.mark.parametrize("pieces", [1, 3, 40])
async def test_chunked_request_bodies(pieces: int) -> None:
    cuts = range(0, len(BODY), max(1, len(BODY) // pieces))
    data = request("/v1/messages", headers=CHUNKED)
    data += b"".join(replies.chunk(piece) for piece in replies.split(BODY, cuts))
    async with Stage() as stage, await stage.connect() as client:
        client.send(data + replies.last_chunk() + HOT)
        assert [(await client.read_reply()).status for _ in range(2)] == [200, 200]
        assert [seen.body for seen in stage.upstream.requests] == [BODY, BODY]


# --- a slow client ----------------------------------------------------------------------------


async def test_a_slow_client_slows_its_provider_and_nobody_else() -> None:
    """What the gateway holds for it is bounded; the rest stays with the provider."""
    size_bytes = 64 * 1024 * 1024
    piece = b"a" * 64 * KIB
    async with (
        Stage(send_buffer_bytes=64 * KIB) as stage,
        await stage.connect(receive_buffer_bytes=64 * KIB) as slow,
    ):
        steps = [Send(piece)] * (size_bytes // len(piece))
        length = [("Content-Length", str(size_bytes))]
        stage.upstream.script(Send(replies.head(headers=length)), *steps, Stall())
        slow.pause()
        slow.send(HOT)
        wire = await stage.upstream.connection()
        await stage.upstream.request()
        written = -1
        while written != wire.written_total or not wire.write_blocked:
            written = wire.written_total
            await settle(50)
        assert written < size_bytes // 2
        async with await stage.connect() as quick:
            stage.upstream.reply(OK)
            quick.send(HOT)
            assert (await quick.read_reply()).status == 200
        assert wire.written_total == written
        slow.resume()
        reply = await slow.read_reply()
        assert (len(reply.body), reply.clean_end) == (size_bytes, True)
