"""The vectors of one very large partition, in a graph of usearch (HNSW).

A search looks at some thousands of vectors, however many there are; adding one costs a search too,
and its links take as much memory as itself. usearch and numpy are imported when the first graph is
made: 31 MB that no worker without one has.
"""

from __future__ import annotations

from typing import Any

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 64


def library_version() -> str:
    """What a saved graph must have been written by, to be read again."""
    import usearch

    return str(usearch.__version__)


class Graph:
    """Vectors by number: one int8 per dimension, of any length."""

    def __init__(self, dim: int) -> None:
        import numpy as np
        from usearch.index import Index

        self._np = np
        self._index = Index(
            ndim=dim,
            metric="cos",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        # Its wrapper in Python takes longer than a search.
        self._compiled: Any = self._index._compiled
        self._dim = dim
        self._removed = 0  # nodes that are only passed through
        self._leaving: Any = None  # numbers, once it is being emptied
        self.unconfirmed: set[int] = set()  # loaded, and not yet heard of from the store

    def __len__(self) -> int:
        return len(self._compiled)

    def __contains__(self, number: int) -> bool:
        return bool(self._compiled.contains_one(number))

    @property
    def sparse(self) -> bool:
        """More of it is gone than there."""
        return self._removed > len(self)

    def add(self, number: int, vector: bytes) -> None:
        """Add a number that is not there yet: 0.3 to 0.6 ms; 10 to 30 where it has to grow."""
        cells = self._np.frombuffer(vector, self._np.int8).reshape(1, self._dim)
        keys = self._np.array([number], self._np.uint64)
        self._compiled.add_many(keys, cells, copy=True, threads=1)
        self._removed = max(self._removed - 1, 0)  # it takes the place of a removed one

    def remove(self, number: int) -> bool:
        self.unconfirmed.discard(number)
        if not self._compiled.remove_one(number, compact=False, threads=1):
            return False
        self._removed += 1
        return True

    def vector(self, number: int) -> bytes | None:
        keys = self._np.array([number], self._np.uint64)
        found = self._compiled.get_many(keys, self._index.dtype)[0]
        return None if found is None else bytes(found.tobytes())

    def nearest(self, vector: bytes, count: int) -> list[tuple[int, float]]:
        """Up to ``count`` numbers with their cosines, best first."""
        if not len(self):
            return []
        cells = self._np.frombuffer(vector, self._np.int8).reshape(1, self._dim)
        keys, distances, counts, _, _ = self._compiled.search_many(
            cells, count, exact=False, threads=1
        )
        used = counts[0]
        similarities = (1.0 - distances[0, :used]).tolist()
        return list(zip(keys[0, :used].tolist(), similarities, strict=True))

    def take(self, count: int) -> list[tuple[int, bytes]]:
        """Remove up to ``count`` vectors, and give them back; nothing may be
        added from the first time on."""
        if self._leaving is None or not len(self._leaving):
            self._leaving = self._numbers()
        taken: list[tuple[int, bytes]] = []
        while len(self._leaving) and len(taken) < count:
            some, self._leaving = self._leaving[:count], self._leaving[count:]
            for number in some.tolist():
                vector = self.vector(number)
                if vector is not None and self.remove(number):
                    taken.append((number, vector))
        return taken

    def saved(self) -> bytes:
        """The whole graph: some milliseconds for each 10,000 vectors."""
        return bytes(self._compiled.save_index_to_buffer())

    def load(self, content: bytes) -> None:
        """Read what ``saved`` wrote; every number in it is unconfirmed.

        The library trusts what it reads: the caller must know that these are the bytes. Raises
        ``ValueError`` or what the library raises if they are of another kind of graph.
        """
        self._compiled.load_index_from_buffer(content)
        if (self._index.ndim, str(self._index.dtype)) != (self._dim, "ScalarKind.I8"):
            raise ValueError("vectors of another kind")
        self.unconfirmed = set(self._numbers().tolist())

    def _numbers(self) -> Any:
        return self._compiled.get_keys_in_slice(0, len(self))
