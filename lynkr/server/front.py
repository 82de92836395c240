"""The listening side: one ``Inbound`` per client connection, and where its requests go.

Inference requests go to the pipeline on the raw transport; everything else to the control plane. A
refused or unusable request is answered here, in the dialect of its route, and logged like a call.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from lynkr._native.inbound import Inbound
from lynkr._native.requests import InboundLimits, InboundRequest
from lynkr.config.settings import Limits
from lynkr.errors import GatewayError
from lynkr.gateway import pipeline
from lynkr.gateway.exchange import Desk, Exchange
from lynkr.gateway.lanes import error_reply
from lynkr.gateway.rules import Rules
from lynkr.wire.apis import BY_PATH
from lynkr.wire.format import Api

UNIX_PEER = "unix"  # how a Unix socket's peer is named, in logs and in server.trusted_proxies


def inbound_limits(limits: Limits) -> InboundLimits:
    return InboundLimits(
        body_bytes_max=limits.body_bytes_max,
        header_bytes_max=limits.header_bytes_max,
        header_count_max=limits.header_count_max,
        header_timeout_s=limits.header_timeout_s,
        body_timeout_s=limits.body_timeout_s,
        keepalive_timeout_s=limits.keepalive_timeout_s,
        pipeline_max=limits.pipeline_max,
        write_buffer_bytes=limits.write_buffer_bytes,
    )


class TrustedProxies:
    """Whose ``X-Forwarded-For`` is believed."""

    def __init__(self, entries: list[str]) -> None:
        self._unix = UNIX_PEER in entries
        self._networks = [
            ipaddress.ip_network(entry, strict=False) for entry in entries if entry != UNIX_PEER
        ]

    def __contains__(self, peer: str) -> bool:
        if peer == UNIX_PEER:
            return self._unix
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: bytes | None) -> str:
        """The caller's address: the last one in the chain that no trusted proxy vouches for."""
        if forwarded_for is None or (not self._networks and not self._unix) or peer not in self:
            return peer
        client = peer
        for hop in reversed(forwarded_for.decode("ascii", "replace").split(",")):
            try:
                client = str(ipaddress.ip_address(hop.strip()))
            except ValueError:
                break  # not an address: what stands before it cannot be believed either
            if client not in self:
                break
        return client


class Front:
    """The handler that every ``Inbound`` of a worker speaks to."""

    hot = BY_PATH

    def __init__(
        self,
        desk: Desk,
        rules: Callable[[], Rules],
        serve_cold: Callable[[Inbound, InboundRequest], None],
        refusal_noted: Callable[[Inbound, InboundRequest | None, GatewayError, str], None],
        connections_changed: Callable[[int], None],
    ) -> None:
        self._desk = desk
        self._rules = rules
        self._serve_cold = serve_cold
        self._refusal_noted = refusal_noted
        self._connections_changed = connections_changed
        self.connections: set[Inbound] = set()

    def connected(self, inbound: Inbound) -> None:
        self.connections.add(inbound)
        self._connections_changed(len(self.connections))
        if len(self.connections) > self._rules().settings.limits.connections_max:
            why = "The gateway has no room for another connection."
            inbound.send(self.refusal(inbound, None, 503, "too_many_connections", why))
            inbound.end_broken(b"", False)

    def lost(self, inbound: Inbound) -> None:
        self.connections.discard(inbound)
        self._connections_changed(len(self.connections))

    def head(self, inbound: Inbound, request: InboundRequest) -> GatewayError | None:
        try:
            request.principal = pipeline.admit(self._rules(), request)
        except GatewayError as error:
            return error
        return None

    def call(self, inbound: Inbound, request: InboundRequest) -> None:
        pipeline.run(Exchange(self._desk, self._rules(), inbound, request))

    def cold(self, inbound: Inbound, request: InboundRequest) -> None:
        self._serve_cold(inbound, request)

    def refused(self, inbound: Inbound, request: InboundRequest, error: GatewayError) -> bytes:
        """The reply to a request that ``head`` turned away."""
        return self._reply(inbound, request, error, keep=request.keep_alive)

    def refusal(
        self,
        inbound: Inbound,
        request: InboundRequest | None,
        status: int,
        kind: str,
        message: str,
    ) -> bytes:
        """The reply to bytes that are no usable request; the connection ends with it."""
        source = "gateway" if status >= 500 else "client"
        error = GatewayError(kind, status, message, source=source)  # type: ignore[arg-type]
        return self._reply(inbound, request, error, keep=False)

    def crashed(self, error: BaseException) -> None:
        self._desk.crashed(error)

    def _reply(
        self, inbound: Inbound, request: InboundRequest | None, error: GatewayError, *, keep: bool
    ) -> bytes:
        request_id = self._desk.next_request_id()
        self._refusal_noted(inbound, request, error, request_id)
        api: Api | None = request.route if request is not None else None
        if api is None and request is not None:
            api = BY_PATH.get(request.target.partition(b"?")[0])
        return error_reply(error, api, request_id, keep=keep)[0]
