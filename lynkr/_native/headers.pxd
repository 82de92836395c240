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

cdef Kind kind_of(const char* name, Py_ssize_t length) noexcept

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
