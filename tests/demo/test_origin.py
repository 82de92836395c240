"""The demo at the other end of a wire made of memory: real HTTP, real time, no socket."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from lynkr._native.outbound import Outbound
from lynkr.config.settings import Cache, Log, Provider, Server, Settings
from lynkr.demo import origin
from lynkr.demo.origin import DemoTransport
from lynkr.demo.script import DemoReply
from lynkr.providers.catalog import Origin
from lynkr.server.app import Gateway
from tests.harness.client import RawClient, request
from tests.harness.wire import deadline, settle

CHAT = b'{"model":"lynkr-demo","messages":[{"role":"user","content":"hi"}]%b}'
STREAM = CHAT % b',"stream":true'
FRAMES = [(0.0, b"data: 1\n\n"), (0.0, b"data: 2\n\n"), (0.0, b"data: [DONE]\n\n")]


class Client:
    """The gateway's side of the wire."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """The demo answers at once, and notes what it was asked."""
    asked: list[tuple[str, bytes]] = []

    def answer(path: str, body: bytes, *, seed: str, now: int) -> DemoReply:
        asked.append((path, body))
        assert abs(now - time.time()) < 60
        if body == b"json":
            return DemoReply(404, "application/json", [(0.0, b"{}")])
        return DemoReply(200, "text/event-stream", list(FRAMES))

    monkeypatch.setattr(origin, "answer", answer)
    return asked


def wired() -> tuple[DemoTransport, Client]:
    client = Client()
    return DemoTransport(cast(Any, client)), client


async def test_a_request_is_answered_however_it_is_cut(played: list[tuple[str, bytes]]) -> None:
    raw = request("/v1/messages?beta=true", b"body")
    for step in (1, 7, len(raw)):
        transport, client = wired()
        transport.writelines([raw[at : at + step] for at in range(0, len(raw), step)])
        await settle(20)
        assert played.pop() == ("/v1/messages", b"body")
        assert b"".join(client.pieces).endswith(b"0\r\n\r\n")


async def test_a_stream_is_played_frame_by_frame_in_chunks(played: object) -> None:
    transport, client = wired()
    transport.write(request("/v1/x", b"{}"))
    await settle(20)
    assert client.pieces == [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        b"transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
        b"9\r\ndata: 2\n\n\r\n",
        b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
    ]


async def test_a_json_reply_has_its_length(played: object) -> None:
    transport, client = wired()
    transport.write(request("/v1/x", b"json"))
    await settle(20)
    assert client.pieces == [
        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    ]


async def test_requests_follow_each_other_on_one_wire(played: list[tuple[str, bytes]]) -> None:
    transport, client = wired()
    for number in range(3):
        transport.write(request(f"/v1/{number}", b"json"))
        await settle(20)
        assert len(client.pieces) == number + 1
    assert [path for path, _ in played] == ["/v1/0", "/v1/1", "/v1/2"]


async def test_a_slow_reader_holds_the_demo_back(played: object) -> None:
    """As a slow client does it to a real upstream: nothing more is sent, nothing is lost."""
    transport, client = wired()
    transport.pause_reading()
    transport.write(request("/v1/x", b"{}"))
    await settle(20)
    assert client.pieces == []
    transport.resume_reading()
    await settle(1)
    transport.pause_reading()
    await settle(20)
    seen = len(client.pieces)
    assert seen < len(FRAMES)
    transport.resume_reading()
    await settle(20)
    assert len(client.pieces) == len(FRAMES)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_hanging_up_stops_the_play(how: str, played: object) -> None:
    """Once: the gateway hears of it a turn later, and of nothing else."""
    transport, client = wired()
    transport.write(request("/v1/x", b"{}"))
    getattr(transport, how)()
    assert transport.is_closing()
    assert client.lost == []
    getattr(transport, how)()
    transport.resume_reading()
    await settle(20)
    assert (client.lost, client.pieces) == ([None], [])


async def test_a_wire_of_memory_has_nothing_to_tell() -> None:
    transport, _ = wired()
    assert transport.get_extra_info("socket") is None
    assert transport.get_extra_info("peername", "x") == "x"
    assert transport.get_write_buffer_size() == 0


async def test_dialling_gives_a_connection_that_is_ready() -> None:
    there = Origin("demo", "lynkr", 0)
    owner: Any = object()
    outbound = await origin.dial(there, lambda: Outbound(owner, there, 3))
    assert outbound.alive
    assert (outbound.origin, outbound.generation) == (there, 3)


# --- behind the gateway -------------------------------------------------------------------------


@asynccontextmanager
async def demo() -> AsyncIterator[RawClient]:
    settings = Settings(
        server=Server(port=0),
        providers={"demo": Provider(kind="demo")},
        cache=Cache(mode="off"),
        log=Log(access="off"),
    )
    gateway = Gateway(settings)
    await gateway.start()
    try:
        async with await RawClient.connect(gateway.port) as client:
            yield client
    finally:
        await gateway.stop(drain_s=0)


async def test_the_demo_takes_the_same_way_as_a_provider() -> None:
    async with demo() as client:
        for body in (CHAT % b"", STREAM, CHAT % b""):
            client.send(request("/v1/chat/completions", body))
            reply = await client.read_reply()
            assert (reply.status, reply.clean_end) == (200, True)
            assert reply.head.value("x-lynkr-provider") == "demo"
            if body == STREAM:
                assert reply.body.endswith(b"data: [DONE]\n\n")
            else:
                assert json.loads(reply.body)["model"] == "lynkr-demo"


async def test_each_reply_has_an_id_of_its_own() -> None:
    async with demo() as client:
        ids = []
        for _ in range(2):
            client.send(request("/v1/chat/completions", CHAT % b""))
            ids.append(json.loads((await client.read_reply()).body)["id"])
        assert len(set(ids)) == 2


async def test_a_client_that_leaves_stops_the_demo() -> None:
    async with demo() as client:
        client.send(request("/v1/chat/completions", STREAM))
        await client.read_head()
        await client.read_event()
        client.reset()
        await deadline(client.wire.lost.wait(), "the end of the connection")
