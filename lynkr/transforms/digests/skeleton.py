"""Large JSON: its structure, with columns of alike objects summed up, samples, and rows that sound
like trouble."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from lynkr.transforms.digests.columns import notable, short, summary
from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.diagnostics import of_json
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped, fitting
from lynkr.transforms.digests.plain import ends
from lynkr.transforms.digests.rows import Table, is_map, read, word
from lynkr.wire.jsontext import dumps, loads

_ALIKE_MIN = 5  # so many lines of JSON are a list
_DEPTH_MAX = 6
_BUDGET_MAX = 6000
_WARNINGS_MAX = 6
_DECODER = json.JSONDecoder()


class _Room(msgspec.Struct, frozen=True):
    """How much is said: characters of a string, rows, names of keys, rows that sound like trouble,
    characters of the names of all rows."""

    string: int
    rows: int
    keys: int
    alarms: int
    names: int


_ROOMS = (
    _Room(240, 2, 60, 20, 1500),
    _Room(120, 2, 40, 10, 800),
    _Room(60, 1, 24, 5, 0),
    _Room(30, 0, 12, 2, 0),
)


def _shape(text: Text, hint: Hint) -> float:
    return 0.8 if _opening(text) >= 0 else 0.0


def _opening(text: Text) -> int:
    """The line where JSON begins, behind warnings if there are any."""
    for at, line in enumerate(text.heads[:_WARNINGS_MAX]):
        if line[:1] in ("{", "[") and not line.startswith(("[debug", "[info", "[warn", "[error")):
            return at
    return -1


def _value(text: Text) -> object:
    """The JSON of the whole text, or of its lines as one list. Raises ``ValueError``."""
    try:
        return loads(text.body)
    except ValueError:
        lines = [line for line in text.lines if line.strip()]
        if len(lines) < _ALIKE_MIN or not all(line[0] in "{[" for line in lines):
            raise
        return [loads(line) for line in lines]


def _write(text: Text, hint: Hint) -> Digest | None:
    opening = _opening(text)
    if opening > 0:
        inner = _write(Text("\n".join(text.lines[opening:]), text.number(opening)), hint)
        before = "\n".join(text.lines[:opening])
        return inner and Digest(inner.kind, f"{before}\n{inner.text}")
    try:
        value = _value(text)
    except ValueError:
        return _beginning(text)
    if not isinstance(value, dict | list):
        return None
    found = of_json(value, text.budget)
    if found:
        return Digest("diagnostics", found)
    heading = f"[JSON of {len(text.lines)} lines, {text.size} characters: structure and samples]"
    return Digest("json", f"{heading}\n{_structure(value, min(text.budget, _BUDGET_MAX))}")


def _structure(value: object, budget: int) -> str:
    def write(room: _Room) -> str:
        # A third of the budget at most for the names of rows.
        room = msgspec.structs.replace(room, names=min(room.names, budget // 3))
        return "\n".join(_told("", value, room, 0))

    return fitting(_ROOMS, write, budget)


def _beginning(text: Text) -> Digest | None:
    """JSON with something behind it: of commands one after the other."""
    start = len(text.body) - len(text.body.lstrip())
    try:
        value, end = _DECODER.raw_decode(text.body, start)
    except (ValueError, RecursionError):
        return None
    lines = text.body.count("\n", 0, end) + 1
    rest = text.body[end:].lstrip(" \t\r").removeprefix("\n")
    if not isinstance(value, dict | list) or lines < _ALIKE_MIN or not rest.strip():
        return None
    try:
        compact = dumps(value).decode(errors="replace")
    except (ValueError, RecursionError):
        return None
    if len(compact) > 1500:
        compact = _structure(value, max(1000, text.budget // 2))
    behind = ends(Text(rest, text.number(lines)))
    first, last = text.number(0), text.number(lines - 1)
    return Digest("json", f"[JSON of lines {first}-{last}:]\n{compact}\n{behind}")


def _told(name: str, value: object, room: _Room, depth: int) -> Iterator[str]:
    """A value in lines; ``name`` is written before it."""
    indent = " " * depth
    label = f"{indent}{name}: " if name else indent
    if isinstance(value, dict):
        yield from _object(label, cast("dict[str, object]", value), room, depth)
    elif isinstance(value, list):
        yield from _array(label, value, room, depth)
    else:
        yield label + _scalar(value, room)


def _object(label: str, value: dict[str, object], room: _Room, depth: int) -> Iterator[str]:
    compact = dumps(value).decode(errors="replace") if _small(value) else ""
    if compact and len(compact) <= room.string:
        yield label + compact
        return
    if is_map(value):
        names = list(value)
        table = read(list(value.values()))
        yield f"{label}{{{len(names)} keys, alike}} {_pairs(names, table, room)}"
        yield from _table(table, room, depth + 1, names)
        return
    yield f"{label}{{{len(value)} keys}}"
    if depth >= _DEPTH_MAX:
        return
    for at, (key, inner) in enumerate(value.items()):
        if at >= room.keys:
            yield f"{' ' * depth} ... {_named(list(value)[at:], room)}"
            return
        yield from _told(short(key), inner, room, depth + 1)


def _array(label: str, value: list[object], room: _Room, depth: int) -> Iterator[str]:
    if all(isinstance(each, dict) for each in value) and len(value) > 1:
        yield f"{label}[{len(value)} objects]"
        yield from _table(read(value), room, depth + 1, None)
        return
    if all(not isinstance(each, dict | list) for each in value):
        words = [word(each) for each in value]
        compact = ", ".join(words)
        if len(compact) <= room.string:
            yield f"{label}[{compact}]"
        else:
            yield f"{label}[{len(words)} values] {summary(words, samples=4)}"
        return
    yield f"{label}[{len(value)} values]"
    if depth < _DEPTH_MAX:
        for each in value[: max(1, room.rows)]:
            yield from _told("-", each, room, depth + 1)


def _table(table: Table, room: _Room, depth: int, names: list[str] | None) -> Iterator[str]:
    """Columns of alike objects, some rows, and those that sound like trouble."""
    indent = " " * depth
    rows = table.rows
    listed = "" if names else table.key(room.names)
    for path, cells in table.columns.items():
        if path == listed:
            yield f"{indent}{path} of each row: {', '.join(cells)}"
        elif path or not names:
            samples = 0 if room.rows > 1 else 2 * room.rows
            yield f"{indent}{path or 'value'}: {summary(cells, samples=samples)}"
    shown = list(range(min(room.rows, len(rows))))
    shown += notable(list(table.columns.values()), room.alarms)
    if room.rows > 1:
        shown.append(len(rows) - 1)
    for at in sorted(set(shown)):
        compact = dumps(rows[at]).decode(errors="replace")
        name = names[at] if names else f"row {at + 1}"
        yield f"{indent}{name}: {clipped(compact, room.string * 2)}"


def _pairs(names: list[str], table: Table, room: _Room) -> str:
    """The keys of a map, with the first plain value of each where there is one."""
    first = next(iter(table.columns.values()), [])
    if not first or not all(first) or max(map(len, first)) > 40:
        return _named(names, room)
    pairs = [f"{name} {value}" for name, value in zip(names, first, strict=True)]
    return _named(pairs, room)


def _small(value: Mapping[str, object]) -> bool:
    return len(value) <= 12 and not any(isinstance(each, dict | list) for each in value.values())


def _named(names: list[str], room: _Room) -> str:
    shown = ", ".join(short(name) for name in names[: room.keys])
    rest = len(names) - room.keys
    return f"{shown} and {rest} more" if rest > 0 else shown


def _scalar(value: object, room: _Room) -> str:
    if isinstance(value, str):
        rest = len(value) - room.string
        text = dumps(value[: room.string]).decode(errors="replace")
        return f"{text} and {rest} characters more" if rest > 0 else text
    return dumps(value).decode()


FAMILY = Family(
    names("jq, curl, cat, npm ls, npm list, kubectl get, pip list, gh api"),
    _shape,
    _write,
)
