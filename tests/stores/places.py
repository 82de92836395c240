"""Stores of answers to be tried: an SQLite file, and a real Redis server that can be killed."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from lynkr.stores.answers import Answer, AnswerStore, Sighting
from lynkr.stores.answers_redis import RedisAnswers
from lynkr.stores.answers_sqlite import SqliteAnswers
from lynkr.stores.seal import Seal
from tests.harness.redis_server import RedisServer

DEADLINE_S = 30.0
ANA, BEN = b"ana" + bytes(13), b"ben" + bytes(13)


def until(true: Callable[[], object]) -> None:
    pause = threading.Event()
    deadline_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def id_of(number: int) -> str:
    return f"c_{number:016x}"


def answer(number: int, *, scope: bytes = ANA, ttl_s: float = 3600.0, **fields: Any) -> Answer:
    now = fields.pop("stored_at", time.time())
    known: dict[str, Any] = {
        **{"id": id_of(number), "scope": scope, "key": b"k" * 16, "partition": b"p" * 16},
        **{"epoch": "", "stored_at": now, "expires_at": now + ttl_s, "provider": "openai"},
        **{"model": "gpt", "api": "chat", "kind": "reply", "size": 2},
    }
    return Answer(**known | fields)


def sighting(number: int, *, at: float | None = None) -> Sighting:
    at = time.time() if at is None else at
    return Sighting(id_of(number), ANA, b"p" * 16, 0.9, 1.0, False, "shadow", at)


def ids(facts: Iterable[object]) -> list[str]:
    return [fact.id for fact in facts if isinstance(fact, Answer)]


def living(store: AnswerStore) -> list[Answer | Sighting]:
    return list(store.snapshot()[0])


class Place(Protocol):
    def open(
        self,
        *,
        entries_per_scope_max: int = 1000,
        bytes_max: int = 1 << 30,
        seal: Seal | None = None,
        wall: Callable[[], float] = time.time,
    ) -> AnswerStore: ...

    def all_bytes(self) -> bytes:
        """Everything that is kept, as it lies there."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


class SqlitePlace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside = path.with_suffix(".aside")

    def open(self, **options: Any) -> SqliteAnswers:
        options = {"entries_per_scope_max": 1000, "bytes_max": 1 << 30, **options}
        return SqliteAnswers(self.path, **options)

    def all_bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.path.parent.iterdir()))

    def stop(self) -> None:
        """A folder where the file was can neither be used nor replaced."""
        if self.path.exists():
            self.path.rename(self._aside)
        self.path.mkdir(parents=True)

    def start(self) -> None:
        if self.path.is_dir():
            self.path.rmdir()
        if self._aside.exists():
            self._aside.rename(self.path)


class RedisPlace:
    def __init__(self, server: RedisServer) -> None:
        self.server = server

    def open(self, **options: Any) -> RedisAnswers:
        options = {"entries_per_scope_max": 1000, "bytes_max": 1 << 30, **options}
        return RedisAnswers(self.server.url, **options)

    def all_bytes(self) -> bytes:
        client = self.client()
        read = {
            b"string": lambda key: client.get(key),
            b"hash": lambda key: client.hgetall(key),
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"stream": lambda key: client.xrange(key),
        }
        with closing(client):
            return b"".join(
                value if isinstance(value, bytes) else repr(value).encode()
                for key in client.keys("*")
                for value in (key, read[client.type(key)](key))
            )

    def client(self) -> Any:
        import redis

        return redis.Redis.from_url(self.server.url, protocol=2)

    def stop(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


# --- another process ------------------------------------------------------------------------------


def work(place: Place, first: int, count: int, drops: bool) -> None:
    """What a worker elsewhere does: it keeps answers, drops some, and notes when it has ended."""
    with closing(place.open(entries_per_scope_max=100_000)) as store:
        for number in range(first, first + count):
            store.put(answer(number), b"{}")
            if drops and number % 5 == 4:
                store.drop([id_of(number - 2)])
        store.note(sighting(first))


def elsewhere(
    place: Place, first: int, count: int, *, drops: bool = False
) -> multiprocessing.process.BaseProcess:
    path: Path | str = place.path if isinstance(place, SqlitePlace) else ""
    url = place.server.url if isinstance(place, RedisPlace) else ""
    process = multiprocessing.get_context("spawn").Process(
        target=_elsewhere, args=(path, url, first, count, drops)
    )
    process.start()
    return process


def _elsewhere(path: Path, url: str, first: int, count: int, drops: bool) -> None:
    work(RedisPlace(_Address(url)) if url else SqlitePlace(path), first, count, drops)


class _Address(RedisServer):
    """A server that runs already."""

    def __init__(self, url: str) -> None:
        self.url = url
