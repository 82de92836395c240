# C types of the loop: a conversation has a hundred blocks.
cimport cython

from lynkr._native.spans cimport Block, Message

@cython.locals(
    block=Block, message=Message, kind=int, first=Py_ssize_t, at=Py_ssize_t, start=Py_ssize_t
)
cdef object _facts(object work, Py_ssize_t end)
