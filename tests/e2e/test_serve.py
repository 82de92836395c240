"""``lynkr serve`` as a process: reload and drain under load, workers that die, one scrape for all.

The upstream is scripted by the test and releases each event when the test says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.gateway_process import GatewayProcess, provider
from tests.harness.client import RawClient, Reply, request
from tests.harness.fixtures import load
from tests.harness.upstream import ScriptedUpstream, Send, Wait
from tests.harness.wire import deadline

STREAM = load("messages/text_stream")
STREAMS = 20
ALIASES = 'models = { "renamed" = "claude-haiku-4-5" }\n'


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Asks again and again: other processes cannot be awaited."""

    async def asking() -> None:
        while True:
            # A worker that stops or dies takes the connections that it has not served yet along.
            with contextlib.suppress(ConnectionError):
                if await holds():
                    return
            await asyncio.sleep(0.02)

    await deadline(asking(), what, 20.0)


@asynccontextmanager
async def streaming(
    upstream: ScriptedUpstream, port: int
) -> AsyncIterator[tuple[list[RawClient], asyncio.Event]]:
    """Streams of which each client has seen the first event; the event lets them end."""
    go_on = asyncio.Event()
    first, *others = STREAM.frames
    clients = []
    for _ in range(STREAMS):
        upstream.script(
            Send(STREAM.stream_head + framed(first)),
            Wait(go_on),
            Send(b"".join(framed(frame) for frame in others) + b"0\r\n\r\n"),
        )
        client = await RawClient.connect(port)
        client.send(STREAM.call)
        clients.append(client)
    for client in clients:
        await client.read_head()
        assert await client.read_event() == first
    try:
        yield clients, go_on
    finally:
        for client in clients:
            client.close()


async def finished(clients: list[RawClient]) -> None:
    ends = [await client.rest() for client in clients]
    assert [end.clean_end for end in ends] == [True] * STREAMS


async def asked(port: int, target: str, method: str = "GET") -> Reply:
    async with await RawClient.connect(port) as client:
        client.send(request(target, b"", method=method, host="127.0.0.1"))
        return await client.read_reply()


async def lists_alias(port: int) -> bool:
    return b'"renamed"' in (await asked(port, "/v1/models")).body


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_reload_under_load_loses_no_stream(tmp_path: Path, workers: int) -> None:
    async with ScriptedUpstream() as upstream:
        table = provider("main", "anthropic", upstream.base_url, "sk-x")
        async with GatewayProcess(tmp_path, table, ("--workers", str(workers))) as gateway:
            async with streaming(upstream, gateway.port) as (clients, go_on):
                gateway.write(table + ALIASES)
                gateway.signal(signal.SIGHUP)

                async def everywhere() -> bool:
                    answers = [await lists_alias(gateway.port) for _ in range(4 * workers)]
                    return all(answers)

                await until(everywhere, "every worker to know the alias")
                go_on.set()
                await finished(clients)

            gateway.write(table + 'api_kee = "x"\n')
            gateway.signal(signal.SIGHUP)

            async def complained() -> bool:
                return any("api_kee" in str(event) for event in gateway.events())

            await until(complained, "the broken file to be reported")
            assert await lists_alias(gateway.port), "the old configuration stays"
            await gateway.stop()
            calls = gateway.calls()
            assert [call["ended_by"] for call in calls] == ["complete"] * STREAMS


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_drain_under_load_loses_no_stream(tmp_path: Path, workers: int) -> None:
    async with ScriptedUpstream() as upstream:
        table = provider("main", "anthropic", upstream.base_url, "sk-x")
        async with GatewayProcess(tmp_path, table, ("--workers", str(workers))) as gateway:
            async with streaming(upstream, gateway.port) as (clients, go_on):
                gateway.signal(signal.SIGTERM)

                async def closed() -> bool:
                    try:
                        client = await RawClient.connect(gateway.port)
                    except ConnectionRefusedError:
                        return True
                    client.close()
                    return False

                await until(closed, "the port to close")
                go_on.set()
                await finished(clients)
            await gateway.ended()
            assert gateway.exit_code == 0
            assert [call["ended_by"] for call in gateway.calls()] == ["complete"] * STREAMS


async def test_a_dead_worker_is_replaced_and_its_calls_stay_counted(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        table = provider("main", "anthropic", upstream.base_url, "sk-x")
        async with GatewayProcess(tmp_path, table, ("--workers", "2")) as gateway:
            async with streaming(upstream, gateway.port) as (clients, go_on):
                go_on.set()
                await finished(clients)

            async def counted() -> bool:
                text = (await asked(gateway.port, "/metrics")).body.decode()
                total = re.search(r'^lynkr_requests_total\{api="messages".*\} (\S+)$', text, re.M)
                restarts = re.search(r"^lynkr_worker_restarts_total (\S+)$", text, re.M)
                workers = re.search(r"^lynkr_workers (\S+)$", text, re.M)
                assert total is not None and restarts is not None and workers is not None
                assert float(total[1]) == STREAMS, "no call is lost, none counted twice"
                return (float(restarts[1]), float(workers[1])) == wanted

            wanted = (0.0, 2.0)
            await until(counted, "both workers")
            tasks = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children")
            if not tasks.exists():
                pytest.skip("this system does not tell a process's children")
            victim = int(tasks.read_text().split()[0])
            os.kill(victim, signal.SIGKILL)
            wanted = (1.0, 2.0)
            await until(counted, "the worker's successor")


async def test_an_admin_reload_reaches_every_worker(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        table = provider("main", "anthropic", upstream.base_url, "sk-x")
        async with GatewayProcess(tmp_path, table, ("--workers", "2")) as gateway:
            gateway.write(table + ALIASES)
            reply = await asked(gateway.port, "/admin/reload", "POST")
            assert (reply.status, b'"reloaded":true' in reply.body) == (200, True)

            async def everywhere() -> bool:
                return all([await lists_alias(gateway.port) for _ in range(8)])

            await until(everywhere, "every worker to know the alias")
            gateway.write(table + 'api_kee = "x"\n')
            reply = await asked(gateway.port, "/admin/reload", "POST")
            assert (reply.status, b"api_kee" in reply.body) == (422, True)
