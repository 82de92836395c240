"""The specification's own cases, which are not part of the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).parent.parent.parent.parent / "shared" / "data"


def _folder() -> Path:
    folder = Path(os.environ.get("LYNKR_EVAL_DATA") or _BESIDE) / "toon"
    if not (folder / "tests" / "fixtures").is_dir():
        pytest.skip("evaluation data is absent: no toon/tests/fixtures in LYNKR_EVAL_DATA")
    return folder


def cases(direction: str) -> list[dict[str, Any]]:
    """All cases of ``encode`` or ``decode``; the test is skipped where there are none.

    ``decode`` has those of later versions too. A case that these changed gets ``either``.
    """
    folder = _folder()
    files = sorted((folder / "tests" / "fixtures" / direction).glob("*.json"))
    superseded: set[str] = set()
    if direction == "decode":
        files.append(folder / "fixtures-4.1plus-extra.json")
        said = json.loads((folder / "superseded-by-4.1plus.json").read_text("utf-8"))
        superseded = set(said["names"])
    return [
        {"options": {}, "shouldError": False, "either": case["name"] in superseded, **case}
        for file in files
        for case in json.loads(file.read_text("utf-8"))["tests"]
    ]
