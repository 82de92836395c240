"""A relay between a client and the gateway that keeps what the client sent, byte for byte.

It copies both directions unread. The requests are parsed afterwards, by the harness's own strict
reader, so nothing of the gateway takes part in saying what the client sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from tests.e2e.agent_upstream import Seen
from tests.harness import http1

_READ_BYTES = 64 * 1024


class RecordingRelay:
    """Use as an async context manager; ``base_url`` is where it listens."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._sent: list[bytearray] = []  # per connection
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Seen]:
        """Every whole request, connection by connection."""
        return [seen for sent in self._sent for seen in _requests(bytearray(sent))]

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
        sent = bytearray()
        self._sent.append(sent)
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            await asyncio.gather(_copy(reader, back, sent), _copy(there, writer, bytearray()))
        finally:
            back.transport.abort()
            writer.transport.abort()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
) -> None:
    """To the end of one direction; the other learns how it ended."""
    try:
        while data := await reader.read(_READ_BYTES):
            kept += data
            writer.write(data)
            await writer.drain()
        writer.close()
    except ConnectionError:
        with contextlib.suppress(ConnectionError):
            writer.transport.abort()


def _requests(sent: bytearray) -> list[Seen]:
    found = []
    while (end := sent.find(b"\r\n\r\n")) >= 0:
        head = http1.parse_head(bytes(sent[: end + 4]))
        del sent[: end + 4]
        body = http1.request_body(head)
        while not body.done and body.consume(sent):
            pass
        if not body.done:
            break  # the client left inside it
        method, target, _ = head.start.split(" ")
        found.append(Seen(method, target, head.headers, bytes(body.content)))
    return found
