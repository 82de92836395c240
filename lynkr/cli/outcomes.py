"""``lynkr outcomes``: how replies turned out, by tier and model, and what a cheaper one would do.

Read from the file that the gateway's workers write; nobody is asked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lynkr.cli import output
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.config.loader import load
from lynkr.errors import LynkrError

if TYPE_CHECKING:
    from lynkr.policies.outcomes import Share, Summary

COLUMNS_PLAIN = 200  # width where nobody says one: a pipe, a file
LEGEND = (
    "share (95 % interval by Clopper and Pearson, calls taken as independent) of: valid: tool calls"
    " that their tool took; applied: edits; not retried: replies that the user went on from;"
    " complete: calls neither cut, refused nor failed; well: calls without any of this."
)
LEGEND_BELOW = (
    "estimated from calls of the same score bands that the lower tier did serve, weighed as here"
    " (post-stratification; intervals of the bands combined by Zou, Huang and Zhang). It holds if"
    " calls of one band are alike."
)
_THOUSAND = 1000


def outcomes(
    days: Annotated[
        int, typer.Option("--days", "-d", min=1, max=90, help="How many days back, today included.")
    ] = 30,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how the replies of each tier and model turned out.

    A call went well if its tool calls were valid, its edits could be applied, the user did not ask
    again, and the reply was whole. For each tier above the lowest: how many of its calls the tier
    below would have served as well.
    """
    from lynkr.policies.outcomes import DAY_S, below, summaries
    from lynkr.policies.routing.facts import TIERS
    from lynkr.stores.outcomes import FILE, read

    folder = load(config, os.environ, Path.cwd()).settings.server.state_dir
    today = int(time.time() // DAY_S)
    try:
        rows = read(Path(folder).expanduser() / FILE, today - days + 1)
    except OSError as error:
        raise LynkrError(str(error)) from error
    tiers, targets = summaries(rows, by="tier"), summaries(rows, by="target")
    lower = [found for tier in TIERS[1:] if (found := below(rows, tier)).calls]
    if as_json:
        import msgspec

        output.document(
            {
                "days": days,
                "tiers": tiers,
                "targets": targets,
                "below": [{**msgspec.to_builtins(one), "sentence": one.sentence} for one in lower],
            }
        )
        return
    if not rows:
        output.line(f"no routed calls in {days} days")
        return
    _print("tier", tiers)
    output.line()
    _print("model", targets)
    output.line()
    output.line(LEGEND)
    if lower:
        output.line()
        for one in lower:
            output.line(one.sentence)
        output.line(LEGEND_BELOW)


def _print(name: str, found: Sequence[Summary]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = COLUMNS_PLAIN
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    left = ("tier", "model") if name == "model" else ("tier",)
    for column in left:
        table.add_column(column, overflow="fold")
    columns = ("calls", "mix", "valid", "applied", "not retried", "complete", "well", "out", "usd")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    for row in found:
        shares = (row.valid_calls, row.applied_edits, row.not_retried, row.complete, row.well)
        table.add_row(
            row.tier,
            *((row.target,) if name == "model" else ()),
            str(row.calls),
            f"{row.mix:.0%}",
            *map(_share, shares),
            _count(row.output_tokens),
            f"{row.usd:.4f}",
        )
    console.print(table)


def _share(found: Share) -> str:
    if found.share is None:
        return "-"
    return f"{_percent(found.share)} ({_percent(found.low)}-{_percent(found.high)})"


def _percent(part: float) -> str:
    """Never 100 where something went wrong, never 0 where something went well."""
    text = f"{part * 100:.1f}"
    if text == "100.0" and part < 1:
        text = "99.9"
    return text.removesuffix(".0")


def _count(tokens: int) -> str:
    for unit in ("", "K", "M"):
        if tokens < 10 * _THOUSAND:
            return f"{tokens}{unit}"
        tokens //= _THOUSAND
    return f"{tokens}G"
