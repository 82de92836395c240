"""What is special to the store on a server: addresses, time limits, and a log that is trimmed."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
import redis
import trustme

from lynkr.stores import answers_redis
from lynkr.stores.answers import Behind
from lynkr.stores.answers_redis import PREFIX, RedisAnswers
from tests.harness.redis_server import RedisServer
from tests.stores.places import ANA, RedisPlace, answer, id_of, ids, living, sighting


def test_who_has_missed_more_than_the_log_holds_is_told(redis_place: RedisPlace) -> None:
    with closing(redis_place.open(log_max=10)) as store:
        _, old = store.snapshot()
        for number in range(500):  # it trims in blocks of a hundred
            store.note(sighting(number))
        with pytest.raises(Behind):
            store.changes(old, 0.0)
        _, cursor = store.snapshot()
        assert store.changes(cursor, 0.0) == ([], cursor)


def test_a_server_that_has_forgotten_all_is_another_log(redis_place: RedisPlace) -> None:
    with closing(redis_place.open()) as store, closing(redis_place.client()) as client:
        store.put(answer(1), b"{}")
        _, cursor = store.snapshot()
        client.flushall()
        for number in range(2, 5):
            store.put(answer(number), b"{}")
        with pytest.raises(Behind):
            store.changes(cursor, 0.0)
        assert len(living(store)) == 3


def test_answers_go_by_themselves_and_nothing_is_kept_outside_the_prefix(
    redis_place: RedisPlace,
) -> None:
    with closing(redis_place.open()) as store, closing(redis_place.client()) as client:
        store.put(answer(1, ttl_s=1000.0), b"{}")
        store.note(sighting(1))
        assert all(key.startswith(PREFIX.encode()) for key in client.keys("*"))
        for kind in ("entry:", "content:"):
            assert 900 < client.ttl(f"{PREFIX}{kind}{id_of(1)}") <= 1000


def test_nothing_is_left_of_what_is_gone(redis_place: RedisPlace) -> None:
    with closing(redis_place.open()) as store, closing(redis_place.client()) as client:
        for number in range(5):
            store.put(answer(number), b"{}")
        store.drop([id_of(number) for number in range(5)])
        left = {key.decode().removeprefix(PREFIX) for key in client.keys("*")}
        assert left == {"bytes", "log", "removals"}
        assert client.get(f"{PREFIX}bytes") == b"0"


def test_a_sum_of_what_somebody_removed_by_hand_is_corrected(redis_place: RedisPlace) -> None:
    with (
        closing(redis_place.open(bytes_max=10_000)) as store,
        closing(redis_place.client()) as client,
    ):
        client.set(f"{PREFIX}bytes", 10**9)
        store.sweep()
        store.put(answer(1), b"{}")
        store.sweep()
        assert ids(living(store)) == [id_of(1)]


def test_two_prefixes_are_two_stores(redis_place: RedisPlace) -> None:
    with (
        closing(redis_place.open(prefix="one:")) as one,
        closing(redis_place.open(prefix="two:")) as two,
    ):
        one.put(answer(1), b"{}")
        assert living(two) == []
        assert two.content(ANA, id_of(1)) is None


def test_answers_of_the_same_moment_are_each_read_once(
    redis_place: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of a snapshot begin at a time, and many may have been stored at it."""
    monkeypatch.setattr(answers_redis, "PAGE_ROWS", 3)
    now = answer(0).stored_at
    with closing(redis_place.open()) as store:
        for number in range(40):
            store.put(answer(number, stored_at=now + (number // 10) * 0.001), b"{}")
        assert ids(living(store)) == [id_of(number) for number in range(40)]


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_redis, "OPERATION_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(redis.TimeoutError):
            RedisAnswers(f"redis://127.0.0.1:{port}/0", entries_per_scope_max=1, bytes_max=1)


@pytest.mark.parametrize("url", ["redis://:canary/pass@host", "http://:canary@host", "canary"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    """A part of it may be the password."""
    with pytest.raises(ValueError, match="address of the Redis server") as caught:
        RedisAnswers(url, entries_per_scope_max=1, bytes_max=1)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_behind_tls(tmp_path: Path) -> None:
    """With an authority of one's own, named in the address."""
    authority = tmp_path / "ca.pem"
    chain, key = tmp_path / "server.pem", tmp_path / "server.key"
    issued = trustme.CA()
    authority.write_bytes(issued.cert_pem.bytes())
    certificate = issued.issue_cert("127.0.0.1")
    chain.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    options = (
        "--tls-cert-file",
        str(chain),
        "--tls-key-file",
        str(key),
        "--tls-auth-clients",
        "no",
    )
    server = RedisServer(tmp_path, *options, scheme="rediss", query=f"?ssl_ca_certs={authority}")
    server.start()
    try:
        with closing(RedisPlace(server).open()) as store:
            store.put(answer(1), b"{}")
            assert store.content(ANA, id_of(1)) == b"{}"
        untrusted = RedisPlace(RedisServer(tmp_path))
        untrusted.server.url = server.url.partition("?")[0]
        with pytest.raises(redis.ConnectionError, match="certificate"):
            untrusted.open()
    finally:
        server.kill()
