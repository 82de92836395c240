"""The adversity proxy: it may delay, cut and end a stream, but never alter its bytes."""

import pytest

from tests.harness import replies
from tests.harness.adversity import AdversityProxy, refusing_port, unanswering_port
from tests.harness.client import RawClient, request
from tests.harness.upstream import Reset, ScriptedUpstream, Send, Stall
from tests.harness.wire import settle

BODY = bytes(range(256)) * 4
REPLY = replies.sized(BODY)


async def test_carries_bytes_both_ways_unchanged() -> None:
    async with (
        ScriptedUpstream() as upstream,
        AdversityProxy(upstream.port) as proxy,
        await RawClient.connect(proxy.port) as client,
    ):
        upstream.reply(REPLY)
        client.send(request("/", BODY))
        assert (await upstream.request()).body == BODY
        assert (await client.read_reply()).body == BODY
        assert proxy.down.relayed_bytes == len(REPLY)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
async def test_rechunking_keeps_the_bytes(seed: int | None) -> None:
    async with ScriptedUpstream() as upstream, AdversityProxy(upstream.port) as proxy:
        for flow in (proxy.up, proxy.down):
            flow.rechunk(1 if seed is None else 40, seed=seed)
        async with await RawClient.connect(proxy.port) as client:
            upstream.reply(REPLY)
            client.send(request("/", BODY))
            first = await client.wire.take()
            assert len(first) == 1 if seed is None else len(first) <= 40
            client.wire.received[:0] = first
            assert (await client.read_reply()).body == BODY
            assert (await upstream.request()).body == BODY


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("count_bytes", [0, 1, 40, len(REPLY) - 1])
async def test_cuts_after_so_many_bytes(count_bytes: int, reset: bool) -> None:
    async with ScriptedUpstream() as upstream, AdversityProxy(upstream.port) as proxy:
        proxy.down.cut_after(count_bytes, reset=reset)
        async with await RawClient.connect(proxy.port) as client:
            upstream.reply(REPLY)
            client.send(request("/"))
            await client.ended()
            assert client.wire.received == REPLY[:count_bytes]
            assert client.wire.was_reset == reset
            assert (await upstream.ended()).was_reset == reset


async def test_a_stalled_direction_carries_nothing_until_it_flows() -> None:
    async with ScriptedUpstream() as upstream, AdversityProxy(upstream.port) as proxy:
        proxy.up.stall()
        async with await RawClient.connect(proxy.port) as client:
            client.send(request("/"))
            await upstream.connection()
            await settle()
            assert upstream.requests == []
            proxy.down.stall()
            proxy.up.flow()
            await upstream.request()
            await settle()
            assert client.wire.received_total == 0
            proxy.down.flow()
            assert (await client.read_reply()).body == b"{}"


async def test_passes_on_how_a_connection_ended() -> None:
    async with ScriptedUpstream() as upstream, AdversityProxy(upstream.port) as proxy:
        upstream.script(Reset())
        async with await RawClient.connect(proxy.port) as client:
            client.send(request("/"))
            await client.ended()
            assert client.wire.was_reset
        async with await RawClient.connect(proxy.port) as client:
            client.send(request("/"))
            client.half_close()
            assert (await client.read_reply()).body == b"{}"


async def test_cuts_now() -> None:
    async with ScriptedUpstream() as upstream, AdversityProxy(upstream.port) as proxy:
        upstream.script(Send(REPLY[:50]), Stall())
        async with await RawClient.connect(proxy.port) as client:
            client.send(request("/"))
            assert await client.wire.take() == REPLY[:50]
            proxy.cut_now(reset=True)
            await client.ended()
            assert client.wire.was_reset


async def test_a_target_that_is_not_there_resets_the_caller() -> None:
    async with (
        AdversityProxy(refusing_port()) as proxy,
        await RawClient.connect(proxy.port) as client,
    ):
        await client.ended()
        assert client.wire.was_reset


async def test_ports_that_refuse_and_ports_that_never_answer() -> None:
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(refusing_port())
    with unanswering_port() as port, pytest.raises(AssertionError, match="waited 50 ms"):
        await RawClient.connect(port, deadline_s=0.05)
