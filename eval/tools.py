"""The choice of tools: what is needed must stay, and how much of the rest goes.

A need is met when one of its tools stays; strictly, when the first of them does. Tokens are those
of each tool as compact JSON. Each set is tried with the vectors of the bundled model and without,
as the gateway runs where it has no model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from eval.data import SAMPLES
from eval.exact import counter
from eval.report import Cell, Table
from lynkr.transforms.tools.nearness import similarity
from lynkr.transforms.tools.own_words import own_words
from lynkr.transforms.tools.scores import Similarity
from lynkr.transforms.tools.selection import Facts, Offered, select

COLUMNS = ["set", "mode", "vectors", "requests", "needs", "met", "strictly", "all met", "removed"]
SEED_ASKS = (  # of the seed project's benchmark: T1 reads, T2 writes
    ("What does the README say about installation?", {"Read"}),
    ("Edit the config file to set DEBUG=true", {"Edit", "Read"}),
)
BFCL_IRRELEVANT = ("irrelevance", "live_irrelevance")

Described = dict[str, object]


class Item(msgspec.Struct):
    """One request: its conversation, what is offered, and which tools it needs."""

    messages: list[dict[str, str]]
    tools: tuple[Offered, ...]
    needs: list[list[str]]
    source: str = ""


class Line(msgspec.Struct):
    """One request as the sets hold it."""

    messages: list[dict[str, str]]
    required_any_of: list[list[str]] = []
    gold: list[str] = []
    tools: list[str] = []
    set: str = ""
    source: str = ""

    def item(self, tools: tuple[Offered, ...]) -> Item:
        needs = self.required_any_of or [[name] for name in self.gold]
        return Item(self.messages, tools, needs, self.source)


class Sum(msgspec.Struct):
    """Counts over a set."""

    requests: int = 0
    needing: int = 0
    needs: int = 0
    met: int = 0
    strictly: int = 0
    all_met: int = 0
    tokens: int = 0
    removed: int = 0

    def row(self, name: str, mode: str, vectors: str) -> list[Cell]:
        return [
            name, mode, vectors, self.requests, self.needs, _share(self.met, self.needs),
            _share(self.strictly, self.needs), _share(self.all_met, self.needing),
            _share(self.removed, self.tokens),
        ]  # fmt: skip


def run(data: Path | None) -> list[Table]:
    name, count = counter()
    near = similarity()
    ways: list[tuple[str, Similarity | None]] = [("yes", near), ("no", None)]
    table = Table("Tools offered", COLUMNS, [], [f"Tokens: {name}."])
    for vectors, by in ways:
        for title, items, mode in _sets(data, count):
            found = measured(items, mode, by)
            table.rows.append(found.row(title, mode, vectors))
            table.targets += _targets(title, mode, vectors, found)
    tables = [table]
    if data is not None:
        tables.append(_seed(data, count, near))
    return tables


def measured(items: list[Item], mode: str, near: Similarity | None) -> Sum:
    total = Sum()
    for item in items:
        selection = select(item.tools, facts_of(item.messages), mode, near)
        kept = {tool.name for tool, k in zip(item.tools, selection.kept, strict=True) if k}
        met = [any(name in kept for name in need) for need in item.needs]
        total.requests += 1
        total.needing += bool(met)
        total.needs += len(met)
        total.met += sum(met)
        total.strictly += sum(need[0] in kept for need in item.needs)
        total.all_met += bool(met) and all(met)
        total.tokens += sum(tool.tokens for tool in item.tools)
        total.removed += sum(
            tool.tokens for tool, k in zip(item.tools, selection.kept, strict=True) if not k
        )
    return total


def facts_of(messages: list[dict[str, str]]) -> Facts:
    said: dict[str, list[str]] = {}
    for message in messages:
        said.setdefault(message["role"], []).append(message["content"])
    asks = (own_words(text) for text in said.get("user", []))
    return Facts(
        tuple(words for words in asks if words), frozenset(), "\n".join(said.get("assistant", []))
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _targets(title: str, mode: str, vectors: str, found: Sum) -> list[tuple[str, str, str, bool]]:
    wanted = {"coding-agent": (0.99, 0.5), "BFCL": (0.98, 0.4), "samples": (1.0, 0.5)}
    if mode != "request" or title not in wanted:
        return []
    recall, removed = wanted[title]
    got = (found.strictly / found.needs, found.removed / found.tokens)
    where = f"{title}, {'vectors' if vectors == 'yes' else 'words'}"
    return [
        (f"{where}: needed tools kept", f">= {recall}", f"{got[0]:.4f}", got[0] >= recall),
        (f"{where}: tool tokens removed", f">= {removed}", f"{got[1]:.4f}", got[1] >= removed),
    ]


def _sets(data: Path | None, count: Callable[[str], int]) -> Iterator[tuple[str, list[Item], str]]:
    samples = _samples(count)
    yield "samples", samples, "request"
    yield "samples", samples, "session"
    if data is None:
        return
    folder = data / "tool-selection"
    coding = _catalogued(folder / "coding-agent", count)
    yield "coding-agent", coding, "request"
    yield "coding-agent", coding, "session"
    bfcl = _bfcl(folder / "bfcl", count)
    yield "BFCL", bfcl, "request"
    relevant = [item for item in bfcl if item.source.rpartition("/")[2] not in BFCL_IRRELEVANT]
    yield "BFCL without irrelevance", relevant, "request"
    yield "LiveMCPBench", _catalogued(folder / "livemcpbench", count), "request"
    yield "MetaTool", _catalogued(folder / "metatool", count), "request"


def _offered(tools: list[Described], count: Callable[[str], int]) -> tuple[Offered, ...]:
    found = []
    for tool in tools:
        text = {key: tool[key] for key in ("name", "description", "input_schema")}
        found.append(
            Offered(
                name=str(tool["name"]),
                description=str(tool["description"]),
                schema=_compact(tool["input_schema"]),
                tokens=count(_compact(text)),
                fixed=False,
            )
        )
    return tuple(found)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _samples(count: Callable[[str], int]) -> list[Item]:
    folder = SAMPLES / "tools"
    catalogs = json.loads((folder / "catalogs.json").read_text("utf-8"))
    tools = {name: _offered(catalog, count) for name, catalog in catalogs.items()}
    return [line.item(tools[line.set]) for line in _lines(folder / "items.jsonl")]


def _catalogued(folder: Path, count: Callable[[str], int]) -> list[Item]:
    tools = _offered(json.loads((folder / "catalog.json").read_text("utf-8")), count)
    return [line.item(tools) for line in _lines(folder / "items.jsonl")]


def _bfcl(folder: Path, count: Callable[[str], int]) -> list[Item]:
    catalog = json.loads((folder / "tools.json").read_text("utf-8"))
    tools = dict(zip(catalog, _offered(list(catalog.values()), count), strict=True))
    return [
        line.item(tuple(tools[key] for key in line.tools))
        for line in _lines(folder / "items.jsonl")
    ]


def _lines(path: Path) -> list[Line]:
    return msgspec.json.Decoder(Line).decode_lines(path.read_bytes())


def _seed(data: Path, count: Callable[[str], int], near: Similarity | None) -> Table:
    """Whole requests, as the seed project measured them: tokens of the compact body."""
    tools = json.loads((data / "tier-routing" / "seed_tools.json").read_text("utf-8"))
    table = Table("The seed's 14 tools", ["ask", "before", "after", "removed", "kept"], [])
    for ask, needed in SEED_ASKS:
        selection = select(_offered(tools, count), Facts((ask,), frozenset(), ""), "request", near)
        kept = [tool for tool, k in zip(tools, selection.kept, strict=True) if k]
        before, after = (count(_compact(_request(ask, some))) for some in (tools, kept))
        names = [str(tool["name"]) for tool in kept]
        table.rows.append([ask, before, after, 1 - after / before, ", ".join(names)])
        table.targets.append(
            (f"{ask}: input tokens removed", ">= 0.55", f"{1 - after / before:.3f}",
             1 - after / before >= 0.55 and needed <= set(names))
        )  # fmt: skip
    return table


def _request(ask: str, tools: list[Described]) -> Described:
    return {
        "model": "m", "max_tokens": 256, "messages": [{"role": "user", "content": ask}],
        "tools": tools,
    }  # fmt: skip
