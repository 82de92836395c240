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

cdef Kind kind_of(bytes name) noexcept

cdef class HeaderBlock:
    cdef char* data
    cdef Py_ssize_t length
    cdef Py_ssize_t capacity
    cdef int add(self, bytes name, bytes value) except -1
    cdef bytes take(self)
    cdef void clear(self) noexcept
