"""Tables of programs: what each column holds, the first and last rows, and rows that sound like
trouble."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from lynkr.transforms.digests.alarms import is_error
from lynkr.transforms.digests.columns import notable, summary
from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped, fitting, spans

_ROWS_MIN = 12
_COLUMNS_MAX = 24
_BORDER = re.compile(r"[\s|+│┌├└─┬┼┴┐┤┘═╪╔╠╚╞:=-]{3,}$")
_PIPED = re.compile(r"\s*[|│].{0,390}")
_GAP = re.compile(r"\s{2,}|\t")
_CAPITALS = re.compile(r"%?[A-Z][A-Z0-9%()/_+-]*$")
_IMPORTS = re.compile(r"import time:\s+(\d+|self \[us\]) \|\s+(\d+|cumulative) \| (\s*)(\S.*)")
_PREAMBLE_MAX = 8

Cells = Callable[[str], list[str]]


def _piped(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|│").replace("│", "|").split("|")]


def _spaced(line: str) -> list[str]:
    return [cell for cell in _GAP.split(line.strip()) if cell]


def _comma(line: str) -> list[str]:
    return line.split(",")


def _reading(text: Text, hint: Hint) -> tuple[Cells, int] | None:
    """How cells are told apart, and the line of the header; ``None`` if it is no table."""
    sample = text.sample
    if len(sample) < _ROWS_MIN:
        return None
    if text.share(_PIPED) > 0.85 and _even(sample, _piped, 0.85):
        return _piped, _first(text, lambda line: bool(_PIPED.match(line)))
    capitals = next((at for at, line in enumerate(text.heads[:3]) if _is_header(line)), -1)
    if capitals >= 0:
        width = len(text.heads[capitals].split())
        words = [line.split(None, width - 1) for line in sample]
        if len(_spaced(text.heads[capitals])) == _usual(sample, _spaced):
            return _spaced, capitals
        if sum(1 for cells in words if len(cells) >= width) > 0.9 * len(words):
            return (lambda line: line.split(None, width - 1)), capitals
    if _even(sample, _spaced, 0.8):
        return _spaced, _first(text, lambda line: len(_spaced(line)) > 1)
    separated = [line.count(",") for line in sample]
    usual = sorted(separated)[len(separated) // 2]
    if usual > 1 and separated.count(usual) > 0.9 * len(separated) and separated[0] == usual:
        return _comma, _first(text, lambda line: line.count(",") == usual)
    return None


def _is_header(line: str) -> bool:
    """Whether it is names of columns in capitals."""
    words = line.split()
    return len(words) > 1 and all(_CAPITALS.match(word) for word in words)


def _even(sample: list[str], cells: Cells, share: float) -> bool:
    """Whether most lines have as many cells as the usual one, two at least."""
    counts = [len(cells(line)) for line in sample if not _BORDER.match(line)]
    if len(counts) < _ROWS_MIN // 2:
        return False
    usual = sorted(counts)[len(counts) // 2]
    near = sum(1 for count in counts if abs(count - usual) <= (usual > 3))
    return usual > 1 and near >= share * len(counts)


def _usual(sample: list[str], cells: Cells) -> int:
    counts = sorted(len(cells(line)) for line in sample)
    return counts[len(counts) // 2]


def _first(text: Text, test: Callable[[str], bool]) -> int:
    heads = text.heads
    for at, line in enumerate(heads[:_PREAMBLE_MAX]):
        if test(line) and not _BORDER.match(line):
            # A line of dashes says which line before it is the header.
            ruled = at + 1 < len(heads) and _BORDER.match(heads[at + 1])
            below = next((i for i in range(at + 1, _PREAMBLE_MAX + 1) if _ruled(heads, i)), -1)
            return at if ruled or below < 0 else below - 1
    return 0


def _ruled(heads: list[str], index: int) -> bool:
    return index < len(heads) and _BORDER.match(heads[index].lstrip("+")) is not None


def _shape(text: Text, hint: Hint) -> float:
    if text.share(_IMPORTS) > 0.8:
        return 1.0
    return 0.76 if _reading(text, hint) is not None else 0.0


def _write(text: Text, hint: Hint) -> Digest | None:
    if text.share(_IMPORTS) > 0.8:
        return Digest("import times", fitting((30, 20, 12), _imports(text), text.budget))
    reading = _reading(text, hint)
    if reading is None:
        return None
    cells, header = reading
    rows = [
        at
        for at in range(header + 1, len(text.heads))
        if text.heads[at].strip() and not _BORDER.match(text.heads[at])
    ]
    if len(rows) < _ROWS_MIN:
        return None
    names = cells(text.heads[header])
    table = [cells(text.heads[at]) for at in rows]
    width = min(_COLUMNS_MAX, max(len(names), sorted(len(row) for row in table)[len(table) // 2]))
    columns = [[row[at] if at < len(row) else "" for row in table] for at in range(width)]
    told = [
        f"  {names[at] if len(names) == width else at + 1}: {summary(column)}"
        for at, column in enumerate(columns)
    ]
    # What stands before the header may explain it; what is no row may be a total or an error.
    odd = [at for at, row in zip(rows, table, strict=True) if len(row) == 1 and width > 2][:8]
    bad = notable(columns, 40)

    def write(most: int) -> str:
        shown = {*rows[:most], *odd, *(rows[at] for at in bad[: 4 * most]), rows[-1]}
        if len(rows) < 400:
            alarming = [at for at in rows if is_error(text.heads[at])]
            shown.update(alarming if len(alarming) * 4 < len(rows) else alarming[:2])
        before = range(header + 1)
        out = [_squeezed(text.lines[at]) for at in before if not _BORDER.match(text.heads[at])]
        last = header
        for at in sorted(shown):
            if at > last + 1 and not all(_BORDER.match(text.heads[i]) for i in range(last + 1, at)):
                out.append(f"... {spans(range(text.number(last + 1), text.number(at)))}")
            out.append(_squeezed(text.lines[at]))
            last = at
        out.append(f"[table of {len(rows)} rows; ... are lines left out. Columns:]")
        return "\n".join([*out, *told])

    return Digest("table", fitting((5, 3, 1), write, min(text.budget, 5000)))


def _squeezed(line: str) -> str:
    return clipped(_GAP.sub("  ", line.strip()), 300)


def _imports(text: Text) -> Callable[[int], str]:
    """Python's ``-X importtime``: the slowest imports; a column alone would not say what it is."""
    found = [(at, _IMPORTS.match(line)) for at, line in enumerate(text.heads)]
    timed = [(at, row) for at, row in found if row and row[1].isdigit() and row[2].isdigit()]

    def write(most: int) -> str:
        slow = sorted(timed, key=lambda each: -int(each[1][2]))[:most]
        itself = sorted(timed, key=lambda each: -int(each[1][1]))[: most // 2]
        kept = sorted({at for at, _ in (*slow, *itself)} | {at for at, row in found if not row})
        out = [f"[{len(timed)} imports, the slowest: us itself | with its imports | name]"]
        for before, at in pairwise([-1, *kept, len(text.heads)]):
            if at - before > 1:
                out.append(f"... {spans(range(text.number(before + 1), text.number(at)))}")
            if at < len(text.heads):
                out.append(_squeezed(text.lines[at].replace("import time:", "")))
        return "\n".join(out)

    return write


FAMILY = Family(
    names(
        "docker ps, docker images, docker container, docker image, podman ps, kubectl get, "
        "kubectl top, ps, dpkg, pip list, pip3 list, uv pip, apt list, rpm, sqlite3, psql, "
        "mysql, df, netstat, ss, lsof, top, systemctl, npm outdated, helm list, gh run, gh pr, "
        "gh issue, conda, oc get, mount, lsblk, crictl, importtime, docker stats, "
        "docker compose, brew"
    ),
    _shape,
    _write,
)
