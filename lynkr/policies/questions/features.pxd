# C types of the reading of a question, token by token.
cimport cython

from lynkr.policies.questions.tokens cimport Token

cdef class _Reading:
    cdef object canonical
    cdef list found
    cdef int flags
    cdef list words
    cdef dict numbers
    cdef dict codes
    cdef list row
    cdef list lows
    cdef int role
    cdef int negations
    cdef bint denied
    cdef str before
    cdef bint titled
    cdef list frames

    @cython.locals(kind=long, following=Token, hashed=object, loud=bint, word=str, before=str)
    cdef _word(self, Token token, Py_ssize_t at)

    @cython.locals(flags=int, weight=int)
    cdef _add(self, Token token, str word, object hashed, long kind, bint loud, Token following)

    cdef bint _measured(self)

    @cython.locals(ahead=Py_ssize_t, size=Py_ssize_t, unit=str)
    cdef _number(self, Token token, Py_ssize_t at)

    @cython.locals(number=Py_ssize_t, first=Py_ssize_t, word=str, kind=long)
    cdef _code(self, Token token)

    @cython.locals(place=Py_ssize_t)
    cdef _flags(self, list clauses, bint asked)

    @cython.locals(place=Py_ssize_t, held=bint)
    cdef bint _kept_from(self)

    cdef bint _told(self, list clauses)

    @cython.locals(parts=list, word=str, text=bytes)
    cpdef bytes packed(self)

@cython.locals(token=Token, long=int, capital=int)
cdef bint _titled(list found)

@cython.locals(token=Token, at=Py_ssize_t, clauses=list)
cdef list _clauses(list found)

@cython.locals(at=Py_ssize_t, begin=Py_ssize_t, runs=list)
cdef list _runs(str text)
