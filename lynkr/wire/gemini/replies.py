"""Whole replies of Google's generateContent, read and written.

https://ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.gemini.facts import (
    call_part,
    finish,
    logprobs_result,
    shows_thoughts,
    usage_metadata,
)
from lynkr.wire.gemini.signatures import FORMAT, SignedParts
from lynkr.wire.gemini.stream_decoder import GeminiStreamDecoder
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Json, Opaque, Response, Text, Thinking, ToolCall


def decode_response(body: bytes, context: Context) -> Response:
    """A whole reply. What this dialect says beside its parts (grounding, safety ratings) is in
    ``extras``, that of the candidate under "candidate"."""
    value = loads(body)
    if not isinstance(value, dict) or not ("candidates" in value or "promptFeedback" in value):
        raise ValueError("it has no candidates")
    assembly = Assembly()
    assembly.add(GeminiStreamDecoder(context).whole(value))
    if assembly.stop is None:
        failure = assembly.failure
        raise ValueError(failure.message if failure is not None else "it is not whole")
    response = assembly.response()
    response.format, response.extras = FORMAT, _beside(value)
    return response


_READ = ("candidates", "usageMetadata", "modelVersion", "responseId")
_READ_OF_CANDIDATE = ("content", "finishReason", "finishMessage", "index", "logprobsResult")


def _beside(value: Json) -> Json:
    found: Json = {name: each for name, each in value.items() if name not in _READ}
    candidates = value.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    if isinstance(first, dict):
        more = {name: each for name, each in first.items() if name not in _READ_OF_CANDIDATE}
        if more:
            found["candidate"] = more
    return found


def encode_response(response: Response, context: Context) -> bytes:
    """A whole reply for the client."""
    shown = shows_thoughts(context)
    parts = SignedParts()
    logprobs: list[Json] = []
    malformed = ""
    for part in response.parts:
        if isinstance(part, Text):
            if part.text:
                last: Json = parts.written[-1] if parts.written else {}
                if last.get("text") and not last.get("thought"):
                    parts.close()  # else it would be more of the same text
                parts.add({"text": part.text})
            logprobs += part.logprobs or ()
        elif isinstance(part, Thinking):
            if shown and part.text:
                parts.thought(part.text, {})
            if part.seal is not None:
                parts.sign(part.seal)
        elif isinstance(part, ToolCall):
            call = call_part(part.id, part.name, part.arguments)
            if call is None:
                malformed = malformed or f"{part.name}({part.arguments})"
            else:
                parts.add(call)
        elif isinstance(part, Opaque) and part.format == FORMAT:
            parts.close()
            parts.written.append(part.value)
    parts.close()
    candidate: Json = {
        "content": {"parts": parts.written or [{"text": ""}], "role": "model"},
        **finish(response.stop, malformed),
        "index": 0,
    }
    if logprobs:
        candidate["logprobsResult"] = logprobs_result(logprobs)
    body: Json = {"candidates": [candidate]}
    metadata = usage_metadata(response.usage)
    if metadata:
        body["usageMetadata"] = metadata
    body["modelVersion"], body["responseId"] = context.model, response.id
    if response.format == FORMAT:
        beside = dict(response.extras)
        more = beside.pop("candidate", None)
        if isinstance(more, dict):
            candidate.update(more)
        body.update(beside)
    return dumps(body)
