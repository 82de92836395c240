"""The slow, obvious twin of ``spans.scan``: parse everything into a tree, then look around in it.

It gives the layout as plain dicts and lists, or None, and must agree on every input, valid or not.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

MESSAGES, CHAT, RESPONSES = 1, 2, 3
TEXT, CALL, RESULT, OTHER, THINKING, IMAGE = 1, 2, 3, 4, 5, 6
DEPTH_MAX = 512
KEYS = (
    "type role name text id call_id tool_use_id tool_call_id input arguments content output "
    "is_error cache_control defer_loading description input_schema parameters function custom "
    "tool_calls"
)
KNOWN = frozenset(KEYS.encode().split())
KINDS: dict[int, dict[bytes, int]] = {
    MESSAGES: {
        b"text": TEXT,
        b"tool_use": CALL,
        b"server_tool_use": CALL,
        b"mcp_tool_use": CALL,
        b"tool_result": RESULT,
        b"mcp_tool_result": RESULT,
        b"thinking": THINKING,
        b"redacted_thinking": THINKING,
        b"image": IMAGE,
    },
    CHAT: {b"text": TEXT, b"image_url": IMAGE},
    RESPONSES: {b"input_text": TEXT, b"output_text": TEXT, b"input_image": IMAGE},
}
_BLANK = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERAL = re.compile(rb"true|false|null")

Span = tuple[int, int]
Record = dict[str, Any]


class NotTrustedError(Exception):
    """Not JSON, or written so unusually that nobody should rely on its spans."""


class Value(NamedTuple):
    """One JSON value and where it lies; an object's values with their raw keys, an array's."""

    start: int
    end: int
    members: tuple[tuple[bytes, Value], ...] = ()
    items: tuple[Value, ...] = ()

    @property
    def span(self) -> Span:
        return self.start, self.end


def after(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    found = pattern.match(body, at)
    if found is None:
        raise NotTrustedError
    return found.end()


def parsed(body: bytes, at: int, depth: int) -> Value:
    first = body[at : at + 1]
    if first not in (b"{", b"["):
        pattern = _STRING if first == b'"' else _LITERAL if first.isalpha() else _NUMBER
        return Value(at, after(pattern, body, at))
    if depth == DEPTH_MAX:
        raise NotTrustedError
    members: list[tuple[bytes, Value]] = []
    items: list[Value] = []
    close = b"}" if first == b"{" else b"]"
    start = at
    at = after(_BLANK, body, at + 1)
    while body[at : at + 1] != close or members or items:
        if first == b"{":
            end = after(_STRING, body, at)
            key = body[at + 1 : end - 1]
            at = after(_BLANK, body, end)
            if body[at : at + 1] != b":":
                raise NotTrustedError
            at = after(_BLANK, body, at + 1)
            members.append((key, parsed(body, at, depth + 1)))
            at = members[-1][1].end
        else:
            items.append(parsed(body, at, depth + 1))
            at = items[-1].end
        at = after(_BLANK, body, at)
        if body[at : at + 1] == close:
            break
        if body[at : at + 1] != b",":
            raise NotTrustedError
        at = after(_BLANK, body, at + 1)
    return Value(start, at + 1, tuple(members), tuple(items))


class Twin:
    """One body looked at."""

    def __init__(self, body: bytes, dialect: int) -> None:
        self.body = body
        self.dialect = dialect
        self.marks = 0

    # what a value is

    def first(self, value: Value | None) -> bytes:
        return b"" if value is None else self.body[value.start : value.start + 1]

    def is_string(self, value: Value | None) -> bool:
        return self.first(value) == b'"'

    def string(self, value: Value | None) -> bytes:
        """What is between the quotes."""
        if value is None or not self.is_string(value):
            return b""
        return self.body[value.start + 1 : value.end - 1]

    def keys(self, value: Value) -> dict[bytes, Value]:
        """An object's known keys."""
        found: dict[bytes, Value] = {}
        for key, member in value.members:
            if b"\\" in key or (key in KNOWN and key in found):
                raise NotTrustedError
            found[key] = member
        for discriminator in (b"type", b"role"):
            if b"\\" in self.string(found.get(discriminator)):
                raise NotTrustedError
        return {key: member for key, member in found.items() if key in KNOWN}

    def marked(self, keys: dict[bytes, Value]) -> bool:
        return b"cache_control" in keys and self.first(keys[b"cache_control"]) != b"n"

    def kind(self, keys: dict[bytes, Value]) -> int:
        if not self.is_string(keys.get(b"type")):
            return OTHER
        return KINDS[self.dialect].get(self.string(keys[b"type"]), OTHER)

    # the parts of a request

    def block(
        self, kind: int, value: Value, *, marked: bool = False, plain: bool = False
    ) -> Record:
        self.marks += marked
        return {
            "kind": kind,
            "start": value.start,
            "end": value.end,
            "marked": marked,
            "plain": plain,
            "text": value.span if plain else None,
            "name": b"",
            "call_id": b"",
            "arguments": None,
            "texts": (),
            "is_error": False,
        }

    def arguments(self, value: Value | None) -> Span | None:
        return None if value is None or self.first(value) == b"n" else value.span

    def parts(self, value: Value | None) -> tuple[Span, ...]:
        """The texts in the content of a result."""
        if value is None or not value.items:
            return (value.span,) if value is not None and self.is_string(value) else ()
        texts = []
        for part in value.items:
            keys = self.keys(part)
            self.marks += self.marked(keys)
            if self.kind(keys) == TEXT and self.is_string(keys.get(b"text")):
                texts.append(keys[b"text"].span)
        return tuple(texts)

    def content_block(self, value: Value) -> Record:
        keys = self.keys(value)
        block = self.block(self.kind(keys), value, marked=self.marked(keys))
        content = keys.get(b"content")
        texts = self.parts(content) if self.dialect == MESSAGES else ()
        if block["kind"] == TEXT and self.is_string(keys.get(b"text")):
            block["text"] = keys[b"text"].span
        if block["kind"] == CALL:
            block["name"] = self.string(keys.get(b"name"))
            block["call_id"] = self.string(keys.get(b"id"))
            block["arguments"] = self.arguments(keys.get(b"input"))
        if block["kind"] == RESULT:
            block["call_id"] = self.string(keys.get(b"tool_use_id"))
            block["is_error"] = self.first(keys.get(b"is_error")) == b"t"
            block["texts"] = texts
        return block

    def content(self, value: Value | None) -> list[Record]:
        if value is not None and self.is_string(value):
            return [self.block(TEXT, value, plain=True)]
        return [self.content_block(item) for item in value.items] if value is not None else []

    def call(self, value: Value) -> Record:
        """One of Chat's ``tool_calls``."""
        keys = self.keys(value)
        block = self.block(CALL, value, marked=self.marked(keys))
        block["call_id"] = self.string(keys.get(b"id"))
        for outer, inner in ((b"custom", b"input"), (b"function", b"arguments")):
            if self.first(keys.get(outer)) == b"{":
                function = self.keys(keys[outer])
                block["name"] = self.string(function.get(b"name"))
                block["arguments"] = self.arguments(function.get(inner))
        return block

    def item(self, value: Value, keys: dict[bytes, Value], kind: bytes) -> Record:
        """An item of Responses that is no message."""
        marked = self.marked(keys)
        texts = self.parts(keys.get(b"output"))
        call_id = keys.get(b"call_id")
        if kind in (b"function_call_output", b"custom_tool_call_output"):
            block = self.block(RESULT, value, marked=marked)
            block["texts"] = texts
            block["call_id"] = self.string(call_id)
        elif kind in (b"function_call", b"custom_tool_call") or (
            kind.endswith(b"_call") and self.is_string(call_id)
        ):
            block = self.block(CALL, value, marked=marked)
            block["name"] = self.string(keys.get(b"name"))
            block["call_id"] = self.string(call_id)
            block["arguments"] = self.arguments(keys.get(b"arguments", keys.get(b"input")))
        else:
            block = self.block(THINKING if kind == b"reasoning" else OTHER, value, marked=marked)
        return block

    def message(self, value: Value) -> tuple[Record, list[Record]]:
        keys = self.keys(value)
        role = self.string(keys.get(b"role"))
        kind = b""
        blocks = self.content(keys.get(b"content"))
        if self.dialect == RESPONSES:
            kind = self.string(keys.get(b"type"))
            if b"type" not in keys and self.is_string(keys.get(b"role")):
                kind = b"message"
            if kind != b"message":
                blocks = [self.item(value, keys, kind)]
            else:
                self.parts(keys.get(b"output"))
        if self.dialect == CHAT:
            if role == b"tool":
                result = self.block(RESULT, value, marked=self.marked(keys))
                texts = [block["text"] for block in blocks if block["text"]]
                result["texts"] = tuple(texts)
                result["call_id"] = self.string(keys.get(b"tool_call_id"))
                blocks = [result]
            if b"tool_calls" in keys:
                blocks += [self.call(item) for item in keys[b"tool_calls"].items]
        content = keys[b"content"].span if b"content" in keys else None
        message = {"start": value.start, "end": value.end, "role": role, "kind": kind}
        return {**message, "content": content, "count": len(blocks)}, blocks

    def tool(self, value: Value) -> Record:
        keys = self.keys(value)
        marked = self.marked(keys)
        self.marks += marked
        inner = keys
        if self.dialect == CHAT:
            objects = {
                key: self.keys(keys[key])
                for key in (b"function", b"custom")
                if self.first(keys.get(key)) == b"{"
            }
            inner = objects.get(b"function", objects.get(b"custom", {}))
            self.marks += self.marked(inner)
            marked = marked or self.marked(inner)
        name = self.string(inner.get(b"name"))
        description = inner.get(b"description")
        schema = inner.get(b"input_schema" if self.dialect == MESSAGES else b"parameters")
        return {
            "start": value.start,
            "end": value.end,
            "name": name,
            "kind": self.string(keys.get(b"type")),
            "marked": marked,
            "deferred": self.first(keys.get(b"defer_loading")) == b"t",
            "name_escaped": b"\\" in name,
            "description": description.span
            if description and self.is_string(description)
            else None,
            "schema": schema.span if schema and self.first(schema) == b"{" else None,
        }

    def layout(self) -> Record:
        at = after(_BLANK, self.body, 0)
        if self.body[at : at + 1] != b"{":
            raise NotTrustedError
        top = parsed(self.body, at, 0)
        if after(_BLANK, self.body, top.end) != len(self.body):
            raise NotTrustedError
        keys = dict(top.members)
        if len(keys) != len(top.members) or any(b"\\" in key for key in keys):
            raise NotTrustedError
        self.marks += self.marked(keys)
        system_key = {MESSAGES: b"system", CHAT: b"", RESPONSES: b"instructions"}[self.dialect]
        messages_key = b"input" if self.dialect == RESPONSES else b"messages"
        system = self.content(keys.get(system_key)) if self.dialect == MESSAGES else []
        tools = [self.tool(item) for item in keys[b"tools"].items] if b"tools" in keys else []
        messages: list[Record] = []
        blocks: list[Record] = []
        for index, block in enumerate(system):
            block |= {"message": -1, "index": index}
        read = []
        given = keys.get(messages_key)
        if given is not None and self.dialect == RESPONSES and self.is_string(given):
            message = {"start": given.start, "end": given.end, "role": b"user", "kind": b"message"}
            read = [({**message, "content": given.span, "count": 1}, self.content(given))]
        elif given is not None:
            read = [self.message(item) for item in given.items]
        for number, (message, found) in enumerate(read):
            messages.append({**message, "first": len(blocks)})
            blocks += [{**one, "message": number, "index": at} for at, one in enumerate(found)]
        spans = {key: value.span for key, value in keys.items()}
        return {
            "dialect": self.dialect,
            "model": spans.get(b"model"),
            "stream": spans.get(b"stream"),
            "system": spans.get(system_key) if system_key else None,
            "tools": spans.get(b"tools"),
            "tool_choice": spans.get(b"tool_choice"),
            "messages": spans.get(messages_key),
            "system_blocks": system,
            "tool_list": tools,
            "message_list": messages,
            "blocks": blocks,
            "marks": self.marks,
            "keys": spans,
        }


def scan(body: bytes, dialect: int) -> Record | None:
    try:
        body.decode()
        return Twin(body, dialect).layout()
    except (NotTrustedError, UnicodeDecodeError):
        return None
