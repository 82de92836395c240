# JSON strings and spliced bodies. Knows bytes only.

from lynkr._native.grammar cimport Bytes

cdef Py_ssize_t decode(Bytes d, Py_ssize_t i, Py_ssize_t end, unsigned char* out) noexcept nogil

cpdef bytes string_value(bytes body, tuple span)
cpdef bytes string_token(bytes text)
cpdef bytes replaced(bytes body, list edits)
