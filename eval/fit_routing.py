"""`python -m eval.fit_routing [DATA …]`: fits the score of routing from labelled prompts.

    python -m eval.fit_routing                          the committed prompts
    python -m eval.fit_routing FILE.jsonl DIR …         these files, and all *.jsonl of the folders
    python -m eval.fit_routing --weights-only FILE      also this one, but no exemplar comes from it
    python -m eval.fit_routing --out DIR                write there, not into the package

Cross-validation chooses how strongly each part is held back; then everything is fitted once more on
all prompts, and ``fitted.json`` and ``exemplars.bin`` are written. The same files give the same
bytes. Texts are never written: of an exemplar its vector and id, of a file its digest. Data of
RouterArena is for evaluation and is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from eval.routing_fit import (
    FOLDS,
    Fit,
    Outcome,
    Sample,
    Settings,
    cost_of,
    cross_validated,
    fit,
    samples_of,
)
from eval.routing_prompts import OWN, cases_of, prompts_of
from lynkr.policies.difficulty.fitted import HERE, packed
from lynkr.policies.routing.facts import REASONING, SIMPLE, TIERS

REFUSED = "routerarena"
ABOUT = 0.03  # costs that differ by no larger a share are equal: folds alone do as much
GRID = {"ridge": (10.0, 20.0, 40.0), "axis_ridge": (0.5, 1.0, 2.0)}


class Source(msgspec.Struct, frozen=True):
    """A file of labelled prompts."""

    path: Path
    exemplar: bool

    def about(self, content: bytes, count: int) -> dict[str, object]:
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        use = "weights and exemplars" if self.exemplar else "weights"
        return {"file": self.path.name, "blake2b": digest, "prompts": count, "use": use}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m eval.fit_routing", description=__doc__.split("\n")[0]
    )
    parser.add_argument("data", nargs="*", type=Path, metavar="DATA", help="files or folders")
    parser.add_argument(
        "--weights-only", action="append", default=[], type=Path, metavar="FILE",
        help="prompts whose vectors and ids are not to be shipped",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    given = parser.parse_args(arguments)
    sources = [Source(path, True) for path in files_of(given.data or [OWN])]
    sources += [Source(path, False) for path in files_of(given.weights_only)]
    for source in sources:
        if REFUSED in source.path.name.lower():
            parser.error(f"{source.path.name}: RouterArena is for evaluation only")
        if not source.path.is_file():
            parser.error(f"no such file: {source.path}")
    samples, about = read(sources)
    settings = chosen(samples)
    found = cross_validated(samples, settings)
    report = {
        "sources": about,
        "settings": msgspec.to_builtins(settings),
        "cross_validation": summary(found),
    }
    write(fit(samples, settings), report, given.out)
    print(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
    return 0


def files_of(places: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        found += sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    return found


def read(sources: Sequence[Source]) -> tuple[list[Sample], list[dict[str, object]]]:
    """The prompts of all files, each once: the first of several that ask the same."""
    samples: dict[str, Sample] = {}
    about = []
    for source in sources:
        prompts = prompts_of(source.path)
        for one in samples_of(cases_of(prompts), source.exemplar):
            samples.setdefault(one.case.prompt.digest, one)
        about.append(source.about(source.path.read_bytes(), len(prompts)))
    return list(samples.values()), about


def chosen(samples: Sequence[Sample]) -> Settings:
    """Of the grid, what costs least in cross-validation; of what costs about the same, the one that
    holds the weights back most: it is the more careful about prompts unlike these."""
    tried = []
    for values in itertools.product(*GRID.values()):
        settings = msgspec.convert(dict(zip(GRID, values, strict=True)), Settings)
        tried.append((cost_of(cross_validated(samples, settings)), settings))
    most = min(tried, key=lambda one: one[0])[0] * (1 + ABOUT)
    equal = [settings for its, settings in tried if its <= most]
    return max(equal, key=lambda settings: (settings.ridge, settings.axis_ridge))


def summary(found: Sequence[Outcome]) -> dict[str, object]:
    """Figures of one evaluation."""
    count = len(found)
    simple = [one for one in found if one.sample.wanted == SIMPLE]
    return {
        "prompts": count,
        "folds": FOLDS,
        "acceptable": round(sum(one.good for one in found) / count, 4),
        "under_by_two": round(sum(one.under_by_two for one in found) / count, 4),
        "simple_to_reasoning": round(
            sum(one.tier == REASONING for one in simple) / max(1, len(simple)), 4
        ),
        "tiers": {
            name: Counter(one.tier for one in found)[tier] for tier, name in enumerate(TIERS)
        },
    }


def write(made: Fit, report: dict[str, object], out: Path) -> None:
    """The two files."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in report.items()}
    fitted = msgspec.structs.replace(made.fitted, report=raw)
    content = msgspec.json.format(msgspec.json.encode(fitted), indent=1)
    out.mkdir(parents=True, exist_ok=True)
    out.joinpath("fitted.json").write_bytes(content + b"\n")
    out.joinpath("exemplars.bin").write_bytes(packed(made.exemplars))


if __name__ == "__main__":
    sys.exit(main())
