# Vectors of one partition, searched by looking at all of them.

from libc.stdint cimport int8_t, int32_t, uint32_t, uint64_t

cdef enum:
    BLOCK = 4096                     # vectors

cdef struct Row:
    uint64_t number
    float scale                      # 1 / length of the vector; 0 for a vector of zeros

cdef struct Candidate:
    uint32_t at
    uint32_t distance                # bits in which the signatures differ

cdef struct Found:
    uint64_t number
    float similarity

cdef class Vectors:
    cdef readonly int dim
    cdef readonly Py_ssize_t exact_max  # rows up to which every vector is compared
    cdef Py_ssize_t stride           # bytes of a vector in a block: `dim`, and some zeros
    cdef Py_ssize_t count, room      # room of `rows`
    cdef Row* rows
    cdef int8_t** blocks             # the vectors, BLOCK each; of a single one, `first` is the list
    cdef int8_t* first               # the first block, which grows up to BLOCK
    cdef Py_ssize_t block_count, first_room
    cdef Py_ssize_t marked           # rooms of `low` and `high`; 0: no signatures are kept
    cdef uint64_t* low               # the signature: signs of the dimensions 0 to 63
    cdef uint64_t* high              # and 64 to 127
    cdef uint32_t* slots             # open addressing, number -> row + 1; NULL while there are few
    cdef uint32_t mask

    cdef Py_ssize_t row_of(self, uint64_t number) noexcept
    cdef int8_t* cells(self, Py_ssize_t row) noexcept
    cdef int grow(self) except -1
    cdef int grow_cells(self) except -1
    cdef int grow_marks(self) except -1
    cdef void drop_block(self) noexcept
    cdef int index(self) except -1
    cdef void unslot(self, uint64_t number) noexcept
    cdef void mark(self, Py_ssize_t row) noexcept
    cdef Py_ssize_t search(
        self, const int8_t* query, float scale, Found* found, Py_ssize_t count
    ) except -1
    cpdef add(self, uint64_t number, bytes vector)
    cpdef bint remove(self, uint64_t number) except -1
    cpdef list nearest(self, bytes vector, Py_ssize_t count=*)
