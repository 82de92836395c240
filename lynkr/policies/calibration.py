"""What a family's tokenizer makes of our estimates, learned from the usage that providers report.

The estimate counts by o200k_base. Reported tokens divided by estimated ones is a ratio that holds
for a family, roughly, and shifts with what a team sends; so each reply moves the family's factor a
little towards its own ratio. The state is in the object, and starts anew with the process.
"""

from __future__ import annotations

import math

from lynkr.wire.tokens import FACTORS

TOKENS_MIN = 200  # below, templates and hidden system prompts outweigh the text
FACTOR_MIN = 0.5  # no tokenizer in use is further away than this,
FACTOR_MAX = 2.0  # so a ratio that is says something else: pictures, a cut prompt, a wrong report
WEIGHT = 0.05  # of one reply: the last 20 count most
# The first replies weigh more, as in a plain mean, so that a wrong factor to start from is gone
# after a few. The start itself counts as so many replies.
PRIOR_REPLIES = 2


class Calibration:
    """Factors by family: multiply an estimate by them.

    An exponentially weighted mean of the logarithm of the ratio, since half and double are errors
    of one size. Each ratio is clamped before it counts, so that no single one moves it far.
    """

    __slots__ = ("_learned",)

    def __init__(self) -> None:
        self._learned: dict[str, tuple[float, int]] = {}  # logarithm of the factor, replies

    def factor(self, family: str) -> float:
        """Tokens of this family for one estimated token, between FACTOR_MIN and FACTOR_MAX."""
        return math.exp(self._state(family)[0])

    def replies(self, family: str) -> int:
        """How many replies the factor was learned from."""
        return self._state(family)[1]

    def corrected(self, family: str, estimated_tokens: int) -> int:
        """An estimate as this family would count it; at least 1 unless it is 0."""
        if estimated_tokens <= 0:
            return 0
        return max(1, round(estimated_tokens * self.factor(family)))

    def learn(self, family: str, estimated_tokens: int, reported_tokens: int) -> None:
        """One reply's usage: what was estimated of a text, before the factor, and what the provider
        counted of it, cached tokens included. Counts below TOKENS_MIN are left alone."""
        if min(estimated_tokens, reported_tokens) < TOKENS_MIN:
            return
        ratio = reported_tokens / estimated_tokens
        seen = math.log(min(max(ratio, FACTOR_MIN), FACTOR_MAX))
        known, replies = self._state(family)
        weight = max(WEIGHT, 1 / (replies + 1 + PRIOR_REPLIES))
        self._learned[family] = (known + weight * (seen - known), replies + 1)

    def _state(self, family: str) -> tuple[float, int]:
        known = self._learned.get(family)
        return known or (math.log(FACTORS.get(family, FACTORS["other"])), 0)
