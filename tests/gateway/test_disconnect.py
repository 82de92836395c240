"""A client that leaves: its provider is hung up on at once, and the usage so far is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lynkr.config.settings import Upstream
from tests.harness import reader, replies
from tests.harness.adversity import unanswering_port
from tests.harness.client import RawClient, request
from tests.harness.fixtures import FAMILIES, Fixture, load
from tests.harness.stage import Stage, learned
from tests.harness.upstream import Send, Stall, Wait, sends
from tests.harness.wire import deadline, settle

Leave = Callable[[RawClient], None]

LEAVES = pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset, RawClient.half_close])
TEXT = [load(f"{family}/text_stream") for family in FAMILIES]
EVENTS = [(fixture, count) for fixture in TEXT for count in range(len(fixture.frames))]


@pytest.mark.parametrize(
    ("fixture", "count"), EVENTS, ids=[f"{fixture}-{count}" for fixture, count in EVENTS]
)
@LEAVES
async def test_leaving_after_an_event(fixture: Fixture, count: int, leave: Leave) -> None:
    frames = fixture.frames[:count]
    async with Stage() as stage, await stage.connect() as client:
        steps = sends(fixture.stream_head, *map(replies.chunk, frames))
        stage.upstream.script(*steps, Stall())
        client.send(fixture.call)
        await client.read_head()
        assert [await client.read_event() for _ in frames] == frames
        leave(client)
        await stage.upstream.ended()
        record = await stage.record()
        seen = b"".join(frames)
        assert record.ended_by == "client"
        assert learned(record) == reader.read(fixture.family, seen, stream=True)
        assert (record.status, record.reply_bytes) == (200, len(seen))
        assert (record.error, record.error_source) == ("", "")


@LEAVES
@pytest.mark.parametrize("fixture", TEXT, ids=repr)
async def test_leaving_in_the_middle_of_a_frame(fixture: Fixture, leave: Leave) -> None:
    part = b"".join(fixture.frames[:-1]) + fixture.frames[-1][:8]
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Send(fixture.stream_head + replies.chunk(part)), Stall())
        client.send(fixture.call)
        await client.read_head()
        got = b""
        while len(got) < len(part):
            got += await client.read_piece()
        leave(client)
        await stage.upstream.ended()
        record = await stage.record()
        assert record.ended_by == "client"
        assert learned(record) == reader.read(fixture.family, part, stream=True)


@LEAVES
async def test_leaving_before_the_reply_begins(leave: Leave) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Stall())
        client.send(TEXT[0].call)
        await stage.upstream.request()
        leave(client)
        await stage.upstream.ended()
        record = await stage.record()
        assert (record.ended_by, record.status, record.attempts) == ("client", 0, 1)
        assert record.first_byte_ms is None
        assert learned(record) == ("", "", {})


@LEAVES
async def test_leaving_after_part_of_the_head(leave: Leave) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(*sends(b"HTTP/1.1 200 OK\r\nContent-"), Stall())
        client.send(TEXT[0].call)
        await stage.upstream.request()
        await settle()
        leave(client)
        await stage.upstream.ended()
        record = await stage.record()
        assert (record.ended_by, record.status) == ("client", 0)


@LEAVES
async def test_leaving_while_the_gateway_connects(leave: Leave) -> None:
    with unanswering_port() as port:
        slow = Upstream(connect_timeout_s=30)
        async with (
            Stage(base_url=f"http://127.0.0.1:{port}", upstream=slow) as stage,
            await stage.connect() as client,
        ):
            client.send(TEXT[0].call)
            await settle(20)
            leave(client)
            record = await stage.record()
            assert (record.ended_by, record.status, record.attempts) == ("client", 0, 0)
            assert record.upstream_write_ms is None


@LEAVES
async def test_leaving_inside_the_request_reaches_no_provider(leave: Leave) -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/v1/messages", b"{}", headers=[("Content-Length", "100")]))
        await settle()
        leave(client)
        await client.ended()
        async with await stage.connect() as another:
            another.send(TEXT[0].call)
            await another.read_reply()
        assert len(stage.upstream.requests) == 1


@LEAVES
async def test_leaving_with_requests_in_the_pipeline_sends_none_of_them(leave: Leave) -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Stall())
        for _ in range(3):
            client.send(TEXT[0].call)
        await stage.upstream.request()
        leave(client)
        await stage.upstream.ended()
        assert (await stage.record()).ended_by == "client"
        await settle(20)
        assert len(stage.upstream.requests) == 1


@LEAVES
async def test_leaving_while_the_request_is_written(leave: Leave) -> None:
    async with Stage() as stage, await stage.connect() as client:
        size_bytes = (
            32 * 1024 * 1024
        )  # more than the kernel takes for a provider that does not read
        stage.upstream.script(Stall(), early=True)
        client.send(request("/v1/messages", b"a" * size_bytes))
        await stage.upstream.head()
        await client.flush()
        leave(client)
        record = await stage.record()
        assert (record.ended_by, record.attempts) == ("client", 1)
        wire = await stage.upstream.connection()
        wire.resume()
        while await deadline(wire.take(), "the end of the request"):
            pass
        assert wire.received_total < size_bytes


@LEAVES
async def test_leaving_while_the_client_is_behind(leave: Leave) -> None:
    """The provider's socket is not being read then; it must be hung up on all the same."""
    async with (
        Stage(send_buffer_bytes=8192) as stage,
        await stage.connect(receive_buffer_bytes=8192) as client,
    ):
        head = TEXT[0].stream_head
        stage.upstream.script(Send(head + replies.chunk(b": x\n" * 4 * 1024 * 1024)), Stall())
        client.pause()
        client.send(TEXT[0].call)
        wire = await stage.upstream.connection()
        await stage.upstream.request()
        while not wire.write_blocked:
            await asyncio.sleep(0)
        leave(client)
        if leave is RawClient.half_close:
            client.resume()
        await stage.upstream.ended()
        assert (await stage.record()).ended_by == "client"


async def test_one_client_leaves_and_the_others_go_on() -> None:
    fixture = TEXT[0]
    go = asyncio.Event()
    async with Stage() as stage:
        clients = [await stage.connect() for _ in range(8)]
        start, end = replies.split(fixture.chunked_reply(), [900])
        for number, client in enumerate(clients):
            stage.upstream.script(Send(start), Wait(go), Send(end))
            client.send(fixture.call)
            await stage.upstream.request(number)
            await client.read_head()
        for client in clients[::2]:
            client.reset()
        for number in range(0, 8, 2):
            await stage.upstream.ended(number)
        go.set()
        for client in clients[1::2]:
            reply = await client.rest()
            assert (reply.body, reply.clean_end) == (fixture.reply, True)
            client.close()
        for number in range(8):
            await stage.record(number)
        ends = sorted(record.ended_by for record in stage.records)
        assert ends == ["client"] * 4 + ["complete"] * 4


async def test_a_client_that_leaves_after_the_end_was_served() -> None:
    fixture = TEXT[0]
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(fixture.natural_reply())
        client.send(fixture.call)
        await client.read_reply()
        client.reset()
        assert (await stage.record()).ended_by == "complete"
        await settle(20)
        assert len(stage.records) == 1
