# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.spans cimport Block, Message

@cython.locals(message=Message, block=Block, index=Py_ssize_t, at=Py_ssize_t)
cpdef object last_spoken(bytes body, object layout, Py_ssize_t end, Py_ssize_t looked_at=*)

@cython.locals(
    block=Block, index=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, tag=Py_ssize_t,
    size=Py_ssize_t, answered=bint
)
cpdef object spoken(bytes body, object layout, Message message, Py_ssize_t at)

@cython.locals(last=int)
cpdef tuple peeled(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(at=Py_ssize_t, close=Py_ssize_t)
cdef Py_ssize_t _behind(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(at=Py_ssize_t, slash=Py_ssize_t)
cdef Py_ssize_t _in_front(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(
    message=Message, block=Block, index=Py_ssize_t, number=Py_ssize_t, size=Py_ssize_t
)
cdef object _before(bytes body, object layout, Py_ssize_t at)
