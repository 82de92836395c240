"""What a call and a streamed chunk may cost, in counts: ``perf/budgets.toml`` says why each number.

The real ``Gateway`` runs between two transports made of memory, so that every count is exact and
the same on every machine. Nothing here looks at a clock.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tomllib
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest

from lynkr._native.inbound import Inbound
from lynkr._native.outbound import Outbound
from lynkr.config.settings import Log, Provider, Server, Settings
from lynkr.server.app import Gateway

BUDGETS: dict[str, dict[str, int]] = tomllib.loads(
    (Path(__file__).parents[2] / "perf" / "budgets.toml").read_text("utf-8")
)

pytestmark = pytest.mark.skipif(
    os.environ.get("LYNKR_DEBUG") == "1", reason="a debug build traces every compiled line"
)

# As Claude Code sends them.
HEADERS = b"".join(
    b"%b\r\n" % line.encode()
    for line in (
        "Host: 127.0.0.1:8081",
        "Connection: keep-alive",
        "Accept: application/json",
        "Content-Type: application/json",
        "User-Agent: claude-cli/2.1.197 (external, sdk-cli)",
        "X-Claude-Code-Session-Id: 0e9c4f5d-5c1e-4a53-9d70-1b1f4ad0e6c1",
        "X-Stainless-Arch: x64",
        "X-Stainless-Lang: js",
        "X-Stainless-OS: Linux",
        "X-Stainless-Package-Version: 0.94.0",
        "X-Stainless-Retry-Count: 0",
        "X-Stainless-Runtime: node",
        "X-Stainless-Runtime-Version: v24.3.0",
        "X-Stainless-Timeout: 600",
        "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14",
        "anthropic-dangerous-direct-browser-access: true",
        "anthropic-version: 2023-06-01",
        "x-app: cli",
        "x-api-key: sk-client",
        "accept-encoding: gzip, deflate, br, zstd",
    )
)


def request_of(size: int) -> bytes:
    body = (
        b'{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"%b"}],'
        b'"max_tokens":32000,"stream":true}'
    )
    body %= b"x" * (size - len(body))
    return b"POST /v1/messages?beta=true HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (
        HEADERS,
        len(body),
        body,
    )


REQUEST = request_of(1024)
REPLY_BODY = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5",'
    b'"content":[{"type":"text","text":"Hello."}],"stop_reason":"end_turn",'
    b'"usage":{"input_tokens":212,"output_tokens":5}}'
)
REPLY_HEADERS = (
    b"date: Mon, 23 Nov 2026 10:00:00 GMT\r\nrequest-id: req_1\r\nserver: cloudflare\r\n"
)
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
    REPLY_HEADERS,
    len(REPLY_BODY),
    REPLY_BODY,
)


def event(name: str, data: str) -> bytes:
    frame = f"event: {name}\ndata: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(frame), frame)


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n%b"
    b"transfer-encoding: chunked\r\n\r\n" % REPLY_HEADERS
)
FIRST = event(
    "message_start",
    '{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    '"model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":212,"output_tokens":1}}}',
)
DELTA = event(
    "content_block_delta",
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}',
)
LAST = (
    event(
        "message_delta",
        '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}',
    )
    + event("message_stop", '{"type":"message_stop"}')
    + b"0\r\n\r\n"
)


class MemoryTransport(asyncio.Transport):
    """Keeps what is written. ``write`` is a builtin, so any Python call seen is lynkr's own."""

    def __init__(self, peer: tuple[str, int]) -> None:
        super().__init__()
        self.written: list[Any] = []  # bytes, or the pieces of one gathered write
        self.calls: defaultdict[str, int] = defaultdict(int)
        self.peer = peer
        self.closing = False
        self.write = self.written.append  # type: ignore[method-assign,assignment]

    def writelines(self, list_of_data: Any) -> None:
        self.calls["writelines"] += 1
        self.written.append(tuple(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        self.calls["get_extra_info"] += 1
        return self.peer if name == "peername" else default

    def is_closing(self) -> bool:
        self.calls["is_closing"] += 1
        return self.closing

    def get_write_buffer_size(self) -> int:
        self.calls["get_write_buffer_size"] += 1
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.calls["set_write_buffer_limits"] += 1

    def pause_reading(self) -> None:
        self.calls["pause_reading"] += 1

    def resume_reading(self) -> None:
        self.calls["resume_reading"] += 1

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True


class Bench:
    """A gateway whose sockets are memory."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.upstreams: list[tuple[Outbound, MemoryTransport]] = []
        cast("Any", gateway)._connector._dials["http"] = self._dial

    async def _dial(self, _origin: object, protocol: Callable[[], Outbound]) -> Outbound:
        outbound, transport = protocol(), MemoryTransport(("192.0.2.1", 443))
        outbound.connection_made(transport)
        self.upstreams.append((outbound, transport))
        return outbound

    def client(self) -> tuple[Inbound, MemoryTransport]:
        transport = MemoryTransport(("192.0.2.2", 50000))
        inbound: Inbound = cast("Any", self.gateway)._accept()
        inbound.connection_made(transport)
        return inbound, transport

    async def sent(self, inbound: Inbound) -> tuple[Outbound, MemoryTransport]:
        """Send a request; the connection it went out on, which may have to be opened."""
        inbound.data_received(REQUEST)
        while True:
            for outbound, transport in reversed(self.upstreams):
                if transport.written:
                    transport.written.clear()
                    return outbound, transport
            await asyncio.sleep(0)


class Warm:
    """One client and one upstream connection, used before."""

    def __init__(
        self,
        client: tuple[Inbound, MemoryTransport],
        upstream: tuple[Outbound, MemoryTransport],
    ) -> None:
        self.inbound, self.to_client = client
        self.outbound, self.to_upstream = upstream

    def call(self, given: bytes = REQUEST) -> None:
        self.inbound.data_received(given)
        self.outbound.data_received(REPLY)

    def stream(self, chunks: int) -> None:
        self.inbound.data_received(REQUEST)
        self.outbound.data_received(STREAM_HEAD + FIRST)
        for _ in range(chunks):
            self.outbound.data_received(DELTA)
        self.outbound.data_received(LAST)

    def forget(self) -> None:
        for transport in (self.to_client, self.to_upstream):
            transport.written.clear()
            transport.calls.clear()

    def touched(self) -> int:
        """Calls into either transport, writes included."""
        ends = (self.to_client, self.to_upstream)
        return sum(
            len(end.written) - end.calls["writelines"] + sum(end.calls.values()) for end in ends
        )


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """With an access log that goes nowhere; ``without_log`` is for tests that weigh memory, since a
    log's waiting lines come and go by a clock."""
    settings = Settings(
        server=Server(port=0),
        providers={
            "main": Provider(kind="anthropic", base_url="http://192.0.2.1", api_key="sk-provider")
        },
        log=Log(access=getattr(request, "param", os.devnull)),
    )
    gateway = Gateway(settings)
    await gateway.start()
    bench = Bench(gateway)
    yield bench
    for outbound, _ in bench.upstreams:
        outbound.connection_lost(None)
    for inbound in tuple(cast("Any", gateway)._front.connections):
        inbound.connection_lost(None)
    await gateway.stop(drain_s=0)


@pytest.fixture
async def warm(bench: Bench) -> Warm:
    client = bench.client()
    upstream = await bench.sent(client[0])
    upstream[0].data_received(REPLY)
    warm = Warm(client, upstream)
    for _ in range(20):
        warm.call()
        warm.stream(3)
    await asyncio.sleep(0.2)  # past the log's and the scoreboard's timers, which are per batch
    warm.call()  # ... and sets them again
    warm.forget()
    assert len(bench.upstreams) == 1
    return warm


without_log = pytest.mark.parametrize("bench", ["off"], indirect=True)


def python_calls(work: Callable[[], object]) -> list[str]:
    """The Python functions that ``work`` enters, in order, the transports' and our own left out."""
    entered: list[str] = []

    def note(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code.co_filename != __file__:
            entered.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return entered


def kept_blocks(work: Callable[[], object], times: int) -> int:
    """Blocks of memory that are still there after ``work`` was done so many times more."""
    for _ in range(times):
        work()  # free lists and caches fill
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before


def copies(work: Callable[[], object], size: int) -> float:
    """How many times ``size`` bytes are held at the worst moment beside what was held before."""
    work()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (peak - before) / size


async def traced_bytes(work: Callable[[], Any]) -> int:
    """Bytes that are still there after ``work``. The first time fills caches and is not counted."""
    kept = [await work()]
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept.append(await work())
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 2
    return after - before


def within(group: str, **measured: int) -> None:
    """Every number of the group is measured, and none is over its budget."""
    budget = BUDGETS[group]
    assert set(budget) == set(measured)
    over = {name: (count, budget[name]) for name, count in measured.items() if count > budget[name]}
    assert not over, f"{group}: (measured, budget) {over}"


async def test_a_1_kb_request(warm: Warm) -> None:
    entered = python_calls(warm.call)
    assert warm.to_client.written[0].endswith(REPLY_BODY)
    within(
        "request",
        client_writes=len(warm.to_client.written),
        upstream_writes=len(warm.to_upstream.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )


async def test_a_100_kb_request(warm: Warm) -> None:
    """Size changes how the body is written, once and gathered, and nothing else."""
    entered = python_calls(lambda: warm.call(request_of(100 * 1024)))
    assert warm.to_upstream.calls["writelines"] == 1
    within(
        "large_request",
        client_writes=len(warm.to_client.written),
        upstream_writes=len(warm.to_upstream.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )


async def test_a_chunk_of_a_stream(warm: Warm) -> None:
    """Compiled from socket to socket: one write, and no Python function is entered."""
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    warm.forget()
    chunk = DELTA
    outbound = warm.outbound
    entered = python_calls(lambda: outbound.data_received(chunk))
    assert warm.to_client.written == [DELTA]
    within(
        "chunk",
        client_writes=len(warm.to_client.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )
    warm.outbound.data_received(LAST)


@without_log
async def test_bodies_are_not_copied_more_than_said(warm: Warm) -> None:
    """A read that holds a head and a body is cut once; what happens to the pieces is the budget."""
    size = 100 * 1024
    given = request_of(size)
    event = b"event: ping\ndata: %b\n\n" % (b"x" * (size - 40))
    chunk = b"%x\r\n%b\r\n" % (len(event), event)

    def call() -> None:
        warm.call(given)
        warm.forget()

    def read() -> None:
        warm.outbound.data_received(chunk)
        warm.to_client.written.clear()

    request = copies(call, size)
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    within("copies", request=round(request), streamed_read=round(copies(read, size)))
    warm.outbound.data_received(LAST)


@pytest.mark.parametrize("frames", [1, 2, 50])
async def test_one_write_per_read(warm: Warm, frames: int) -> None:
    """However many events a read brings, the client's socket is written once."""
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    warm.forget()
    warm.outbound.data_received(DELTA * frames)
    assert len(warm.to_client.written) == 1
    warm.outbound.data_received(LAST)
    assert len(warm.to_client.written) == 2


async def test_a_whole_stream(warm: Warm) -> None:
    """What a stream costs beside its chunks does not grow with their number."""
    short = len(python_calls(lambda: warm.stream(1)))
    long = len(python_calls(lambda: warm.stream(500)))
    assert short == long
    within("stream", python_calls=long)


@without_log
async def test_calls_leave_nothing_behind(warm: Warm) -> None:
    def call() -> None:
        warm.call()
        warm.forget()

    def stream() -> None:
        warm.stream(5)
        warm.forget()

    within(
        "kept_after_1000",
        request_blocks=kept_blocks(call, 1000),
        stream_blocks=kept_blocks(stream, 1000),
    )


@without_log
async def test_memory_of_connections(bench: Bench) -> None:
    """With what our transports weigh, which stand for a socket's own."""
    count = 200

    async def idle() -> object:
        clients = [bench.client() for _ in range(count)]
        for inbound, transport in clients:
            outbound, _ = await bench.sent(inbound)
            outbound.data_received(REPLY)
            transport.written.clear()
        return clients

    async def streaming() -> object:
        streams = []
        for _ in range(count):
            inbound, transport = bench.client()
            upstream = await bench.sent(inbound)
            upstream[0].data_received(STREAM_HEAD + FIRST)
            upstream[0].data_received(DELTA)
            transport.written.clear()
            streams.append((inbound, transport, upstream))
        return streams

    within(
        "bytes_kept",
        idle_connection=await traced_bytes(idle) // count,
        open_stream=await traced_bytes(streaming) // count,
    )
