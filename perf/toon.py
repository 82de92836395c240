"""`python -m perf.toon`: JSON to TOON, bytes to bytes, against orjson + toons, and JavaScript's.

For each input the least time of several rounds, the contestants taking turns within a round, so
that what else the machine does falls on all. Megabytes are those of the JSON. The JavaScript
reference (@toon-format/toon, found with ``--node-modules``) is timed in its own process, with and
without ``JSON.parse``; ours and orjson + toons always begin with the bytes.

    python -m perf.toon [--data FOLDER] [--rounds 25] [--node-modules FOLDER]

FOLDER holds ``toon-bench/inputs/*.json.gz``; LYNKR_EVAL_DATA names it too. Without one, inputs of
the same four shapes are made up. Needs `pip install toons`.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import orjson

from eval.data import folder
from lynkr._native.jsontape import normal
from lynkr._native.toon import encode
from lynkr._native.untoon import decode

ROUND_BYTES = 200_000  # of JSON per contestant and round: half a millisecond for the fastest
MEGA = 1e6
WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"]

JAVASCRIPT = """
import { encode } from "@toon-format/toon";
import fs from "node:fs";
const rounds = Number(process.argv[2]);
const best = (work, times) => {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    for (let i = 0; i < times; i++) work();
    least = Math.min(least, (performance.now() - begun) / times);
  }
  return least / 1e3;
};
const found = {};
for (const file of process.argv.slice(3)) {
  const text = fs.readFileSync(file, "utf8"), value = JSON.parse(text);
  const times = Math.max(1, Math.floor(ROUND_BYTES / text.length));
  found[file] = [best(() => encode(value), times), best(() => encode(JSON.parse(text)), times)];
}
console.log(JSON.stringify(found));
""".replace("ROUND_BYTES", str(ROUND_BYTES))


def made_inputs() -> dict[str, bytes]:
    """The four shapes: matches of a search, a table, a package description, a list of pods."""
    random = Random(4)

    def word() -> str:
        return random.choice(WORDS)

    matches = [
        {
            "file": f"src/{word()}/{word()}{n}.py",
            "line": random.randrange(900),
            "match": f"NOTE: {word()} the {word()} — {word()}",
            "context": f"def {word()}(self) -> None:\n    return self.{word()}('{word()}')",
        }
        for n in range(400)
    ]
    table = [
        {
            "id": n,
            "name": f"{word()} {word()}",
            "mail": f"{word()}{n}@example.com",
            "salary": random.randrange(40_000, 150_000),
            "rate": random.randrange(10_000) / 1000,
            "active": random.random() < 0.5,
            "note": random.choice([None, f"{word()}, {word()}"]),
        }
        for n in range(500)
    ]
    package = {
        "name": "my-app",
        "scripts": {word(): f"run {word()}" for _ in range(5)},
        "dependencies": {f"@{word()}/{word()}-{n}": f"^{n % 9}.{n}" for n in range(1500)},
        "files": [f"src/{word()}{n}.js" for n in range(300)],
    }
    pods = [
        {
            "kind": "Pod",
            "metadata": {"name": f"{word()}-{n}", "labels": {"app": word(), "example.com/x": "y"}},
            "spec": {
                "containers": [
                    {
                        "name": word(),
                        "image": f"registry.example.com/{word()}:v{n}",
                        "ports": [{"port": 8080, "protocol": "TCP"}],
                        "env": [
                            {"name": "A", "value": word()},
                            {"name": "B", "from": {"key": "k"}},
                        ],
                    }
                ]
            },
            "status": {"phase": "Running", "ip": f"10.0.{n % 250}.1"},
        }
        for n in range(150)
    ]
    shapes = {"grep": matches, "table": table, "package": package, "k8s": {"items": pods}}
    return {name: orjson.dumps(value) for name, value in shapes.items()}


def inputs(given: str) -> dict[str, bytes]:
    found = folder(given)
    files = sorted((found / "toon-bench" / "inputs").glob("*.json.gz")) if found else []
    if not files:
        return made_inputs()
    return {file.name.partition(".")[0]: gzip.decompress(file.read_bytes()) for file in files}


def least_s(works: list[Callable[[], object]], times: int, rounds: int) -> list[float]:
    """Seconds of one run of each, the least of all rounds."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            begun = time.perf_counter()
            for _ in range(times):
                work()
            best[index] = min(best[index], (time.perf_counter() - begun) / times)
    return best


def javascript(data: dict[str, bytes], modules: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of encoding alone, and of parsing and encoding."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "node_modules").symlink_to(Path(modules).resolve())
        (root / "bench.mjs").write_text(JAVASCRIPT)
        for name, text in data.items():
            (root / name).write_bytes(text)
        command = ["node", "bench.mjs", str(rounds), *data]
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def main() -> None:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m perf.toon", description=about)
    parser.add_argument("--data", default="", metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--node-modules", default="", metavar="FOLDER")
    given = parser.parse_args()
    try:
        dumps: Callable[[object], str] = importlib.import_module("toons").dumps
    except ImportError:
        parser.error("the comparison needs `pip install toons`")
    data = inputs(given.data)
    script = javascript(data, given.node_modules, given.rounds) if given.node_modules else {}
    print(f"{'MB/s':<14} {'bytes':>9} {'encode':>7} {'as is':>7} {'decode':>7}", end="")
    print(f" {'toons':>7} {'ratio':>6}  same", end="")
    print(f" {'JS':>7} {'ratio':>6} {'JS+parse':>9} {'ratio':>6}" if script else "")
    lowest = float("inf")
    for name, text in data.items():
        toon = encode(text)
        same = toon.decode() == dumps(orjson.loads(text))
        assert decode(encode(text, as_written=True)) == normal(text), name
        works: list[Callable[[], object]] = [
            lambda text=text: encode(text),  # type: ignore[misc]
            lambda text=text: encode(text, as_written=True),  # type: ignore[misc]
            lambda toon=toon: decode(toon),  # type: ignore[misc]
            lambda text=text: dumps(orjson.loads(text)),  # type: ignore[misc]
        ]
        ours, as_is, back, theirs = least_s(works, ROUND_BYTES // len(text) + 1, given.rounds)
        lowest = min(lowest, theirs / ours)
        speeds = [len(text) / MEGA / each for each in (ours, as_is, back, theirs)]
        print(f"{name:<14} {len(text):>9,} {speeds[0]:>7.0f} {speeds[1]:>7.0f}", end="")
        print(f" {speeds[2]:>7.0f} {speeds[3]:>7.0f} {theirs / ours:>5.1f}x", end="")
        print(f"  {'yes' if same else 'NO':<4}", end="")
        if script:
            alone, parsed = script[name]
            for each, width in ((alone, 7), (parsed, 9)):
                print(f" {len(text) / MEGA / each:>{width}.0f} {each / ours:>5.1f}x", end="")
        print()
    print(f"lowest ratio to orjson + toons: {lowest:.1f}x")


if __name__ == "__main__":
    main()
