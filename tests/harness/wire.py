"""One end of a connection, as bytes: what has arrived, how it ended, and every way to end it.

The scripted upstream, the raw client and the adversity proxy are all built on it. It holds back:
above ``BUFFER_BYTES_MAX`` unread bytes it stops reading, so a test that does not read exerts
back-pressure just as a real slow peer does. Nothing here sleeps: every wait is for an event.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

BUFFER_BYTES_MAX = 64 * 1024
T = TypeVar("T")
DEADLINE_S = 5.0  # a test that waits longer than this is wrong about what happens next


class Wire(asyncio.Protocol):
    """Bytes in, bytes out, and the end of the line."""

    def __init__(self, on_made: Callable[[Wire], None] | None = None) -> None:
        self.received = bytearray()
        self.received_total = 0
        self.written_total = 0
        self.at_eof = False  # the peer sent FIN; its other half may still be open
        self.error: Exception | None = None  # why the connection was lost, when not in peace
        self.peer_ended = asyncio.Event()  # FIN or RST came in
        self.lost = asyncio.Event()  # the connection is gone in both directions
        self._transport: asyncio.Transport | None = None
        self._on_made = on_made
        self._arrival = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._held = False  # pause() was called; only resume() starts reading again
        self._throttled = False

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None, "not connected"
        return self._transport

    @property
    def was_reset(self) -> bool:
        return isinstance(self.error, ConnectionResetError | BrokenPipeError)

    @property
    def write_blocked(self) -> bool:
        """True while the peer has not taken what was written."""
        return not self._writable.is_set()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but ancestry
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.received_total += len(data)
        if len(self.received) > BUFFER_BYTES_MAX and not self._throttled:
            self._throttled = True
            self.transport.pause_reading()
        self._arrival.set()

    def eof_received(self) -> bool:
        self.at_eof = True
        self.peer_ended.set()
        self._arrival.set()
        # A half-closed TCP connection stays writable; TLS has no such state.
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.peer_ended.set()
        self.lost.set()
        self._writable.set()
        self._arrival.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # What tests call

    async def more(self) -> bool:
        """Waits for bytes beyond those in ``received``; False when there will never be any."""
        have = self.received_total
        while self.received_total == have:
            if self.at_eof or self.lost.is_set():
                return False
            self._unthrottle(force=True)
            self._arrival.clear()
            await self._arrival.wait()
        return True

    async def take(self) -> bytes:
        """What has arrived, at least one byte; empty at the end."""
        if not self.received:
            await self.more()
        data = bytes(self.received)
        self.received.clear()
        self._unthrottle()
        return data

    def write(self, data: bytes) -> None:
        if not self.lost.is_set():
            self.transport.write(data)
            self.written_total += len(data)

    async def flushed(self) -> None:
        """Returns once the peer takes bytes again, or is gone."""
        await self._writable.wait()

    def pause(self) -> None:
        """Reads nothing more until ``resume``: the kernel's buffers fill, then the peer's."""
        if not self._held and not self._throttled:
            self.transport.pause_reading()
        self._held = True

    def resume(self) -> None:
        was_held, self._held = self._held, False
        if was_held and not self._throttled:
            self.transport.resume_reading()

    def close(self) -> None:
        """FIN, after what was written."""
        self.transport.close()

    def half_close(self) -> None:
        """FIN in our direction only."""
        if not self.lost.is_set() and self.transport.can_write_eof():
            self.transport.write_eof()

    def reset(self) -> None:
        """RST: with no time to linger, the kernel drops the connection instead of closing it."""
        if self.lost.is_set():
            return
        self._set_option(socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def limit_send_buffer(self, size_bytes: int) -> None:
        """Keeps the kernel from hiding a slow peer behind megabytes of its own buffer."""
        self._set_option(socket.SO_SNDBUF, struct.pack("i", size_bytes))

    def _set_option(self, option: int, value: bytes) -> None:
        # uvloop hands out a socket stand-in without options; a duplicate names the same socket.
        with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, option, value)

    def _unthrottle(self, *, force: bool = False) -> None:
        if self._throttled and (force or len(self.received) <= BUFFER_BYTES_MAX):
            self._throttled = False
            if not self._held and not self.lost.is_set():
                self.transport.resume_reading()


async def deadline(awaitable: Awaitable[T], what: str, limit_s: float = DEADLINE_S) -> T:
    """Awaits with a limit, and says what never came."""
    try:
        return await asyncio.wait_for(awaitable, limit_s)
    except TimeoutError:
        raise AssertionError(f"waited {limit_s * 1000:g} ms for {what}") from None


async def settle(turns: int = 4) -> None:
    """Lets the event loop turn, so that a peer on this loop reads what was written on its own.

    Loopback delivers a write at once and each turn polls the sockets: a count, not a delay.
    """
    for _ in range(turns):
        await asyncio.sleep(0)
