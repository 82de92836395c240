"""The rules of the house, as ARCHITECTURE.md draws them: who imports whom, what is pure, how big.

A rule that no test checks is a wish. Each exception stands in a table here with its reason, and an
exception that is no longer needed fails too.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lynkr.wire.codec import MODULES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lynkr"
NATIVE = PACKAGE / "_native"

LINES_MAX = 500  # a file that a reader can hold; nearly all are under 250
COLUMNS_MAX = 100
SAME_LINES_MAX = 11  # in a row, in two files: beyond that it is a copy

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
MARKERS = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")

# Modules that read a clock, make randomness, wait, or touch the machine. Above rank 4 they are the
# point of the module; below it they would make a decision depend on more than its arguments.
IMPURE_MODULES = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "sched", "signal", "threading"),
    *("http.client", "select", "selectors", "socket", "ssl", "subprocess", "urllib.request"),
    *("os", "random", "secrets", "time", "uuid", "aiohttp", "uvloop"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "open"}
# (file, what it does): why it may.
IMPURE_ALLOWED = {
    ("lynkr/config/loader.py", "read_text"): "lynkr.toml is read here and nowhere else",
    ("lynkr/config/environment.py", "read_text"): ".env, of a folder that is an argument",
    ("lynkr/config/schema.py", "read_text"): "its own sibling's comments, for the JSON Schema",
    ("lynkr/providers/kinds.py", "read_text"): "the catalog shipped inside the package",
    ("lynkr/providers/losses.py", "read_text"): "formats.toml, shipped inside the package",
    (
        "lynkr/providers/models.py",
        "read_text",
    ): "models.toml, and the operator's own file",
    (
        "lynkr/transforms/tools/vocabulary.py",
        "read_text",
    ): "groups.toml, shipped inside the package",
    ("lynkr/policies/difficulty/fitted.py", "read_bytes"): "fitted.json, shipped in the package",
    ("lynkr/policies/difficulty/lexicon.py", "read_text"): "its word lists, shipped in the package",
    ("lynkr/policies/routing/results.py", "read_text"): "results.toml, shipped in the package",
    ("lynkr/policies/routing/modes.py", "read_text"): "modes.toml, shipped in the package",
    ("lynkr/policies/routing/complaints.py", "read_text"): "complaints.toml, shipped as well",
    ("lynkr/policies/side_calls.py", "read_text"): "side_calls.toml, shipped inside the package",
    (
        "lynkr/policies/questions/vocabulary.py",
        "read_text",
    ): "words.toml and alike.toml, shipped inside the package",
}
# Rank 0 is three roots, of which one may know another.
BESIDE_ALLOWED = {("config", "errors"): "a bad setting is a ConfigError"}

ENTRY_POINTS = {
    "lynkr.__main__": "python -m lynkr",
    "lynkr.cli.main": "the `lynkr` command, in pyproject.toml",
    **dict.fromkeys(MODULES.values(), "codecs, loaded by name in wire/codec.py"),
}
PRINTS_ALLOWED = ("lynkr/cli/", "lynkr/server/run.py")  # they speak to a person at a terminal


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sources(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """Files that people wrote, in a fixed order."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in suffixes and path.is_file())


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def ranks() -> dict[str, int]:
    """Folder or file to rank, read from the drawing in ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    drawing = re.findall(r"^(\d)  (\S+(?:(?:, | \| )\S+)*)  ", text, re.MULTILINE)
    drawn = {name: int(rank) for rank, names in drawing for name in re.split(r", | \| ", names)}
    return {**drawn, "__main__": 9}  # the way in, above everything


RANKS = ranks()
SOURCES = sources("lynkr", suffixes=(".py", ".pyx", ".pxd"))
_CIMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<source>[\w.]+)[ \t]+c?import\b|c?import[ \t]+(?P<whole>[\w., ]+))",
    re.MULTILINE,
)


def imported(path: Path) -> set[str]:
    """Everything a source imports, under ``TYPE_CHECKING`` and inside functions too.

    ``from a import b`` gives ``a`` and ``a.b``, since b may be a module.
    """
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        names: set[str] = set()
        for match in _CIMPORT.finditer(text):
            names |= (
                {match["source"]} if match["source"] else set(re.split(r"[, ]+", match["whole"]))
            )
        return names
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: write the whole name"
            base = node.module or ""
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def folder_of(module: str) -> str | None:
    """``lynkr.gateway.lanes`` is in ``gateway``; the package itself, the version, is in none."""
    parts = module.split(".")
    if parts[0] != "lynkr" or len(parts) == 1 or parts[1] == "__version__":
        return None
    return parts[1]


def all_of(problems: Iterable[str]) -> None:
    found = sorted(problems)
    assert not found, "\n" + "\n".join(found)


# --- direction --------------------------------------------------------------------------------


def test_every_folder_has_a_rank() -> None:
    """A new folder is a decision: it goes into the drawing first."""
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in SOURCES}
    assert there - {"__init__"} == set(RANKS)


def misdirected() -> Iterator[str]:
    for path in SOURCES:
        mine = folder_of(module_name(path))
        for module in imported(path):
            theirs = folder_of(module)
            if mine is None or theirs is None or theirs == mine:
                continue
            if (mine, theirs) not in BESIDE_ALLOWED and RANKS[theirs] >= RANKS[mine]:
                yield f"{relative(path)} ({RANKS[mine]}) imports {module} ({RANKS[theirs]})"


def test_imports_point_to_lower_ranks_or_the_own_folder() -> None:
    all_of(misdirected())


def test_the_exceptions_beside_each_other_are_needed() -> None:
    used = {
        (folder_of(module_name(path)), folder_of(module))
        for path in SOURCES
        for module in imported(path)
    }
    assert set(BESIDE_ALLOWED) <= used


def test_compiled_imports_are_seen() -> None:
    """The test above would pass over nothing if the expression found nothing."""
    assert "lynkr._native.inbound" in imported(NATIVE / "outbound.pyx")
    assert "lynkr._native.paths" in imported(NATIVE / "sse.pxd")


def test_no_module_is_dead() -> None:
    """Every module is imported by another one, or is an entry point."""
    used = {module for path in SOURCES for module in imported(path) if module != module_name(path)}
    modules = {module_name(path) for path in SOURCES if path.name != "__init__.py"}
    assert sorted(modules - used) == sorted(set(ENTRY_POINTS) - used)
    assert set(ENTRY_POINTS) <= modules


def test_the_page_lists_every_file() -> None:
    """ARCHITECTURE.md has one line for each source, and none for what is gone."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("\n## Files\n")[2]
    listing = text.split("```")[1]
    listed = set(re.findall(r"^(\S+\.(?:py|pyx|pxd|toml)) ", listing, re.MULTILINE))
    there = {
        path.relative_to(PACKAGE).as_posix()
        for path in sources("lynkr", suffixes=(".py", ".pyx", ".pxd", ".toml"))
        if path.name != "__init__.py"
        and not (path.suffix == ".pxd" and {*path.parent.glob(f"{path.stem}.py*")} - {path})
    }
    assert listed == there


# --- purity -----------------------------------------------------------------------------------


def impurities(path: Path) -> Iterator[tuple[str, int]]:
    """What a module does beyond its arguments, with the line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield "async", node.lineno
            case ast.Import(names=names):
                for alias in names:
                    if not IMPURE_MODULES.isdisjoint((alias.name, alias.name.split(".")[0])):
                        yield alias.name, node.lineno
            case ast.ImportFrom(module=str(module)):
                if not IMPURE_MODULES.isdisjoint((module, module.split(".")[0])):
                    yield module, node.lineno
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                if name in IMPURE_CALLS:
                    yield name, node.lineno


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("async def f(): pass", "async"),
        ("import time", "time"),
        ("def f():\n    import os.path", "os.path"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("import datetime\ndatetime.datetime.now()", "now"),
        ("with open('x'): pass", "open"),
    ],
)
def test_impurity_is_seen(source: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(source, "utf-8")
    assert what in {found for found, _ in impurities(tmp_path / "module.py")}


def pure_sources() -> list[Path]:
    return [
        path
        for path in sources("lynkr")
        if (folder := folder_of(module_name(path))) is not None and RANKS[folder] < 5
    ]


def test_no_waiting_clock_randomness_environment_or_socket_below_rank_5() -> None:
    """Bytes and decisions are plain functions: what they return depends on what they are given."""
    all_of(
        f"{relative(path)}:{line}: {what}"
        for path in pure_sources()
        for what, line in impurities(path)
        if (relative(path), what) not in IMPURE_ALLOWED
    )


def test_the_exceptions_from_purity_are_needed() -> None:
    there = {(relative(path), what) for path in pure_sources() for what, _ in impurities(path)}
    assert set(IMPURE_ALLOWED) <= there


# --- compiled modules -------------------------------------------------------------------------

NATIVE_NAMES = sorted(path.stem for path in NATIVE.glob("*.pyx"))


def hot() -> list[str]:
    """Plain Python modules that are compiled as they stand: ``HOT`` in setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HOT":
            found: list[str] = ast.literal_eval(node.value)
            return found
    return []


BUILT = [*(f"lynkr/_native/{name}.pyx" for name in NATIVE_NAMES), *hot()]


def binaries(source: Path) -> list[Path]:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    return [path for path in (source.with_suffix(suffix),) if path.exists()]


@pytest.mark.parametrize("name", NATIVE_NAMES)
def test_a_native_module_has_its_blueprint_and_its_types(name: str) -> None:
    """The .pxd says what is inside and the .pyi what Python sees of it."""
    assert (NATIVE / f"{name}.pxd").exists()
    assert (NATIVE / f"{name}.pyi").exists()


@pytest.mark.parametrize("source", BUILT)
def test_a_compiled_module_is_built_from_its_present_source(source: str) -> None:
    """Python prefers the binary: with an old one, an edit has no effect and nothing says so."""
    path = ROOT / source
    assert binaries(path), "run: make build"
    changed = [
        relative(written)
        for written in (path, path.with_suffix(".pxd"))
        for built in binaries(path)
        if written.exists() and written.stat().st_mtime > built.stat().st_mtime
    ]
    assert not changed, f"run: make build ({', '.join(changed)} changed since)"


def test_no_binary_is_left_of_a_module_that_is_not_compiled_any_more() -> None:
    """It would hide the Python file beside it."""
    made = {binary for source in BUILT for binary in binaries(ROOT / source)}
    there = set(sources("lynkr", suffixes=(".so",)))
    all_of(f"{relative(path)}: delete it" for path in there - made)


def stub_of(name: str) -> dict[str, set[str]]:
    """What a .pyi promises: class to its members, and functions under the empty name."""
    promised: dict[str, set[str]] = {"": set()}
    for node in ast.parse((NATIVE / f"{name}.pyi").read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            promised[""].add(node.name)
        elif isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
            members: set[str] = set()
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    members.add(item.name)
                elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    members.add(item.target.id)
            promised[node.name] = {member for member in members if not member.startswith("_")}
    return promised


def public_of(module: types.ModuleType) -> dict[str, set[str]]:
    """What a compiled module offers, in the same form."""
    offered: dict[str, set[str]] = {"": set()}
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if isinstance(value, type):
            offered[name] = {member for member in vars(value) if not member.startswith("_")}
        elif callable(value):
            offered[""].add(name)
    return offered


# httptools calls these, by name; nobody else does.
PARSER_CALLBACKS = re.compile(
    r"on_(message_begin|url|header|headers_complete|body|message_complete|chunk_header"
    r"|chunk_complete|status)$"
)


@pytest.mark.parametrize("name", NATIVE_NAMES)
def test_types_agree_with_the_compiled_module(name: str) -> None:
    """A name that only one of the two knows is a lie to the type checker or a hole in it."""
    promised = stub_of(name)
    offered = public_of(importlib.import_module(f"lynkr._native.{name}"))
    for owner, members in offered.items():
        offered[owner] = {one for one in members if not PARSER_CALLBACKS.match(one)}
    assert promised == offered


# --- files ------------------------------------------------------------------------------------


def test_files_are_short() -> None:
    all_of(
        f"{relative(path)}: {count} lines"
        for path in sources("lynkr", "tests", "perf", suffixes=(".py", ".pyx"))
        if (count := len(path.read_text("utf-8").splitlines())) > LINES_MAX
    )


def test_files_are_named_for_what_they_hold() -> None:
    all_of(
        relative(path)
        for path in sources("lynkr", "tests", "perf", suffixes=(".py", ".pyx"))
        if BANNED_NAMES & {path.stem, path.parent.name} or path.stem.split("_")[-1] in BANNED_NAMES
    )


def test_compiled_sources_are_100_columns_wide() -> None:
    """Ruff keeps Python to it; nothing else looks at Cython."""
    all_of(
        f"{relative(path)}:{number}: {len(line)} columns"
        for path in sources("lynkr", suffixes=(".pyx", ".pxd", ".pyi"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > COLUMNS_MAX
    )


def test_nothing_is_marked_for_later() -> None:
    """What is left to do is an issue; a note in the source is found by nobody."""
    kinds = (".py", ".pyx", ".pxd", ".pyi", ".c", ".h", ".toml", ".md", ".sh", ".conf", ".service")
    written = sources("lynkr", "tests", "perf", "docs", "deploy", "scripts", suffixes=kinds)
    built = {(ROOT / source).with_suffix(".c") for source in BUILT}
    all_of(
        f"{relative(path)}:{number}: {line.strip()}"
        for path in [*written, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile"]
        if path not in built and "fixtures" not in path.parts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if MARKERS.search(line)
    )


def test_only_the_command_line_prints() -> None:
    all_of(
        f"{relative(path)}:{node.lineno}"
        for path in sources("lynkr")
        if not relative(path).startswith(PRINTS_ALLOWED)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    )


def telling_lines(path: Path) -> list[tuple[int, str]]:
    """Lines that say something: no imports, no comments, no lone brackets."""
    text = path.read_text("utf-8")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if number not in skipped and re.search(r"\w", line) and not line.strip().startswith("#")
    ]


def copies() -> Iterator[str]:
    seen: dict[tuple[str, ...], tuple[Path, int]] = {}
    reported: set[tuple[Path, Path]] = set()
    for path in sources("lynkr", "tests", "perf"):
        lines = telling_lines(path)
        width = SAME_LINES_MAX + 1
        for start in range(len(lines) - width + 1):
            window = tuple(text for _, text in lines[start : start + width])
            other, at = seen.setdefault(window, (path, lines[start][0]))
            if other != path and (other, path) not in reported:
                reported.add((other, path))
                yield f"{relative(path)}:{lines[start][0]} repeats {relative(other)}:{at}"


def test_no_two_files_share_a_passage() -> None:
    all_of(copies())


# --- imports, really --------------------------------------------------------------------------

# Dependencies are imported once and lynkr's modules in a fork each, so that every one is the first.
_EACH_ALONE = """
import importlib, os, sys, traceback
for name in sys.argv[1].split():
    importlib.import_module(name)
assert not any(name.startswith("lynkr") for name in sys.modules)
failed = 0
for name in sys.argv[2].split():
    pid = os.fork()
    if pid == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            print(name, traceback.format_exc(), flush=True)
            os._exit(1)
        os._exit(0)
    failed += os.waitpid(pid, 0)[1] != 0
sys.exit(failed != 0)
"""
_DEPENDENCIES = "aiohttp.web msgspec orjson prometheus_client typer httptools brotli zstandard"


def test_each_module_can_be_imported_first_without_a_warning() -> None:
    """No module needs another one to have been imported before, and none warns."""
    modules = [module_name(path) for path in SOURCES if path.suffix != ".pxd"]
    modules.remove("lynkr.__main__")  # it runs the command line
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _EACH_ALONE, _DEPENDENCIES, " ".join(modules)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
