"""Errors of the Messages API: what a provider's error says, and what a client reads."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import anthropic
import httpx2
import pytest
from anthropic.types.shared import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.anthropic.errors import STATUSES, decode_error, encode_error, failure_of
from lynkr.wire.message import Failure
from tests.harness.fixtures import load
from tests.wire.anthropic.made import unhurried

KINDS: tuple[str, ...] = get_args(get_type_hints(Failure)["kind"])


def error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def shown(failure: Failure) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_error(failure, ""))
    return found


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", "invalid_request"),
        (401, "authentication_error", "authentication"),
        (402, "billing_error", "billing"),
        (403, "permission_error", "permission"),
        (404, "not_found_error", "not_found"),
        (413, "request_too_large", "too_large"),
        (429, "rate_limit_error", "rate_limit"),
        (500, "api_error", "api_error"),
        (504, "timeout_error", "timeout"),
        (529, "overloaded_error", "overloaded"),
    ],
)
def test_each_type_has_its_kind_and_comes_out_as_it_came(
    status: int, kind: str, expected: str
) -> None:
    """With its status, and in a stream, where there is none."""
    body = error(kind, "So it is.")
    failure = decode_error(status, body)
    assert (failure.status, failure.kind, failure.code) == (status, expected, kind)
    assert encode_error(failure, "") == body.replace(b": ", b":").replace(b", ", b",")
    assert failure_of(json.loads(body)).kind == expected
    assert STATUSES[expected] == status


def test_recorded_errors() -> None:
    overloaded = load("messages/error_overloaded")
    assert decode_error(529, overloaded.reply) == Failure(
        status=529, kind="overloaded", message="Overloaded", code="overloaded_error"
    )
    limited = decode_error(429, load("messages/error_rate_limited").reply)
    assert limited.kind == "rate_limit"
    assert limited.message.endswith("rate limit.")
    long = decode_error(400, load("messages/error_prompt_too_long").reply)
    assert (long.kind, long.tokens, long.tokens_max) == ("context_length", 208310, 200000)
    assert shown(long)["error"]["message"] == "prompt is too long: 208310 tokens > 200000 maximum"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (503, load("messages/error_html").reply, "overloaded", "503 Service Temporarily"),
        (502, b"", "api_error", "502"),
        (500, b"upstream connect error", "api_error", "upstream connect error"),
        (403, b'{"message":"not authorized"}', "permission", "not authorized"),
        (404, b'[{"error":{"code":404,"message":"no model"}}]', "not_found", "no model"),
        (500, b"null", "api_error", "500"),
    ],
)
def test_bodies_that_are_none_of_anthropics(
    status: int, body: bytes, kind: str, words: str
) -> None:
    failure = decode_error(status, body)
    assert failure.kind == kind
    assert words in failure.message
    assert "<" not in failure.message


def test_a_page_of_html_is_cut_short() -> None:
    page = b"<html><script>var a=1</script><body>" + b"<p>Sorry</p>" * 10_000 + b"</body></html>"
    message = decode_error(500, page).message
    assert "Sorry" in message
    assert len(message) <= 500
    assert "var a" not in message


def test_the_field_at_fault_is_named_once() -> None:
    failure = decode_error(
        400, error("invalid_request_error", "messages.0.content: Field required")
    )
    assert failure.field == "messages.0.content"
    assert shown(failure)["error"]["message"] == "messages.0.content: Field required"
    foreign = Failure(status=400, kind="invalid_request", message="Too low.", field="temperature")
    assert shown(foreign)["error"]["message"] == "temperature: Too low."


def test_credit_that_is_used_up_is_a_matter_of_billing() -> None:
    message = "Your credit balance is too low to access the Anthropic API."
    assert decode_error(400, error("invalid_request_error", message)).kind == "billing"


def test_a_limit_that_leaves_no_room_for_the_answer() -> None:
    message = (
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, "
        "decrease input length or `max_tokens` and try again"
    )
    failure = decode_error(400, error("invalid_request_error", message))
    assert (failure.kind, failure.tokens, failure.tokens_max) == ("context_length", 209573, 200000)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            Failure(
                status=400, kind="context_length", tokens=9000, tokens_max=8192,
                message="This model's maximum context length is 8192 tokens.",
            ),
            "prompt is too long: 9000 tokens > 8192 maximum. "
            "This model's maximum context length is 8192 tokens.",
        ),
        (
            Failure(status=400, kind="context_length", message="Input is too long."),
            "prompt is too long. Input is too long.",
        ),
        (
            Failure(status=400, kind="context_length", message="prompt is too long: 3 > 2"),
            "prompt is too long: 3 > 2",
        ),
    ],
)  # fmt: skip
def test_a_prompt_that_does_not_fit_is_told_in_the_words_that_make_clients_compact(
    failure: Failure, message: str
) -> None:
    assert shown(failure) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": message},
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_sdk_reads_every_error(kind: str) -> None:
    failure = Failure(status=0, kind=kind, message="It went wrong.")  # type: ignore[arg-type]
    content = encode_error(failure, "req_7")
    if kind != "too_large":  # the SDK raises it by its status and has no type for it
        ErrorResponse.model_validate_json(content)
    reply = httpx2.Response(STATUSES[kind], content=content)
    transport = httpx2.MockTransport(lambda _: reply)
    with (
        anthropic.Anthropic(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        pytest.raises(anthropic.APIStatusError, match="It went wrong") as caught,
    ):
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code == STATUSES[kind]
    assert json.loads(content)["request_id"] == "req_7"


@unhurried
@given(st.sampled_from([400, 401, 404, 429, 500, 503, 529, 0]), st.binary(max_size=200))
def test_no_body_is_too_strange(status: int, body: bytes) -> None:
    failure = decode_error(status, body)
    assert failure.message
    assert len(failure.message) <= 500
    encode_error(failure, "req_1")
