"""Where each key of a TOML file stands, so that a complaint can name its line.

``tomllib`` gives values without positions. This scanner gives positions without values: it runs
only over text that ``tomllib`` has already accepted, so it checks nothing, and only when there is
something to complain about.
"""

from __future__ import annotations

import bisect
import json
import re
import tomllib

KeyPath = tuple[str | int, ...]  # ("auth", "keys", 0, "digest")

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\n]+")
# A multi-line string may end in up to two quotes of its own before the three that close it.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def dotted(path: KeyPath) -> str:
    """A path as an operator would write it: ``auth.keys[0].digest``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def positions(source: str) -> dict[KeyPath, int]:
    """The 1-based line of every table, key and list item of ``source``, which is valid TOML."""
    scanner = _Scanner(source)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, source: str) -> None:
        self.text = source
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.newlines = [match.start() for match in re.finditer("\n", source)]
        self.array_lengths: dict[KeyPath, int] = {}  # arrays of tables met so far

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self.take(_BLANK)
            if self.at == len(self.text):
                return
            line = self.line()
            if self.text.startswith("[[", self.at):
                self.at += 2
                table = self.next_of_array(self.names(), line)
                self.at += 2
            elif self.text[self.at] == "[":
                self.at += 1
                table = self.inside(self.names(), line)
                self.lines[table] = line  # its own header, not that of a table below it
                self.at += 1
            else:
                self.pair(table)

    def next_of_array(self, names: list[str], line: int) -> KeyPath:
        array: KeyPath = (*self.inside(names[:-1], line), names[-1])
        index = self.array_lengths.get(array, 0)
        self.array_lengths[array] = index + 1
        self.lines.setdefault(array, line)
        self.lines[*array, index] = line
        return (*array, index)

    def inside(self, names: list[str], line: int) -> KeyPath:
        """The table that a header names; a name that is an array of tables means its last entry."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            self.lines.setdefault(path, line)
            if path in self.array_lengths:
                path = (*path, self.array_lengths[path] - 1)
        return path

    def pair(self, path: KeyPath) -> None:
        line = self.line()
        for name in self.names():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self.take(_SPACE)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.at += 1
            index = 0
            while not self.closes("]"):
                self.lines[*path, index] = self.line()
                self.value((*path, index))
                index += 1
        elif opening == "{":
            self.at += 1
            while not self.closes("}"):
                self.pair(path)
        else:
            self.take(_STRING if opening in "\"'" else _SCALAR)

    def closes(self, bracket: str) -> bool:
        """Steps over blanks, a comma and the bracket; true when the bracket was there."""
        self.take(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self.take(_BLANK)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def names(self) -> list[str]:
        """A dotted key, with the blanks around it."""
        names: list[str] = []
        while True:
            self.take(_SPACE)
            if self.text[self.at] in "\"'":
                names.append(tomllib.loads(f"name = {self.take(_STRING)}")["name"])
            else:
                names.append(self.take(_BARE))
            self.take(_SPACE)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None, (pattern.pattern, self.line())
        self.at = match.end()
        return match[0]

    def line(self) -> int:
        return bisect.bisect_left(self.newlines, self.at) + 1
