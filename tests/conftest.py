"""What every test shares: the event loops it runs on, and where made-up examples come from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import settings

# Two runs of one tree try the same examples, on a slow machine too: what fails, fails for its
# author. `make fuzz` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("same")


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The gateway runs on uvloop; the harness is held to both loops, as it must favour none."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "uvloop": uvloop.new_event_loop
    }
    if "harness" in item.path.parts:
        factories["asyncio"] = asyncio.new_event_loop
    return factories
