"""Digests made of lines, read back against the text that they were made of."""

from __future__ import annotations

import re

GAP = re.compile(r"\.\.\. (?:lines? )?(\d+)(?:-(\d+))?(?: left out)?(?: \(.*\))?$")
RULER = re.compile(r"([=_⎯-])\1{9,200}")


def covered(text: str, digest: str, notes: int = 0) -> list[tuple[int, int]]:
    """Goes through both and asserts that each line of the text is either kept where it stood or
    announced as left out. Returns the ranges left out. ``notes``: lines of the digest's own."""
    lines = text.removesuffix("\n").split("\n")
    at = 0
    gaps: list[tuple[int, int]] = []
    for shown in digest.removesuffix("\n").split("\n")[notes:]:
        found = GAP.match(shown)
        if found:
            first, last = int(found[1]), int(found[2] or found[1])
            assert first == at + 1, f"{shown!r} at line {at + 1}"
            gaps.append((first, last))
            at = last
            continue
        assert at < len(lines), f"{shown!r} behind the end"
        # A ruler may be shorter, a clipped line says so, a file of a diff has counts behind it.
        as_it_was = (lines[at], RULER.sub(r"\1\1\1\1", lines[at]))
        start = shown.split(" ... [")[0]
        assert any(shown.startswith(kept) or kept.startswith(start) for kept in as_it_was)
        at += 1
    assert at == len(lines)
    return gaps


def numbered(count: int, line: str = "nothing much happens in step {} of them") -> str:
    return "\n".join(line.format(at) for at in range(1, count + 1))
