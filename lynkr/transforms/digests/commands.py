"""Which programs a shell command line runs whose output is seen: ``git diff``, ``pytest``.

Looks through assignments, ``sudo`` and its like, package runners, ``sh -c``, chains and pipes into
filters. Words only: nothing is expanded, and what is not understood is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_COMMAND_CHARS_MAX = 4000
_TOKENS = re.compile(
    r"""'[^']*'|"(?:[^"\\]|\\.)*"|\d?[<>]&\d?|&>>?|\|\||&&|\|&?|[;&\n]|\s+|\\.|[^\s'"|&;\\]+|.""",
    re.DOTALL,
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_NUMBER = re.compile(r"[\d.]+[smhd]?$")
_PYTHON = re.compile(r"python[\d.]*$|py$|pypy[\d.]*$")
_BREAKS = {"&&", "||", ";", "&", "\n"}
_PREFIXES = {"sudo", "time", "env", "nohup", "nice", "command", "exec", "stdbuf", "timeout"}
_PREFIXES |= {"xargs", "then", "do", "else", "!", "(", "{", "npx", "bunx", "uvx", "doas", "chronic"}
_RUNNERS = {
    ("pnpm", "exec"), ("pnpm", "dlx"), ("npm", "exec"), ("yarn", "dlx"), ("yarn", "exec"),
    ("bun", "x"), ("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("hatch", "run"),
    ("pdm", "run"), ("rye", "run"), ("bundle", "exec"), ("mise", "exec"), ("conda", "run"),
}  # fmt: skip
_SHELLS = {"sh", "bash", "zsh", "dash"}
_FILTERS = {"head", "tail", "cat", "less", "more", "sort", "uniq", "tee", "grep", "egrep", "rg"}
_FILTERS |= {"sed", "awk", "cut", "tr", "column", "nl", "true"}
# Their first plain word says what they do.
_PARTED = {"git", "npm", "pnpm", "yarn", "bun", "cargo", "go", "docker", "podman", "kubectl", "pip"}
_PARTED |= {"gh", "uv", "helm", "apt", "brew", "rustup", "dotnet", "ruff", "biome", "oc", "pip3"}
_WITH_VALUE = {"-C", "-c", "-n", "--prefix", "--cwd", "--namespace", "--context", "--manifest-path"}

# Tools of clients that do what a program does, by the last part of their names in small letters.
_TOOLS = {
    "read": "cat", "read_file": "cat", "readfile": "cat", "view": "cat", "view_file": "cat",
    "fs_read": "cat", "open_file": "cat", "get_file_contents": "cat", "read_text_file": "cat",
    "builtin_read_file": "cat", "grep": "grep", "grep_search": "grep", "search_files": "grep",
    "ripgrep": "grep", "builtin_grep_search": "grep", "glob": "find", "ls": "ls",
    "list_files": "find", "list_directory": "ls", "list_dir": "ls", "file_search": "find",
    "builtin_ls": "ls", "builtin_file_glob_search": "find",
}  # fmt: skip


class Hint(msgspec.Struct, frozen=True):
    """What is known of where an output comes from, besides itself."""

    names: frozenset[str]
    command: str
    path: str = ""  # of a file that was read, if the output says so


def hinted(command: str, tool: str, path: str = "") -> Hint:
    names = set(_names(command[:_COMMAND_CHARS_MAX], 0))
    known = _TOOLS.get(re.split(r"__|\.|/", tool[-80:])[-1].lower())
    if known is not None:
        names.add(known)
    return Hint(frozenset(names), command[:_COMMAND_CHARS_MAX], path)


def _names(command: str, depth: int) -> Iterator[str]:
    for pipeline in _pipelines(command):
        stages = [name for stage in pipeline if (name := _name(stage, depth))]
        while len(stages) > 1 and stages[-1][0] in _FILTERS:
            stages.pop()
        if stages:
            yield from stages[-1]


def _pipelines(command: str) -> Iterator[list[list[str]]]:
    stages: list[list[str]] = [[]]
    word = ""
    for token in _TOKENS.findall(command + "\n"):
        separates = token in _BREAKS or token in ("|", "|&")
        if not separates and not token.isspace():
            quoted = len(token) > 1 and token[0] in "'\"" and token[-1] == token[0]
            word += token[1:-1] if quoted else token
            continue
        if word:
            stages[-1].append(word)
            word = ""
        if token in _BREAKS:
            yield stages
            stages = [[]]
        elif separates:
            stages.append([])


def _name(words: list[str], depth: int) -> list[str]:
    """The program of one stage, as the names it is known by; none if there is none."""
    at, count = 0, len(words)
    while at < count:
        word = words[at]
        program = word.rpartition("/")[2]
        if program in _PREFIXES:
            at += 1
            while at < count and (words[at].startswith("-") or _NUMBER.match(words[at])):
                at += 2 if words[at] in ("-n", "-I", "-P", "-u") else 1
        elif _ASSIGNMENT.match(word) or word.startswith((">", "<", "2>")):
            at += 1
        elif at + 1 < count and (program, words[at + 1]) in _RUNNERS:
            at += 2
            while at < count and words[at].startswith("-"):
                at += 1
        elif _PYTHON.match(program) and "-m" in words[at : at + 6]:
            at = words.index("-m", at) + 1
        elif program in _SHELLS and depth < 3 and at + 2 < count and words[at + 1][:1] == "-":
            return list(_names(words[at + 2], depth + 1))
        else:
            break
    if at >= count:
        return []
    program = words[at].rpartition("/")[2]
    if program in ("cd", "export", "set", "source", ".", "echo", "pushd", "mkdir"):
        return []
    names = [program]
    if _PYTHON.match(program) and "importtime" in words[at:]:
        names.append("importtime")
    if program in _PARTED:
        rest = iter(words[at + 1 :])
        for word in rest:
            if word in _WITH_VALUE:
                next(rest, None)
            elif not word.startswith("-"):
                names.append(f"{program} {word}")
                break
    return names
