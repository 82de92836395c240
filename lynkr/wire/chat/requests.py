"""Chat Completions requests, read. https://platform.openai.com/docs/api-reference/chat/create

Read is what agents really send, not only what OpenAI documents: `reasoning_content` and
`reasoning_details` in the history, `cache_control` on parts, messages and tools (OpenRouter,
LiteLLM), tools in the shape of Anthropic or of Responses (Cursor), `reasoning` and `thinking`.

Each message, each tool and the request itself keep what the client said, word for word, beside its
meaning. As long as the meaning is unchanged the same words are written back to this dialect
(``chat_write``): which of two names a field had, null or absent, string or list. What is empty
(null, "", [], {}) says nothing and is therefore no extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec

from lynkr.wire.chat.reasoning import NAME, take_history
from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_ROLES: tuple[Role, ...] = get_args(Role)
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


class ChatMessage(Message, kw_only=True):
    """``said`` is the client's own message."""

    said: Json = msgspec.field(default_factory=dict)


class ChatTool(Tool, kw_only=True):
    """``said`` is the client's own tool."""

    said: Json = msgspec.field(default_factory=dict)


class ChatRequest(Request, kw_only=True):
    """``said`` is the client's own body, without its messages."""

    said: Json = msgspec.field(default_factory=dict)


def decode_request(body: bytes, model: str, stream: bool) -> ChatRequest:
    """The request in a body. ``model`` and ``stream`` count where the body does not say."""
    try:
        value = loads(body)
    except ValueError:
        raise invalid("body", "The body is no JSON.") from None
    fields = Fields(value)
    if fields.left.get("messages") is None:
        raise invalid("messages", "It is missing.")
    messages = fields.array("messages")
    request = read_settings(fields.left)
    request.messages = [
        read_message(message, f"messages.{n}") for n, message in enumerate(messages)
    ]
    request.model = request.model or model
    if request.said.get("stream") is None:
        request.stream = stream
    return request


def _meant(left: Json) -> Json:
    """What is left over and not empty."""
    return {name: value for name, value in left.items() if value not in (None, "", [], {})}


def _object(fields: Fields, name: str) -> Fields:
    """The object below ``name``, which must be there."""
    found = fields.inner(name)
    if found is None:
        raise invalid(fields.path(name), "It is missing.")
    return found


# --- messages -------------------------------------------------------------------------------------


def read_message(value: object, at: str) -> ChatMessage:
    """One message, at its path ``at``."""
    fields = Fields(value, at)
    said = dict(fields.left)
    role = fields.needed("role")
    if role not in _ROLES:
        # The legacy role "function", and whatever comes: for this dialect only.
        return ChatMessage(
            role="user", parts=[Opaque(kind=role, value=said, format=NAME)], said=said
        )
    name = fields.text("name")
    mark = _mark(fields)
    parts, plain = _content(fields)
    if role == "tool":
        result = ToolResult(
            call_id=fields.text("tool_call_id"), content=parts, plain=plain, name=name, cache=mark
        )
        extras = _meant(fields.rest())
        return ChatMessage(role="tool", parts=[result], plain=plain, extras=extras, said=said)
    if mark is not None:
        _mark_last(parts, mark)
    if role == "assistant":
        parts = _assistant(fields, parts)
    return ChatMessage(
        role=role,
        parts=parts,
        plain=plain,
        name=name,
        extras=_meant(fields.rest()),
        said=said,
    )


def _assistant(fields: Fields, content: list[Part]) -> list[Part]:
    """Reasoning, content, refusal, calls; reasoning that belongs to a call right before it."""
    reasoning = take_history(fields.left)
    refusal = fields.text("refusal")
    calls = [
        _call(call, f"{fields.path('tool_calls')}.{n}")
        for n, call in enumerate(fields.array("tool_calls"))
    ]
    ids = {call.id for call in calls if isinstance(call, ToolCall)}
    parts: list[Part] = [thinking for thinking, call_id in reasoning if call_id not in ids]
    parts += content
    if refusal:
        parts.append(Text(text=refusal, refusal=True))
    for call in calls:
        if isinstance(call, ToolCall):
            parts += (thinking for thinking, call_id in reasoning if call_id == call.id)
        parts.append(call)
    return parts


def _call(value: object, at: str) -> Part:
    fields = Fields(value, at)
    said = dict(fields.left)
    kind = fields.text("type", "function")
    if kind not in ("function", "custom"):
        return Opaque(kind=kind, value=said, format=NAME)
    inner = _object(fields, kind)
    mark = _mark(fields)
    fields.take("index")  # left over from the stream it came in
    name = inner.needed("name")
    given = inner.take("input" if kind == "custom" else "arguments")
    arguments = given if isinstance(given, str) else "" if given is None else dumps(given).decode()
    call_id = fields.text("id")
    return ToolCall(
        id=call_id,
        name=name,
        arguments=arguments,
        kind="custom" if kind == "custom" else "function",
        cache=mark,
        extras=_with_inner(fields, kind, inner),
    )


def _with_inner(fields: Fields, name: str, inner: Fields) -> Json:
    """The extras of a part that is an object in an object: those of the inner one below its name,
    so that they can be put back."""
    extras = _meant(fields.rest())
    below = _meant(inner.rest())
    if below:
        extras[name] = below
    return extras


# --- parts ----------------------------------------------------------------------------------------


def _content(fields: Fields) -> tuple[list[Part], bool]:
    """The parts, and whether the content was one string. An empty string is no part."""
    value = fields.take("content")
    if value is None:
        return [], False
    if isinstance(value, str):
        return ([Text(text=value)] if value else []), True
    if not isinstance(value, list):
        raise fields.wrong("content", "a string or an array of parts")
    at = fields.path("content")
    return [_part(part, f"{at}.{n}") for n, part in enumerate(value)], False


def _part(value: object, at: str) -> Part:
    fields = Fields(value, at)
    said = dict(fields.left)
    kind = fields.needed("type")
    read = _PARTS.get(kind)
    return read(fields) if read is not None else Opaque(kind=kind, value=said, format=NAME)


def _text(fields: Fields) -> Part:
    if fields.left.get("text") is None:
        raise invalid(fields.path("text"), "It is missing.")
    mark = _mark(fields)
    return Text(text=fields.text("text"), cache=mark, extras=_meant(fields.rest()))


def _refusal(fields: Fields) -> Part:
    return Text(text=fields.needed("refusal"), refusal=True, extras=_meant(fields.rest()))


def _image(fields: Fields) -> Part:
    mark = _mark(fields)
    if isinstance(fields.left.get("image_url"), str):  # not documented, but common
        fields.left["image_url"] = {"url": fields.left["image_url"]}
    inner = _object(fields, "image_url")
    media_type, data, url = _located(inner.needed("url"))
    detail = inner.text("detail")
    extras = _with_inner(fields, "image_url", inner)
    return Image(
        media_type=media_type, data=data, url=url, detail=detail, cache=mark, extras=extras
    )


def _audio(fields: Fields) -> Part:
    inner = _object(fields, "input_audio")
    data, form = inner.needed("data"), inner.needed("format")
    extras = _with_inner(fields, "input_audio", inner)
    return Audio(media_type=f"audio/{form}", data=data, extras=extras)


def _file(fields: Fields) -> Part:
    mark = _mark(fields)
    inner = _object(fields, "file")
    media_type, data, url = _located(inner.text("file_data"))
    file_id, title = inner.text("file_id"), inner.text("filename")
    extras = _with_inner(fields, "file", inner)
    return Document(
        media_type=media_type, data=data, url=url, file_id=file_id, title=title, cache=mark,
        extras=extras,
    )  # fmt: skip


_PARTS: dict[str, Callable[[Fields], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}


def _located(url: str) -> tuple[str, str, str]:
    """Media type and base64 of a data URL; else the URL as it is."""
    if url[:5] == "data:":
        head, comma, data = url.partition(",")
        if comma and head.endswith(";base64"):
            return head[5:].partition(";")[0], data, ""
    return "", "", url


def _mark(fields: Fields) -> CacheMark | None:
    inner = fields.inner("cache_control")
    if inner is None:
        return None
    if inner.left.get("type") == "ephemeral":
        inner.take("type")
    return CacheMark(ttl=inner.text("ttl"), extras=_meant(inner.rest()))


def _mark_last(parts: list[Part], mark: CacheMark) -> None:
    """A mark on a whole message (LiteLLM) is one on its last part."""
    for part in reversed(parts):
        if isinstance(part, (Text, Image, Document)) and part.cache is None:
            part.cache = mark
            return


# --- tools ----------------------------------------------------------------------------------------


def read_tool(value: object, at: str) -> ChatTool:
    """One tool on offer; also without `type` or without the object inside (Cursor)."""
    fields = Fields(value, at)
    said = dict(fields.left)
    kind = fields.text("type", "function")
    mark = _mark(fields)
    if kind == "custom" and "input_schema" in fields.left:
        kind = "function"  # Anthropic's word for a client's tool
    if kind not in ("function", "custom"):
        return ChatTool(name=kind, kind="hosted", value=said, said=said)
    inner = fields.inner(kind)
    if inner is None:
        if "name" not in fields.left:
            raise invalid(fields.path(kind), "It is missing.")
        inner, fields = fields, Fields({}, at)
    name = inner.needed("name")
    description = inner.take("description")
    if description is not None and not isinstance(description, str):
        raise inner.wrong("description", "a string")
    grammar = None
    if kind == "custom":
        grammar = _grammar(inner.table("format"))
    parameters = inner.table("parameters")
    schema = inner.table("input_schema")
    strict = inner.flag("strict")
    extras = {**_meant(fields.rest()), **_meant(inner.rest())}
    return ChatTool(
        name=name,
        kind="custom" if kind == "custom" else "function",
        description=description,
        parameters=parameters if parameters is not None else schema,
        strict=strict,
        grammar=grammar,
        cache=mark,
        extras=extras,
        said=said,
    )


def _grammar(form: Json | None) -> Json | None:
    """Chat nests what Responses, and the vocabulary, keep flat."""
    inner = form.get("grammar") if form is not None else None
    if form is None or not isinstance(inner, dict):
        return form
    return {**{name: value for name, value in form.items() if name != "grammar"}, **inner}


def _choice(value: object) -> ToolChoice | None:
    """``None``: nothing, or something that only this dialect knows (`allowed_tools`)."""
    if isinstance(value, str):
        return ToolChoice(mode=_MODES[value]) if value in _MODES else None  # type: ignore[arg-type]
    if not isinstance(value, dict):
        return None
    rest = dict(value)
    kind = rest.pop("type", None)
    if not isinstance(kind, str):
        return None
    if kind in _MODES:
        return ToolChoice(mode=_MODES[kind], extras=_meant(rest))  # type: ignore[arg-type]
    if kind not in ("function", "custom", "tool"):
        return None
    inner = rest.pop(kind, None)
    name = inner.get("name") if isinstance(inner, dict) else rest.pop("name", None)
    if not isinstance(name, str):
        return None
    kind = "custom" if kind == "custom" else "function"
    return ToolChoice(mode="tool", name=name, kind=kind, extras=_meant(rest))


# --- the rest of the body -------------------------------------------------------------------------


def read_settings(said: Json) -> ChatRequest:
    """A body without its messages."""
    fields = Fields(said)
    request = ChatRequest(format=NAME, model=fields.text("model"), messages=[], said=said)
    request.tools = [read_tool(tool, f"tools.{n}") for n, tool in enumerate(fields.array("tools"))]
    request.stream = fields.flag("stream") or False
    request.include_usage = _include_usage(fields)
    request.parallel_tool_calls = fields.flag("parallel_tool_calls")
    before, now = fields.whole("max_tokens"), fields.whole("max_completion_tokens")
    request.max_output_tokens = before if now is None else now
    request.temperature = fields.number("temperature")
    request.top_p = fields.number("top_p")
    request.top_k = fields.whole("top_k")
    stop = fields.left.get("stop")
    request.stop = [fields.text("stop")] if isinstance(stop, str) else fields.texts("stop")
    request.seed = fields.whole("seed")
    request.presence_penalty = fields.number("presence_penalty")
    request.frequency_penalty = fields.number("frequency_penalty")
    request.candidates = fields.whole("n")
    request.logprobs = fields.flag("logprobs")
    request.top_logprobs = fields.whole("top_logprobs")
    request.verbosity = fields.text("verbosity")
    request.metadata = fields.table("metadata") or None
    request.prompt_cache_key = fields.text("prompt_cache_key")
    request.prompt_cache_retention = fields.text("prompt_cache_retention")
    request.service_tier = fields.text("service_tier")
    request.store = fields.flag("store")
    request.reasoning = _reasoning(fields)
    request.user = fields.text("user")
    safety = fields.left.get("safety_identifier")
    if isinstance(safety, str) and request.user in ("", safety):
        request.user = fields.text("safety_identifier")
    choice = _choice(fields.left.get("tool_choice"))
    if choice is not None:
        fields.take("tool_choice")
        request.tool_choice = choice
    _output(fields, request)
    if fields.left.get("modalities") == ["text"]:
        fields.take("modalities")  # what is meant anyway
    request.extras = _meant(fields.rest())
    return request


def _include_usage(fields: Fields) -> bool:
    """`stream_options`, or OpenRouter's `usage`. That no obfuscation is wanted says nothing: only
    OpenAI adds any."""
    wanted = False
    options = fields.inner("stream_options")
    if options is not None:
        wanted = options.flag("include_usage") or False
        if options.left.get("include_obfuscation") is False:
            options.take("include_obfuscation")
        if options.left:
            fields.left["stream_options"] = options.left
    if isinstance(fields.left.get("usage"), dict):
        usage = _object(fields, "usage")
        wanted = usage.flag("include") or wanted
        if usage.left:
            fields.left["usage"] = usage.left
    return wanted


def _reasoning(fields: Fields) -> Reasoning | None:
    """OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, and `thinking` as Anthropic, DeepSeek
    and others have it."""
    found = Reasoning(effort=fields.text("reasoning_effort"))
    if isinstance(fields.left.get("reasoning"), dict):
        inner = _object(fields, "reasoning")
        found.effort = inner.text("effort") or found.effort
        found.budget_tokens = inner.whole("max_tokens")
        found.summary = inner.text("summary")
        enabled = inner.flag("enabled")
        if enabled is not None:
            found.mode = "enabled" if enabled else "disabled"
        if inner.left.get("exclude") is False:
            inner.take("exclude")
        found.extras = _meant(inner.rest())
    thinking = fields.left.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "disabled", "adaptive"):
        inner = _object(fields, "thinking")
        found.mode = inner.text("type")  # type: ignore[assignment]  # one of the three
        budget = inner.whole("budget_tokens")
        found.budget_tokens = found.budget_tokens if budget is None else budget
        found.extras = {**found.extras, **_meant(inner.rest())}
    return None if found == Reasoning() else found


def _output(fields: Fields, request: Request) -> None:
    form = fields.left.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        return  # none, or another server's own: an extra
    outer = _object(fields, "response_format")
    outer.take("type")
    found = OutputFormat(kind=kind)
    if kind == "json_schema":
        inner = _object(outer, "json_schema")
        found.name = inner.text("name")
        found.schema = inner.table("schema")
        found.strict = inner.flag("strict")
        found.description = inner.text("description")
        found.extras = _meant(inner.rest())
    found.extras = {**found.extras, **_meant(outer.rest())}
    request.output = found
