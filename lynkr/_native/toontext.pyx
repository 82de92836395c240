# cython: boundscheck=False, wraparound=False, cdivision=True
"""What TOON says about single numbers and keys, for its writer and its reader."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

cdef enum:
    PAIRWISE_MAX = 8         # keys up to which each is compared with all before it
    PROBES_MAX = 32          # in the hash table; with half of it empty, chance needs 5
    EXPONENT_DIGITS_MAX = 15


cdef bint like_number(const char* at, const char* end) noexcept:
    cdef const char* start
    if at[0] == c'+' or at[0] == c'-':
        at += 1
    start = at
    while at < end and c'0' <= at[0] <= c'9':
        at += 1
    if at == start:
        return False
    if at < end and at[0] == c'.':
        at += 1
        start = at
        while at < end and c'0' <= at[0] <= c'9':
            at += 1
        if at == start:
            return False
    if at < end and (at[0] | 0x20) == c'e':
        at += 1
        if at < end and (at[0] == c'+' or at[0] == c'-'):
            at += 1
        start = at
        while at < end and c'0' <= at[0] <= c'9':
            at += 1
        if at == start:
            return False
    return at == end


cdef char* canonical_number(const char* at, const char* end, char* out) except NULL:
    cdef const char* written = at
    cdef Py_ssize_t size = end - at
    cdef Py_ssize_t point = 0, count = 0, exponent = 0, zeros
    cdef bint negative = at[0] == c'-', down = False, fraction = False
    cdef char* digits
    cdef bytes power
    # The digits from the first that is not zero, and where the point stands among them.
    out += negative
    digits = out
    at += negative
    while at < end and (at[0] | 0x20) != c'e':
        if at[0] == c'.':
            fraction = True
        elif count or at[0] != c'0':
            digits[count] = at[0]
            count += 1
            point += not fraction
        else:
            point -= fraction
        at += 1
    while count and digits[count - 1] == c'0':
        count -= 1
    if count == 0:
        (out - negative)[0] = c'0'  # -0 is 0
        return out - negative + 1
    if at < end:
        at += 1
        if at[0] == c'+' or at[0] == c'-':
            down = at[0] == c'-'
            at += 1
        while at < end and at[0] == c'0':
            at += 1
        if end - at > EXPONENT_DIGITS_MAX:  # beyond every machine: as it is written
            memcpy(out - negative, written, <size_t>size)
            return out - negative + size
        while at < end:
            exponent = exponent * 10 + (at[0] - c'0')
            at += 1
        point += -exponent if down else exponent
    if negative:
        (out - 1)[0] = c'-'
    # The value is 0.DIGITS times ten to the power of ``point``.
    if -5 <= point <= 0:
        zeros = 2 - point
        memmove(out + zeros, digits, <size_t>count)
        memset(out, c'0', <size_t>zeros)
        out[1] = c'.'
        return out + zeros + count
    if count <= point <= 21:
        memset(out + count, c'0', <size_t>(point - count))
        return out + point
    exponent = point - 1
    if not 0 < point <= 21:
        point = 1
    if count > point:
        memmove(out + point + 1, out + point, <size_t>(count - point))
        out[point] = c'.'
        count += 1
    out += count
    if exponent != point - 1:
        power = b"e%+d" % exponent
        memcpy(out, <const char*>power, <size_t>len(power))
        out += len(power)
    return out


cdef int repeated_key(const char* base, const Span* keys, int count) except -2:
    cdef int* slots
    cdef int size = 4 * PAIRWISE_MAX, slot, i, j, probes
    if count <= PAIRWISE_MAX:
        for i in range(1, count):
            for j in range(i):
                if _same(base, &keys[i], &keys[j]):
                    return i
        return -1
    while size < 2 * count:
        size *= 2
    slots = <int*>calloc(<size_t>size, sizeof(int))  # index + 1, or 0
    if slots == NULL:
        raise MemoryError
    try:
        for i in range(count):
            slot = <int>(hash_of(base + keys[i].start, keys[i].size) & <unsigned long>(size - 1))
            for probes in range(PROBES_MAX):
                if slots[slot] == 0:
                    break
                if _same(base, &keys[i], &keys[slots[slot] - 1]):
                    return i
                slot = (slot + 1) & (size - 1)
            else:  # someone knows our hash
                return _repeated_slowly(base, keys, count)
            slots[slot] = i + 1
        return -1
    finally:
        free(slots)


cdef inline bint _same(const char* base, const Span* one, const Span* other) noexcept:
    return one.size == other.size and same_bytes(base + one.start, base + other.start, one.size)


cdef int _repeated_slowly(const char* base, const Span* keys, int count) except -2:
    cdef int i
    cdef set seen = set()
    for i in range(count):
        seen.add(PyBytes_FromStringAndSize(base + keys[i].start, keys[i].size))
        if len(seen) == i:
            return i
    return -1
