"""Compiles the mock upstream and the load client when their sources have changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from perf.process import HarnessError

SOURCES = Path(__file__).parent
COMPILE_TIMEOUT_S = 60.0
FLAGS = ("-O2", "-Wall", "-Wextra")


def compiled(name: str) -> str:
    source = SOURCES / f"{name}.c"
    binary = SOURCES / "bin" / name
    newest = max(path.stat().st_mtime for path in (source, *SOURCES.glob("*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        binary.parent.mkdir(exist_ok=True)
        compiler = os.environ.get("CC", "cc")
        made = subprocess.run(
            [compiler, *FLAGS, "-o", str(binary), str(source)],
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
        if made.returncode != 0:
            raise HarnessError(f"cannot compile {source.name}: {made.stderr.strip()}")
    return str(binary)
