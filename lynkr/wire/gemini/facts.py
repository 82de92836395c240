"""What replies of Google's generateContent say beside their text: usage, stop, logprobs.

https://ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

from lynkr.wire.codec import Context
from lynkr.wire.gemini.format import Report, usage
from lynkr.wire.jsontext import loads
from lynkr.wire.message import Json, Stop, StopReason, Usage

_TOKENS_MAX = 2**53
_STOPS: dict[str, StopReason] = {
    "STOP": "end_turn",
    "MAX_TOKENS": "max_tokens",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "MODEL_ARMOR": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
    "LANGUAGE": "other",
    "OTHER": "other",
    "MALFORMED_FUNCTION_CALL": "other",
    "UNEXPECTED_TOOL_CALL": "other",
    "TOO_MANY_TOOL_CALLS": "other",
    "MISSING_THOUGHT_SIGNATURE": "other",
    "MALFORMED_RESPONSE": "other",
    "IMAGE_OTHER": "other",
    "NO_IMAGE": "other",
    "ESCALATION": "other",
    "CONTINUATION": "other",
}
_WORDS: dict[StopReason, str] = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "refusal": "SAFETY",
    "pause_turn": "OTHER",
    "other": "OTHER",
}
MALFORMED = "MALFORMED_FUNCTION_CALL"


# --- usage ----------------------------------------------------------------------------------------


def usage_of(metadata: Json) -> Usage:
    """Of ``usageMetadata``; what is no count is not said."""
    return usage(
        Report(
            _count(metadata.get("promptTokenCount")),
            _count(metadata.get("cachedContentTokenCount")),
            _count(metadata.get("candidatesTokenCount")),
            _count(metadata.get("thoughtsTokenCount")),
            _count(metadata.get("toolUsePromptTokenCount")),
        )
    )


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _TOKENS_MAX else None


def usage_metadata(found: Usage) -> Json:
    """``usageMetadata``, with what is known and no more."""
    read, output, thoughts = (
        found.prompt_cache_read_tokens, found.output_tokens, found.reasoning_tokens,
    )  # fmt: skip
    metadata: Json = {}
    prompt = found.input_tokens
    if prompt is not None:
        prompt += (read or 0) + (found.prompt_cache_write_tokens or 0)
        metadata["promptTokenCount"] = prompt
    if read is not None:
        metadata["cachedContentTokenCount"] = read
    if output is not None:
        metadata["candidatesTokenCount"] = max(0, output - (thoughts or 0))
    if thoughts is not None:
        metadata["thoughtsTokenCount"] = thoughts
    if prompt is not None and output is not None:
        metadata["totalTokenCount"] = prompt + output
    return metadata


# --- stops ----------------------------------------------------------------------------------------


def stop_of(word: str, message: object, called: bool) -> Stop:
    """Of ``finishReason`` and ``finishMessage``. Google says STOP behind calls, too."""
    reason = _STOPS.get(word, "other")
    if called and reason == "end_turn":
        reason = "tool_use"
    return Stop(reason, None, word, message if isinstance(message, str) else "")


def blocked(feedback: object) -> Stop | None:
    """Of ``promptFeedback``: the prompt itself was refused."""
    if not isinstance(feedback, dict):
        return None
    word, message = feedback.get("blockReason"), feedback.get("blockReasonMessage")
    if not isinstance(word, str) or not word:
        return None
    return Stop("refusal", None, word, message if isinstance(message, str) else "")


def finish(stop: Stop, malformed: str) -> Json:
    """``finishReason`` and ``finishMessage``. ``malformed``: a call was left out, since what the
    model wrote for its arguments is not JSON."""
    if malformed and stop.reason != "max_tokens":
        return {"finishReason": MALFORMED, "finishMessage": f"Malformed function call: {malformed}"}
    word = stop.native if stop.native in _STOPS else _WORDS[stop.reason]
    found: Json = {"finishReason": word}
    if stop.detail:
        found["finishMessage"] = stop.detail
    return found


# --- parts ----------------------------------------------------------------------------------------


def shows_thoughts(context: Context) -> bool:
    """Whether the client asked for them. By default this dialect hides thoughts, and clients that
    join all texts would take them for the answer."""
    reasoning = context.request.reasoning
    return reasoning is not None and bool(reasoning.summary)


def call_part(call_id: str, name: str, arguments: str) -> Json | None:
    """A call; ``None`` when its arguments are no JSON object, which has no place here."""
    args: object = {}
    if arguments.strip():
        try:
            args = loads(arguments)
        except ValueError:
            return None
    if not isinstance(args, dict):
        return None
    return {"functionCall": {"id": call_id, "name": name, "args": args}}


# --- logprobs -------------------------------------------------------------------------------------


def logprobs_of(result: object) -> list[Json] | None:
    """``logprobsResult`` in Chat's shape."""
    if not isinstance(result, dict):
        return None
    chosen, top = result.get("chosenCandidates"), result.get("topCandidates")
    if not isinstance(chosen, list):
        return None
    found: list[Json] = []
    for index, each in enumerate(chosen):
        if not isinstance(each, dict):
            return None
        entry = _token(each)
        others = top[index] if isinstance(top, list) and index < len(top) else None
        if isinstance(others, dict) and isinstance(others.get("candidates"), list):
            entry["top_logprobs"] = [
                _token(other) for other in others["candidates"] if isinstance(other, dict)
            ]
        else:
            entry["top_logprobs"] = []
        found.append(entry)
    return found or None


def _token(given: Json) -> Json:
    token = str(given.get("token") or "")
    # A server leaves out what is zero.
    logprob = given.get("logProbability") or 0.0
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def logprobs_result(logprobs: list[Json]) -> Json:
    """The way back."""
    chosen = [{"token": one.get("token"), "logProbability": one.get("logprob")} for one in logprobs]
    top: list[Json] = []
    for one in logprobs:
        others = one.get("top_logprobs")
        candidates = [
            {"token": other.get("token"), "logProbability": other.get("logprob")}
            for other in (others if isinstance(others, list) else [])
            if isinstance(other, dict)
        ]
        top.append({"candidates": candidates})
    return {"chosenCandidates": chosen, "topCandidates": top}
