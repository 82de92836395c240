# The texts that stand at one place of every row, compared and cut. Knows bytes, never meanings.

cdef enum:
    STEPS_MAX = 64           # places tried for one cut
    SEARCHES_MAX = 24        # texts looked for in one column
    PIVOT_MAX = 256          # bytes of the shortest cell in which they are found
    TRIES_MAX = 4            # occurrences of one text looked at in one cell
    ANCHOR_MIN = 5           # bytes of a text that is worth a comma per row
    LONG_MIN = 400           # bytes of a cell whose column stays whole: it is prose or code
    WORD_MIN = 3             # letters of one word in it
    DIGITS_MAX = 15          # of a number that may count rows
    COUNTED_MIN = 5          # rows for which a counter is worth its line in the head

cdef struct Cell:
    const char* at           # NULL: the row has none
    int size

cdef struct Counter:         # first, first + step, ...; padded with zeros to ``width``
    long long first
    long long step
    int width

# 1: letters and beyond ASCII, 2: digits, 0: each byte for itself.
cdef int kind_of(char byte) noexcept
cdef bint same(Cell* one, Cell* other) noexcept
cdef bint all_same(Cell* cells, int count) noexcept
# Bytes that all cells begin (way 1) or end (way -1) with, from ``places`` (NULL: their first or
# last byte) up to ``limits`` (NULL: their ends), not cutting an escape, a word or a number.
cdef int shared(Cell* cells, int count, int* places, int* limits, int way) noexcept
# The next text that stands in all cells at or after ``places``. ``token`` walks the cell ``pivot``
# and ``searches`` counts; ``starts`` and ``ends`` are where it was found. False: no more.
cdef bint next_anchor(
    Cell* cells, int count, int pivot, int* token, int* searches, int* places, int* starts,
    int* ends
) noexcept
# Whether the ``way`` (1: leading, -1: trailing, 0: all) digits of the cells count the rows.
cdef bint counts(Cell* cells, int count, int way, Counter* counter) noexcept
cdef int digits(Cell* cell, int way) noexcept
