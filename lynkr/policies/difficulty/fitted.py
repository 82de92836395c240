"""What was fitted offline: weights, bands, and the exemplars that an ask is compared with.

Two files beside this one, written by ``python -m eval.fit_routing`` and by nothing else. Nothing
here learns, and nothing is read before the first ask is measured.
"""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

VERSION = 2
HERE = Path(__file__).parent
_TIERS = b"0123"


class IntentRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the nearness to exemplars becomes one number: the mean tier by the meaning alone."""

    neighbours: int  # exemplars that have a vote
    width: float  # of cosine: one that is so much less near counts 1/e
    vote: float  # times the mean tier of the neighbours
    axis: float  # times the cosine with the direction in which asks grow harder
    cuts: tuple[float, float, float]  # of their sum: where a tier and the next are as likely
    usual: float  # 0 to 1: the mean of the prompts it was fitted on
    foreign: float  # share of the distance from ``usual`` that counts in another language


class Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether an ask is beyond a tier, as a sum: 0 is as likely as not (log odds)."""

    base: float
    weights: tuple[float, ...]  # of each feature, 0 to 1
    intent: float


class Fitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Three sums, one for each bound between two tiers, and one of what a stronger model gains. The
    score is the mean chance of the three, and a few points of the fourth."""

    version: int
    features: tuple[str, ...]
    usual: tuple[float, ...]  # each feature's mean over the prompts it was fitted on
    bounds: tuple[Bound, Bound, Bound]  # beyond SIMPLE, beyond MEDIUM, beyond COMPLEX
    gain: Bound  # whether a stronger model answers such a question where a weaker one fails
    gain_points: float  # of 100
    bands: tuple[float, float, float]  # scores from which an ask is MEDIUM, COMPLEX, REASONING
    intent: IntentRule
    exemplars: str  # BLAKE2b-128 of their file, in hex
    report: dict[str, msgspec.Raw] = {}  # provenance and measured figures: for people


class Exemplars(msgspec.Struct, frozen=True):
    """Labelled prompts as vectors of one int8 per dimension, and the axis as float32."""

    names: tuple[str, ...]
    tiers: bytes  # one byte each, 0 to 3
    vectors: tuple[bytes, ...]
    axis: bytes  # of unit length


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    """The first line of the file; the axis and the vectors follow it without any gap."""

    dim: int
    tiers: str
    names: list[str]


def packed(exemplars: Exemplars) -> bytes:
    """The content of their file."""
    dim = len(exemplars.axis) // 4
    digits = bytes(_TIERS[tier] for tier in exemplars.tiers)
    head = _Head(dim, digits.decode(), list(exemplars.names))
    return b"".join((msgspec.json.encode(head), b"\n", exemplars.axis, *exemplars.vectors))


def unpacked(content: bytes) -> Exemplars:
    """Raises ValueError if it is not such a file, or cut short."""
    end = content.find(b"\n")
    head = msgspec.json.decode(content[: max(end, 0)], type=_Head)
    start = end + 1 + 4 * head.dim
    count = len(head.names)
    if len(content) != start + count * head.dim or len(head.tiers) != count:
        raise ValueError(f"{len(content)} bytes do not hold {count} exemplars")
    return Exemplars(
        names=tuple(head.names),
        tiers=bytes(_TIERS.index(digit) for digit in head.tiers.encode()),
        vectors=tuple(content[at : at + head.dim] for at in range(start, len(content), head.dim)),
        axis=content[end + 1 : start],
    )


@functools.cache
def shipped() -> tuple[Fitted, Exemplars]:
    """What lies in the package."""
    fitted = msgspec.json.decode(HERE.joinpath("fitted.json").read_bytes(), type=Fitted)
    return fitted, unpacked(HERE.joinpath("exemplars.bin").read_bytes())
