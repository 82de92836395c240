"""Whether a person says that the last answer was wrong, or asks the very same again.

The words are data (``complaints.toml``), in the languages of its tables. A complaint stands at the
beginning of a message; what comes late in a long one is about something else.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

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
_HOLDS = tuple(dict.fromkeys(phrase for row in LANGUAGES for phrase in row.holds))


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
        word = head.split(" ", 1)[0].rstrip(_STOPS)
        if not word or word not in _FILLERS:
            break
        head = head[len(word) :].lstrip(_STOPS + " ")
    if not head:
        return False
    for phrase in _BEGINS.get(head[0], ()):
        if head.startswith(phrase) and _ends(head, len(phrase), blank=True):
            return True
    if not before.rstrip().endswith(_ASKS):
        for phrase in _ANSWERS.get(head[0], ()):
            if head.startswith(phrase) and _ends(head, len(phrase), blank=False):
                return True
    for phrase in _HOLDS:  # noqa: SIM110
        if phrase in head:
            return True
    return False


def repeats(text: str, earlier: str) -> bool:
    """Whether the same is asked word for word."""
    if abs(len(text) - len(earlier)) > _SAME_CHARS or not earlier:
        return False
    words = _plain(text)
    size = sum(1 if char < chr(_LETTERS) else 2 for char in words[:_SAME_CHARS])
    return size >= _SAME_CHARS and words == _plain(earlier)


def _plain(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").lower().split())


def _ends(head: str, at: int, *, blank: bool) -> bool:
    """Whether the words end there. ``blank``: a blank is enough; else something must divide."""
    if at >= len(head):
        return True
    if blank:
        return ord(head[at - 1]) >= _LETTERS or not head[at].isalnum()
    return head[at] in _STOPS
