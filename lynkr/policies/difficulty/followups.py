# ruff: noqa: RUF001 (punctuation of all scripts is what is read)
"""What the last words of a conversation are about: themselves, what was proposed, or nothing."""

from __future__ import annotations

from lynkr.policies.difficulty.lexicon import AGREE, BYE, NO, YES
from lynkr.policies.difficulty.reading import Reading
from lynkr.policies.routing.facts import Ask

_CHARS_MAX = 120  # longer messages say more than yes or thanks
_WORDS_MAX = 12
_YES_CHARS_MAX = 5  # of a bare yes
_WITH_OBJECT_MAX = 7  # words of "yes, go ahead with the migration"
_PHRASE_WORDS_MAX = 6
_INSIDE_MAX = 14  # characters of the longest phrase of a script without spaces
_BEFORE_CHARS = 1500  # of what was proposed: its end
_EARLIER_CHARS = 600  # of what had been asked for
_QUESTION_CHARS = 160  # at the end of a reply, where a proposal asks for leave
_EDGES = ".,;:!?()[]{}\"'*…¡¿~-–—，。！？、；：「」（）।؟،“”"
_YES_MARKS = frozenset("👍👌✅🚀🆗")


def basis_of(ask: Ask, reading: Reading) -> str:
    """ask | proposal | closing: what is to be measured."""
    said = _said(ask.text)
    if said < 0 or (not said and not ask.text.strip()):
        return "ask"
    if said & NO and not said & YES:
        return "closing"
    if said & YES and ask.before.strip():
        return "proposal"
    if said & BYE:
        return "closing"
    if said & YES:  # "continue", "fix it": of something that is not told here
        return "ask" if len(ask.text.strip()) > _YES_CHARS_MAX else "closing"
    return "proposal" if _proposes(ask.before) else "closing"


def proposal_text(ask: Ask) -> str:
    """What an agreed proposal is: what was asked for, the end of the reply that proposes it, and
    the words that agree."""
    parts: list[str] = []
    for earlier in ask.earlier:
        if _said(earlier) < 0:
            parts.append(earlier[:_EARLIER_CHARS])
            break
    parts.append(ask.before[-_BEFORE_CHARS:])
    return "\n".join(parts)


def _proposes(before: str) -> bool:
    end = before[-_QUESTION_CHARS:]
    return "?" in end or "？" in end or "؟" in end


def _said(text: str) -> int:
    """What a message says that says nothing more: the bits of its words; -1: it says more."""
    if len(text) > _CHARS_MAX:
        return -1
    bits = 0
    words: list[str] = []
    for chunk in text.lower().replace("’", "'").split():
        core = chunk.strip(_EDGES)
        if core:
            words.append(core)
        if chunk[0] in _YES_MARKS:
            bits |= YES
            if core:
                words.pop()
    if not words:
        return bits
    if len(words) > _WORDS_MAX:
        return -1
    at = 0
    count = len(words)
    while at < count:
        size = min(_PHRASE_WORDS_MAX, count - at)
        found = 0
        while size > 0:
            found = AGREE.get(" ".join(words[at : at + size]), 0)
            if found:
                break
            size -= 1
        if not found:
            inside = _inside(words[at])
            if inside < 0:
                # "yes, go ahead with the migration" agrees; "yes, but with uuid" says more.
                return bits if bits & YES and _with_object(words, at) else -1
            found = inside
            size = 1
        bits |= found
        at += size
    return bits


def _with_object(words: list[str], at: int) -> bool:
    if at < 2 or len(words) > _WITH_OBJECT_MAX:
        return False
    return words[at - 1] in _OF_IT or (words[at] == "with" and words[at + 1 : at + 2] == ["the"])


_OF_IT = frozenset(("the", "with", "that", "this", "die", "den", "das", "la", "le", "el", "il"))


def _inside(word: str) -> int:
    """The bits of a word of a script without spaces, made of listed ones only; -1: it is not."""
    if word.isascii():
        return -1
    bits = 0
    at = 0
    size = len(word)
    while at < size:
        if word[at] in _EDGES:
            at += 1
            continue
        if word[at] < "\u0e00":
            return -1
        length = min(_INSIDE_MAX, size - at)
        found = 0
        while length > 0:
            found = AGREE.get(word[at : at + length], 0)
            if found:
                break
            length -= 1
        if not found:
            return -1
        bits |= found
        at += length
    return bits
