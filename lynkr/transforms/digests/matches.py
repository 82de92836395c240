"""Matches of grep and its like: all files and line numbers stay, of each file the first matches."""

from __future__ import annotations

import re

import msgspec

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped, fitting
from lynkr.transforms.digests.reports import placed

_MATCH = re.compile(
    r"(?!\d{2,4}[-:/]\d\d[-:/T])((?:[A-Za-z]:)?(?:[^\s:]{1,300}|[^\s:][^:]{0,200}\.\w{1,8}))"
    r":(\d{1,7})([:-])(?:(\d{1,6}):)?(.*)"
)
_CONTEXT = re.compile(r"([^\s:][^:\n]{0,300}?)-(\d{1,7})-")
_BARE = re.compile(r"([\w@.+](?=[^\s:]{0,300}[./])[^\s:]{0,300}):(?!\d)(.+)")
_NUMBERED = re.compile(r"\s{0,8}(\d{1,7})[:|]\s?(.*)")
_NUMBERED_CONTEXT = re.compile(r"\s{0,8}\d{1,7}-")
_HEADING = re.compile(r"(?:[\w@.~+-]|[/\\](?=[\w@.~+-]))[^:]{0,300}:?$")
_NAME = re.compile(r"[\w@+ .-]{0,80}\.\w{1,10}:?$|.*[/\\][\w@+.-]{1,80}:?$")
_NOISE = re.compile(r"--$|Found \d+ |No matches|\(Results|Binary file")
_TEXT_CHARS_MAX = 160


class _Match(msgspec.Struct):
    number: str
    said: str
    index: int


class _Reading(msgspec.Struct):
    files: dict[str, list[_Match]]
    others: list[int]
    covered: int


def _read(text: Text) -> _Reading:
    reading = _Reading({}, [], 0)
    heading = ""
    for index, line in enumerate(text.heads):
        if found := _MATCH.match(line):
            _add(reading, found[1], found[2], found[5], index)
        elif heading and (found := _NUMBERED.match(line)):
            _add(reading, heading, found[1], found[2], index)
        elif found := _BARE.match(line):
            _add(reading, found[1], "", found[2], index)
        elif _is_heading(line):
            heading = line.rstrip().rstrip(":")
            reading.covered += 1
        elif found := _NUMBERED.match(line):
            _add(reading, "", found[1], found[2], index)
        elif not line.strip() or line == "--" or _is_context(reading, line):
            reading.covered += 1
        else:
            reading.others.append(index)
    return reading


def _is_heading(line: str) -> bool:
    """Whether it is the name of a file, standing above its matches."""
    line = line.rstrip()
    return bool(_HEADING.match(line)) and bool(_NAME.match(line[-200:]))


def _is_context(reading: _Reading, line: str) -> bool:
    return bool(_CONTEXT.match(line) or (reading.files and _NUMBERED_CONTEXT.match(line)))


def _add(reading: _Reading, path: str, number: str, said: str, index: int) -> None:
    reading.files.setdefault(path, []).append(_Match(number, said, index))
    reading.covered += 1


def _shape(text: Text, hint: Hint) -> float:
    sample = text.sample
    if len(sample) < 8 or sum(1 for line in sample if placed(line)) * 2 > len(sample):
        return 0.0
    hits = sum(1 for line in sample if _MATCH.match(line) or _CONTEXT.match(line) or line == "--")
    if "grep" in hint.names or hint.names & FAMILY.names:
        headed = any(_is_heading(line) for line in sample[:3])
        bare = sum(1 for line in sample if _BARE.match(line) or _NUMBERED.match(line))
        hits = max(hits, bare + (len(sample) // 20 if headed else 0))
    return hits / len(sample)


def _write(text: Text, hint: Hint) -> Digest | None:
    reading = _read(text)
    count = sum(len(matches) for matches in reading.files.values())
    if count < 8 or reading.covered < 0.6 * len(text.lines):
        return None
    others = [clipped(text.lines[at], 200) for at in reading.others[:12]]
    heading = (
        f"[{count} matches in {len(reading.files)} files. Behind a file: how many, and in [] the"
        f" lines of this output; + are lines of the file with more matches]"
    )

    def write(most: int) -> str:
        out = [heading]
        for path, matches in reading.files.items():
            first, last = text.number(matches[0].index), text.number(matches[-1].index)
            out.append(f"{path or 'input'} ({len(matches)}) [{first}-{last}]")
            for match in matches[:most]:
                said = clipped(match.said.strip(), _TEXT_CHARS_MAX)
                out.append(f" {match.number}: {said}" if match.number else f" {said}")
            rest = matches[most:]
            if rest and rest[0].number:
                out.append(f" + {_numbers(rest)}")
            elif rest:
                out.append(f" + {len(rest)}")
        return "\n".join(out + others)

    levels = (100_000, 20, 10, 6, 4, 3, 2, 1, 0)
    return Digest("grep", fitting(levels, write, text.room(2500)))


def _numbers(matches: list[_Match]) -> str:
    numbers = list(dict.fromkeys(match.number for match in matches))
    shown = ", ".join(numbers[:200])
    return f"{shown} and {len(numbers) - 200} more" if len(numbers) > 200 else shown


FAMILY = Family(
    names("grep, egrep, fgrep, rg, ag, ack, git grep, zgrep, ugrep"),
    _shape,
    _write,
    0.8,
)
