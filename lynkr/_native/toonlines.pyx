# cython: boundscheck=False, wraparound=False, cdivision=True
"""The lines of a TOON text, and the JSON that is being made of them.

Lines come with their depth, without blank ones and comments (TOON 5.1, 12). Keys and values are
checked, and written in JSON's shortest form.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from lynkr._native.jsontape cimport ill_formed, put_escaped, string_stop, unit_of
from lynkr._native.toontext cimport Span, like_number, repeated_key


cdef const char* unquoted(const char* at, const char* end, char wanted, char other) noexcept:
    """The first place outside quotes where ``wanted`` or ``other`` stands, or NULL."""
    cdef bint inside = False
    while at < end:
        if at[0] == c'"':
            inside = not inside
        elif inside:
            if at[0] == c'\\':
                at += 1
        elif at[0] == wanted or at[0] == other:
            return at
        at += 1
    return NULL


cdef const char* closing_quote(const char* at, const char* end) noexcept:
    """The quote that closes the string beginning at ``at``, or NULL."""
    at += 1
    while at < end and at[0] != c'"':
        at += 2 if at[0] == c'\\' else 1
    return at if at < end else NULL


cdef class Lines:
    """One text at a time; the buffers, but not the JSON's, are used again by the next."""

    def __dealloc__(self) -> None:
        free(self.lines)
        free(self.made)
        free(self.keys)

    cdef int open(self, bytes text, int indent, bint strict) except -1:
        """Takes a text. Raises ValueError for bad UTF-8 and, if ``strict``, bad indentation."""
        cdef const char* data = text
        cdef const char* odd = ill_formed(data, data + len(text))
        if odd != NULL:
            raise ValueError(f"not TOON: ill-formed UTF-8 at byte {odd - data}")
        self.strict = strict
        self.indent = indent
        self.repeated = False
        self.used = self.at = self.spans = self.keys_used = 0
        self.grow(len(text) + 64)
        return self.split(data, data + len(text))

    cdef bytes taken(self):
        """The JSON written so far, and its memory given back."""
        cdef bytes made = PyBytes_FromStringAndSize(self.made, self.out - self.made)
        free(self.made)
        self.made = self.out = self.limit = NULL
        return made

    cdef int split(self, const char* at, const char* end) except -1:
        cdef const char* stop
        cdef const char* line_end
        cdef int number = 0
        cdef bint blank = False
        while at <= end:
            stop = <const char*>memchr(at, c'\n', <size_t>(end - at)) if at < end else NULL
            if stop == NULL:
                stop = end
            number += 1
            line_end = stop - 1 if stop > at and (stop - 1)[0] == c'\r' else stop
            self._line(at, line_end, number, &blank)
            at = stop + 1
        return 0

    cdef int _line(self, const char* at, const char* end, int number, bint* blank) except -1:
        cdef const char* start = at
        cdef Line* line
        cdef int blanks
        at = trimmed(at, end)
        if at < end and at[0] == c'#':
            return 0
        blanks = <int>(at - start)
        while at < end and (at[0] == c'\t' or at[0] == c' '):
            blanks += self.indent if at[0] == c'\t' else 1
            at += 1
        if at == end:
            blank[0] = True
            return 0
        if self.used == self.room:
            line = <Line*>realloc(self.lines, <size_t>(self.room * 2 + 64) * sizeof(Line))
            if line == NULL:
                raise MemoryError
            self.lines = line
            self.room = self.room * 2 + 64
        line = &self.lines[self.used]
        line.start = at
        line.end = end
        line.depth = blanks // self.indent
        line.number = number
        line.after_blank = blank[0]
        blank[0] = False
        self.used += 1
        if self.strict:
            self.at = self.used
            if memchr(start, c'\t', <size_t>(at - start)) != NULL:
                self.refuse("a tab in the indentation")
            if blanks % self.indent:
                self.refuse(f"indented by {blanks} spaces, no multiple of {self.indent}")
            self.at = 0
        return 0

    cdef int refuse(self, str reason) except -1:
        """Raises, naming the line that was taken last."""
        cdef int number = self.lines[self.at - 1].number if self.at else 1
        raise ValueError(f"not TOON: line {number}: {reason}")

    cdef Line* take(self) except NULL:
        cdef Line* line = &self.lines[self.at]
        self.at += 1
        if line.after_blank and self.spans and self.strict:
            self.refuse("a blank line before it, inside an array")
        return line

    cdef bint at_depth(self, int depth) except -1:
        """Whether the next line belongs to the scope whose content stands at ``depth``."""
        if self.at == self.used or self.lines[self.at].depth < depth:
            return False
        if self.lines[self.at].depth > depth:
            self.at += 1
            self.refuse("indented deeper than anything that it could belong to")
        return True

    cdef int below(self, int depth) noexcept:
        """Where the content of a scope opened at ``depth`` stands."""
        if self.strict or self.at == self.used or self.lines[self.at].depth <= depth:
            return depth + 1
        return self.lines[self.at].depth

    # Output

    cdef int grow(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t used = self.out - self.made if self.made != NULL else 0
        cdef Py_ssize_t room = (used + more) * 3 // 2
        cdef char* made = <char*>realloc(self.made, <size_t>room)
        if made == NULL:
            raise MemoryError
        self.made = made
        self.out = made + used
        self.limit = made + room
        return 0

    cdef inline int need(self, Py_ssize_t more) except -1:
        return self.grow(more) if self.limit - self.out < more else 0

    cdef inline int put(self, char byte) except -1:
        self.need(1)
        self.out[0] = byte
        self.out += 1
        return 0

    cdef inline int text(self, bytes text) except -1:
        self.need(len(text))
        memcpy(self.out, <const char*>text, <size_t>len(text))
        self.out += len(text)
        return 0

    cdef int key(self, const char* at, const char* end) except -1:
        cdef Py_ssize_t start = self.out - self.made
        cdef Span* seen
        if at < end and at[0] == c'"':
            self._quoted(at, end)
        else:
            self._bare(at, end)
        if self.keys_used == self.keys_room:
            seen = <Span*>realloc(self.keys, <size_t>(self.keys_room * 2 + 64) * sizeof(Span))
            if seen == NULL:
                raise MemoryError
            self.keys = seen
            self.keys_room = self.keys_room * 2 + 64
        seen = &self.keys[self.keys_used]
        seen.start = start
        seen.size = <int>(self.out - self.made - start)
        seen.line = self.lines[self.at - 1].number if self.at else 1
        self.keys_used += 1
        return 0

    cdef int closed(self, int first) except -1:
        """Ends the object whose keys are those from ``first`` on."""
        cdef int found = repeated_key(self.made, self.keys + first, self.keys_used - first)
        cdef Span* seen
        self.keys_used = first
        if found < 0:
            return 0
        self.repeated = True
        if self.strict:
            seen = &self.keys[first + found]
            text = PyBytes_FromStringAndSize(self.made + seen.start, seen.size).decode()
            raise ValueError(f"not TOON: line {seen.line}: the key {text} again")
        return 0

    cdef int value(self, const char* at, const char* end) except -1:
        cdef Py_ssize_t n
        cdef const char* digits
        at = trimmed(at, end)
        end = trimmed_end(at, end)
        n = end - at
        if n == 0:
            return self.text(b'""')
        if at[0] == c'"':
            return self._quoted(at, end)
        digits = at + (at[0] == c'-')
        if (
            (n == 4 and (memcmp(at, b"true", 4) == 0 or memcmp(at, b"null", 4) == 0))
            or (n == 5 and memcmp(at, b"false", 5) == 0)
            or (
                digits < end and c'0' <= digits[0] <= c'9' and like_number(at, end)
                and not (digits[0] == c'0' and end - digits > 1 and c'0' <= digits[1] <= c'9')
            )
        ):
            self.need(n)
            memcpy(self.out, at, <size_t>n)
            self.out += n
            return 0
        return self._bare(at, end)

    cdef int _quoted(self, const char* at, const char* end) except -1:
        """A quoted string or key, which has to end where it is said to."""
        cdef const char* stop = closing_quote(at, end)
        cdef const char* run
        cdef char* out
        cdef int unit, ignored = 0
        if stop == NULL:
            self.refuse("a string that does not end")
        if stop != end - 1:
            self.refuse("something after a closing quote")
        self.need(6 * (end - at))
        out = self.out
        out[0] = c'"'
        out += 1
        at += 1
        while True:
            run = at
            at = string_stop(at, stop, &ignored)
            memcpy(out, run, <size_t>(at - run))
            out += at - run
            if at == stop:
                break
            if at[0] != c'\\':
                out += put_escaped(at[0], out)
                at += 1
            elif at[1] == c'u':
                unit = unit_of(at + 2) if stop - at >= 6 else -1
                if unit < 0 or 0xd800 <= unit < 0xe000:
                    self.refuse("a \\u escape that is no character")
                out += put_escaped(unit, out)
                at += 6
            elif at[1] in (c'"', c'\\', c'n', c'r', c't'):
                memcpy(out, at, 2)
                out += 2
                at += 2
            else:
                self.refuse("an escape that TOON does not have")
        out[0] = c'"'
        self.out = out + 1
        return 0

    cdef int _bare(self, const char* at, const char* end) except -1:
        """A string or key without quotes."""
        cdef const char* run
        cdef char* out
        cdef int ignored = 0
        self.need(6 * (end - at) + 2)
        out = self.out
        out[0] = c'"'
        out += 1
        while True:
            run = at
            at = string_stop(at, end, &ignored)
            memcpy(out, run, <size_t>(at - run))
            out += at - run
            if at == end:
                break
            out += put_escaped(at[0], out)
            at += 1
        out[0] = c'"'
        self.out = out + 1
        return 0
