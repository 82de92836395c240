"""Anthropic Messages: where its replies keep their facts, and its errors.

Stream: ``message_start`` holds the model and the input usage, ``message_delta`` the stop reason and
the cumulative output usage (https://docs.anthropic.com/en/docs/build-with-claude/streaming).
"""

from __future__ import annotations

import msgspec
import orjson

from lynkr._native.paths import PathTable
from lynkr._native.sse import ReplyShape
from lynkr.errors import GatewayError
from lynkr.wire.format import Count, Format, Reading, Values, report_reader, table, text
from lynkr.wire.message import ReplyFacts, Usage

# https://docs.anthropic.com/en/api/errors
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    431: "invalid_request_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class _OutputDetails(msgspec.Struct, frozen=True):
    thinking_tokens: Count = None


class _Report(msgspec.Struct, frozen=True):
    """The fields of a ``usage`` object that are tokens."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    output_tokens_details: _OutputDetails | None = None


_EMPTY = _Report()
_read_report = report_reader(_Report, _EMPTY)


def _thinking(report: _Report) -> int | None:
    details = report.output_tokens_details
    return details.thinking_tokens if details is not None else None


def _usage(report: _Report) -> Usage:
    return Usage(
        report.input_tokens,
        report.output_tokens,
        report.cache_read_input_tokens,
        report.cache_creation_input_tokens,
        _thinking(report),
    )


def _merged(start: _Report, delta: _Report) -> _Report:
    """``message_delta`` repeats or corrects ``message_start``, field by field."""

    def later(new: int | None, old: int | None) -> int | None:
        return old if new is None else new

    return _Report(
        later(delta.input_tokens, start.input_tokens),
        later(delta.output_tokens, start.output_tokens),
        later(delta.cache_read_input_tokens, start.cache_read_input_tokens),
        later(delta.cache_creation_input_tokens, start.cache_creation_input_tokens),
        delta.output_tokens_details or start.output_tokens_details,
    )


def _event_facts(values: Values) -> ReplyFacts:
    _, model, started, reported, stop_reason, error = values
    usage = _read_report(started)
    if reported is not None:
        usage = _merged(usage, _read_report(reported))
    kind = str(table(error).get("type") or "error") if error is not None else ""
    return ReplyFacts(text(model), text(stop_reason), kind, _usage(usage))


def _body_facts(values: Values) -> ReplyFacts:
    model, reported, stop_reason = values
    return ReplyFacts(text(model), text(stop_reason), "", _usage(_read_report(reported)))


def _count_facts(values: Values) -> ReplyFacts:
    return ReplyFacts()  # a count is an estimate asked for, not tokens used


def error_payload(error: GatewayError, request_id: str) -> dict[str, object]:
    kind = _ERROR_TYPES.get(
        error.status, "invalid_request_error" if error.status < 500 else "api_error"
    )
    message = f"{error.field}: {error}" if error.field else str(error)
    payload: dict[str, object] = {"type": "error", "error": {"type": kind, "message": message}}
    if request_id:
        payload["request_id"] = request_id
    return payload


def _error_body(error: GatewayError, request_id: str) -> bytes:
    return orjson.dumps(error_payload(error, request_id))


def _error_event(error: GatewayError) -> bytes:
    return b"event: error\ndata: " + orjson.dumps(error_payload(error, "")) + b"\n\n"


COUNT_BODY = Reading(
    ReplyShape(PathTable("input_tokens"), "input_tokens", {}), _count_facts, events=False
)

FORMAT = Format(
    name="anthropic_messages",
    events=Reading(
        ReplyShape(
            PathTable(
                "type", "message.model", "message.usage", "usage", "delta.stop_reason", "error"
            ),
            begin="message.model",
            # Any of the three is an end of its own: clients accept streams without the other two.
            ends={"type": (b'"message_stop"',), "delta.stop_reason": (), "error": ()},
        ),
        _event_facts,
        events=True,
    ),
    body=Reading(
        ReplyShape(PathTable("model", "usage", "stop_reason"), "model", {}),
        _body_facts,
        events=False,
    ),
    error_body=_error_body,
    error_event=_error_event,
)
