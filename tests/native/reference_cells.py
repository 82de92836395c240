"""The slow, obvious twin of ``cells.pyx``: what the texts of one column have in common."""

from __future__ import annotations

from collections.abc import Sequence

COUNTED_MIN, DIGITS_MAX = 5, 15
STEPS_MAX, SEARCHES_MAX, PIVOT_MAX, TRIES_MAX = 64, 24, 256, 4
ANCHOR_MIN, WORD_MIN, LONG_MIN = 5, 3, 400
DIGITS = b"0123456789"


def kind_of(byte: int) -> int:
    """1: letters and beyond ASCII, 2: digits, 0: each byte for itself."""
    if 48 <= byte <= 57:
        return 2
    return 1 if 65 <= byte & 0xDF <= 90 or byte >= 0x80 else 0


def escapes(text: bytes, at: int) -> bool:
    """The byte at ``at`` is a backslash that begins an escape."""
    run = 0
    while at - run >= 0 and text[at - run] == 0x5C:
        run += 1
    return run % 2 == 1


def cuttable(text: bytes, at: int) -> bool:
    """``at`` is neither in an escape nor in a word or number."""
    if at in (0, len(text)):
        return True
    if escapes(text, at - 1):
        return False
    for k in range(1, 5):
        if at - k >= 1 and text[at - k] == 0x75 and escapes(text, at - k - 1):
            return False
    if at >= 2 and escapes(text, at - 2):
        return True
    kind = kind_of(text[at - 1])
    return kind == 0 or kind != kind_of(text[at])


def common(cells: list[bytes]) -> int:
    size = 0
    shortest = min(map(len, cells))
    while size < shortest and all(cell[size] == cells[0][size] for cell in cells):
        size += 1
    return size


def cut(cells: list[bytes], places: list[int], size: int, way: int) -> int:
    """The most of ``size`` bytes, from ``places`` forward or back, at whose end all may be cut."""
    for _ in range(STEPS_MAX):
        if size <= 0:
            return 0
        if all(cuttable(cell, at + way * size) for cell, at in zip(cells, places, strict=True)):
            return size
        size -= 1
    return 0


def tokens_of(text: bytes) -> list[tuple[int, int]]:
    """Runs of one kind of byte that are worth looking for."""
    found = []
    at = 0
    while at < len(text):
        end = at + 1
        kind = kind_of(text[at])
        while end < len(text) and kind_of(text[end]) == kind:
            end += 1
        if end - at >= (2 if kind else 3):
            found.append((at, end))
        at = end
    return found


def find(cell: bytes, token: bytes, at: int) -> int:
    """Where the token stands by itself, at or after ``at``, or -1."""
    for _ in range(TRIES_MAX):
        at = cell.find(token, at)
        if at < 0 or (cuttable(cell, at) and cuttable(cell, at + len(token))):
            return at
        at += 1
    return -1


def has_word(text: bytes) -> bool:
    run = 0
    for byte in text:
        run = run + 1 if kind_of(byte) == 1 else 0
        if run == WORD_MIN:
            return True
    return False


def anchored(cells: list[bytes]) -> list[bytes | list[bytes]]:
    """Cells taken apart at texts that stand in all of them, in the same order."""
    pivot = min(cells, key=len)
    which = cells.index(pivot)
    places = [0] * len(cells)
    parts: list[bytes | list[bytes]] = []
    searches = 0
    for start, end in tokens_of(pivot[:PIVOT_MAX]):
        if start < places[which]:
            continue
        searches += 1
        if searches > SEARCHES_MAX:
            break
        token = pivot[start:end]
        found = [find(cell, token, at) for cell, at in zip(cells, places, strict=True)]
        if min(found) < 0:
            continue
        ends = [at + len(token) for at in found]
        after = common([cell[at:] for cell, at in zip(cells, ends, strict=True)])
        after = cut(cells, ends, after, 1)
        before = [
            cell[place:at][::-1] for cell, place, at in zip(cells, places, found, strict=True)
        ]
        ahead = cut(cells, found, common(before), -1)
        text = cells[0][found[0] - ahead : ends[0] + after]
        if len(text) < ANCHOR_MIN or not has_word(text):
            continue
        stops = [at - ahead for at in found]
        parts.append([c[a:b] for c, a, b in zip(cells, places, stops, strict=True)])
        parts.append(text)
        places = [at + after for at in ends]
    parts.append([cell[at:] for cell, at in zip(cells, places, strict=True)])
    return parts


def divided(cells: list[bytes]) -> list[bytes | list[bytes]]:
    """Texts that differ, as constants and columns."""
    if any(len(cell) >= LONG_MIN for cell in cells):
        return [cells]
    size = cut(cells, [0] * len(cells), common(cells), 1)
    head = cells[0][:size]
    cells = [cell[size:] for cell in cells]
    size = common([cell[::-1] for cell in cells])
    size = cut(cells, [len(cell) for cell in cells], size, -1)
    tail = cells[0][len(cells[0]) - size :]
    cells = [cell[: len(cell) - size] for cell in cells]
    return [head, *anchored(cells), tail]


def counter(cells: Sequence[bytes | None]) -> tuple[int, int, int] | None:
    """(first, step, width) if the cells are numbers at a constant distance."""
    if len(cells) < COUNTED_MIN:
        return None
    texts = [cell for cell in cells if cell is not None]
    if len(texts) < len(cells) or any(not t.isdigit() or len(t) > DIGITS_MAX for t in texts):
        return None
    first, step = int(texts[0]), int(texts[1]) - int(texts[0])
    width = len(texts[0]) if texts[0][:1] == b"0" and len(texts[0]) > 1 else 0
    if step < 1:
        return None
    if all(text == b"%0*d" % (width, first + row * step) for row, text in enumerate(texts)):
        return first, step, width
    return None
