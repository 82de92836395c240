# cython: boundscheck=False, wraparound=False, cdivision=True
"""Token counts of UTF-8 text, as o200k_base would count them, without its vocabulary.

The text is cut into pieces by the pattern of o200k_base: words with the one character before them,
up to three digits, punctuation, blanks. A piece that is a token counts one; any other is merged
pair by pair, lowest rank first, as BPE does. Which bytes are a token, and its rank, is looked up by
hash in ``o200k.bin`` (``scripts/token_table.py`` makes it), so a count can differ from the exact
one: where a foreign hash is taken for a token (about 1 in 4,000 lookups), where two ranks less than
4 apart compete, and where a piece is longer than PIECE_BYTES_MAX and is cut.

The table is mapped into memory on first use: a worker that counts nothing does not have it, and
all workers share its pages. A count depends on nothing but the bytes.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int16_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memmove

from lynkr._native.escapes cimport unescaped

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "o200k.bin is little-endian"
    #endif
    """
    int __builtin_ctzll(unsigned long long) nogil

cdef enum Class:
    OTHER                # punctuation, symbols, controls
    UPPER
    LOWER
    CASELESS             # letters of scripts without case, and modifiers
    MARK                 # combining: part of a word, and yet no letter
    NUMBER
    SPACE
    NEWLINE              # CR and LF: spaces that end lines
    WIDE                 # the first byte of a character that is not ASCII

cdef enum:
    HEADER_BYTES = 64
    SLOTS = 16
    NONE = 0xFFFF        # no rank: not a token
    TOKEN_BYTES_MAX = 128
    # Merging is quadratic in a piece. A longer one is counted in parts, one token off at most for
    # each cut.
    PIECE_BYTES_MAX = 256
    REMEMBERED = 4096

cdef uint64_t LANES = 0x0001000100010001
cdef uint64_t HIGHS = 0x8000800080008000
cdef uint64_t LOW_BITS = 0x7F7F7F7F7F7F7F7F
cdef uint64_t FROM_A = 0x1F1F1F1F1F1F1F1F      # added to a byte, sets its top bit from a on
cdef uint64_t FROM_BRACE = 0x0505050505050505  # the same from { on
cdef uint64_t TOP_BITS = 0x8080808080808080

cdef unsigned char CLASSES[256]
cdef const unsigned char* BUCKETS = NULL
cdef const unsigned char* INDEX = NULL
cdef const unsigned char* BLOCKS = NULL
cdef uint64_t BUCKET_COUNT = 0
# Pieces that had to be merged, by hash, with their count in the low byte: identifiers come again.
cdef uint64_t SEEN[REMEMBERED]


def _fill_classes():
    cdef int byte
    for byte in range(256):
        if byte >= 128:
            CLASSES[byte] = WIDE
        elif c'A' <= byte <= c'Z':
            CLASSES[byte] = UPPER
        elif c'a' <= byte <= c'z':
            CLASSES[byte] = LOWER
        elif c'0' <= byte <= c'9':
            CLASSES[byte] = NUMBER
        elif byte == c'\r' or byte == c'\n':
            CLASSES[byte] = NEWLINE
        else:
            CLASSES[byte] = SPACE if byte == c' ' or 9 <= byte <= 12 else OTHER


_fill_classes()


cdef int load() except -1:
    """Map the table. Raises ``OSError`` where it is missing, ``ValueError`` if it is another."""
    global BUCKETS, INDEX, BLOCKS, BUCKET_COUNT
    import mmap
    from pathlib import Path

    with Path(__file__).with_name("o200k.bin").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    cdef uint32_t header[4]
    cdef Py_buffer view
    cdef const unsigned char* start
    PyObject_GetBuffer(mapped, &view, PyBUF_SIMPLE)
    start = <const unsigned char*>view.buf
    memcpy(header, start + 8, sizeof(header))
    if mapped[:8] != b"o200k\0\0\0" or header[0] != 1 or view.len != (
        HEADER_BYTES + 64 * <Py_ssize_t>header[1] + header[2] + 128 * <Py_ssize_t>header[3]
    ):
        PyBuffer_Release(&view)
        raise ValueError("o200k.bin is not the table of this version")
    # The view is never released: it keeps the mapping where it is.
    INDEX = start + HEADER_BYTES + 64 * <Py_ssize_t>header[1]
    BLOCKS = INDEX + header[2]
    BUCKET_COUNT = header[1]
    BUCKETS = start + HEADER_BYTES
    return 0


cdef inline uint64_t load64(const unsigned char* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint64_t hashed(
    const unsigned char* text, Py_ssize_t length, const unsigned char* end
) noexcept nogil:
    """``hashed`` of scripts/token_table.py. ``end``: up to where bytes may be read."""
    cdef uint64_t word = 0
    cdef Py_ssize_t at
    if length <= 8:
        if end - text >= 8:
            word = load64(text) & (~<uint64_t>0 >> (64 - 8 * length))
        else:
            memcpy(&word, text, <size_t>length)
    else:
        at = 0
        while at < length - 8:
            word ^= load64(text + at)
            word *= <uint64_t>0x9E3779B97F4A7C15
            word ^= word >> 29
            at += 8
        word ^= load64(text + length - 8)
    word = (word ^ <uint64_t>length * <uint64_t>0xD6E8FEB86659FD93) * <uint64_t>0xFF51AFD7ED558CCD
    word ^= word >> 32
    word *= <uint64_t>0xC4CEB9FE1A85EC53
    return word ^ word >> 29


cdef inline uint32_t rank_of(uint64_t value) noexcept nogil:
    """The rank, divided by 4, of the token with this hash, or NONE."""
    cdef uint64_t bucket = (value >> 32) * BUCKET_COUNT >> 32
    cdef uint64_t mark = value & 0xFFFF
    cdef uint64_t word
    cdef const unsigned char* row
    cdef int part
    cdef uint16_t rank
    if mark == 0:
        mark = 1
    mark *= LANES
    while True:
        row = BUCKETS + bucket * 64
        for part in range(4):
            # Four fingerprints at a time: the lowest lane that becomes zero is the first match.
            word = load64(row + 8 * part) ^ mark
            word = (word - LANES) & ~word & HIGHS
            if word:
                memcpy(&rank, row + 32 + 8 * part + 2 * (__builtin_ctzll(word) >> 4), 2)
                return rank
        if row[30] == 0 and row[31] == 0:
            return NONE
        bucket += 1
        if bucket == BUCKET_COUNT:
            bucket = 0


cdef inline uint32_t rank_between(
    const unsigned char* start, const unsigned char* stop, const unsigned char* end
) noexcept nogil:
    return NONE if stop - start > TOKEN_BYTES_MAX else rank_of(hashed(start, stop - start, end))


cdef inline int16_t signed_rank(uint32_t rank) noexcept nogil:
    """Ranks in the order of signed numbers: SSE2 finds the least of those, eight at a time."""
    return <int16_t>(<int>rank - 0x8000)


cdef Py_ssize_t merged(
    const unsigned char* text, Py_ssize_t length, const unsigned char* end
) noexcept nogil:
    """Tokens of a piece of 2 to PIECE_BYTES_MAX bytes, by byte pair encoding."""
    cdef uint16_t starts[PIECE_BYTES_MAX + 1]
    cdef int16_t ranks[PIECE_BYTES_MAX + 1]  # of each part joined with the next
    cdef Py_ssize_t parts = length
    cdef Py_ssize_t at, best
    cdef int16_t lowest
    cdef uint32_t joined
    for at in range(length + 1):
        starts[at] = <uint16_t>at
    for at in range(length - 1):
        ranks[at] = signed_rank(rank_of(hashed(text + at, 2, end)))
    while parts > 1:
        lowest = signed_rank(NONE)
        for at in range(parts - 1):
            lowest = ranks[at] if ranks[at] < lowest else lowest
        if lowest == signed_rank(NONE):
            break
        best = 0
        while ranks[best] != lowest:
            best += 1
        parts -= 1
        memmove(starts + best + 1, starts + best + 2, <size_t>(2 * (parts - best)))
        memmove(ranks + best, ranks + best + 1, <size_t>(2 * (parts - best)))
        if best < parts - 1:
            joined = rank_between(text + starts[best], text + starts[best + 2], end)
            ranks[best] = signed_rank(joined)
        if best > 0:
            joined = rank_between(text + starts[best - 1], text + starts[best + 1], end)
            ranks[best - 1] = signed_rank(joined)
    return parts


cdef Py_ssize_t in_parts(
    const unsigned char* text, Py_ssize_t length, const unsigned char* end
) noexcept nogil:
    """Tokens of a long piece, cut between characters."""
    cdef Py_ssize_t tokens = 0
    cdef Py_ssize_t cut
    while length > 0:
        cut = min(length, PIECE_BYTES_MAX)
        if cut < length:
            while cut > PIECE_BYTES_MAX - 3 and text[cut] & 0xC0 == 0x80:
                cut -= 1
        tokens += merged(text, cut, end)
        text += cut
        length -= cut
    return tokens


cdef inline Py_ssize_t piece(
    const unsigned char* text, Py_ssize_t length, const unsigned char* end
) noexcept nogil:
    """Tokens of one piece."""
    cdef uint64_t value
    cdef uint64_t* seen
    cdef Py_ssize_t tokens
    if length == 1:
        return 1
    if length > PIECE_BYTES_MAX:
        return in_parts(text, length, end)
    value = hashed(text, length, end)
    if length <= TOKEN_BYTES_MAX and rank_of(value) != NONE:
        return 1
    seen = &SEEN[value % REMEMBERED]
    if (seen[0] ^ value) >> 8 == 0 and seen[0] & 0xFF:
        return <Py_ssize_t>(seen[0] & 0xFF)
    tokens = merged(text, length, end)
    if tokens < 256:
        seen[0] = value & ~<uint64_t>0xFF | <uint64_t>tokens
    return tokens


cdef int wide_class(
    const unsigned char* at, const unsigned char* end, Py_ssize_t* length
) noexcept nogil:
    """The class of a character of two to four bytes; a byte that begins none stands for itself."""
    cdef unsigned int code = at[0]
    cdef Py_ssize_t more = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
    cdef unsigned int lowest = 0x80 if more == 1 else 0x800 if more == 2 else 0x10000
    cdef Py_ssize_t position
    length[0] = 1
    if code < 0xC2 or code > 0xF4 or end - at <= more:
        return OTHER
    code &= 0x3F >> more
    for position in range(1, more + 1):
        if at[position] & 0xC0 != 0x80:
            return OTHER
        code = code << 6 | at[position] & 0x3F
    if code < lowest or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return OTHER
    length[0] = more + 1
    return BLOCKS[128 * <Py_ssize_t>INDEX[code >> 8] + (code >> 1 & 0x7F)] >> (4 * (code & 1)) & 0xF


cdef inline int class_at(
    const unsigned char* at, const unsigned char* end, Py_ssize_t* length
) noexcept nogil:
    """The class of the character there, and its bytes; OTHER and 0 at the end."""
    cdef int found
    if at >= end:
        length[0] = 0
        return OTHER
    found = CLASSES[at[0]]
    length[0] = 1
    return found if found != WIDE else wide_class(at, end, length)


cdef inline const unsigned char* contraction(
    const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """Behind an English ``'s``, ``'t``, ``'re`` and so on, or where it was."""
    cdef unsigned char first, second
    if end - at < 2 or at[0] != c"'":
        return at
    first = at[1] | 0x20
    if first == c's' or first == c't' or first == c'm' or first == c'd':
        return at + 2
    if end - at < 3:
        return at
    second = at[2] | 0x20
    if (first == c'r' or first == c'v') and second == c'e' or first == c'l' and second == c'l':
        return at + 3
    return at


cdef inline const unsigned char* word(
    const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """The end of a word that begins here, capitals first and then small letters, or NULL."""
    cdef const unsigned char* start = at
    cdef const unsigned char* shared = NULL  # behind the last letter that is neither
    cdef Py_ssize_t length
    cdef int found = class_at(at, end, &length)
    while found == UPPER or found == CASELESS or found == MARK:
        at += length
        if found != UPPER:
            shared = at
        found = class_at(at, end, &length)
    if found == LOWER:
        while found == LOWER or found == CASELESS or found == MARK:
            at += length
            found = class_at(at, end, &length)
    elif shared != NULL:
        at = shared
    elif at == start:
        return NULL
    return contraction(at, end)


cdef inline Py_ssize_t small_letters(const unsigned char* text) noexcept nogil:
    """How many of eight bytes are a to z, up to the first that is not."""
    cdef uint64_t word = load64(text)
    cdef uint64_t plain = word & LOW_BITS
    word = ~((plain + FROM_A) & ~(plain + FROM_BRACE) & ~word) & TOP_BITS
    return __builtin_ctzll(word) >> 3 if word else 8


cdef inline const unsigned char* plain_word(
    const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """The end of an ASCII word as most are: any character, a capital, small letters; or NULL.

    Eight bytes at a time: word lengths are what a branch predictor cannot guess.
    """
    cdef Py_ssize_t length, run
    cdef int found = CLASSES[at[0]]
    if found == NEWLINE or found == NUMBER or found == WIDE:
        return NULL
    at += found == OTHER or found == SPACE
    at += at[0] >= c'A' and at[0] <= c'Z'
    length = 0
    run = 8
    while run == 8:
        if end - at < 16:
            return NULL
        run = small_letters(at)
        at += run
        length += run
    if length == 0 or at[0] >= 0x80:
        return NULL
    return contraction(at, end)


cdef const unsigned char* piece_end(
    const unsigned char* start, const unsigned char* end
) noexcept nogil:
    """The end of the piece that begins here: the alternatives of the pattern, in their order."""
    cdef Py_ssize_t length
    cdef int found = class_at(start, end, &length)
    cdef const unsigned char* at = start + length
    cdef const unsigned char* behind
    if found == UPPER or found == LOWER or found == CASELESS or found == MARK:
        return word(start, end)
    if found == NUMBER:
        if class_at(at, end, &length) == NUMBER:
            at += length
            if class_at(at, end, &length) == NUMBER:
                at += length
        return at
    if found != NEWLINE:
        behind = word(at, end)
        if behind != NULL:
            return behind
    if found == OTHER or start[0] == c' ':
        behind = punctuation(start + (found == SPACE), end)
        if behind != NULL:
            return behind
    return blanks(start, end)


cdef inline const unsigned char* punctuation(
    const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """The end of a run of symbols and of the line ends and slashes behind it, or NULL."""
    cdef const unsigned char* start = at
    cdef Py_ssize_t length
    cdef int found = class_at(at, end, &length)
    while length and (found == OTHER or found == MARK):
        at += length
        found = class_at(at, end, &length)
    if at == start:
        return NULL
    while at < end and (at[0] == c'\r' or at[0] == c'\n' or at[0] == c'/'):
        at += 1
    return at


cdef const unsigned char* blanks(
    const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """The end of a run of blanks: its last line end, or all but the blank before what follows."""
    cdef const unsigned char* start = at
    cdef const unsigned char* line_end = NULL
    cdef Py_ssize_t length
    cdef Py_ssize_t last = 0
    cdef int found = class_at(at, end, &length)
    while length and (found == SPACE or found == NEWLINE):
        at += length
        last = length
        if found == NEWLINE:
            line_end = at
        found = class_at(at, end, &length)
    if line_end != NULL:
        return line_end
    return at if at == end or at - last == start else at - last


cdef Py_ssize_t count_bytes(const unsigned char* text, Py_ssize_t length) except -1:
    cdef const unsigned char* end = text + length
    cdef const unsigned char* behind
    cdef Py_ssize_t tokens = 0
    if BUCKETS == NULL:
        load()
    while text < end:
        behind = plain_word(text, end) if end - text > 16 else NULL
        if behind == NULL:
            behind = piece_end(text, end)
        tokens += piece(text, behind - text, end)
        text = behind
    return tokens


cdef Py_ssize_t count_json(
    const unsigned char* text, Py_ssize_t length, bint escaped
) except -1:
    cdef unsigned char* plain
    if not escaped or memchr(text, c'\\', <size_t>length) == NULL:
        return count_bytes(text, length)
    plain = <unsigned char*>PyMem_Malloc(<size_t>length)
    if plain == NULL:
        raise MemoryError
    try:
        return count_bytes(plain, unescaped(text, text + length, plain))
    finally:
        PyMem_Free(plain)


def count(data):
    """Tokens of a text in UTF-8; 0 only for the empty one. Bytes that are no UTF-8 count too.

    Raises ``OSError`` if the table is missing, ``ValueError`` if it is of another version.
    """
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return count_bytes(<const unsigned char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


def count_span(body, Py_ssize_t start, Py_ssize_t end, bint escaped):
    """Tokens of what the JSON string in ``body[start:end]``, without its quotes, stands for.

    ``escaped``: whether it may hold a backslash. Raises ``ValueError`` for a span that does not lie
    in the body, and what ``count`` raises.
    """
    cdef Py_buffer view
    PyObject_GetBuffer(body, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= end <= view.len:
            raise ValueError(f"{start}:{end} is no span of {view.len} bytes")
        return count_json(<const unsigned char*>view.buf + start, end - start, escaped)
    finally:
        PyBuffer_Release(&view)
