# Where the parts of one request body lie. Knows bytes, JSON and three dialects' key names.

from lynkr._native.grammar cimport Bytes
from lynkr._native.vocabulary cimport Node

cdef enum:                           # what an object is; says which of its values are read further
    IN_MESSAGE, IN_BLOCK, IN_PART, IN_TOOL, IN_CALL, IN_FUNCTION

# Spans are two fields, with start -1 for None, and become tuples when Python asks for them.

cdef class ToolSpan:
    cdef readonly Py_ssize_t start, end
    cdef readonly bytes name, kind   # raw bytes between the quotes
    cdef readonly bint marked, deferred, name_escaped
    cdef Py_ssize_t description_start, description_end, schema_start, schema_end

cdef class Block:
    cdef readonly int kind
    cdef readonly Py_ssize_t start, end, message, index
    cdef readonly bint marked, is_error, plain
    cdef readonly bytes name, call_id
    cdef readonly Py_ssize_t text_start, text_end  # of TEXT, of RESULT's only text
    cdef readonly Py_ssize_t arguments_start, arguments_end
    cdef tuple parts                              # RESULT made of parts: their texts, else None

cdef class Message:
    cdef readonly Py_ssize_t start, end, first, count
    cdef readonly bytes role, kind
    cdef Py_ssize_t content_start, content_end

cdef class Layout:
    cdef readonly int dialect
    cdef readonly Py_ssize_t marks
    cdef readonly list system_blocks, tool_list, message_list, blocks
    cdef readonly dict keys

cdef class Reader:
    cdef Bytes data
    cdef Py_ssize_t length
    cdef int dialect
    cdef Layout layout
    cdef list found                  # where new blocks go
    cdef Py_ssize_t first            # length of `found` when the message began
    cdef Py_ssize_t message          # number of the message being read; -1 in `system`
    cdef list calls                  # Chat: blocks of the message's `tool_calls`, or None
    cdef list texts                  # spans of the text parts of the result being read
    cdef Node function, custom       # Chat: what stands in the tool or call being read

    cdef bint read(self) except -1
    cdef Py_ssize_t read_top(self, Py_ssize_t i, Bytes key, Py_ssize_t size) except? -1
    cdef Py_ssize_t read_list(self, Py_ssize_t i, int depth, int place) except? -1
    cdef Py_ssize_t read_object(self, Node* node, Py_ssize_t i, int depth, int place) except? -1
    cdef Py_ssize_t read_known(self, Py_ssize_t i, int depth, int place, int key) except? -1
    cdef Py_ssize_t read_message(self, Py_ssize_t i, int depth) except? -1
    cdef Py_ssize_t read_block(self, Py_ssize_t i, int depth) except? -1
    cdef Py_ssize_t read_part(self, Py_ssize_t i, int depth) except? -1
    cdef Py_ssize_t read_call(self, Py_ssize_t i, int depth) except? -1
    cdef Py_ssize_t read_tool(self, Py_ssize_t i, int depth) except? -1
    cdef int begin(self, list found, Py_ssize_t message) except -1
    cdef int add_item(self, Node* node, bytes kind) except -1
    cdef int add_message(self, Node* node, bytes role, bytes kind) except -1
    cdef Block add_block(self, int kind, Node* node)
    cdef int add_plain(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int set_texts(self, Block block, Node* node, int key) except -1
    cdef void set_arguments(self, Block block, Node* node, int key) noexcept

cpdef Layout scan(bytes body, int dialect)
