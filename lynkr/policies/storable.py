"""Whether an answer may be kept: only one that another client can be given in full and be glad of.

Everything that went wrong, stopped short, wants something of the client or would lose a part when
it is streamed from the neutral vocabulary is not kept. In doubt it is not.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.message import Response, Text, Thinking, ToolCall

_STOPS = ("end_turn", "stop_sequence")
_TROUBLE = ("error", "incomplete_details", "promptFeedback", "safety_ratings")  # in extras, if set


def why_not(
    response: Response,
    status: int = 200,
    *,
    semantic: bool = False,
    bytes_max: int | None = None,
) -> str:
    """Why a whole reply may not be kept, in one word; "": it may. ``status`` is the upstream's.

    ``semantic``: it would answer other words too. Thinking is about the words that were sent, and
    so are log probabilities; neither is then kept. ``bytes_max``: of its texts, in UTF-8.
    """
    if status != 200:
        return "error"
    if response.stop.reason not in _STOPS:
        return response.stop.reason
    if any(response.extras.get(name) for name in _TROUBLE):
        return "trouble"
    said = False
    size = 0
    for part in response.parts:
        if isinstance(part, Text):
            if part.refusal:
                return "refusal"
            if part.extras:
                return "citations"  # and annotations: a stream of events has no word for them
            if semantic and part.logprobs:
                return "logprobs"
            said = said or bool(part.text.strip())
        elif isinstance(part, Thinking):
            if semantic:
                return "thinking"
        elif isinstance(part, ToolCall):
            return "tool_use"
        else:
            return "part"  # pictures, sound, files, and what only its dialect understands
        size += len(part.text.encode("utf-8", "replace"))
    if not said:
        return "empty"
    return "too_large" if bytes_max is not None and size > bytes_max else ""


class _Counted(msgspec.Struct):
    input_tokens: int
    error: msgspec.Raw | None = None


class _Embedded(msgspec.Struct):
    data: list[dict[str, msgspec.Raw]]
    error: msgspec.Raw | None = None


_COUNT = msgspec.json.Decoder(_Counted)
_VECTORS = msgspec.json.Decoder(_Embedded)


def body_storable(api: str, body: bytes) -> bool:
    """Whether a reply's body is a whole answer of ``count_tokens`` or ``embeddings``: one JSON
    object with a count, or with vectors, and no error."""
    try:
        if api == "count_tokens":
            counted = _COUNT.decode(body)
            return counted.error is None and counted.input_tokens >= 0
        if api == "embeddings":
            found = _VECTORS.decode(body)
            whole = bool(found.data) and all("embedding" in row for row in found.data)
            return whole and found.error is None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return False
