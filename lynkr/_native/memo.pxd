# What was made of a text before, found again by the text itself.

from libc.stdint cimport uint64_t

cdef class Entry:
    cdef bytes scope, original
    cdef object value
    cdef Py_ssize_t cost             # what it adds to the memo's `bytes`

cdef class Memo:
    cdef readonly Py_ssize_t bytes_max, bytes
    cdef object entries              # OrderedDict, oldest first: hash of scope and text -> Entry

    cdef int forget(self, Entry entry) except -1
    cpdef get(self, bytes scope, bytes body, Py_ssize_t start, Py_ssize_t end)
    cpdef put(
        self, bytes scope, bytes body, Py_ssize_t start, Py_ssize_t end, value,
        Py_ssize_t cost_bytes,
    )
    cpdef clear(self)

cpdef uint64_t block_hash(bytes body, Py_ssize_t start, Py_ssize_t end) except? 0
