"""Whole replies of Bedrock's Converse, and its errors, read and written.

Replies name neither themselves nor the model: the id is made, the model is the one asked for.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
"""

from __future__ import annotations

import re

import msgspec

from lynkr.errors import GatewayError
from lynkr.wire.anthropic import errors as anthropic_errors
from lynkr.wire.codec import Context
from lynkr.wire.converse.blocks import NAME, read_blocks, usage_of, write_blocks
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Failure,
    Json,
    Offer,
    Opaque,
    Part,
    Response,
    Stop,
    StopReason,
    ToolCall,
    Usage,
)

_REASONS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
    "malformed_model_output": "other",
    "malformed_tool_use": "other",
}
_WORDS = {
    "refusal": "content_filtered",
    "context_window": "model_context_window_exceeded",
    "pause_turn": "end_turn",
    "other": "end_turn",
}


def decode_response(body: bytes, context: Context) -> Response:
    """A whole reply. Raises ``ValueError`` for what is none."""
    reply = loads(body)
    output = reply.get("output") if isinstance(reply, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(reply, dict) or not isinstance(content, list):
        raise ValueError("no message in it")
    for block in content:
        call = block.get("toolUse") if isinstance(block, dict) else None
        if isinstance(call, dict) and not call.get("toolUseId"):
            call["toolUseId"] = context.make_id("call")
    try:
        parts = read_blocks(content, "output.message.content")
    except GatewayError as error:
        raise ValueError(f"{error.field}: {error}") from None
    calls = any(isinstance(part, ToolCall) for part in parts)
    return Response(
        id=context.make_id("msg"),
        model=context.model,
        parts=parts,
        stop=stop_of(reply.get("stopReason"), reply.get("additionalModelResponseFields"), calls),
        usage=usage_of(reply.get("usage")),
        format=NAME,
        extras={
            name: value
            for name, value in reply.items()
            if name not in ("output", "stopReason", "usage")
        },
    )


def stop_of(word: object, additional: object, calls: bool) -> Stop:
    """Why a reply ended. Which sequence stopped it is told to those who ask for
    ``/stop_sequence`` in additionalModelResponseFieldPaths. ``calls``: there are some to answer."""
    native = word if isinstance(word, str) else ""
    reason = _REASONS.get(native, "other")
    if calls and reason in ("end_turn", "other"):
        reason = "tool_use"
    sequence = additional.get("stop_sequence") if isinstance(additional, dict) else None
    return Stop(reason, sequence if isinstance(sequence, str) else None, native)


def stop_word(stop: Stop) -> str:
    """The upstream's own word if it is one of Converse's that says the same, else the nearest."""
    if _REASONS.get(stop.native) == stop.reason and stop.native != "refusal":
        return stop.native
    return _WORDS.get(stop.reason, stop.reason)


def usage_object(usage: Usage) -> Json:
    """``usage``: three of its counts are mandatory, so what nobody said is 0 there."""
    read, written = usage.prompt_cache_read_tokens, usage.prompt_cache_write_tokens
    counts: Json = {
        "inputTokens": usage.input_tokens or 0,
        "outputTokens": usage.output_tokens or 0,
        "totalTokens": (usage.input_tokens or 0)
        + (usage.output_tokens or 0)
        + (read or 0)
        + (written or 0),
    }
    if read is not None:
        counts["cacheReadInputTokens"] = read
    if written is not None:
        counts["cacheWriteInputTokens"] = written
    return counts


def encode_response(response: Response, context: Context) -> bytes:
    """A whole reply; ``metrics`` only if Bedrock sent some."""
    own = response.format == NAME
    parts = [kept for part in response.parts if (kept := _shown(part, own)) is not None]
    return dumps(
        {
            "output": {"message": {"role": "assistant", "content": write_blocks(parts)}},
            "stopReason": stop_word(response.stop),
            "usage": usage_object(response.usage),
            **(response.extras if own else {}),
        }
    )


def _shown(part: Part, own: bool) -> Part | None:
    """A part as this dialect has it. Its readers refuse a block with more than one key."""
    if isinstance(part, Opaque):
        return part if part.format == NAME and len(part.value) == 1 else None
    if isinstance(part, Offer):
        return None
    return part if own else msgspec.structs.replace(part, extras={})


# --- errors ---------------------------------------------------------------------------------------

# By name, lower case, without the "Exception" at the end.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
_KINDS_BY_NAME = {
    "accessdenied": "permission",
    "throttling": "rate_limit",
    "servicequotaexceeded": "rate_limit",
    "resourcenotfound": "not_found",
    "modeltimeout": "timeout",
    "modelnotready": "overloaded",
    "serviceunavailable": "overloaded",
    "internalserver": "api_error",
    "internalfailure": "api_error",
    "modelerror": "api_error",
    "modelstreamerror": "api_error",
    "validation": "invalid_request",
    "serialization": "invalid_request",
    "unrecognizedclient": "authentication",
    "invalidsignature": "authentication",
    "incompletesignature": "authentication",
    "signaturedoesnotmatch": "authentication",
    "missingauthenticationtoken": "authentication",
    "invalidclienttokenid": "authentication",
    "expiredtoken": "authentication",
    "optinrequired": "permission",
}
_KINDS_BY_STATUS = {
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    424: "api_error",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
# A 403 is said without a name, too: then these words tell a bad key from a missing permission.
_BAD_KEY = re.compile(
    r"security token|signature|credential|api key|bearer token|missing authentication",
    re.IGNORECASE,
)
_TOO_MUCH_ASKED = re.compile(r"maximum tokens you requested exceeds", re.IGNORECASE)
_TEXT_LENGTH_MAX = 500

_NAMES = {
    "authentication": "UnrecognizedClientException",
    "permission": "AccessDeniedException",
    "not_found": "ResourceNotFoundException",
    "rate_limit": "ThrottlingException",
    "overloaded": "ServiceUnavailableException",
    "timeout": "ModelTimeoutException",
    "api_error": "InternalServerException",
}


def decode_error(status: int, body: bytes) -> Failure:
    """What an error reply says: ``{"message": ...}``, its name at most as ``__type``."""
    try:
        value = loads(body)
    except ValueError:
        value = " ".join(body.decode("utf-8", "replace").split())[:_TEXT_LENGTH_MAX]
    fields: Json = value if isinstance(value, dict) else {"message": value}
    code = fields.get("__type") or fields.get("code") or fields.get("Code") or ""
    message = fields.get("message") or fields.get("Message") or ""
    return failure_of(status, str(code), message if isinstance(message, str) else str(message))


def failure_of(status: int, code: str, message: str) -> Failure:
    """An error by its name and words; ``status`` 0: it came inside a stream."""
    # "com.amazon.coral.service#ThrottlingException:http://internal.amazon.com/..."
    code = code.split(":", 1)[0].rsplit("#", 1)[-1]
    name = code.lower().removesuffix("exception")
    kind = _KINDS_BY_NAME.get(name) or _KINDS_BY_STATUS.get(status)
    if kind is None:
        kind = "invalid_request" if 400 <= status < 500 else "api_error"
    field = ""
    sent: int | None = None
    fits: int | None = None
    if kind == "permission" and _BAD_KEY.search(message):
        kind = "authentication"
    elif _TOO_MUCH_ASKED.search(message):
        kind, field = "invalid_request", "inferenceConfig.maxTokens"
    elif kind in ("invalid_request", "api_error", "too_large"):
        # The words of the models themselves, which Bedrock passes on.
        told = anthropic_errors.failure_of({"message": message})
        if told.kind == "context_length":
            kind, sent, fits = told.kind, told.tokens, told.tokens_max
    return Failure(
        status=status,
        kind=kind,  # type: ignore[arg-type]  # the tables above hold nothing else
        message=message or f"Bedrock reported an error{f' ({code})' if code else ''}.",
        code=code,
        field=field,
        tokens=sent,
        tokens_max=fits,
    )


def exception_name(failure: Failure) -> str:
    """The name of an error: Bedrock's own word, else the nearest that its clients know."""
    known = failure.code.lower().removesuffix("exception") in _KINDS_BY_NAME
    if known and failure.code.lower().endswith("exception"):
        return failure.code[:1].upper() + failure.code[1:]
    return _NAMES.get(failure.kind, "ValidationException")


def encode_error(failure: Failure, request_id: str) -> bytes:
    """The body of an error. Amazon's clients look for the name in a header first, then here; the
    request's id has its place among the headers."""
    return dumps({"__type": exception_name(failure), "message": failure.message})
