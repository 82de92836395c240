"""A real nginx with the shipped configuration, in front of the gateway."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from lynkr.config.settings import Provider, Server
from tests.e2e.gateway_in_process import Running, running
from tests.e2e.nginx import nginx
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.upstream import Close, ScriptedUpstream, Send, Step, Wait
from tests.harness.wire import Wire, settle

Via = Literal["tcp", "unix"]
pytestmark = pytest.mark.e2e
both = pytest.mark.parametrize("via", ["tcp", "unix"])

BODY = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n',
    b"event: ping\ndata: {}\n\n",
    'event: content_block_delta\ndata: {"type":"content_block_delta","n":"☃"}\n\n'.encode(),
    b": a comment\n\n",
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"x"}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]
BEGIN = replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])
WHOLE = [Send(replies.chunked(b"".join(EVENTS)))]


def ask(*headers: tuple[str, str], body: bytes = BODY) -> bytes:
    return request("/v1/messages?beta=true", body, headers=list(headers))


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not pytest's own: the path of a Unix socket has room for about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="lynkr-") as made:
        yield Path(made)


@dataclass
class Setting:
    """nginx, the gateway and the provider, one behind the other."""

    port: int
    gateway: Running
    upstream: ScriptedUpstream


@asynccontextmanager
async def setting(
    directory: Path, via: Via = "tcp", trusted: tuple[str, ...] = ()
) -> AsyncIterator[Setting]:
    unix = str(directory / "lynkr.sock") if via == "unix" else ""
    server = Server(trusted_proxies=list(trusted), unix_socket=unix)
    async with ScriptedUpstream() as upstream:
        provider = Provider(kind="anthropic", base_url=upstream.base_url)
        async with running({"main": provider}, server) as gateway:
            target = f"unix:{unix}" if unix else f"127.0.0.1:{gateway.port}"
            async with nginx(directory, target) as port:
                yield Setting(port, gateway, upstream)


@both
async def test_each_event_arrives_before_the_next_is_released(directory: Path, via: Via) -> None:
    steps: list[Step] = [Send(BEGIN)]
    releases = [asyncio.Event() for _ in EVENTS]
    for event, release in zip(EVENTS, releases, strict=True):
        steps += [Wait(release), Send(replies.chunk(event))]
    end = asyncio.Event()
    async with setting(directory, via) as scene:
        scene.upstream.script(*steps, Wait(end), Send(replies.last_chunk()))
        async with await RawClient.connect(scene.port) as client:
            client.send(ask(("Accept-Encoding", "gzip")))
            releases[0].set()
            head = await client.read_head()
            for number, event in enumerate(EVENTS):
                releases[number].set()
                assert await client.read_event() == event
            end.set()
            reply = await client.rest()
        seen = await scene.upstream.request()
        record = await scene.gateway.record()
    assert head.start == "HTTP/1.1 200 OK"
    assert head.value("content-encoding") is None
    assert head.value("x-lynkr-lane") == "splice"
    assert reply.clean_end
    assert reply.body == b"".join(EVENTS)
    assert (seen.target, seen.body) == ("/v1/messages?beta=true", BODY)
    assert (record.status, record.ended_by) == (200, "complete")


@both
async def test_client_that_leaves_stops_the_upstream(directory: Path, via: Via) -> None:
    async with setting(directory, via) as scene:
        scene.upstream.script(Send(BEGIN + replies.chunk(EVENTS[0])), Wait(asyncio.Event()))
        async with await RawClient.connect(scene.port) as client:
            client.send(ask())
            await client.read_head()
            assert await client.read_event() == EVENTS[0]
            client.close()
            await scene.upstream.ended()
        record = await scene.gateway.record()
    assert (record.status, record.ended_by) == (200, "client")


async def test_slow_client_is_waited_for(directory: Path) -> None:
    """The reply stays where it is made: nginx, closing, shows that it wrote none of it to disk."""
    long = b": " + b"x" * (16 * 1024 * 1024) + b"\n\n"
    async with setting(directory) as scene:
        scene.upstream.script(Send(replies.chunked(b"".join([EVENTS[0], long, EVENTS[-1]]))))
        async with await RawClient.connect(scene.port, receive_buffer_bytes=4096) as client:
            client.send(ask())
            await client.read_head()
            client.pause()
            await scene.upstream.request()
            await settle(1000)
            client.resume()
            reply = await client.rest()
        assert reply.clean_end
        assert reply.body == EVENTS[0] + long + EVENTS[-1]


async def test_broken_stream_stays_broken(directory: Path) -> None:
    """nginx must not make a whole reply of it by adding the end mark."""
    async with setting(directory) as scene:
        scene.upstream.script(Send(BEGIN + replies.chunk(EVENTS[0])), Close())
        async with await RawClient.connect(scene.port) as client:
            client.send(ask())
            reply = await client.read_reply()
    assert reply.body.startswith(EVENTS[0] + b"event: error\n")
    assert not reply.clean_end


async def from_address(host: str, port: int) -> RawClient:
    """A client at another address of this machine, to be told from nginx's own."""
    loop = asyncio.get_running_loop()
    try:
        _, wire = await loop.create_connection(Wire, "127.0.0.1", port, local_addr=(host, 0))
    except OSError as error:
        pytest.skip(f"{host} cannot be used here: {error}")  # Linux has all of 127.0.0.0/8
    return RawClient(wire)


@pytest.mark.parametrize(
    ("via", "trusted", "expected"),
    [
        ("tcp", (), "127.0.0.1"),
        ("tcp", ("192.0.2.1", "unix"), "127.0.0.1"),
        ("tcp", ("127.0.0.1",), "127.0.0.2"),
        ("unix", (), "unix"),
        ("unix", ("127.0.0.1",), "unix"),
        ("unix", ("unix",), "127.0.0.2"),
    ],
)
@pytest.mark.parametrize("claimed", [(), (("X-Forwarded-For", "203.0.113.9"),)])
async def test_client_address_is_believed_from_trusted_proxies_only(
    directory: Path,
    via: Via,
    trusted: tuple[str, ...],
    expected: str,
    claimed: tuple[tuple[str, str], ...],
) -> None:
    async with setting(directory, via, trusted) as scene:
        scene.upstream.script(*WHOLE)
        async with await from_address("127.0.0.2", scene.port) as client:
            client.send(ask(*claimed))
            assert (await client.read_reply()).status == 200
        record = await scene.gateway.record()
        seen = await scene.upstream.request()
    assert record.client == expected
    # Who the team's people are is none of the provider's business.
    assert [name for name, _ in seen.headers if name.lower().startswith("x-forwarded")] == []


async def test_operations_are_closed_to_the_outside(directory: Path) -> None:
    closed = (
        "/admin", "/admin/", "/admin/reload", "//admin/reload", "/%61dmin/reload",
        "/v1/../admin/reload", "/./metrics", "/metrics", "/metrics/", "/metrics?x=1",
    )  # fmt: skip
    async with setting(directory) as scene, await RawClient.connect(scene.port) as client:
        for target in closed:
            for host in ("lynkr.example.com", "localhost"):
                client.send(request(target, method="GET", host=host))
                assert (await client.read_reply()).status == 403, target
        for target in ("/", "/health/live", "/health/ready", "/v1/models"):
            client.send(request(target, method="GET"))
            assert (await client.read_reply()).status == 200, target
        async with await RawClient.connect(scene.gateway.port) as inside:
            inside.send(request("/metrics", method="GET"))
            assert (await inside.read_reply()).status == 200


async def test_websocket_attempt_is_answered_426(directory: Path) -> None:
    """Codex goes on over HTTP at once; nginx drops the headers of the hop, but the answer stays."""
    upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    async with setting(directory) as scene, await RawClient.connect(scene.port) as client:
        client.send(request("/v1/responses", method="GET", headers=upgrade))
        assert (await client.read_reply()).status == 426


async def test_large_bodies_pass_and_larger_ones_do_not(directory: Path) -> None:
    large = b'{"model":"m","messages":["' + b"x" * (20 * 1024 * 1024) + b'"]}'
    async with setting(directory) as scene:
        scene.upstream.script(*WHOLE)
        async with await RawClient.connect(scene.port) as client:
            client.send(ask(body=large))
            assert (await client.read_reply()).status == 200
        assert (await scene.upstream.request()).body == large
        async with await RawClient.connect(scene.port) as client:
            client.send(ask(("Content-Length", str(64 * 1024 * 1024 + 1))))
            assert (await client.read_reply()).status == 413


async def test_connections_to_the_gateway_are_kept(directory: Path) -> None:
    async with ScriptedUpstream() as gateway:
        gateway.script(*WHOLE)
        gateway.script(*WHOLE)
        async with nginx(directory, f"127.0.0.1:{gateway.port}") as port:
            for _ in range(2):
                async with await RawClient.connect(port) as client:
                    client.send(ask(("Connection", "close")))
                    assert (await client.read_reply()).clean_end
        assert [seen.connection for seen in gateway.requests] == [0, 0]
        for seen in gateway.requests:
            assert seen.head.start.endswith(" HTTP/1.1")
            assert seen.head.values("connection") == []
