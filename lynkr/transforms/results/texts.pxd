# C types of the loop: a conversation has a hundred blocks.
cimport cython

from lynkr._native.spans cimport Block

@cython.locals(block=Block)
cpdef result_texts(work)
