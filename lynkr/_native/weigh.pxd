from libc.stdint cimport int8_t, int32_t

cdef enum:
    TIERS = 4
    BOUNDS = 3                       # between two tiers each
    SUMS = 4                         # of a score
    PARTS_MAX = 64

cdef struct Judged:
    double value, vote, axis, likeness, total
    double votes[TIERS]
    Py_ssize_t row                   # of the nearest; -1: nothing is near

cdef class Voters:
    cdef readonly int dim
    cdef Py_ssize_t stride           # bytes of a vector: `dim`, and some zeros
    cdef Py_ssize_t count, neighbours
    cdef bytes tiers, axis
    cdef int8_t* cells               # the vectors, one behind the other
    cdef float* scales               # 1 / length of each
    cdef double width, of_vote, of_axis, usual
    cdef double cuts[BOUNDS]

    cdef int judge(self, bytes vector, Judged* out) except -1

cdef class Weights:
    cdef Py_ssize_t count, parts     # features, and dimensions with the meaning behind them
    cdef bytes text                  # which `names` points into
    cdef const char* names           # of the parts, one behind the other
    cdef Py_ssize_t starts[PARTS_MAX]
    cdef Py_ssize_t lengths[PARTS_MAX]
    cdef double* table               # of each feature SUMS weights
    cdef double* usual               # of each part
    cdef Py_ssize_t* ranks           # of each part in the order of the names
    cdef double bases[SUMS]
    cdef double meaning[SUMS]
    cdef double usual_sums[SUMS]
    cdef double points_of[SUMS]

    cdef double whole(self, const double* sums) noexcept
    cdef double along(self, const double* slopes, Py_ssize_t part) noexcept
    cdef int add(self, tuple values, double meaning, double* sums) except -1
    cdef bint before(self, const double* points, Py_ssize_t one, Py_ssize_t other) noexcept
    cdef int divide(self, tuple dimensions, double meaning, tuple sums, double* points) except -1
