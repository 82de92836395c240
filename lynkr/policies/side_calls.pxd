# C types of what is asked of each call.
cimport cython

from lynkr._native.phrases cimport Phrases
from lynkr._native.spans cimport Block, Layout, Message

cdef int TEXT
cdef Phrases _USER_TOKENS
cdef Py_ssize_t _USER_TEXTS

@cython.locals(messages=list, message=Message)
cpdef str side_call(str api, bytes body, Layout layout)

@cython.locals(
    blocks=list, block=Block, last=Py_ssize_t, at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t
)
cdef str _in_message(bytes body, Layout layout, Message message)
