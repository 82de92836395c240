# Memory for work on one text.

cdef class Arena:            # memory that is given back all at once
    cdef list blocks
    cdef char* free_at
    cdef Py_ssize_t left
    cdef void* take(self, Py_ssize_t size) except NULL

cdef class Out:              # bytes that grow
    cdef char* data
    cdef Py_ssize_t size, room
    cdef int reserve(self, Py_ssize_t more) except -1
    cdef int put(self, const char* text, Py_ssize_t size) except -1
    cdef int mark(self, char byte) except -1
    cdef int number(self, long long value, int width) except -1
