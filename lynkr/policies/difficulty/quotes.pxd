# C types of what is taken out of an ask before it is read.
cimport cython

@cython.locals(kept=list, pasted=Py_ssize_t, bullets=Py_ssize_t, begin=Py_ssize_t, first=Py_ssize_t,
               last=Py_ssize_t, any_kept=bint, filled=bint, keep=bint, size=Py_ssize_t, line=str)
cdef tuple _own_lines(str text)

@cython.locals(char=Py_UCS4)
cdef bint _suspect(str text, Py_ssize_t first, Py_ssize_t last)

@cython.locals(at=Py_ssize_t)
cdef bint _opens(str text)
