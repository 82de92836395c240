"""The real ``Gateway`` between two transports made of memory: what a call costs without sockets.

``tests/perf/test_budgets.py`` counts on it and ``perf/micro.py`` times on it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from lynkr._native.inbound import Inbound
from lynkr._native.outbound import Outbound
from lynkr.config.settings import Log, Provider, Server, Settings
from lynkr.server.app import Gateway

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


def request_of(size: int, *, stream: bool = True) -> bytes:
    body = (
        b'{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"%b"}],'
        b'"max_tokens":32000,"stream":true}'
    )
    body %= b"x" * (size - len(body))
    if not stream:
        body = body.replace(b"true", b"false")
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


def reply_of(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
    return head % (REPLY_HEADERS, len(body)) + body


REPLY = reply_of(REPLY_BODY)


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


def chat_chunk(choices: str, more: str = "") -> bytes:
    frame = (
        'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795430401,'
        f'"model":"gpt-5.5","choices":[{choices}]{more}}}\n\n'
    ).encode()
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def chat_delta(delta: str, finish: str = "null") -> bytes:
    return chat_chunk(f'{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}')


CHAT_BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1795430401,"model":"gpt-5.5",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":5}}'
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider, and what it says to each call."""

    provider: Provider
    reply: bytes
    first: bytes  # of a stream, head included
    delta: bytes
    last: bytes


# The client's dialect, and another one.
SPLICED = Upstream(
    Provider(kind="anthropic", base_url="http://192.0.2.1", api_key="sk-provider"),
    REPLY, STREAM_HEAD + FIRST, DELTA, LAST,
)  # fmt: skip
TRANSLATED = Upstream(
    Provider(
        kind="openai-compatible",
        base_url="http://192.0.2.1/v1",
        apis=["chat"],
        api_key="sk-provider",
    ),
    reply_of(CHAT_BODY),
    # With its first delta: all that follow are alike.
    STREAM_HEAD + chat_delta('"role":"assistant","content":""') + chat_delta('"content":"Hello"'),
    chat_delta('"content":"Hello"'),
    chat_delta("", '"stop"')
    + chat_chunk("", ',"usage":{"prompt_tokens":212,"completion_tokens":5}')
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
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


class MemoryBench:
    """A gateway whose sockets are memory."""

    def __init__(self, gateway: Gateway, said: Upstream) -> None:
        self.gateway = gateway
        self.said = said
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


class Pair:
    """One client and one upstream connection."""

    def __init__(
        self,
        client: tuple[Inbound, MemoryTransport],
        upstream: tuple[Outbound, MemoryTransport],
        said: Upstream,
    ) -> None:
        self.inbound, self.to_client = client
        self.outbound, self.to_upstream = upstream
        self.said = said

    def call(self, given: bytes = REQUEST) -> None:
        self.inbound.data_received(given)
        self.outbound.data_received(self.said.reply)

    def stream(self, chunks: int) -> None:
        self.inbound.data_received(REQUEST)
        self.outbound.data_received(self.said.first)
        for _ in range(chunks):
            self.outbound.data_received(self.said.delta)
        self.outbound.data_received(self.said.last)

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


@asynccontextmanager
async def memory_bench(access_log: str, said: Upstream = SPLICED) -> AsyncIterator[MemoryBench]:
    """A gateway that listens, but is spoken to through memory only."""
    settings = Settings(
        server=Server(port=0), providers={"main": said.provider}, log=Log(access=access_log)
    )
    gateway = Gateway(settings)
    await gateway.start()
    bench = MemoryBench(gateway, said)
    yield bench
    for outbound, _ in bench.upstreams:
        outbound.connection_lost(None)
    for inbound in tuple(cast("Any", gateway)._front.connections):
        inbound.connection_lost(None)
    await gateway.stop(drain_s=0)


async def warm_pair(bench: MemoryBench) -> Pair:
    """Connected, and used before."""
    client = bench.client()
    upstream = await bench.sent(client[0])
    upstream[0].data_received(bench.said.reply)
    pair = Pair(client, upstream, bench.said)
    for _ in range(20):
        pair.call()
        pair.stream(3)
    pair.forget()
    return pair
