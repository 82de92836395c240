"""Text to token ids with BERT's tokenizer, equal to the tokenizers library's.

A text becomes words (controls dropped, ideographs and punctuation alone, accents stripped, lower
case), and a word becomes the longest known pieces from the left (WordPiece). Code points are looked
up in tables of 128 that ``code_points.py`` fills when a text first holds one of them; the pieces
are in a hash table. Holds no file and knows no vectors.
"""

import msgspec

from lynkr._native.code_points import kind_and_text
from lynkr._native.model_files import TokenizerFile

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

cdef uint32_t FNV_BASIS = 2166136261U  # FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
cdef uint32_t FNV_PRIME = 16777619U


cdef enum:
    ID_BYTES = 4

cdef extern from *:
    """
    #ifdef __GNUC__
    #define fetch_line(at) __builtin_prefetch(at)
    #else
    #define fetch_line(at) (void)(at)
    #endif

    static inline void fetch_row(const char *at, Py_ssize_t bytes) {
        for (Py_ssize_t i = 0; i < bytes && i < 1024; i += 64)
            fetch_line(at + i);
    }
    """
    void fetch_line(const void* at) noexcept nogil
    void fetch_row(const char* at, Py_ssize_t bytes) noexcept nogil


cdef uint32_t _hash(uint32_t state, const char* text, Py_ssize_t length) noexcept:
    cdef Py_ssize_t i
    for i in range(length):
        state = (state ^ <unsigned char>text[i]) * FNV_PRIME
    return state


cdef void* allocated(size_t size) except NULL:
    cdef void* found = PyMem_Calloc(1, size + 1)
    if found == NULL:
        raise MemoryError
    return found


cdef void* _shrunk(void* memory, size_t size) noexcept:
    cdef void* smaller = PyMem_Realloc(memory, size + 1)
    return memory if smaller == NULL else smaller


cdef inline Py_ssize_t _after_blank(const char* text, Py_ssize_t at, Py_ssize_t end) noexcept:
    while at < end and (text[at] == c' ' or c'\t' <= text[at] <= c'\r'):
        at += 1
    return at


cdef class Vocabulary:
    """Pieces to ids, from the JSON object of both and the added tokens: ``[(content, id), ...]``.

    Raises ValueError if it is not that, or the ids are not 0, 1, 2 and so on, each of one piece.
    """

    def __init__(self, bytes vocab not None, list added not None) -> None:
        cdef Py_ssize_t room = len(vocab) // 5 + len(added) + 1  # an entry is 5 bytes at least
        cdef Py_ssize_t lengths[PIECE_BYTES_MAX + 1]
        cdef Py_ssize_t half, seen, chars
        cdef int32_t token
        if self.slots != NULL:
            raise TypeError("a vocabulary is filled once")
        memset(lengths, 0, sizeof(lengths))
        self.starts = <uint32_t*>allocated(room * sizeof(uint32_t))
        # A piece takes no more than its entry in JSON: two quotes, colon, digit, comma are 5 too.
        self.pieces = <char*>allocated(len(vocab) + 2)
        self.pieces_end = 2  # a start of 0 is of no piece, and 1 is that of an empty one
        self._read(vocab, room)
        self._index(room, lengths)
        for content, number in added:
            token = self.id_of(content)
            if token < 0:
                token = number
                if token >= room or self.starts[token]:
                    raise ValueError(f"the id {token} is of two pieces")
                self.starts[token] = 1  # found whole, never as a piece of a word
                self.size += 1
                lengths[min(len(content.decode()), PIECE_BYTES_MAX)] += 1
            elif token != number:
                raise ValueError(f"{content.decode()!r} has the ids {token} and {number}")
        for token in range(<int32_t>self.size):
            if not self.starts[token]:
                raise ValueError(f"ids are not 0 to {self.size - 1}: none is {token}")
        if not self.size:
            raise ValueError("there is no piece")
        # Of an even number, half of the two in the middle.
        for half in ((self.size - 1) // 2, self.size // 2):
            seen = chars = 0
            while seen + lengths[chars] <= half:
                seen += lengths[chars]
                chars += 1
            self.chars_median += chars
        self.chars_median //= 2
        PyMem_Free(self.starts)
        self.starts = NULL
        self.pieces = <char*>_shrunk(self.pieces, self.pieces_end)

    def __dealloc__(self) -> None:
        PyMem_Free(self.slots)
        PyMem_Free(self.starts)
        PyMem_Free(self.pieces)

    cdef int _read(self, bytes vocab, Py_ssize_t room) except -1:
        """Copy the pieces, each after its id and length. The text is JSON, says msgspec."""
        cdef const char* text = vocab
        cdef Py_ssize_t at = 1, end = len(vocab), begin, length
        cdef int64_t number
        cdef int32_t token
        cdef const char* piece
        if end < 2 or text[0] != c'{':
            raise ValueError("vocab is not an object")
        while True:
            at = _after_blank(text, at, end)
            if at < end and text[at] == c'}':
                return 0
            begin = at
            at += 1
            escaped = None
            while at < end and text[at] != c'"':
                if text[at] == c'\\':
                    escaped = True
                    at += 1
                at += 1
            at += 1
            if at >= end or text[begin] != c'"':
                raise ValueError("vocab is cut short")
            piece, length = text + begin + 1, at - begin - 2
            if escaped:
                escaped = msgspec.json.decode(vocab[begin:at], type=str).encode()
                piece, length = <const char*>escaped, len(<bytes>escaped)
            at = _after_blank(text, at, end)
            at = _after_blank(text, at + 1, end)  # a colon
            number = 0
            begin = at
            while at < end and c'0' <= text[at] <= c'9' and number < room:
                number = number * 10 + text[at] - c'0'
                at += 1
            if at == begin or number >= room or self.starts[number]:
                raise ValueError("ids are not 0, 1, 2 and so on, each of one piece")
            if not 0 < length <= PIECE_BYTES_MAX:
                raise ValueError(f"the piece {number} has {length} bytes")
            at = _after_blank(text, at, end)
            if at < end and text[at] == c',':
                at += 1
            elif at >= end or text[at] != c'}':
                raise ValueError("ids are not whole numbers")
            self.starts[number] = <uint32_t>self.pieces_end
            token = <int32_t>number
            memcpy(self.pieces + self.pieces_end, &token, ID_BYTES)
            self.pieces[self.pieces_end + ID_BYTES] = <char>length
            memcpy(self.pieces + self.pieces_end + ID_BYTES + 1, piece, <size_t>length)
            self.pieces_end += ID_BYTES + 1 + length
            self.size += 1

    cdef int _index(self, Py_ssize_t room, Py_ssize_t* lengths) except -1:
        """Fill the hash table, and count the pieces by their length in code points."""
        cdef uint32_t size = 64, place, hash
        cdef Py_ssize_t token, length, i, chars
        cdef const char* piece
        while size < self.size * 2:  # at most half full: one or two probes
            size *= 2
        self.mask = size - 1
        self.slots = <Slot*>allocated(size * sizeof(Slot))
        for token in range(room):
            if not self.starts[token]:
                continue
            piece = self.pieces + self.starts[token] + ID_BYTES + 1
            length = <unsigned char>piece[-1]
            self.bytes_max = max(self.bytes_max, length)
            chars = 0
            for i in range(length):
                chars += piece[i] & 0xC0 != 0x80
            lengths[chars] += 1
            hash = _hash(FNV_BASIS, piece, length)
            place = (hash ^ hash >> 15) & self.mask
            while self.slots[place].start:
                place = (place + 1) & self.mask
            self.slots[place].hash = hash
            self.slots[place].start = self.starts[token]
        return 0

    cdef int32_t id_of(self, bytes piece) except -2:
        """The id of a whole piece, or -1."""
        cdef const char* text = piece
        return self.find(_hash(FNV_BASIS, text, len(piece)), False, text, len(piece))

    cdef int32_t find(
        self, uint32_t hash, bint inside, const char* text, Py_ssize_t length
    ) noexcept:
        """The id of a piece, with ## before it if ``inside``, or -1; ``hash`` is of the whole."""
        cdef uint32_t place = (hash ^ hash >> 15) & self.mask
        cdef Slot slot = self.slots[place]
        cdef const char* piece
        cdef int32_t token
        while slot.start:
            if slot.hash == hash:
                piece = self.pieces + slot.start + ID_BYTES + 1
                if <unsigned char>piece[-1] == length + 2 * inside and (
                    not inside or piece[0] == c'#' and piece[1] == c'#'
                ) and memcmp(piece + 2 * inside, text, <size_t>length) == 0:
                    memcpy(&token, piece - 1 - ID_BYTES, ID_BYTES)
                    return token
            place = (place + 1) & self.mask
            slot = self.slots[place]
        return -1


cdef int _add(Ids* ids, int32_t token) except -1:
    cdef int32_t* larger
    if ids.count >= ids.count_max:
        return 0
    if ids.table != NULL:
        fetch_row(ids.table + token * ids.row_bytes, ids.row_bytes)
    if ids.count == ids.room:
        larger = <int32_t*>PyMem_Realloc(ids.at, <size_t>(ids.room * 2 + 64) * sizeof(int32_t))
        if larger == NULL:
            raise MemoryError
        ids.at = larger
        ids.room = ids.room * 2 + 64
    ids.at[ids.count] = token
    ids.count += 1
    return 0


cdef Py_ssize_t _code(const char* text, Py_ssize_t length, uint32_t* code) noexcept:
    """Decode one code point and say how many bytes it has; what is not UTF-8 is U+FFFD, by byte."""
    cdef unsigned char first = <unsigned char>text[0]
    cdef Py_ssize_t size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4, i
    cdef uint32_t found
    code[0] = 0xFFFD
    if first < 0xC2 or first > 0xF4 or size > length:
        return 1
    found = first & (0x7F >> size)
    for i in range(1, size):
        if text[i] & 0xC0 != 0x80:
            return 1
        found = found << 6 | <uint32_t>(text[i] & 0x3F)
    if size == 3 and (found < 0x800 or 0xD800 <= found < 0xE000):
        return 1
    if size == 4 and not 0x10000 <= found < 0x110000:
        return 1
    code[0] = found
    return size


cdef inline Slot* _slot(Vocabulary vocabulary, Word* word) noexcept:
    """Where the longest piece that a word may begin with is looked for."""
    cdef uint32_t hash = word.hashes[min(<Py_ssize_t>word.length, vocabulary.bytes_max) - 1]
    return vocabulary.slots + ((hash ^ hash >> 15) & vocabulary.mask)


cdef class WordPieces:
    """BERT's tokenizer. Raises ValueError with what is wrong with its vocabulary."""

    def __init__(self, spec: TokenizerFile) -> None:
        for token in spec.added_tokens:
            if not token.is_plain():
                raise ValueError(f"the added token {token.content!r} has unsupported flags")
        self.added = [(token.content.encode(), token.id) for token in spec.added_tokens]
        self.added.sort(key=lambda pair: -len(pair[0]))
        for content, _ in self.added:
            self.added_first[<unsigned char>content[0]] = True
        self.word_chars_max = spec.model.max_input_chars_per_word
        self.clean = spec.normalizer.clean_text
        self.spaced = spec.normalizer.handle_chinese_chars
        self.lowered = spec.normalizer.lowercase
        stripped = spec.normalizer.strip_accents
        self.stripped = self.lowered if stripped is None else stripped
        self.vocabulary = Vocabulary(bytes(spec.model.vocab), self.added)
        self.unknown = self.vocabulary.id_of(spec.model.unk_token.encode())
        if self.unknown < 0:
            raise ValueError(f"the unknown token {spec.model.unk_token!r} is not in the vocabulary")
        self._look_up(0)

    def __dealloc__(self) -> None:
        for page in range(PAGES):
            PyMem_Free(self.pages[page])

    cdef int split(self, const char* text, Py_ssize_t length, Ids* ids) except -1:
        """Add the ids of a text, with the unknown token's for words that cannot be made."""
        cdef char word[4 * WORD_CHARS_MAX + 4 * GLYPH_BYTES_MAX]  # of one glyph too many
        cdef Py_ssize_t i = 0, size, word_length = 0, chars = 0
        cdef uint32_t code
        cdef int32_t token
        cdef unsigned char c, kind
        cdef Glyph* table
        cdef Glyph* glyph
        cdef Glyph itself
        cdef Queue queue
        queue.begin = queue.end = 0
        while i < length and ids.count < ids.count_max:
            c = <unsigned char>text[i]
            if self.added_first[c]:
                size = self._added(text + i, length - i, &token)
                if size:
                    self._put(&queue, word, word_length, chars, ids)
                    self._take(&queue, 0, ids)
                    word_length = chars = 0
                    _add(ids, token)
                    i += size
                    continue
            if c < 128:
                glyph = self.pages[0] + c
                size = 1
            else:
                size = _code(text + i, length - i, &code)
                kind = self.page_kinds[code // PAGE]
                if kind == UNSEEN:
                    self._look_up(code // PAGE)
                    kind = self.page_kinds[code // PAGE]
                table = self.pages[code // PAGE]
                if kind == TABLE:
                    glyph = table + code % PAGE
                else:
                    glyph = &itself
                    glyph.kind = kind
                    glyph.chars = 1
                    glyph.length = <unsigned char>size
                    memcpy(glyph.text, text + i, <size_t>size)
            i += size
            if glyph.kind == WORD:
                if chars <= self.word_chars_max:
                    memcpy(word + word_length, glyph.text, GLYPH_BYTES_MAX)
                    word_length += glyph.length
                    chars += glyph.chars
            elif glyph.kind != DROP:
                if chars:
                    self._put(&queue, word, word_length, chars, ids)
                    word_length = chars = 0
                if glyph.kind == ALONE:
                    self._put(&queue, glyph.text, glyph.length, glyph.chars, ids)
        self._put(&queue, word, word_length, chars, ids)
        return self._take(&queue, 0, ids)

    cdef int _put(
        self, Queue* queue, const char* text, Py_ssize_t length, Py_ssize_t chars, Ids* ids
    ) except -1:
        """Let a word wait until what is known of it has come from memory: the tables are larger
        than the nearest cache, and each step waits for the one before."""
        cdef Word* word
        cdef Slot* slot
        cdef Vocabulary vocabulary = self.vocabulary
        cdef uint32_t state = FNV_BASIS
        cdef Py_ssize_t i
        if length == 0:
            return 0
        if length > QUEUED_BYTES_MAX or chars > self.word_chars_max:
            self._take(queue, 0, ids)
            return self._word(text, length, chars, NULL, ids)
        word = &queue.words[queue.end % QUEUED]
        word.length = <int32_t>length
        word.chars = <int32_t>chars
        memcpy(word.text, text, <size_t>length)
        for i in range(length):
            state = (state ^ <unsigned char>text[i]) * FNV_PRIME
            word.hashes[i] = state
        fetch_line(_slot(vocabulary, word))
        queue.end += 1
        if queue.end - queue.begin > PIECE_AHEAD:
            word = &queue.words[(queue.end - 1 - PIECE_AHEAD) % QUEUED]
            slot = _slot(vocabulary, word)
            fetch_line(vocabulary.pieces + slot.start)
        return self._take(queue, SLOT_AHEAD, ids)

    cdef int _take(self, Queue* queue, uint32_t left, Ids* ids) except -1:
        """Add the ids of the words that have waited longest, but for so many."""
        cdef Word* word
        while queue.end - queue.begin > left:
            word = &queue.words[queue.begin % QUEUED]
            queue.begin += 1
            self._word(word.text, word.length, word.chars, word.hashes, ids)
        return 0

    cdef int _word(
        self, const char* word, Py_ssize_t length, Py_ssize_t chars, const uint32_t* first, Ids* ids
    ) except -1:
        """Add the longest pieces from the left, or the unknown token if that leads nowhere.
        ``first``: the hashes of its beginnings, or NULL."""
        cdef uint32_t hashes[4 * WORD_CHARS_MAX]
        cdef const uint32_t* known
        cdef Py_ssize_t begin = 0, end, longest, before = ids.count
        cdef uint32_t state
        cdef int32_t token
        cdef bint inside = False
        if length == 0:
            return 0
        if chars > self.word_chars_max:
            return _add(ids, self.unknown)
        while begin < length:
            longest = min(length, begin + self.vocabulary.bytes_max)
            known = first
            if inside or first == NULL:
                state = _hash(FNV_BASIS, b"##", 2) if inside else FNV_BASIS
                for end in range(begin, longest):
                    state = (state ^ <unsigned char>word[end]) * FNV_PRIME
                    hashes[end] = state
                known = hashes
            # A cut inside a character needs no care: no piece begins or ends in one.
            end = longest
            token = -1
            while end > begin:
                token = self.vocabulary.find(known[end - 1], inside, word + begin, end - begin)
                if token >= 0:
                    break
                end -= 1
            if token < 0:
                ids.count = before
                return _add(ids, self.unknown)
            _add(ids, token)
            begin = end
            inside = True
        return 0

    cdef Py_ssize_t _added(
        self, const char* text, Py_ssize_t length, int32_t* token
    ) except -1:
        """The length of the longest added token that stands here, or 0."""
        cdef Py_ssize_t size
        for content, found in self.added:
            size = len(<bytes>content)
            if size <= length and memcmp(text, <const char*>content, <size_t>size) == 0:
                token[0] = found
                return size
        return 0

    cdef int _look_up(self, uint32_t page) except -1:
        """Ask Python about a page of code points, once."""
        cdef Glyph* table
        cdef int i
        codes = range(page * PAGE, (page + 1) * PAGE)
        glyphs = [
            kind_and_text(code, self.clean, self.spaced, self.stripped, self.lowered)
            for code in codes
        ]
        # Most of Unicode is pages of one kind: memory stays small whatever a text holds.
        kinds = {kind for kind, _ in glyphs}
        # (U+FFFD stands for bytes that are not UTF-8, which must not be copied as they are.)
        if page and 0xFFFD not in codes and len(kinds) == 1 and (
            DROP in kinds
            or all(text == chr(code) for code, (_, text) in zip(codes, glyphs, strict=True))
        ):
            self.page_kinds[page] = kinds.pop()
            return 0
        table = <Glyph*>allocated(PAGE * sizeof(Glyph))
        for i, (kind, text) in enumerate(glyphs):
            written = text.encode("utf-8", "replace")  # lone surrogates never come here
            if len(written) > GLYPH_BYTES_MAX:
                PyMem_Free(table)
                raise OverflowError(f"U+{codes[i]:04X} is too long when normalised")
            table[i].kind = kind
            table[i].chars = len(text)
            table[i].length = len(written)
            memcpy(table[i].text, <const char*>written, len(written))
        # Python code ran in between: another thread may have been faster.
        if self.pages[page] != NULL:
            PyMem_Free(table)
            return 0
        self.pages[page] = table
        self.page_kinds[page] = TABLE
        return 0
