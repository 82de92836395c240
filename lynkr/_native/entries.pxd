# What a worker knows of one kept answer, and the orders in which entries stand.

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    RINGS = 2

cdef class Entry:
    cdef readonly uint64_t number
    cdef readonly bytes key, scope, partition, features
    cdef tuple names                 # epoch, provider, model, api, kind: one tuple for many entries
    cdef readonly double stored_at, expires_at
    cdef readonly int64_t size
    cdef public double used_at
    cdef public uint32_t hits
    cdef readonly bint semantic      # it has a vector
    cdef str odd_id                  # None: the id is made of the number
    cdef int32_t place               # in the heap, from 1; 0: in none
    cdef PyObject* before[RINGS]     # in each ring; NULL: in none
    cdef PyObject* after[RINGS]

cdef class Ring:
    cdef int which
    cdef readonly Py_ssize_t count
    cdef PyObject* oldest            # the ring is closed: before the oldest is the youngest

    cpdef add(self, Entry entry)
    cpdef remove(self, Entry entry)
    cpdef touch(self, Entry entry)
    cdef void link(self, PyObject* entry) noexcept
    cdef void unlink(self, PyObject* entry) noexcept

cdef class Expiry:
    cdef PyObject** heap
    cdef Py_ssize_t count, room

    cpdef add(self, Entry entry)
    cpdef remove(self, Entry entry)
    cpdef Entry first(self)
    cdef void settle(self, Py_ssize_t place, PyObject* entry) noexcept

cdef class Table:
    cdef bint keyed                  # by key; else by number
    cdef PyObject** slots            # open addressing; NULL: free
    cdef uint32_t* tags              # hash of each
    cdef Py_ssize_t count
    cdef uint32_t mask               # one less than the slots there are

    cdef uint32_t tag(self, Entry entry) except? 0
    cdef int grow(self) except -1
    cpdef add(self, Entry entry)
    cpdef remove(self, Entry entry)
    cpdef Entry find(self, name)
