# cython: boundscheck=False, wraparound=False, cdivision=True
"""The words of tools and of requests, and how much they have in common.

A word is a run of letters or of digits; a name in camel case is several words, and the whole run
once more, so that "GitHub" meets both "git" and "github". Words are lowered, cut back to a stem and
kept as 64-bit FNV-1a hashes: nothing is compared by letters twice. A word counts for the more, the
fewer of the tools use it (inverse document frequency over the tools that are offered).

The stemmer is far lighter than Porter's: it must only treat a request and a tool alike.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.math cimport log, log1p
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    WORD_MAX = 64        # bytes of a word that count
    RUN_MAX = 32         # a longer run in camel case is no word that anyone says

cdef uint64_t FNV_START = 14695981039346656037ULL
cdef uint64_t FNV_PRIME = 1099511628211ULL

cdef uint8_t KIND[256]   # 0 other, 1 small letter or not ASCII, 2 capital, 3 digit

cdef void _kinds() noexcept:
    cdef int byte
    for byte in range(256):
        if c'a' <= byte <= c'z' or byte >= 128:
            KIND[byte] = 1
        elif c'A' <= byte <= c'Z':
            KIND[byte] = 2
        elif c'0' <= byte <= c'9':
            KIND[byte] = 3
        else:
            KIND[byte] = 0

_kinds()


cdef inline uint64_t hashed(const char* word, int length) noexcept:
    cdef uint64_t value = FNV_START
    cdef int at
    for at in range(length):
        value = (value ^ <uint8_t>word[at]) * FNV_PRIME
    return value if value else 1  # 0 marks a free place


cdef inline bint ends(const char* word, int length, const char* tail, int size) noexcept:
    return length >= size and memcmp(word + length - size, tail, <size_t>size) == 0


cdef bint has_vowel(const char* word, int length) noexcept:
    cdef int at
    for at in range(length):
        if word[at] in (c'a', c'e', c'i', c'o', c'u', c'y'):
            return True
    return False


cdef inline int undoubled(const char* word, int length) noexcept:
    cdef char last
    if length > 3:
        last = word[length - 1]
        if last == word[length - 2] and last != c'l' and last != c's' and last != c'z':
            return length - 1
    return length


cdef int stem(char* word, int length) noexcept:
    """Cut the word back in place, and return what is left of its length."""
    if length > 4 and (ends(word, length, b"ies", 3) or ends(word, length, b"ied", 3)):
        length -= 2
        word[length - 1] = c'y'
    elif length > 4 and ends(word, length, b"sses", 4):
        length -= 2
    elif length > 3 and word[length - 1] == c's' and not (
        ends(word, length, b"ss", 2) or ends(word, length, b"us", 2) or ends(word, length, b"is", 2)
    ):
        length -= 1
    if length > 7 and ends(word, length, b"ation", 5):
        length -= 3
    elif length > 6 and ends(word, length, b"ator", 4):
        length -= 2
    elif length > 5 and ends(word, length, b"ing", 3) and has_vowel(word, length - 3):
        length = undoubled(word, length - 3)
    elif length > 6 and ends(word, length, b"ion", 3):
        length -= 3
    elif length > 4 and ends(word, length, b"ed", 2) and word[length - 3] != c'e' and has_vowel(
        word, length - 2
    ):
        length = undoubled(word, length - 2)
    elif length > 5 and ends(word, length, b"ly", 2):
        length -= 2
    if length > 3 and word[length - 1] == c'e':
        length -= 1
    return length


cdef class _Places:
    """Hashes and a number for each: open addressing, powers of two."""

    def __cinit__(self, Py_ssize_t expected=32):
        cdef size_t size = 64
        while size < <size_t>expected * 2:
            size *= 2
        self.mask = size - 1
        self.count = 0
        self.keys = <uint64_t*>PyMem_Calloc(size, sizeof(uint64_t))
        self.values = <double*>PyMem_Calloc(size, sizeof(double))
        if self.keys == NULL or self.values == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.keys)
        PyMem_Free(self.values)

    cdef inline size_t place(self, uint64_t key) noexcept:
        cdef size_t at = <size_t>(key ^ (key >> 32)) & self.mask
        while self.keys[at] and self.keys[at] != key:
            at = (at + 1) & self.mask
        return at

    cdef double get(self, uint64_t key) noexcept:
        cdef size_t at = self.place(key)
        return self.values[at] if self.keys[at] else 0.0

    cdef double* slot(self, uint64_t key) except NULL:
        """Where the key's number is; a new key's is 0."""
        cdef size_t at
        if self.count * 2 > self.mask:
            self.grow()
        at = self.place(key)
        if not self.keys[at]:
            self.keys[at] = key
            self.count += 1
        return self.values + at

    cdef int grow(self) except -1:
        cdef _Places larger = _Places(<Py_ssize_t>(self.mask + 1) * 2)
        cdef size_t at
        cdef size_t place
        for at in range(self.mask + 1):
            if self.keys[at]:
                place = larger.place(self.keys[at])
                larger.keys[place] = self.keys[at]
                larger.values[place] = self.values[at]
        self.keys, larger.keys = larger.keys, self.keys
        self.values, larger.values = larger.values, self.values
        self.mask, larger.mask = larger.mask, self.mask
        return 0


cdef class ToolWords:
    """The words of one tool, each once, with the first of the fields that it stands in."""

    def __cinit__(self):
        self.room = 64
        self.count = 0
        self.hashes = <uint64_t*>PyMem_Malloc(<size_t>self.room * sizeof(uint64_t))
        self.fields = <uint8_t*>PyMem_Malloc(<size_t>self.room)
        if self.hashes == NULL or self.fields == NULL:
            raise MemoryError
        self.seen = _Places(64)

    def __dealloc__(self):
        PyMem_Free(self.hashes)
        PyMem_Free(self.fields)

    cdef int add(self, uint64_t word, uint8_t field) except -1:
        cdef double* mark = self.seen.slot(word)
        cdef uint64_t* hashes
        cdef uint8_t* fields
        if mark[0]:
            return 0
        mark[0] = 1
        if self.count == self.room:
            hashes = <uint64_t*>PyMem_Realloc(self.hashes, <size_t>self.room * 2 * sizeof(uint64_t))
            if hashes == NULL:
                raise MemoryError
            self.hashes = hashes
            fields = <uint8_t*>PyMem_Realloc(self.fields, <size_t>self.room * 2)
            if fields == NULL:
                raise MemoryError
            self.fields = fields
            self.room *= 2
        self.hashes[self.count] = word
        self.fields[self.count] = field
        self.count += 1
        return 0

    def listed(self):
        """(hash, field) of each word, in the order in which they were found."""
        return [(self.hashes[at], self.fields[at]) for at in range(self.count)]


cdef class Lexicon:
    """Which words say nothing, and which say the same."""

    def __init__(self, stop, alike, schema_words):
        cdef bytes word
        cdef uint64_t key
        self.stop = _Places(512)
        self.schema_words = frozenset(schema_words)
        self.alike = {}
        for text in stop:
            word = text.encode()
            self.stop.slot(hashed(word, <int>len(word)))[0] = 1
        for group in alike:
            keys = [self._key(text) for text in group]
            for key in keys:
                self.alike.setdefault(key, []).extend(other for other in keys if other != key)

    def _key(self, text):
        cdef bytearray word = bytearray(text.encode()[:WORD_MAX])
        cdef int length = stem(word, <int>len(word))
        return hashed(word, length)

    cdef int take(self, const char* text, Py_ssize_t size, int field, ToolWords into,
                  _Places weights, list names) except -1:
        """Read the text's words: into a tool, or as weights of 1, or by name."""
        cdef const uint8_t* byte = <const uint8_t*>text
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t start
        cdef Py_ssize_t run
        cdef int parts
        cdef uint8_t kind
        while at < size:
            if not KIND[byte[at]]:
                at += 1
                continue
            run = at
            parts = 0
            while at < size and KIND[byte[at]]:
                start = at
                kind = KIND[byte[at]]
                if kind == 2:
                    while at < size and KIND[byte[at]] == 2:
                        at += 1
                    if at < size and KIND[byte[at]] == 1:
                        if at - start > 1:
                            at -= 1
                        else:
                            while at < size and KIND[byte[at]] == 1:
                                at += 1
                else:
                    while at < size and KIND[byte[at]] == kind:
                        at += 1
                self.word(text + start, at - start, field, into, weights, names)
                parts += 1
            if parts > 1 and at - run <= RUN_MAX:
                self.word(text + run, at - run, field, into, weights, names)
        return 0

    cdef int word(self, const char* text, Py_ssize_t size, int field, ToolWords into,
                  _Places weights, list names) except -1:
        cdef char word[WORD_MAX]
        cdef int length = <int>min(size, WORD_MAX)
        cdef int at
        cdef uint64_t key
        for at in range(length):
            word[at] = text[at] | 0x20 if c'A' <= text[at] <= c'Z' else text[at]
        if names is not None:
            length = stem(word, length)
            names.append(word[:length].decode("utf-8", "replace"))
            return 0
        if self.stop.get(hashed(word, length)):
            return 0
        length = stem(word, length)
        key = hashed(word, length)
        if into is not None:
            into.add(key, <uint8_t>field)
        else:
            weights.slot(key)[0] = 1
        return 0

    def stems(self, str text):
        """The stem of each word in order, stop words too; a run in camel case after its parts."""
        cdef bytes data = text.encode("utf-8", "replace")
        cdef list names = []
        self.take(data, len(data), 0, None, None, names)
        return names

    def tool(self, str name, str description, str schema):
        """The words of a tool: of its name (field 0), its description (1), of the names of its
        parameters (2), and of what the schema says about them (3)."""
        cdef ToolWords words = ToolWords()
        cdef bytes data = name.encode("utf-8", "replace")
        self.take(data, len(data), 0, words, None, None)
        data = description.encode("utf-8", "replace")
        self.take(data, len(data), 1, words, None, None)
        data = schema.encode("utf-8", "replace")
        self.schema(data, len(data), words)
        words.seen = None
        return words

    cdef int schema(self, bytes data, Py_ssize_t size, ToolWords words) except -1:
        """Strings of the schema: a key that is no word of JSON Schema names a parameter; the text
        after "description" or "title", and what stands in an "enum", is about one."""
        cdef const char* text = data
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t start
        cdef Py_ssize_t then
        cdef int field = 0   # what a string value now belongs to: 0 nothing
        cdef bytes key
        while at < size:
            if text[at] != c'"':
                if text[at] == c'}' or (text[at] == c']'):
                    field = 0
                at += 1
                continue
            start = at + 1
            at = start
            while at < size and text[at] != c'"':
                at += 2 if text[at] == c'\\' else 1
            if at > size:
                at = size
            then = at + 1
            while then < size and text[then] in (c' ', c'\n', c'\r', c'\t'):
                then += 1
            if then < size and text[then] == c':':
                key = text[start:at]
                if key in self.schema_words:
                    field = 3 if key in (b"description", b"title", b"enum", b"const") else 0
                else:
                    self.take(text + start, at - start, 2, words, None, None)
                    field = 0
            elif field:
                self.unescaped(text + start, at - start, words)
            at += 1
        return 0

    cdef int unescaped(self, const char* text, Py_ssize_t size, ToolWords words) except -1:
        """The words between the backslash escapes of a JSON string."""
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t start
        while at < size:
            start = at
            while at < size and text[at] != c'\\':
                at += 1
            if at > start:
                self.take(text + start, at - start, 3, words, None, None)
            if at < size:
                at += 6 if at + 1 < size and text[at + 1] == c'u' else 2
        return 0

    def overlaps(self, list tools, str ask, str before):
        """What each tool's words share with the ask: (share of the name's weight, weight in the
        name, in the description, in parameter names, in their descriptions, weight in name and
        description shared with what was asked ``before``). Weights are sums of inverse document
        frequencies as log(1 + sum); a word that only means the same counts half."""
        cdef _Places weights = _Places(64)
        cdef _Places earlier = _Places(64)
        cdef _Places frequency = _Places(1024)
        cdef bytes data = ask.encode("utf-8", "replace")
        cdef ToolWords tool
        cdef double sums[4]
        cdef double whole
        cdef double past
        cdef double idf
        cdef double share
        cdef uint64_t key
        cdef uint64_t other
        cdef Py_ssize_t at
        cdef size_t place
        cdef int field
        cdef double offered = len(tools) + 0.5
        self.take(data, len(data), 0, None, weights, None)
        if before:
            data = before.encode("utf-8", "replace")
            self.take(data, len(data), 0, None, earlier, None)
        spoken = [weights.keys[place] for place in range(weights.mask + 1) if weights.keys[place]]
        for key in spoken:
            for other in self.alike.get(key, ()):
                if not weights.get(other):
                    weights.slot(other)[0] = 0.5
        for tool in tools:
            for at in range(tool.count):
                frequency.slot(tool.hashes[at])[0] += 1
        result = []
        for tool in tools:
            sums[0] = sums[1] = sums[2] = sums[3] = 0
            whole = past = 0
            for at in range(tool.count):
                key = tool.hashes[at]
                field = tool.fields[at]
                share = weights.get(key)
                if field > 0 and not share and (field > 1 or not earlier.count):
                    continue
                idf = log(1 + offered / frequency.get(key))
                sums[field] += share * idf
                if field == 0:
                    whole += idf
                if field < 2 and earlier.get(key):
                    past += idf
            result.append((
                sums[0] / whole if whole else 0.0, log1p(sums[0]), log1p(sums[1]), log1p(sums[2]),
                log1p(sums[3]), log1p(past),
            ))
        return result

    def named(self, str text, names):
        """Which of the names stand in the text as whole identifiers. The text may be the inside of
        JSON strings: a backslash and what it escapes are between words."""
        cdef bytes data = text.encode("utf-8", "replace")
        cdef const char* byte = data
        cdef Py_ssize_t size = len(data)
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t start
        cdef _Places wanted
        cdef bytes name
        cdef set found = set()
        if not names or not size:
            return found
        wanted = _Places(len(names))
        for one in names:
            name = one.encode("utf-8", "replace")
            wanted.slot(hashed(name, <int>len(name)))[0] = 1
        while at < size:
            start = at
            while at < size and (
                KIND[<uint8_t>byte[at]] or byte[at] == c'_' or byte[at] == c'-' or byte[at] == c'.'
            ):
                at += 1
            if at > start:
                while at > start and byte[at - 1] == c'.':  # the end of a sentence
                    at -= 1
                if at > start and wanted.get(hashed(byte + start, <int>(at - start))):
                    found.add(byte[start:at].decode("utf-8", "replace"))
                while at < size and byte[at] == c'.':
                    at += 1
            elif byte[at] == c'\\':
                at += 2
            else:
                at += 1
        return found & names
