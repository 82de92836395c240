"""A worker's life: reload and drain with calls under way, and room for so many connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest

from lynkr.config.settings import Limits, Provider
from lynkr.errors import ConfigError
from tests.harness.client import RawClient
from tests.harness.fixtures import Fixture, load
from tests.harness.stage import Stage
from tests.harness.upstream import ScriptedUpstream, Send, Wait
from tests.harness.wire import deadline

STREAM: Fixture = load("messages/text_stream")


@dataclass
class Open:
    """A stream of which the client has seen the first event."""

    client: RawClient
    go_on: asyncio.Event


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Open]:
    go_on = asyncio.Event()
    first, *others = STREAM.frames
    stage.upstream.script(
        Send(STREAM.stream_head + framed(first)),
        Wait(go_on),
        Send(b"".join(framed(frame) for frame in others) + b"0\r\n\r\n"),
    )
    client = await stage.connect()
    client.send(STREAM.call)
    await client.read_head()
    assert await client.read_event() == first
    try:
        yield Open(client, go_on)
    finally:
        client.close()


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_reload_lets_streams_finish_where_they_began() -> None:
    """A call keeps the configuration it began with; the next one gets the new."""
    async with Stage() as stage, ScriptedUpstream() as other, opened(stage) as under_way:
        providers = {"new": Provider(kind="anthropic", base_url=other.base_url, api_key="sk-new")}
        settings = msgspec.structs.replace(stage.gateway.settings, providers=providers)
        assert stage.gateway.reload(settings, {}) == []

        other.reply(STREAM.natural_reply())
        _, record = await stage.call(STREAM)
        assert record.provider == "new"
        assert (await other.request()).complete

        under_way.go_on.set()
        rest = await under_way.client.rest()
        assert rest.clean_end
        assert {record.provider for record in stage.records} == {"first", "new"}
        assert {record.ended_by for record in stage.records} == {"complete"}


async def test_a_broken_configuration_changes_nothing() -> None:
    async with Stage() as stage:
        providers = {"new": Provider(kind="antropic")}
        settings = msgspec.structs.replace(stage.gateway.settings, providers=providers)
        with pytest.raises(ConfigError, match="unknown kind"):
            stage.gateway.reload(settings, {})
        stage.upstream.reply(STREAM.natural_reply())
        _, record = await stage.call(STREAM)
        assert (record.provider, record.status) == ("first", 200)


async def test_what_needs_a_restart_is_said() -> None:
    async with Stage() as stage:
        server = msgspec.structs.replace(stage.gateway.settings.server, host="127.0.0.2")
        settings = msgspec.structs.replace(stage.gateway.settings, server=server)
        (notice,) = stage.gateway.reload(settings, {})
        assert "server.host" in notice
        assert "restart" in notice


async def test_a_drain_waits_for_streams_and_takes_no_others() -> None:
    async with Stage() as stage, opened(stage) as under_way, await stage.connect() as idle:
        stopping = asyncio.create_task(stage.gateway.stop(drain_s=30))
        assert await idle.ended(), "an idle connection is closed at once"
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()
        under_way.go_on.set()
        rest = await under_way.client.rest()
        assert rest.clean_end
        await deadline(stopping, "the gateway to stop")
        assert [record.ended_by for record in stage.records] == ["complete"]


async def test_a_stream_that_outlasts_the_drain_is_ended_in_its_dialect() -> None:
    """Never a clean end: the agent must see that this was not all."""
    async with Stage() as stage, opened(stage) as under_way:
        stopping = asyncio.create_task(stage.gateway.stop(drain_s=0))
        event = await under_way.client.read_event()
        assert event is not None
        assert event.startswith(b"event: error\n")
        assert b"shutting down" in event
        rest = await under_way.client.rest()
        assert not rest.clean_end
        await deadline(stopping, "the gateway to stop")
        (record,) = stage.records
        assert (record.ended_by, record.error) == ("gateway", "gateway_shutdown")
        await stage.upstream.ended()


async def test_a_call_without_a_reply_yet_is_refused_at_the_end_of_the_drain() -> None:
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Wait(asyncio.Event()))
        client.send(STREAM.call)
        await stage.upstream.request()
        stopping = asyncio.create_task(stage.gateway.stop(drain_s=0))
        reply = await client.read_reply()
        assert (reply.status, reply.header("x-lynkr-error")) == (503, "gateway_shutdown")
        await deadline(stopping, "the gateway to stop")


async def test_one_connection_too_many_is_told_so() -> None:
    async with (
        Stage(limits=Limits(connections_max=1)) as stage,
        await stage.connect() as first,
        await stage.connect() as second,
    ):
        reply = await second.read_reply()
        assert (reply.status, reply.header("x-lynkr-error")) == (503, "too_many_connections")
        stage.upstream.reply(STREAM.natural_reply())
        first.send(STREAM.call)
        assert (await first.read_reply()).status == 200
