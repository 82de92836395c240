"""The demo as an origin: a connection made of memory, with a pretend provider at its other end.

The gateway dials ``demo://`` like any other origin and gets an ``Outbound`` whose transport is
here, so the demo takes the same path as a real provider, bytes and all, without a socket.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from httptools import HttpRequestParser

from lynkr._native.outbound import Outbound
from lynkr.demo.script import DemoReply, answer

_seeds = itertools.count(1)


class DemoTransport(asyncio.Transport):
    """The gateway's end of the wire. What is written is a request; the reply is played back in
    time."""

    def __init__(self, protocol: Outbound) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._parser = HttpRequestParser(self)
        self._path = b""
        self._body: list[bytes] = []
        self._frames: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._closing = False

    # --- the request --------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        path = self._path.partition(b"?")[0].decode("ascii", "replace")
        body = b"".join(self._body)
        self._path, self._body = b"", []
        reply = answer(path, body, seed=f"demo{next(_seeds)}", now=int(time.time()))
        self._frames.extend(_wire(reply))
        self._schedule()

    # --- the reply ----------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._frames and self._timer is None and not self._paused and not self._closing:
            self._timer = self._loop.call_later(self._frames[0][0], self._play)

    def _play(self) -> None:
        self._timer = None
        if self._closing or self._paused:
            return
        _, data = self._frames.popleft()
        self._protocol.data_received(data)
        self._schedule()

    # --- asyncio.Transport --------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        self._parser.feed_data(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[int]]) -> None:
        for data in list_of_data:
            self.write(data)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._schedule()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._frames.clear()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0


def _wire(reply: DemoReply) -> list[tuple[float, bytes]]:
    """A reply as bytes on the wire: chunked when it streams, with a length when it does not."""
    status = HTTPStatus(reply.status)
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {reply.content_type}\r\n"
    if reply.content_type.startswith("text/event-stream"):
        first = f"{head}cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        frames = [(wait_s, b"%x\r\n%b\r\n" % (len(data), data)) for wait_s, data in reply.frames]
        frames[0] = (frames[0][0], first + frames[0][1])
        frames[-1] = (frames[-1][0], frames[-1][1] + b"0\r\n\r\n")
        return frames
    wait_s, body = reply.frames[0]
    return [(wait_s, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)]


async def dial(_origin: object, protocol: Callable[[], Outbound]) -> Outbound:
    """Open a connection to the demo."""
    outbound = protocol()
    outbound.connection_made(DemoTransport(outbound))
    return outbound
