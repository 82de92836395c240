"""Pooled keys: a session stays with one; a refused one moves only its own sessions."""

from __future__ import annotations

from collections import Counter

from lynkr.policies.keys import KeyPool

LINES = tuple(b"authorization: Bearer key-%d\r\n" % number for number in range(4))
SESSIONS = [b"session-%d" % number for number in range(400)]


def test_a_session_keeps_its_key() -> None:
    pool, again = KeyPool(LINES), KeyPool(LINES)
    assert [pool.choose(s, 0.0) for s in SESSIONS] == [again.choose(s, 9.0) for s in SESSIONS]


def test_sessions_spread_over_the_keys() -> None:
    counts = Counter(KeyPool(LINES).choose(session, 0.0) for session in SESSIONS)
    assert set(counts) == {0, 1, 2, 3}
    assert min(counts.values()) > 60


def test_a_refused_key_moves_its_own_sessions_only_and_gets_them_back() -> None:
    pool = KeyPool(LINES)
    before = {session: pool.choose(session, 0.0) for session in SESSIONS}
    pool.put_aside(2, until=60.0)
    during = {session: pool.choose(session, 1.0) for session in SESSIONS}
    assert 2 not in during.values()
    assert all(during[s] == before[s] for s in SESSIONS if before[s] != 2)
    assert {session: pool.choose(session, 60.0) for session in SESSIONS} == before


def test_when_all_are_refused_the_one_that_comes_back_first_is_used() -> None:
    pool = KeyPool(LINES)
    for index, until in enumerate((40.0, 20.0, 30.0, 50.0)):
        pool.put_aside(index, until)
    assert not pool.any_free(1.0)
    assert {pool.choose(session, 1.0) for session in SESSIONS} == {1}
    assert pool.any_free(20.0)


def test_putting_aside_never_shortens() -> None:
    pool = KeyPool(LINES)
    pool.put_aside(0, 100.0)
    pool.put_aside(0, 50.0)
    assert 0 not in {pool.choose(session, 60.0) for session in SESSIONS}


def test_one_key_is_always_it() -> None:
    pool = KeyPool(LINES[:1])
    pool.put_aside(0, 100.0)
    assert pool.choose(b"any", 0.0) == 0
    assert pool.line(0) == LINES[0]
