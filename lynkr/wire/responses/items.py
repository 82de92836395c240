"""OpenAI Responses: the items of a conversation and the parts in them, read and written.

https://platform.openai.com/docs/api-reference/responses/create#responses_create-input

One item is one message, in its place, never merged. What the vocabulary has no word for stays in
``extras``; what says nothing to another dialect (null, empty, ``status``) stays in a ``Spelling``,
so that the dialect gets its own back exactly, and no other one is asked to carry it. Items that
only OpenAI understands (compaction, hosted tools' calls, references, whatever is new) are
``Opaque``.

| item | message |
| --- | --- |
| message | of its role; parts as they are |
| function_call, custom_tool_call, local_shell_call | assistant, ToolCall |
| tool_search_call of a search that the client runs | assistant, ToolCall |
| their outputs | tool, ToolResult; what a search found is an Offer in it |
| reasoning | assistant, Thinking, sealed with the whole item, or with the seal it carries for us |
| additional_tools | developer, Offer |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec

from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    CallKind,
    Json,
    Message,
    Offer,
    Opaque,
    Part,
    Request,
    Role,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lynkr.wire.responses.parts import own_content, read_content
from lynkr.wire.responses.tools import ToolSpelling, decode_tools, split, write_tools
from lynkr.wire.seals import unseal

NAME = "openai_responses"

_ROLES = get_args(Role)
CALLS: dict[str, CallKind] = {
    "function_call": "function",
    "custom_tool_call": "custom",
    "tool_search_call": "tool_search",
    "local_shell_call": "local_shell",
}
_RESULTS: dict[str, CallKind] = {
    "function_call_output": "function",
    "custom_tool_call_output": "custom",
    "tool_search_output": "tool_search",
    "local_shell_call_output": "local_shell",
}
_CALL_TYPES = {kind: name for name, kind in CALLS.items()}
_RESULT_TYPES = {kind: name for name, kind in _RESULTS.items()}
# Where each kind of call keeps its arguments; the last two hold an object, not its text.
ARGUMENTS = {
    "function": "arguments", "custom": "input", "tool_search": "arguments",
    "local_shell": "action",
}  # fmt: skip
_OBJECTS = ("tool_search", "local_shell")
_FOREIGN_SIDE = ("_output", "_response", "_trigger")  # ends of types that no model says


class Spelling(msgspec.Struct, frozen=True):
    """How an object was written, where another spelling would mean the same."""

    blank: Json = {}  # fields that say nothing to other dialects
    absent: tuple[str, ...] = ()  # fields that we would write and the client did not
    parts: list[Json] = []  # ``blank`` of each part of the content; an unusual `type` too
    tools: list[ToolSpelling] = []
    inner: dict[str, Json] = {}  # ``blank`` of objects inside
    whole: bool = False  # the item is an ``Opaque``, not a message that holds one
    bare: bool = False  # `input` was one string


PLAIN = Spelling()


class Item(Message, kw_only=True):
    """A message as this dialect wrote it."""

    spelling: Spelling = PLAIN


class Body(Request, kw_only=True):
    """A request as this dialect wrote it."""

    spelling: Spelling = PLAIN


def respelled(written: Json, spelling: Spelling) -> Json:
    """What was written from the vocabulary, as the client had spelled it."""
    for name in spelling.absent:
        written.pop(name, None)
    for name, value in spelling.blank.items():
        written.setdefault(name, value)
    return written


# --- reading ------------------------------------------------------------------------------------


def decode_item(value: object, at: str) -> Item:
    """One item of ``input``; ``at`` is its path."""
    fields = Fields(value, at)
    given = dict(fields.left)
    kind = given.get("type")
    if kind is None and "role" in given:
        return _message(fields, given)
    if kind is None and "id" in given:
        kind = "item_reference"
    if not isinstance(kind, str):
        raise fields.wrong("type", "a string")
    read = _READERS.get(kind)
    if read is None or (kind.startswith("tool_search") and not _of_client(given)):
        role: Role = "user" if kind.endswith(_FOREIGN_SIDE) else "assistant"
        return Item(
            role=role,
            parts=[Opaque(kind=kind, value=given, format=NAME)],
            spelling=Spelling(whole=True),
        )
    fields.take("type")
    return read(fields, given)


def _of_client(given: Json) -> bool:
    """A tool search that the client runs, not OpenAI."""
    return given.get("execution") != "server" and isinstance(given.get("call_id"), str)


def _message(fields: Fields, given: Json) -> Item:
    role = fields.needed("role")
    if role not in _ROLES or role == "tool":
        raise fields.wrong("role", "user, assistant, system or developer")
    if "content" not in given:
        raise invalid(fields.path("content"), "It is missing.")
    text_type = "output_text" if role == "assistant" else "input_text"
    parts, plain, spelled = read_content(fields, "content", text_type)
    name = fields.text("id")
    fields.take("type")
    extras, blank = split(fields, given, "status")
    return Item(
        role=role,  # type: ignore[arg-type]  # one of _ROLES
        parts=parts,
        plain=plain,
        id=name,
        extras=extras,
        spelling=Spelling(
            blank=blank, absent=() if given.get("type") else ("type",), parts=spelled
        ),
    )


def _call(fields: Fields, given: Json) -> Item:
    kind = CALLS[str(given["type"])]
    where = ARGUMENTS[kind]
    if kind in _OBJECTS:
        if where not in given:
            raise invalid(fields.path(where), "It is missing.")
        arguments = dumps(fields.take(where)).decode()
    else:
        arguments = fields.needed(where)
    call = ToolCall(
        id=fields.needed("call_id"),
        name=kind if kind in _OBJECTS else fields.needed("name"),
        arguments=arguments,
        kind=kind,
        namespace=fields.text("namespace"),
        item_id=fields.text("id"),
    )
    absent: tuple[str, ...] = ()
    if kind == "tool_search":
        absent = () if fields.take("execution") else ("execution",)
    call.extras, blank = split(fields, given, "status")
    return Item(role="assistant", parts=[call], spelling=Spelling(blank=blank, absent=absent))


def _result(fields: Fields, given: Json) -> Item:
    kind = _RESULTS[str(given["type"])]
    content: list[Part]
    plain, absent = False, list[str]()
    spelled: list[Json] = []
    tools: list[ToolSpelling] = []
    if kind == "tool_search":
        offered, tools = decode_tools(fields.array("tools"), fields.path("tools"))
        content = [Offer(tools=offered)]
        absent += () if fields.take("execution") else ("execution",)
    else:
        content, plain, spelled = read_content(fields, "output", "input_text")
    item_id, call_id = fields.text("id"), fields.text("call_id")
    if not call_id and kind == "local_shell":
        call_id = item_id  # the API's own schema has the call's id here, and no `call_id`
        absent.append("call_id")
    result = ToolResult(
        call_id=call_id, content=content, plain=plain, kind=kind, name=fields.text("name"),
        item_id=item_id,
    )  # fmt: skip
    result.extras, blank = split(fields, given, "status", "namespace")
    spelling = Spelling(blank=blank, absent=tuple(absent), parts=spelled, tools=tools)
    return Item(role="tool", parts=[result], spelling=spelling)


def _reasoning(fields: Fields, given: Json) -> Item:
    content = given.get("encrypted_content")
    seal = unseal(content) if isinstance(content, str) else None
    text, summary = reasoning_text(given)
    if seal is None or seal.format == NAME:
        given.pop("type")
        part = Thinking(text=text, seal=Seal(NAME, given), summary=summary, id=fields.text("id"))
        return Item(role="assistant", parts=[part])
    for name in ("encrypted_content", "summary", "content"):
        fields.take(name)
    part = Thinking(text=text, seal=seal, summary=summary, id=fields.text("id"))
    part.extras, blank = split(fields, given, "status")
    return Item(role="assistant", parts=[part], spelling=Spelling(blank=blank))


def reasoning_text(item: Json) -> tuple[str, bool]:
    """The text of a reasoning item, and whether it is a summary of it. Between sections stands an
    empty line."""
    texts = sections(item, "summary")
    shown = sections(item, "content")
    return "\n\n".join(text for text in texts + shown if text), bool(texts) or not shown


def sections(item: Json, name: str) -> list[str]:
    """The texts of ``summary`` or ``content``, whatever else is in there."""
    value = item.get(name)
    return [
        text
        for each in (value if isinstance(value, list) else ())
        if isinstance(each, dict) and isinstance(text := each.get("text"), str)
    ]


def _additional_tools(fields: Fields, given: Json) -> Item:
    role = fields.needed("role")
    tools, spelled = decode_tools(fields.array("tools"), fields.path("tools"))
    offer = Offer(tools=tools, id=fields.text("id"))
    offer.extras, blank = split(fields, given)
    if role != "developer":
        blank["role"] = role
    spelling = Spelling(blank=blank, tools=spelled)
    return Item(role="developer", parts=[offer], spelling=spelling)


_READERS: dict[str, Callable[[Fields, Json], Item]] = {
    "message": _message,
    "reasoning": _reasoning,
    "additional_tools": _additional_tools,
}
_READERS.update(dict.fromkeys(CALLS, _call))
_READERS.update(dict.fromkeys(_RESULTS, _result))


# --- writing ------------------------------------------------------------------------------------


def own_items(message: Message) -> list[Json]:
    """The items of a message of this dialect: the one it was read from, unless somebody has put
    more into it since."""
    spelling = message.spelling if isinstance(message, Item) else PLAIN
    if spelling.whole:
        return [part.value for part in message.parts if isinstance(part, Opaque)]
    items: list[Json] = []
    content: list[Part] = []
    for part in message.parts:
        item = _own_item(part, spelling)
        if item is None:
            content.append(part)
            continue
        if content:
            items.append(_own_message(message, content, spelling))
            content = []
        if item:
            items.append(item)
    if content or not message.parts:
        items.append(_own_message(message, content, spelling))
    return items


def _own_item(part: Part, spelling: Spelling) -> Json | None:
    """The item that a part is; ``None`` if it is content, empty if it is nothing."""
    if isinstance(part, ToolCall):
        return respelled({**call_item(part), **part.extras}, spelling)
    if isinstance(part, ToolResult):
        return respelled({**_result_item(part, spelling), **part.extras}, spelling)
    if isinstance(part, Thinking):
        seal = part.seal
        return {"type": "reasoning", **seal.data} if seal and seal.format == NAME else {}
    if isinstance(part, Offer):
        item: Json = {"type": "additional_tools", "role": spelling.blank.get("role", "developer")}
        if part.id:
            item["id"] = part.id
        item["tools"] = write_tools(part.tools, spelling.tools)
        return respelled({**item, **part.extras}, spelling)
    return None


def _own_message(message: Message, parts: list[Part], spelling: Spelling) -> Json:
    item: Json = {"type": "message", "role": message.role}
    if message.id:
        item["id"] = message.id
    text_type = "output_text" if message.role == "assistant" else "input_text"
    if (text := plain_text(message.plain, parts)) is not None:
        item["content"] = text
    elif parts or "content" not in spelling.blank:
        item["content"] = own_content(parts, spelling.parts, text_type)
    return respelled({**item, **message.extras}, spelling)


def _result_item(result: ToolResult, spelling: Spelling) -> Json:
    item: Json = {"type": _RESULT_TYPES[result.kind]}
    if result.item_id:
        item["id"] = result.item_id
    if result.call_id:
        item["call_id"] = result.call_id
    if result.name:
        item["name"] = result.name
    if result.kind == "tool_search":
        item["execution"] = "client"
        tools = [tool for part in result.content if isinstance(part, Offer) for tool in part.tools]
        item["tools"] = write_tools(tools, spelling.tools)
        return item
    if (text := plain_text(result.plain, result.content)) is not None:
        item["output"] = text
    elif result.content or "output" not in spelling.blank:
        item["output"] = own_content(result.content, spelling.parts, "input_text")
    return item


def plain_text(plain: bool, parts: list[Part]) -> str | None:
    """The text of a content that was one string."""
    first = parts[0] if len(parts) == 1 else None
    return first.text if plain and isinstance(first, Text) else None


def call_item(call: ToolCall) -> Json:
    """A call, in requests and replies."""
    item: Json = {"type": _CALL_TYPES[call.kind]}
    if call.item_id:
        item["id"] = call.item_id
    item["call_id"] = call.id
    if call.kind in _OBJECTS:
        if call.kind == "tool_search":
            item["execution"] = "client"
        item[ARGUMENTS[call.kind]] = _object(call.arguments)
        return item
    item["name"] = call.name
    if call.namespace:
        item["namespace"] = call.namespace
    item[ARGUMENTS[call.kind]] = call.arguments
    return item


def _object(text: str) -> object:
    try:
        return loads(text)
    except ValueError:
        return text  # a model's broken JSON: the client will say so to it
