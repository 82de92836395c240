"""Shares in per cent, and how sure they are."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959964  # of the normal distribution, for 95 % on two sides


def wilson(part: int, whole: int, z: float = Z_95) -> tuple[float, float]:
    """Bounds of a share by Wilson's score interval, which holds at 0 and for few cases too.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    Nothing seen is (0, 1).
    """
    if not whole:
        return 0.0, 1.0
    share = part / whole
    scale = 1 + z * z / whole
    middle = (share + z * z / (2 * whole)) / scale
    half = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def spread(part: int, whole: int) -> str:
    """The 95 % interval in per cent, as a cell."""
    if not whole:
        return ""
    low, high = wilson(part, whole)
    return f"{low:.1%} to {high:.1%}"
