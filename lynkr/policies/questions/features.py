"""What the guard compares of a question, packed into a few bytes.

Numbers are in the order of the machine, which is little-endian wherever lynkr runs. Hashes are
CRC-32 of UTF-8 (of a stem, a number, a style), cut to 16 or 8 bits where a chance match does no
harm, so that every process packs the same bytes.

1      version of this layout
1      edition: a hash of the word lists, by which stems and weights came about
1      flags of the question
1      how many frames, each one byte (``frames.FRAMES``), after this head
1      how many words
1      how many numbers
1      how many codes
1      how many tokens
1      hash of the language
4      hash of the style

A word: stem (4), flags (1), role (1), weight in twentieths (1), length (1) and text. A number:
value (4), whether it was a word (1), unit (2). A code: text (4), flags (1), first token (1), tokens
(1). A token: stem (2). A question too long for that keeps a digest and matches only itself.
"""

from __future__ import annotations

import struct
from array import array
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

from lynkr.policies.questions.canon import Canonical
from lynkr.policies.questions.frames import BUILDING, FRAME_NUMBERS, QUESTION_WORDS, frames
from lynkr.policies.questions.stems import stem
from lynkr.policies.questions.tokens import CODE, MARK, NUMBER, QUOTE, WORD, Token, tokens
from lynkr.policies.questions.vocabulary import (
    AMOUNTS,
    AUXILIARIES,
    EDITION,
    FORMS,
    FRAME_WORDS,
    HEAD,
    INHIBITING,
    KEEPING,
    KINDS,
    LIGHT,
    NAME,
    NEGATION,
    NUMBERS,
    PREPOSITION,
    STOP,
    UNITS,
)

VERSION = 2
HEAD_BYTES = 13

# Flags of a question.
FLEETING, NEGATED, INHIBITED, COMPARES, TOLD, PERCENT, LONG, ASKED = 1, 2, 4, 8, 16, 32, 64, 128
# Flags of a word.
NAMED, STRONG, CODED, DENIED, MODIFIES, MEASURES = 1, 2, 4, 8, 16, 32
# Flags of a code.
QUOTED, LOOSE, PATH = 1, 2, 4

WORDS_MAX = 64
FRAMES_MAX = 8
TOKENS_MAX = 240
TEXT_BYTES_MAX = 24  # of a word; what is longer is told apart by its stem
WEIGHT_LIGHT = 6  # a word that says little, against 16 to 28
TOLD_WORDS_MIN = 7  # fewer, without a verb like "is", are a topic rather than a statement
CODE_WORDS_MAX = 6  # of one piece of code that are words of the question

_ROLES = {
    name: number
    for number, name in enumerate(
        ("", "many", "to", "from", "in", "than", "over", "against", "before", "after")
    )
}
_ROLES |= {"into": _ROLES["to"], "onto": _ROLES["to"]}
_ROLE_OTHER = 16  # other prepositions: told apart by their hash
_DEGREES = frozenset(("degree", "degrees"))
_SAME_UNIT = {"%": "percent", "°c": "celsius", "°f": "fahrenheit", "$": "dollars"}
_COMPARING = FRAME_WORDS["comparing"]
_NOT_ASKING = frozenset(("when", "if", "where", "while"))
_STATING = frozenset(("the", "a", "an", "it", "you", "this", "these"))
_HOLDING = frozenset(("keep", "keeps", "stop", "stops", "hold"))
_ONLY = frozenset(("exactly", "only", "least", "just", "with", "and", "or"))

_PACK_HEAD = struct.Struct("<BBBBBBBBBI").pack
_PACK_WORD = struct.Struct("<IBBBB").pack
_PACK_NUMBER = struct.Struct("<IBH").pack
_PACK_CODE = struct.Struct("<IBBB").pack


def stem_hash(root: str) -> int:
    """What stands for a stem in packed features."""
    return crc32(root.encode("utf-8", "replace"))


@lru_cache(8192)
def _stem_hash(word: str) -> int:
    return stem_hash(stem(word, FORMS))


@lru_cache(1024)
def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))


def features(canonical: Canonical) -> bytes:
    """The packed features of a question; equal questions have equal bytes."""
    found = tokens(canonical.text)
    if len(found) <= TOKENS_MAX:
        reading = _Reading(canonical, found)
        if len(reading.words) <= WORDS_MAX and len(reading.row) <= TOKENS_MAX:
            return reading.packed()
    digest = blake2b(canonical.text.encode("utf-8", "replace"), digest_size=16).digest()
    return _head(canonical, LONG | (FLEETING if canonical.fleeting else 0), 0, 0, 0, 0, 0) + digest


def _head(
    canonical: Canonical, flags: int, kinds: int, words: int, numbers: int, codes: int, row: int
) -> bytes:
    language, style = canonical.language, canonical.style
    return _PACK_HEAD(
        VERSION,
        EDITION,
        flags,
        kinds,
        words,
        numbers,
        codes,
        row,
        _hash(language) & 0xFF if language else 0,
        _hash(style) if style else 0,
    )


class _Reading:
    """One question being read, token by token."""

    __slots__ = (
        "before",
        "canonical",
        "codes",
        "denied",
        "flags",
        "found",
        "frames",
        "lows",
        "negations",
        "numbers",
        "role",
        "row",
        "titled",
        "words",
    )

    def __init__(self, canonical: Canonical, found: list[Token]) -> None:
        self.canonical = canonical
        self.found = found
        self.flags = FLEETING if canonical.fleeting else 0
        self.words: list[tuple[int, int, int, int, str]] = []  # stem, flags, role, weight, text
        self.numbers: dict[tuple[str, int, str], None] = {}  # value, whether in words, unit
        self.codes: dict[bytes, None] = {}
        self.row: list[int] = []  # the stems of all tokens
        self.lows: list[str] = []  # all words and numbers
        self.role = 0
        self.negations = 0
        self.denied = False  # the next word is negated
        self.before = ""  # the word before, within the sentence
        self.titled = _titled(found)
        clauses = _clauses(found)
        asked = "?" in canonical.text
        self.frames = frames(clauses, asked)
        for at in range(len(found)):
            token = found[at]
            if token.kind == WORD:
                self._word(token, at)
            elif token.kind == MARK:
                if token.low in ".?!:;,":
                    self.role = 0
                    if token.low != ",":
                        self.before = ""
            elif token.kind == NUMBER:
                self._number(token, at)
            else:
                self._code(token)
        self._flags(clauses, asked)

    def _word(self, token: Token, at: int) -> None:
        word = token.low
        kind = KINDS.get(word, 0)
        before, self.before = self.before, word
        hashed = _stem_hash(word)
        self.row.append(hashed & 0xFFFF)
        self.lows.append(word)
        following = self.found[at + 1] if at + 1 < len(self.found) else None
        if kind & NEGATION or word.endswith("n't"):
            if word == "no" and not before and following is not None and following.low == ",":
                return
            if before != "or":  # "or not" changes nothing
                self.negations += 1
                self.denied = True
        if kind & INHIBITING:
            self.flags |= INHIBITED
        in_figures = NUMBERS.get(word)
        if in_figures is not None:
            self.numbers[in_figures, 1, ""] = None
            return
        if kind & PREPOSITION:
            if word == "of" and before in ("number", "amount"):
                self.role = 1
            else:
                self.role = _ROLES.get(word, 0) or _ROLE_OTHER + (hashed & 0x7F)
        elif word == "many" or word == "much":
            self.role = 1
        elif kind & STOP and not kind & KEEPING:
            self.role = 0
        loud = token.capitals == 2 and len(word) > 1 and not self.titled
        if kind & STOP and not loud:
            return
        if kind & HEAD and (not before or (before == "and" and not self.words)):
            return
        if word in ("work", "works") and "how" in self.lows:
            return
        if word == "like" and before in ("is", "it", "look", "feel", "looks"):
            return
        if word in _DEGREES and before[:1].isdigit():
            return  # the unit says which
        if before == "how" and word in AMOUNTS:
            word = AMOUNTS[word]
            hashed = _stem_hash(word)
        self._add(token, word, hashed, kind, loud, following)

    def _add(
        self, token: Token, word: str, hashed: int, kind: int, loud: bool, following: Token | None
    ) -> None:
        flags = 0
        if loud or (token.capitals == 1 and not token.opens and not self.titled):
            flags = NAMED
        if kind & NAME:
            flags = NAMED | STRONG
        if loud:
            flags |= STRONG
        if self.denied:
            flags |= DENIED
            self.denied = False
        if following is not None:
            if following.kind == WORD:
                if not KINDS.get(following.low, 0) & STOP:
                    flags |= MODIFIES
            elif following.kind == CODE or following.kind == QUOTE:
                flags |= MODIFIES
        if word in UNITS and self._measured():
            flags |= MEASURES
        weight = WEIGHT_LIGHT if kind & LIGHT and not loud else min(28, 10 + 2 * len(word))
        self.words.append((hashed, flags, self.role, weight, word))
        if self.role == 1:
            self.role = 0

    def _measured(self) -> bool:
        """Whether the last word read stands behind a number: "100 degrees Fahrenheit"."""
        lows = self.lows
        place = len(lows) - 2
        if place >= 0 and lows[place] in _DEGREES:
            place -= 1
        return place >= 0 and lows[place][0].isdigit()

    def _number(self, token: Token, at: int) -> None:
        self.before = token.low
        self.lows.append(token.low)
        self.row.append(_hash(token.low) & 0xFFFF)
        unit = UNITS.get(token.unit, token.unit)
        ahead = at + 1
        if not unit and ahead < len(self.found):
            if ahead + 1 < len(self.found) and self.found[ahead].low in _DEGREES:
                ahead += self.found[ahead + 1].low in UNITS
            unit = UNITS.get(self.found[ahead].low, "")
            if unit and self.found[ahead].kind != MARK:
                self.numbers[token.low, 0, unit] = None
                return  # the unit is a word of its own
        if unit in _SAME_UNIT:
            name = _SAME_UNIT[unit]
            weight = min(28, 10 + 2 * len(name))
            self.words.append((_stem_hash(name), MEASURES, self.role, weight, name))
        self.numbers[token.low, 0, unit] = None

    def _code(self, token: Token) -> None:
        self.before = "<code>"
        self.denied = False
        inner = _runs(token.low)
        quoted = token.kind == QUOTE
        loose = quoted or token.low.replace(" ", "").isalnum()
        first = len(self.row)
        for number in range(len(inner)):
            word = inner[number]
            hashed = _stem_hash(word)
            self.row.append(hashed & 0xFFFF)
            if word.isdigit():
                self.numbers[word, 0, ""] = None
            kind = KINDS.get(word, 0)
            if quoted and kind & NEGATION:
                self.negations += 1
            if number < CODE_WORDS_MAX and not (quoted and kind & STOP):
                weight = min(28, 10 + 2 * len(word))
                self.words.append((hashed, CODED, self.role, weight, word))
        if len(self.codes) < 255 and first < 255:
            flags = (QUOTED if quoted else 0) | (LOOSE if loose else 0)
            flags |= PATH if "/" in token.low else 0
            text = token.low.strip("().,;:?! ")
            self.codes[_PACK_CODE(_hash(text), flags, first, min(len(inner), 255))] = None

    def _flags(self, clauses: list[list[str]], asked: bool) -> None:
        lows = self.lows
        if "amount" in self.frames:  # "how long does it take"
            self.words = [word for word in self.words if word[4] not in ("take", "takes")]
        if "from" in lows and self._kept_from():
            self.flags |= INHIBITED
        if "one" in lows and self.numbers:
            for place in range(1, len(lows)):
                if lows[place] == "one" and lows[place - 1] in _ONLY:
                    self.numbers["1", 1, ""] = None
        if self.negations % 2:
            self.flags |= NEGATED
        for place in range(len(lows) - 1):
            if lows[place] == "what" and lows[place + 1] in ("percent", "percentage"):
                self.flags |= PERCENT
        if asked or (lows and (lows[0] in QUESTION_WORDS or lows[0] in AUXILIARIES)):
            self.flags |= ASKED
        if not asked and self._told(clauses):
            self.flags |= TOLD
            self.frames = []
        elif not _COMPARING.isdisjoint(lows):
            self.flags |= COMPARES

    def _kept_from(self) -> bool:
        """ "keep it from freezing"."""
        lows = self.lows
        held = False
        for place in range(len(lows) - 1):
            if lows[place] in _HOLDING:
                held = True
            elif held and lows[place] == "from" and lows[place + 1].endswith("ing"):
                return True
        return False

    def _told(self, clauses: list[list[str]]) -> bool:
        """Whether the text states something, rather than asks, orders or names a topic."""
        first = self.lows[0] if self.lows else ""
        said = len(self.words)
        if said < TOLD_WORDS_MIN and not (
            (said >= 3 and not AUXILIARIES.keys().isdisjoint(self.lows))
            or (said >= 4 and first in _STATING)
        ):
            return False
        if first in _NOT_ASKING:
            return True
        if self.flags & ASKED or first in BUILDING:
            return False
        if KINDS.get(first, 0) & HEAD or first in FRAME_WORDS["acting"]:
            return False
        return not frames(clauses[:1], False)

    def packed(self) -> bytes:
        distinct: dict[int, None] = {}
        for name in self.frames:
            distinct[FRAME_NUMBERS[name]] = None
        kinds = bytes(distinct)[:FRAMES_MAX]
        numbers = list(self.numbers)[:255]
        parts = [
            _head(
                self.canonical,
                self.flags,
                len(kinds),
                len(self.words),
                len(numbers),
                len(self.codes),
                len(self.row),
            ),
            kinds,
        ]
        for hashed, flags, role, weight, word in self.words:
            text = word.encode("utf-8", "replace")[:TEXT_BYTES_MAX]
            parts.append(_PACK_WORD(hashed, flags, role, weight, len(text)))
            parts.append(text)
        for value, in_words, unit in numbers:
            parts.append(_PACK_NUMBER(_hash(value), in_words, _hash(unit) & 0xFFFF if unit else 0))
        parts.extend(self.codes)
        parts.append(array("H", self.row).tobytes())
        return b"".join(parts)


def _titled(found: list[Token]) -> bool:
    """Whether It Is Written Like This, so that capitals tell no names."""
    long = capital = 0
    for token in found:
        if token.kind == WORD and len(token.low) > 3:
            long += 1
            if token.capitals:
                capital += 1
    return long >= 4 and capital * 4 >= long * 3


def _clauses(found: list[Token]) -> list[list[str]]:
    clauses: list[list[str]] = [[]]
    for at in range(len(found)):
        token = found[at]
        if token.kind == MARK:
            if token.low in ".?!:;," and clauses[-1]:
                clauses.append([])
        elif (
            token.low == "and"
            and at + 1 < len(found)
            and found[at + 1].low in QUESTION_WORDS
            and clauses[-1]
        ):
            clauses.append([])
        else:
            clauses[-1].append("<code>" if token.kind in (CODE, QUOTE) else token.low)
    return [clause for clause in clauses if clause]


def _runs(text: str) -> list[str]:
    """Its runs of letters and digits."""
    runs = []
    begin = -1
    for at in range(len(text)):
        if text[at].isalnum():
            if begin < 0:
                begin = at
        elif begin >= 0:
            runs.append(text[begin:at])
            begin = -1
    if begin >= 0:
        runs.append(text[begin:])
    return runs
