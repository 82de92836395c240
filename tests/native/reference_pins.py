"""The table of pins, slow and obvious: bytes in a list, taken apart with struct."""

from __future__ import annotations

import math
import struct

SLOT = struct.Struct("=Q16sdddQQ")  # sum, key, at_s, last_s, score, target, counts
WAYS = 4
AHEAD_S = 60.0
BITS = (("tier", 2), ("raised", 6), ("turns", 14), ("output_tokens", 18), ("prompt_tokens", 24))
_MASK = (1 << 64) - 1
Row = dict[str, float]


def step(total: int, word: int) -> int:
    total = (total ^ word) * 0x9E3779B97F4A7C15 & _MASK
    return total ^ total >> 32


def sum_of(slot: bytes) -> int:
    total = int.from_bytes(b"lynkrpin", "big")
    for (word,) in struct.iter_unpack("=Q", slot[8:]):
        total = step(total, word)
    return total or 1


def packed(key: bytes, row: Row) -> bytes:
    counts = at = 0
    for name, bits in BITS:
        counts |= max(0, min(int(row[name]), (1 << bits) - 1)) << at
        at += bits
    times = (row["at_s"], row["last_s"], row["score"])
    slot = SLOT.pack(0, key, *times, int(row["target"]), counts)
    return sum_of(slot).to_bytes(8, "little") + slot[8:]


def unpacked(slot: bytes) -> Row:
    _, _, at_s, last_s, score, target, counts = SLOT.unpack(slot)
    row = {"at_s": at_s, "last_s": last_s, "score": score, "target": target}
    for name, bits in BITS:
        row[name] = counts & (1 << bits) - 1
        counts >>= bits
    return row


class Table:
    def __init__(self, content: bytes, ttl_s: float, retell_s: float) -> None:
        self.slots = [content[at : at + SLOT.size] for at in range(0, len(content), SLOT.size)]
        self.ttl_s = ttl_s
        self.retell_s = retell_s

    @property
    def content(self) -> bytes:
        return b"".join(self.slots)

    def lives(self, slot: bytes, now_s: float) -> bool:
        total, _, at_s, last_s, score, _, _ = SLOT.unpack(slot)
        if total == 0 or total != sum_of(slot) or not math.isfinite(at_s + score):
            return False
        return bool(-self.ttl_s <= now_s - last_s < self.ttl_s)

    def bucket(self, key: bytes) -> range:
        low, high = struct.unpack("=QQ", key)
        first = step(step(step(0, low), high), 0) % (len(self.slots) // WAYS) * WAYS
        return range(first, first + WAYS)

    def living(self, key: bytes, now_s: float) -> list[int]:
        """Places of the key's slots, the newest first."""
        found = [
            at
            for at in self.bucket(key)
            if self.lives(self.slots[at], now_s) and self.slots[at][8:24] == key
        ]
        return sorted(found, key=lambda at: order(self.slots[at]), reverse=True)

    def find(self, key: bytes, now_s: float) -> Row | None:
        found = self.living(key, now_s)
        return unpacked(self.slots[found[0]]) if found else None

    def room(self, key: bytes, now_s: float) -> tuple[int, bool]:
        """Where a slot goes that is new here, and whether that is another one's place."""
        places = self.bucket(key)
        free = [at for at in places if not self.lives(self.slots[at], now_s)]
        if free:
            return free[0], False
        return min(places, key=lambda at: SLOT.unpack(self.slots[at])[3]), True

    def empty_copies(self, places: list[int]) -> None:
        for at in places[1:]:
            self.slots[at] = bytes(8) + self.slots[at][8:]

    def keep(self, key: bytes, row: Row, now_s: float) -> bytes | None:
        slot = packed(key, row)
        mine = self.living(key, now_s)
        self.empty_copies(mine)
        if not mine:
            self.slots[self.room(key, now_s)[0]] = slot
            return slot
        older, newer = unpacked(self.slots[mine[0]]), unpacked(slot)
        if newer["at_s"] < older["at_s"] <= now_s + AHEAD_S:
            return None
        self.slots[mine[0]] = slot
        if any(older[name] != newer[name] for name in ("at_s", "tier", "raised", "target")):
            return slot
        told, due = (
            math.floor((each["last_s"] - newer["at_s"]) / self.retell_s) for each in (older, newer)
        )
        return slot if due > told else None

    def hear(self, slot: bytes, now_s: float) -> int:
        if len(slot) != SLOT.size or sum_of(slot) != SLOT.unpack(slot)[0]:
            return -1
        _, key, at_s, last_s, score, _, _ = SLOT.unpack(slot)
        if not (max(at_s, last_s) <= now_s + AHEAD_S and math.isfinite(score)):
            return -1
        if not self.lives(slot, now_s):
            return 0
        mine = self.living(key, now_s)
        self.empty_copies(mine)
        if mine:
            at = mine[0]
            known = order(slot) <= order(self.slots[at])
        else:
            at, taken = self.room(key, now_s)
            known = taken and SLOT.unpack(self.slots[at])[3] >= last_s
        if not known:
            self.slots[at] = slot
        return 0 if known else 1

    def forget(self, key: bytes) -> None:
        for at in self.bucket(key):
            if self.slots[at][8:24] == key:
                self.slots[at] = bytes(8) + self.slots[at][8:]


def order(slot: bytes) -> tuple[float, ...]:
    at_s, last_s = SLOT.unpack(slot)[2:4]
    return (at_s, last_s, *struct.unpack("=QQQ", slot[40:]))
