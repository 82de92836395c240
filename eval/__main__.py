"""`python -m eval`: what the gateway decides, measured. Tables, then which targets are met.

    python -m eval                    every topic
    python -m eval toon sessions      some of them
    python -m eval --out DIR          also DIR/<topic>.md, DIR/<topic>.json and its drawings

Larger data sets are no part of the repository: --data, or LYNKR_EVAL_DATA, says where they lie. A
topic does with the committed samples what it can. Exits 1 when a target is missed, 2 when a topic
is not known.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from eval.data import folder
from eval.report import Table, shown

TOPICS = ("toon", "outputs", "tools", "counts", "sessions", "cache", "routing")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__.split("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    parser.add_argument("--data", default="", metavar="DIR", help="the larger data sets")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write Markdown and JSON there")
    given = parser.parse_args(arguments)
    unknown = [topic for topic in given.topics if topic not in TOPICS]
    if unknown:
        parser.error(f"no such topic: {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    data = folder(given.data)
    if data is not None and not data.is_dir():
        parser.error(f"no such folder: {data}")
    results = {topic: tables_of(topic, data) for topic in given.topics or TOPICS}
    for topic, tables in results.items():
        print(markdown(topic, tables, data is not None))
        if given.out is not None:
            write(given.out, topic, tables, data is not None)
    lines, met = summary(results)
    print("\n".join(lines))
    return 0 if met else 1


def tables_of(topic: str, data: Path | None) -> list[Table] | None:
    """The tables of one topic; ``None`` where this checkout has no such evaluation."""
    if importlib.util.find_spec(f"eval.{topic}") is None:
        return None
    found: list[Table] = importlib.import_module(f"eval.{topic}").run(data)
    return found


def drawings_of(topic: str, tables: list[Table]) -> dict[str, str]:
    """SVG by file name, made of the topic's own tables; most topics have none."""
    module = importlib.import_module(f"eval.{topic}")
    drawn: dict[str, str] = module.drawings(tables) if hasattr(module, "drawings") else {}
    return drawn


def markdown(topic: str, tables: list[Table] | None, data: bool) -> str:
    """A topic as a page."""
    parts = [f"## {topic}\n"]
    if not data:
        parts.append("Without the larger data sets (--data or LYNKR_EVAL_DATA): samples only.\n")
    if tables is None:
        parts.append("There is no such evaluation here.\n")
    elif not tables:
        parts.append("Nothing was measured: the data is absent, and there are no samples.\n")
    for table in tables or []:
        parts += [f"### {table.title}\n", *_rows(table), ""]
        parts += [f"{note}\n" for note in table.notes]
    return "\n".join(parts)


def _rows(table: Table) -> list[str]:
    """A Markdown table, its columns as wide as their widest cell, numbers to the right."""
    cells = [table.columns, *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(table.columns))]
    right = [
        any(isinstance(row[at], int | float) for row in table.rows)
        for at in range(len(table.columns))
    ]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + ":" if n else "-" * width
        for width, n in zip(widths, right, strict=True)
    ]
    return [line(cells[0]), line(rule), *map(line, cells[1:])]


def write(out: Path, topic: str, tables: list[Table] | None, data: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    page = [markdown(topic, tables, data)]
    for name, drawn in drawings_of(topic, tables or []).items():
        out.joinpath(name).write_text(drawn, "utf-8")
        page.append(f"![{topic}]({name})\n")
    out.joinpath(f"{topic}.md").write_text("\n".join(page), "utf-8")
    encoded = msgspec.json.format(msgspec.json.encode(tables), indent=1)
    out.joinpath(f"{topic}.json").write_bytes(encoded + b"\n")


def summary(results: dict[str, list[Table] | None]) -> tuple[list[str], bool]:
    """The targets of all topics, one a line, and whether every one that was measured is met."""
    lines, met = ["## targets", ""], True
    for topic, tables in results.items():
        targets = [target for table in tables or [] for target in table.targets]
        if not targets:
            lines.append(f"not measured  {topic}")
        for what, wanted, got, reached in targets:
            met = met and reached
            word = "met" if reached else "MISSED"
            lines.append(f"{word:<12}  {topic}: {what}: wanted {wanted}, got {got}")
    return lines, met


if __name__ == "__main__":
    sys.exit(main())
