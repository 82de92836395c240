# C types of the reading of an ask, word by word.
cimport cython

from lynkr._native.words cimport Row, Walk

cdef class _Scan:
    cdef public Row row
    cdef public list paths
    cdef public Py_ssize_t symbols
    cdef public Py_ssize_t numbers
    cdef public Py_ssize_t size
    cdef public Py_ssize_t end
    cdef public long bits
    cdef public long mask
    cdef public long opening
    cdef public list hits

@cython.locals(walk=Walk, kind=int)
cdef _walk(str text, _Scan scan, bint wide, bint whole)

@cython.locals(row=Row, head=str, tail=str, mark=str, part=str)
cdef _core(str core, _Scan scan)

@cython.locals(row=Row, size=Py_ssize_t, at=Py_ssize_t, first=Py_ssize_t, plain=Py_ssize_t,
               found=bint, listed=tuple, place=Py_ssize_t, word=str)
cdef _inside(str chunk, _Scan scan)

@cython.locals(count=Py_ssize_t, far=Py_ssize_t, gap=bint, last=Py_ssize_t, met=bint, stem=bint,
               part=str, word=str)
cdef Py_ssize_t _rest(list words, Py_ssize_t at, tuple parts)

@cython.locals(row=Row, words=list, start=str, end=Py_ssize_t, last=Py_ssize_t, listed=tuple,
               said=str, longer=long)
cdef str _phrase(_Scan scan, Py_ssize_t at, long pair, bint loose)

cdef long _VERBS, _NOUNS, _PLACED
cdef Py_ssize_t _OPENING_WORDS, _HITS_MAX

@cython.locals(count=Py_ssize_t, at=Py_ssize_t, bits=long, first=Py_ssize_t, before=Py_ssize_t,
               own=long, found=bytearray, untouched=long, pairs=long, but=long)
cdef bytearray _left(Row row, list words)

@cython.locals(place=Py_ssize_t, bits=long)
cdef Py_ssize_t _listed_on(Row row, list words, Py_ssize_t at)

cdef _met(_Scan scan, Py_ssize_t at, Py_ssize_t sentence, long bits, str said)

@cython.locals(row=Row, words=list, left=bytearray, unwanted=Py_ssize_t, reached=bint,
               some_left=bint, count=Py_ssize_t, negated=Py_ssize_t, before=long,
               sentence=Py_ssize_t, begin=Py_ssize_t,
               negated_until=Py_ssize_t, covered=Py_ssize_t, items=Py_ssize_t,
               run=Py_ssize_t, last_comma=Py_ssize_t, at=Py_ssize_t, bits=long, end=Py_ssize_t,
               phrase_bits=long, word=str, said=str, masks=dict, language=str, other=long,
               every=long, phrased=long, silent=long, by_language=long, differs=long, opener=long,
               factoid=long, negation=long, auxiliary=long, but=long, foreign=long, opens=long,
               loose=long, pair=long, after=int, asked=list, questions=Py_ssize_t,
               place=Py_ssize_t, item_words=Py_ssize_t, negated_words=Py_ssize_t)
cdef _gather(_Scan scan, Py_ssize_t quoted, Py_ssize_t pasted, Py_ssize_t bullets)
