"""What whole sessions cost, as clients send them and through the passes, under the rules of several
providers' prompt caches.

The law: no session costs more than passed through, at any provider; not even one of several that
share a cache. Sessions are made up
(``session_samples``); recordings, ``sessions/*.jsonl`` of the larger data, are taken where there
are any.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from eval.report import Cell, Table
from eval.session_samples import Sample, samples
from lynkr.config.settings import Tokens
from lynkr.policies.rule_sets import RULE_SETS, Session, Sum, added, sessions, wanted
from lynkr.policies.simulator import STAGES

CENT = 0.01
ROUNDING_USD = 1e-9


def run(data: Path | None) -> list[Table]:
    """Dollars per session and rule set, then the median saving of each client."""
    want = wanted(Tokens())
    found, dearer = [], []
    for sample in [*samples(), *_recorded(data)]:
        parts = sessions(sample.turns, list(RULE_SETS), want)
        found.append((sample, _together(parts)))
        dearer += [lost for part in parts for lost in _dearer(part)]
    table = _bills(found)
    worst = max(dearer, default=None)
    got = f"{len(dearer)}, the worst by {worst[0]:.4f} usd: {worst[1]}" if worst else "0"
    table.targets = [("sessions that cost more than passed through", "0", got, worst is None)]
    return [table, _clients(found)]


def _dearer(session: Session) -> list[tuple[float, str]]:
    """Where a session costs more than passed through, and by how many dollars."""
    return [
        (more, f"{session.session} at {name}")
        for name, total in session.by_rules.items()
        if (more := total.planned_usd - total.passthrough_usd) > ROUNDING_USD
    ]


def _together(parts: list[Session]) -> dict[str, Sum]:
    """The sums of a sample's sessions, by rule set."""
    return {name: added([part.by_rules[name] for part in parts]) for name in RULE_SETS}


def _recorded(data: Path | None) -> list[Sample]:
    from lynkr.cli.recordings import read

    folder = data / "sessions" if data is not None else None
    if folder is None or not folder.is_dir():
        return []
    made = []
    for file in sorted(folder.glob("*.jsonl")):
        with file.open("rb") as lines:
            made.append(Sample(file.stem, file.stem, read(lines).turns))
    return made


def _bills(found: list[tuple[Sample, dict[str, Sum]]]) -> Table:
    rows: list[list[Cell]] = []
    for sample, sums in found:
        for name, total in sums.items():
            rows.append(
                [
                    sample.name,
                    name,
                    len(sample.turns),
                    total.tokens_before,
                    total.tokens_after,
                    round(total.passthrough_usd, 4),
                    round(total.planned_usd, 4),
                    f"{total.saved:.1%}",
                    *(round(total.stages.get(stage, 0.0) / CENT, 2) for stage in STAGES),
                ]
            )
    columns = ["session", "rules", "turns", "tokens", "sent", "usd", "planned", "saved"]
    return Table(
        title="What sessions cost",
        columns=[*columns, *(f"{stage}, ct" for stage in STAGES)],
        rows=rows,
        notes=[
            "Tokens are estimates, summed over the turns of a session. Stages: cents that each pass"
            " took off, after those before it."
        ],
    )


def _clients(found: list[tuple[Sample, dict[str, Sum]]]) -> Table:
    shares: dict[str, dict[str, list[float]]] = {}
    for sample, sums in found:
        for name, total in sums.items():
            shares.setdefault(sample.client, {}).setdefault(name, []).append(total.saved)
    return Table(
        title="Median share of the dollars saved, by client",
        columns=["client", *RULE_SETS],
        rows=[
            [client, *(f"{statistics.median(by_rules[name]):.1%}" for name in RULE_SETS)]
            for client, by_rules in shares.items()
        ],
    )
