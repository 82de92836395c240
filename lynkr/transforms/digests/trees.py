"""Trees of dependencies and of folders: the levels that fit; what is missing or invalid always."""

from __future__ import annotations

import re

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped, fitting

_BRANCH = re.compile(r"([│├└─┬|`+\\\s\xa0-]*[├└`|+\\][─┬-]{1,3}\s?)(\S.*)")
_BROKEN = re.compile(r"\bUNMET (?!OPTIONAL)|ERR!|\b(?:invalid|missing|extraneous|error):?(?:\s|$)")
_NOISE = re.compile(r" (?:deduped|\(\*\))$")
_LINES_MIN = 15
_DEPTH_MAX = 12


def _shape(text: Text, hint: Hint) -> float:
    if len(text.lines) < _LINES_MIN:
        return 0.0
    share = text.share(_BRANCH)
    return share if share > 0.8 else 0.0


def _write(text: Text, hint: Hint) -> Digest | None:
    depths: list[int] = []
    for line in text.heads:
        found = _BRANCH.match(line)
        depths.append(max(1, len(found[1].expandtabs(4).rstrip()) // 2) if found else 0)
    steps = {depth: at for at, depth in enumerate(sorted(set(depths)))}
    levels = [steps[depth] for depth in depths]

    def write(room: tuple[int, int]) -> str:
        return "\n".join(_pruned(text, levels, *room))

    # How deep, and how many of one parent.
    rooms = ((_DEPTH_MAX, 1000), (3, 1000), (2, 1000), (2, 40), (1, 1000), (1, 60), (1, 25), (1, 8))
    return Digest("tree", fitting(rooms, write, min(text.budget, 6000)))


def _pruned(text: Text, levels: list[int], deep: int, wide: int) -> list[str]:
    """Lines down to a depth. Behind a line the lines below it that are left out."""
    out = [f"[tree of {len(text.lines)} lines; [a-b] are lines left out below]"]
    siblings = [0] * (_DEPTH_MAX + 2)
    hidden = -1  # the first line of a gap
    too_many = _DEPTH_MAX + 2
    for at, line in enumerate(text.heads):
        level = min(levels[at], _DEPTH_MAX)
        if level > too_many:
            shown = False
        else:
            too_many = _DEPTH_MAX + 2
            siblings[level] += 1
            siblings[level + 1 :] = [0] * (_DEPTH_MAX + 1 - level)
            shown = level <= deep and siblings[level] <= wide
            if not shown:
                too_many = level
        shown = shown or not level or (len(line) < 300 and _BROKEN.search(line) is not None)
        if not shown:
            hidden = at if hidden < 0 else hidden
            continue
        _close(out, text, hidden, at)
        hidden = -1
        out.append(clipped(_plain(line), 300))
    _close(out, text, hidden, len(levels))
    return out


def _close(out: list[str], text: Text, hidden: int, at: int) -> None:
    if hidden >= 0:
        first, last = text.number(hidden), text.number(at - 1)
        out[-1] += f" [{first}-{last}]" if first != last else f" [{first}]"


def _plain(line: str) -> str:
    """A blank for each level: the lines of a drawing are many tokens."""
    found = _BRANCH.match(line)
    if not found:
        return line.rstrip()
    return " " * (len(found[1].rstrip()) // 2) + _NOISE.sub("", found[2])


FAMILY = Family(
    names(
        "npm ls, npm list, pnpm ls, pnpm list, yarn list, cargo tree, tree, pipdeptree, "
        "uv tree, mvn, gradle, yarn why, npm explain"
    ),
    _shape,
    _write,
    0.8,
)
