# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.phrases cimport Phrases
from lynkr._native.spans cimport Block, Layout, Message

cdef int CALL, OTHER, RESULT, TEXT, _LAST
cdef Py_ssize_t _MESSAGES, _HEAD_BYTES, _TAIL_BYTES, _ALL_BYTES, _SUMMARY_MESSAGES
cdef bytes _REMINDER_END
cdef Py_ssize_t _SHORTEST, _LONGEST
cdef Phrases _PHRASES, _SUMMARY
cdef tuple _SYSTEMS, _BLANKS
cdef dict _TOOLS

@cython.locals(
    messages=list, blocks=list, message=Message, block=Block, at=Py_ssize_t, index=Py_ssize_t,
    kind=int, found=int, start=Py_ssize_t, end=Py_ssize_t, left=Py_ssize_t, system=bint,
    theirs=bint, role=bytes
)
cpdef bint planning(bytes body, Layout layout)

cdef int _mark(bytes body, Py_ssize_t start, Py_ssize_t end, bint system)

@cython.locals(
    messages=list, blocks=list, message=Message, block=Block, at=Py_ssize_t, index=Py_ssize_t,
    start=Py_ssize_t
)
cpdef bint compacted(bytes body, Layout layout)
