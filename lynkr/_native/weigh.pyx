# cython: boundscheck=False, wraparound=False, cdivision=True
# distutils: extra_compile_args = -ffp-contract=off
"""The numbers of a score: labelled vectors that vote, weighted sums, and their chances.

Sums are made in the order of their terms, each product rounded by itself, so that they have the
same bits on every machine and as Python's own. Knows no words, and what is fitted is given.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_FromStringAndSize
from libc.math cimport exp, fabs, rint
from libc.stdint cimport int8_t, int32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from lynkr._native.dots cimport choose, dot, dots
from lynkr._native.embed cimport cosine_of
from lynkr._native.nearest cimport Found, fill, insert, inverse_length, quantise

cdef enum:
    LANE = 64                        # bytes that one step of the widest dot product takes
    DIM_MAX = 1024                   # of a vector, which lies on the stack while it is compared
    NEIGHBOURS_MAX = 64
    BATCH = 64                       # rows compared at a time
    LEADING_MAX = 8
    NAME_MAX = 40
    NUMBER_MAX = 24                  # a comma, blanks, a sign and the digits of a long

cdef double ODDS_MAX = 700.0         # beyond it exp overflows
cdef double POINTS_MAX = 1e15        # a score is 100 at most
cdef double ALIKE = 1e-6             # sums between which the secant is the slope

choose(2)


def use(int level) -> int:
    """For tests: compare with instructions of this level, as ``nearest.use``."""
    return choose(level)


cdef inline double likely(double odds) noexcept:
    return 1.0 / (1.0 + exp(-odds)) if odds > -ODDS_MAX else 0.0


def chance(double odds) -> float:
    """Of log odds, 0 to 1."""
    return likely(odds)


cdef class Voters:
    """Vectors of one int8 per dimension that vote with their tiers (0 to 3), the nearer the more;
    and one direction, in float32, that says how hard a vector is in sum.

    Raises ValueError if they do not fit each other.
    """

    def __init__(
        self, tuple vectors not None, bytes tiers not None, bytes axis not None,
        Py_ssize_t neighbours, double width, double vote, double towards, tuple cuts not None,
        double usual,
    ) -> None:
        cdef Py_ssize_t row
        cdef int8_t* cells
        cdef int32_t square
        if self.cells != NULL:
            raise TypeError("voters are gathered once")
        self.dim = len(axis) // 4
        if not 1 <= self.dim <= DIM_MAX or len(axis) % 4 or width <= 0:
            raise ValueError(f"an axis of {len(axis)} bytes, a width of {width}")
        if len(tiers) != len(vectors) or any(tier >= TIERS for tier in tiers):
            raise ValueError(f"{len(tiers)} tiers of {len(vectors)} vectors")
        if neighbours > NEIGHBOURS_MAX:
            raise ValueError(f"{neighbours} neighbours")
        self.count = len(vectors)
        self.stride = (self.dim + LANE - 1) // LANE * LANE
        self.tiers, self.axis = tiers, axis
        self.neighbours = min(neighbours, self.count)
        self.width, self.of_vote, self.of_axis, self.usual = width, vote, towards, usual
        self.cuts[0], self.cuts[1], self.cuts[2] = cuts
        self.cells = <int8_t*>calloc(self.count + 1, self.stride)
        self.scales = <float*>calloc(self.count + 1, sizeof(float))
        if self.cells == NULL or self.scales == NULL:
            raise MemoryError
        for row in range(self.count):
            vector = vectors[row]
            if len(vector) != self.dim:
                raise ValueError(f"not a vector of {self.dim} dimensions")
            cells = self.cells + row * self.stride
            fill(cells, <const char*><bytes>vector, self.dim)
            self.scales[row] = inverse_length(dot(cells, cells, self.stride))

    def __dealloc__(self) -> None:
        free(self.cells)
        free(self.scales)

    def value(self, bytes vector not None) -> tuple[float, int, float]:
        """0 to 1: the tier to expect by a float32 vector; then the nearest and its cosine, as
        ``told`` says them."""
        cdef Judged found
        self.judge(vector, &found)
        return found.value, found.row, found.likeness

    def told(self, bytes vector not None) -> tuple:
        """The same with all that it is made of: value, shares of the tiers in the vote, mean tier
        of the vote (0 to 1), cosine with the axis, number of the nearest, its cosine.

        Of a vector that says nothing, or is near to none, the usual value, zeros and -1. Raises
        ValueError if it has other dimensions than the voters.
        """
        cdef Judged found
        self.judge(vector, &found)
        if found.row < 0:
            return found.value, (0.0, 0.0, 0.0, 0.0), 0.0, 0.0, -1, 0.0
        return (
            found.value,
            (
                found.votes[0] / found.total, found.votes[1] / found.total,
                found.votes[2] / found.total, found.votes[3] / found.total,
            ),
            found.vote, found.axis, found.row, found.likeness,
        )

    cdef int judge(self, bytes vector, Judged* out) except -1:
        cdef int8_t query[DIM_MAX]
        cdef int32_t products[BATCH]
        cdef Found found[NEIGHBOURS_MAX]
        cdef const float* values = <const float*>PyBytes_AS_STRING(vector)
        cdef Py_ssize_t begin, size, i, used = 0
        cdef float scale, similarity
        cdef double cosine, weight, raw
        cdef unsigned char tier
        if PyBytes_GET_SIZE(vector) != 4 * self.dim:
            raise ValueError(f"not a vector of {self.dim} dimensions")
        memset(out, 0, sizeof(Judged))
        out.value, out.row = self.usual, -1
        if self.neighbours <= 0:
            return 0
        memset(query, 0, self.stride)
        quantise(values, query, self.dim)
        scale = inverse_length(dot(query, query, self.stride))
        for begin in range(0, self.count, BATCH):
            size = min(BATCH, self.count - begin)
            dots(query, self.cells + begin * self.stride, size, self.stride, products)
            for i in range(size):
                similarity = products[i] * scale * self.scales[begin + i]
                if used == self.neighbours and similarity <= found[used - 1].similarity:
                    continue
                used = insert(found, used, self.neighbours, begin + i, similarity)
        out.likeness = min(1.0, max(-1.0, <double>found[0].similarity))
        if out.likeness <= 0.0:
            out.likeness = 0.0
            return 0
        for i in range(used):
            cosine = min(1.0, max(-1.0, <double>found[i].similarity))
            weight = exp((cosine - out.likeness) / self.width)
            tier = PyBytes_AS_STRING(self.tiers)[found[i].number]
            out.votes[tier] += weight
            out.total += weight
        out.row = found[0].number
        out.vote = (out.votes[1] + 2.0 * out.votes[2] + 3.0 * out.votes[3]) / (BOUNDS * out.total)
        out.axis = cosine_of(values, <const float*>PyBytes_AS_STRING(self.axis), self.dim)
        raw = self.of_vote * out.vote + self.of_axis * out.axis
        out.value = (
            likely(raw - self.cuts[0]) + likely(raw - self.cuts[1]) + likely(raw - self.cuts[2])
        ) / BOUNDS
        return 0


cdef class Weights:
    """Four sums of the same features, each the log odds of something that makes an ask hard.
    ``terms``: base, weight of each feature, and of the meaning. ``points``: what each adds to the
    score where it is certain.

    The first features are the dimensions, which have names; behind these the meaning has its own.
    Of ``usual`` there is one value for each feature, and of the meaning one. Raises ValueError if
    they do not fit each other.
    """

    def __init__(
        self, tuple terms not None, tuple points not None, tuple names not None,
        tuple usual not None, double meaning,
    ) -> None:
        cdef Py_ssize_t at, term
        if self.table != NULL:
            raise TypeError("weights are set once")
        self.count, self.parts = len(usual), len(names)
        if len(terms) != SUMS or not 1 <= self.parts <= min(self.count + 1, PARTS_MAX):
            raise ValueError(f"{len(terms)} sums, {self.parts} names of {self.count} features")
        if any(not name.isascii() or len(name) > NAME_MAX for name in names):
            raise ValueError(f"names of {NAME_MAX} characters at most: {names}")
        self.text = "".join(names).encode()
        self.names = PyBytes_AS_STRING(self.text)
        for at in range(self.parts):
            self.lengths[at] = len(names[at])
            if at:
                self.starts[at] = self.starts[at - 1] + self.lengths[at - 1]
        self.table = <double*>PyMem_Calloc(SUMS * self.count + 1, sizeof(double))
        self.usual = <double*>PyMem_Calloc(self.parts, sizeof(double))
        self.ranks = <Py_ssize_t*>PyMem_Calloc(self.parts, sizeof(Py_ssize_t))
        if self.table == NULL or self.usual == NULL or self.ranks == NULL:
            raise MemoryError
        for term in range(SUMS):
            self.bases[term], weights, self.meaning[term] = terms[term]
            if len(weights) != self.count:
                raise ValueError(f"{len(weights)} weights of {self.count} features")
            for at in range(self.count):
                self.table[SUMS * at + term] = weights[at]
        (
            self.points_of[0], self.points_of[1], self.points_of[2], self.points_of[3],
        ) = points
        for at in range(self.parts - 1):
            self.usual[at] = usual[at]
        self.usual[self.parts - 1] = meaning
        ordered = sorted(names)
        for at in range(self.parts):
            self.ranks[at] = ordered.index(names[at])
        self.add(usual, meaning, self.usual_sums)

    def __dealloc__(self) -> None:
        PyMem_Free(self.table)
        PyMem_Free(self.usual)
        PyMem_Free(self.ranks)

    def sums(self, tuple values not None, double meaning) -> tuple[float, float, float, float]:
        """Raises IndexError if there are more values than features."""
        cdef double sums[SUMS]
        self.add(values, meaning, sums)
        return sums[0], sums[1], sums[2], sums[3]

    def scored(self, tuple values not None, double meaning) -> tuple:
        """The score, and the sums whose chances it is made of."""
        cdef double sums[SUMS]
        self.add(values, meaning, sums)
        return self.whole(sums), (sums[0], sums[1], sums[2], sums[3])

    def moved(self, tuple sums not None, Py_ssize_t part, double by) -> float:
        """The score that these sums would make if one part, of the dimensions and the meaning
        behind them, were so much more."""
        cdef double moved[SUMS]
        cdef Py_ssize_t term
        cdef const double* weights
        if len(sums) != SUMS or not 0 <= part < self.parts:
            raise ValueError(f"{len(sums)} sums, part {part}")
        weights = self.table + SUMS * part if part < self.parts - 1 else self.meaning
        for term in range(SUMS):
            moved[term] = <double>sums[term] + by * weights[term]
        return self.whole(moved)

    def slopes(self, tuple sums not None) -> list[float]:
        """Points of the score for a unit of each part, where the sums are these."""
        cdef double steep[SUMS]
        cdef Py_ssize_t term
        if len(sums) != SUMS:
            raise ValueError(f"{len(sums)} sums")
        for term in range(SUMS):
            steep[term] = likely(sums[term])
            steep[term] *= (1.0 - steep[term]) * self.points_of[term]
        return [self.along(steep, at) for at in range(self.parts)]

    cdef inline double whole(self, const double* sums) noexcept:
        cdef Py_ssize_t term
        cdef double found = 0.0
        for term in range(SUMS):
            found += self.points_of[term] * likely(sums[term])
        return found

    cdef inline double along(self, const double* slopes, Py_ssize_t part) noexcept:
        cdef const double* weights = self.meaning
        cdef Py_ssize_t term
        cdef double found = 0.0
        if part < self.parts - 1:
            weights = self.table + SUMS * part
        for term in range(SUMS):
            found += slopes[term] * weights[term]
        return found

    cdef int add(self, tuple values, double meaning, double* sums) except -1:
        cdef Py_ssize_t at, term, count = PyTuple_GET_SIZE(values)
        cdef const double* weights = self.table
        cdef double value
        if count > self.count:
            raise IndexError(f"{count} values of {self.count} features")
        for term in range(SUMS):
            sums[term] = self.bases[term] + self.meaning[term] * meaning
        for at in range(count):
            value = values[at]
            if value != 0:  # most are 0
                for term in range(SUMS):
                    sums[term] += weights[SUMS * at + term] * value
        return 0

    def points(self, tuple dimensions not None, double meaning, tuple sums not None) -> list[float]:
        """By how much each dimension and the meaning lift or lower a score from the usual one.

        A sum's part of the difference is divided as its terms are: by the secant of its chance.
        """
        cdef double points[PARTS_MAX]
        self.divide(dimensions, meaning, sums, points)
        return [points[at] for at in range(self.parts)]

    def leading(
        self, tuple dimensions not None, double meaning, tuple sums not None, Py_ssize_t count
    ) -> str:
        """Of the ``points`` those that say most, with their names: "meaning +12, depth -3". Of
        equal ones by the name; what rounds to 0 is left out. In one buffer: formatting them one by
        one takes three times as long."""
        cdef double points[PARTS_MAX]
        cdef Py_ssize_t order[PARTS_MAX]
        cdef char text[LEADING_MAX * (NAME_MAX + NUMBER_MAX)]
        cdef Py_ssize_t at, place, used = 0, length = 0
        cdef long whole
        count = min(count, LEADING_MAX)
        self.divide(dimensions, meaning, sums, points)
        for at in range(self.parts):
            place = used
            while place > 0 and self.before(points, at, order[place - 1]):
                if place < count:
                    order[place] = order[place - 1]
                place -= 1
            if place < count:
                order[place] = at
                used = min(used + 1, count)
        for place in range(used):
            at = order[place]
            if not -POINTS_MAX < points[at] < POINTS_MAX:
                raise ValueError(f"{points[at]} points")
            whole = <long>rint(points[at])  # half to even, as Python rounds
            if whole:
                if length:
                    memcpy(text + length, b", ", 2)
                    length += 2
                memcpy(text + length, self.names + self.starts[at], self.lengths[at])
                length += self.lengths[at]
                length += written(text + length, whole)
        return PyUnicode_FromStringAndSize(text, length)

    cdef inline bint before(self, const double* points, Py_ssize_t one, Py_ssize_t other) noexcept:
        cdef double left = fabs(points[one]), right = fabs(points[other])
        return left > right or (left == right and self.ranks[one] < self.ranks[other])

    cdef int divide(
        self, tuple dimensions, double meaning, tuple sums, double* points
    ) except -1:
        cdef Py_ssize_t at, term, last = self.parts - 1
        cdef double slopes[SUMS]
        cdef double now
        if len(dimensions) != last or len(sums) != SUMS:
            raise ValueError(f"{len(dimensions)} dimensions, {len(sums)} sums")
        for term in range(SUMS):
            slopes[term] = secant(sums[term], self.usual_sums[term]) * self.points_of[term]
        for at in range(self.parts):
            now = dimensions[at] if at < last else meaning
            points[at] = self.along(slopes, at) * (now - self.usual[at])
        return 0


cdef inline Py_ssize_t written(char* out, long number) noexcept:
    """A space and ``{number:+d}``: how many characters these are."""
    cdef char[NUMBER_MAX] digits
    cdef Py_ssize_t at = NUMBER_MAX, count
    cdef long left = number if number > 0 else -number
    while left:
        at -= 1
        digits[at] = <char>(c'0' + left % 10)
        left //= 10
    count = NUMBER_MAX - at
    out[0] = c' '
    out[1] = c'+' if number > 0 else c'-'
    memcpy(out + 2, digits + at, <size_t>count)
    return count + 2


cdef double secant(double one, double other) noexcept:
    """How much chance a unit of the sum is between two sums."""
    cdef double here
    if fabs(one - other) < ALIKE:
        here = likely(one)
        return here * (1.0 - here)
    return (likely(one) - likely(other)) / (one - other)
