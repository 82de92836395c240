"""``lynkr toon`` and ``lynkr untoon``: a JSON text in fewer tokens, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lynkr.errors import LynkrError

DELIMITERS = {"comma": b",", "tab": b"\t", "pipe": b"|"}

FileArgument = Annotated[
    str, typer.Argument(metavar="[FILE|-]", help="What to read; - is standard input.")
]


def toon(
    file: FileArgument = "-",
    delimiter: Annotated[
        str,
        typer.Option("--delimiter", "-d", metavar="NAME", help="comma, tab or pipe."),
    ] = "comma",
    as_written: Annotated[
        bool,
        typer.Option(
            "--as-written",
            help="Keep every number as it is written, so that untoon gives the same text back.",
        ),
    ] = False,
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Say on stderr how many bytes and tokens were saved."),
    ] = False,
) -> None:
    """Write a JSON text as TOON (github.com/toon-format/spec, version 4.0).

    Token counts are estimates, without any provider's tokenizer.
    """
    from lynkr._native.toon import encode

    if delimiter not in DELIMITERS:
        raise typer.BadParameter("comma, tab or pipe", param_hint="--delimiter")
    data = _read(file)
    try:
        made = encode(data, delimiter=DELIMITERS[delimiter], as_written=as_written)
    except ValueError as error:
        raise LynkrError(f"{_name(file)}: {error}") from error
    if stats:
        _explain(data, made)
    _write(made)


def untoon(
    file: FileArgument = "-",
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="Take wrong counts, repeated keys, blank lines and odd indentation."
        ),
    ] = False,
) -> None:
    """Write a TOON text as compact JSON."""
    from lynkr._native.untoon import decode

    try:
        made = decode(_read(file), strict=not lenient)
    except ValueError as error:
        raise LynkrError(f"{_name(file)}: {error}") from error
    _write(made)


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise LynkrError(f"{file}: {error.strerror}") from error


def _write(made: bytes) -> None:
    sys.stdout.buffer.write(made + b"\n")
    sys.stdout.flush()


def _explain(data: bytes, made: bytes) -> None:
    from lynkr.wire.tokens import estimated

    for unit, before, after in (
        ("bytes", len(data), len(made)),
        ("tokens, estimated", estimated(data.decode()), estimated(made.decode())),
    ):
        change = 100 * (after - before) / before
        sys.stderr.write(f"{unit}: {before:,} -> {after:,} ({change:+.1f} %)\n")
