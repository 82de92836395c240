"""One turn of the user, read for words that hint at tools.

Hints are compared stem by stem: "capital" holds no "api", and "committed" holds "commit".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from lynkr.transforms.tools.scores import LEXICON
from lynkr.transforms.tools.vocabulary import (
    DOMAINS,
    GOES_ON,
    GREETINGS,
    GROUPS,
    PRAISE,
    QUESTIONS,
    SIGNS,
    SMALL_TALK,
    STOP,
    phrases,
)

ASK_CHARS = 4000  # of a longer turn the two ends are read: what is between them was pasted
SHORT_WORDS = 8  # a turn of at most so many words may only go on with what was said
SMALL_TALK_WORDS = 12
_WORD = re.compile(r"[^\W_]+")
# Paths, file names, code, flags, constants: signs of work, in any language. Repeats are bounded:
# what a user pastes is read in time that is linear in its length.
_CODE = re.compile(
    r"\b[\w-]{1,80}\.[A-Za-z]\w{0,9}\b|[\w.@-]/[\w.@-]|`[^`\n]+`|(?:^|\s)(?:[@~.]/?|--)\w"
    r"|\b[A-Z_]{3,}\b|\w_\w"
)
# "#releases" and "#15" say in one sign what others say in a word.
_MARKS = (
    (re.compile(r"(?:^|\s)#[a-z][\w-]"), "channel"),
    (re.compile(r"(?:^|[\s(/\w])#\d"), "issue"),
)


class Hints:
    """A set of words and phrases."""

    def __init__(self, hints: Iterable[str]) -> None:
        self._words: dict[str, str] = {}
        self._phrases: list[tuple[str, str]] = []
        for hint in hints:
            stems = LEXICON.stems(hint)
            if len(stems) == 1:
                self._words.setdefault(stems[0], hint)
            else:
                self._phrases.append((f" {' '.join(stems)} ", hint))
        self._stems = frozenset(self._words)

    def found(self, ask: Ask) -> str:
        """One of the hints that the turn holds, always the same one, or ""."""
        if met := ask.stems & self._stems:
            return self._words[min(met)]
        for phrase, hint in self._phrases:
            if phrase in ask.joined:
                return hint
        return ""


class Ask:
    """What a turn says."""

    def __init__(self, text: str) -> None:
        if len(text) > 2 * ASK_CHARS:
            text = f"{text[:ASK_CHARS]}\n{text[-ASK_CHARS:]}"
        self.text = text
        stems = LEXICON.stems(text)
        stems += LEXICON.stems(" ".join(word for mark, word in _MARKS if mark.search(text)))
        self.stems = frozenset(stems)
        self.joined = f" {' '.join(stems)} "
        words = _WORD.findall(text.lower())
        self.small_talk = (
            0 < len(words) <= SMALL_TALK_WORDS
            and SMALL_TALK.issuperset(words)
            and not GREETINGS.isdisjoint(words)
        )
        self.praise = self.small_talk and PRAISE.issuperset(words)
        self.goes_on = (
            not self.small_talk and len(words) <= SHORT_WORDS and not GOES_ON.isdisjoint(words)
        )
        self.question = text.rstrip().endswith("?") or (bool(words) and words[0] in QUESTIONS)
        self.reads = READ_HINTS.found(self)
        self.edits = EDIT_HINTS.found(self)
        self.creates = CREATE_HINTS.found(self)
        self.runs = RUN_HINTS.found(self)
        self.large = bool(LARGE_HINTS.found(self))
        acts = self.edits or self.creates or self.runs
        # Whether it is about the work at hand: only a question can be about something else.
        self.work = bool(acts or _CODE.search(text) or WORK_HINTS.found(self))
        self.verbs = bool(acts or self.reads)
        # Hardly English, so that hints say little.
        self.foreign = len(words) > 2 and STOP.isdisjoint(words) and not self.verbs


READ_HINTS, EDIT_HINTS = Hints(phrases(SIGNS.reads)), Hints(phrases(SIGNS.edits))
CREATE_HINTS, RUN_HINTS = Hints(phrases(SIGNS.creates)), Hints(phrases(SIGNS.runs))
LARGE_HINTS, WORK_HINTS = Hints(phrases(SIGNS.large)), Hints(phrases(SIGNS.work))
FILE_HINTS = Hints(phrases(SIGNS.files))
GROUP_HINTS = tuple(Hints(group.phrases) for group in GROUPS)
DOMAIN_HINTS = tuple(
    (frozenset(domain.marks.split()), Hints(phrases(domain.hints))) for domain in DOMAINS
)


@functools.lru_cache(512)
def read(text: str) -> Ask:
    return Ask(text)
