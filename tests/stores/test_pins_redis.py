"""Hosts that share a Redis server agree on where conversations are; without it each goes on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lynkr.policies.routing.facts import Pin
from lynkr.stores import pins_redis as module
from lynkr.stores.pins import Pins
from lynkr.stores.pins_redis import RedisPins
from tests.harness.redis_server import PASSWORD, RedisServer
from tests.stores.places import DEADLINE_S, RedisPlace, until

KEY = b"k" * 16
LOG = "lynkr:pins:log"


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def pin(tier: int = 1, **fields: Any) -> Pin:
    now_s = time.time()
    return Pin(**{"tier": tier, "score": 40.0, "at_s": now_s, "last_s": now_s, **fields})


class Host:
    """A table, and one worker's link."""

    def __init__(self, url: str, pins: Pins | None = None, **options: Any) -> None:
        self.pins = pins or Pins(slots=1024)
        self.news: list[str] = []
        options = {
            "failed": self.news.append,
            "recovered": lambda: self.news.append("recovered"),
            "poll_s": 0.02,
            "lead_s": 0.01,
            "back_off_s": (0.001, 0.02),
            **options,
        }
        self.link = RedisPins(self.pins, url, **options)
        self.link.start()

    def tier(self, of: bytes = KEY) -> int | None:
        found = self.pins.find(of)
        return None if found is None else found.tier

    def close(self) -> None:
        self.link.close(DEADLINE_S)
        assert not any(thread.is_alive() for thread in self.link._threads)


Joins = Callable[..., Host]


@pytest.fixture
def joined(redis_place: RedisPlace) -> Iterator[Joins]:
    """Makes hosts of the server, and ends them."""
    hosts: list[Host] = []

    def join(**options: Any) -> Host:
        hosts.append(Host(redis_place.server.url, **options))
        return hosts[-1]

    try:
        yield join
    finally:
        for host in hosts:
            host.close()


def lines(place: RedisPlace) -> int:
    with closing(place.client()) as client:
        found: int = client.xlen(LOG)
        return found


def test_hosts_find_each_others_pins(joined: Joins) -> None:
    one, other = joined(), joined()
    kept = pin(3, turns=4, prompt_tokens=10_000, output_tokens=300, target=1 << 63, raised=2)
    one.pins.keep(KEY, kept)
    until(lambda: other.pins.find(KEY) == kept)
    moved = pin(2, at_s=kept.at_s + 0.001)
    other.pins.keep(KEY, moved)
    until(lambda: one.pins.find(KEY) == moved)
    assert one.link.heard_total == 1  # its own line is none
    assert one.link.connected
    assert other.link.unreadable_total == 0


def test_the_last_of_many_decisions_holds_everywhere(joined: Joins) -> None:
    """However the lines of several hosts mix."""
    hosts = [joined() for _ in range(3)]
    begun_s = time.time() - 100
    for number in range(90):
        kept = pin(number % 4, at_s=begun_s + number, last_s=begun_s + number, turns=number)
        hosts[number % 3].pins.keep(key(number % 5), kept)
    last = [max((number for number in range(90) if number % 5 == of), default=0) for of in range(5)]
    until(lambda: all([_turns(host, of) for of in range(5)] == last for host in hosts))


def _turns(host: Host, of: int) -> int | None:
    found = host.pins.find(key(of))
    return None if found is None else found.turns


def test_a_host_that_starts_later_reads_what_there_is(
    joined: Joins, redis_place: RedisPlace
) -> None:
    one = joined()
    for number in range(3 * module.READ_AT_ONCE):
        one.pins.keep(key(number), pin(number % 4))
    until(lambda: lines(redis_place) == 3 * module.READ_AT_ONCE)
    later = joined()
    until(lambda: later.link.caught_up)
    count = 3 * module.READ_AT_ONCE
    assert [later.tier(key(number)) for number in range(count)] == [n % 4 for n in range(count)]


def test_pins_that_have_expired_are_not_read(joined: Joins, redis_place: RedisPlace) -> None:
    one = joined()
    one.pins.keep(KEY, pin())
    until(lambda: lines(redis_place) == 1)
    later = joined(pins=Pins(slots=64, wall=lambda: time.time() + 6 * 3600 + 1))
    until(lambda: later.link.caught_up)
    assert later.tier() is None
    assert later.link.heard_total == 0


def test_a_lone_use_is_told_once_in_a_while(joined: Joins, redis_place: RedisPlace) -> None:
    one = joined()
    at_s = time.time() - 1000
    for number in range(50):
        one.pins.keep(KEY, pin(at_s=at_s, last_s=at_s + number))
    one.pins.keep(KEY, pin(at_s=at_s, last_s=at_s + 61))
    other = joined()
    until(lambda: (found := other.pins.find(KEY)) is not None and found.last_s == at_s + 61)
    assert lines(redis_place) <= 2


def test_the_log_is_bounded_and_goes_when_nobody_writes(
    joined: Joins, redis_place: RedisPlace
) -> None:
    one = joined(log_max=100)
    for number in range(1000):
        one.pins.keep(key(number), pin())
    until(lambda: one.link.told_total == 1000)
    assert lines(redis_place) < 400  # whole nodes of the stream are dropped
    with closing(redis_place.client()) as client:
        assert 0 < client.ttl(LOG) <= 6 * 3600 + 1
        assert client.keys("*") == [LOG.encode()]


def test_one_worker_of_a_host_reads_and_all_write(joined: Joins, tmp_path: Path) -> None:
    """Here of one process, which leads as often as it likes: to hear twice does no harm."""
    pins = [Pins(tmp_path / "pins", slots=64) for _ in range(2)]
    one, other, elsewhere = joined(pins=pins[0]), joined(pins=pins[1]), joined()
    one.pins.keep(key(1), pin(1))
    other.pins.keep(key(2), pin(2))
    until(lambda: (elsewhere.tier(key(1)), elsewhere.tier(key(2))) == (1, 2))
    elsewhere.pins.keep(key(3), pin(3))
    until(lambda: one.tier(key(3)) == other.tier(key(3)) == 3)


def test_a_worker_that_does_not_lead_does_not_read(
    joined: Joins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the one before it has ended."""
    lead = [False]
    pins = Pins(slots=64)
    monkeypatch.setattr(pins, "lead", lambda: lead[0])
    second, elsewhere = joined(pins=pins), joined()
    elsewhere.pins.keep(KEY, pin(2))
    until(lambda: elsewhere.link.told_total == 1)
    assert not second.link.leads
    assert second.tier() is None
    second.pins.keep(key(7), pin(3))  # it writes all the same
    until(lambda: elsewhere.tier(key(7)) == 3)
    lead[0] = True
    until(lambda: second.tier() == 2)
    assert second.link.leads


# --- without the server ---------------------------------------------------------------------------


def test_without_a_server_pins_are_local_and_told_later(
    joined: Joins, redis_place: RedisPlace
) -> None:
    one, other = joined(), joined()
    one.pins.keep(key(1), pin(1))
    until(lambda: other.tier(key(1)) == 1)
    redis_place.stop()
    one.pins.keep(key(2), pin(2))
    assert one.tier(key(2)) == 2
    until(lambda: one.news and other.news)
    assert not one.link.connected
    assert not any(PASSWORD in text or "canary" in text for text in one.news + other.news)
    one.pins.keep(key(2), pin(3))
    redis_place.start()  # empty: it keeps nothing on disk
    until(lambda: other.tier(key(2)) == 3)
    until(lambda: one.link.connected and other.link.connected)
    assert other.tier(key(1)) == 1
    assert (len(one.news), one.news[-1]) == (2, "recovered")
    assert one.link.dropped_total == 0


def test_a_server_that_was_emptied_is_followed_again(
    joined: Joins, redis_place: RedisPlace
) -> None:
    """Its lines may be numbered lower than those before: by another clock, or another server."""
    one, other = joined(), joined()
    with closing(redis_place.client()) as client:
        ahead = f"{int((time.time() + 3600) * 1000)}-0"
        kept = Pins(slots=4)
        told: list[bytes] = []
        kept.tell = lambda _, news: told.append(news)
        kept.keep(KEY, pin(2))
        client.xadd(LOG, {"pin": told[0]}, id=ahead)
        until(lambda: one.tier() == other.tier() == 2)
        client.flushall()
    one.pins.keep(key(1), pin(1))
    until(lambda: other.tier(key(1)) == 1)
    assert one.tier() == 2


def test_a_full_server_takes_what_waits_when_there_is_room(
    joined: Joins, redis_place: RedisPlace
) -> None:
    one, other = joined(), joined()
    until(lambda: one.link.caught_up and other.link.caught_up)
    with closing(redis_place.client()) as client:
        client.config_set("maxmemory", "1")
        one.pins.keep(KEY, pin(3))
        until(lambda: one.news)
        assert "OutOfMemory" in one.news[0] or "OOM" in one.news[0]
        client.config_set("maxmemory", "0")
    until(lambda: other.tier() == 3)


def test_lines_that_are_none_are_counted(joined: Joins, redis_place: RedisPlace) -> None:
    one, other = joined(), joined()
    with closing(redis_place.client()) as client:
        for fields in ({"pin": b"x" * 64}, {"pin": b""}, {"other": b"x"}, {"pin": bytes(64)}):
            client.xadd(LOG, fields)
    one.pins.keep(KEY, pin(2))
    until(lambda: other.tier() == 2)
    assert other.link.unreadable_total == 4
    assert not other.news


def test_a_key_of_another_type_is_an_outage(joined: Joins, redis_place: RedisPlace) -> None:
    with closing(redis_place.client()) as client:
        client.set(LOG, b"mine")
        one = joined()
        one.pins.keep(KEY, pin(2))
        until(lambda: one.news)
        assert "WRONGTYPE" in one.news[0]
        client.delete(LOG)
        until(lambda: lines(redis_place) == 1 and one.link.connected)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of each conversation, and of these the latest."""
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    link = RedisPins(Pins(slots=4), "redis://127.0.0.1:1/0")  # not started: nobody writes
    for number in range(5):
        link.tell(key(number), b"old")
    link.tell(key(2), b"new")
    assert link.dropped_total == 2
    batch = link._taken()
    assert list(batch.items()) == [(key(3), b"old"), (key(4), b"old"), (key(2), b"new")]
    link.tell(key(4), b"newer")
    link.tell(key(5), b"newer")
    link._put_back(batch)
    assert link._taken() == {key(2): b"new", key(4): b"newer", key(5): b"newer"}
    assert link.dropped_total == 3
    link.close()


def test_an_end_does_not_wait_for_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = Host(f"redis://127.0.0.1:{unused.getsockname()[1]}/0", back_off_s=(0.001, 3600.0))
        for number in range(10):
            host.pins.keep(key(number), pin())
        until(lambda: host.news)
        host.close()
    assert host.link.dropped_total == 10
    host.pins.keep(KEY, pin())  # and calls go on
    assert host.link.dropped_total == 10


def test_what_waits_at_the_end_is_written(joined: Joins) -> None:
    one, other = joined(), joined()
    for number in range(300):
        one.pins.keep(key(number), pin(2))
    one.close()
    assert one.link.told_total == 300
    until(lambda: other.tier(key(299)) == 2)


@pytest.mark.parametrize("url", ["redis://:canary/pass@host", "http://:canary@host", "canary"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    """A part of it may be the password."""
    with pytest.raises(ValueError, match="address of the Redis server") as caught:
        RedisPins(Pins(slots=4), url)
    assert "canary" not in str(caught.value)


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    server = RedisServer(tmp_path, "--unixsocket", str(path))
    server.start()
    host = Host(f"unix://:{'canary%2Fpass%40word'}@{path}?db=0")
    try:
        host.pins.keep(KEY, pin())
        until(lambda: host.link.told_total == 1)
    finally:
        host.close()
        server.kill()
