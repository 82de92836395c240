"""What a worker holds of the answers: found by those who may have them, within its bounds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.nearest import cosine
from lynkr.stores.answers import Answer
from lynkr.stores.index import Index
from lynkr.stores.shelf import Entry, Shelf

DIM = 8
ANA, BOB = b"ana" + b"." * 13, b"bob" + b"." * 13
PART = b"part" + b"." * 12
UP = b"\x7f" + b"\0" * 7


def answer(
    number: int,
    *,
    scope: bytes = ANA,
    key: bytes | None = None,
    partition: bytes = PART,
    epoch: str = "",
    stored_at: float = 0.0,
    expires_at: float = 100.0,
    vector: bytes = UP,
) -> Answer:
    return Answer(
        id=f"c_{number:016x}",
        scope=scope,
        key=key or number.to_bytes(16, "big"),
        partition=partition,
        epoch=epoch,
        stored_at=stored_at,
        expires_at=expires_at,
        provider="p",
        model="m",
        api="chat",
        kind="reply",
        size=10,
        question="what is tcp",
        vector=vector,
        features=b"features",
    )


def made(
    entries_max: int = 1000,
    per_scope_max: int = 1000,
    contents_bytes_max: int = 1000,
    scan_max: int = 1000,
) -> Shelf:
    index = Index(DIM, scan_max=scan_max)
    return Shelf(
        entries_max=entries_max,
        entries_per_scope_max=per_scope_max,
        contents_bytes_max=contents_bytes_max,
        dim=DIM,
        index=index,
    )


def put(shelf: Shelf, one: Answer, content: bytes | None = None, now: float = 1.0) -> Entry:
    entry = shelf.put(one, content, now)
    assert entry is not None
    return entry


def ids(entries: list[Entry]) -> list[int]:
    return [entry.number for entry in entries]


def test_an_answer_is_found_by_its_key_and_by_its_neighbours() -> None:
    shelf = made()
    one = answer(7, stored_at=0.5)
    entry = put(shelf, one, b"content")
    assert shelf.exact(one.key, ANA, "", 2.0) is entry
    ((found, similarity),) = shelf.nearest(PART, UP, ANA, "", 2.0)
    assert found is entry
    assert similarity == pytest.approx(1.0)
    assert shelf.content(entry) == b"content"
    assert shelf.find(one.id) is entry
    for field in (
        *("id", "scope", "key", "partition", "epoch", "stored_at", "expires_at", "provider"),
        *("model", "api", "kind", "size", "features"),
    ):
        assert getattr(entry, field) == getattr(one, field)
    assert (shelf.entries_total, shelf.semantic_total, shelf.contents_bytes) == (1, 1, 7)


def test_nobody_finds_what_is_not_theirs() -> None:
    shelf = made()
    one = answer(1, epoch="e")
    put(shelf, one)
    assert shelf.exact(one.key, ANA, "e", 1.0) is not None
    assert shelf.exact(one.key, BOB, "e", 1.0) is None
    assert shelf.exact(one.key, ANA, "", 1.0) is None
    assert shelf.exact(b"other", ANA, "e", 1.0) is None
    assert shelf.nearest(PART, UP, ANA, "e", 1.0) != []
    assert shelf.nearest(PART, UP, BOB, "e", 1.0) == []
    assert shelf.nearest(PART, UP, ANA, "", 1.0) == []
    assert shelf.nearest(b"other", UP, ANA, "e", 1.0) == []


def test_an_earlier_epoch_does_not_push_others_out_of_the_nearest() -> None:
    shelf = made()
    mine = put(shelf, answer(1, vector=b"\x40" * DIM))
    for number in range(2, 30):
        put(shelf, answer(number, epoch="old"))
    assert [entry for entry, _ in shelf.nearest(PART, UP, ANA, "", 1.0)] == [mine]


def test_what_has_expired_is_dropped_on_sight() -> None:
    shelf = made()
    one, two = answer(1, expires_at=5.0), answer(2, expires_at=6.0)
    put(shelf, one, b"x")
    put(shelf, two, b"y")
    assert shelf.put(answer(3, expires_at=5.0), None, 5.0) is None
    assert shelf.exact(one.key, ANA, "", 4.9) is not None
    assert shelf.exact(one.key, BOB, "", 5.0) is None
    assert shelf.entries_total == 1
    assert shelf.nearest(PART, UP, ANA, "", 6.0) == []
    assert (shelf.entries_total, shelf.contents_bytes, len(shelf.index)) == (0, 0, 0)
    assert shelf.evicted_total == 0


def test_the_same_answer_again_changes_nothing() -> None:
    shelf = made()
    entry = put(shelf, answer(1), b"content")
    shelf.used(entry, 2.0)
    assert shelf.put(answer(1), None, 3.0) is entry
    assert shelf.put(answer(1), b"other", 3.0) is entry
    assert (entry.hits, shelf.content(entry), shelf.entries_total) == (1, b"content", 1)


def test_a_newer_answer_of_the_same_key_takes_its_place() -> None:
    shelf = made()
    old = put(shelf, answer(1, key=b"k"), b"old")
    new = put(shelf, answer(2, key=b"k"))
    assert shelf.exact(b"k", ANA, "", 1.0) is new
    assert (shelf.find(old.id), shelf.content(old), shelf.content(new)) == (None, None, None)
    assert [entry for entry, _ in shelf.nearest(PART, UP, ANA, "", 1.0)] == [new]
    assert shelf.contents_bytes == 0
    # What is done to an entry that is gone is done to nothing.
    shelf.used(old, 2.0)
    shelf.hold(old, b"old", 3)
    assert (old.hits, shelf.contents_bytes, shelf.near(old, 0.0)) == (0, 0, [])


def test_an_answer_without_a_fitting_vector_is_found_by_its_key_only() -> None:
    shelf = made()
    for number, one in enumerate(
        (
            answer(1, partition=b""),
            answer(2, vector=b""),
            answer(3, vector=b"12345"),
            answer(4, vector=b"\0" * DIM),
        ),
        1,
    ):
        entry = put(shelf, one)
        assert shelf.exact(one.key, ANA, "", 1.0) is entry
        assert (entry.partition, entry.features, shelf.entries_total) == (b"", b"", number)
    assert (shelf.semantic_total, len(shelf.index)) == (0, 0)
    assert shelf.nearest(b"", UP, ANA, "", 1.0) == []
    assert shelf.nearest(PART, b"\0" * DIM, ANA, "", 1.0) == []


def test_drop() -> None:
    shelf = made()
    for number in range(4):
        put(shelf, answer(number), b"12")
    dropped = ["c_0000000000000001", "c_0000000000000003", "c_0000000000000003", "c_unknown", "c_1"]
    assert shelf.drop(dropped) == 2
    assert ids(shelf.entries()) == [0, 2]
    assert (shelf.contents_bytes, shelf.semantic_total, len(shelf.index)) == (4, 2, 2)


def test_an_id_that_is_not_drawn_as_they_are() -> None:
    shelf = made()
    one = answer(1)
    odd = Answer(
        id="c_odd",
        scope=ANA,
        key=b"k",
        **{
            name: getattr(one, name)
            for name in one.__struct_fields__
            if name not in ("id", "scope", "key")
        },
    )
    entry = put(shelf, odd)
    assert (entry.id, shelf.find("c_odd"), shelf.find("c_other")) == ("c_odd", entry, None)
    assert shelf.drop([f"c_{entry.number:016x}"]) == 0
    assert shelf.drop(["c_odd"]) == 1


def test_the_least_recently_used_makes_room() -> None:
    shelf = made(entries_max=3)
    first, second, _ = (put(shelf, answer(number)) for number in range(3))
    shelf.used(first, 2.0)
    put(shelf, answer(3))
    assert shelf.find(second.id) is None
    assert ids(shelf.entries()) == [2, 0, 3]
    assert (shelf.entries_total, shelf.evicted_total, len(shelf.index)) == (3, 1, 3)


def test_each_scope_makes_room_for_its_own() -> None:
    shelf = made(entries_max=5, per_scope_max=2)
    bob = put(shelf, answer(100, scope=BOB))
    for number in range(4):
        put(shelf, answer(number))
    assert ids(shelf.entries(ANA)) == [2, 3]
    assert shelf.entries(BOB) == [bob]
    assert shelf.entries(b"nobody") == []
    shelf.drop([bob.id])
    assert shelf.entries(BOB) == []


def test_what_has_expired_goes_before_what_is_only_old() -> None:
    shelf = made(entries_max=3)
    put(shelf, answer(0))
    put(shelf, answer(1, expires_at=5.0))
    put(shelf, answer(2))
    put(shelf, answer(3), now=6.0)
    assert ids(shelf.entries()) == [0, 2, 3]
    assert shelf.evicted_total == 0


def test_a_bound_of_nothing_still_takes_the_latest() -> None:
    shelf = made(entries_max=0, per_scope_max=0)
    for number in range(3):
        put(shelf, answer(number))
    assert ids(shelf.entries()) == [2]


def test_contents_are_held_for_those_used_lately() -> None:
    shelf = made(contents_bytes_max=10)
    one, two, three = (put(shelf, answer(number)) for number in range(3))
    shelf.hold(one, "any object", 4)
    shelf.hold(two, two, 4)
    assert shelf.content(one) == "any object"
    shelf.hold(three, b"", 4)
    assert (shelf.content(two), shelf.content(one)) == (None, "any object")
    shelf.hold(one, "larger", 8)
    assert (shelf.content(three), shelf.content(one), shelf.contents_bytes) == (None, "larger", 8)
    shelf.hold(one, "too large", 11)
    assert (shelf.content(one), shelf.contents_bytes) == (None, 0)
    assert shelf.entries_total == 3
    shelf.hold(one, b"", 10)
    shelf.drop([one.id])
    assert shelf.contents_bytes == 0


def test_use_is_counted() -> None:
    shelf = made()
    entry = put(shelf, answer(1, stored_at=0.5))
    assert (entry.hits, entry.used_at) == (0, 0.5)
    shelf.used(entry, 7.0)
    assert (entry.hits, entry.used_at) == (1, 7.0)


def test_the_neighbours_of_a_wrong_answer() -> None:
    shelf = made()
    wrong = put(shelf, answer(1, vector=UP))
    near = put(shelf, answer(2, vector=b"\x7f\x20" + b"\0" * 6))
    put(shelf, answer(3, vector=b"\0\x7f" + b"\0" * 6))
    put(shelf, answer(4, vector=UP, scope=BOB))
    put(shelf, answer(5, vector=UP, epoch="other"))
    put(shelf, answer(6, vector=UP, partition=b"other"))
    assert shelf.near(wrong, 0.9) == [near]
    assert ids(shelf.near(wrong, -1.0)) == [2, 3]
    assert shelf.near(put(shelf, answer(7, partition=b"")), -1.0) == []


def test_an_index_that_lies_is_not_believed() -> None:
    """Whatever it says: of another scope, another partition, gone."""
    shelf = made()
    other = put(shelf, answer(1, scope=BOB))
    elsewhere = put(shelf, answer(2, partition=b"other"))
    by_key = put(shelf, answer(3, partition=b""))
    mine = put(shelf, answer(4))
    for number in (other.number, elsewhere.number, by_key.number, 999):
        shelf.index.add(PART, number, UP)
    found = [entry for entry, _ in shelf.nearest(PART, UP, ANA, "", 1.0)]
    assert set(found) <= {mine}
    assert shelf.near(mine, -1.0) == []


class Naive:
    """A shelf by lists and sorting."""

    def __init__(self, entries_max: int, per_scope_max: int) -> None:
        self.bounds = entries_max, per_scope_max
        self.kept: list[Answer] = []  # the least recently used first

    def put(self, one: Answer, now: float) -> None:
        if one.expires_at <= now or any(other.id == one.id for other in self.kept):
            return
        self.kept = [x for x in self.kept if x.key != one.key and x.expires_at > now]
        for count, those in ((self.bounds[1], [one.scope]), (self.bounds[0], [ANA, BOB])):
            inside = [other for other in self.kept if other.scope in those]
            if len(inside) >= count:
                self.kept.remove(inside[0])
        self.kept.append(one)

    def use(self, id_: str) -> None:
        one = next(other for other in self.kept if other.id == id_)
        self.kept.remove(one)
        self.kept.append(one)

    def may(self, scope: bytes, epoch: str, now: float) -> list[Answer]:
        return [
            one
            for one in self.kept
            if (one.scope, one.epoch) == (scope, epoch) and one.expires_at > now
        ]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_nothing_of_another_scope_epoch_or_partition_is_ever_returned(
    seed: int, graphs: bool
) -> None:
    """And nothing that may be is missing: any sequence of calls, as the naive shelf."""
    random = Random(seed)
    entries_max, per_scope_max = random.choice([(6, 4), (12, 12), (30, 10)])
    shelf = made(entries_max, per_scope_max, 60, scan_max=3 if graphs else 1000)
    if graphs:
        assert shelf.index.prepare()
    naive = Naive(entries_max, per_scope_max)
    scopes, epochs = (ANA, BOB), ("", "new")
    now = 0.0
    for _ in range(150):
        now += random.choice([0.0, 0.5, 3.0])
        scope, epoch = random.choice(scopes), random.choice(epochs)
        # A partition is a digest of its scope too; now and then somebody asks for another's.
        owner = scope if random.random() < 0.8 else random.choice(scopes)
        partition = random.choice([PART[:8] + owner[:8], b"other" + owner, b""])
        vector = bytes(random.choice([0, 1, 5, 100]) for _ in range(DIM))
        what = random.random()
        if what < 0.5:
            one = answer(
                random.randrange(10**6) if random.random() < 0.8 else random.randrange(4),
                scope=scope,
                # A key is a digest of its scope too.
                key=scope + random.randbytes(1)[:1] if random.random() < 0.5 else None,
                partition=partition if owner == scope else b"",
                epoch=epoch,
                expires_at=now + random.choice([-1.0, 0.5, 20.0, 90.0]),
                vector=vector,
            )
            found = next((x for x in naive.kept if x.id == one.id), None)
            if found is not None:
                one = found
            shelf.put(one, random.randbytes(random.randrange(40)), now)
            naive.put(one, now)
        elif what < 0.6 and naive.kept:
            gone = random.choice(naive.kept).id
            there = shelf.find(gone) is not None
            assert shelf.drop([gone, "c_x"]) == there
            naive.kept = [one for one in naive.kept if one.id != gone]
        elif what < 0.7 and (allowed := naive.may(scope, epoch, now)):
            entry = shelf.exact(random.choice(allowed).key, scope, epoch, now)
            assert entry is not None
            shelf.used(entry, now)
            naive.use(entry.id)
        may = naive.may(scope, epoch, now)
        for key in {one.key for one in naive.kept}:
            entry = shelf.exact(key, scope, epoch, now)
            expected = next((one.id for one in may if one.key == key), None)
            assert (None if entry is None else entry.id) == expected
        near = {
            one.id: one
            for one in may
            if partition and one.partition == partition and any(one.vector) and any(vector)
        }
        found_near = shelf.nearest(partition, vector, scope, epoch, now)
        assert len(found_near) == min(len(near), 4)
        assert {entry.id for entry, _ in found_near} <= set(near)
        best = sorted((cosine(vector, one.vector) for one in near.values()), reverse=True)[:4]
        said = [similarity for _, similarity in found_near]
        assert said == pytest.approx(best, abs=1e-4)
        living = [one.id for one in naive.kept if one.expires_at > now]
        assert [entry.id for entry in shelf.entries() if entry.expires_at > now] == living
        assert shelf.contents_bytes <= 60
        assert shelf.semantic_total == len(shelf.index)
        assert shelf.entries_total <= entries_max
        assert all(len(shelf.entries(one)) <= per_scope_max for one in scopes)
