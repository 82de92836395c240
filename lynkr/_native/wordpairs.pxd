from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:                           # what a pair of stems is
    ALIKE = 1
    OPPOSITE = 2
    APART = 4

cdef struct Word:
    uint32_t stem
    uint8_t flags
    uint8_t role
    uint8_t weight
    uint8_t size                     # of the text, in bytes
    const uint8_t* text
    int there                        # how often its stem is among the other question's words

cdef class Pairs:
    cdef uint64_t* keys
    cdef uint8_t* bits               # 0: free
    cdef uint64_t mask

    cdef void add(self, uint64_t key, uint8_t bit) noexcept
    cdef uint8_t get(self, uint64_t key) noexcept

cdef inline uint64_t both_ways(uint32_t one, uint32_t other) noexcept:
    """The key of a pair, in whichever order."""
    if one < other:
        return <uint64_t>one << 32 | other
    return <uint64_t>other << 32 | one

cdef int common(const Word* one, const Word* other) noexcept
cdef bint derived(const Word* one, const Word* other) noexcept
cdef bint slipped(const Word* one, const Word* other) noexcept
cdef bint undoes(const Word* one, const Word* other) noexcept
cdef bint joined(const Word* one, const Word* next_one, const Word* whole) noexcept
