cimport cython
from libc.stdint cimport int32_t, uint8_t, uint64_t

from lynkr._native.lexicon cimport Lexicon, Pair, Text

cdef struct Cell:                    # one word of a text
    uint64_t bits
    int32_t entry                    # -1: in no lexicon
    uint8_t after                    # 0 nothing, 1 a comma, 2 the end of a sentence

@cython.final
cdef class Row:
    cdef readonly Lexicon lexicon
    cdef readonly list words
    cdef readonly list asked
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t sentence
    cdef Cell* cells
    cdef Py_ssize_t room
    cdef uint8_t* met_entries        # a bit for each of the lexicon
    cdef set met_others
    cdef int tallies[64]

    cdef Cell* _next(self) except NULL
    cdef int _enter(self, int32_t entry) except -1
    cdef int _cut(self, Walk walk, Py_ssize_t first, Py_ssize_t last, uint64_t hashed,
                  uint64_t start) except -1
    cpdef add(self, str word)
    cpdef put(self, str word, long bits)
    cpdef comma(self)
    cpdef stop(self, bint question)
    cpdef long union(self) noexcept
    cpdef long bits(self, Py_ssize_t at) noexcept
    cpdef int after(self, Py_ssize_t at) noexcept
    cdef Pair* _pair(self, Py_ssize_t at) noexcept
    cpdef long pair(self, Py_ssize_t at) noexcept
    cpdef str pair_said(self, Py_ssize_t at)
    cpdef bint first(self, Py_ssize_t at) except -1
    cpdef bint first_said(self, str said) except -1
    cpdef tally(self, long bits)
    cpdef list tallied(self, Py_ssize_t count)

@cython.final
cdef class Walk:
    cdef Row row
    cdef str text
    cdef Text points
    cdef Py_ssize_t size
    cdef Py_ssize_t at
    cdef Py_ssize_t first            # of the piece that ``next`` has stopped at
    cdef Py_ssize_t last
    cdef Py_ssize_t tail             # marks behind it begin here
    cdef Py_ssize_t line             # words before this line
    cdef bint inside
    cdef bint whole

    cdef int _marks(self, Py_ssize_t first, Py_ssize_t last) except -1
    cdef int _chunk(self, Py_ssize_t first, Py_ssize_t last, uint8_t classes) except -1
    cpdef int next(self) except -1
    cpdef str piece(self)
