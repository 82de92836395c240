"""``lynkr explain``: what the gateway would do with a request, and why, without sending it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lynkr.cli import output
from lynkr.cli.check import checked
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.errors import GatewayError, LynkrError

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.rules import Rules
    from lynkr.providers.catalog import Origin
    from lynkr.upstream.pool import OriginPool

ApiName = Literal["messages", "chat", "responses"]


def explain(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A request body in JSON; - is standard input.")
    ] = "-",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One body per line, one plan per line.")
    ] = False,
    as_json: JsonOption = False,
    api: Annotated[
        ApiName | None, typer.Option("--api", help="What the body is for; else told by its shape.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print the plan for a request: its target, what is cut from it, and both bills.

    The configuration is the one that `lynkr serve` would use. Nothing is sent anywhere.
    """
    from lynkr.gateway.explain import explain as plan_of

    rules = _rules(config)
    bodies = _read(file)
    plans: list[dict[str, Any]] = []
    for number, body in enumerate(bodies.splitlines() if jsonl else [bodies], 1):
        if jsonl and not body.strip():
            continue
        try:
            plans.append(plan_of(rules, body, api or ""))
        except GatewayError as error:
            if not jsonl:
                raise LynkrError(str(error)) from None
            plans.append({"line": number, "error": {"kind": error.kind, "message": str(error)}})
    if jsonl and as_json:
        import msgspec

        for plan in plans:
            output.line(msgspec.json.encode(plan).decode())
    elif as_json:
        output.document(plans[0])
    else:
        for number, plan in enumerate(plans):
            if number:
                output.line()
            show(plan)
    if any("error" in plan for plan in plans):
        raise typer.Exit(1)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise LynkrError(f"{file} cannot be read: {error.strerror}") from error


def _rules(config: Path | None) -> Rules:
    from lynkr.gateway.rules import Rules
    from lynkr.upstream.pool import Pool

    loaded = checked(config, os.environ, Path.cwd())
    return Rules(loaded.settings, loaded.environ, Pool(loaded.settings.upstream, _nowhere, float))


def _nowhere(pool: OriginPool, origin: Origin) -> asyncio.Task[Outbound]:
    raise AssertionError(f"{origin}: a plan opens no connection")


def show(plan: dict[str, Any]) -> None:
    """A plan for people."""
    if "error" in plan:
        output.line(f"line {plan['line']}: {plan['error']['message']}")
        return
    output.line(
        f"{plan['model'] or '(no model)'} -> {plan['provider']}"
        f" {plan['target_model']}, lane {plan['lane']}".rstrip()
    )
    for reason in plan["reasons"]:
        output.line(f"  because {reason}")
    tokens, bill = plan.get("tokens"), plan.get("bill")
    if tokens:
        before, after = tokens["before"], tokens["after"]
        share = f" ({(before - after) / before:.0%} fewer)" if before > after else ""
        output.line(f"  tokens  {before:,} -> {after:,}{share}, estimated")
    if bill:
        output.line(
            f"  bill    ${bill['passthrough_usd']:.5f} -> ${bill['planned_usd']:.5f}"
            f"  ({bill['assumes']})"
        )
    _show_tools(plan.get("tools", {}))
    for result in plan.get("results", ()):
        place = f"message {result['message']}, block {result['block']}"
        kept = f", original {result['original_id']}" if result["original_id"] else ""
        output.line(
            f"  {result['stage']:<7} {place}: {result['kind']},"
            f" {result['tokens_before']:,} -> {result['tokens_after']:,} tokens{kept}"
        )
    marks = plan.get("cache_marks")
    if marks and (marks["client"] or marks["added"]):
        output.line(f"  marks   {marks['client']} of the client's, {marks['added']} added")
    if plan.get("dropped_fields"):
        output.line(f"  left out by the translation: {', '.join(plan['dropped_fields'])}")
    for note in plan.get("notes", ()):
        output.line(f"  note    {note}")


def _show_tools(tools: dict[str, Any]) -> None:
    if "kept" not in tools:
        return
    output.line(
        f"  tools   {len(tools['kept'])} of {tools['total']} offered ({tools['mode']}),"
        f" {tools['tokens_before']:,} -> {tools['tokens_after']:,} tokens"
    )
    for name in tools["dropped"]:
        output.line(f"            without {name}: {tools['reasons'][name]}")
