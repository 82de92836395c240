"""The slow, obvious twin of the compiled reader of tools' words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

WORD_MAX = 64
RUN_MAX = 32
_RUN = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
_PART = re.compile(rb"[A-Z]+(?![a-z\x80-\xff])|[A-Z]?[a-z\x80-\xff]+|[0-9]+")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)("?)|[}\]]', re.DOTALL)
_ESCAPE = re.compile(rb"\\u.{0,4}|\\.", re.DOTALL)  # cut short only where the schema is
_COLON = re.compile(rb"[ \n\r\t]*:")
_IDENTIFIER = re.compile(rb"\\.|[A-Za-z0-9\x80-\xff_.-]+", re.DOTALL)
_TEXTS = (b"description", b"title", b"enum", b"const")


def hashed(word: bytes) -> int:
    """64-bit FNV-1a."""
    value = 14695981039346656037
    for byte in word:
        value = ((value ^ byte) * 1099511628211) % 2**64
    return value or 1


def _undoubled(word: bytes) -> bytes:
    if len(word) > 3 and word[-1] == word[-2] and word[-1:] not in b"lsz":
        return word[:-1]
    return word


def _vowel(word: bytes) -> bool:
    return any(letter in b"aeiouy" for letter in word)


def stem(word: bytes) -> bytes:
    if len(word) > 4 and word.endswith((b"ies", b"ied")):
        word = word[:-3] + b"y"
    elif len(word) > 4 and word.endswith(b"sses"):
        word = word[:-2]
    elif len(word) > 3 and word.endswith(b"s") and not word.endswith((b"ss", b"us", b"is")):
        word = word[:-1]
    if len(word) > 7 and word.endswith(b"ation"):
        word = word[:-3]
    elif len(word) > 6 and word.endswith(b"ator"):
        word = word[:-2]
    elif len(word) > 5 and word.endswith(b"ing") and _vowel(word[:-3]):
        word = _undoubled(word[:-3])
    elif len(word) > 6 and word.endswith(b"ion"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith(b"ed") and word[-3:-2] != b"e" and _vowel(word[:-2]):
        word = _undoubled(word[:-2])
    elif len(word) > 5 and word.endswith(b"ly"):
        word = word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith(b"e") else word


def words(data: bytes) -> list[bytes]:
    """The words of a text, lowered, not yet stemmed."""
    found: list[bytes] = []
    for run in _RUN.findall(data):
        parts = _PART.findall(run)
        found += parts
        if len(parts) > 1 and len(run) <= RUN_MAX:
            found.append(run)
    return [word[:WORD_MAX].lower() for word in found]


class Lexicon:
    def __init__(
        self, stop: Iterable[str], alike: Iterable[Iterable[str]], schema_words: Iterable[bytes]
    ) -> None:
        self.stop = {word.encode() for word in stop}
        self.schema_words = set(schema_words)
        self.alike: dict[int, set[int]] = {}
        for group in alike:
            keys = [hashed(stem(word.encode())) for word in group]
            for key in keys:
                self.alike.setdefault(key, set()).update(keys)

    def stems(self, text: str) -> list[str]:
        data = text.encode("utf-8", "replace")
        return [stem(word).decode("utf-8", "replace") for word in words(data)]

    def keys(self, data: bytes) -> list[int]:
        return [hashed(stem(word)) for word in words(data) if word not in self.stop]

    def tool(self, name: str, description: str, schema: str) -> dict[int, int]:
        """Each word's hash with its field, in the order in which they were found."""
        found: dict[int, int] = {}
        for field, text in enumerate((name, description)):
            for key in self.keys(text.encode("utf-8", "replace")):
                found.setdefault(key, field)
        belongs = 0
        data = schema.encode("utf-8", "replace")
        for token in _STRING.finditer(data):
            if token[1] is None:
                belongs = 0
            elif token[2] and _COLON.match(data, token.end()):
                belongs = 3 if token[1] in _TEXTS else 0
                if token[1] not in self.schema_words:
                    belongs = 0
                    for key in self.keys(token[1]):
                        found.setdefault(key, 2)
            elif belongs:
                for piece in _ESCAPE.split(token[1]):
                    for key in self.keys(piece):
                        found.setdefault(key, 3)
        return found

    def overlaps(
        self, tools: list[dict[int, int]], ask: str, before: str
    ) -> list[tuple[float, ...]]:
        weights = dict.fromkeys(self.keys(ask.encode("utf-8", "replace")), 1.0)
        for key in list(weights):
            for other in self.alike.get(key, ()):
                weights.setdefault(other, 0.5)
        earlier = set(self.keys(before.encode("utf-8", "replace")))
        rows = []
        for tool in tools:
            sums, whole, past = [0.0] * 4, 0.0, 0.0
            for key, field in tool.items():
                idf = math.log(1 + (len(tools) + 0.5) / sum(key in other for other in tools))
                sums[field] += weights.get(key, 0.0) * idf
                whole += idf if field == 0 else 0
                past += idf if field < 2 and key in earlier else 0
            share = sums[0] / whole if whole else 0.0
            rows.append((share, *map(math.log1p, sums), math.log1p(past)))
        return rows

    def named(self, text: str, names: frozenset[str]) -> set[str]:
        found = _IDENTIFIER.findall(text.encode("utf-8", "replace"))
        return {word.rstrip(b".").decode("utf-8", "replace") for word in found} & names
