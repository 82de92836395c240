"""Reads usage, model and stop reason out of a reply while its bytes pass by unchanged.

Fed once per network read, with pieces cut anywhere. Server-sent events are framed here (CR, LF and
CRLF, comments, any field order, data over several lines); each event's JSON goes through the path
scanner, which remembers the last non-null value of each path. No Python object is made for an event
that holds none of them, which is nearly all.

States of a line (SSE, https://html.spec.whatwg.org/multipage/server-sent-events.html):

    FIELD   matching the letters of ``data:``      -> DATA when complete, SKIP when they differ
    DATA    the payload: scanned as JSON           -> FIELD at the line end
    SKIP    any other field or a comment           -> FIELD at the line end

An empty line ends an event. Memory: one value of at most 16 KB per open capture, whatever passes.
"""

from libc.string cimport memchr

cdef const char* DATA_FIELD = b"data:"
cdef const char* BOM = b"\xef\xbb\xbf"  # the stream may begin with one, and it means nothing
cdef const char* DONE = b"[DONE]"

cdef enum:
    FIELD
    DATA
    SKIP


cdef class ReplyShape:
    """What a reply of one kind looks like; compiled once, shared by all tees over such replies.

    ``begin`` is a path of the table: its first value shows that this is a reply of the expected
    kind (later ones are not looked at). ``ends`` maps paths to the values that are the reply's own
    end marker; none listed means any. ``data: [DONE]`` is one too.
    """

    def __init__(self, PathTable table not None, str begin, dict ends not None) -> None:
        cdef int path
        if len(table.paths) > PATHS_MAX:
            raise ValueError("too many paths for one tee")
        self.table = table
        self.begin_path = table.paths.index(begin) if begin else -1
        self.end_values = [None] * len(table.paths)
        for path in range(PATHS_MAX):
            self.end_lengths[path] = 0
        for name, values in ends.items():
            path = table.paths.index(name)
            self.end_values[path] = frozenset(values)
            for value in values:
                self.end_lengths[path] |= 1ULL << len(value)


cdef class ReplyTee(PathScanner):
    """Tee over one reply."""

    def __cinit__(self, ReplyShape shape not None, bint events, decoder=None, bytes rename=None):
        self.table = shape.table
        self.reset()
        self.shape = shape
        self.values = [None] * len(shape.table.paths)
        self.events = events
        self.line_state = FIELD
        self.at_boundary = True
        self.decoder = decoder
        self.rename = rename if decoder is None else None
        self.cut_at = -1

    cdef int end_capture(
        self, int path, Py_ssize_t start, Py_ssize_t end, const char* piece, Py_ssize_t piece_start
    ) except -1:
        cdef bytes value
        cdef unsigned long long lengths
        cdef Py_ssize_t begin = start - piece_start
        if self.rename is not None and path == self.shape.begin_path:
            self._note_edit(piece + begin if begin >= 0 else NULL, piece + (end - piece_start))
        if self.overflow or end - start > VALUE_BYTES_MAX:
            self.overflow = False
            self.pending = None
            return 0
        if begin >= 0:
            # Values that say nothing new cost no object: null, the model again, a type that ends
            # nothing.
            if end - start == 4 and piece[begin] == c'n':
                return 0
            if path == self.shape.begin_path and self.begun:
                return 0
            lengths = self.shape.end_lengths[path]
            if lengths != 0 and (end - start > 63 or not lengths >> (end - start) & 1):
                return 0
            value = piece[begin:end - piece_start]
        else:
            if end > piece_start:
                self.pending += piece[:end - piece_start]
            value = bytes(self.pending)
            self.pending = None
            if value == b"null":
                return 0
        if path == self.shape.begin_path:
            if self.begun or value == b'""':
                return 0  # known already, or an empty string, which tells nothing
            self.begun = True
        ends = self.shape.end_values[path]
        if ends and value not in ends:
            return 0
        if ends is not None:
            self.ending = True
        self.values[path] = value
        return 0

    cdef int carry(self, const char* piece, Py_ssize_t length) except -1:
        cdef Py_ssize_t begin = self.capture_start - self.position
        if self.rename is not None and self.capture == self.shape.begin_path:
            self.cut_at = (piece - self.base if begin < 0 else piece + begin - self.base)
        if self.overflow:
            return 0
        if begin > 0:
            self.pending = bytearray(piece[begin:length])
        elif self.pending is None:
            self.pending = bytearray(piece[:length])
        else:
            self.pending += piece[:length]
        if len(self.pending) > VALUE_BYTES_MAX:
            self.overflow = True
            self.pending = None
        return 0

    cpdef int feed(self, bytes data) except -1:
        """Take the next piece of the body, as it is on the wire."""
        if self.decoder is None:
            return self._feed_plain(data)
        if self.blind:
            return 0
        try:
            for piece in self.decoder(data):
                self._feed_plain(piece)
        except Exception:
            # A broken encoding is the client's to notice; the gateway only stops reading along.
            self.blind = True
        return 0

    cpdef bytes edit(self, bytes data):
        """Like ``feed``, and the piece to send instead: each value at ``begin`` becomes ``rename``.

        A value cut by the end of the piece is withheld, and replaced when its rest has come.
        """
        cdef Py_ssize_t at = 0, start, end
        cdef list out = []
        cdef bytes withheld = self.withheld if self.withheld is not None else b""
        if len(withheld) > VALUE_BYTES_MAX:
            self.rename = None  # no model's name: let it be
            self.withheld = None
            self.feed(data)
            return withheld + data
        self.base = <const char*>data
        self.edits = []
        self.cut_at = -1
        self.feed(data)
        for start, end in self.edits:
            if start < 0:
                withheld = b""
            else:
                out.append(data[at:start])
            out.append(self.rename)
            at = end
        if self.cut_at >= 0:
            out.append(data[at:self.cut_at])
            self.withheld = withheld + data[self.cut_at:]
            return b"".join(out)
        self.withheld = None
        out.append(data[at:])
        return withheld + b"".join(out)

    cdef int _note_edit(self, const char* start, const char* end) except -1:
        cdef bint empty
        if start == NULL:
            empty = self.withheld == b'"' and end - self.base == 1
        else:
            empty = end - start == 2
        if empty:
            return 0  # it names no model
        if (end - 1)[0] == c'"':
            self.edits.append((-1 if start == NULL else start - self.base, end - self.base))
        return 0

    cdef int _feed_plain(self, bytes data) except -1:
        if self.events:
            return self._feed_events(<const char*>data, len(data))
        return self.scan(<const char*>data, len(data))

    cpdef bint over(self):
        """The end marker has passed, whole; a last event without its empty line counts."""
        return self.ended or (self.ending and self.root_done)

    cdef bint cut_short(self) except -1:
        """Asked at the end of the body: the events of a known reply came without its end marker."""
        return self.events and not self.blind and self.begun and not self.over()

    cdef int _end_of_event(self) except -1:
        self.ended = self.ended or self.ending
        self.at_boundary = True
        self.overflow = False
        self.pending = None
        self.done_matched = 0
        self.reset()
        return 0

    cdef int _feed_events(self, const char* data, Py_ssize_t length) except -1:
        cdef Py_ssize_t i = 0, end
        cdef const char* found
        cdef const char* carriage
        cdef char c
        while self.bom_matched < 3 and i < length:
            if data[i] != BOM[self.bom_matched]:
                if self.bom_matched > 0:
                    self.line_state = SKIP
                self.bom_matched = 3
                break
            self.bom_matched += 1
            i += 1
        while i < length:
            c = data[i]
            if self.swallow_newline:
                self.swallow_newline = False
                if c == c'\n':
                    i += 1
                    continue
            if self.line_state == FIELD:
                if c == c'\n' or c == c'\r':
                    if self.field_matched == 0:
                        self._end_of_event()
                    self.field_matched = 0
                    self.swallow_newline = c == c'\r'
                elif c == DATA_FIELD[self.field_matched]:
                    self.at_boundary = False
                    self.field_matched += 1
                    if self.field_matched == 5:
                        self.line_state = DATA
                        self.field_matched = 0
                else:
                    self.at_boundary = False
                    self.line_state = SKIP
                    self.field_matched = 0
                i += 1
                continue
            found = <const char*>memchr(data + i, c'\n', <size_t>(length - i))
            end = found - data if found != NULL else length
            # A lone CR ends a line too, so a CR before the LF we found comes first.
            carriage = <const char*>memchr(data + i, c'\r', <size_t>(end - i))
            if carriage != NULL:
                end = carriage - data
            if self.line_state == DATA and end > i:
                if self.depth == 0 and not self.seen_root and self.done_matched >= 0:
                    self._match_done(data + i, end - i)
                if self.done_matched <= 0:
                    self.scan(data + i, end - i)
            if end < length:
                self.line_state = FIELD
                self.swallow_newline = data[end] == c'\r'
                end += 1
            i = end
        return 0

    cdef int _match_done(self, const char* data, Py_ssize_t length) except -1:
        """Recognise ``[DONE]`` at the head of a payload; -1 once it cannot be it any more."""
        cdef Py_ssize_t i, earlier = self.done_matched
        for i in range(length):
            if self.done_matched == 0 and (data[i] == c' '):
                continue
            if self.done_matched < 6 and data[i] == DONE[self.done_matched]:
                self.done_matched += 1
                if self.done_matched == 6:
                    self.ended = True
                    return 0
            else:
                self.done_matched = -1
                # What earlier pieces held of it was JSON after all.
                self.scan(DONE, earlier)
                return 0
        return 0
