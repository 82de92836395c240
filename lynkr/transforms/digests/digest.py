"""A tool's output in short, so that nothing is lost that a reader must know at once, and what is
left out can be asked for by its lines.

Pure and deterministic: the same text and command give the same digest in every request. Time is
linear in the text: expressions are bounded, and see ``HEAD_CHARS`` of a line at most.
"""

from __future__ import annotations

from lynkr.transforms.digests import (
    diagnostics,
    diffs,
    history,
    listings,
    logs,
    matches,
    plain,
    skeleton,
    source,
    tables,
    testing,
    trees,
)
from lynkr.transforms.digests.commands import hinted
from lynkr.transforms.digests.family import Family
from lynkr.transforms.digests.lines import Digest, Text
from lynkr.transforms.digests.wrapping import unwrapped

CHARS_MIN = 2000  # below it an output costs less than a question for the rest of it
# More than models read at once. Longer texts would hold up the gateway for seconds.
LINES_MAX = 60_000
SHARE_MAX = 0.6  # a digest that is longer than this is not worth the loss

# At the same confidence the first one is taken.
FAMILIES: tuple[Family, ...] = (
    diffs.FAMILY,
    testing.FAMILY,
    history.LOG,
    history.STATUS,
    history.BLAME,
    diagnostics.FAMILY,
    skeleton.FAMILY,
    matches.FAMILY,
    trees.FAMILY,
    listings.LONG,
    listings.COUNTS,
    listings.PATHS,
    logs.FAMILY,
    tables.FAMILY,
    source.FAMILY,
    plain.BUILD,
    plain.LONG,
)


def digest(text: str, command: str = "", tool: str = "") -> Digest | None:
    """The digest of an output, or ``None`` where it is short, of no known kind, or hardly shorter.

    ``command`` is the shell command line and ``tool`` the name of the client's tool, if known."""
    if len(text) < CHARS_MIN or text.count("\n") > LINES_MAX:
        return None
    parts = unwrapped(text)
    body = Text(parts.body, parts.first)
    hint = hinted(command, tool, parts.path)
    likely: list[tuple[float, int]] = []
    for at, family in enumerate(FAMILIES):
        confidence = family.confidence(body, hint)
        if confidence >= family.threshold and family is not plain.LONG:
            likely.append((-confidence, at))
    likely.sort()
    families = [FAMILIES[at] for _, at in likely[:3]]
    if plain.LONG.confidence(body, hint):
        families.append(plain.LONG)
    for family in families:
        found = family.write(body, hint)
        if found is None:
            continue
        if len(found.text) > SHARE_MAX * len(parts.body):
            # It is full of what must stay. Another family would keep less for knowing less.
            return None
        return Digest(found.kind, parts.before + found.text + parts.after)
    return None
