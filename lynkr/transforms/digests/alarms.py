"""Lines that a reader must not miss: errors, warnings, exit codes; and which say the same."""

from __future__ import annotations

import re

from lynkr.transforms.digests.lines import Excerpt, Text

ERROR = re.compile(
    r"(?:error|exception)s?(?![\w/@-]|\.\w)|\b(?:err!|fail(?:ed|ure|ures|ing|s)?|fatal|panic(?:ked)?"
    r"|traceback|segmentation fault|abort(?:ed|ing)|critical|emerg|alert|denied|refused|rejected"
    r"|timed out|timeout|cannot|can't|could not|couldn't|unable to|not found|no such|undefined"
    r"|killed|unhealthy|evicted|crash\w{0,20}|oomkilled|\w{0,10}backoff|conflict(?: \(|ing|s:)"
    r"|unmet|invalid|missing|vulnerabilit(?:y|ies))\b|\*\*\*|[✗✘✖❌\xd7]",
    re.IGNORECASE,
)
WARNING = re.compile(r"warn(?:ing)?s?\b|deprecat(?:ed|ion)|\bwarning:|⚠", re.IGNORECASE)
_NOTHING = re.compile(
    r"\b(?:0|no|without) (?:\w{1,20} )?(?:errors?|failures?|failed|failing|warnings?|"
    r"vulnerabilities|problems|conflicts)\b"
    r"|\b(?:errors?|failures?|failed|warnings?|fail)[:=] ?0\b",
    re.IGNORECASE,
)
EXIT = re.compile(
    r"[\[(<]?(?:process |command |script )?(?:exit(?:ed)?|return(?:ed)?)"
    r"(?: with)?[ -]?(?:code|status)?[:= ]{1,2}-?\d{1,3}\b",
    re.IGNORECASE,
)
SUMMARY = re.compile(
    r"(?:\s*(?:total|summary|result|found|finished|done|completed|built|build|compiled|added"
    r"|removed|installed|successfully|ran|tests?|checked|elapsed|time|duration)\b.{0,120}\d)",
    re.IGNORECASE,
)
_STAMP = re.compile(r"[\d:.,TZ/ +-]{8,40}")
_MASKED = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,64}\b|\d+")


def is_error(line: str) -> bool:
    """``line``: the head of a line."""
    return ERROR.search(line) is not None and not _NOTHING.search(line)


def is_warning(line: str) -> bool:
    return WARNING.search(line) is not None and not _NOTHING.search(line)


def unstamped(line: str) -> str:
    """Without the time at its beginning."""
    found = _STAMP.match(line.lstrip("["))
    return line.lstrip("[")[found.end() :] if found else line.strip()


def masked(line: str) -> str:
    """What it has in common with lines that differ in numbers and ids only."""
    return _MASKED.sub("#", line.strip())


def sound(
    excerpt: Excerpt, skipped: set[int] | None = None, *, trail: int = 6, budget: int = 6000
) -> None:
    """Keeps errors (each distinct one, with the indented lines behind it) and warnings (one of
    those that differ only in numbers) while the budget lasts; then one error of a kind only."""
    text: Text = excerpt.text
    seen: dict[str, int] = {}
    spent = 0
    for index, line in enumerate(text.heads):
        if (skipped and index in skipped) or excerpt.kept[index]:
            continue
        error = is_error(line)
        if not error and not is_warning(line):
            if EXIT.match(line):
                excerpt.keep(index)
            continue
        key = unstamped(line) if error and spent < budget else masked(unstamped(line))
        known = seen.setdefault(key, index)
        if known != index:
            excerpt.tags[index] = f"like line {text.number(known)}"
            continue
        if spent > budget * 3:
            excerpt.tags[index] = "with errors" if error else "with warnings"
            continue
        spent += len(line)
        excerpt.keep(index)
        if error:
            for after in range(index + 1, min(index + 1 + trail, len(text.heads))):
                behind = text.heads[after]
                if not behind[:1].isspace() or not behind.strip():
                    break
                excerpt.keep(after)
                spent += len(behind)
