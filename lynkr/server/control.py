"""The control plane behind the same port: requests that are not hot, served by an aiohttp
application.

The front keeps the socket. For each such request aiohttp gets a connection of its own, made of
memory: the request is written to it as it came, and its reply goes to the client as aiohttp writes
it. When the reply is whole (its framing is parsed, not guessed) the connection ends and the front
goes on with the next request, which may be an inference call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from httptools import HttpParserError, HttpResponseParser

from lynkr._native.inbound import Inbound
from lynkr._native.requests import InboundRequest
from lynkr.gateway.errands import rebuilt

# aiohttp's RequestHandler is a protocol, but its type does not say so in all versions.
MakeHandler = Callable[[], Any]


class _ReplyEnd:
    """Sees where a reply ends."""

    def __init__(self, head_only: bool) -> None:
        self.complete = False
        self.keep = True
        self._head_only = head_only
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            # Our own application wrote something odd: end the connection rather than guess.
            self.complete, self.keep = True, False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._head_only and status >= 200:
            self.complete = True
            self.keep = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self.complete = True
            self.keep = self._parser.should_keep_alive()


class ReplyTransport(asyncio.Transport):
    """The aiohttp side of one request: what it writes goes to the client."""

    def __init__(self, inbound: Inbound, request: InboundRequest, handler: Any) -> None:
        super().__init__()
        self._inbound = inbound
        self._handler = handler
        self._end = _ReplyEnd(request.method == b"HEAD")
        self._closing = False
        self._loop = asyncio.get_running_loop()

    # what aiohttp asks

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return default  # its options are the front's business
        return self._inbound.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        if self._closing:
            return
        piece = bytes(data)
        self._inbound.send(piece)
        self._end.feed(piece)
        if self._end.complete:
            self._finish(self._end.keep)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[int]]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self._finish(False)

    def abort(self) -> None:
        self._finish(False)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass  # the front has set its own

    def get_write_buffer_size(self) -> int:
        return self._inbound.transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        pass  # the whole request has been handed over already

    def resume_reading(self) -> None:
        pass

    # what the front tells

    def client_left(self) -> None:
        self._closing = True
        self._loop.call_soon(self._handler.connection_lost, ConnectionResetError())

    def pause(self) -> None:
        self._handler.pause_writing()

    def resume(self) -> None:
        self._handler.resume_writing()

    def _finish(self, keep: bool) -> None:
        if self._closing:
            return
        self._closing = True
        # Later: aiohttp is inside a write and has its own last words to say.
        self._loop.call_soon(self._handler.connection_lost, None)
        self._loop.call_soon(self._end_reply, keep)

    def _end_reply(self, keep: bool) -> None:
        if not self._inbound.gone:
            self._inbound.end(keep)


def serve(make_handler: MakeHandler, inbound: Inbound, request: InboundRequest) -> None:
    """Answer one request from the aiohttp application."""
    handler = make_handler()
    transport = ReplyTransport(inbound, request, handler)
    inbound.begin(transport, transport)
    handler.connection_made(transport)
    handler.data_received(rebuilt(request))
