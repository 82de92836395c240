"""OpenAI Chat Completions, and all who speak it: where replies keep their facts, and the errors.

Stream: every chunk names the model; the last choice chunk has ``finish_reason``; with
``stream_options.include_usage`` one more chunk, without choices, has ``usage``; ``data: [DONE]``
ends it.
"""

from __future__ import annotations

import msgspec
import orjson

from lynkr._native.paths import PathTable
from lynkr._native.sse import ReplyShape
from lynkr.errors import GatewayError
from lynkr.wire.format import Count, Format, Reading, Values, report_reader, table, text
from lynkr.wire.message import ReplyFacts, Usage


class InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: Count = None
    cache_write_tokens: Count = None


class OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: Count = None


class _Report(msgspec.Struct, frozen=True):
    """The fields of a ``usage`` object that we count."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


_read_report = report_reader(_Report, _Report())


def usage(
    total: int | None,
    output: int | None,
    input_details: InputDetails | None,
    output_details: OutputDetails | None,
) -> Usage:
    """Our split of an input total that includes what was read from and written to the cache."""
    read = input_details.cached_tokens if input_details is not None else None
    written = input_details.cache_write_tokens if input_details is not None else None
    return Usage(
        None if total is None else max(0, total - (read or 0) - (written or 0)),
        output,
        read,
        written,
        output_details.reasoning_tokens if output_details is not None else None,
    )


def _usage(value: bytes | None) -> Usage:
    report = _read_report(value)
    return usage(
        report.prompt_tokens,
        report.completion_tokens,
        report.prompt_tokens_details,
        report.completion_tokens_details,
    )


def error_name(error: bytes | None) -> str:
    """The most telling word of an OpenAI error; some servers send a bare string."""
    if error is None:
        return ""
    fields = table(error)
    return str(fields.get("code") or fields.get("type") or "error")


def _facts(values: Values) -> ReplyFacts:
    model, reported, finish_reason, error = values
    return ReplyFacts(
        text(model),
        text(finish_reason),
        error_name(error),
        _usage(reported),
    )


def _embedding_facts(values: Values) -> ReplyFacts:
    model, reported = values
    return ReplyFacts(text(model), "", "", _usage(reported))


def error_object(error: GatewayError) -> dict[str, object]:
    if error.status == 401:
        kind, code = "invalid_request_error", "invalid_api_key"
    elif error.status == 429:
        kind, code = "rate_limit_error", "rate_limit_exceeded"
    else:
        kind = "invalid_request_error" if error.status < 500 else "server_error"
        code = error.kind
    return {"message": str(error), "type": kind, "param": error.field, "code": code}


def error_body(error: GatewayError, request_id: str) -> bytes:
    return orjson.dumps({"error": error_object(error)})


def _error_event(error: GatewayError) -> bytes:
    return b"data: " + orjson.dumps({"error": error_object(error)}) + b"\n\n"


EMBEDDINGS_BODY = Reading(
    ReplyShape(PathTable("model", "usage"), "model", {}), _embedding_facts, events=False
)

_PATHS = PathTable("model", "usage", "choices.finish_reason", "error")

FORMAT = Format(
    name="openai_chat",
    events=Reading(
        ReplyShape(_PATHS, "model", {"choices.finish_reason": (), "error": ()}), _facts, events=True
    ),
    body=Reading(ReplyShape(_PATHS, "model", {}), _facts, events=False),
    error_body=error_body,
    error_event=_error_event,
)
