"""Source files and documents that were read: imports, signatures and headings; bodies by their
line numbers."""

from __future__ import annotations

import re

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Excerpt, Text, fitting

_LINES_MIN = 120
_CHARS_MIN = 4000
_NUMBER = re.compile(r"\s{0,8}(\d{1,7})(?:\t|→|: ?| ?[|│] ?)")
_WORDS = (
    r"(?:export |default |declare |public |private |protected |internal |static |final |abstract "
    r"|sealed |virtual |override |async |unsafe |const |pub(?:\([\w:: ]{1,30}\))? |extern "
    r"|\"C\" |inline |partial |readonly |suspend |open |data )*"
)
_SIGNATURE = re.compile(
    rf"(?P<indent>\s{{0,12}}){_WORDS}(?:(?:def|class|function\*?|fn|func|interface|enum|struct|trait"
    r"|impl|module|mod|namespace|type|union|protocol|object|record|macro_rules!|package|fun)\b"
    r"[\s<(*]|(?:const|let|var)\s+[\w$]{1,80}\s*(?::[^=]{0,120})?=\s*(?:async\s*)?"
    r"(?:\(|function\b|[\w$]{1,40}\s*=>)|#define\s|typedef\s|template\s?<)"
)
_METHOD = re.compile(
    r"(?P<indent>\s{2,8})(?!if\b|for\b|while\b|switch\b|catch\b|return\b|else\b|with\b|function\b)"
    rf"{_WORDS}(?:get |set |\*|#)*(?:[\w<>\[\],.?*&:]{{1,60}} ){{0,2}}~?[\w$#]{{1,80}}\s?"
    r"(?:<[^>]{1,60}>)?\([^;{}]{0,200}\)[^;{}]{0,80}\{\s*$"
)
_ASSIGNED = re.compile(
    r"(?P<indent>)(?:[\w.$]{1,80}\s*=\s*(?:async )?function\b|[A-Z][A-Z0-9_]{2,60}\b[^=(]{0,60}="
    r"|[\w-]{1,60}\s*\(\)\s*\{)"
)
_TESTED = re.compile(r"(?P<indent>\s{0,12})(?:describe|it|test|context|suite)(?:\.\w{1,20})?\(")
_NATIVE = re.compile(
    r"(?P<indent>)[A-Za-z_][\w\s*&:<>,~]{2,120}\([^;{}]{0,200}\)\s*(?:const)?\s*\{?$"
)
_IMPORT = re.compile(
    r"(?:import|from|use|using|require|#include|#import|package)\b|(?:const|let|var) .{1,120}"
    r"=\s*require\("
)
_HEADING = re.compile(r"#{1,6}\s\S|={3,}$|-{3,}$|\[[\w.\" -]{1,80}\]$|<h\d")
_ATTRIBUTE = re.compile(r"\s*(?:@\w|#\[)")
_DOCUMENT = re.compile(r"\.(?:md|mdx|rst|markdown|toml|ini|cfg|adoc|txt)\b")
_CODE = re.compile(
    r"\.(?:py|pyi|pyx|js|jsx|mjs|cjs|ts|tsx|mts|rs|go|java|kt|kts|scala|cs|c|h|cc|cpp|hpp|cxx|rb|php"
    r"|swift|sh|bash|zsh|lua|ex|exs|erl|hs|ml|vue|svelte|dart|sql|proto|zig|nim|jl|r|pl|pm)\b"
)
_IMPORTS_MAX = 25


def _stripped(text: Text) -> tuple[list[str], int]:
    """Lines without the numbers that a reading tool printed before them, and how many there are
    more than lines of this output."""
    heads = text.heads
    numbers = [_NUMBER.match(line) for line in heads]
    count = sum(1 for found in numbers if found)
    if count < 0.9 * len(heads) or not numbers or numbers[0] is None:
        return heads, 0
    offset = int(numbers[0][1]) - text.number(0)
    plain = [
        line[found.end() :] if found else line for line, found in zip(heads, numbers, strict=True)
    ]
    return plain, offset


def _is_signature(line: str) -> re.Match[str] | None:
    return (
        _SIGNATURE.match(line)
        or _METHOD.match(line)
        or _TESTED.match(line)
        or _ASSIGNED.match(line)
        or _NATIVE.match(line)
    )


def _shape(text: Text, hint: Hint) -> float:
    if len(text.lines) < _LINES_MIN or text.size < _CHARS_MIN:
        return 0.0
    lines, _ = _stripped(text)
    named = f"{hint.path} {hint.command}"
    step = max(1, len(lines) // 600)
    sampled = lines[::step]
    signatures = sum(1 for line in sampled if _is_signature(line))
    headings = sum(1 for line in sampled if _HEADING.match(line))
    share = signatures / len(sampled)
    if _DOCUMENT.search(named) and headings * 200 >= len(sampled):
        return 0.6
    if signatures < 3 or share < 0.008:
        return 0.0
    if _CODE.search(named):
        return 0.8
    return 1.1 if lines is not text.heads else min(0.6, share * 15)


def _write(text: Text, hint: Hint) -> Digest | None:
    lines, offset = _stripped(text)
    document = bool(_DOCUMENT.search(f"{hint.path} {hint.command}"))
    document = document and not _CODE.search(f"{hint.path} {hint.command}")

    def write(level: int) -> str:
        excerpt = Excerpt(text)
        excerpt.ends(2, 2)
        if document:
            _outline(excerpt, lines, level)
        else:
            _signatures(excerpt, lines, level)
        return excerpt.render(200)

    note = f"[line numbers of the file are {offset:+} of those left out]\n" if offset else ""
    return Digest(
        "document" if document else "source", note + fitting((0, 1, 2, 3), write, text.budget)
    )


def _signatures(excerpt: Excerpt, lines: list[str], level: int) -> None:
    """Level 0: with attributes and the first line of what documents them; 1: signatures; 2 and 3:
    those that are indented less."""
    indent_max = (12, 12, 4, 0)[level]
    imports = 0
    for at, line in enumerate(lines):
        if _IMPORT.match(line):
            imports += 1
            if imports <= (_IMPORTS_MAX >> level):
                excerpt.keep(at)
            excerpt.tags[at] = "imports"
            continue
        found = _is_signature(line)
        if not found or len(found["indent"] or "") > indent_max:
            continue
        excerpt.keep(at)
        stop = _end(lines, at)
        excerpt.keep(at, stop)
        if level:
            continue
        if at and _ATTRIBUTE.match(lines[at - 1]):
            excerpt.keep(at - 1)
        if stop < len(lines) and lines[stop].lstrip().startswith(('"""', "'''", "///")):
            excerpt.keep(stop)


def _end(lines: list[str], at: int) -> int:
    """Behind a signature that goes on in more lines until its brackets are closed."""
    depth = 0
    for index in range(at, min(at + 8, len(lines))):
        depth += lines[index].count("(") - lines[index].count(")")
        if depth <= 0:
            return index + 1
    return at + 1


def _outline(excerpt: Excerpt, lines: list[str], level: int) -> None:
    """Headings, and the first lines below them."""
    below = (4, 2, 1, 0)[level]
    fenced = False
    left = 0
    for at, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if not fenced and _HEADING.match(line):
            excerpt.keep(at)
            if at and line[:1] in "=-" and len(lines[at - 1]) < 120:
                excerpt.keep(at - 1)
            left = below
        elif left and line.strip():
            excerpt.keep(at)
            left -= 1


FAMILY = Family(names("cat, sed, head, nl, bat, tail, git show"), _shape, _write, 1.1)
