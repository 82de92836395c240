# C types of the loops over tokens.
cimport cython

from lynkr.policies.questions.tokens cimport Token

@cython.locals(candidates=tuple, words=tuple, size=Py_ssize_t, place=Py_ssize_t, number=Py_ssize_t,
               token=Token)
cdef _match(dict phrases, list found, Py_ssize_t at, Py_ssize_t step=*)

@cython.locals(at=Py_ssize_t, token=Token, following=str, pointing=bint, given=bint, how=bint,
               fleeting=bint)
cdef bint _fleeting(list found, str flat)

@cython.locals(at=Py_ssize_t, begin=Py_ssize_t, token=Token)
cdef list _without_styles(list found, set styles)

@cython.locals(size=Py_ssize_t, place=Py_ssize_t, token=Token, led=bint)
cdef _counted(list found, Py_ssize_t at)

@cython.locals(token=Token, count=Py_ssize_t)
cdef Py_ssize_t _said(list found)

@cython.locals(at=Py_ssize_t, token=Token)
cdef list _without_greeting(list found)

@cython.locals(last=Py_ssize_t, token=Token)
cdef list _without_thanks(list found)

@cython.locals(at=Py_ssize_t, before=Py_ssize_t, token=Token, pieces=list)
cdef str _joined(list found, str flat)
