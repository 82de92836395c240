"""Compiled modules that have code for several levels of instructions, tested with each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

LEVELS = (0, 1, 2)


@contextlib.contextmanager
def at_level(use: Callable[[int], int], level: int) -> Iterator[int]:
    """``use`` is the module's. Afterwards the machine's best is used again."""
    used = use(level)
    try:
        if used != level:
            pytest.skip("this machine has no such instructions")
        yield used
    finally:
        use(max(LEVELS))
