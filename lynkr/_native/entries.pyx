"""What a worker knows of one kept answer, and the orders in which entries stand.

A worker holds 100,000 and more of them, so each is one block of memory, without a dictionary, and
unknown to the garbage collector, which would walk through all of them again and again. Nothing an
entry refers to leads back to it: it stands in rings and in a heap by plain pointers, and those own
it as long as it stands in them.
"""

from hashlib import blake2b

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

cdef enum:
    ID_DIGITS = 16
    NAMES = 5
    SLOTS_MIN = 64


cdef bint usual(str id_, uint64_t* number) except -1:
    """Whether it is ``c_`` and 16 hexadecimal digits, as ``answers.ID_PREFIX`` says."""
    cdef Py_ssize_t i
    cdef int digit
    if len(id_) != ID_DIGITS + 2 or not id_.startswith("c_"):
        return False
    number[0] = 0
    for i in range(2, ID_DIGITS + 2):
        digit = <int>id_[i]
        if c'0' <= digit <= c'9':
            number[0] = number[0] << 4 | (digit - c'0')
        elif c'a' <= digit <= c'f':
            number[0] = number[0] << 4 | (digit - c'a' + 10)
        else:
            return False
    return True


cpdef uint64_t number_of(str id_) except? 0:
    """An answer's number among vectors: its id's 64 bits, the same in every process."""
    cdef uint64_t number
    if id_ is None:
        raise TypeError("no id")
    if usual(id_, &number):
        return number
    return int.from_bytes(blake2b(id_.encode(), digest_size=8).digest(), "big")


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Entry:
    """One answer without its content. Equal to itself only."""

    def __init__(
        self, str id_ not None, bytes key not None, bytes scope not None, bytes partition not None,
        bytes features not None, tuple names not None, double stored_at, double expires_at, size,
        bint semantic,
    ) -> None:
        cdef uint64_t number
        if self.key is not None:
            raise TypeError("an entry does not change")
        if not usual(id_, &number):
            number = number_of(id_)
            self.odd_id = id_
        self.number = number
        self.key = key
        self.scope = scope
        self.partition = partition
        self.features = features
        if len(names) != NAMES:
            raise ValueError("not epoch, provider, model, api and kind")
        self.names = names
        self.stored_at = self.used_at = stored_at
        self.expires_at = expires_at
        self.size = size
        self.semantic = semantic

    @property
    def epoch(self):
        return self.names[0]

    @property
    def provider(self):
        return self.names[1]

    @property
    def model(self):
        return self.names[2]

    @property
    def api(self):
        return self.names[3]

    @property
    def kind(self):
        return self.names[4]

    @property
    def id(self):
        return self.odd_id or f"c_{self.number:016x}"


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Ring:
    """Entries from the least to the most recently used. An entry stands in at most one ring of
    each kind (0 or 1); ValueError if it stands elsewhere, or not where it should."""

    def __init__(self, int which) -> None:
        if self.count or not 0 <= which < RINGS:
            raise ValueError(f"there is no ring of kind {which}")
        self.which = which

    def __dealloc__(self) -> None:
        while self.oldest != NULL:
            self.remove(<Entry>self.oldest)

    cdef void link(self, PyObject* entry) noexcept:
        """Puts it behind the youngest."""
        cdef int k = self.which
        cdef PyObject* youngest
        if self.oldest == NULL:
            (<Entry>entry).before[k] = (<Entry>entry).after[k] = self.oldest = entry
            return
        youngest = (<Entry>self.oldest).before[k]
        (<Entry>youngest).after[k] = entry
        (<Entry>entry).before[k] = youngest
        (<Entry>entry).after[k] = self.oldest
        (<Entry>self.oldest).before[k] = entry

    cdef void unlink(self, PyObject* entry) noexcept:
        cdef int k = self.which
        cdef PyObject* before = (<Entry>entry).before[k]
        cdef PyObject* after = (<Entry>entry).after[k]
        if after == entry:
            self.oldest = NULL
        else:
            (<Entry>before).after[k] = after
            (<Entry>after).before[k] = before
            if self.oldest == entry:
                self.oldest = after
        (<Entry>entry).before[k] = (<Entry>entry).after[k] = NULL

    cpdef add(self, Entry entry):
        if entry is None or entry.after[self.which] != NULL:
            raise ValueError("the entry stands in a ring already")
        Py_INCREF(entry)
        self.link(<PyObject*>entry)
        self.count += 1

    cpdef remove(self, Entry entry):
        if entry is None or entry.after[self.which] == NULL:
            raise ValueError("the entry stands in no ring")
        self.unlink(<PyObject*>entry)
        self.count -= 1
        Py_DECREF(entry)

    cpdef touch(self, Entry entry):
        """It is now the most recently used."""
        if entry is None or entry.after[self.which] == NULL:
            raise ValueError("the entry stands in no ring")
        self.unlink(<PyObject*>entry)
        self.link(<PyObject*>entry)

    def first(self):
        """The least recently used, or None."""
        return None if self.oldest == NULL else <Entry>self.oldest

    def entries(self):
        """All of them, the least recently used first."""
        cdef list found = []
        cdef PyObject* entry = self.oldest
        while entry != NULL:
            found.append(<Entry>entry)
            entry = (<Entry>entry).after[self.which]
            if entry == self.oldest:
                break
        return found


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Expiry:
    """Entries by the time they expire: a binary heap. An entry stands in at most one."""

    def __dealloc__(self) -> None:
        cdef Py_ssize_t i
        cdef Entry entry
        for i in range(1, self.count + 1):
            entry = <Entry>self.heap[i]
            entry.place = 0
            Py_DECREF(entry)
        free(self.heap)

    def __len__(self) -> int:
        return self.count

    cpdef Entry first(self):
        """The one that expires first, or None."""
        return <Entry>self.heap[1] if self.count else None

    cdef void settle(self, Py_ssize_t place, PyObject* entry) noexcept:
        """Puts ``entry`` where it belongs, beginning at a free place."""
        cdef double at = (<Entry>entry).expires_at
        cdef Py_ssize_t other
        while place > 1 and (<Entry>self.heap[place // 2]).expires_at > at:
            self.heap[place] = self.heap[place // 2]
            (<Entry>self.heap[place]).place = <int32_t>place
            place //= 2
        while 2 * place <= self.count:
            other = 2 * place
            if other < self.count and (
                (<Entry>self.heap[other + 1]).expires_at < (<Entry>self.heap[other]).expires_at
            ):
                other += 1
            if (<Entry>self.heap[other]).expires_at >= at:
                break
            self.heap[place] = self.heap[other]
            (<Entry>self.heap[place]).place = <int32_t>place
            place = other
        self.heap[place] = entry
        (<Entry>entry).place = <int32_t>place

    cpdef add(self, Entry entry):
        cdef void* larger
        if entry is None or entry.place:
            raise ValueError("the entry has its place already")
        if self.count + 1 >= self.room:
            larger = realloc(
                self.heap, <size_t>(self.room + self.room // 2 + 64) * sizeof(PyObject*)
            )
            if larger == NULL:
                raise MemoryError
            self.heap = <PyObject**>larger
            self.room += self.room // 2 + 64
        Py_INCREF(entry)
        self.count += 1
        self.settle(self.count, <PyObject*>entry)

    cpdef remove(self, Entry entry):
        cdef Py_ssize_t place
        cdef PyObject* last
        if entry is None or not 1 <= entry.place <= self.count:
            raise ValueError("the entry has no place here")
        if self.heap[entry.place] != <PyObject*>entry:
            raise ValueError("the entry has no place here")
        place = entry.place
        last = self.heap[self.count]
        self.count -= 1
        entry.place = 0
        if last != <PyObject*>entry:
            self.settle(place, last)
        Py_DECREF(entry)


cdef inline uint32_t mixed(uint64_t number) noexcept:
    return <uint32_t>((number * <uint64_t>0x9e3779b97f4a7c15) >> 32)


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Table:
    """Entries by number, or, ``keyed``, by key: a fifth of what a dictionary of them takes."""

    def __init__(self, bint keyed) -> None:
        if self.slots != NULL:
            raise TypeError("a table is made once")
        self.keyed = keyed
        self.grow()

    def __dealloc__(self) -> None:
        cdef uint32_t slot
        if self.slots != NULL:
            for slot in range(self.mask + 1):
                if self.slots[slot] != NULL:
                    Py_DECREF(<Entry>self.slots[slot])
        free(self.slots)
        free(self.tags)

    def __len__(self) -> int:
        return self.count

    cdef uint32_t tag(self, Entry entry) except? 0:
        return <uint32_t><Py_ssize_t>hash(entry.key) if self.keyed else mixed(entry.number)

    cdef int grow(self) except -1:
        """Makes it twice as large; no entry is looked at."""
        cdef uint32_t size = 2 * (self.mask + 1) if self.slots != NULL else SLOTS_MIN
        cdef uint32_t slot, to
        cdef PyObject** slots = <PyObject**>calloc(size, sizeof(PyObject*))
        cdef uint32_t* tags = <uint32_t*>calloc(size, sizeof(uint32_t))
        if size == 0 or slots == NULL or tags == NULL:
            free(slots)
            free(tags)
            raise MemoryError
        if self.slots != NULL:
            for slot in range(self.mask + 1):
                if self.slots[slot] != NULL:
                    to = self.tags[slot] & (size - 1)
                    while slots[to] != NULL:
                        to = (to + 1) & (size - 1)
                    slots[to] = self.slots[slot]
                    tags[to] = self.tags[slot]
        free(self.slots)
        free(self.tags)
        self.slots = slots
        self.tags = tags
        self.mask = size - 1
        return 0

    cpdef add(self, Entry entry):
        """An entry whose number, or key, is not in the table yet."""
        cdef uint32_t tag, slot
        if entry is None:
            raise TypeError("no entry")
        tag = self.tag(entry)
        if 4 * (self.count + 1) > 3 * (<Py_ssize_t>self.mask + 1):
            self.grow()
        slot = tag & self.mask
        while self.slots[slot] != NULL:
            slot = (slot + 1) & self.mask
        Py_INCREF(entry)
        self.slots[slot] = <PyObject*>entry
        self.tags[slot] = tag
        self.count += 1

    cpdef remove(self, Entry entry):
        """ValueError if this very entry is not in it."""
        cdef uint32_t slot, gap
        if entry is None:
            raise TypeError("no entry")
        slot = self.tag(entry) & self.mask
        while self.slots[slot] != <PyObject*>entry:
            if self.slots[slot] == NULL:
                raise ValueError("the entry is not in the table")
            slot = (slot + 1) & self.mask
        gap = slot
        while True:
            slot = (slot + 1) & self.mask
            if self.slots[slot] == NULL:
                break
            # It may move into the gap unless its place lies behind the gap.
            if ((slot - self.tags[slot]) & self.mask) >= ((slot - gap) & self.mask):
                self.slots[gap] = self.slots[slot]
                self.tags[gap] = self.tags[slot]
                gap = slot
        self.slots[gap] = NULL
        self.count -= 1
        Py_DECREF(entry)

    cpdef Entry find(self, name):
        """The entry of a number, or key, or None."""
        cdef uint64_t number = 0
        cdef uint32_t tag, slot
        if self.keyed:
            tag = <uint32_t><Py_ssize_t>hash(<bytes?>name)
        else:
            number = name
            tag = mixed(number)
        slot = tag & self.mask
        while self.slots[slot] != NULL:
            if self.tags[slot] == tag and (
                (<Entry>self.slots[slot]).key == <bytes>name
                if self.keyed
                else (<Entry>self.slots[slot]).number == number
            ):
                return <Entry>self.slots[slot]
            slot = (slot + 1) & self.mask
        return None
