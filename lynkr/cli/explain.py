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
    from lynkr.config.loader import Loaded
    from lynkr.config.settings import Settings
    from lynkr.gateway.rules import Rules
    from lynkr.policies.access import Principal
    from lynkr.providers.catalog import Origin
    from lynkr.stores.answers import Answer
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
    key: Annotated[
        str, typer.Option("--key", metavar="NAME", help="As for the caller with this key.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Print the plan for a request: its target, what is cut from it, and both bills.

    The configuration is the one that `lynkr serve` would use. Nothing is sent anywhere.
    """
    from lynkr.gateway.explain import explain as plan_of

    loaded = checked(config, os.environ, Path.cwd())
    rules = _rules(loaded)
    principal, kept = _principal(rules, key), _kept(loaded.settings)
    bodies = _read(file)
    plans: list[dict[str, Any]] = []
    for number, body in enumerate(bodies.splitlines() if jsonl else [bodies], 1):
        if jsonl and not body.strip():
            continue
        try:
            plans.append(plan_of(rules, body, api or "", principal, kept))
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


def _principal(rules: Rules, name: str) -> Principal:
    from lynkr.policies.access import ANONYMOUS

    if not name:
        return ANONYMOUS
    found = rules.keyring.named(name)
    if found is None:
        raise LynkrError(f"there is no key named {name!r} in the configuration")
    return found


def _kept(settings: Settings) -> list[Answer]:
    """The answers that the cache has, if it can be asked."""
    from lynkr.server.answer_store import opener, worth_following
    from lynkr.stores.answers import Answer

    if not worth_following(settings):
        return []
    try:
        store = opener(settings)()
        try:
            return [row for row in store.snapshot()[0] if isinstance(row, Answer)]
        finally:
            store.close()
    except Exception as error:  # the driver's own, of whichever store
        output.explain(LynkrError(f"the cache cannot be read: {type(error).__name__}"))
        return []


def _rules(loaded: Loaded) -> Rules:
    from lynkr.gateway.rules import Rules
    from lynkr.upstream.pool import Pool

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
    if "tier" in plan:
        output.line(f"  tier    {plan['tier']}, score {plan['score']:g}, rule {plan['rule']}")
        measured = sorted(plan["dimensions"].items(), key=lambda pair: -pair[1])
        told = [f"{name} {value:.2f}" for name, value in measured if value > 0]
        for start in range(0, len(told), 5):
            output.line(f"            {', '.join(told[start : start + 5])}")
        if plan["counterfactual"]:
            output.line(f"            {plan['counterfactual']}")
        for change in plan["changes"]:
            output.line(
                f"            {change['tier']} if {change['dimension']} were"
                f" {change['then']:.2f} instead of {change['now']:.2f}"
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
    _show_cache(plan.get("cache", {}))
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


def _show_cache(cache: dict[str, Any]) -> None:
    if not cache:
        return
    may = "may answer" if cache["cacheable"] else "has no part in it"
    output.line(f"  cache   {cache['mode']}: {may}. {cache['why']}")
    if cache.get("entry"):
        output.line(f"            kept as {cache['entry']}")
    for near in cache.get("nearest", ()):
        verdict = "would answer" if near["would_answer"] else f"no: {', '.join(near['vetoes'])}"
        elsewhere = "" if near["same_partition"] else ", under other headers or settings"
        output.line(
            f"            {near['similarity']:.3f} {near['question']!r} ({verdict}{elsewhere})"
        )


def _show_tools(tools: dict[str, Any]) -> None:
    if "kept" not in tools:
        return
    output.line(
        f"  tools   {len(tools['kept'])} of {tools['total']} offered ({tools['mode']}),"
        f" {tools['tokens_before']:,} -> {tools['tokens_after']:,} tokens"
    )
    for name in tools["dropped"]:
        output.line(f"            without {name}: {tools['reasons'][name]}")
