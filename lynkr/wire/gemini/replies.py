"""Whole replies of Google's generateContent, read and written.

https://ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context
from lynkr.wire.gemini.facts import (
    GeminiPart,
    call_part,
    finish,
    logprobs_result,
    shows_thoughts,
    usage_metadata,
)
from lynkr.wire.gemini.signatures import SignedParts
from lynkr.wire.gemini.stream_decoder import GeminiStreamDecoder
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Json, Response, Text, Thinking, ToolCall


def decode_response(body: bytes, context: Context) -> Response:
    """A whole reply. What this dialect says beside its parts (grounding, safety ratings) stays in
    ``extras`` under "gemini", for a client of the same dialect."""
    value = loads(body)
    if not isinstance(value, dict) or not ("candidates" in value or "promptFeedback" in value):
        raise ValueError("it has no candidates")
    assembly = Assembly()
    assembly.add(GeminiStreamDecoder(context).whole(value))
    if assembly.stop is None:
        failure = assembly.failure
        raise ValueError(failure.message if failure is not None else "it is not whole")
    response = assembly.response()
    response.extras = _beside(value)
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
    return {"gemini": found} if found else {}


def encode_response(response: Response, context: Context) -> bytes:
    """A whole reply for the client."""
    shown = shows_thoughts(context)
    parts = SignedParts()
    logprobs: list[Json] = []
    malformed = ""
    for part in response.parts:
        if isinstance(part, Text):
            if part.text:
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
        elif isinstance(part, GeminiPart):
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
    beside = response.extras.get("gemini")
    if isinstance(beside, dict):
        more = beside.get("candidate")
        if isinstance(more, dict):
            candidate.update(more)
        body.update({name: value for name, value in beside.items() if name != "candidate"})
    return dumps(body)
