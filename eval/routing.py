"""Routing: which tier each prompt gets, measured as the gateway measures it.

The committed prompts and, where they are at hand, the set ``tier-routing``: the seed's scenarios,
prompts of coding work, the same wrapped in a harness's noise, another router's probes, and
questions of which it is known what a weak and a strong model make of them. What is shipped was
fitted on the committed prompts; for these, each is judged by a fit that did not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from eval import fit_gain, routing_bills, routing_ranked
from eval.report import Table
from eval.routing_fit import (
    Fit,
    Outcome,
    Sample,
    Settings,
    cross_validated,
    fit,
    outcomes,
    samples_of,
)
from eval.routing_prompts import (
    Prompt,
    cases_of,
    final_tier,
    own_prompts,
    read_case,
    scenarios,
    set_of,
)
from eval.shares import percent, spread
from lynkr.policies.difficulty.fitted import shipped
from lynkr.policies.difficulty.score import Scorer, measured, score, scorer
from lynkr.policies.routing.facts import REASONING, SIMPLE, TIERS, Score, Seen

GOOD_MIN, UNDER_MAX, DEAR_MAX = 0.90, 0.03, 0.05
CODING = "coding_workflow.jsonl"


class Judged(msgspec.Struct):
    """A set, and where each of its prompts went."""

    name: str
    how: str  # by which numbers
    found: list[Outcome]
    target: bool = False


def run(data: Path | None) -> list[Table]:
    sets = judged(data)
    tables = [_scenarios(data), _overall(sets), *map(_confusion, sets)]
    shown = [one for one in sets if one.target]
    tables += [
        _by("language", shown, lambda one: one.sample.case.prompt.lang),
        _by("domain", shown, lambda one: one.sample.case.prompt.domain),
        _pairs(data),
        *_ranked(data),
        *routing_bills.tables(),
    ]
    return [table for table in tables if table.rows]


def settings() -> Settings:
    """What the shipped numbers were fitted with."""
    kept = scorer().fitted.report.get("settings")
    return msgspec.json.decode(kept, type=Settings) if kept is not None else Settings()


def judged(data: Path | None) -> list[Judged]:
    """The sets that have tiers."""
    own = samples_of(cases_of(own_prompts()))
    found = [Judged("committed", "cross-validated", cross_validated(own, settings()), True)]
    coding = samples_of(cases_of(set_of(data, CODING)))
    probes = samples_of(cases_of(set_of(data, "vllm_sr_probes.jsonl")))
    if coding:
        apart = fit(own, settings())
        found.append(Judged("coding work", "fitted without it", outcomes(apart, coding), True))
        both = own + [Sample(one.case, one.found, exemplar=False) for one in coding]
        out = [one for one in cross_validated(both, settings()) if not one.sample.exemplar]
        found.append(Judged("coding work", "cross-validated", out))
    if probes:
        found.append(Judged("vllm-sr probes", "as shipped", _as_shipped(probes)))
    return found


def _as_shipped(samples: Sequence[Sample]) -> list[Outcome]:
    return outcomes(Fit(*shipped()), samples)


def _overall(sets: Sequence[Judged]) -> Table:
    columns = ["set", "numbers", "prompts", "acceptable %", "95 %", "the first tier %"]
    table = Table(
        "Prompts by tier",
        [*columns, "under by two %", "95 % ", "SIMPLE to REASONING %"],
        [],
        [
            "Acceptable: the tier is one of those that the label allows. Under by two: two tiers or"
            " more below the one it prefers. Floors by the default policy. Intervals are Wilson's.",
            "Fitted without it: by numbers from the committed prompts alone, which is what to"
            " expect of prompts that nobody saw; what is shipped is that fit. Cross-validated, of"
            " coding work: by fits of both sets together, none of which saw the prompt.",
        ],
    )
    for one in sets:
        count = len(one.found)
        good = sum(row.good for row in one.found)
        exact = sum(row.tier == row.sample.wanted for row in one.found)
        under = sum(row.under_by_two for row in one.found)
        simple = [row for row in one.found if row.sample.wanted == SIMPLE]
        dear = sum(row.tier == REASONING for row in simple)
        table.rows.append(
            [
                *(one.name, one.how, count, percent(good, count), spread(good, count)),
                *(percent(exact, count), percent(under, count), spread(under, count)),
                percent(dear, len(simple)),
            ]
        )
        if one.target and count:
            shares = (good / count, under / count, dear / max(1, len(simple)))
            table.targets += [
                _target(f"{one.name}: acceptable", GOOD_MIN, shares[0], least=True),
                _target(f"{one.name}: under by two", UNDER_MAX, shares[1], least=False),
                _target(f"{one.name}: SIMPLE to REASONING", DEAR_MAX, shares[2], least=False),
            ]
    return table


def _target(what: str, wanted: float, got: float, *, least: bool) -> tuple[str, str, str, bool]:
    met = got >= wanted if least else got <= wanted
    return what, f"{'>=' if least else '<='} {wanted:.0%}", f"{got:.1%}", met


def _confusion(one: Judged) -> Table:
    table = Table(f"Tiers of {one.name}, {one.how}", ["preferred", *TIERS], [])
    for wanted, name in enumerate(TIERS):
        rows = [row for row in one.found if row.sample.wanted == wanted]
        if rows:
            table.rows.append([name, *(sum(row.tier == tier for row in rows) for tier in range(4))])
    return table


def _by(what: str, sets: Sequence[Judged], key: Callable[[Outcome], str]) -> Table:
    table = Table(
        f"By {what}", ["set", "numbers", what, "prompts", "acceptable %", "too low", "too high"], []
    )
    for one in sets:
        groups: dict[str, list[Outcome]] = {}
        for row in one.found:
            groups.setdefault(key(row), []).append(row)
        if len(groups) < 2:
            continue
        for name, rows in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            good = sum(row.good for row in rows)
            low = sum(row.tier < row.sample.case.prompt.allowed[0] for row in rows)
            table.rows.append(
                [
                    *(one.name, one.how, name, len(rows), percent(good, len(rows))),
                    *(low, len(rows) - good - low),
                ]
            )
    return table


def _scenarios(data: Path | None) -> Table:
    table = Table("The seed's scenarios", ["id", "scenario", "acceptable", "tier", "score"], [])
    tiers: dict[str, int] = {}
    right = 0
    for label, case in scenarios(data):
        found = score(case.ask, case.seen)
        tier = tiers[case.prompt.id] = final_tier(found, case.seen)
        same = tiers.get(case.prompt.invariant_with, tier) == tier
        right += same and tier in case.prompt.allowed
        wanted = ", ".join(case.prompt.acceptable)
        table.rows.append([case.prompt.id, label, wanted, TIERS[tier], found.value])
    if table.rows:
        count = len(table.rows)
        table.targets = [("seed's scenarios", f"{count} right", f"{right} right", right == count)]
    return table


def _pairs(data: Path | None) -> Table:
    table = Table(
        "Asks wrapped in a harness's noise",
        ["pairs", "same tier", "score moved at most"],
        [],
        ["The same ask with reminders, open files and notices around it."],
    )
    plain = {one.id: one for one in set_of(data, CODING)}
    same, furthest, count = 0, 0.0, 0
    for wrapped in set_of(data, "coding_workflow_envelope_pairs.jsonl"):
        other = plain.get(wrapped.invariant_with)
        if other is None:
            continue
        (one, its), (two, other_s) = (
            (score(case.ask, case.seen), case.seen) for case in map(read_case, (wrapped, other))
        )
        count += 1
        same += final_tier(one, its) == final_tier(two, other_s)
        furthest = max(furthest, abs(one.value - two.value))
    if count:
        table.rows.append([count, same, furthest])
        table.targets = [
            ("envelope pairs: same tier", "100 %", f"{same / count:.1%}", same == count)
        ]
    return table


def _alone(text: str, scorer: Scorer) -> Score:
    """The score of a prompt as the only message of a conversation."""
    case = read_case(Prompt([{"role": "user", "content": text}], (TIERS[SIMPLE],)))
    return scorer.score(measured(case.ask, Seen()))


def _unseen(sets: Sequence[routing_ranked.Weighed]) -> list[list[float]]:
    """Each question's score, with a gain that was fitted without it."""
    if not sets:
        return []
    fitted, exemplars = shipped()
    gains, numbers = fit_gain.unseen([one for one in sets if one.whole])
    scorers = [
        Scorer(msgspec.structs.replace(fitted, gain=gain.bound), exemplars) for gain in gains
    ]
    return [[_alone(text, scorers[numbers[text]]).value for text in one.prompts] for one in sets]


def _ranked(data: Path | None) -> list[Table]:
    sets = routing_ranked.sets_of(data)
    rows = routing_ranked.arena_of(data)
    scores = [_alone(row.prompt, scorer()) for row in rows]
    return [
        routing_ranked.weak_strong(sets, _unseen(sets)),
        routing_ranked.arena(
            rows,
            [score.value for score in scores],
            [final_tier(score, Seen()) for score in scores],
        ),
    ]
