"""A text told by its differences from another one, line by line, and made again from them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

LINES_MAX = 3000  # beyond this a comparison takes too long for the hot path
_HEAD = re.compile(rb"(?:lines? (\d+)(?:-(\d+))? (?:now:|gone)|after line (\d+) now:)$")

Change = tuple[int, int, int, int]  # lines [a, b) of the old text became [c, d) of the new one


def delta(old: bytes, new: bytes) -> bytes | None:
    """What to change in ``old`` to have ``new``; ``None`` where that is no shorter than half.

    Lines are numbered from 1 in ``old``; new lines stand behind a ``+``.
    """
    before, after = old.split(b"\n"), new.split(b"\n")
    if max(len(before), len(after)) > LINES_MAX:
        return None
    said: list[bytes] = []
    for a, b, c, d in _changes(before, after):
        if a == b:
            said.append(b"after line %d now:" % a)
        elif c == d:
            said.append(_lines(a + 1, b) + b" gone")
        else:
            said.append(_lines(a + 1, b) + b" now:")
        said.extend(b"+" + line for line in after[c:d])
    text = b"\n".join(said)
    if len(text) * 2 > len(new) or applied(old, text) != new:
        return None
    return text


def _changes(old: list[bytes], new: list[bytes]) -> Iterator[Change]:
    """Where two lists differ: between lines that each has once, in the same order in both (Bram
    Cohen's patience diff, one level of it). Not always the fewest changes, but in linear time,
    which the shortest way has not: a client's text must not hold up a worker."""
    a = c = 0
    for at_old, at_new in [(0, 0), *_anchors(old, new), (len(old), len(new))]:
        if at_old < a or at_new < c:
            continue  # inside what the anchor before was extended over
        b, d = at_old, at_new
        while b > a and d > c and old[b - 1] == new[d - 1]:
            b, d = b - 1, d - 1
        if a < b or c < d:
            yield a, b, c, d
        a, c = at_old, at_new
        while a < len(old) and c < len(new) and old[a] == new[c]:
            a, c = a + 1, c + 1


def _anchors(old: list[bytes], new: list[bytes]) -> list[tuple[int, int]]:
    """Lines that stand once in each, as many as rise in both: the longest increasing row."""
    once_new = _once(new)
    pairs = [
        (at, once_new[line]) for line, at in _once(old).items() if line in once_new
    ]  # in the order of ``old``
    ends: list[int] = []  # the smallest end, in ``new``, of a row of each length
    rows: list[int] = []  # which pair that is
    earlier: list[int] = []  # of each pair, the one before it in its row
    for number, (_, at) in enumerate(pairs):
        length = bisect_left(ends, at)
        earlier.append(rows[length - 1] if length else -1)
        ends[length : length + 1] = [at]
        rows[length : length + 1] = [number]
    found: list[tuple[int, int]] = []
    number = rows[-1] if rows else -1
    while number >= 0:
        found.append(pairs[number])
        number = earlier[number]
    return found[::-1]


def _once(lines: list[bytes]) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for number, line in enumerate(lines):
        places[line] = -1 if line in places else number
    return {line: number for line, number in places.items() if number >= 0}


def _lines(first: int, last: int) -> bytes:
    return b"line %d" % first if first == last else b"lines %d-%d" % (first, last)


def applied(old: bytes, said: bytes) -> bytes:
    """``old`` with the differences; the inverse of ``delta``."""
    before = old.split(b"\n")
    made: list[bytes] = []
    at = 0  # lines of ``old`` used
    for line in said.split(b"\n") if said else ():
        if line[:1] == b"+":
            made.append(line[1:])
            continue
        head = _HEAD.match(line)
        if head is None:
            raise ValueError(f"not a difference: {line!r}")
        if head[3] is not None:
            first, last = int(head[3]) + 1, int(head[3])
        else:
            first = int(head[1])
            last = int(head[2] or first)
        made.extend(before[at : first - 1])
        at = last
    made.extend(before[at:])
    return b"\n".join(made)
