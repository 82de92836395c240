"""A model provider that does as it is told: records requests byte for byte, answers from a script.

Each request takes the next script from the queue, or ``otherwise`` when that is empty. A script is
a list of steps, played in order once the whole request is in (``early``: as soon as its head is in,
the body left in the socket). Connections are numbered from 0 in the order they were accepted.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.harness import http1, replies
from tests.harness.wire import Wire, deadline, settle


@dataclass(frozen=True)
class Send:
    data: bytes


@dataclass(frozen=True)
class Wait:
    """For the test to say go on."""

    event: asyncio.Event


@dataclass(frozen=True)
class Pause:
    """Lets what was sent arrive as a read of its own."""


@dataclass(frozen=True)
class Close:
    """FIN in both directions."""


@dataclass(frozen=True)
class HalfClose:
    """FIN in the reply's direction; the request's direction stays open."""


@dataclass(frozen=True)
class Reset:
    """RST."""


@dataclass(frozen=True)
class Stall:
    """Nothing more on this connection until the peer ends it."""


Step = Send | Wait | Pause | Close | HalfClose | Reset | Stall


@dataclass(frozen=True)
class Script:
    steps: tuple[Step, ...]
    early: bool = False


def sends(*pieces: bytes) -> list[Step]:
    """Each piece on its own, so that the gateway sees the cuts."""
    steps: list[Step] = []
    for piece in pieces:
        steps += [Send(piece), Pause()]
    return steps


@dataclass
class SeenRequest:
    """One request as it came in."""

    connection: int
    head: http1.Head
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False  # the body arrived to its end

    @property
    def method(self) -> str:
        return self.head.start.split(" ")[0]

    @property
    def target(self) -> str:
        return self.head.start.split(" ")[1]

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.head.headers


class ScriptedUpstream:
    """Use as a context manager; ``base_url`` is where it listens."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        unix_socket: str | None = None,
        send_buffer_bytes: int | None = None,
    ) -> None:
        self.requests: list[SeenRequest] = []
        self.connections: list[Wire] = []
        self.otherwise = Script((Send(replies.sized(b"{}")),))
        self.faults: list[BaseException] = []  # what the gateway sent that is not HTTP
        self.port = 0
        self._tls = tls
        self._unix_socket = unix_socket
        self._send_buffer_bytes = send_buffer_bytes
        self._scripts: deque[Script] = deque()
        self._greetings: deque[Script] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._change = asyncio.Condition()

    def __repr__(self) -> str:
        alive = sum(not wire.peer_ended.is_set() for wire in self.connections)
        return (
            f"<ScriptedUpstream :{self.port} requests={len(self.requests)}"
            f" connections={len(self.connections)} alive={alive} scripts={len(self._scripts)}>"
        )

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def script(self, *steps: Step, early: bool = False) -> None:
        """Queues the answer to one request."""
        self._scripts.append(Script(steps, early))

    def greet(self, *steps: Step) -> None:
        """Plays this at the next accepted connection, before any request is read."""
        self._greetings.append(Script(steps))

    def reply(self, *pieces: bytes) -> None:
        """Queues an answer sent in these pieces."""
        self.script(*sends(*pieces))

    async def request(self, number: int = 0) -> SeenRequest:
        """The request of that number, once it is complete."""
        await self._until(
            lambda: len(self.requests) > number and self.requests[number].complete,
            f"request {number}",
        )
        return self.requests[number]

    async def head(self, number: int = 0) -> SeenRequest:
        """The request of that number, once its head is in."""
        await self._until(lambda: len(self.requests) > number, f"the head of request {number}")
        return self.requests[number]

    async def connection(self, number: int = 0) -> Wire:
        await self._until(lambda: len(self.connections) > number, f"connection {number}")
        return self.connections[number]

    async def ended(self, number: int = 0) -> Wire:
        """The connection of that number, once the gateway has ended it."""
        wire = await self.connection(number)
        await deadline(wire.peer_ended.wait(), f"the end of connection {number} of {self}")
        return wire

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._unix_socket is not None:
            self._server = await loop.create_unix_server(
                lambda: Wire(self._accept), self._unix_socket
            )
            return
        self._server = await loop.create_server(
            lambda: Wire(self._accept), "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for wire in self.connections:
            wire.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    def _accept(self, wire: Wire) -> None:
        if self._send_buffer_bytes is not None:
            wire.limit_send_buffer(self._send_buffer_bytes)
        self.connections.append(wire)
        task = asyncio.get_running_loop().create_task(self._serve(wire, len(self.connections) - 1))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, wire: Wire, number: int) -> None:
        await self._changed()
        try:
            if self._greetings:
                await _play(wire, self._greetings.popleft())
            while await self._serve_one(wire, number):
                pass
        except http1.WireError as fault:
            if not wire.was_reset:
                self.faults.append(fault)
            wire.close()
        await self._changed()

    async def _serve_one(self, wire: Wire, number: int) -> bool:
        head = await http1.read_head(wire)
        if head is None:
            wire.close()
            return False
        seen = SeenRequest(number, head)
        self.requests.append(seen)
        script = self._scripts.popleft() if self._scripts else self.otherwise
        await self._changed()
        if script.early:
            wire.pause()
            await _play(wire, script)
            wire.resume()
        body = http1.request_body(head)
        seen.complete = await http1.read_body(wire, body)
        seen.body, seen.chunks, seen.trailers = bytes(body.content), body.chunks, body.trailers
        await self._changed()
        if seen.complete and not script.early:
            await _play(wire, script)
        return seen.complete

    async def _changed(self) -> None:
        async with self._change:
            self._change.notify_all()

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        async with self._change:
            await deadline(self._change.wait_for(holds), f"{what} of {self}")


async def _play(wire: Wire, script: Script) -> None:
    for step in script.steps:
        match step:
            case Send(data):
                wire.write(data)
                await wire.flushed()
            case Wait(event):
                await event.wait()
            case Pause():
                await settle()
            case Close():
                wire.close()
            case HalfClose():
                wire.half_close()
            case Reset():
                wire.reset()
            case Stall():
                await wire.peer_ended.wait()
