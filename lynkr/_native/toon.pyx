# cython: boundscheck=False, wraparound=False, cdivision=True
"""TOON (github.com/toon-format/spec, version 4.0) from JSON, bytes to bytes.

Theory of operation. A tape of the JSON gives keys, values and the ends of subtrees; one walk over
it writes the lines into one growing bytes object. An array of objects, or an object of objects, is
a table if all its rows have the first row's keys and no arrays; rows usually have them in the first
row's order, and then match it node by node. Strings are copied sixteen bytes at a time while they
are looked through for what must be quoted, and copied again, with their JSON quotes, if they must.

Numbers have no range here: in canonical form a number keeps all its digits, and is written with an
exponent, as JavaScript writes it, below 1e-6 and from 1e21 on.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport PyObject, Py_XDECREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset

from lynkr._native.escapes cimport written
from lynkr._native.jsontape cimport (
    ARRAY, KEY, NUMBER, OBJECT, STRING, Node, string_stop, unit_of,
)
from lynkr._native.toonshape cimport REORDERED, Shapes, is_container
from lynkr._native.toontext cimport ambiguous, canonical_number, copy_key, copy_text

cdef extern from "Python.h":
    PyObject* _new "PyBytes_FromStringAndSize" (const char* text, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject** made, Py_ssize_t size) except -1
    const Py_ssize_t BUDGET_MAX "PY_SSIZE_T_MAX"

cdef enum:
    SLACK = 64               # bytes that may always be written past the limit
    INDENT_MAX = 16

cdef class Encoder(Shapes):
    """The state of one encoding; its buffers are used again by the next."""

    def __dealloc__(self) -> None:
        free(self.cells)
        Py_XDECREF(self.made)

    cdef bytes encode(self, bytes data, char delimiter, int indent, bint as_written):
        cdef char* out
        cdef Py_ssize_t room = len(data) + len(data) // 4 + 2 * SLACK
        cdef PyObject* made
        self.read(data, as_written)
        self.data_end = self.data + len(data)
        self.delimiter = delimiter
        self.indent = indent
        Py_XDECREF(self.made)  # of an encoding that failed
        self.made = NULL
        self.made = _new(NULL, room)
        out = PyBytes_AS_STRING(<bytes>self.made)
        self.limit = out + room - SLACK
        if self.nodes.kind == OBJECT:
            out = self._object(out, 0, -1)
        elif self.nodes.kind == ARRAY:
            out = self._array(out, 0, 0, False)
        else:
            out = self._primitive(out, self.nodes)
        room = out - PyBytes_AS_STRING(<bytes>self.made)
        made = self.made
        self.made = NULL
        _PyBytes_Resize(&made, room)
        result = <bytes>made
        Py_XDECREF(made)
        return result

    cdef char* _grow(self, char* out, Py_ssize_t more) except NULL:
        """The place of ``out`` in a buffer where ``more`` bytes, and the slack, can be written."""
        cdef char* start = PyBytes_AS_STRING(<bytes>self.made)
        cdef Py_ssize_t used = out - start
        cdef Py_ssize_t room = (used + more) * 3 // 2 + 2 * SLACK
        _PyBytes_Resize(&self.made, room)
        start = PyBytes_AS_STRING(<bytes>self.made)
        self.limit = start + room - SLACK
        return start + used

    cdef inline char* _line(self, char* out, int depth) except NULL:
        """Begins a line at ``depth``."""
        cdef int blanks = depth * self.indent
        if self.limit - out < blanks:
            out = self._grow(out, blanks)
        if out != PyBytes_AS_STRING(<bytes>self.made):
            out[0] = c'\n'
            out += 1
        if blanks <= 16:
            memset(out, c' ', 16)  # one store; the slack has room
        else:
            memset(out, c' ', <size_t>blanks)
        return out + blanks

    cdef inline char* _key(self, char* out, Node* node) except NULL:
        cdef Py_ssize_t n = node.end - node.start
        if self.limit - out < 3 * n:
            out = self._grow(out, 3 * n)
        if node.escaped:
            return self._escaped(out, node)
        if n > 2 and copy_key(out, self.data + node.start + 1, n - 2, self.data_end):
            return out + n - 2
        memcpy(out, self.data + node.start, <size_t>n)
        return out + n

    cdef inline char* _primitive(self, char* out, Node* node) except NULL:
        """A primitive as a cell, an element or a field's value."""
        cdef Py_ssize_t n = node.end - node.start
        cdef const char* text = self.data + node.start
        if self.limit - out < 3 * n:
            out = self._grow(out, 3 * n)
        if node.kind == STRING:
            if node.escaped:
                return self._escaped(out, node)
            if copy_text(
                out, text + 1, n - 2, self.data_end, self.delimiter
            ) or ambiguous(text + 1, n - 2):
                memcpy(out, text, <size_t>n)
                return out + n
            return out + n - 2
        if node.kind == NUMBER and not node.plain and not self.as_written:
            if self.limit - out < SLACK + n:
                out = self._grow(out, SLACK + n)
            return canonical_number(text, text + n, out)
        if n <= 16 and self.data_end - text >= 16:
            memcpy(out, text, 16)
        else:
            memcpy(out, text, <size_t>n)
        return out + n

    cdef char* _escaped(self, char* out, Node* node) except NULL:
        """A string or key that JSON writes with escapes. There is room for three times as much."""
        cdef const char* at = self.data + node.start + 1
        cdef const char* end = self.data + node.end - 1
        cdef const char* run
        cdef char* start = out
        cdef int unit, low, ignored = 0
        cdef bint quoted = node.kind == KEY
        cdef Py_ssize_t n
        out[0] = c'"'
        out += 1
        while True:
            run = at
            at = string_stop(at, end, &ignored)
            memcpy(out, run, <size_t>(at - run))
            out += at - run
            if at == end:
                break
            if at[1] == c'u':
                unit = unit_of(at + 2)
                if 0xd800 <= unit < 0xe000:
                    low = unit_of(at + 8) if at[6] == c'\\' and at[7] == c'u' else -1
                    if unit >= 0xdc00 or low < 0xdc00 or low >= 0xe000:
                        raise ValueError(
                            f"not representable: a lone surrogate at byte {at - self.data}"
                        )
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    at += 6
                at += 6
            else:
                unit = (
                    0x08 if at[1] == c'b' else 0x0c if at[1] == c'f' else c'\n' if at[1] == c'n'
                    else c'\r' if at[1] == c'r' else c'\t' if at[1] == c't' else at[1]
                )
                at += 2
            if unit >= 0x20 and unit != c'"' and unit != c'\\':
                out += written(<unsigned int>unit, <unsigned char*>out)
                continue
            quoted = True
            out[0] = c'\\'
            out[1] = <char>(
                c'n' if unit == c'\n' else c'r' if unit == c'\r' else c't' if unit == c'\t'
                else c'u' if unit < 0x20 else unit
            )
            if out[1] == c'u':
                out[2] = out[3] = c'0'
                out[4] = <char>(c'0' + (unit >> 4))
                out[5] = <char>((c'0' if unit & 15 < 10 else c'a' - 10) + (unit & 15))
                out += 4
            out += 2
        # Copied onto itself: only the answers matter.
        n = out - start - 1
        if copy_key(start + 1, start + 1, n, out) if node.kind == KEY else not (
            quoted or ambiguous(start + 1, n)
            or copy_text(start + 1, start + 1, n, out, self.delimiter)
        ):
            memmove(start, start + 1, <size_t>n)
            return start + n
        out[0] = c'"'
        return out + 1

    cdef char* _members(self, char* out, int at, int depth, bint on_line) except NULL:
        """The members of an object, at ``depth``; ``on_line``: the first one's line has begun."""
        cdef int key = at + 1
        cdef Node* value
        self.distinct(at)
        while key < self.nodes[at].next:
            if not on_line:
                out = self._line(out, depth)
            on_line = False
            out = self._key(out, &self.nodes[key])
            value = &self.nodes[key + 1]
            if value.kind == OBJECT:
                out = self._object(out, key + 1, depth)
            elif value.kind == ARRAY:
                out = self._array(out, key + 1, depth, False)
            else:
                out[0] = c':'
                out[1] = c' '
                out = self._primitive(out + 2, value)
            key = self.nodes[key].next
        return out

    cdef char* _object(self, char* out, int at, int depth) except NULL:
        """An object after its key, which stands at ``depth``; -1 for the root, without one."""
        cdef int size = self.nodes[at].size, uniform
        if size > 1:
            uniform = self.uniform(at)
            if uniform:
                self.distinct(at)
                return self._table(out, at, depth if depth > 0 else 0, uniform == REORDERED)
        if depth >= 0:
            out[0] = c':'
            out += 1
        return self._members(out, at, depth + 1, False) if size else out

    cdef char* _array(self, char* out, int at, int depth, bint in_list) except NULL:
        """An array after its key at ``depth``, after its hyphen there, or as the root."""
        cdef int size = self.nodes[at].size, each, uniform
        cdef int last = self.nodes[at].next
        cdef Node* node
        if size == 0 and not in_list:
            memcpy(out, ": []", 4)
            if at:
                return out + 4
            memcpy(out, "[]", 2)
            return out + 2
        each = at + 1
        while each < last and not is_container(&self.nodes[each]):
            each += 1
        if each < last and not in_list:
            uniform = self.uniform(at)
            if uniform:
                return self._table(out, at, depth, uniform == REORDERED)
        out = self._length(out, size, False)
        out[0] = c':'
        out += 1
        if each == last:
            for each in range(at + 1, last):
                out[0] = c' ' if each == at + 1 else self.delimiter
                out = self._primitive(out + 1, &self.nodes[each])
            return out
        each = at + 1
        while each < last:
            out = self._line(out, depth + 1)
            out[0] = c'-'
            out[1] = c' '
            node = &self.nodes[each]
            if node.kind == OBJECT:
                out = self._members(out + 2, each, depth + 2, True) if node.size else out + 1
            elif node.kind == ARRAY:
                out = self._array(out + 2, each, depth + 1, True)
            else:
                out = self._primitive(out + 2, node)
            each = node.next
        return out

    cdef char* _length(self, char* out, int size, bint keyed) except NULL:
        cdef char[12] digits
        cdef int used = 12
        out[0] = c'['
        out += 1
        while True:
            used -= 1
            digits[used] = <char>(c'0' + size % 10)
            size //= 10
            if size == 0:
                break
        memcpy(out, digits + used, <size_t>(12 - used))
        out += 12 - used
        if keyed:
            out[0] = c':'
            out += 1
        if self.delimiter != c',':
            out[0] = self.delimiter
            out += 1
        out[0] = c']'
        return out + 1

    cdef char* _table(self, char* out, int at, int depth, bint reordered) except NULL:
        """An array or object of uniform objects whose key, if any, stands at ``depth``."""
        cdef bint keyed = self.nodes[at].kind == OBJECT, begun
        cdef int first = at + 1 + keyed, step = at + 1, last = self.nodes[at].next
        cdef int span = self.nodes[first].next - first, count = 0, i
        cdef Py_ssize_t budget = self.budget
        cdef Node* row
        if self.cells_room < span:
            self.cells_room = 0
            free(self.cells)
            self.cells = <int*>malloc(<size_t>span * sizeof(int))
            if self.cells == NULL:
                raise MemoryError
            self.cells_room = span
        for i in range(1, span):
            if self.nodes[first + i].kind != KEY and self.nodes[first + i].kind != OBJECT:
                self.cells[count] = i
                count += 1
        out = self._length(out, self.nodes[at].size, keyed)
        out = self._fields(out, first)
        out[0] = c':'
        out += 1
        self.budget = BUDGET_MAX  # what was found once is found again
        while step < last:
            out = self._line(out, depth + 1)
            if keyed:
                out = self._key(out, &self.nodes[step])
                out[0] = c':'
                out[1] = c' '
                out += 2
            row = &self.nodes[step + keyed]
            if reordered:
                begun = False
                out = self._ordered(out, first, step + keyed, &begun)
            else:
                out = self._primitive(out, row + self.cells[0])
                for i in range(1, count):
                    out[0] = self.delimiter
                    out = self._primitive(out + 1, row + self.cells[i])
            step = self.nodes[step].next
        self.budget = budget
        return out

    cdef char* _fields(self, char* out, int row) except NULL:
        """The field list that a table's first row gives, or a group of it."""
        cdef int key = row + 1
        self.distinct(row)
        out[0] = c'{'
        while key < self.nodes[row].next:
            out = self._key(out + 1, &self.nodes[key])
            if self.nodes[key + 1].kind == OBJECT:
                out = self._fields(out, key + 1)
            key = self.nodes[key].next
            if out >= self.limit:  # groups may end one after the other
                out = self._grow(out, 1)
            out[0] = self.delimiter
        out[0] = c'}'
        return out + 1

    cdef char* _ordered(self, char* out, int first, int row, bint* begun) except NULL:
        """The cells of a row that has the first row's keys in another order."""
        cdef int key = first + 1, found, hint = row + 1
        while key < self.nodes[first].next:
            found = self.member(key, row, hint)
            hint = self.nodes[found].next
            if self.nodes[found + 1].kind == OBJECT:
                out = self._ordered(out, key + 1, found + 1, begun)
            else:
                if begun[0]:
                    out[0] = self.delimiter
                    out += 1
                begun[0] = True
                out = self._primitive(out, &self.nodes[found + 1])
            key = self.nodes[key].next
        return out


cdef Encoder _encoder = Encoder()


def encode(
    bytes data not None, *, bytes delimiter not None=b",", int indent=2, bint as_written=False
):
    """TOON for one JSON text.

    ``delimiter`` is ``b","``, ``b"\\t"`` or ``b"|"``; ``indent`` the spaces per level, 1 to 16.
    With ``as_written`` nothing is lost: numbers stay as they are written instead of taking
    canonical form, and rows whose keys stand in another order make no table, so that decoding
    gives ``jsontape.normal(data)``.

    Raises ``ValueError`` for what is not JSON, for repeated keys and lone surrogates, which TOON
    cannot say, and for options out of range.
    """
    if delimiter not in (b",", b"\t", b"|"):
        raise ValueError("the delimiter is a comma, a tab or a pipe")
    if not 1 <= indent <= INDENT_MAX:
        raise ValueError("indent is 1 to 16 spaces")
    return _encoder.encode(data, delimiter[0], indent, as_written)
