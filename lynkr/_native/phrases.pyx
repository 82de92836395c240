# cython: boundscheck=False, wraparound=False, cdivision=True
"""Which of a fixed set of phrases are in a text, all of them looked for in one pass.

A text is not read letter by letter. Where the shortest phrase has ``m`` letters, three neighbours
at each ``m - 2``-th place are looked up among the first ``m - 2`` such triples of every phrase:
one of them stands at such a place wherever the phrase begins (the filter of Wu and Manber,
"A fast algorithm for multi-pattern searching", 1994, with fixed steps instead of shifts). What is
found there is compared letter by letter, so the answer is exact.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef extern from "Python.h":
    str new_text "PyUnicode_New"(Py_ssize_t size, uint32_t most)
    bint PyUnicode_IS_ASCII(object text)

cdef enum:
    GRAM = 3
    STRIDE_MAX = 16
    GRAMS_MAX = 0xFFFE
    SLOTS_PER_GRAM = 16
    NUMBERED_MAX = 64

ctypedef fused Letter:
    uint8_t
    uint16_t
    uint32_t


cdef inline uint32_t small(uint32_t letter) noexcept nogil:
    return letter | 0x20 if letter - c'A' < 26 else letter


cdef inline bint blank(uint8_t letter) noexcept nogil:
    """As ``str.split`` divides ASCII."""
    return letter == c' ' or 9 <= letter <= 13 or 28 <= letter <= 31


cdef inline uint32_t key_of(uint32_t a, uint32_t b, uint32_t c) noexcept nogil:
    """Of three letters; of ASCII each three have their own."""
    return a ^ b << 8 ^ c << 16


cdef inline uint32_t hashed(uint32_t key, int shift) noexcept nogil:
    """By the golden ratio: Knuth, "The Art of Computer Programming", volume 3, section 6.4."""
    return (key * <uint32_t>0x9E3779B1) >> shift


cdef inline bint stands(
    const Letter* text, const uint32_t* phrase, Py_ssize_t size, bint fold
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        if text[i] != phrase[i] and not (fold and small(text[i]) == phrase[i]):
            return False
    return True


cdef uint64_t search(Phrases phrases, const Letter* text, Py_ssize_t size, bint every) noexcept:
    """A bit for each phrase that is there; without ``every``, not 0 if any is."""
    cdef Py_ssize_t at, begin, length, stride = phrases.stride
    cdef uint64_t found = 0
    cdef const uint64_t* known = phrases.known
    cdef int shift = phrases.shift
    cdef bint fold = phrases.fold
    cdef uint32_t key, slot, a, b, c
    cdef uint16_t number
    cdef const Gram* gram
    at = -stride
    while True:
        at += stride
        if at + GRAM > size:
            return found
        a = text[at]
        b = text[at + 1]
        c = text[at + 2]
        if fold:
            a = small(a)
            b = small(b)
            c = small(c)
        key = key_of(a, b, c)
        slot = hashed(key, shift)
        if not known[slot >> 6] >> (slot & 63) & 1:
            continue
        number = phrases.heads[slot]
        while number:
            gram = phrases.grams + (number - 1)
            number = gram.following
            if gram.key != key or (every and found >> gram.phrase & 1):
                continue
            begin = at - gram.offset
            length = phrases.starts[gram.phrase + 1] - phrases.starts[gram.phrase]
            if begin >= 0 and length <= size - begin and stands(
                text + begin, phrases.letters + phrases.starts[gram.phrase], length, fold
            ):
                if not every:
                    return 1
                found |= <uint64_t>1 << gram.phrase


cdef bint leads(Phrases phrases, const Letter* text, Py_ssize_t size) noexcept:
    """Whether one of them begins there."""
    cdef uint32_t key, slot, a, b, c
    cdef uint16_t number
    cdef Py_ssize_t length
    cdef const Gram* gram
    if size < GRAM:
        return False
    a = text[0]
    b = text[1]
    c = text[2]
    if phrases.fold:
        a = small(a)
        b = small(b)
        c = small(c)
    key = key_of(a, b, c)
    slot = hashed(key, phrases.shift)
    if not phrases.known[slot >> 6] >> (slot & 63) & 1:
        return False
    number = phrases.heads[slot]
    while number:
        gram = phrases.grams + (number - 1)
        number = gram.following
        if gram.key != key or gram.offset:
            continue
        length = phrases.starts[gram.phrase + 1] - phrases.starts[gram.phrase]
        if length <= size and stands(
            text, phrases.letters + phrases.starts[gram.phrase], length, phrases.fold
        ):
            return True
    return False


cdef bint has(const Letter* text, Py_ssize_t size, uint8_t letter) noexcept:
    cdef Py_ssize_t at
    if Letter is uint8_t:
        return memchr(text, letter, <size_t>size) != NULL
    else:
        for at in range(size):
            if text[at] == letter:
                return True
        return False


cdef bint has_one(Phrases phrases, const Letter* text, Py_ssize_t size) noexcept:
    cdef int i
    for i in range(phrases.singles):
        if has(text, size, phrases.single[i]):
            return True
    return search(phrases, text, size, False) != 0


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Phrases:
    """A set of phrases of three letters or more. ``fold``: they are found in any case of ASCII's
    letters. ``singles``: letters of ASCII that ``any`` takes for phrases too, four at most.
    ValueError for a phrase that is shorter, and for too many."""

    def __cinit__(self, list phrases not None, bint fold=False, bytes singles=b""):
        self.fold = fold
        if len(singles) > SINGLES_MAX:
            raise ValueError("too many single letters")
        self.singles = <int>len(singles)
        for i in range(self.singles):
            self.single[i] = singles[i]
        self.take(phrases)

    def __dealloc__(self):
        PyMem_Free(self.letters)
        PyMem_Free(self.starts)
        PyMem_Free(self.grams)
        PyMem_Free(self.heads)
        PyMem_Free(self.known)

    cdef int take(self, list phrases) except -1:
        cdef Py_ssize_t size = 0, number, i, at = 0
        cdef size_t room = 64
        cdef str phrase
        cdef uint32_t letter
        self.count = len(phrases)
        self.stride = STRIDE_MAX
        for phrase in phrases:
            if len(phrase) < GRAM:
                raise ValueError("a phrase has less than three letters")
            self.stride = min(self.stride, len(phrase) - (GRAM - 1))
            size += len(phrase)
        if self.count * self.stride > GRAMS_MAX:
            raise ValueError("too many phrases")
        self.shift = 32 - 6
        while room < <size_t>(self.count * self.stride * SLOTS_PER_GRAM):
            room *= 2
            self.shift -= 1
        self.letters = <uint32_t*>PyMem_Calloc(size + 1, sizeof(uint32_t))
        self.starts = <uint32_t*>PyMem_Calloc(self.count + 1, sizeof(uint32_t))
        self.grams = <Gram*>PyMem_Calloc(self.count * self.stride + 1, sizeof(Gram))
        self.heads = <uint16_t*>PyMem_Calloc(room, sizeof(uint16_t))
        self.known = <uint64_t*>PyMem_Calloc(room // 64, sizeof(uint64_t))
        if (
            self.letters == NULL or self.starts == NULL or self.grams == NULL
            or self.heads == NULL or self.known == NULL
        ):
            raise MemoryError
        for number in range(self.count):
            phrase = phrases[number]
            for i in range(len(phrase)):
                letter = <uint32_t>ord(phrase[i])
                self.letters[at + i] = small(letter) if self.fold else letter
            self.starts[number] = <uint32_t>at
            for i in range(self.stride):
                self.take_gram(number * self.stride + i, number, i)
            at += len(phrase)
        self.starts[self.count] = <uint32_t>at
        return 0

    cdef int take_gram(self, Py_ssize_t number, Py_ssize_t phrase, Py_ssize_t offset) except -1:
        cdef const uint32_t* at = self.letters + self.starts[phrase] + offset
        cdef uint32_t key = key_of(at[0], at[1], at[2]), slot = hashed(key, self.shift)
        cdef Gram* gram = self.grams + number
        gram.key = key
        gram.phrase = <uint32_t>phrase
        gram.offset = <uint16_t>offset
        gram.following = self.heads[slot]
        self.heads[slot] = <uint16_t>(number + 1)
        self.known[slot >> 6] |= <uint64_t>1 << (slot & 63)
        return 0

    cpdef uint64_t which(self, str text) except? 0:
        """Bit ``i``: phrase ``i`` is in the text. ValueError if there are more than 64 phrases."""
        cdef int kind
        cdef Py_ssize_t size
        if text is None:
            raise TypeError("no text")
        if self.count > NUMBERED_MAX:
            raise ValueError("more phrases than bits")
        kind = PyUnicode_KIND(text)
        size = PyUnicode_GET_LENGTH(text)
        if kind == 1:
            return search(self, <const uint8_t*>PyUnicode_DATA(text), size, True)
        if kind == 2:
            return search(self, <const uint16_t*>PyUnicode_DATA(text), size, True)
        return search(self, <const uint32_t*>PyUnicode_DATA(text), size, True)

    cpdef bint any(self, str text) except? True:
        """Whether one of them is in the text."""
        cdef int kind
        cdef Py_ssize_t size
        if text is None:
            raise TypeError("no text")
        kind = PyUnicode_KIND(text)
        size = PyUnicode_GET_LENGTH(text)
        if kind == 1:
            return has_one(self, <const uint8_t*>PyUnicode_DATA(text), size)
        if kind == 2:
            return has_one(self, <const uint16_t*>PyUnicode_DATA(text), size)
        return has_one(self, <const uint32_t*>PyUnicode_DATA(text), size)

    cpdef bint begin(self, str text, Py_ssize_t at=0) except? True:
        """Whether the text begins with one of them, behind its first ``at`` letters."""
        cdef int kind
        cdef Py_ssize_t size
        if text is None:
            raise TypeError("no text")
        kind = PyUnicode_KIND(text)
        size = PyUnicode_GET_LENGTH(text) - at
        if at < 0 or size <= 0:
            return False
        if kind == 1:
            return leads(self, <const uint8_t*>PyUnicode_DATA(text) + at, size)
        if kind == 2:
            return leads(self, <const uint16_t*>PyUnicode_DATA(text) + at, size)
        return leads(self, <const uint32_t*>PyUnicode_DATA(text) + at, size)

    cpdef bint begin_between(self, bytes body, Py_ssize_t start, Py_ssize_t end) except? True:
        """Whether one of them begins at ``start``, and ends before ``end``."""
        if body is None:
            raise TypeError("no body")
        end = min(end, PyBytes_GET_SIZE(body))
        if not 0 <= start < end:
            return False
        return leads(self, <const uint8_t*>PyBytes_AS_STRING(body) + start, end - start)

    cpdef bint any_between(self, bytes body, Py_ssize_t start, Py_ssize_t end) except? True:
        """Whether one of them is in these bytes of a body, which are taken for Latin-1. Places
        outside of it are taken for its ends."""
        if body is None:
            raise TypeError("no body")
        start = max(start, 0)
        end = min(end, PyBytes_GET_SIZE(body))
        if start >= end:
            return False
        return search(
            self, <const uint8_t*>PyBytes_AS_STRING(body) + start, end - start, False
        ) != 0


cpdef str literal_text(bytes body, Py_ssize_t start, Py_ssize_t end):
    """These bytes of a body as text, what is no UTF-8 as U+FFFD; None if a backslash is in them.
    Places outside of the body are taken for its ends."""
    cdef const char* data
    if body is None:
        raise TypeError("no body")
    start = max(start, 0)
    end = min(end, PyBytes_GET_SIZE(body))
    if start >= end:
        return ""
    data = PyBytes_AS_STRING(body) + start
    if memchr(data, c'\\', <size_t>(end - start)) != NULL:
        return None
    return PyUnicode_DecodeUTF8(data, end - start, "replace")


cpdef str plain(str text):
    """A text of ASCII in small letters, its words divided by one blank each; None for any other."""
    cdef Py_ssize_t at, size, length = 0, first
    cdef const uint8_t* data
    cdef uint8_t letter
    cdef uint8_t* out
    cdef str made
    if text is None or not PyUnicode_IS_ASCII(text):
        return None
    size = PyUnicode_GET_LENGTH(text)
    data = <const uint8_t*>PyUnicode_DATA(text)
    # The length first: a text is made in its size.
    for at in range(size):
        if not blank(data[at]):
            length += 1 + (at > 0 and length > 0 and blank(data[at - 1]))
    made = new_text(length, 127)
    out = <uint8_t*>PyUnicode_DATA(made)
    first = <Py_ssize_t>out
    for at in range(size):
        letter = data[at]
        if blank(letter):
            continue
        if at and <Py_ssize_t>out > first and blank(data[at - 1]):
            out[0] = c' '
            out += 1
        out[0] = <uint8_t>small(letter)
        out += 1
    return made
