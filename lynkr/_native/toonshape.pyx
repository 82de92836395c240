# cython: boundscheck=False, wraparound=False, cdivision=True
"""Which arrays and objects TOON writes as tables (9.3, 9.5), and what it cannot write.

A container is a table if all its rows have the first row's keys and no arrays. Rows usually have
them in the first row's order, and then match it node by node; only others are searched.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc

from lynkr._native.jsontape cimport ARRAY, KEY, OBJECT, Node, Tape, minimal
from lynkr._native.toontext cimport Span, repeated_key, same_bytes

cdef enum:
    COMPARISONS_PER_NODE = 64
    PAIRWISE_MAX = 6
    KEYS_KEPT = 1 << 12


cdef class Shapes:
    """A JSON text with what is asked about its containers."""

    def __cinit__(self) -> None:
        self.tape = Tape()

    def __dealloc__(self) -> None:
        free(self.keys)

    cdef int read(self, bytes data, bint as_written) except -1:
        """Takes a text. Raises ValueError if it is not JSON."""
        self.data = data
        self.as_written = as_written
        self.tape.parse(self.data, len(data))
        self.nodes = self.tape.nodes
        self.budget = <Py_ssize_t>self.tape.used * COMPARISONS_PER_NODE
        return 0

    cdef int uniform(self, int at) except -1:
        """Whether a non-empty container is a table: 0, IN_ORDER or REORDERED."""
        cdef int shift = 1 if self.nodes[at].kind == OBJECT else 0
        cdef int first = at + 1 + shift, last = self.nodes[at].next, step = at + 1, i
        cdef int span = self.nodes[first].next - first, found = IN_ORDER
        cdef Node* row
        if self.nodes[first].kind != OBJECT or self.nodes[first].size == 0:
            return 0
        # Rows that differ in size are found here, before anything is read twice at every level.
        while step < last:
            row = &self.nodes[step + shift]
            if row.kind != OBJECT or row.next - (step + shift) != span:
                return 0
            step = self.nodes[step].next
        for i in range(first + 1, first + span):
            row = &self.nodes[i]
            if row.kind == ARRAY or (row.kind == OBJECT and row.size == 0):
                return 0
        step = self.nodes[at + 1].next
        while step < last:
            if not self._congruent(first, step + shift, span):
                if not self._same_set(first, step + shift):
                    return 0
                found = REORDERED
            step = self.nodes[step].next
        return found

    cdef bint _congruent(self, int first, int row, int span) noexcept:
        """Whether a row has the first row's keys, written alike and in the same order."""
        cdef Node* one = &self.nodes[first]
        cdef Node* other = &self.nodes[row]
        cdef int i
        for i in range(span):
            if one.kind == KEY:
                if (
                    other.kind != KEY or one.end - one.start != other.end - other.start
                    or not same_bytes(
                        self.data + one.start, self.data + other.start, one.end - one.start
                    )
                ):
                    return False
            elif is_container(one) or is_container(other):
                if one.kind != other.kind or one.size != other.size:
                    return False
            one += 1
            other += 1
        return True

    cdef int _same_set(self, int first, int row) except -1:
        """Whether a row has the first row's keys; as_written, in the same order too."""
        cdef int key = first + 1, found, hint = row + 1
        cdef Node* one
        cdef Node* other
        if self.nodes[first].size != self.nodes[row].size:
            return False
        while key < self.nodes[first].next:
            found = self.member(key, row, hint)
            if found < 0:
                return False
            one = &self.nodes[key + 1]
            other = &self.nodes[found + 1]
            if is_container(one) or is_container(other):
                if one.kind != other.kind or not self._same_set(key + 1, found + 1):
                    return False
            hint = self.nodes[found].next
            key = self.nodes[key].next
        return True

    cdef int member(self, int key, int row, int hint) except -2:
        """The node of ``row``'s member with this key, looked for from ``hint`` on, or -1."""
        cdef int at = hint, last = self.nodes[row].next, i
        for i in range(self.nodes[row].size):
            self.budget -= 1
            if self.budget < 0:
                return -1
            if at == last:
                at = row + 1
            if self._same(&self.nodes[key], &self.nodes[at]):
                return at
            if self.as_written:
                return -1
            at = self.nodes[at].next
        return -1

    cdef inline bint _same(self, Node* one, Node* other) except -1:
        cdef Py_ssize_t n = one.end - one.start
        if one.escaped or other.escaped:
            return self._text(one) == self._text(other)
        return n == other.end - other.start and same_bytes(
            self.data + one.start, self.data + other.start, n
        )

    cdef bytes _text(self, Node* key):
        """A key in JSON's shortest form, which is the same for equal keys."""
        cdef bytes made = PyBytes_FromStringAndSize(NULL, key.end - key.start)
        return made[:minimal(self.data, key, made)]

    cdef int distinct(self, int at) except -1:
        """Raises ValueError if the object has a key twice: TOON has no place for that."""
        cdef int size = self.nodes[at].size, last = self.nodes[at].next
        cdef int key = at + 1, other, count = 0
        cdef bint escaped = False
        if size <= PAIRWISE_MAX:
            while key < last:
                other = at + 1
                while other < key:
                    if self._same(&self.nodes[key], &self.nodes[other]):
                        self._refuse(key)
                    other = self.nodes[other].next
                key = self.nodes[key].next
            return 0
        if self.keys_room < size or self.keys_room > KEYS_KEPT:
            self.keys_room = 0
            free(self.keys)
            self.keys = <Span*>malloc(<size_t>size * sizeof(Span))
            if self.keys == NULL:
                raise MemoryError
            self.keys_room = size
        while key < last:
            self.keys[count].start = self.nodes[key].start
            self.keys[count].size = self.nodes[key].end - self.nodes[key].start
            self.keys[count].line = key
            escaped = escaped or self.nodes[key].escaped
            count += 1
            key = self.nodes[key].next
        if escaped:
            return self._distinct_slowly(at)
        count = repeated_key(self.data, self.keys, count)
        if count >= 0:
            self._refuse(self.keys[count].line)
        return 0

    cdef int _distinct_slowly(self, int at) except -1:
        """The same where keys are written with escapes."""
        cdef int key = at + 1
        cdef set seen = set()
        while key < self.nodes[at].next:
            text = self._text(&self.nodes[key])
            if text in seen:
                self._refuse(key)
            seen.add(text)
            key = self.nodes[key].next
        return 0

    cdef int _refuse(self, int key) except -1:
        text = self._text(&self.nodes[key]).decode()
        raise ValueError(f"not representable: key {text} twice, at byte {self.nodes[key].start}")
