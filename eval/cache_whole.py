"""Whole caches: GPTCache's own benchmark, and a stream of questions into one partition."""

from __future__ import annotations

from eval import cache_trade_off
from eval.cache_decision import ALL_RULES, COSINES, Measured, Questions, compared
from eval.cache_lookup import (
    TRIED,
    Close,
    Neighbours,
    Serves,
    Stream,
    matrix,
    nearest,
    neighbours,
    serving,
)
from eval.report import Cell, Table
from eval.shares import percent

SET = "gptcache_mock"
RIGHT_MIN, WRONG_MAX, ASKED = 800, 30, 999  # by the balanced rule
# What GPTCache publishes: threshold, positive, negative, fail.
# https://github.com/zilliztech/GPTCache/blob/main/examples/README.md#benchmark
PUBLISHED = ((0.95, 425, 25, 549), (0.90, 804, 77, 118), (0.80, 904, 92, 3))
SEEDS = 3  # of the order in which a stream's questions arrive


class _Mock:
    """GPTCache's benchmark: each sentence is kept, then each is asked in other words."""

    def __init__(self, rows: list[tuple[str, str]], question: Questions) -> None:
        self._texts = [text for text, _ in rows]
        self.kept = [question(text) for text in self._texts]
        self.asked = [question(text) for _, text in rows]
        canonical, plain = (
            nearest(
                matrix([getattr(one, vector) for one in self.asked]),
                matrix([getattr(one, vector) for one in self.kept]),
            )
            for vector in ("vector", "plain")
        )
        self._near = {False: canonical, True: plain}
        self._seen = {
            (at, other): compared(self.asked[at], self.kept[other])
            for found in (canonical, plain)
            for at, close in enumerate(found)
            for other, _ in close
        }

    def by_rule(self, rule: str) -> tuple[int, int, int]:
        """Right, wrong, missed."""
        return self._result(rule in COSINES, serving(self.asked, self.kept, rule))

    def by_bound(self, curve: str, allows: cache_trade_off.Allows) -> tuple[int, int, int]:
        plain = curve == cache_trade_off.COSINE

        def serve(at: int, close: Close) -> int | None:
            return next((other for other, _ in close if allows(self._seen[at, other])), None)

        return self._result(plain, serve)

    def _result(self, plain: bool, serve: Serves) -> tuple[int, int, int]:
        served = [serve(at, close) for at, close in enumerate(self._near[plain])]
        right = sum(
            at is not None and self._texts[at] == text
            for at, text in zip(served, self._texts, strict=True)
        )
        missed = served.count(None)
        return right, len(served) - right - missed, missed


def benchmark(rows: list[tuple[str, str]], question: Questions) -> tuple[Table, list[list[Cell]]]:
    """GPTCache's benchmark, and its rows of the trade-off."""
    mock = _Mock(rows, question)
    found = [(rule, mock.by_rule(rule)) for rule in ALL_RULES]
    published = [(f"GPTCache, published, at {row[0]:.2f}", row[1:]) for row in PUBLISHED]
    right, wrong, _ = dict(found)["balanced"]
    table = Table(
        f"GPTCache's benchmark: {len(rows):,} sentences kept, each asked in other words",
        ["rule", "right", "wrong", "missed", "right %", "wrong % of hits"],
        [
            [name, *result, percent(result[0], sum(result)), percent(result[1], sum(result[:2]))]
            for name, result in (*found, *published)
        ],
        [
            f"Of the {TRIED} nearest the one is served that the rule chooses, if it chooses one.",
            f"Target of the rule balanced: >= {RIGHT_MIN} right, <= {WRONG_MAX} wrong.",
        ],
        [
            (
                "GPTCache's benchmark: right, wrong",
                f">= {RIGHT_MIN}, <= {WRONG_MAX}",
                f"{right}, {wrong}",
                right >= RIGHT_MIN and wrong <= WRONG_MAX,
            )
        ],
    )
    curves = [
        (curve, bound, mock.by_bound(curve, allows))
        for curve, bound, allows in cache_trade_off.sweep()
    ]
    curves += [("GPTCache, published", row[0], row[1:]) for row in PUBLISHED]
    wholes = (len(rows), len(rows))
    return table, [
        cache_trade_off.point(SET, curve, bound, result[:2], wholes)
        for curve, bound, result in curves
    ]


def streams(sets: list[Measured], question: Questions) -> Table:
    table = Table(
        "A stream of questions into one partition",
        [
            *("set", "rule", "questions", "repeats", "right", "of repeats %", "hit rate %"),
            *("wrong", "wrong % of hits", "unlabelled"),
        ],
        [],
        [
            f"All questions of a set in random order, the mean of {SEEDS} orders. Each is looked up"
            f" among those kept so far ({TRIED} nearest, then the rule) and kept if it is a miss."
            " Repeats: the same was asked before. Real traffic has far fewer near misses.",
            "Unlabelled: the set does not say whether the question that was served is the same.",
        ],
    )
    for one in sets:
        stream = Stream(one.pairs.pairs)
        made = [question(text) for text in stream.texts]
        near: dict[bool, Neighbours] = {
            False: neighbours(matrix([each.vector for each in made])),
            True: neighbours(matrix([each.plain for each in made])),
        }
        for rule in ("default", *COSINES):
            serve = serving(made, made, rule)
            runs = [stream.run(near[rule in COSINES], serve, seed) for seed in range(SEEDS)]
            right, wrong, unlabelled, repeats = (
                sum(getattr(each, name) for each in runs) / SEEDS
                for name in ("right", "wrong", "unlabelled", "repeats")
            )
            hits = right + wrong + unlabelled
            table.rows.append(
                [
                    *(one.pairs.name, rule, len(made), round(repeats), right),
                    *(percent(right, repeats), percent(hits, len(made))),
                    *(wrong, percent(wrong, hits), unlabelled),
                ]
            )
    return table
