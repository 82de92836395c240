# cython: boundscheck=False, wraparound=False, cdivision=True
"""Words with what is known of them, found by a hash of their code points.

A lexicon knows words whole, by their beginnings (stems), and in pairs; to each it gives bits, which
mean nothing here. Its tables are made once and never change.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from cpython.unicode cimport Py_UNICODE_ISALPHA
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

cdef extern from *:
    int __builtin_ctzll(unsigned long long) noexcept nogil

cdef enum:
    KINDS_MAX = 16
    NOT_ASCII = 15
    PLACES_MAX = 65535


cdef inline bint _same(const Text* text, Py_ssize_t first, str word) noexcept:
    """Whether a word stands in a text that is long enough for it."""
    cdef Text other = points_of(word)
    cdef Py_ssize_t at
    if text.width == 1 and other.width == 1:
        return memcmp(<const char*>text.data + first, other.data, len(word)) == 0
    for at in range(len(word)):
        if char_at(text, first + at) != char_at(&other, at):
            return False
    return True


cpdef bint has_far_letters(str text) except -1:
    """Whether there is a letter of a script behind Latin, Greek and Cyrillic."""
    cdef Text points
    cdef Py_ssize_t at
    cdef Py_UCS4 char
    if text is None:
        raise TypeError(text)
    points = points_of(text)
    if points.width == 1:
        return False
    for at in range(len(text)):
        char = char_at(&points, at)
        if is_far(char) and Py_UNICODE_ISALPHA(char):
            return True
    return False


cdef uint64_t _room_for(Py_ssize_t count) noexcept:
    """Places of a table that is at most half full."""
    cdef uint64_t room = 16
    while room < <uint64_t>count * 2:
        room *= 2
    return room


cdef class Lexicon:
    """Words, stems and pairs of words, in tables: 380 KB for 5,000 words and 2,000 pairs."""

    def __cinit__(self, words, stems, pairs, kinds, str edges, str commas, str stops,
                  str asks) -> None:
        """``words``: word to bits. ``stems``: by their first code points, always the same number,
        stems and their bits by turns, longest first. ``pairs``: two words with a space between
        them, to bits. ``kinds``: up to 15 bits that words have besides, by word. Then the code
        points that are edges of words, commas, stops, and such stops as make a question.

        ValueError: too many of something, or a mark that is a letter or a space.
        """
        cdef Py_ssize_t place
        cdef uint64_t bits, start
        cdef str word
        self.kept = []
        self.start_size = len(next(iter(stems))) if stems else 1
        known = dict.fromkeys(words)
        for pair in pairs:
            known.update(dict.fromkeys(pair.split(" ")))
        known.update(dict.fromkeys(kinds))
        beginnings = sum(len(found) for found in stems.values()) // 2
        if max(len(known), beginnings, len(pairs)) >= PLACES_MAX // 2:
            raise ValueError("too many words")
        if max(kinds.values(), default=0) >> NOT_ASCII:
            raise ValueError("too many kinds")
        self.slots_mask = _room_for(len(known)) - 1
        self.starts_mask = _room_for(len(stems)) - 1
        self.pairs_mask = _room_for(len(pairs)) - 1
        self.entries = <Entry*>PyMem_Calloc(len(known) + 1, sizeof(Entry))
        self.stems = <Stem*>PyMem_Calloc(beginnings + 1, sizeof(Stem))
        self.slots = <Slot*>PyMem_Calloc(self.slots_mask + 1, sizeof(Slot))
        self.starts = <Slot*>PyMem_Calloc(self.starts_mask + 1, sizeof(Slot))
        self.pairs = <Pair*>PyMem_Calloc(self.pairs_mask + 1, sizeof(Pair))
        if not (self.entries and self.stems and self.slots and self.starts and self.pairs):
            raise MemoryError
        self._note_marks(edges, EDGE)
        self._note_marks(commas, COMMA)
        self._note_marks(stops, STOP)
        self._note_marks(asks, ASKS)
        for place in range(256):
            self.low[place] |= letter_or_space(place)
        place = 0
        for beginning, found in stems.items():
            self._note_stems(beginning, found, place)
            place += len(found) // 2
        for word in known:
            if word in words:
                bits = words[word]
            else:
                self.look(word, &start)
                bits = self._own_stem(word, start)
            self._enter(word, bits, kinds.get(word, 0), word in words)
        for pair, value in pairs.items():
            one, _, other = pair.partition(" ")
            self.kept.append(pair)
            self._note_pair(
                pair, (self.look(one, &start) + 1) << 16 | (self.look(other, &start) + 1), value
            )

    def __dealloc__(self) -> None:
        PyMem_Free(self.entries)
        PyMem_Free(self.stems)
        PyMem_Free(self.slots)
        PyMem_Free(self.starts)
        PyMem_Free(self.pairs)

    def kinds(self, list words, Py_ssize_t count) -> list:
        """How many of the first words are of each kind, as pairs of both numbers, in the order in
        which kinds are first met. Words that are not all ASCII are of kind 15 too."""
        cdef int[KINDS_MAX] counts
        cdef int[KINDS_MAX] order
        cdef int met = 0, kind, place
        cdef int32_t entry
        cdef uint64_t start
        cdef unsigned long long of
        cdef str word
        memset(counts, 0, sizeof(counts))
        for place in range(min(count, len(words))):
            word = words[place]
            if word is None:
                raise TypeError(word)
            entry = self.look(word, &start)
            of = self.entries[entry].kinds if entry >= 0 else 0
            if not word.isascii():
                of |= 1 << NOT_ASCII
            while of:
                kind = __builtin_ctzll(of)
                of &= of - 1
                if not counts[kind]:
                    order[met] = kind
                    met += 1
                counts[kind] += 1
        return [(order[place], counts[order[place]]) for place in range(met)]

    def _note_marks(self, str marks, uint8_t kind) -> None:
        cdef Py_UCS4 char
        cdef Py_ssize_t at
        for char in marks:
            if letter_or_space(char):
                raise ValueError("a letter or a space is no mark")
            if char < 256:
                self.low[char] |= kind
                continue
            for at in range(self.mark_count):
                if self.marks[at] == char:
                    break
            else:
                at = self.mark_count
                if at == MARKS_MAX:
                    raise ValueError("too many marks")
                self.marks[at] = char
                self.mark_count += 1
            self.mark_classes[at] |= kind

    def _note_stems(self, str beginning, found, Py_ssize_t place) -> None:
        cdef uint64_t hashed, at
        cdef Py_ssize_t count = len(found) // 2, step
        cdef str stem
        cdef Text points = points_of(beginning)
        if len(beginning) != self.start_size:
            raise ValueError("stems are found by the same number of code points")
        if not count:
            return
        hashed = seed()
        for step in range(self.start_size):
            hashed = hashed_with(hashed, char_at(&points, step))
        at = hashed >> 40 & self.starts_mask
        while self.starts[at].place:
            at = (at + 1) & self.starts_mask
        self.starts[at].place = place + 1
        self.starts[at].tag = hashed >> 24 & 0xFFFF
        for step in range(count):
            stem = found[2 * step]
            self.kept.append(stem)
            self.stems[place + step].text = <PyObject*>stem
            self.stems[place + step].bits = found[2 * step + 1]
        self.stems[place + count - 1].last = True

    def _own_stem(self, str word, uint64_t start) -> int:
        cdef Text points = points_of(word)
        return self.stem_bits(&points, 0, len(word), start)

    cdef void _enter(self, str word, uint64_t bits, uint16_t kinds, bint listed) except *:
        cdef Text points = points_of(word)
        cdef uint64_t hashed = seed(), at
        cdef Py_ssize_t step
        cdef Entry* entry = &self.entries[self.count]
        for step in range(len(word)):
            hashed = hashed_with(hashed, char_at(&points, step))
        at = hashed >> 40 & self.slots_mask
        while self.slots[at].place:
            at = (at + 1) & self.slots_mask
        self.kept.append(word)
        entry.word = <PyObject*>word
        entry.bits = bits
        entry.kinds = kinds
        entry.listed = listed
        self.count += 1
        self.slots[at].place = self.count
        self.slots[at].tag = hashed >> 24 & 0xFFFF

    cdef void _note_pair(self, str said, uint32_t words, uint64_t bits) noexcept:
        cdef uint64_t at = pair_hash(words) & self.pairs_mask
        while self.pairs[at].words:
            at = (at + 1) & self.pairs_mask
        self.pairs[at].words = words
        self.pairs[at].said = <PyObject*>said
        self.pairs[at].bits = bits

    cdef int32_t find(self, const Text* text, Py_ssize_t first, Py_ssize_t last,
                      uint64_t hashed) noexcept:
        """The entry of what stands between two places and has this hash; -1: there is none."""
        cdef uint64_t at = hashed >> 40 & self.slots_mask
        cdef uint16_t tag = hashed >> 24 & 0xFFFF
        cdef Py_ssize_t place
        cdef str word
        while self.slots[at].place:
            if self.slots[at].tag == tag:
                place = self.slots[at].place - 1
                word = <str>self.entries[place].word
                if len(word) == last - first and _same(text, first, word):
                    return place
            at = (at + 1) & self.slots_mask
        return -1

    cdef uint64_t stem_bits(self, const Text* text, Py_ssize_t first, Py_ssize_t last,
                            uint64_t start) noexcept:
        """The bits of the longest stem that a word begins with; ``start`` is the hash of its first
        code points."""
        cdef uint64_t at = start >> 40 & self.starts_mask
        cdef uint16_t tag = start >> 24 & 0xFFFF
        cdef Stem* stem
        cdef str said
        if last - first < self.start_size:
            return 0
        while self.starts[at].place:
            if self.starts[at].tag == tag:
                stem = &self.stems[self.starts[at].place - 1]
                while True:
                    said = <str>stem.text
                    if len(said) <= last - first and _same(text, first, said):
                        return stem.bits
                    if stem.last:
                        break
                    stem += 1
            at = (at + 1) & self.starts_mask
        return 0

    cdef int32_t look(self, str word, uint64_t* start) noexcept:
        """The entry of a word, -1 if it has none; and the hash of its beginning."""
        cdef Text points = points_of(word)
        cdef uint64_t hashed = seed()
        cdef Py_ssize_t at
        start[0] = 0
        for at in range(len(word)):
            hashed = hashed_with(hashed, char_at(&points, at))
            if at == self.start_size - 1:
                start[0] = hashed
        return self.find(&points, 0, len(word), hashed)
