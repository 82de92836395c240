# cython: boundscheck=False, wraparound=False, cdivision=True
"""The nearest of many small vectors, by cosine, found by looking at all of them.

A vector is one int8 per dimension, of any length: only its direction counts. Up to ``exact_max``
vectors are all compared. Among more, the 128 signs of the first dimensions choose first: two
vectors at an angle of 37 degrees (cosine 0.8) differ in a fifth of them, unrelated ones in half. So
the ``candidates`` whose signs differ least are compared, and the rest is not read: 16 bytes a
vector in place of 256 or more. Models of model2vec put the dimensions that say most first (PCA).

Measured on 100,000 questions: see ``Index``, which decides what is searched how.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from lynkr._native.dots cimport SIGNS, choose, dot, fetch, sift

cdef enum:
    LANE = 64                        # bytes that one step of the widest dot product takes
    DIM_MAX = 65536                  # as of a model; its dot products fit 32 bits
    FEW = 32                         # rows up to which numbers are looked up one by one
    COUNT_MAX = 1024                 # neighbours asked for at once
    EXACT_MAX = 512                  # 128 KB: more of it would push the rest out of the L2 cache
    CANDIDATES = 80                  # 10 us; recall@4 0.99 of 100,000, 99 % of those above 0.75
    ROWS_MAX = 0x7fffffff

choose(2)


def use(int level) -> int:
    """For tests: compare with instructions of this level (0 any, 1 AVX2, 2 AVX-512), or of the
    highest below it that this machine has, which is returned."""
    return choose(level)


def quantised(bytes vector not None) -> bytes:
    """A float32 vector as one int8 per dimension, the largest at 127: the cosine of two of them is
    within 0.005 of that of the originals (256 dimensions). Zeros stay zeros.

    Raises ValueError if it is no whole number of float32.
    """
    cdef Py_ssize_t dim = PyBytes_GET_SIZE(vector) // 4
    cdef bytes made
    if PyBytes_GET_SIZE(vector) % 4:
        raise ValueError(f"a vector of {PyBytes_GET_SIZE(vector)} bytes")
    made = PyBytes_FromStringAndSize(NULL, dim)
    quantise(<const float*>PyBytes_AS_STRING(vector), <int8_t*>PyBytes_AS_STRING(made), dim)
    return made


cdef inline float scale_of(const int8_t* cells, Py_ssize_t width) noexcept:
    return inverse_length(dot(cells, cells, width))


cdef inline uint64_t signs(const int8_t* cells, Py_ssize_t start) noexcept:
    """Bit k: whether the value of dimension ``start + k`` is positive."""
    cdef uint64_t bits = 0
    cdef int k
    for k in range(64):
        bits |= <uint64_t>(cells[start + k] > 0) << k
    return bits


cdef Py_ssize_t closest(Candidate* candidates, Py_ssize_t count, Py_ssize_t kept, uint32_t* below):
    """Moves the ``kept`` candidates with the smallest distances to the front; ``below``: the
    distance that another one must stay under to be among them."""
    cdef Py_ssize_t[SIGNS + 2] tally
    cdef Py_ssize_t i, used = 0, room
    cdef uint32_t bar = 0
    if count <= kept:
        return count
    memset(tally, 0, sizeof(tally))
    for i in range(count):
        tally[candidates[i].distance] += 1
    room = kept
    while tally[bar] <= room:
        room -= tally[bar]
        bar += 1
    for i in range(count):
        if candidates[i].distance < bar:
            candidates[used] = candidates[i]
            used += 1
        elif candidates[i].distance == bar and room:
            room -= 1
            candidates[used] = candidates[i]
            used += 1
    below[0] = bar
    return used


cdef inline uint32_t slot_of(uint64_t number, uint32_t mask) noexcept:
    return <uint32_t>((number * <uint64_t>0x9e3779b97f4a7c15) >> 32) & mask


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Vectors:
    """Vectors by number. ``nearest`` takes as long as there are many."""

    def __init__(self, int dim, Py_ssize_t exact_max=EXACT_MAX) -> None:
        if self.dim or not 1 <= dim <= DIM_MAX:
            raise ValueError(f"vectors of {dim} dimensions")
        self.dim = dim
        self.exact_max = exact_max
        self.stride = (dim + LANE - 1) // LANE * LANE

    def __dealloc__(self) -> None:
        while self.block_count > 1:
            self.drop_block()
        free(self.first)
        free(self.rows)
        free(self.low)
        free(self.high)
        free(self.slots)

    def __len__(self) -> int:
        return self.count

    def __contains__(self, uint64_t number) -> bool:
        return self.row_of(number) >= 0

    cdef Py_ssize_t row_of(self, uint64_t number) noexcept:
        cdef Py_ssize_t row
        cdef uint32_t slot
        if self.slots == NULL:
            for row in range(self.count):
                if self.rows[row].number == number:
                    return row
            return -1
        slot = slot_of(number, self.mask)
        while self.slots[slot]:
            row = self.slots[slot] - 1
            if self.rows[row].number == number:
                return row
            slot = (slot + 1) & self.mask
        return -1

    cdef inline int8_t* cells(self, Py_ssize_t row) noexcept:
        return self.blocks[row // BLOCK] + (row % BLOCK) * self.stride

    cdef int grow(self) except -1:
        """Room for one more row, and for its signature where there are any."""
        cdef Py_ssize_t room = self.room
        cdef void* larger
        if self.count == room:
            room += room // 2 + 1
            if room > ROWS_MAX:
                raise MemoryError
            larger = realloc(self.rows, <size_t>room * sizeof(Row))
            if larger == NULL:
                raise MemoryError
            self.rows = <Row*>larger
            self.room = room
        self.grow_cells()
        if self.count >= self.exact_max and self.dim >= SIGNS and self.marked < self.room:
            self.grow_marks()
        return 0

    cdef int grow_cells(self) except -1:
        """No vector moves but those of the first block: moving 25 MB takes 10 ms."""
        cdef Py_ssize_t block = self.count // BLOCK, room = self.first_room
        cdef void* larger
        if block == 0 and self.count == room:
            room = min(room + room // 2 + 1, BLOCK)
            larger = realloc(self.first, <size_t>room * <size_t>self.stride)
            if larger == NULL:
                raise MemoryError
            self.first = <int8_t*>larger
            self.first_room = room
            self.blocks = &self.first
            self.block_count = 1
        elif block == self.block_count:
            larger = realloc(
                NULL if block == 1 else self.blocks, <size_t>(block + 1) * sizeof(int8_t*)
            )
            if larger == NULL:
                raise MemoryError
            self.blocks = <int8_t**>larger
            self.blocks[0] = self.first
            self.blocks[block] = <int8_t*>malloc(<size_t>BLOCK * <size_t>self.stride)
            if self.blocks[block] == NULL:
                if block == 1:
                    free(self.blocks)
                    self.blocks = &self.first
                raise MemoryError
            self.block_count += 1
        return 0

    cdef void drop_block(self) noexcept:
        """Gives up the last of several blocks."""
        self.block_count -= 1
        free(self.blocks[self.block_count])
        if self.block_count == 1:
            free(self.blocks)
            self.blocks = &self.first

    cdef int grow_marks(self) except -1:
        cdef Py_ssize_t row
        cdef void* larger = realloc(self.low, <size_t>self.room * sizeof(uint64_t))
        if larger == NULL:
            raise MemoryError
        self.low = <uint64_t*>larger
        larger = realloc(self.high, <size_t>self.room * sizeof(uint64_t))
        if larger == NULL:
            raise MemoryError
        self.high = <uint64_t*>larger
        if self.marked == 0:
            self.marked = self.room
            for row in range(self.count):
                self.mark(row)
        self.marked = self.room
        return 0

    cdef void mark(self, Py_ssize_t row) noexcept:
        if self.marked:
            self.low[row] = signs(self.cells(row), 0)
            self.high[row] = signs(self.cells(row), 64)

    cdef int index(self) except -1:
        """Makes the table of numbers, at least half of it free."""
        cdef uint32_t size = 4 * FEW
        cdef uint32_t slot
        cdef Py_ssize_t row
        while size < 4 * self.count:
            size *= 2
        free(self.slots)
        self.slots = <uint32_t*>calloc(size, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        self.mask = size - 1
        for row in range(self.count):
            slot = slot_of(self.rows[row].number, self.mask)
            while self.slots[slot]:
                slot = (slot + 1) & self.mask
            self.slots[slot] = <uint32_t>row + 1
        return 0

    cdef void unslot(self, uint64_t number) noexcept:
        """Frees the slot of a number that is there, and closes the gap in the run behind it."""
        cdef uint32_t slot = slot_of(number, self.mask), gap, home
        while self.rows[self.slots[slot] - 1].number != number:
            slot = (slot + 1) & self.mask
        gap = slot
        while True:
            slot = (slot + 1) & self.mask
            if self.slots[slot] == 0:
                break
            home = slot_of(self.rows[self.slots[slot] - 1].number, self.mask)
            # It may move into the gap unless its home lies behind the gap.
            if ((slot - home) & self.mask) >= ((slot - gap) & self.mask):
                self.slots[gap] = self.slots[slot]
                gap = slot
        self.slots[gap] = 0

    cpdef add(self, uint64_t number, bytes vector):
        """Keep a vector, in place of an earlier one of this number.

        Raises ValueError if it has not one byte per dimension.
        """
        cdef Py_ssize_t row
        cdef uint32_t slot
        cdef int8_t* cells
        if vector is None or PyBytes_GET_SIZE(vector) != self.dim:
            raise ValueError(f"not a vector of {self.dim} dimensions")
        row = self.row_of(number)
        if row < 0:
            self.grow()
            if self.count >= FEW and (self.slots == NULL or 2 * self.count > self.mask):
                self.index()
            row = self.count
            self.rows[row].number = number
            memset(self.cells(row), 0, <size_t>self.stride)
            self.count += 1
            if self.slots != NULL:
                slot = slot_of(number, self.mask)
                while self.slots[slot]:
                    slot = (slot + 1) & self.mask
                self.slots[slot] = <uint32_t>row + 1
        cells = self.cells(row)
        fill(cells, PyBytes_AS_STRING(vector), self.dim)
        self.rows[row].scale = scale_of(cells, self.stride)
        self.mark(row)

    cpdef bint remove(self, uint64_t number) except -1:
        """Whether the number was there. The last row takes the place of its row."""
        cdef Py_ssize_t row = self.row_of(number), last = self.count - 1
        cdef uint32_t slot
        if row < 0:
            return False
        if self.slots != NULL:
            self.unslot(number)
        if row != last:
            if self.slots != NULL:
                slot = slot_of(self.rows[last].number, self.mask)
                while self.slots[slot] != <uint32_t>last + 1:
                    slot = (slot + 1) & self.mask
                self.slots[slot] = <uint32_t>row + 1
            self.rows[row] = self.rows[last]
            memcpy(
                self.cells(row), self.cells(last),
                <size_t>self.stride,
            )
            if self.marked:
                self.low[row] = self.low[last]
                self.high[row] = self.high[last]
        self.count = last
        # One that is empty stays, for the next row.
        if self.block_count > 1 and last + BLOCK <= (self.block_count - 1) * BLOCK:
            self.drop_block()
        return True

    def vector(self, uint64_t number):
        """The vector of a number, or None."""
        cdef Py_ssize_t row = self.row_of(number)
        if row < 0:
            return None
        return PyBytes_FromStringAndSize(<char*>self.cells(row), self.dim)

    def last(self, Py_ssize_t count) -> list[tuple[int, bytes]]:
        """Up to ``count`` numbers with their vectors, those that are removed fastest."""
        cdef Py_ssize_t row
        return [
            (
                self.rows[row].number,
                PyBytes_FromStringAndSize(<char*>self.cells(row), self.dim),
            )
            for row in range(max(self.count - count, 0), self.count)
        ]

    cpdef list nearest(self, bytes vector, Py_ssize_t count=4):
        """Up to ``count`` numbers (at most 1,024) with their cosines, best first."""
        cdef Py_ssize_t i, used
        cdef int8_t* query
        cdef Found* found
        if vector is None or PyBytes_GET_SIZE(vector) != self.dim:
            raise ValueError(f"not a vector of {self.dim} dimensions")
        count = min(count, COUNT_MAX, self.count)
        if count <= 0:
            return []
        found = <Found*>malloc(<size_t>count * sizeof(Found) + <size_t>self.stride)
        if found == NULL:
            raise MemoryError
        try:
            query = <int8_t*>(found + count)
            memset(query, 0, <size_t>self.stride)
            fill(query, PyBytes_AS_STRING(vector), self.dim)
            used = self.search(query, scale_of(query, self.stride), found, count)
            return [
                (found[i].number, min(1.0, max(-1.0, <double>found[i].similarity)))
                for i in range(used)
            ]
        finally:
            free(found)

    cdef Py_ssize_t search(
        self, const int8_t* query, float scale, Found* found, Py_ssize_t count
    ) except -1:
        cdef Py_ssize_t at = 0, i, used = 0, kept, room, chosen = 0
        cdef uint64_t low, high
        cdef uint32_t below = SIGNS + 1
        cdef Candidate* candidates
        cdef Row* row
        if self.marked == 0 or self.count <= self.exact_max:
            for i in range(self.count):
                used = insert(
                    found, used, count, self.rows[i].number,
                    dot(query, self.cells(i), self.stride)
                    * scale * self.rows[i].scale,
                )
            return used
        kept = max(CANDIDATES, 16 * count)
        room = 2 * kept + LANE
        candidates = <Candidate*>malloc(<size_t>room * sizeof(Candidate))
        if candidates == NULL:
            raise MemoryError
        low = signs(query, 0)
        high = signs(query, 64)
        while True:
            at = sift(
                self.low, self.high, at, self.count, low, high, below, candidates, &chosen, room
            )
            chosen = closest(candidates, chosen, kept, &below)
            if at == self.count:
                break
        for i in range(chosen):
            if i + 8 < chosen:
                fetch(self.cells(candidates[i + 8].at), self.stride)
            row = &self.rows[candidates[i].at]
            used = insert(
                found, used, count, row.number,
                dot(query, self.cells(candidates[i].at), self.stride)
                * scale * row.scale,
            )
        free(candidates)
        return used


def cosine(bytes a not None, bytes b not None) -> float:
    """Of two vectors of int8. Raises ValueError if they have not as many dimensions."""
    cdef Vectors one = Vectors(PyBytes_GET_SIZE(a))
    one.add(0, a)
    return one.nearest(b, 1)[0][1]
