"""Where evaluation data lies: the committed samples, and larger sets that are no part of the
repository."""

from __future__ import annotations

import os
from pathlib import Path

SAMPLES = Path(__file__).with_name("samples")
_BESIDE = Path(__file__).parent.parent.parent / "shared" / "data"


def folder(given: str = "") -> Path | None:
    """The folder of the larger sets: ``given``, or LYNKR_EVAL_DATA, or beside the checkout."""
    for place in (given, os.environ.get("LYNKR_EVAL_DATA", "")):
        if place:
            return Path(place)
    return _BESIDE if _BESIDE.is_dir() else None
