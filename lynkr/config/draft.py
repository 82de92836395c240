"""The configuration while it is being put together.

A draft is the tree of plain values, the knowledge of where each came from (a line of the file, a
variable, a flag) and the list of everything wrong with it. It is the one place where a value is
rendered for a message, and so the one place that keeps secrets out of messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

import msgspec

from lynkr.config.positions import KeyPath, dotted, positions
from lynkr.errors import Problem

SHOWN_CHARS_MAX = 80  # a longer value is cut; the line number finds the rest

_SECRET_NAMES = {
    "api_key",
    "api_keys",
    "digest",
    "database_url",
    "shared_url",
    "headers",
    "encryption_key",
}
_SECRET_WORDS = ("password", "secret")
_URL_NAMES = {"base_url", "proxy"}
_ONLY_REFERENCES = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})+")


class Draft:
    """Values, their origins and their problems."""

    def __init__(self, tree: dict[str, object], file: str = "", source: str = "") -> None:
        self.tree = tree  # as written: references to variables are not expanded here
        self.file = file
        self.source = source
        self.origins: dict[KeyPath, str] = {}  # what was set by a variable or a flag, and by which
        self.problems: list[Problem] = []
        self.broken: set[KeyPath] = set()
        self._lines: dict[KeyPath, int] | None = None

    def report(self, path: KeyPath, reason: str, fix: str = "", *, show: bool = True) -> None:
        """Adds a problem. ``show`` is false where the value may be a secret under a wrong name."""
        setter = self.setter(path)
        line = 0 if setter else self.line(path)
        self.problems.append(
            Problem(
                key=dotted(path),
                reason=f"{reason} (set by {setter})" if setter else reason,
                fix=fix,
                value=shown(path, self.at(path)) if show else "",
                file="" if setter else self.file,
                line=line,
            )
        )
        self.broken.add(path)

    def placed(self, problem: Problem) -> Problem:
        """A problem that was found later, elsewhere, with its place filled in."""
        path: KeyPath = tuple(problem.key.split("."))  # no name in the tree may hold a dot
        if setter := self.setter(path):
            reason = f"{problem.reason} (set by {setter})"
            return msgspec.structs.replace(problem, reason=reason)
        return msgspec.structs.replace(problem, file=self.file, line=self.line(path))

    def is_broken(self, paths: Collection[KeyPath]) -> bool:
        """Whether any of these, or a table around it, has a problem already."""
        return any(
            path[:length] in self.broken for path in paths for length in range(1, len(path) + 1)
        )

    def setter(self, path: KeyPath) -> str:
        """The variable or flag that set this value or the one around it; "" if the file did."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return ""

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the nearest table around it; 0 if the file has neither."""
        if self._lines is None:
            self._lines = positions(self.source)
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 0

    def at(self, path: KeyPath) -> object:
        value: object = self.tree
        for part in path:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part] if part < len(value) else None
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    def put(self, path: KeyPath, value: object, setter: str) -> None:
        """Sets a value over whatever the file says, making the tables on the way."""
        table: object = self.tree
        for part in path[:-1]:
            if not isinstance(table, dict):
                return  # the file has no table here; that is reported when the types are checked
            table = table.setdefault(part, {})
        if isinstance(table, dict):
            table[path[-1]] = value
            self.origins[path] = setter


def shown(path: KeyPath, value: object) -> str:
    """A value for a message: no tables, no lists, no secrets, no credentials in addresses."""
    if value is None or isinstance(value, dict | list):
        return ""
    if is_secret(path):
        return json.dumps(value) if only_references(value) else '"***"'
    if isinstance(value, str) and path[-1] in _URL_NAMES:
        value = re.sub(r"^([^@]*?//)?.*@", r"\1***@", value, flags=re.DOTALL)
        value = re.sub(r"[?#].+", "?***", value, flags=re.DOTALL)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "…"


def only_references(value: object) -> bool:
    """Whether a value as written is nothing but ``${NAME}``, which gives nothing away."""
    return isinstance(value, str) and _ONLY_REFERENCES.fullmatch(value) is not None


def is_secret(path: KeyPath) -> bool:
    names = [part.lower() for part in path if isinstance(part, str)]
    return any(
        name in _SECRET_NAMES or any(word in name for word in _SECRET_WORDS) for name in names
    )
