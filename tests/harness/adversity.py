"""The network on a bad day: a relay that stalls, cuts and re-chunks what it carries.

It changes the timing and the end of a byte stream, never its bytes. ``up`` is the direction from
the gateway to the provider, ``down`` the one back; each is controlled alone, for all connections.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Self

from tests.harness.wire import Wire, deadline, settle


class Flow:
    """How one direction behaves, now."""

    def __init__(self) -> None:
        self.relayed_bytes = 0  # over all connections
        self.cut_at: int | None = None  # ends the connection once it relayed this many bytes
        self.cut_by_reset = False
        self.piece_bytes_max: int | None = None
        self.random: random.Random | None = None
        self._open = asyncio.Event()
        self._open.set()

    def stall(self) -> None:
        """Carries nothing, and reads nothing either, so that the sender feels it."""
        self._open.clear()

    def flow(self) -> None:
        self._open.set()

    def cut_after(self, count_bytes: int, *, reset: bool = False) -> None:
        """Ends both halves of each connection after that many bytes; by FIN, or by RST."""
        self.cut_at = count_bytes
        self.cut_by_reset = reset

    def rechunk(self, piece_bytes_max: int = 1, *, seed: int | None = None) -> None:
        """Carries pieces of that size, or with a seed of random sizes up to it."""
        self.piece_bytes_max = piece_bytes_max
        self.random = None if seed is None else random.Random(seed)
        if seed is not None:
            print(f"re-chunking with seed {seed}")  # pytest shows it when the test fails

    async def wait_open(self) -> None:
        await self._open.wait()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        limit = self.piece_bytes_max
        if limit is None:
            yield data
            return
        start = 0
        while start < len(data):
            size = self.random.randint(1, limit) if self.random else limit
            yield data[start : start + size]
            start += size


class AdversityProxy:
    """Relays TCP to ``target_port``. Use as a context manager."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.up = Flow()
        self.down = Flow()
        self.connections = 0
        self._wires: list[Wire] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Wire(self._accept), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for wire in self._wires:
            wire.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut_now(self, *, reset: bool = False) -> None:
        """Ends every connection at once, both halves."""
        for wire in self._wires:
            wire.reset() if reset else wire.close()

    def _accept(self, near: Wire) -> None:
        self.connections += 1
        self._wires.append(near)
        self._own(self._relay(near))

    def _own(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, near: Wire) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, far = await deadline(
                loop.create_connection(Wire, "127.0.0.1", self.target_port), "the target"
            )
        except OSError:
            near.reset()
            return
        self._wires.append(far)
        self._own(_pump(near, far, self.up))
        self._own(_pump(far, near, self.down))


async def _pump(source: Wire, sink: Wire, flow: Flow) -> None:
    carried = 0
    while True:
        await flow.wait_open()
        data = await source.take()
        if not data:
            sink.reset() if source.was_reset else sink.half_close()
            return
        for piece in flow.pieces(data):
            await flow.wait_open()
            allowed = piece if flow.cut_at is None else piece[: max(flow.cut_at - carried, 0)]
            sink.write(allowed)
            carried += len(allowed)
            flow.relayed_bytes += len(allowed)
            if flow.cut_at is not None and carried >= flow.cut_at:
                await settle()  # a reset would overtake, and so destroy, what was just written
                for wire in (source, sink):
                    wire.reset() if flow.cut_by_reset else wire.close()
                return
            await sink.flushed()
            if flow.piece_bytes_max is not None:
                await settle()


def refusing_port() -> int:
    """A port where nothing listens: connecting is refused at once."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


@contextmanager
def unanswering_port() -> Iterator[int]:
    """A port where connecting never completes: the backlog is full, so each SYN is dropped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(2)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for filler in fillers:
                filler.close()
