"""OpenAI Responses: whole replies, and what streams of them have in common.

https://platform.openai.com/docs/api-reference/responses/object

The reply object repeats parameters of its request (``echo``). Texts that follow each other are
parts of one message item; thinking is a reasoning item with its text as summary (clients send back
no other text) and its seal as ``encrypted_content``: OpenAI's own as it is, another provider's as
``seal_text``. Items that only OpenAI knows are ``Opaque``; those of other dialects have no place
here and are left out.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.chat.format import InputDetails, OutputDetails, usage
from lynkr.wire.codec import Context
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    CallKind,
    Json,
    Opaque,
    Part,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.responses.items import ARGUMENTS, CALLS, NAME, call_item, reasoning_text
from lynkr.wire.responses.write import own_fields
from lynkr.wire.seals import seal_text

# Parameters of the request that a reply repeats, where the client set them. The service tier is not
# among them: the reply's is the one that was really used.
_ECHOED = (
    "background", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key",
    "prompt_cache_retention", "reasoning", "safety_identifier", "store", "temperature", "text",
    "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
)  # fmt: skip
_REASONS = {
    "max_tokens": "max_output_tokens",
    "context_window": "max_output_tokens",
    "refusal": "content_filter",
}
_NATIVE_REASONS = ("max_output_tokens", "max_messages", "content_filter", "steered")
_ITEM_IDS = {"function": "fc", "custom": "ctc", "tool_search": "tsc", "local_shell": "lsh"}
_UNFINISHED = ("queued", "in_progress", "cancelled")


# --- facts --------------------------------------------------------------------------------------


def usage_of(value: object) -> Usage:
    """``usage`` as it was decoded; what is no count was not said."""
    if not isinstance(value, dict):
        return Usage()
    read, written = value.get("input_tokens_details"), value.get("output_tokens_details")
    return usage(
        _count(value, "input_tokens"),
        _count(value, "output_tokens"),
        InputDetails(_count(read, "cached_tokens"), _count(read, "cache_write_tokens")),
        OutputDetails(_count(written, "reasoning_tokens")),
    )


def _count(table: object, name: str) -> int | None:
    value = table.get(name) if isinstance(table, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def usage_object(known: Usage) -> Json | None:
    """The other way; null if nothing is known. The API knows no unknown counts beside known ones,
    so then they are 0."""
    if known == Usage():
        return None
    read, written = known.prompt_cache_read_tokens or 0, known.prompt_cache_write_tokens or 0
    total, output = (known.input_tokens or 0) + read + written, known.output_tokens or 0
    return {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": known.reasoning_tokens or 0},
        "total_tokens": total + output,
    }


def stop_of(response: Json, called: bool) -> Stop:
    """Why the reply ends. The API has no stop reason: status and the reason why it is incomplete
    take its place."""
    status = response.get("status")
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if isinstance(reason, str) and reason:
        if reason == "max_output_tokens":
            return Stop("max_tokens", native=reason)
        return Stop("refusal" if reason == "content_filter" else "other", native=reason)
    native = status if isinstance(status, str) else ""
    if native == "incomplete" or native in _UNFINISHED:
        return Stop("other", native=native)
    return Stop("tool_use" if called else "end_turn", native=native)


def ending(stop: Stop) -> tuple[str, Json | None]:
    """``status`` and ``incomplete_details`` of a reply that is over."""
    reason = stop.native if stop.native in _NATIVE_REASONS else _REASONS.get(stop.reason)
    return ("completed", None) if reason is None else ("incomplete", {"reason": reason})


def text_of(value: object) -> str:
    """A string, or nothing."""
    return value if isinstance(value, str) else ""


def created_of(response: Json) -> int | None:
    """``created_at`` in whole seconds."""
    value = response.get("created_at")
    return int(value) if isinstance(value, (int, float)) else None


# --- reading ------------------------------------------------------------------------------------


def decode_response(body: bytes, context: Context) -> Response:
    """A JSON body. Raises ``ValueError``: it is no reply, or one that failed."""
    given = loads(body)
    if not isinstance(given, dict) or not isinstance(given.get("output"), list):
        raise ValueError("not a response object")
    error = given.get("error")
    if given.get("status") == "failed" or (isinstance(error, dict) and error):
        message = error.get("message") if isinstance(error, dict) else None
        raise ValueError(text_of(message) or "the response failed")
    parts: list[Part] = []
    for item in given["output"]:
        if isinstance(item, dict):
            parts += output_parts(item, context)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    taken: set[str] = set()
    for call in calls:
        if call.id in taken:
            call.id = context.make_id("call")
        taken.add(call.id)
    known = ("id", "object", "created_at", "status", "error", "incomplete_details", "model")
    echoed = (*known, "output", "usage", *_ECHOED)
    return Response(
        id=text_of(given.get("id")) or context.make_id("resp"),
        model=text_of(given.get("model")),
        parts=parts,
        stop=stop_of(given, bool(calls)),
        usage=usage_of(given.get("usage")),
        created=created_of(given),
        format=NAME,
        extras={name: value for name, value in given.items() if name not in echoed},
    )


def stored(context: Context) -> bool:
    """Whether the provider keeps the reply, so that its items can be named by their ids alone."""
    request = context.request
    return request.store is True or (request.format == NAME and request.store is None)


def output_parts(item: Json, context: Context) -> list[Part]:
    """One item of ``output``: several parts if it is a message. Raises ``ValueError``."""
    kind = item.get("type")
    if kind == "message":
        content = item.get("content")
        return [
            part
            for each in (content if isinstance(content, list) else ())
            if isinstance(each, dict) and (part := _content_part(each)) is not None
        ]
    if kind == "reasoning":
        text, summary = reasoning_text(item)
        seal = seal_of(item, context)
        if not text and seal is None:
            return []
        return [Thinking(text=text, seal=seal, summary=summary, id=text_of(item.get("id")))]
    call = call_of(item, context)
    return [call or Opaque(kind=text_of(kind), value=item, format=NAME)]


def _content_part(given: Json) -> Part | None:
    if given.get("type") == "refusal":
        refused = text_of(given.get("refusal"))
        return Text(text=refused, refusal=True) if refused else None
    text = text_of(given.get("text"))
    if given.get("type") not in ("output_text", "text"):
        return Opaque(kind=text_of(given.get("type")), value=given)  # a piece of an item
    annotations = given.get("annotations")
    if not text:
        return None
    return Text(
        text=text,
        logprobs=logprobs_of(given.get("logprobs")),
        extras={"annotations": annotations} if annotations else {},
    )


def logprobs_of(value: object) -> list[Json] | None:
    """Log probabilities of tokens; the vocabulary has Chat's shape, which is the same."""
    found = [each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict)]
    return found or None


def seal_of(item: Json, context: Context) -> Seal | None:
    """All of a reasoning item but its type, if it can be sent back: encrypted, or stored."""
    if not item.get("encrypted_content") and not (stored(context) and item.get("id")):
        return None
    return Seal(NAME, {name: value for name, value in item.items() if name != "type"})


def call_of(item: Json, context: Context) -> ToolCall | None:
    """A call that the client has to answer; ``None`` for any other item. Raises ``ValueError``."""
    kind = CALLS.get(text_of(item.get("type")))
    call_id = text_of(item.get("call_id"))
    if kind is None or (
        kind == "tool_search" and (item.get("execution") == "server" or not call_id)
    ):
        return None
    arguments = item.get(ARGUMENTS[kind])
    name = kind if kind in ("tool_search", "local_shell") else text_of(item.get("name"))
    if not name:
        raise ValueError("a tool call without a name")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else dumps(arguments).decode()
    return ToolCall(
        id=call_id or context.make_id("call"),
        name=name,
        arguments=arguments,
        kind=kind,
        namespace=text_of(item.get("namespace")),
        item_id=text_of(item.get("id")),
    )


# --- writing ------------------------------------------------------------------------------------


def encode_response(response: Response, context: Context) -> bytes:
    """The JSON body for the client."""
    status, incomplete = ending(response.stop)
    items: list[Json] = []
    content: list[Json] = []
    for part in response.parts:
        if isinstance(part, Text):
            content.append(content_part(part.text, part.refusal, part.logprobs, part.extras))
            continue
        item = _output_item(part, context)
        if item is None:
            continue
        if content:
            items.append(message_item(context.make_id("msg"), content, "completed"))
            content = []
        items.append(item)
    if content:
        items.append(message_item(context.make_id("msg"), content, status))
    body = response_bytes(
        head(response_id(response.id, context), context, response.created, status, incomplete),
        echo(context),
        [dumps(item) for item in items],
        response.usage,
    )
    if response.format == NAME and response.extras:
        body = body[:-1] + b"," + dumps(response.extras)[1:]
    return body


def _output_item(part: Part, context: Context) -> Json | None:
    if isinstance(part, Thinking):
        return reasoning_item(part.id or context.make_id("rs"), part.text, part.seal)
    if isinstance(part, ToolCall):
        call = msgspec.structs.replace(part, item_id=part.item_id or item_id(part.kind, context))
        return finished_call(call)
    return part.value if isinstance(part, Opaque) and part.format == NAME else None


def item_id(kind: CallKind, context: Context) -> str:
    """An id for a call's item."""
    return context.make_id(_ITEM_IDS[kind])


def finished_call(call: ToolCall) -> Json:
    """The item of a whole call. Of a shell command that is no JSON object there is no item: the
    client gets a function call, which it can tell the model not to know."""
    item = call_item(call)
    if call.kind == "local_shell" and not isinstance(item["action"], dict):
        item = call_item(msgspec.structs.replace(call, kind="function"))
    item["status"] = "completed"
    return item


def response_id(upstream: str, context: Context) -> str:
    """The upstream's id, if it looks like one of this dialect."""
    context.reply_id = upstream if upstream.startswith("resp_") else context.make_id("resp")
    return context.reply_id


def head(
    name: str, context: Context, created: int | None, status: str, incomplete: Json | None = None,
    error: Json | None = None,
) -> Json:  # fmt: skip
    """The fields of a response object that are not the request's."""
    return {
        "id": name,
        "object": "response",
        "created_at": context.created if created is None else created,
        "status": status,
        "error": error,
        "incomplete_details": incomplete,
        "model": context.model,
    }


def echo(context: Context) -> bytes:
    """The request's parameters as a JSON object. Of those that the client did not set only the ones
    without which the object is not valid."""
    said = own_fields(context.request)
    found: Json = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    for name in _ECHOED:
        value = said.get(name)
        if value is not None:
            found[name] = value
    return dumps(found)


def response_bytes(fields: Json, echoed: bytes, output: list[bytes], known: Usage) -> bytes:
    """The whole object."""
    return b'%b,%b,"output":[%b],"usage":%b}' % (
        dumps(fields)[:-1],
        echoed[1:-1],
        b",".join(output),
        dumps(usage_object(known)),
    )


def message_item(name: str, content: list[Json], status: str) -> Json:
    """An assistant's message."""
    return {
        "id": name, "type": "message", "status": status, "role": "assistant", "content": content,
    }  # fmt: skip


def content_part(text: str, refusal: bool, logprobs: list[Json] | None, extras: Json) -> Json:
    """A text of a message."""
    if refusal:
        return {"type": "refusal", "refusal": text}
    annotations = extras.get("annotations")
    return {
        "type": "output_text",
        "annotations": annotations if isinstance(annotations, list) else [],
        "logprobs": shown_logprobs(logprobs),
        "text": text,
    }


def shown_logprobs(logprobs: list[Json] | None) -> list[Json]:
    """With the lists that this dialect has always, and Chat may have null."""
    return [
        {
            **entry,
            "bytes": entry.get("bytes") or [],
            "top_logprobs": [
                {**each, "bytes": each.get("bytes") or []}
                for each in _tables(entry.get("top_logprobs"))
            ],
        }
        for entry in logprobs or ()
    ]


def _tables(value: object) -> list[Json]:
    return [each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict)]


def reasoning_item(name: str, text: str, seal: Seal | None) -> Json:
    """Thinking. OpenAI's own item comes back as it was, with its summary in its sections."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    if seal is None or seal.format != NAME:
        item: Json = {"id": name, "type": "reasoning", "summary": summary}
        if seal is not None:
            item["encrypted_content"] = seal_text(seal)
        return item
    item = {"type": "reasoning", "summary": summary, **seal.data, "id": name}
    if not reasoning_text(item)[0]:
        item["summary"] = summary  # what was told in fragments and is not in the whole
    return item
