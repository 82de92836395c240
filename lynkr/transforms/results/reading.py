"""What a tool call asked for, as far as it decides what may be done to its result.

The result of reading a file is the file: an agent edits files by repeating their text exactly, so
no other form of it will do, however equal in meaning.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import msgspec

from lynkr._native.spans import Block

# --- tools, by the words of their names ---
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ALONE = frozenset(("read", "view", "cat", "open", "head", "tail", "nl", "bat"))
_READ = frozenset(("read", "view", "cat", "open", "show"))
_BRING = frozenset(("get", "fetch", "load"))  # as often of an API as of a file
_FILES = frozenset((
    "file", "files", "fs", "notebook", "lines", "range", "text", "code", "source", "content",
    "contents", "editor",
))  # fmt: skip
_FILE_TEXT = frozenset(("file", "content", "contents", "text", "raw"))
_OTHERS = frozenset((
    "list", "search", "find", "info", "metadata", "stat", "status", "tree", "write", "edit",
    "delete", "create", "web", "website", "url", "page", "site", "html", "history",
))  # fmt: skip
_EDITORS = ("strreplace", "texteditor")
_JOINED = re.compile(r"(?:read|view|open|cat)(?:text|many|multiple)?files?|fsread|getfilecontents?")

# --- commands ---
_PRINTING = frozenset((
    "cat", "head", "tail", "sed", "nl", "less", "more", "bat", "batcat", "type", "awk", "tac",
    "zcat", "get-content", "gc",
))  # fmt: skip
# As text, as a list of words, and with the escapes of JSON in JSON.
_RECOVERING = re.compile(rb"\blynkr\W{1,8}show\b|/v1[\\]{0,3}/originals[\\]{0,3}/")
# Without one of these in it no command prints a file, which is soon seen.
_PRINTERS = re.compile("|".join(map(re.escape, sorted((*_PRINTING, "git")))), re.IGNORECASE)
_SHELL = re.compile(
    r"\S*\b(?:(?:ba|z|da|k)?sh|pwsh|powershell)(?:\.exe)?\s+(?:-\w+\s+)*?-\w*[cC](?:ommand)?\s+"
    r"(['\"])(.*)\1\s*$",
    re.DOTALL,
)
_SHELLS = re.compile(r"(?:.*[/\\])?(?:(?:ba|z|da|k)?sh|pwsh|powershell|cmd)(?:\.exe)?$")
_QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|`([^`]*)`", re.DOTALL)
_STATEMENTS = re.compile(r"\|\||&&|[;\n]|\s&\s")
# What may stand before a program's name: brackets, variables, words that only run what follows.
_BEFORE = re.compile(
    r"(?:[\s({!]+|\w+=\S*\s+|(?:sudo|env|time|command|exec|nice|nohup|then|do|else|xargs)\s+"
    r"|timeout\s+\S+\s+)*"
)
_FILE_OF_COMMIT = re.compile(r"git\s+(?:-\S+\s+(?:\S+\s+)?)*?(?:show|cat-file)\s.*(?::\S|blob)")
_ON_FOUND_FILES = re.compile(r"\s-exec\s+(?:cat|head|tail|sed)\s")


class _Asked(msgspec.Struct):
    """The argument that holds a shell command, as the tools of known agents call it."""

    command: object = None
    cmd: object = None
    script: object = None
    commands: object = None
    line: object = msgspec.field(default=None, name="CommandLine")


class _Item(msgspec.Struct):
    """A call that keeps what it asks elsewhere: the shells of Responses."""

    action: msgspec.Raw = msgspec.Raw(b"")


def call_of(body: bytes, call: Block | None) -> tuple[bytes, bytes]:
    """A call's tool and its arguments as they stand in the body."""
    if call is None:
        return b"", b""
    if call.arguments is None:
        try:
            item = msgspec.json.decode(body[call.start : call.end], type=_Item)
        except (msgspec.DecodeError, UnicodeError):
            return call.name, b""
        return call.name, bytes(item.action)
    return call.name, body[call.arguments[0] : call.arguments[1]]


def command_of(arguments: bytes) -> str:
    """The shell command in a call's arguments; "" if there is none. Chat and Responses send the
    arguments as JSON inside a string."""
    return _command(arguments)[0]


def _command(arguments: bytes) -> tuple[str, bool]:
    """A call's command, and whether it is free text, which may be a program around it."""
    try:
        if arguments[:1] == b'"':
            inner = msgspec.json.decode(arguments, type=str)
            if inner.lstrip()[:1] != "{":
                return inner, True  # a tool with free text: Codex's exec
            arguments = inner.encode()
        asked = msgspec.json.decode(arguments, type=_Asked)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "", False
    for given in (asked.command, asked.cmd, asked.script, asked.line):
        if isinstance(given, str) and given:
            return given, False
        if isinstance(given, list) and given:
            return _joined(given), False
    if isinstance(asked.commands, list):
        return "\n".join(one for one in asked.commands if isinstance(one, str)), False
    return "", False


def _joined(words: list[object]) -> str:
    """``["bash", "-lc", "cat a"]`` and ``["cat", "a"]`` are the same command."""
    said = [word for word in words if isinstance(word, str)]
    if len(said) > 2 and _SHELLS.match(said[0]) and said[-2][:1] in ("-", "/"):
        return said[-1]
    return " ".join(said)


def reads_file(name: bytes, arguments: bytes) -> bool:
    """Whether the result is a file as it stands on the disk."""
    if _reading_tool(name):
        return True
    command, free = _command(arguments)
    if not command or _PRINTERS.search(command) is None:
        return False
    if free:
        inner = (next(filter(None, found.groups()), "") for found in _QUOTED.finditer(command))
        return _prints(command) or any(map(_prints, inner))
    return _prints(command)


@functools.lru_cache(4096)
def _reading_tool(name: bytes) -> bool:
    """By its name alone. What a server calls itself says nothing: ``mcp__filesystem__search``."""
    own = name.decode("utf-8", "replace")
    if own.startswith("mcp__"):
        own = own[5:].partition("__")[2] or own
    words = [word.lower() for word in _WORD.findall(own)]
    joined = "".join(words)
    if joined.startswith(_EDITORS) or _JOINED.fullmatch(joined):
        return True
    if len(words) == 1 and joined in _ALONE:
        return True
    said = frozenset(words)
    if said & _OTHERS:
        return False
    if said & _READ and said & _FILES:
        return True
    return "file" in said and bool(said & _BRING) and said <= _FILE_TEXT | _BRING


def _prints(command: str) -> bool:
    """Whether one of its statements does nothing but print files."""
    shell = _SHELL.match(command.strip())
    if shell is not None:
        return _prints(shell[2])
    bare = _QUOTED.sub("_", command)  # a separator inside quotes separates nothing
    if _ON_FOUND_FILES.search(bare):
        return True
    return any(
        stages and all(map(_is_printing, stages))
        for stages in (list(_stages(one)) for one in _STATEMENTS.split(bare))
    )


def _stages(statement: str) -> Iterator[str]:
    for stage in statement.split("|"):
        bare = stage[_BEFORE.match(stage).end() :].strip()  # type: ignore[union-attr]  # may be empty
        if bare:
            yield bare


def _is_printing(stage: str) -> bool:
    program = re.split(r"[\s<>]", stage, maxsplit=1)[0]
    if program == "git":
        return _FILE_OF_COMMIT.match(stage) is not None
    return re.split(r"[/\\]", program)[-1].lower() in _PRINTING


def recovers(arguments: bytes) -> bool:
    """Whether the call asks for a text that was shortened before: it must come whole."""
    if b"show" not in arguments and b"originals" not in arguments:
        return False  # most do not: the pattern is tried at every word
    return _RECOVERING.search(arguments) is not None
