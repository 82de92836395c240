# The template of a folded table, read. Knows bytes.

from lynkr._native.buffers cimport Out

cdef enum:
    NUMBER_MAX = 4096        # of a place
    DEPTH_MAX = 300          # containers inside one another

cdef enum Step:
    TEXT                     # a, b: from, size in Reader.texts
    STRING_PLACE             # a: column
    VALUE_PLACE              # a: column
    COUNTED                  # a: counter
    COMMA                    # unless it would be the first in its object
    OPTIONAL                 # b: step after it, which is next where all its cells are empty
    REPEATED                 # a: column, b: step after it; its steps run for each element

cdef struct Order:           # one step of the program that writes a row
    int step
    int a
    int b

cdef class Level:            # the columns of a line, or of the elements of a list
    cdef dict known          # number -> column
    cdef list kinds          # per column: 0 inside strings, 1 JSON values, or the Level of a list

cdef class Reader:
    cdef const char* at
    cdef const char* end
    cdef const char* start
    cdef Out texts
    cdef Order* orders
    cdef int order_count, order_room
    cdef Level level, top
    cdef long long firsts[3]
    cdef long long steps[3]
    cdef int widths[3]
    cdef int counters

    cdef int refuse(self, str reason) except -1
    cdef int want(self, const char* text, int size) except -1
    cdef bint sees(self, const char* text, int size) noexcept
    cdef long long number(self, int* width) except -1
    cdef int order(self, int step, int a, int b) except -1
    cdef int literal(self, Py_ssize_t start) except -1
    cdef int value(self, int depth) except -1
    cdef int string(self) except -1
    cdef int place(self, bint in_string) except -1
    cdef int container(self, int depth) except -1
    cdef bint _is_list(self) except -1
    cdef int head(self, long long rows) except -1

# Room for twice as many of ``size`` bytes.
cdef void* grown(void* old, int* room, size_t size) except NULL
