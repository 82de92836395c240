"""What is special to the store in a file: who may read it, and what becomes of it."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing

import pytest

from lynkr.stores.answers import Behind, Dropped
from lynkr.stores.answers_sqlite import SqliteAnswers
from tests.stores.places import ANA, SqlitePlace, answer, id_of, ids, living, sighting
from tests.stores.test_answers import CANARY, NOW, Clock


def test_the_files_are_for_their_owner_only(sqlite_place: SqlitePlace) -> None:
    with closing(sqlite_place.open()) as store:
        store.put(answer(1), b"{}")
        folder = sqlite_place.path.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == dict.fromkeys(("answers.db", "answers.db-wal", "answers.db-shm"), 0o600)


def test_what_was_forgotten_is_overwritten(sqlite_place: SqlitePlace) -> None:
    """Else it would lie in the file until chance puts something else there."""
    with closing(sqlite_place.open()) as store:
        for number in range(50):
            store.put(answer(number, question=CANARY), CANARY.encode() * 10)
    assert CANARY.encode() in sqlite_place.all_bytes()
    with closing(sqlite_place.open()) as store:
        store.drop([id_of(number) for number in range(50)])
    assert CANARY.encode() not in sqlite_place.all_bytes()


def test_who_was_away_for_longer_than_the_log_lasts_is_told(sqlite_place: SqlitePlace) -> None:
    clock = Clock(NOW)
    with closing(sqlite_place.open(wall=clock, log_s=600.0)) as store:
        _, old = store.snapshot()
        store.put(answer(1, stored_at=NOW, ttl_s=86_400.0), b"{}")
        store.sweep()
        assert ids(store.changes(old, 0.0)[0]) == [id_of(1)]
        clock.now += 601.0
        store.note(sighting(1, at=clock.now))
        store.sweep()
        with pytest.raises(Behind):
            store.changes(old, 0.0)
        facts, cursor = store.snapshot()
        assert ids(facts) == [id_of(1)]
        clock.now += 601.0
        store.sweep()  # the log is empty now
        with pytest.raises(Behind):
            store.changes(old, 0.0)
        assert store.changes(cursor, 0.0) == ([], cursor)  # it had seen all that is gone
        store.drop([id_of(1)])
        assert store.changes(cursor, 0.0)[0] == [Dropped((id_of(1),))]
        assert store.changes(store.snapshot()[1], 0.0)[0] == []


def test_a_file_that_was_put_away_is_noticed_and_another_one_is_another_log(
    sqlite_place: SqlitePlace,
) -> None:
    with closing(sqlite_place.open()) as old:
        old.put(answer(1), b"{}")
        _, cursor = old.snapshot()
        sqlite_place.path.unlink()
        for use in (
            lambda: old.put(answer(2), b"{}"),
            lambda: old.content(ANA, id_of(1)),
            lambda: old.changes(cursor, 0.0),
        ):
            with pytest.raises(OSError, match=r"answers\.db"):
                use()
    with closing(sqlite_place.open()) as new:
        for number in range(5):
            new.put(answer(number), b"{}")
        with pytest.raises(Behind):
            new.changes(cursor, 0.0)


def test_a_file_of_another_version_begins_anew(sqlite_place: SqlitePlace) -> None:
    sqlite_place.open().close()
    with closing(sqlite3.connect(sqlite_place.path)) as database:
        database.execute("DROP TABLE log")
        database.execute("CREATE TABLE of_later (x)")
        database.execute("PRAGMA user_version = 99")
    with closing(sqlite_place.open()) as store:
        store.put(answer(1), b"{}")
        assert ids(living(store)) == [id_of(1)]


def test_what_is_no_database_is_said_to_be_none(sqlite_place: SqlitePlace) -> None:
    sqlite_place.path.parent.mkdir(parents=True)
    sqlite_place.path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteAnswers(sqlite_place.path, entries_per_scope_max=1, bytes_max=1)
