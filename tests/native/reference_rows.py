"""The slow, obvious twin of ``rows.fold``: the same text, made with lists of bytes.

The rules are those of ``shapes.pyx``, ``columns.pyx`` and ``rows.pyx``, and they must agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lynkr._native.jsontape import normal
from tests.native.reference_cells import DIGITS, common, counter, cut, divided, kind_of

ROWS_MIN, STRINGS_MIN, ENTRIES_MIN, SAVED_MIN, PASSES = 3, 8, 4, 48, 8
KEYS_MAX, FIXED_MAX, LEAVES_MAX, DEPTH_MAX, COUNTERS_MAX = 64, 16, 200, 12, 3
DITTO_MIN, STRIDE, SHAPES_MAX = 12, 10, 1000
LETTERS = b"ijk"

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SCALAR = re.compile(rb"[^,\]}]+")


class Node:
    """A value of a normal JSON text; ``items`` of an object are (key with quotes, value)."""

    def __init__(self, kind: str, text: bytes, items: list[tuple[bytes, Node]]) -> None:
        self.kind = kind
        self.text = text
        self.items = items

    @property
    def values(self) -> list[Node]:
        return [value for _, value in self.items]


def parsed(text: bytes, at: int = 0) -> Node:
    start = at
    items: list[tuple[bytes, Node]] = []
    if text[at : at + 1] in (b"{", b"["):
        kind = "object" if text[at : at + 1] == b"{" else "array"
        at += 1
        while text[at : at + 1] not in (b"}", b"]"):
            key = b""
            if text[at : at + 1] == b",":
                at += 1
            if kind == "object":
                found = _STRING.match(text, at)
                assert found
                key = found.group()
                at = found.end() + 1
            value = parsed(text, at)
            items.append((key, value))
            at += len(value.text)
        return Node(kind, text[start : at + 1], items)
    kind = "string" if text[at : at + 1] == b'"' else "other"
    found = (_STRING if kind == "string" else _SCALAR).match(text, at)
    assert found
    return Node(kind, found.group(), items)


# --- shapes: what all rows have in common ---------------------------------------------------------


class Shape:
    """Values that stand at the same place of every row; None where a row has none."""

    def __init__(self, kind: str, values: Sequence[Node | None]) -> None:
        self.kind = kind
        self.values = values
        self.keys: list[bytes] = []
        self.kids: list[Shape] = []
        self.sizes: list[int] = []  # of a list: elements per row
        self.present = sum(value is not None for value in values)


def merged(values: Sequence[Node | None]) -> dict[bytes, list[Node | None]] | None:
    """The members of objects, key by key in an order that all of them keep; None if there is
    none, or too many keys, or more holes than values."""
    order: list[bytes] = []
    columns: dict[bytes, list[Node | None]] = {}
    present = cells = 0
    for row, value in enumerate(values):
        if value is None:
            continue
        present += 1
        at = 0
        for key, item in value.items:
            found = order[at:].index(key) + at if key in order[at:] else -1
            if found < 0:
                if key in order or len(order) == KEYS_MAX:
                    return None
                order.insert(at, key)
                columns[key] = [None] * len(values)
                found = at
            columns[key][row] = item
            cells += 1
            at = found + 1
    if cells == 0 or cells * 2 < present * len(order):
        return None
    return {key: columns[key] for key in order}


class TooManyShapesError(Exception):
    """It would take longer to find the table than it is worth."""


def shape_of(
    values: Sequence[Node | None], depth: int, inside: bool, looked_at: list[int]
) -> Shape:
    looked_at[0] += 1
    if looked_at[0] > SHAPES_MAX:
        raise TooManyShapesError
    there = [value for value in values if value is not None]
    kinds = {value.kind for value in there}
    if depth < DEPTH_MAX and kinds == {"object"}:
        columns = merged(values)
        if columns is not None:
            shape = Shape("object", values)
            shape.keys = list(columns)
            shape.kids = [
                shape_of(column, depth + 1, inside, looked_at) for column in columns.values()
            ]
            return shape
    if depth < DEPTH_MAX and kinds == {"array"}:
        sizes = {len(value.items) for value in there}
        if len(sizes) == 1 and 1 <= min(sizes) <= FIXED_MAX:
            shape = Shape("array", values)
            for i in range(min(sizes)):
                column = [None if value is None else value.values[i] for value in values]
                shape.kids.append(shape_of(column, depth + 1, inside, looked_at))
            return shape
        flat: list[Node | None] = [item for value in there for item in value.values]
        objects = all(item is not None and item.kind == "object" for item in flat)
        if len(flat) >= ROWS_MIN and objects and not inside:
            inner = shape_of(flat, depth + 1, True, looked_at)
            if inner.kind == "object":
                shape = Shape("list", values)
                shape.kids = [inner]
                shape.sizes = [0 if value is None else len(value.items) for value in values]
                return shape
    return Shape("leaf", values)


def leaves(shape: Shape) -> int:
    return 1 if shape.kind == "leaf" else sum(map(leaves, shape.kids))


# --- the table ------------------------------------------------------------------------------------


class Column:
    def __init__(self, cells: Sequence[bytes | None], raw: bool) -> None:
        self.cells = list(cells)
        self.raw = raw  # cells are JSON values, else the inside of strings
        self.holes = None in self.cells
        self.sizes: list[int] | None = None  # of a list
        self.columns: list[Column] = []  # of a list
        self.number = 0


class Table:
    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.columns: list[Column] = []
        self.outer: list[Column] | None = None
        self.numbers = 0
        self.counters: list[tuple[int, int, int]] = []
        self.template: list[bytes | Column | int] = []
        self.optional = False

    def constant(self, text: bytes) -> None:
        self.template.append(text.replace(b"$", b"$$"))

    def column(self, cells: Sequence[bytes | None], raw: bool) -> bool:
        for known in self.columns:
            if known.sizes is None and known.raw == raw and known.cells == list(cells):
                self.template.append(known)
                return known.holes
        made = Column(cells, raw)
        self.numbers += 1
        made.number = self.numbers
        self.columns.append(made)
        self.template.append(made)
        return True

    def counted(self, cells: Sequence[bytes | None]) -> int | None:
        """Which counter the cells are, if any."""
        found = counter(cells) if self.outer is None else None
        if found is None:
            return None
        if found not in self.counters:
            if len(self.counters) == COUNTERS_MAX:
                return None
            self.counters.append(found)
        return self.counters.index(found)

    def count(self, cells: Sequence[bytes | None]) -> bool:
        made = self.counted(cells)
        if made is not None:
            self.template.append(made)
        return made is not None

    def part(self, cells: Sequence[bytes | None]) -> bool:
        """A column of pieces of strings; a number that only counts is taken off it."""
        if self.count(cells):
            return False
        if self.outer is None and None not in cells:
            texts = [cell for cell in cells if cell is not None]
            bare = [text.rstrip(DIGITS) for text in texts]
            made = self.counted([t[len(b) :] for t, b in zip(texts, bare, strict=True)])
            if made is not None:
                size = common([text[::-1] for text in bare])
                size = cut(bare, [len(text) for text in bare], size, -1)
                self.column([text[: len(text) - size] for text in bare], False)
                self.constant(bare[0][len(bare[0]) - size :])
                self.template.append(made)
                return True
            bare = [text.lstrip(DIGITS) for text in texts]
            made = self.counted([t[: len(t) - len(b)] for t, b in zip(texts, bare, strict=True)])
            if made is not None:
                self.template.append(made)
                size = cut(bare, [0] * len(bare), common(bare), 1)
                self.constant(bare[0][:size])
                return self.column([text[size:] for text in bare], False)
        return self.column(cells, False)

    def leaf(self, shape: Shape, forced: bool) -> bool:
        """True if a column was written whose cells say whether the value is there."""
        there = [value for value in shape.values if value is not None]
        if not forced and all(value.text == there[0].text for value in there):
            self.constant(there[0].text)
            return False
        texts = [None if value is None else value.text for value in shape.values]
        if any(value.kind != "string" for value in there):
            return False if self.count(texts) else self.column(texts, True)
        inside = [value.text[1:-1] for value in there]
        self.constant(b'"')
        same = all(text == inside[0] for text in inside)
        known = False
        for part in [inside] if same else divided(inside):
            if isinstance(part, bytes):
                self.constant(part)
            elif not same and all(text == part[0] for text in part):
                self.constant(part[0])
            else:
                cells = iter(part)
                known |= self.part([None if v is None else next(cells) for v in shape.values])
        self.constant(b'"')
        return known

    def listed(self, shape: Shape) -> bool:
        """A list of objects: one column here, with columns of its own."""
        made = Column([None if value is None else b"" for value in shape.values], True)
        made.sizes = shape.sizes
        self.outer, self.columns = self.columns, made.columns
        self.constant(b"[")
        self.emit(shape.kids[0], False)
        self.constant(b",...]")
        self.columns, self.outer = self.outer, None
        self.columns.append(made)
        # One element must not look like none.
        return len(made.columns) > 1 or any(not column.holes for column in made.columns)

    def emit(self, shape: Shape, forced: bool) -> bool:
        """Write what ``shape`` is; ``forced``: its column must say whether it is there."""
        mark = len(self.template), len(self.columns), self.numbers, len(self.counters)
        if shape.kind == "leaf":
            return self.leaf(shape, forced)
        known = self.listed(shape) if shape.kind == "list" else self.members(shape)
        if known or not (forced or shape.kind == "list"):
            return known
        # Nothing in it would tell an absent one from one that is there.
        del self.template[mark[0] :]
        del self.columns[mark[1] :]
        self.numbers = mark[2]
        del self.counters[mark[3] :]
        return self.leaf(Shape("leaf", shape.values), forced)

    def members(self, shape: Shape) -> bool:
        known = False
        self.constant(b"{" if shape.kind == "object" else b"[")
        for i, kid in enumerate(shape.kids):
            optional = kid.present < shape.present
            if i:
                self.constant(b",")
            if shape.kind == "object":
                self.constant(shape.keys[i])
                self.constant(b"?:" if optional else b":")
            self.optional |= optional
            known |= self.emit(kid, optional) and not optional
        self.constant(b"}" if shape.kind == "object" else b"]")
        return known

    # --- written out ---

    def shown(self) -> bytes:
        out = b""
        for i, part in enumerate(self.template):
            if isinstance(part, bytes):
                out += part
                continue
            rest = b"".join(p if isinstance(p, bytes) else b"$" for p in self.template[i + 1 :])
            follows = kind_of(rest[0])
            if isinstance(part, int):
                name = LETTERS[part : part + 1]
                out += b"${%s}" % name if follows else b"$" + name
            else:
                out += b"${%d}" % part.number if follows == 2 else b"$%d" % part.number
        return out

    def layout(self, columns: list[Column]) -> bytes:
        return b",".join(
            b"$%d" % column.number
            if column.sizes is None
            else b"[%s;...]" % self.layout(column.columns)
            for column in columns
        )

    def lines(self) -> tuple[list[bytes], bool]:
        lines = []
        ditto = False
        used = [0] * len(self.columns)
        for row in range(self.rows):
            cells = []
            for at, column in enumerate(self.columns):
                cell = column.cells[row]
                if column.sizes is not None and cell is not None:
                    size = column.sizes[row]
                    inner = [
                        b",".join(written(c, r, True) for c in column.columns)
                        for r in range(used[at], used[at] + size)
                    ]
                    used[at] += size
                    cells.append(b"[%s]" % b";".join(inner))
                    continue
                text = written(column, row, False)
                if row % STRIDE and len(text) >= DITTO_MIN and cell == column.cells[row - 1]:
                    text = b"^"
                    ditto = True
                cells.append(text)
            line = b",".join(cells)
            if self.counters and row % STRIDE == 0:
                first, step, width = self.counters[0]
                line = b"%0*d:%s" % (width, first + row * step, line)
            lines.append(line)
        return lines, ditto

    def rendered(self, word: bytes) -> bytes:
        lines, ditto = self.lines() if self.columns else ([], False)
        head = b"%d %s of %s" % (self.rows, word, self.shown())
        for at, (first, step, width) in enumerate(self.counters):
            second = b"" if step == 1 else b",%0*d" % (width, first + step)
            last = first + step * (self.rows - 1)
            values = (LETTERS[at], width, first, second, width, last)
            head += b", %c=%0*d%s..%0*d" % values
        head += b", ^=as above" if ditto else b""
        head += b", empty=absent" if self.optional else b""
        if any(column.sizes is not None for column in self.columns):
            head += b" as " + self.layout(self.columns) + b":"
        elif self.columns:
            head += b", $n=column n:"
        return b"\n".join([head, *lines])


def written(column: Column, row: int, inner: bool) -> bytes:
    text = column.cells[row]
    if text is None:
        return b""
    if column.raw and text[:1] != b'"':
        return text
    bare = text[1:-1] if column.raw else text
    quoted = (
        (bare == b"" and (column.raw or inner or column.holes))
        or bare == b"^"
        or bare[:2] == b'\\"'
        or bare[:1] == b" "
        or bare[-1:] == b" "
        or any(byte in bare for byte in (b",;]" if inner else b","))
        or (column.raw and (bare[:1] in b"-0123456789[{" or bare in (b"true", b"false", b"null")))
    )
    if quoted:
        return b'"%s"' % bare
    return re.sub(rb"\\(.)", lambda m: b'"' if m[1] == b'"' else m[0], bare)


def table_of(rows: list[Node], word: bytes, keys: list[bytes]) -> bytes | None:
    try:
        shape = shape_of(rows, 0, False, [0])
    except TooManyShapesError:
        return None
    if keys and shape.kind == "list":
        return None
    if leaves(shape) > LEAVES_MAX:
        return None
    if shape.kind == "leaf" and rows[0].kind != "string":
        return None
    if shape.kind == "list":
        return None
    table = Table(len(rows))
    if keys:
        table.leaf(Shape("leaf", [Node("string", key, []) for key in keys]), False)
        table.constant(b":")
    table.emit(shape, False)
    return table.rendered(word)


def tried(node: Node, word: bytes, budget: list[int]) -> bytes | None:
    """A container as a table, if it is one and that is at least a tenth smaller."""
    values = node.values
    if len(values) < ROWS_MIN or {value.kind for value in values} != {values[0].kind}:
        return None
    kind = values[0].kind
    if kind == "other":
        return None
    if kind == "string" and len(values) < STRINGS_MIN:
        return None
    if node.kind == "object" and (kind == "array" or len(values) < ENTRIES_MIN):
        return None
    budget[0] -= len(node.text)
    if budget[0] < 0:
        return None
    if node.kind == "object":
        made = table_of(values, b"entries", [key for key, _ in node.items])
    else:
        made = table_of(values, word, [])
    if made is None or len(made) + SAVED_MIN > len(node.text):
        return None
    return None if len(made) * 10 > len(node.text) * 9 else made


def placed(node: Node, tables: list[bytes], budget: list[int]) -> bytes:
    """The document with markers where tables were."""
    if node.kind in ("string", "other"):
        return node.text
    made = tried(node, b"rows", budget)
    if made is not None:
        tables.append(made)
        return b"<table %d>" % len(tables)
    inside = [
        key + (b":" if key else b"") + placed(value, tables, budget) for key, value in node.items
    ]
    return (b"{%s}" if node.kind == "object" else b"[%s]") % b",".join(inside)


def fold(data: bytes) -> bytes | None:
    try:
        text = normal(data)
    except ValueError:
        lines = data.removesuffix(b"\n").split(b"\n")
        try:
            node = parsed(b"[" + b",".join(map(normal, lines)) + b"]")
        except ValueError:
            return None
        budget = [PASSES * len(node.text)]
        return tried(node, b"lines", budget) if node.values[0].kind == "object" else None
    tables: list[bytes] = []
    document = placed(parsed(text), tables, [PASSES * len(text)])
    if not tables:
        return None
    if document == b"<table 1>":
        return tables[0]
    named = [b"table %d: %s" % (i, table) for i, table in enumerate(tables, 1)]
    return b"\n".join([document, *named])
