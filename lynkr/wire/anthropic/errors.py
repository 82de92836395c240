"""Errors of the Messages API, both ways.

    {"type": "error", "error": {"type": ..., "message": ...}, "request_id": ...}
    https://platform.claude.com/docs/en/api/errors

What is no such thing (a proxy's HTML, an empty body, Google's or Amazon's own errors on the way to
Claude) is read as those of the OpenAI dialects are, who meet all of it.
"""

from __future__ import annotations

import re

import msgspec

from lynkr.wire import openai_errors
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Failure, Json

_TYPES = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "context_length": "invalid_request_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "billing": "billing_error",
    "api_error": "api_error",
}
# The status that goes with a kind here, for a failure that comes without one.
STATUSES = {
    "invalid_request": 400, "context_length": 400, "authentication": 401, "billing": 402,
    "permission": 403, "not_found": 404, "too_large": 413, "rate_limit": 429, "api_error": 500,
    "timeout": 504, "overloaded": 529,
}  # fmt: skip

# "input length and `max_tokens` exceed context limit: 198000 + 21333 > 200000, decrease ..."
_SUM = re.compile(r"exceed context limit: ([\d,]+) \+ ([\d,]+) > ([\d,]+)")
_FIELD = re.compile(r"([a-z_]+(?:\.[\w-]+)*): ")
_TOO_LONG = "prompt is too long"


def decode_error(status: int, body: bytes) -> Failure:
    """What an error reply says."""
    return _refined(openai_errors.decode_error(status, body))


def failure_of(error: object) -> Failure:
    """What the ``error`` of an ``error`` event says."""
    return _refined(openai_errors.failure_of(0, error))


def _refined(failure: Failure) -> Failure:
    message, kind = failure.message, failure.kind
    sent, fits = failure.tokens, failure.tokens_max
    found = _SUM.search(message)
    if found is not None:
        kind = "context_length"
        numbers = [int(digits.replace(",", "")) for digits in found.groups()]
        sent, fits = numbers[0] + numbers[1], numbers[2]
    elif kind == "invalid_request" and "credit balance is too low" in message:
        kind = "billing"
    field = failure.field
    if not field and kind == "invalid_request":
        place = _FIELD.match(message)
        field = place[1] if place is not None else ""
    return msgspec.structs.replace(failure, kind=kind, field=field, tokens=sent, tokens_max=fits)


def error_json(failure: Failure) -> Json:
    """The body without its request id, which is also the data of an ``error`` event."""
    message = failure.message
    if failure.kind == "context_length" and not message.startswith(_TOO_LONG):
        # Claude Code compacts the conversation when it reads these words.
        numbers = ""
        if failure.tokens is not None and failure.tokens_max is not None:
            numbers = f": {failure.tokens} tokens > {failure.tokens_max} maximum"
        message = f"{_TOO_LONG}{numbers}. {message}"
    elif failure.field and failure.field not in message:
        message = f"{failure.field}: {message}"
    return {"type": "error", "error": {"type": _TYPES[failure.kind], "message": message}}


def encode_error(failure: Failure, request_id: str) -> bytes:
    """The body of an error reply."""
    written = error_json(failure)
    if request_id:
        written["request_id"] = request_id
    return dumps(written)
