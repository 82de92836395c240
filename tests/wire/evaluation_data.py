"""Evaluation data that is not part of the repository: found beside it, or where a variable says."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.data import folder


def there(name: str) -> Path:
    """A file or folder of the data; the test is skipped, saying so, where there is none."""
    data = folder()
    if data is None or not (data / name).exists():
        pytest.skip(f"evaluation data is absent: no {name} in LYNKR_EVAL_DATA")
    return data / name


def lines_of(name: str) -> list[str]:
    """The lines of one file; the test is skipped, saying so, where there is no such data."""
    return there(name).read_text("utf-8").splitlines()
