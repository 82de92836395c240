"""Diffs, of git and plain ones: all files and hunk headers stay, then as many changed lines as the
budget allows, evenly over the hunks; context goes first."""

from __future__ import annotations

import re

import msgspec

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Excerpt, Text, fitting

CHANGED_CHARS_MAX = 200
# Changed lines of each hunk; 100,000 is all of them.
_CAPS = (100_000, 24, 12, 6, 3, 1, 0)
_GENERATED_LINES_MAX = 20
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_COMBINED = re.compile(r"@@@+ -\d")
_FILE = re.compile(r"diff --git |diff --cc |diff -[a-zA-Z]|Index: |Only in ")
_STAYS = re.compile(
    r"(?:new file|deleted file|old mode|new mode|rename |copy |Binary files|GIT binary|Merge: )"
)
_COMMIT = re.compile(r"(?:commit [0-9a-f]{7,64}\b|Author: |AuthorDate: |Date: |Tag(?:ger)?: |tag )")
_GENERATED = re.compile(
    r"(?:lock\.json|\.lock|lock\.yaml|-lock\.\w+|go\.sum|\.min\.(?:js|css)|\.map|\.snap|\.svg"
    r"|\.ipynb|\.csv|/(?:dist|vendor|node_modules)/.{0,200})$"
)
_MESSAGE_LINES = 8


class _Hunk(msgspec.Struct):
    index: int
    changed: list[int]
    generated: bool


class _Reading:
    """Which lines are what, in one pass."""

    def __init__(self, text: Text) -> None:
        self.stays: list[int] = []
        self.hunks: list[_Hunk] = []
        self.files: dict[int, list[int]] = {}  # header -> [added, removed]
        self._old = self._new = 0
        self._open = -1
        self._generated = self._inside = False
        self._message = 0
        for index, line in enumerate(text.heads):
            if (self._old > 0 or self._new > 0) and self._change(index, line[:1]):
                continue
            self._header(index, line)

    def _change(self, index: int, mark: str) -> bool:
        if mark == "+":
            self._new -= 1
        elif mark == "-":
            self._old -= 1
        elif mark in (" ", "", "\\", "\t"):
            if mark != "\\":
                self._old -= 1
                self._new -= 1
            return True
        else:
            return False
        self.hunks[-1].changed.append(index)
        if self._open >= 0:
            self.files[self._open][mark == "-"] += 1
        return True

    def _header(self, index: int, line: str) -> None:
        hunk = _HUNK.match(line)
        if hunk or _COMBINED.match(line):
            self.stays.append(index)
            self.hunks.append(_Hunk(index, [], self._generated))
            self._old = int(hunk[1] or 1) if hunk else 0
            self._new = int(hunk[2] or 1) if hunk else 0
            return
        self._old = self._new = 0
        if _FILE.match(line):
            self._file(index, line)
        elif line.startswith(("--- ", "+++ ")):
            if not self._inside or self._open < 0:
                if line.startswith("--- "):
                    self._file(index, line, inside=False)
                self.stays.append(index)
        elif _COMMIT.match(line):
            self.stays.append(index)
            self._inside, self._open, self._message = False, -1, _MESSAGE_LINES
        elif _STAYS.match(line):
            self.stays.append(index)
        elif not self._inside and line.strip() and (self._message or not self.files):
            self.stays.append(index)
            self._message = max(0, self._message - 1)
        elif self.hunks and line[:1] in "+-" and line[:1]:
            self.hunks[-1].changed.append(index)  # of a combined diff, which counts differently

    def _file(self, index: int, line: str, *, inside: bool = True) -> None:
        self.stays.append(index)
        self.files[index] = [0, 0]
        self._open, self._inside = index, inside
        self._generated = _GENERATED.search(line.rstrip()) is not None


def _shape(text: Text, hint: Hint) -> float:
    hunks = files = 0
    for line in text.heads:
        if line.startswith("@@ -"):
            hunks += 1
        elif line.startswith(("diff --git ", "+++ ")):
            files += 1
    if not hunks or not files:
        return 0.0
    first = next((line for line in text.sample[:1]), "")
    starts = first.startswith(("diff ", "--- ", "Index: ")) or _COMMIT.match(first)
    return 1.0 if starts else min(0.8, 20 * hunks / len(text.heads))


def _write(text: Text, hint: Hint) -> Digest | None:
    reading = _Reading(text)
    if not reading.hunks:
        return None

    def write(cap: int) -> str:
        return _excerpt(text, reading, cap).render(CHANGED_CHARS_MAX)

    return Digest("diff", fitting(_CAPS, write, text.room(5000)))


def _excerpt(text: Text, reading: _Reading, cap: int) -> Excerpt:
    excerpt = Excerpt(text)
    excerpt.keep_all(reading.stays)
    for hunk in reading.hunks:
        most = cap
        if hunk.generated and len(hunk.changed) > _GENERATED_LINES_MAX:
            most = 0
        excerpt.keep_all(hunk.changed[:most])
        for index in hunk.changed[most:]:
            excerpt.tags[index] = "changed"
    for index, (added, removed) in reading.files.items():
        excerpt.suffixes[index] = f"  (+{added} -{removed})"
    return excerpt


FAMILY = Family(
    names("git diff, git show, git log, git stash, git format-patch, diff, gh pr"),
    _shape,
    _write,
)
