"""Reads the settings: the file, then variables over it, then flags over those, then every check.

Precedence, highest first: a flag, a ``LYNKR_SECTION__KEY`` variable, the file, the default. The
process's own variables win over those of ``.env``. All problems are collected and raised as one
``ConfigError``; only a file that is not TOML at all ends the search early, since nothing in it has
a place yet.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from lynkr.config.draft import Draft
from lynkr.config.environment import apply_overrides, expand, with_dotenv
from lynkr.config.settings import Settings
from lynkr.config.typed import fit
from lynkr.config.validate import validate, without_effect
from lynkr.errors import ConfigError, Problem

FILE_NAME = "lynkr.toml"
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that passed every check, and where they came from."""

    settings: Settings
    file: Path | None  # none: defaults and environment only
    notices: list[str] = []  # true things that the operator should know; not errors
    env_found: list[str] = []  # names of the variables that supplied something
    environ: Mapping[str, str] = {}  # the process's variables over those of .env; holds secrets
    draft: Draft | None = None  # as written; knows the line of each key

    def __repr__(self) -> str:
        # The generated one would print keys into the first log line that mentions this.
        return f"Loaded(file={self.file}, notices={self.notices}, env_found={self.env_found})"


def load(
    path: str | Path | None,
    environ: Mapping[str, str],
    cwd: Path,
    *,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """The settings, or a ``ConfigError`` with everything that is wrong with them.

    ``flags`` maps dotted keys to values given on the command line: ``{"server.port": 9000}``.
    """
    notices: list[str] = []
    found: set[str] = set()
    variables, problems = with_dotenv(environ, cwd, notices)
    if problems:
        raise ConfigError(problems)
    file = find_file(path, variables, cwd)
    if path is None and file is not None and variables.get("LYNKR_CONFIG"):
        found.add("LYNKR_CONFIG")
    draft = Draft({}) if file is None else _read(file, _label(file, cwd))

    apply_overrides(draft, variables, notices, found)
    for key, value in (flags or {}).items():
        names = tuple(key.split("."))
        draft.put(names, value, f"--{names[-1]}")
    settings = _checked(draft, expand(draft, variables, found))

    if draft.problems:
        raise ConfigError(sorted(draft.problems, key=lambda problem: (problem.file, problem.line)))
    return Loaded(
        settings=settings,
        file=file,
        notices=[*notices, *without_effect(settings)],
        env_found=sorted(found),
        environ=variables,
        draft=draft,
    )


def located(loaded: Loaded, problems: Iterable[Problem]) -> list[Problem]:
    """Problems that were found after loading, each with the file and line of its key."""
    draft = loaded.draft
    return [draft.placed(problem) if draft else problem for problem in problems]


def find_file(path: str | Path | None, variables: Mapping[str, str], cwd: Path) -> Path | None:
    """The file asked for, else ``LYNKR_CONFIG``'s, else ``./lynkr.toml`` if present, else none."""
    asked, by = (path, "--config") if path else (variables.get("LYNKR_CONFIG"), "LYNKR_CONFIG")
    if asked:
        file = cwd / Path(asked).expanduser()
        if not file.is_file():
            fix = "correct the path, or leave it out to run from the environment"
            raise ConfigError([Problem(by, "there is no such file", fix, str(asked))])
        return file
    usual = cwd / FILE_NAME
    return usual if usual.is_file() else None


def _label(file: Path, cwd: Path) -> str:
    return str(file.relative_to(cwd) if file.is_relative_to(cwd) else file)


def _read(file: Path, label: str) -> Draft:
    try:
        source = file.read_text("utf-8-sig")  # some editors put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        fix = "check its permissions and encoding"
        raise ConfigError([Problem("(file)", f"cannot be read: {why}", fix, "", label)]) from error
    try:
        tree = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(str(error), source, label)]) from error
    return Draft(tree, label, source)


def _syntax_problem(message: str, source: str, label: str) -> Problem:
    place = _PLACE.search(message)
    line = int(place[1]) if place and place[1] else source.rstrip().count("\n") + 1
    return Problem(
        key="(syntax)",
        reason=f"not valid TOML: {_PLACE.sub('', message)}",
        fix="text values stand in quotes; tables begin with [name]",
        file=label,
        line=line,
    )


def _checked(draft: Draft, tree: dict[str, object]) -> Settings:
    settings = msgspec.convert(fit(draft, tree), Settings)
    for finding in validate(settings):
        if not draft.is_broken((finding.path, *finding.given)):
            draft.report(finding.path, finding.reason, finding.fix)
    return settings
