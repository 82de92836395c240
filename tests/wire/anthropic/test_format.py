"""Anthropic Messages: facts read from its replies, and errors that its SDKs understand."""

from __future__ import annotations

import json

import anthropic
import httpx2
import pytest

from lynkr.errors import GatewayError
from lynkr.wire.anthropic.format import COUNT_BODY, FORMAT
from lynkr.wire.format import Reading
from lynkr.wire.message import ReplyFacts, Usage
from tests.harness.fixtures import Fixture, all_fixtures
from tests.native import reference

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,'
    b'"usage":{"input_tokens":12,"cache_creation_input_tokens":318,"cache_read_input_tokens":6821,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":318},"output_tokens":1,"service_tier":"standard"'
    b"}}}\n\n"
)
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def delta(usage: bytes, stop_reason: bytes = b'"end_turn"') -> bytes:
    return (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":%b,'
        b'"stop_sequence":null},"usage":%b}\n\n' % (stop_reason, usage)
    )


def read(reading: Reading, data: bytes) -> ReplyFacts:
    tee = reading.tee(None, None)
    tee.feed(data)
    return reading.read(tee)


def stream(*events: bytes) -> ReplyFacts:
    return read(FORMAT.events, b"".join(events))


def body(usage: bytes) -> Usage:
    return read(FORMAT.body, b'{"model":"m","usage":%b,"stop_reason":"end_turn"}' % usage).usage


@pytest.mark.parametrize(
    "fixture", [each for each in all_fixtures() if each.family == "messages"], ids=repr
)
def test_the_facts_of_a_recorded_reply(fixture: Fixture) -> None:
    expect = fixture.expect
    if expect.status != 200:
        return
    if "count_tokens" in expect.path:
        assert read(COUNT_BODY, fixture.reply) == ReplyFacts()
        return
    facts = read(FORMAT.events if fixture.is_stream else FORMAT.body, fixture.reply)
    assert facts == ReplyFacts(
        expect.model_replied, expect.stop_reason, expect.error, Usage(**expect.usage)
    )


def test_the_last_delta_corrects_the_start_field_by_field() -> None:
    """``message_delta`` is cumulative, and may leave out what has not changed."""
    facts = stream(
        START, delta(b'{"output_tokens":5}', b"null"), delta(b'{"output_tokens":17}'), STOP
    )
    assert facts == ReplyFacts(
        "claude-sonnet-4-5-20250929", "end_turn", "", Usage(12, 17, 6821, 318, None)
    )
    facts = stream(
        START, delta(b'{"input_tokens":20,"cache_read_input_tokens":0,"output_tokens":9}')
    )
    assert facts.usage == Usage(20, 9, 0, 318, None)


def test_a_stream_without_its_last_usage_counts_what_the_start_said() -> None:
    assert stream(START).usage == Usage(12, 1, 6821, 318, None)
    assert stream(START).stop_reason == ""
    assert stream(delta(b'{"output_tokens":9}')).usage == Usage(None, 9)


def test_thinking_is_part_of_the_output() -> None:
    usage = b'{"output_tokens":40,"output_tokens_details":{"thinking_tokens":30}}'
    assert stream(START, delta(usage)).usage == Usage(12, 40, 6821, 318, 30)
    assert body(usage) == Usage(None, 40, reasoning_tokens=30)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b"null", Usage()),
        (b"{}", Usage()),
        (b'"12"', Usage()),
        (b'{"input_tokens":null,"output_tokens":3}', Usage(None, 3)),
        (b'{"input_tokens":"12","output_tokens":3}', Usage(None, 3)),
        (b'{"input_tokens":-1,"output_tokens":3}', Usage(None, 3)),
        (b'{"input_tokens":12.0,"output_tokens":3.5}', Usage(12, None)),
        (b'{"input_tokens":true,"output_tokens":3}', Usage(None, 3)),
        (b'{"input_tokens":{"a":1},"output_tokens":3}', Usage(None, 3)),
        (b'{"output_tokens":3,"output_tokens_details":7}', Usage(None, 3)),
        (b'{"output_tokens":3,"output_tokens_details":null}', Usage(None, 3)),
        (b'{"cache_read_input_tokens":0,"input_tokens":0}', Usage(0, None, 0)),
    ],
)
def test_an_odd_usage_is_read_as_far_as_it_goes(usage: bytes, expected: Usage) -> None:
    """Nothing is invented: what is no count was not reported."""
    assert body(usage) == expected
    assert stream(delta(usage)).usage == expected


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (b'{"type":"overloaded_error","message":"Overloaded"}', "overloaded_error"),
        (b'{"message":"Overloaded"}', "error"),
        (b'"Overloaded"', "error"),
        (b"{}", "error"),
        pytest.param(
            b'{"type":null}',
            "error",
        ),
    ],
)
def test_an_error_event_is_a_fact_and_an_end(error: bytes, name: str) -> None:
    tee = FORMAT.events.tee(None, None)
    tee.feed(START + b'event: error\ndata: {"type":"error","error":%b}\n\n' % error)
    facts = FORMAT.events.read(tee)
    assert (facts.error, tee.ended, facts.usage.input_tokens) == (name, True, 12)


@pytest.mark.parametrize(
    ("events", "ended"),
    [
        (START, False),
        (START + delta(b"{}", b"null"), False),
        (START + delta(b"{}"), True),
        (START + STOP, True),
        (START + b'data: {"type":"ping"}\n\n', False),
    ],
)
def test_a_stream_ends_with_its_own_mark(events: bytes, ended: bool) -> None:
    """Clients accept a stream without ``message_stop`` or without ``message_delta``, not both."""
    tee = FORMAT.events.tee(None, None)
    tee.feed(events)
    assert (tee.begun, tee.ended) == (True, ended)


# --- errors -------------------------------------------------------------------------------------

STATUSES = {
    400: ("invalid_request_error", anthropic.BadRequestError),
    401: ("authentication_error", anthropic.AuthenticationError),
    403: ("permission_error", anthropic.PermissionDeniedError),
    404: ("not_found_error", anthropic.NotFoundError),
    405: ("invalid_request_error", anthropic.APIStatusError),
    408: ("timeout_error", anthropic.APIStatusError),
    413: ("request_too_large", anthropic.RequestTooLargeError),
    418: ("invalid_request_error", anthropic.APIStatusError),
    429: ("rate_limit_error", anthropic.RateLimitError),
    431: ("invalid_request_error", anthropic.APIStatusError),
    500: ("api_error", anthropic.InternalServerError),
    502: ("api_error", anthropic.InternalServerError),
    503: ("api_error", anthropic.InternalServerError),
    504: ("timeout_error", anthropic.InternalServerError),
    529: ("overloaded_error", anthropic.InternalServerError),
}


def _error(status: int = 400) -> GatewayError:
    return GatewayError(
        "some_kind", status, "It went wrong.", source="client", field="model", hint="Try again."
    )


@pytest.mark.parametrize(("status", "kind", "raised"), [(s, *pair) for s, pair in STATUSES.items()])
def test_an_error_body_is_one_the_sdk_understands(
    status: int, kind: str, raised: type[anthropic.APIStatusError]
) -> None:
    """The type fits the status; the field at fault and what to do about it can be read."""
    content = FORMAT.error_body(_error(status), "req_7")
    assert json.loads(content) == {
        "type": "error",
        "error": {"type": kind, "message": "model: It went wrong. Try again."},
        "request_id": "req_7",
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=content))
    with (
        anthropic.Anthropic(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        pytest.raises(raised, match="model: It went wrong") as caught,
    ):
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code == status


def test_an_error_without_field_or_id_leaves_them_out() -> None:
    error = GatewayError("k", 500, 'Say "no" \n.', source="gateway")
    assert json.loads(FORMAT.error_body(error, "")) == {
        "type": "error",
        "error": {"type": "api_error", "message": 'Say "no" \n.'},
    }


def test_an_error_event_is_one_event_and_read_as_an_error() -> None:
    event = FORMAT.error_event(_error(502))
    assert event.startswith(b"event: error\ndata: ")
    (payload,) = reference.payloads(event)
    assert json.loads(payload)["error"]["type"] == "api_error"
    assert stream(START, event).error == "api_error"
