# cython: boundscheck=False, wraparound=False, cdivision=True
"""The words of a text, found in a lexicon as they are cut.

One walk over a text finds where words begin and end, and looks them up by a hash made on the way; a
word that is listed is the lexicon's own string, so that it costs no memory. What is no plain word
is given back, piece by piece, to who knows what it may be.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_Substring
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from lynkr._native.lexicon cimport (
    ASKS,
    COMMA,
    EDGE,
    FAR,
    LETTER,
    SPACE,
    STOP,
    Entry,
    Lexicon,
    Pair,
    Text,
    char_at,
    class_of,
    hashed_with,
    is_far,
    pair_hash,
    points_of,
    seed,
)

cdef extern from *:
    int __builtin_ctzll(unsigned long long) noexcept nogil

# What ``Walk.next`` stops at: the end, a core that is no plain word, a chunk to be looked into.
END, CORE, CHUNK = 0, 1, 2

cdef enum:
    AT_END = 0
    AT_CORE = 1
    AT_CHUNK = 2


cdef class Row:
    """The words of a text in their order: what the lexicon knows of each, what stands behind it."""

    def __cinit__(self, Lexicon lexicon not None) -> None:
        self.lexicon = lexicon
        self.words = []
        self.asked = []
        self.met_entries = <uint8_t*>PyMem_Calloc(lexicon.count // 8 + 1, 1)
        if self.met_entries == NULL:
            raise MemoryError

    def __dealloc__(self) -> None:
        PyMem_Free(self.cells)
        PyMem_Free(self.met_entries)

    cdef inline Cell* _next(self) except NULL:
        cdef Cell* cells
        cdef Cell* cell
        if self.count == self.room:
            cells = <Cell*>PyMem_Realloc(self.cells, (self.room * 2 + 64) * sizeof(Cell))
            if cells == NULL:
                raise MemoryError
            self.cells = cells
            self.room = self.room * 2 + 64
        cell = &self.cells[self.count]
        cell.after = 0
        return cell

    cdef inline int _enter(self, int32_t entry) except -1:
        cdef Cell* cell = self._next()
        cdef Entry* known = &self.lexicon.entries[entry]
        cell.bits = known.bits
        cell.entry = entry
        self.words.append(<str>known.word)
        self.count += 1
        return 0

    cdef int _cut(self, Walk walk, Py_ssize_t first, Py_ssize_t last, uint64_t hashed,
                  uint64_t start) except -1:
        """Enter what stands in a text."""
        cdef Lexicon lexicon = self.lexicon
        cdef int32_t entry = lexicon.find(&walk.points, first, last, hashed)
        cdef Cell* cell
        if entry >= 0:
            return self._enter(entry)
        cell = self._next()
        cell.bits = lexicon.stem_bits(&walk.points, first, last, start)
        cell.entry = -1
        self.words.append(PyUnicode_Substring(walk.text, first, last))
        self.count += 1
        return 0

    cpdef add(self, str word):
        """Enter a word."""
        cdef Text points
        cdef uint64_t start
        cdef int32_t entry
        cdef Cell* cell
        if word is None:
            raise TypeError(word)
        entry = self.lexicon.look(word, &start)
        points = points_of(word)
        if entry >= 0:
            self._enter(entry)
            return
        cell = self._next()
        cell.bits = self.lexicon.stem_bits(&points, 0, len(word), start)
        cell.entry = -1
        self.words.append(word)
        self.count += 1

    cpdef put(self, str word, long bits):
        """Enter a word with bits of its own."""
        cdef uint64_t start
        cdef Cell* cell
        if word is None:
            raise TypeError(word)
        cell = self._next()
        cell.bits = bits
        cell.entry = self.lexicon.look(word, &start)
        self.words.append(word)
        self.count += 1

    cpdef comma(self):
        """What was entered last is followed by a comma."""
        if self.count and not self.cells[self.count - 1].after:
            self.cells[self.count - 1].after = 1

    cpdef stop(self, bint question):
        """A sentence ends; one without words only makes the last one a question."""
        cdef Cell* cell
        if not self.count:
            return
        cell = &self.cells[self.count - 1]
        if cell.after == 2:
            if question:
                self.asked[len(self.asked) - 1] = True
            return
        cell.after = 2
        self.asked.append(question)
        self.sentence += 1

    cpdef long union(self) noexcept:
        """The bits of all words together."""
        cdef uint64_t found = 0
        cdef Py_ssize_t at
        for at in range(self.count):
            found |= self.cells[at].bits
        return found

    cpdef long bits(self, Py_ssize_t at) noexcept:
        """What the lexicon says of the word at a place; 0 beyond the last one."""
        return self.cells[at].bits if 0 <= at < self.count else 0

    cpdef int after(self, Py_ssize_t at) noexcept:
        """0 nothing, 1 a comma, 2 the end of a sentence."""
        return self.cells[at].after if 0 <= at < self.count else 0

    cdef Pair* _pair(self, Py_ssize_t at) noexcept:
        cdef Lexicon lexicon = self.lexicon
        cdef uint32_t words
        cdef uint64_t place
        if not 0 <= at < self.count - 1:
            return NULL
        if self.cells[at].entry < 0 or self.cells[at + 1].entry < 0:
            return NULL
        words = <uint32_t>(self.cells[at].entry + 1) << 16 | (self.cells[at + 1].entry + 1)
        place = pair_hash(words) & lexicon.pairs_mask
        while lexicon.pairs[place].words:
            if lexicon.pairs[place].words == words:
                return &lexicon.pairs[place]
            place = (place + 1) & lexicon.pairs_mask
        return NULL

    cpdef long pair(self, Py_ssize_t at) noexcept:
        """The bits of a word and the next one together; 0: they are no pair."""
        cdef Pair* found = self._pair(at)
        return 0 if found == NULL else found.bits

    cpdef str pair_said(self, Py_ssize_t at):
        """Both words of such a pair, with a space between them; "": they are no pair."""
        cdef Pair* found = self._pair(at)
        return "" if found == NULL else <str>found.said

    cpdef bint first(self, Py_ssize_t at) except -1:
        """Whether the word at a place is asked for, or said, for the first time.

        IndexError: there is no such place."""
        cdef int32_t entry
        cdef uint8_t bit
        if not 0 <= at < self.count:
            raise IndexError(at)
        entry = self.cells[at].entry
        if entry < 0:
            return self.first_said(self.words[at])
        bit = 1 << (entry & 7)
        if self.met_entries[entry >> 3] & bit:
            return False
        self.met_entries[entry >> 3] |= bit
        return True

    cpdef bint first_said(self, str said) except -1:
        """The same of what is no word of the lexicon."""
        if self.met_others is None:
            self.met_others = {said}
            return True
        if said in self.met_others:
            return False
        self.met_others.add(said)
        return True

    cpdef tally(self, long bits):
        """Count each of these bits once more."""
        cdef unsigned long long left = bits
        while left:
            self.tallies[__builtin_ctzll(left)] += 1
            left &= left - 1

    cpdef list tallied(self, Py_ssize_t count):
        """How often each of the lowest bits was counted.

        ValueError: there are only 64."""
        cdef Py_ssize_t at
        cdef list made
        if not 0 <= count <= 64:
            raise ValueError(count)
        made = [0] * count
        for at in range(count):
            if self.tallies[at]:
                made[at] = self.tallies[at]
        return made


cdef class Walk:
    """A walk over a text, which enters its plain words and its marks into a row.

    Between two spaces stands a chunk: marks, a core, marks. A core of letters only, or that is
    listed, is a word. ``inside``: chunks with letters of far scripts are given back whole.
    ``whole``: a chunk that is listed with its marks is a word too, and lines end sentences.
    """

    def __cinit__(self, Row row not None, str text not None, bint inside, bint whole) -> None:
        self.row = row
        self.text = text
        self.points = points_of(text)
        self.size = len(text)
        self.inside = inside
        self.whole = whole
        self.line = row.count

    cpdef str piece(self):
        """What ``next`` stopped at."""
        return PyUnicode_Substring(self.text, self.first, self.last)

    cpdef int next(self) except -1:
        """Go on to the next piece that is no plain word: ``CORE``, one of some other kind;
        ``CHUNK``, one with far letters; or to the ``END``. The marks behind a core are read when
        the walk goes on, so that they stand behind what was entered for it."""
        cdef Row row = self.row
        cdef Lexicon lexicon = row.lexicon
        cdef const Text* text = &self.points
        cdef Py_ssize_t at = self.at, size = self.size, first, start_end
        cdef Py_ssize_t start_size = lexicon.start_size
        cdef uint64_t hashed, start
        cdef uint8_t kind, classes, common
        cdef Py_UCS4 char
        cdef int found
        if self.tail < at:
            self._marks(self.tail, at)
        while True:
            while at < size:
                char = char_at(text, at)
                if not class_of(lexicon, char) & SPACE:
                    break
                if char == 10 and row.count > self.line:
                    row.stop(False)
                    self.line = row.count
                at += 1
            if at == size:
                self.at = self.tail = at
                return AT_END
            first = at
            hashed = seed()
            start = 0
            classes = 0
            common = LETTER
            start_end = first + start_size
            while at < size:
                char = char_at(text, at)
                kind = class_of(lexicon, char)
                if kind & SPACE:
                    break
                classes |= kind
                common &= kind
                hashed = hashed_with(hashed, char)
                at += 1
                if at == start_end:
                    start = hashed
            if common and not (self.inside and classes & FAR):
                row._cut(self, first, at, hashed, start)
                continue
            self.at = self.tail = at
            if self.whole:
                found = lexicon.find(text, first, at, hashed)
                if found >= 0 and lexicon.entries[found].listed:
                    row._enter(found)
                    continue
            found = self._chunk(first, at, classes)
            if found != AT_END:
                return found

    cdef int _chunk(self, Py_ssize_t first, Py_ssize_t last, uint8_t classes) except -1:
        """What stands between two spaces, and is not a plain word."""
        cdef Row row = self.row
        cdef Lexicon lexicon = row.lexicon
        cdef const Text* text = &self.points
        cdef Py_ssize_t begin = first, end = last, at
        cdef uint64_t hashed, start = 0
        cdef uint8_t common = LETTER
        cdef Py_UCS4 char
        cdef int32_t found
        while begin < last and class_of(lexicon, char_at(text, begin)) & EDGE:
            begin += 1
        if begin == last:
            self._marks(first, last)
            return AT_END
        while class_of(lexicon, char_at(text, end - 1)) & EDGE:
            end -= 1
        self.last = last
        if self.inside and classes & FAR:
            for at in range(begin, end):
                if is_far(char_at(text, at)):
                    self.first = first
                    return AT_CHUNK
        if begin > first and char_at(text, first) != 46:  # "./src" and ".github/x" end no sentence
            self._marks(first, begin)
        hashed = seed()
        for at in range(begin, end):
            char = char_at(text, at)
            common &= class_of(lexicon, char)
            hashed = hashed_with(hashed, char)
            if at - begin == lexicon.start_size - 1:
                start = hashed
        if common:
            row._cut(self, begin, end, hashed, start)
        else:
            found = lexicon.find(text, begin, end, hashed)
            if found < 0 or not lexicon.entries[found].listed:
                self.first = begin
                self.last = self.tail = end
                return AT_CORE
            row._enter(found)
        self._marks(end, last)
        return AT_END

    cdef int _marks(self, Py_ssize_t first, Py_ssize_t last) except -1:
        cdef Py_ssize_t at
        cdef uint8_t kind
        for at in range(first, last):
            kind = class_of(self.row.lexicon, char_at(&self.points, at))
            if kind & STOP:
                self.row.stop(kind & ASKS != 0)
            elif kind & COMMA:
                self.row.comma()
        return 0
