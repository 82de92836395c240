"""What an ask is about, by its meaning: how hard those were that are nearest to it.

The words become one vector by the static embedding model of the package. Labelled exemplars near it
vote with their tiers, the nearer the more; and one direction of that space, fitted offline, says
how hard the words are in sum. The model knows English: for other languages ``score`` counts it
less.
"""

from __future__ import annotations

import msgspec

from lynkr._native.weigh import Voters
from lynkr.policies.difficulty.fitted import Exemplars, IntentRule
from lynkr.transforms.tools.nearness import packaged

# Characters of the words that are embedded: what is asked stands at the beginning or at the end,
# what is pasted between them. 1,000 take 30 us.
HEAD_CHARS, TAIL_CHARS = 600, 400
_TIERS = 4


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


class Space:
    """Exemplars, ready to be compared with. Some 400 KB for 1,500 of them."""

    def __init__(self, exemplars: Exemplars, rule: IntentRule) -> None:
        """Raises ValueError if they do not fit each other."""
        self._names = exemplars.names
        # All are compared: signs choose well among very many, and these are few.
        self._voters = Voters(
            exemplars.vectors,
            exemplars.tiers,
            exemplars.axis,
            rule.neighbours,
            rule.width,
            rule.vote,
            rule.axis,
            rule.cuts,
            rule.usual,
        )

    def value(self, vector: bytes) -> tuple[float, str, float]:
        """Of a ``meaning`` the value, the nearest and its likeness."""
        value, row, likeness = self._voters.value(vector)
        return value, self._names[row] if row >= 0 else "", likeness

    def meaning(self, vector: bytes) -> Meaning:
        """Of a text's ``embedded`` vector; of one that says nothing, what is usual."""
        value, shares, vote, axis, row, likeness = self._voters.told(vector)
        return Meaning(
            value=value,
            shares=shares,
            vote=vote,
            axis=axis,
            nearest=self._names[row] if row >= 0 else "",
            likeness=likeness,
        )
