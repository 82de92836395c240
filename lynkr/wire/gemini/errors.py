"""Errors of Google's APIs, read and written.

    {"error": {"code": 429, "message": ..., "status": "RESOURCE_EXHAUSTED", "details": [...]}}
    https://cloud.google.com/apis/design/errors

A stream that breaks off holds the same, bare; an error instead of a stream stands in an array where
``alt=sse`` was not asked for.
"""

from __future__ import annotations

import re

import msgspec

from lynkr.wire import openai_errors
from lynkr.wire.gemini.format import STATUS_WORDS, error_object
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Failure

# Vertex's words; those of the Gemini API are known to openai_errors.
_CONTEXT = re.compile(r"input token count is (\d+) but the model only supports up to (\d+)")
_CODES = {
    "invalid_request": 400,
    "authentication": 401,
    "billing": 400,
    "permission": 403,
    "not_found": 404,
    "too_large": 413,
    "rate_limit": 429,
    "context_length": 400,
    "overloaded": 503,
    "timeout": 504,
    "api_error": 500,
}
_KIND_WORDS = {
    "authentication": "UNAUTHENTICATED",
    "billing": "FAILED_PRECONDITION",
    "permission": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "rate_limit": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "timeout": "DEADLINE_EXCEEDED",
    "api_error": "INTERNAL",
}
_OWN_WORDS = frozenset(STATUS_WORDS.values()) | {"OUT_OF_RANGE", "DATA_LOSS", "UNKNOWN"}


def decode_error(status: int, body: bytes) -> Failure:
    """What an error reply says: the object, an array of it, or text of something in between."""
    try:
        value = loads(body)
    except ValueError:
        return openai_errors.decode_error(status, body)
    return failure_of(status, value)


def failure_of(status: int, value: object) -> Failure:
    """The same for JSON that is decoded already. ``field`` is the first of ``fieldViolations``."""
    failure = openai_errors.failure_of(status, value)
    if isinstance(value, list):
        value = value[0] if value else None
    error = value.get("error") if isinstance(value, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    kind, field = failure.kind, failure.field
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        if detail.get("reason") in ("API_KEY_INVALID", "API_KEY_EXPIRED"):
            kind = "authentication"  # a 400 at Google
        violations = detail.get("fieldViolations")
        if not field and isinstance(violations, list) and violations:
            first = violations[0]
            named = first.get("field") if isinstance(first, dict) else None
            field = named if isinstance(named, str) else ""
    tokens, tokens_max = failure.tokens, failure.tokens_max
    counted = _CONTEXT.search(failure.message)
    if counted is not None and kind in ("invalid_request", "context_length"):
        kind = "context_length"
        tokens, tokens_max = int(counted[1]), int(counted[2])
    return msgspec.structs.replace(
        failure, kind=kind, field=field, tokens=tokens, tokens_max=tokens_max
    )


def encode_error(failure: Failure, request_id: str) -> bytes:
    """The JSON body."""
    code = failure.status or _CODES[failure.kind]
    if code == 529:
        code = 503
    word = failure.code if failure.code in _OWN_WORDS else _KIND_WORDS.get(failure.kind, "")
    message = failure.message
    if failure.kind == "context_length" and "input token count" not in message:
        # Google's own words: clients know them, and read the numbers.
        if failure.tokens is not None and failure.tokens_max is not None:
            message = (
                f"The input token count ({failure.tokens}) exceeds the maximum number of tokens "
                f"allowed ({failure.tokens_max})."
            )
        else:
            message = (
                "The input token count exceeds the maximum number of tokens allowed. " + message
            )
    error = error_object(code, message, word or "INVALID_ARGUMENT", failure.field, request_id)
    return dumps({"error": error})
