"""Google's generateContent: where its replies keep their facts, and its errors.

Stream (``streamGenerateContent?alt=sse``): every chunk is a whole ``GenerateContentResponse`` with
the model's name and the usage so far; the last one has ``finishReason``. A prompt that is refused
has ``promptFeedback.blockReason`` and no candidate. Without ``alt=sse`` the body is one JSON array,
of which the tee reads nothing. https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

import msgspec
import orjson

from lynkr._native.paths import PathTable
from lynkr._native.sse import ReplyShape
from lynkr.errors import GatewayError
from lynkr.wire.format import Count, Format, Reading, Values, report_reader, table, text
from lynkr.wire.message import ReplyFacts, Usage

# google.rpc.Code by HTTP status: https://cloud.google.com/apis/design/errors
STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",  # Anthropic's word for it
}
_TYPE = "type.googleapis.com/google.rpc."


class Report(msgspec.Struct, frozen=True):
    """The fields of ``usageMetadata`` that we count. The total is prompt, tool use, candidates and
    thoughts; what came from the cache is part of the prompt."""

    promptTokenCount: Count = None  # noqa: N815
    cachedContentTokenCount: Count = None  # noqa: N815
    candidatesTokenCount: Count = None  # noqa: N815
    thoughtsTokenCount: Count = None  # noqa: N815
    toolUsePromptTokenCount: Count = None  # noqa: N815


_read_report = report_reader(Report, Report())


def usage(report: Report) -> Usage:
    """Our split: uncached input, and output with the thoughts in it."""
    total, read = report.promptTokenCount, report.cachedContentTokenCount
    output, thoughts = report.candidatesTokenCount, report.thoughtsTokenCount
    if total is not None:
        total = max(0, total - (read or 0)) + (report.toolUsePromptTokenCount or 0)
    if output is not None or thoughts is not None:
        output = (output or 0) + (thoughts or 0)
    return Usage(total, output, read, None, thoughts)


def error_name(error: bytes | None) -> str:
    """The most telling word of an error: its status, else its code."""
    if error is None:
        return ""
    fields = table(error)
    return str(fields.get("status") or fields.get("code") or "error")


def _facts(values: Values) -> ReplyFacts:
    model, reported, finish_reason, block_reason, error = values
    return ReplyFacts(
        text(model),
        text(finish_reason) or text(block_reason),
        error_name(error),
        usage(_read_report(reported)),
    )


def error_object(
    code: int, message: str, status: str, field: str = "", request_id: str = ""
) -> dict[str, object]:
    """What stands under ``error``; the details are those of google.rpc.
    https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto"""
    error: dict[str, object] = {"code": code, "message": message, "status": status}
    details: list[dict[str, object]] = []
    if field:
        violation = {"field": field, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if request_id:
        details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id})
    if details:
        error["details"] = details
    return error


def _status_word(status: int) -> str:
    return STATUS_WORDS.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")


def error_body(error: GatewayError, request_id: str) -> bytes:
    """The gateway's own error: ``{"error": {"code", "message", "status", "details"?}}``."""
    payload = error_object(
        error.status, str(error), _status_word(error.status), error.field or "", request_id
    )
    return orjson.dumps({"error": payload})


def error_event(error: GatewayError) -> bytes:
    """The same at the end of a stream: bare JSON, not an event, as Google itself does it.

    Google's SDKs find an error in the middle of a stream only so: JavaScript's skips an event that
    holds one, and wants no blank line behind the JSON.
    https://github.com/googleapis/js-genai/blob/main/src/_api_client.ts (processStreamResponse)
    """
    return error_body(error, "")


_PATHS = PathTable(
    "modelVersion",
    "usageMetadata",
    "candidates.finishReason",
    "promptFeedback.blockReason",
    "error",
)

FORMAT = Format(
    name="gemini",
    events=Reading(
        ReplyShape(
            _PATHS,
            "modelVersion",
            {"candidates.finishReason": (), "promptFeedback.blockReason": (), "error": ()},
        ),
        _facts,
        events=True,
    ),
    body=Reading(ReplyShape(_PATHS, "modelVersion", {}), _facts, events=False),
    error_body=error_body,
    error_event=error_event,
)
