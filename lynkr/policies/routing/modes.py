"""Whether a client plans before it acts, and whether a conversation goes on from a summary.

Only what the client itself writes tells it (``modes.toml``): a person who types "plan mode" about
a printer's driver has switched nothing. The newest mark counts.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from lynkr._native.phrases import Phrases
from lynkr._native.spans import CALL, OTHER, RESULT, TEXT, Layout
from lynkr.policies.routing.results import token_of

_MESSAGES = 400  # looked at, from the end
_HEAD_BYTES, _TAIL_BYTES = 1024, 4096  # of a text: a mark stands near one of its ends
_ALL_BYTES = 49_152  # of all of them: 1 us for 1 KB
_SYSTEM_BYTES, _SYSTEM_TEXTS = 4096, 4
_SUMMARY_MESSAGES = 64  # Codex puts the asks that it kept before its summary
_SYSTEMS = (b"system", b"developer")
_REMINDER, _REMINDER_END = b"<system-reminder>", b"</system-reminder>"
_LAST = ord(">")
_ENVELOPES = tuple(
    (b"<%b>" % name, b"</%b>" % name)
    for name in (
        b"system-reminder", b"system_reminder", b"environment_details", b"collaboration_mode",
    )
)  # fmt: skip
_WORD = b"ode"  # in each of the phrases
_BLANKS = (b"\\n", b"\\r", b"\\t")


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client: str
    plans: bool
    where: Literal["envelope", "system"]
    phrase: str


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client: str
    name: str
    plans: bool


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client: str
    begins: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: tuple[Mode, ...]
    tool: tuple[Tool, ...]
    summary: tuple[Summary, ...]


def _read() -> _Table:
    raw = tomllib.loads(Path(__file__).with_name("modes.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Table)


_TABLE = _read()
MODES, SUMMARIES = _TABLE.mode, _TABLE.summary
_PLANS = {token_of(row.phrase): row.plans for row in MODES if row.where == "envelope"}
_MARK = re.compile(
    rb"(?:>|\\n|\"|^)(?:\\n|[# ])*("
    + b"|".join(re.escape(token) for token in sorted(_PLANS, key=len, reverse=True))
    + rb")",
    re.IGNORECASE,
)
_PHRASES = Phrases([token.decode() for token in _PLANS], fold=True)
_PLANS_LOWER = {token.lower(): plans for token, plans in _PLANS.items()}
_SYSTEM = tuple((token_of(row.phrase), row.plans) for row in MODES if row.where == "system")
_TOOLS = {row.name.encode(): row.plans for row in _TABLE.tool}
_SHORTEST, _LONGEST = min(map(len, _TOOLS)), max(map(len, _TOOLS))  # most names are shorter
_SUMMARY = Phrases([token_of(row.begins).decode() for row in SUMMARIES])


def planning(body: bytes, layout: Layout) -> bool:
    messages, blocks = layout.message_list, layout.blocks
    left = _ALL_BYTES
    for at in range(len(messages) - 1, max(-1, len(messages) - 1 - _MESSAGES), -1):
        message = messages[at]
        role = message.role
        theirs = role == b"user"
        system = not theirs and role != b"assistant" and role in _SYSTEMS
        theirs = theirs or system
        for index in range(message.first + message.count - 1, message.first - 1, -1):
            block = blocks[index]
            kind = block.kind
            if kind == TEXT:
                if theirs and block.text_start >= 0 and left > 0:
                    left -= min(block.text_end - block.text_start, _HEAD_BYTES + _TAIL_BYTES)
                    found = _mark(body, block.text_start, block.text_end, system)
                    if found >= 0:
                        return found == 1
            elif kind == RESULT:
                end = block.text_end
                if (
                    block.text_start >= 0
                    and body[end - 2] == _LAST
                    and body.endswith(_REMINDER_END, 0, end - 1)
                ):
                    start = max(block.text_start, end - _TAIL_BYTES)
                    found = _mark(body, max(start, body.rfind(_REMINDER, start, end)), end, False)
                    if found >= 0:
                        return found == 1
            elif (
                kind == CALL
                and _SHORTEST <= len(block.name) <= _LONGEST
                and block.name in _TOOLS
                and _went_well(layout, index)
            ):
                return _TOOLS[block.name]
    for start, end in _system_texts(layout):
        for token, plans in _SYSTEM:
            if body.find(token, start, min(end, start + _SYSTEM_BYTES)) >= 0:
                return plans
    return False


def _mark(body: bytes, start: int, end: int, system: bool) -> int:
    """1: a text's last mark says that the client plans; 0: that it acts; -1: there is none."""
    if end - start > _HEAD_BYTES + _TAIL_BYTES:
        found = _mark(body, end - _TAIL_BYTES, end, system)
        return found if found >= 0 else _mark(body, start, start + _HEAD_BYTES, system)
    if not _PHRASES.any_between(body, start, end) or body.find(_WORD, start, end) < 0:
        return -1
    last = -1
    for mark in _MARK.finditer(body, start, end):
        if system or _enclosed(body, start, mark.start(1)):
            last = int(_PLANS_LOWER[mark[1].lower()])
    return last


def _enclosed(body: bytes, start: int, at: int) -> bool:
    for opening, closing in _ENVELOPES:
        # A tag that is part of the mark itself stands at ``at``.
        opened = body.rfind(opening, start, at + len(opening))
        if opened >= 0 and body.find(closing, opened, at) < 0:
            return True
    # A long text's tail: the envelope begins before what is looked at, and ends in it.
    return any(
        (closed := body.find(closing, at, at + 2 * _TAIL_BYTES)) >= 0
        and body.find(opening, at, closed) < 0
        for opening, closing in _ENVELOPES
    )


def _went_well(layout: Layout, index: int) -> bool:
    blocks = layout.blocks
    call_id = blocks[index].call_id
    for at in range(index + 1, min(len(blocks), index + 16)):
        block = blocks[at]
        if block.kind == RESULT and block.call_id == call_id:
            return not block.is_error
    return False


def _system_texts(layout: Layout) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    field = layout.system
    if field is not None and not layout.system_blocks:
        found.append(field)
    for block in layout.system_blocks[:_SYSTEM_TEXTS]:
        if block.text_start >= 0:
            found.append((block.text_start, block.text_end))
    for message in layout.message_list[:_SYSTEM_TEXTS]:
        if message.role not in _SYSTEMS:
            break
        for block in layout.blocks[message.first : message.first + message.count]:
            if block.text_start >= 0:
                found.append((block.text_start, block.text_end))
    return found[:_SYSTEM_TEXTS]


def compacted(body: bytes, layout: Layout) -> bool:
    blocks = layout.blocks
    messages = layout.message_list
    for at in range(min(len(messages), _SUMMARY_MESSAGES)):
        message = messages[at]
        if message.role != b"user" and message.kind in (b"", b"message"):
            continue
        for index in range(message.first, message.first + message.count):
            block = blocks[index]
            if block.kind == OTHER:
                if body.find(b'"compaction', block.start, min(block.end, block.start + 200)) >= 0:
                    return True
            elif block.kind == TEXT and block.text_start >= 0:
                start = block.text_start + 1
                while body.startswith(_BLANKS, start):
                    start += 2
                if _SUMMARY.begin_between(body, start, len(body)):
                    return True
    return False
