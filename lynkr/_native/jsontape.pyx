# cython: boundscheck=False, wraparound=False, cdivision=True
"""One JSON text as a tape: a flat array of nodes that point into the client's bytes.

Theory of operation. One pass checks the text against RFC 8259 (numbers, escapes, control
characters, UTF-8, nothing after the value) and writes a node of 20 bytes per key and value, in
document order, with the index of the node after its subtree, so that a reader can walk or skip
without looking at the text. Nothing is unescaped or converted, and no Python object is made per
node. Repeated keys are JSON, and are kept.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from lynkr._native.escapes cimport written

cdef enum:
    SOURCE_MAX = 0x7fffffff  # bytes; offsets in nodes are ints


cdef int _refuse(str reason, const char* data, const char* at) except -1:
    cdef Py_ssize_t i, line = 1, column = 1
    for i in range(at - data):
        if data[i] == c'\n':
            line += 1
            column = 1
        else:
            column += 1
    raise ValueError(f"not JSON: {reason} at line {line}, column {column} (byte {at - data})")


cdef int unit_of(const char* text) noexcept:
    cdef int i, unit = 0
    cdef char c
    for i in range(4):
        c = text[i]
        if c'0' <= c <= c'9':
            unit = unit * 16 + (c - c'0')
        elif c'a' <= (c | 0x20) <= c'f':
            unit = unit * 16 + ((c | 0x20) - c'a' + 10)
        else:
            return -1
    return unit


cdef const char* ill_formed(const char* at, const char* end) noexcept:
    """The first byte that is not UTF-8 as Unicode 3.9 (table 3-7) allows it, or NULL."""
    cdef unsigned char lead, second
    cdef int more, i
    cdef unsigned long long eight
    while at < end:
        lead = <unsigned char>at[0]
        if lead < 0x80:
            at += 1
            while end - at >= 8:  # mostly it is ASCII
                memcpy(&eight, at, 8)
                if eight & 0x8080808080808080u:
                    break
                at += 8
            continue
        more = 1 if lead < 0xe0 else 2 if lead < 0xf0 else 3
        if lead < 0xc2 or lead > 0xf4 or end - at <= more:
            return at
        second = <unsigned char>at[1]
        if (
            (lead == 0xe0 and second < 0xa0) or (lead == 0xed and second > 0x9f)
            or (lead == 0xf0 and second < 0x90) or (lead == 0xf4 and second > 0x8f)
        ):
            return at
        for i in range(1, more + 1):
            if (<unsigned char>at[i]) & 0xc0 != 0x80:
                return at
        at += more + 1
    return NULL


cdef inline bint _is_digit(char c) noexcept:
    return <unsigned char>(c - c'0') < 10


cdef inline const char* _string_end(
    const char* data, const char* at, const char* end, Node* node
) except NULL:
    """One past the closing quote of the string whose opening quote is at ``at``."""
    cdef int high = 0
    cdef const char* stop = string_stop(at + 1, end, &high)
    if stop == end or stop[0] != c'"' or high:
        return _odd_string_end(data, at, stop, end, high, node)
    node.escaped = 0
    node.start = <int>(at - data)
    node.end = <int>(stop + 1 - data)
    return stop + 1


cdef const char* _odd_string_end(
    const char* data, const char* start, const char* at, const char* end, int high, Node* node
) except NULL:
    """The same for a string that has escapes or more than ASCII, or is broken."""
    cdef const char* odd
    node.escaped = 0
    while at == end or at[0] != c'"':
        if at == end:
            _refuse("a string does not end", data, start)
        if at[0] != c'\\':
            _refuse("a control character in a string", data, at)
        node.escaped = 1
        if end - at < 2:
            _refuse("a string does not end", data, start)
        if at[1] == c'u':
            if end - at < 6 or unit_of(at + 2) < 0:
                _refuse("a bad \\u escape", data, at)
            at += 6
        elif at[1] in (c'"', c'\\', c'/', c'b', c'f', c'n', c'r', c't'):
            at += 2
        else:
            _refuse("a bad escape", data, at)
        at = string_stop(at, end, &high)
    odd = ill_formed(start, at) if high else NULL
    if odd != NULL:
        _refuse("ill-formed UTF-8", data, odd)
    node.start = <int>(start - data)
    node.end = <int>(at + 1 - data)
    return at + 1


cdef inline const char* _number_end(
    const char* data, const char* at, const char* end, Node* node
) except NULL:
    """One past the number that begins at ``at``."""
    cdef const char* start = at
    cdef const char* whole
    cdef const char* last
    cdef bint plain = True
    if at[0] == c'-':
        at += 1
    whole = at
    if at == end or not _is_digit(at[0]):
        _refuse("not a value", data, start)
    if at[0] == c'0':
        at += 1
        plain = whole == start  # -0 is 0
    else:
        while at < end and _is_digit(at[0]):
            at += 1
        plain = at - whole <= 21
    if at < end and at[0] == c'.':
        last = at
        at += 1
        while at < end and _is_digit(at[0]):
            at += 1
        if at - last < 2:
            _refuse("a number without digits after the point", data, start)
        # From 1e-6 on a fraction has a digit among the first six; the zeros of 1.50 go.
        plain = (at - 1)[0] != c'0' and last - whole <= 21
        if whole[0] == c'0' and plain:
            plain = False
            while last < whole + 7:
                last += 1
                if last == at:
                    break
                if last[0] != c'0':
                    plain = True
                    break
    if at < end and (at[0] | 0x20) == c'e':
        plain = False
        at += 1
        if at < end and (at[0] == c'+' or at[0] == c'-'):
            at += 1
        last = at
        while at < end and _is_digit(at[0]):
            at += 1
        if at == last:
            _refuse("a number without digits in its exponent", data, start)
    node.plain = plain
    node.start = <int>(start - data)
    node.end = <int>(at - data)
    return at


cdef inline const char* _skip(const char* at, const char* end) noexcept:
    while at < end and <unsigned char>at[0] <= c' ':  # mostly there is none: one comparison
        if at[0] != c' ' and at[0] != c'\n' and at[0] != c'\r' and at[0] != c'\t':
            break
        at += 1
    return at


cdef class Tape:
    """The nodes of one JSON text at a time, in a buffer that the next one uses again."""

    def __dealloc__(self) -> None:
        free(self.nodes)

    cdef int _grow(self) except -1:
        cdef int room = self.room * 2 if self.room else 1024
        cdef Node* nodes = NULL
        if room > self.room:
            nodes = <Node*>realloc(self.nodes, <size_t>room * sizeof(Node))
        if nodes == NULL:
            raise MemoryError
        self.nodes = nodes
        self.room = room
        return 0

    cdef int parse(self, const char* data, Py_ssize_t length) except -1:
        cdef const char* at = data
        cdef const char* end = data + length
        cdef int[DEPTH_MAX] open_at  # indexes of the containers that are open
        cdef int depth = 0, used = 0, top = -1, room
        cdef bint in_object = False
        cdef Node* node
        cdef char c
        if length > SOURCE_MAX:
            raise ValueError("not JSON that fits: 2 GiB at most")
        if self.room > NODES_KEPT and length < NODES_KEPT:
            free(self.nodes)
            self.nodes = NULL
            self.room = 0
        room = self.room
        self.used = 0
        while True:  # once per key or value; ``at`` is before a value, or a key in an object
            if used + 2 > room:
                self._grow()
                room = self.room
            at = _skip(at, end)
            if in_object:
                if at == end or at[0] != c'"':
                    _refuse("no key", data, at)
                node = &self.nodes[used]
                at = _string_end(data, at, end, node)
                node.kind = KEY
                node.size = 0
                used += 1
                at = _skip(at, end)
                if at == end or at[0] != c':':
                    _refuse("no colon after a key", data, at)
                at = _skip(at + 1, end)
            if at == end:
                _refuse("the text ends before the value", data, at)
            node = &self.nodes[used]
            node.size = 0
            node.next = used + 1
            used += 1
            c = at[0]
            if c == c'"':
                node.kind = STRING
                at = _string_end(data, at, end, node)
            elif c == c'{' or c == c'[':
                node.kind = OBJECT if c == c'{' else ARRAY
                node.start = <int>(at - data)
                if depth == DEPTH_MAX:
                    _refuse("nested too deeply", data, at)
                at = _skip(at + 1, end)
                if at < end and at[0] == c + 2:  # ']' is '[' + 2, and '}' is '{' + 2
                    at += 1
                    node.end = <int>(at - data)
                else:
                    top = used - 1
                    open_at[depth] = top
                    depth += 1
                    in_object = c == c'{'
                    continue
            elif c == c't' and end - at >= 4 and at[1] == c'r' and at[2] == c'u' and at[3] == c'e':
                node.kind = TRUE
                node.start = <int>(at - data)
                at += 4
                node.end = <int>(at - data)
            elif c == c'n' and end - at >= 4 and at[1] == c'u' and at[2] == c'l' and at[3] == c'l':
                node.kind = NOTHING
                node.start = <int>(at - data)
                at += 4
                node.end = <int>(at - data)
            elif (
                c == c'f' and end - at >= 5 and at[1] == c'a' and at[2] == c'l'
                and at[3] == c's' and at[4] == c'e'
            ):
                node.kind = FALSE
                node.start = <int>(at - data)
                at += 5
                node.end = <int>(at - data)
            else:
                node.kind = NUMBER
                at = _number_end(data, at, end, node)
            # A value is complete: it may complete the containers around it.
            if in_object:
                self.nodes[node - self.nodes - 1].next = used
            while True:
                at = _skip(at, end)
                if depth == 0:
                    if at != end:
                        _refuse("more after the value", data, at)
                    self.used = used
                    return 0
                node = &self.nodes[top]
                node.size += 1
                if at == end:
                    _refuse("the text ends inside a container", data, at)
                if at[0] == c',':
                    at += 1
                    break
                if at[0] != (c'}' if in_object else c']'):
                    _refuse("neither a comma nor the container's end", data, at)
                at += 1
                node.end = <int>(at - data)
                node.next = used
                depth -= 1
                if depth:
                    in_object = self.nodes[open_at[depth - 1]].kind == OBJECT
                    if in_object:
                        self.nodes[top - 1].next = used
                    top = open_at[depth - 1]


cdef Py_ssize_t minimal(const char* data, Node* node, char* out) noexcept:
    cdef const char* at = data + node.start
    cdef const char* end = data + node.end - 1
    cdef const char* run
    cdef char* start = out
    cdef int unit, low, ignored = 0
    out[0] = c'"'
    out += 1
    at += 1
    while True:
        run = at
        at = string_stop(at, end, &ignored)
        memcpy(out, run, <size_t>(at - run))
        out += at - run
        if at == end:
            break
        if at[1] == c'/':
            out[0] = c'/'
            out += 1
            at += 2
        elif at[1] != c'u':
            memcpy(out, at, 2)
            out += 2
            at += 2
        else:
            unit = unit_of(at + 2)
            at += 6
            if 0xd800 <= unit < 0xdc00 and at[0] == c'\\' and at[1] == c'u':
                low = unit_of(at + 2)
                if 0xdc00 <= low < 0xe000:
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    at += 6
            out += put_escaped(unit, out)
    out[0] = c'"'
    return out + 1 - start


cdef int put_escaped(int point, char* out) noexcept:
    cdef const char* digits = "0123456789abcdef"
    cdef const char* short_of = "btn.fr"  # 0x08 to 0x0d; JSON has none for 0x0b
    if 0x20 <= point < 0xd800 and point != c'"' and point != c'\\' or point >= 0xe000:
        return <int>written(<unsigned int>point, <unsigned char*>out)
    out[0] = c'\\'
    if point == c'"' or point == c'\\':
        out[1] = <char>point
        return 2
    if 0x08 <= point <= 0x0d and point != 0x0b:
        out[1] = short_of[point - 0x08]
        return 2
    out[1] = c'u'
    out[2] = digits[point >> 12]
    out[3] = digits[(point >> 8) & 15]
    out[4] = digits[(point >> 4) & 15]
    out[5] = digits[point & 15]
    return 6


cdef Tape _tape = Tape()


cdef bytes _rewritten(bytes data, bint escapes_too):
    """``data`` without insignificant whitespace; with ``escapes_too``, in minimal form."""
    cdef const char* source = data
    cdef const char* at = source
    cdef const char* start
    cdef bytes made
    cdef char* first
    cdef char* out
    cdef Node* node
    cdef int i
    _tape.parse(source, len(data))
    made = PyBytes_FromStringAndSize(NULL, len(data))
    first = out = made
    for i in range(_tape.used + 1):
        # Up to the next string there is only structure, numbers and literals.
        node = &_tape.nodes[i]
        if i < _tape.used and node.kind != STRING and node.kind != KEY:
            continue
        start = source + (node.start if i < _tape.used else len(data))
        while at < start:
            if <unsigned char>at[0] > 0x20:
                out[0] = at[0]
                out += 1
            at += 1
        if i == _tape.used:
            break
        if escapes_too and node.escaped:
            out += minimal(source, node, out)
        else:
            memcpy(out, start, <size_t>(node.end - node.start))
            out += node.end - node.start
        at = source + node.end
    return made if out - first == len(data) else made[:out - first]


def compact(bytes data not None):
    """``data`` without insignificant whitespace, byte for byte otherwise.

    Raises ``ValueError`` for what is not JSON.
    """
    return _rewritten(data, False)


def normal(bytes data not None):
    """``compact``, with strings in their shortest JSON form: equal texts say the same.

    Numbers stay as they are written, repeated keys and their order too, and lone surrogates stay
    escapes. Raises ``ValueError`` for what is not JSON.
    """
    return _rewritten(data, True)
