"""``groups.toml``, read: what the choice of tools knows about words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

Role = Literal["look", "edit", "write", "shell", "always", "helper", "special"]


class Group(msgspec.Struct, frozen=True):
    """Tools of coding agents that are of use together."""

    name: str
    role: Role  # as described at the top of the file
    tools: str
    hints: str = ""

    @property
    def phrases(self) -> list[str]:
        return phrases(self.hints)


class Domain(msgspec.Struct, frozen=True):
    """What an MCP server may be about."""

    marks: str
    hints: str


class Signs(msgspec.Struct, frozen=True):
    """Words that tell one kind of request from another; phrases divided by commas."""

    reads: str
    edits: str
    creates: str
    runs: str
    large: str
    work: str
    files: str


class _Words(msgspec.Struct, frozen=True):
    small_talk: str
    greetings: str
    praise: str
    goes_on: str
    questions: str
    server_noise: str
    stop: str
    file_commands: str
    file_basics: str
    fetching: str
    gates: str
    schema: str
    alike: str


class _Vocabulary(msgspec.Struct, frozen=True):
    group: tuple[Group, ...]
    domain: tuple[Domain, ...]
    signs: Signs
    words: _Words


def phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",")] if text else []


def _read() -> _Vocabulary:
    raw = tomllib.loads(Path(__file__).with_name("groups.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Vocabulary)


_ALL = _read()
GROUPS, DOMAINS, SIGNS = _ALL.group, _ALL.domain, _ALL.signs
SMALL_TALK = frozenset(_ALL.words.small_talk.split())
GREETINGS = frozenset(_ALL.words.greetings.split())
PRAISE = frozenset(_ALL.words.praise.split())
GOES_ON = frozenset(_ALL.words.goes_on.split())
QUESTIONS = frozenset(_ALL.words.questions.split())
SERVER_NOISE = frozenset(_ALL.words.server_noise.split())
STOP = frozenset(_ALL.words.stop.split())
FILE_COMMANDS = frozenset(_ALL.words.file_commands.split())
FILE_BASICS = frozenset(_ALL.words.file_basics.split())
FETCHING = frozenset(_ALL.words.fetching.split())
GATES = frozenset(_ALL.words.gates.split())
SCHEMA_WORDS = frozenset(_ALL.words.schema.encode().split())
ALIKE = tuple(tuple(line.split()) for line in _ALL.words.alike.splitlines() if line.strip())
