# Code points as UTF-8, and JSON string escapes undone for text that is only counted.

from libc.string cimport memchr, memcpy

# The value of a hexadecimal digit; 0 for any other byte.
cdef inline int digit(unsigned char byte) noexcept nogil:
    if c'0' <= byte <= c'9':
        return byte - c'0'
    byte |= 0x20
    return byte - c'a' + 10 if c'a' <= byte <= c'f' else 0

# The number in the four digits of a ``\u``.
cdef inline unsigned int unit(const unsigned char* at) noexcept nogil:
    return digit(at[0]) << 12 | digit(at[1]) << 8 | digit(at[2]) << 4 | digit(at[3])

# One character as UTF-8; its bytes.
cdef inline Py_ssize_t written(unsigned int code, unsigned char* out) noexcept nogil:
    if code < 0x80:
        out[0] = <unsigned char>code
        return 1
    if code < 0x800:
        out[0] = <unsigned char>(0xC0 | code >> 6)
        out[1] = <unsigned char>(0x80 | code & 0x3F)
        return 2
    if code < 0x10000:
        out[0] = <unsigned char>(0xE0 | code >> 12)
        out[1] = <unsigned char>(0x80 | code >> 6 & 0x3F)
        out[2] = <unsigned char>(0x80 | code & 0x3F)
        return 3
    out[0] = <unsigned char>(0xF0 | code >> 18)
    out[1] = <unsigned char>(0x80 | code >> 12 & 0x3F)
    out[2] = <unsigned char>(0x80 | code >> 6 & 0x3F)
    out[3] = <unsigned char>(0x80 | code & 0x3F)
    return 4

# Write the text that a JSON string stands for, never longer than it; its bytes.
#
# A lone surrogate becomes U+FFFD, as in tiktoken. What is no escape stands for itself.
cdef inline Py_ssize_t unescaped(
    const unsigned char* at, const unsigned char* end, unsigned char* out
) noexcept nogil:
    cdef unsigned char* start = out
    cdef const unsigned char* escape
    cdef unsigned char byte
    cdef unsigned int code, low
    while at < end:
        escape = <const unsigned char*>memchr(at, c'\\', <size_t>(end - at))
        if escape == NULL or end - escape < 2:
            escape = end
        memcpy(out, at, <size_t>(escape - at))
        out += escape - at
        if escape == end:
            break
        byte = escape[1]
        at = escape + 2
        if byte == c'n':
            byte = c'\n'
        elif byte == c't':
            byte = c'\t'
        elif byte == c'r':
            byte = c'\r'
        elif byte == c'b':
            byte = 8
        elif byte == c'f':
            byte = 12
        elif byte == c'u' and end - at >= 4:
            code = unit(at)
            at += 4
            if 0xD800 <= code < 0xE000:
                low = unit(at + 2) if end - at >= 6 and at[0] == c'\\' and at[1] == c'u' else 0
                if code < 0xDC00 and 0xDC00 <= low < 0xE000:
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                    at += 6
                else:
                    code = 0xFFFD
            out += written(code, out)
            continue
        out[0] = byte
        out += 1
    return out - start
