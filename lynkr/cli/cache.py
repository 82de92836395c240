"""``lynkr cache``: what a running gateway's cache holds, how far it is to be trusted, and how to
make it forget.

It asks the gateway and key that ``lynkr show`` would.
"""

from __future__ import annotations

import os
import re
import sys
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from lynkr.cli import output
from lynkr.cli.options import JsonOption, UrlOption
from lynkr.cli.show import fetch, gateway
from lynkr.errors import LynkrError

app = typer.Typer(
    name="cache",
    help="Ask a running gateway what its cache holds, or make it forget.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
COLUMNS_PLAIN = 200  # width where nobody says one: a pipe, a file
QUESTION_CHARS = 60  # of a question in a table
UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
THOUSAND = 1000


@app.command("stats")
def stats(as_json: JsonOption = False, url: UrlOption = "") -> None:
    """Print how much is held, and how often semantic hits were wrong.

    Of the caller's own key; an admin key sees all keys and the worker's counts.
    """
    found = _ask(url, "/v1/cache/stats")
    if as_json:
        output.document(found)
        return
    output.line(f"mode        {found['mode']}, shared by {found['shared_by']}")
    output.line(f"answers     {found['entries']}, {found['semantic']} for reworded questions too")
    output.line(f"size        {_size(found['bytes'])}")
    output.line(f"false hits  {_false_hits(found['false_hits'])}")
    if found["partitions"]:
        output.line()
        _partitions(found["partitions"], found["partitions_total"])
    if len(found.get("scopes", ())) > 1:
        output.line()
        _table(
            ("scope", "answers", "reworded", "size"),
            (
                (one["scope"], one["entries"], one["semantic"], _size(one["bytes"]))
                for one in found["scopes"]
            ),
        )
    if "worker" in found:
        output.line()
        output.line("this worker since its start, all keys:")
        for name, count in found["worker"].items():
            told = _reasons(count) if name == "not_kept" else count
            output.line(f"  {name.replace('_', ' '):10}  {told}")


@app.command("show")
def show(
    id_: Annotated[
        str, typer.Argument(metavar="[ID]", help="One answer with its text: c_...; else a list.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to list.")] = 50,
    question: Annotated[
        str, typer.Option("--question", metavar="TEXT", help="Only those whose question has this.")
    ] = "",
    as_json: JsonOption = False,
    url: UrlOption = "",
) -> None:
    """List kept answers, the newest first, or print one with its text."""
    if id_:
        found = _ask(url, _entry(id_))
        if as_json:
            output.document(found)
        else:
            _print_entry(found)
        return
    asked: dict[str, str | int] = {"limit": limit}
    if question:
        asked["question"] = question
    found = _ask(url, f"/v1/cache/entries?{urllib.parse.urlencode(asked)}")
    if as_json:
        output.document(found)
        return
    if not found["entries"]:
        output.line("no answers are kept")
        return
    _table(
        ("id", "kind", "api", "model", "age", "left", "hits", "size", "question"),
        (
            (
                one["id"], one["kind"], one["api"], f"{one['provider']}:{one['model']}",
                _span(one["age_s"]), _span(one["expires_in_s"]), one["hits"], _size(one["size"]),
                _cut(one["question"] or ""),
            )
            for one in found["entries"]
        ),
    )  # fmt: skip
    if found["more"]:
        output.line(f"and {found['more']} older ones")


@app.command("forget")
def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `show` lists them.")],
    url: UrlOption = "",
) -> None:
    """Forget some answers: they are served no longer."""
    for id_ in ids:
        _ask(url, _entry(id_), method="DELETE")
        output.line(id_)


@app.command("wrong")
def wrong(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="As x-lynkr-cache-entry of the reply says.")
    ],
    similarity: Annotated[
        float | None,
        typer.Option(
            "--similarity", min=0, max=1, help="As x-lynkr-cache-similarity of the reply says."
        ),
    ] = None,
    url: UrlOption = "",
) -> None:
    """Say that an answer was wrong: it goes, and so do its near neighbours.

    It counts as a false hit, so the cache asks for more likeness where such answers are served.
    """
    body: dict[str, object] = {"entry": id_, "verdict": "wrong"}
    if similarity is not None:
        body["similarity"] = similarity
    for gone in _ask(url, "/v1/cache/feedback", body=body)["forgotten"]:
        output.line(gone)


@app.command("purge")
def purge(
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Answers of this model.")
    ] = "",
    provider: Annotated[
        str, typer.Option("--provider", metavar="NAME", help="Answers of this provider.")
    ] = "",
    epoch: Annotated[
        str,
        typer.Option("--epoch", metavar="TEXT", help="Of this cache.epoch or x-lynkr-cache-epoch."),
    ] = "",
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Kept before: 90s, 30m, 2h, 7d.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    all_keys: Annotated[
        bool, typer.Option("--all-keys", help="Of all keys; needs an admin key.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = "",
) -> None:
    """Forget all answers that match everything that is said."""
    body: dict[str, object] = {}
    if older_than:
        body["older_than_s"] = _seconds(older_than)
    for name, value in (("model", model), ("provider", provider), ("epoch", epoch)):
        if value:
            body[name] = value
    if everything:
        body["all"] = True
    if not body:
        raise typer.BadParameter("say what to forget, or --all")
    if all_keys:
        body["scope"] = "all"
    if not yes:
        if not sys.stdin.isatty():
            raise LynkrError("nobody can be asked whether to forget them; --yes says so")
        whose = "all keys" if all_keys else "this key"
        typer.confirm(f"Forget the matching answers of {whose}?", abort=True, err=True)
    found = _ask(url, "/v1/cache/purge", body=body)
    if as_json:
        output.document(found)
    else:
        output.line(f"{found['forgotten']} forgotten")


# --- asking ---------------------------------------------------------------------------------------


def _ask(
    url: str, path: str, *, method: str = "GET", body: dict[str, object] | None = None
) -> dict[str, Any]:
    """The gateway's JSON. Raises ``LynkrError``."""
    import msgspec

    base, key = gateway(os.environ, url)
    if body is None:
        text = fetch(base, path, key, method=method)
    else:
        text = fetch(base, path, key, method="POST", body=msgspec.json.encode(body))
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise LynkrError(f"{base} is no gateway of this version: its answer is another") from None


def _entry(id_: str) -> str:
    return f"/v1/cache/entries/{urllib.parse.quote(id_, safe='')}"


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise typer.BadParameter("is no time; write 90s, 30m, 2h or 7d", param_hint="--older-than")
    return float(match[1]) * UNITS_S[match[2]]


# --- showing --------------------------------------------------------------------------------------


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = COLUMNS_PLAIN
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    numbers = {"age", "left", "hits", "size", "answers", "reworded", "compared", "wrong", "bar"}
    for name in columns:
        right = name in numbers
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def _partitions(found: Sequence[dict[str, Any]], total: int) -> None:
    scoped = "scope" in found[0]
    _table(
        (*(("scope",) if scoped else ()), "partition", "compared", "wrong", "bar", "false hits"),
        (
            (
                *((one["scope"],) if scoped else ()),
                one["partition"],
                one["compared"],
                one["disagreed"],
                "off" if one["off"] else f"{one['similarity_min']:.3f}",
                _share(one) + (f": {one['reason']}" if one["reason"] else ""),
            )
            for one in found
        ),
    )
    if total > len(found):
        output.line(f"and {total - len(found)} more")


def _print_entry(found: dict[str, Any]) -> None:
    for name in ("id", "kind", "api", "provider", "model", "epoch", "question", "hits"):
        if found.get(name) not in ("", None):
            output.line(f"{name:9} {found[name]}")
    output.line(f"age       {_span(found['age_s'])}, {_span(found['expires_in_s'])} left")
    output.line(f"size      {_size(found['size'])}")
    output.line()
    text = found["text"]
    output.line("(its text is not at hand now)" if text is None else text.removesuffix("\n"))


def _false_hits(found: dict[str, Any]) -> str:
    bound = f"at most {found['max']:.2%} are allowed"
    if not found["compared"]:
        return f"none compared yet; {bound}"
    return f"{_share(found)} of {found['compared']} compared; {bound}"


def _share(found: dict[str, Any]) -> str:
    if found["estimate"] is None:
        return ""
    return f"{found['estimate']:.2%} ({found['low']:.2%} to {found['high']:.2%})"


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{why} {count}" for why, count in counts.items()) or "0"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < THOUSAND:
            return f"{count:.4g} {unit}"
        count /= THOUSAND
    return f"{count:.4g} GB"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def _cut(text: str) -> str:
    return text if len(text) <= QUESTION_CHARS else text[: QUESTION_CHARS - 1] + "…"
