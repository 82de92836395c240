"""Alike JSON objects as a table: inner objects become columns named by their path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from lynkr.wire.jsontext import dumps

_MAP_MIN = 5
_COLUMNS_MAX = 60
_DEPTH_MAX = 3
_KEY_CHARS_MAX = 40


class Table(msgspec.Struct):
    """``columns`` have a cell for each row; an absent one is empty."""

    rows: Sequence[object]
    columns: dict[str, list[str]]

    def key(self, room: int) -> str:
        """The column that tells the rows apart, if its words have room; else nothing."""
        for path, cells in self.columns.items():
            if len(cells) > 1 and len(set(cells)) > 0.95 * len(cells):
                words = not all(cell.lstrip("-").replace(".", "", 1).isdigit() for cell in cells)
                size = sum(len(cell) + 2 for cell in cells)
                if words and size <= room and max(map(len, cells)) <= _KEY_CHARS_MAX:
                    return path
        return ""


def read(rows: Sequence[object]) -> Table:
    maps = _maps(rows)
    columns: dict[str, list[str]] = {}
    for at, row in enumerate(rows):
        for path, cell in _cells(row, "", 0, maps):
            cells = columns.get(path)
            if cells is None:
                if len(columns) >= _COLUMNS_MAX:
                    continue
                cells = columns[path] = []
            if len(cells) <= at:
                cells.extend([""] * (at - len(cells)))
                cells.append(cell)
    for cells in columns.values():
        cells.extend([""] * (len(rows) - len(cells)))
    return Table(rows, columns)


def is_map(value: Mapping[str, object]) -> bool:
    """Whether keys are names of things, not fields: many, and the values are of one kind."""
    if len(value) < _MAP_MIN:
        return False
    kinds = {type(each) for each in value.values()}
    if kinds == {dict}:
        fields = [frozenset(cast("dict[str, object]", each)) for each in value.values()]
        common = len(frozenset.intersection(*fields))
        return common > 0 or len(set(fields)) * 3 <= len(fields)
    return len(kinds) == 1 and len(value) > 20 and not kinds & {list}


def _maps(rows: Sequence[object]) -> set[str]:
    """Paths of inner objects that have other keys in each row: no columns come of them."""
    keys: dict[str, set[str]] = {}
    seen: dict[str, list[int]] = {}
    for row in rows:
        level: list[tuple[str, object]] = [("", row)]
        for _ in range(_DEPTH_MAX):
            below: list[tuple[str, object]] = []
            for path, value in level:
                if isinstance(value, dict):
                    keys.setdefault(path, set()).update(value)
                    seen.setdefault(path, []).append(len(value))
                    below.extend((_joined(path, key), inner) for key, inner in value.items())
            level = below
    return {path for path, names in keys.items() if len(names) > 4 + 3 * max(seen[path])} | {
        path
        for path, names in keys.items()
        if path and len(names) > 8 and len(names) * len(seen[path]) > 3 * sum(seen[path])
    }


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _cells(value: object, path: str, depth: int, maps: set[str]) -> Iterator[tuple[str, str]]:
    """Paths and words of a row: inner objects by their keys, lists by how long they are."""
    if isinstance(value, dict) and depth < _DEPTH_MAX and value and path not in maps:
        for key, inner in list(value.items())[:_COLUMNS_MAX]:
            yield from _cells(inner, _joined(path, key), depth + 1, maps)
    elif isinstance(value, list):
        yield f"{path}[]", f"{len(value)} items"
        if value and isinstance(value[0], dict) and depth < _DEPTH_MAX:
            yield from _cells(value[0], f"{path}[0]", depth + 1, maps)
    elif isinstance(value, dict):
        yield path, f"{{{len(value)} keys}}"
    else:
        yield path, word(value)


def word(value: object) -> str:
    """A plain value as a cell."""
    if isinstance(value, str):
        return value or '""'
    return dumps(value).decode(errors="replace")
