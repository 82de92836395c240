"""The passes that make a request cost less, in order, over the client's own bytes.

A pass reads the layout of a body and says which spans to replace. What it says is a function of the
block, of what stands before it in the request, and of the configuration, and of nothing else: no
clock, no memory of earlier calls. A client sends its conversation again with every call, so every
worker and every host comes to the same bytes, and request n+1 begins with the bytes of request n.
The memo only saves the work of finding the same answer again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from lynkr._native.memo import Memo
from lynkr._native.spans import Layout, replaced, scan
from lynkr._native.tokens import count_span
from lynkr.transforms.cache_plan import Aim, fresh_from
from lynkr.wire import tokens

Tools = Literal["off", "session", "request"]
Results = Literal["off", "lossless", "recoverable"]
Marks = Literal["", "5m", "1h"]
Edit = tuple[int, int, bytes]


class Want(msgspec.Struct, frozen=True):
    """What the configuration, the key and the session ask for."""

    tools: Tools = "off"
    results: Results = "off"
    repeats: bool = False
    moving: bool = True  # marks that move with the conversation, beside that of the system prompt
    marks: Marks = ""  # how long marks that are set here ask to be kept; "": none are set
    cache_key: str = ""  # names the session to a provider that keeps caches by name
    scope: bytes = b""  # whose call it is: nothing kept for one scope serves another
    rename: bytes | None = None  # the JSON string that takes the place of the model's name


class Note(msgspec.Struct, frozen=True):
    """One block that a pass changed."""

    stage: str  # tools | results | repeats
    message: int
    block: int
    kind: str  # "toon", "rows", "pytest", "same", ...
    lossless: bool
    before: int  # estimated tokens
    after: int
    original: str = ""  # the id under which the whole text can be had


class Original(msgspec.Struct, frozen=True):
    """A text that was shortened: kept, so that it can be had again."""

    id: str
    start: int  # the JSON string in the client's body
    end: int


class ToolReport(msgspec.Struct, frozen=True):
    """What became of the tools on offer."""

    mode: str
    names: tuple[str, ...]
    kept: tuple[bool, ...]
    reasons: tuple[str, ...]
    tokens: tuple[int, ...]


class Work:
    """One body on its way through the passes."""

    def __init__(self, body: bytes, layout: Layout, want: Want, aim: Aim, memo: Memo) -> None:
        self.body = body
        self.layout = layout
        self.want = want
        self.aim = aim
        self.memo = memo
        self.fresh_from = fresh_from(layout)
        self.edits: list[Edit] = []
        self.replaced: set[int] = set()  # texts that a pass has dealt with, by where they start
        self.notes: list[Note] = []
        self.originals: list[Original] = []
        self.tools: ToolReport | None = None
        self.marked = 0  # prompt-cache marks set
        self.aside: list[str] = []  # why a pass did nothing, where that may surprise
        self.saved_old = 0  # tokens taken out of what an earlier request had already
        self.saved_new = 0

    def saved(self, tokens_: int, *, old: bool) -> None:
        if old:
            self.saved_old += tokens_
        else:
            self.saved_new += tokens_


class Shaped(msgspec.Struct, frozen=True):
    """A body after the passes."""

    body: bytes
    changed: bool  # by more than the model's name
    saved_old: int
    saved_new: int
    notes: tuple[Note, ...]
    originals: tuple[Original, ...]
    tools: ToolReport | None
    marked: int
    aside: tuple[str, ...]

    @property
    def saved(self) -> int:
        """Estimated tokens that are not sent."""
        return self.saved_old + self.saved_new


def without_body(found: Shaped) -> Shaped:
    """What was done, without what it was done to: for as long as the reply takes."""
    return msgspec.structs.replace(found, body=b"")


Pass = Callable[[Work], None]


def order() -> tuple[Pass, ...]:
    """Loaded when the first body is shaped: a gateway with all passes off never holds them."""
    from lynkr.transforms.attribution import attribution
    from lynkr.transforms.cache_marks import cache_marks
    from lynkr.transforms.repeats import repeats
    from lynkr.transforms.results.texts import result_texts
    from lynkr.transforms.tools.offers import tool_offers

    # Repeats come before results: a block that is the same as an earlier one needs no other form.
    return attribution, tool_offers, repeats, result_texts, cache_marks


_ORDER: tuple[Pass, ...] = ()


def shape(
    body: bytes, dialect: int, want: Want, aim: Aim, memo: Memo, layout: Layout | None = None
) -> Shaped | None:
    """The body after all passes; ``None`` when its structure cannot be trusted, so that it is to
    pass as it is. ``dialect`` and ``layout`` as in ``_native.spans``."""
    global _ORDER
    if layout is None:
        layout = scan(body, dialect)
    if layout is None or layout.messages is None:
        return None
    if not _ORDER:
        _ORDER = order()
    work = Work(body, layout, want, aim, memo)
    for apply in _ORDER:
        apply(work)
    changed = bool(work.edits)
    if want.rename is not None and layout.model is not None:
        work.edits.append((*layout.model, want.rename))
    work.edits.sort()
    return Shaped(
        body=replaced(body, work.edits) if work.edits else body,
        changed=changed,
        saved_old=work.saved_old,
        saved_new=work.saved_new,
        notes=tuple(work.notes),
        originals=tuple(work.originals),
        tools=work.tools,
        marked=work.marked,
        aside=tuple(work.aside),
    )


def estimated(data: bytes) -> int:
    """Tokens of a piece of a body."""
    return tokens.estimated_bytes(data)


def estimated_string(body: bytes, start: int, end: int) -> int:
    """Tokens of what a JSON string of a body says, its quotes at ``start`` and before ``end``."""
    return count_span(body, start + 1, end - 1, True)
