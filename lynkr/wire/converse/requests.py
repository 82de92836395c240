"""Requests in Bedrock's Converse, read: body -> ``Request``.

The model and whether to stream stand in the path. Shapes:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from typing import cast

from lynkr.wire.codec import invalid
from lynkr.wire.converse.blocks import NAME, read_blocks, read_mark
from lynkr.wire.fields import Fields
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Json,
    Message,
    OutputFormat,
    Reasoning,
    Request,
    Role,
    Tool,
    ToolChoice,
)

_ROLES = ("user", "assistant", "system")
_CHOICES = {"auto": "auto", "any": "required", "tool": "tool"}
_THINKING = ("enabled", "disabled", "adaptive")
_KEPT_APART = ("inferenceConfig", "toolConfig", "additionalModelRequestFields", "outputConfig")


def decode_request(body: bytes, model: str, stream: bool) -> Request:
    """Reads a body. What the vocabulary has no word for stays in ``extras``, under its own name."""
    try:
        value = loads(body)
    except ValueError as error:
        raise invalid("body", f"It is no JSON: {error}.") from None
    fields = Fields(value)
    inference, tools, additional, output = (
        fields.inner(name) or Fields({}, name) for name in _KEPT_APART
    )
    request = Request(
        format=NAME,
        model=model,
        stream=stream,
        messages=_messages(fields),
        system=_system(fields),
        tools=_tools(tools),
        tool_choice=_choice(tools),
        max_output_tokens=inference.whole("maxTokens"),
        temperature=inference.number("temperature"),
        top_p=inference.number("topP"),
        stop=inference.texts("stopSequences"),
        top_k=_top_k(additional),
        reasoning=_reasoning(additional, output),
        output=_output(output),
        metadata=fields.table("requestMetadata"),
        service_tier=_service_tier(fields),
    )
    request.extras = fields.rest()
    for inner in (inference, tools, additional, output):
        if inner.rest():
            request.extras[inner.at] = inner.rest()
    return request


def _messages(fields: Fields) -> list[Message]:
    messages: list[Message] = []
    for index, value in enumerate(fields.array("messages")):
        inner = Fields(value, f"messages.{index}")
        role = inner.needed("role")
        if role not in _ROLES:
            raise inner.wrong("role", "user, assistant or system")
        parts = read_blocks(inner.array("content"), inner.path("content"))
        messages.append(Message(role=cast(Role, role), parts=parts, extras=inner.rest()))
    return messages


def _system(fields: Fields) -> Message | None:
    blocks = fields.array("system")
    return Message(role="system", parts=read_blocks(blocks, "system")) if blocks else None


def _tools(config: Fields) -> list[Tool]:
    tools: list[Tool] = []
    for index, value in enumerate(config.array("tools")):
        block = Fields(value, f"{config.path('tools')}.{index}")
        tool = _tool(block)
        mark = read_mark(block.left.get("cachePoint")) if len(block.left) == 1 else None
        if tool is None and mark is not None and tools and tools[-1].cache is None:
            tools[-1].cache = mark
            continue
        tools.append(tool or _hosted(block.left))
    return tools


def _tool(block: Fields) -> Tool | None:
    if len(block.left) != 1 or not isinstance(block.left.get("toolSpec"), dict):
        return None
    spec = Fields(block.left["toolSpec"], block.path("toolSpec"))
    schema = spec.left.get("inputSchema")
    parameters: Json | None = None
    if isinstance(schema, dict) and len(schema) == 1 and isinstance(schema.get("json"), dict):
        parameters = schema["json"]
        del spec.left["inputSchema"]
    description = spec.take("description")
    if description is not None and not isinstance(description, str):
        raise spec.wrong("description", "a string")
    return Tool(
        name=spec.needed("name"),
        description=description,
        parameters=parameters,
        strict=spec.flag("strict"),
        extras=spec.rest(),
    )


def _hosted(block: Json) -> Tool:
    """A ``systemTool``, or whatever is new."""
    kind = next(iter(block), "")
    inner = block.get(kind)
    name = inner.get("name") if isinstance(inner, dict) else None
    return Tool(name=name if isinstance(name, str) else kind, kind="hosted", value=block)


def _choice(config: Fields) -> ToolChoice | None:
    value = config.left.get("toolChoice")
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((kind, inner),) = value.items()
    if kind not in _CHOICES or not isinstance(inner, dict):
        return None
    del config.left["toolChoice"]
    fields = Fields(inner, f"{config.path('toolChoice')}.{kind}")
    if kind == "tool":
        return ToolChoice(mode="tool", name=fields.needed("name"), extras=fields.rest())
    return ToolChoice(mode="auto" if kind == "auto" else "required", extras=fields.rest())


def _top_k(additional: Fields) -> int | None:
    value = additional.left.get("top_k")
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    del additional.left["top_k"]
    return value


def _reasoning(additional: Fields, output: Fields) -> Reasoning | None:
    """Claude's ``thinking`` (additionalModelRequestFields) and the effort (outputConfig)."""
    effort = output.text("effort")
    thinking = additional.left.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") not in _THINKING:
        return Reasoning(effort=effort) if effort else None
    del additional.left["thinking"]
    left = dict(thinking)
    budget = left.get("budget_tokens")
    if isinstance(budget, int) and not isinstance(budget, bool):
        del left["budget_tokens"]
    else:
        budget = None
    return Reasoning(mode=left.pop("type"), effort=effort, budget_tokens=budget, extras=left)


def _output(config: Fields) -> OutputFormat | None:
    """``textFormat``; its schema is JSON inside a string."""
    form = config.left.get("textFormat")
    if not isinstance(form, dict) or form.keys() != {"type", "structure"}:
        return None
    structure = form["structure"]
    if form["type"] != "json_schema" or not isinstance(structure, dict) or len(structure) != 1:
        return None
    definition = structure.get("jsonSchema")
    if not isinstance(definition, dict):
        return None
    left = dict(definition)
    written, name, description = (left.pop(key, "") for key in ("schema", "name", "description"))
    if not (isinstance(written, str) and isinstance(name, str) and isinstance(description, str)):
        return None
    try:
        schema = loads(written)
    except ValueError:
        return None
    if not isinstance(schema, dict):
        return None
    if dumps(schema).decode() != written:
        left["schema"] = written  # spaced otherwise: to be said again as it was
    del config.left["textFormat"]
    return OutputFormat(
        kind="json_schema", name=name, schema=schema, description=description, extras=left
    )


def _service_tier(fields: Fields) -> str:
    value = fields.left.get("serviceTier")
    tier = value.get("type") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(tier, str):
        return ""
    del fields.left["serviceTier"]
    return tier
