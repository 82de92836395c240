"""How far the gateway's token estimates are from exact counts, kind by kind.

Snippets of many kinds, each with its exact counts by o200k_base and cl100k_base. The targets are
those of a number to decide and bill by: a median error of 3 % and 10 % at the 95th percentile.
"""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import msgspec

from eval.report import Cell, Table
from lynkr.wire.tokens import FACTORS, estimated

MEDIAN_MAX = 0.03
P95_MAX = 0.10


class Snippet(msgspec.Struct):
    """One text and its exact counts, as ``token-counting/snippets.jsonl`` has them."""

    kind: str
    text: str
    o200k: int
    cl100k: int


def run(data: Path | None) -> list[Table]:
    """One table per vocabulary; none where there is no data."""
    file = data / "token-counting" / "snippets.jsonl" if data else None
    if file is None or not file.is_file():
        return []
    snippets = [
        msgspec.convert(json.loads(line), Snippet) for line in file.read_text("utf-8").splitlines()
    ]
    tables = [_table("o200k", snippets), _table("cl100k", snippets)]
    tables[0].targets = _targets(_errors("o200k", snippets))
    return tables


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so many of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _exact(vocabulary: str, snippet: Snippet) -> int:
    return snippet.o200k if vocabulary == "o200k" else snippet.cl100k


def _errors(vocabulary: str, snippets: list[Snippet]) -> list[float]:
    """Per snippet, the error as a share of the exact count."""
    return [
        abs(estimated(one.text) * FACTORS[vocabulary] - _exact(vocabulary, one))
        / max(1, _exact(vocabulary, one))
        for one in snippets
    ]


def _row(name: str, vocabulary: str, snippets: list[Snippet]) -> list[Cell]:
    errors = _errors(vocabulary, snippets)
    exact = sum(_exact(vocabulary, one) for one in snippets)
    counted = sum(estimated(one.text) for one in snippets) * FACTORS[vocabulary]
    worst = max(errors)
    bias = counted / exact - 1 if exact else 0.0
    shares = [statistics.median(errors), percentile(errors, 0.95), worst, bias]
    return [name, len(snippets), exact, *(100 * share for share in shares)]


def _table(vocabulary: str, snippets: list[Snippet]) -> Table:
    kinds = sorted({one.kind for one in snippets})
    rows = [_row(kind, vocabulary, [one for one in snippets if one.kind == kind]) for kind in kinds]
    rows.append(_row("all", vocabulary, snippets))
    columns = ["kind", "texts", "tokens", "median %", "p95 %", "worst %", "bias of the sum %"]
    notes = [f"Errors per text, short ones included; factor {FACTORS[vocabulary]:g}."]
    return Table(f"Token estimates against {vocabulary}_base", columns, rows, notes)


def _targets(errors: list[float]) -> list[tuple[str, str, str, bool]]:
    median = statistics.median(errors)
    high = percentile(errors, 0.95)
    return [
        (
            "token estimates, median error (o200k)",
            f"<= {MEDIAN_MAX:.0%}",
            f"{median:.2%}",
            median <= MEDIAN_MAX,
        ),
        ("token estimates, p95 error (o200k)", f"<= {P95_MAX:.0%}", f"{high:.2%}", high <= P95_MAX),
    ]
