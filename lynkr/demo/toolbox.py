"""Toolbox: the tools a client offers, which one the demo calls, and what it calls it with.

An agent runs what it is told to run, so the demo calls a tool only when it is asked to, never one
that changes something unless the client forces it, and never with a word the user wrote.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
import orjson

from lynkr.demo.request import Fields, fields, items, text
from lynkr.demo.schema import HARMLESS_COMMAND, SAMPLE, instance, name_words

WORDS_READ_MAX = 2_000  # characters at either end of a prompt; orders stand before or after a paste


class Tool(msgspec.Struct, frozen=True):
    name: str
    description: str
    schema: Fields
    # "function" takes JSON, "custom" takes text, "hosted" runs at the provider and is never called.
    kind: Literal["function", "custom", "hosted"]
    namespace: str


class Call(msgspec.Struct, frozen=True):
    tool: Tool
    input: str  # JSON text for a function, any text for a custom tool


class Choice(msgspec.Struct, frozen=True):
    mode: Literal["auto", "none", "required"]
    names: frozenset[str] | None = None  # the only tools that may be called


# A tool with one of these words in its name changes something.
_CHANGES = frozenset(
    {
        "write",
        "edit",
        "multiedit",
        "delete",
        "remove",
        "create",
        "update",
        "patch",
        "replace",
        "insert",
        "move",
        "rename",
        "drop",
        "put",
        "post",
        "send",
        "kill",
        "stop",
        "commit",
        "push",
        "deploy",
        "set",
        "add",
        "save",
        "upload",
        "install",
        "schedule",
        "cron",
        "notebook",
        "todo",
        "apply",
        "terminate",
        "spawn",
        "close",
        "reset",
        "clear",
        "enter",
        "exit",
        "interrupt",
    }
)

_RUNNERS = ("bash", "shell", "exec", "execute", "run", "terminal", "command")
_READERS = ("read", "view", "open", "cat")
_LISTERS = ("list", "ls", "glob")
_FITTING = {
    "run": _RUNNERS,
    "execute": _RUNNERS,
    "read": (*_READERS, *_RUNNERS),
    "open": (*_READERS, *_RUNNERS),
    "list": (*_LISTERS, *_RUNNERS),
    "use": (*_RUNNERS, *_READERS, *_LISTERS),
    "call": (*_RUNNERS, *_READERS, *_LISTERS),
    "invoke": (*_RUNNERS, *_READERS, *_LISTERS),
}
_NEEDS_OBJECT = frozenset(
    {"use", "call", "invoke"}
)  # "use short words" is no order, "use a tool" is

# An order begins a clause or follows one of these words; "I used to read" is not one.
_ORDER = re.compile(
    r"(?:^|[.!?:;,\n\"'(]\s*|\b(?:please|(?:can|could|would|will|should|must|may) you|you to|and"
    r"|then|now|let's|lets|also|just|first|should|must|need to|try to|want to)\s+)"
    r"(use|call|invoke|run|execute|read|open|list)\b",
    re.IGNORECASE,
)
# Agents ask for summaries with all their tools attached and these words at the top.
_REFUSAL = re.compile(
    r"\b(?:do not|don't|never|without|no)\s+(?:\w+\s+){0,2}?"
    r"(?:use|using|call|calling|run|running|tools?)\b|\btext only\b",
    re.IGNORECASE,
)


def tools_offered(value: object, *, text_tools: bool, namespace: str = "") -> list[Tool]:
    """Every dialect's ``tools``, in any of the shapes that clients send to any of the dialects.

    ``text_tools``: whether the dialect's "custom" tools take text; in Messages it means "your own".
    """
    offered: list[Tool] = []
    for entry in map(fields, items(value)):
        kind = entry.get("type")
        if kind == "namespace":
            if not namespace:  # they do not nest
                grouped, group = entry.get("tools"), text(entry.get("name"))
                offered += tools_offered(grouped, text_tools=text_tools, namespace=group)
            continue
        inner = fields(entry.get("function")) or fields(entry.get("custom")) or entry
        schema = fields(inner.get("parameters")) or fields(inner.get("input_schema"))
        name = text(inner.get("name")) or text(kind)
        # Messages tools usually have no type; a type that is not known here is the provider's own.
        tool_kind: Literal["function", "custom", "hosted"] = "hosted"
        if kind in (None, "function", "custom") and name:
            tool_kind = "custom" if kind == "custom" and text_tools else "function"
        description = text(inner.get("description"))
        offered.append(Tool(name, description, schema, tool_kind, namespace))
    return offered


def choice_made(value: object) -> Choice:
    """``tool_choice`` of any dialect; what is not understood leaves the choice to the demo."""
    if value == "none":
        return Choice("none")
    if value in ("required", "any"):
        return Choice("required")
    given = fields(value)
    match given.get("type"):
        case "none":
            return Choice("none")
        case "any" | "required":
            return Choice("required")
        case "allowed_tools":
            allowed = fields(given.get("allowed_tools")) or given
            names = frozenset(filter(None, map(_name_in, items(allowed.get("tools")))))
            return Choice("required" if allowed.get("mode") == "required" else "auto", names)
        case "tool" | "function" | "custom" if name := _name_in(given):
            return Choice("required", frozenset({name}))
        case _:
            return Choice("auto")


def call_for(tools: list[Tool], choice: Choice, words: str) -> Call | None:
    """The one call to make for what the user said, if any."""
    callable_tools = [
        tool
        for tool in tools
        if tool.kind != "hosted" and (choice.names is None or tool.name in choice.names)
    ]
    if choice.mode == "none" or not callable_tools:
        return None
    words = words if len(words) <= 2 * WORDS_READ_MAX else _ends(words)
    harmless = [tool for tool in callable_tools if not _changes_something(tool)]
    tool = _asked_for(harmless, words)
    if tool is None and choice.mode == "required":
        tool = (harmless or callable_tools)[0]
    return None if tool is None else Call(tool, _input(tool))


def _changes_something(tool: Tool) -> bool:
    return not _CHANGES.isdisjoint(name_words(tool.name))


def _asked_for(tools: list[Tool], words: str) -> Tool | None:
    if not tools or _REFUSAL.search(words):
        return None
    orders = {order.lower() for order in _ORDER.findall(words)}
    mentioned = _mentioned(tools, words, ordered=bool(orders))
    if mentioned is not None:
        return mentioned
    if not re.search(r"\btools?\b", words, re.IGNORECASE):
        orders -= _NEEDS_OBJECT
    for order, fitting in _FITTING.items():
        if order in orders:
            by_word = ((word, tool) for word in fitting for tool in tools)
            fits = (tool for word, tool in by_word if word in name_words(tool.name))
            return next(fits, tools[0])
    return None


def _mentioned(tools: list[Tool], words: str, *, ordered: bool) -> Tool | None:
    """The tool with the longest name in ``words``.

    A tool named like an ordinary word ("Task", "Read") counts only beside an order, or "my task is
    to say hello" would start one.
    """
    for tool in sorted(tools, key=lambda tool: -len(tool.name)):
        plain = tool.name.isalpha() and tool.name[1:].islower()
        if plain and not ordered:
            continue
        pattern = rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])"
        if re.search(pattern, words, re.IGNORECASE if plain else 0):
            return tool
    return None


def _input(tool: Tool) -> str:
    if tool.kind == "custom":
        if "javascript" in tool.description.lower():
            return f'text("{SAMPLE}");'  # Codex runs the input of its exec tool as JavaScript
        return HARMLESS_COMMAND if set(_RUNNERS) & set(name_words(tool.name)) else SAMPLE
    made = instance({"type": "object", **tool.schema})
    return orjson.dumps(made if isinstance(made, dict) else {}).decode()


def _name_in(value: object) -> str:
    entry = fields(value)
    inner = fields(entry.get("function")) or fields(entry.get("custom")) or entry
    return text(inner.get("name"))


def _ends(words: str) -> str:
    return f"{words[:WORDS_READ_MAX]}\n{words[-WORDS_READ_MAX:]}"
