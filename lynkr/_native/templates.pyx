# cython: boundscheck=False, wraparound=False, cdivision=True
"""The template of a folded table, read into a program of orders that writes one row.

Everything is checked against the end of the text. A place's column is in the order in which places
first appear, which is how ``columns.pyx`` numbers them.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp

cdef const char* LETTERS = b"ijk"


cdef class Level:
    """Made while a template is read."""

    def __cinit__(self) -> None:
        self.known = {}
        self.kinds = []


cdef void* grown(void* old, int* room, size_t size) except NULL:
    cdef void* made = realloc(old, <size_t>(2 * room[0] + 64) * size)
    if made == NULL:
        raise MemoryError
    room[0] = 2 * room[0] + 64
    return made


cdef class Reader:
    """Where a folded text is being read."""

    def __cinit__(self) -> None:
        self.texts = Out()

    def __dealloc__(self) -> None:
        free(self.orders)

    cdef int refuse(self, str reason) except -1:
        raise ValueError(f"not a folded table: {reason} at byte {self.at - self.start}")

    cdef bint sees(self, const char* text, int size) noexcept:
        """Whether this is next; then it is passed."""
        if self.end - self.at < size or memcmp(self.at, text, <size_t>size) != 0:
            return False
        self.at += size
        return True

    cdef int want(self, const char* text, int size) except -1:
        if not self.sees(text, size):
            self.refuse(f"{text[:size]!r} expected")
        return 0

    cdef long long number(self, int* width) except -1:
        cdef long long number = 0
        cdef const char* first = self.at
        while self.at < self.end and c'0' <= self.at[0] <= c'9':
            number = number * 10 + (self.at[0] - c'0')
            self.at += 1
            if self.at - first > 17:
                self.refuse("a number is too long")
        if self.at == first:
            self.refuse("no number")
        width[0] = <int>(self.at - first)
        return number

    # --- the template ---

    cdef int order(self, int step, int a, int b) except -1:
        if self.order_count == self.order_room:
            self.orders = <Order*>grown(self.orders, &self.order_room, sizeof(Order))
        self.orders[self.order_count].step = step
        self.orders[self.order_count].a = a
        self.orders[self.order_count].b = b
        self.order_count += 1
        return self.order_count - 1

    cdef int literal(self, Py_ssize_t start) except -1:
        """The text from ``start`` on is to be written as it is."""
        if self.texts.size > start:
            self.order(TEXT, <int>start, <int>(self.texts.size - start))
        return 0

    cdef int place(self, bint in_string) except -1:
        """A dollar and what it stands for; True if it is one that is written twice."""
        cdef int width, column, i
        cdef bint braces
        cdef long long number
        self.at += 1
        braces = self.sees(b"{", 1)
        for i in range(3):
            if self.sees(&LETTERS[i], 1):
                self.order(COUNTED, i, 0)
                self.counters = max(self.counters, i + 1)
                break
        else:
            number = self.number(&width)
            if number > NUMBER_MAX:
                self.refuse("a place has too high a number")
            known = self.level.known.get(number)
            if known is None:
                known = len(self.level.kinds)
                self.level.known[number] = known
                self.level.kinds.append(0 if in_string else 1)
            elif not in_string:
                self.level.kinds[known] = 1
            column = known
            self.order(STRING_PLACE if in_string else VALUE_PLACE, column, 0)
        if braces:
            self.want(b"}", 1)
        return 0

    cdef int string(self) except -1:
        cdef Py_ssize_t start = self.texts.size
        cdef char c
        self.texts.mark(c'"')
        self.at += 1
        while True:
            if self.at == self.end:
                self.refuse("a string does not end")
            c = self.at[0]
            if c == c'$' and not self.sees(b"$$", 2):
                self.literal(start)
                self.place(True)
                start = self.texts.size
                continue
            self.texts.mark(c)
            if c == c'$':
                continue
            self.at += 1
            if c == c'"':
                return self.literal(start)
            if c == c'\\' and self.at < self.end:
                self.texts.mark(self.at[0])
                self.at += 1

    cdef int value(self, int depth) except -1:
        cdef Py_ssize_t start = self.texts.size
        if self.at == self.end:
            self.refuse("the template ends")
        if self.at[0] == c'"':
            return self.string()
        if self.at[0] == c'$':
            return self.place(False)
        if self.at[0] == c'{' or self.at[0] == c'[':
            if depth == DEPTH_MAX:
                self.refuse("nested too deeply")
            return self.container(depth + 1)
        while self.at < self.end and memchr(b",]}\n", self.at[0], 4) == NULL:
            self.texts.mark(self.at[0])
            self.at += 1
        return self.literal(start)

    cdef int container(self, int depth) except -1:
        cdef bint members = self.at[0] == c'{'
        cdef char close = c'}' if members else c']'
        cdef int first = self.order(TEXT, <int>self.texts.size, 1), optional
        cdef Level outer = self.level, inner = Level()
        cdef int count = 0, begin
        self.texts.mark(self.at[0])
        self.at += 1
        begin = self.order(TEXT, 0, 0)  # becomes REPEATED in a list
        while self.at < self.end and self.at[0] != close:
            if count:
                self.want(b",", 1)
                if count == 1 and not members and self.sees(b"...]", 4):
                    if outer is not self.top:
                        self.refuse("a list in a list")
                    self.orders[begin].step = REPEATED
                    self.orders[begin].a = <int>len(outer.kinds)
                    self.orders[begin].b = self.order_count
                    outer.kinds.append(inner)
                    self.level = outer
                    self.texts.mark(c']')
                    return self.literal(self.texts.size - 1)
            optional = -1
            if members:
                optional = self.order(COMMA, 0, 0)
                if self.at == self.end or self.at[0] != c'"':
                    self.refuse("no key")
                self.string()
                if self.sees(b"?", 1):
                    # The comma and the key come to stand behind the question whether.
                    self.order(TEXT, 0, 0)
                    for at in range(self.order_count - 1, optional, -1):
                        self.orders[at] = self.orders[at - 1]
                    self.orders[optional].step = OPTIONAL
                self.want(b":", 1)
                self.texts.mark(c':')
                self.literal(self.texts.size - 1)
                self.value(depth)
                if self.orders[optional].step == OPTIONAL:
                    self.orders[optional].b = self.order_count
            else:
                if count:
                    self.texts.mark(c',')
                    self.literal(self.texts.size - 1)
                elif self._is_list():
                    self.level = inner
                self.value(depth)
            count += 1
        if self.level is not outer:
            self.refuse("a list that does not end as it begins")
        self.want(&close, 1)
        self.texts.mark(close)
        return self.literal(self.texts.size - 1)

    cdef bint _is_list(self) except -1:
        """Whether the array whose first element is next goes on with ``,...]``."""
        cdef const char* at = self.at
        cdef int open = 0
        cdef bint quoted = False
        if at == self.end or at[0] != c'{':
            return False
        while at < self.end:
            if quoted:
                if at[0] == c'\\':
                    at += 1
                elif at[0] == c'"':
                    quoted = False
            elif at[0] == c'"':
                quoted = True
            elif at[0] == c'{':
                open += 1
            elif at[0] == c'}':
                open -= 1
                if open == 0:
                    return self.end - at > 5 and memcmp(at + 1, b",...]", 5) == 0
            at += 1
        return False

    cdef int head(self, long long rows) except -1:
        """What follows the template on its line: the counters; the rest is for readers."""
        cdef int i, width
        cdef long long number
        cdef const char* newline
        for i in range(self.counters):
            self.want(b", ", 2)
            self.want(&LETTERS[i], 1)
            self.want(b"=", 1)
            self.firsts[i] = self.number(&width)
            self.widths[i] = width if width > 1 and (self.at - width)[0] == c'0' else 0
            self.steps[i] = 1
            if self.sees(b",", 1):
                self.steps[i] = self.number(&width) - self.firsts[i]
            self.want(b"..", 2)
            number = self.number(&width)
            # So that no row's number is above this one.
            number -= self.firsts[i]
            if self.steps[i] < 1 or number % self.steps[i] or number // self.steps[i] != rows - 1:
                self.refuse("a counter does not count")
        newline = <const char*>memchr(self.at, c'\n', <size_t>(self.end - self.at))
        self.at = self.end if newline == NULL else newline
        return 0
