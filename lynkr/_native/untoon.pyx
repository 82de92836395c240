# cython: boundscheck=False, wraparound=False, cdivision=True
"""JSON from TOON (github.com/toon-format/spec, version 4.0, and the refusals of 4.1 and 4.2).

Theory of operation. The text is split into lines with their depth, without blank lines and
comments; then each construct takes its lines and writes compact JSON as it goes. A table's field
list becomes the JSON that stands before, between and after the cells of a row.

Numbers are copied as they are written: TOON's grammar for them is JSON's, and nothing is out of
range. Where the specification leaves it open, also a lenient reader (``strict`` off) refuses:
malformed headers, rows of another width, lines that belong to no scope, and ill-formed UTF-8.
What it takes are wrong counts, blank lines in arrays, odd indentation (a tab is one level), jumps
in depth, and repeated keys, of which the last one's value stands in the first one's place.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from lynkr._native.jsontape cimport ARRAY, DEPTH_MAX, OBJECT, Node, Tape
from lynkr._native.toonlines cimport Line, Lines, closing_quote, trimmed, trimmed_end, unquoted

cdef enum:
    INDENT_MAX = 16
    LENGTH_DIGITS_MAX = 15


cdef inline bint is_item(const Line* line) noexcept:
    return line.start[0] == c'-' and (
        line.end - line.start == 1 or line.start[1] == c' '
    )


cdef class Decoder(Lines):
    """The state of one decoding."""

    cdef bytes decode(self, bytes text, int indent, bint strict):
        try:
            self.open(text, indent, strict)
            self._root()
        finally:
            made = self.taken()
        return last_wins(made) if self.repeated else made

    cdef int _root(self) except -1:
        cdef Header header
        cdef Line* line = self.lines
        if self.used == 0:
            return self.text(b"{}")
        if self.at_depth(0) and self._header(line.start, line.end, &header):
            if header.key_end == line.start:
                self.take()
                self._body(&header, line.end, line.depth)
                if self.at < self.used:
                    self.at += 1
                    self.refuse("more after the whole value")
                return 0
        elif self.used == 1 and unquoted(line.start, line.end, c':', c':') == NULL:
            self.take()
            if trimmed_end(line.start, line.end) - line.start == 2 and line.start[0] == c'[':
                if line.start[1] == c']':
                    return self.text(b"[]")
            return self.value(line.start, line.end)
        return self._members(0, self.keys_used, False)

    cdef int _members(self, int depth, int first, bint begun) except -1:
        """An object's members at ``depth``. If ``begun``, one was written, and its key is
        ``first``'s in the list of keys.
        """
        cdef Line* line
        if depth > DEPTH_MAX:
            self.refuse("nested too deeply")
        if not begun:
            self.put(c'{')
        while self.at_depth(depth):
            if begun:
                self.put(c',')
            begun = True
            line = self.take()
            self._member(line.start, line.end, depth)
        self.put(c'}')
        return self.closed(first)

    cdef int _member(self, const char* at, const char* end, int depth) except -1:
        """One key and its value, which begin on this line; the key stands at ``depth``."""
        cdef Header header
        cdef const char* colon
        if self._header(at, end, &header):
            if header.key_end == at:
                self.refuse("an array without a key")
            self.key(at, header.key_end)
            self.put(c':')
            return self._body(&header, end, depth)
        colon = unquoted(at, end, c':', c':')
        if colon == NULL:
            self.refuse("no colon after a key")
        self.key(at, trimmed_end(at, colon))
        self.put(c':')
        at = trimmed(colon + 1, end)
        end = trimmed_end(at, end)
        if at == end:
            return self._members(self.below(depth), self.keys_used, False)
        if end - at == 2 and at[0] == c'[' and at[1] == c']':
            return self.text(b"[]")
        return self.value(at, end)

    cdef int _body(self, Header* header, const char* end, int depth) except -1:
        """What a header at ``depth`` announces."""
        cdef list cuts, pieces
        cdef Py_ssize_t start
        if header.form == LIST_FORM:
            if trimmed(header.rest, end) < end:
                return self._inline(header, end)
            return self._items(header, self.below(depth))
        if trimmed(header.rest, end) < end:
            self.refuse("values after a field list")
        # A row's JSON is written once without its cells, cut where they go, and taken back.
        start = self.out - self.made
        cuts = []
        self._group(header.fields, end, header.delimiter, cuts, 0)
        cuts.append(self.out - self.made)
        pieces = []
        self.out = self.made + start
        for cut in cuts:
            pieces.append(PyBytes_FromStringAndSize(self.made + start, cut - start))
            start = cut
        return self._rows(header, pieces, self.below(depth))

    cdef int _inline(self, Header* header, const char* end) except -1:
        cdef const char* at = header.rest
        cdef const char* stop
        cdef Py_ssize_t found = 0
        self.put(c'[')
        while True:
            stop = unquoted(at, end, header.delimiter, header.delimiter)
            if found:
                self.put(c',')
            self.value(at, end if stop == NULL else stop)
            found += 1
            if stop == NULL:
                break
            at = stop + 1
        self.put(c']')
        return self._count(found, header.length, "values")

    cdef int _items(self, Header* header, int depth) except -1:
        cdef Line* line
        cdef Py_ssize_t found = 0
        cdef int number = self.at
        if depth > DEPTH_MAX:
            self.refuse("nested too deeply")
        self.put(c'[')
        while self.at_depth(depth) and is_item(&self.lines[self.at]):
            line = self.take()
            if found:
                self.put(c',')
            else:
                self.spans += 1
            found += 1
            self._item(trimmed(line.start + 1, line.end), line.end, depth)
        self.spans -= found > 0
        self.put(c']')
        if found == header.length or not self.strict:
            return 0
        self.at = number
        return self._count(found, header.length, "items")

    cdef int _item(self, const char* at, const char* end, int depth) except -1:
        """What stands after a hyphen at ``depth``."""
        cdef Header header
        cdef int first = self.keys_used
        end = trimmed_end(at, end)
        if at == end:
            return self.text(b"{}")
        if end - at == 2 and at[0] == c'[' and at[1] == c']':
            return self.text(b"[]")
        if self._header(at, end, &header) and header.key_end == at:
            if header.form != LIST_FORM:
                self.refuse("a field list in a list item without a key")
            return self._body(&header, end, depth)
        if unquoted(at, end, c':', c':') == NULL:
            return self.value(at, end)
        self.put(c'{')
        self._member(at, end, depth + 1)
        return self._members(depth + 1, first, True)

    cdef int _rows(self, Header* header, list pieces, int depth) except -1:
        cdef bint keyed = header.form == KEYED_FORM
        cdef int first = self.keys_used, number = self.at
        cdef Py_ssize_t found = 0
        cdef const char* colon
        cdef const char* stop
        cdef Line* line
        self.put(c'{' if keyed else c'[')
        while self.at_depth(depth):
            line = &self.lines[self.at]
            colon = unquoted(line.start, line.end, c':', c':' if keyed else header.delimiter)
            if not keyed and colon != NULL and colon[0] == c':':
                break
            self.take()
            if found:
                self.put(c',')
            else:
                self.spans += 1
            found += 1
            stop = line.start
            if keyed:
                if colon == NULL:
                    self.refuse("no colon after the key of a row")
                self.key(line.start, trimmed_end(line.start, colon))
                self.put(c':')
                stop = colon + 1
            self._row(stop, line.end, header.delimiter, pieces)
        self.spans -= found > 0
        self.put(c'}' if keyed else c']')
        self.closed(first)
        if found == header.length or not self.strict:
            return 0
        self.at = number
        return self._count(found, header.length, "rows")

    cdef int _row(self, const char* at, const char* end, char delimiter, list pieces) except -1:
        cdef const char* stop = NULL
        cdef Py_ssize_t found = 0, wanted = len(pieces) - 1
        at = trimmed(at, end)
        if at < end:
            while True:
                stop = unquoted(at, end, delimiter, delimiter)
                if found < wanted:
                    self.text(<bytes>pieces[found])
                    self.value(at, end if stop == NULL else stop)
                found += 1
                if stop == NULL:
                    break
                at = stop + 1
        if found != wanted:
            self.refuse(f"{found} cells where {wanted} are declared")
        return self.text(<bytes>pieces[wanted])

    cdef int _count(self, Py_ssize_t found, Py_ssize_t wanted, str what) except -1:
        if found != wanted and self.strict:
            self.refuse(f"{found} {what} where {wanted} are declared")
        return 0

    # Headers

    cdef int _header(self, const char* at, const char* end, Header* header) except -1:
        """Whether a line is a header: outside quotes, a bracket stands before its first colon."""
        cdef const char* bracket = unquoted(at, end, c'[', c':')
        cdef const char* start
        cdef Py_ssize_t written
        if bracket == NULL or bracket[0] == c':':
            return False
        if unquoted(bracket, end, c':', c':') == NULL:
            return False
        header.key_end = bracket
        if bracket > at and (bracket - 1)[0] in (c' ', c'\t'):
            self.refuse("a space before the length of an array")
        start = bracket + 1
        at = start
        header.length = 0
        while at < end and c'0' <= at[0] <= c'9':
            header.length = header.length * 10 + (at[0] - c'0')
            at += 1
            if at - start > LENGTH_DIGITS_MAX:
                self.refuse("no such length")
        if at == start or (start[0] == c'0' and at - start > 1):
            self.refuse("a bracket without a proper length")
        header.form = LIST_FORM
        if at < end and at[0] == c':':
            header.form = KEYED_FORM
            at += 1
        header.delimiter = c','
        if at < end and (at[0] == c'\t' or at[0] == c'|'):
            header.delimiter = at[0]
            at += 1
        if at == end or at[0] != c']':
            self.refuse("a bracket without a proper length")
        at += 1
        if at < end and at[0] == c'{':
            if header.form == LIST_FORM:
                header.form = TABLE_FORM
            header.fields = at
            written = self.out - self.made
            at = self._group(at, end, header.delimiter, None, 0)
            self.out = self.made + written
        elif header.form == KEYED_FORM:
            self.refuse("a keyed header without a field list")
        if at == end or at[0] != c':':
            self.refuse("something other than a colon after a header")
        header.rest = at + 1
        return True

    cdef const char* _group(
        self, const char* at, const char* end, char delimiter, list cuts, int depth
    ) except NULL:
        """Past the field list at ``at``. Writes a row without its cells, which go at ``cuts``."""
        cdef const char* start
        cdef const char* stop
        cdef int first = self.keys_used
        if depth > DEPTH_MAX:
            self.refuse("nested too deeply")
        self.put(c'{')
        while True:
            at = start = trimmed(at + 1, end)
            if at < end and at[0] == c'"':
                stop = closing_quote(at, end)
                at = end if stop == NULL else stop + 1
            else:
                while at < end and at[0] not in (c',', c'|', c'\t', c'{', c'}', c'"'):
                    at += 1
            stop = trimmed_end(start, at)
            if stop == start:
                self.refuse("a field without a name")
            self.key(start, stop)
            self.put(c':')
            if at < end and at[0] == c'{':
                if stop != at:
                    self.refuse("a space between a field and its group")
                at = self._group(at, end, delimiter, cuts, depth + 1)
            elif cuts is not None:
                cuts.append(self.out - self.made)
            at = trimmed(at, end)
            if at == end:
                self.refuse("a field list that does not end")
            if at[0] == c'}':
                break
            if at[0] != delimiter:
                self.refuse("a field list with another delimiter than its header's")
            self.put(c',')
        self.put(c'}')
        self.closed(first)
        return at + 1


cdef bytes last_wins(bytes data):
    """``data`` with each repeated key's last value in its first place, which is what dicts do."""
    cdef Tape tape = Tape()
    cdef bytearray out = bytearray()
    tape.parse(data, len(data))
    _unrepeated(tape.nodes, 0, data, out)
    return bytes(out)


cdef int _unrepeated(const Node* nodes, int at, bytes data, bytearray out) except -1:
    cdef int step = at + 1
    cdef dict values = {}
    cdef bytes before
    if nodes[at].kind == OBJECT:
        while step < nodes[at].next:
            values[data[nodes[step].start:nodes[step].end]] = step + 1
            step = nodes[step].next
        before = b"{"
        for key, step in values.items():
            out += before + key + b":"
            _unrepeated(nodes, step, data, out)
            before = b","
        out += b"}" if values else b"{}"
    elif nodes[at].kind == ARRAY:
        before = b"["
        while step < nodes[at].next:
            out += before
            _unrepeated(nodes, step, data, out)
            before = b","
            step = nodes[step].next
        out += b"]" if nodes[at].size else b"[]"
    else:
        out += data[nodes[at].start:nodes[at].end]
    return 0


cdef Decoder _decoder = Decoder()


def decode(bytes text not None, *, bint strict=True, int indent=2):
    """Compact JSON for one TOON text.

    ``indent`` is the number of spaces per level, 1 to 16. Raises ``ValueError`` with the line and
    the reason for what is not TOON, and for an option out of range.
    """
    if not 1 <= indent <= INDENT_MAX:
        raise ValueError("indent is 1 to 16 spaces")
    return _decoder.decode(text, indent, strict)
