"""The specification's own cases, which are not part of the repository."""

from __future__ import annotations

import json
from typing import Any

from tests.wire.evaluation_data import there


def cases(direction: str) -> list[dict[str, Any]]:
    """All cases of ``encode`` or ``decode``; the test is skipped where there are none.

    ``decode`` has those of later versions too. A case that these changed gets ``either``.
    """
    fixtures = there("toon/tests/fixtures")
    folder = fixtures.parent.parent
    files = sorted((fixtures / direction).glob("*.json"))
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
