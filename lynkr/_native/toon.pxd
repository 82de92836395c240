# Writes TOON from a tape of JSON. Each method takes the place to write to and returns the place
# after what it wrote, which may lie in a new buffer; NULL is an exception.

from cpython.ref cimport PyObject

from lynkr._native.jsontape cimport Node
from lynkr._native.toonshape cimport Shapes

cdef class Encoder(Shapes):
    cdef const char* data_end
    cdef PyObject* made              # the bytes object under construction, owned
    cdef char* limit                 # end of its room, less SLACK
    cdef char delimiter
    cdef int indent                  # spaces per level
    cdef int* cells                  # where a table's leaf values stand in its first row
    cdef int cells_room

    cdef bytes encode(self, bytes data, char delimiter, int indent, bint as_written)
    cdef char* _grow(self, char* out, Py_ssize_t more) except NULL
    cdef char* _line(self, char* out, int depth) except NULL
    cdef char* _key(self, char* out, Node* node) except NULL
    cdef char* _primitive(self, char* out, Node* node) except NULL
    cdef char* _escaped(self, char* out, Node* node) except NULL
    cdef char* _members(self, char* out, int at, int depth, bint on_line) except NULL
    cdef char* _object(self, char* out, int at, int depth) except NULL
    cdef char* _array(self, char* out, int at, int depth, bint in_list) except NULL
    cdef char* _length(self, char* out, int size, bint keyed) except NULL
    cdef char* _table(self, char* out, int at, int depth, bint reordered) except NULL
    cdef char* _fields(self, char* out, int row) except NULL
    cdef char* _ordered(self, char* out, int first, int row, bint* begun) except NULL
