"""A coding tool at its most literal: the bytes it is given go out, the reply comes back in pieces.

``read_reply`` takes a whole reply; ``read_head`` with ``read_event`` or ``read_piece`` follow one
as it streams. How a reply ended is part of the answer: telling a finished stream from a broken one
is what several promises of the gateway are about.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import Self

from tests.harness import http1
from tests.harness.wire import DEADLINE_S, Wire, deadline

# An SSE frame ends at a blank line, whatever the sender takes for a line end.
_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)|\n\r\n|\r\n\n")


@dataclass
class Reply:
    """``clean_end``: the framing was satisfied, or a body without framing ended with FIN."""

    head: http1.Head
    body: bytes
    chunks: list[bytes]
    clean_end: bool
    reset: bool
    interim: list[http1.Head] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.head.start.split(" ")[1])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.head.headers

    def header(self, name: str) -> str | None:
        return self.head.value(name)


class RawClient:
    """One connection. Requests are sent as bytes; ``request`` builds the usual ones."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._head: http1.Head | None = None  # of the reply being followed
        self._body: http1.Body | None = None
        self._events_read = 0  # offset in the body up to which frames were handed out

    @classmethod
    async def connect(
        cls,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        unix_socket: str | None = None,
        tls: ssl.SSLContext | None = None,
        receive_buffer_bytes: int | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> Self:
        loop = asyncio.get_running_loop()
        if unix_socket is not None:
            local = loop.create_unix_connection(Wire, unix_socket)
            return cls((await deadline(local, f"connection to {unix_socket}"))[1])
        line = socket.socket()
        line.setblocking(False)
        if receive_buffer_bytes is not None:  # before connecting: the window is agreed upon then
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        what = f"connection to {host}:{port}"
        try:
            await deadline(loop.sock_connect(line, (host, port)), what, deadline_s)
            name = host if tls else None
            opening = loop.create_connection(Wire, sock=line, ssl=tls, server_hostname=name)
            return cls((await deadline(opening, what, deadline_s))[1])
        except BaseException:
            line.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.wire.transport.abort()
        await deadline(self.wire.lost.wait(), "the end of the client's connection")

    def send(self, data: bytes) -> None:
        self.wire.write(data)

    async def flush(self) -> None:
        await deadline(self.wire.flushed(), "the gateway to read on")

    async def read_head(self) -> http1.Head:
        """The next head, 1xx included; its body is then read in pieces."""
        head = await deadline(http1.read_head(self.wire), "a reply head")
        if head is None:
            raise ConnectionError("reset before a reply" if self.wire.was_reset else "no reply")
        self._head = head
        self._body = http1.reply_body(head, bodiless=False)
        self._events_read = 0
        return head

    async def read_piece(self) -> bytes:
        """Body bytes as they come in; empty at the end, clean or not (see ``rest``)."""
        assert self._body is not None, "read_head() comes first"
        have = len(self._body.content)
        while len(self._body.content) == have and not self._body.done:
            if not await deadline(http1.read_some(self.wire, self._body), "more of the reply"):
                break
        return bytes(self._body.content[have:])

    async def read_event(self) -> bytes | None:
        """The next SSE frame, blank line included; None when the body ends first."""
        assert self._body is not None, "read_head() comes first"
        while (end := _FRAME_END.search(self._body.content, self._events_read)) is None:
            if not await self.read_piece():
                return None
        frame = bytes(self._body.content[self._events_read : end.end()])
        self._events_read = end.end()
        return frame

    async def rest(self) -> Reply:
        """What is left of the reply being followed; its body has the pieces already read too."""
        assert self._head is not None
        assert self._body is not None
        body = self._body
        framed = await deadline(http1.read_body(self.wire, body), "the end of the reply")
        by_close = body.length is None and not body.chunked
        return Reply(
            head=self._head,
            body=bytes(body.content),
            chunks=body.chunks,
            clean_end=framed or (by_close and not self.wire.was_reset),
            reset=self.wire.was_reset,
        )

    async def read_reply(self, *, to_head: bool = False) -> Reply:
        """A whole reply, however it ends. ``to_head``: the request was HEAD, so no body follows."""
        interim = []
        head = await self.read_head()
        while head.start.split(" ")[1].startswith("1") and " 101" not in head.start:
            interim.append(head)
            head = await self.read_head()
        if to_head:
            self._body = http1.reply_body(head, bodiless=True)
        reply = await self.rest()
        reply.interim = interim
        return reply

    async def ended(self) -> bool:
        """Waits until the gateway ends the connection. True when it left no bytes behind."""
        await deadline(self.wire.peer_ended.wait(), "the gateway to close")
        return not self.wire.received

    def pause(self) -> None:
        self.wire.pause()

    def resume(self) -> None:
        self.wire.resume()

    def close(self) -> None:
        self.wire.close()

    def reset(self) -> None:
        self.wire.reset()

    def half_close(self) -> None:
        self.wire.half_close()


def request(
    target: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    headers: list[tuple[str, str]] | None = None,
    host: str = "gateway.test",
    version: str = "1.1",
) -> bytes:
    """A request with its content-length, unless ``headers`` frame the body already."""
    given = headers or []
    framed = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in given)
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in given]
    if not framed and (body or method == "POST"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
