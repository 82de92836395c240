"""Whether a person says that the last answer was wrong, or asks the very same again.

The words are data (``complaints.toml``), in the languages of its tables. A complaint stands at the
beginning of a message; what comes late in a long one is about something else.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from lynkr._native.phrases import Phrases, plain

_HEAD_CHARS = 240
_SAME_CHARS = 12  # shorter words are said again for other reasons: "go on", "next"
# What may follow a word that answers; the Chinese and Japanese forms of them too.
_STOPS = ",.!;:)-\u2026\u2013\u2014\u3001\u3002\uff0c\uff01\uff1a\uff1b"
_ASKS = ("?", "\uff1f")
_LETTERS = 0x2E80  # from here on scripts are written without blanks between words


class _Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    begins: tuple[str, ...]
    answers: tuple[str, ...]
    holds: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fillers: tuple[str, ...]
    language: tuple[_Language, ...]


def _read() -> _Table:
    raw = tomllib.loads(Path(__file__).with_name("complaints.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Table)


_TABLE = _read()
LANGUAGES = _TABLE.language
_FILLERS = frozenset(_TABLE.fillers)
_HELD = list(dict.fromkeys(phrase for row in LANGUAGES for phrase in row.holds))
_HOLDS = Phrases(_HELD)
# Those that a text of ASCII can hold: longer than some in Chinese, so found in fewer looks.
_PLAIN_HOLDS = Phrases([phrase for phrase in _HELD if phrase.isascii()])


def _by_first(phrases: list[str]) -> dict[str, tuple[str, ...]]:
    """The phrases by their first letter: one lookup instead of a hundred comparisons."""
    return {
        first: tuple(phrase for phrase in dict.fromkeys(phrases) if phrase[0] == first)
        for first in {phrase[0] for phrase in phrases}
    }


_BEGINS = _by_first([phrase for row in LANGUAGES for phrase in row.begins])
_ANSWERS = _by_first([phrase for row in LANGUAGES for phrase in row.answers])


def complains(text: str, before: str) -> bool:
    """``text``: the user's own words; ``before``: the end of the answer that they follow."""
    head = _plain(text[:_HEAD_CHARS])
    for _ in range(2):
        size = _word(head)
        if not size or head[:size] not in _FILLERS:
            break
        head = head[size:].lstrip(_STOPS + " ")
    if not head:
        return False
    if _begins(head, _BEGINS, True):
        return True
    if _begins(head, _ANSWERS, False) and not before.rstrip().endswith(_ASKS):
        return True
    return _PLAIN_HOLDS.any(head) if head.isascii() else _HOLDS.any(head)


def _word(head: str) -> int:
    """How long the first word is, without the stops behind it."""
    at, size = 0, len(head)
    while at < size and head[at] != " ":
        at += 1
    while at and head[at - 1] in _STOPS:
        at -= 1
    return at


def _begins(head: str, phrases: dict[str, tuple[str, ...]], blank: bool) -> bool:
    near = phrases.get(head[0], ())
    if head.startswith(near):  # mostly not: one call instead of one for each
        for phrase in near:
            if head.startswith(phrase) and _ends(head, len(phrase), blank):
                return True
    return False


def repeats(text: str, earlier: str) -> bool:
    """Whether the same is asked word for word."""
    if abs(len(text) - len(earlier)) > _SAME_CHARS or not earlier:
        return False
    words = _plain(text)
    size = 0
    for char in words[:_SAME_CHARS]:
        size += 1 if ord(char) < _LETTERS else 2
    return size >= _SAME_CHARS and words == _plain(earlier)


def _plain(text: str) -> str:
    said = plain(text)
    if said is not None:
        return said
    return " ".join(text.replace("\u2019", "'").lower().split())


def _ends(head: str, at: int, blank: bool) -> bool:
    """Whether the words end there. ``blank``: a blank is enough; else something must divide."""
    if at >= len(head):
        return True
    if blank:
        return ord(head[at - 1]) >= _LETTERS or not head[at].isalnum()
    return head[at] in _STOPS
