"""Prompt-cache marks in a request that goes out in another dialect than it came in.

The same places as ``cache_marks``, in neutral words: the target's codec writes them as
``cache_control`` or as cache points.
"""

from __future__ import annotations

import msgspec

from lynkr.transforms.passes import Marks
from lynkr.wire.message import CacheMark, Image, Message, Part, Request, Text, ToolCall, ToolResult

_MARKABLE = (Text, Image, ToolCall, ToolResult)


def marked(request: Request, marks: Marks, breakpoints_max: int, *, moving: bool = True) -> Request:
    """The request with up to three marks, one if they are not to be ``moving`` with the
    conversation; itself when its client has set any. The given request is not changed."""
    if not marks or breakpoints_max < 1 or _has_marks(request):
        return request
    messages, tools = list(request.messages), list(request.tools)
    mark = CacheMark(ttl="1h" if marks == "1h" else "")
    left = breakpoints_max
    system = request.system
    leading = _leading_system(messages)
    offered = next((n for n in range(len(tools) - 1, -1, -1) if not tools[n].deferred), None)
    if system is not None and (done := _on_last(system, mark)) is not None:
        system = done
        left -= 1
    elif leading is not None:
        left -= _put(messages, leading, mark)
    elif offered is not None:
        tools[offered] = msgspec.structs.replace(tools[offered], cache=mark)
        left -= 1
    ends = (len(messages), _earlier_end(messages)) if moving else ()
    for place in dict.fromkeys(_last_markable(messages, end) for end in ends):
        if place is not None and left > 0:
            left -= _put(messages, place, mark)
    return msgspec.structs.replace(request, system=system, messages=messages, tools=tools)


def _put(messages: list[Message], place: int, mark: CacheMark) -> int:
    """Marks a message in the list, in place of the one that was given; how many marks that took."""
    done = _on_last(messages[place], mark)
    if done is None:
        return 0
    messages[place] = done
    return 1


def _has_marks(request: Request) -> bool:
    whole = [*request.messages, *([request.system] if request.system is not None else [])]
    if any(tool.cache is not None for tool in request.tools):
        return True
    return any(_is_marked(part) for message in whole for part in message.parts)


def _is_marked(part: Part) -> bool:
    if getattr(part, "cache", None) is not None:
        return True
    return isinstance(part, ToolResult) and any(map(_is_marked, part.content))


def _leading_system(messages: list[Message]) -> int | None:
    """The last of the system messages that a Chat conversation begins with."""
    found = None
    for index, message in enumerate(messages):
        if message.role not in ("system", "developer"):
            break
        if any(map(_may_carry, message.parts)):
            found = index
    return found


def _earlier_end(messages: list[Message]) -> int:
    """How many messages there were before the last reply."""
    index = len(messages)
    while index > 0 and messages[index - 1].role != "assistant":
        index -= 1
    while index > 0 and messages[index - 1].role == "assistant":
        index -= 1
    return index


def _last_markable(messages: list[Message], end: int) -> int | None:
    for index in range(end - 1, -1, -1):
        message = messages[index]
        if message.role in ("system", "developer"):
            continue
        if any(map(_may_carry, message.parts)):
            return index
    return None


def _may_carry(part: Part) -> bool:
    return isinstance(part, _MARKABLE) and not (isinstance(part, Text) and not part.text)


def _on_last(message: Message, mark: CacheMark) -> Message | None:
    """The message with the mark on the last of its parts that may carry one."""
    parts = list(message.parts)
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if _may_carry(part):
            parts[index] = msgspec.structs.replace(part, cache=mark)
            return msgspec.structs.replace(message, parts=parts)
    return None
