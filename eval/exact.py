"""Exact token counts, where the ranks of the tokenizer are at hand.

tiktoken (MIT) reads them from ``TIKTOKEN_CACHE_DIR``, or fetches them once. Where it can do
neither, evaluations fall back on the gateway's own estimate and say so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from lynkr.wire.tokens import estimated


@functools.cache
def counter(encoding: str = "o200k_base") -> tuple[str, Callable[[str], int]]:
    """A counter and the name of what it counts: the encoding, or "estimate"."""
    try:
        import tiktoken

        ranks = tiktoken.get_encoding(encoding)
    except Exception:  # no package, no ranks, no network: each raises its own kind
        return "estimate", estimated
    return encoding, lambda text: len(ranks.encode(text, disallowed_special=()))
