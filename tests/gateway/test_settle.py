"""The record of a call: every fact from where it was learned, and nothing that was not."""

from __future__ import annotations

import time

import pytest

from lynkr.errors import GatewayError
from lynkr.gateway import pipeline
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.settle import record_of, refusal_record
from lynkr.policies.access import Principal
from lynkr.wire.message import Usage
from tests.gateway.test_pipeline import BODY, exchange, received, rules

MS = 1_000_000


def planned(body: bytes = BODY, *, path: str = "/v1/messages") -> Exchange:
    call = exchange(rules(models={"fast": "claude-haiku-4-5"}), body, path=path)
    pipeline.read(call)
    pipeline.route(call)
    return call


def test_a_call_that_never_got_anywhere() -> None:
    """Before a route: no provider, no lane, no times, and zero attempts."""
    call = exchange(rules())
    call.error, call.error_source, call.ended_by = "invalid_model", "client", "gateway"
    call.reply_status, call.reply_bytes = 400, 7
    record = record_of(call, "10.0.0.1")
    assert (record.request_id, record.api, record.path) == ("req_1", "messages", "/v1/messages")
    assert (record.client, record.principal, record.team) == ("10.0.0.1", "anonymous", "")
    assert (record.provider, record.lane, record.model_asked, record.model) == ("", "none", "", "")
    assert (record.status, record.ended_by, record.error) == (400, "gateway", "invalid_model")
    assert (record.error_source, record.request_bytes, record.reply_bytes) == (
        "client",
        len(BODY),
        7,
    )
    assert (record.attempts, record.connection_reused) == (0, False)
    assert record.overhead_us is record.upstream_write_ms is record.first_byte_ms is None
    assert record.usage == Usage()
    assert record.last_byte_ms >= 0
    assert abs(record.accepted_at - time.time()) < 5


def test_a_call_that_was_served() -> None:
    call = planned(b'{"model":"fast","stream":true}')
    call.request.principal = Principal(name="ada", team="one")
    start_ns = call.request.accepted_ns
    call.times_written_ns = start_ns + 2 * MS
    call.times_first_ns = start_ns + 50 * MS
    call.times_last_ns = start_ns + 900 * MS
    call.attempts, call.reused = 2, True
    call.reply_status, call.reply_bytes = 200, 1234
    call.reading = call.api.format.events
    call.tee = call.reading.tee(None, None)
    call.tee.feed(
        b'data: {"type":"message_start","message":{"model":"claude-haiku-4-5-2025","usage":'
        b'{"input_tokens":3}}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":'
        b'{"output_tokens":4}}\n\n'
    )
    record = record_of(call, "unix")
    assert (record.principal, record.team, record.client) == ("ada", "one", "unix")
    assert (record.provider, record.lane) == ("main", "edit")
    assert (record.model_asked, record.model) == ("fast", "claude-haiku-4-5")
    assert (record.model_replied, record.stop_reason) == ("claude-haiku-4-5-2025", "tool_use")
    assert (record.stream, record.status, record.ended_by) == (True, 200, "complete")
    assert (record.error, record.error_source) == ("", "")
    assert (record.attempts, record.connection_reused, record.reply_bytes) == (2, True, 1234)
    assert record.overhead_us == (call.times_written_ns - call.request.ready_ns) // 1000
    assert (record.upstream_write_ms, record.first_byte_ms, record.last_byte_ms) == (2, 50, 900)
    assert record.usage == Usage(3, 4)


@pytest.mark.parametrize(
    ("own", "expected"),
    [(("", ""), ("overloaded_error", "upstream")), (("late", "gateway"), ("late", "gateway"))],
)
def test_an_error_in_the_stream_is_the_upstreams_unless_the_gateway_had_its_own(
    own: tuple[str, str], expected: tuple[str, str]
) -> None:
    call = planned()
    call.error, call.error_source = own
    call.reading = call.api.format.events
    call.tee = call.reading.tee(None, None)
    call.tee.feed(b'data: {"type":"error","error":{"type":"overloaded_error"}}\n\n')
    record = record_of(call, "c")
    assert (record.error, record.error_source) == expected


def test_a_count_is_no_use_of_tokens() -> None:
    call = planned(path="/v1/messages/count_tokens")
    call.reading = call.api.body
    call.tee = call.reading.tee(None, None)
    call.tee.feed(b'{"input_tokens":2095}')
    record = record_of(call, "c")
    assert (record.api, record.usage) == ("count_tokens", Usage())


def test_no_reply_can_fail_its_record() -> None:
    """The client is served already: whatever the upstream said, the call is written down."""
    call = planned()
    call.reading = call.api.format.events
    call.tee = call.reading.tee(None, None)
    call.tee.feed(b'data: {"usage":{"output_tokens":1,"x":' + b"[" * 3000 + b"]" * 3000 + b"}}\n\n")
    assert record_of(call, "c").status == 0


def test_a_refusal_before_there_was_a_request() -> None:
    error = GatewayError("malformed_request", 400, "No HTTP.", source="client")
    record = refusal_record(None, error, "req_9", "10.0.0.1")
    assert (record.request_id, record.client, record.api, record.path) == (
        "req_9",
        "10.0.0.1",
        "",
        "",
    )
    assert (record.status, record.error, record.error_source, record.ended_by) == (
        400,
        "malformed_request",
        "client",
        "gateway",
    )
    assert (record.lane, record.attempts, record.request_bytes, record.usage) == (
        "none",
        0,
        0,
        Usage(),
    )


def test_a_refusal_of_a_request_names_its_route_and_its_size() -> None:
    one, _, _ = received()
    error = GatewayError("missing_key", 401, "No key.", source="client")
    record = refusal_record(one, error, "req_9", "c")
    assert (record.api, record.path, record.request_bytes) == (
        "messages",
        "/v1/messages",
        len(BODY),
    )
    assert (record.principal, record.status) == ("anonymous", 401)
    unrouted, _, _ = received(path="/v1/nowhere")
    assert refusal_record(unrouted, error, "req_9", "c").api == ""
