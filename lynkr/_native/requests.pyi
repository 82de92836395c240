from collections.abc import Callable
from typing import Any

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

class RequestReader:
    def __init__(
        self,
        limits: InboundLimits,
        hot: dict[bytes, Any],
        judge: Callable[[InboundRequest], Exception | None],
        crashed: Callable[[BaseException], None],
    ) -> None: ...
