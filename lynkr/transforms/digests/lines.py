"""The lines of a tool's output, and excerpts of them that say exactly what they leave out.

Lines have the numbers they have in the whole text, from 1, so that a reader can ask for a range.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TypeVar

import msgspec

Level = TypeVar("Level")

# Expressions see this much of a line: what takes quadratic time on it is still over at once.
HEAD_CHARS = 400
LINE_CHARS_MAX = 600
SAMPLED_LINES = 400
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,24}[ -/]{0,4}[@-~]")
_BARE = 20  # a gap of fewer characters would not be shorter when announced


class Digest(msgspec.Struct, frozen=True):
    """What is shown in place of an output: ``kind`` is what it was taken for."""

    kind: str
    text: str


class Text:
    """The body of an output as a terminal shows it: without colours and overwritten progress.

    ``first`` is the number of the first line in the whole text, ``size`` the body's length."""

    def __init__(self, body: str, first: int = 1) -> None:
        if "\x1b[" in body:
            body = _ANSI.sub("", body)
        lines = body.split("\n")
        if "\r" in body:
            lines = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
        if len(lines) > 1 and not lines[-1]:
            lines.pop()
        self.lines = lines
        self.first = first
        self.size = len(body)
        self.body = body

    @cached_property
    def heads(self) -> list[str]:
        return [line[:HEAD_CHARS] for line in self.lines]

    @cached_property
    def sample(self) -> list[str]:
        """Some lines that are not blank: the first ones, and others spread over the rest."""
        filled = [line for line in self.heads if line.strip()]
        half = SAMPLED_LINES // 2
        rest = filled[half:]
        return filled[:half] + rest[:: max(1, len(rest) // half)]

    @property
    def budget(self) -> int:
        """Characters that a digest should take where that is a question of more or less."""
        return max(1400, min(self.size * 27 // 100, 20_000))

    def room(self, floor: int) -> int:
        """The budget of what is worth more: ``floor`` at least, but half of the text at most."""
        return max(self.budget, min(floor, self.size // 2))

    def share(self, expression: re.Pattern[str]) -> float:
        """How much of the sample matches, 0 to 1."""
        sample = self.sample
        return sum(1 for line in sample if expression.match(line)) / max(1, len(sample))

    def number(self, index: int) -> int:
        return index + self.first


def clipped(line: str, length_max: int = LINE_CHARS_MAX) -> str:
    if len(line) <= length_max:
        return line
    kept = length_max * 2 // 3
    return f"{line[:kept]} ... [{len(line) - kept} characters of this line left out]"


def spans(numbers: Iterable[int]) -> str:
    """``1, 4-7, 9`` for ascending numbers."""
    out: list[str] = []
    start = end = -1
    for number in numbers:
        if number == end + 1 and out:
            end = number
            out[-1] = f"{start}-{end}"
        elif number != end or not out:
            start = end = number
            out.append(str(number))
    return ", ".join(out)


def tally(tags: Iterable[str], most: int = 4) -> str:
    """``358 passed, 3 skipped``; tags that are empty do not count."""
    counts = Counter(tag for tag in tags if tag)
    return ", ".join(f"{count} {tag}" for tag, count in counts.most_common(most))


class Excerpt:
    """Lines of a text kept word for word. A ``tag`` says what a line is that may be left out."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.kept = bytearray(len(text.lines))
        self.tags: dict[int, str] = {}
        self.suffixes: dict[int, str] = {}  # said behind a kept line

    def keep(self, start: int, stop: int | None = None) -> None:
        for index in range(start, min(start + 1 if stop is None else stop, len(self.kept))):
            self.kept[index] = 1

    def keep_all(self, indexes: Iterable[int]) -> None:
        for index in indexes:
            self.kept[index] = 1

    def ends(self, head: int, tail: int) -> None:
        """Keeps so many lines of the beginning and of the end."""
        self.keep(0, head)
        self.keep(max(0, len(self.kept) - tail), len(self.kept))

    def render(self, length_max: int = LINE_CHARS_MAX) -> str:
        lines, kept = self.text.lines, self.kept
        out: list[str] = []
        announced = False
        at, total = 0, len(lines)
        while at < total:
            if kept[at]:
                out.append(clipped(lines[at], length_max) + self.suffixes.get(at, ""))
                at += 1
                continue
            end = kept.find(1, at)
            end = total if end < 0 else end
            size = 0
            for index in range(at, end):
                size += len(lines[index]) + 1
                if size > _BARE:
                    break
            if size <= _BARE:
                out.extend(lines[at:end])
            else:
                out.append(self._gap(at, end, full=not announced))
                announced = True
            at = end
        return "\n".join(out)

    def _gap(self, start: int, end: int, *, full: bool) -> str:
        first, last = self.text.number(start), self.text.number(end - 1)
        where = str(first) if first == last else f"{first}-{last}"
        if full:
            where = f"line{'' if first == last else 's'} {where} left out"
        reason = tally(self.tags.get(index, "") for index in range(start, end))
        return f"... {where} ({reason})" if reason else f"... {where}"


def fitting(levels: Sequence[Level], write: Callable[[Level], str], budget: int) -> str:
    """The richest that fits the budget; where none does, the leanest. The next level is passed
    over where one is far too long, so that a large text is not written a dozen times."""
    at, last = 0, len(levels) - 1
    while True:
        written = write(levels[at])
        if len(written) <= budget or at == last:
            return written
        at = min(last, at + (2 if len(written) > 8 * budget else 1))
