"""JSON in tool results: how many tokens each form takes, and what is taken.

On shapes made here, and on the larger set ``toon-bench`` where it is at hand: results as a search
tool, a database, kubectl and npm print them, and the data sets of the TOON project's own benchmark.
Every result is read back and compared before it is counted.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from eval.exact import counter
from eval.report import Cell, Table
from lynkr._native import toon
from lynkr._native.jsontape import normal
from lynkr.transforms.results.forms import restore, shrink

GREP_SAVED_MIN = 0.60
BYTES_MAX = 500_000  # larger ones say nothing new about tokens
FIRST_NAMES = ("Ada", "Grace", "Linus", "Barbara", "Edsger", "Margaret", "Ken", "Frances")
WORDS = (
    "cache",
    "retry",
    "parser",
    "socket",
    "index",
    "token",
    "queue",
    "worker",
    "header",
    "lock",
)
NOTES = (
    "handle the empty case",
    "remove when v2 is gone",
    "check the limit",
    "add a test for this",
)


def run(data: Path | None) -> list[Table]:
    tables = [_table("Shapes made here", made_here())]
    if data is not None and (data / "toon-bench").is_dir():
        tables.append(_table("toon-bench: generated results", _files(data, "inputs")))
        tables.append(_table("toon-bench: the TOON project's data sets", _files(data, "upstream")))
    return tables


def made_here() -> list[tuple[str, bytes]]:
    """Name and JSON, from one fixed seed."""
    random = Random(20)
    return [
        (name, json.dumps(value, ensure_ascii=False).encode()) for name, value in _shapes(random)
    ]


def _shapes(random: Random) -> Iterator[tuple[str, object]]:
    yield (
        "search_50",
        [
            {
                "path": f"lib/{random.choice(WORDS)}/{random.choice(WORDS)}.ts",
                "line": random.randint(1, 900),
                "text": f"  // NOTE({random.choice(FIRST_NAMES).lower()}): {random.choice(NOTES)}",
                "language": "typescript",
            }
            for _ in range(50)
        ],
    )
    yield (
        "people_80",
        {
            "people": [
                {
                    "id": 100 + i,
                    "name": random.choice(FIRST_NAMES),
                    "mail": f"{random.choice(WORDS)}{i}@example.org",
                    "score": random.randint(0, 1000) / 10,
                    "manager": random.choice([None, 100, 101]),
                    "active": random.random() < 0.9,
                }
                for i in range(80)
            ],
            "next_page": None,
        },
    )
    yield "orders_30", {"orders": [_order(random, i) for i in range(30)]}
    yield "log_60", [_event(random, i) for i in range(60)]
    yield "config", _config(random)
    listing = {
        "content": [{"type": "text", "text": json.dumps([_event(random, i) for i in range(30)])}]
    }
    yield "mcp_30", listing
    yield "numbers_300", {"series": [random.randint(0, 10_000) for _ in range(300)]}


def _order(random: Random, number: int) -> dict[str, object]:
    lines = [
        {"sku": f"SKU-{random.randint(1000, 9999)}", "title": random.choice(WORDS), "count": n + 1}
        for n in range(random.randint(1, 4))
    ]
    return {"number": f"2026-{number:04}", "lines": lines, "paid": random.random() < 0.5}


def _event(random: Random, number: int) -> dict[str, object]:
    event: dict[str, object] = {
        "at": f"2026-03-0{1 + number // 20}T10:{random.randint(10, 59)}:00Z",
        "service": random.choice(WORDS),
        "level": random.choice(("info", "info", "warning", "error")),
        "message": f"{random.choice(WORDS)} took {random.randint(1, 900)} ms",
    }
    if event["level"] == "error":
        event["error"] = {"code": random.randint(400, 599), "text": random.choice(NOTES)}
    return event


def _config(random: Random) -> dict[str, object]:
    return {
        word: {
            "enabled": random.random() < 0.5,
            "limits": {other: random.randint(1, 99) for other in random.sample(WORDS, 2 + n % 3)},
            "notes": random.sample(NOTES, n % 3),
        }
        for n, word in enumerate(WORDS)
    }


def _files(data: Path, folder: str) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted((data / "toon-bench" / folder).glob("*.json.gz")):
        text = gzip.decompress(path.read_bytes())
        if len(text) <= BYTES_MAX:
            found.append((path.name.removesuffix(".json.gz"), text))
    return found


def _table(title: str, named: list[tuple[str, bytes]]) -> Table:
    encoding, count = counter()
    rows: list[list[Cell]] = []
    larger = []
    saved_of: dict[str, float] = {}
    for name, text in named:
        compact = normal(text)
        before = count(compact.decode())
        other = count(toon.encode(compact, as_written=True).decode())
        made = shrink(compact)
        if made is not None and made.kind not in ("text", "grep"):
            assert restore(made) == compact, name
        after = before if made is None else count(made.text.decode())
        saved_of[name] = 1 - after / before
        if after > before:
            larger.append(name)
        kind = "as it is" if made is None else made.kind
        rows.append([name, len(compact), before, other, after, f"{saved_of[name]:.1%}", kind])
    table = Table(
        title,
        ["input", "bytes", "compact JSON", "TOON", "taken", "saved", "form"],
        rows,
        [f"Tokens by {encoding}. Saved: against compact JSON, as a careful tool prints it."],
    )
    all_saved = 1 - sum(int(str(row[4])) for row in rows) / sum(int(str(row[2])) for row in rows)
    table.notes.append(f"All of them together: {all_saved:.1%} saved.")
    table.targets.append((f"{title}: never larger", "0", ", ".join(larger) or "0", not larger))
    if "grep_60" in saved_of:
        saved = saved_of["grep_60"]
        table.targets.append(
            ("grep_60", f">= {GREP_SAVED_MIN:.0%}", f"{saved:.1%}", saved >= GREP_SAVED_MIN)
        )
    return table
