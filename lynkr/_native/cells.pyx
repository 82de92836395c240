# cython: boundscheck=False, wraparound=False, cdivision=True
"""What the cells of one column have in common: prefix, suffix, texts inside, a running number.

A cell is the inside of a JSON string as it is written (or a number). It is cut only between words,
numbers and marks, since a cut inside one costs tokens, and never inside an escape. All work is
bounded per column by the constants in the blueprint, so it grows with the bytes and not faster.
The slow twin is ``tests/native/reference_cells.py``.
"""

from libc.string cimport memcmp

cdef extern from "string.h":
    void* memmem(const void* text, size_t size, const void* what, size_t length) noexcept nogil


cdef inline int _kind(char byte) noexcept:
    if c'0' <= byte <= c'9':
        return 2
    return 1 if c'a' <= (byte | 0x20) <= c'z' or <unsigned char>byte >= 0x80 else 0


cdef int kind_of(char byte) noexcept:
    return _kind(byte)


cdef bint same(Cell* one, Cell* other) noexcept:
    if one.at == NULL or other.at == NULL:
        return one.at == other.at
    return one.size == other.size and memcmp(one.at, other.at, <size_t>one.size) == 0


cdef bint all_same(Cell* cells, int count) noexcept:
    cdef int i
    for i in range(1, count):
        if not same(&cells[0], &cells[i]):
            return False
    return True


cdef inline bint _escapes(const char* text, int at) noexcept:
    """The byte at ``at`` is a backslash that begins an escape."""
    cdef int run = 0
    while at - run >= 0 and text[at - run] == c'\\':
        run += 1
    return run % 2 == 1


cdef inline bint _cuttable(Cell* cell, int at) noexcept:
    """``at`` is neither in an escape nor in a word or number."""
    cdef int k, kind
    cdef const char* text = cell.at
    if at == 0 or at == cell.size:
        return True
    if text[at - 1] == c'\\' and _escapes(text, at - 1):
        return False
    for k in range(1, 5):
        if at - k >= 1 and text[at - k] == c'u' and _escapes(text, at - k - 1):
            return False
    if at >= 2 and text[at - 2] == c'\\' and _escapes(text, at - 2):
        return True
    kind = _kind(text[at - 1])
    return kind == 0 or kind != _kind(text[at])


cdef int shared(Cell* cells, int count, int* places, int* limits, int way) noexcept:
    cdef int i, k, size, room, at, step
    cdef const char* first = cells[0].at
    cdef const char* text
    cdef bint all_cut
    if way > 0:
        first += places[0] if places != NULL else 0
        size = cells[0].size - (places[0] if places != NULL else 0)
        for i in range(1, count):
            at = places[i] if places != NULL else 0
            room = cells[i].size - at
            size = room if room < size else size
            text = cells[i].at + at
            k = 0
            while k < size and text[k] == first[k]:
                k += 1
            size = k
    else:
        first += (places[0] if places != NULL else cells[0].size) - 1
        size = (places[0] if places != NULL else cells[0].size)
        size -= limits[0] if limits != NULL else 0
        for i in range(1, count):
            at = places[i] if places != NULL else cells[i].size
            room = at - (limits[i] if limits != NULL else 0)
            size = room if room < size else size
            text = cells[i].at + at - 1
            k = 0
            while k < size and text[-k] == first[-k]:
                k += 1
            size = k
    for step in range(STEPS_MAX):
        if size <= 0:
            return 0
        all_cut = True
        for i in range(count):
            at = places[i] if places != NULL else 0 if way > 0 else cells[i].size
            if not _cuttable(&cells[i], at + way * size):
                all_cut = False
                break
        if all_cut:
            return size
        size -= 1
    return 0


cdef int _find(Cell* cell, const char* token, int size, int at) noexcept:
    """Where the token stands by itself, at or after ``at``, or -1."""
    cdef int i
    cdef const char* found
    for i in range(TRIES_MAX):
        if cell.size - at < size:
            return -1
        found = <const char*>memmem(
            cell.at + at, <size_t>(cell.size - at), token, <size_t>size
        )
        if found == NULL:
            return -1
        at = <int>(found - cell.at)
        if _cuttable(cell, at) and _cuttable(cell, at + size):
            return at
        at += 1
    return -1


cdef bint _has_word(const char* text, int size) noexcept:
    cdef int i, run = 0
    for i in range(size):
        run = run + 1 if _kind(text[i]) == 1 else 0
        if run == WORD_MIN:
            return True
    return False


cdef bint next_anchor(
    Cell* cells, int count, int pivot, int* token, int* searches, int* places, int* starts,
    int* ends
) noexcept:
    cdef int i, begin, end, kind, ahead, after
    cdef int size = cells[pivot].size if cells[pivot].size < PIVOT_MAX else PIVOT_MAX
    cdef const char* text = cells[pivot].at
    while token[0] < size:
        begin = token[0]
        end = begin + 1
        kind = _kind(text[begin])
        while end < size and _kind(text[end]) == kind:
            end += 1
        token[0] = end
        if end - begin < (2 if kind else 3) or begin < places[pivot]:
            continue
        searches[0] += 1
        if searches[0] > SEARCHES_MAX:
            return False
        for i in range(count):
            starts[i] = _find(&cells[i], text + begin, end - begin, places[i])
            if starts[i] < 0:
                break
            ends[i] = starts[i] + end - begin
        else:
            after = shared(cells, count, ends, NULL, 1)
            ahead = shared(cells, count, starts, places, -1)
            if end - begin + ahead + after < ANCHOR_MIN:
                continue
            if not _has_word(cells[0].at + starts[0] - ahead, end - begin + ahead + after):
                continue
            for i in range(count):
                starts[i] -= ahead
                ends[i] += after
            return True
    return False


cdef int digits(Cell* cell, int way) noexcept:
    cdef int size = 0
    if way >= 0:
        while size < cell.size and _kind(cell.at[size]) == 2:
            size += 1
    else:
        while size < cell.size and _kind(cell.at[cell.size - 1 - size]) == 2:
            size += 1
    return size


cdef inline long long _number(Cell* cell, int way, int* size) noexcept:
    """The number that the digits say, or -1."""
    cdef int i
    cdef long long number = 0
    cdef const char* text
    size[0] = digits(cell, way) if cell.at != NULL else 0
    if size[0] == 0 or size[0] > DIGITS_MAX or (way == 0 and size[0] != cell.size):
        return -1
    text = cell.at + (cell.size - size[0] if way < 0 else 0)
    for i in range(size[0]):
        number = number * 10 + (text[i] - c'0')
    return number


cdef bint counts(Cell* cells, int count, int way, Counter* counter) noexcept:
    cdef int i, size
    cdef long long number, wanted
    cdef const char* text
    if count < COUNTED_MIN:
        return False
    number = _number(&cells[0], way, &size)
    if number < 0:
        return False
    counter.first = number
    text = cells[0].at + (cells[0].size - size if way < 0 else 0)
    counter.width = size if size > 1 and text[0] == c'0' else 0
    number = _number(&cells[1], way, &size)
    counter.step = number - counter.first
    if number < 0 or counter.step < 1:
        return False
    wanted = counter.first
    for i in range(count):
        number = _number(&cells[i], way, &size)
        if number != wanted:
            return False
        text = cells[i].at + (cells[i].size - size if way < 0 else 0)
        if size < counter.width or (size > counter.width and size > 1 and text[0] == c'0'):
            return False
        wanted += counter.step
    return True
