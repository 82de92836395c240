"""Pairs of questions: some ask the same, others only look alike.

The committed sample and the prompt sets come as clusters; every two wordings of a cluster ask the
same, and each of its hard negatives differs from each wording. Quora's question pairs come with
labels that are noisy: about half of a strict rule's "false hits" there ask the same question.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import msgspec

from eval.data import SAMPLES
from perf import questions

LONG = "long"
LONG_QUESTIONS = 200
# What is exchanged in them: the action, what it is done to, by what means, when, without what.
LONG_KINDS = ("antonym", "entity", "entity", "scope", "scope")
KINDS = (
    "number",
    "negation",
    "swap",
    "entity",
    "antonym",
    "aspect",
    "scope",
    "code",
    "path",
    "unit",
    "quote",
)


class Pair(msgspec.Struct, frozen=True):
    """An answered question and one that comes later."""

    kept: str
    asked: str
    same: bool
    kind: str = ""  # in what a different question differs, where the set says it


class PairSet(msgspec.Struct):
    name: str
    pairs: list[Pair]

    @property
    def same(self) -> int:
        return sum(pair.same for pair in self.pairs)

    @property
    def different(self) -> int:
        return len(self.pairs) - self.same


class Cluster(msgspec.Struct):
    """A line of a prompt set. ``different``: kind and text."""

    base: str
    same: list[str]
    different: list[tuple[str, str]]

    def pairs(self) -> list[Pair]:
        wordings = [self.base, *self.same]
        found = [Pair(one, other, same=True) for one, other in combinations(wordings, 2)]
        for kind, text in self.different:
            found += [Pair(wording, text, same=False, kind=kind) for wording in wordings]
        return found


def pair_sets(data: Path | None) -> list[PairSet]:
    """The sample and long questions, then what lies in ``data/paraphrase``: each file is a set,
    named for it."""
    found = [PairSet("samples", _clusters(SAMPLES / "paraphrases.jsonl")), PairSet(LONG, _long())]
    if data is not None:
        folder = data / "paraphrase"
        prompts = sorted(folder.glob("prompts_*.jsonl"))
        found += [PairSet(path.stem, _clusters(path)) for path in prompts]
        labelled = sorted(folder.glob("qqp_*.tsv"))
        found += [PairSet(path.stem, _labelled(path)) for path in labelled]
    return found


def reworded(data: Path | None) -> list[tuple[str, str]]:
    """GPTCache's own benchmark: sentences, and each of them reworded by a language model."""
    path = data / "paraphrase" / "gptcache_mock.tsv" if data is not None else None
    if path is None or not path.is_file():
        return []
    return [(row[0], row[1]) for row in _rows(path) if len(row) == 2]


def _long() -> list[Pair]:
    """Questions of twenty tokens, made here. In them one word is a small share of the whole, which
    is what the sets of short questions do not try."""
    found = []
    for number in range(LONG_QUESTIONS):
        kept = questions.question(number)
        found.append(Pair(kept, questions.reworded(number), same=True))
        for part, kind in enumerate(LONG_KINDS):
            found.append(Pair(kept, questions.other(number, part), same=False, kind=kind))
    return found


def _clusters(path: Path) -> list[Pair]:
    clusters = msgspec.json.Decoder(Cluster).decode_lines(path.read_bytes())
    return [pair for cluster in clusters for pair in cluster.pairs()]


def _labelled(path: Path) -> list[Pair]:
    return [
        Pair(row[1], row[2], same=row[0] == "1")
        for row in _rows(path)
        if len(row) == 3 and row[0] in ("0", "1")
    ]


def _rows(path: Path) -> list[list[str]]:
    """Lines of a table. Quotes are doubled in the file, but no field stands in quotes."""
    lines = path.read_text("utf-8").split("\n")
    return [line.replace('""', '"').split("\t") for line in lines if line]
