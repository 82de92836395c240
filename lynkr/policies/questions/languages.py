"""Which language a question is in: by its script, and by small words where that is Latin.

English is what the vectors and the guard understand, so doubt goes against it only on evidence.
"""

from __future__ import annotations

from lynkr.policies.questions.tokens import WORD, Token
from lynkr.policies.questions.vocabulary import KINDS, SMALL_WORDS, STOP

# First and last code point of blocks that tell a language, or a script where many share it.
_SCRIPTS = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0E00, 0x0E7F, "th"),
    (0x3040, 0x30FF, "ja"),
    (0x3400, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
)
_CHARS_MAX = 4000  # of a text that are looked at


def language_of(text: str, found: list[Token]) -> str:
    """The tag of a text's language; "" if there are no letters or they are of many scripts."""
    if not text.isascii():
        tag = _by_script(text[:_CHARS_MAX])
        if tag != "latin":
            return tag
    words = 0
    english = 0
    counts: dict[str, int] = {}
    for token in found:
        if token.kind != WORD:
            continue
        words += 1
        if KINDS.get(token.low, 0) & STOP:
            english += 1
        for tag in SMALL_WORDS.get(token.low, ()):
            counts[tag] = counts.get(tag, 0) + 1
    if not words:
        return "en" if any(char.isalpha() for char in text[:_CHARS_MAX]) else ""
    best, most = "en", english
    for tag, count in counts.items():
        if count > most:
            best, most = tag, count
    return best


def _by_script(text: str) -> str:
    counts: dict[str, int] = {}
    letters = 0
    for char in text:
        if not char.isalpha():
            continue
        letters += 1
        code = ord(char)
        if code < 0x0370:
            continue
        tag = "other"
        for first, last, name in _SCRIPTS:
            if first <= code <= last:
                tag = name
                break
        counts[tag] = counts.get(tag, 0) + 1
    if not letters:
        return ""
    foreign = sum(counts.values())
    if foreign * 10 <= letters:
        return "latin"
    if "ja" in counts:
        return "ja"
    tag = max(counts, key=lambda name: counts[name])
    return tag if tag != "other" and counts[tag] * 2 > letters else ""
