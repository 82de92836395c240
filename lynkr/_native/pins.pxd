# Slots of 64 bytes in memory that processes share: what is kept of each conversation.

from libc.stdint cimport uint64_t

cdef enum:
    KEY_BYTES = 16
    WAYS = 4                         # slots of a bucket; it fills them before it drops one
    WORDS = 8                        # of a slot: one line of a processor's cache
    SLOT_BYTES = 64

# Words of a slot. An empty one is all zeros, whose sum would not be zero.
cdef enum:
    SUM
    KEY_LOW
    KEY_HIGH
    AT                               # seconds, as the bits of a double; so are the next two
    LAST
    SCORE
    TARGET
    COUNTS                           # tier, raised, turns, output_tokens, prompt_tokens

cdef class Slots:
    cdef Py_buffer view
    cdef bint held
    cdef uint64_t* first
    cdef uint64_t bucket_mask
    cdef object make
    cdef readonly double ttl_s, retell_s
    cdef readonly long long evicted_total   # by this process, to make room

    cdef uint64_t* bucket(self, const uint64_t* slot) noexcept
    cdef bint lives(self, const uint64_t* slot, double now_s) noexcept
    cdef uint64_t* place(
        self, const uint64_t* slot, uint64_t* same, uint64_t* oldest, double now_s
    ) noexcept
    cdef void write(self, uint64_t* at, const uint64_t* slot) noexcept
