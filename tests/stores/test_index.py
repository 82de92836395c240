"""Vectors inside a partition: found in lists and in graphs, through every move from one to the
other. What a snapshot says is believed where the store says the same."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from lynkr._native.nearest import Vectors, cosine, quantised
from lynkr.stores import index as module
from lynkr.stores.index import Index

DIM = 64
P, Q = b"partition", b"another"


def vectors(count: int, seed: int = 1) -> list[bytes]:
    """Around some topics, as texts are."""
    random = np.random.default_rng(seed)
    topics = random.normal(size=(max(count // 20, 1), DIM))
    rows = topics[random.integers(0, len(topics), count)] + random.normal(size=(count, DIM)) * 0.6
    return [quantised(row.astype(np.float32).tobytes()) for row in rows]


def made(scan_max: int = 50) -> Index:
    index = Index(DIM, scan_max=scan_max)
    assert index.prepare()
    return index


def filled(found: list[bytes], scan_max: int = 50) -> Index:
    index = made(scan_max)
    for number, vector in enumerate(found):
        index.add(P, number, vector)
    return index


def recall(index: Index, there: dict[int, bytes], queries: list[bytes]) -> float:
    """Of the four nearest; each that is found must be there, as near as it is said to be."""
    scan = Vectors(DIM)
    for number, vector in there.items():
        scan.add(number, vector)
    hit = total = 0
    for query in queries:
        expected = {number for number, _ in scan.nearest(query, 4)}
        found = index.nearest(P, query, 4)
        said = [similarity for _, similarity in found]
        assert said == sorted(said, reverse=True)
        exact = [cosine(query, there[number]) for number, _ in found]
        assert said == pytest.approx(exact, abs=1e-4)
        hit += len(expected & {number for number, _ in found})
        total += len(expected)
    return hit / total


def graphs(index: Index) -> dict[bytes, int]:
    return {partition: len(graph) for partition, graph in index._graphs.items()}


def test_only_the_partition_is_searched() -> None:
    index = made()
    index.add(P, 1, b"\x01" * DIM)
    index.add(Q, 2, b"\x01" * DIM)
    assert [number for number, _ in index.nearest(P, b"\x01" * DIM)] == [1]
    assert index.nearest(b"none", b"\x01" * DIM) == []
    assert index.vector(P, 1) == b"\x01" * DIM
    assert index.vector(Q, 1) is None
    assert not index.remove(P, 2)
    assert index.remove(Q, 2)
    assert not index.remove(Q, 2)
    assert len(index) == 1


def test_vectors_of_other_dimensions() -> None:
    index = made()
    for wrong in (b"", b"1" * (DIM + 1)):
        with pytest.raises(ValueError, match="dimensions"):
            index.add(P, 1, wrong)
        with pytest.raises(ValueError, match="dimensions"):
            index.nearest(P, wrong)
    assert len(index) == 0


def test_what_has_no_direction_is_near_to_nothing() -> None:
    """usearch says that zeros are near to everything."""
    found = vectors(120)
    index = filled(found)
    for number in (0, 119, 500):
        index.add(P, number, b"\0" * DIM)
    assert len(index) == 118
    assert index.nearest(P, b"\0" * DIM) == []
    assert not {0, 119, 500} & {number for number, _ in index.nearest(P, found[0], 120)}


def test_a_growing_partition_moves_little_by_little_and_is_found_all_the_while() -> None:
    found = vectors(600)
    index = made(scan_max=200)
    sizes = []
    for number, vector in enumerate(found):
        index.add(P, number, vector)
        sizes.append(graphs(index).get(P, 0))
        assert index.nearest(P, vector, 1)[0][1] == pytest.approx(1.0, abs=1e-4)
        if number in (150, 210, 260, 599):
            there = dict(enumerate(found[: number + 1]))
            assert recall(index, there, vectors(60, seed=2)) >= 0.95
    assert sizes[199] == 0
    assert max(b - a for a, b in pairwise(sizes)) == module.MOVED_PER_ADD
    assert sizes[-1] == 600  # none waits
    assert len(index) == 600


def test_a_number_that_comes_again_has_its_new_vector() -> None:
    found = vectors(200)
    index = filled(found)
    other = vectors(1, seed=9)[0]
    for number in (0, 199):
        index.add(P, number, other)
        assert index.vector(P, number) == other
    assert len(index) == 200
    assert {number for number, _ in index.nearest(P, other, 2)} == {0, 199}


def test_what_is_removed_is_not_found_and_its_places_are_given_up() -> None:
    found = vectors(400)
    index = filled(found)
    there = dict(enumerate(found))
    assert graphs(index) == {P: 400}
    for number in range(300):
        assert index.remove(P, number)
        del there[number]
    assert len(index) == 100
    assert recall(index, there, vectors(40, seed=3)) >= 0.95
    # More holes than nodes: the graph is emptied, and what is left makes a new one.
    for number in range(1000, 1200):
        there[number] = found[number - 1000]
        index.add(P, number, found[number - 1000])
    assert recall(index, there, vectors(40, seed=3)) >= 0.95
    (graph,) = index._graphs.values()
    assert graph._removed <= 20
    for number in there:
        assert index.remove(P, number)
    assert len(index) == 0
    assert (index._scans, index._graphs, index._emptied) == ({}, {}, set())
    index.add(P, 1, found[0])
    assert index.nearest(P, found[0])[0][0] == 1


def test_any_sequence_of_changes() -> None:
    random = Random(5)
    found = vectors(500)
    index = made(scan_max=40)
    there: dict[int, bytes] = {}
    for step in range(3000):
        number = random.randrange(150)
        if random.random() < (0.75 if step % 600 < 300 else 0.3):
            there[number] = random.choice(found)
            index.add(P, number, there[number])
        else:
            assert index.remove(P, number) == (there.pop(number, None) is not None)
        assert len(index) == len(there)
        if step % 100 == 0 and there:
            assert {n for n, _ in index.nearest(P, found[0], 150)} <= set(there)
            assert recall(index, there, found[:10]) >= 0.8  # near ties
    for number, vector in there.items():
        assert index.vector(P, number) == vector


def test_without_the_library_lists_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    index = Index(DIM, scan_max=10)
    assert not index.prepare()
    found = vectors(60)
    for number, vector in enumerate(found):
        index.add(P, number, vector)
    assert recall(index, dict(enumerate(found)), vectors(20, seed=2)) == 1.0
    assert graphs(index) == {}


def test_the_library_is_imported_beside_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(DIM, scan_max=10)
    monkeypatch.delitem(sys.modules, "usearch.index", raising=False)
    prepared: list[int] = []
    monkeypatch.setattr(index, "prepare", lambda: prepared.append(1))
    found = vectors(30)
    for number, vector in enumerate(found):
        index.add(P, number, vector)
    assert index._importer is not None
    index._importer.join(20)
    assert (prepared, graphs(index), len(index)) == ([1], {}, 30)


# --- snapshots ----------------------------------------------------------------------------------


def loaded(folder: Path, found: dict[int, bytes], scan_max: int = 50) -> tuple[Index, int]:
    """A new worker: the snapshot, then all that the store has."""
    index = Index(DIM, scan_max=scan_max)
    count = index.load(folder)
    for number, vector in found.items():
        index.add(P, number, vector)
    index.settle()
    return index, count


def test_a_snapshot_saves_adding_again(tmp_path: Path) -> None:
    found = dict(enumerate(vectors(300)))
    index = filled(list(found.values()))
    index.add(Q, 1000, found[0])
    assert index.save(tmp_path / "new" / "folder") == 1
    again, count = loaded(tmp_path / "new" / "folder", found)
    assert (count, graphs(again), len(again)) == (300, {P: 300}, 300)
    assert recall(again, found, vectors(40, seed=2)) >= 0.95
    again.add(P, 5000, found[7])
    assert again.remove(P, 3)
    assert len(again) == 300


def test_of_a_snapshot_only_what_the_store_has_is_kept(tmp_path: Path) -> None:
    found = dict(enumerate(vectors(300)))
    filled(list(found.values())).save(tmp_path)
    store = {number: vector for number, vector in found.items() if number % 3}
    store[1] = found[0]  # not what the snapshot has
    store[900] = found[5]
    again, count = loaded(tmp_path, store)
    assert count == 300
    assert len(again) == len(store)
    assert again.vector(P, 1) == found[0]
    assert {n for n, _ in again.nearest(P, found[0], 300)} <= set(store)
    assert recall(again, store, vectors(40, seed=2)) >= 0.95
    fewer, _ = loaded(tmp_path, {2: found[2]})
    assert len(fewer) == 1
    assert [number for number, _ in fewer.nearest(P, found[2])] == [2]
    nothing, _ = loaded(tmp_path, {})
    assert len(nothing) == 0


@pytest.mark.parametrize("what", ["cut", "flipped", "gone", "manifest", "library", "dim", "empty"])
def test_a_snapshot_that_does_not_fit_is_left_out(what: str, tmp_path: Path) -> None:
    found = dict(enumerate(vectors(120)))
    filled(list(found.values())).save(tmp_path)
    manifest = tmp_path / "index.json"
    (file,) = tmp_path.glob("*.graph")
    content = file.read_bytes()
    said = msgspec.json.decode(manifest.read_bytes())
    if what == "cut":
        file.write_bytes(content[:-100])
    elif what == "flipped":
        file.write_bytes(content[:2000] + bytes([content[2000] ^ 1]) + content[2001:])
    elif what == "gone":
        file.unlink()
    elif what == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:-3])
    elif what == "library":
        manifest.write_bytes(msgspec.json.encode({**said, "library": "0.0.1"}))
    elif what == "dim":
        manifest.write_bytes(msgspec.json.encode({**said, "dim": DIM + 1}))
    else:
        manifest.unlink()
    again, count = loaded(tmp_path, found, scan_max=1000)
    assert (count, len(again), graphs(again)) == (0, 120, {})
    assert recall(again, found, vectors(20, seed=2)) == 1.0


def test_a_snapshot_of_another_kind_of_graph_is_left_out(tmp_path: Path) -> None:
    other = Index(DIM // 2, scan_max=10)
    other.prepare()
    for number, vector in enumerate(vectors(40)):
        other.add(P, number, vector[: DIM // 2])
    other.save(tmp_path)
    manifest = tmp_path / "index.json"
    said = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**said, "dim": DIM}))
    _, count = loaded(tmp_path, {})
    assert count == 0


def test_a_newer_snapshot_takes_the_place_of_the_older(tmp_path: Path) -> None:
    found = vectors(150)
    index = filled(found)
    index.save(tmp_path)
    index.add(P, 777, found[3])
    index.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert Index(DIM).load(tmp_path) == 151
    Index(DIM).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
    assert Index(DIM).load(tmp_path) == 0


def test_nothing_moves_while_it_is_loaded(tmp_path: Path) -> None:
    """A million additions at the start are not a million searches."""
    index = made(scan_max=20)
    index.load(tmp_path)
    found = vectors(60)
    for number, vector in enumerate(found):
        index.add(P, number, vector)
    assert graphs(index) == {}
    index.settle()
    for number, vector in enumerate(vectors(60, seed=4)):
        index.add(P, 100 + number, vector)
    assert graphs(index)[P] == 120
