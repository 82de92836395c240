# cython: boundscheck=False, wraparound=False, cdivision=True
"""Whether two questions, packed by ``policies.questions.features``, may have one answer.

It compares words and says in how far they cover one another, and which rules speak against it. It
knows bytes, hashes of stems and tables of pairs that it is given, and no words.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from lynkr._native.wordpairs cimport (
    ALIKE,
    APART,
    OPPOSITE,
    Pairs,
    Word,
    both_ways,
    common,
    derived,
    joined,
    slipped,
    undoes,
)


cdef enum:
    SHORT_WORDS = 12         # up to here word order and single negations tell
    FRAME_WEIGHT = 50        # twentieths: the frame counts like two words and a half


cdef bint parsed(const uint8_t* data, Py_ssize_t size, Question* out) noexcept:
    """Take a question apart; whether the bytes are what they should be."""
    cdef Py_ssize_t at = HEAD_BYTES
    cdef int i
    cdef Word* word
    if size < HEAD_BYTES:
        return False
    out.head = data
    out.flags = data[2]
    out.frame_count = data[3]
    out.word_count = data[4]
    out.number_count = data[5]
    out.code_count = data[6]
    out.row_count = data[7]
    if out.flags & LONG:
        return size == HEAD_BYTES + DIGEST_BYTES
    if out.frame_count > FRAMES_MAX or out.word_count > WORDS_MAX:
        return False
    out.frames = data + at
    at += out.frame_count
    for i in range(out.word_count):
        if at + 8 > size:
            return False
        word = &out.words[i]
        word.stem = u32(data + at)
        word.flags = data[at + 4]
        word.role = data[at + 5]
        word.weight = data[at + 6]
        word.size = data[at + 7]
        word.text = data + at + 8
        word.there = 0
        at += 8 + word.size
    out.numbers = data + at
    at += 7 * out.number_count
    out.codes = data + at
    at += 7 * out.code_count
    out.row = data + at
    at += 2 * out.row_count
    return at == size


cdef bint in_row(uint16_t stem, const Question* question) noexcept:
    cdef int i
    for i in range(question.row_count):
        if u16(question.row + 2 * i) == stem:
            return True
    return False


cdef bint crossed(
    const Word* x, const Word* y, const Word* x_there, const Word* y_there, bint many, bint short
) noexcept:
    """Whether two words, in another order in the second question, have changed their roles."""
    cdef uint8_t p = x.role, q = y.role, r = x_there.role, s = y_there.role
    if x.flags & x_there.flags & MEASURES or y.flags & y_there.flags & MEASURES:
        return False
    if p != q and p == s and q == r and (leads(p, many) or leads(q, many)):
        return True
    if not short:
        return False
    # "run x from y", "run y in x"; but in "an x y" x only says which y.
    if not p and not s and oblique(q) and oblique(r):
        if not (x.flags | y_there.flags) & MODIFIES:
            return True
    if not q and not r and oblique(p) and oblique(s):
        if not (y.flags | x_there.flags) & MODIFIES:
            return True
    if q == r and leads(q, many) and p != q and s != q:
        return True
    return p == s and leads(p, many) and q != p and r != p


cdef class Guard:
    """``fits``: a row of 0 and 1 for each frame, one after another; ``why`` and ``many``: the
    numbers of two frames. The others are pairs of hashes: of stems that may stand for one another,
    that never do, that only begin alike; and of what is said with the name that says it."""

    def __init__(
        self, bytes fits not None, int why, int many, list alike not None, list opposite not None,
        list apart not None, list implied not None
    ) -> None:
        cdef int count = 0
        while count * count < len(fits):
            count += 1
        if count * count != len(fits) or not 0 <= why < count:
            raise ValueError("the table of frames is not square")
        self.fits = fits
        self.frame_count = count
        self.why = why
        self.many = many
        self.pairs = Pairs(len(alike) + len(opposite) + len(apart))
        self.said_by = Pairs(len(implied))
        for one, other in alike:
            self.pairs.add(both_ways(one, other), ALIKE)
        for one, other in opposite:
            self.pairs.add(both_ways(one, other), OPPOSITE)
        for one, other in apart:
            self.pairs.add(both_ways(one, other), APART)
        for word, name in implied:
            self.said_by.add(<uint64_t><uint32_t>word << 32 | <uint32_t>name, 1)

    def compare(self, bytes asked not None, bytes kept not None) -> tuple[float, int]:
        """The coverage, 0 to 1, and the bits of what speaks against one answer. Symmetric."""
        cdef Question a, b
        cdef int against = 0
        cdef double coverage
        if not parsed(asked, len(asked), &a) or not parsed(kept, len(kept), &b):
            return 0.0, V_VERSION
        if u16(a.head) != u16(b.head):
            return 0.0, V_VERSION
        if (a.flags | b.flags) & FLEETING:
            against |= V_FLEETING
        if len(asked) == len(kept) and memcmp(a.head, b.head, <size_t>len(asked)) == 0:
            return 1.0, against
        if a.head[8] != b.head[8]:
            against |= V_LANGUAGE
        if u32(a.head + 9) != u32(b.head + 9):
            against |= V_STYLE
        if (a.flags | b.flags) & LONG:
            return 0.0, against | V_LENGTH
        self._meet(&a, &b)
        coverage = self._coverage(&a, &b)
        if (a.flags | b.flags) & TOLD and not (a.flags | b.flags) & ASKED:
            against |= self._against_told(&a, &b)
        else:
            against |= self._against(&a, &b)
        return coverage, against

    cdef void _meet(self, Question* a, Question* b) noexcept:
        """Count for each word how often its stem is among the other's."""
        cdef int i, j
        for i in range(a.word_count):
            for j in range(b.word_count):
                if a.words[i].stem == b.words[j].stem:
                    a.words[i].there += 1
                    b.words[j].there += 1

    cdef double _coverage(self, Question* a, Question* b) noexcept:
        cdef double one, other, more, less
        if not a.word_count or not b.word_count:
            if a.word_count or b.word_count or a.row_count != b.row_count:
                return 0.0
            return 1.0 if memcmp(a.row, b.row, <size_t>(2 * a.row_count)) == 0 else 0.0
        one = self._uncovered(a, b)
        other = self._uncovered(b, a)
        more = one if one > other else other
        less = other if one > other else one
        # What is left over on both sides is a word put for another: it counts for more.
        more += less / 2
        return 1 - more if more < 1 else 0.0

    cdef double _uncovered(self, Question* a, Question* b) noexcept:
        """The share of a's weight that b does not hold."""
        cdef double open = 0, total = 0, credit
        cdef int i, j, earlier
        cdef Word* word
        for i in range(a.word_count):
            word = &a.words[i]
            total += word.weight
            if word.there:
                earlier = 0
                for j in range(i + 1):
                    earlier += a.words[j].stem == word.stem
                if earlier > 1 and earlier > word.there:  # said once more than in the other
                    open += word.weight / 2.0
                continue
            if in_row(<uint16_t>word.stem, b):
                continue
            credit = self._credit_in(a, i, b)
            open += word.weight * (1 - credit)
        return open / (total + FRAME_WEIGHT)

    cdef double _credit_in(self, Question* a, int i, Question* b) noexcept:
        """How far a word that b does not have is covered by b's others."""
        cdef double best = 0, credit
        cdef int j
        cdef Word* word = &a.words[i]
        if self._implied(word, b) or self._written_joined(a, i, b):
            return 1
        for j in range(b.word_count):
            if b.words[j].there:
                continue
            credit = self._credit(word, &b.words[j])
            if credit > best:
                best = credit
        return best

    cdef bint _implied(self, Word* word, Question* b) noexcept:
        cdef int j
        cdef uint64_t key = <uint64_t>word.stem << 32
        for j in range(b.word_count):
            if self.said_by.get(key | b.words[j].stem):
                return True
        return False

    cdef bint _written_joined(self, Question* a, int i, Question* b) noexcept:
        cdef int j
        cdef Word* word = &a.words[i]
        for j in range(b.word_count):
            if j + 1 < b.word_count and joined(&b.words[j], &b.words[j + 1], word):
                return True
            if i + 1 < a.word_count and joined(word, &a.words[i + 1], &b.words[j]):
                return True
            if i > 0 and joined(&a.words[i - 1], word, &b.words[j]):
                return True
        return False

    cdef double _credit(self, Word* one, Word* other) noexcept:
        cdef uint8_t known = self.pairs.get(both_ways(one.stem, other.stem))
        cdef int root, shorter, longer
        if known & ALIKE:
            return 1
        if known:
            return 0
        if (one.flags | other.flags) & (NAMED | CODED):
            root = common(one, other)
            shorter = one.size if one.size < other.size else other.size
            longer = one.size + other.size - shorter
            return 0.95 if root >= 4 and root >= shorter - 1 and longer <= shorter + 2 else 0
        return 0.97 if derived(one, other) or slipped(one, other) else 0

    cdef int _against(self, Question* a, Question* b) noexcept:
        """What speaks against one answer to two questions or orders."""
        cdef int against = 0
        cdef bint short = a.word_count <= SHORT_WORDS and b.word_count <= SHORT_WORDS
        if not self._frames_fit(a, b):
            against |= V_FRAME
        if (a.flags ^ b.flags) & PERCENT or not (
            self._has_numbers(a, b, False) and self._has_numbers(b, a, False)
        ):
            against |= V_NUMBER
        elif not (self._has_units(a, b) and self._has_units(b, a)):
            against |= V_UNIT
        if (short and (a.flags ^ b.flags) & (NEGATED | INHIBITED)) or self._denies_other(a, b):
            against |= V_NEGATION
        against |= self._codes(a, b, False) | self._codes(b, a, False)
        if not (self._has_names(a, b, NAMED) and self._has_names(b, a, NAMED)):
            against |= V_NAME
        if self._opposite(a, b):
            against |= V_ANTONYM
        if self._turned(a, b, short):
            against |= V_DIRECTION
        return against

    cdef int _against_told(self, Question* a, Question* b) noexcept:
        """The same of two statements, whose wording is freer."""
        cdef int against = 0
        if not (self._has_numbers(a, b, True) and self._has_numbers(b, a, True)):
            against |= V_NUMBER
        elif not (self._has_units(a, b) and self._has_units(b, a)):
            against |= V_UNIT
        if self._denies_other(a, b):
            against |= V_NEGATION
        against |= self._codes(a, b, True) | self._codes(b, a, True)
        if not (self._has_names(a, b, STRONG) and self._has_names(b, a, STRONG)):
            against |= V_NAME
        if self._opposite(a, b):
            against |= V_ANTONYM
        return against

    cdef bint _fit(self, int one, int other) noexcept:
        if one >= self.frame_count or other >= self.frame_count:
            return False
        return (<const uint8_t*>self.fits)[one * self.frame_count + other]

    cdef bint _frames_fit(self, Question* a, Question* b) noexcept:
        """The first frame of either is in the other; and so is each further one, but "and why?"."""
        cdef uint8_t topic = 0
        cdef const uint8_t* one = a.frames if a.frame_count else &topic
        cdef const uint8_t* other = b.frames if b.frame_count else &topic
        cdef int m = a.frame_count if a.frame_count else 1
        cdef int n = b.frame_count if b.frame_count else 1
        cdef int i, whys = 0
        cdef bint spare
        if not (self._fits_any(one[0], other, n) or self._fits_any(other[0], one, m)):
            return False
        for i in range(m):
            whys += one[i] == self.why
        for i in range(n):
            whys += other[i] == self.why
        spare = whys == 1 and m + n == 3
        for i in range(m):
            if not self._fits_any(one[i], other, n) and not (
                spare and n == 1 and one[i] == self.why
            ):
                return False
        for i in range(n):
            if not self._fits_any(other[i], one, m) and not (
                spare and m == 1 and other[i] == self.why
            ):
                return False
        return True

    cdef bint _fits_any(self, int frame, const uint8_t* others, int count) noexcept:
        cdef int i
        for i in range(count):
            if self._fit(frame, others[i]):
                return True
        return False

    cdef bint _has_numbers(self, Question* a, Question* b, bint figures) noexcept:
        """Whether b has a's numbers; ``figures``: numbers in words may be missing."""
        cdef int i, j
        cdef uint32_t value
        for i in range(a.number_count):
            if figures and a.numbers[7 * i + 4]:
                continue
            value = u32(a.numbers + 7 * i)
            for j in range(b.number_count):
                if u32(b.numbers + 7 * j) == value:
                    break
            else:
                return False
        return True

    cdef bint _has_units(self, Question* a, Question* b) noexcept:
        """Whether no number of a stands in b with other units only."""
        cdef int i, j
        cdef uint32_t value
        cdef uint16_t unit, there
        cdef bint other
        for i in range(a.number_count):
            unit = u16(a.numbers + 7 * i + 5)
            if not unit:
                continue
            value = u32(a.numbers + 7 * i)
            other = False
            for j in range(b.number_count):
                if u32(b.numbers + 7 * j) != value:
                    continue
                there = u16(b.numbers + 7 * j + 5)
                if there == unit or not there:
                    break
                other = True
            else:
                if other:
                    return False
        return True

    cdef bint _denies_other(self, Question* a, Question* b) noexcept:
        """Whether each denies what the other affirms: "leave, don't save", "save, don't leave"."""
        return self._denies(a, b) and self._denies(b, a)

    cdef bint _denies(self, Question* a, Question* b) noexcept:
        cdef int i, j
        cdef uint32_t stem
        for i in range(a.word_count):
            if not a.words[i].flags & DENIED:
                continue
            stem = a.words[i].stem
            for j in range(b.word_count):
                if self._denied(b, b.words[j].stem):
                    continue
                if b.words[j].stem == stem or (
                    self.pairs.get(both_ways(stem, b.words[j].stem)) & ALIKE
                ):
                    return True
        return False

    cdef bint _denied(self, Question* question, uint32_t stem) noexcept:
        cdef int i
        for i in range(question.word_count):
            if question.words[i].stem == stem and question.words[i].flags & DENIED:
                return True
        return False

    cdef int _codes(self, Question* a, Question* b, bint told) noexcept:
        """Whether b has each of a's codes: as such, or its words where they may stand bare."""
        cdef int i, j, against = 0
        cdef const uint8_t* code
        for i in range(a.code_count):
            code = a.codes + 7 * i
            for j in range(b.code_count):
                if u32(b.codes + 7 * j) == u32(code):
                    break
            else:
                if (told or code[4] & LOOSE) and self._bare(a, code[5], code[6], b, told):
                    continue
                if code[4] & PATH:
                    against |= V_PATH
                elif code[4] & QUOTED:
                    against |= V_QUOTE
                else:
                    against |= V_CODE
        return against

    cdef bint _bare(self, Question* a, int first, int count, Question* b, bint told) noexcept:
        """Whether b has a run of a's tokens; of statements, in whatever order."""
        cdef int at
        if not count or first + count > a.row_count:
            return False
        if told:
            for at in range(first, first + count):
                if not in_row(u16(a.row + 2 * at), b):
                    return False
            return True
        for at in range(b.row_count - count + 1):
            if memcmp(b.row + 2 * at, a.row + 2 * first, <size_t>(2 * count)) == 0:
                return True
        return False

    cdef bint _has_names(self, Question* a, Question* b, uint8_t kind) noexcept:
        cdef int i
        cdef Word* word
        for i in range(a.word_count):
            word = &a.words[i]
            if not word.flags & kind or word.flags & CODED or word.there:
                continue
            if in_row(<uint16_t>word.stem, b) or self._credit_in(a, i, b) >= 0.9:
                continue
            return False
        return True

    cdef bint _opposite(self, Question* a, Question* b) noexcept:
        cdef int i, j
        cdef uint8_t known
        for i in range(a.word_count):
            if a.words[i].there:
                continue
            for j in range(b.word_count):
                if b.words[j].there:
                    continue
                known = self.pairs.get(both_ways(a.words[i].stem, b.words[j].stem))
                if known & OPPOSITE or (not known and undoes(&a.words[i], &b.words[j])):
                    return True
        return False

    cdef bint _turned(self, Question* a, Question* b, bint short) noexcept:
        """Whether two shared words have changed their roles: "from x to y", "from y to x"."""
        cdef int places[WORDS_MAX]
        cdef int others[WORDS_MAX]
        cdef int count = 0, i, j, k
        cdef bint many = False, counted_a = False, counted_b = False, measured = False, same = False
        for i in range(a.frame_count):
            many |= a.frames[i] == self.many
        for i in range(b.frame_count):
            many |= b.frames[i] == self.many
        for i in range(a.word_count):
            if not a.words[i].there:
                continue
            for k in range(count):
                if a.words[places[k]].stem == a.words[i].stem:
                    break
            else:
                for j in range(b.word_count):
                    if b.words[j].stem == a.words[i].stem:
                        places[count] = i
                        others[count] = j
                        count += 1
                        break
        for k in range(count):
            i, j = places[k], others[k]
            counted_a |= a.words[i].role == ROLE_MANY
            counted_b |= b.words[j].role == ROLE_MANY
            same |= a.words[i].role == ROLE_MANY and b.words[j].role == ROLE_MANY
            measured |= (a.words[i].flags & b.words[j].flags & MEASURES) != 0
        if counted_a and counted_b and not same and not measured:
            return True  # "how many bytes in a megabyte"
        if a.flags & b.flags & COMPARES:
            return False
        for k in range(count):
            for i in range(k + 1, count):
                if others[k] < others[i]:
                    continue
                if crossed(
                    &a.words[places[k]], &a.words[places[i]], &b.words[others[k]],
                    &b.words[others[i]], many, short
                ):
                    return True
        return False
