"""Header lines on their way through: kept as the bytes they were, minus the ones a proxy must drop.

A head is cut into lines only after llhttp has accepted it, so nothing is parsed here: the cut
relies on what the parser has proved (every line ends in CR LF, no control characters, a name before
each colon). The lines that pass are copied as they stand, in runs: order, case and spacing stay the
sender's own.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.string cimport memchr, memcpy

cdef extern from "strings.h" nogil:
    int strncasecmp(const char* a, const char* b, size_t n)


cdef inline bint same(
    const char* name, Py_ssize_t length, const char* word, Py_ssize_t word_length
) noexcept:
    return length == word_length and strncasecmp(name, word, <size_t>length) == 0


cdef inline bint begins(
    const char* name, Py_ssize_t length, const char* word, Py_ssize_t word_length
) noexcept:
    return length > word_length and strncasecmp(name, word, <size_t>word_length) == 0


cdef Kind kind_of(const char* text, Py_ssize_t length) noexcept:
    """What the proxy does with a header.

    Switched on the first letter: most headers cost one compare.
    """
    cdef char first
    cdef char third
    if length == 0:
        return PASS
    first = text[0] | 0x20
    if first == c'x':
        if length < 5:
            return PASS
        third = text[2] | 0x20
        if third == c'a':
            return API_KEY if same(text, length, b"x-api-key", 9) else PASS
        if third == c'l':
            return GATEWAY if begins(text, length, b"x-lynkr-", 8) else PASS
        if third == c'f':
            return FORWARDED if begins(text, length, b"x-forwarded-", 12) else PASS
        if third == c'r':
            return FORWARDED if same(text, length, b"x-real-ip", 9) else PASS
        if third == c'g':
            return API_KEY if same(text, length, b"x-goog-api-key", 14) else PASS
    elif first == c'c':
        if same(text, length, b"content-length", 14):
            return LENGTH
        if same(text, length, b"content-type", 12):
            return CONTENT_TYPE
        if same(text, length, b"content-encoding", 16):
            return CONTENT_ENCODING
        if same(text, length, b"connection", 10):
            return CONNECTION
    elif first == c'h':
        return HOST if same(text, length, b"host", 4) else PASS
    elif first == c'a':
        if same(text, length, b"authorization", 13):
            return AUTHORIZATION
        if same(text, length, b"anthropic-version", 17):
            return VERSION
        if same(text, length, b"api-key", 7):
            return API_KEY  # Azure's
    elif first == c't':
        if same(text, length, b"transfer-encoding", 17):
            return CODING
        if same(text, length, b"te", 2) or same(text, length, b"trailer", 7):
            return HOP
    elif first == c'e':
        return EXPECT if same(text, length, b"expect", 6) else PASS
    elif first == c'u':
        return UPGRADE if same(text, length, b"upgrade", 7) else PASS
    elif first == c'k':
        return HOP if same(text, length, b"keep-alive", 10) else PASS
    elif first == c'p':
        if begins(text, length, b"proxy-", 6):
            return HOP
    elif first == c'f':
        return FORWARDED if same(text, length, b"forwarded", 9) else PASS
    elif first == c'v':
        return FORWARDED if same(text, length, b"via", 3) else PASS
    return PASS


cdef int next_line(const char** cursor, const char* end, Line* line) noexcept:
    cdef const char* at = cursor[0]
    cdef const char* newline
    cdef const char* colon
    cdef const char* stop
    if at >= end:
        return 0
    newline = <const char*>memchr(at, c'\n', <size_t>(end - at))
    if newline == NULL or newline == at or (newline - 1)[0] != c'\r':
        return -1
    if at[0] == c' ' or at[0] == c'\t':
        return -1
    colon = <const char*>memchr(at, c':', <size_t>(newline - at))
    if colon == NULL or colon == at:
        return -1
    line.start = at
    line.length = newline + 1 - at
    line.name_length = colon - at
    colon += 1
    stop = newline - 1
    while colon < stop and (colon[0] == c' ' or colon[0] == c'\t'):
        colon += 1
    while stop > colon and ((stop - 1)[0] == c' ' or (stop - 1)[0] == c'\t'):
        stop -= 1
    line.value = colon
    line.value_length = stop - colon
    cursor[0] = newline + 1
    return 1


cdef class HeaderBlock:
    def __cinit__(self):
        self.capacity = 2048
        self.length = 0
        self.data = <char*>PyMem_Malloc(<size_t>self.capacity)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef void clear(self) noexcept:
        self.length = 0

    cdef int add(self, const char* lines, Py_ssize_t length) except -1:
        """Copy whole lines, their line ends included."""
        cdef Py_ssize_t need = self.length + length
        cdef char* grown
        if need > self.capacity:
            grown = <char*>PyMem_Realloc(self.data, <size_t>(need * 2))
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.capacity = need * 2
        memcpy(self.data + self.length, lines, <size_t>length)
        self.length = need
        return 0

    cdef bytes take(self):
        """The lines so far; the block is empty afterwards."""
        cdef bytes lines = PyBytes_FromStringAndSize(self.data, self.length)
        self.length = 0
        return lines


def classify(bytes name not None):
    """The handling of a header by name, for tests and for the documentation table."""
    return {
        PASS: "pass", HOP: "hop", CONNECTION: "connection", LENGTH: "length", CODING: "coding",
        HOST: "host", EXPECT: "expect", UPGRADE: "upgrade", AUTHORIZATION: "authorization",
        API_KEY: "api_key", GATEWAY: "gateway", FORWARDED: "forwarded",
        CONTENT_TYPE: "content_type", CONTENT_ENCODING: "content_encoding", VERSION: "version",
    }[kind_of(<const char*>name, len(name))]


def without(bytes lines not None, names not None):
    """Header lines without those named (lower case): for what a ``Connection`` header lists."""
    return b"".join(
        line for line in lines.splitlines(keepends=True)
        if line.partition(b":")[0].lower() not in names
    )


def value_of(bytes lines not None, bytes name not None):
    """The first value of a header in a block, or ``None``. ``name`` in lower case."""
    cdef const char* at = lines
    cdef const char* end = at + len(lines)
    cdef const char* word = name
    cdef Py_ssize_t length = len(name)
    cdef const char* stop
    while at <= end:
        stop = _line_end(at, end)
        if stop - at > length and at[length] == c':' and strncasecmp(at, word, <size_t>length) == 0:
            return PyBytes_FromStringAndSize(at + length + 1, stop - at - length - 1).strip()
        at = stop + 2
    return None


cdef inline const char* _line_end(const char* at, const char* end) noexcept:
    """The CR LF that comes next, or the end."""
    cdef const char* found
    while at < end:
        found = <const char*>memchr(at, c'\r', <size_t>(end - at))
        if found == NULL or found + 1 >= end:
            return end
        if found[1] == c'\n':
            return found
        at = found + 1
    return end
