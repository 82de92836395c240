"""Many values of one kind in a few words: range of numbers, counts of the few, samples of many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from lynkr.transforms.digests.alarms import is_error

FEW_MAX = 8
_ROWS_NAMED_MAX = 3
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?$")


def short(text: str, length_max: int = 48) -> str:
    """On one line, and not longer than that."""
    if "\n" in text or "\r" in text:
        text = text[: length_max * 2].replace("\r", "").replace("\n", "\\n")
    return text if len(text) <= length_max else f"{text[: length_max - 1]}…"


def summary(values: Sequence[str], rows: int | None = None, *, samples: int = 2) -> str:
    """``values``: the cells as text, empty ones among them; ``rows``: how many there should be.

    ``"Running" 40, "Pending" 2 (rows 7, 19)``; ``1..530712``; ``60 values, "a", "b"``.
    Rows are numbered from 1."""
    filled = [value for value in values if value]
    total = len(values) if rows is None else rows
    absent = total - len(filled)
    behind = f"; {absent} empty" if absent and filled else ""
    if not filled:
        return "empty"
    counts = Counter(filled)
    if len(counts) == 1:
        return f"always {short(filled[0], 80)}{behind}" if len(filled) > 1 else short(filled[0], 80)
    if len(counts) <= FEW_MAX and len(counts) * 2 <= len(filled):
        return ", ".join(
            _counted(value, count, values) for value, count in counts.most_common()
        ) + (behind)
    if all(_NUMBER.match(value) for value in filled):
        low, high = min(filled, key=float), max(filled, key=float)
        return f"{low}..{high}{behind}"
    kinds = f"{len(counts)} values" if len(counts) < len(filled) else "all different"
    shown = ", ".join(short(value) for value in list(counts)[:samples])
    return f"{kinds}, such as {shown}{behind}" if samples else f"{kinds}{behind}"


def _counted(value: str, count: int, values: Sequence[str]) -> str:
    if count > _ROWS_NAMED_MAX or len(values) < 2 * FEW_MAX:
        return f"{short(value)} {count}"
    rows = ", ".join(str(at) for at, each in enumerate(values, 1) if each == value)
    return f"{short(value)} {count} (row{'s' if count > 1 else ''} {rows})"


def notable(columns: Sequence[Sequence[str]], most: int) -> list[int]:
    """Rows, from 0, with a value that sounds like trouble in a column of few values."""
    rows: set[int] = set()
    for values in columns:
        counts = Counter(value for value in values if value)
        if not 1 < len(counts) <= 3 * FEW_MAX or len(counts) * 2 > len(values):
            continue
        # A state, not a sentence that speaks of errors.
        bad = {value for value in counts if value.count(" ") < 3 and is_error(value[:60])}
        if bad and sum(counts[value] for value in bad) * 2 < len(values):
            rows.update(at for at, value in enumerate(values) if value in bad)
    return sorted(rows)[:most]
