"""What a request shows beside the words of its ask: how far the work is, and how it goes.

A conversation comes whole with each call and only grows, so what can be counted is counted in one
pass over its layout, and texts are looked at from the end, few of them and little of each.
"""

from __future__ import annotations

import re

from lynkr._native.spans import (
    CALL,
    CHAT,
    IMAGE,
    MESSAGES,
    RESPONSES,
    RESULT,
    TEXT,
    THINKING,
    Block,
    Layout,
)
from lynkr.policies.routing.asked import Asked, asked, peeled
from lynkr.policies.routing.complaints import complains, repeats
from lynkr.policies.routing.facts import Ask, Seen
from lynkr.policies.routing.modes import compacted, planning
from lynkr.policies.routing.results import (
    FINE,
    INVALID,
    USER,
    came_to,
    edits_files,
    may_edit,
    short_name,
)

# Bytes of a request for one token: requests of coding tools measured 4.0 (125 KB, 31,000 tokens).
TOKEN_BYTES = 4
IMAGE_TOKENS = 1_500  # about what a picture of 1,000 by 1,100 pixels costs
_IMAGE_BYTES = 200  # that a result has beyond its texts, at least, if a picture is in it
_PEELED_BYTES = 4_096
_ENDS = (b">", b">\\n", b"> ", b"]")
_ROW = 24  # results looked at for rows of failures
_BACK = 64  # blocks between a result and its call
_LIMITS = (b"max_tokens", b"max_completion_tokens", b"max_output_tokens")
_SCHEMAS = {
    MESSAGES: ((b"output_config", b'"format"'), (b"output_format", b'"json_schema"')),
    CHAT: ((b"response_format", b'"json_schema"'),),
    RESPONSES: ((b"text", b'"json_schema"'),),
}
_OFF = (b'"none"', b'"minimal"', b'"disabled"', b"null", b"false", b"{}", b"0")
_EFFORT = re.compile(rb'"(?:effort|type)"\s*:\s*("[^"]{0,20}"|null)')
_ADDITIONAL = b"additional_tools"  # Codex's tools, where they are not the request's
_CLIENTS = (
    b"<system-reminder>", b"<system_reminder>", b"<environment_", b"<local-command-",
    b"<command-name>", b"<bash-", b"<task-notification>", b"[Request interrupted by user",
    b"Caveat: The messages below", b"# AGENTS.md instructions", b"<user_instructions>",
    b"<turn_aborted>", b"<ide_",
)  # fmt: skip


def facts_of(api: str, body: bytes, layout: Layout, side: str) -> tuple[Ask, Seen]:
    """The user's own words, and what else a request shows. ``side``: the kind of side call, of
    ``side_calls.side_call``. Never raises."""
    found = asked(body, layout)
    return found.ask, _seen(body, layout, side, found)


def _seen(body: bytes, layout: Layout, side: str, said: Asked) -> Seen:
    messages, ask = layout.message_list, said.ask
    replied = _replied(layout)
    typed = said.at > replied
    ended = said.before if typed else said.at
    turns, calls, images, image_bytes = _counted(body, layout, said.at)
    results, errors, invalid, edits, edit_failures, errors_in_row, edit_failures_in_row = _outcomes(
        body, layout, replied, ended
    )
    retried = (
        typed
        and replied >= 0
        and (
            complains(ask.text, ask.before)
            or bool(ask.earlier and repeats(ask.text, ask.earlier[0]))
        )
    )
    return Seen(
        side=side,
        typed=typed,
        turns=turns,
        messages=len(messages),
        tools=len(layout.tool_list) or _additional(body, layout),
        calls=calls,
        planning=planning(body, layout),
        compacted=compacted(body, layout),
        images=images > 0,
        thinking=_thinking(body, layout),
        structured=_structured(body, layout),
        output_tokens=_output_tokens(body, layout),
        prompt_tokens=(len(body) - image_bytes) // TOKEN_BYTES + images * IMAGE_TOKENS,
        results=results,
        errors=errors,
        invalid=invalid,
        edits=edits,
        edit_failures=edit_failures,
        errors_in_row=errors_in_row,
        edit_failures_in_row=edit_failures_in_row,
        loops=_loops(body, layout, ended),
        retried=retried,
    )


def _replied(layout: Layout) -> int:
    """Number of the last message that is the model's, or of the last of its items; -1: none is. A
    last message of its own is the beginning of an answer, put into its mouth."""
    messages, blocks = layout.message_list, layout.blocks
    last = len(messages) - 1
    if last >= 0 and messages[last].role == b"assistant" and layout.dialect != RESPONSES:
        last -= 1
    for at in range(last, -1, -1):
        message = messages[at]
        if message.role == b"assistant":
            return at
        if message.count and not message.role:
            block = blocks[message.first]
            if block.kind in (CALL, THINKING):
                return at
    return -1


def _counted(body: bytes, layout: Layout, spoken: int) -> tuple[int, int, int, int]:
    """Turns of the user's up to message ``spoken``, the last of them; calls, images, and the bytes
    of the images."""
    messages, blocks = layout.message_list, layout.blocks
    turns = 1 if spoken >= 0 else 0
    calls = images = size = 0
    for at in range(spoken):
        message = messages[at]
        if message.role != b"user":
            continue
        for index in range(message.first, message.first + message.count):
            block = blocks[index]
            if block.kind == TEXT and block.text_start >= 0 and _speaks(body, block):
                turns += 1
                break
    for block in blocks:
        kind = block.kind
        if kind == CALL:
            calls += 1
        elif kind == IMAGE:
            images += 1
            size += block.end - block.start
        elif kind == RESULT and block.text_start < 0:
            beside = block.end - block.start
            for start, end in block.texts:
                beside -= end - start
            if beside > _IMAGE_BYTES and body.find(b'image"', block.start, block.end) >= 0:
                images += 1
                size += beside
    return turns, calls, images, size


def _speaks(body: bytes, block: Block) -> bool:
    """Whether a text is more than envelopes that are common. Words are not looked for: this is for
    a count of turns."""
    start, end = block.text_start + 1, block.text_end - 1
    if not body.startswith(_CLIENTS, start):
        return True
    if not body.endswith(_ENDS, start, end):
        return True
    if end - start > _PEELED_BYTES:
        return False  # both ends are the client's
    start, end = peeled(body, start, end)
    return start < end and not body.startswith(_CLIENTS, start)


def _additional(body: bytes, layout: Layout) -> int:
    found = 0
    for message in layout.message_list[:4]:
        if message.kind == _ADDITIONAL:
            found += body.count(b'"custom"', message.start, message.end)
            found += body.count(b'"function"', message.start, message.end)
    return found


# --- how it goes --------------------------------------------------------------------------------


def _outcomes(
    body: bytes, layout: Layout, replied: int, ended: int
) -> tuple[int, int, int, int, int, int, int]:
    """Since message ``replied``: results, errors, invalid calls, edits, edits that failed. Since
    message ``ended``, backwards from the end: errors and failed edits one after the other."""
    blocks = layout.blocks
    results = errors = invalid = edits = failed = 0
    row = edit_row = looked_at = 0
    in_row = in_edit_row = True
    known = name = b""  # a tool is mostly called many times: its name, and what is known of it
    edit = editing = False
    for at in range(len(blocks) - 1, -1, -1):
        block = blocks[at]
        fresh = block.message > replied
        if not fresh and (
            block.message <= ended or looked_at >= _ROW or not (in_row or in_edit_row)
        ):
            break
        if block.kind != RESULT:
            continue
        looked_at += 1
        call = _call_of(blocks, at, block.call_id)
        if call is None:
            name, edit = b"", False
        else:
            if call.name != known or not name:
                known, name = call.name, short_name(call)
                editing = may_edit(name)
            edit = editing and edits_files(body, call, name)
        if not (fresh or in_row or edit):
            continue
        what = came_to(body, block, name, edit)
        edit = edit or what == "edit"
        bad = what not in (FINE, USER)
        if fresh:
            results += 1
            errors += bad
            invalid += what == INVALID
            edits += edit
            failed += edit and bad
        if what == USER or block.message <= ended:
            continue
        if in_row:
            row += bad
            in_row = bad
        if edit and in_edit_row:
            edit_row += bad
            in_edit_row = bad
    return results, errors, invalid, edits, failed, row, edit_row


def _call_of(blocks: list[Block], at: int, call_id: bytes) -> Block | None:
    if call_id:
        for index in range(at - 1, max(-1, at - 1 - _BACK), -1):
            block = blocks[index]
            if block.kind == CALL and block.call_id == call_id:
                return block
    return None


def _loops(body: bytes, layout: Layout, ended: int) -> int:
    """How often the last call was made, if more than once, without another one in between."""
    blocks = layout.blocks
    last: Block | None = None
    arguments = b""
    times = 0
    for at in range(len(blocks) - 1, -1, -1):
        block = blocks[at]
        if block.message <= ended:
            break
        if block.kind != CALL:
            continue
        if last is None:
            last, times = block, 1
            arguments = body[block.arguments_start : block.arguments_end]
        elif (
            block.name == last.name
            and block.arguments_end - block.arguments_start == len(arguments)
            and body.startswith(arguments, block.arguments_start)
        ):
            times += 1
        else:
            break
    return times if times > 1 else 0


# --- what is asked for --------------------------------------------------------------------------


def _thinking(body: bytes, layout: Layout) -> bool:
    for name in (b"thinking", b"reasoning", b"reasoning_effort", b"enable_thinking"):
        span = layout.keys.get(name)
        if span is None:
            continue
        value = body[span[0] : span[1]]
        if value in _OFF:
            continue
        found = _EFFORT.search(value) if value[:1] == b"{" else None
        if found is None or found[1] not in _OFF:
            return True
    return False


def _structured(body: bytes, layout: Layout) -> bool:
    for name, token in _SCHEMAS.get(layout.dialect, ()):
        span = layout.keys.get(name)
        if span is not None and body.find(token, span[0], span[1]) >= 0:
            return True
    return False


def _output_tokens(body: bytes, layout: Layout) -> int:
    for name in _LIMITS:
        span = layout.keys.get(name)
        if span is not None and span[1] - span[0] < 10:
            token = body[span[0] : span[1]]
            if token.isdigit():
                return int(token)
    return 0
