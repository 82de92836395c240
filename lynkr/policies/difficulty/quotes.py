# ruff: noqa: RUF001 (quotation marks of all scripts are what is read)
"""An ask without what is quoted or pasted in it: that is not what the user says."""

from __future__ import annotations

import re

_QUOTED_MAX = 400  # characters between two quotation marks; further apart they are no pair
PATHS_MAX = 12
_LINE_MAX = 300  # characters of a line that is looked at as one of a log or of code
_OPENING = (("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("‘", "’"))
_FILES = frozenset(
    (
        *("py", "js", "ts", "tsx", "jsx", "go", "rs", "java", "c", "h", "cc", "cpp", "cs", "rb"),
        *("php", "sh", "sql", "md", "txt", "json", "yaml", "yml", "toml", "html", "css", "xml"),
        *("csv", "ini", "cfg", "lock", "proto", "kt", "swift", "log", "tf", "vue", "svelte"),
        *("scss", "gradle", "env", "conf", "scala", "ex", "dart", "ipynb", "graphql", "prisma"),
    )
)
# A line of a log, a trace, a diff, a program.
_PASTED = re.compile(
    r"\s{4,}\S|\s*(?:at \S+\(|File \"|Traceback|Caused by|\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d:\d\d"
    r"|(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|panic|Exception|error\[)\b|[$>#%] \S|@@ |[+-]{3} "
    r"|(?:def|class|import|from|return|const|let|var|function|public|private|if|for|while|else"
    r"|try|catch|elif|struct|impl|fn|func|package|use|using|#include|SELECT|INSERT|CREATE)\b.*"
    r"[(){};:=]$|[}\])]+[;,]?$|\S+Error: |\S+Exception: |.*[;{]$|\|.*\|$|<[/a-zA-Z][^>]*>.*)"
)
_LOGGED = (
    *("at ", 'File "', "Traceback", "Caused by", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
    *("panic", "Exception", "error["),
)
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+\S")


def own_text(text: str, paths: list[tuple[int, str]]) -> tuple[str, int, int, int]:
    """The text without what is quoted or pasted; the characters of both; lines of lists. Files and
    folders that are quoted go into ``paths``, with -1 for their sentence."""
    quoted = pasted = bullets = 0
    if "`" in text and "```" in text:  # one character is found 50 times as fast as three
        parts = text.split("```")
        kept: list[str] = []
        for place in range(len(parts)):
            if place % 2:
                pasted += len(parts[place])
            else:
                kept.append(parts[place])
        text = "\n".join(kept)
    if "\n" in text:
        text, lines_pasted, bullets = _own_lines(text)
        pasted += lines_pasted
    if "`" in text:
        text, size = _between(text, "`", paths)
        quoted += size
    if '"' in text:
        text, size = _between(text, '"', paths)
        quoted += size
    if "'" in text and (" '" in text or text[0] == "'"):
        text, size = _pairs(" " + text, " '", "'", paths)
        quoted += size
    if not text.isascii():
        for opening, closing in _OPENING:
            if opening in text:
                text, size = _pairs(text, opening, closing, paths)
                quoted += size
    return text, quoted, pasted, bullets


def _own_lines(text: str) -> tuple[str, int, int]:
    """The text without pasted lines, if anything is left then, and of empty ones no more than one
    together; the characters pasted; lines of lists. No pair of quotation marks reaches beyond an
    empty line, so these stay."""
    own: list[str] = []
    pasted = bullets = 0
    for line in text.split("\n"):
        if not line:
            if own and own[-1]:
                own.append(line)
        elif not _suspect(line):
            own.append(line)
        elif _BULLET.match(line) is not None:
            bullets += 1
            own.append(line)
        elif len(line) <= _LINE_MAX and _PASTED.match(line) is not None:
            pasted += len(line)
        else:
            own.append(line)
    return "\n".join(own) if own else text, pasted, bullets


def _suspect(line: str) -> bool:
    """Whether a line may be of a list, a log or a program. It is, if one of the two expressions
    matches, which take 1 us to say no: each branch of them begins or ends with what is looked for
    here."""
    char = line[0]
    if char.isspace() or char in "-*•[$>#%@+}])|<" or char.isdecimal():
        return True
    if len(line) > _LINE_MAX:
        return False
    if line[len(line) - 1] in "(){};:=":
        return True
    if char in "aFTCDIWEpe" and line.startswith(_LOGGED):
        return True
    return ": " in line and ("Error: " in line or "Exception: " in line)


def _between(text: str, mark: str, paths: list[tuple[int, str]]) -> tuple[str, int]:
    """Take out what stands between two marks that are the same."""
    parts = text.split(mark)
    size = 0
    kept = [parts[0]]
    place = 1
    while place < len(parts):
        part = parts[place]
        if place + 1 < len(parts) and len(part) <= _QUOTED_MAX and "\n\n" not in part:
            size += len(part)
            _quoted_path(part, paths)
            kept.append(" \x01 ")
            kept.append(parts[place + 1])
            place += 2
        else:
            kept.append(" ")
            kept.append(part)
            place += 1
    return "".join(kept), size


def _pairs(text: str, opening: str, closing: str, paths: list[tuple[int, str]]) -> tuple[str, int]:
    """Take out what stands between an opening and a closing mark."""
    kept: list[str] = []
    at = size = 0
    while True:
        first = text.find(opening, at)
        if first < 0:
            break
        begin = first + len(opening)
        end = text.find(closing, begin, begin + _QUOTED_MAX)
        while 0 < end < len(text) - 1 and closing == "'" and text[end + 1].isalnum():
            end = text.find(closing, end + 1, begin + _QUOTED_MAX)  # an apostrophe
        kept.append(text[at:first])
        if end <= begin:
            kept.append(opening)  # the closing one of another pair, perhaps: „…“
            at = begin
            continue
        size += end - begin
        _quoted_path(text[begin:end], paths)
        kept.append(" \x01 ")
        at = end + len(closing)
    kept.append(text[at:])
    return "".join(kept), size


def _quoted_path(part: str, paths: list[tuple[int, str]]) -> None:
    if " " not in part and ("/" in part or "." in part) and len(paths) < PATHS_MAX:
        low = part.lower()
        if is_path(low):
            paths.append((-1, low))


def is_path(low: str) -> bool:
    if low.startswith(("http:", "https:", "www.")):
        return False
    ending = low.rpartition(".")[2]
    if ending in _FILES:
        return True
    return "/" in low and len(low) > 3 and (low.count("/") > 1 or low[0] in "./~" or low[-1] == "/")
