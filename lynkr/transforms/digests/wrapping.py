"""What clients put around a tool's output: exit codes, timings, reminders. It is kept as it is."""

from __future__ import annotations

import re

import msgspec

from lynkr.transforms.digests.alarms import EXIT

_HEADER = re.compile(
    r"(?:chunk id|wall time|process exited|original token count|script (?:completed|failed)|output"
    r"|exit code|total output lines|warning: truncated|content of |<path>|<type>|<content>|<file>"
    r"|<output>|<stdout>|stdout)\b|<(?:path|type|content|file|output|stdout)>",
    re.IGNORECASE,
)
_FOOTER = re.compile(r"</(?:content|file|output|stdout)>|\(end of file\b|\(exit code\b", re.I)
_PATH = re.compile(r"<path>([^<]{1,400})</path>|content of ([^:]{1,400}):", re.IGNORECASE)
_REMINDER = "<system-reminder>"


class Wrapped(msgspec.Struct, frozen=True):
    """``before`` and ``after`` are kept; ``first`` is the number of the body's first line."""

    before: str
    body: str
    after: str
    first: int
    path: str


def unwrapped(text: str) -> Wrapped:
    """Takes apart what a client added. The three pieces are the text."""
    end = len(text)
    if text.rstrip().endswith("</system-reminder>"):
        found = text.rfind(_REMINDER)
        if found > 0:
            end = len(text[:found].rstrip())
    start, first = 0, 1
    for _ in range(8):
        stop = text.find("\n", start, end)
        if stop < 0 or stop - start > 500:
            break
        if not _HEADER.match(text, start, stop):
            break
        start = stop + 1
        first += 1
    for _ in range(4):
        begin = text.rfind("\n", start, end)
        if begin < 0 or end - begin > 500:
            break
        last = text[begin + 1 : end]
        if last.strip() and not _FOOTER.match(last) and not EXIT.match(last):
            break
        end = begin
    path = _PATH.search(text, 0, min(start, 2000))
    named = (path[1] or path[2]) if path else ""
    return Wrapped(text[:start], text[start:end], text[end:], first, named)
