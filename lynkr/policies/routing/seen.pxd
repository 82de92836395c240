# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.spans cimport Block, Message

@cython.locals(message=Message, block=Block, last=Py_ssize_t, at=Py_ssize_t)
cdef Py_ssize_t _replied(object layout)

@cython.locals(
    message=Message, block=Block, at=Py_ssize_t, index=Py_ssize_t, kind=int,
    turns=Py_ssize_t, calls=Py_ssize_t, images=Py_ssize_t, size=Py_ssize_t,
    beside=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t
)
cdef tuple _counted(bytes body, object layout, Py_ssize_t spoken)

@cython.locals(start=Py_ssize_t, end=Py_ssize_t)
cdef bint _speaks(bytes body, Block block)

@cython.locals(block=Block, at=Py_ssize_t, looked_at=Py_ssize_t)
cdef tuple _outcomes(bytes body, object layout, Py_ssize_t replied, Py_ssize_t ended)

@cython.locals(block=Block, index=Py_ssize_t)
cdef object _call_of(list blocks, Py_ssize_t at, bytes call_id)

@cython.locals(block=Block, at=Py_ssize_t, times=Py_ssize_t)
cdef Py_ssize_t _loops(bytes body, object layout, Py_ssize_t ended)
