# One JSON text as a flat array of nodes that point into it. Knows bytes, never meanings.

cdef enum:
    DEPTH_MAX = 256          # containers inside one another; beyond that a text is refused
    NODES_KEPT = 1 << 16     # nodes a tape keeps room for between texts: 1.3 MB

cdef enum Kind:
    OBJECT = 1
    ARRAY
    STRING
    NUMBER
    TRUE
    FALSE
    NOTHING                  # null
    KEY                      # a member's name; its value's nodes follow

cdef struct Node:
    char kind                # a Kind
    char escaped             # STRING, KEY: there is a backslash in it
    char plain               # NUMBER: no exponent, no zero to drop, 1e-6 <= |n| < 1e21 or 0
    int start                # in the source; a string's opening quote
    int end                  # one past the last byte; past a string's closing quote
    int size                 # OBJECT: members, ARRAY: elements, otherwise 0
    int next                 # index of the node after this subtree; a KEY's includes its value

cdef class Tape:
    cdef Node* nodes         # in document order; nodes[0] is the whole value
    cdef int used
    cdef int room
    # Reads one JSON text. ``data`` is borrowed: nodes hold offsets into it. The nodes are valid
    # until the next parse. Raises ValueError, saying where, for what RFC 8259 does not allow.
    cdef int parse(self, const char* data, Py_ssize_t length) except -1
    cdef int _grow(self) except -1

# Code unit that the four hexadecimal digits at ``text`` spell, or -1.
cdef int unit_of(const char* text) noexcept
# Bytes of the minimal form of the string (or key) ``node``, quotes included, written to ``out``,
# which has room for as many bytes as the node: what can stand for itself does, the short escapes
# are used where there is one, and lone surrogates stay escapes.
cdef Py_ssize_t minimal(const char* data, Node* node, char* out) noexcept
# One code point as it stands inside a JSON string, 1 to 6 bytes, escaped only if it must be.
cdef int put_escaped(int point, char* out) noexcept
# The first byte that is not UTF-8, or NULL.
cdef const char* ill_formed(const char* at, const char* end) noexcept

# The first byte at or after ``at`` that ends or changes a JSON string: a quote, a backslash or a
# control character; ``end`` if there is none. ``high`` is set if a byte above 0x7f
# was passed, or stands shortly after.
cdef extern from *:
    """
    #ifndef LYNKR_STRING_STOP
    #define LYNKR_STRING_STOP
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    static inline const char *string_stop(const char *at, const char *end, int *high) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\');
        const __m128i control = _mm_set1_epi8(0x1f);
        while (end - at >= 16) {
            __m128i text = _mm_loadu_si128((const __m128i *)at);
            __m128i stops = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, slash)),
                _mm_cmpeq_epi8(_mm_min_epu8(text, control), text));
            unsigned found = (unsigned)_mm_movemask_epi8(stops);
            *high |= _mm_movemask_epi8(text);
            if (found) return at + __builtin_ctz(found);
            at += 16;
        }
    #endif
        for (; at < end; at++) {
            unsigned char each = (unsigned char)*at;
            if (each == '"' || each == '\\\\' || each < 0x20) break;
            *high |= each > 0x7f;
        }
        return at;
    }
    #endif
    """
    const char* string_stop(const char* at, const char* end, int* high) noexcept nogil
