"""``lynkr replay --routing``: recorded sessions under the tiers of another configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lynkr.cli import output
from lynkr.config.loader import load
from lynkr.errors import ConfigError, LynkrError, Problem

if TYPE_CHECKING:
    from rich.table import Table

    from lynkr.cli.recordings import Recording
    from lynkr.policies.routing.replay import Replayed, Session, Sums

LEGEND = (
    "US dollars; tokens are estimates. own: at the models that the recording names. single: the"
    " cheapest one model of the tiers that serves every call. A call is served when its tier is at"
    " least the one that the user's last words demand by themselves. even: calls after which a move"
    " has paid for itself; '-' is never."
)
COLUMNS_PLAIN = 200  # width where nobody says one: a pipe, a file


def replay_routing(recording: Recording, routing: Path, *, as_json: bool) -> None:
    """Print where each call would go by the tiers of ``routing``, and the bills.

    Raises ``LynkrError``: a configuration without tiers, a body that cannot be read.
    """
    played = replayed(recording, routing)
    notes = list(recording.notes)
    if played.total.usd is None:
        notes.append("a price is not known: add it to the file that catalog.models_file names")
    if as_json:
        output.document({"sessions": played.sessions, "total": played.total, "notes": notes})
        return
    _print(played)
    output.line(LEGEND)
    for note in notes:
        output.line(note)


def replayed(recording: Recording, routing: Path) -> Replayed:
    """The recording under the tiers of a configuration file."""
    from lynkr.gateway.tiers import policy_of
    from lynkr.policies.routing.offered import configured, recorded
    from lynkr.policies.routing.replay import play
    from lynkr.providers.models import own_models

    settings = load(routing, os.environ, Path.cwd()).settings
    path = settings.catalog.models_file
    try:
        own = own_models(path)
    except ValueError as error:
        raise ConfigError([Problem("catalog.models_file", str(error), value=path)]) from error
    try:
        return play(
            recording.turns,
            configured(settings, own),
            recorded((turn.model for turn in recording.turns), own),
            policy_of(settings.routing),
            pin_ttl_s=settings.routing.pin_ttl_s,
        )
    except ValueError as error:
        raise LynkrError(f"{routing}: {error}") from error


def _print(played: Replayed) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=COLUMNS_PLAIN)
    for session in played.sessions:
        console.print(_steps(session))
        console.print()
    table = _table("all sessions", "session", "calls", "tiers", "moves", "served")
    for name in ("usd", "own", "own served", "single", "at"):
        table.add_column(name, justify="right", no_wrap=True)
    for session in played.sessions:
        table.add_row(session.session, *_sums(session.sums))
    table.add_row("together", *_sums(played.total))
    console.print(table)
    console.print()


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _steps(session: Session) -> Table:
    title = f"{session.session}: {session.api}, {session.sums.calls} calls"
    table = _table(title, "turn", "s", "tier", "target", "moved", "even", "usd", "own")
    table.add_column("reason")
    for step in session.steps:
        even = "-" if step.break_even_turns is None else f"{step.break_even_turns:.1f}"
        table.add_row(
            str(step.turn),
            f"{step.at_s:.0f}",
            step.tier,
            step.target,
            step.moved,
            even if step.switch is not None else "",
            _usd(step.usd),
            _usd(step.own_usd),
            step.reason,
        )
    return table


def _sums(sums: Sums) -> list[str]:
    mix = ", ".join(f"{count} {tier}" for tier, count in sums.tiers.items() if count)
    own_served = "?" if sums.own_served is None else str(sums.own_served)
    return [
        str(sums.calls),
        mix,
        str(sums.moves),
        str(sums.served),
        _usd(sums.usd),
        _usd(sums.own_usd),
        own_served,
        _usd(sums.single_usd),
        sums.single,
    ]


def _usd(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:.4f}"
