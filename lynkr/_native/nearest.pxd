# Vectors of one partition, searched by looking at all of them.

from libc.math cimport fabsf, sqrt
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

cdef inline void quantise(const float* values, int8_t* out, Py_ssize_t dim) noexcept:
    """One int8 per dimension, the largest at 127."""
    cdef float largest = 0, scale
    cdef Py_ssize_t i
    for i in range(dim):
        largest = max(largest, fabsf(values[i]))
    # A model's vectors have unit length; what is not finite, or too small to scale, says nothing.
    if not 1e-30 < largest < 1e30:
        for i in range(dim):
            out[i] = 0
        return
    scale = 127 / largest
    for i in range(dim):
        # NaN compares as unequal to itself, and is no number to convert.
        out[i] = rounded(values[i] * scale) if values[i] == values[i] else 0

cdef inline int8_t rounded(float value) noexcept:
    """As ``rintf``, of numbers up to 2 ** 22, half to even: float32 has no bits for less than 1
    beside 3 * 2 ** 22. Without a call, and so for several at once."""
    cdef float moved = value + <float>12582912
    return <int8_t><int32_t>(moved - <float>12582912)

cdef inline float inverse_length(int32_t square) noexcept:
    """What brings a vector to unit length, by its dot product with itself."""
    return <float>(1 / sqrt(<double>square)) if square else 0

cdef inline void fill(int8_t* cells, const char* vector, Py_ssize_t dim) noexcept:
    """-128 does not fit the products; no vector that was made here has it."""
    cdef const int8_t* values = <const int8_t*>vector
    cdef Py_ssize_t i
    for i in range(dim):
        cells[i] = values[i] if values[i] != -128 else -127

cdef inline Py_ssize_t insert(
    Found* found, Py_ssize_t used, Py_ssize_t count, uint64_t number, float similarity
) noexcept:
    """Puts one among the best so far, best first; how many there are then."""
    cdef Py_ssize_t i
    if used == count:
        if similarity <= found[used - 1].similarity:
            return used
        used -= 1
    i = used
    while i > 0 and found[i - 1].similarity < similarity:
        found[i] = found[i - 1]
        i -= 1
    found[i].number = number
    found[i].similarity = similarity
    return used + 1

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
