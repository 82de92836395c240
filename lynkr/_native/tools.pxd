# The words of tools and of requests as hashes.

from libc.stdint cimport uint8_t, uint64_t

cdef class _Places:
    cdef uint64_t* keys              # 0: free
    cdef double* values
    cdef size_t mask
    cdef size_t count
    cdef size_t place(self, uint64_t key) noexcept
    cdef double get(self, uint64_t key) noexcept
    cdef double* slot(self, uint64_t key) except NULL
    cdef int grow(self) except -1

cdef class ToolWords:
    cdef uint64_t* hashes
    cdef uint8_t* fields
    cdef Py_ssize_t count
    cdef Py_ssize_t room
    cdef _Places seen                # while the tool is read; None afterwards
    cdef int add(self, uint64_t word, uint8_t field) except -1

cdef class Lexicon:
    cdef _Places stop
    cdef frozenset schema_words      # as bytes
    cdef dict alike                  # hash -> hashes of words that mean the same
    cdef int take(self, const char* text, Py_ssize_t size, int field, ToolWords into,
                  _Places weights, list names) except -1
    cdef int word(self, const char* text, Py_ssize_t size, int field, ToolWords into,
                  _Places weights, list names) except -1
    cdef int schema(self, bytes data, Py_ssize_t size, ToolWords words) except -1
    cdef int unescaped(self, const char* text, Py_ssize_t size, ToolWords words) except -1
