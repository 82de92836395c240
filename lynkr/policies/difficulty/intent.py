"""What an ask is about, by its meaning: how hard those were that are nearest to it.

The words become one vector by the static embedding model of the package. Labelled exemplars near it
vote with their tiers, the nearer the more; and one direction of that space, fitted offline, says
how hard the words are in sum. The model knows English: for other languages ``score`` counts it
less.
"""

from __future__ import annotations

import math

import msgspec

from lynkr._native.embed import similarity
from lynkr._native.nearest import Vectors, quantised
from lynkr.policies.difficulty.fitted import Exemplars, IntentRule
from lynkr.transforms.tools.nearness import packaged

# Characters of the words that are embedded: what is asked stands at the beginning or at the end,
# what is pasted between them. 1,000 take 30 us.
HEAD_CHARS, TAIL_CHARS = 600, 400
_TIERS = 4
_TOP = _TIERS - 1
_ODDS_MAX = 700.0  # beyond it exp overflows


class Meaning(msgspec.Struct, frozen=True):
    """An ask beside the exemplars."""

    value: float  # 0 to 1: the tier to expect, by meaning alone
    shares: tuple[float, ...] = (0.0,) * _TIERS  # of each tier in the vote; they sum to 1, or to 0
    vote: float = 0.0  # 0 to 1: the mean tier of the vote
    axis: float = 0.0  # -1 to 1
    nearest: str = ""  # "": no word is known
    likeness: float = 0.0


def embedded(text: str) -> bytes:
    """256 float32 of unit length; zeros if no word of it is known."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = text[:HEAD_CHARS] + " " + text[-TAIL_CHARS:]
    return packaged().embed(text.encode("utf-8", "replace"))


def chance(odds: float) -> float:
    """Of log odds, 0 to 1."""
    return 1.0 / (1.0 + math.exp(-odds)) if odds > -_ODDS_MAX else 0.0


class Space:
    """Exemplars, ready to be compared with. Some 400 KB for 1,500 of them."""

    def __init__(self, exemplars: Exemplars, rule: IntentRule) -> None:
        self._names = exemplars.names
        self._tiers = exemplars.tiers
        self._axis = exemplars.axis
        self._rule = rule
        # All are compared: signs choose well among very many, and these are few.
        self._vectors = Vectors(len(exemplars.axis) // 4, max(1, len(exemplars.names)))
        for number, vector in enumerate(exemplars.vectors):
            self._vectors.add(number, vector)

    def meaning(self, vector: bytes) -> Meaning:
        """Of a text's ``embedded`` vector; of one that says nothing, what is usual."""
        rule = self._rule
        found = self._vectors.nearest(quantised(vector), rule.neighbours)
        if not found or found[0][1] <= 0.0:
            return Meaning(rule.usual)
        votes = [0.0] * _TIERS
        likeness = found[0][1]
        total = 0.0
        for number, cosine in found:
            weight = math.exp((cosine - likeness) / rule.width)
            votes[self._tiers[number]] += weight
            total += weight
        vote = (votes[1] + 2.0 * votes[2] + 3.0 * votes[3]) / (_TOP * total)
        axis = similarity(vector, self._axis)
        raw = rule.vote * vote + rule.axis * axis
        cuts = rule.cuts
        return Meaning(
            value=(chance(raw - cuts[0]) + chance(raw - cuts[1]) + chance(raw - cuts[2])) / _TOP,
            shares=(votes[0] / total, votes[1] / total, votes[2] / total, votes[3] / total),
            vote=vote,
            axis=axis,
            nearest=self._names[found[0][0]],
            likeness=likeness,
        )
