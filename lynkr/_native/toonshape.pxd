# The containers of one JSON text, asked about by their node's index.

from lynkr._native.jsontape cimport ARRAY, OBJECT, Node, Tape
from lynkr._native.toontext cimport Span

cdef enum:
    IN_ORDER = 1
    REORDERED = 2

cdef inline bint is_container(const Node* node) noexcept:
    return node.kind == OBJECT or node.kind == ARRAY

cdef class Shapes:
    cdef Tape tape
    cdef Node* nodes
    cdef const char* data
    cdef bint as_written
    cdef Py_ssize_t budget           # key comparisons left for rows in another order
    cdef Span* keys
    cdef int keys_room

    cdef int read(self, bytes data, bint as_written) except -1
    cdef int uniform(self, int at) except -1
    cdef int member(self, int key, int row, int hint) except -2
    cdef int distinct(self, int at) except -1
    cdef bint _congruent(self, int first, int row, int span) noexcept
    cdef int _same_set(self, int first, int row) except -1
    cdef bint _same(self, Node* one, Node* other) except -1
    cdef bytes _text(self, Node* key)
    cdef int _distinct_slowly(self, int at) except -1
    cdef int _refuse(self, int key) except -1
