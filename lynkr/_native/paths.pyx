"""Finds the values at a few known paths in passing JSON, in pieces of any size, in bounded memory.

Theory of operation. A table holds the paths as a small trie. A scanner walks the bytes once. While
the containers it is inside all lie on a path (``matched == depth``) it reads keys; in every other
container it only counts brackets and skips strings, with memchr, so the cost outside the
interesting keys is that of finding quotes. Arrays are transparent: ``choices.finish_reason``
matches in every element.

It is not a validator. Bytes that are not JSON give no values or odd ones, never an error: what
passes is the client's and the provider's business, and they are the ones to complain.

Keys are compared as raw bytes. A matching key written with escapes would be missed, so any
backslash in a key at a matched depth raises the ``escaped_key`` flag, and the caller asks a full
parser.
"""

from libc.string cimport memchr, memcmp, memcpy


cdef class PathTable:
    """The paths to look for, compiled once.

    ``paths`` keeps their order; their index names the value.
    """

    def __init__(self, *paths: str) -> None:
        cdef int node, i
        self.paths = paths
        self.names = []
        self.used = 1
        self.nodes[0].capture = -1
        self.nodes[0].children = 0
        for i, path in enumerate(paths):
            node = 0
            for name in path.split("."):
                node = self._child(node, name.encode())
            self.nodes[node].capture = i
        if max((path.count(".") for path in paths), default=0) >= DEPTH_MAX // 2:
            raise ValueError("a path is too deep")

    cdef int _child(self, int node, bytes name) except -1:
        cdef int i
        cdef Node* parent = &self.nodes[node]
        for i in range(parent.children):
            if parent.key_length[i] == len(name) and parent.key[i][:len(name)] == name:
                return parent.child[i]
        if self.used == NODES_MAX or parent.children == CHILDREN_MAX or len(name) > KEY_BYTES_MAX:
            raise ValueError("too many paths for one table")
        self.names.append(name)
        parent.key[parent.children] = <const char*>name
        parent.key_length[parent.children] = <int>len(name)
        parent.child[parent.children] = self.used
        parent.children += 1
        self.nodes[self.used].capture = -1
        self.nodes[self.used].children = 0
        self.used += 1
        return self.used - 1


cdef inline int child_of(Node* node, const char* key, int key_length) noexcept:
    """Index of the node that ``key`` leads to, or -1."""
    cdef int n
    for n in range(node.children):
        if node.key_length[n] == key_length and memcmp(node.key[n], key, <size_t>key_length) == 0:
            return node.child[n]
    return -1


cdef inline Py_ssize_t string_end(
    const char* data, Py_ssize_t start, Py_ssize_t length, bint* escaped
) noexcept:
    """Index of the closing quote at or after ``start``, or -1.

    ``escaped`` tells of the last piece; after -1 it is set for the next one.
    """
    cdef Py_ssize_t i = start, back
    cdef const char* found
    cdef bint carried = escaped[0]
    escaped[0] = False
    while i < length:
        found = <const char*>memchr(data + i, c'"', <size_t>(length - i))
        if found == NULL:
            break
        i = found - data
        back = i - 1
        while back >= start and data[back] == c'\\':
            back -= 1
        # The run of backslashes before the quote; one more if it reaches back into the last piece.
        if ((i - 1 - back) + (1 if carried and back < start else 0)) & 1 == 0:
            return i
        i += 1
    back = length - 1
    while back >= start and data[back] == c'\\':
        back -= 1
    escaped[0] = ((length - 1 - back) + (1 if carried and back < start else 0)) & 1 == 1
    return -1


cdef class PathScanner:
    """Walks one JSON value.

    Subclasses say what a capture means; this class only finds where it lies.
    """

    cdef void reset(self) noexcept:
        self.depth = 0
        self.matched = 0
        self.node_of[0] = 0
        self.is_array[0] = False
        self.value_node = 0
        self.expect_key = False
        self.in_string = False
        self.in_key = False
        self.escaped = False
        self.seen_root = False
        self.root_done = False
        self.escaped_key = False
        self.key_length = 0
        self.capture = -1
        self.capture_kind = 0
        self.capture_depth = 0
        self.position = 0
        self.capture_start = 0

    cdef int begin_capture(self, int path, Py_ssize_t start) except -1:
        return 0

    cdef int end_capture(
        self, int path, Py_ssize_t start, Py_ssize_t end, const char* piece, Py_ssize_t piece_start
    ) except -1:
        return 0

    cdef int carry(self, const char* piece, Py_ssize_t length) except -1:
        return 0

    cdef int scan(self, const char* data, Py_ssize_t length) except -1:
        cdef Py_ssize_t i = 0, end, chunk
        cdef Py_ssize_t base = self.position
        cdef char c
        cdef int n, node
        cdef Node* here
        while i < length:
            if self.in_string:
                end = string_end(data, i, length, &self.escaped)
                if self.in_key:
                    chunk = (length if end < 0 else end) - i
                    if self.key_length + chunk > KEY_BYTES_MAX:
                        self.key_length = KEY_BYTES_MAX + 1
                    else:
                        memcpy(&self.key[self.key_length], data + i, <size_t>chunk)
                        self.key_length += <int>chunk
                    # Looked for in the piece itself, so that a long key is not missed.
                    if chunk > 0 and memchr(data + i, c'\\', <size_t>chunk) != NULL:
                        self.escaped_key = True
                if end < 0:
                    break
                i = end + 1
                self.in_string = False
                if self.in_key:
                    self.in_key = False
                    self.expect_key = False
                    here = &self.table.nodes[self.node_of[self.matched]]
                    self.value_node = child_of(here, self.key, self.key_length)
                elif (
                    self.capture >= 0 and self.capture_kind == c's'
                    and self.depth == self.capture_depth
                ):
                    n = self.capture
                    self.capture = -1
                    self.end_capture(n, self.capture_start, base + i, data, base)
                continue
            c = data[i]
            if c == c'"':
                self.in_string = True
                self.escaped = False
                if self.depth == self.matched:
                    if self.expect_key:
                        self.in_key = True
                        self.key_length = 0
                    elif self.capture < 0:
                        self._value_starts(c's', base + i)
                i += 1
            elif c == c'{' or c == c'[':
                if self.depth == self.matched and not self.expect_key:
                    if self.capture < 0:
                        self._value_starts(c'c', base + i)
                    node = self.value_node
                    if self.is_array[self.matched] and self.matched > 0:
                        node = self.node_of[self.matched]
                    if not self.seen_root:
                        node = 0 if c == c'{' else -1
                        self.seen_root = True
                    if (
                        node >= 0 and self.table.nodes[node].children > 0
                        and self.matched < DEPTH_MAX
                    ):
                        self.matched += 1
                        self.node_of[self.matched] = node
                        self.is_array[self.matched] = c == c'['
                        self.expect_key = c == c'{'
                        self.value_node = -1
                self.depth += 1
                i += 1
            elif c == c'}' or c == c']':
                if self.capture >= 0 and self.capture_kind == c'x':
                    n = self.capture
                    self.capture = -1
                    self.end_capture(n, self.capture_start, base + i, data, base)
                if self.depth > 0:
                    self.depth -= 1
                    if self.depth < self.matched:
                        self.matched = self.depth
                    if self.depth == self.matched:
                        self.expect_key = False
                        self.value_node = -1
                    if self.depth == 0:
                        self.root_done = True
                i += 1
                if (
                    self.capture >= 0 and self.capture_kind == c'c'
                    and self.depth == self.capture_depth
                ):
                    n = self.capture
                    self.capture = -1
                    self.end_capture(n, self.capture_start, base + i, data, base)
            elif c == c',':
                if self.depth == self.matched:
                    if self.capture >= 0 and self.capture_kind == c'x':
                        n = self.capture
                        self.capture = -1
                        self.end_capture(n, self.capture_start, base + i, data, base)
                    self.expect_key = self.matched > 0 and not self.is_array[self.matched]
                    self.value_node = -1
                i += 1
            elif c == c' ' or c == c'\n' or c == c'\r' or c == c'\t':
                if self.capture >= 0 and self.capture_kind == c'x':
                    n = self.capture
                    self.capture = -1
                    self.end_capture(n, self.capture_start, base + i, data, base)
                i += 1
            else:
                if (
                    c != c':' and self.depth == self.matched
                    and self.capture < 0 and not self.expect_key
                ):
                    self._value_starts(c'x', base + i)
                i += 1
        if self.capture >= 0:
            self.carry(data, length)
        self.position = base + length
        return 0

    cdef int _value_starts(self, int kind, Py_ssize_t start) except -1:
        cdef int path
        if self.value_node < 0 or self.matched == 0:
            return 0
        path = self.table.nodes[self.value_node].capture
        if path < 0:
            return 0
        self.capture = path
        self.capture_kind = kind
        self.capture_depth = self.depth
        self.capture_start = start
        if kind != c'c':
            self.value_node = -1
        self.begin_capture(path, start)
        return 0


cdef class SpanScanner(PathScanner):
    cdef list found

    def __cinit__(self, PathTable table not None):
        self.table = table
        self.found = [None] * len(table.paths)
        self.reset()

    cdef int end_capture(
        self, int path, Py_ssize_t start, Py_ssize_t end, const char* piece, Py_ssize_t piece_start
    ) except -1:
        self.found[path] = (start, end)
        return 0


def find_spans(PathTable table not None, body not None):
    """Byte spans of the table's paths in one whole JSON body, as ``[(start, end) | None, ...]``.

    The last of repeated keys wins, as in every JSON parser the providers use. Returns ``None`` when
    a relevant key is written with escapes or the body does not close as one object: the caller must
    parse, or pass the bytes on unread.
    """
    cdef const unsigned char[::1] view
    cdef SpanScanner scanner = SpanScanner(table)
    if len(body) == 0:
        return None
    if type(body) is bytes:
        scanner.scan(<const char*>(<bytes>body), len(<bytes>body))
    else:
        view = body
        scanner.scan(<const char*>&view[0], view.shape[0])
    if scanner.escaped_key or not scanner.root_done or scanner.in_string or scanner.depth:
        return None
    return scanner.found
