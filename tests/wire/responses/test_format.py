"""OpenAI Responses: facts read from its replies, and errors that its SDKs understand."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest

from lynkr.errors import GatewayError
from lynkr.wire.format import Reading
from lynkr.wire.message import ReplyFacts, Usage
from lynkr.wire.responses.format import FORMAT
from tests.harness.fixtures import Fixture, all_fixtures
from tests.native import reference

CREATED = (
    b'event: response.created\ndata: {"type":"response.created","response":{"id":"r1","model":'
    b'"gpt-6","status":"in_progress","error":null,"incomplete_details":null,"usage":null,'
    b'"tools":[{"type":"function","name":"x","parameters":{"properties":{"model":{},"error":{}}}}]}}'
    b"\n\n"
)
DELTA = b'data: {"type":"response.output_text.delta","delta":"error","item_id":"m1"}\n\n'


def last(kind: str, rest: bytes) -> bytes:
    return b'data: {"type":"response.%b","response":{"model":"gpt-6",%b}}\n\n' % (
        kind.encode(),
        rest,
    )


def read(reading: Reading, data: bytes) -> ReplyFacts:
    tee = reading.tee(None, None)
    tee.feed(data)
    return reading.read(tee)


def stream(*events: bytes) -> ReplyFacts:
    return read(FORMAT.events, b"".join(events))


def one_by_one(events: bytes) -> ReplyFacts:
    tee = FORMAT.events.tee(None, None)
    for at in range(len(events)):
        tee.feed(events[at : at + 1])
    return FORMAT.events.read(tee)


@pytest.mark.parametrize(
    "fixture", [each for each in all_fixtures() if each.family == "responses"], ids=repr
)
def test_the_facts_of_a_recorded_reply(fixture: Fixture) -> None:
    expect = fixture.expect
    if expect.status != 200:
        return
    facts = read(FORMAT.events if fixture.is_stream else FORMAT.body, fixture.reply)
    assert facts == ReplyFacts(
        expect.model_replied, expect.stop_reason, expect.error, Usage(**expect.usage)
    )


def test_a_completed_response() -> None:
    usage = (
        b'"status":"completed","usage":{"input_tokens":100,"input_tokens_details":'
        b'{"cached_tokens":60},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":10},'
        b'"total_tokens":130}'
    )
    expected = ReplyFacts("gpt-6", "completed", "", Usage(40, 30, 60, None, 10))
    assert stream(CREATED, DELTA, last("completed", usage)) == expected
    assert read(FORMAT.body, b'{"model":"gpt-6","output":[],%b}' % usage) == expected


def test_an_incomplete_response_says_why() -> None:
    rest = b'"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}'
    assert stream(CREATED, last("incomplete", rest)).stop_reason == "max_output_tokens"
    assert read(FORMAT.body, b'{"model":"m",%b}' % rest).stop_reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b"null", Usage()),
        (b"{}", Usage()),
        (b'{"input_tokens":"10","output_tokens":3}', Usage(None, 3)),
        (b'{"input_tokens":10,"output_tokens":-3}', Usage(10)),
        (b'{"input_tokens":10.0,"output_tokens":3.5}', Usage(10)),
        (b'{"input_tokens":10,"input_tokens_details":null}', Usage(10)),
        (b'{"input_tokens":10,"input_tokens_details":{"cached_tokens":11}}', Usage(0, None, 11)),
        (b'{"output_tokens":3,"output_tokens_details":"x"}', Usage(None, 3)),
    ],
)
def test_an_odd_usage_is_read_as_far_as_it_goes(usage: bytes, expected: Usage) -> None:
    assert stream(CREATED, last("completed", b'"usage":%b' % usage)).usage == expected
    assert read(FORMAT.body, b'{"model":"m","usage":%b}' % usage).usage == expected


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (last("failed", b'"error":{"code":"server_error","message":"x"}'), "server_error"),
        (last("failed", b'"error":{"message":"x"}'), "error"),
        (b'data: {"type":"error","code":"rate_limit_exceeded"}\n\n', "rate_limit_exceeded"),
        (b'data: {"type":"error","error":{"type":"t","code":null}}\n\n', "t"),
        pytest.param(
            b'data: {"type":"error","code":null,"message":"x","param":null}\n\n',
            "error",
        ),
    ],
)
def test_an_error_is_a_fact_and_an_end(event: bytes, name: str) -> None:
    tee = FORMAT.events.tee(None, None)
    tee.feed(CREATED + event)
    assert (FORMAT.events.read(tee).error, tee.ended) == (name, True)
    assert one_by_one(CREATED + event).error == name


def test_code_that_the_model_wrote_is_no_error() -> None:
    """``response.code_interpreter_call_code.done`` has a `code` of its own: reply text, which must
    not become a fact of the call, let alone a line in the log."""
    event = (
        b'data: {"type":"response.code_interpreter_call_code.done","item_id":"ci_1",'
        b'"output_index":0,"code":"import math","sequence_number":7}\n\n'
    )
    assert stream(CREATED, event, last("completed", b'"status":"completed"')).error == ""


@pytest.mark.parametrize(
    ("events", "ended"),
    [
        (CREATED, False),
        (CREATED + DELTA, False),
        (
            CREATED + b'data: {"type":"response.output_item.done","item":{"type":"error"}}\n\n',
            False,
        ),
        (CREATED + b'data: {"type":"response.in_progress.x"}\n\n', False),
        (CREATED + last("completed", b'"status":"completed"'), True),
        (CREATED + last("incomplete", b'"status":"incomplete"'), True),
        (CREATED + last("failed", b'"status":"failed"'), True),
        (CREATED + b'data: {"type":"error"}\n\n', True),
    ],
)
def test_a_stream_ends_with_its_own_mark(events: bytes, ended: bool) -> None:
    tee = FORMAT.events.tee(None, None)
    tee.feed(events)
    assert (tee.begun, tee.ended) == (True, ended)


# --- errors -------------------------------------------------------------------------------------


def _error(status: int) -> GatewayError:
    return GatewayError(
        "some_kind", status, "It went wrong.", source="client", field="model", hint="Try again."
    )


def test_an_error_body_is_one_the_sdk_understands() -> None:
    content = FORMAT.error_body(_error(400), "req_7")
    transport = httpx2.MockTransport(lambda _: httpx2.Response(400, content=content))
    with (
        openai.OpenAI(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        pytest.raises(openai.BadRequestError, match="Try again") as caught,
    ):
        client.responses.create(model="m", input="x")
    assert (caught.value.code, caught.value.param) == ("some_kind", "model")


def test_an_error_event_is_one_the_sdk_raises() -> None:
    """It has the API's own shape, so that Codex and the SDKs see an error and not a cut."""
    event = FORMAT.error_event(_error(502))
    assert event.startswith(b"event: error\ndata: ")
    (payload,) = reference.payloads(event)
    assert json.loads(payload) == {
        "type": "error",
        "code": "some_kind",
        "message": "It went wrong. Try again.",
        "param": "model",
        "sequence_number": 0,
    }
    assert stream(CREATED, event).error == "some_kind"
    parsed = openai.types.responses.ResponseErrorEvent.model_validate_json(payload)
    assert parsed.message == "It went wrong. Try again."
