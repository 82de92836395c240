"""What a request asks, in the user's own words, and what was said just before it.

Coding tools send reminders, open files and command output as the user's; none of it is an ask
(``own_words``). A whole conversation comes with each call, so it is read from its end, envelopes
are passed over where they lie in the body, and of what is long only the two ends are decoded.
"""

from __future__ import annotations

import json
import re

import msgspec

from lynkr._native.phrases import literal_text
from lynkr._native.spans import TEXT, Layout, Message, string_value
from lynkr._native.tokens import count
from lynkr.policies.routing.facts import Ask
from lynkr.transforms.tools.envelopes import ANSWERED, CLIENT, EDGE, OPENER, whose
from lynkr.transforms.tools.own_words import of_wrappers, own_words

TEXT_CHARS, HEAD_CHARS = (
    12_000,
    8_000,
)  # of an ask that is longer, the head and the rest from its end
EARLIER_CHARS = 4_000  # of one of the asks before it
BEFORE_CHARS = 1_500
EARLIER = 3  # asks
_LOOKED_AT = 12  # messages of the user's for each ask before: some hold reminders only
_EXACT_BYTES = 2_000  # tokens are counted up to here, 1 us for 100 bytes
_TOKEN_BYTES = 4  # and estimated beyond it
# Of a longer text only the ends are decoded and searched for envelopes, which leaves more than is
# kept. A letter takes one byte of JSON, or up to 6 in other scripts.
_LONG_BYTES, _WHOLE_BYTES = 24_576, 98_304
_SEARCHED_HEAD, _SEARCHED_TAIL = 9_000, 5_000  # letters
_TAGS = 256  # looked at one by one, before the rest of an envelope is searched
_BLANKS = (b"\\n", b"\\r", b"\\t")
_SPACE, _ESCAPE, _OPENS, _CLOSES, _QUOTE, _N, _R, _T = b' \\<>"nrt'
_SAFE = 68  # bytes in which an end tag ends, and in which a place to cut is looked for
# Where a JSON string can be cut: behind bytes of which none begins an escape, or before one.
_BETWEEN = re.compile(rb"[^\\]{6}|[^\\](?=\\u)")

_REMINDER = b"<system-reminder>"
_REMINDER_END = b"</system-reminder>"
_QUEUED = (b"\\nThe user sent ", b"The user sent ", b"\\n\\nThe user sent ")

Span = tuple[int, int]


class Asked(msgspec.Struct, frozen=True):
    """The ask, and where the user said it."""

    ask: Ask
    at: int = -1  # number of the message; -1: the user says nothing at all
    before: int = -1  # of the user's message before it


class Spoken:
    """What a message says in the user's own words."""

    __slots__ = ("at", "size", "text")

    def __init__(self, text: str, size: int, at: int) -> None:
        self.text = text
        self.size = size  # bytes of JSON of texts that were too long to be decoded; else 0
        self.at = at


def asked(body: bytes, layout: Layout) -> Asked:
    """What the last message of the user's that has own words says. Never raises: what it cannot
    read asks nothing."""
    found = last_spoken(body, layout, len(layout.message_list))
    if found is None:
        return Asked(Ask(""))
    text = found.text
    if found.size:
        tokens = found.size // _TOKEN_BYTES
    else:
        letters = len(text) if text.isascii() else len(text.encode())
        tokens = count(text.encode()) if letters <= _EXACT_BYTES else letters // _TOKEN_BYTES
    earlier: list[str] = []
    before, at, looked_at = -1, found.at, _LOOKED_AT
    while len(earlier) < EARLIER:
        said_before = last_spoken(body, layout, at, looked_at)
        if said_before is None:
            break
        at = said_before.at
        before = max(before, at)
        earlier.append(cut(said_before.text, EARLIER_CHARS, EARLIER_CHARS * 2 // 3))
    ask = Ask(
        cut(text, TEXT_CHARS, HEAD_CHARS), _before(body, layout, found.at), tuple(earlier), tokens
    )
    return Asked(ask, found.at, before)


def last_spoken(body: bytes, layout: Layout, end: int, looked_at: int = 1_000) -> Spoken | None:
    """The last message before ``end`` that has words of the user's, of the last so many texts."""
    messages, blocks = layout.message_list, layout.blocks
    for at in range(end - 1, -1, -1):
        message = messages[at]
        if message.role != b"user":
            continue
        for index in range(message.first, message.first + message.count):
            block = blocks[index]
            if block.kind == TEXT:
                break
        else:
            continue
        found = spoken(body, layout, message, at)
        if found is not None:
            return found
        looked_at -= 1
        if not looked_at:
            break
    return None


def spoken(body: bytes, layout: Layout, message: Message, at: int) -> Spoken | None:
    """What message ``at`` says, or ``None``: results of tools and the client's own texts only."""
    blocks = layout.blocks
    texts: list[str] = []
    size = 0
    answered = False
    for index in range(message.first, message.first + message.count):
        block = blocks[index]
        if block.kind != TEXT or block.text_start < 0:
            continue
        start, end = block.text_start + 1, block.text_end - 1
        if body.startswith(_REMINDER, start):
            # Some clients send two hundred of them in one message, nothing else in a text.
            tag = body.find(b"<", start + 1, end)
            if body.startswith(_REMINDER_END, tag) and not body.startswith(
                _QUEUED, start + len(_REMINDER)
            ):
                start = tag + len(_REMINDER_END)
        start, end = peeled(body, start, end)
        if start >= end:
            continue
        if end - start > _LONG_BYTES:
            size += end - start
            text = _ends(body, start, end)
        else:
            text = decoded(body, start, end)
        if not answered and body.startswith(b"[", start) and ANSWERED.match(text):
            answered = True
        text = of_wrappers(text) if answered else own_words(text)
        if text:
            texts.append(text)
    if not texts:
        return None
    return Spoken(texts[0] if len(texts) == 1 else "\n\n".join(texts), size, at)


def peeled(body: bytes, start: int, end: int) -> Span:
    """What is left of a JSON string's inside without the client's envelopes that it begins and ends
    with. They may be long and are not read: only their ends are looked for."""
    while start < end:
        first = body[start]
        if first == _SPACE:
            start += 1
        elif first == _ESCAPE:
            if not body.startswith(_BLANKS, start, end):
                break
            start += 2
        elif first == _OPENS:
            after = _behind(body, start, end)
            if after == start:
                break
            if after < 0:
                return start, end
            start = after
        else:
            break
    while start < end:
        last = body[end - 1]
        if last == _SPACE:
            end -= 1
        elif last == _CLOSES:
            before = _in_front(body, start, end)
            if before == end:
                break
            end = before
        elif (
            last in (_N, _R, _T)
            and body.startswith(_BLANKS, end - 2, end)
            and not body.startswith(b"\\", end - 3)
        ):
            end -= 2
        else:
            break
    return start, end


def _behind(body: bytes, start: int, end: int) -> int:
    """Behind the envelope that begins there; ``start``: none does; -1: one that only ``own_words``
    can tell the end of, as another of its name begins in it, or what it says is the user's."""
    name = _opened(body, start, end)
    if not name:
        return start
    opening, closing = b"<" + name, b"</" + name + b">"
    at = start
    for _ in range(_TAGS):  # one character is found ten times as fast as a word
        at = body.find(b"<", at + 1, end)
        if at < 0:
            return -1
        if body.startswith(closing, at):
            return at + len(closing)
        if body.startswith(opening, at):
            return -1
    close = body.find(closing, at, end)
    if close < 0 or body.find(opening, at, close) >= 0:
        return -1
    return close + len(closing)


def _in_front(body: bytes, start: int, end: int) -> int:
    """Where the envelope begins that ends there; ``end``: none does for certain."""
    slash = body.rfind(b"</", max(start, end - _SAFE), end)
    if slash < 0:
        return end
    name = body[slash + 2 : end - 1]
    opening, closing = b"<" + name, b"</" + name
    at = slash
    for _ in range(_TAGS):
        at = body.rfind(b"<", start, at)
        if at < 0 or body.startswith(closing, at):
            return end
        if body.startswith(opening, at):
            break
    else:
        before = at
        at = body.rfind(opening, start, at)
        if at < 0 or body.find(closing, at, before) >= 0:
            return end
    # If one that was opened before has no end, somebody talks about it.
    if _opened(body, at, slash) != name or (
        body.count(opening, start, at) != body.count(closing, start, at)
    ):
        return end
    return at


def _opened(body: bytes, at: int, end: int) -> bytes:
    """The name of the client's envelope that begins there; b"": none, or one in which the client
    says what the user typed meanwhile."""
    if body.startswith(_REMINDER, at):
        inside = at + len(_REMINDER)
        return b"" if body.startswith(_QUEUED, inside) else _REMINDER[1:-1]
    tag = OPENER.match(body, at, end)
    if tag is None or whose(tag[1].decode()) not in (CLIENT, EDGE):
        return b""
    return tag[1]


def decoded(body: bytes, start: int, end: int) -> str:
    """The inside of a JSON string. A lone surrogate, which no UTF-8 has, becomes a "?"."""
    text = literal_text(body, start, end)
    if text is not None:
        return text
    if start and end < len(body) and body[start - 1] == _QUOTE and body[end] == _QUOTE:
        value = string_value(body, (start - 1, end + 1))  # all of it, as it mostly is
    else:
        value = string_value(b'"%b"' % body[start:end], (0, end - start + 2))
    if value is not None:
        return value.decode("utf-8", "replace")
    try:
        text = str(json.loads(b'"%b"' % body[start:end], strict=False))
    except ValueError:
        return ""
    return text.encode("utf-8", "replace").decode()


def tail(body: bytes, start: int, end: int, size: int) -> str:
    """About the last so many bytes of a JSON string's inside."""
    if end - start > size:
        safe = _BETWEEN.search(body, end - size, end - size + _SAFE)
        if safe is not None:
            start = safe.end()
    return decoded(body, start, end)


def _ends(body: bytes, start: int, end: int) -> str:
    """The beginning and the end of a long JSON string's inside."""
    head = _head(body, start, end, _SEARCHED_HEAD * 5 // 4)
    ending = tail(body, start, end, _SEARCHED_TAIL * 5 // 4)
    if len(head) < HEAD_CHARS or len(ending) < TEXT_CHARS - HEAD_CHARS:
        if end - start <= _WHOLE_BYTES:
            return decoded(body, start, end)
        head = _head(body, start, end, _SEARCHED_HEAD * 6)
        ending = tail(body, start, end, _SEARCHED_TAIL * 6)
    return f"{head[:_SEARCHED_HEAD]}\n{ending[-_SEARCHED_TAIL:]}"


def _head(body: bytes, start: int, end: int, size: int) -> str:
    safe = _BETWEEN.search(body, start + size - _SAFE, start + size)
    return decoded(body, start, safe.end() if safe is not None else end)


def cut(text: str, most: int, head: int) -> str:
    """Of a longer text both ends: what is between them was pasted."""
    if len(text) <= most:
        return text
    return text[:head] + text[head - most :]


def _before(body: bytes, layout: Layout, at: int) -> str:
    """The end of what the assistant said last before message ``at``."""
    messages, blocks = layout.message_list, layout.blocks
    for index in range(at - 1, -1, -1):
        message = messages[index]
        if message.role != b"assistant" or not message.count:
            continue
        texts: list[str] = []
        size = 0
        for number in range(message.first + message.count - 1, message.first - 1, -1):
            block = blocks[number]
            if block.kind == TEXT and block.text_start >= 0 and size < BEFORE_CHARS:
                said = tail(body, block.text_start + 1, block.text_end - 1, 2 * BEFORE_CHARS)
                texts.append(said.strip())
                size += len(said)
        if size:
            return "\n\n".join(reversed(texts))[-BEFORE_CHARS:].strip()
    return ""
