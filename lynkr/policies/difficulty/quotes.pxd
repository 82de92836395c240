# C types of what is taken out of an ask before it is read.
cimport cython

@cython.locals(own=list, pasted=Py_ssize_t, bullets=Py_ssize_t, line=str)
cdef tuple _own_lines(str text)

@cython.locals(char=Py_UCS4)
cdef bint _suspect(str line)
