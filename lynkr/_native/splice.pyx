"""Takes JSON strings apart and makes them, and replaces spans of a body: each in one allocation.

It must never make a token that JSON's grammar refuses out of text that is UTF-8.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.string cimport memchr, memcpy

from lynkr._native.escapes cimport written
from lynkr._native.grammar cimport (
    Bytes, code_unit, copy16, special_bytes, special_tail, trailing_zeros,
)

cdef extern from *:
    """
    /* What a backslash and this character stand for; what follows the backslash that stands for
       this character. 0: it takes four digits, or is not valid. */
    static const unsigned char unescaped[256] = {
        [0x22] = 0x22, [0x5c] = 0x5c, [0x2f] = 0x2f, [0x62] = 8, [0x74] = 9, [0x6e] = 10,
        [0x66] = 12, [0x72] = 13,
    };
    static const unsigned char escaped[256] = {
        [0x22] = 0x22, [0x5c] = 0x5c, [8] = 0x62, [9] = 0x74, [10] = 0x6e, [12] = 0x66, [13] = 0x72,
    };
    """
    const unsigned char unescaped[256]
    const unsigned char escaped[256]

cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* at, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject** grown, Py_ssize_t size) except -1

cdef enum:                           # of `decode`, besides a length
    LONE_SURROGATE = -1
    NOT_A_STRING = -2


cdef Py_ssize_t decode(Bytes d, Py_ssize_t i, Py_ssize_t end, unsigned char* out) noexcept nogil:
    """Writes the text of a string's inside ``[i, end)``, which is never longer; its length."""
    cdef unsigned char* first = out
    cdef unsigned int marks
    cdef int k, unit, low
    cdef Py_ssize_t base
    cdef unsigned char c
    while i < end:
        # Copies run beyond the next mark, up to 16 bytes: what is too much is overwritten. There is
        # room, since as many bytes are left of the string, and text is never longer.
        if i + 32 <= end:
            base = i
            marks = special_bytes(d + i, False)
            while marks:
                k = trailing_zeros(marks)
                c = unescaped[d[base + k + 1]]
                if d[base + k] != c'\\' or c == 0:
                    break
                copy16(out, d + i)
                out += base + k - i
                out[0] = c
                out += 1
                i = base + k + 2
                marks &= ~(3u << k)
            if marks == 0:
                copy16(out, d + i)
                if i < base + 16:
                    out += base + 16 - i
                    i = base + 16
                continue
            copy16(out, d + i)
            k = <int>(base + trailing_zeros(marks) - i)
        else:
            k = <int>(end - i) if end - i < 16 else 16
            memcpy(out, d + i, <size_t>k)
            marks = special_tail(d + i, k, False) & ((1u << k) - 1)
            if marks:
                k = trailing_zeros(marks)
        i += k
        out += k
        if marks == 0:
            continue
        if d[i] != c'\\' or i + 1 >= end:
            return NOT_A_STRING
        c = unescaped[d[i + 1]]
        if c:
            out[0] = c
            out += 1
            i += 2
            continue
        unit = code_unit(d, i + 2) if d[i + 1] == c'u' and i + 6 <= end else -1
        if unit < 0:
            return NOT_A_STRING
        i += 6
        if 0xD800 <= unit < 0xE000:
            low = -1
            if unit < 0xDC00 and i + 6 <= end and d[i] == c'\\' and d[i + 1] == c'u':
                low = code_unit(d, i + 2)
            if not 0xDC00 <= low < 0xE000:
                return LONE_SURROGATE
            i += 6
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        out += written(<unsigned int>unit, out)
    return out - first


cpdef bytes string_value(bytes body, tuple span):
    """UTF-8 of the JSON string token at ``span``, quotes included; None with a lone surrogate.

    The token is one that ``scan`` accepted; ValueError where it is plainly no string token.
    """
    cdef Py_ssize_t start, end, size
    cdef Bytes d
    cdef PyObject* out
    cdef bytes value
    start, end = span
    if body is None or start < 0 or end > PyBytes_GET_SIZE(body) or end - start < 2:
        raise ValueError("the span is not in the body")
    d = <Bytes>PyBytes_AS_STRING(body)
    if d[start] != c'"' or d[end - 1] != c'"':
        raise ValueError("not a JSON string")
    start += 1
    end -= 1
    if memchr(d + start, c'\\', <size_t>(end - start)) == NULL:
        return PyBytes_FromStringAndSize(<const char*>d + start, end - start)
    out = new_bytes(NULL, end - start)
    value = <bytes>out
    size = decode(d, start, end, <unsigned char*>PyBytes_AS_STRING(value))
    value = None
    if size < 0:
        Py_DECREF(<object>out)
        if size == LONE_SURROGATE:
            return None
        raise ValueError("not a JSON string")
    _PyBytes_Resize(&out, size)
    value = <bytes>out
    Py_DECREF(value)
    return value


cdef inline unsigned char* put_escape(unsigned char* out, unsigned char c) noexcept nogil:
    out[0] = c'\\'
    if escaped[c]:
        out[1] = escaped[c]
        return out + 2
    memcpy(out + 1, b"u00", 3)
    out[4] = c'0' + (c >> 4)
    out[5] = b"0123456789abcdef"[c & 15]
    return out + 6


cdef inline Py_ssize_t growth(Bytes d, Py_ssize_t size) noexcept nogil:
    """How many bytes more a text takes when it is escaped."""
    cdef Py_ssize_t more = 0, i
    cdef unsigned int marks
    for i in range(0, size, 16):
        if i + 16 <= size:
            marks = special_bytes(d + i, False)
        else:
            marks = special_tail(d + i, size - i, False) & ((1u << (size - i)) - 1)
        while marks:
            more += 1 if escaped[d[i + trailing_zeros(marks)]] else 5
            marks &= marks - 1
    return more


cpdef bytes string_token(bytes text):
    """``text``, which is UTF-8 (not checked), as a JSON string token with its quotes.

    Escaped is only what must be, in its short form where there is one.
    """
    cdef Py_ssize_t size, i = 0, base, more
    cdef unsigned int marks
    cdef int k
    cdef Bytes d
    cdef bytes token
    cdef unsigned char* out
    if text is None:
        raise TypeError("no text")
    d = <Bytes>PyBytes_AS_STRING(text)
    size = PyBytes_GET_SIZE(text)
    more = growth(d, size)
    token = PyBytes_FromStringAndSize(NULL, size + more + 2)
    out = <unsigned char*>PyBytes_AS_STRING(token)
    out[0] = c'"'
    out += 1
    if more == 0:
        memcpy(out, d, <size_t>size)
        out[size] = c'"'
        return token
    while i + 32 <= size:
        # Copies run beyond the next mark, as in `decode`; the token is longer than the text.
        base = i
        marks = special_bytes(d + i, False)
        while marks:
            k = trailing_zeros(marks)
            copy16(out, d + i)
            out = put_escape(out + (base + k - i), d[base + k])
            i = base + k + 1
            marks &= marks - 1
        copy16(out, d + i)
        out += base + 16 - i
        i = base + 16
    while i < size:
        if d[i] < 0x20 or escaped[d[i]]:
            out = put_escape(out, d[i])
        else:
            out[0] = d[i]
            out += 1
        i += 1
    out[0] = c'"'
    return token


cpdef bytes replaced(bytes body, list edits):
    """``body`` with ``(start, end, new)`` replaced; ValueError if not sorted, disjoint, in it."""
    cdef Py_ssize_t start, end, last = 0, size, length
    cdef bytes new, result
    cdef const char* d
    cdef char* out
    if body is None or edits is None:
        raise TypeError("no body or no edits")
    d = PyBytes_AS_STRING(body)
    length = size = PyBytes_GET_SIZE(body)
    for edit in edits:
        start, end, new = edit
        if new is None or start < last or end < start or end > length:
            raise ValueError("edits overlap, are not sorted or leave the body")
        size += PyBytes_GET_SIZE(new) - (end - start)
        last = end
    result = PyBytes_FromStringAndSize(NULL, size)
    out = PyBytes_AS_STRING(result)
    last = 0
    for edit in edits:
        start, end, new = edit
        memcpy(out, d + last, <size_t>(start - last))
        out += start - last
        memcpy(out, PyBytes_AS_STRING(new), <size_t>PyBytes_GET_SIZE(new))
        out += PyBytes_GET_SIZE(new)
        last = end
    memcpy(out, d + last, <size_t>(length - last))
    return result
