cimport cython
from cpython.object cimport PyObject
from cpython.unicode cimport (
    Py_UNICODE_ISALPHA,
    Py_UNICODE_ISSPACE,
    PyUnicode_DATA,
    PyUnicode_KIND,
    PyUnicode_READ,
)
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:                           # what a code point is
    LETTER = 1
    SPACE = 2
    EDGE = 4                         # belongs to no word, at either end of one
    COMMA = 8
    STOP = 16
    ASKS = 32                        # a stop that makes a question
    FAR = 64                         # of a script whose words are looked for inside of others

cdef struct Entry:                   # one word of a lexicon
    PyObject* word                   # kept alive by ``Lexicon.kept``
    uint64_t bits
    uint16_t kinds
    bint listed                      # itself, not only as part of a pair or for its kinds

cdef struct Stem:
    PyObject* text                   # kept alive by ``Lexicon.kept``
    uint64_t bits
    bint last                        # of those with the same beginning

cdef struct Slot:                    # of a table of hashes: which entry has it
    uint16_t tag
    uint16_t place                   # from 1; 0: free

cdef struct Pair:
    uint32_t words                   # the places of both, from 1; 0: free
    uint64_t bits
    PyObject* said                   # kept alive by ``Lexicon.kept``

cdef struct Text:                    # a text's code points
    int width
    const void* data

cdef enum:
    MARKS_MAX = 64
    # Latin, Greek and Cyrillic end before this one; but what stands from U+1E00 to U+1FFF is Latin
    # and Greek again: the letters of Vietnamese and of old Greek.
    FAR_FIRST = 0x590
    NEAR_FIRST = 0x1E00
    NEAR_LAST = 0x1FFF

@cython.final
cdef class Lexicon:
    cdef list kept
    cdef Entry* entries
    cdef Stem* stems
    cdef Slot* slots
    cdef Slot* starts
    cdef Pair* pairs
    cdef uint64_t slots_mask
    cdef uint64_t starts_mask
    cdef uint64_t pairs_mask
    cdef Py_ssize_t count
    cdef Py_ssize_t start_size       # code points by which a stem is found
    cdef uint8_t low[256]            # classes of the first code points
    cdef uint32_t marks[MARKS_MAX]
    cdef uint8_t mark_classes[MARKS_MAX]
    cdef Py_ssize_t mark_count

    cdef int32_t find(self, const Text* text, Py_ssize_t first, Py_ssize_t last,
                      uint64_t hashed) noexcept
    cdef uint64_t stem_bits(self, const Text* text, Py_ssize_t first, Py_ssize_t last,
                            uint64_t start) noexcept
    cdef int32_t look(self, str word, uint64_t* start) noexcept
    cdef void _enter(self, str word, uint64_t bits, uint16_t kinds, bint listed) except *
    cdef void _note_pair(self, str said, uint32_t words, uint64_t bits) noexcept

cpdef bint has_far_letters(str text) except -1

# --- code points --------------------------------------------------------------------------------

cdef inline Text points_of(str text) noexcept:
    cdef Text made
    made.width = PyUnicode_KIND(text)
    made.data = PyUnicode_DATA(text)
    return made

cdef inline Py_UCS4 char_at(const Text* text, Py_ssize_t at) noexcept:
    return PyUnicode_READ(text.width, <void*>text.data, at)

cdef inline bint is_far(Py_UCS4 char) noexcept:
    return char >= FAR_FIRST and not NEAR_FIRST <= char <= NEAR_LAST

cdef inline uint8_t letter_or_space(Py_UCS4 char) noexcept:
    if Py_UNICODE_ISALPHA(char):
        return LETTER
    return SPACE if Py_UNICODE_ISSPACE(char) else 0

cdef inline uint8_t class_of(Lexicon lexicon, Py_UCS4 char) noexcept:
    cdef Py_ssize_t at
    cdef uint8_t found
    if char < 256:
        return lexicon.low[char]
    found = letter_or_space(char)
    if not found:
        for at in range(lexicon.mark_count):
            if lexicon.marks[at] == char:
                found = lexicon.mark_classes[at]
                break
    return found | FAR if is_far(char) else found

# --- hashes -------------------------------------------------------------------------------------

cdef inline uint64_t seed() noexcept:
    """FNV-1a's."""
    return 0xCBF29CE484222325ULL

cdef inline uint64_t hashed_with(uint64_t so_far, Py_UCS4 char) noexcept:
    """FNV-1a's order with a multiplier that fills the upper half, of which tables are indexed:
    2**64 divided by the golden ratio."""
    return (so_far ^ <uint64_t>char) * 0x9E3779B97F4A7C15ULL

cdef inline uint64_t pair_hash(uint32_t words) noexcept:
    return words * 0x9E3779B97F4A7C15ULL >> 40
