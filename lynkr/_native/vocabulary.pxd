# The names in requests that tell where things are, in three dialects: keys, and types of block. And
# the node: one object as it was read, with these keys.

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from lynkr._native.grammar cimport Bytes

cdef enum:                           # dialects
    DIALECT_MESSAGES = 1
    DIALECT_CHAT = 2
    DIALECT_RESPONSES = 3

cdef enum:                           # kinds of block
    KIND_TEXT = 1
    KIND_CALL = 2
    KIND_RESULT = 3
    KIND_OTHER = 4
    KIND_THINKING = 5
    KIND_IMAGE = 6

cdef enum:                           # the keys that matter, at any level below the top
    TYPE, ROLE, NAME, WORDS, ID, CALL_ID, TOOL_USE_ID, TOOL_CALL_ID, INPUT, ARGUMENTS, CONTENT
    OUTPUT, IS_ERROR, CACHE_CONTROL, DEFER_LOADING, DESCRIPTION, INPUT_SCHEMA, PARAMETERS
    FUNCTION, CUSTOM, TOOL_CALLS
    KEYS


cdef struct Node:                    # one object as read: where the values of its keys lie
    Bytes data                       # the body
    Py_ssize_t start
    Py_ssize_t end
    uint32_t seen                    # bit k: key k is there; at[k] and to[k] are set only then
    Py_ssize_t at[KEYS]
    Py_ssize_t to[KEYS]


cdef inline bint same(Bytes at, const char* word, size_t size) noexcept nogil:
    return memcmp(at, word, size) == 0


cdef inline int key_of(Bytes at, Py_ssize_t size) noexcept nogil:
    """Which of the known keys it is, or -1."""
    if size == 2:
        return ID if same(at, "id", 2) else -1
    if size == 4:
        if same(at, "type", 4):
            return TYPE
        if same(at, "text", 4):
            return WORDS
        if same(at, "name", 4):
            return NAME
        return ROLE if same(at, "role", 4) else -1
    if size == 5:
        return INPUT if same(at, "input", 5) else -1
    if size == 6:
        if same(at, "output", 6):
            return OUTPUT
        return CUSTOM if same(at, "custom", 6) else -1
    if size == 7:
        if same(at, "content", 7):
            return CONTENT
        return CALL_ID if same(at, "call_id", 7) else -1
    if size == 8:
        if same(at, "function", 8):
            return FUNCTION
        return IS_ERROR if same(at, "is_error", 8) else -1
    if size == 9:
        return ARGUMENTS if same(at, "arguments", 9) else -1
    if size == 10:
        if same(at, "parameters", 10):
            return PARAMETERS
        return TOOL_CALLS if same(at, "tool_calls", 10) else -1
    if size == 11:
        if same(at, "tool_use_id", 11):
            return TOOL_USE_ID
        return DESCRIPTION if same(at, "description", 11) else -1
    if size == 12:
        if same(at, "input_schema", 12):
            return INPUT_SCHEMA
        return TOOL_CALL_ID if same(at, "tool_call_id", 12) else -1
    if size == 13:
        if same(at, "cache_control", 13):
            return CACHE_CONTROL
        return DEFER_LOADING if same(at, "defer_loading", 13) else -1
    return -1


cdef inline int kind_named(int dialect, Bytes at, Py_ssize_t size) noexcept nogil:
    """The kind of a content block or part whose ``type`` is this."""
    if dialect == DIALECT_RESPONSES:
        if (size == 10 and same(at, "input_text", 10)) or (
            size == 11 and same(at, "output_text", 11)
        ):
            return KIND_TEXT
        return KIND_IMAGE if size == 11 and same(at, "input_image", 11) else KIND_OTHER
    if size == 4 and same(at, "text", 4):
        return KIND_TEXT
    if dialect == DIALECT_CHAT:
        return KIND_IMAGE if size == 9 and same(at, "image_url", 9) else KIND_OTHER
    if (
        (size == 8 and same(at, "tool_use", 8))
        or (size == 15 and same(at, "server_tool_use", 15))
        or (size == 12 and same(at, "mcp_tool_use", 12))
    ):
        return KIND_CALL
    if (size == 11 and same(at, "tool_result", 11)) or (
        size == 15 and same(at, "mcp_tool_result", 15)
    ):
        return KIND_RESULT
    if (size == 8 and same(at, "thinking", 8)) or (
        size == 17 and same(at, "redacted_thinking", 17)
    ):
        return KIND_THINKING
    return KIND_IMAGE if size == 5 and same(at, "image", 5) else KIND_OTHER


cdef inline void begin_node(
    Node* node, Bytes data, Py_ssize_t start, Py_ssize_t end
) noexcept nogil:
    node.data = data
    node.start = start
    node.end = end
    node.seen = 0


cdef inline void set_value(Node* node, int key, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    node.seen |= 1u << key
    node.at[key] = start
    node.to[key] = end


cdef inline bint has(const Node* node, int key) noexcept nogil:
    return node.seen >> key & 1


cdef inline bint starts(const Node* node, int key, char first) noexcept nogil:
    """Whether the key is there and its value starts so, which tells the value's type."""
    return has(node, key) and node.data[node.at[key]] == first


cdef inline bint is_string(const Node* node, int key) noexcept nogil:
    return starts(node, key, c'"')


cdef inline bint is_marked(const Node* node) noexcept nogil:
    return has(node, CACHE_CONTROL) and not starts(node, CACHE_CONTROL, c'n')


cdef inline int kind_of(const Node* node, int dialect) noexcept nogil:
    if not is_string(node, TYPE):
        return KIND_OTHER
    return kind_named(dialect, node.data + node.at[TYPE] + 1, node.to[TYPE] - node.at[TYPE] - 2)


cdef inline bytes bytes_of(Bytes at, Py_ssize_t size):
    return PyBytes_FromStringAndSize(<const char*>at, size)


cdef inline bytes raw(const Node* node, int key):
    """What is between the quotes of the key's string; nothing if there is none."""
    if not is_string(node, key):
        return b""
    return bytes_of(node.data + node.at[key] + 1, node.to[key] - node.at[key] - 2)
