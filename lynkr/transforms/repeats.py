"""A result that the model has already read becomes a reference to it.

Agents read the same file twice and run the same command again and again. The second copy says
nothing new as long as the first is still in front of the model, that is: in this same request. A
result that differs in a few lines from an earlier one of the very same call is sent as those lines.
What is said is exact: the text can be made again from it, and is, before it is used.

Only a text that stands is referred to: not one that was told by its differences itself, nor one of
which a digest is sent; and lines are counted only in a text that is sent as it came. Not at all
where the provider or the client removes old results from the conversation by itself: the reference
would point at nothing. And never in place of a text that the model asked the gateway for.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lynkr._native.memo import block_hash
from lynkr._native.spans import CALL, RESULT, Block, string_token, string_value
from lynkr.transforms.line_delta import delta
from lynkr.transforms.passes import Note, Work, estimated_string
from lynkr.transforms.results.reading import call_of, reads_file, recovers
from lynkr.transforms.results.texts import ENTRY_BYTES, treated

BYTES_MIN = 800  # a shorter text is not worth a sentence about it
SAVED_MIN = 64  # tokens
ARGUMENTS_SHOWN = 120  # bytes
HEAD_SHOWN = 60
_FORGETTING = (b"clear_tool_uses", b"compact")  # server-side edits of the conversation
_HEADED = (b'"Chunk ID', b'"Wall time', b'"Script ')  # how Codex's results begin
_OUTPUT = rb"Output:\n"
HEAD_MAX = 400  # bytes of such lines
_NOT_FORGETTING = (b'"disabled"', b"null")  # values of ``truncation``

_Asked = tuple[bytes, int]  # a tool, and the hash of its arguments


class _Call(msgspec.Struct, frozen=True):
    """A call that brought a long text. Most are never looked at again, so that their arguments are
    not even cut out of the body."""

    block: Block
    asked: _Asked


class _Stood(msgspec.Struct, frozen=True):
    """A text that the request has, and the call that brought it. ``payload``: where what the tool
    printed begins, behind the lines that Codex puts before it."""

    span: tuple[int, int]
    payload: int
    call: _Call | None

    def value(self, body: bytes) -> bytes | None:
        """What the tool printed."""
        token = b'"' + body[self.payload : self.span[1]]
        return string_value(token, (0, len(token)))


def repeats(work: Work) -> None:
    if not work.want.repeats or _forgets(work):
        return
    body = work.body
    calls: dict[bytes, Block] = {}
    texts: dict[int, _Stood] = {}  # by hash
    latest: dict[tuple[_Asked, int], _Stood] = {}  # of each call's texts, in their order
    for block in work.layout.blocks:
        kind = block.kind
        if kind == CALL:
            calls[block.call_id] = block
            continue
        if kind != RESULT:
            continue
        called, call = calls.get(block.call_id), None
        for place, (start, end) in enumerate(block.texts):
            if end - start < BYTES_MIN:
                continue
            if call is None and called is not None:
                call = _Call(called, _asked_of(body, called))
            stood = _Stood((start, end), _payload(body, start), call)
            hashed = block_hash(body, stood.payload, end)
            same = texts.get(hashed)
            if same is not None and not body.startswith(body[stood.payload : end], same.payload):
                same = None
            before = latest.get((call.asked, place)) if call is not None and same is None else None
            earlier = same or before
            if earlier is not None and not (call is not None and recovers(_asked(body, call)[1])):
                ordinal = _ordinal(work, calls, earlier, called)
                if _tell(work, block, stood, earlier, ordinal, same=same is not None):
                    continue
            texts.setdefault(hashed, stood)
            if call is not None:
                latest[call.asked, place] = stood


def _payload(body: bytes, start: int) -> int:
    """Where what the tool printed begins in a JSON string: Codex's first lines differ each time."""
    if body.startswith(_HEADED, start):
        found = body.find(_OUTPUT, start, start + HEAD_MAX)
        if found >= 0:
            return found + len(_OUTPUT)
    return start + 1


def _asked_of(body: bytes, block: Block) -> _Asked:
    span = block.arguments
    if span is None:
        name, arguments = call_of(body, block)
        return name, block_hash(arguments, 0, len(arguments))
    return block.name, block_hash(body, *span)


def _asked(body: bytes, call: _Call | None) -> tuple[bytes, bytes]:
    """A call's tool and arguments."""
    return call_of(body, None if call is None else call.block)


def _forgets(work: Work) -> bool:
    span = work.layout.keys.get(b"context_management")
    if span is not None and any(word in work.body[span[0] : span[1]] for word in _FORGETTING):
        return True
    span = work.layout.keys.get(b"truncation")
    return span is not None and work.body[span[0] : span[1]] not in _NOT_FORGETTING


def _size(call: Block) -> int:
    return call.arguments_end - call.arguments_start


def _ordinal(work: Work, calls: dict[bytes, Block], stood: _Stood, called: Block | None) -> str:
    """Which of several like ``calls`` before the one ``called`` is meant; "" where there was only
    one."""
    if stood.call is None:
        return ""
    meant = stood.call.block
    name, size = meant.name, _size(meant)
    number = others = 0
    for block in calls.values():
        if block is called:
            break
        if _size(block) != size or block.name != name:
            continue
        if _asked_of(work.body, block) == stood.call.asked:
            others += 1
            if block is meant:
                number = others
    return f" (no. {number} of these calls)" if others > 1 else ""


def _named(body: bytes, call: _Call | None) -> str:
    if call is None:
        return "result"
    name, said = call_of(body, call.block)
    if said[:1] == b'"':
        said = string_value(said, (0, len(said))) or said
    shown = said[:ARGUMENTS_SHOWN].decode("utf-8", "ignore")
    more = "..." if len(said) > ARGUMENTS_SHOWN else ""
    return f"{name.decode('utf-8', 'replace')} call {shown}{more}"


class _Told(msgspec.Struct, frozen=True):
    """What is said in place of a text, and the estimated tokens of both."""

    kind: str
    token: bytes
    before: int
    after: int


def _tell(
    work: Work, block: Block, stood: _Stood, earlier: _Stood, ordinal: str, *, same: bool
) -> bool:
    """Says in place of a text what tells it from an earlier one; whether that is worth it."""
    want, (start, end) = work.want, stood.span
    name, arguments = _asked(work.body, earlier.call)
    call = b"" if earlier.call is None else b"call"
    old = b"" if same else work.body[earlier.span[0] : earlier.span[1]]
    key = b"\0".join(
        (b"told", want.scope, want.results.encode(), call, name, arguments, ordinal.encode(), old)
    )
    told = work.memo.get(key, work.body, start, end)
    if told is None:
        made = (_refer if same else _differ)(work, stood, earlier, ordinal)
        told = False if made is None else _told(work, stood, *made)
        size = len(told.token) if isinstance(told, _Told) else 0
        work.memo.put(key, work.body, start, end, told, size + len(key) + ENTRY_BYTES)
    return isinstance(told, _Told) and _use(work, block, stood, told)


def _told(work: Work, stood: _Stood, kind: str, said: bytes) -> _Told | Literal[False]:
    """``said`` in place of what a tool printed, if it saves enough."""
    token = work.body[stood.span[0] : stood.payload] + string_token(said)[1:]
    before = estimated_string(work.body, *stood.span)
    after = estimated_string(token, 0, len(token))
    return _Told(kind, token, before, after) if before - after >= SAVED_MIN else False


def _refer(work: Work, stood: _Stood, same: _Stood, ordinal: str) -> tuple[str, bytes] | None:
    form = treated(work, same.span, *_asked(work.body, same.call))
    if not form.lossless:
        return None
    look = "" if form.token is not None else f": {_look(work.body, stood)}"
    said = (
        f"[Exactly the same output as that of the earlier {_named(work.body, same.call)}{ordinal},"
        f" which stands above{look}.]"
    )
    return "same", said.encode()


def _look(body: bytes, stood: _Stood) -> str:
    """How a text that is sent as it came can be known again."""
    value = stood.value(body) or b""
    first = value.lstrip()[:HEAD_SHOWN].split(b"\n", 1)[0].decode("utf-8", "ignore")
    return f"{value.count(10) + 1} lines, {len(value)} bytes, beginning with {first!r}"


def _differ(work: Work, stood: _Stood, before: _Stood, ordinal: str) -> tuple[str, bytes] | None:
    """``before`` is of the very same call."""
    name, arguments = _asked(work.body, before.call)
    if treated(work, before.span, name, arguments).token is not None:
        return None  # its lines are not those that the model sees
    if reads_file(name, arguments) or before.payload != before.span[0] + 1:
        return None  # lines are counted from the first that the model sees
    old, new = before.value(work.body), stood.value(work.body)
    said = None if old is None or new is None else delta(old, new)
    if not said:
        return None
    head = (
        f"[The same output as that of the earlier {_named(work.body, before.call)}{ordinal},"
        " which stands above, but for these of its lines:\n"
    )
    return "delta", head.encode() + said + b"\n]"


def _use(work: Work, block: Block, stood: _Stood, told: _Told) -> bool:
    before, after = told.before, told.after
    work.edits.append((*stood.span, told.token))
    work.replaced.add(stood.span[0])
    work.saved(before - after, old=block.message < work.fresh_from)
    work.notes.append(
        Note(
            "repeats",
            block.message,
            block.index,
            told.kind,
            lossless=True,
            before=before,
            after=after,
        )
    )
    return True
