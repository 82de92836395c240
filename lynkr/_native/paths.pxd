# One JSON value's worth of scanning state. Knows bytes and paths, never providers or meanings.

cdef enum:
    NODES_MAX = 40
    CHILDREN_MAX = 8
    DEPTH_MAX = 8
    KEY_BYTES_MAX = 64

cdef struct Node:
    int capture                      # index of the path that ends here, or -1
    int children
    int child[CHILDREN_MAX]          # node indexes
    int key_length[CHILDREN_MAX]
    const char* key[CHILDREN_MAX]    # borrowed from PathTable.names

cdef class PathTable:
    cdef Node nodes[NODES_MAX]
    cdef int used
    cdef readonly tuple paths        # "message.usage"; an array on the way is stepped through
    cdef list names                  # keeps the key bytes alive
    cdef int _child(self, int node, bytes name) except -1

cdef class PathScanner:
    cdef PathTable table
    cdef int depth                   # containers open
    cdef int matched                 # how many of them lie on a path of the table
    cdef int node_of[DEPTH_MAX + 1]  # trie node per matched container
    cdef bint is_array[DEPTH_MAX + 1]
    cdef int value_node              # node of the value that comes next, or -1
    cdef bint expect_key             # a string now would be a key of a matched object
    cdef bint in_string
    cdef bint in_key
    cdef bint escaped                # the byte before this piece was an odd backslash
    cdef bint seen_root
    cdef bint root_done
    # a key that matters was written with escapes: ask a real parser
    cdef readonly bint escaped_key
    cdef char key[KEY_BYTES_MAX]
    cdef int key_length              # KEY_BYTES_MAX + 1: too long to be one of ours
    cdef int capture                 # path being captured, or -1
    cdef int capture_kind            # 's'tring, 'c'ontainer, 'x' scalar
    cdef int capture_depth
    cdef Py_ssize_t position         # bytes fed before this piece
    cdef Py_ssize_t capture_start

    cdef void reset(self) noexcept
    cdef int scan(self, const char* data, Py_ssize_t length) except -1
    cdef int begin_capture(self, int path, Py_ssize_t start) except -1
    cdef int end_capture(
        self, int path, Py_ssize_t start, Py_ssize_t end, const char* piece, Py_ssize_t piece_start
    ) except -1
    cdef int carry(self, const char* piece, Py_ssize_t length) except -1
    cdef int _value_starts(self, int kind, Py_ssize_t start) except -1
