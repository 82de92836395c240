"""The slow, obvious twins of ``nearest`` and ``entries``: dictionaries, lists and sorting."""

from __future__ import annotations

import math
import struct


def cells(vector: bytes) -> list[int]:
    return [max(value, -127) for value in struct.unpack(f"{len(vector)}b", vector)]


def cosine(a: bytes, b: bytes) -> float:
    left, right = cells(a), cells(b)
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(x * y for x, y in zip(left, right, strict=True)) / lengths if lengths else 0.0


class Vectors:
    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}

    def nearest(self, vector: bytes, count: int) -> list[float]:
        """The cosines only: of equal ones, any number may come first."""
        return sorted((cosine(vector, other) for other in self.kept.values()), reverse=True)[:count]


class Ring:
    """Names from the least to the most recently used."""

    def __init__(self) -> None:
        self.names: list[int] = []

    def touch(self, name: int) -> None:
        self.names.remove(name)
        self.names.append(name)
