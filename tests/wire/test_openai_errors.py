"""Errors of the OpenAI dialects: what any server's error body says, and ours as clients read it."""

from __future__ import annotations

import json
import time

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.message import Failure
from lynkr.wire.openai_errors import (
    TEXT_LENGTH_MAX,
    decode_error,
    encode_error,
    failure_object,
    failure_of,
)
from tests.harness.fixtures import all_fixtures
from tests.wire.chat.made import unhurried
from tests.wire.made_json import values


def body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("sent", "message", "code"),
    [
        (body(message="No.", type="server_error", param=None, code=None), "No.", "server_error"),
        (body(message="No.", type="t", code="c"), "No.", "c"),
        (b'{"error":"model \'x\' not found"}', "model 'x' not found", ""),  # Ollama
        (b'{"code":"Bad thing","error":"No."}', "No.", "Bad thing"),  # xAI
        (b'{"object":"error","message":"No.","type":"T","code":400}', "No.", "T"),  # vLLM
        (b'{"detail":"Not here"}', "Not here", ""),  # FastAPI
        (
            b'{"detail":[{"loc":["body","n"],"msg":"too big","type":"v"},{"msg":"odd"}]}',
            "body.n: too big; odd",
            "",
        ),
        (b'{"detail":{"message":"No."}}', "No.", ""),
        (b'{"message":"No."}', "No.", ""),
        (
            b'[{"error":{"code":400,"message":"Bad.","status":"INVALID_ARGUMENT"}}]',  # Gemini
            "Bad.",
            "INVALID_ARGUMENT",
        ),
        (
            body(message="Provider returned error", code=400, metadata={"raw": '{"e":"ü"}'}),
            'Provider returned error: {"e":"ü"}',  # OpenRouter
            "",
        ),
        (b'"No."', "No.", ""),
        (b"upstream connect error", "upstream connect error", ""),
        (b"", "The provider answered with status 400 and said no more.", ""),
        (b"{}", "The provider answered with status 400 and said no more.", ""),
        (b"[]", "The provider answered with status 400 and said no more.", ""),
        (b"\xff\xfe", "\ufffd\ufffd", ""),
    ],
)
def test_the_message_is_found_wherever_it_is(sent: bytes, message: str, code: str) -> None:
    failure = decode_error(400, sent)
    assert (failure.message, failure.code, failure.status) == (message, code, 400)
    assert failure.kind == "invalid_request"


def test_html_becomes_what_a_browser_would_show() -> None:
    page = b"""<!DOCTYPE html><html><head><title>502 Bad</title><style>p { x: 1 }</style>
    <script>var a = "<b>";</script></head><body><!-- not <this> --><p>Bad&nbsp;&amp; gateway</p>"""
    assert decode_error(502, page).message == "502 Bad Bad & gateway"


def test_a_long_text_is_cut() -> None:
    failure = decode_error(500, b"<p>" + b"x " * 5000)
    assert len(failure.message) == TEXT_LENGTH_MAX
    assert failure.message.endswith("…")


@pytest.mark.parametrize(
    "piece", [b"<", b"<!--", b"<script", b"<p", b"maximum context length is 1 "]
)
def test_no_page_takes_long_to_read(piece: bytes) -> None:
    started = time.process_time()
    decode_error(500, b"<" + piece * 200_000)
    decode_error(500, body(message=piece.decode() * 200_000))
    assert time.process_time() - started < 5  # quadratic time would be minutes


def test_a_long_message_in_json_is_kept_whole() -> None:
    assert decode_error(400, body(message="x" * 5000)).message == "x" * 5000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request"), (401, "authentication"), (402, "billing"), (403, "permission"),
        (404, "not_found"), (408, "timeout"), (413, "too_large"), (418, "invalid_request"),
        (422, "invalid_request"), (429, "rate_limit"), (500, "api_error"), (502, "api_error"),
        (503, "overloaded"), (504, "timeout"), (524, "timeout"), (529, "overloaded"),
    ],
)  # fmt: skip
def test_the_status_tells_the_kind(status: int, kind: str) -> None:
    assert decode_error(status, body(message="No.")).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "server_error"}, "api_error"),
        ({"type": "rate_limit_error"}, "rate_limit"),
        ({"code": "rate_limit_exceeded", "type": "tokens"}, "rate_limit"),
        ({"code": "server_is_overloaded"}, "overloaded"),
        ({"type": "BadRequestError", "code": 400}, "invalid_request"),
        ({"code": 429}, "rate_limit"),
        ({"code": "503"}, "overloaded"),
        ({"code": 401, "type": "x"}, "authentication"),
        ({"code": "insufficient_quota"}, "billing"),
        ({"status": "DEADLINE_EXCEEDED"}, "timeout"),
        ({"code": "invalid_prompt"}, "invalid_request"),
        ({"code": "unheard_of"}, "api_error"),
        ({}, "api_error"),
    ],
)
def test_inside_a_stream_the_words_tell_the_kind(error: dict[str, object], kind: str) -> None:
    failure = decode_error(0, body(message="No.", **error))
    assert (failure.kind, failure.status) == (kind, 0)


def test_no_more_money_is_not_too_many_requests() -> None:
    """No waiting cures it, and the word of the provider stays."""
    sent = body(message="You exceeded your quota.", type="insufficient_quota", code=None)
    failure = decode_error(429, sent)
    assert (failure.kind, failure.code, failure.status) == ("billing", "insufficient_quota", 429)


@pytest.mark.parametrize(
    ("message", "tokens", "fits"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 10123 tokens. Please reduce the length of the messages.",
            10123,
            8192,
        ),
        (
            "This model's maximum context length is 65,536 tokens. However, you requested 70,000 "
            "tokens (66,000 in the messages, 4,000 in the completion).",
            70000,
            65536,
        ),
        (
            "This endpoint's maximum context length is 200000 tokens. However, you requested about "
            "210000 tokens (200000 of text input, 10000 in the output).",
            210000,
            200000,
        ),
        (
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in "
            "300000 tokens.",
            300000,
            272000,
        ),
        ("Your input exceeds the context window of this model.", None, None),
        ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
        ("The prompt is too long: 140000, model maximum context length: 131071", 140000, 131071),
        (
            "request (5000 tokens) exceeds the available context size (4096 tokens), try "
            "increasing it",
            5000,
            4096,
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576).",
            1200000,
            1048576,
        ),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 "
            "maximum context length",
            40000,
            32768,
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
            200000,
            131072,
        ),
        (
            "Please reduce the length of the messages or completion. Current length is 10000 "
            "while limit is 8192",
            10000,
            8192,
        ),
        (
            "You passed 5000 input tokens and requested 100 output tokens. However, the model's "
            "context length is only 4096 tokens, resulting in a maximum input length of 3996.",
            5000,
            4096,
        ),
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: "
            "5000 `inputs` tokens and 100 `max_new_tokens`",
            5000,
            4097,
        ),
        (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model "
            "is loaded with context length of only 4096 tokens",
            5000,
            4096,
        ),
        ("litellm.ContextWindowExceededError: AnthropicException", None, None),
    ],
)
def test_a_prompt_that_does_not_fit_is_known(
    message: str, tokens: int | None, fits: int | None
) -> None:
    failure = decode_error(400, body(message=message))
    assert failure.kind == "context_length"
    assert (failure.tokens, failure.tokens_max) == (tokens, fits)
    assert failure.message == message


def test_llamas_numbers_stand_beside_the_message() -> None:
    sent = body(message="It is too big.", type="exceed_context_size_error", code=400,
                n_prompt_tokens=9, n_ctx=8)  # fmt: skip
    failure = decode_error(400, sent)
    assert (failure.kind, failure.tokens, failure.tokens_max) == ("context_length", 9, 8)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "Too many tokens, please wait before trying again.", "rate_limit"),
        (429, "Request too large for gpt-5.5: Limit 30000, Requested 40000", "rate_limit"),
        (
            400,
            "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum "
            "context length is 4096 tokens and your request has 100 input tokens.",
            "invalid_request",
        ),
        (401, "The context length exceeded of your key", "authentication"),
    ],
)
def test_what_only_sounds_like_it_is_something_else(status: int, message: str, kind: str) -> None:
    """A client that shortens its conversation for these loses it for nothing."""
    assert decode_error(status, body(message=message)).kind == kind


@pytest.mark.parametrize(
    "fixture", [f for f in all_fixtures() if f.name == "chat/error_context_length"]
)
def test_the_recorded_error(fixture: object) -> None:
    failure = decode_error(400, fixture.reply)  # type: ignore[attr-defined]
    assert (failure.kind, failure.code, failure.field) == (
        "context_length", "context_length_exceeded", "messages",
    )  # fmt: skip


@unhurried
@given(status=st.sampled_from([0, 200, 400, 429, 500]), value=values)
def test_nothing_is_too_strange_to_read(status: int, value: object) -> None:
    """Whatever JSON comes, and as what: it becomes a failure with a message."""
    for sent in (value, {"error": value}, {"message": value}, {"detail": value}, [value],
                 {"error": {"message": value, "code": value, "metadata": value}}):  # fmt: skip
        failure = decode_error(status, json.dumps(sent).encode())
        assert failure.message
        assert json.loads(encode_error(failure, "req_1"))["error"]["message"] == failure.message
        assert failure_of(status, sent) == failure


@unhurried
@given(st.binary(max_size=60))
def test_no_bytes_are_too_strange_to_read(data: bytes) -> None:
    assert decode_error(500, data).message


# --- written --------------------------------------------------------------------------------------


def failure(kind: str, code: str = "", **more: object) -> Failure:
    return Failure(status=400, kind=kind, message="No.", code=code, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "kind", "code"),
    [
        (failure("context_length", "exceed_context_size_error"), "invalid_request_error",
         "context_length_exceeded"),
        (failure("context_length"), "invalid_request_error", "context_length_exceeded"),
        (failure("rate_limit", "rate_limit_error"), "rate_limit_error", "rate_limit_exceeded"),
        (failure("rate_limit", "slow_down"), "rate_limit_error", "slow_down"),
        (failure("overloaded", "overloaded_error"), "server_error", "overloaded"),
        (failure("overloaded", "server_is_overloaded"), "server_error", "server_is_overloaded"),
        (failure("billing", "RESOURCE_EXHAUSTED"), "insufficient_quota", "insufficient_quota"),
        (failure("authentication"), "invalid_request_error", "invalid_api_key"),
        (failure("api_error", "upstream_truncated"), "server_error", "upstream_truncated"),
        (failure("api_error", "ThrottlingException"), "server_error", "server_error"),
        (failure("invalid_request", "model_not_found"), "invalid_request_error", "model_not_found"),
        (failure("invalid_request"), "invalid_request_error", None),
    ],
)  # fmt: skip
def test_codes_are_words_of_this_dialect(made: Failure, kind: str, code: str | None) -> None:
    assert failure_object(made) == {"message": "No.", "type": kind, "param": None, "code": code}


def test_the_sdk_reads_our_error() -> None:
    sent = encode_error(failure("context_length", field="messages"), "req_1")
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(400, content=sent, headers={"content-type": "application/json"})
    )
    client = openai.OpenAI(
        api_key="k", base_url="http://h", max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )  # fmt: skip
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="m", messages=[])
    assert raised.value.code == "context_length_exceeded"
    assert raised.value.param == "messages"
    assert raised.value.type == "invalid_request_error"


@pytest.mark.parametrize("status", [0, 503])
@pytest.mark.parametrize(
    ("word", "kind"),
    [("rate_limit_error", "rate_limit"), ("rate_limit_exceeded", "rate_limit")],
)
def test_too_many_tokens_for_this_minute_is_not_too_long_a_conversation(
    status: int, word: str, kind: str
) -> None:
    """Codex would give up, and Claude Code compact, where waiting helps."""
    message = "Too many tokens, please wait before trying again."
    body = json.dumps({"error": {"type": word, "code": word, "message": message}}).encode()
    assert decode_error(status, body).kind in (kind, "overloaded")
