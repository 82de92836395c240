"""OpenAI Responses: requests read.

https://platform.openai.com/docs/api-reference/responses/create

Fields that the vocabulary has no word for are extras: ``conversation``, ``prompt``, ``include`` of
anything but what every dialect gives anyway, ``client_metadata``, and whatever is new. What only
repeats a default (``background: false``, ``truncation: "disabled"``) is remembered for the way
back, and is no loss for others.
"""

from __future__ import annotations

from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.jsontext import loads
from lynkr.wire.message import (
    Json,
    Message,
    OutputFormat,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from lynkr.wire.responses.items import NAME, Body, Item, Spelling, decode_item
from lynkr.wire.responses.tools import decode_choice, decode_tools, split

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"
_PADDING_OFF = {"include_obfuscation": False}  # nor do we pad


def decode_request(body: bytes, model: str, stream: bool) -> Request:
    """A request body. ``model`` and ``stream`` are for dialects that keep them in the path."""
    try:
        given = loads(body)
    except ValueError:
        raise invalid("body", "The body is not JSON.") from None
    fields = Fields(given)
    given = dict(fields.left)
    inner: dict[str, Json] = {}
    messages, absent, bare = _input(fields)
    instructions = fields.take("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise fields.wrong("instructions", "a string")
    tools, tools_spelled = decode_tools(fields.array("tools"), "tools")
    output, verbosity = _text(fields, inner)
    user, safety = fields.text("user"), given.get("safety_identifier")
    if not user and safety:
        user = fields.text("safety_identifier")
        absent += ("user",)
    request = Body(
        format=NAME,
        model=fields.text("model", model),
        messages=messages,
        system=None if instructions is None else _system(instructions),
        stream=bool(fields.flag("stream")),
        tools=tools,
        tool_choice=decode_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        max_output_tokens=fields.whole("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        logprobs=True if LOGPROBS in _included(fields) else None,
        top_logprobs=fields.whole("top_logprobs"),
        reasoning=_reasoning(fields, inner),
        output=output,
        verbosity=verbosity,
        user=user,
        metadata=fields.table("metadata"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        prompt_cache_retention=fields.text("prompt_cache_retention"),
        service_tier=fields.text("service_tier"),
        store=fields.flag("store"),
        previous_response_id=fields.text("previous_response_id"),
    )
    request.extras, blank = split(fields, given, *_formal(given))
    request.spelling = Spelling(
        blank=blank, absent=absent, tools=tools_spelled, inner=inner, bare=bare
    )
    return request


def _formal(given: Json) -> list[str]:
    """Fields of the body that only repeat a default, or ask for what all dialects give."""
    formal = ["stream"] if given.get("stream") is False else []
    if given.get("background") is False:
        formal.append("background")
    if given.get("truncation") == "disabled":
        formal.append("truncation")
    if given.get("stream_options") == _PADDING_OFF:
        formal.append("stream_options")
    include = given.get("include")
    if isinstance(include, list) and all(
        each in (LOGPROBS, ENCRYPTED_REASONING) for each in include
    ):
        formal.append("include")
    return formal


def _included(fields: Fields) -> list[object]:
    value = fields.left.get("include")
    if value is not None and not isinstance(value, list):
        raise fields.wrong("include", "an array")
    return value or []


def _system(text: str) -> Message:
    return Message(role="system", parts=[Text(text=text)], plain=True)


def _input(fields: Fields) -> tuple[list[Message], tuple[str, ...], bool]:
    """The messages, ``input`` if it is absent, and whether it was one string."""
    if "input" not in fields.left:
        return [], ("input",), False  # a prompt template or a stored conversation speaks
    value = fields.take("input")
    if isinstance(value, str):
        return [Item(role="user", parts=[Text(text=value)], plain=True)], (), True
    if value is None:
        return [], (), False
    if not isinstance(value, list):
        raise fields.wrong("input", "a string or an array")
    messages: list[Message] = []
    shells: dict[str, str] = {}
    for index, each in enumerate(value):
        item = decode_item(each, f"input.{index}")
        part = item.parts[0] if item.parts else None
        if isinstance(part, ToolCall) and part.kind == "local_shell":
            shells[part.item_id] = part.id
        elif isinstance(part, ToolResult) and part.kind == "local_shell":
            # Named by the item or by the call: other dialects know only calls.
            part.call_id = shells.get(part.call_id, part.call_id)
        messages.append(item)
    return messages, (), False


def _text(fields: Fields, inner: dict[str, Json]) -> tuple[OutputFormat | None, str]:
    """``text``: {"format": ..., "verbosity": ...}."""
    text = fields.inner("text")
    if text is None:
        return None, ""
    given = dict(text.left)
    output = _output(text, inner)
    verbosity = text.text("verbosity")
    extras, inner["text"] = split(text, given)
    if extras:
        fields.left["text"] = extras
    return output, verbosity


def _output(text: Fields, inner: dict[str, Json]) -> OutputFormat | None:
    form = text.left.get("format")
    if not isinstance(form, dict) or form.get("type") not in ("text", "json_object", "json_schema"):
        return None  # null, or unknown: then it is one of the extras
    inside = Fields(text.take("format"), text.path("format"))
    kind = inside.needed("type")
    if kind != "json_schema":
        extras, inner["format"] = split(inside, form)
        return OutputFormat(kind="text" if kind == "text" else "json_object", extras=extras)
    output = OutputFormat(
        kind="json_schema",
        name=inside.needed("name"),
        schema=inside.table("schema"),
        strict=inside.flag("strict"),
        description=inside.text("description"),
    )
    output.extras, inner["format"] = split(inside, form)
    return output


def _reasoning(fields: Fields, inner: dict[str, Json]) -> Reasoning | None:
    inside = fields.inner("reasoning")
    if inside is None:
        return None
    given = dict(inside.left)
    reasoning = Reasoning(effort=inside.text("effort"), summary=inside.text("summary"))
    reasoning.extras, inner["reasoning"] = split(inside, given)
    return reasoning


def output_format(output: OutputFormat) -> Json:
    """``text.format``, the other way."""
    written: Json = {"type": output.kind}
    if output.kind == "json_schema":
        written["name"] = output.name or "output"
        if output.schema is not None:
            written["schema"] = output.schema
        if output.strict is not None:
            written["strict"] = output.strict
        if output.description:
            written["description"] = output.description
    written.update(output.extras)
    return written
