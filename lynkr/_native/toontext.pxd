# What TOON says about single strings, keys and numbers; at memory speed where SSE2 is to be had.

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    #include <stdint.h>

    /* What a string's first byte may mean in TOON: 1 it must be quoted, 2 it may look like a
       number, 3 it may be true, false or null. */
    static const unsigned char first_class[256] = {
        ['-'] = 1, ['#'] = 1, [' '] = 1, ['+'] = 2, ['0'] = 2, ['1'] = 2, ['2'] = 2, ['3'] = 2,
        ['4'] = 2, ['5'] = 2, ['6'] = 2, ['7'] = 2, ['8'] = 2, ['9'] = 2,
        ['t'] = 3, ['f'] = 3, ['n'] = 3,
    };

    /* Copies n bytes; the result is whether one of them is among :[]{} or the delimiter. Up to 15
       bytes more are written; nothing at or after end is read. */
    static inline int copy_text(
        char *out, const char *in, Py_ssize_t n, const char *end, char delimiter)
    {
        int special = 0;
    #if defined(__SSE2__)
        const __m128i bit = _mm_set1_epi8(0x20), opening = _mm_set1_epi8('{');
        const __m128i closing = _mm_set1_epi8('}'), colon = _mm_set1_epi8(':');
        const __m128i between = _mm_set1_epi8(delimiter);
        while (n > 0 && end - in >= 16) {
            __m128i text = _mm_loadu_si128((const __m128i *)in);
            __m128i folded = _mm_or_si128(text, bit);  /* [ becomes {, and ] becomes } */
            unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(folded, opening), _mm_cmpeq_epi8(folded, closing)),
                _mm_or_si128(_mm_cmpeq_epi8(text, colon), _mm_cmpeq_epi8(text, between))));
            _mm_storeu_si128((__m128i *)out, text);
            if (n < 16) found &= (1u << n) - 1;
            special |= (int)found;
            in += 16;
            out += 16;
            n -= 16;
        }
    #endif
        for (; n > 0; n--, in++, out++) {
            char each = *in;
            *out = each;
            special |= (each | 0x20) == '{' || (each | 0x20) == '}' || each == ':'
                || each == delimiter;
        }
        return special;
    }

    /* Copies a key of n > 0 bytes; the result is whether it may stand without quotes. Bounds as
       above. */
    static inline int copy_key(char *out, const char *in, Py_ssize_t n, const char *end) {
        int odd = (unsigned char)((*in | 0x20) - 'a') > 25 && *in != '_';
    #if defined(__SSE2__)
        const __m128i bit = _mm_set1_epi8(0x20), a = _mm_set1_epi8('a'), zero = _mm_set1_epi8('0');
        const __m128i letters = _mm_set1_epi8(25), digits = _mm_set1_epi8(9);
        const __m128i line = _mm_set1_epi8('_'), dot = _mm_set1_epi8('.');
        while (n > 0 && end - in >= 16) {
            __m128i text = _mm_loadu_si128((const __m128i *)in);
            __m128i letter = _mm_sub_epi8(_mm_or_si128(text, bit), a);
            __m128i digit = _mm_sub_epi8(text, zero);
            unsigned fine = (unsigned)_mm_movemask_epi8(_mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, letters), letter),
                             _mm_cmpeq_epi8(_mm_min_epu8(digit, digits), digit)),
                _mm_or_si128(_mm_cmpeq_epi8(text, line), _mm_cmpeq_epi8(text, dot))));
            unsigned wanted = n < 16 ? (1u << n) - 1 : 0xffff;
            _mm_storeu_si128((__m128i *)out, text);
            odd |= (fine & wanted) != wanted;
            in += 16;
            out += 16;
            n -= 16;
        }
    #endif
        for (; n > 0; n--, in++, out++) {
            char each = *in;
            *out = each;
            odd |= (unsigned char)((each | 0x20) - 'a') > 25 && (unsigned char)(each - '0') > 9
                && each != '_' && each != '.';
        }
        return !odd;
    }

    static inline int same_bytes(const char *one, const char *other, Py_ssize_t n) {
        uint64_t a, b;
        for (; n >= 8; n -= 8, one += 8, other += 8) {
            memcpy(&a, one, 8);
            memcpy(&b, other, 8);
            if (a != b) return 0;
        }
        if (n >= 4) {
            uint32_t c, d;
            memcpy(&c, one, 4);
            memcpy(&d, other, 4);
            if (c != d) return 0;
            n -= 4;
            one += 4;
            other += 4;
        }
        for (; n > 0; n--) if (*one++ != *other++) return 0;
        return 1;
    }

    static inline uint64_t mixed(uint64_t hash, uint64_t part) {
        hash = (hash ^ part) * 0xff51afd7ed558ccdu;
        return hash ^ (hash >> 32);
    }

    /* Of n > 1 bytes; the last eight may be taken twice. */
    static inline uint64_t hash_of(const char *text, Py_ssize_t n) {
        uint64_t hash = (uint64_t)n * 0x9e3779b97f4a7c15u, part;
        uint32_t four, last_four;
        uint16_t two, last_two;
        if (n >= 8) {
            const char *last = text + n - 8;
            for (; text < last; text += 8) {
                memcpy(&part, text, 8);
                hash = mixed(hash, part);
            }
            memcpy(&part, last, 8);
        } else if (n >= 4) {
            memcpy(&four, text, 4);
            memcpy(&last_four, text + n - 4, 4);
            part = (uint64_t)four << 32 | last_four;
        } else {
            memcpy(&two, text, 2);
            memcpy(&last_two, text + n - 2, 2);
            part = (uint64_t)two << 16 | last_two;
        }
        return mixed(hash, part);
    }
    """
    const unsigned char* first_class
    int copy_text(
        char* out, const char* text, Py_ssize_t n, const char* end, char delimiter
    ) noexcept
    bint copy_key(char* out, const char* text, Py_ssize_t n, const char* end) noexcept
    bint same_bytes(const char* one, const char* other, Py_ssize_t n) noexcept
    unsigned long hash_of(const char* text, Py_ssize_t n) noexcept


cdef struct Span:
    Py_ssize_t start         # of a key, in a buffer that the caller knows
    int size
    int line                 # where it stands, for messages

# Whether TOON 7.2 calls the text numeric-like: also 05 and +1.
cdef bint like_number(const char* at, const char* end) noexcept

# Writes the JSON number between ``at`` and ``end`` in TOON's canonical form, 2. ``out`` has room
# for as many bytes and 64 more.
cdef char* canonical_number(const char* at, const char* end, char* out) except NULL

# Index of a key that is equal to an earlier one, or -1.
cdef int repeated_key(const char* base, const Span* keys, int count) except -2

cdef inline bint ambiguous(const char* text, Py_ssize_t n) noexcept:
    """Whether a string would be read as something else, apart from special bytes inside it."""
    cdef int kind
    if n == 0 or text[n - 1] == c' ':
        return True
    kind = first_class[<unsigned char>text[0]]
    if kind == 0:
        return False
    if kind == 1:
        return True
    if kind == 2:
        return like_number(text, text + n)
    if n == 4:
        return same_bytes(text, "true", 4) or same_bytes(text, "null", 4)
    return n == 5 and same_bytes(text, "false", 5)
