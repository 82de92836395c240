"""What came of a call: the words by which tools and clients say that it failed (``results.toml``).

Only the beginning of a result is read: there a failure is told, and further on stands what other
people wrote. A command that ends with a code other than zero has not failed in this sense: agents
run tests to see them fail. It has if the client could not, or would not, run it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from lynkr._native.phrases import Phrases
from lynkr._native.spans import Block, string_token

FINE, USER, ERROR, INVALID, EDIT = "", "user", "error", "invalid", "edit"
_HEAD_BYTES = 600
_ARGUMENT_BYTES = 4096
_BEFORE = re.compile(
    rb"(?:\\[nrt]|[ ]|<tool_use_error>|<error>|\[ERROR\]|Tool (?:error|Error):"
    rb"|(?:ERROR|Error|error):|Exit code \d{1,3}|Chunk ID:[^\\]{0,80}|Wall time:?[^\\]{0,80}"
    rb"|Process exited with code \d{1,3}|Original token count:[^\\]{0,40}|Output:)*"
)
_FIRSTS = b"\\ <[TEeCWPO"  # what one of them begins with
_REFUSED = re.compile(rb"(?:\\[nrt]|[ ]|<tool_use_error>|<error>|\[ERROR\])*")
_UNSUCCESSFUL = (rb"\"success\":false", rb"\"success\": false")
_ESCAPES = ((rb"\u003c", b"<"), (rb"\u003e", b">"), (rb"\u0026", b"&"), (rb"\u0027", b"'"))


class _Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    what: Literal["user", "error", "invalid", "edit"]
    client: str
    begins: tuple[str, ...]
    shells: bool = False


class _Tools(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    edits: tuple[str, ...]
    views: tuple[str, ...]
    shells: tuple[str, ...]
    edit_commands: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tools: _Tools
    failure: tuple[_Failure, ...]


def _read() -> _Table:
    raw = tomllib.loads(Path(__file__).with_name("results.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Table)


def token_of(phrase: str) -> bytes:
    """The phrase as a JSON string writes it, without the quotes."""
    return string_token(phrase.encode())[1:-1]


_TABLE = _read()
FAILURES = _TABLE.failure
# The longer one of two that begin alike says more.
_PHRASES = tuple(
    sorted(
        ((token_of(phrase), row.what, row.shells) for row in FAILURES for phrase in row.begins),
        key=lambda row: -len(row[0]),
    )
)
_BEGINS = Phrases([token.decode() for token, _, _ in _PHRASES])
_OF_EDITS = tuple(token for token, what, _ in _PHRASES if what == EDIT)
_EDITS = frozenset(name.encode() for name in _TABLE.tools.edits)
_SHELLS = frozenset(name.encode() for name in _TABLE.tools.shells)
_VIEWS = tuple(form for name in _TABLE.tools.views for form in (name.encode(), token_of(name)))
_COMMANDS = tuple(name.encode() for name in _TABLE.tools.edit_commands)


def short_name(call: Block | None) -> bytes:
    """A tool's name without its server's; b"" if the call is not told any more."""
    if call is None:
        return b""
    return call.name.rpartition(b"__")[2] if b"__" in call.name else call.name


def may_edit(name: bytes) -> bool:
    """Whether calls of a tool, by its short name, can be changes of files."""
    return name in _EDITS or name in _SHELLS


def edits_files(body: bytes, call: Block | None, name: bytes) -> bool:
    if call is None:
        return False
    start = call.arguments_start
    end = min(call.arguments_end, start + _ARGUMENT_BYTES)
    if name in _EDITS:
        if start >= 0 and b"edit" in name:
            for view in _VIEWS:
                if body.find(view, start, min(end, start + _HEAD_BYTES)) >= 0:
                    return False
        return True
    if name in _SHELLS and start >= 0:
        for command in _COMMANDS:
            if body.find(command, start, end) >= 0:
                return True
    return False


def came_to(body: bytes, result: Block, name: bytes, edit: bool) -> str:
    """FINE, or what kind of failure a result tells of. ``edit``: the call was to change files."""
    head = _head(body, result)
    shell = name in _SHELLS
    at = _behind_marks(head, shell and not edit)
    if _BEGINS.begin_between(head, at, len(head)):
        for token, what, shells in _PHRASES:
            if head.startswith(token, at) and (shells or edit or not shell):
                return what
    if edit:
        for token in _OF_EDITS:
            if token in head:
                return EDIT
    if (result.is_error and not shell) or head.find(_UNSUCCESSFUL[0]) >= 0:
        return EDIT if edit else ERROR
    return FINE


def _behind_marks(head: bytes, refused: bool) -> int:
    """Where a result's own words begin. ``refused``: behind what a client says of a command."""
    if not head or head[0] not in _FIRSTS:
        return 0
    found = (_REFUSED if refused else _BEFORE).match(head)
    return found.end() if found is not None else 0


def _head(body: bytes, result: Block) -> bytes:
    """The first bytes of what a result says, as JSON writes them."""
    if result.text_start >= 0:
        start = result.text_start + 1
        head = body[start : min(result.text_end - 1, start + _HEAD_BYTES)]
    else:
        parts = [
            body[start + 1 : min(end - 1, start + _HEAD_BYTES)] for start, end in result.texts[:2]
        ]
        head = b"\\n".join(parts)
    if rb"\u00" in head:
        for escaped, plain in _ESCAPES:
            head = head.replace(escaped, plain)
    return head
