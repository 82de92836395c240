from lynkr._native.paths cimport PathScanner, PathTable

cdef enum:
    VALUE_BYTES_MAX = 16384          # one captured value; a usage object is under 1 KB
    PATHS_MAX = 16

cdef class ReplyShape:
    cdef readonly PathTable table
    cdef list end_values             # per path: the values that end a reply (empty: any), or None
    # bit n: one of them is n bytes long; 0: look at all
    cdef unsigned long long end_lengths[PATHS_MAX]
    cdef int begin_path              # path whose value shows that this is a reply we know, or -1

cdef class ReplyTee(PathScanner):
    cdef ReplyShape shape
    cdef readonly list values        # last value seen per path: bytes of the JSON value, or None
    cdef bytearray pending           # the part of a value that earlier pieces held
    cdef bint overflow
    cdef bint events                 # server-sent events, else one JSON body
    cdef readonly bint begun
    cdef bint ending                 # the event that ends the reply is passing
    cdef readonly bint ended         # the reply's own end marker passed
    cdef int line_state
    cdef int field_matched
    cdef int done_matched, bom_matched
    cdef bint swallow_newline
    cdef readonly bint at_boundary   # no event is half sent
    cdef readonly bytes rename       # JSON string to put in place of the model, or None
    cdef readonly bytes withheld              # a model cut by the end of a piece, not sent yet
    cdef list edits                  # [(start or -1, end)] in the present piece
    cdef const char* base            # of the present piece
    cdef Py_ssize_t cut_at           # where a model begins that the piece does not end, or -1
    # bytes -> iterable of bytes, undoing a content-encoding, or None
    cdef object decoder
    cdef readonly bint blind         # the bytes could not be read (encoding unknown or broken)

    cpdef bint over(self)
    cdef bint cut_short(self) except -1
    cpdef bytes edit(self, bytes data)
    cdef int _note_edit(self, const char* start, const char* end) except -1
    cpdef int feed(self, bytes data) except -1
    cdef int _feed_plain(self, bytes data) except -1
    cdef int _feed_events(self, const char* data, Py_ssize_t length) except -1
    cdef int _end_of_event(self) except -1
    cdef int _match_done(self, const char* data, Py_ssize_t length) except -1
