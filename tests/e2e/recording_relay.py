"""A relay between a client and the gateway that keeps what the client sent, byte for byte.

It copies both directions unread. The requests are parsed afterwards, by the harness's own strict
reader, so nothing of the gateway takes part in saying what the client sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Self

from tests.e2e.agent_upstream import Seen
from tests.harness import http1

_READ_BYTES = 64 * 1024


@dataclass
class _Sent:
    """What came on one connection, and how much of it had come when."""

    data: bytearray = field(default_factory=bytearray)
    lengths: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        self.data += data
        self.lengths.append(len(self.data))
        self.times.append(time.monotonic())


class RecordingRelay:
    """Use as an async context manager; ``base_url`` is where it listens."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._sent: list[_Sent] = []  # per connection
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Seen]:
        """Every whole request, connection by connection."""
        return [seen for sent in self._sent for seen in _requests(sent)]

    @property
    def posts(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.method == "POST"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        sent = _Sent()
        self._sent.append(sent)
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            await asyncio.gather(_copy(reader, back, sent), _copy(there, writer, _Sent()))
        finally:
            back.transport.abort()
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: _Sent) -> None:
    """To the end of one direction; the other learns how it ended."""
    try:
        while data := await reader.read(_READ_BYTES):
            kept.add(data)
            writer.write(data)
            await writer.drain()
        writer.close()
    except ConnectionError:
        with contextlib.suppress(ConnectionError):
            writer.transport.abort()


def _requests(sent: _Sent) -> list[Seen]:
    found = []
    left = bytearray(sent.data)
    while (end := left.find(b"\r\n\r\n")) >= 0:
        head = http1.parse_head(bytes(left[: end + 4]))
        del left[: end + 4]
        body = http1.request_body(head)
        while not body.done and body.consume(left):
            pass
        if not body.done:
            break  # the client left inside it
        method, target, _ = head.start.split(" ")
        at = sent.times[bisect_left(sent.lengths, len(sent.data) - len(left))]
        found.append(Seen(method, target, head.headers, bytes(body.content), at))
    return found
