"""Faults of a provider, seen by a client of another dialect: same status, in the client's words.

Clients act on statuses and wordings (Claude Code compacts on "prompt is too long" and on 413,
retries 429, 5xx and 529, and gives up on any other 400), so each fault must arrive as what it is.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.test_translation import OTHER, SURFACES, call, other
from tests.harness import replies
from tests.harness.theatre import Theatre
from tests.harness.upstream import Close, Reset, Send, Stall

# What providers of the two kinds say, by fault.
SAID: dict[str, dict[str, tuple[int, object]]] = {
    "openai-compatible": {
        "rate limit": (429, {"error": {"message": "Rate limit reached for m. Try again in 2s.",
                             "type": "tokens", "code": "rate_limit_exceeded", "param": None}}),
        "server error": (500, {"error": {"message": "The server had an error.",
                               "type": "server_error", "code": None, "param": None}}),
        "html": (503, "<html><head><title>503</title></head><body>Service Unavailable</body>"),
        "overloaded": (529, {"error": {"message": "Overloaded", "type": "overloaded_error"}}),
        "no key": (401, {"error": {"message": "Incorrect API key provided: sk-...9.",
                         "type": "invalid_request_error", "code": "invalid_api_key"}}),
        "too large": (413, {"error": {"message": "Request too large.", "type": "invalid"}}),
        "too long": (400, {"error": {
            "message": "This model's maximum context length is 128000 tokens. However, your "
                       "messages resulted in 131072 tokens. Please reduce the length.",
            "type": "invalid_request_error", "code": "context_length_exceeded",
            "param": "messages"}}),
        "bad field": (400, {"error": {"message": "Invalid value for 'temperature'.",
                            "type": "invalid_request_error", "param": "temperature"}}),
    },
    "anthropic": {
        "rate limit": (429, {"type": "error", "error": {"type": "rate_limit_error",
                             "message": "This request would exceed your rate limit."}}),
        "server error": (500, {"type": "error", "error": {"type": "api_error",
                               "message": "Internal server error"}}),
        "html": (503, "<html><head><title>503</title></head><body>Service Unavailable</body>"),
        "overloaded": (529, {"type": "error", "error": {"type": "overloaded_error",
                             "message": "Overloaded"}}),
        "no key": (401, {"type": "error", "error": {"type": "authentication_error",
                         "message": "invalid x-api-key"}}),
        "too large": (413, {"type": "error", "error": {"type": "request_too_large",
                            "message": "Request exceeds the maximum size"}}),
        "too long": (400, {"type": "error", "error": {"type": "invalid_request_error",
                           "message": "prompt is too long: 131072 tokens > 128000 maximum"}}),
        "bad field": (400, {"type": "error", "error": {"type": "invalid_request_error",
                            "message": "temperature: must be at most 1"}}),
    },
}  # fmt: skip
FAULTS = list(SAID["anthropic"])
# The error's type (Messages), code or type (OpenAI), status word (Google) by fault.
TYPES: dict[str, dict[str, str | tuple[str, ...]]] = {
    "messages": {
        "rate limit": "rate_limit_error", "server error": "api_error",
        "html": ("api_error", "overloaded_error"), "overloaded": "overloaded_error",
        "no key": "authentication_error", "too large": "request_too_large",
        "too long": "invalid_request_error", "bad field": "invalid_request_error",
    },
    "gemini": {
        "rate limit": "RESOURCE_EXHAUSTED", "server error": "INTERNAL", "html": "UNAVAILABLE",
        "overloaded": "UNAVAILABLE", "no key": "UNAUTHENTICATED", "too large": "INVALID_ARGUMENT",
        "too long": "INVALID_ARGUMENT", "bad field": "INVALID_ARGUMENT",
    },
}  # fmt: skip


def written(said: object) -> bytes:
    return said.encode() if isinstance(said, str) else json.dumps(said).encode()


def message_of(said: object) -> str:
    if isinstance(said, str):
        return "Service Unavailable"
    assert isinstance(said, dict)
    return str(said["error"]["message"])


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("api", SURFACES)
async def test_an_error_reply_keeps_status_and_meaning(api: str, fault: str, stream: bool) -> None:
    status, said = SAID[OTHER[api][0]][fault]
    async with Theatre(other(api)) as theatre:
        headers = [*replies.JSON, ("retry-after", "3"), ("request-id", "req_far")]
        theatre["far"].reply(replies.sized(written(said), status=status, headers=headers))
        reply = await theatre.post(*call(api, stream=stream))
        assert reply.status == status
        assert reply.header("retry-after") == "3"
        assert reply.header("request-id") == "req_far"
        assert reply.header("content-type") == "application/json"
        error: dict[str, Any] = json.loads(reply.body)["error"]
        if fault == "too long":
            assert "131072" in error["message"]
            assert "128000" in error["message"]
        else:
            assert message_of(said) in error["message"]
        assert "<html" not in error["message"]
        if api in TYPES:
            word = error["type"] if api == "messages" else error["status"]
            expected = TYPES[api][fault]
            assert word in (expected if isinstance(expected, tuple) else (expected,))
        if fault == "too long" and api == "messages":
            # The wording by which Claude Code knows that it must compact.
            assert error["message"].startswith("prompt is too long: 131072 tokens > 128000 maximum")
        if fault == "too long" and api in ("chat", "responses"):
            assert error["code"] == "context_length_exceeded"
        record = await theatre.record()
        assert (record.status, record.error) == (status, "")  # as for a spliced error reply


@pytest.mark.parametrize("api", SURFACES)
@pytest.mark.parametrize("step", [Reset(), Close()], ids=repr)
async def test_a_reset_before_the_first_byte_is_a_502(api: str, step: Reset | Close) -> None:
    async with Theatre(other(api)) as theatre:
        theatre["far"].script(step)
        reply = await theatre.post(*call(api, stream=True))
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_closed")
        assert json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize("api", SURFACES)
async def test_an_error_body_that_breaks_off_is_a_502_too(api: str) -> None:
    async with Theatre(other(api)) as theatre:
        whole = replies.sized(b'{"error": {"message": "x"}}', status=500)
        theatre["far"].script(Send(whole[:-5]), Reset())
        reply = await theatre.post(*call(api, stream=False))
        assert reply.status == 502


@pytest.mark.parametrize("api", SURFACES)
async def test_a_provider_that_hangs_ends_at_the_deadline(api: str) -> None:
    import asyncio

    async with Theatre(other(api)) as theatre:
        theatre["far"].script(Stall())
        path, body = call(api, stream=True)
        waiting = asyncio.create_task(theatre.post(path, body))
        await theatre["far"].request()
        theatre.gateway._pool.sweep(asyncio.get_running_loop().time() + 601)
        reply = await waiting
        assert (reply.status, reply.header("x-lynkr-error")) == (504, "upstream_timeout")


CALL_CUT: dict[str, list[dict[str, Any]]] = {
    "openai-compatible": [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": None, "delta": {"role": "assistant", "tool_calls": [
                {"index": 0, "id": "call_1", "type": "function",
                 "function": {"name": "write", "arguments": "{\"path\": \"a"}}]}}]},
    ],
    "anthropic": [
        {"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {
            "type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {
            "type": "input_json_delta", "partial_json": "{\"path\": \"a"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("api", SURFACES)
async def test_a_clean_end_inside_a_tool_call_is_never_a_clean_end(api: str) -> None:
    """Claude Code would stop silently with exit code 0."""
    kind = OTHER[api][0]
    stream = b"".join(
        b"event: %b\ndata: %b\n\n" % (str(e.get("type", "")).encode(), json.dumps(e).encode())
        for e in CALL_CUT[kind]
    )
    async with Theatre(other(api)) as theatre:
        theatre["far"].reply(replies.chunked(stream))
        reply = await theatre.post(*call(api, stream=True))
        assert reply.status == 200
        assert not reply.clean_end
        assert b"error" in reply.body
        assert b"message_stop" not in reply.body
        assert (await theatre.record()).error == "upstream_truncated"
