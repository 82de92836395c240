"""Messages replies as one JSON body, both ways, and what streams share with them.

https://platform.claude.com/docs/en/api/messages/create. In a reply to a client some things of
another dialect have no place, and a reply cannot be refused: logprobs, annotations, pictures, and
the items of tools that another provider runs are left out. Empty text is left out too, because the
client would send it back and Anthropic refuses it.
"""

from __future__ import annotations

from lynkr.errors import GatewayError
from lynkr.wire.anthropic.errors import failure_of
from lynkr.wire.anthropic.requests import NAME, read_block
from lynkr.wire.codec import Context
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Json,
    Opaque,
    Part,
    Response,
    Seal,
    Stop,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.seals import seal_text

# https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
_REASONS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause_turn",
    "model_context_window_exceeded": "context_window",
}
_WORDS: dict[str, str] = {reason: word for word, reason in _REASONS.items()}
_OTHER_WORDS = ("compaction",)  # that no neutral reason stands for


# --- usage and stop reason ------------------------------------------------------------------------


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def usage_of(report: object) -> Usage:
    """A ``usage`` object; a field that is no count was not said."""
    if not isinstance(report, dict):
        return Usage()
    details = report.get("output_tokens_details")
    return Usage(
        _count(report.get("input_tokens")),
        _count(report.get("output_tokens")),
        _count(report.get("cache_read_input_tokens")),
        _count(report.get("cache_creation_input_tokens")),
        _count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
    )


def usage_json(usage: Usage, *, demanded: bool) -> Json:
    """``demanded``: the place must have ``input_tokens`` too, and gets 0 if nobody said."""
    written: Json = {}
    if usage.input_tokens is not None or demanded:
        written["input_tokens"] = usage.input_tokens or 0
    if usage.prompt_cache_write_tokens is not None:
        written["cache_creation_input_tokens"] = usage.prompt_cache_write_tokens
    if usage.prompt_cache_read_tokens is not None:
        written["cache_read_input_tokens"] = usage.prompt_cache_read_tokens
    written["output_tokens"] = usage.output_tokens or 0
    if usage.reasoning_tokens is not None:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return written


def stop_of(fields: Json, *, called: bool) -> Stop:
    """Of a message or a ``message_delta``: stop_reason, stop_sequence, stop_details. ``called``
    decides where a server does not say why it stopped."""
    word, sequence, details = (
        fields.get("stop_reason"), fields.get("stop_sequence"), fields.get("stop_details"),
    )  # fmt: skip
    detail = ""
    if isinstance(details, dict):
        told = details.get("explanation") or details.get("category")
        detail = told if isinstance(told, str) else ""
    if not isinstance(word, str) or not word:
        return Stop("tool_use" if called else "end_turn", detail=detail)
    return Stop(
        _REASONS.get(word, "other"), sequence if isinstance(sequence, str) else None, word, detail
    )


def stop_json(stop: Stop, *, own: bool = False) -> Json:
    """The fields of a stop. ``own``: the reason's native word is one of this dialect."""
    word = _WORDS.get(stop.reason)
    if word is None:
        native = stop.native
        word = native if native and (own or native in _OTHER_WORDS) else "end_turn"
    written: Json = {"stop_reason": word, "stop_sequence": stop.sequence}
    if stop.detail and word == "refusal" and not own:
        written["stop_details"] = {
            "type": "refusal", "category": None, "explanation": stop.detail,
        }  # fmt: skip
    return written


# --- blocks ---------------------------------------------------------------------------------------


def sealed(seal: Seal, *, shown: bool) -> tuple[str, str]:
    """A client's place for a seal, "signature" or "data", and what stands there. ``shown``: there
    is a text to it. Without one, a seal that is no signature of Anthropic's makes a redacted block.
    """
    if seal.format == NAME:
        for place in ("signature",) if shown else ("signature", "data"):
            value = seal.data.get(place)
            if isinstance(value, str):
                return place, value
    return "signature" if shown else "data", seal_text(seal)


def _thinking(part: Thinking) -> Json | None:
    if part.seal is None:
        if not part.text:
            return None
        return {"type": "thinking", "thinking": part.text, "signature": ""}
    place, value = sealed(part.seal, shown=bool(part.text))
    if place == "data":
        return {"type": "redacted_thinking", "data": value}
    return {"type": "thinking", "thinking": part.text, "signature": value}


def _input(arguments: str) -> object:
    """The ``input`` of a call: the text itself where a model wrote no JSON."""
    if not arguments.strip():
        return {}
    try:
        return loads(arguments)
    except ValueError:
        return arguments


def _block(part: Part, own: bool) -> Json | None:
    """``own``: extras are of this dialect."""
    if isinstance(part, Text):
        if own:
            return {"type": "text", "text": part.text, **part.extras}
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Thinking):
        block = _thinking(part)
        if own and block is None:
            block = {"type": "thinking", "thinking": "", "signature": ""}
        if own and block is not None:
            block.update(part.extras)
        return block
    if isinstance(part, ToolCall):
        call: Json = {
            "type": "tool_use",
            "id": part.id,
            "name": part.name,
            "input": _input(part.arguments),
        }
        return {**call, **part.extras} if own else call
    if isinstance(part, Opaque) and part.format == NAME:
        return part.value
    return None


# --- the whole reply ------------------------------------------------------------------------------


def decode_response(body: bytes, context: Context) -> Response:
    """A reply of Anthropic. Raises ``ValueError``: it is none.

    What is left of the message is in ``extras``, unknown fields of ``usage`` in
    ``extras["usage"]``.
    """
    value = loads(body)
    if not isinstance(value, dict):
        raise ValueError("the reply is no object")
    if value.get("type") == "error" or value.get("error"):
        raise ValueError(failure_of(value).message)
    # Some servers leave the type out.
    if value.get("type", "message") != "message" or value.keys().isdisjoint(("type", "content")):
        raise ValueError("the reply is no message")
    content = value.get("content")
    if content is None:
        content = []
    if not isinstance(content, list):
        raise ValueError("the reply has no content")
    parts = [_read(block, f"content.{index}") for index, block in enumerate(content)]
    reply_id, model = value.get("id"), value.get("model")
    extras: Json = {
        name: field
        for name, field in value.items()
        if name not in ("id", "type", "model", "role", "content", "stop_reason", "stop_sequence")
    }
    report = extras.pop("usage", None)
    usage = usage_of(report)
    if isinstance(report, dict):
        known = usage_json(usage, demanded=False)
        rest = {name: each for name, each in report.items() if each != known.get(name, _count)}
        if rest:
            extras["usage"] = rest
    called = any(isinstance(part, ToolCall) for part in parts)
    return Response(
        id=reply_id if isinstance(reply_id, str) and reply_id else context.make_id("msg"),
        model=model if isinstance(model, str) else "",
        parts=parts,
        stop=stop_of(value, called=called),
        usage=usage,
        format=NAME,
        extras=extras,
    )


def _read(block: object, at: str) -> Part:
    try:
        part = read_block(block, at)
    except GatewayError as error:
        if isinstance(block, dict) and isinstance(block.get("type"), str):
            return Opaque(kind=block["type"], value=block, format=NAME)
        raise ValueError(f"{at}: {error}") from None
    if isinstance(part, Thinking):
        # https://platform.claude.com/docs/en/build-with-claude/extended-thinking: what is shown
        # of the thinking is a summary of it.
        part.summary = True
        if part.seal is not None and part.seal.format != NAME:
            part.seal = _unopened(block)
    return part


def _unopened(block: object) -> Seal:
    """The seal as the upstream wrote it, if that is another gateway: it is for it to open."""
    assert isinstance(block, dict)
    if block.get("type") == "redacted_thinking":
        return Seal(NAME, {"data": block["data"]})
    return Seal(NAME, {"signature": block["signature"]})


def encode_response(response: Response, context: Context) -> bytes:
    """The reply for a client of this dialect."""
    own = response.format == NAME
    blocks = [_block(part, own) for part in response.parts]
    context.reply_id = response.id or context.make_id("msg")
    written: Json = {
        "id": context.reply_id,
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [block for block in blocks if block is not None],
        **stop_json(response.stop, own=own),
        "usage": usage_json(response.usage, demanded=True),
    }
    if own:
        for name, value in response.extras.items():
            if name == "usage" and isinstance(value, dict):
                written["usage"] = {**usage_json(response.usage, demanded=True), **value}
            else:
                written[name] = value
    return dumps(written)
