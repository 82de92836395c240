"""OpenAI Chat Completions: facts read from its replies, and errors that its SDKs understand."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest

from lynkr.errors import GatewayError
from lynkr.wire.chat.format import EMBEDDINGS_BODY, FORMAT
from lynkr.wire.format import Reading
from lynkr.wire.message import ReplyFacts, Usage
from tests.harness.fixtures import Fixture, all_fixtures
from tests.native import reference

CHUNK = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.5-2026-01-01",'
    b'"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}\n\n'
)
LAST = b'data: {"model":"other","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


def usage_chunk(usage: bytes) -> bytes:
    return b'data: {"model":"m","choices":[],"usage":%b}\n\n' % usage


def read(reading: Reading, data: bytes) -> ReplyFacts:
    tee = reading.tee(None, None)
    tee.feed(data)
    return reading.read(tee)


def stream(*events: bytes) -> ReplyFacts:
    return read(FORMAT.events, b"".join(events))


@pytest.mark.parametrize(
    "fixture", [each for each in all_fixtures() if each.family == "chat"], ids=repr
)
def test_the_facts_of_a_recorded_reply(fixture: Fixture) -> None:
    expect = fixture.expect
    if expect.status != 200:
        return
    facts = read(FORMAT.events if fixture.is_stream else FORMAT.body, fixture.reply)
    assert facts == ReplyFacts(
        expect.model_replied, expect.stop_reason, expect.error, Usage(**expect.usage)
    )


def test_a_stream_with_its_usage() -> None:
    usage = (
        b'{"prompt_tokens":100,"completion_tokens":9,"total_tokens":109,'
        b'"prompt_tokens_details":{"cached_tokens":80,"audio_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":4}}'
    )
    facts = stream(CHUNK, LAST, usage_chunk(usage), b"data: [DONE]\n\n")
    assert facts == ReplyFacts("gpt-5.5-2026-01-01", "stop", "", Usage(20, 9, 80, None, 4))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b"null", Usage()),
        (b"{}", Usage()),
        (b"[]", Usage()),
        (b'{"prompt_tokens":10}', Usage(10)),
        (b'{"prompt_tokens":"10","completion_tokens":3}', Usage(None, 3)),
        (b'{"prompt_tokens":10,"completion_tokens":-3}', Usage(10, None)),
        (b'{"prompt_tokens":10.0,"completion_tokens":3.5}', Usage(10, None)),
        (b'{"prompt_tokens":null,"completion_tokens":3}', Usage(None, 3)),
        (b'{"prompt_tokens":10,"prompt_tokens_details":null}', Usage(10)),
        (b'{"prompt_tokens":10,"prompt_tokens_details":{}}', Usage(10)),
        (b'{"prompt_tokens":10,"prompt_tokens_details":[]}', Usage(10)),
        (b'{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":0}}', Usage(10, None, 0)),
        (b'{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":12}}', Usage(0, None, 12)),
        (
            b'{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":3}}',
            Usage(5, None, 2, 3),
        ),
        (b'{"prompt_tokens_details":{"cached_tokens":2}}', Usage(None, None, 2)),
        (b'{"completion_tokens":9,"completion_tokens_details":{}}', Usage(None, 9)),
    ],
)
def test_an_odd_usage_is_read_as_far_as_it_goes(usage: bytes, expected: Usage) -> None:
    """The cached part is taken out of the total, once, and never below zero."""
    assert stream(CHUNK, usage_chunk(usage)).usage == expected
    assert read(FORMAT.body, b'{"model":"m","usage":%b}' % usage).usage == expected


def test_a_running_usage_ends_with_its_last() -> None:
    first, last = (usage_chunk(b'{"completion_tokens":%d}' % count) for count in (1, 8))
    assert stream(CHUNK, first, last).usage == Usage(None, 8)


def test_embeddings_have_a_model_and_an_input() -> None:
    reply = (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]}],'
        b'"model":"text-embedding-3-small","usage":{"prompt_tokens":5,"total_tokens":5}}'
    )
    assert read(EMBEDDINGS_BODY, reply) == ReplyFacts("text-embedding-3-small", usage=Usage(5))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (b'{"message":"x","type":"server_error","param":null,"code":null}', "server_error"),
        (b'{"message":"x","type":"t","code":"rate_limit_exceeded"}', "rate_limit_exceeded"),
        (b'{"message":"x","code":502}', "502"),
        (b'{"message":"x"}', "error"),
        pytest.param(
            b'"Internal error"',
            "error",
        ),
        pytest.param(
            b"{}",
            "error",
        ),
    ],
)
def test_an_error_in_a_stream_is_a_fact_and_an_end(error: bytes, name: str) -> None:
    """Compatible servers say it in many shapes; each is an error, by its most telling word."""
    tee = FORMAT.events.tee(None, None)
    tee.feed(CHUNK + b'data: {"error":%b}\n\n' % error)
    assert (FORMAT.events.read(tee).error, tee.ended) == (name, True)


@pytest.mark.parametrize(
    ("events", "ended"),
    [(CHUNK, False), (CHUNK + LAST, True), (CHUNK + b"data: [DONE]\n\n", True)],
)
def test_a_stream_ends_with_its_own_mark(events: bytes, ended: bool) -> None:
    tee = FORMAT.events.tee(None, None)
    tee.feed(events)
    assert (tee.begun, tee.ended) == (True, ended)


# --- errors -------------------------------------------------------------------------------------

STATUSES = {
    400: ("invalid_request_error", "some_kind", openai.BadRequestError),
    401: ("invalid_request_error", "invalid_api_key", openai.AuthenticationError),
    404: ("invalid_request_error", "some_kind", openai.NotFoundError),
    413: ("invalid_request_error", "some_kind", openai.APIStatusError),
    429: ("rate_limit_error", "rate_limit_exceeded", openai.RateLimitError),
    500: ("server_error", "some_kind", openai.InternalServerError),
    502: ("server_error", "some_kind", openai.InternalServerError),
    503: ("server_error", "some_kind", openai.InternalServerError),
}


def _error(status: int, field: str | None = "model") -> GatewayError:
    return GatewayError(
        "some_kind", status, "It went wrong.", source="client", field=field, hint="Try again."
    )


@pytest.mark.parametrize(
    ("status", "kind", "code", "raised"), [(s, *rest) for s, rest in STATUSES.items()]
)
def test_an_error_body_is_one_the_sdk_understands(
    status: int, kind: str, code: str, raised: type[openai.APIStatusError]
) -> None:
    """The type fits the status; the field at fault and what to do about it can be read."""
    content = FORMAT.error_body(_error(status), "req_7")
    expected = {
        "message": "It went wrong. Try again.",
        "type": kind,
        "param": "model",
        "code": code,
    }
    assert json.loads(content) == {"error": expected}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=content))
    with (
        openai.OpenAI(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        pytest.raises(raised) as caught,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (
        status,
        code,
        "model",
    )


def test_an_error_without_a_field_says_so() -> None:
    assert json.loads(FORMAT.error_body(_error(400, None), ""))["error"]["param"] is None


def test_an_error_event_is_one_event_and_read_as_an_error() -> None:
    event = FORMAT.error_event(_error(502))
    (payload,) = reference.payloads(event)
    assert json.loads(payload)["error"]["message"] == "It went wrong. Try again."
    assert stream(CHUNK, event).error == "some_kind"
