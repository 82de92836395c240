"""The nearest vectors inside a partition.

Each partition begins as a plain list that is looked through (``_native/nearest``): exactly while
there are few vectors, then by their signs first. That beats a graph for longer than one would
think. Questions in one partition, 256 dimensions, one core of a Xeon (AVX-512; AVX2 in brackets),
p50 of a search and the cost of adding one:

              list                        usearch (i8, 16, 128, 64)
    100,000   62 us (89), 0.5 us          156 us, 0.31 ms
    200,000   136 us (159)                237 us, 0.45 ms
    400,000   264 us (290)                299 us, 0.55 ms
    1,000,000 602 us (673)                322 us, 0.61 ms

The lists were measured with 160 candidates; with the 80 that are compared now they take 20 us less.
Of the four nearest both find 96 % and more, of those with a cosine of 0.8 all but two in 100 or
fewer. A vector takes 0.3 KB in a list and 0.6 to 0.8 in a graph. Beyond ``scan_max`` a partition
moves into a graph: some vectors beside each one that is added, and both are searched.

What is found may be gone or not be the nearest; the caller checks what it serves.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path

import msgspec

from lynkr._native.nearest import Vectors
from lynkr.stores.graph import Graph, library_version

SCAN_MAX = 400_000  # vectors in a list: where a graph begins to be faster
MOVED_PER_ADD = 2  # into a graph: about 1 ms
TAKEN_PER_CALL = 64  # out of a graph that is being emptied: 0.2 ms
_VERSION = 1
_MANIFEST = "index.json"


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partition: str  # in hex
    file: str
    digest: str  # of the file, which is read by a library that trusts it


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    library: str
    dim: int
    graphs: list[_Saved]


class Index:
    """Vectors by partition and number, one int8 per dimension (``nearest.quantised``). Numbers are
    64 bits, and each is of one partition only. Not for threads."""

    def __init__(self, dim: int, *, scan_max: int = SCAN_MAX) -> None:
        self._dim = dim
        self._scan_max = scan_max
        self._scans: dict[bytes, Vectors] = {}
        self._graphs: dict[bytes, Graph] = {}
        self._emptied: set[bytes] = set()  # partitions whose graph is being emptied
        self._loading = False
        self._importer: threading.Thread | None = None

    def __len__(self) -> int:
        return sum(map(len, self._scans.values())) + sum(map(len, self._graphs.values()))

    def add(self, partition: bytes, number: int, vector: bytes) -> None:
        """Keep a vector, in place of an earlier one. Raises ValueError if it does not fit.

        One of zeros is near to nothing, and is not kept.
        """
        self._check(vector)
        if not vector.strip(b"\0"):
            self.remove(partition, number)
            return
        graph = self._graphs.get(partition) if self._graphs else None
        if graph is not None:
            if number in graph.unconfirmed and graph.vector(number) == vector:
                graph.unconfirmed.discard(number)
                return
            graph.remove(number)
        scan = self._scans.get(partition)
        if scan is None:
            scan = Vectors(self._dim)
            scan.add(number, vector)
            self._scans[partition] = scan
        else:
            scan.add(number, vector)
        if graph is not None or len(scan) > self._scan_max:
            self._tend(partition, scan)

    def remove(self, partition: bytes, number: int) -> bool:
        """Whether it was there."""
        scan = self._scans.get(partition)
        if scan is not None and scan.remove(number):
            if not len(scan):
                del self._scans[partition]
            return True
        graph = self._graphs.get(partition)
        if graph is None or not graph.remove(number):
            return False
        if not len(graph):
            self._forget(partition)
        elif graph.sparse:
            self._emptied.add(partition)
            self._empty(partition, graph)
        return True

    def vector(self, partition: bytes, number: int) -> bytes | None:
        scan = self._scans.get(partition)
        found = None if scan is None else scan.vector(number)
        if found is None and partition in self._graphs:
            found = self._graphs[partition].vector(number)
        return found

    def nearest(self, partition: bytes, vector: bytes, count: int = 4) -> list[tuple[int, float]]:
        """Up to ``count`` numbers with the cosines of their vectors, best first.

        Raises ValueError if the vector is not of the index's dimensions.
        """
        self._check(vector)
        if not vector.strip(b"\0"):
            return []
        scan = self._scans.get(partition)
        found = [] if scan is None else scan.nearest(vector, count)
        if self._graphs and (graph := self._graphs.get(partition)) is not None:
            found += graph.nearest(vector, count)
            found.sort(key=lambda one: -one[1])
            del found[count:]
        return found

    def prepare(self) -> bool:
        """Import what graphs need, now; whether it is there."""
        try:
            import usearch.index  # noqa: F401
        except ImportError:
            self._scan_max = sys.maxsize  # slower, and still right
            return False
        return True

    def save(self, folder: Path) -> int:
        """Write the graphs; how many there are. Lists are as fast to fill as to read.

        Raises OSError. What was saved before is read until all of it is written.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        saved = []
        for partition, graph in self._graphs.items():
            if partition in self._emptied:
                continue
            content = graph.saved()
            digest = _digest(content)
            file = f"{digest}.graph"
            _write(folder / file, content)
            saved.append(_Saved(partition.hex(), file, digest))
        library = library_version() if saved else ""
        manifest = _Manifest(_VERSION, library, self._dim, saved)
        _write(folder / _MANIFEST, msgspec.json.encode(manifest))
        kept = {one.file for one in saved}
        for path in folder.glob("*.graph"):
            if path.name not in kept:
                path.unlink(missing_ok=True)
        return len(saved)

    def load(self, folder: Path) -> int:
        """Read the graphs that were saved, and wait for ``add`` to say which of their vectors
        there still are; how many vectors they have. Until ``settle``, nothing moves.

        What is missing, damaged or of another kind is left out.
        """
        self._loading = True
        try:
            manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=_Manifest)
            if not manifest.graphs or (manifest.version, manifest.dim) != (_VERSION, self._dim):
                return 0
            if not self.prepare() or manifest.library != library_version():
                return 0
        except (OSError, msgspec.MsgspecError):
            return 0
        for one in manifest.graphs:
            try:
                content = (folder / Path(one.file).name).read_bytes()
                if _digest(content) != one.digest:
                    continue
                graph = Graph(self._dim)
                graph.load(content)
                self._graphs[bytes.fromhex(one.partition)] = graph
            except (OSError, ValueError, RuntimeError):
                continue
        return sum(map(len, self._graphs.values()))

    def settle(self) -> int:
        """All that the store has was added: forget what it does not have; how many that were."""
        self._loading = False
        forgotten = 0
        for partition, graph in list(self._graphs.items()):
            for number in list(graph.unconfirmed):
                forgotten += self.remove(partition, number)
        return forgotten

    def _check(self, vector: bytes) -> None:
        if len(vector) != self._dim:
            raise ValueError(f"a vector of {len(vector)} dimensions, not {self._dim}")

    def _tend(self, partition: bytes, scan: Vectors) -> None:
        """Moves a few vectors to where they belong."""
        if self._loading:
            return
        graph = self._graphs.get(partition)
        if graph is not None and partition in self._emptied:
            self._empty(partition, graph)
            return
        if graph is None:
            if not self._imported():
                return
            graph = self._graphs[partition] = Graph(self._dim)
        for number, vector in scan.last(MOVED_PER_ADD):
            graph.add(number, vector)
            scan.remove(number)
        if not len(scan):
            del self._scans[partition]

    def _empty(self, partition: bytes, graph: Graph) -> None:
        """Takes a few vectors out of a graph that has more holes than nodes; what is left of it
        makes a new one, if it is still enough."""
        if self._loading:
            return
        scan = self._scans.get(partition)
        if scan is None:
            scan = self._scans[partition] = Vectors(self._dim)
        for number, vector in graph.take(TAKEN_PER_CALL):
            scan.add(number, vector)
        if not len(graph):
            self._forget(partition)

    def _forget(self, partition: bytes) -> None:
        del self._graphs[partition]
        self._emptied.discard(partition)

    def _imported(self) -> bool:
        """Imports usearch beside the event loop: it takes 0.1 s and more."""
        if "usearch.index" in sys.modules and (
            self._importer is None or not self._importer.is_alive()
        ):
            return self._scan_max < sys.maxsize
        if self._importer is None:
            self._importer = threading.Thread(target=self.prepare, name="usearch", daemon=True)
            self._importer.start()
        return False


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """All or nothing, for its owner only."""
    new = path.with_suffix(".new")
    new.touch(0o600)
    new.write_bytes(content)
    new.replace(path)
