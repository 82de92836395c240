from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from lynkr._native.wordpairs cimport Pairs, Word

cdef enum:
    HEAD_BYTES = 13
    DIGEST_BYTES = 16                # of a question too long to be compared
    WORDS_MAX = 64
    FRAMES_MAX = 8

cdef enum:                           # flags of a question, of a word, of a code: as in features.py
    FLEETING = 1
    NEGATED = 2
    INHIBITED = 4
    COMPARES = 8
    TOLD = 16
    PERCENT = 32
    LONG = 64
    ASKED = 128

cdef enum:
    NAMED = 1
    STRONG = 2
    CODED = 4
    DENIED = 8
    MODIFIES = 16
    MEASURES = 32

cdef enum:
    QUOTED = 1
    LOOSE = 2
    PATH = 4

cdef enum:                   # what speaks against one answer
    V_VERSION = 1
    V_LANGUAGE = 2
    V_FLEETING = 4
    V_LENGTH = 8
    V_STYLE = 16
    V_NUMBER = 32
    V_UNIT = 64
    V_NEGATION = 128
    V_CODE = 256
    V_PATH = 512
    V_QUOTE = 1024
    V_NAME = 2048
    V_ANTONYM = 4096
    V_DIRECTION = 8192
    V_FRAME = 16384

cdef enum:                   # roles: as in features.py
    ROLE_NONE = 0
    ROLE_MANY = 1
    ROLE_TO = 2
    ROLE_FROM = 3
    ROLE_IN = 4
    ROLE_THAN = 5
    ROLE_OVER = 6
    ROLE_AGAINST = 7
    ROLE_BEFORE = 8
    ROLE_AFTER = 9

cdef struct Question:                # one taken apart; the pointers lead into its bytes
    const uint8_t* head
    uint8_t flags
    const uint8_t* frames
    int frame_count
    Word words[WORDS_MAX]
    int word_count
    const uint8_t* numbers           # 7 bytes each
    int number_count
    const uint8_t* codes             # 7 bytes each
    int code_count
    const uint8_t* row               # 2 bytes each
    int row_count

cdef inline uint32_t u32(const uint8_t* at) noexcept:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint16_t u16(const uint8_t* at) noexcept:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return value


cdef inline bint leads(uint8_t role, bint many) noexcept:
    """Whether a preposition tells two places apart: from, to, than, over, before and the like."""
    return (ROLE_TO <= role <= ROLE_AFTER and role != ROLE_IN) or (many and role == ROLE_IN)


cdef inline bint oblique(uint8_t role) noexcept:
    return ROLE_FROM <= role <= ROLE_AGAINST


cdef class Guard:
    cdef bytes fits                  # frame_count rows of frame_count bytes
    cdef int frame_count
    cdef int why                     # numbers of two frames
    cdef int many
    cdef Pairs pairs
    cdef Pairs said_by               # what is said << 32 | the name that says it

    cdef void _meet(self, Question* a, Question* b) noexcept
    cdef double _coverage(self, Question* a, Question* b) noexcept
    cdef double _uncovered(self, Question* a, Question* b) noexcept
    cdef double _credit_in(self, Question* a, int i, Question* b) noexcept
    cdef bint _implied(self, Word* word, Question* b) noexcept
    cdef bint _written_joined(self, Question* a, int i, Question* b) noexcept
    cdef double _credit(self, Word* one, Word* other) noexcept
    cdef int _against(self, Question* a, Question* b) noexcept
    cdef int _against_told(self, Question* a, Question* b) noexcept
    cdef bint _fit(self, int one, int other) noexcept
    cdef bint _frames_fit(self, Question* a, Question* b) noexcept
    cdef bint _fits_any(self, int frame, const uint8_t* others, int count) noexcept
    cdef bint _has_numbers(self, Question* a, Question* b, bint figures) noexcept
    cdef bint _has_units(self, Question* a, Question* b) noexcept
    cdef bint _denies_other(self, Question* a, Question* b) noexcept
    cdef bint _denies(self, Question* a, Question* b) noexcept
    cdef bint _denied(self, Question* question, uint32_t stem) noexcept
    cdef int _codes(self, Question* a, Question* b, bint told) noexcept
    cdef bint _bare(self, Question* a, int first, int count, Question* b, bint told) noexcept
    cdef bint _has_names(self, Question* a, Question* b, uint8_t kind) noexcept
    cdef bint _opposite(self, Question* a, Question* b) noexcept
    cdef bint _turned(self, Question* a, Question* b, bint short) noexcept
