"""Evaluation data that is not part of the repository: found beside it, or where a variable says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parent.parent.parent.parent / "shared" / "data"


def lines_of(name: str) -> list[str]:
    """The lines of one file; the test is skipped, saying so, where there is no such data."""
    folder = Path(os.environ.get("LYNKR_EVAL_DATA") or _BESIDE)
    file = folder / name
    if not file.is_file():
        pytest.skip(f"evaluation data is absent: no {name} in LYNKR_EVAL_DATA")
    return file.read_text("utf-8").splitlines()
