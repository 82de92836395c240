"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration file; else LYNKR_CONFIG names it, else ./lynkr.toml if present.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        help="The gateway; else LYNKR_URL, ANTHROPIC_BASE_URL or OPENAI_BASE_URL names it.",
    ),
]
