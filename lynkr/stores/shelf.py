"""What one worker holds in memory of the kept answers, so that no call waits for a store.

Of each answer everything but its content, which is held only for those used lately. An entry is
looked at before it leaves: whose it is, of which epoch, how old. So the index of vectors may miss
one, or still have one that is gone, and nobody is served what is not theirs.

When there is too much, what has expired goes first, then what was not used longest. No clock: the
caller says what time it is. Not for threads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar, cast

from lynkr._native.entries import Entry, Expiry, Ring, Table, number_of
from lynkr.stores.answers import Answer
from lynkr.stores.index import Index

__all__ = ["Entry", "Shelf"]

NEAREST = 4  # neighbours that are judged for one question
NEAR = 64  # and that a wrong answer can take with it
EXPIRED_PER_CALL = 16  # dropped beside a call: about 50 us; a heap of them goes little by little
ALIKE_MAX = 4096
_OF_ALL, _OF_SCOPE = 0, 1  # kinds of rings

T = TypeVar("T")


class Shelf:
    """The entries of one worker."""

    def __init__(
        self,
        *,
        entries_max: int,
        entries_per_scope_max: int,
        contents_bytes_max: int,
        dim: int,
        index: Index | None = None,
    ) -> None:
        self._entries_max = entries_max
        self._entries_per_scope_max = entries_per_scope_max
        self._contents_bytes_max = contents_bytes_max
        self._dim = dim
        self.index = Index(dim) if index is None else index
        self._by_number = Table(keyed=False)
        self._by_key = Table(keyed=True)
        self._used = Ring(_OF_ALL)
        self._scopes: dict[bytes, Ring] = {}
        self._expiry = Expiry()
        # What many entries say alike: each answer comes out of the store with its own copy.
        self._alike: dict[object, object] = {}
        self._contents: OrderedDict[int, tuple[object, int]] = OrderedDict()
        self.contents_bytes = 0
        self.semantic_total = 0
        self.evicted_total = 0  # for want of room; neither expired nor dropped

    @property
    def entries_total(self) -> int:
        return len(self._by_number)

    def put(self, answer: Answer, content: bytes | None, now: float) -> Entry | None:
        """Take an answer, in place of one with the same key; None if it has expired.

        An answer that is there already stays as it is. One whose vector does not fit is found by
        its key only.
        """
        if answer.expires_at <= now:
            return None
        found = self._by_number.find(number_of(answer.id))
        if found is not None:
            if found.key == answer.key and found.scope == answer.scope:
                return found
            self._drop(found)  # another answer with this id: never, if ids are drawn at random
        older = self._by_key.find(answer.key)
        if older is not None:
            self._drop(older)
        self._make_room(answer.scope, now)
        ring = self._scopes.get(answer.scope)
        fits = len(answer.vector) == self._dim and answer.vector.strip(b"\0") != b""
        semantic = fits and answer.partition != b""
        entry = Entry(
            answer.id,
            answer.key,
            self._shared(answer.scope),
            self._shared(answer.partition) if semantic else b"",
            answer.features if semantic else b"",
            self._shared((answer.epoch, answer.provider, answer.model, answer.api, answer.kind)),
            answer.stored_at,
            answer.expires_at,
            answer.size,
            semantic,
        )
        self._by_number.add(entry)
        self._by_key.add(entry)
        self._used.add(entry)
        if ring is None:
            ring = self._scopes[entry.scope] = Ring(_OF_SCOPE)
        ring.add(entry)
        self._expiry.add(entry)
        if semantic:
            self.semantic_total += 1
            self.index.add(_place(entry.partition, entry.epoch), entry.number, answer.vector)
        if content is not None:
            self.hold(entry, content, len(content))
        return entry

    def drop(self, ids: Iterable[str]) -> int:
        """Forget answers; how many were there."""
        dropped = 0
        for id_ in ids:
            entry = self.find(id_)
            if entry is not None:
                self._drop(entry)
                dropped += 1
        return dropped

    def find(self, id_: str) -> Entry | None:
        entry = self._by_number.find(number_of(id_))
        return entry if entry is not None and entry.id == id_ else None

    def exact(self, key: bytes, scope: bytes, epoch: str, now: float) -> Entry | None:
        """The entry with this key, if it may be served."""
        entry = self._by_key.find(key)
        if entry is None or not self._may_serve(entry, scope, epoch, now):
            return None
        return entry

    def nearest(
        self, partition: bytes, vector: bytes, scope: bytes, epoch: str, now: float
    ) -> list[tuple[Entry, float]]:
        """At most four entries of this partition that may be served, with their cosines, the
        nearest first. Raises ValueError if the vector is not as long as the shelf's."""
        self._drop_expired(now, EXPIRED_PER_CALL)
        found = []
        for number, similarity in self.index.nearest(_place(partition, epoch), vector, NEAREST):
            entry = self._by_number.find(number)
            if (
                entry is not None
                and entry.partition == partition
                and entry.semantic
                and self._may_serve(entry, scope, epoch, now)
            ):
                found.append((entry, similarity))
        return found

    def near(self, entry: Entry, similarity_min: float) -> list[Entry]:
        """The entry's neighbours in its partition, the nearest first, without itself."""
        if not entry.semantic or not self._holds(entry):
            return []
        place = _place(entry.partition, entry.epoch)
        vector = self.index.vector(place, entry.number)
        if vector is None:
            return []
        found = []
        for number, similarity in self.index.nearest(place, vector, NEAR + 1):
            other = self._by_number.find(number)
            if (
                other is not None
                and other is not entry
                and similarity >= similarity_min
                and (other.partition, other.scope) == (entry.partition, entry.scope)
                and other.epoch == entry.epoch
            ):
                found.append(other)
        return found

    def used(self, entry: Entry, now: float) -> None:
        """It was served."""
        if self._holds(entry):
            entry.hits += 1
            entry.used_at = now
            self._used.touch(entry)
            self._scopes[entry.scope].touch(entry)

    def content(self, entry: Entry) -> object | None:
        """What ``hold`` was given for it, unless it had to go."""
        held = self._contents.get(entry.number)
        if held is None or not self._holds(entry):
            return None
        self._contents.move_to_end(entry.number)
        return held[0]

    def hold(self, entry: Entry, content: object, cost_bytes: int) -> None:
        """Keep a content at hand, in place of an earlier one, if it is not too large for that."""
        if not self._holds(entry):
            return
        self._release(entry.number)
        if cost_bytes > self._contents_bytes_max:
            return
        self._contents[entry.number] = (content, cost_bytes)
        self.contents_bytes += cost_bytes
        while self.contents_bytes > self._contents_bytes_max:
            _, (_, cost) = self._contents.popitem(last=False)
            self.contents_bytes -= cost

    def entries(self, scope: bytes | None = None) -> list[Entry]:
        """All of them, or those of a scope; the least recently used first."""
        ring = self._used if scope is None else self._scopes.get(scope)
        return [] if ring is None else ring.entries()

    def _holds(self, entry: Entry) -> bool:
        return self._by_number.find(entry.number) is entry

    def _may_serve(self, entry: Entry, scope: bytes, epoch: str, now: float) -> bool:
        if entry.expires_at <= now:
            self._drop(entry)
            return False
        return entry.scope == scope and entry.epoch == epoch

    def _drop(self, entry: Entry) -> None:
        self._by_number.remove(entry)
        self._by_key.remove(entry)
        self._used.remove(entry)
        ring = self._scopes[entry.scope]
        ring.remove(entry)
        if not ring.count:
            del self._scopes[entry.scope]
        self._expiry.remove(entry)
        self._release(entry.number)
        if entry.semantic:
            self.semantic_total -= 1
            self.index.remove(_place(entry.partition, entry.epoch), entry.number)

    def _release(self, number: int) -> None:
        held = self._contents.pop(number, None)
        if held is not None:
            self.contents_bytes -= held[1]

    def _drop_expired(self, now: float, at_most: int) -> None:
        while at_most and (entry := self._expiry.first()) is not None and entry.expires_at <= now:
            self._drop(entry)
            at_most -= 1

    def _make_room(self, scope: bytes, now: float) -> None:
        """One more entry of this scope fits."""
        self._drop_expired(now, EXPIRED_PER_CALL)
        ring = self._scopes.get(scope)
        while ring is not None and ring.count >= max(self._entries_per_scope_max, 1):
            self._evict(ring)
        while self._used.count >= max(self._entries_max, 1):
            self._evict(self._used)

    def _evict(self, ring: Ring) -> None:
        entry = ring.first()
        assert entry is not None
        self._drop(entry)
        self.evicted_total += 1

    def _shared(self, value: T) -> T:
        if len(self._alike) >= ALIKE_MAX:
            self._alike.clear()
        return cast("T", self._alike.setdefault(value, value))


def _place(partition: bytes, epoch: str) -> bytes:
    """Where the index keeps them: those of an earlier epoch do not push others out of the four
    nearest. Scopes have partitions of their own."""
    return partition + epoch.encode() if epoch else partition
