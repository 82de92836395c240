# C types of the reading of an ask, word by word.
cimport cython

cdef class _Scan:
    cdef public list words
    cdef public list values
    cdef public list breaks
    cdef public list paths
    cdef public list asked
    cdef public Py_ssize_t sentence
    cdef public Py_ssize_t symbols
    cdef public Py_ssize_t numbers
    cdef public Py_ssize_t size

@cython.locals(words=list, values=list, breaks=list, chunk=str, table=dict)
cdef _line(str line, _Scan scan, bint wide)

@cython.locals(table=dict, found=tuple, place=Py_ssize_t)
cdef _stem(str word)

@cython.locals(table=dict)
cdef _word(str word, _Scan scan)

cdef _break(_Scan scan, int kind)

cdef _stop(_Scan scan, bint question)

@cython.locals(core=str, at=Py_ssize_t, char=Py_UCS4)
cdef _chunk(str chunk, _Scan scan, bint wide)

@cython.locals(mark=str)
cdef _marks(str marks, _Scan scan)

@cython.locals(head=str, tail=str, mark=str, part=str, table=dict)
cdef _core(str core, _Scan scan)

@cython.locals(size=Py_ssize_t, at=Py_ssize_t, first=Py_ssize_t, plain=Py_ssize_t, found=bint,
               listed=tuple, place=Py_ssize_t, word=str, piece=str)
cdef _inside(str chunk, _Scan scan)

@cython.locals(count=Py_ssize_t, gap=bint, last=Py_ssize_t, met=bint, stem=bint, part=str, word=str)
cdef Py_ssize_t _rest(list words, Py_ssize_t at, tuple parts)

@cython.locals(start=str, end=Py_ssize_t, last=Py_ssize_t, parts=tuple, phrase_bits=long, bits=long,
               phrase=str, said=str, longer=long)
cdef tuple _phrase(list words, Py_ssize_t at, long pair, bint loose)

@cython.locals(words=list, values=list, breaks=list, count=Py_ssize_t, counts=list, hits=list,
               seen=set, mask=long, opening=long, negated=Py_ssize_t, before=long,
               sentence=Py_ssize_t, begin=Py_ssize_t, kept=Py_ssize_t, negated_until=Py_ssize_t,
               covered=Py_ssize_t, items=Py_ssize_t, run=Py_ssize_t, last_comma=Py_ssize_t,
               at=Py_ssize_t, bits=long, end=Py_ssize_t, phrase_bits=long, word=str, said=str,
               masks=dict, language=str, other=long, every=long, phrased=long, silent=long,
               by_language=long, differs=long, opener=long, factoid=long, negation=long,
               auxiliary=long, but=long, foreign=long, opens=long, loose=long, pairs=dict,
               pair=long, following=str, phrase=tuple)
cdef _gather(_Scan scan, Py_ssize_t quoted, Py_ssize_t pasted, Py_ssize_t bullets)

@cython.locals(place=Py_ssize_t)
cdef _count(long bits, list counts)
