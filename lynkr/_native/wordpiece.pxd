from libc.stdint cimport int32_t, uint32_t

cdef enum:
    PAGE = 128                       # code points that are asked about together
    PAGES = 8704                     # of all 0x110000
    WORD_CHARS_MAX = 400             # above the 100 of every BERT tokenizer
    QUEUED_BYTES_MAX = 32            # of words that wait while the tables are fetched for them
    QUEUED = 16                      # of these, a power of 2
    SLOT_AHEAD = 8                   # words by which a slot is fetched before it is needed
    PIECE_AHEAD = 4                  # and the piece that it leads to
    PIECE_BYTES_MAX = 255            # one byte holds the length; the longest here is 18
    GLYPH_BYTES_MAX = 13             # of one code point normalised; the longest is 12

cdef enum:                           # kinds of code points, and of pages that hold one kind only
    UNSEEN
    TABLE                            # a page with a table of its own
    DROP
    SPACE
    WORD                             # part of a word
    ALONE                            # a word by itself: punctuation, ideographs

cdef struct Glyph:                   # what the tokenizer makes of one code point
    unsigned char kind
    unsigned char chars              # code points in text
    unsigned char length             # bytes in text
    char text[GLYPH_BYTES_MAX]       # UTF-8

cdef struct Slot:                    # of the open-addressing table
    uint32_t hash
    uint32_t start                   # where in pieces; 0: free

cdef struct Ids:                     # a growing list of token ids
    int32_t* at
    Py_ssize_t count
    Py_ssize_t room
    Py_ssize_t count_max             # nothing is added beyond it
    const char* table                # of rows that are fetched as soon as an id is known, or NULL
    Py_ssize_t row_bytes

cdef struct Word:                    # that waits
    uint32_t hashes[QUEUED_BYTES_MAX]  # of its beginnings
    int32_t length, chars
    char text[QUEUED_BYTES_MAX]

cdef struct Queue:
    Word words[QUEUED]
    uint32_t begin, end              # of those that wait; both only grow

cdef void* allocated(size_t size) except NULL

cdef class Vocabulary:
    cdef Slot* slots
    cdef uint32_t mask
    cdef char* pieces                # all of them, each after its id and a byte with its length
    cdef Py_ssize_t pieces_end
    cdef uint32_t* starts            # by id: where in pieces; only while the table is made
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t chars_median  # of the pieces' lengths
    cdef Py_ssize_t bytes_max        # longest piece, with its ##

    cdef int _read(self, bytes vocab, Py_ssize_t room) except -1
    cdef int _index(self, Py_ssize_t room, Py_ssize_t* lengths) except -1
    cdef int32_t id_of(self, bytes piece) except -2
    cdef int32_t find(
        self, uint32_t hash, bint inside, const char* text, Py_ssize_t length
    ) noexcept

cdef class WordPieces:
    cdef Vocabulary vocabulary
    cdef Py_ssize_t word_chars_max
    cdef readonly int32_t unknown
    cdef list added                  # [(bytes, id)], longest first: found in the text as it stands
    cdef unsigned char added_first[256]
    cdef bint clean, spaced, stripped, lowered
    cdef Glyph* pages[PAGES]         # NULL where page_kinds is not TABLE
    cdef unsigned char page_kinds[PAGES]

    cdef int split(self, const char* text, Py_ssize_t length, Ids* ids) except -1
    cdef int _put(
        self, Queue* queue, const char* text, Py_ssize_t length, Py_ssize_t chars, Ids* ids
    ) except -1
    cdef int _take(self, Queue* queue, uint32_t left, Ids* ids) except -1
    cdef int _word(
        self, const char* word, Py_ssize_t length, Py_ssize_t chars, const uint32_t* first, Ids* ids
    ) except -1
    cdef Py_ssize_t _added(
        self, const char* text, Py_ssize_t length, int32_t* token
    ) except -1
    cdef int _look_up(self, uint32_t page) except -1
