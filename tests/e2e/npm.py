"""Coding tools and SDKs from npm, installed once into a cache directory.

The cache is ``LYNKR_E2E_CACHE``, else ``~/.cache/lynkr-e2e``. Where npm or its registry cannot be
had the tests skip and say why; with ``LYNKR_E2E=require`` they fail instead. Each package is tried
once per test run.
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

_INSTALL_TIMEOUT_S = 300.0  # the tools are 100 to 250 MB each


def unavailable(reason: str) -> NoReturn:
    """Skips the test, or fails it where the programs are required."""
    if os.environ.get("LYNKR_E2E") == "require":
        pytest.fail(reason)
    pytest.skip(reason)


def installed(package: str, version: str) -> Path:
    """The directory that has the package in its ``node_modules``."""
    found = _installed(package, version)
    return found if isinstance(found, Path) else unavailable(found)


def program(package: str, version: str, name: str) -> Path:
    """A command of the package, after it has shown that it runs."""
    found = _shown(installed(package, version), version, name)
    return found if isinstance(found, Path) else unavailable(found)


@functools.cache
def _installed(package: str, version: str) -> Path | str:
    """The directory, or why there is none."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "node and npm are not on the PATH"
    chosen = os.environ.get("LYNKR_E2E_CACHE")
    cache = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "lynkr-e2e"
    prefix = cache / f"{re.sub(r'[^a-z0-9]+', '-', package).strip('-')}-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:  # two test runs may share the cache
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not prefix.is_dir():
            why = _install(npm, f"{package}@{version}", prefix)
            if why:
                return why
    return prefix


def _install(npm: str, wanted: str, prefix: Path) -> str:
    """Why it failed, or nothing. A directory that has its final name is complete."""
    with tempfile.TemporaryDirectory(dir=prefix.parent) as staging:
        made = Path(staging) / "made"
        made.mkdir()
        options = ["--no-audit", "--no-fund", "--fetch-retry-mintimeout=1000", "--prefix"]
        try:
            done = subprocess.run(
                [npm, "install", *options, str(made), wanted],
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return f"npm install {wanted} took longer than {_INSTALL_TIMEOUT_S:g} s"
        if done.returncode != 0:
            return f"npm install {wanted} failed: {done.stderr.strip()[-1500:]}"
        made.rename(prefix)
    return ""


@functools.cache
def _shown(prefix: Path, version: str, name: str) -> Path | str:
    """The command, or why it does not run."""
    command = prefix / "node_modules" / ".bin" / name
    if not command.exists():
        return f"{prefix.name} has no command {name}"
    try:
        shown = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{name} {version} does not start here: {error}"
    if shown.returncode != 0 or version not in shown.stdout:
        # Both tools keep their binary in an optional package of its own, one per platform.
        told = (shown.stderr or shown.stdout).strip()[-1500:]
        return f"{name} {version} does not run here: exit {shown.returncode}, {told}"
    return command
