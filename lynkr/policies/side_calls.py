"""Calls that a coding tool makes for itself: titles, summaries, guesses, probes.

Told by their own words, which are data (``side_calls.toml``): begin or hold them, nothing cleverer.
They are looked for where a client puts its instructions, never in what a user may have pasted, and
in a bounded part of it, so a large request costs no more than a small one.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from lynkr._native.phrases import Phrases
from lynkr._native.spans import TEXT, Layout, Message, string_token

_SYSTEM_BYTES = 768  # of one system text: a phrase stands in its first sentences
_SYSTEM_TEXTS = 4  # Claude Code's first two are an attribution and its name
_USER_TEXTS = 8  # of one message, the last of them
_LIMITS = (b"max_tokens", b"max_completion_tokens", b"max_output_tokens")
_BLANK = re.compile(rb"(?:\\[nrt]|[ ])*")  # at the beginning of a JSON string
_SYSTEMS = (b"system", b"developer")

Span = tuple[int, int]


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What such a call is for."""

    about: str
    repeat: bool  # an earlier answer to the very same request does as well


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one of them is told; the fields are described at the top of the file."""

    kind: str
    client: str
    where: Literal["system", "user"]
    phrase: str
    whole: bool = False
    tokens: int | None = None

    @property
    def token(self) -> bytes:
        """The phrase as a JSON string writes it, without the quotes."""
        return string_token(self.phrase.encode())[1:-1]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: dict[str, Kind]
    call: tuple[Row, ...]


def _read() -> _Table:
    raw = tomllib.loads(Path(__file__).with_name("side_calls.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Table)


_TABLE = _read()
KINDS, ROWS = _TABLE.kind, _TABLE.call
REPEATABLE = frozenset(name for name, kind in KINDS.items() if kind.repeat)
_SYSTEM = tuple((row.token, row) for row in ROWS if row.where == "system")
_USER = tuple((row.token, row) for row in ROWS if row.where == "user")
_USER_TOKENS = Phrases([token.decode() for token, _ in _USER])


def side_call(api: str, body: bytes, layout: Layout | None) -> str:
    """The kind of side call that a request is, or "". Only conversations have such calls."""
    if layout is None or not layout.message_list:
        return ""
    messages = layout.message_list
    found = _in_message(body, layout, messages[-1])
    if found or layout.tool_list:
        return found
    for message in messages:
        if message.role == b"user":
            if message is not messages[-1]:
                found = _in_message(body, layout, message)
            break
    return found or _in_system(body, layout)


def _in_message(body: bytes, layout: Layout, message: Message) -> str:
    """Of a message that begins with the words of a side call."""
    if message.role != b"user":
        return ""
    blocks = layout.blocks
    last = message.first + message.count
    for at in range(max(message.first, last - _USER_TEXTS), last):
        block = blocks[at]
        if block.kind != TEXT or block.text_start < 0:
            continue
        start, end = block.text_start + 1, block.text_end
        if body.startswith((b"\\", b" "), start):
            blank = _BLANK.match(body, start, end)
            start = blank.end() if blank is not None else start
        if _USER_TOKENS.begin_between(body, start, end):
            for token, row in _USER:
                if body.startswith(token, start, end) and _fits(
                    row, body, layout, (start + len(token), end)
                ):
                    return row.kind
    return ""


def _fits(row: Row, body: bytes, layout: Layout, rest: Span) -> bool:
    """Whether what else a row asks for is so. ``rest``: of the text, behind the phrase."""
    if row.whole and (
        body[rest[0] : rest[1]].strip(b' "')
        or sum(message.role not in _SYSTEMS for message in layout.message_list) > 1
    ):
        return False
    if row.tokens is None:
        return True
    for name in _LIMITS:
        span = layout.keys.get(name)
        if span is not None:
            token = body[span[0] : span[1]]
            return token.isdigit() and int(token) <= row.tokens
    return False


def _in_system(body: bytes, layout: Layout) -> str:
    for start, end in _system_texts(layout):
        for row in _said_in(body[start : min(end, start + _SYSTEM_BYTES)]):
            if _fits(row, body, layout, (end, end)):
                return row.kind
    return ""


@lru_cache(64)
def _said_in(head: bytes) -> tuple[Row, ...]:
    """The rows whose words are in the beginning of a system prompt. Prompts come again and again,
    and looking for all the phrases takes 4 us."""
    return tuple(row for token, row in _SYSTEM if token in head)


def _system_texts(layout: Layout) -> list[Span]:
    """Where the texts of the system prompt lie that come first: those of its own field, and of
    system messages at the beginning."""
    blocks = list(layout.system_blocks[:_SYSTEM_TEXTS])
    for message in layout.message_list[:_SYSTEM_TEXTS]:
        if message.role not in _SYSTEMS:
            break
        blocks += layout.blocks[message.first : message.first + message.count]
    texts = [block.text for block in blocks[:_SYSTEM_TEXTS]]
    field = layout.system
    if field is not None and not layout.system_blocks:  # Responses' instructions
        texts.insert(0, field)
    return [span for span in texts if span is not None]
