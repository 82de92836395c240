# What the rows of a table have in common. Knows bytes.

from lynkr._native.buffers cimport Arena
from lynkr._native.jsontape cimport Node

cdef enum:
    ROWS_MIN = 3             # objects or arrays that make a table
    KEYS_MAX = 64            # members of one object
    FIXED_MAX = 16           # elements of an array that stands in the template
    SHAPE_DEPTH_MAX = 12     # containers inside a row; deeper ones stand in cells
    SHAPES_MAX = 1000        # looked at for one table, before it is none

cdef enum ShapeKind:
    MEMBERS                  # object
    FIXED                    # array of one length
    LIST                     # array of objects, of any length
    LEAF

cdef class Shape:            # the values that stand at one place of every row
    cdef ShapeKind kind
    cdef int rows, present
    cdef int* values         # node per row, -1: the row has none
    cdef int* keys           # MEMBERS: a KEY node each
    cdef int* sizes          # LIST: elements per row
    cdef list kids

cdef class Shaper:
    cdef const char* text
    cdef Node* nodes
    cdef Arena arena
    cdef int shapes
    cdef int* vector(self, int size) except NULL  # all -1
    cdef Shape shape(self, int* values, int rows, int depth, bint inside)
    cdef bint merge(self, Shape shape, int depth, bint inside) except -1
    cdef bint is_key(self, int key, const char* name, int size) noexcept
    cdef bint elements(self, Shape shape, int depth, bint inside) except -1

cdef int leaves(Shape shape) except -1
