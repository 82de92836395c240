"""What a family of outputs is: how it is known, and how its digest is written."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.lines import Digest, Text

# How much the command counts beside the shape. Neither is enough alone: commands print help and
# errors too, and what looks like a table may be prose.
COMMAND_WEIGHT = 0.5


def names(listed: str) -> frozenset[str]:
    """Programs, as ``commands`` calls them, written one after the other."""
    return frozenset(listed.split(", "))


class Family(msgspec.Struct, frozen=True):
    """``shape`` says from 0 to 1 how much an output looks like it; ``names`` are the programs that
    print it; together they must reach ``threshold``. ``write`` may still decline."""

    names: frozenset[str]
    shape: Callable[[Text, Hint], float]
    write: Callable[[Text, Hint], Digest | None]
    threshold: float = 0.75

    def confidence(self, text: Text, hint: Hint) -> float:
        weight = COMMAND_WEIGHT if self.names & hint.names else 0.0
        shape = self.shape(text, hint)
        return shape + weight if shape > 0 else 0.0
