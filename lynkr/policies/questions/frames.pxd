# C types of what every clause goes through.
cimport cython

@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _after(list clause, Py_ssize_t place, object skipped)

cdef _order(list clause)
cdef _other(list clause, bint asked)
cdef _question(list clause)
cdef str _yes_or_no(list clause, str following)
cdef str _how(list clause, Py_ssize_t at, str following)
cdef str _what(list clause, Py_ssize_t at, str following)
cdef str _what_is(list clause, Py_ssize_t at, str following)
