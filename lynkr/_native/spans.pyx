"""Finds where the parts of a request lie: tools, messages, blocks, in one validating pass.

Theory of operation. Two layers. ``grammar.pxd`` walks any JSON value and judges all of it. A
``Reader`` walks the few objects whose keys mean something (the request, its tools, messages and
content blocks) by the same grammar, notes where the value of each known key lies, and leaves every
other value to ``value_end``. What an object is may stand in its last key, so objects are noted as a
``Node`` and judged when they close; no byte is read twice but the keys and names.

It never guesses. Bytes that are not one JSON object give None, and so does what cannot be trusted:
in a walked object any key with a backslash in it, a known key that comes twice (at the top, any
key), ``type`` or ``role`` written with a backslash; and what is deeper than ``DEPTH_MAX``.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr

from lynkr._native.grammar cimport DEPTH_MAX, Bytes, after_space, colon_end, value_end

from lynkr._native.vocabulary cimport (
    ARGUMENTS, CACHE_CONTROL, CALL_ID, CONTENT, CUSTOM, DEFER_LOADING, DESCRIPTION, DIALECT_CHAT,
    DIALECT_MESSAGES, DIALECT_RESPONSES, FUNCTION, ID, INPUT, INPUT_SCHEMA, IS_ERROR, KIND_CALL,
    KIND_IMAGE, KIND_OTHER, KIND_RESULT, KIND_TEXT, KIND_THINKING, NAME, OUTPUT, PARAMETERS, ROLE,
    TOOL_CALL_ID, TOOL_CALLS, TOOL_USE_ID, TYPE, WORDS, Node, begin_node, bytes_of, has, is_marked,
    is_string, key_of, kind_of, raw, same, set_value, starts,
)

from lynkr._native.splice import replaced, string_token, string_value

MESSAGES = DIALECT_MESSAGES
CHAT = DIALECT_CHAT
RESPONSES = DIALECT_RESPONSES
TEXT = KIND_TEXT
CALL = KIND_CALL
RESULT = KIND_RESULT
OTHER = KIND_OTHER
THINKING = KIND_THINKING
IMAGE = KIND_IMAGE


cdef inline tuple span_of(Py_ssize_t start, Py_ssize_t end):
    return None if start < 0 else (start, end)


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class ToolSpan:
    """One entry of the tool list."""

    @property
    def description(self):
        return span_of(self.description_start, self.description_end)

    @property
    def schema(self):
        return span_of(self.schema_start, self.schema_end)


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Block:
    """One content block, part or item."""

    @property
    def text(self):
        return span_of(self.text_start, self.text_end) if self.kind == KIND_TEXT else None

    @property
    def texts(self):
        if self.parts is not None:
            return self.parts
        if self.kind != KIND_RESULT or self.text_start < 0:
            return ()
        return ((self.text_start, self.text_end),)

    @property
    def arguments(self):
        return span_of(self.arguments_start, self.arguments_end)


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Message:
    """One message, or one item of Responses; its blocks are a run of the layout's."""

    @property
    def content(self):
        return span_of(self.content_start, self.content_end)


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Layout:
    """Where the parts of one request lie."""

    @property
    def model(self):
        return self.keys.get(b"model")

    @property
    def stream(self):
        return self.keys.get(b"stream")

    @property
    def system(self):
        if self.dialect == DIALECT_CHAT:
            return None
        return self.keys.get(b"system" if self.dialect == DIALECT_MESSAGES else b"instructions")

    @property
    def tools(self):
        return self.keys.get(b"tools")

    @property
    def tool_choice(self):
        return self.keys.get(b"tool_choice")

    @property
    def messages(self):
        return self.keys.get(b"input" if self.dialect == DIALECT_RESPONSES else b"messages")


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Reader:
    """Walks one body.

    The ``read_`` methods take the index where a value starts and give the index after it, or -1
    if the body cannot be trusted; ``depth`` containers are open around the value.
    """

    cdef bint read(self) except -1:
        """Whether the whole body is one JSON object whose layout can be trusted."""
        cdef Bytes d = self.data
        cdef Py_ssize_t i = after_space(d, 0), key, size, start
        cdef dict keys = self.layout.keys
        cdef bytes name
        if d[i] != c'{':
            return False
        i = after_space(d, i + 1)
        if d[i] == c'}':
            return after_space(d, i + 1) == self.length
        while True:
            key = i + 1
            i = colon_end(d, i, self.length, &size)
            if i < 0 or memchr(d + key, c'\\', <size_t>size) != NULL:
                return False
            name = bytes_of(d + key, size)
            if name in keys:
                return False
            start = i
            i = self.read_top(i, d + key, size)
            if i < 0:
                return False
            keys[name] = (start, i)
            i = after_space(d, i)
            if d[i] != c',':
                return d[i] == c'}' and after_space(d, i + 1) == self.length
            i = after_space(d, i + 1)

    cdef Py_ssize_t read_top(self, Py_ssize_t i, Bytes key, Py_ssize_t size) except? -1:
        """Takes the value of one of the request's own keys."""
        cdef unsigned char c = self.data[i]
        cdef int dialect = self.dialect
        cdef bint responses = dialect == DIALECT_RESPONSES
        cdef Py_ssize_t end
        cdef Node node
        if c == c'[':
            if size == 5 and same(key, "tools", 5):
                return self.read_list(i, 1, IN_TOOL)
            if size == 5 and responses and same(key, "input", 5):
                return self.read_list(i, 1, IN_MESSAGE)
            if size == 8 and not responses and same(key, "messages", 8):
                return self.read_list(i, 1, IN_MESSAGE)
            if size == 6 and dialect == DIALECT_MESSAGES and same(key, "system", 6):
                self.begin(self.layout.system_blocks, -1)
                return self.read_list(i, 1, IN_BLOCK)
        end = value_end(self.data, i, self.length, 1)
        if end < 0:
            return -1
        if c == c'"' and size == 5 and responses and same(key, "input", 5):
            self.begin(self.layout.blocks, 0)
            self.add_plain(i, end)
            begin_node(&node, self.data, i, end)
            set_value(&node, CONTENT, i, end)
            self.add_message(&node, b"user", b"message")
        elif c == c'"' and size == 6 and dialect == DIALECT_MESSAGES and same(key, "system", 6):
            self.begin(self.layout.system_blocks, -1)
            self.add_plain(i, end)
        elif c != c'n' and size == 13 and same(key, "cache_control", 13):
            self.layout.marks += 1
        return end

    cdef Py_ssize_t read_list(self, Py_ssize_t i, int depth, int place) except? -1:
        cdef Bytes d = self.data
        if depth == DEPTH_MAX:
            return -1
        i = after_space(d, i + 1)
        if d[i] == c']':
            return i + 1
        while True:
            if place == IN_MESSAGE:
                i = self.read_message(i, depth + 1)
            elif place == IN_BLOCK:
                i = self.read_block(i, depth + 1)
            elif place == IN_PART:
                i = self.read_part(i, depth + 1)
            elif place == IN_TOOL:
                i = self.read_tool(i, depth + 1)
            else:
                i = self.read_call(i, depth + 1)
            if i < 0:
                return -1
            i = after_space(d, i)
            if d[i] != c',':
                return i + 1 if d[i] == c']' else -1
            i = after_space(d, i + 1)

    cdef Py_ssize_t read_object(self, Node* node, Py_ssize_t i, int depth, int place) except? -1:
        """Fills ``node``; a value that is no object has no keys."""
        cdef Bytes d = self.data
        cdef Py_ssize_t key, size, start
        cdef int known
        begin_node(node, d, i, -1)
        if d[i] != c'{':
            node.end = value_end(d, i, self.length, depth)
            return node.end
        if depth == DEPTH_MAX:
            return -1
        i = after_space(d, i + 1)
        if d[i] == c'}':
            node.end = i + 1
            return node.end
        while True:
            key = i + 1
            i = colon_end(d, i, self.length, &size)
            if i < 0:
                return -1
            known = key_of(d + key, size)
            if known < 0:
                if memchr(d + key, c'\\', <size_t>size) != NULL:
                    return -1
                i = value_end(d, i, self.length, depth + 1)
            else:
                if has(node, known):
                    return -1
                start = i
                i = self.read_known(i, depth + 1, place, known)
                set_value(node, known, start, i)
            if i < 0:
                return -1
            i = after_space(d, i)
            if d[i] != c',':
                node.end = i + 1
                return node.end if d[i] == c'}' else -1
            i = after_space(d, i + 1)

    cdef Py_ssize_t read_known(self, Py_ssize_t i, int depth, int place, int key) except? -1:
        """Takes the value of a known key, and reads it further where blocks or parts are in it."""
        cdef Bytes d = self.data
        cdef Py_ssize_t end
        if d[i] == c'[':
            if key == CONTENT and place == IN_MESSAGE:
                return self.read_list(i, depth, IN_BLOCK)
            if (
                key == CONTENT and place == IN_BLOCK and self.dialect == DIALECT_MESSAGES
                or key == OUTPUT and place == IN_MESSAGE and self.dialect == DIALECT_RESPONSES
            ):
                self.texts = []
                return self.read_list(i, depth, IN_PART)
            if key == TOOL_CALLS and place == IN_MESSAGE and self.dialect == DIALECT_CHAT:
                self.calls = []
                return self.read_list(i, depth, IN_CALL)
        elif d[i] == c'{' and self.dialect == DIALECT_CHAT and place in (IN_TOOL, IN_CALL):
            if key == FUNCTION:
                return self.read_object(&self.function, i, depth, IN_FUNCTION)
            if key == CUSTOM:
                return self.read_object(&self.custom, i, depth, IN_FUNCTION)
        end = value_end(d, i, self.length, depth)
        if end >= 0 and (key == TYPE or key == ROLE) and d[i] == c'"':
            if memchr(d + i, c'\\', <size_t>(end - i)) != NULL:
                return -1
        return end

    cdef Py_ssize_t read_message(self, Py_ssize_t i, int depth) except? -1:
        cdef Node node
        cdef Block block
        cdef list blocks = self.layout.blocks
        cdef bytes kind = b"", role
        self.begin(blocks, len(self.layout.message_list))
        self.calls = None
        i = self.read_object(&node, i, depth, IN_MESSAGE)
        if i < 0:
            return -1
        role = raw(&node, ROLE)
        if self.dialect == DIALECT_RESPONSES:
            kind = raw(&node, TYPE)
            if is_string(&node, ROLE) and not has(&node, TYPE):
                kind = b"message"
        if self.dialect == DIALECT_CHAT and role == b"tool":
            self.texts = []
            for block in blocks[self.first:]:
                if block.kind == KIND_TEXT and block.text_start >= 0:
                    self.texts.append((block.text_start, block.text_end))
            del blocks[self.first:]
            block = self.add_block(KIND_RESULT, &node)
            block.call_id = raw(&node, TOOL_CALL_ID)
            self.set_texts(block, &node, CONTENT)
        elif self.dialect == DIALECT_RESPONSES and kind != b"message":
            del blocks[self.first:]
            self.add_item(&node, kind)
        elif is_string(&node, CONTENT):
            self.add_plain(node.at[CONTENT], node.to[CONTENT])
        if self.calls is not None:
            for block in self.calls:
                block.index = len(blocks) - self.first
                blocks.append(block)
        self.add_message(&node, role, kind)
        return i

    cdef int add_item(self, Node* node, bytes kind) except -1:
        """The block of an item of Responses that is not a message."""
        cdef Block block
        if kind == b"function_call_output" or kind == b"custom_tool_call_output":
            block = self.add_block(KIND_RESULT, node)
            block.call_id = raw(node, CALL_ID)
            self.set_texts(block, node, OUTPUT)
        elif kind == b"reasoning":
            self.add_block(KIND_THINKING, node)
        elif kind == b"function_call" or kind == b"custom_tool_call" or (
            kind.endswith(b"_call") and is_string(node, CALL_ID)
        ):
            block = self.add_block(KIND_CALL, node)
            block.name = raw(node, NAME)
            block.call_id = raw(node, CALL_ID)
            self.set_arguments(block, node, ARGUMENTS if has(node, ARGUMENTS) else INPUT)
        else:
            self.add_block(KIND_OTHER, node)
        return 0

    cdef Py_ssize_t read_block(self, Py_ssize_t i, int depth) except? -1:
        cdef Node node
        cdef Block block
        i = self.read_object(&node, i, depth, IN_BLOCK)
        if i < 0:
            return -1
        block = self.add_block(kind_of(&node, self.dialect), &node)
        if block.kind == KIND_TEXT:
            if is_string(&node, WORDS):
                block.text_start, block.text_end = node.at[WORDS], node.to[WORDS]
        elif block.kind == KIND_CALL:
            block.name = raw(&node, NAME)
            block.call_id = raw(&node, ID)
            self.set_arguments(block, &node, INPUT)
        elif block.kind == KIND_RESULT:
            block.call_id = raw(&node, TOOL_USE_ID)
            block.is_error = starts(&node, IS_ERROR, c't')
            self.set_texts(block, &node, CONTENT)
        return i

    cdef Py_ssize_t read_part(self, Py_ssize_t i, int depth) except? -1:
        cdef Node node
        i = self.read_object(&node, i, depth, IN_PART)
        if i < 0:
            return -1
        self.layout.marks += is_marked(&node)
        if kind_of(&node, self.dialect) == KIND_TEXT and is_string(&node, WORDS):
            self.texts.append((node.at[WORDS], node.to[WORDS]))
        return i

    cdef Py_ssize_t read_call(self, Py_ssize_t i, int depth) except? -1:
        """One of Chat's ``tool_calls``."""
        cdef Node node
        cdef Block block
        self.found = self.calls
        i = self.read_object(&node, i, depth, IN_CALL)
        if i < 0:
            return -1
        block = self.add_block(KIND_CALL, &node)
        self.found = self.layout.blocks
        block.call_id = raw(&node, ID)
        if starts(&node, FUNCTION, c'{'):
            block.name = raw(&self.function, NAME)
            self.set_arguments(block, &self.function, ARGUMENTS)
        elif starts(&node, CUSTOM, c'{'):
            block.name = raw(&self.custom, NAME)
            self.set_arguments(block, &self.custom, INPUT)
        return i

    cdef Py_ssize_t read_tool(self, Py_ssize_t i, int depth) except? -1:
        cdef Node node
        cdef Node* inner = &node
        cdef int schema = INPUT_SCHEMA if self.dialect == DIALECT_MESSAGES else PARAMETERS
        cdef ToolSpan tool = ToolSpan.__new__(ToolSpan)
        i = self.read_object(&node, i, depth, IN_TOOL)
        if i < 0:
            return -1
        tool.start, tool.end = node.start, node.end
        tool.kind = raw(&node, TYPE)
        tool.marked = is_marked(&node)
        tool.deferred = starts(&node, DEFER_LOADING, c't')
        self.layout.marks += tool.marked
        if self.dialect == DIALECT_CHAT:
            inner = &self.function
            if starts(&node, CUSTOM, c'{') and not starts(&node, FUNCTION, c'{'):
                inner = &self.custom
            elif not starts(&node, FUNCTION, c'{'):
                inner.seen = 0
            if is_marked(inner):
                tool.marked = True
                self.layout.marks += 1
        tool.name = raw(inner, NAME)
        tool.name_escaped = b"\\" in tool.name
        tool.description_start = tool.schema_start = -1
        if is_string(inner, DESCRIPTION):
            tool.description_start = inner.at[DESCRIPTION]
            tool.description_end = inner.to[DESCRIPTION]
        if starts(inner, schema, c'{'):
            tool.schema_start, tool.schema_end = inner.at[schema], inner.to[schema]
        self.layout.tool_list.append(tool)
        return i

    cdef int begin(self, list found, Py_ssize_t message) except -1:
        """Blocks go to ``found`` from here on, as those of ``message``."""
        self.found = found
        self.first = len(found)
        self.message = message
        return 0

    cdef int add_message(self, Node* node, bytes role, bytes kind) except -1:
        cdef Message message = Message.__new__(Message)
        message.start, message.end = node.start, node.end
        message.role, message.kind = role, kind
        message.first = self.first
        message.count = len(self.found) - self.first
        message.content_start = -1
        if has(node, CONTENT):
            message.content_start, message.content_end = node.at[CONTENT], node.to[CONTENT]
        self.layout.message_list.append(message)
        return 0

    cdef Block add_block(self, int kind, Node* node):
        cdef Block block = Block.__new__(Block)
        block.kind = kind
        block.start, block.end = node.start, node.end
        block.message, block.index = self.message, len(self.found) - self.first
        block.name = block.call_id = b""
        block.text_start = block.arguments_start = -1
        block.marked = is_marked(node)
        self.layout.marks += block.marked
        self.found.append(block)
        return block

    cdef int add_plain(self, Py_ssize_t start, Py_ssize_t end) except -1:
        """The block of content that is a string."""
        cdef Node node
        cdef Block block
        begin_node(&node, self.data, start, end)
        block = self.add_block(KIND_TEXT, &node)
        block.text_start, block.text_end = start, end
        block.plain = True
        return 0

    cdef int set_texts(self, Block block, Node* node, int key) except -1:
        if is_string(node, key):
            block.text_start, block.text_end = node.at[key], node.to[key]
        elif starts(node, key, c'['):
            block.parts = tuple(self.texts)
        return 0

    cdef void set_arguments(self, Block block, Node* node, int key) noexcept:
        if has(node, key) and not starts(node, key, c'n'):
            block.arguments_start, block.arguments_end = node.at[key], node.to[key]


cpdef Layout scan(bytes body, int dialect):
    """The layout of one request body, or None if it is not one that can be trusted."""
    cdef Reader reader = Reader.__new__(Reader)
    cdef Layout layout = Layout.__new__(Layout)
    if body is None:
        raise TypeError("no body")
    if not DIALECT_MESSAGES <= dialect <= DIALECT_RESPONSES:
        raise ValueError("no such dialect")
    layout.dialect = dialect
    layout.system_blocks = []
    layout.tool_list = []
    layout.message_list = []
    layout.blocks = []
    layout.keys = {}
    reader.data = <Bytes>PyBytes_AS_STRING(body)
    reader.length = PyBytes_GET_SIZE(body)
    reader.dialect = dialect
    reader.layout = layout
    return layout if reader.read() else None
