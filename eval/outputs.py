"""Digests of tool output: tokens before and after, and which facts are still there.

Each output comes with questions (needles). What a reader must know at once (``critical``: failures,
errors, files of a diff) must stand in the digest word for word; everything else is in the original,
which can be asked for.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec

from eval.data import SAMPLES
from eval.exact import counter
from eval.report import Cell, Table
from lynkr.transforms.digests.digest import digest

SAVED_MIN = 70.0  # per cent of all tokens of a set
GREP_SAVED_MIN = 87.0  # per cent, of sixty rows of grep as compact JSON
TOKENS_SAVED_MIN = 200  # the gateway takes no digest that saves less


class Needle(msgspec.Struct):
    """A question, and the strings that answer it if all of them are there."""

    question: str
    must_contain: list[str]
    critical: bool


class Output(msgspec.Struct):
    """One output in an index; ``file`` lies beside it."""

    file: str
    tool: str
    command: str
    needles: list[Needle]


class Measured(msgspec.Struct):
    """One output, measured. ``there`` and ``asked`` count needles: critical ones, then others."""

    name: str
    kind: str
    before: int
    after: int
    critical: tuple[int, int]
    others: tuple[int, int]


def run(data: Path | None) -> list[Table]:
    tables = [_table("Outputs made here", SAMPLES / "outputs")]
    if data is not None:
        if (data / "tool-outputs" / "index.json").is_file():
            tables.append(_table("tool-outputs: real outputs", data / "tool-outputs"))
        grep = data / "toon-bench" / "inputs" / "grep_60.json.gz"
        if grep.is_file():
            tables.append(_grep(gzip.decompress(grep.read_bytes()).decode()))
    return tables


def _table(title: str, folder: Path) -> Table:
    measured = list(_measured(folder))
    rows: list[list[Cell]] = [_row(each) for each in measured]
    before, after = sum(each.before for each in measured), sum(each.after for each in measured)
    saved = 100 - 100 * after / max(1, before)
    there = sum(each.critical[0] for each in measured)
    asked = sum(each.critical[1] for each in measured)
    kept = sum(each.others[0] for each in measured)
    rest = sum(each.others[1] for each in measured)
    rows.append(["all", "", before, after, saved, f"{there}/{asked}", f"{kept}/{rest}"])
    return Table(
        title,
        ["output", "taken for", "tokens", "digest", "saved %", "critical there", "others there"],
        rows,
        [
            f"Tokens: {counter()[0]}. Others that are not in the digest can be asked for.",
            f"An output stays as it is where a digest would save under {TOKENS_SAVED_MIN} tokens.",
        ],
        [
            ("tokens saved", f">= {SAVED_MIN} %", f"{saved:.1f} %", saved >= SAVED_MIN),
            ("critical facts", f"{asked} of {asked}", f"{there} of {asked}", there == asked),
        ],
    )


def _measured(folder: Path) -> Iterator[Measured]:
    index = msgspec.json.decode((folder / "index.json").read_bytes(), type=list[Output])
    count = counter()[1]
    for output in index:
        text = (folder / output.file).read_text("utf-8")
        found = digest(text, output.command, output.tool)
        before = count(text)
        shown, kind = text, ""
        if found is not None and before - count(found.text) >= TOKENS_SAVED_MIN:
            shown, kind = found.text, found.kind
        yield Measured(
            Path(output.file).stem,
            kind or "left whole",
            before,
            count(shown),
            _there([each for each in output.needles if each.critical], shown),
            _there([each for each in output.needles if not each.critical], shown),
        )


def _there(needles: list[Needle], text: str) -> tuple[int, int]:
    found = sum(all(word in text for word in needle.must_contain) for needle in needles)
    return found, len(needles)


def _row(each: Measured) -> list[Cell]:
    saved = 100 - 100 * each.after / max(1, each.before)
    critical = f"{each.critical[0]}/{each.critical[1]}"
    others = f"{each.others[0]}/{each.others[1]}"
    return [each.name, each.kind, each.before, each.after, saved, critical, others]


def _grep(text: str) -> Table:
    count = counter()[1]
    found = digest(text)
    before = count(text)
    after = count(found.text) if found else before
    saved = 100 - 100 * after / before
    return Table(
        "toon-bench: sixty rows of grep",
        ["form", "tokens", "saved %"],
        [["compact JSON", before, 0.0], ["digest", after, saved]],
        [],
        [("tokens saved", f">= {GREP_SAVED_MIN} %", f"{saved:.1f} %", saved >= GREP_SAVED_MIN)],
    )
