# A block of header lines as bytes, and which headers a proxy must not pass on.

cdef enum Kind:
    PASS                 # goes out as it came
    HOP                  # belongs to one connection: RFC 9110 section 7.6.1
    CONNECTION
    LENGTH
    CODING               # transfer-encoding
    HOST
    EXPECT
    UPGRADE
    AUTHORIZATION
    API_KEY              # x-api-key
    GATEWAY              # x-lynkr-*: spoken to the gateway, never passed on
    FORWARDED            # x-forwarded-*, forwarded, x-real-ip, via: facts of the proxy in front
    CONTENT_TYPE
    CONTENT_ENCODING
    VERSION              # anthropic-version

cdef struct Line:
    const char* start                # of the name
    Py_ssize_t length                # of the whole line, its CR LF included
    Py_ssize_t name_length
    const char* value                # without the white space around it
    Py_ssize_t value_length

cdef extern from "string.h" nogil:
    void* memmem(const void* haystack, size_t length, const void* needle, size_t needle_length)

cdef Kind kind_of(const char* name, Py_ssize_t length) noexcept

# In a reply: spoken between the upstream and the gateway only, so it is not passed on.
cdef inline bint stays_here(Kind kind) noexcept:
    return (
        kind == LENGTH or kind == CODING or kind == HOP or kind == CONNECTION or kind == UPGRADE
        or kind == GATEWAY
    )

# Where the first CR LF CR LF from `start` on begins, or NULL. The first `held` of these bytes were
# searched before, in vain: only their last three may be the beginning of one.
cdef inline const char* empty_line(
    const char* text, Py_ssize_t start, Py_ssize_t length, Py_ssize_t held
) noexcept:
    cdef Py_ssize_t at = start + max(0, held - 3)
    return <const char*>memmem(text + at, <size_t>(length - at), b"\r\n\r\n", 4)

# The header line at the cursor, which moves behind it: 1, or 0 at the end, or -1 if it is no line
# that may be passed on (folded over two lines, or without a colon).
cdef int next_line(const char** cursor, const char* end, Line* line) noexcept

cdef class HeaderBlock:
    cdef char* data
    cdef Py_ssize_t length
    cdef Py_ssize_t capacity
    cdef int add(self, const char* lines, Py_ssize_t length) except -1
    cdef bytes take(self)
    cdef void clear(self) noexcept
