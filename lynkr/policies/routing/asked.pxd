# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.phrases cimport literal_text
from lynkr._native.spans cimport Block, Layout, Message
from lynkr._native.splice cimport string_value
from lynkr.transforms.tools.own_words cimport of_wrappers, own_words

cdef int TEXT, _SPACE, _ESCAPE, _OPENS, _CLOSES, _QUOTE, _N, _R, _T
cdef Py_ssize_t TEXT_CHARS, HEAD_CHARS, EARLIER_CHARS, BEFORE_CHARS, EARLIER
cdef Py_ssize_t _LOOKED_AT, _EXACT_BYTES, _TOKEN_BYTES, _LONG_BYTES, _WHOLE_BYTES, _SAFE, _TAGS
cdef tuple _BLANKS, _QUEUED
cdef bytes _REMINDER, _REMINDER_END

cdef class Spoken:
    cdef readonly str text
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t at

@cython.locals(
    found=Spoken, said_before=Spoken, text=str, said=bytes, earlier=list, before=Py_ssize_t,
    at=Py_ssize_t, looked_at=Py_ssize_t, tokens=Py_ssize_t
)
cpdef object asked(bytes body, Layout layout)

@cython.locals(
    messages=list, blocks=list, message=Message, block=Block, index=Py_ssize_t, at=Py_ssize_t
)
cpdef Spoken last_spoken(bytes body, Layout layout, Py_ssize_t end, Py_ssize_t looked_at=*)

@cython.locals(
    blocks=list, block=Block, index=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, tag=Py_ssize_t,
    size=Py_ssize_t, answered=bint, text=str, texts=list
)
cpdef Spoken spoken(bytes body, Layout layout, Message message, Py_ssize_t at)

@cython.locals(first=int, last=int, after=Py_ssize_t, before=Py_ssize_t)
cpdef tuple peeled(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(at=Py_ssize_t, close=Py_ssize_t, name=bytes, opening=bytes, closing=bytes)
cdef Py_ssize_t _behind(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(at=Py_ssize_t, slash=Py_ssize_t, name=bytes, opening=bytes, closing=bytes)
cdef Py_ssize_t _in_front(bytes body, Py_ssize_t start, Py_ssize_t end)

@cython.locals(inside=Py_ssize_t)
cdef bytes _opened(bytes body, Py_ssize_t at, Py_ssize_t end)

@cython.locals(text=str, value=bytes)
cpdef str decoded(bytes body, Py_ssize_t start, Py_ssize_t end)

cpdef str tail(bytes body, Py_ssize_t start, Py_ssize_t end, Py_ssize_t size)

@cython.locals(head=str, ending=str)
cdef str _ends(bytes body, Py_ssize_t start, Py_ssize_t end)

cdef str _head(bytes body, Py_ssize_t start, Py_ssize_t end, Py_ssize_t size)

cpdef str cut(str text, Py_ssize_t most, Py_ssize_t head)

@cython.locals(
    messages=list, blocks=list, message=Message, block=Block, index=Py_ssize_t, number=Py_ssize_t,
    size=Py_ssize_t, texts=list, said=str
)
cdef str _before(bytes body, Layout layout, Py_ssize_t at)
