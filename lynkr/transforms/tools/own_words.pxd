# C types of the passes over a text.
cimport cython

from lynkr._native.phrases cimport Phrases

cdef Phrases _PHRASES, _TURN_BEGINS
cdef tuple _ROWS
cdef str _BRACKET

@cython.locals(before=str)
cpdef str own_words(str text)

@cython.locals(at=Py_ssize_t, size=Py_ssize_t)
cdef bint _turn(str text)

cpdef str of_wrappers(str text)

@cython.locals(
    at=Py_ssize_t, end=Py_ssize_t, begin=Py_ssize_t, after=Py_ssize_t, done=Py_ssize_t, kept=list,
    reach=Py_ssize_t, token=str, marks=object, bit=object
)
cdef str _without_lines(str text)

@cython.locals(at=Py_ssize_t)
cdef object _marks(str text)
