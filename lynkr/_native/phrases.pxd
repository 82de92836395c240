# Which of a fixed set of phrases are in a text. Knows letters only.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef struct Gram:                    # three letters of a phrase
    uint32_t key                     # the letters
    uint32_t phrase                  # its number
    uint16_t offset                  # of the three letters in it
    uint16_t following               # 1 + number of the gram of the same hash that is next; 0: none

cdef enum:
    SINGLES_MAX = 4

cdef class Phrases:
    cdef Py_ssize_t count
    cdef Py_ssize_t stride           # of a text each so manieth place is looked at
    cdef bint fold                   # capitals of ASCII are as their small letters
    cdef int shift                   # of a hash, to a number of `heads`
    cdef int singles
    cdef uint8_t[SINGLES_MAX] single # letters that count as phrases
    cdef uint32_t* letters           # of all phrases
    cdef uint32_t* starts            # where those of each begin; one more: where the last ends
    cdef Gram* grams
    cdef uint16_t* heads             # by hash: 1 + number of the first gram; 0: none
    cdef uint64_t* known             # by hash: a bit for each of `heads` that is not 0

    cdef int take(self, list phrases) except -1
    cdef int take_gram(self, Py_ssize_t number, Py_ssize_t phrase, Py_ssize_t offset) except -1
    cpdef uint64_t which(self, str text) except? 0
    cpdef bint any(self, str text) except? True
    cpdef bint begin(self, str text, Py_ssize_t at=*) except? True
    cpdef bint begin_between(self, bytes body, Py_ssize_t start, Py_ssize_t end) except? True
    cpdef bint any_between(self, bytes body, Py_ssize_t start, Py_ssize_t end) except? True

cpdef str literal_text(bytes body, Py_ssize_t start, Py_ssize_t end)
cpdef str plain(str text)
