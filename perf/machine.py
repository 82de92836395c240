"""The machine and the versions a number belongs to. No host name, no user, no path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from perf.process import Cores

ASK_TIMEOUT_S = 10.0


def _first_match(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found.group(1).strip() if found else "unknown"


def _answer(*argv: str) -> str:
    try:
        asked = subprocess.run(
            argv, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (asked.stdout + asked.stderr).strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def commit() -> str:
    known = _answer("git", "rev-parse", "--short=12", "HEAD")
    if not re.fullmatch(r"[0-9a-f]+", known):
        return "uncommitted"
    is_dirty = bool(_answer("git", "status", "--porcelain", "--untracked-files=no", "--", "lynkr"))
    return known + ("+changes" if is_dirty else "")


def facts(cores: Cores) -> dict[str, str]:
    memory_kb = _first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)")
    return {
        "cpu": _first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
        "is_virtual": str(
            "hypervisor" in _first_match("/proc/cpuinfo", r"^flags\s*:\s*(.+)$")
        ).lower(),
        "cores": str(os.cpu_count()),
        "pinning": f"gateway {cores.gateway}, mock {cores.upstream}, client {cores.client}",
        "memory": f"{int(memory_kb) / 1024 / 1024:.1f} GB" if memory_kb.isdigit() else memory_kb,
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "nginx": _answer("nginx", "-v").rpartition("/")[2] or "not installed",
        "compiler": _answer("cc", "--version").partition("\n")[0],
        **{name: _version(name) for name in ("lynkr", "aiohttp", "uvloop", "httptools", "cython")},
        "commit": commit(),
    }
