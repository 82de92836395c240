"""The output of ``grep -r`` by file: a path once, above its lines, as ``rg --heading`` prints it.

With line numbers, a file's lines are ``12:text``, ``12-text`` for context, and ``--`` between
groups; what begins otherwise is the next path. Without them, lines stand behind one blank, and a
path ends with a colon. ``ungrouped`` is the exact inverse, or the text is left as it is.
"""

from __future__ import annotations

import re

LINES_MIN = 6
FIRST_MAX = 1000  # bytes of the first line, which decides whether the others are looked at
REPEATS_MIN = 2  # lines per path on average, below which headings do not pay

# A path has no blank or colon, and a letter and a dot or slash: times and log levels have not.
_PATH = rb"(?=[^\s:]*[A-Za-z])(?=[^\s:]*[./])[^\s:]+"
_NUMBERED = re.compile(rb"(" + _PATH + rb"):(\d+:.*)", re.DOTALL)
_MATCH = re.compile(rb"(" + _PATH + rb"):(.*)", re.DOTALL)
_CONTEXT = re.compile(rb"-(\d+-)")
_LINE = re.compile(rb"\d+[:-]")
_URL = re.compile(rb"[a-z]+://")


def grouped(text: bytes) -> bytes | None:
    """``text`` by file, or ``None`` if it is not such output or paths hardly repeat."""
    end = text.find(b"\n")
    first = text[: end if 0 <= end < FIRST_MAX else FIRST_MAX]
    if not _MATCH.match(first) and not _CONTEXT.search(first):
        return None
    lines = text.split(b"\n")
    if len(lines) < LINES_MIN:
        return None
    if _NUMBERED.match(first) or (_CONTEXT.search(first) and not _MATCH.match(first)):
        made = _numbered(lines)
    elif _MATCH.match(first):
        made = _plain(lines)
    else:
        return None
    if made is None or ungrouped(made) != text:
        return None
    return made


def _numbered(lines: list[bytes]) -> bytes | None:
    paths = {found[1] for line in lines if (found := _NUMBERED.match(line))}
    if len(lines) < REPEATS_MIN * len(paths):
        return None
    out: list[bytes] = []
    path = b""
    for line in lines:
        if line == b"--":
            out.append(line)
            continue
        found = _NUMBERED.match(line)
        its, rest = (found[1], found[2]) if found else _context(line, paths)
        if not its:
            return None
        if its != path:
            path = its
            out.append(path)
        out.append(rest)
    return b"\n".join(out)


def _context(line: bytes, paths: set[bytes]) -> tuple[bytes, bytes]:
    """The path and the rest of ``path-12-text``, where the path is one that has matches."""
    for found in _CONTEXT.finditer(line):
        if line[: found.start()] in paths:
            return line[: found.start()], line[found.start() + 1 :]
    return b"", b""


def _plain(lines: list[bytes]) -> bytes | None:
    out: list[bytes] = []
    path = b""
    headings = 0
    for line in lines:
        found = _MATCH.match(line)
        if found is None or _URL.match(line):
            return None
        if found[1] != path:
            path = found[1]
            headings += 1
            out.append(path + b":")
        out.append(b" " + found[2])
    return b"\n".join(out) if len(lines) >= REPEATS_MIN * headings else None


def ungrouped(text: bytes) -> bytes:
    """The lines of ``grouped`` as they were."""
    numbered = not text.partition(b"\n")[0].endswith(b":")
    out: list[bytes] = []
    path = b""
    for line in text.split(b"\n"):
        if numbered and line == b"--":
            out.append(line)
        elif numbered and (found := _LINE.match(line)):
            out.append(path + line[found.end() - 1 : found.end()] + line)
        elif not numbered and line[:1] == b" ":
            out.append(path + b":" + line[1:])
        else:
            path = line if numbered else line[:-1]
    return b"\n".join(out)
