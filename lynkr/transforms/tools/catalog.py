"""What is known of a list of tools before anything is asked: whose they are, and what about."""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from lynkr.transforms.tools.hints import DOMAIN_HINTS, Hints
from lynkr.transforms.tools.scores import Tool, own_name, tools_of
from lynkr.transforms.tools.vocabulary import GROUPS, SERVER_NOISE

_CODING = frozenset(("look", "edit", "write", "shell"))  # tools of two kinds make a coding agent
_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")
_GROUP_OF = {
    _BETWEEN.sub("", name): number
    for number, group in enumerate(GROUPS)
    for name in group.tools.split()
}


class Server(msgspec.Struct, frozen=True):
    """An MCP server: words that name it, and the numbers of its subjects in ``DOMAIN_HINTS``."""

    names: Hints
    domains: tuple[int, ...]


class Offer(msgspec.Struct, frozen=True, eq=False):
    """The tools by their numbers in the list. It serves as a key: equal only to itself."""

    full_names: tuple[str, ...]
    own_names: tuple[str, ...]  # without the server
    servers: tuple[str, ...]  # "" for a tool of the client's own
    groups: tuple[int, ...]  # in GROUPS; -1 for a tool that is not known
    coding: bool  # the client is a coding agent; else no tool is of a known group
    compared: tuple[int, ...]  # tools of no known group
    features: tuple[Tool, ...]  # and what they are compared by
    domains: dict[str, Server]
    names: frozenset[str]  # names that nobody writes by chance
    quoted: re.Pattern[str] | None  # a plain word counts where it is written as a tool's name


def prepared(tools: tuple[tuple[str, str, str], ...]) -> Offer:
    """From (name, description, schema) of each tool."""
    pairs = [own_name(name) for name, _, _ in tools]
    groups = [
        -1 if server else _GROUP_OF.get(_BETWEEN.sub("", own.lower()), -1) for server, own in pairs
    ]
    coding = len({GROUPS[group].role for group in groups if group >= 0} & _CODING) > 1
    if not coding:
        groups = [-1] * len(tools)  # "find" or "plan" may mean anything here
    members: dict[str, list[set[str]]] = {}
    plain: list[str] = []
    unusual: list[str] = []
    for (server, own), (name, _, _) in zip(pairs, tools, strict=True):
        parts = parts_of(own)
        if server:
            members.setdefault(server, []).append(set(parts))
        (plain if len(parts) < 2 and not server else unusual).append(name)
    compared = tuple(number for number, group in enumerate(groups) if group < 0)
    return Offer(
        full_names=tuple(name for name, _, _ in tools),
        own_names=tuple(own for _, own in pairs),
        servers=tuple(server for server, _ in pairs),
        groups=tuple(groups),
        coding=coding,
        compared=compared,
        features=tools_of(tuple(tools[number] for number in compared)),
        domains={server: _server(server, tools_) for server, tools_ in members.items()},
        names=frozenset(unusual),
        quoted=_quoted([name for name in plain if name]),
    )


def parts_of(name: str) -> list[str]:
    """The words of a name, lowered; [""] if it has none."""
    return [part for part in _BETWEEN.split(_CASE.sub("_", name).lower()) if part] or [""]


def _server(server: str, tools: list[set[str]]) -> Server:
    """What a server is about: by its name, or else by the words that half of its tools bear."""
    parts = parts_of(server)
    names = Hints([" ".join(parts), *(p for p in parts if len(p) > 2 and p not in SERVER_NOISE)])
    domains = _domains(set(parts))
    if not domains:
        counts = Counter(part for words in tools for part in words)
        domains = _domains({part for part, count in counts.items() if count * 2 >= len(tools)})
    return Server(names, domains)


def _domains(words: set[str]) -> tuple[int, ...]:
    return tuple(number for number, (marks, _) in enumerate(DOMAIN_HINTS) if marks & words)


def _quoted(names: list[str]) -> re.Pattern[str] | None:
    if not names:
        return None
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"[`(\"']({either})[`)\"']|\b({either}) tool\b")
