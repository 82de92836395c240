"""The slow, obvious twin of ``weigh``: lists, sorting, and Python's own numbers."""

from __future__ import annotations

import math
import struct

from lynkr._native.embed import similarity
from tests.native.reference_nearest import cells

Told = tuple[float, tuple[float, ...], float, float, int, float]
Sums = tuple[float, ...]
Terms = tuple[tuple[float, tuple[float, ...], float], ...]


def single(value: float) -> float:
    """Rounded to float32."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def quantised(vector: bytes) -> list[int]:
    values = struct.unpack(f"{len(vector) // 4}f", vector)
    largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
    if not 1e-30 < largest < 1e30:
        return [0] * len(values)
    scale = single(127 / largest)
    return [0 if math.isnan(value) else round(single(value * scale)) for value in values]


def chance(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds)) if odds > -700.0 else 0.0


def told(
    vectors: list[bytes],
    tiers: bytes,
    axis: bytes,
    rule: tuple[int, float, float, float, tuple[float, float, float], float],
    vector: bytes,
) -> Told:
    neighbours, width, of_vote, towards, cuts, usual = rule
    query = quantised(vector)
    length = _scale(query)
    cosines = []
    for row, other in enumerate(vectors):
        values = cells(other)
        dot = sum(a * b for a, b in zip(query, values, strict=True))
        cosines.append((single(single(dot * length) * _scale(values)), row))
    found = sorted(cosines, key=lambda pair: -pair[0])[:neighbours]  # of equal ones the first
    near = [(min(1.0, max(-1.0, cosine)), row) for cosine, row in found]
    if not near or near[0][0] <= 0.0:
        return usual, (0.0,) * 4, 0.0, 0.0, -1, 0.0
    votes = [0.0] * 4
    total = 0.0
    for cosine, row in near:
        weight = math.exp((cosine - near[0][0]) / width)
        votes[tiers[row]] += weight
        total += weight
    vote = (votes[1] + 2.0 * votes[2] + 3.0 * votes[3]) / (3 * total)
    along = similarity(vector, axis)
    raw = of_vote * vote + towards * along
    value = (chance(raw - cuts[0]) + chance(raw - cuts[1]) + chance(raw - cuts[2])) / 3
    shares = tuple(each / total for each in votes)
    return value, shares, vote, along, near[0][1], near[0][0]


def _scale(values: list[int]) -> float:
    square = sum(value * value for value in values)
    return single(1 / math.sqrt(square)) if square else 0.0


def sums(terms: Terms, values: tuple[float, ...], meaning: float) -> tuple[float, ...]:
    found = []
    for base, weights, of_meaning in terms:
        total = base + of_meaning * meaning
        for weight, value in zip(weights, values, strict=False):
            total += weight * value
        found.append(total)
    return tuple(found)


def whole(points: Sums, found: Sums) -> float:
    total = 0.0
    for each, odds in zip(points, found, strict=True):
        total += each * chance(odds)
    return total


def weights_of(terms: Terms, part: int, dimensions: int) -> list[float]:
    return [term[1][part] if part < dimensions else term[2] for term in terms]


def along(terms: Terms, slopes: list[float], part: int, dimensions: int) -> float:
    total = 0.0
    for slope, weight in zip(slopes, weights_of(terms, part, dimensions), strict=True):
        total += slope * weight
    return total


def slopes(terms: Terms, points: Sums, found: Sums, dimensions: int) -> list[float]:
    steep = [
        chance(odds) * ((1.0 - chance(odds)) * each)
        for odds, each in zip(found, points, strict=True)
    ]
    return [along(terms, steep, part, dimensions) for part in range(dimensions + 1)]


def divided(
    terms: Terms,
    points: Sums,
    usual: tuple[float, ...],
    usual_meaning: float,
    values: tuple[float, ...],
    meaning: float,
    found: Sums,
) -> list[float]:
    ordinary = sums(terms, usual, usual_meaning)
    steep = [
        _secant(one, other) * each for one, other, each in zip(found, ordinary, points, strict=True)
    ]
    made = []
    for part in range(len(values) + 1):
        dimension = part < len(values)
        now, before = (values[part], usual[part]) if dimension else (meaning, usual_meaning)
        made.append(along(terms, steep, part, len(values)) * (now - before))
    return made


def _secant(one: float, other: float) -> float:
    if abs(one - other) < 1e-6:
        here = chance(one)
        return here * (1.0 - here)
    return (chance(one) - chance(other)) / (one - other)
