"""Gateways of several workers whose caches share a store, seen from outside: which worker answered,
and whether each of them serves an answer.

A worker is told by the ids that it gives to requests, and met by new connections: the kernel deals
these out among the workers. Questions of the test ask not to be kept, so that a worker that does
not know an answer yet does not make one of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.gateway_process import GatewayProcess, provider
from tests.e2e.program import Outcome, run
from tests.gateway.cached import ANSWER, PATHS, asks, text_of, whole
from tests.harness.client import RawClient, Reply, request
from tests.harness.upstream import Script, ScriptedUpstream, Send
from tests.harness.wire import deadline

KEY = "canary-provider-key"
TCP, TCP_REWORDED = "Explain TCP vs UDP", "What is the difference between TCP and UDP?"
SEMANTIC = '[cache]\nmode = "semantic"\nshadow_rate = 0.0\n'
EXACT = '[cache]\nmode = "exact"\n'
NOT_KEPT = {"x_lynkr_no_store": "true"}
_DEADLINE_S = 30.0
_PREFIX_CHARS = 16  # of a request's id: "req_" and what the worker drew at its start


class Told(NamedTuple):
    """A reply, and what its head says."""

    reply: Reply
    worker: str
    kind: str  # exact, semantic or flight; "" is no hit
    entry: str
    text: str


def config(upstream: ScriptedUpstream, cache: str) -> str:
    return provider("main", "anthropic", upstream.base_url, KEY) + cache


def answers(upstream: ScriptedUpstream, text: str = ANSWER) -> None:
    """What the provider says from here on."""
    upstream.otherwise = Script((Send(whole("messages", text)),))


def question(text: str, *, stream: bool = False, cold: bool = False) -> bytes:
    """``cold``: at temperature 0, so that mode "exact" takes it."""
    body = json.loads(asks("messages", text, stream=stream))
    return json.dumps(
        body if cold else {k: v for k, v in body.items() if k != "temperature"}
    ).encode()


async def sent(port: int, method: str, target: str, body: bytes = b"", **headers: str) -> Reply:
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    async with await RawClient.connect(port) as client:
        client.send(request(target, body, method=method, headers=lines, host="127.0.0.1"))
        return await client.read_reply()


async def ask(gateway: GatewayProcess, body: bytes, **headers: str) -> Told:
    reply = await sent(gateway.port, "POST", PATHS["messages"], body, **headers)
    assert reply.status == 200, reply
    worker = (reply.header("x-lynkr-request-id") or "")[:_PREFIX_CHARS]
    hit = reply.header("x-lynkr-cache") == "hit"
    kind = (reply.header("x-lynkr-cache-kind") or "") if hit else ""
    return Told(reply, worker, kind, reply.header("x-lynkr-cache-entry") or "", text_of(reply))


async def control(gateway: GatewayProcess, method: str, target: str, body: Any = None) -> Any:
    given = b"" if body is None else json.dumps(body).encode()
    reply = await sent(gateway.port, method, target, given, content_type="application/json")
    assert reply.status == 200, reply
    return json.loads(reply.body)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Asks again and again: nobody tells when other processes are done."""

    async def asking() -> None:
        while not await holds():
            await asyncio.sleep(0.01)

    await deadline(asking(), what, _DEADLINE_S)


async def everywhere(
    gateway: GatewayProcess, workers: int, body: bytes, as_wanted: Callable[[Told], bool]
) -> list[Told]:
    """The last reply of each worker, once all of them reply as is wanted."""
    last: dict[str, Told] = {}

    async def holds() -> bool:
        with contextlib.suppress(ConnectionError):
            told = await ask(gateway, body, **NOT_KEPT)
            last[told.worker] = told
        assert len(last) <= workers, "a worker has been replaced"
        return len(last) == workers and all(map(as_wanted, last.values()))

    await until(holds, "every worker to reply as is wanted")
    return list(last.values())


async def served(gateway: GatewayProcess, workers: int, body: bytes, entry: str, kind: str) -> None:
    """Every worker answers with this entry; the provider is then asked no more."""
    await everywhere(gateway, workers, body, lambda told: (told.entry, told.kind) == (entry, kind))


async def forgotten(gateway: GatewayProcess, workers: int, body: bytes) -> None:
    """No worker answers this from its cache."""
    await everywhere(gateway, workers, body, lambda told: told.kind == "")


async def kept(gateway: GatewayProcess, body: bytes) -> str:
    """Have the provider answer, then ask until a worker answers from its cache; the entry's id."""
    assert (await ask(gateway, body)).kind == ""
    found = ""

    async def holds() -> bool:
        nonlocal found
        found = (await ask(gateway, body, **NOT_KEPT)).entry
        return found != ""

    await until(holds, "an answer to be kept")
    return found


async def command(gateway: GatewayProcess, *arguments: str) -> Outcome:
    """``lynkr cache ...``, asking this gateway."""
    return await run(
        [sys.executable, "-m", "lynkr", "cache", *arguments],
        cwd=Path(__file__).parents[2],
        environment={"HOME": str(gateway.directory), "LYNKR_URL": gateway.base_url},
    )


async def checked(config_file: Path) -> Outcome:
    return await run(
        [sys.executable, "-m", "lynkr", "check-config", "--config", str(config_file)],
        cwd=Path(__file__).parents[2],
        environment={"HOME": str(config_file.parent)},
    )


def bytes_in(folder: Path) -> bytes:
    """Of every file in it, and of their names."""
    found = b""
    for path in sorted(folder.rglob("*")):
        found += str(path.relative_to(folder)).encode()
        if path.is_file():
            found += path.read_bytes()
    return found


def messages_of(gateway: GatewayProcess) -> dict[str, int]:
    """How often the log says what."""
    found: dict[str, int] = defaultdict(int)
    for event in gateway.events():
        found[str(event.get("message", ""))] += 1
    return found
