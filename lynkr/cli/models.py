"""``lynkr models``: what is known of models. Nobody is asked; the facts ship with the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lynkr.cli import output
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.config.loader import load
from lynkr.errors import ConfigError, Problem

if TYPE_CHECKING:
    from lynkr.providers.models import ModelFacts, Prices

COLUMNS_PLAIN = 200  # width where nobody says one: a pipe, a file
LEGEND = (
    "in, out, read, write, write 1h: US dollars per million tokens, + if long input costs more;"
    " from: the shortest prefix that is cached"
)
THOUSAND = 1000
MILLION = 1_000_000


def models(
    kind: Annotated[
        str,
        typer.Option("--kind", "-k", metavar="KIND", help="Only the models of this kind."),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is known of models: limits, prices, prompt caching, capabilities.

    Prices are US dollars per million tokens. The catalog's facts are shown, with those of the
    configuration's own catalog.models_file over them; no provider is called.
    """
    from lynkr.providers.catalog import kinds
    from lynkr.providers.models import all_facts, own_models

    if kind and kind not in kinds():
        known = ", ".join(kinds())
        raise typer.BadParameter(f"no such kind; one of: {known}", param_hint="--kind")
    path = load(config, os.environ, Path.cwd()).settings.catalog.models_file
    try:
        own = own_models(path)
    except ValueError as error:
        fix = "correct the path or the file"
        raise ConfigError([Problem("catalog.models_file", str(error), fix, path)]) from error
    wanted = [kind] if kind else list(kinds())
    found = {name: all_facts(name, own, shared=bool(kind)) for name in wanted}
    if as_json:
        output.document(
            {
                "models": [
                    {"kind": name, **_document(model)}
                    for name, known_models in found.items()
                    for model in known_models
                ]
            }
        )
        return
    for name, known_models in found.items():
        if known_models:
            _print(name, known_models)
    if any(found.values()):
        output.line(LEGEND)
    else:
        output.line(f"nothing is known of the models of {kind}; catalog.models_file can say it")


def _document(model: ModelFacts) -> dict[str, object]:
    import msgspec

    return {
        **{name: getattr(model, name) for name in model.__struct_fields__},
        "prices": msgspec.to_builtins(model.prices) if model.prices is not None else None,
        "capabilities": sorted(model.capabilities),
    }


def _print(kind: str, known: list[ModelFacts]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=COLUMNS_PLAIN)
    table = Table(title=kind, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("id", "context", "output", "in", "out", "read", "write", "write 1h", "from"):
        table.add_column(
            name, justify="left" if name == "id" else "right", no_wrap=True, overflow="fold"
        )
    table.add_column("capabilities", ratio=1)
    table.add_column("checked", no_wrap=True)
    for model in known:
        table.add_row(
            model.id,
            _tokens(model.context_window),
            _tokens(model.output_tokens_max),
            *_charges(model.prices),
            _tokens(model.cache_tokens_min),
            ", ".join(sorted(model.capabilities)),
            model.checked.partition(",")[0] + (f", ends {model.retires}" if model.retires else ""),
        )
    console.print(table)
    console.print()


def _tokens(count: int | None) -> str:
    """A count as people say it: 200K, 1M; "" when it is not known."""
    if count is None:
        return ""
    for size, letter in ((MILLION, "M"), (THOUSAND, "K")):
        if count >= 10 * THOUSAND and count >= size:
            return f"{count / size:.4g}{letter}"
    return str(count)


def _charges(prices: Prices | None) -> list[str]:
    """Input, output, cache read and the two cache writes; a plus where long input costs more."""
    if prices is None:
        return [""] * 5
    pairs = (
        (prices.input, prices.input_above),
        (prices.output, prices.output_above),
        (prices.cache_read, prices.cache_read_above),
        (prices.cache_write, prices.cache_write_above),
        (prices.cache_write_1h, prices.cache_write_1h_above),
    )
    return [
        "" if price is None else f"{price:g}" + ("+" if above is not None else "")
        for price, above in pairs
    ]
