"""Messages requests, read: JSON to the neutral vocabulary.

https://platform.claude.com/docs/en/api/messages/create, and the typed models of Anthropic's SDK,
which know more than the page. What the vocabulary has no word for stays where it was: unknown
fields in ``extras``, unknown blocks as ``Opaque``, and so does a block whose source we do not know.

These forms say the same to Anthropic, and are read as one:

* ``null``, ``false``, ``""``, ``[]`` or ``{}`` in a known optional field, and its absence (not
  ``strict``, ``disable_parallel_tool_use``, ``system`` or ``content`` of a message: those are kept)
* a tool of ``type`` "custom" or ``null``, and one without a type
* thinking without a ``signature``, and with an empty one
"""

from __future__ import annotations

from collections.abc import Callable

from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
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
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from lynkr.wire.seals import unseal

NAME = "anthropic_messages"
# Name of an OutputFormat that stood in the older field of that name. Anthropic names no formats.
OLDER_FORMAT = "output_format"

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def decode_request(body: bytes, model: str, stream: bool) -> Request:
    """A body of ``POST /v1/messages``, or of ``/v1/messages/count_tokens``, which has no
    ``max_tokens``. Raises ``GatewayError`` (400)."""
    try:
        fields = Fields(loads(body))
    except ValueError:
        raise invalid("body", "It is not JSON.") from None
    named = fields.text("model") or model
    if not named:
        raise invalid("model", "It is missing.")
    streamed = fields.flag("stream")
    choice, parallel = _tool_choice(fields)
    config = fields.inner("output_config")
    metadata = fields.inner("metadata")
    request = Request(
        format=NAME,
        model=named,
        messages=_messages(fields),
        system=_system(fields),
        stream=stream if streamed is None else streamed,
        tools=[_tool(value, f"tools.{index}") for index, value in enumerate(fields.array("tools"))],
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_output_tokens=fields.whole("max_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.whole("top_k"),
        stop=fields.texts("stop_sequences"),
        reasoning=_reasoning(fields, config),
        output=_output(fields, config),
        user=metadata.text("user_id") if metadata is not None else "",
        service_tier=fields.text("service_tier"),
    )
    extras = fields.rest()
    for inner in (config, metadata):
        if inner is not None and inner.left:
            extras[inner.at] = inner.left
    request.extras = extras
    return request


# --- messages and blocks --------------------------------------------------------------------------


def _messages(fields: Fields) -> list[Message]:
    if fields.left.get("messages") is None:
        raise invalid("messages", "It is missing.")
    found: list[Message] = []
    for index, value in enumerate(fields.array("messages")):
        message = Fields(value, f"messages.{index}")
        role = _ROLES.get(message.needed("role"))
        if role is None:
            raise invalid(message.path("role"), "It must be user, assistant or system.")
        content = message.take("content")
        if content is None:
            raise invalid(message.path("content"), "It is missing.")
        parts, plain = _content(content, message.path("content"))
        found.append(Message(role=role, parts=parts, plain=plain, extras=message.rest()))
    return found


def _system(fields: Fields) -> Message | None:
    value = fields.take("system")
    if value is None:
        return None
    parts, plain = _content(value, "system")
    return Message(role="system", parts=parts, plain=plain)


def _content(value: object, at: str) -> tuple[list[Part], bool]:
    """Blocks, or one string: then the second is true."""
    if isinstance(value, str):
        return [Text(text=value)], True
    if not isinstance(value, list):
        raise invalid(at, "It must be a string or an array.")
    return [read_block(block, f"{at}.{index}") for index, block in enumerate(value)], False


def read_block(value: object, at: str) -> Part:
    """One content block. Raises ``GatewayError``: a known block lacks what makes it one."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str):
        raise invalid(at, "It must be an object with a `type`.")
    reader = _READERS.get(kind)
    part: Part | None = None
    if reader is not None:
        fields = Fields(value, at)
        del fields.left["type"]
        part = reader(fields)
    return Opaque(kind=kind, value=value, format=NAME) if part is None else part


def _text(fields: Fields) -> Part:
    return Text(text=fields.needed("text"), cache=_cache(fields), extras=fields.rest())


def _image(fields: Fields) -> Part | None:
    source = fields.inner("source")
    if source is None:
        return None
    kind = source.text("type")
    image = Image()
    if kind == "base64":
        image.media_type, image.data = source.text("media_type"), source.text("data")
        if not (image.media_type and image.data):
            return None
    elif kind == "url":
        image.url = source.text("url")
    elif kind == "file":
        image.file_id = source.text("file_id")
    if not (image.data or image.url or image.file_id):
        return None
    image.cache = _cache(fields)
    image.extras = _with_source(fields, source)
    return image


def _document(fields: Fields) -> Part | None:
    """``content`` sources, which hold blocks of their own, have no word: ``None``."""
    source = fields.inner("source")
    if source is None:
        return None
    kind = source.text("type")
    document = Document()
    if kind in ("base64", "text"):
        document.media_type = source.text("media_type")
        if not document.media_type:
            return None
        if kind == "base64":
            document.data = source.text("data")
        else:
            document.text = source.text("data")
    elif kind == "url":
        document.url = source.text("url")
    elif kind == "file":
        document.file_id = source.text("file_id")
    if not (document.data or document.text or document.url or document.file_id):
        return None
    document.title = fields.text("title")
    document.cache = _cache(fields)
    document.extras = _with_source(fields, source)
    return document


def _with_source(fields: Fields, source: Fields) -> Json:
    """Unknown fields of the block, and below ``source`` those of its source."""
    extras = fields.rest()
    if source.left:
        extras["source"] = source.left
    return extras


def _thinking(fields: Fields) -> Part:
    text, signature = fields.needed("thinking"), fields.text("signature")
    seal = (unseal(signature) or Seal(NAME, {"signature": signature})) if signature else None
    return Thinking(text=text, seal=seal, extras=fields.rest())


def _redacted(fields: Fields) -> Part:
    data = fields.needed("data")
    return Thinking(seal=unseal(data) or Seal(NAME, {"data": data}), extras=fields.rest())


def _tool_use(fields: Fields) -> Part:
    call_id, name = fields.needed("id"), fields.needed("name")
    if "input" not in fields.left:
        raise invalid(fields.path("input"), "It is missing.")
    return ToolCall(
        id=call_id,
        name=name,
        arguments=_arguments(fields.take("input")),
        cache=_cache(fields),
        extras=fields.rest(),
    )


def _arguments(value: object) -> str:
    """A string that is no JSON is what some model wrote instead: see ``anthropic_replies``."""
    if isinstance(value, str):
        try:
            loads(value)
        except ValueError:
            if value.strip():
                return value
    return dumps(value).decode()


def _tool_result(fields: Fields) -> Part:
    call_id = fields.needed("tool_use_id")
    value = fields.take("content")
    parts: list[Part] = []
    plain = False
    if value is not None:
        parts, plain = _content(value, fields.path("content"))
    return ToolResult(
        call_id=call_id,
        content=parts,
        plain=plain,
        is_error=bool(fields.flag("is_error")),
        cache=_cache(fields),
        extras=fields.rest(),
    )


def _tool_reference(fields: Fields) -> Part:
    return ToolReference(name=fields.needed("tool_name"), extras=fields.rest())


_READERS: dict[str, Callable[[Fields], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
}


def _cache(fields: Fields) -> CacheMark | None:
    mark = fields.inner("cache_control")
    if mark is None:
        return None
    kind, ttl = mark.needed("type"), mark.text("ttl")
    extras = mark.rest()
    if kind != "ephemeral":
        extras["type"] = kind
    return CacheMark(ttl=ttl, extras=extras)


# --- tools and settings ---------------------------------------------------------------------------


def _tool(value: object, at: str) -> Tool:
    fields = Fields(value, at)
    if fields.text("type") not in ("", "custom") and isinstance(value, dict):
        name = value.get("name")  # toolsets have none
        return Tool(name=name if isinstance(name, str) else "", kind="hosted", value=value)
    return Tool(
        name=fields.needed("name"),
        description=_said(fields, "description"),
        parameters=fields.table("input_schema"),
        strict=fields.flag("strict"),
        deferred=bool(fields.flag("defer_loading")),
        cache=_cache(fields),
        extras=fields.rest(),
    )


def _said(fields: Fields, name: str) -> str | None:
    """A text that may be empty; ``None`` when absent."""
    if fields.left.get(name) is None:
        fields.left.pop(name, None)
        return None
    return fields.text(name)


def _tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether calls may be parallel. A type that we do not know stays an extra."""
    value = fields.left.get("tool_choice")
    if isinstance(value, dict) and value.get("type") not in ("auto", "any", "tool", "none", None):
        return None, None
    choice = fields.inner("tool_choice")
    if choice is None:
        return None, None
    kind = choice.needed("type")
    alone = choice.flag("disable_parallel_tool_use")
    parallel = None if alone is None else not alone
    if kind == "tool":
        name = choice.needed("name")
        return ToolChoice(mode="tool", name=name, extras=choice.rest()), parallel
    extras = choice.rest()
    if kind == "any":
        return ToolChoice(mode="required", extras=extras), parallel
    if kind == "auto":
        return ToolChoice(mode="auto", extras=extras), parallel
    return ToolChoice(mode="none", extras=extras), parallel


def _reasoning(fields: Fields, config: Fields | None) -> Reasoning | None:
    """``thinking``, and ``output_config.effort``. Of a type that we do not know the mode is ""."""
    thinking = fields.inner("thinking")
    effort = config.text("effort") if config is not None else ""
    if thinking is None:
        return Reasoning(effort=effort) if effort else None
    found = Reasoning(effort=effort, budget_tokens=thinking.whole("budget_tokens"))
    kind = thinking.needed("type")
    if thinking.left.get("display") == "summarized":
        del thinking.left["display"]
        found.summary = "auto"
    found.extras = thinking.rest()
    if kind == "enabled":
        found.mode = "enabled"
    elif kind == "adaptive":
        found.mode = "adaptive"
    elif kind == "disabled":
        found.mode = "disabled"
    else:
        found.extras["type"] = kind
    return found


def _output(fields: Fields, config: Fields | None) -> OutputFormat | None:
    """``output_config.format``, or the beta's ``output_format``; other formats stay extras."""
    if config is not None:
        found = _schema(config, "format")
        if found is not None:
            return found
    found = _schema(fields, "output_format")
    if found is not None:
        found.name = OLDER_FORMAT
    return found


def _schema(fields: Fields, name: str) -> OutputFormat | None:
    value = fields.left.get(name)
    if value is None:
        fields.left.pop(name, None)
        return None
    if not isinstance(value, dict) or value.get("type") != "json_schema":
        return None
    if not isinstance(value.get("schema"), dict):
        return None
    given = Fields(value, fields.path(name))
    del fields.left[name], given.left["type"]
    return OutputFormat(kind="json_schema", schema=given.table("schema"), extras=given.rest())
