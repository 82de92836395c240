# C types of what is asked of each message that answers one.
cimport cython

from lynkr._native.phrases cimport Phrases, plain

cdef Phrases _HOLDS, _PLAIN_HOLDS
cdef dict _BEGINS, _ANSWERS
cdef frozenset _FILLERS
cdef str _STOPS
cdef Py_ssize_t _HEAD_CHARS, _SAME_CHARS, _LETTERS

@cython.locals(head=str, size=Py_ssize_t)
cpdef bint complains(str text, str before)

@cython.locals(words=str, size=Py_ssize_t, char=Py_UCS4)
cpdef bint repeats(str text, str earlier)

@cython.locals(at=Py_ssize_t, size=Py_ssize_t)
cdef Py_ssize_t _word(str head)

@cython.locals(near=tuple, phrase=str)
cdef bint _begins(str head, dict phrases, bint blank)

@cython.locals(said=str)
cdef str _plain(str text)

cdef bint _ends(str head, Py_ssize_t at, bint blank)
