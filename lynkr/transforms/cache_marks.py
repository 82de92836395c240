"""Prompt-cache marks for clients that set none, and the name of a session for providers that keep
caches by name.

A mark is a place up to which the provider keeps the prompt. Three are set: behind the system prompt
(or the tools, without one), which other sessions share; behind the last message, which the next
turn reads; and behind the message that was last in the turn before, because a provider looks back
only a few blocks from a mark and an agent may add more than those in one turn. The last two only
where the conversation is likely to go on. A client that sets marks knows better, and gets one more
only where its own lie too far apart for that look back.
"""

from __future__ import annotations

import re

from lynkr._native.spans import CALL, IMAGE, RESULT, TEXT, Block, string_token
from lynkr.transforms.cache_plan import earlier_end
from lynkr.transforms.passes import Work

_MARKABLE = (TEXT, CALL, RESULT, IMAGE)
_EMPTY = 2  # the length of ""
_LONG = b'"cache_control":{"type":"ephemeral","ttl":"1h"}'
_SHORT = b'"cache_control":{"type":"ephemeral"}'
_MEMBER = b'"cache_control"'
_HOUR = re.compile(rb'"cache_control"\s*:\s*\{[^{}]*"ttl"\s*:\s*"1h"')


def cache_marks(work: Work) -> None:
    want, aim, layout = work.want, work.aim, work.layout
    if aim.translated:
        return  # ``neutral_marks``
    if not aim.long_enough(len(work.body)):
        return  # nothing of it would be kept
    if want.cache_key and aim.cache_key and b"prompt_cache_key" not in layout.keys:
        _named(work)
    if not want.marks or not aim.marks or b"cache_control" in layout.keys:
        return
    if layout.marks == 0:
        _whole_set(work)
    elif layout.marks < aim.breakpoints_max:
        _one_between(work)


def _named(work: Work) -> None:
    """``prompt_cache_key`` as the last member of the body."""
    end = work.body.rindex(b"}")
    key = string_token(work.want.cache_key.encode())
    work.edits.append((end, end, b',"prompt_cache_key":' + key))


def _whole_set(work: Work) -> None:
    layout = work.layout
    left = work.aim.breakpoints_max
    mark = _LONG if work.want.marks == "1h" else _SHORT
    system = next((one for one in reversed(layout.system_blocks) if _may_carry(work, one)), None)
    last = _last_markable(work, len(layout.message_list))
    before = _last_markable(work, earlier_end(work.layout))
    if left > 0 and system is not None:
        left -= _mark(work, system, mark)
    elif left > 0:
        left -= _mark_tools(work, mark)
    if not work.want.moving:
        return
    if left > 0 and last is not None:
        left -= _mark(work, last, mark)
    if left > 0 and before is not None and before is not last:
        _mark(work, before, mark)


def _mark_tools(work: Work, mark: bytes) -> int:
    """On the last tool, if the list stays as it is; providers refuse marks on deferred ones."""
    if work.tools is not None and not all(work.tools.kept):
        return 0
    for tool in reversed(work.layout.tool_list):
        if tool.name and not tool.deferred:
            if _MEMBER in work.body[tool.start : tool.end]:
                return 0
            work.edits.append((tool.end - 1, tool.end - 1, b"," + mark))
            work.marked += 1
            return 1
    return 0


def _one_between(work: Work) -> None:
    """Where the turn before ended, if the client's own mark is out of reach of it."""
    layout = work.layout
    end = earlier_end(work.layout)
    before = _last_markable(work, end)
    if before is None or before.marked:
        return
    since = [block for block in layout.blocks if block.message >= end]
    marked = next((n for n, block in enumerate(since) if block.marked), None)
    if marked is not None and marked + 1 >= work.aim.lookback_blocks > 0:
        # As long as the client's own next one: longer lives must come first.
        hour = _HOUR.search(_without_data(work.body, since[marked]))
        _mark(work, before, _LONG if hour else _SHORT)


def _without_data(body: bytes, block: Block) -> bytes:
    """A block without its arguments, which may have a member of any name."""
    if block.arguments is None:
        return body[block.start : block.end]
    return body[block.start : block.arguments[0]] + body[block.arguments[1] : block.end]


def _last_markable(work: Work, end: int) -> Block | None:
    """The last block that a mark may stand on, in the messages before ``end``."""
    layout = work.layout
    for index in range(end - 1, -1, -1):
        message = layout.message_list[index]
        if message.role == b"system":
            continue
        for block in reversed(layout.blocks[message.first : message.first + message.count]):
            if block.marked or _may_carry(work, block):
                return block
    return None


def _may_carry(work: Work, block: Block) -> bool:
    """Providers refuse marks on thinking and on empty texts. A block with a mark that is null, or
    one inside it, is left alone: it could only get a second member of that name."""
    if block.kind not in _MARKABLE:
        return False
    if block.kind == TEXT and (block.text is None or block.text[1] - block.text[0] <= _EMPTY):
        return False
    return block.plain or work.body.find(_MEMBER, block.start, block.end) < 0


def _mark(work: Work, block: Block, mark: bytes) -> int:
    if block.plain:  # a mark needs a block: the string becomes one, which means the same
        work.edits.append((block.start, block.start, b'[{"type":"text","text":'))
        work.edits.append((block.end, block.end, b"," + mark + b"}]"))
    else:
        work.edits.append((block.end - 1, block.end - 1, b"," + mark))
    work.marked += 1
    return 1
