"""What git says besides diffs: log, status, blame."""

from __future__ import annotations

import re

import msgspec

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family
from lynkr.transforms.digests.lines import Digest, Excerpt, Text, clipped, fitting, spans

_COMMIT = re.compile(r"[*|\\/ _]{0,40}commit ([0-9a-f]{7,64})\b(.{0,200})")
_FIELD = re.compile(
    r"[*|\\/ _]{0,40}(Author|AuthorDate|Date|Merge|Commit|CommitDate):\s+(.{1,200})"
)
_CHANGES = re.compile(r"[*|\\/ _]{0,40} ?(\d+) files? changed(?:, (\d+) ins\w+\(\+\))?(.{0,60})")
_REMOVED = re.compile(r"(\d+) del")
_FILE = re.compile(r" ?(\S.{0,250}?)\s+\|\s+(?:\d+|Bin)\b")
_ONELINE = re.compile(r"[*|\\/ _]{0,40}[0-9a-f]{7,40} \S")
_GRAPH = re.compile(r"[*|\\/ _]{1,40}$")
_DECORATED = re.compile(r"[*|\\/ _]{0,40}[0-9a-f]{7,40} \((?:HEAD|tag:|origin)")
_DAY = re.compile(r"\w{3} (\w{3}) (\d{1,2}) [\d:]{5,8} (\d{4})")
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_MAIL = re.compile(r"\s*<[^>]{0,200}>")
_BLAME = re.compile(
    r"\^?([0-9a-f]{7,40})\s[^(]{0,150}\((.{1,60}?)\s+(\d{4}-\d\d-\d\d)[ T][^)]{0,24}?(\d+)\)(.*)"
)
_STATUS = re.compile(
    r"(?:On branch |HEAD detached|Your branch|Changes |Untracked files|Unmerged|nothing "
    r"|no changes|\t\w|  \(use |##? |[ MADRCUT?!]{2} \S)"
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class _Commit(msgspec.Struct):
    index: int
    name: str
    mark: str
    author: str = ""
    day: str = ""
    subject: str = ""
    changes: str = ""
    files: list[str] = []


def _log_shape(text: Text, hint: Hint) -> float:
    if _COMMIT.match((text.sample or [""])[0]):
        return 1.0
    lines = [line for line in text.sample if not _GRAPH.match(line)]
    fit = sum(1 for line in lines if _ONELINE.match(line)) / max(1, len(lines))
    return fit if fit > 0.9 else 0.0


def _log(text: Text, hint: Hint) -> Digest | None:
    commits = _commits(text)
    if not commits:
        return _oneline(text)

    def write(level: int) -> str:
        shown = commits if level < 2 else commits[: (60, 30, 15)[level - 2]]
        out = [f"[{len(commits)} commits, one to a line; the number is the line it begins at]"]
        for commit in shown:
            files = ""
            if level == 0 and commit.files:
                files = ": " + ", ".join(commit.files[:8])
                files += f" and {len(commit.files) - 8} more" if len(commit.files) > 8 else ""
            changes = f" ({commit.changes}{files})" if commit.changes else files
            who = f"{commit.day} {commit.author}".strip()
            subject = clipped(commit.subject, 160)
            line = f"{text.number(commit.index)} {commit.name[:9]}{commit.mark} {who}: {subject}"
            out.append(line + changes)
        if len(shown) < len(commits):
            start = text.number(commits[len(shown)].index)
            out.append(
                f"... lines {start}-{text.number(len(text.lines) - 1)} left out"
                f" ({len(commits) - len(shown)} commits)"
            )
        return "\n".join(out)

    return Digest("git log", fitting((0, 1, 2, 3, 4), write, text.budget))


def _commits(text: Text) -> list[_Commit]:
    commits: list[_Commit] = []
    for index, line in enumerate(text.heads):
        if found := _COMMIT.match(line):
            commits.append(_Commit(index, found[1], found[2][:80], files=[]))
            continue
        if not commits:
            continue
        commit = commits[-1]
        if found := _FIELD.match(line):
            if found[1] == "Author":
                commit.author = _MAIL.sub("", found[2]).strip()
            elif found[1] in ("Date", "AuthorDate"):
                commit.day = _day(found[2])
        elif not commit.subject and line.startswith("    "):
            commit.subject = line.strip()
        elif found := _CHANGES.match(line):
            removed = _REMOVED.search(found[3])
            commit.changes = f"{found[1]} files +{found[2] or 0} -{removed[1] if removed else 0}"
        elif not line.startswith("    ") and (found := _FILE.match(line)):
            commit.files.append(found[1].rpartition("/")[2])
    return commits


def _day(date: str) -> str:
    if found := _DAY.search(date):
        month = _MONTHS.find(found[1]) // 3 + 1
        return f"{found[3]}-{month:02}-{int(found[2]):02}"
    iso = _ISO.search(date)
    return iso[0] if iso else date[:40]


def _oneline(text: Text) -> Digest:
    def write(head: int) -> str:
        excerpt = Excerpt(text)
        excerpt.ends(head, 5)
        for index, line in enumerate(text.heads):
            if _DECORATED.match(line):
                excerpt.keep(index)
            else:
                excerpt.tags[index] = "commits"
        return excerpt.render(160)

    return Digest("git log", fitting((400, 200, 100, 50, 25), write, text.budget))


def _status_shape(text: Text, hint: Hint) -> float:
    lines = text.heads
    if any(line.startswith(("On branch ", "HEAD detached")) for line in lines[:3]):
        return text.share(_STATUS)
    return text.share(_STATUS) / 2 if "git status" in hint.names else 0.0


def _status(text: Text, hint: Hint) -> Digest:
    """Headings, and of each section as many names as the budget allows."""

    def write(most: int) -> str:
        excerpt = Excerpt(text)
        section, count = "", 0
        for index, line in enumerate(text.heads):
            entry = line.startswith("\t") or (
                line[2:3] == " " and line[:2].strip(" MADRCUT?!") == ""
            )
            if line.strip().startswith("(use "):
                continue
            if not entry:
                section, count = "", 0
                excerpt.keep(index)
                continue
            kind = line.strip().partition(":")[0] if line.startswith("\t") else line[:2]
            kind = "untracked" if len(kind) > 10 or line.startswith("??") else kind
            count = count + 1 if kind == section else 1
            section = kind
            if count <= most or "both " in line[:8] or "U" in line[:2]:
                excerpt.keep(index)
            else:
                excerpt.tags[index] = kind
        return excerpt.render()

    return Digest("git status", fitting((100, 40, 20, 8), write, text.budget))


def _blame_shape(text: Text, hint: Hint) -> float:
    return text.share(_BLAME)


def _blame(text: Text, hint: Hint) -> Digest | None:
    """Per commit the lines that are its own: who, when, where."""
    own: dict[str, list[int]] = {}
    who: dict[str, str] = {}
    runs: list[list[str | int]] = []
    for index, line in enumerate(text.heads):
        found = _BLAME.match(line)
        if not found:
            return None
        if not runs or runs[-1][0] != found[1]:
            runs.append([found[1], text.number(index), 0, found[5].strip()])
        runs[-1][2] = text.number(index)
        own.setdefault(found[1], []).append(index)
        who[found[1]] = f"{found[2]} {found[3]}"
    offset = int(found[4]) - text.number(len(text.heads) - 1) if found else 0

    def write(most: int) -> str:
        out = [f"[{len(text.lines)} lines by {len(own)} commits; code left out]"]
        if offset:
            out.append(f"[a line's number here + {offset} is its number in the file]")
        if most > len(text.lines):
            for name, first, last, code in runs:
                out.append(
                    f"{first}-{last} {str(name)[:10]} {who[str(name)]}: {clipped(str(code), 60)}"
                )
            return "\n".join(out)
        ranked = sorted(own, key=lambda name: -len(own[name]))
        for name in ranked[:most]:
            lines = spans(text.number(index) for index in own[name])
            out.append(f"{name[:10]} {who[name]}: {clipped(lines, 500)}")
        if len(ranked) > most:
            rest = sum(len(own[name]) for name in ranked[most:])
            out.append(f"... {rest} lines of {len(ranked) - most} more commits")
        return "\n".join(out)

    return Digest("git blame", fitting((len(text.lines) + 1, len(own), 40), write, text.budget))


LOG = Family(frozenset({"git log", "git reflog", "git shortlog", "git show"}), _log_shape, _log)
STATUS = Family(frozenset({"git status"}), _status_shape, _status, 0.6)
BLAME = Family(frozenset({"git blame", "git annotate"}), _blame_shape, _blame, 0.8)
