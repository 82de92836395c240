"""OpenAI Responses: where its replies keep their facts, and its errors.

Stream: ``response.created`` names the model; ``response.completed``, ``.failed`` or ``.incomplete``
repeats the whole response with ``usage`` and ends it.
"""

from __future__ import annotations

import msgspec
import orjson

from lynkr._native.paths import PathTable
from lynkr._native.sse import ReplyShape
from lynkr.errors import GatewayError
from lynkr.wire.chat.format import (
    InputDetails,
    OutputDetails,
    error_body,
    error_name,
    error_object,
    usage,
)
from lynkr.wire.format import Count, Format, Reading, Values, report_reader, text
from lynkr.wire.message import ReplyFacts


class _Report(msgspec.Struct, frozen=True):
    """The fields of a ``usage`` object that we count."""

    input_tokens: Count = None
    output_tokens: Count = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


_UNFINISHED = ("in_progress", "queued")  # statuses that tell of no end
_read_report = report_reader(_Report, _Report())


def _body_facts(values: Values) -> ReplyFacts:
    model, reported, status, reason, error = values
    report = _read_report(reported)
    state = text(status)
    return ReplyFacts(
        text(model),
        # The API has no stop reason as such: why it is incomplete, or the status, takes its place.
        text(reason) or ("" if state in _UNFINISHED else state),
        error_name(error),
        usage(
            report.input_tokens,
            report.output_tokens,
            report.input_tokens_details,
            report.output_tokens_details,
        ),
    )


def _event_facts(values: Values) -> ReplyFacts:
    last, code, error, *response = values
    facts = _body_facts(response)
    if facts.error or last != b'"error"':
        return facts  # other events have a `code` too, and it is text of the reply
    failed = error_name(error) if error is not None else text(code) or "error"
    return ReplyFacts(facts.model, facts.stop_reason, failed, facts.usage)


def _error_event(error: GatewayError) -> bytes:
    payload = {"type": "error", **error_object(error), "sequence_number": 0}
    payload["type"] = "error"
    return b"event: error\ndata: " + orjson.dumps(payload) + b"\n\n"


_NAMES = ("model", "usage", "status", "incomplete_details.reason", "error")
_LAST_EVENTS = ("response.completed", "response.failed", "response.incomplete", "error")

FORMAT = Format(
    name="openai_responses",
    events=Reading(
        ReplyShape(
            PathTable("type", "code", "error", *(f"response.{name}" for name in _NAMES)),
            begin="response.model",
            ends={"type": tuple(f'"{name}"'.encode() for name in _LAST_EVENTS)},
        ),
        _event_facts,
        events=True,
    ),
    body=Reading(ReplyShape(PathTable(*_NAMES), "model", {}), _body_facts, events=False),
    error_body=error_body,
    error_event=_error_event,
)
