# cython: boundscheck=False, wraparound=False, cdivision=True
"""JSON whose values repeat one shape, as a template and one line of text per row.

    60 rows of {"file":"src/$1.js","line":$2,"id":$i}, i=0..59, $n=column n:
    0:routes/user,451
    models/user,12
    ...

Theory of operation. The values at one place of all rows are a vector of node indexes. ``shape``
looks at such a vector: objects whose keys keep one order are taken apart into a vector per key
(``"key"?:`` where some rows have none), arrays of one length into one per position, other arrays
of objects into columns of their own; all else is a leaf, written as it is. ``emit`` then writes the
template: what is equal in all rows stands in it, and strings are cut where all rows agree
(``cells.pyx``). Columns with equal cells are one. Numbers that only count rows become ``$i``, and
every tenth row says its own. Tables inside a document leave ``<table 1>`` where they were.

Nothing is guessed: ``unrows.unfold`` gives ``jsontape.normal`` of the input. Work is linear in the
bytes: vectors hold at most twice as many places as there are values, cuts are bounded per column,
and containers that are looked at again inside others are bounded by PASSES.
"""

from lynkr._native.jsontape cimport ARRAY, OBJECT, STRING, Node, Tape
from lynkr._native.shapes cimport LEAF, LIST, ROWS_MIN, SHAPES_MAX, Shape, leaves

from lynkr._native.jsontape import normal

cdef Tape _tape = Tape()


cdef class Folder(Tabler):
    """One document on its way into tables."""

    def __cinit__(self) -> None:
        self.tables = []

    cdef Out table(self, int node, bytes word):
        """The container ``node`` as a table, or None if it is none or hardly smaller."""
        cdef Node* container = &self.nodes[node]
        cdef Py_ssize_t length = container.end - container.start
        cdef int rows = container.size, item = node + 1, row, kind
        cdef int* values
        cdef int* keys = NULL
        cdef Shape shape, names
        cdef Out made
        if rows < ROWS_MIN:
            return None
        if container.kind == OBJECT:
            kind = self.nodes[item + 1].kind
            if kind == ARRAY or rows < (STRINGS_MIN if kind == STRING else ENTRIES_MIN):
                return None
        else:
            kind = self.nodes[item].kind
            if kind == STRING and rows < STRINGS_MIN:
                return None
        if kind != OBJECT and kind != ARRAY and kind != STRING:
            return None
        values = self.vector(rows)
        if container.kind == OBJECT:
            keys = self.vector(rows)
        for row in range(rows):
            if keys != NULL:
                keys[row] = item
                item += 1
            if self.nodes[item].kind != kind:
                return None
            values[row] = item
            item = self.nodes[item].next
        self.budget -= length
        if self.budget < 0:
            return None
        self.shapes = 0
        shape = self.shape(values, rows, 0, False)
        if self.shapes > SHAPES_MAX:
            return None
        if shape.kind == LIST or (shape.kind == LEAF and kind != STRING):
            return None
        if leaves(shape) > LEAVES_MAX:
            return None
        self.begin()
        if keys != NULL:
            names = Shape()
            names.kind = LEAF
            names.rows = names.present = rows
            names.values = keys
            self.leaf(names, False)
            self.constant(b":", 1)
        self.emit(shape, False)
        made = self.rendered(rows, word)
        if made.size + SAVED_MIN > length or made.size * 10 > length * 9:
            return None
        return made

    cdef int placed(self, int node, Out out) except -1:
        """Write the value with markers where tables were."""
        cdef Node* value = &self.nodes[node]
        cdef int item, i
        cdef Out made
        if value.kind != OBJECT and value.kind != ARRAY:
            return out.put(self.text + value.start, value.end - value.start)
        made = self.table(node, b" entries of " if value.kind == OBJECT else b" rows of ")
        if made is not None:
            self.tables.append(made)
            out.put(b"<table ", 7)
            out.number(<long long>len(self.tables), 0)
            return out.mark(c'>')
        out.mark(self.text[value.start])
        item = node + 1
        for i in range(value.size):
            if i:
                out.mark(c',')
            if value.kind == OBJECT:
                out.put(
                    self.text + self.nodes[item].start,
                    self.nodes[item].end - self.nodes[item].start,
                )
                out.mark(c':')
                item += 1
            self.placed(item, out)
            item = self.nodes[item].next
        return out.mark(self.text[value.end - 1])


def fold(bytes data not None):
    """JSON, or JSON lines, with its tables folded; None if there are none, or it is neither.

    ``unrows.unfold`` makes ``normal(data)`` of it, or the normal form of each line.
    """
    cdef Folder folder = Folder()
    cdef Out out = Out(), made
    cdef bytes text
    cdef list lines
    cdef bint single = True
    cdef int i
    try:
        text = normal(data)
    except ValueError:
        if data[:1] != b"{":
            return None
        lines = data.removesuffix(b"\n").split(b"\n")
        try:
            text = b"[" + b",".join([normal(line) for line in lines]) + b"]"
        except ValueError:
            return None
        single = False
    _tape.parse(<const char*>text, len(text))
    folder.text = text
    folder.nodes = _tape.nodes
    folder.budget = PASSES * <Py_ssize_t>len(text)
    if not single:
        if folder.nodes[1].kind != OBJECT:
            return None
        made = folder.table(0, b" lines of ")
        return None if made is None else made.data[:made.size]
    folder.placed(0, out)
    if not folder.tables:
        return None
    made = folder.tables[0]
    if out.data[0] == c'<':
        return made.data[:made.size]
    for i in range(<int>len(folder.tables)):
        made = folder.tables[i]
        out.put(b"\ntable ", 7)
        out.number(i + 1, 0)
        out.put(b": ", 2)
        out.put(made.data, made.size)
    return out.data[:out.size]
