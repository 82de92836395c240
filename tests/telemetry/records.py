"""Records for the telemetry tests: a plain successful stream, with what a test wants changed."""

from __future__ import annotations

import msgspec

from lynkr.policies.record import CacheUse, Record, RoutingUse, Saving
from lynkr.wire.message import Usage

_PLAIN = Record(
    request_id="r-1",
    accepted_at=1_700_000_000.5,
    api="messages",
    path="/v1/messages",
    client="192.0.2.1",
    principal="alice",
    team="blue",
    provider="main",
    lane="splice",
    model_asked="sonnet",
    model="claude-sonnet",
    model_replied="claude-sonnet-1",
    stream=True,
    status=200,
    ended_by="complete",
    error="",
    error_source="",
    stop_reason="end_turn",
    request_bytes=1000,
    reply_bytes=200,
    attempts=1,
    failed_over=[],
    dropped=(),
    connection_reused=True,
    overhead_us=140,
    upstream_write_ms=0.4,
    first_byte_ms=830.0,
    last_byte_ms=1200.0,
    saving=Saving(),
    cache=CacheUse("bypass"),
    routing=RoutingUse(),
    usage=Usage(input_tokens=12, output_tokens=34, prompt_cache_read_tokens=56),
)


def record(**changes: object) -> Record:
    return msgspec.structs.replace(_PLAIN, **changes)
