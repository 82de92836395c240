# cython: boundscheck=False, wraparound=False
"""One spelling for requests that say the same: no blanks between tokens, keys in order.

Theory of operation. One pass judges the body by ``grammar.pxd`` and writes it without blanks. Of
each object it keeps where its members went, until the object closes: members that came in order
are forgotten, others are sorted and kept. If nothing is to be moved or left out, what was written
is the result; else a second pass copies it piece by piece, each byte once, however deep the objects
that are not in order lie in each other.

Tokens are copied as they are: ``1.0`` is not ``1``, and ``\\u0041`` is not ``A``. Who spells the
same request otherwise misses, and nobody is given another request's answer.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy

from lynkr._native.grammar cimport (
    DEPTH_MAX, Bytes, after_space, colon_end, copy16, string_end, value_end,
)

cdef enum:
    BODY_MAX = 0x7ffffff0            # bytes; offsets are ints
    KEPT_MAX = 1 << 20               # bytes of one buffer that stay allocated between calls
    FEW = 12                         # members up to which inserting them sorts fastest

cdef enum:                           # what the first pass gives back in place of an index
    REFUSED = -1
    NO_MEMORY = -2

cdef Work _work


cdef int order(const void* a, const void* b) noexcept nogil:
    """By key, byte by byte; of two keys that begin alike the shorter one is first."""
    cdef const Member* left = <const Member*>a
    cdef const Member* right = <const Member*>b
    cdef int shorter = left.size if left.size < right.size else right.size
    cdef int found = memcmp(left.key, right.key, <size_t>shorter)
    return found if found else left.size - right.size


cdef bint sorted_now(Member* members, int count) noexcept nogil:
    """Puts members in order; whether no key is there twice."""
    cdef Member one
    cdef int i, j
    if count > FEW:
        qsort(members, <size_t>count, sizeof(Member), &order)
    else:
        for i in range(1, count):
            one = members[i]
            j = i
            while j > 0 and order(&members[j - 1], &one) > 0:
                members[j] = members[j - 1]
                j -= 1
            members[j] = one
    for i in range(1, count):
        if order(&members[i - 1], &members[i]) == 0:
            return False
    return True


cdef bint grown(Room* room, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    """Whether ``count`` items of ``size`` bytes have room now."""
    cdef Py_ssize_t wanted = count * size
    cdef void* larger
    if wanted <= room.size:
        return True
    wanted += wanted // 2 + 4096
    larger = realloc(room.at, <size_t>wanted)
    if larger == NULL:
        return False
    room.at = larger
    room.size = wanted
    return True


cdef inline void put(Work* work, Bytes at, Py_ssize_t size) noexcept nogil:
    """Writes a token. The text is never longer than what was read, and has room for 16 more."""
    cdef char* out = <char*>work.text.at + work.used
    if size <= 16 and at + 16 <= work.data + work.length:
        copy16(out, at)
    else:
        memcpy(out, at, <size_t>size)
    work.used += <int>size


cdef inline void put_byte(Work* work, unsigned char byte) noexcept nogil:
    (<char*>work.text.at)[work.used] = <char>byte
    work.used += 1


cdef Py_ssize_t write_value(Work* work, Py_ssize_t i, int depth) noexcept nogil:
    """Takes the value at ``i``; ``depth`` containers are open around it. The index after it."""
    cdef Bytes d = work.data
    cdef Py_ssize_t end
    if d[i] == c'"':
        end = string_end(d, i + 1, work.length)
        if end < 0:
            return REFUSED
        if i == work.hole_start and end == work.hole_end:
            work.hole_at = work.used
            put_byte(work, c'?')
        else:
            put(work, d + i, end - i)
        return end
    if d[i] == c'{':
        return write_object(work, i, depth)
    if d[i] != c'[':
        end = value_end(d, i, work.length, depth)
        if end < 0:
            return REFUSED
        put(work, d + i, end - i)
        return end
    if depth == DEPTH_MAX:
        return REFUSED
    put_byte(work, c'[')
    i = after_space(d, i + 1)
    if d[i] == c']':
        put_byte(work, c']')
        return i + 1
    while True:
        i = write_value(work, i, depth + 1)
        if i < 0:
            return i
        i = after_space(d, i)
        put_byte(work, d[i])
        if d[i] != c',':
            return i + 1 if d[i] == c']' else REFUSED
        i = after_space(d, i + 1)


cdef Py_ssize_t write_object(Work* work, Py_ssize_t i, int depth) noexcept nogil:
    """Takes an object, and keeps its members if they are not in order."""
    cdef int base = work.opened, number = work.count
    cdef bint ordered = True
    if depth == DEPTH_MAX:
        return REFUSED
    i = write_members(work, i, depth, &ordered)
    if i < 0 or work.opened == base:
        return i
    if not ordered:
        if not sorted_now(<Member*>work.open.at + base, work.opened - base):
            return REFUSED
        if not moved(work, <Object*>work.objects.at + number, base):
            return NO_MEMORY
    work.opened = base
    return i


cdef Py_ssize_t write_members(
    Work* work, Py_ssize_t i, int depth, bint* ordered
) noexcept nogil:
    """Takes an object; its members stay in ``open``. ``ordered``: each key follows the one before
    it, so none comes twice."""
    cdef Bytes d = work.data
    cdef int number = work.count, base = work.opened, at = base
    cdef Py_ssize_t key, size, end
    cdef Member* member
    put_byte(work, c'{')
    i = after_space(d, i + 1)
    if d[i] == c'}':
        put_byte(work, c'}')
        return i + 1
    if not grown(&work.objects, number + 1, sizeof(Object)):
        return NO_MEMORY
    work.count += 1
    (<Object*>work.objects.at)[number] = Object(work.used - 1, 0, 0, 0, STAYS)
    while True:
        key = i + 1
        i = colon_end(d, i, work.length, &size)
        if i < 0 or memchr(d + key, c'\\', <size_t>size) != NULL:
            return REFUSED
        if not grown(&work.open, at + 1, sizeof(Member)):
            return NO_MEMORY
        member = <Member*>work.open.at + at
        member[0] = Member(d + key, <int>size, work.used, 0, work.count, 0)
        if at > base and ordered[0]:
            ordered[0] = order(member - 1, member) < 0
        put(work, d + key - 1, size + 2)
        put_byte(work, c':')
        at += 1
        work.opened = at
        i = write_value(work, i, depth + 1)
        if i < 0:
            return i
        member = <Member*>work.open.at + at - 1  # it may have moved
        member.end = work.used
        member.last = work.count
        i = after_space(d, i)
        put_byte(work, d[i])
        if d[i] != c',':
            (<Object*>work.objects.at)[number].end = work.used
            (<Object*>work.objects.at)[number].next = work.count
            return i + 1 if d[i] == c'}' else REFUSED
        i = after_space(d, i + 1)


cdef bint moved(Work* work, Object* one, int base) noexcept nogil:
    """Keeps the open members from ``base`` on as those of an object that has just closed."""
    cdef int count = work.opened - base
    if not grown(&work.moved, work.moves + count, sizeof(Member)):
        return False
    memcpy(
        <Member*>work.moved.at + work.moves, <Member*>work.open.at + base,
        <size_t>count * sizeof(Member),
    )
    one.members = work.moves
    one.count = count
    work.moves += count
    return True


cdef char* copied(Work* work, char* out, int start, int end, int first, int last) noexcept nogil:
    """Copies ``text[start:end]``, in which the objects from ``first`` up to ``last`` lie, with
    their members where they belong; where the copy ends."""
    cdef const char* text = <const char*>work.text.at
    cdef Object* one
    cdef Member* member
    cdef int k
    while first < last:
        one = <Object*>work.objects.at + first
        first += 1
        if one.count == STAYS:
            continue  # those in it come next
        first = one.next
        memcpy(out, text + start, <size_t>(one.start + 1 - start))
        out += one.start + 1 - start
        for k in range(one.count):
            if k:
                out[0] = c','
                out += 1
            member = <Member*>work.moved.at + one.members + k
            out = copied(work, out, member.start, member.end, member.first, member.last)
        start = one.end - 1
    memcpy(out, text + start, <size_t>(end - start))
    return out + (end - start)


cdef void trimmed(Room* room) noexcept nogil:
    if room.size > KEPT_MAX:
        free(room.at)
        room.at = NULL
        room.size = 0


cdef bytes _written(Work* work, frozenset drop):
    """The canonical text of the body in ``work``, or None."""
    cdef Bytes d = work.data
    cdef Py_ssize_t i = after_space(d, 0), size
    cdef bint ordered = True
    cdef int k, kept = 0
    cdef Member* member
    cdef Object* whole
    cdef bytes made
    if not grown(&work.text, <Py_ssize_t>work.length + 16, 1):
        raise MemoryError
    if d[i] != c'{':
        return None
    i = write_members(work, i, 0, &ordered)
    if i == NO_MEMORY:
        raise MemoryError
    if i < 0 or after_space(d, i) != work.length:
        return None
    member = <Member*>work.open.at
    if not ordered and not sorted_now(member, work.opened):
        return None
    size = 1
    for k in range(work.opened):
        # What is left out is not gone: the second pass goes without it.
        if (
            (<const char*>work.text.at)[member[k].start + member[k].size + 3] == c'n'
            or PyBytes_FromStringAndSize(<const char*>member[k].key, member[k].size) in drop
        ):
            if member[k].start <= work.hole_at < member[k].end:
                work.hole_at = -1
            continue
        size += member[k].end - member[k].start + 1
        member[kept] = member[k]
        kept += 1
    if work.hole_start >= 0 and work.hole_at < 0:
        return None
    if kept == work.opened and ordered and work.moves == 0:
        return PyBytes_FromStringAndSize(<const char*>work.text.at, work.used)
    if kept == 0:
        return b"{}"
    work.opened = kept
    whole = <Object*>work.objects.at
    if not moved(work, whole, 0):
        raise MemoryError
    made = PyBytes_FromStringAndSize(NULL, size)
    copied(work, PyBytes_AS_STRING(made), 0, whole.end, 0, work.count)
    return made


def canonical(bytes body not None, frozenset drop not None, tuple hole=None):
    """The same JSON object without blanks, the members of every object in order of their keys.

    Top-level members whose key is in ``drop`` are left out, and so are those that are ``null``. The
    string at ``hole``, a span with its quotes as ``scan`` gives them, becomes a single ``?``, which
    no JSON value is. Keys are compared as raw bytes; every other token stays as it is written.

    None for what is not one JSON object of at most 512 levels and 2 GB, for a key that comes twice
    in its object or has a backslash in it, and if the hole is not a string value that stays.
    """
    cdef Work* work = &_work
    cdef Py_ssize_t start = -1, end = -1
    if PyBytes_GET_SIZE(body) > BODY_MAX:
        return None
    if hole is not None:
        start, end = hole
        if not 0 <= start < end <= PyBytes_GET_SIZE(body):
            return None
    work.data = <Bytes>PyBytes_AS_STRING(body)
    work.length = <int>PyBytes_GET_SIZE(body)
    work.used = work.opened = work.moves = work.count = 0
    work.hole_start = <int>start
    work.hole_end = <int>end
    work.hole_at = -1
    try:
        return _written(work, drop)
    finally:
        trimmed(&work.text)
        trimmed(&work.open)
        trimmed(&work.moved)
        trimmed(&work.objects)
