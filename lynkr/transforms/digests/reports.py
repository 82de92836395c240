"""Findings of linters and type checkers, read from their many prints into one form."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from lynkr.transforms.digests.lines import Text

_PLACE = re.compile(
    r"\s{0,12}(?!\d+:\d|\[?\d{2,4}[-/:]\d\d[-/:])(?P<path>(?:[A-Za-z]:)?"
    r"(?:[^\s:()|\"'<>*]{1,250}|[^\s:()|\"'<>*][^:()|\"'<>*]{0,200}\.\w{1,8}))"
    r"(?::(?P<line>\d{1,7})(?::(?P<column>\d{1,7}))?(?:-\d{1,7}(?::\d{1,7})?)?"
    r"|\((?P<line2>\d{1,7})(?:,(?P<column2>\d{1,7}))?\))"
    r"(?::\s*|\s+-\s+|\s+)(?P<rest>\S.*)"
)
_SEVERITY = (
    r"(?:fatal )?error\b|warning\b|warn\b|note\b|info(?:rmation)?\b|hint\b|style\b|convention\b"
    r"|refactor\b"
)
_FINDING = re.compile(rf"(?:(?i:{_SEVERITY})|\[?[A-Z]{{1,6}}\d{{1,5}}\]?\b|lint/\w|SyntaxError)")
_RULE_BEHIND = re.compile(r"[\[(]([\w@./-]{3,60})[\])]\s*$")
_ROW = re.compile(
    r"\s{1,12}(?:[✖⚠\u2139\xd7]\s+)?(?P<line>\d{1,7}):(?P<column>\d{1,7})\s+"
    r"(?:(?P<severity>error|warning|info)\s+|[✖⚠\u2139\xd7]\s+)?(?P<message>\S.{0,360}?)"
    r"(?:\s{2,}(?P<rule>[\w@./-]{2,80}))?\s*$"
)
_HEADING = re.compile(r"(?:/|\./|[A-Za-z]:\\)?[\w@.+-][^\s:]{0,300}\.\w{1,8}$|/[^:]{1,300}$")
_ARROW = re.compile(r"\s{0,8}-->\s+(?P<path>[^:]{1,250}):(?P<line>\d{1,7}):(?P<column>\d{1,7})")
_BLOCK = re.compile(r"(?:(?:error|warning)(?:\[\w+\])?: \S|[A-Z]{1,6}\d{2,5} (?:\[\*\] )?\S)")
_SHELL = re.compile(r"In (?P<path>.{1,250}) line (?P<line>\d{1,7}):$")
_SHELL_RULE = re.compile(r"[\s^-]{0,300}(?P<rest>SC\d{4}.{0,300})")
_CODE = re.compile(r"\s*(?:\d+\s*)?\||\s*[\^~]+\s*$|\s*\d+\s+[^:\s].*")
_TOTAL = re.compile(
    r"\s{0,4}[✖✗*]?\s?\d{1,9} (?:\w{1,20} )?(?:errors?|warnings?|issues?|problems?|findings?"
    r"|diagnostics?|files?|notes?)\b"
)
_LEADING_RULE = re.compile(
    r"(?:(?:fatal )?(?:error|warning|note|info)\s*:?\s*)?(\[?[A-Z]{1,6}\d{1,5}\]?)\b"
)


class Finding(msgspec.Struct):
    """``said`` is the message as printed, with severity and rule; ``stop`` is behind its last line.
    ``typed``: a compiler or type checker says it, and each one counts."""

    path: str
    line: str
    column: str
    said: str
    index: int
    stop: int
    rule: str = ""
    severe: bool = False
    typed: bool = False


class Report(msgspec.Struct):
    findings: list[Finding]
    others: list[int]  # lines that belong to no finding


def placed(line: str) -> re.Match[str] | None:
    """``path:line:column: message`` of a diagnostic; ``None`` for a match of grep."""
    found = _PLACE.match(line)
    if not found:
        return None
    rest = found["rest"]
    if _FINDING.match(rest) or (found["column"] and _RULE_BEHIND.search(rest)):
        return found
    return None


def _finding(found: re.Match[str], index: int) -> Finding:
    said = found["rest"]
    low = said[:12].lower()
    rule = _RULE_BEHIND.search(said) or _LEADING_RULE.match(said)
    severe = low.startswith(("error", "fatal", "syntaxerror"))
    return Finding(
        found["path"].strip(),
        found["line"] or found["line2"],
        found["column"] or found["column2"] or "",
        said,
        index,
        index + 1,
        rule[1] if rule else "",
        severe,
        severe,
    )


def read(text: Text) -> Report:
    """All findings, in one pass."""
    findings: list[Finding] = []
    others: list[int] = []
    heading, block, shell = "", -1, None
    for index, line in enumerate(text.heads):
        if found := placed(line):
            findings.append(_finding(found, index))
            block = -1
        elif heading and (found := _ROW.match(line)):
            findings.append(_row(found, heading, index))
        elif block >= 0 and index - block < 4 and (found := _ARROW.match(line)):
            findings.append(_arrow(found, text.heads[block], block, index))
            block = -1
        elif found := _SHELL.match(line):
            shell = found
        elif shell and (found := _SHELL_RULE.match(line)) and index:
            rest = found["rest"]
            findings.append(
                Finding(shell["path"], shell["line"], "", rest, index, index + 1, rest[:6])
            )
        elif findings and _goes_on(findings[-1], line, index):
            findings[-1].stop = index + 1
        elif _BLOCK.match(line):
            block = index
            others.append(index)
        elif line.strip():
            if _HEADING.match(line.rstrip()):
                heading = line.rstrip()
            elif not line[:1].isspace():
                heading = ""
            others.append(index)
    blocks = {finding.index for finding in findings}
    headings = {finding.path for finding in findings}
    return Report(
        findings,
        [at for at in others if at not in blocks and text.heads[at].strip() not in headings],
    )


def _goes_on(last: Finding, line: str, index: int) -> bool:
    """Whether a line still belongs to the finding before it: indented, or a frame of code."""
    if _TOTAL.match(line):
        return False
    near = last.stop == index and index - last.index < 40
    return near and (line[:1].isspace() or not line.strip() or _CODE.match(line) is not None)


def _row(found: re.Match[str], path: str, index: int) -> Finding:
    severity, rule = found["severity"] or "", found["rule"] or ""
    said = f"{severity} {found['message'].strip()}".strip()
    said = f"{said}  {rule}" if rule else said
    severe = severity == "error"
    return Finding(path, found["line"], found["column"], said, index, index + 1, rule, severe)


def _arrow(found: re.Match[str], said: str, start: int, index: int) -> Finding:
    rule = _LEADING_RULE.match(said)
    severe = said.startswith("error")
    name = rule[1] if rule else ""
    path, line, column = found["path"], found["line"], found["column"]
    return Finding(path, line, column, said, start, index + 1, name, severe, severe)


def from_json(value: object) -> Iterator[Finding]:
    """Findings in the JSON of a linter: records with a message, a file and a line; or files with
    records (ESLint). Yields nothing where it is something else."""
    if isinstance(value, dict):
        for key in ("generalDiagnostics", "Issues", "diagnostics", "messages", "comments"):
            if isinstance(value.get(key), list):
                value = value[key]
                break
    if not isinstance(value, list):
        return
    for entry in value:
        if not isinstance(entry, dict):
            return
        path = _first(
            entry, "filePath", "filename", "file", "path", "source", "uri", "Pos.Filename"
        )
        inner = entry.get("messages")
        for record in inner if isinstance(inner, list) else [entry]:
            if isinstance(record, dict) and path:
                yield from _record(record, path)


def _record(record: dict[str, object], path: str) -> Iterator[Finding]:
    said = _first(record, "message", "text", "Text", "description")
    line = _first(
        record, "line", "row", "location.row", "range.start.line", "start.line", "Pos.Line"
    )
    if not said or not line:
        return
    rule = _first(
        record, "ruleId", "rule", "code", "symbol", "FromLinter", "message-id", "code.value"
    )
    level = _first(record, "severity", "level", "type").lower()
    severe = level in ("2", "error", "fatal")
    name = {"2": "error", "1": "warning"}.get(level, level)
    said = " ".join(part for part in (name, rule and f"{rule}:", said) if part)
    column = _first(record, "column", "col", "location.column", "Pos.Column")
    # In words it is a type checker's; linters with rules write numbers.
    yield Finding(path, line, column, said, 0, 0, rule, severe, level == "error")


def _first(record: dict[str, object], *keys: str) -> str:
    for key in keys:
        value: object = record
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value[:2000]
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""
