# JSON's grammar (RFC 8259) over bytes in memory, for the compiled modules that include it.
#
# Each function takes the index where something starts and gives the index after it, or -1 if it is
# not valid there; UTF-8 is judged too. The data must end with a NUL, as that of every bytes object
# does. A NUL is valid nowhere in JSON, so the scalar code needs no bounds checks: whatever it
# expects, the NUL is not it. Only the 16-byte loads look at the length.

from libc.string cimport memcpy

cdef extern from *:
    """
    #include <string.h>

    /* Bit k of each: byte k is a quote, a backslash, a control character or, with `above`, not
       ASCII. The signed comparison takes bytes from 0x80 for negative: two tests in one. */
    #if defined(__SSE2__)
    #include <emmintrin.h>
    static inline unsigned special_bytes(const void *at, int above) {
        __m128i x = _mm_loadu_si128((const __m128i *)at);
        __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(0x22)),
                                   _mm_cmpeq_epi8(x, _mm_set1_epi8(0x5c)));
        __m128i low = above ? _mm_cmplt_epi8(x, _mm_set1_epi8(0x20))
                            : _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
        return (unsigned)_mm_movemask_epi8(_mm_or_si128(odd, low));
    }
    #else
    static inline unsigned special_bytes(const void *at, int above) {
        const unsigned char *x = (const unsigned char *)at;
        unsigned bits = 0;
        for (int k = 0; k < 16; k++)
            bits |= (unsigned)((x[k] == 0x22) | (x[k] == 0x5c) | (x[k] < 0x20)
                               | (above & (x[k] > 0x7f))) << k;
        return bits;
    }
    #endif

    /* The same with fewer than 16 bytes left: what is missing counts as NUL. */
    static inline unsigned special_tail(const void *at, Py_ssize_t left, int above) {
        char padded[16] = {0};
        memcpy(padded, at, (size_t)left);
        return special_bytes(padded, above);
    }

    static inline void copy16(void *to, const void *from) {
        memcpy(to, from, 16);
    }
    """
    unsigned int special_bytes(const void* at, bint above) noexcept nogil
    unsigned int special_tail(const void* at, Py_ssize_t left, bint above) noexcept nogil
    void copy16(void* to, const void* origin) noexcept nogil
    int trailing_zeros "__builtin_ctz"(unsigned int bits) noexcept nogil

cdef enum:
    DEPTH_MAX = 512                  # containers inside each other; what is deeper is not read

ctypedef const unsigned char* Bytes


cdef inline Py_ssize_t after_space(Bytes d, Py_ssize_t i) noexcept nogil:
    while d[i] <= c' ' and (d[i] == c' ' or d[i] == c'\n' or d[i] == c'\r' or d[i] == c'\t'):
        i += 1
    return i


cdef inline int hex_digit(unsigned char c) noexcept nogil:
    if c'0' <= c <= c'9':
        return c - c'0'
    c |= 0x20
    return c - c'a' + 10 if c'a' <= c <= c'f' else -1


cdef inline int code_unit(Bytes d, Py_ssize_t i) noexcept nogil:
    """The four hexadecimal digits at ``i``, or -1."""
    cdef int unit = 0, k, digit
    for k in range(4):
        digit = hex_digit(d[i + k])
        if digit < 0:
            return -1
        unit = unit << 4 | digit
    return unit


cdef inline Py_ssize_t utf8_end(Bytes d, Py_ssize_t i) noexcept nogil:
    """Takes a run of characters that are not ASCII; well-formed as in Unicode's table 3-7."""
    cdef unsigned char a, b
    while d[i] >= 0x80:
        a = d[i]
        b = d[i + 1]
        if b & 0xC0 != 0x80 or a < 0xC2 or a > 0xF4:
            return -1
        if a < 0xE0:
            i += 2
            continue
        if d[i + 2] & 0xC0 != 0x80:
            return -1
        if a < 0xF0:
            # Overlong forms and surrogates.
            if (a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F):
                return -1
            i += 3
            continue
        if (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F) or d[i + 3] & 0xC0 != 0x80:
            return -1
        i += 4
    return i


cdef inline Py_ssize_t string_end(Bytes d, Py_ssize_t i, Py_ssize_t length) noexcept nogil:
    """``i`` is after the opening quote; the result is after the closing one."""
    cdef unsigned int marks
    cdef int k
    cdef Py_ssize_t base, after
    cdef unsigned char c
    while True:
        if i + 16 <= length:
            marks = special_bytes(d + i, True)
        else:
            marks = special_tail(d + i, length - i, True)
        base = i
        i += 16
        while marks:
            k = trailing_zeros(marks)
            after = base + k
            c = d[after]
            if c == c'"':
                return after + 1
            if c == c'\\':
                c = d[after + 1]
                if c in (c'"', c'\\', c'n', c'/', c't', c'r', c'b', c'f'):
                    # The character after a backslash may have a mark of its own, here or, after
                    # the last byte, in the next load.
                    marks &= ~(3u << k)
                    if k == 15:
                        i = base + 17
                    continue
                if c != c'u' or code_unit(d, after + 2) < 0:
                    return -1
                i = after + 6
                break
            if c < 0x80:
                return -1
            i = utf8_end(d, after)
            if i < 0:
                return -1
            break


cdef inline Py_ssize_t number_end(Bytes d, Py_ssize_t i) noexcept nogil:
    if d[i] == c'-':
        i += 1
    if d[i] == c'0':
        i += 1
    elif c'1' <= d[i] <= c'9':
        while c'0' <= d[i] <= c'9':
            i += 1
    else:
        return -1
    if d[i] == c'.':
        i += 1
        if not c'0' <= d[i] <= c'9':
            return -1
        while c'0' <= d[i] <= c'9':
            i += 1
    if d[i] == c'e' or d[i] == c'E':
        i += 1
        if d[i] == c'+' or d[i] == c'-':
            i += 1
        if not c'0' <= d[i] <= c'9':
            return -1
        while c'0' <= d[i] <= c'9':
            i += 1
    return i


cdef inline Py_ssize_t colon_end(
    Bytes d, Py_ssize_t i, Py_ssize_t length, Py_ssize_t* size
) noexcept nogil:
    """Takes a key of ``size`` bytes and its colon; the result is where the value starts."""
    cdef Py_ssize_t start = i + 1
    if d[i] != c'"':
        return -1
    i = string_end(d, start, length)
    if i < 0:
        return -1
    size[0] = i - 1 - start
    i = after_space(d, i)
    return after_space(d, i + 1) if d[i] == c':' else -1


cdef inline Py_ssize_t value_end(
    Bytes d, Py_ssize_t i, Py_ssize_t length, int depth
) noexcept nogil:
    """``depth`` containers are open around the value."""
    cdef unsigned char c = d[i]
    cdef Py_ssize_t size
    if c == c'"':
        return string_end(d, i + 1, length)
    if c == c'{':
        if depth == DEPTH_MAX:
            return -1
        i = after_space(d, i + 1)
        if d[i] == c'}':
            return i + 1
        while True:
            i = colon_end(d, i, length, &size)
            if i < 0:
                return -1
            i = value_end(d, i, length, depth + 1)
            if i < 0:
                return -1
            i = after_space(d, i)
            if d[i] != c',':
                return i + 1 if d[i] == c'}' else -1
            i = after_space(d, i + 1)
    if c == c'[':
        if depth == DEPTH_MAX:
            return -1
        i = after_space(d, i + 1)
        if d[i] == c']':
            return i + 1
        while True:
            i = value_end(d, i, length, depth + 1)
            if i < 0:
                return -1
            i = after_space(d, i)
            if d[i] != c',':
                return i + 1 if d[i] == c']' else -1
            i = after_space(d, i + 1)
    # One byte after the other, so that the NUL at the end stops the comparison.
    if c == c't':
        return i + 4 if d[i + 1] == c'r' and d[i + 2] == c'u' and d[i + 3] == c'e' else -1
    if c == c'n':
        return i + 4 if d[i + 1] == c'u' and d[i + 2] == c'l' and d[i + 3] == c'l' else -1
    if c == c'f':
        if d[i + 1] == c'a' and d[i + 2] == c'l' and d[i + 3] == c's' and d[i + 4] == c'e':
            return i + 5
        return -1
    return number_end(d, i)
