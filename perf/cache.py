"""`python -m perf.cache`: what it costs to look a question up in the worker's semantic cache.

A shelf is filled with made-up questions, all in one partition, so that each look-up searches all of
them and finds near misses. Then questions are asked that it holds in other words (hits) and others
(misses); each is new, so nothing but the shelf knows it. A look-up never waits, so the thread's CPU
time is what it takes; wall time stands beside it, with whatever else the machine does. Memory is
what a worker has more resident than before the first entry, contents of answers apart.

    python -m perf.cache                        1,000, 10,000 and 100,000 entries
    python -m perf.cache --entries 1000000      up to a million; some minutes
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from lynkr._native.canonical import canonical
from lynkr._native.embed import StaticModel
from lynkr._native.nearest import quantised
from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import Rule, choose
from lynkr.stores.answers import DIGEST_BYTES, Answer
from lynkr.stores.shelf import Shelf
from lynkr.transforms.tools.nearness import MODEL
from perf.embed import cpu_us
from perf.passes import Stopwatch, Times
from perf.questions import COUNT, question, reworded
from perf.sample import percentile

ENTRIES = 100_000
SIZES = (1_000, 10_000, ENTRIES, 1_000_000)
ASKED = 2_000  # hits, and as many misses, at each size
STAGED = 500  # of each again, stage by stage
P50_MAX_US, P99_MAX_US, MB_MAX = 150.0, 500.0, 120.0  # at 100,000 entries; per 100,000
RULE = Rule()
SCOPE = PARTITION = bytes(DIGEST_BYTES)
DROPPED = frozenset((b"model", b"metadata", b"user", b"stream"))
BODY = (
    b'{"model":"m","max_tokens":1024,"stream":true,"system":"%b","messages":[{"role":"user",'
    b'"content":%b}],"metadata":{"user_id":"u"}}'
)


class Bench:
    """A shelf, and the whole way from a question's text to an entry."""

    def __init__(self, entries_max: int) -> None:
        self._model = StaticModel.load(str(MODEL))
        self._shelf = Shelf(
            entries_max=entries_max,
            entries_per_scope_max=entries_max,
            contents_bytes_max=0,
            dim=self._model.dim,
        )
        self._now = time.time()
        self.held = 0

    def fill(self, entries: int) -> None:
        for number in range(self.held, entries):
            self._shelf.put(self._answer(number), None, self._now)
        self.held = entries

    def _answer(self, number: int) -> Answer:
        plain = canon(question(number))
        return Answer(
            id=f"c_{number:016x}",
            scope=SCOPE,
            key=number.to_bytes(DIGEST_BYTES, "big"),
            partition=PARTITION,
            epoch="",
            stored_at=self._now,
            expires_at=self._now + 86_400,
            provider="provider",
            model="model",
            api="messages",
            kind="reply",
            size=1_000,
            question=plain.text,
            vector=self._vector(plain.text),
            features=features(plain),
        )

    def _vector(self, text: str) -> bytes:
        return quantised(self._model.embed(text.encode()))

    def look_up(self, text: str) -> tuple[str, int]:
        """The id of the entry that is served, or none, and how many were judged."""
        plain = canon(text)
        own, vector = features(plain), self._vector(plain.text)
        found = self._shelf.nearest(PARTITION, vector, SCOPE, "", self._now)
        chosen = choose(own, [(entry.features, near) for entry, near in found], RULE).index
        return found[chosen][0].id if chosen >= 0 else "", len(found)

    def staged(self, text: str, times: Times) -> None:
        watch = Stopwatch(times)
        plain = canon(text)
        watch.lap("canon")
        own = features(plain)
        watch.lap("features")
        raw = self._model.embed(plain.text.encode())
        watch.lap("embed")
        vector = quantised(raw)
        watch.lap("quantise")
        found = self._shelf.nearest(PARTITION, vector, SCOPE, "", self._now)
        watch.lap("nearest")
        choose(own, [(entry.features, near) for entry, near in found], RULE)
        watch.lap("choose")


def resident_bytes() -> int:
    """Of this process, /proc/self/statm: its second number counts pages."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def asked(bench: Bench) -> list[tuple[str, Callable[[int], str], Callable[[int], str]]]:
    """Name, the text of each number, and the id that it should be served."""
    step = max(1, bench.held // (ASKED + STAGED))

    def kept(at: int) -> int:
        return at * step % bench.held

    return [
        ("hits", lambda at: reworded(kept(at)), lambda at: f"c_{kept(at):016x}"),
        ("misses", lambda at: question(COUNT - 1 - at), lambda at: ""),
    ]


def measure(bench: Bench) -> tuple[float, float]:
    """Print a line for hits and one for misses; the worse p50 and p99 of the two, CPU us."""
    worst_50 = worst_99 = 0.0
    for name, text, wanted in asked(bench):
        taken: list[tuple[int, int]] = []
        waited: list[tuple[int, int]] = []
        right = judged = 0
        for at in range(ASKED):
            given = text(at)
            begun, begun_cpu = time.perf_counter_ns(), time.thread_time_ns()
            served, looked_at = bench.look_up(given)
            taken.append((time.thread_time_ns() - begun_cpu, 1))
            waited.append((time.perf_counter_ns() - begun, 1))
            right += served == wanted(at)
            judged += looked_at
        times: Times = defaultdict(list)
        for at in range(ASKED, ASKED + STAGED):
            bench.staged(text(at), times)
        p50, p99, wall_50, wall_99 = (
            percentile(clock, percent) / 1000 for clock in (taken, waited) for percent in (50, 99)
        )
        worst_50, worst_99 = max(worst_50, p50), max(worst_99, p99)
        stages = "  ".join(f"{stage} {statistics.median(us):.1f}" for stage, us in times.items())
        print(
            f"{bench.held:>9,} {name:<6} {p50:8.1f} {p99:8.1f} {wall_50:9.1f} {wall_99:8.1f}  "
            f"{right / ASKED:6.1%} {judged / ASKED:6.1f}   {stages}"
        )
    return worst_50, worst_99


def digests() -> None:
    """What the names of a call cost: its key, and its partition, the question cut out."""
    said = b'"%b"' % question(1).encode()
    for size in (1, 10, 100):
        body = BODY % (b"You answer briefly. " * (size * 50), said)
        hole = (body.index(said), body.index(said) + len(said))

        def key(given: bytes = body) -> object:
            whole = canonical(given, DROPPED)
            assert whole is not None
            return hashlib.blake2b(whole, digest_size=DIGEST_BYTES).digest()

        def partition(given: bytes = body, cut: tuple[int, int] = hole) -> object:
            rest = canonical(given, DROPPED, cut)
            assert rest is not None
            return hashlib.blake2b(rest, digest_size=DIGEST_BYTES).digest()

        costs = f"key {cpu_us(key):7.2f} us   partition {cpu_us(partition):7.2f} us"
        print(f"{len(body) / 1000:6.1f} KB   {costs}")


def grown(bench: Bench, size: int, before: int) -> None:
    """Fill the shelf up to a size, and print what a look-up costs then."""
    begun = time.perf_counter()
    bench.fill(size)
    filled_s = time.perf_counter() - begun
    p50, p99 = measure(bench)
    megabytes = (resident_bytes() - before) / 1e6
    print(f"          filled in {filled_s:.1f} s; {megabytes:.1f} MB more are resident")
    if size != ENTRIES:
        return
    for what, got, wanted in (
        ("p50, us", p50, P50_MAX_US),
        ("p99, us", p99, P99_MAX_US),
        ("MB per 100,000", megabytes, MB_MAX),
    ):
        word = "met" if got <= wanted else "MISSED"
        print(f"          {word:<6} {what}: wanted <= {wanted:g}, got {got:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf.cache", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of the largest shelf")
    most: int = parser.parse_args().entries
    digests()
    bench = Bench(most)
    for at in range(ASKED):  # the model's pages, patterns, memos: what a worker has anyway
        bench.look_up(question(COUNT // 2 + at))
    gc.collect()
    gc.freeze()  # as a worker does after its start
    before = resident_bytes()
    print(
        "\n" + " " * 17 + "CPU us: 50 %     99 %  wall: 50 %   99 %   right judged   stages: CPU us"
    )
    for size in [*(size for size in SIZES if size < most), most]:
        grown(bench, size, before)


if __name__ == "__main__":
    main()
