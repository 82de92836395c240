"""Chat Completions replies that come as one JSON body, read and written.

https://platform.openai.com/docs/api-reference/chat/object. Only the first choice is translated.
"""

from __future__ import annotations

from lynkr.wire.chat.format import InputDetails, OutputDetails, usage
from lynkr.wire.chat.reasoning import (
    FIELDS,
    NAME,
    call_seal,
    details_of,
    foreign_detail,
    is_summary,
    numbered,
    own_seal,
    text_of,
)
from lynkr.wire.codec import Context
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Json,
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
from lynkr.wire.openai_errors import failure_of

# What the model or its server says, in neutral words. Beside OpenAI's own five: Mistral,
# text-generation-inference, and what gateways let through.
_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "eos_token": "end_turn",
    "end_turn": "end_turn",
    "complete": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "context_window",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
}
# The reply broke off, and its server says so in this place only: Mistral, OpenRouter, DeepSeek.
BROKEN = ("error", "insufficient_system_resource")

_FINISHES: dict[StopReason, str] = {
    "max_tokens": "length",
    "context_window": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


def stop_of(native: str, matched: object, calls: bool, context: Context) -> Stop:
    """Why a reply ended. Servers say "stop" though tools are called, and some "tool_calls" though
    none is: the calls themselves decide. ``matched`` is vLLM's `stop_reason`."""
    reason: StopReason = _REASONS.get(native, "other" if native else "end_turn")
    if calls and reason in ("end_turn", "stop_sequence", "other"):
        reason = "tool_use"
    elif reason == "tool_use" and not calls:
        reason = "end_turn"
    sequence = None
    if isinstance(matched, str) and matched in context.request.stop and not calls:
        reason, sequence = "stop_sequence", matched
    return Stop(reason, sequence, native)


def finish_of(stop: Stop) -> str:
    """`finish_reason`, one of OpenAI's words."""
    return _FINISHES.get(stop.reason, "stop")


def count(value: object) -> int | None:
    """A number of tokens, or nothing."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= 2**53 else None


def usage_of(value: object) -> Usage | None:
    """A `usage` object; ``None`` when there is none."""
    if not isinstance(value, dict):
        return None
    read, written = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    read = read if isinstance(read, dict) else {}
    written = written if isinstance(written, dict) else {}
    return usage(
        count(value.get("prompt_tokens")),
        count(value.get("completion_tokens")),
        InputDetails(count(read.get("cached_tokens")), count(read.get("cache_write_tokens"))),
        OutputDetails(count(written.get("reasoning_tokens"))),
    )


def usage_object(known: Usage) -> Json | None:
    """A `usage` object of what is known. The three totals must be there: one that nobody told is
    0 in it. ``None`` when nothing at all is known."""
    if known == Usage():
        return None
    read, written = known.prompt_cache_read_tokens, known.prompt_cache_write_tokens
    total = (known.input_tokens or 0) + (read or 0) + (written or 0)
    output = known.output_tokens or 0
    found: Json = {
        "prompt_tokens": total,
        "completion_tokens": output,
        "total_tokens": total + output,
    }
    details = {"cached_tokens": read, "cache_write_tokens": written}
    details = {name: value for name, value in details.items() if value is not None}
    if details:
        found["prompt_tokens_details"] = details
    if known.reasoning_tokens is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": known.reasoning_tokens}
    return found


def logprobs_of(choice: Json, name: str) -> list[Json] | None:
    """The log probabilities of the choice's `content` or `refusal`."""
    value = choice.get("logprobs")
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) and found else None


def text_in(value: object) -> str:
    """Content: a string, or Mistral's array of chunks. Its thinking chunks are not text."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    return "".join(_texts(value, "text"))


def thinking_in(value: object) -> str:
    """The text of Mistral's thinking chunks.
    https://docs.mistral.ai/capabilities/reasoning/"""
    if not isinstance(value, list):
        return ""
    found: list[str] = []
    for chunk in value:
        if isinstance(chunk, dict) and chunk.get("type") == "thinking":
            inner = chunk.get("thinking")
            found += [inner] if isinstance(inner, str) else _texts(inner, "text")
    return "".join(found)


def _texts(chunks: object, kind: str) -> list[str]:
    if not isinstance(chunks, list):
        return []
    return [
        text
        for chunk in chunks
        if isinstance(chunk, dict)
        and chunk.get("type") == kind
        and isinstance(text := chunk.get("text"), str)
    ]


# --- read -----------------------------------------------------------------------------------------


def decode_response(body: bytes, context: Context) -> Response:
    """The reply in a body. Raises ``ValueError``: it is none."""
    value = loads(body)
    if not isinstance(value, dict):
        raise ValueError("the reply is no object")
    if value.get("error"):
        raise ValueError(f"the reply is an error: {failure_of(0, value).message}")
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ValueError("the reply has no choice with a message")
    finish = choice.get("finish_reason")
    native = finish if isinstance(finish, str) else ""
    if native in BROKEN:
        raise ValueError(f"the reply broke off: {native}")
    parts = _parts(choice, message, context)
    called = any(isinstance(part, ToolCall) for part in parts)
    reply_id, model = value.get("id"), value.get("model")
    kept = ("system_fingerprint", "service_tier")
    return Response(
        id=reply_id if isinstance(reply_id, str) and reply_id else context.make_id("chatcmpl"),
        model=model if isinstance(model, str) else "",
        parts=parts,
        stop=stop_of(native, choice.get("stop_reason"), called, context),
        usage=usage_of(value.get("usage")) or Usage(),
        created=count(value.get("created")),
        format=NAME,
        extras={name: value[name] for name in kept if value.get(name) is not None},
    )


def _parts(choice: Json, message: Json, context: Context) -> list[Part]:
    parts: list[Part] = []
    content = message.get("content")
    thinking = _thinking(message) or thinking_in(content)
    if isinstance(thinking, Thinking):
        parts.append(thinking)
    elif thinking:
        parts.append(Thinking(text=thinking))
    text = text_in(content)
    if text:
        annotations = message.get("annotations")
        extras: Json = {"annotations": annotations} if annotations else {}
        parts.append(Text(text=text, logprobs=logprobs_of(choice, "content"), extras=extras))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        logprobs = logprobs_of(choice, "refusal")
        parts.append(Text(text=refusal, refusal=True, logprobs=logprobs))
    calls = message.get("tool_calls")
    taken: set[str] = set()
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            _call(parts, call, taken, context)
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and not calls:
        _call(parts, {"function": legacy}, taken, context)
    return parts


def _thinking(message: Json) -> Thinking | None:
    given = message.get("reasoning_details")
    details = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    for field in FIELDS:
        text = message.get(field)
        if isinstance(text, str) and text:
            return Thinking(text=text, seal=own_seal(field, details), summary=is_summary(details))
    if not details:
        return None
    return Thinking(text=text_of(details), seal=own_seal("", details), summary=is_summary(details))


def _call(parts: list[Part], call: Json, taken: set[str], context: Context) -> None:
    kind, inner = called(call)
    name = inner.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a tool call has no name")
    if call.get("extra_content"):
        parts.append(Thinking(seal=call_seal(call["extra_content"])))
    call_id = call.get("id")
    if not isinstance(call_id, str) or not call_id or call_id in taken:
        call_id = context.make_id("call")
    taken.add(call_id)
    arguments = arguments_of(inner, kind)
    parts.append(
        ToolCall(
            id=call_id, name=name, arguments=arguments,
            kind="custom" if kind == "custom" else "function",
        )
    )  # fmt: skip


def called(call: Json) -> tuple[str, Json]:
    """Kind and inner object of a call, or of a fragment of one."""
    inner = call.get("function")
    if isinstance(inner, dict):
        return "function", inner
    inner = call.get("custom")
    if isinstance(inner, dict):
        return "custom", inner
    return "function", {}


def arguments_of(inner: Json, kind: str) -> str:
    """Arguments as text; some servers send the object itself."""
    value = inner.get("input" if kind == "custom" else "arguments")
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value).decode()


# --- write ----------------------------------------------------------------------------------------


class Reasoned:
    """The reasoning of one reply on its way to a client of this dialect.

    A seal waits for the part behind it: if that is a tool call, the seal names it, so that the
    same request finds the seal at its place again.
    """

    def __init__(self) -> None:
        self._length = 0  # of the text so far
        self._begun = 0  # where the text of the open part begins
        self._written = 0  # entries of `reasoning_details`
        self._waiting: list[tuple[Seal, int]] = []

    def begin(self) -> None:
        self._begun = self._length

    def text(self, text: str) -> None:
        self._length += len(text)

    def sealed(self, seal: Seal) -> None:
        self._waiting.append((seal, self._begun))

    def before(self, call_id: str = "") -> tuple[list[Json], Json]:
        """What is to be written before the next part: entries of `reasoning_details`, and fields
        of the call, if it is one."""
        if not self._waiting:
            return [], {}
        details: list[Json] = []
        fields: Json = {}
        last = len(self._waiting) - 1
        for n, (seal, begun) in enumerate(self._waiting):
            start = self._written + len(details)
            if seal.format != NAME:
                own_call = call_id if n == last else ""
                details.append(foreign_detail(seal, start, own_call, begun))
                continue
            details += numbered(details_of(seal), start)
            about = seal.data.get("call")
            if isinstance(about, dict):
                fields.update(about)
        self._written += len(details)
        self._waiting = []
        return details, fields


def is_legacy(context: Context) -> bool:
    """Whether the client offered `functions`, and so waits for a `function_call`."""
    return bool(context.request.extras.get("functions"))


def encode_response(response: Response, context: Context) -> bytes:
    """The body. What other dialects show beside text, reasoning and calls has no place in it."""
    texts: list[Text] = []
    refusals: list[Text] = []
    thoughts: list[str] = []
    details: list[Json] = []
    calls: list[Json] = []
    reasoned = Reasoned()
    for part in response.parts:
        if isinstance(part, Thinking):
            reasoned.begin()
            reasoned.text(part.text)
            thoughts.append(part.text)
            if part.seal is not None:
                reasoned.sealed(part.seal)
            continue
        more, fields = reasoned.before(part.id if isinstance(part, ToolCall) else "")
        details += more
        if isinstance(part, Text):
            (refusals if part.refusal else texts).append(part)
        elif isinstance(part, ToolCall):
            kind, name = ("custom", "input") if part.kind == "custom" else ("function", "arguments")
            inner = {"name": part.name, name: part.arguments}
            calls.append({"id": part.id, "type": kind, kind: inner, **fields})
    details += reasoned.before()[0]

    text = "".join(part.text for part in texts)
    message: Json = {
        "role": "assistant",
        "content": text if texts or not (calls or refusals) else None,
        "refusal": "".join(part.text for part in refusals) if refusals else None,
    }
    annotations = [each for part in texts for each in _annotations(part)]
    if annotations:
        message["annotations"] = annotations
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if details:
        message["reasoning_details"] = details
    finish = finish_of(response.stop)
    if calls and is_legacy(context):
        message["function_call"] = calls[0].get("function")
        finish = "function_call" if finish == "tool_calls" else finish
    elif calls:
        message["tool_calls"] = calls
    logprobs = {"content": _logprobs(texts), "refusal": _logprobs(refusals)}
    context.reply_id = response.id or context.make_id("chatcmpl")
    body: Json = {
        "id": context.reply_id,
        "object": "chat.completion",
        "created": context.created if response.created is None else response.created,
        "model": context.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": logprobs if any(logprobs.values()) else None,
                "finish_reason": finish,
            }
        ],
    }
    counted = usage_object(response.usage)
    if counted is not None:
        body["usage"] = counted
    if isinstance(response.extras.get("system_fingerprint"), str):
        body["system_fingerprint"] = response.extras["system_fingerprint"]
    if response.extras.get("service_tier") in _TIERS:  # Anthropic has others
        body["service_tier"] = response.extras["service_tier"]
    return dumps(body)


def _annotations(part: Text) -> list[object]:
    """Those of this dialect."""
    found = part.extras.get("annotations")
    return [
        each
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict) and isinstance(each.get(str(each.get("type"))), dict)
    ]


def _logprobs(texts: list[Text]) -> list[Json] | None:
    return [each for part in texts for each in part.logprobs or ()] or None
