import asyncio
from asyncio import AbstractEventLoop, Transport
from typing import Any, Protocol

class Owner(Protocol):
    def client_left(self) -> None: ...

class Source(Protocol):
    def pause(self) -> None: ...
    def resume(self) -> None: ...

class Handler(Protocol):
    hot: dict[bytes, Any]

    def head(self, inbound: Inbound, request: InboundRequest) -> Exception | None: ...
    def call(self, inbound: Inbound, request: InboundRequest) -> None: ...
    def cold(self, inbound: Inbound, request: InboundRequest) -> None: ...
    def refused(self, inbound: Inbound, request: InboundRequest, error: Any) -> bytes: ...
    def refusal(
        self,
        inbound: Inbound,
        request: InboundRequest | None,
        status: int,
        kind: str,
        message: str,
    ) -> bytes: ...
    def crashed(self, error: BaseException) -> None: ...
    def lost(self, inbound: Inbound) -> None: ...

class InboundLimits:
    body_bytes_max: int
    header_bytes_max: int
    write_buffer_bytes: int
    header_count_max: int
    pipeline_max: int
    header_timeout_s: float
    body_timeout_s: float
    keepalive_timeout_s: float
    def __init__(
        self,
        *,
        body_bytes_max: int,
        header_bytes_max: int,
        header_count_max: int,
        header_timeout_s: float,
        body_timeout_s: float,
        keepalive_timeout_s: float,
        pipeline_max: int,
        write_buffer_bytes: int,
    ) -> None: ...

class InboundRequest:
    method: bytes
    target: bytes
    path: bytes
    query: bytes
    route: Any
    head: bytes
    authorization: bytes | None
    api_key: bytes | None
    host: bytes | None
    content_type: bytes | None
    forwarded_for: bytes | None
    anthropic_version: bytes | None
    gateway_headers: list[tuple[bytes, bytes]] | None
    keep_alive: bool
    http_1_0: bool
    complete: bool
    wants_continue: bool
    accepted_ns: int
    ready_ns: int
    body_length: int
    principal: Any
    def body(self) -> bytes: ...
    def drop_body(self) -> None: ...
    def gateway_header(self, name: bytes) -> bytes | None: ...

# By duck typing: a compiled class cannot inherit a Python one, and the loops only look for methods.
class Inbound(asyncio.Protocol):
    transport: Transport
    peer: str
    writing_paused: bool
    written: int
    def __init__(
        self, loop: AbstractEventLoop, handler: Handler, limits: InboundLimits
    ) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def check_deadline(self, now: float) -> None: ...
    def begin(self, owner: Owner, source: Source | None = None) -> None: ...
    def feed_from(self, source: Source | None) -> None: ...
    def send(self, data: bytes) -> bool: ...
    def end(self, keep: bool) -> None: ...
    def end_broken(self, last: bytes, reset: bool) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...
    @property
    def gone(self) -> bool: ...
    @property
    def busy(self) -> bool: ...
