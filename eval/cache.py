"""The semantic cache's decision: whom it serves a kept answer, rightly and wrongly.

On the committed sample, on long questions made here, and on the larger set ``paraphrase`` where it
is at hand: prompts with hand-made hard negatives, Quora's question pairs, GPTCache's own benchmark.
Beside the guard's rules stands what other gateways do: cosine over a bound and nothing else, with
the same vectors.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from eval import cache_trade_off, cache_whole
from eval.cache_decision import ALL_RULES, Compared, Measured, Questions, compared
from eval.cache_pairs import KINDS, PairSet, pair_sets, reworded
from eval.report import Table
from eval.shares import percent, spread
from lynkr.policies.questions.guard import Rule

# (first word of the set's name, recall at least, false hits at most) by the default rule.
TARGETS = (
    ("samples", 0.60, 0.015),
    ("long", 0.60, 0.015),
    ("prompts", 0.60, 0.015),
    ("qqp", 0.25, 0.025),
)
SEED = (  # of the issue: the answered question, the later one, is it the same?
    ("Explain TCP vs UDP", "What is the difference between TCP and UDP?", True),
    (
        "Explain the difference between TCP and UDP in two sentences.",
        "What is the difference between TCP and UDP? Keep it brief.",
        True,
    ),
    (
        "Explain TCP vs UDP",
        "What are the four layers of the TCP/IP model and what does each do?",
        False,
    ),
    (
        "What is the difference between TCP and UDP?",
        "What are the four layers of the TCP/IP model and what does each do?",
        False,
    ),
)


def run(data: Path | None) -> list[Table]:
    question = Questions()
    sets = [
        Measured(pairs, [compared(question(p.asked), question(p.kept)) for p in pairs.pairs])
        for pairs in pair_sets(data)
    ]
    rows = [row for one in sets for row in cache_trade_off.curves(one)]
    tables = [_rules(sets), _kinds(sets), _reasons(sets)]
    mock = reworded(data)
    if mock:
        table, points = cache_whole.benchmark(mock, question)
        tables.append(table)
        rows += points
    streams = cache_whole.streams(sets, question)
    return [*tables, _seed(question), streams, cache_trade_off.table(rows)]


def drawings(tables: list[Table]) -> dict[str, str]:
    """The trade-off as a chart, by the name of its file. Every point of it is in the table."""
    rows = [row for table in tables if table.title == cache_trade_off.TITLE for row in table.rows]
    targets = {name: (recall, false) for name, recall, false in TARGETS}
    targets[cache_whole.SET] = (
        cache_whole.RIGHT_MIN / cache_whole.ASKED,
        cache_whole.WRONG_MAX / cache_whole.ASKED,
    )
    return {"cache.svg": cache_trade_off.chart(rows, targets)}


def _rules(sets: list[Measured]) -> Table:
    columns = ["set", "rule", "same", "served", "recall %", "95 %", "different", "false"]
    table = Table(
        "Pairs served",
        [*columns, "false %", "95 % ", "precision %", " 95 %"],
        [],
        [
            f"Targets of the rule default: {_wanted()}.",
            "Intervals are Wilson's. Cosine alone compares the texts as they were written.",
            "Quora's labels are noisy: about half of the false hits there ask the same question.",
        ],
    )
    for one in sets:
        for rule in ALL_RULES:
            right, false = one.hits(partial(_served, rule))
            same, different = one.pairs.same, one.pairs.different
            table.rows.append(
                [
                    *(one.pairs.name, rule, same, right, percent(right, same)),
                    *(spread(right, same), different, false, percent(false, different)),
                    *(spread(false, different), percent(right, right + false)),
                    spread(right, right + false),
                ]
            )
            table.targets += _targets(one.pairs, rule, right, false)
    return table


def _served(rule: str, seen: Compared) -> bool:
    return rule in seen.served


def _wanted() -> str:
    return "; ".join(
        f"{name} recall >= {recall:.0%} at false hits <= {false:.1%}"
        for name, recall, false in TARGETS
    )


def _targets(pairs: PairSet, rule: str, right: int, false: int) -> list[tuple[str, str, str, bool]]:
    wanted = next((target for target in TARGETS if pairs.name.startswith(target[0])), None)
    if rule != "default" or wanted is None:
        return []
    recall, wrong = right / max(1, pairs.same), false / max(1, pairs.different)
    _, recall_min, false_max = wanted
    return [
        (f"{pairs.name}: recall", f">= {recall_min:.0%}", f"{recall:.1%}", recall >= recall_min),
        (f"{pairs.name}: false hits", f"<= {false_max:.1%}", f"{wrong:.2%}", wrong <= false_max),
    ]


def _kinds(sets: list[Measured]) -> Table:
    """False hits by what differs, where the set says it."""
    table = Table("False hits by kind", ["set", "rule", *KINDS], [])
    for one in sets:
        there = Counter(pair.kind for pair in one.pairs.pairs if not pair.same and pair.kind)
        if not there:
            continue
        table.rows.append([one.pairs.name, "(pairs)", *(there[kind] for kind in KINDS)])
        for rule in ALL_RULES:
            false = Counter(
                pair.kind
                for pair, seen in zip(one.pairs.pairs, one.found, strict=True)
                if not pair.same and rule in seen.served
            )
            table.rows.append([one.pairs.name, rule, *(false[kind] for kind in KINDS)])
    return table


def _reasons(sets: list[Measured]) -> Table:
    """What stood in the way, for each reason: of same pairs a loss, of different ones a saving."""
    columns = ["set", "reason", "same", "same, alone", "different", "different, alone"]
    table = Table(
        "Why pairs were not served",
        columns,
        [],
        [
            "By the rule default. Alone: nothing else stood in the way; on same pairs that is"
            " recall lost, on different pairs a false hit saved. The order is by what was lost."
        ],
    )
    bounds = Rule()
    for one in sets:
        counts: dict[str, list[int]] = {}
        for pair, seen in zip(one.pairs.pairs, one.found, strict=True):
            reasons = [*seen.reasons]
            if seen.similarity < bounds.similarity_min:
                reasons.append("(similarity)")
            if seen.coverage < bounds.coverage_min:
                reasons.append("(coverage)")
            at = 0 if pair.same else 2
            for reason in reasons:
                row = counts.setdefault(reason, [0, 0, 0, 0])
                row[at] += 1
                row[at + 1] += len(reasons) == 1
        ordered = sorted(counts.items(), key=lambda item: (-item[1][1], -item[1][3], item[0]))
        table.rows += [[one.pairs.name, reason, *row] for reason, row in ordered]
    return table


def _seed(question: Questions) -> Table:
    table = Table(
        "The seed's questions",
        ["kept", "asked", "wanted", "got", "similarity", "coverage", "vetoes"],
        [],
    )
    right = 0
    asked = [*SEED, *((other, one, same) for one, other, same in SEED)]
    for kept, later, same in asked:
        seen = compared(question(later), question(kept))
        hit = "default" in seen.served
        right += hit is same
        table.rows.append(
            [
                *(kept, later, "hit" if same else "miss", "hit" if hit else "miss"),
                *(seen.similarity, seen.coverage, ", ".join(seen.reasons)),
            ]
        )
    met = right == len(asked)
    table.targets = [("seed's questions", f"{len(asked)} right", f"{right} right", met)]
    return table
