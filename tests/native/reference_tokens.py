"""The token counter's slow, obvious twin: the pattern of o200k_base, and BPE on a list of parts.

Each character becomes a letter for its class, so that the pattern, which speaks of Unicode classes,
becomes one that ``re`` can run, backtracking and all. Ranks are read out of the same table, one
bucket after the other.
"""

from __future__ import annotations

import functools
import re
import struct
from itertools import pairwise
from pathlib import Path

from lynkr._native import tokens
from scripts.token_table import RANK_STEP, SLOTS, hashed

TOKEN_BYTES_MAX = 128
PIECE_BYTES_MAX = 256
NO_RANK = 1 << 20
# By class number: other, upper, lower, caseless, mark, number, space.
LETTERS = "OULCMNS"
# In these letters B is the blank U+0020 and R a line end; a slash is an O that may follow symbols.
PATTERN = re.compile(
    "(?P<word>[^RULCN]?[UCM]*[LCM]+|[^RULCN]?[UCM]+[LCM]*)|N{1,3}|B?[^SBRULCN]+[R/]*"
    "|[SBR]*R+|[SBR]+(?![^SBR])|[SBR]+"
)
CONTRACTION = re.compile("'(?:s|t|re|ve|m|ll|d)", re.IGNORECASE | re.ASCII)


@functools.cache
def table() -> tuple[list[list[tuple[int, int]]], bytes]:
    """The buckets of (fingerprint, rank), and the class of every code point."""
    data = Path(tokens.__file__).with_name("o200k.bin").read_bytes()
    version, buckets, index_bytes, blocks = struct.unpack_from("<4I", data, 8)
    assert (data[:8], version) == (b"o200k\0\0\0", 1)
    rows = []
    for at in range(64, 64 + 64 * buckets, 64):
        marks = struct.unpack_from(f"<{SLOTS}H", data, at)
        ranks = struct.unpack_from(f"<{SLOTS}H", data, at + 2 * SLOTS)
        rows.append([pair for pair in zip(marks, ranks, strict=True) if pair[0]])
    index = data[64 + 64 * buckets :][:index_bytes]
    pairs = data[64 + 64 * buckets + index_bytes :]
    assert len(pairs) == 128 * blocks
    halves = bytes(half for pair in pairs for half in (pair & 15, pair >> 4))
    return rows, b"".join(halves[256 * block :][:256] for block in index)


def rank(token: bytes) -> int:
    """The rank of a token, divided by RANK_STEP, or NO_RANK."""
    if len(token) > TOKEN_BYTES_MAX:
        return NO_RANK
    rows, _ = table()
    value = hashed(token)
    at = (value >> 32) * len(rows) >> 32
    while True:
        for mark, found in rows[at]:
            if mark == (value & 0xFFFF or 1):
                return found
        if len(rows[at]) < SLOTS:
            return NO_RANK
        at = (at + 1) % len(rows)


def letter(character: str) -> str:
    if character in "\r\n":
        return "R"
    if character in " /":
        return "B" if character == " " else "/"
    return LETTERS[table()[1][ord(character)]]


def pieces(data: bytes) -> list[bytes]:
    """The text cut up; a byte that is no UTF-8 is a symbol."""
    text = data.decode("utf-8", "surrogateescape")
    letters = "".join(map(letter, text))
    found = []
    at = 0
    while at < len(text):
        match = PATTERN.match(letters, at)
        assert match is not None
        end = match.end()
        if match["word"]:
            short = CONTRACTION.match(text, end)
            end = short.end() if short else end
        found.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
    return found


def merged(piece: bytes) -> int:
    """Tokens of a piece by byte pair encoding."""
    parts = [piece[at : at + 1] for at in range(len(piece))]
    while len(parts) > 1:
        ranks = [rank(one + next_one) for one, next_one in pairwise(parts)]
        lowest = min(ranks)
        if lowest == NO_RANK:
            break
        at = ranks.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return len(parts)


def cut(piece: bytes) -> list[bytes]:
    """A long piece in parts, none ending inside a character."""
    found = []
    while len(piece) > PIECE_BYTES_MAX:
        end = PIECE_BYTES_MAX
        while end > PIECE_BYTES_MAX - 3 and piece[end] & 0xC0 == 0x80:
            end -= 1
        found.append(piece[:end])
        piece = piece[end:]
    return [*found, piece]


def count(data: bytes) -> int:
    """Tokens of a text."""
    total = 0
    for piece in pieces(data):
        if len(piece) <= PIECE_BYTES_MAX:
            total += 1 if rank(piece) != NO_RANK else merged(piece)
        else:
            total += sum(map(merged, cut(piece)))
    return total


assert RANK_STEP == 4  # as the compiled counter's documentation says
