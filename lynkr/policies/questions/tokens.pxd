# C types of the loops over characters: three passes of 100 of them for each question.
cimport cython

cdef class Token:
    cdef readonly Py_ssize_t begin
    cdef readonly Py_ssize_t end
    cdef readonly int kind
    cdef readonly str low
    cdef readonly int capitals
    cdef readonly bint opens
    cdef readonly str unit

@cython.locals(found=list, size=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4, end=Py_ssize_t,
               first=Py_ssize_t, last=Py_ssize_t, place=Py_ssize_t, opens=bint)
cpdef list tokens(str text)

@cython.locals(chunk=str, low=str, kind=int, place=Py_ssize_t)
cdef _chunk(str text, Py_ssize_t begin, Py_ssize_t end, list found, bint opens)

@cython.locals(capitals=int, char=Py_UCS4)
cdef int _capitals(str chunk)

@cython.locals(place=Py_ssize_t)
cdef bint _camel(str chunk)
