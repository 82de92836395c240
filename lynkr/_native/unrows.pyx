# cython: boundscheck=False, wraparound=False, cdivision=True
"""The JSON of a text that ``rows.fold`` made.

Theory of operation. A table's template is read once into a program of orders (``templates.pyx``):
write this text, write that cell, leave a member out if its cells are empty. Each line is cut into
cells and the program run over them. Everything read is checked against the end of the text; what
``fold`` would not have written is refused, or gives other JSON, but is never read beyond its end.
The fuzz test in ``tests/native/test_rows.py`` makes the round trip.
"""

from libc.stdlib cimport free
from libc.string cimport memchr

from lynkr._native.columns cimport STRIDE, looks_raw
from lynkr._native.templates cimport (
    COMMA, COUNTED, OPTIONAL, REPEATED, STRING_PLACE, TEXT, VALUE_PLACE, Level, Order, grown,
)


cdef class Unfolder(Reader):
    """One folded text on its way back."""

    def __cinit__(self) -> None:
        self.out = Out()

    def __dealloc__(self) -> None:
        free(self.cells)
        free(self.inner)

    # --- the lines ---

    cdef int cell(self, Held* held, bint raw, bint inside) except -1:
        cdef int open = 0
        cdef bint quoted = False
        cdef const char* at = self.at
        held.quoted = 0
        held.first = 0
        if at < self.end and at[0] == c'"':
            at += 1
            held.at = at
            held.quoted = 1
            while at < self.end and at[0] != c'"':
                at += 2 if at[0] == c'\\' else 1
            if at >= self.end:
                self.refuse("a cell does not end")
            held.size = <int>(at - held.at)
            self.at = at + 1
            return 0
        held.at = at
        if raw and at < self.end and (at[0] == c'[' or at[0] == c'{'):
            while at < self.end:
                if quoted:
                    if at[0] == c'\\':
                        at += 1
                    elif at[0] == c'"':
                        quoted = False
                elif at[0] == c'"':
                    quoted = True
                elif at[0] == c'[' or at[0] == c'{':
                    open += 1
                elif at[0] == c']' or at[0] == c'}':
                    open -= 1
                    if open == 0:
                        break
                at += 1
            if at >= self.end:
                self.refuse("a cell does not end")
            at += 1
        else:
            while at < self.end and at[0] != c',' and at[0] != c'\n' and not (
                inside and (at[0] == c';' or at[0] == c']')
            ):
                at += 1
        held.size = <int>(at - held.at)
        self.at = at
        return 0

    cdef int elements(self, Held* held, Level level) except -1:
        """A cell with the elements of a list."""
        cdef int i, columns = <int>len(level.kinds)
        held.at = NULL
        held.quoted = 0
        held.size = -1  # absent
        held.first = self.inner_count
        if not self.sees(b"[", 1):
            return 0
        held.size = 0
        if self.sees(b"]", 1):
            return 0
        while True:
            held.size += 1
            for i in range(columns):
                if i:
                    self.want(b",", 1)
                if self.inner_count == self.inner_room:
                    self.inner = <Held*>grown(self.inner, &self.inner_room, sizeof(Held))
                self.cell(&self.inner[self.inner_count], level.kinds[i] == 1, True)
                self.inner_count += 1
            if self.sees(b"]", 1):
                return 0
            self.want(b";", 1)

    cdef int line(self) except -1:
        cdef int i, columns = <int>len(self.top.kinds)
        cdef Held last
        self.inner_count = 0
        for i in range(columns):
            if i:
                self.want(b",", 1)
            kind = self.top.kinds[i]
            if isinstance(kind, Level):
                self.elements(&self.cells[i], <Level>kind)
                continue
            last = self.cells[i]
            self.cell(&self.cells[i], kind == 1, False)
            if self.cells[i].size == 1 and self.cells[i].at[0] == c'^' and not self.cells[i].quoted:
                self.cells[i] = last
        return 0

    # --- written out ---

    cdef bint any_cell(self, int first, int last, Held* cells) noexcept:
        """Whether one of the cells that these orders write is there."""
        cdef int i = first
        cdef Held* held
        while i < last:
            if self.orders[i].step == REPEATED:
                if cells[self.orders[i].a].size >= 0:
                    return True
                i = self.orders[i].b
                continue
            if self.orders[i].step == STRING_PLACE or self.orders[i].step == VALUE_PLACE:
                held = &cells[self.orders[i].a]
                if held.size > 0 or held.quoted:
                    return True
            i += 1
        return False

    cdef int run(self, int first, int last, Held* cells, long long row) except -1:
        cdef Out out = self.out
        cdef Order* order
        cdef Held* held
        cdef const char* at
        cdef const char* quote
        cdef int i = first, element, columns
        cdef bint text
        while i < last:
            order = &self.orders[i]
            i += 1
            if order.step == TEXT:
                out.put(self.texts.data + order.a, order.b)
            elif order.step == COMMA:
                if out.data[out.size - 1] != c'{':
                    out.mark(c',')
            elif order.step == COUNTED:
                out.number(self.firsts[order.a] + row * self.steps[order.a], self.widths[order.a])
            elif order.step == OPTIONAL:
                if not self.any_cell(i, order.b, cells):
                    i = order.b
            elif order.step == REPEATED:
                held = &cells[order.a]
                columns = <int>len((<Level>self.top.kinds[order.a]).kinds)
                for element in range(held.size):
                    if element:
                        out.mark(c',')
                    self.run(i, order.b, &self.inner[held.first + element * columns], row)
                i = order.b
            else:
                held = &cells[order.a]
                if order.step == VALUE_PLACE and held.size == 0 and not held.quoted:
                    self.refuse("a value is missing")
                text = order.step == VALUE_PLACE and (
                    held.quoted or not looks_raw(held.at, held.size)
                )
                if text:
                    out.mark(c'"')
                if held.quoted or (order.step == VALUE_PLACE and not text):
                    out.put(held.at, held.size)
                else:
                    at = held.at
                    while True:
                        quote = <const char*>memchr(
                            at, c'"', <size_t>(held.at + held.size - at)
                        )
                        if quote == NULL:
                            break
                        out.put(at, quote - at)
                        out.put(b'\\"', 2)
                        at = quote + 1
                    out.put(at, held.at + held.size - at)
                if text:
                    out.mark(c'"')
        return 0

    cdef int table(self) except -1:
        """From the number of rows to the end of the last line."""
        cdef int width, i
        cdef long long row, rows = self.number(&width)
        cdef Out label
        cdef bint lines = False, entries = False
        self.order_count = self.counters = 0
        self.texts.size = 0
        self.level = self.top = Level()
        if self.sees(b" lines of ", 10):
            lines = True
        elif self.sees(b" entries of ", 12):
            entries = True
        else:
            self.want(b" rows of ", 9)
        if entries:
            if self.at == self.end or self.at[0] != c'"':
                self.refuse("no key")
            self.string()
            self.want(b":", 1)
            self.texts.mark(c':')
            self.literal(self.texts.size - 1)
        self.value(0)
        self.head(rows)
        while self.cell_room < <int>len(self.top.kinds):
            self.cells = <Held*>grown(self.cells, &self.cell_room, sizeof(Held))
        for i in range(<int>len(self.top.kinds)):
            self.cells[i].at = self.start
            self.cells[i].size = self.cells[i].first = 0
            self.cells[i].quoted = 0
        if not lines:
            self.out.mark(c'{' if entries else c'[')
        for row in range(rows):
            if self.out.size > OUT_MAX:
                self.refuse("more than 128 MiB")
            if row:
                self.out.mark(c'\n' if lines else c',')
            if self.top.kinds:
                self.want(b"\n", 1)
                if self.counters and row % STRIDE == 0:
                    label = Out()
                    label.number(self.firsts[0] + row * self.steps[0], self.widths[0])
                    label.mark(c':')
                    self.want(label.data, <int>label.size)
                self.line()
            self.run(0, self.order_count, self.cells, row)
        if not lines:
            self.out.mark(c'}' if entries else c']')
        return 0


cdef bytes _filled(const char* at, Py_ssize_t size, list tables):
    """The document with its tables in their places."""
    cdef Out out = Out()
    cdef const char* end = at + size
    cdef int number = 0
    cdef bint quoted = False
    while at < end:
        if quoted:
            if at[0] == c'\\' and end - at > 1:
                out.mark(at[0])
                at += 1
            elif at[0] == c'"':
                quoted = False
        elif at[0] == c'"':
            quoted = True
        elif at[0] == c'<':
            marker = b"<table %d>" % (number + 1)
            if number == len(tables) or at[:min(len(marker), end - at)] != marker:
                raise ValueError("not a folded table: a marker without its table")
            out.put(<const char*><bytes>tables[number], len(tables[number]))
            number += 1
            at += len(marker)
            continue
        out.mark(at[0])
        at += 1
    if number < len(tables):
        raise ValueError("not a folded table: a table without its marker")
    return out.data[:out.size]


def unfold(bytes text not None):
    """The JSON, in ``normal`` form, of what ``rows.fold`` made; JSON lines stay lines.

    Raises ``ValueError`` for other texts, as far as the difference shows.
    """
    cdef Unfolder reader = Unfolder()
    cdef const char* newline
    cdef list tables = []
    reader.start = reader.at = text
    reader.end = reader.at + len(text)
    if len(text) and c'0' <= reader.at[0] <= c'9':
        reader.table()
        if reader.at != reader.end:
            reader.refuse("more after the table")
        return reader.out.data[:reader.out.size]
    newline = <const char*>memchr(reader.at, c'\n', <size_t>len(text))
    if newline == NULL:
        reader.refuse("no table")
    reader.at = newline
    while reader.at < reader.end:
        marker = b"\ntable %d: " % (len(tables) + 1)
        reader.want(<const char*><bytes>marker, <int>len(marker))
        reader.out.size = 0
        reader.table()
        tables.append(reader.out.data[:reader.out.size])
    return _filled(reader.start, newline - reader.start, tables)
