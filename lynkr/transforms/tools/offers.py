"""Tools that this work cannot need are left out of the request.

The tools stand at the very beginning of what a provider caches, so a list that changes costs the
whole prompt again. Where the target keeps prompts, the choice is therefore the session's
(``selection`` makes it from all that the user has asked so far, and it only grows); where it
keeps none, each request has its own. A session that began with all its tools keeps them all.
"""

from __future__ import annotations

import functools

import msgspec

from lynkr._native.spans import CALL, RESULT, TEXT, Layout, ToolSpan, string_value
from lynkr.transforms.cache_plan import cacheable, first_reply
from lynkr.transforms.passes import ToolReport, Work, estimated
from lynkr.transforms.tools.nearness import similarity
from lynkr.transforms.tools.own_words import own_words
from lynkr.transforms.tools.selection import Facts, Offered, Selection, select

SESSION_SAVED_MIN = 400  # tokens: a tool that is missed after all costs the whole prompt once
ENTRY_BYTES = 300  # what the memo needs beside a text
_OF_TOOLS = (b"tool_choice", b"parallel_tool_calls", b"max_tool_calls")
# Claude Code's own: what it finds joins the tools, deferred, in a later request of the session.
_SEARCH = b"ToolSearch"
_FUNCTIONS = (b"", b"function", b"custom")  # other kinds of tools are run by the provider


class _Choice(msgspec.Struct):
    """``tool_choice`` in its many forms."""

    type: str = ""
    name: str = ""
    function: dict[str, object] = {}


def tool_offers(work: Work) -> None:
    layout, want = work.layout, work.want
    tools = layout.tool_list
    if want.tools == "off" or not tools or layout.tools is None:
        return
    if any(tool.deferred or tool.name == _SEARCH for tool in tools):
        work.aside.append("tools: the client defers tools by itself")
        return
    choice = layout.tool_choice
    named = "" if choice is None else _named(work.body[choice[0] : choice[1]])
    if named is None:
        work.aside.append("tools: the choice among them names several")
        return
    mode = want.tools
    marking = bool(want.marks) and work.aim.marks
    if mode == "session" and not cacheable(layout, work.aim, len(work.body), marking=marking):
        mode = "request"
    offered = _offered(work, named)
    facts = _facts(work, len(layout.message_list))
    # Vectors only where a choice need not grow: they know no words that come later.
    near = similarity() if mode == "request" else None
    selection = select(offered, facts, mode, near)
    if not _may_go_without(layout) and not any(selection.kept):
        return
    if mode == "session" and not all(selection.kept):
        if _report(mode, offered, selection)[1] < SESSION_SAVED_MIN:
            work.aside.append("tools: too little to gain")
            return
        if not _began_with_fewer(work, offered):
            work.aside.append("tools: the session began with all of them")
            return
    _leave_out(work, offered, selection, mode)


def _began_with_fewer(work: Work, offered: tuple[Offered, ...]) -> bool:
    """Whether tools were left out of the session's first request already. Where that had no words
    to choose by, or no tool would have been left, it went out with all of them."""
    facts = _facts(work, first_reply(work.layout))
    if not facts.asks:
        return False
    return _may_go_without(work.layout) or any(select(offered, facts, "session").kept)


def _named(choice: bytes) -> str | None:
    """The one tool that must be called, "" if none must; ``None`` if several may."""
    try:
        found = msgspec.json.decode(choice, type=str | _Choice | None)
    except (msgspec.DecodeError, UnicodeError):
        return None
    if found is None:
        return ""
    if isinstance(found, str):
        return "" if found in ("auto", "none") else None
    if found.name or found.function.get("name"):
        return found.name or str(found.function["name"])
    return "" if found.type in ("auto", "none") else None


class _Hashed(tuple[Offered, ...]):
    """Tools that are looked up several times per call: hashing 90 KB each time would be felt."""

    def __hash__(self) -> int:
        known = self.__dict__.get("hash")
        if known is None:
            known = self.__dict__["hash"] = super().__hash__()
        return int(known)


def _offered(work: Work, named: str) -> tuple[Offered, ...]:
    assert work.layout.tools is not None
    body, (start, end) = work.body, work.layout.tools
    key = b"tools\0%d\0" % work.layout.dialect + named.encode()
    known = work.memo.get(key, body, start, end)
    if isinstance(known, tuple):
        return known
    offered = _Hashed(_one(body, tool, named) for tool in work.layout.tool_list)
    work.memo.put(key, body, start, end, offered, 2 * (end - start))
    return offered


def _one(body: bytes, tool: ToolSpan, named: str) -> Offered:
    name = tool.name.decode("utf-8", "replace")
    description = b""
    if tool.description is not None:
        description = string_value(body, tool.description) or b""
    schema = b"" if tool.schema is None else body[tool.schema[0] : tool.schema[1]]
    return Offered(
        name=name,
        description=description.decode("utf-8"),
        schema=schema.decode("utf-8", "replace"),
        tokens=estimated(body[tool.start : tool.end]),
        fixed=name == named or not name or tool.marked or tool.name_escaped
        or tool.kind not in _FUNCTIONS,
    )  # fmt: skip


def _facts(work: Work, end: int) -> Facts:
    """What the conversation up to message ``end`` says of the tools that it needs."""
    body, layout = work.body, work.layout
    messages = layout.message_list
    asks: list[str] = []
    used: set[bytes] = set()
    mentioned: list[bytes] = []
    blocks = layout.blocks
    for message in messages if end == len(messages) else messages[:end]:
        role, first = message.role, message.first
        for at in range(first, first + message.count):
            block = blocks[at]
            kind, start = block.kind, block.text_start
            if kind == CALL:
                used.add(block.name)
            elif kind == TEXT and start >= 0:
                if role == b"user":
                    if words := _words(work, start, block.text_end):
                        asks.append(words)
                elif role == b"assistant":
                    mentioned.append(body[start : block.text_end])
    return Facts(
        asks=tuple(asks),
        used=frozenset([name.decode("utf-8", "replace") for name in used]),
        mentioned=b"\n".join(mentioned).decode("utf-8", "replace"),
    )


def _words(work: Work, start: int, end: int) -> str:
    known = work.memo.get(b"words", work.body, start, end)
    if isinstance(known, str):
        return known
    text = string_value(work.body, (start, end))
    words = own_words(text.decode("utf-8")) if text else ""
    work.memo.put(b"words", work.body, start, end, words, len(words) + ENTRY_BYTES)
    return words


def _may_go_without(layout: Layout) -> bool:
    """Whether the request still means the same without any tools: providers refuse choices and
    settings of tools where there are none, and calls in a conversation without them."""
    if any(key in layout.keys for key in _OF_TOOLS):
        return False
    return not any(block.kind in (CALL, RESULT) for block in layout.blocks)


@functools.lru_cache(64)
def _report(
    mode: str, offered: tuple[Offered, ...], selection: Selection
) -> tuple[ToolReport, int]:
    """What became of the tools, and how many tokens are left out."""
    kept = selection.kept
    names, counts = tuple(tool.name for tool in offered), tuple(tool.tokens for tool in offered)
    saved = sum(count for count, keep in zip(counts, kept, strict=True) if not keep)
    return ToolReport(mode, names, kept, selection.reasons, counts), saved


def _leave_out(work: Work, offered: tuple[Offered, ...], selection: Selection, mode: str) -> None:
    layout = work.layout
    tools, kept = layout.tool_list, selection.kept
    work.tools, saved = _report(mode, offered, selection)
    if all(kept):
        return
    work.saved(saved, old=work.fresh_from > 0)
    assert layout.tools is not None
    if not any(kept):
        work.edits.append((*_member(work.body, layout.tools), b""))
        return
    inner = b",".join(
        work.body[tool.start : tool.end] for tool, keep in zip(tools, kept, strict=True) if keep
    )
    work.edits.append((*layout.tools, b"[" + inner + b"]"))


def _member(body: bytes, value: tuple[int, int]) -> tuple[int, int]:
    """The span of a member of an object, with the comma that it brings."""
    start = body.rindex(b'"', 0, body.rindex(b'"', 0, value[0]))
    end = value[1]
    before = len(body[:start].rstrip()) - 1
    if body[before : before + 1] == b",":
        return before, end
    after = end + len(body[end:]) - len(body[end:].lstrip())
    return start, after + 1 if body[after : after + 1] == b"," else end
