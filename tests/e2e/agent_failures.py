"""What comes from providers, and from what stands before them, in place of a reply."""

from __future__ import annotations

import json

from tests.e2e.agent_plan import Body
from tests.e2e.agent_upstream import Instead

_STREAM = {"content-type": "text/event-stream"}


def failing(status: int, body: Body, **headers: str) -> Instead:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"content-type": "application/json"}
    return Instead(status, json.dumps(body).encode(), {**kind, **named})


def page(status: int, title: str) -> Instead:
    """Of the proxy before the provider."""
    words = f"<center><h1>{status} {title}</h1></center><hr><center>nginx</center>"
    text = f"<html><head><title>{title}</title></head><body>{words}</body></html>"
    return Instead(status, text.encode(), {"content-type": "text/html"})


def chat(status: int, message: str, kind: str, code: str | None, **headers: str) -> Instead:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return failing(status, {"error": error}, **headers)


def messages(status: int, message: str, kind: str, **headers: str) -> Instead:
    error = {"type": kind, "message": message}
    return failing(status, {"type": "error", "error": error, "request_id": "req_1"}, **headers)


def gemini(status: int, message: str, word: str, **headers: str) -> Instead:
    error = {"code": status, "message": message, "status": word}
    return failing(status, {"error": error}, **headers)


def _event(kind: str, message: str) -> bytes:
    error = {"type": kind, "message": message}
    return f"event: error\ndata: {json.dumps({'type': 'error', 'error': error})}\n\n".encode()


_BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_000000","type":'
    b'"message","role":"assistant","model":"claude-sonnet-5","content":[],"stop_reason":null,'
    b'"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Now"}}\n\n'
)
RESET = Instead(0)  # before any byte
CUT = Instead(200, b"", _STREAM, cut=True)  # after the head
EMPTY = Instead(200, b"", _STREAM)  # whole, but without an event
PAGE = page(503, "Service Temporarily Unavailable")
PAGE_TEXT = "Service Temporarily Unavailable 503 Service Temporarily Unavailable nginx"
TOO_LARGE_PAGE = page(413, "Request Entity Too Large")
CHAT = {
    "rate": chat(429, "Rate limit reached", "requests", "rate_limit_exceeded", retry_after="1"),
    "server": chat(500, "The server had an error", "server_error", None),
    "overload": chat(529, "No capacity", "overloaded_error", None, retry_after="0"),
    "key": chat(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
    "context": chat(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "131072 tokens. Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    "model": chat(404, "No such model", "invalid_request_error", "model_not_found"),
    "request": chat(400, "Invalid value: 'naïve'", "invalid_request_error", "invalid_value"),
    "event": Instead(
        200,
        b'data: {"error":{"object":"error","message":"Overloaded","type":"ServiceUnavailable",'
        b'"param":null,"code":503}}\n\ndata: [DONE]\n\n',
        _STREAM,
    ),
}
# Bedrock's words for a rate limit, which servers in between pass on.
TOO_MANY_TOKENS = "Too many tokens, please wait before trying again."
MESSAGES = {
    "rate": messages(429, "Number of requests exceeded", "rate_limit_error", retry_after="1"),
    "server": messages(500, "Internal server error", "api_error"),
    "overload": messages(529, "Overloaded", "overloaded_error", retry_after="0"),
    "key": messages(401, "invalid x-api-key", "authentication_error"),
    "size": messages(413, "Request exceeds the maximum size", "request_too_large"),
    "context": messages(
        400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error"
    ),
    "request": messages(
        400, "messages.1.content: naïve text is not allowed", "invalid_request_error"
    ),
    "event": Instead(200, _event("overloaded_error", "Overloaded"), _STREAM),
    # After a first word:
    "late server": Instead(200, _BEGUN + _event("api_error", "Internal server error"), _STREAM),
    "late rate": Instead(200, _BEGUN + _event("rate_limit_error", TOO_MANY_TOKENS), _STREAM),
}
GEMINI = {
    "rate": gemini(429, "Quota exceeded for metric", "RESOURCE_EXHAUSTED", retry_after="0"),
    "context": gemini(
        400,
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "INVALID_ARGUMENT",
    ),
    "event": Instead(
        200,
        b'data: {"error":{"code":503,"message":"The model is overloaded.",'
        b'"status":"UNAVAILABLE"}}\r\n\r\n',
        _STREAM,
    ),
}
BEDROCK_CONTEXT = failing(
    400,
    {"message": "Input is too long for requested model."},
    x_amzn_errortype="ValidationException",
)
