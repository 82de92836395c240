"""Every test of a store of answers is tried with each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.redis_server import RedisServer
from tests.stores.places import Place, RedisPlace, SqlitePlace


@pytest.fixture
def sqlite_place(tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(tmp_path / "state" / "answers.db")


@pytest.fixture
def redis_place(tmp_path: Path) -> Iterator[RedisPlace]:
    server = RedisServer(tmp_path)
    server.start()
    try:
        yield RedisPlace(server)
    finally:
        server.kill()


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found
