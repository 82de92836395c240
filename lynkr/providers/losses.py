"""Which losses of a translation are tolerated: a dialect's table in ``formats.toml``."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path


@functools.cache
def _tables() -> dict[str, dict[str, str]]:
    raw = tomllib.loads(Path(__file__).with_name("formats.toml").read_text("utf-8"))
    return {name: dict(table) for name, table in raw.items()}


def reasons(format_name: str) -> dict[str, str]:
    """Loss name to the reason why leaving it out does no harm at a target of this dialect."""
    return {**_tables()["any"], **_tables().get(format_name, {})}


def tolerated(format_name: str) -> frozenset[str]:
    """The names alone."""
    return frozenset(reasons(format_name))
