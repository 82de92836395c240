# cython: boundscheck=False, wraparound=False, cdivision=True
"""Whether two words are forms of one, slips of one, or contraries; and tables of pairs of words.

Words are short runs of bytes in lower case. What is not told by their letters stands in the tables.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

cdef enum:
    ROOT_MIN = 5             # letters that two derived words must share
    TYPO_MIN = 7             # letters of words that may differ by a slip
    ENDING_MAX = 7


cdef class Pairs:
    """A set of pairs of stems, each with bits: open addressing, at most half full."""

    def __cinit__(self, Py_ssize_t count) -> None:
        cdef uint64_t room = 16
        while room < <uint64_t>count * 2:
            room *= 2
        self.keys = <uint64_t*>PyMem_Calloc(room, sizeof(uint64_t))
        self.bits = <uint8_t*>PyMem_Calloc(room, 1)
        if self.keys == NULL or self.bits == NULL:
            raise MemoryError
        self.mask = room - 1

    def __dealloc__(self) -> None:
        PyMem_Free(self.keys)
        PyMem_Free(self.bits)

    cdef void add(self, uint64_t key, uint8_t bit) noexcept:
        cdef uint64_t at = (key * 0x9E3779B97F4A7C15ULL >> 32) & self.mask
        while self.bits[at] and self.keys[at] != key:
            at = (at + 1) & self.mask
        self.keys[at] = key
        self.bits[at] |= bit

    cdef uint8_t get(self, uint64_t key) noexcept:
        cdef uint64_t at = (key * 0x9E3779B97F4A7C15ULL >> 32) & self.mask
        while self.bits[at]:
            if self.keys[at] == key:
                return self.bits[at]
            at = (at + 1) & self.mask
        return 0


# Endings by which one word is derived from another, and inflections the stemmer leaves.
cdef tuple _ENDINGS = tuple(
    ending.encode()
    for ending in (
        "a able ably al ally ance ancy ant ants ation ations ative ators ator e ed ence ency "
        "ent er ers es ese ful i ial ian ians ible ic ical ically ics ies ility ing ings ion "
        "ions ish ism ist ists ities ity ive ization ize ized izes izing ise ised ising "
        "isation ly ment ments n ness nt or ors ous s ship th ty ure y ying ied"
    ).split()
)
cdef Pairs _ENDING_SET = Pairs(len(_ENDINGS))


cdef inline uint64_t packed_ending(const uint8_t* text, int size) noexcept:
    cdef uint64_t value = 1
    cdef int i
    for i in range(size):
        value = value << 8 | text[i]
    return value


cdef void _take_endings() except *:
    cdef bytes ending
    for ending in _ENDINGS:
        _ENDING_SET.add(packed_ending(ending, <int>len(ending)), 1)

_take_endings()


cdef bint is_ending(const uint8_t* text, int size) noexcept:
    if size == 0:
        return True
    return size <= ENDING_MAX and _ENDING_SET.get(packed_ending(text, size)) != 0


cdef inline bint is_vowel(uint8_t char) noexcept:
    return char in (c"a", c"e", c"i", c"o", c"u", c"y")


cdef int common(const Word* one, const Word* other) noexcept:
    cdef int i = 0
    while i < one.size and i < other.size and one.text[i] == other.text[i]:
        i += 1
    return i


cdef bint derived(const Word* one, const Word* other) noexcept:
    """ "encrypt", "encryption": the same root, and endings that only make another kind of word."""
    cdef int root = common(one, other)
    cdef int least = root - 1
    cdef const Word* shorter = one if one.size <= other.size else other
    cdef const Word* longer = other if one.size <= other.size else one
    if root >= ROOT_MIN and shorter.size == root + 1 and shorter.text[root] == c"t":
        if longer.size == root + 2 and longer.text[root] == c"c":  # "dependent", "dependency"
            return longer.text[root + 1] in (c"e", c"y")
    while root >= ROOT_MIN and root >= least:
        if is_ending(one.text + root, one.size - root) and (
            is_ending(other.text + root, other.size - root)
        ):
            return True
        root -= 1  # "found-ed", "found-er"
    return False


cdef bint slipped(const Word* one, const Word* other) noexcept:
    """One slip of a writer: two letters changed places, one doubled, another vowel."""
    cdef const Word* shorter = one if one.size <= other.size else other
    cdef const Word* longer = other if one.size <= other.size else one
    cdef int at, rest
    if shorter.size < TYPO_MIN - 1 or longer.size < TYPO_MIN or longer.size - shorter.size > 1:
        return False
    at = common(one, other)
    if at < 2:
        return False
    if longer.size > shorter.size:
        rest = shorter.size - at
        return longer.text[at] == longer.text[at - 1] and (
            memcmp(shorter.text + at, longer.text + at + 1, <size_t>rest) == 0
        )
    rest = one.size - at
    if rest >= 2 and one.text[at] == other.text[at + 1] and one.text[at + 1] == other.text[at]:
        return memcmp(one.text + at + 2, other.text + at + 2, <size_t>(rest - 2)) == 0
    if rest >= 2 and is_vowel(one.text[at]) and is_vowel(other.text[at]):
        return memcmp(one.text + at + 1, other.text + at + 1, <size_t>(rest - 1)) == 0
    return False


cdef bint undoes(const Word* one, const Word* other) noexcept:
    """ "mutable", "immutable": one is the other with a prefix that says the contrary."""
    cdef const Word* shorter = one if one.size <= other.size else other
    cdef const Word* longer = other if one.size <= other.size else one
    cdef int more = longer.size - shorter.size
    cdef const uint8_t* text = longer.text
    if shorter.size < 4 or not (more == 2 or more == 3):
        return False
    if memcmp(text + more, shorter.text, shorter.size) != 0:
        return False
    if more == 3:
        return memcmp(text, b"dis", 3) == 0 or memcmp(text, b"non", 3) == 0
    if memcmp(text, b"un", 2) == 0 or memcmp(text, b"de", 2) == 0 or memcmp(text, b"in", 2) == 0:
        return True
    if text[0] != c"i" or text[1] not in (c"m", c"r", c"l"):
        return False
    return text[1] == text[2] or (text[1] == c"m" and text[2] in (c"p", c"b"))


cdef bint joined(const Word* one, const Word* next_one, const Word* whole) noexcept:
    """ "take off", "takeoff"."""
    return (
        one.size + next_one.size == whole.size
        and memcmp(one.text, whole.text, one.size) == 0
        and memcmp(next_one.text, whole.text + one.size, next_one.size) == 0
    )
