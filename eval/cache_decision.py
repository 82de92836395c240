"""Would a kept answer be served? As the gateway decides it, and by cosine alone as others do.

What comes before the guard counts as well: a question in another language than English, or one
whose answer is fleeting, is not looked up. Such a reason stands beside the guard's vetoes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eval.cache_pairs import PairSet
from lynkr._native.embed import StaticModel, similarity
from lynkr.policies.questions import guard
from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import Rule
from lynkr.transforms.tools.nearness import MODEL

COSINES = {f"cosine >= {bound:.2f}": bound for bound in (0.80, 0.90, 0.95)}
ALL_RULES = (*guard.RULES, *COSINES)
_OPEN = Rule(similarity_min=-1.0, coverage_min=0.0)  # what is left is vetoes


class Question(msgspec.Struct, frozen=True):
    """A question as it is kept. ``plain`` is the vector of the text as it was written."""

    language: str
    fleeting: bool
    features: bytes
    vector: bytes
    plain: bytes


class Questions:
    """Makes each text a question once."""

    def __init__(self) -> None:
        self._model = StaticModel.load(str(MODEL))
        self._known: dict[str, Question] = {}

    def __call__(self, text: str) -> Question:
        found = self._known.get(text)
        if found is None:
            canonical = canon(text)
            found = self._known[text] = Question(
                language=canonical.language,
                fleeting=bool(canonical.fleeting),
                features=features(canonical),
                vector=self._model.embed(canonical.text.encode("utf-8", "replace")),
                plain=self._model.embed(text.encode("utf-8", "replace")),
            )
        return found


class Compared(msgspec.Struct, frozen=True):
    """Two questions. ``served``: the names of the rules that serve one's answer for the other."""

    similarity: float  # cosine of what the gateway embeds
    cosine: float  # of the texts as they were written
    coverage: float
    reasons: tuple[str, ...]  # that forbid it under any rule
    served: frozenset[str]


def compared(asked: Question, kept: Question) -> Compared:
    near = similarity(asked.vector, kept.vector)
    cosine = similarity(asked.plain, kept.plain)
    verdict = guard.judge(asked.features, kept.features, near, _OPEN)
    reasons = dict.fromkeys((*before(asked, kept), *verdict.vetoes))
    served = [name for name, bound in COSINES.items() if cosine >= bound]
    served += [name for name in guard.RULES if fit(asked, kept, near, name) is not None]
    return Compared(near, cosine, verdict.coverage, tuple(reasons), frozenset(served))


def fit(asked: Question, kept: Question, near: float, rule: str) -> float | None:
    """The coverage if one of the guard's rules serves it. ``near``: the cosine of ``vector``."""
    if before(asked, kept):
        return None
    verdict = guard.judge(asked.features, kept.features, near, guard.RULES[rule])
    return verdict.coverage if verdict.allowed else None


def before(asked: Question, kept: Question) -> tuple[str, ...]:
    """Why one of the two is not looked up, or was not kept."""
    reasons = []
    if not asked.language == kept.language == "en":
        reasons.append("language")
    if asked.fleeting or kept.fleeting:
        reasons.append("fleeting")
    return tuple(reasons)


class Measured(msgspec.Struct):
    """A set, and each of its pairs compared."""

    pairs: PairSet
    found: list[Compared]

    def hits(self, allows: Callable[[Compared], bool]) -> tuple[int, int]:
        """How many same pairs are served, and how many different ones."""
        served = [
            pair.same for pair, one in zip(self.pairs.pairs, self.found, strict=True) if allows(one)
        ]
        return sum(served), len(served) - sum(served)
