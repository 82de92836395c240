"""Writes ``lynkr/_native/o200k.bin``: what the token counter knows of OpenAI's o200k_base.

    python scripts/token_table.py RANKS lynkr/_native/o200k.bin

RANKS is ``o200k_base.tiktoken``, the vocabulary that tiktoken downloads and caches: one token in
base64 and its rank per line. tiktoken and its ranks are Copyright (c) 2022 OpenAI, Shantanu Jain,
under the MIT licence, whose text stands in ``lynkr/_native/o200k.txt`` beside the table. Letter
classes are those of the running Python's ``unicodedata`` (Unicode licence v3); the file in the tree
was made with Python 3.11, Unicode 14.0.

The file, little-endian:

    64 bytes             header: magic, version, buckets, index entries, class blocks (u32 each)
    buckets x 64 bytes   16 fingerprints (u16, 0: empty), then 16 ranks (u16, divided by RANK_STEP)
    index entries        u8 each: the class block of 256 code points
    blocks x 128 bytes   two classes to a byte, the lower half first

A token's bucket and fingerprint are two parts of one 64-bit hash; a full bucket overflows into the
next one. Tokens themselves are not stored: a foreign piece is taken for a token once in about 4,000
times. Ranks decide which pair of BPE merges first; 16 bits of them keep that order nearly whole.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import unicodedata
from pathlib import Path

# What tiktoken itself expects of the file (tiktoken_ext/openai_public.py).
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
MAGIC = b"o200k\0\0\0"
VERSION = 1
BUCKETS = 14_900  # 84 % full, and the whole file stays under 1 MB
SLOTS = 16
RANK_STEP = 4  # 199,998 ranks in 16 bits
MASK = (1 << 64) - 1
SPACES = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029}
SPACES |= {0x202F, 0x205F, 0x3000}
OTHER, UPPER, LOWER, CASELESS, MARK, NUMBER, SPACE = range(7)  # as in tokens.pyx


def hashed(token: bytes) -> int:
    """The 64-bit hash of ``tokens.pyx``: multiply and shift over 8-byte words."""
    size = len(token)
    if size <= 8:
        word = int.from_bytes(token, "little")
    else:
        word = 0
        for at in range(0, size - 8, 8):
            word ^= int.from_bytes(token[at : at + 8], "little")
            word = word * 0x9E3779B97F4A7C15 & MASK
            word ^= word >> 29
        word ^= int.from_bytes(token[-8:], "little")
    word = (word ^ size * 0xD6E8FEB86659FD93) * 0xFF51AFD7ED558CCD & MASK
    word ^= word >> 32
    word = word * 0xC4CEB9FE1A85EC53 & MASK
    return word ^ word >> 29


def class_of(code: int) -> int:
    """What the pattern of o200k_base tells apart."""
    category = unicodedata.category(chr(code))
    if category in ("Lu", "Lt"):
        return UPPER
    if category == "Ll":
        return LOWER
    if category in ("Lm", "Lo"):
        return CASELESS
    if category[0] == "M":
        return MARK
    if category[0] == "N":
        return NUMBER
    return SPACE if code in SPACES else OTHER


def table(ranks: dict[bytes, int]) -> bytes:
    """The buckets. Tokens of one byte are left out: every byte is one."""
    rows: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
    for token, rank in sorted(ranks.items(), key=lambda pair: pair[1]):
        if len(token) < 2:
            continue
        value = hashed(token)
        at = (value >> 32) * BUCKETS >> 32
        while len(rows[at]) == SLOTS:
            at = (at + 1) % BUCKETS
        rows[at].append((value & 0xFFFF or 1, rank // RANK_STEP))
    packed = bytearray()
    for row in rows:
        full = row + [(0, 0)] * (SLOTS - len(row))
        packed += struct.pack(f"<{SLOTS}H", *(mark for mark, _ in full))
        packed += struct.pack(f"<{SLOTS}H", *(rank for _, rank in full))
    return bytes(packed)


def classes() -> tuple[bytes, list[bytes]]:
    """The class index by 256 code points, and the blocks it names."""
    index = bytearray()
    blocks: list[bytes] = []
    for first in range(0, 0x110000, 256):
        codes = [class_of(code) for code in range(first, first + 256)]
        block = bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))
        if block not in blocks:
            blocks.append(block)
        index.append(blocks.index(block))
    return bytes(index), blocks


def main(source: str, target: str) -> None:
    text = Path(source).read_bytes()
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise SystemExit(f"{source} is not o200k_base.tiktoken")
    pairs = (line.split() for line in text.splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    index, blocks = classes()
    header = MAGIC + struct.pack("<4I", VERSION, BUCKETS, len(index), len(blocks))
    Path(target).write_bytes(header.ljust(64, b"\0") + table(ranks) + index + b"".join(blocks))


if __name__ == "__main__":
    main(*sys.argv[1:])
