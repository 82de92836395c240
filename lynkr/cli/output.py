"""How commands speak: data on stdout, explanations on stderr.

``rich`` is imported only when there is something to lay out, since ``serve`` lives in a process
where every megabyte is counted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from lynkr.errors import ConfigError, LynkrError, Problem


def document(value: object) -> None:
    """One JSON document, the only thing that a ``--json`` command writes on stdout."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(text + "\n")


def line(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def explain(error: LynkrError) -> None:
    """The reason of a failure, on stderr."""
    if isinstance(error, ConfigError):
        problems(error.problems)
    else:
        sys.stderr.write(f"lynkr: {error}\n")


def problems(found: Sequence[Problem]) -> None:
    """Each problem with its place, value, reason and fix, and how many there are, on stderr."""
    from rich.console import Console
    from rich.text import Text

    # Values come from a file: nothing in them may act as markup, and a path must stay one word.
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    for problem in found:
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        console.print(
            Text.assemble(
                (f"{place}: " if place else "", "dim"),
                (problem.key, "bold"),
                f" = {problem.value}" if problem.value else "",
                "\n    ",
                (problem.reason, "red"),
            )
        )
        if problem.fix:
            console.print(Text.assemble(("    fix: ", "green"), problem.fix))
    count = len(found)
    console.print(f"lynkr: {count} problem{'' if count == 1 else 's'} in the configuration")
