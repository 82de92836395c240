# Lines in, JSON out. Methods write where ``out`` stands.

from lynkr._native.toontext cimport Span

cdef struct Line:
    const char* start        # after the indentation
    const char* end          # before the line break
    int depth
    int number               # from 1, as people count
    bint after_blank

# The first place outside quotes where ``wanted`` or ``other`` stands, or NULL.
cdef const char* unquoted(const char* at, const char* end, char wanted, char other) noexcept
# The quote that closes the string beginning at ``at``, or NULL.
cdef const char* closing_quote(const char* at, const char* end) noexcept

cdef inline const char* trimmed(const char* at, const char* end) noexcept:
    while at < end and at[0] == c' ':
        at += 1
    return at

cdef inline const char* trimmed_end(const char* at, const char* end) noexcept:
    while end > at and (end - 1)[0] == c' ':
        end -= 1
    return end

cdef class Lines:
    cdef Line* lines         # that are neither blank nor comments
    cdef int used
    cdef int room
    cdef int at              # the next line
    cdef int spans           # arrays around it that have begun: no blank lines in there
    cdef bint strict
    cdef int indent
    cdef char* made
    cdef char* out           # next byte to write
    cdef char* limit
    cdef Span* keys          # of the objects that are open, in ``made``
    cdef int keys_used
    cdef int keys_room
    cdef bint repeated       # some object has a key twice

    cdef int open(self, bytes text, int indent, bint strict) except -1
    cdef bytes taken(self)
    cdef int split(self, const char* at, const char* end) except -1
    cdef int _line(self, const char* at, const char* end, int number, bint* blank) except -1
    cdef int grow(self, Py_ssize_t more) except -1
    cdef int need(self, Py_ssize_t more) except -1
    cdef int put(self, char byte) except -1
    cdef int text(self, bytes text) except -1
    cdef int refuse(self, str reason) except -1
    cdef Line* take(self) except NULL
    cdef bint at_depth(self, int depth) except -1
    cdef int below(self, int depth) noexcept
    cdef int key(self, const char* at, const char* end) except -1
    cdef int closed(self, int first) except -1
    cdef int value(self, const char* at, const char* end) except -1
    cdef int _quoted(self, const char* at, const char* end) except -1
    cdef int _bare(self, const char* at, const char* end) except -1
