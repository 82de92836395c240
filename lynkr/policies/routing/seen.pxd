# C types of the loops: a conversation has hundreds of messages.
cimport cython

from lynkr._native.spans cimport Block, Layout, Message
from lynkr.policies.routing.asked cimport asked, peeled
from lynkr.policies.routing.complaints cimport complains, repeats
from lynkr.policies.routing.modes cimport compacted, planning
from lynkr.policies.routing.results cimport came_to, edits_files, may_edit, short_name

cdef int CALL, CHAT, IMAGE, MESSAGES, RESPONSES, RESULT, TEXT, THINKING
cdef Py_ssize_t TOKEN_BYTES, IMAGE_TOKENS, _IMAGE_BYTES, _PEELED_BYTES, _ROW, _BACK
cdef tuple _CLIENTS, _ENDS

cpdef tuple facts_of(str api, bytes body, Layout layout, str side)

@cython.locals(
    messages=list, replied=Py_ssize_t, ended=Py_ssize_t, turns=Py_ssize_t, calls=Py_ssize_t,
    images=Py_ssize_t, image_bytes=Py_ssize_t, typed=bint, retried=bint
)
cdef object _seen(bytes body, Layout layout, str side, object said)

@cython.locals(messages=list, blocks=list, message=Message, block=Block, last=Py_ssize_t,
               at=Py_ssize_t)
cdef Py_ssize_t _replied(Layout layout)

@cython.locals(
    messages=list, blocks=list, message=Message, block=Block, at=Py_ssize_t, index=Py_ssize_t,
    kind=int, turns=Py_ssize_t, calls=Py_ssize_t, images=Py_ssize_t, size=Py_ssize_t,
    beside=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t
)
cdef tuple _counted(bytes body, Layout layout, Py_ssize_t spoken)

@cython.locals(start=Py_ssize_t, end=Py_ssize_t)
cdef bint _speaks(bytes body, Block block)

@cython.locals(message=Message)
cdef object _additional(bytes body, Layout layout)

@cython.locals(
    blocks=list, block=Block, call=Block, at=Py_ssize_t, looked_at=Py_ssize_t, fresh=bint,
    in_row=bint, in_edit_row=bint, edit=bint, bad=bint, results=Py_ssize_t, errors=Py_ssize_t,
    invalid=Py_ssize_t, edits=Py_ssize_t, failed=Py_ssize_t, row=Py_ssize_t, edit_row=Py_ssize_t,
    what=str, name=bytes, known=bytes, editing=bint
)
cdef tuple _outcomes(bytes body, Layout layout, Py_ssize_t replied, Py_ssize_t ended)

@cython.locals(block=Block, index=Py_ssize_t)
cdef Block _call_of(list blocks, Py_ssize_t at, bytes call_id)

@cython.locals(
    blocks=list, block=Block, last=Block, at=Py_ssize_t, times=Py_ssize_t, arguments=bytes,
    size=Py_ssize_t
)
cdef Py_ssize_t _loops(bytes body, Layout layout, Py_ssize_t ended)

@cython.locals(value=bytes)
cdef bint _thinking(bytes body, Layout layout)

cdef bint _structured(bytes body, Layout layout)

@cython.locals(token=bytes)
cdef object _output_tokens(bytes body, Layout layout)
