"""Tables, as every evaluation returns them."""

from __future__ import annotations

import msgspec

Cell = str | int | float | None


class Table(msgspec.Struct):
    """One table of results. ``targets`` are (what, wanted, got, met) rows for the summary."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: list[str] = []
    targets: list[tuple[str, str, str, bool]] = []


def shown(cell: Cell) -> str:
    """A cell as text: floats with at most four digits that matter."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell
