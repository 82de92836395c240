"""A table in memory that processes share, without a lock: what is kept of each conversation.

Buckets of four slots, a slot of eight words, one line of a processor's cache. A slot's first word
sums up the other seven, the key among them. Who reads copies the eight words and sums them again:
what two writers mixed, what a writer that was killed left half done and whatever else may stand in
the memory is no slot, and reads as absent. Each step of the sum maps words one to one (a product
with an odd number, a shift), so a change of one word is always seen, and one of several words but
once in 2^64. Nobody waits, and nothing here calls the system.

What is written twice at once may be lost, and so may what is pushed out of a full bucket. A table
of this kind is for what can be made again.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport floor, isfinite
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* Whole words, in any order: the sum tells whether they belong together. */
    static inline uint64_t pins_load(const uint64_t *at) {
        return __atomic_load_n(at, __ATOMIC_RELAXED);
    }
    static inline void pins_store(uint64_t *at, uint64_t word) {
        __atomic_store_n(at, word, __ATOMIC_RELAXED);
    }
    /* What this processor has written is there for all before it reads on. */
    static inline void pins_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

    /* The factor: 64 bits of the golden ratio's fraction, as in Knuth's multiplicative hashing. */
    static inline uint64_t pins_step(uint64_t sum, uint64_t word) {
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        return sum ^ (sum >> 32);
    }
    static inline double pins_double(uint64_t word) {
        double number;
        memcpy(&number, &word, 8);
        return number;
    }
    static inline uint64_t pins_word(double number) {
        uint64_t word;
        memcpy(&word, &number, 8);
        return word;
    }
    """
    uint64_t pins_load(const uint64_t* at) noexcept nogil
    void pins_store(uint64_t* at, uint64_t word) noexcept nogil
    void pins_fence() noexcept nogil
    uint64_t pins_step(uint64_t sum, uint64_t word) noexcept nogil
    double pins_double(uint64_t word) noexcept nogil
    uint64_t pins_word(double number) noexcept nogil

cdef enum:
    READS = 4                        # of a slot that somebody is writing to
    WRITES = 3                       # of one that somebody else wrote to at the same time
    # Bits of the numbers in the last word, the lowest first.
    TIER_BITS = 2
    RAISED_BITS = 6
    TURNS_BITS = 14
    OUTPUT_BITS = 18
    PROMPT_BITS = 24

cdef double AHEAD_S = 60.0           # of this clock, that of another host may be

UNREADABLE, KNOWN, TAKEN = -1, 0, 1  # what `hear` says


cdef inline uint64_t sum_of(const uint64_t* slot) noexcept:
    cdef uint64_t total = <uint64_t>0x6c796e6b7270696e  # "lynkrpin": other layouts, other sums
    cdef int i
    for i in range(1, WORDS):
        total = pins_step(total, slot[i])
    return total if total != 0 else 1


cdef inline bint copied(const uint64_t* at, uint64_t* slot) noexcept:
    """Whether the eight words belong together."""
    cdef int tries, i
    for tries in range(READS):
        for i in range(WORDS):
            slot[i] = pins_load(at + i)
        if slot[SUM] == 0:
            return False
        if slot[SUM] == sum_of(slot):
            return True
    return False


cdef inline bint same_key(const uint64_t* one, const uint64_t* other) noexcept:
    return one[KEY_LOW] == other[KEY_LOW] and one[KEY_HIGH] == other[KEY_HIGH]


cdef inline bint newer(const uint64_t* one, const uint64_t* other) noexcept:
    """The later decision; of one decision, the later use. All hosts order any two alike."""
    cdef double difference = pins_double(one[AT]) - pins_double(other[AT])
    cdef int i
    if difference == 0:
        difference = pins_double(one[LAST]) - pins_double(other[LAST])
    if difference != 0:
        return difference > 0
    for i in range(SCORE, WORDS):
        if one[i] != other[i]:
            return one[i] > other[i]
    return False


cdef inline int take_key(bytes key, uint64_t* slot) except -1:
    if key is None or PyBytes_GET_SIZE(key) != KEY_BYTES:
        raise ValueError("a key has 16 bytes")
    memcpy(slot + KEY_LOW, PyBytes_AS_STRING(key), KEY_BYTES)
    return 0


cdef inline uint64_t seconds(double value) except? 0:
    if not isfinite(value):
        raise ValueError("a number of a pin is not finite")
    return pins_word(value)


cdef inline uint64_t bounded(long long value, int bits) noexcept:
    cdef long long most = (1LL << bits) - 1
    return <uint64_t>(0 if value < 0 else most if value > most else value)


cdef inline uint64_t decision(const uint64_t* slot) noexcept:
    """Tier and times raised."""
    return slot[COUNTS] & ((1ULL << (TIER_BITS + RAISED_BITS)) - 1)


cdef int take_pin(object pin, uint64_t* slot) except -1:
    cdef uint64_t counts
    cdef long long tier = pin.tier
    if not 0 <= tier < 1 << TIER_BITS:
        raise ValueError(f"there is no tier {tier}")
    slot[AT] = seconds(pin.at_s)
    slot[LAST] = seconds(pin.last_s)
    slot[SCORE] = seconds(pin.score)
    slot[TARGET] = pin.target
    counts = bounded(pin.prompt_tokens, PROMPT_BITS)
    counts = counts << OUTPUT_BITS | bounded(pin.output_tokens, OUTPUT_BITS)
    counts = counts << TURNS_BITS | bounded(pin.turns, TURNS_BITS)
    counts = counts << RAISED_BITS | bounded(pin.raised, RAISED_BITS)
    slot[COUNTS] = counts << TIER_BITS | <uint64_t>tier
    slot[SUM] = sum_of(slot)
    return 0


cdef inline long long cut(uint64_t* counts, int bits) noexcept:
    cdef long long value = <long long>(counts[0] & ((1ULL << bits) - 1))
    counts[0] >>= bits
    return value


@cython.final
@cython.auto_pickle(False)
cdef class Slots:
    """The slots in ``memory`` from ``offset`` on: four times a power of two of them.

    ``make`` makes a pin of its nine fields, in the order of ``policies.routing.facts.Pin``. A pin
    that was last used more than ``ttl_s`` ago is absent, and so is one from as far in the future.
    Of ``turns`` 14 bits are kept, of ``prompt_tokens`` 24, of ``output_tokens`` 18 and of
    ``raised`` 6; larger numbers become the largest. Words are in the machine's order.

    ``ValueError`` for a memory that does not fit and for a key that has not 16 bytes.
    """

    def __init__(
        self, memory not None, Py_ssize_t offset, make not None, double ttl_s, double retell_s
    ) -> None:
        cdef Py_ssize_t size
        if self.held:
            raise TypeError("slots are in one memory")
        PyObject_GetBuffer(memory, &self.view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        self.held = True
        size = self.view.len - offset
        buckets = size // (WAYS * SLOT_BYTES)
        if offset < 0 or buckets < 1 or size % (WAYS * SLOT_BYTES) or buckets & (buckets - 1):
            raise ValueError("the slots are not four times a power of two")
        self.first = <uint64_t*>(<char*>self.view.buf + offset)
        if <uintptr_t>self.first % 8:
            raise ValueError("the slots are not aligned")
        if not ttl_s > 0 or not retell_s > 0:
            raise ValueError("a time must be positive")
        self.bucket_mask = <uint64_t>buckets - 1
        self.make = make
        self.ttl_s = ttl_s
        self.retell_s = retell_s

    def __dealloc__(self) -> None:
        if self.held:
            PyBuffer_Release(&self.view)

    def find(self, bytes key, double now_s):
        """The pin of a conversation, or None."""
        cdef uint64_t[WORDS] asked
        cdef uint64_t[WORDS] slot
        cdef uint64_t[WORDS] best
        cdef uint64_t* at
        cdef uint64_t counts
        cdef long long tier, raised, turns, output_tokens
        cdef int way
        take_key(key, asked)
        at = self.bucket(asked)
        memset(best, 0, SLOT_BYTES)
        for way in range(WAYS):
            if pins_load(at + KEY_LOW) == asked[KEY_LOW] and copied(at, slot):
                if same_key(slot, asked) and self.lives(slot, now_s):
                    # Two workers that kept it at once may have chosen different slots.
                    if best[SUM] == 0 or newer(slot, best):
                        memcpy(best, slot, SLOT_BYTES)
            at += WORDS
        if best[SUM] == 0:
            return None
        counts = best[COUNTS]
        tier = cut(&counts, TIER_BITS)
        raised = cut(&counts, RAISED_BITS)
        turns = cut(&counts, TURNS_BITS)
        output_tokens = cut(&counts, OUTPUT_BITS)
        return self.make(
            tier, pins_double(best[SCORE]), pins_double(best[AT]), pins_double(best[LAST]),
            turns, counts, output_tokens, best[TARGET], raised,
        )

    def keep(self, bytes key, pin not None, double now_s):
        """Keep a pin, in place of that conversation's earlier one, or of the one in its bucket that
        was used longest ago.

        A pin of an earlier decision than the one that is there is not kept: its call began before
        the news came. Returns the slot's bytes when other hosts should ``hear`` of it: a decision,
        another target, or a use when the last such news is ``retell_s`` old; else None.
        ``ValueError`` for a tier that is none and for times that are not finite.
        """
        cdef uint64_t[WORDS] slot
        cdef uint64_t[WORDS] same
        cdef uint64_t[WORDS] oldest
        cdef uint64_t* at
        cdef double decided_s, since_s
        take_key(key, slot)
        take_pin(pin, slot)
        at = self.place(slot, same, oldest, now_s)
        decided_s = pins_double(slot[AT])
        if same[SUM] != 0 and decided_s < pins_double(same[AT]) <= now_s + AHEAD_S:
            return None
        self.evicted_total += oldest[SUM] != 0
        self.write(at, slot)
        if (
            same[SUM] != 0
            and same[AT] == slot[AT]
            and same[TARGET] == slot[TARGET]
            and decision(same) == decision(slot)
        ):
            since_s = pins_double(same[LAST]) - decided_s
            if floor((pins_double(slot[LAST]) - decided_s) / self.retell_s) <= floor(
                since_s / self.retell_s
            ):
                return None
        return PyBytes_FromStringAndSize(<char*>slot, SLOT_BYTES)

    def hear(self, bytes line not None, double now_s):
        """Take what ``keep`` returned elsewhere, if it is newer than what is here.

        TAKEN (1), KNOWN (0: not newer, expired, or older than all of a full bucket) or UNREADABLE
        (-1: no slot, or by a clock that is a minute ahead of this one).
        """
        cdef uint64_t[WORDS] slot
        cdef uint64_t[WORDS] same
        cdef uint64_t[WORDS] oldest
        cdef uint64_t* at
        if PyBytes_GET_SIZE(line) != SLOT_BYTES:
            return UNREADABLE
        memcpy(slot, PyBytes_AS_STRING(line), SLOT_BYTES)
        if (
            slot[SUM] != sum_of(slot)
            or not pins_double(slot[AT]) <= now_s + AHEAD_S
            or not pins_double(slot[LAST]) <= now_s + AHEAD_S
            or not isfinite(pins_double(slot[SCORE]))
        ):
            return UNREADABLE
        if not self.lives(slot, now_s):
            return KNOWN
        at = self.place(slot, same, oldest, now_s)
        if same[SUM] != 0 and not newer(slot, same):
            return KNOWN
        if oldest[SUM] != 0:
            if pins_double(oldest[LAST]) >= pins_double(slot[LAST]):
                return KNOWN
            self.evicted_total += 1
        self.write(at, slot)
        return TAKEN

    def forget(self, bytes key):
        cdef uint64_t[WORDS] asked
        cdef uint64_t* at
        cdef int way
        take_key(key, asked)
        at = self.bucket(asked)
        for way in range(WAYS):
            if (
                pins_load(at + KEY_LOW) == asked[KEY_LOW]
                and pins_load(at + KEY_HIGH) == asked[KEY_HIGH]
            ):
                pins_store(at + SUM, 0)
            at += WORDS

    def living(self, bytes slots not None, double now_s):
        """How many of these are pins that have not expired. ``slots`` are bytes of a table, read
        from its file: to walk through the memory would make all of it this process's own."""
        cdef uint64_t[WORDS] slot
        cdef const char* at = PyBytes_AS_STRING(slots)
        cdef Py_ssize_t i, found = 0
        for i in range(PyBytes_GET_SIZE(slots) // SLOT_BYTES):
            memcpy(slot, at + i * SLOT_BYTES, SLOT_BYTES)
            if slot[SUM] != 0 and slot[SUM] == sum_of(slot) and self.lives(slot, now_s):
                found += 1
        return found

    cdef uint64_t* bucket(self, const uint64_t* slot) noexcept:
        cdef uint64_t number = pins_step(pins_step(0, slot[KEY_LOW]), slot[KEY_HIGH])
        number = pins_step(number, 0) & self.bucket_mask  # every bit of the key has reached it
        return self.first + number * (WAYS * WORDS)

    cdef bint lives(self, const uint64_t* slot, double now_s) noexcept:
        """Whatever the bytes: times that are no numbers compare as false."""
        cdef double age_s = now_s - pins_double(slot[LAST])
        return (
            -self.ttl_s <= age_s < self.ttl_s
            and isfinite(pins_double(slot[AT]))
            and isfinite(pins_double(slot[SCORE]))
        )

    cdef uint64_t* place(
        self, const uint64_t* slot, uint64_t* same, uint64_t* oldest, double now_s
    ) noexcept:
        """Where to write a slot: over its conversation's newest one, which is then in ``same``;
        else to a free one; else over the one used longest ago, which is then in ``oldest``. The
        sums of those two are 0 where there is none. Other slots of the same key are emptied."""
        cdef uint64_t[WORDS] there
        cdef uint64_t* at = self.bucket(slot)
        cdef uint64_t* mine = NULL
        cdef uint64_t* free = NULL
        cdef uint64_t* least = NULL
        cdef int way
        memset(same, 0, SLOT_BYTES)
        memset(oldest, 0, SLOT_BYTES)
        for way in range(WAYS):
            if not copied(at, there) or not self.lives(there, now_s):
                if free == NULL:
                    free = at
            elif same_key(there, slot):
                if mine == NULL or newer(there, same):
                    if mine != NULL:
                        pins_store(mine + SUM, 0)
                    mine = at
                    memcpy(same, there, SLOT_BYTES)
                else:
                    pins_store(at + SUM, 0)
            elif least == NULL or pins_double(there[LAST]) < pins_double(oldest[LAST]):
                least = at
                memcpy(oldest, there, SLOT_BYTES)
            at += WORDS
        if mine != NULL or free != NULL:
            oldest[SUM] = 0
            return mine if mine != NULL else free
        return least

    cdef void write(self, uint64_t* at, const uint64_t* slot) noexcept:
        cdef uint64_t[WORDS] there
        cdef int tries, i
        for tries in range(WRITES):
            for i in range(WORDS):
                pins_store(at + i, slot[i])
            pins_fence()
            # Somebody else who wrote here at the same time left a mixture: then once more.
            if copied(at, there):
                return
