# C types of the loops: a conversation has a hundred blocks.
cimport cython

from lynkr._native.spans cimport Block

@cython.locals(block=Block, start=Py_ssize_t, end=Py_ssize_t, kind=int)
cpdef repeats(work)

@cython.locals(block=Block, meant=Block, size=Py_ssize_t, number=int, others=int)
cdef str _ordinal(object work, object calls, object stood, object called)

cdef Py_ssize_t _size(Block call)

cdef Py_ssize_t _payload(bytes body, Py_ssize_t start) except -1
