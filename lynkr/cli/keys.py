"""``lynkr keys``: static virtual keys and their digests. Nothing is stored here."""

from __future__ import annotations

import json
import secrets
import sys
from typing import Annotated

import typer

from lynkr.cli import output
from lynkr.cli.options import JsonOption
from lynkr.errors import LynkrError
from lynkr.policies import access

KEY_PREFIX = "lk-"  # so that a leaked key is known for what it is, by people and by scanners
KEY_BYTES = 32

app = typer.Typer(help="Make virtual keys and their digests.", no_args_is_help=True)


@app.command("hash")
def hash_key(as_json: JsonOption = False) -> None:
    """Read a key from stdin and print the digest for auth.keys.

    On a terminal the key is asked for and not shown. It is never an argument, where `ps` and the
    shell's history would keep it.
    """
    if sys.stdin.isatty():
        key: str = typer.prompt("key", hide_input=True, err=True)
    else:
        key = sys.stdin.readline().rstrip("\r\n")
    if not key:
        raise LynkrError('no key on stdin; try: printf %s "$KEY" | lynkr keys hash')
    if key != key.strip() or not key.isascii() or not key.isprintable():
        raise LynkrError(
            "the key holds a blank at an end or a character that a header cannot carry,"
            " so no client could send it"
        )
    digest = access.digest(key)
    if as_json:
        output.document({"digest": digest})
    else:
        output.line(digest)


@app.command("new")
def new(
    name: Annotated[
        str, typer.Option(help="Whose key it is; it appears in logs and usage. [default: made up]")
    ] = "",
    team: Annotated[str, typer.Option(help="The team it counts for.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a random key and print it once, with the table to paste into lynkr.toml."""
    for flag, value in (("--name", name), ("--team", team)):
        if not value.isprintable():
            raise typer.BadParameter("must be one line of printable text", param_hint=flag)
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    digest = access.digest(key)
    name = name or f"key-{digest.removeprefix('sha256:')[:8]}"
    table = key_table(name, team, digest)
    if as_json:
        output.document({"key": key, "name": name, "team": team, "digest": digest, "toml": table})
        return
    output.line(f"key (shown this once): {key}")
    output.line()
    output.line(table)


def key_table(name: str, team: str, digest: str) -> str:
    """The table for ``lynkr.toml``. A JSON string of printable text is a TOML string as well."""
    fields = {"name": name, "team": team, "digest": digest}
    lines = [
        f"{field} = {json.dumps(value, ensure_ascii=False)}"
        for field, value in fields.items()
        if value
    ]
    return "\n".join(["[[auth.keys]]", *lines])
