"""Logs: lines that say the same are counted, with the first of them; errors stay, each of its kind.

Of access logs every request that was not answered with 2xx stays once, with how often it came.
"""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from lynkr.transforms.digests.alarms import is_error, is_warning, masked, unstamped
from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped, fitting, spans

_ACCESS = re.compile(
    r".{0,200}?\"(?P<method>[A-Z]{3,10}) (?P<path>.{0,300}?)(?: HTTP/[\d.]+)?\" (?P<status>\d{3})\b"
)
_STAMPED = re.compile(
    r".{0,40}?(?:\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d|\d\d:\d\d:\d\d|\w{3} [ \d]\d \d\d:\d\d:\d\d"
    r"|\d\d/\w{3}/\d{4}[: ]\d\d:\d\d)|\[?\s*\d{1,9}\.\d{3,9}\]?\s|\d{10,13}[\s.]"
)
_LEVEL = re.compile(r"\b(?:DEBUG|TRACE|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b")
_MASK = re.compile(
    r"\"[^\"]{0,200}\"|'[^']{0,200}'|\b[0-9a-fA-F-]{8,64}\b|0x[0-9a-fA-F]+|\d[\d.:]*"
    r"|(?<=[=:/ ])/[^\s]{1,200}"
)
_LINES_MIN = 20
_TRACE_LINES = 8


def _shape(text: Text, hint: Hint) -> float:
    if len(text.sample) < _LINES_MIN:
        return 0.0
    return max(text.share(_ACCESS), text.share(_STAMPED))


class _Line(msgspec.Struct):
    """``told`` is the line without its time; of a request ``method`` and ``status`` too, and the
    path as ``told``. ``loose``: without a time, and indented: a trace below what it belongs to."""

    index: int
    told: str
    bad: bool
    method: str = ""
    status: str = ""
    loose: bool = False


def _write(text: Text, hint: Hint) -> Digest | None:
    access = text.share(_ACCESS) > 0.5
    lines = [_read(at, line, access) for at, line in enumerate(text.heads) if line.strip()]

    def write(level: int) -> str:
        return "\n".join([*heading, *_folded(text, lines, level), *ending])

    heading = _heading(text)
    ending = _paths(lines) if access else []
    return Digest("access log" if access else "log", fitting((0, 1, 2, 3), write, text.budget))


def _read(at: int, line: str, access: bool) -> _Line:
    found = _ACCESS.match(line) if access else None
    if found:
        status = found["status"]
        return _Line(at, found["path"], status[0] != "2", found["method"], status)
    loose = line[:1].isspace() and not _STAMPED.match(line)
    return _Line(at, unstamped(line), is_error(line) or is_warning(line), loose=loose)


def _folded(text: Text, read: list[_Line], level: int) -> list[str]:
    """``level`` 0 keeps errors that differ in anything but the time; higher ones in more than
    numbers; the highest only the most frequent kinds of harmless lines."""
    groups: dict[str, list[int]] = {}
    alarming: set[str] = set()
    after = -1
    for line in read:
        if line.loose and 0 <= after < _TRACE_LINES:
            after += 1
            key, bad = f"trace {line.index}", True
        else:
            key, bad = _kind(line, level)
            after = 0 if bad and level < 2 else -1
        if bad:
            alarming.add(key)
        groups.setdefault(key, []).append(line.index)
    harmless = [key for key in groups if key not in alarming]
    most = (100_000, 60, 30, 10)[level]
    usual = set(sorted(harmless, key=lambda key: -len(groups[key]))[:most])
    out = []
    left = 0
    for key, lines in groups.items():
        if key in alarming or key in usual:
            out.append(_said(text, lines, 160 if key in usual else 400))
        else:
            left += len(lines)
    if left:
        out.append(f"... {left} lines of {len(harmless) - len(usual)} other kinds left out")
    return out


def _kind(line: _Line, level: int) -> tuple[str, bool]:
    """What lines have in common that are told as one, and whether they are trouble."""
    if line.status:
        good = not line.bad or (level > 1 and line.status[0] == "3")
        if good or level > 2:
            return f"{line.method} {line.status}", not good
        return f"{line.method} {masked(line.told) if level else line.told} {line.status}", True
    if line.bad:
        return masked(line.told) if level else line.told, True
    return _MASK.sub("#", line.told)[: (400, 200, 60, 24)[level]], False


def _heading(text: Text) -> list[str]:
    first, last = text.lines[0], text.lines[-1]
    levels = Counter(found[0] for line in text.heads if (found := _LEVEL.search(line, 0, 120)))
    counts = ", ".join(f"{count} {name}" for name, count in levels.most_common(6))
    return [
        f"[log of {len(text.lines)} lines; of lines that say the same the first, with count and"
        f" lines]{' ' + counts if counts else ''}",
        f"from: {clipped(first, 120)}",
        f"to: {clipped(last, 120)}",
    ]


def _said(text: Text, lines: list[int], length_max: int) -> str:
    said = clipped(text.lines[lines[0]], length_max)
    first, last = text.number(lines[0]), text.number(lines[-1])
    if len(lines) == 1:
        return f"{first}: {said}"
    where = f"{first}..{last}" if len(lines) > 4 else spans(text.number(at) for at in lines)
    return f"{where} ({len(lines)}x): {said}"


def _paths(lines: list[_Line]) -> list[str]:
    """What was asked for most, of requests that went well."""
    paths = Counter(line.told.partition("?")[0] for line in lines if line.status and not line.bad)
    folders = Counter("/".join(path.split("/")[:2]) for path in paths.elements())
    said = ", ".join(f"{clipped(path, 100)} {count}" for path, count in paths.most_common(8))
    under = ", ".join(f"{clipped(path, 60)} {count}" for path, count in folders.most_common(8))
    return [f"2xx, {len(paths)} paths, most often: {said}", f"2xx below: {under}"] if paths else []


FAMILY = Family(
    names(
        "cat, tail, journalctl, docker logs, kubectl logs, podman logs, dmesg, docker compose, "
        "less, gh run"
    ),
    _shape,
    _write,
    0.8,
)
