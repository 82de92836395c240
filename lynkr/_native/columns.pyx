# cython: boundscheck=False, wraparound=False, cdivision=True
"""One table: its template, its columns, its lines.

What is equal in all rows stands in the template, and strings are cut where all rows agree
(``cells.pyx``). Columns with equal cells are one. Numbers that only count rows become ``$i``. A
value that some rows lack must have a column that says so. The form is described in
``rows.pyx``, and the slow twin is in ``tests/native/reference_rows.py``.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from lynkr._native.buffers cimport Arena
from lynkr._native.cells cimport (
    LONG_MIN, all_same, counts, digits, kind_of, next_anchor, same, shared,
)
from lynkr._native.jsontape cimport KEY, STRING, Node
from lynkr._native.shapes cimport LEAF, LIST, MEMBERS

cdef const char* LETTERS = b"ijk"


cdef bint looks_raw(const char* text, int size) noexcept:
    """A string that would be read as another value without its quotes."""
    if size == 0 or memchr(b"-0123456789[{", text[0], 13) != NULL:
        return True
    if size == 4:
        return memcmp(text, b"true", 4) == 0 or memcmp(text, b"null", 4) == 0
    return size == 5 and memcmp(text, b"false", 5) == 0


cdef class Column:
    """Made by ``Tabler.column`` and ``Tabler.list``."""


cdef class Tabler(Shaper):
    """Writes one table after another, of shapes of one text."""

    def __cinit__(self) -> None:
        self.arena = Arena()
        self.constants = Out()
        self.lines = Out()

    def __dealloc__(self) -> None:
        free(self.parts)

    cdef Cell* cell_vector(self, int size) except NULL:
        return <Cell*>self.arena.take(size * <Py_ssize_t>sizeof(Cell))

    # --- the template and its columns ---

    cdef int part(self, int kind, int at, int size, int number) except -1:
        cdef Part* parts
        if self.part_count == self.part_room:
            self.part_room = 2 * self.part_room + 64
            parts = <Part*>realloc(self.parts, <size_t>self.part_room * sizeof(Part))
            if parts == NULL:
                raise MemoryError
            self.parts = parts
        parts = &self.parts[self.part_count]
        parts.kind, parts.at, parts.size, parts.number = kind, at, size, number
        self.part_count += 1
        return 0

    cdef int constant(self, const char* text, Py_ssize_t size) except -1:
        """Text of the template; a dollar in it is written twice."""
        cdef int start = <int>self.constants.size
        cdef const char* dollar
        if size == 0:
            return 0
        while True:
            dollar = <const char*>memchr(text, c'$', <size_t>size)
            if dollar == NULL:
                break
            self.constants.put(text, dollar - text + 1)
            self.constants.mark(c'$')
            size -= dollar - text + 1
            text = dollar + 1
        self.constants.put(text, size)
        return self.part(CONSTANT, start, <int>self.constants.size - start, 0)

    cdef bint column(self, Cell* cells, int rows, bint raw) except -1:
        """A place, of a new column or of one with the same cells; whether it has holes or is
        new, which tells a value that is absent."""
        cdef Column made, known
        cdef int row
        for each in self.columns:
            known = <Column>each
            if known.sizes != NULL or known.raw != raw or known.rows != rows:
                continue
            for row in range(rows):
                if not same(&known.cells[row], &cells[row]):
                    break
            else:
                self.part(PLACE, 0, 0, known.number)
                return known.holes
        made = Column()
        made.cells = cells
        made.rows = rows
        made.raw = raw
        for row in range(rows):
            if cells[row].at == NULL:
                made.holes = True
                break
        self.numbers += 1
        made.number = self.numbers
        self.columns.append(made)
        self.part(PLACE, 0, 0, made.number)
        return True

    cdef int counted(self, Cell* cells, int rows, int way) except -2:
        """Which counter the cells are, or -1."""
        cdef Counter counter
        cdef Counter* known
        cdef int i
        if self.inside or not counts(cells, rows, way, &counter):
            return -1
        for i in range(self.counter_count):
            known = &self.counters[i]
            if (
                known.first == counter.first and known.step == counter.step
                and known.width == counter.width
            ):
                return i
        if self.counter_count == COUNTERS_MAX:
            return -1
        self.counters[self.counter_count] = counter
        self.counter_count += 1
        return self.counter_count - 1

    cdef bint piece(self, Cell* cells, int count, Shape shape) except -1:
        """A column of pieces of strings, one for each present row; a number that only counts is
        taken off it. Keeps ``cells``."""
        cdef int i, size, way, row, which
        cdef Cell* spread
        if count == shape.rows:
            which = self.counted(cells, count, 0)
            if which >= 0:
                self.part(COUNT, 0, 0, which)
                return False
            for way in range(-1, 2, 2):
                which = self.counted(cells, count, way)
                if which < 0:
                    continue
                for i in range(count):
                    size = digits(&cells[i], way)
                    cells[i].size -= size
                    cells[i].at += size if way > 0 else 0
                size = shared(cells, count, NULL, NULL, way)
                for i in range(count):
                    cells[i].size -= size
                    cells[i].at += size if way > 0 else 0
                if way > 0:
                    self.part(COUNT, 0, 0, which)
                    self.constant(cells[0].at - size, size)
                    return self.column(cells, count, False)
                self.column(cells, count, False)
                self.constant(cells[0].at + cells[0].size, size)
                self.part(COUNT, 0, 0, which)
                return True
            return self.column(cells, count, False)
        spread = self.cell_vector(shape.rows)
        i = 0
        for row in range(shape.rows):
            spread[row].at = NULL
            spread[row].size = 0
            if shape.values[row] >= 0:
                spread[row] = cells[i]
                i += 1
        return self.column(spread, shape.rows, False)

    cdef bint leaf(self, Shape shape, bint forced) except -1:
        """Write a value; true if a column was written whose cells say whether it is there."""
        cdef Cell* cells = self.cell_vector(shape.rows)
        cdef Cell* there = cells
        cdef Node* node
        cdef int row, which, count = 0
        cdef bint strings = True, equal, known
        for row in range(shape.rows):
            if shape.values[row] < 0:
                continue
            node = &self.nodes[shape.values[row]]
            cells[count].at = self.text + node.start
            cells[count].size = node.end - node.start
            strings = strings and (node.kind == STRING or node.kind == KEY)
            count += 1
        equal = all_same(cells, count)
        if equal and not forced:
            self.constant(cells[0].at, cells[0].size)
            return False
        if not strings:
            for row in range(shape.rows - 1, -1, -1):  # to their rows, from the end
                if shape.values[row] < 0:
                    there[row].at = NULL
                    there[row].size = 0
                else:
                    count -= 1
                    there[row] = there[count]
            which = self.counted(there, shape.rows, 0)
            if which >= 0:
                self.part(COUNT, 0, 0, which)
                return False
            return self.column(there, shape.rows, True)
        for row in range(count):
            cells[row].at += 1
            cells[row].size -= 2
        self.constant(b'"', 1)
        known = self.piece(cells, count, shape) if equal else self.divided(cells, count, shape)
        self.constant(b'"', 1)
        return known

    cdef bint divided(self, Cell* cells, int count, Shape shape) except -1:
        """Texts that differ, as constants and columns."""
        cdef int i, tail, pivot = 0, token = 0, searches = 0
        cdef int size
        cdef int* places
        cdef int* starts
        cdef int* ends
        cdef Cell* cut
        cdef bint known = False, more = True
        for i in range(count):
            if cells[i].size >= LONG_MIN:
                return self.piece(cells, count, shape)
        size = shared(cells, count, NULL, NULL, 1)
        self.constant(cells[0].at, size)
        for i in range(count):
            cells[i].at += size
            cells[i].size -= size
        tail = shared(cells, count, NULL, NULL, -1)
        places = self.vector(count)
        starts = self.vector(count)
        ends = self.vector(count)
        for i in range(count):
            places[i] = 0
            cells[i].size -= tail
            if cells[i].size < cells[pivot].size:
                pivot = i
        while more:
            more = next_anchor(
                cells, count, pivot, &token, &searches, places, starts, ends
            )
            cut = self.cell_vector(count)
            for i in range(count):
                cut[i].at = cells[i].at + places[i]
                cut[i].size = (starts[i] if more else cells[i].size) - places[i]
            if all_same(cut, count):
                self.constant(cut[0].at, cut[0].size)
            elif self.piece(cut, count, shape):
                known = True
            if more:
                self.constant(cells[0].at + starts[0], ends[0] - starts[0])
                memcpy(places, ends, <size_t>count * sizeof(int))
        self.constant(cells[0].at + cells[0].size, tail)
        return known

    cdef bint list(self, Shape shape) except -1:
        """A list of objects: one column here, with columns of its own. False if one element might
        look like none."""
        cdef Column made = Column(), inner
        cdef list outer = self.columns
        cdef int row
        made.columns = []
        made.sizes = shape.sizes
        made.rows = shape.rows
        made.holes = shape.present < shape.rows
        made.cells = self.cell_vector(shape.rows)
        for row in range(shape.rows):
            made.cells[row].at = NULL
            if shape.values[row] >= 0:
                made.cells[row].at = self.text
            made.cells[row].size = 0
        self.columns = made.columns
        self.inside = True
        self.constant(b"[", 1)
        self.emit(<Shape>shape.kids[0], False)
        self.constant(b",...]", 5)
        self.inside = False
        self.columns = outer
        outer.append(made)
        for each in made.columns:
            inner = <Column>each
            if not inner.holes:
                return True
        return len(made.columns) > 1

    cdef bint members(self, Shape shape) except -1:
        cdef Shape kid
        cdef Node* key
        cdef int i
        cdef bint known = False, optional, told
        self.constant(b"{" if shape.kind == MEMBERS else b"[", 1)
        for i in range(<int>len(shape.kids)):
            kid = <Shape>shape.kids[i]
            optional = kid.present < shape.present
            if i:
                self.constant(b",", 1)
            if shape.kind == MEMBERS:
                key = &self.nodes[shape.keys[i]]
                self.constant(self.text + key.start, key.end - key.start)
                self.constant(b"?:" if optional else b":", 2 if optional else 1)
            self.optional = self.optional or optional
            told = self.emit(kid, optional)
            known = known or (told and not optional)
        self.constant(b"}" if shape.kind == MEMBERS else b"]", 1)
        return known

    cdef bint emit(self, Shape shape, bint forced) except -1:
        """Write what ``shape`` is; ``forced``: a column must say whether it is there."""
        cdef int parts = self.part_count, columns = <int>len(self.columns)
        cdef int numbers = self.numbers, counters = self.counter_count
        cdef bint known
        if shape.kind == LEAF:
            return self.leaf(shape, forced)
        known = self.list(shape) if shape.kind == LIST else self.members(shape)
        if known or not (forced or shape.kind == LIST):
            return known
        # Nothing in it would tell an absent one from one that is there: a leaf after all.
        self.part_count = parts
        self.numbers = numbers
        self.counter_count = counters
        del self.columns[columns:]
        return self.leaf(shape, forced)

    # --- written out ---

    cdef int cell(self, Column column, int row, bint inner) except -1:
        """One cell as it stands in a line. Quoted like JSON if it could be taken for more."""
        cdef Out out = self.lines
        cdef const char* at = column.cells[row].at
        cdef const char* end
        cdef const char* slash
        cdef int size = column.cells[row].size
        cdef bint raw = column.raw
        if at == NULL:
            return 0
        if raw and at[0] != c'"':
            return out.put(at, size)
        if raw:
            at += 1
            size -= 2
        end = at + size
        if (
            (size == 0 and (raw or inner or column.holes))
            or (size > 0 and (at[0] == c' ' or (end - 1)[0] == c' '))
            or (size == 1 and at[0] == c'^')
            or (size > 1 and at[0] == c'\\' and at[1] == c'"')
            or memchr(at, c',', <size_t>size) != NULL
            or (inner and memchr(at, c';', <size_t>size) != NULL)
            or (inner and memchr(at, c']', <size_t>size) != NULL)
            or (raw and looks_raw(at, size))
        ):
            out.mark(c'"')
            out.put(at, size)
            return out.mark(c'"')
        while True:
            slash = <const char*>memchr(at, c'\\', <size_t>(end - at))
            if slash == NULL:
                return out.put(at, end - at)
            out.put(at, slash - at)
            if slash[1] != c'"':
                out.mark(c'\\')
            out.mark(slash[1])
            at = slash + 2

    cdef int write_lines(self, int rows) except -1:
        cdef Out out = self.lines
        cdef Column column, inner
        cdef int row, i, j, element
        cdef Py_ssize_t start
        for row in range(rows):
            out.mark(c'\n')
            if self.counter_count and row % STRIDE == 0:
                out.number(
                    self.counters[0].first + row * self.counters[0].step, self.counters[0].width
                )
                out.mark(c':')
            for i in range(<int>len(self.columns)):
                column = <Column>self.columns[i]
                if i:
                    out.mark(c',')
                if column.sizes == NULL:
                    start = out.size
                    self.cell(column, row, False)
                    if (
                        row % STRIDE and out.size - start >= DITTO_MIN
                        and same(&column.cells[row], &column.cells[row - 1])
                    ):
                        out.size = start
                        out.mark(c'^')
                        self.ditto = True
                elif column.cells[row].at != NULL:
                    out.mark(c'[')
                    for element in range(column.sizes[row]):
                        if element:
                            out.mark(c';')
                        for j in range(<int>len(column.columns)):
                            if j:
                                out.mark(c',')
                            inner = <Column>column.columns[j]
                            self.cell(inner, column.used, True)
                        column.used += 1
                    out.mark(c']')
        return 0

    cdef int layout(self, list columns, Out out) except -1:
        cdef Column column
        cdef int i
        for i in range(<int>len(columns)):
            column = <Column>columns[i]
            if i:
                out.mark(c',')
            if column.sizes == NULL:
                out.mark(c'$')
                out.number(column.number, 0)
            else:
                out.mark(c'[')
                self.layout(column.columns, out)
                out.put(b";...]", 5)
        return 0

    cdef int template(self, Out out) except -1:
        cdef Part* part
        cdef int i, j, kind
        cdef bint braces
        for i in range(self.part_count):
            part = &self.parts[i]
            if part.kind == CONSTANT:
                out.put(self.constants.data + part.at, part.size)
                continue
            kind = 0
            if i + 1 < self.part_count and self.parts[i + 1].kind == CONSTANT:
                kind = kind_of(self.constants.data[self.parts[i + 1].at])
            braces = kind == 2 if part.kind == PLACE else kind != 0
            out.put(b"${", 2 if braces else 1)
            if part.kind == PLACE:
                out.number(part.number, 0)
            else:
                out.mark(LETTERS[part.number])
            if braces:
                out.mark(c'}')
        return 0

    cdef int begin(self) except -1:
        """Forget the last table."""
        self.part_count = self.numbers = self.counter_count = 0
        self.constants.size = 0
        self.columns = []
        self.inside = self.optional = self.ditto = False
        return 0

    cdef Out rendered(self, int rows, bytes word):
        cdef Out out = Out()
        cdef Counter* counter
        cdef int i
        cdef bint lists = False
        self.lines.size = 0
        if self.columns:
            self.write_lines(rows)
        out.number(rows, 0)
        out.put(word, len(word))
        self.template(out)
        for i in range(self.counter_count):
            counter = &self.counters[i]
            out.put(b", ", 2)
            out.mark(LETTERS[i])
            out.mark(c'=')
            out.number(counter.first, counter.width)
            if counter.step != 1:
                out.mark(c',')
                out.number(counter.first + counter.step, counter.width)
            out.put(b"..", 2)
            out.number(counter.first + counter.step * (rows - 1), counter.width)
        if self.ditto:
            out.put(b", ^=as above", 12)
        if self.optional:
            out.put(b", empty=absent", 14)
        for each in self.columns:
            lists = lists or (<Column>each).sizes != NULL
        if lists:
            out.put(b" as ", 4)
            self.layout(self.columns, out)
            out.mark(c':')
        elif self.columns:
            out.put(b", $n=column n:", 14)
        out.put(self.lines.data, self.lines.size)
        return out
