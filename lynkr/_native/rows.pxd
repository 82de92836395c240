# Tables out of JSON: one template with places, and the rows' own texts. Knows bytes.

from lynkr._native.buffers cimport Out
from lynkr._native.columns cimport Tabler

cdef enum:
    STRINGS_MIN = 8          # strings, or members that are strings
    ENTRIES_MIN = 4          # members that are objects
    SAVED_MIN = 48           # bytes that a table must save, beside a tenth
    PASSES = 8               # bytes looked at for tables inside tables, as a multiple of the text
    LEAVES_MAX = 200         # places of one table

cdef class Folder(Tabler):
    cdef list tables
    cdef Py_ssize_t budget
    cdef Out table(self, int node, bytes word)
    cdef int placed(self, int node, Out out) except -1
