"""How near two short texts are in meaning, by the static embedding model that ships with lynkr.

Loaded when it is first asked (5 ms, and 3 MB of which two are shared by all workers), never by a
gateway that has no use for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lynkr._native.embed import StaticModel

VECTORS_MAX = 4096  # of 256 numbers, 1 KB each
MODEL = Path(__file__).parent.parent.parent / "model"


@functools.cache
def packaged() -> StaticModel:
    """The model that ships with lynkr: one for all who use it."""
    from lynkr._native.embed import StaticModel

    return StaticModel.load(str(MODEL))


@functools.cache
def similarity() -> Callable[[str, str], float]:
    """The cosine of two texts' vectors. Always the same callable: it is part of memo keys."""
    from lynkr._native.embed import similarity as cosine

    model = packaged()

    @functools.lru_cache(VECTORS_MAX)
    def vector(text: str) -> bytes:
        return model.embed(text.encode("utf-8", "replace"))

    return lambda one, other: cosine(vector(one), vector(other))
