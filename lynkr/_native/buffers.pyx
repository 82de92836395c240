# cython: boundscheck=False, wraparound=False, cdivision=True
"""Memory for work on one text: blocks given back all at once, and bytes to write to."""

from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy


cdef class Arena:
    """Blocks of memory, each twice the last one."""

    def __cinit__(self) -> None:
        self.blocks = []

    def __dealloc__(self) -> None:
        for block in self.blocks:
            free(<void*><size_t>block)

    cdef void* take(self, Py_ssize_t size) except NULL:
        cdef char* block
        cdef Py_ssize_t room
        size = (size + 15) & ~15
        if size > self.left:
            room = 16384 << (len(self.blocks) if len(self.blocks) < 6 else 6)
            room = size if size > room else room
            block = <char*>malloc(<size_t>room)
            if block == NULL:
                raise MemoryError
            self.blocks.append(<size_t>block)
            self.free_at = block
            self.left = room
        block = self.free_at
        self.free_at += size
        self.left -= size
        return block


cdef class Out:
    """A buffer to write to."""

    def __dealloc__(self) -> None:
        free(self.data)

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.room
        cdef char* data
        if self.size + more <= room:
            return 0
        room = 2 * room + more + 256
        data = <char*>realloc(self.data, <size_t>room)
        if data == NULL:
            raise MemoryError
        self.data = data
        self.room = room
        return 0

    cdef int put(self, const char* text, Py_ssize_t size) except -1:
        if self.size + size > self.room:
            self.reserve(size)
        memcpy(self.data + self.size, text, <size_t>size)
        self.size += size
        return 0

    cdef int mark(self, char byte) except -1:
        if self.size == self.room:
            self.reserve(1)
        self.data[self.size] = byte
        self.size += 1
        return 0

    cdef int number(self, long long value, int width) except -1:
        """In decimal, with zeros in front up to ``width``."""
        cdef char[24] text
        cdef int at = 24
        while True:
            at -= 1
            text[at] = <char>(c'0' + value % 10)
            value //= 10
            if value == 0:
                break
        while at > 24 - width and at > 0:
            at -= 1
            text[at] = c'0'
        return self.put(&text[at], 24 - at)
