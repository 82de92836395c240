# cython: boundscheck=False, wraparound=False, cdivision=True
"""What the rows of a table have in common, as a tree of shapes.

The values at one place of all rows are a vector of node indexes. Objects whose keys keep one order
are taken apart into a vector per key, arrays of one length into one per position, other arrays of
objects into the shape of all their elements; all else is a leaf. Vectors hold at most twice as many
places as there are values. The slow twin is in ``tests/native/reference_rows.py``.
"""

from libc.string cimport memcmp, memmove, memset

from lynkr._native.jsontape cimport ARRAY, OBJECT, Node


cdef class Shape:
    """Made by ``Shaper.shape``."""


cdef int leaves(Shape shape) except -1:
    cdef int total = 0
    if shape.kind == LEAF:
        return 1
    for kid in shape.kids:
        total += leaves(<Shape>kid)
    return total


cdef class Shaper:
    """Makes shapes of the nodes of one text; they live as long as its arena."""

    cdef int* vector(self, int size) except NULL:
        cdef int* made = <int*>self.arena.take(size * <Py_ssize_t>sizeof(int))
        memset(made, 0xff, <size_t>size * sizeof(int))
        return made

    cdef Shape shape(self, int* values, int rows, int depth, bint inside):
        cdef Shape shape = Shape()
        cdef int row, kind = 0
        shape.kind = LEAF
        shape.rows = rows
        shape.values = values
        self.shapes += 1
        if self.shapes > SHAPES_MAX:
            return shape
        for row in range(rows):
            if values[row] < 0:
                continue
            shape.present += 1
            if kind == 0:
                kind = self.nodes[values[row]].kind
            elif self.nodes[values[row]].kind != kind:
                kind = -1
        if depth < SHAPE_DEPTH_MAX:
            if kind == OBJECT:
                self.merge(shape, depth, inside)
            elif kind == ARRAY:
                self.elements(shape, depth, inside)
        return shape

    cdef bint merge(self, Shape shape, int depth, bint inside) except -1:
        """Make it MEMBERS: a vector per key, in an order that all rows keep. Not if there is none,
        or too many keys, or more holes than values."""
        cdef int[KEYS_MAX] keys
        cdef int* vectors[KEYS_MAX]
        cdef int known = 0, row, at, found, key, stop, size
        cdef Py_ssize_t cells = 0
        cdef const char* name
        for row in range(shape.rows):
            if shape.values[row] < 0:
                continue
            at = 0
            key = shape.values[row] + 1
            stop = self.nodes[shape.values[row]].next
            while key < stop:
                name = self.text + self.nodes[key].start
                size = self.nodes[key].end - self.nodes[key].start
                for found in range(at, known):
                    if self.is_key(keys[found], name, size):
                        break
                else:
                    for found in range(at):
                        if self.is_key(keys[found], name, size):
                            return False
                    if known == KEYS_MAX:
                        return False
                    found = at
                    memmove(&keys[at + 1], &keys[at], <size_t>(known - at) * sizeof(int))
                    memmove(&vectors[at + 1], &vectors[at], <size_t>(known - at) * sizeof(int*))
                    keys[at] = key
                    vectors[at] = self.vector(shape.rows)
                    known += 1
                vectors[found][row] = key + 1
                cells += 1
                at = found + 1
                key = self.nodes[key].next
        if cells == 0 or cells * 2 < <Py_ssize_t>shape.present * known:
            return False
        shape.kids = []
        shape.keys = self.vector(known)
        for at in range(known):
            shape.keys[at] = keys[at]
            shape.kids.append(self.shape(vectors[at], shape.rows, depth + 1, inside))
        shape.kind = MEMBERS
        return True

    cdef bint is_key(self, int key, const char* name, int size) noexcept:
        return (
            self.nodes[key].end - self.nodes[key].start == size
            and memcmp(self.text + self.nodes[key].start, name, <size_t>size) == 0
        )

    cdef bint elements(self, Shape shape, int depth, bint inside) except -1:
        """Make it FIXED or a LIST, or leave it."""
        cdef int* vectors[FIXED_MAX]
        cdef int* flat
        cdef Shape inner
        cdef int row, i, node, stop, value, size = -1, total = 0
        cdef bint objects = True
        for row in range(shape.rows):
            value = shape.values[row]
            if value < 0:
                continue
            total += self.nodes[value].size
            if size < 0:
                size = self.nodes[value].size
            elif size != self.nodes[value].size:
                size = FIXED_MAX + 1
        if 1 <= size <= FIXED_MAX:
            for i in range(size):
                vectors[i] = self.vector(shape.rows)
            for row in range(shape.rows):
                if shape.values[row] < 0:
                    continue
                node = shape.values[row] + 1
                for i in range(size):
                    vectors[i][row] = node
                    node = self.nodes[node].next
            shape.kids = []
            for i in range(size):
                shape.kids.append(self.shape(vectors[i], shape.rows, depth + 1, inside))
            shape.kind = FIXED
            return True
        if total < ROWS_MIN or inside:
            return False
        flat = self.vector(total)
        shape.sizes = self.vector(shape.rows)
        i = 0
        for row in range(shape.rows):
            value = shape.values[row]
            shape.sizes[row] = 0 if value < 0 else self.nodes[value].size
            if value < 0:
                continue
            node = value + 1
            stop = self.nodes[value].next
            while node < stop:
                if self.nodes[node].kind != OBJECT:
                    return False
                flat[i] = node
                i += 1
                node = self.nodes[node].next
        inner = self.shape(flat, total, depth + 1, True)
        if inner.kind != MEMBERS:
            return False
        shape.kids = [inner]
        shape.kind = LIST
        return True
