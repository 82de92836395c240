"""The whole cache, not single pairs: of many kept questions the nearest ones are tried in turn.

Neighbours are exact here; the gateway's index may miss some of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy
from numpy.typing import NDArray

from eval.cache_decision import COSINES, Question, before
from eval.cache_pairs import Pair
from lynkr.policies.questions.guard import RULES, choose

TRIED = 4  # nearest entries that the guard sees
BLOCK = 512  # questions compared with all others at a time: 40 MB for 20,000 of them
NEAR_MIN = 0.75  # the least similarity of any rule below

Vectors = NDArray[numpy.float32]
Neighbours = list[list[tuple[int, float]]]  # of each question: index and cosine, nearest first
Close = Sequence[tuple[int, float]]
Serves = Callable[[int, Close], int | None]  # asked, its nearest: which of them is served


class Arrivals(msgspec.Struct):
    """What became of a stream of questions that share one partition."""

    questions: int = 0
    repeats: int = 0  # the same was asked before, in these or other words
    right: int = 0
    wrong: int = 0  # the pair is labelled different
    unlabelled: int = 0  # served for one of which the set does not say whether it asks the same


def matrix(vectors: Sequence[bytes]) -> Vectors:
    joined = numpy.frombuffer(b"".join(vectors), numpy.float32)
    return joined.reshape(len(vectors), -1)


def nearest(asked: Vectors, kept: Vectors) -> Neighbours:
    """The ``TRIED`` nearest of ``kept`` for each of ``asked``."""
    cosines = asked @ kept.T
    order = numpy.argsort(-cosines, axis=1, kind="stable")[:, :TRIED]
    return [
        [(int(at), float(row[at])) for at in found]
        for row, found in zip(cosines, order, strict=True)
    ]


def neighbours(vectors: Vectors) -> Neighbours:
    """All others within ``NEAR_MIN`` of each: no rule serves what is further away."""
    found: Neighbours = []
    for begin in range(0, len(vectors), BLOCK):
        cosines = vectors[begin : begin + BLOCK] @ vectors.T
        for at, row in enumerate(cosines, begin):
            (close,) = numpy.nonzero(row >= NEAR_MIN)
            pairs = sorted((-float(row[other]), int(other)) for other in close if other != at)
            found.append([(other, -negative) for negative, other in pairs])
    return found


def serving(asked: Sequence[Question], kept: Sequence[Question], rule: str) -> Serves:
    """A rule as the gateway applies it to the nearest of the kept questions."""
    bound = COSINES.get(rule)
    if bound is not None:
        return lambda _asked, close: close[0][0] if close and close[0][1] >= bound else None

    def serve(at: int, close: Close) -> int | None:
        rows = [row for row in close[:TRIED] if not before(asked[at], kept[row[0]])]
        tried = [(kept[other].features, cosine) for other, cosine in rows]
        chosen = choose(asked[at].features, tried, RULES[rule]).index
        return rows[chosen][0] if chosen >= 0 else None

    return serve


class Stream:
    """All texts of a set, in any order: groups of the same question, and their hard negatives."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.texts = list(dict.fromkeys(text for pair in pairs for text in (pair.kept, pair.asked)))
        at = {text: number for number, text in enumerate(self.texts)}
        self._group = list(range(len(self.texts)))
        self._different = set()
        for pair in pairs:
            one, other = at[pair.kept], at[pair.asked]
            if pair.same:
                self._group[self._root(one)] = self._root(other)
            else:
                self._different.add(frozenset((one, other)))
        self._group = [self._root(number) for number in range(len(self.texts))]

    def _root(self, number: int) -> int:
        while self._group[number] != number:
            number = self._group[number]
        return number

    def run(self, found: Neighbours, serve: Serves, seed: int) -> Arrivals:
        """Each question is looked up among those before it, and kept if none was served."""
        order = list(range(len(self.texts)))
        random.Random(seed).shuffle(order)
        kept: set[int] = set()
        asked: set[int] = set()
        count: Counter[str] = Counter()
        for number in order:
            group = self._group[number]
            count["repeats"] += group in asked
            asked.add(group)
            served = serve(number, [pair for pair in found[number] if pair[0] in kept])
            if served is None:
                kept.add(number)
            elif self._group[served] == group:
                count["right"] += 1
            elif frozenset((number, served)) in self._different:
                count["wrong"] += 1
            else:
                count["unlabelled"] += 1
        return Arrivals(questions=len(order), **count)
