# One table: its template, its columns, its lines. Knows bytes.

from lynkr._native.buffers cimport Out
from lynkr._native.cells cimport Cell, Counter
from lynkr._native.shapes cimport Shape, Shaper

cdef enum:
    COUNTERS_MAX = 3
    DITTO_MIN = 12           # bytes of a cell that ^ stands for; shorter ones are a token or two
    STRIDE = 10              # rows between two that are written whole, and numbered

cdef enum PartKind:
    CONSTANT
    PLACE
    COUNT

cdef struct Part:            # of a template
    int kind
    int at                   # CONSTANT: in Tabler.constants
    int size
    int number               # PLACE: from 1, COUNT: from 0

cdef class Column:
    cdef Cell* cells
    cdef int rows, number, used
    cdef bint raw            # cells are JSON values, else the inside of strings
    cdef bint holes
    cdef int* sizes          # of a list, which has columns of its own
    cdef list columns

cdef class Tabler(Shaper):
    cdef Part* parts
    cdef int part_count, part_room, numbers, counter_count
    cdef Counter counters[COUNTERS_MAX]
    cdef Out constants, lines
    cdef list columns
    cdef bint inside, optional, ditto

    cdef int begin(self) except -1
    cdef Cell* cell_vector(self, int size) except NULL

    cdef int part(self, int kind, int at, int size, int number) except -1
    cdef int constant(self, const char* text, Py_ssize_t size) except -1
    cdef bint column(self, Cell* cells, int rows, bint raw) except -1
    cdef int counted(self, Cell* cells, int rows, int way) except -2
    cdef bint piece(self, Cell* cells, int count, Shape shape) except -1
    cdef bint leaf(self, Shape shape, bint forced) except -1
    cdef bint divided(self, Cell* cells, int count, Shape shape) except -1
    cdef bint list(self, Shape shape) except -1
    cdef bint members(self, Shape shape) except -1
    cdef bint emit(self, Shape shape, bint forced) except -1

    cdef int cell(self, Column column, int row, bint inner) except -1
    cdef int write_lines(self, int rows) except -1
    cdef int layout(self, list columns, Out out) except -1
    cdef int template(self, Out out) except -1
    cdef Out rendered(self, int rows, bytes word)

# A string that would be read as another value without its quotes.
cdef bint looks_raw(const char* text, int size) noexcept
