"""Answers in Redis or Valkey, which the workers of several hosts share.

Plain commands of version 5 on (no scripts, no modules, no SCAN), and MULTI for what belongs
together. All keys begin with the prefix; for a cluster it must be a hash tag, as in ``{lynkr}:``.

=============  ====================================================================================
entry:ID       the row; goes by itself when it expires
content:ID     scope, end and packed content; the same
facts          hash of ID: scope and size, of all that is not yet swept
age, end       sorted sets of IDs by the time they were stored, and by that of their expiry
scope:HEX      sorted set of one scope's IDs by the time they were stored
bytes          sum of the sizes in ``facts``
removals       a count, watched so that two who remove the same answers do not count it twice
sightings      sorted set of comparisons by time
log            stream, of the IDs that were stored and the comparisons and drops themselves
=============  ====================================================================================

Bookkeeping has no expiry, so that a server which is told to evict (``volatile-*``) leaves it alone.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lynkr.stores.answer_rows import (
    REMOVED_AT_ONCE,
    ROW_BYTES,
    SIGHTINGS_MAX,
    SIGHTINGS_S,
    SWEEP_EVERY,
    Rows,
    body,
)
from lynkr.stores.answers import (
    CHANGES_MAX,
    DIGEST_BYTES,
    Answer,
    Behind,
    Change,
    Dropped,
    Sighting,
)
from lynkr.stores.redis_link import OPERATION_S, connect
from lynkr.stores.seal import Seal

PREFIX = "lynkr:answers:"
LOG_MAX = 100_000  # lines, about; a worker that has missed more takes a snapshot
PAGE_ROWS = 256  # of a snapshot, in one command
REMOVE_TRIES = 32  # of a transaction that others' removals come between

_FACTS = struct.Struct(f">{DIGEST_BYTES}sQ")  # scope, size
_HEAD = struct.Struct(f">{DIGEST_BYTES}sd")  # scope, end in unix seconds


class RedisAnswers:
    """One client, of one thread at a time. Raises what the ``redis`` package raises, and
    ``ValueError`` for an address that is none."""

    def __init__(
        self,
        url: str,
        *,
        entries_per_scope_max: int,
        bytes_max: int,
        seal: Seal | None = None,
        prefix: str = PREFIX,
        log_max: int = LOG_MAX,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._entries_per_scope_max = entries_per_scope_max
        self._bytes_max = bytes_max
        self._rows = Rows(seal)
        self._prefix = prefix.encode()
        self._log_max = log_max
        self._wall = wall
        self._puts = 0
        self._touched: set[bytes] = set()  # scopes that may have become too large
        self._redis: Any = connect(url)  # its types say that any reply may be bytes or str
        try:
            self._redis.ping()  # one that cannot be used is known at once
        except BaseException:
            self._redis.close()
            raise

    @property
    def unreadable_total(self) -> int:
        return self._rows.unreadable_total

    def put(self, answer: Answer, content: bytes) -> None:
        left_ms = int((answer.expires_at - self._wall()) * 1000)
        if left_ms <= 0:
            return
        row = self._rows.row(answer)
        packed = _HEAD.pack(answer.scope, answer.expires_at) + self._rows.packed(answer, content)
        size = ROW_BYTES + len(row) + len(packed)
        id_ = answer.id.encode()
        pipe = self._pipeline()
        pipe.set(self._key(b"entry:", id_), row, px=left_ms)
        pipe.set(self._key(b"content:", id_), packed, px=left_ms)
        pipe.hset(self._key(b"facts"), id_, _FACTS.pack(answer.scope, size))
        pipe.zadd(self._key(b"age"), {id_: answer.stored_at})
        pipe.zadd(self._key(b"end"), {id_: answer.expires_at})
        pipe.zadd(self._scope_key(answer.scope), {id_: answer.stored_at})
        pipe.incrby(self._key(b"bytes"), size)
        self._log(pipe, b"put", id_)
        if pipe.execute()[2] == 0:  # it was there: this is a second try of a put that had arrived
            self._redis.decrby(self._key(b"bytes"), size)
        self._touched.add(answer.scope)
        self._puts += 1
        if self._puts % SWEEP_EVERY == 0:
            self.sweep()

    def drop(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), REMOVED_AT_ONCE):
            self._remove([id_.encode() for id_ in ids[start : start + REMOVED_AT_ONCE]], told=True)

    def note(self, sighting: Sighting) -> None:
        noted = body(sighting)
        pipe = self._pipeline()
        pipe.zadd(self._key(b"sightings"), {noted: sighting.at})
        self._log(pipe, b"sighting", noted)
        pipe.execute()

    def content(self, scope: bytes, id_: str) -> bytes | None:
        found: bytes | None = self._redis.get(self._key(b"content:", id_.encode()))
        if found is None or len(found) < _HEAD.size:
            return None
        whose, end = _HEAD.unpack_from(found)
        if whose != scope or end <= self._wall():
            return None
        return self._rows.content(found[_HEAD.size :], scope, id_)

    def snapshot(self) -> tuple[Iterable[Answer | Sighting], str]:
        last: list[Any] = self._redis.xrevrange(self._key(b"log"), count=1)
        if last:
            cursor: bytes = last[0][0]
        else:  # a cursor is a line that is there, so there must be one
            pipe = self._pipeline()
            self._log(pipe, b"begin", b"")
            cursor = pipe.execute()[0]
        return self._living(), cursor.decode()

    def changes(self, cursor: str, wait_s: float) -> tuple[list[Change], str]:
        lines = self._read_log(cursor)
        if not lines and wait_s > 0:
            # Only to be woken: whether anything was lost is seen when the log is read again.
            wait_ms = max(int(min(wait_s, OPERATION_S / 2) * 1000), 1)  # 0 would be for ever
            self._redis.xread({self._key(b"log"): cursor}, count=1, block=wait_ms)
            lines = self._read_log(cursor)
        if not lines:
            return [], cursor
        put = iter(self._entries([noted for _, kind, noted in lines if kind == b"put"]))
        found = (self._change(kind, noted, put) for _, kind, noted in lines)
        return [change for change in found if change is not None], lines[-1][0].decode()

    def sweep(self) -> None:
        now = self._wall()
        key = self._key
        while ids := self._redis.zrangebyscore(
            key(b"end"), "-inf", now, start=0, num=REMOVED_AT_ONCE
        ):
            self._remove(ids, told=False)  # each worker sees by itself that they have expired
        while self._touched:
            scope = self._scope_key(self._touched.pop())
            while (over := self._redis.zcard(scope) - self._entries_per_scope_max) > 0:
                self._remove(
                    self._redis.zrange(scope, 0, min(over, REMOVED_AT_ONCE) - 1), told=True
                )
        while ids := self._too_much():
            self._remove(ids, told=True)
        self._redis.zremrangebyscore(key(b"sightings"), "-inf", now - SIGHTINGS_S)
        self._redis.zremrangebyrank(key(b"sightings"), 0, -SIGHTINGS_MAX - 1)

    def close(self) -> None:
        self._redis.close()

    # --- keys and the log ---------------------------------------------------------------------

    def _key(self, name: bytes, id_: bytes = b"") -> bytes:
        return self._prefix + name + id_

    def _scope_key(self, scope: bytes) -> bytes:
        return self._key(b"scope:", scope.hex().encode())

    def _pipeline(self) -> Any:
        return self._redis.pipeline(transaction=True)

    def _log(self, pipe: Any, kind: bytes, noted: bytes) -> None:
        pipe.xadd(
            self._key(b"log"),
            {b"kind": kind, b"body": noted},
            maxlen=self._log_max,
            approximate=True,
        )

    def _read_log(self, cursor: str) -> list[tuple[bytes, bytes, bytes]]:
        """Number, kind and body of the lines after the cursor. The cursor's own line is asked for
        too: the log loses its beginning and nothing else, so while that line is there, so are all
        after it. Raises ``Behind``."""
        lines: list[Any] = self._redis.xrange(self._key(b"log"), min=cursor, count=CHANGES_MAX + 1)
        if not lines or lines[0][0] != cursor.encode():
            raise Behind(f"{cursor} is not in the log")
        return [(number, line[b"kind"], line[b"body"]) for number, line in lines[1:]]

    # --- reading ------------------------------------------------------------------------------

    def _entries(self, ids: Sequence[bytes]) -> list[Answer | None]:
        """The answers of these ids, in order, without those that are gone."""
        rows = self._redis.mget([self._key(b"entry:", id_) for id_ in ids]) if ids else []
        return [None if row is None else self._rows.answer(row) for row in rows]

    def _change(self, kind: bytes, noted: bytes, put: Iterator[Answer | None]) -> Change | None:
        match kind:
            case b"put":
                answer = next(put)
                return answer if answer and answer.expires_at > self._wall() else None
            case b"sighting":
                return self._rows.sighting(noted)
            case b"dropped":
                return self._rows.dropped(noted)
        return None

    def _living(self) -> Iterator[Answer | Sighting]:
        now = self._wall()
        for ids in self._pages(b"age"):
            for answer in self._entries(ids):
                if answer is not None and answer.expires_at > now:
                    yield answer
        for page in self._pages(b"sightings"):
            for noted in page:
                if (sighting := self._rows.sighting(noted)) and sighting.at > now - SIGHTINGS_S:
                    yield sighting

    def _pages(self, name: bytes) -> Iterator[list[bytes]]:
        """A sorted set in order, each member once, however it changes meanwhile: ranks would move,
        so a page begins at the score where the one before ended."""
        last: Any = "-inf"
        seen: set[bytes] = set()  # those with that very score
        while True:
            found: list[Any] = self._redis.zrangebyscore(
                self._key(name), last, "+inf", start=0, num=PAGE_ROWS + len(seen), withscores=True
            )
            page = [member for member, _ in found if member not in seen]
            if not page:
                return
            if found[-1][1] != last:
                last, seen = found[-1][1], set()
            seen |= {member for member, score in found if score == last}
            yield page

    # --- removing -----------------------------------------------------------------------------

    def _remove(self, ids: Sequence[bytes], *, told: bool) -> None:
        from redis import WatchError

        for tried in range(1, REMOVE_TRIES + 1):
            with self._pipeline() as pipe:
                pipe.watch(self._key(b"removals"))
                self._queue_removal(pipe, ids, told=told)
                try:
                    pipe.execute()
                    return
                except WatchError:
                    if tried == REMOVE_TRIES:
                        raise
            time.sleep(random.random() * 0.001 * tried)  # noqa: S311 - to get out of their way

    def _queue_removal(self, pipe: Any, ids: Sequence[bytes], *, told: bool) -> None:
        key = self._key
        facts: list[bytes | None] = pipe.hmget(key(b"facts"), list(ids))
        pipe.multi()
        pipe.incr(key(b"removals"))
        freed = 0
        for id_, fact in zip(ids, facts, strict=True):
            if fact is not None:
                scope, size = _FACTS.unpack(fact)
                freed += size
                pipe.zrem(self._scope_key(scope), id_)
        pipe.delete(*(key(name, id_) for id_ in ids for name in (b"entry:", b"content:")))
        pipe.hdel(key(b"facts"), *ids)
        pipe.zrem(key(b"age"), *ids)
        pipe.zrem(key(b"end"), *ids)
        pipe.decrby(key(b"bytes"), freed)
        if told:
            self._log(pipe, b"dropped", body(Dropped(tuple(id_.decode() for id_ in ids))))

    def _too_much(self) -> list[bytes]:
        excess = int(self._redis.get(self._key(b"bytes")) or 0) - self._bytes_max
        if excess <= 0:
            return []
        ids: list[bytes] = self._redis.zrange(self._key(b"age"), 0, REMOVED_AT_ONCE - 1)
        if not ids:  # somebody removed keys by hand: the sum is of what is not there
            self._redis.delete(self._key(b"bytes"))
            return []
        chosen = []
        for id_, fact in zip(ids, self._redis.hmget(self._key(b"facts"), ids), strict=True):
            if excess <= 0:
                break
            chosen.append(id_)
            excess -= 0 if fact is None else _FACTS.unpack(fact)[1]
        return chosen
