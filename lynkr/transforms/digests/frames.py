"""What of a failure's block says why and where it failed."""

from __future__ import annotations

import enum
import re

_FRAME = re.compile(
    r"\s*(?:at \S|\u276f \S+:\d|File \"[^\"]{1,300}\", line \d|\d{1,4}: +\S.{0,200}$"
    r"|\S.{0,120} \((?:file:/|node:|/)\S{1,300}\)$|goroutine \d|/\S{1,300}\.go:\d+"
    r"|[\w./\\-]{1,300}\.py:\d+: in )"
)
_FOREIGN = re.compile(
    r"node_modules|\(node:|internal/|site-packages|dist-packages|/lib/python\d|rustlib"
    r"|/rustc/|__rust|rust_begin|<frozen|<anonymous>|core::|std::|/usr/lib/|\(internal|unittest/|_pytest/"
)
_QUOTED = re.compile(r"\s*(?:\d{1,6}\s*[|│┆]|[|│]\s|[|│]$|\^+\s*$|[\^~]{2,})")
_POINTED = re.compile(r"\s*(?:> ?\d{1,6} ?[|│]|>\s{1,8}\S)")
_PLACE = re.compile(r"[^\s:]{1,300}\.\w{1,8}:\d{1,7}(?::\d{1,7})?:? ?(?:\w|$)")
_RULER = re.compile(r"[-=_~⎯ ]{5,}(?:\[\d+/\d+\][-⎯ ]*)?$")
_CAPTURED = re.compile(r"-{3,} Captured .{1,60} -{3,}$")
_EMPTY = re.compile(
    r"(?:Traceback \(most recent call last\):|Stack:|Error:|stack backtrace:|note: (?:run with"
    r"|Some details).*|\.\.\.|\^+|---|stack: \|-|(?:duration_ms|failureType|code): .*)?$"
)
_TELLING = re.compile(r"E\s|.*(?:Error\b|Exception\b|panicked|assertion|[Ee]xpected|!=|==)")
_SAID_MIN = 2


_COMPARED = re.compile(
    r"\s{0,12}[-+]\s{0,40}\S|\s*(?:left|right|actual|expected|error|[Rr]eceived):? "
)


class Trimming(enum.Enum):
    MARKED = "marked"  # pytest: E and > say what counts, the rest is code
    MIXED = "mixed"  # the message is what is neither a frame nor quoted code


def trimmed(block: list[str], how: Trimming, room: int) -> list[int]:
    """The lines of a block that stay: its title, the message (``room`` lines, and the last ones),
    the line that failed, the innermost own frame."""
    if len(block) <= 4:
        return [at for at, line in enumerate(block) if line.strip()]
    said: list[int] = []
    frames: list[int] = []
    captured = -1
    for at, line in enumerate(block[1:], 1):
        if _EMPTY.match(line.strip()) or _RULER.match(line.strip()):
            continue
        if _CAPTURED.match(line):
            captured = at
        elif captured > 0:
            if at - captured < 5:
                said.append(at)
        elif how is Trimming.MARKED:
            if line[:1] in ("E", ">"):
                said.append(at)
            elif _FRAME.match(line) or _PLACE.match(line):
                frames.append(at)
        elif _FRAME.match(line):
            frames.append(at)
        elif frames and frames[-1] == at - 1 and block[at - 1].lstrip().startswith("File "):
            continue  # the code of a Python frame
        elif not _QUOTED.match(line) or _POINTED.match(line):
            said.append(at)
    if how is Trimming.MARKED and len(said) < _SAID_MIN:
        # A traceback of another style, or an error while collecting: nothing is marked.
        return trimmed(block, Trimming.MIXED, room)
    own = [at for at in frames if not _FOREIGN.search(block[at])]
    frames = own or frames[:1]
    if room == 1:
        telling = [at for at in said if _TELLING.match(block[at]) and block[at][:1] != ">"]
        return sorted({0, *(telling[:1] or said[-1:]), *frames[-1:]})
    kept = {0, *_telling(block, said, room), *said[-1:]}
    for at in frames[:1] + frames[-1:]:
        kept.add(at)
        if block[at].lstrip().startswith("File ") and at + 1 < len(block):
            kept.add(at + 1)
    return sorted(kept)


def _telling(block: list[str], said: list[int], room: int) -> list[int]:
    """As many as there is room for: the beginning, and then rather what is compared."""
    if len(said) <= room:
        return said
    first = said[: max(1, room // 4)]
    better = [at for at in said if _TELLING.match(block[at]) or _COMPARED.match(block[at])]
    return list(dict.fromkeys(first + better + said))[:room]
