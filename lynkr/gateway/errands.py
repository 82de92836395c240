"""Calls of the gateway's own: no client waits for them, and everything else is as for a client.

An errand is a request on a connection made of memory. It takes the whole way of a call (route,
passes, failover, record, bill), and its reply is read by whoever sent it instead of being passed
on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lynkr._native.inbound import Inbound
from lynkr._native.requests import InboundLimits, InboundRequest
from lynkr.gateway import pipeline
from lynkr.gateway.exchange import Desk, Exchange
from lynkr.wire.apis import BY_PATH
from lynkr.wire.message import Response

if TYPE_CHECKING:
    from lynkr.gateway.rules import Rules
    from lynkr.policies.access import Principal

Done = Callable[[Response | None], None]
ERRANDS_MAX = 16  # at a time; beyond that none is begun
_PEER = "gateway"  # stands for the client's address in records


class Errands:
    """The worker's own calls under way."""

    def __init__(
        self, desk: Desk, rules: Callable[[], Rules], limits: Callable[[], InboundLimits]
    ) -> None:
        self._desk = desk
        self._rules = rules
        self._limits = limits
        self.under_way = 0

    def send(self, principal: Principal | None, request: bytes, done: Done) -> bool:
        """Send a whole HTTP request on behalf of a principal. ``done`` is called once, with the
        reply, or ``None`` when there is none that could be kept. False: too many are under way."""
        if self.under_way >= ERRANDS_MAX:
            return False
        self.under_way += 1
        told = False

        def over(response: Response | None) -> None:
            nonlocal told
            if not told:
                told = True
                self.under_way -= 1
                done(response)

        loop = asyncio.get_running_loop()
        handler = _Handler(self._desk, self._rules(), principal, over)
        inbound = Inbound(loop, handler, self._limits())
        inbound.connection_made(_Nowhere(inbound, loop))
        inbound.data_received(request)
        return True


class _Handler:
    """What the connection of one errand asks."""

    hot = BY_PATH

    def __init__(self, desk: Desk, rules: Rules, principal: Principal | None, done: Done) -> None:
        self._desk = desk
        self._rules = rules
        self._principal = principal
        self._done = done

    def head(self, inbound: Inbound, request: InboundRequest) -> Exception | None:
        request.principal = self._principal
        return None

    def call(self, inbound: Inbound, request: InboundRequest) -> None:
        exchange = Exchange(self._desk, self._rules, inbound, request)
        exchange.errand = self._done
        pipeline.run(exchange)

    def cold(self, inbound: Inbound, request: InboundRequest) -> None:
        inbound.abort()

    def refused(self, inbound: Inbound, request: InboundRequest, error: Any) -> bytes:
        return b""

    def refusal(
        self,
        inbound: Inbound,
        request: InboundRequest | None,
        status: int,
        kind: str,
        message: str,
    ) -> bytes:
        return b""

    def crashed(self, error: BaseException) -> None:
        self._desk.crashed(error)

    def connected(self, inbound: Inbound) -> None:
        pass

    def lost(self, inbound: Inbound) -> None:
        self._done(None)


class _Nowhere(asyncio.Transport):
    """Takes a reply that nobody reads here: it has been read on its way."""

    def __init__(self, inbound: Inbound, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inbound = inbound
        self._loop = loop
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (_PEER, 0) if name == "peername" else default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        pass

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._inbound.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def rebuilt(request: InboundRequest, more: bytes = b"") -> bytes:
    """The request as bytes again, from its parsed parts: nothing unparsed is passed on. ``more``:
    header lines to add."""
    body = request.body()
    version = b"1.0" if request.http_1_0 else b"1.1"
    lines = [b"%b %b HTTP/%b\r\n" % (request.method, request.target, version)]
    if request.host is not None:
        lines.append(b"host: %b\r\n" % request.host)
    lines.append(request.head)
    if request.authorization is not None:
        lines.append(b"authorization: %b\r\n" % request.authorization)
    if request.api_key is not None:
        lines.append(b"x-api-key: %b\r\n" % request.api_key)
    lines += [b"%b: %b\r\n" % pair for pair in request.gateway_headers or ()]
    if request.http_1_0 and request.keep_alive:
        lines.append(b"connection: keep-alive\r\n")
    elif not request.keep_alive:
        lines.append(b"connection: close\r\n")
    if body or request.method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"content-length: %d\r\n" % len(body))
    return b"".join([*lines, more, b"\r\n", body])
