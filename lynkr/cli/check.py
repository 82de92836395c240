"""``lynkr check-config`` and ``lynkr config-schema``: is the file right, and what may it hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import typer

from lynkr.cli import output
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.config.loader import Loaded, load, located
from lynkr.errors import ConfigError


def checked(
    config: Path | None,
    environ: Mapping[str, str],
    cwd: Path,
    flags: Mapping[str, object] | None = None,
    *,
    demo: bool = False,
) -> Loaded:
    """The configuration after every check, the catalog's and the cache's included; with the demo's
    tiers where there is no provider, or where it is asked for. Raises ``ConfigError``."""
    from lynkr.providers import catalog
    from lynkr.server import answer_store

    loaded = load(config, environ, cwd, flags=flags)
    problems = catalog.check(loaded.settings, loaded.environ)
    if problems := [*problems, *answer_store.check(loaded.settings)]:
        raise ConfigError(located(loaded, problems))
    settings = catalog.with_demo(loaded.settings, loaded.environ, only=demo)
    return msgspec.structs.replace(loaded, settings=settings)


def providers_of(loaded: Loaded) -> dict[str, str]:
    """Name and kind of each provider: the file's, else those whose key the environment holds."""
    from lynkr.providers import catalog

    providers = loaded.settings.providers or catalog.discover(loaded.environ)
    return {name: provider.kind for name, provider in providers.items()}


def check_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the configuration and say what is wrong with it, with line and fix.

    The file, .env and the environment are read as `lynkr serve` would; nothing is connected to.
    """
    try:
        loaded = checked(config, os.environ, Path.cwd())
    except ConfigError as error:
        if not as_json:
            raise
        output.document({"ok": False, "problems": error.problems})
        raise typer.Exit(1) from error
    providers = providers_of(loaded)
    file = str(loaded.file) if loaded.file else None
    if as_json:
        output.document(
            {
                "ok": True,
                "file": file,
                "providers": providers,
                "variables": loaded.env_found,
                "notices": loaded.notices,
                "problems": [],
            }
        )
        return
    output.line(f"ok: {file or 'no file; defaults and environment'}")
    for name, kind in providers.items():
        output.line(f"provider {name}: {kind}")
    if not providers:
        output.line("no provider: `lynkr serve` will answer from the built-in demo upstream")
    for variable in loaded.env_found:
        output.line(f"from the environment: {variable}")
    for notice in loaded.notices:
        output.line(f"notice: {notice}")


def config_schema() -> None:
    """Print the JSON Schema of lynkr.toml, for editors."""
    from lynkr.config.schema import schema_text

    sys.stdout.write(schema_text())
