"""The argument tree and the exit codes: 0 done, 1 failed and explained, 2 bad arguments."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lynkr import __version__
from lynkr.cli import (
    cache,
    check,
    doctor,
    explain,
    keys,
    models,
    outcomes,
    output,
    reference,
    replay,
    serve,
    show,
    toon,
)
from lynkr.errors import LynkrError

app = typer.Typer(
    name="lynkr",
    help="The LLM gateway between a team's coding tools and its model providers.",
    no_args_is_help=True,
    add_completion=False,
    # Help stays plain text, the same in a terminal, a log and the documentation; and a traceback
    # that shows local variables would show keys.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.command("serve")(serve.serve)
app.command("check-config")(check.check_config)
app.command("config-schema")(check.config_schema)
app.command("doctor")(doctor.doctor)
app.command("models")(models.models)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay)
app.command("outcomes")(outcomes.outcomes)
app.command("show")(show.show)
app.command("toon")(toon.toon)
app.command("untoon")(toon.untoon)
app.add_typer(cache.app, name="cache")
app.add_typer(keys.app, name="keys")
app.command("cli-reference", hidden=True)(reference.cli_reference)


@app.command("version")
def version() -> None:
    """Print the version."""
    output.line(f"lynkr {__version__}")


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """The LLM gateway between a team's coding tools and its model providers."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line (of the process, if none is given) and exits."""
    try:
        app(args=arguments, prog_name="lynkr")
    except LynkrError as error:
        output.explain(error)
        sys.exit(1)
