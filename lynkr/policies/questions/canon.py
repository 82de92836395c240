"""A question in canonical words: without greeting and thanks, with its wishes of form set apart.

Any text may come; what is longer than ``CHARS_MAX`` is only brought to single spaces.
"""

from __future__ import annotations

import msgspec

from lynkr.policies.questions.languages import language_of
from lynkr.policies.questions.tokens import CODE, MARK, NUMBER, QUOTE, WORD, Token, tokens
from lynkr.policies.questions.vocabulary import (
    CLOSERS,
    FLEETING,
    OPENERS,
    REWRITES,
    STYLES,
    Phrases,
)
from lynkr.policies.questions.vocabulary import WISH_WORDS as WORDS

CHARS_MAX = 2000  # four times what 80 tokens take; only such questions are compared
POINTING_TOKENS_MAX = 16  # of an order with "this" that is about something unseen
_COUNTS = {
    **{"a": "1", "an": "1", "single": "1", "one": "1", "two": "2", "three": "3", "four": "4"},
    **{"five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
_COUNTED = {
    **{"word": "words", "words": "words", "sentence": "sentences", "sentences": "sentences"},
    **{"line": "lines", "lines": "lines", "paragraph": "paragraphs", "paragraphs": "paragraphs"},
    **{"bullet": "bullets", "bullets": "bullets"},
}
_BEFORE_COUNT = WORDS["before_count"]
_ABOUT_COUNT = WORDS["about_count"]
_AFTER_COUNT = WORDS["after_count"]
_LEADING = WORDS["leading"]
_LEADING_MARKS = frozenset(",;(-—:")
_JOINTS = frozenset("-;'")
_ANSWERING = WORDS["answering"]
_TONGUES = WORDS["tongues"]
# "this": of something that is not in the question. Then only the exact cache may answer.
_POINTING = frozenset(("this", "these"))
# Words with which a wish may begin: the others need not be looked up further.
_WISHING = _BEFORE_COUNT | _ABOUT_COUNT | _ANSWERING | STYLES.keys() | _COUNTS.keys()


class Canonical(msgspec.Struct, frozen=True):
    """A question without its wrapping."""

    text: str  # what is embedded and compared
    style: str  # wishes of form: tags, sorted, divided by commas, as "short" or "words:50"
    language: str  # "en", another tag, or "" where it cannot be told
    fleeting: bool  # the answer depends on when, for whom or about what unseen thing it is asked


def canon(text: str) -> Canonical:
    """The canonical form of a question."""
    flat = " ".join(text.split())
    if len(flat) > CHARS_MAX:
        return Canonical(flat, "", language_of(flat, []), False)
    found = tokens(flat)
    language = language_of(flat, found)
    fleeting = _fleeting(found, flat)
    styles: set[str] = set()
    found = _without_styles(found, styles)
    found = _without_thanks(_without_greeting(found))
    return Canonical(_joined(found, flat), ",".join(sorted(styles)), language, fleeting)


def _match(phrases: Phrases, found: list[Token], at: int, step: int = 1) -> tuple[int, str] | None:
    """The longest phrase that begins at a token: the place of its last token, and its meaning."""
    candidates = phrases.get(found[at].low)
    if candidates is None:
        return None
    size = len(found)
    for words, meaning in candidates:
        place = at
        for number in range(1, len(words)):
            place += step
            while 0 <= place < size and found[place].kind == MARK and found[place].low in _JOINTS:
                place += step
            if not 0 <= place < size or found[place].low != words[number]:
                break
        else:
            return place, meaning
    return None


def _fleeting(found: list[Token], flat: str) -> bool:
    pointing = False
    given = ":" in flat
    how = False
    fleeting = False
    for at in range(len(found)):
        token = found[at]
        if token.kind == CODE or token.kind == QUOTE:
            given = True
        elif token.kind == WORD:
            if not fleeting and token.low in FLEETING and _match(FLEETING, found, at) is not None:
                fleeting = True
            if token.low in _POINTING and at > 0:
                following = found[at + 1].low if at + 1 < len(found) else ""
                pointing = pointing or following != "way"
            elif token.low == "the" and at + 1 < len(found):
                pointing = pointing or found[at + 1].low in ("following", "above")
            how = how or (token.low == "how" and _asks_how(found, at))
    # How to read the current date is the same tomorrow; a long statement points at itself.
    if len(found) > POINTING_TOKENS_MAX and "?" not in flat:
        pointing = False
    return (fleeting and not how) or (pointing and not given)


def _asks_how(found: list[Token], at: int) -> bool:
    following = found[at + 1].low if at + 1 < len(found) else ""
    if following == "to":
        return True
    person = found[at + 2].low if at + 2 < len(found) else ""
    return following in ("do", "can", "could", "should", "would") and person in ("i", "you", "we")


def _without_styles(found: list[Token], styles: set[str]) -> list[Token]:
    """The tokens that are no wishes of form, whose tags are added to ``styles``."""
    at = 0
    while at < len(found):
        hit = None
        token = found[at]
        if token.kind == NUMBER or (token.kind == WORD and token.low in _WISHING):
            hit = _match(STYLES, found, at) or _counted(found, at) or _tongue(found, at)
        if hit is not None:
            end, tag = hit
            begin = at
            while begin > 0 and (
                found[begin - 1].low in _LEADING or found[begin - 1].low in _LEADING_MARKS
            ):
                begin -= 1
            if end + 1 < len(found) and found[end + 1].low == ")":
                end += 1
            rest = found[:begin] + found[end + 1 :]
            if _said(rest) >= 2:
                found = rest
                styles.add(tag)
                at = begin
                continue
        at += 1
    return found


def _counted(found: list[Token], at: int) -> tuple[int, str] | None:
    """ "in two sentences", "50 words max"."""
    size = len(found)
    place = at
    led = found[at].low in _BEFORE_COUNT
    if led:
        place += 1
    while place < size and found[place].low in _ABOUT_COUNT:
        place += 1
    if place >= size:
        return None
    token = found[place]
    count = token.low if token.kind == NUMBER else _COUNTS.get(token.low)
    if count is None:
        return None
    place += 1
    while place < size and (found[place].low in _AFTER_COUNT or found[place].low == "-"):
        place += 1
    unit = _COUNTED.get(found[place].low) if place < size else None
    if unit is None or not (led or place > at + 1 or place >= size - 2):
        return None
    if place + 1 < size and found[place + 1].low in ("points", "point", "max", "maximum"):
        place += 1
    if (
        place + 2 < size
        and found[place + 1].low == "or"
        and found[place + 2].low in ("less", "fewer")
    ):
        place += 2
    if unit in ("sentences", "lines") and count in ("2", "3"):
        return place, "short"
    return place, f"{unit}:{count}"


def _tongue(found: list[Token], at: int) -> tuple[int, str] | None:
    """ "answer in French"."""
    if (
        found[at].low in _ANSWERING
        and at + 2 < len(found)
        and found[at + 1].low == "in"
        and found[at + 2].low in _TONGUES
    ):
        return at + 2, f"language:{found[at + 2].low}"
    return None


def _said(found: list[Token]) -> int:
    """How many of the tokens are not marks."""
    count = 0
    for token in found:
        if token.kind != MARK:
            count += 1
    return count


def _without_greeting(found: list[Token]) -> list[Token]:
    while True:
        at = 0
        while at < len(found) and found[at].kind == MARK:
            at += 1
        if at == len(found):
            return found
        hit = _match(OPENERS, found, at)
        if hit is None:
            return found[at:]
        rest = found[hit[0] + 1 :]
        if _said(rest) < 2:
            return found
        found = rest


def _without_thanks(found: list[Token]) -> list[Token]:
    while True:
        last = len(found) - 1
        while last >= 0 and found[last].kind == MARK:
            last -= 1
        hit = _match(CLOSERS, found, last, -1) if last >= 0 else None
        if hit is None or _said(found[: hit[0]]) < 2:
            return found
        asked = [token for token in found[last + 1 :] if token.low == "?"]
        found = found[: hit[0]]
        while found and found[-1].kind == MARK and found[-1].low in ",;.-!":
            found.pop()
        found = found + asked


def _joined(found: list[Token], flat: str) -> str:
    pieces: list[str] = []
    before = -1
    at = 0
    while at < len(found):
        token = found[at]
        hit = _match(REWRITES, found, at) if token.kind == WORD and token.low in REWRITES else None
        if pieces and token.begin > before and token.low != "?":
            pieces.append(" ")
        if hit is None:
            pieces.append(flat[token.begin : token.end])
        else:
            at = hit[0]
            pieces.append(hit[1])
        before = found[at].end
        at += 1
    return "".join(pieces).strip(" ,;:.!-—(")
