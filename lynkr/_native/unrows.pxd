# Folded tables back to JSON. Knows bytes.

from lynkr._native.buffers cimport Out
from lynkr._native.templates cimport Level, Reader

cdef enum:
    OUT_MAX = 1 << 27        # bytes written before a text is refused: twice the largest body

cdef struct Held:            # a cell of the line at hand
    const char* at           # in the text; of a list: NULL
    int size
    int first                # of a list: its first cell in Unfolder.inner, and elements in ``size``
    char quoted

cdef class Unfolder(Reader):
    cdef Out out
    cdef Held* cells
    cdef int cell_room
    cdef Held* inner
    cdef int inner_count, inner_room

    cdef int cell(self, Held* held, bint raw, bint inside) except -1
    cdef int line(self) except -1
    cdef int elements(self, Held* held, Level level) except -1
    cdef int run(self, int first, int last, Held* cells, long long row) except -1
    cdef bint any_cell(self, int first, int last, Held* cells) noexcept
    cdef int table(self) except -1
