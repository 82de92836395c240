"""``lynkr replay``: what a recorded session cost, and what it would have cost through the passes.

Nobody is called: tokens are estimated, the provider's prompt cache is a model of its documented
rules, and prices are those of the catalog.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lynkr.cli import output
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.config.loader import load
from lynkr.errors import ConfigError, LynkrError, Problem

if TYPE_CHECKING:
    from rich.table import Table

    from lynkr.cli.recordings import Recording
    from lynkr.policies.rule_sets import Session

COLUMNS_PLAIN = 160  # width where nobody says one: a pipe, a file
APIS = ("messages", "chat", "responses")
LEGEND = (
    "US dollars; tokens are estimates. tools, repeats, results, marks: what each pass took off,"
    " after those before it; a minus is a loss. read: tokens that the provider's cache gave."
)


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="A JSONL file, one request per line."
        ),
    ],
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            "-p",
            metavar="NAME",
            help="Only these rules: a kind of provider, or no-cache. May be given again.",
        ),
    ] = None,
    api: Annotated[
        str,
        typer.Option("--api", metavar="API", help="messages, chat or responses; else by shape."),
    ] = "",
    idle_s: Annotated[
        float,
        typer.Option("--idle-s", min=0, help="Seconds between turns that have no time."),
    ] = 15.0,
    routing: Annotated[
        Path | None,
        typer.Option(
            "--routing",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Route the recording by the tiers of this configuration instead.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bill a recorded session twice: as it was sent, and through the token passes.

    A line is a request body, or an object with one in "request" or "body" and, if known, "api" or
    "path", "at" (seconds or ISO), "session", "output_tokens" or "usage". The passes are those that
    the configuration asks for. Each rule set is a model of one provider's prompt cache, at the
    prices of the recorded model or, where that is not known, of a usual one.

    With --routing: where each call would go by the tiers of another configuration and why, and what
    that costs against the recorded models. The token passes have no part in it.
    """
    from lynkr.policies.rule_sets import RULE_SETS, sessions, wanted
    from lynkr.providers.kinds import kinds
    from lynkr.providers.models import own_models

    if api and api not in APIS:
        raise typer.BadParameter(f"one of: {', '.join(APIS)}", param_hint="--api")
    known = dict.fromkeys([*RULE_SETS, *kinds()])
    for name in provider or []:
        if name not in known:
            raise typer.BadParameter(f"no such rules; one of: {', '.join(known)}")
    if routing is not None:
        from lynkr.cli.replay_routing import replay_routing

        if provider or config:
            raise typer.BadParameter("has rules of its own: give no --provider, no --config")
        replay_routing(_recording(file, api, idle_s), routing, as_json=as_json)
        return
    settings = load(config, os.environ, Path.cwd()).settings
    path = settings.catalog.models_file
    try:
        own = own_models(path)
    except ValueError as error:
        raise ConfigError([Problem("catalog.models_file", str(error), value=path)]) from error
    recording = _recording(file, api, idle_s)
    try:
        found = sessions(recording.turns, provider or list(RULE_SETS), wanted(settings.tokens), own)
    except ValueError as error:
        raise LynkrError(str(error)) from error
    if as_json:
        output.document({"sessions": found, "notes": recording.notes})
        return
    for session in found:
        _print(session)
    output.line(LEGEND)
    for note in recording.notes:
        output.line(note)


def _recording(file: Path, api: str, idle_s: float) -> Recording:
    from lynkr.cli.recordings import read

    with file.open("rb") as lines:
        recording = read(lines, api, idle_s)
    if not recording.turns:
        raise LynkrError(f"{file} holds no requests")
    return recording


def _print(session: Session) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=COLUMNS_PLAIN)
    console.print(_turns(session))
    console.print()
    console.print(_rules(session))
    console.print()


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _turns(session: Session) -> Table:
    stages = list(session.turns[0].stages)
    title = f"{session.session}: {session.api}, {len(session.turns)} turns, at {session.rules}"
    table = _table(
        title, "turn", "s", "tokens", "sent", "read", "read sent", "usd", "planned", *stages
    )
    for turn in session.turns:
        table.add_row(
            str(turn.turn),
            f"{turn.at_s:.0f}",
            str(turn.tokens_before),
            str(turn.tokens_after),
            str(turn.passthrough.read_tokens),
            str(turn.planned.read_tokens),
            _usd(turn.passthrough.usd),
            _usd(turn.planned.usd),
            *(_usd(turn.stages[stage]) for stage in stages),
        )
    return table


def _rules(session: Session) -> Table:
    stages = list(session.turns[0].stages)
    table = _table("all turns", "rules", "prices of", "tokens", "sent", "usd", "planned", "saved")
    for stage in stages:
        table.add_column(stage, justify="right", no_wrap=True)
    for name, total in session.by_rules.items():
        table.add_row(
            name,
            ", ".join(total.models),
            str(total.tokens_before),
            str(total.tokens_after),
            _usd(total.passthrough_usd),
            _usd(total.planned_usd),
            f"{total.saved:.1%}",
            *(_usd(total.stages.get(stage, 0.0)) for stage in stages),
        )
    return table


def _usd(amount: float) -> str:
    """Dollars to the hundredth of a cent, without the minus of nothing."""
    shown = f"{amount:.4f}"
    return shown.removeprefix("-") if not float(shown) else shown
