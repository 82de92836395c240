"""The words that a user typed, without what the client wrote around them.

Coding tools put reminders, open files, command output and whole side requests into the user's turn.
These words say nothing about what is asked, and mistaking them for the ask offers tools, and costs
money, for nothing. Envelopes are known by their tag (``envelopes``): what stands between
``<system-reminder>`` and its end is the client's, what stands between ``<task>`` and its end is the
user's. A tag that is never closed is text: people write about tags.

Everything here is linear in the length of the text, whatever is in it.
"""

from __future__ import annotations

from lynkr._native.phrases import Phrases
from lynkr.transforms.tools.envelopes import (
    ANYWHERE,
    ANYWHERE_TOKENS,
    BETWEEN,
    CLIENT,
    COMMENT,
    EDGE,
    IDE_HEADS,
    LINES,
    NAMED,
    ONLY,
    QUEUED,
    REQUEST,
    TAG,
    TURN,
    TURN_BEGINS,
    USER,
    whose,
)

_NESTED = 16  # envelopes in one: beyond these, some are only talked about
_ROUNDS = 4  # an envelope that is cut may bring another one to the edge
# What is cut, by what is in each of it: looked for in one pass, as most texts have none of it.
_BRACKET = "["  # too short for that
_TOKENS = [token for token, _, _ in LINES if token != _BRACKET]
_BOUNDS = [first for first, _ in BETWEEN]
_PHRASES = Phrases([*_TOKENS, *_BOUNDS, *ANYWHERE_TOKENS, *IDE_HEADS], singles=b"<[")
_BIT = {token: 1 << number for number, token in enumerate(_TOKENS)}
_BIT[_BRACKET] = 1 << 64
_ROWS = tuple((_BIT[token], token, reach, line) for token, reach, line in LINES)
_BETWEEN_BITS = ((1 << len(_BOUNDS)) - 1) << len(_TOKENS)
_TURN_BEGINS = Phrases(list(TURN_BEGINS))
_ANYWHERE_BITS = ((1 << len(ANYWHERE_TOKENS)) - 1) << len(_TOKENS) + len(_BOUNDS)

Span = tuple[int, int]


def own_words(text: str) -> str:
    """The text without the client's envelopes, stripped; "" if nothing of it is the user's."""
    if _turn(text):
        return ""
    if not _PHRASES.any(text):  # as in most texts: nothing below finds anything
        if text and not (text[0].isspace() or text[-1].isspace()):
            return text
        return text.strip()
    if "<" in text:
        text = _unwrapped(text)
    text = text.strip()
    if text.startswith(IDE_HEADS):
        for found in REQUEST.finditer(text):
            return own_words(text[found.end() :])
    for _ in range(_ROUNDS):
        before = text
        text = _without_lines(text).strip()
        if text.startswith("<") or text.endswith(">"):
            text = _without_edges(text).strip()
        if text == before:
            break
    return "" if _turn(text) else text


def _turn(text: str) -> bool:
    """Whether only the client can have written all of it: ``TURN``, which most texts do not get
    to see, as they begin otherwise."""
    at, size = 0, len(text)
    while at < size and text[at].isspace():
        at += 1
    if at == size or not (text[at] == "#" or _TURN_BEGINS.begin(text, at)):
        return False
    return TURN.match(text) is not None


def of_wrappers(text: str) -> str:
    """What stands in the envelopes of the user's words only: the rest is known to be none."""
    return "\n".join(filter(None, map(own_words, _between(text, (USER, ONLY)))))


def _between(text: str, kinds: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    at = text.find("<")
    while at >= 0:
        tag = TAG.match(text, at)
        if tag is None or tag[1] or whose(tag[2]) not in kinds:
            at = text.find("<", at + 1)
            continue
        close = text.find(f"</{tag[2]}>", tag.end())
        if close < 0:  # nor will there be one for the others
            return found
        found.append(text[tag.end() : close])
        at = text.find("<", close + 1)
    return found


def _unwrapped(text: str) -> str:
    """Without the envelopes that are the client's wherever they are, in one pass."""
    kept: list[str] = []
    found: dict[str, Span] = {}  # of each name, the envelope that comes next; (-1, -1): none does
    only = False
    done = 0
    tag = NAMED.search(text)
    while tag is not None:
        name, after = tag[2], tag.end()
        kind = whose(name)
        if kind == USER:
            kept.append(text[done : tag.start()])
            done = after
        elif kind == ONLY:
            only = True
        elif kind == CLIENT and not tag[1]:
            at = tag.start()
            start, end = found.get(name, (0, 0))
            if end >= 0 and at >= end:
                start, end = found[name] = _closed(text, name, at, after)
            if at == start and end > 0:  # else it is only talked about
                kept.append(text[done:start])
                queued = QUEUED.match(text[after:end].removesuffix(f"</{name}>"))
                if queued is not None:
                    kept.append(queued[1])
                done = after = end
        tag = NAMED.search(text, after)
    if done:
        kept.append(text[done:])
        text = " ".join(piece for piece in kept if piece)
    if only:
        said = _between(text, (ONLY,))
        if said:
            return "\n".join(said)
    return text


def _closed(text: str, name: str, start: int, after: int) -> Span:
    """From where to where the envelope goes whose tag stands at ``start``; (-1, -1): nowhere.

    Tags of its name between it and its end are envelopes in it if each has an end. If one has none,
    either of the two is only talked about: the first one, unless it begins a line as the clients'
    do.
    """
    close = f"</{name}>"
    end = text.find(close, after)
    if end < 0:
        return -1, -1
    inner = _count(text, name, after, end)
    if not inner:
        return start, end + len(close)
    first, depth, last, walked = end, inner, end, 0
    while depth and walked < _NESTED:
        walked += 1
        following = text.find(close, last + 1)
        if following < 0:
            break
        depth += _count(text, name, last, following) - 1
        last = following
    if not depth:
        return start, last + len(close)
    if start and text[start - 1] not in "\n>":
        start = max(text.rfind(f"<{name}>", after, first), text.rfind(f"<{name} ", after, first))
    return start, first + len(close)


def _count(text: str, name: str, start: int, end: int) -> int:
    return text.count(f"<{name}>", start, end) + text.count(f"<{name} ", start, end)


def _without_lines(text: str) -> str:
    marks = _marks(text)
    if not marks:
        return text
    if marks & _BETWEEN_BITS:
        for first, last in BETWEEN:
            at = text.find(first)
            end = text.find(last, at + 1) if at >= 0 else -1
            if end >= 0:
                text = text[:at] + text[end + len(last) :]
        marks = _marks(text)
    for bit, token, reach, line in _ROWS:
        if not marks & bit:
            continue
        at = text.find(token)
        kept: list[str] = []
        done = 0
        while at >= 0:
            begin = text.rfind("\n", max(0, at - reach - 1), at) + 1
            after = at + 1
            if begin or at <= reach:
                found = line.match(text, begin)
                if found is not None and found.end() > at:
                    kept.append(text[done:begin])
                    done = after = found.end()
            at = text.find(token, after)
        if done:
            text = "".join(kept) + text[done:]
            marks = _marks(text)
    if marks & _ANYWHERE_BITS:
        text = ANYWHERE.sub("", text)
    return text


def _marks(text: str) -> int:
    """A bit for each of the phrases in a text, and for a line that begins with a bracket."""
    marks = _PHRASES.which(text)
    at = text.find(_BRACKET)
    while at >= 0:
        if not at or text[at - 1] == "\n":
            return marks | _BIT[_BRACKET]
        at = text.find(_BRACKET, at + 1)
    return marks


def _without_edges(text: str) -> str:
    """Without envelopes that are the client's if the text begins or ends with them."""
    start, end = 0, len(text)
    while start < end:
        after = _behind(text, start, end)
        if after == start:
            break
        start = after
        while start < end and text[start].isspace():
            start += 1
    while start < end and text[end - 1] == ">":
        before = _in_front(text, start, end)
        if before == end:
            break
        end = before
        while start < end and text[end - 1].isspace():
            end -= 1
    return text[start:end]


def _behind(text: str, start: int, end: int) -> int:
    """Behind the envelope that begins there, else ``start``."""
    tag = TAG.match(text, start, end)
    if tag is None:
        if COMMENT.match(text, start) and (close := text.find("-->", start, end)) >= 0:
            return close + 3
    elif not tag[1] and whose(tag[2]) == EDGE:
        return max(start, _closed(text, tag[2], start, tag.end())[1])
    return start


def _in_front(text: str, start: int, end: int) -> int:
    """Where the envelope begins that ends there, on a line of its own; else ``end``."""
    if text.endswith("-->", start, end):
        at = text.rfind("<!--", start, end)
        known = at >= 0 and COMMENT.match(text, at) is not None
    else:
        slash = text.rfind("</", max(start, end - 68), end)
        name = text[slash + 2 : end - 1]
        if slash < 0 or whose(name or "-") != EDGE:
            return end
        at = max(text.rfind(f"<{name}>", start, slash), text.rfind(f"<{name} ", start, slash))
        known = at >= 0 and TAG.match(text, at, slash) is not None
        known = known and text.find(f"</{name}>", at, slash) < 0
    return at if known and (at == start or text[at - 1] in "\n>") else end
