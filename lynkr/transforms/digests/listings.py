"""Listings of files: folders, how many entries each, which kinds; names as far as they fit."""

from __future__ import annotations

import re

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.folders import Folder, drawn
from lynkr.transforms.digests.lines import Digest, Excerpt, Text, fitting

_LONG = re.compile(
    r"([-dlcbpsD][-rwxsStT]{9})[.+@]?\s+(?:\d+\s+\S+\s+\S+\s+|\S{1,80}/\S{1,80}\s+|\d+\s+)"
    r"(\d[\d.,]*[KMGTB]?)\s+(?:\w{3}\s+\d{1,2}\s+[\d:]{4,5}|[\d-]{8,10}[ T][\d:.]{5,18}"
    r"(?:\s[+-]\d{4})?)\s+(.+)"
)
_PATH = re.compile(r"(?:\.{1,2}|~|[A-Za-z]:)?[/\\]?[\w@.+=()\[\]{}$%#~,^&-][^\t:|<>\"';*?]{0,300}$")
_FOLDER = re.compile(r"(\S[^:]{0,300}):$")
_COUNTED = re.compile(r"\s*(\d[\d.]*[KMGT]?)\s+(?:\d+\s+\d+\s+)?(\S.*)")
_LINES_MIN = 20
_BUDGET_MAX = 8000
_BUDGET_MIN = 2400

# Names of one folder, and how deep folders are told apart.
_LEVELS = (
    (100_000, 30), (40, 30), (20, 30), (12, 30), (8, 30), (5, 30), (3, 30), (3, 4), (0, 30),
    (0, 4), (0, 3), (0, 2), (0, 1),
)  # fmt: skip


def _long_shape(text: Text, hint: Hint) -> float:
    lines = [line for line in text.sample if not _FOLDER.match(line) and line[:6] != "total "]
    return sum(1 for line in lines if _LONG.match(line)) / max(1, len(lines))


def _paths_shape(text: Text, hint: Hint) -> float:
    sample = text.sample
    if len(sample) < _LINES_MIN:
        return 0.0
    fit = [line for line in sample if _PATH.match(line)]
    if len(fit) < 0.9 * len(sample):
        return 0.0
    slashes = sum(1 for line in fit if "/" in line or "\\" in line)
    spaced = sum(1 for line in fit if line.count(" ") > 2)
    return 0.0 if spaced * 5 > len(fit) else 0.4 + 0.6 * slashes / len(fit)


def _count_shape(text: Text, hint: Hint) -> float:
    if len(text.sample) < _LINES_MIN:
        return 0.0
    share = text.share(_COUNTED)
    total = (text.sample[-1].split() or [""])[-1] in ("total", ".")
    return share * (0.8 if total else 0.4) if share > 0.9 else 0.0


def _long(text: Text, hint: Hint) -> Digest | None:
    root = Folder()
    here, odd = "", []
    for index, line in enumerate(text.heads):
        if found := _LONG.match(line):
            name, _, target = found[3].partition(" -> ")
            if name in (".", ".."):
                continue
            path = f"{here}/{name}" if here else name
            folder = found[1][0] == "d"
            said = f"{found[2]}{' -> ' + target if target else ''}"
            root.add(path, text.number(index), "" if folder else said, folder=folder)
        elif found := _FOLDER.match(line):
            here = found[1]
        elif line.strip() and not line.startswith("total "):
            odd.append(line)
    return _listed(text, root, odd)


def _paths(text: Text, hint: Hint) -> Digest | None:
    root = Folder()
    for index, line in enumerate(text.heads):
        path = line.strip()
        if path:
            root.add(path.rstrip("/\\"), text.number(index), folder=path.endswith(("/", "\\")))
    return _listed(text, root, [])


def _listed(text: Text, root: Folder, odd: list[str]) -> Digest | None:
    if not root.total:
        return None
    heading = f"[{root.total} entries; in [] the lines of this output that they stand in]"

    def write(level: tuple[int, int]) -> str:
        return "\n".join([heading, *drawn(root, *level), *odd[:10]])

    budget = max(_BUDGET_MIN, min(text.budget, _BUDGET_MAX))
    return Digest("listing", fitting(_LEVELS, write, budget))


def _counts(text: Text, hint: Hint) -> Digest | None:
    """``wc``, ``du``, ``uniq -c``: the largest, and the total."""
    found = [(at, _COUNTED.match(line)) for at, line in enumerate(text.heads)]
    ranked = sorted(
        ((_number(row[1]), at) for at, row in found if row), key=lambda each: (-each[0], each[1])
    )

    def write(most: int) -> str:
        excerpt = Excerpt(text)
        excerpt.ends(2, 2)
        excerpt.keep_all(at for _, at in ranked[:most])
        excerpt.keep_all(at for at, row in found if not row and text.heads[at].strip())
        largest = f"[{len(text.lines)} lines; kept are the ends and the {most} largest numbers]\n"
        return largest + excerpt.render()

    return Digest("counts", fitting((60, 30, 20, 12), write, text.budget))


def _number(text: str) -> float:
    unit = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(text[-1], 1.0)
    try:
        return float(text.rstrip("KMGT")) * unit
    except ValueError:
        return 0.0


LONG = Family(names("ls, tar, ll, dir, eza, exa, unzip"), _long_shape, _long, 0.8)
PATHS = Family(
    names("find, ls, fd, git ls-files, rg, tree, tar, grep, locate, git diff"),
    _paths_shape,
    _paths,
    0.8,
)
COUNTS = Family(frozenset({"wc", "du", "uniq", "cloc", "tokei"}), _count_shape, _counts)
