# C types of what is asked of each result: a conversation has hundreds.
cimport cython

from lynkr._native.phrases cimport Phrases
from lynkr._native.spans cimport Block

cdef Phrases _BEGINS
cdef Py_ssize_t _HEAD_BYTES, _ARGUMENT_BYTES
cdef tuple _VIEWS, _COMMANDS, _PHRASES, _OF_EDITS, _UNSUCCESSFUL
cdef bytes _FIRSTS
cdef frozenset _EDITS, _SHELLS

cpdef bytes short_name(Block call)

cpdef bint may_edit(bytes name) except -1

@cython.locals(start=Py_ssize_t, end=Py_ssize_t)
cpdef bint edits_files(bytes body, Block call, bytes name) except -1

@cython.locals(head=bytes, shell=bint, at=Py_ssize_t)
cpdef str came_to(bytes body, Block result, bytes name, bint edit)

cdef Py_ssize_t _behind_marks(bytes head, bint refused) except -1

@cython.locals(start=Py_ssize_t, head=bytes)
cdef bytes _head(bytes body, Block result)
