"""The score as a ranking: the hardest share of questions goes to the strong model, the rest to the
weak one. Which model answers each question rightly is known, so every share has its quality.

These are single questions of public benchmarks. The bands, made for coding, do not matter here. A
few points of the score are fitted on weak and strong models (``fit_gain``): each question is ranked
by a fit that did not see it. RouterArena's were never fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from eval.report import Table

RESAMPLES = 1000
SEED = 20261124
Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# RouterArena (arXiv 2510.00202): the weight of cost, and the dollars per 1,000 queries between
# which it is normalised.
ARENA_BETA = 0.1
ARENA_USD_MIN, ARENA_USD_MAX = 0.0044, 200.0
# Dollars per million tokens of input and of output, list prices of 2025: the set has no costs.
ARENA_POOL = {
    "claude-3-haiku-20240307": (0.25, 1.25),
    "gemini-2.0-flash-001": (0.10, 0.40),
}
ARENA_ANSWER_TOKENS = 150  # assumed: the set asks for a letter and at most three sentences
CHARS_PER_TOKEN = 4.0
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Weighed(msgspec.Struct):
    """A set: prompts in their order, and how well each of two models answers."""

    name: str
    prompts: list[str]
    weak: list[float]
    strong: list[float]
    whole: bool = True  # or a part of the set before it


class _Pair(msgspec.Struct):
    prompt: str
    task: str
    weak_correct: bool
    strong_correct: bool


class Graded(msgspec.Struct):
    """A prompt and each model's score, 0 to 1."""

    prompt: str
    scores: dict[str, float]


# Of LLMRouter's nine, pairs that differ by size within a family.
_PAIRS = (
    ("llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct"),
    ("mistral-7b-instruct-v0.3", "llama-3.3-nemotron-super-49b-v1"),
)


def _file(data: Path | None, name: str) -> bytes:
    path = data / "tier-routing" / name if data is not None else None
    return path.read_bytes() if path is not None and path.is_file() else b""


def sets_of(data: Path | None) -> list[Weighed]:
    """Those that are there: RouteLLM's, whole and by task, and LLMRouter's."""
    found = []
    pairs = msgspec.json.Decoder(_Pair).decode_lines(
        _file(data, "routellm_weak_strong.jsonl") or b"\n"
    )
    for name, start in (("RouteLLM", ""), ("RouteLLM MMLU", "mmlu"), ("RouteLLM GSM8K", "gsm8k")):
        some = [pair for pair in pairs if pair.task.startswith(start)]
        if some:
            found.append(
                Weighed(
                    name,
                    [pair.prompt for pair in some],
                    [float(pair.weak_correct) for pair in some],
                    [float(pair.strong_correct) for pair in some],
                    whole=not start,
                )
            )
    graded = msgspec.json.Decoder(Graded).decode_lines(
        _file(data, "llmrouter_model_scores.jsonl") or b"\n"
    )
    for weak, strong in _PAIRS if graded else ():
        found.append(
            Weighed(
                f"LLMRouter {weak} / {strong}",
                [one.prompt for one in graded],
                [one.scores[weak] for one in graded],
                [one.scores[strong] for one in graded],
            )
        )
    return found


def arena_of(data: Path | None) -> list[Graded]:
    lines = _file(data, "routerarena_cached.jsonl")
    return msgspec.json.Decoder(Graded).decode_lines(lines) if lines else []


def area(rank: Numbers, weak: Numbers, strong: Numbers) -> float:
    """Under the curve of quality over the share that the strong model gets, the highest ``rank``
    first: 0.5 of the way from all weak to all strong is chance, 1.0 no router reaches.

    What RouteLLM calls APGR (arXiv 2406.18665), exact instead of sampled. Equal ranks are sent
    together, so their order does not matter.
    """
    order = np.argsort(-rank, kind="stable")
    gains = (strong - weak)[order]
    ends = np.flatnonzero(np.append(np.diff(rank[order]) != 0, True)) + 1
    shares = np.concatenate(([0.0], ends / len(rank)))
    gained = np.concatenate(([0.0], np.cumsum(gains)[ends - 1] / len(rank)))
    whole = gains.sum() / len(rank)
    if whole <= 0:
        return math.nan
    return float(np.sum(np.diff(shares) * (gained[1:] + gained[:-1]) / 2) / whole)


def interval(rank: Numbers, base: Numbers, weak: Numbers, strong: Numbers) -> tuple[Numbers, ...]:
    """95 % intervals of the area and of its difference to the area of ``base``: bootstrap over
    questions, both on the same ones."""
    chosen = np.random.default_rng(SEED).integers(0, len(rank), (RESAMPLES, len(rank)))
    areas, apart = [], []
    for rows in chosen:
        one = area(rank[rows], weak[rows], strong[rows])
        areas.append(one)
        apart.append(one - area(base[rows], weak[rows], strong[rows]))
    return tuple(_middle(values) for values in (areas, apart))


def _middle(values: list[float]) -> Numbers:
    """95 % of the values that are numbers; all may be none where a set is tiny."""
    there = [value for value in values if not math.isnan(value)]
    return np.percentile(there or [math.nan], (2.5, 97.5))


def weak_strong(sets: Sequence[Weighed], ranks: Sequence[Sequence[float]]) -> Table:
    """``ranks``: our score of each set's prompts, in their order."""
    columns = ["set", "questions", "weak %", "strong %", "area", "95 %", "length", "random"]
    table = Table(
        "Weak and strong models: area under the quality-cost curve",
        [*columns, "over length, 95 %"],
        [],
        [
            "0.5 is chance: how much of the strong model's gain the hardest share brings, over all"
            " shares. Length: the same with the number of characters in place of the score."
            " Intervals by bootstrap over questions.",
            "RouteLLM's own figures are for whole benchmarks, ours for a sample of two of them, and"
            " its routers were trained on comparisons of these very models: not comparable.",
        ],
    )
    for one, rank in zip(sets, ranks, strict=True):
        ours, length = np.array(rank), np.array([float(len(text)) for text in one.prompts])
        weak, strong = np.array(one.weak), np.array(one.strong)
        got, base = area(ours, weak, strong), area(length, weak, strong)
        spread, apart = interval(ours, length, weak, strong)
        table.rows.append(
            [
                *(one.name, len(rank), 100 * float(weak.mean()), 100 * float(strong.mean()), got),
                *(f"{spread[0]:.3f} to {spread[1]:.3f}", base, 0.5),
                f"{apart[0]:+.3f} to {apart[1]:+.3f}",
            ]
        )
        if one.whole:
            best = max(0.5, base)
            table.targets.append((f"{one.name}: area", f"> {best:.3f}", f"{got:.3f}", got > best))
    return table


def arena_score(accuracy: float, usd_per_1k: float) -> float:
    """RouterArena's: S = (1 + b) A C / (b A + C), 0 to 1, with C 1 at the least cost."""
    scale = math.log2(ARENA_USD_MAX) - math.log2(ARENA_USD_MIN)
    cheap = (math.log2(ARENA_USD_MAX) - math.log2(usd_per_1k)) / scale
    cheap = min(1.0, max(0.0, cheap))
    below = ARENA_BETA * accuracy + cheap
    return (1 + ARENA_BETA) * accuracy * cheap / below if below else 0.0


def arena(rows: Sequence[Graded], ranks: Sequence[float], tiers: Sequence[int]) -> Table:
    """RouterArena's cached split with the two models whose answers are in it."""
    table = Table(
        "RouterArena, cached split",
        ["hardest share to gemini", "accuracy %", "usd per 1K", "arena", "same by chance"],
        [],
        [
            f"Costs are list prices for the prompt and {ARENA_ANSWER_TOKENS} tokens of answer: the"
            " set has none. gemini-2.0-flash is the better and the cheaper of the two, so no"
            " router of this pool should use the other one often; the best possible choice is in"
            " the last row. Published scores have other pools and all 8,400 queries: the pool"
            " decides most of them, and this one is not theirs.",
        ],
    )
    if not rows:
        return table
    (weak, cheap_weak), (strong, cheap_strong) = (
        (
            np.array([row.scores[name] for row in rows]),
            np.array([_usd_per_1k(row.prompt, *price) for row in rows]),
        )
        for name, price in ARENA_POOL.items()
    )
    order = np.argsort(-np.array(ranks), kind="stable")
    above = sum(tier > 0 for tier in tiers) / len(rows)
    for share in sorted({*SHARES, above}):
        hard = order[: round(share * len(rows))]
        up = np.zeros(len(rows), bool)
        up[hard] = True
        accuracy = float(np.where(up, strong, weak).mean())
        usd = float(np.where(up, cheap_strong, cheap_weak).mean())
        mixed = share * float(strong.mean()) + (1 - share) * float(weak.mean())
        usual = share * float(cheap_strong.mean()) + (1 - share) * float(cheap_weak.mean())
        name = f"{share:.0%}" if share in SHARES else f"{share:.1%}, all above SIMPLE"
        got = 100 * arena_score(accuracy, usd)
        table.rows.append([name, 100 * accuracy, usd, got, 100 * arena_score(mixed, usual)])
    ideal = strong >= weak
    table.rows.append(
        [
            *("best possible", 100 * float(np.maximum(weak, strong).mean())),
            float(np.where(ideal, cheap_strong, cheap_weak).mean()),
            100
            * arena_score(
                float(np.maximum(weak, strong).mean()),
                float(np.where(ideal, cheap_strong, cheap_weak).mean()),
            ),
            None,
        ]
    )
    counts = np.bincount(np.array(tiers), minlength=4)
    names = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
    mix = ", ".join(
        f"{name} {count / len(rows):.1%}" for name, count in zip(names, counts, strict=True)
    )
    table.notes.append(f"Tiers: {mix}.")
    return table


def _usd_per_1k(prompt: str, input_usd: float, output_usd: float) -> float:
    tokens = len(prompt) / CHARS_PER_TOKEN
    return 1000 * (tokens * input_usd + ARENA_ANSWER_TOKENS * output_usd) / 1e6
