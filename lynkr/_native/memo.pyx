"""Remembers what was made of a text, so that the next request with the same text need not make it.

A memo only saves work. It keeps each original and compares it byte by byte, with its scope, before
it gives the value away: two texts of one hash can cost each other their place, never their value.

The hash multiplies 64 by 64 bits and folds the 128 that come out, 16 bytes at a time, in four lanes
(the construction of wyhash; the constants are the first 64 bits of the fractions of the golden
ratio and of the square roots of 2, 3 and 5, made odd). Its keys are made of Python's own hash
secret, so who sends texts cannot choose which ones collide.
"""

from collections import OrderedDict

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline uint64_t memo_word(const unsigned char *at) {
        uint64_t word;
        memcpy(&word, at, 8);
        return word;
    }

    static inline uint64_t memo_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    static uint64_t memo_hash(const void *text, size_t size, uint64_t seed) {
        /* Secret, all of them: a word that equals its key would wipe out what came before it. */
        const uint64_t k0 = memo_mix(seed ^ 0x9e3779b97f4a7c15u, 0x6a09e667f3bcc909u);
        const uint64_t k1 = memo_mix(seed ^ 0x6a09e667f3bcc909u, 0xbb67ae8584caa73bu);
        const uint64_t k2 = memo_mix(seed ^ 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu);
        const uint64_t k3 = memo_mix(seed ^ 0x3c6ef372fe94f82bu, 0x9e3779b97f4a7c15u);
        const unsigned char *at = (const unsigned char *)text;
        uint64_t a = k0, b = k1, c = k2, d = k3;
        unsigned char last[16] = {0};
        size_t left = size;
        for (; left >= 64; left -= 64, at += 64) {
            a = memo_mix(memo_word(at) ^ k1, memo_word(at + 8) ^ a);
            b = memo_mix(memo_word(at + 16) ^ k2, memo_word(at + 24) ^ b);
            c = memo_mix(memo_word(at + 32) ^ k3, memo_word(at + 40) ^ c);
            d = memo_mix(memo_word(at + 48) ^ k0, memo_word(at + 56) ^ d);
        }
        a ^= memo_mix(b ^ k2, c ^ k3) ^ d;
        for (; left >= 16; left -= 16, at += 16)
            a = memo_mix(memo_word(at) ^ k1, memo_word(at + 8) ^ a);
        memcpy(last, at, left);
        a = memo_mix(memo_word(last) ^ k2, memo_word(last + 8) ^ a);
        return memo_mix(a ^ k3, (uint64_t)size ^ seed ^ k0);
    }
    """
    uint64_t memo_hash(const void* at, size_t size, uint64_t seed) noexcept nogil

cdef uint64_t SEED = <uint64_t><Py_ssize_t>hash(b"lynkr memo")

cdef inline const char* text_at(bytes body, Py_ssize_t start, Py_ssize_t end) except NULL:
    if body is None or start < 0 or end < start or end > PyBytes_GET_SIZE(body):
        raise ValueError("the span is not in the body")
    return PyBytes_AS_STRING(body) + start


cpdef uint64_t block_hash(bytes body, Py_ssize_t start, Py_ssize_t end) except? 0:
    """64 bits of ``body[start:end]``, the same within this process only."""
    return memo_hash(text_at(body, start, end), <size_t>(end - start), SEED)


cdef inline object name_of(bytes scope, const char* text, Py_ssize_t size):
    """What an entry is found by; unequal for unequal texts or scopes, but for accidents."""
    if scope is None:
        raise TypeError("no scope")
    return memo_hash(text, <size_t>size, SEED ^ <uint64_t><Py_ssize_t>hash(scope))


@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class Entry:
    """One text and what was made of it."""


@cython.final
@cython.auto_pickle(False)
cdef class Memo:
    """Values by scope and text; those not asked for longest make room for new ones.

    Counted are the bytes of the originals and what ``put`` is told that each value costs, at most
    ``bytes_max`` in sum. An entry's own bookkeeping, about 300 bytes, is the teller's to add.
    """

    def __init__(self, Py_ssize_t bytes_max) -> None:
        self.bytes_max = bytes_max
        self.clear()

    def __len__(self) -> int:
        return len(self.entries)

    cpdef clear(self):
        self.entries = OrderedDict()
        self.bytes = 0

    cpdef get(self, bytes scope, bytes body, Py_ssize_t start, Py_ssize_t end):
        """The value of this text in this scope, now the youngest, or None."""
        cdef const char* text = text_at(body, start, end)
        cdef object name = name_of(scope, text, end - start)
        cdef Entry entry = self.entries.get(name)
        if (
            entry is None
            or PyBytes_GET_SIZE(entry.original) != end - start
            or memcmp(PyBytes_AS_STRING(entry.original), text, <size_t>(end - start)) != 0
            or entry.scope != scope
        ):
            return None
        self.entries.move_to_end(name)
        return entry.value

    cpdef put(
        self, bytes scope, bytes body, Py_ssize_t start, Py_ssize_t end, value,
        Py_ssize_t cost_bytes,
    ):
        """Remembers a value, in place of an older one; not if it is too large to be remembered.

        A value of None cannot be told from a missing one. ValueError if the cost is negative.
        """
        cdef const char* text = text_at(body, start, end)
        cdef object name = name_of(scope, text, end - start)
        cdef Entry entry
        if cost_bytes < 0:
            raise ValueError("a cost cannot be negative")
        self.forget(self.entries.pop(name, None))
        if cost_bytes > self.bytes_max - (end - start):
            return
        entry = Entry.__new__(Entry)
        entry.scope = scope
        entry.original = PyBytes_FromStringAndSize(text, end - start)
        entry.value = value
        entry.cost = cost_bytes + end - start
        self.entries[name] = entry
        self.bytes += entry.cost
        while self.bytes > self.bytes_max:
            self.forget(self.entries.popitem(last=False)[1])

    cdef int forget(self, Entry entry) except -1:
        """Takes an entry that has left the table off the count."""
        if entry is not None:
            self.bytes -= entry.cost
        return 0
