# C types of the loops: a conversation has a hundred blocks.
cimport cython

from lynkr._native.spans cimport Block, Layout, Message

@cython.locals(message=Message, index=Py_ssize_t)
cpdef Py_ssize_t fresh_from(Layout layout) except -1
