"""The command reference, made of the help texts so that ``docs/cli.md`` cannot differ from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperGroup

HEADER = """\
# Command line

Made by `lynkr cli-reference`; do not edit. Every command exits 0 on success, 1 on a failure that it
explains on stderr, and 2 on bad arguments. `--json` prints one JSON document on stdout and nothing
else there.
"""
COLUMNS = 100  # fixed, so that the text does not depend on the terminal that made it


def cli_reference(context: typer.Context) -> None:
    """Print docs/cli.md."""
    command = context.find_root().command
    assert isinstance(command, TyperGroup)
    sys.stdout.write(reference(command))


def reference(command: TyperGroup) -> str:
    """Markdown with the help of the root command and of all below it."""
    context = typer.Context(
        command,
        info_name="lynkr",
        terminal_width=COLUMNS,
        help_option_names=command.context_settings["help_option_names"],
    )
    sections = [
        f"## {page.command_path}\n\n```text\n{page.get_help()}\n```\n" for page in _pages(context)
    ]
    return "\n".join([HEADER, *sections])


def _pages(context: typer.Context) -> Iterator[typer.Context]:
    yield context
    if not isinstance(context.command, TyperGroup):
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None and not command.hidden:
            yield from _pages(typer.Context(command, parent=context, info_name=name))
