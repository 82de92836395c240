# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.spans cimport Block, Message

@cython.locals(
    message=Message, block=Block, at=Py_ssize_t, index=Py_ssize_t, kind=int, found=int,
    start=Py_ssize_t, end=Py_ssize_t, left=Py_ssize_t, system=bint, theirs=bint
)
cpdef bint planning(bytes body, object layout)

cdef int _mark(bytes body, Py_ssize_t start, Py_ssize_t end, bint system)

@cython.locals(message=Message, block=Block, index=Py_ssize_t, start=Py_ssize_t)
cpdef bint compacted(bytes body, object layout)
