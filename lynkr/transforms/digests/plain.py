"""Anything long that is nothing else: beginning, end, and what sounds like trouble in between.
Builds and installations too, whose progress is counted."""

from __future__ import annotations

import re

from lynkr.transforms.digests.alarms import SUMMARY, is_error, is_warning, masked, sound
from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import HEAD_CHARS, Digest, Excerpt, Text, fitting

_BYTES_MIN = 5000
_LINES_MIN = 60
_PROGRESS = re.compile(
    r"\s*(?:(?P<did>Compiling|Checking|Downloading|Downloaded|Fresh|Building|Collecting|Fetching"
    r"|Installing|Unpacking|Setting up|Preparing|Selecting|Get:\d+|Hit:\d+|Using cached|Pulling"
    r"|Requirement already satisfied|Updating|Adding|Locking|Linking|Generating|Writing|Reusing"
    r"|Extracting|Removing|Copying|asset|modules|cacheable modules)\b"
    r"|\[\s*\d+(?:%|/\d+)\]|> Task \S+(?: UP-TO-DATE)?$|npm (?:http|sill|verb|timing)\b"
    r"|(?:g?cc|g\+\+|c\+\+|clang(?:\+\+)?|ar|ld|rustc|libtool:|/bin/sh|make\[\d+\]:) "
    r"|(?:CC|CXX|LD|AR|AS|GEN)\s+\S|#\d+ |[├│└]|---> |Step \d)"
)
_COMPILER = re.compile(r"(?:error|warning)(?:\[\w{1,10}\])?: \S|(?:ERROR|WARNING) in \S")
_ARROW = re.compile(r"\s{0,8}-->\s")
_BARE = re.compile(r"\d*\s*[|│]?$|\.\.\.$")
_POINTED = re.compile(r"\d*\s*[|│]\s*\^[\^~-]{0,200}\s*\S")
_BLOCK_LINES_MAX = 24


def _build_shape(text: Text, hint: Hint) -> float:
    share = text.share(_PROGRESS)
    blocks = sum(1 for line in text.sample if _COMPILER.match(line))
    return min(1.0, share + min(0.8, blocks / 4))


def _build(text: Text, hint: Hint) -> Digest | None:
    budget = text.room(5000)

    def write(room: int) -> str:
        excerpt = Excerpt(text)
        skipped = _compiler(excerpt, room)
        for index, line in enumerate(text.heads):
            found = _PROGRESS.match(line)
            if found and index not in skipped and not is_error(line):
                skipped.add(index)
                excerpt.tags[index] = found["did"] or "progress"
        sound(excerpt, skipped, budget=budget // 2)
        excerpt.ends(3, 8)
        for index, line in enumerate(text.heads[-40:], max(0, len(text.heads) - 40)):
            if SUMMARY.match(line):
                excerpt.keep(index)
        return excerpt.render(320)

    return Digest("build", fitting((_BLOCK_LINES_MAX, 8, 2), write, budget))


def _compiler(excerpt: Excerpt, room: int) -> set[int]:
    """Messages in blocks (Rust, webpack): an error with what is said about it, a warning with its
    place; both once per kind, and then their places. Returns the lines that belong to them."""
    heads = excerpt.text.heads
    seen: dict[str, int] = {}
    covered: set[int] = set()
    index = 0
    while index < len(heads):
        line = heads[index]
        if not _COMPILER.match(line):
            index += 1
            continue
        stop = index + 1
        while stop < len(heads) and stop - index < 60 and heads[stop].strip():
            if _COMPILER.match(heads[stop]):
                break
            stop += 1
        covered.update(range(index, stop))
        severe = line[:5].lower() == "error"
        key = masked(line)
        excerpt.keep(index)
        excerpt.keep_all(at for at in range(index + 1, stop) if _ARROW.match(heads[at]))
        said = [at for at in range(index + 1, stop) if not _BARE.match(heads[at].strip())]
        if severe and key not in seen:
            excerpt.keep_all(said[:room])
        if severe:
            excerpt.keep_all(at for at in said if _POINTED.match(heads[at].lstrip()))
        elif key in seen and line == heads[seen[key]]:
            excerpt.kept[index] = 0
            excerpt.tags[index] = f"like line {excerpt.text.number(seen[key])}"
        seen.setdefault(key, index)
        index = stop
    return covered


def _long(text: Text, hint: Hint) -> float:
    if text.size < _BYTES_MIN:
        return 0.0
    return 1.0 if len(text.lines) >= _LINES_MIN or text.size > 4 * _BYTES_MIN else 0.0


def _cut(text: Text, hint: Hint) -> Digest | None:
    return Digest("text", ends(text))


def ends(text: Text) -> str:
    """A third of the budget for the beginning, a third for the end, a third for alarms."""
    excerpt = Excerpt(text)
    third = text.budget // 3
    _most(excerpt, range(len(text.lines)), third)
    _most(excerpt, range(len(text.lines) - 1, -1, -1), third)
    for index, line in enumerate(text.heads):
        if not excerpt.kept[index] and (is_error(line) or is_warning(line)):
            excerpt.tags[index] = "with errors or warnings"
    sound(excerpt, budget=third // 2)
    return excerpt.render(HEAD_CHARS)


def _most(excerpt: Excerpt, order: range, room: int) -> None:
    for index in order:
        room -= min(len(excerpt.text.lines[index]), HEAD_CHARS) + 1
        if room < 0:
            return
        excerpt.keep(index)


BUILD = Family(
    names(
        "cargo build, cargo run, cargo check, cargo install, npm run, npm install, npm ci, "
        "npm i, webpack, vite, make, cmake, ninja, gcc, g++, cc, clang, gradle, gradlew, mvn, "
        "pip install, pip3 install, uv sync, uv pip, yarn, pnpm install, pnpm run, "
        "yarn install, apt-get, apt, docker build, docker pull, go build, dotnet build, tsc, "
        "rollup, esbuild, next, bun install, npm audit, brew, uv add, poetry, rustc"
    ),
    _build_shape,
    _build,
    0.6,
)
LONG = Family(frozenset(), _long, _cut, 1.0)
