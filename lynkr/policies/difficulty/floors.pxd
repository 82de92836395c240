# C types of the floors of an ask: classes of words are bits of one number.
cimport cython

cdef long _FORCE, _THOUGHT, _HELPER, _AUTO, _LASTING, _PROTECTED, _STRONG, _READING, _WORK
cdef long _DANGER, _PROD, _COSMETIC, _UNIT, _TESTS, _WRITE, _ASKS, _HARD_CHANGE, _LOOKING

@cython.locals(mask=long)
cpdef tuple floors(reading)

@cython.locals(sentence=long, place=long, bits=long, only_read=bint, word=str, hits=list, hit=tuple,
               at=Py_ssize_t)
cdef _forced(reading)

@cython.locals(first=str, signs=Py_ssize_t, bits=long, word=str, hits=list, hit=tuple,
               at=Py_ssize_t)
cdef str _autonomous(reading, long mask)

@cython.locals(hits=list, first=Py_ssize_t, last=Py_ssize_t, count=Py_ssize_t, sentence=long,
               mask=long, word=str, hit=tuple)
cdef str _risk(reading)

@cython.locals(verb=long, weak_verb=long, at=long, bits=long, reads=bint, guarded=str,
               objects=Py_ssize_t, named=str, start=long, word=str, hit=tuple, index=Py_ssize_t,
               asked=list)
cdef str _sentence_risk(reading, list hits, Py_ssize_t first, Py_ssize_t last, long sentence,
                        long mask)

@cython.locals(words=list, hit=tuple, index=Py_ssize_t)
cdef bint _goes_on(reading, list hits, Py_ssize_t first, Py_ssize_t last)

@cython.locals(begin=long, words=list)
cdef bint _asks_for(reading, long at)

@cython.locals(word=str, harmless=bint, path=str, part=str, place=long)
cdef str _guarded(reading, long sentence)
