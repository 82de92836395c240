# Reads TOON's structure and writes compact JSON.

from lynkr._native.toonlines cimport Lines

cdef enum Form:
    NO_HEADER
    LIST_FORM                # [N]: values after it, or items below
    TABLE_FORM               # [N]{...}:
    KEYED_FORM               # [N:]{...}:

cdef struct Header:
    Form form
    const char* key_end      # the key begins where the line does; the same place if it has none
    const char* fields       # the field list's opening brace, if there is one
    const char* rest         # after the colon
    Py_ssize_t length
    char delimiter

cdef class Decoder(Lines):
    cdef bytes decode(self, bytes text, int indent, bint strict)
    cdef int _root(self) except -1
    cdef int _members(self, int depth, int first, bint begun) except -1
    cdef int _member(self, const char* at, const char* end, int depth) except -1
    cdef int _body(self, Header* header, const char* end, int depth) except -1
    cdef int _inline(self, Header* header, const char* end) except -1
    cdef int _items(self, Header* header, int depth) except -1
    cdef int _item(self, const char* at, const char* end, int depth) except -1
    cdef int _rows(self, Header* header, list pieces, int depth) except -1
    cdef int _row(self, const char* at, const char* end, char delimiter, list pieces) except -1
    cdef int _count(self, Py_ssize_t found, Py_ssize_t wanted, str what) except -1
    cdef int _header(self, const char* at, const char* end, Header* header) except -1
    cdef const char* _group(
        self, const char* at, const char* end, char delimiter, list cuts, int depth
    ) except NULL
