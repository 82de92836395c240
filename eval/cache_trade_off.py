"""What a bound costs: how recall and false hits move as it does, as a table and as a chart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eval import cache_chart
from eval.cache_decision import Compared, Measured
from eval.report import Cell, Table
from lynkr.policies.questions.guard import Rule

TITLE = "What a bound costs"
GUARD, NO_VETOES, COSINE = "guard", "guard without vetoes", "cosine alone"
COVERAGES = (0.0, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
SIMILARITIES = (0.7, 0.75, 0.8, 0.825, 0.85, 0.875, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
SIMILARITY_MIN = Rule().similarity_min

Allows = Callable[[Compared], bool]


def _covered(bound: float, seen: Compared) -> bool:
    return seen.similarity >= SIMILARITY_MIN and seen.coverage >= bound


def _guarded(bound: float, seen: Compared) -> bool:
    return not seen.reasons and _covered(bound, seen)


def _near(bound: float, seen: Compared) -> bool:
    return seen.cosine >= bound


def sweep() -> list[tuple[str, float, Allows]]:
    """Curve, bound, and what it serves."""
    return [
        *((GUARD, bound, partial(_guarded, bound)) for bound in COVERAGES),
        *((NO_VETOES, bound, partial(_covered, bound)) for bound in COVERAGES),
        *((COSINE, bound, partial(_near, bound)) for bound in SIMILARITIES),
    ]


def curves(one: Measured) -> list[list[Cell]]:
    """The rows of a set."""
    wholes = (one.pairs.same, one.pairs.different)
    return [
        point(one.pairs.name, curve, bound, one.hits(allows), wholes)
        for curve, bound, allows in sweep()
    ]


def point(
    name: str, curve: str, bound: float, hits: tuple[int, int], of: tuple[int, int]
) -> list[Cell]:
    """A row. ``hits`` and ``of``: same pairs, different ones."""
    return [name, curve, bound, hits[0] / max(1, of[0]), hits[1] / max(1, of[1]), of[1]]


def table(rows: list[list[Cell]]) -> Table:
    return Table(
        TITLE,
        ["set", "curve", "bound", "recall", "false hits", "of"],
        rows,
        [
            f"Bounds: of coverage for the guard, at a similarity of {SIMILARITY_MIN:.2f};"
            " of cosine for cosine alone.",
            "GPTCache's benchmark: recall is the share served rightly, false hits the share served"
            " wrongly.",
        ],
    )


def chart(rows: list[list[Cell]], targets: dict[str, tuple[float, float]]) -> str:
    """SVG. ``targets``: recall at least, false hits at most, by how a set's name begins."""
    panels = []
    for name in dict.fromkeys(str(row[0]) for row in rows):
        points: dict[str, list[cache_chart.Point]] = {}
        for _, curve, bound, recall, false, _of in (row for row in rows if row[0] == name):
            found = cache_chart.Point(_number(bound), _number(false), _number(recall))
            points.setdefault(str(curve), []).append(found)
        lines = tuple(cache_chart.Curve(curve, tuple(line)) for curve, line in points.items())
        target = next((targets[begin] for begin in targets if name.startswith(begin)), None)
        panels.append(cache_chart.Panel(name, lines, target))
    return cache_chart.draw("Recall against false hits: better is higher and further left", panels)


def _number(cell: Cell) -> float:
    assert isinstance(cell, int | float)
    return float(cell)
