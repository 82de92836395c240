"""Which of the offered tools a piece of work can need.

Two ways. ``request`` looks at what is asked now and is bold: for targets that keep no prompts,
where each request stands alone. ``session`` looks at all that was asked so far and is careful: it
leaves out only what nothing hints at, and what it once kept it keeps, because the tools stand at
the beginning of the cached prompt and a list that grows costs that prompt again. Both are functions
of the conversation alone, so every worker and every host decides alike.

Never left out: tools that must stay, tools that were used, tools that the conversation names. When
a request says nothing that is understood, all stay.
"""

from __future__ import annotations

import functools

import msgspec

from lynkr.transforms.tools.catalog import Offer, parts_of, prepared
from lynkr.transforms.tools.hints import DOMAIN_HINTS, FILE_HINTS, GROUP_HINTS, Ask, read
from lynkr.transforms.tools.scores import LEXICON, Similarity, meets, scores, signals
from lynkr.transforms.tools.vocabulary import FETCHING, FILE_BASICS, FILE_COMMANDS, GATES, GROUPS

# Log odds of ``tool_scores``. A tool stays above the floor or near the best one. Fitted on one half
# of a public set (947 requests with a right answer) and tried on the other, these floors keep every
# needed tool in 98.9 % of requests with vectors, and in 98.3 % without.
FLOOR = -4.6
FLOOR_WORDS = -4.1
NEAR_BEST = 2.5
KEPT_PART = 4  # and the best quarter stays: among hundreds of tools no floor is sure
SOURCES_FOR = 3  # of so many best tools the sources are looked for
SOURCES_ABOVE = 2.5  # if they stand so far above the floor
SOURCE_SHARE = 0.4  # of the weight of the source's name
EARLIER_ASKS = 3
SAID_TAIL = 4000  # characters of the conversation that a short turn may refer to
UNKNOWN = "no word of this request needs it"
UNCLEAR = "the request says nothing clear"


class Offered(msgspec.Struct, frozen=True):
    """A tool as the client offers it."""

    name: str
    description: str
    schema: str  # raw JSON, or ""
    tokens: int
    fixed: bool  # must stay: named in tool_choice, of an unusual kind, with a cache mark, deferred


class Facts(msgspec.Struct, frozen=True):
    """What the conversation says of the tools that it needs."""

    asks: tuple[str, ...]  # the user's own words, turn by turn, oldest first
    used: frozenset[str]  # names of the tools called so far
    mentioned: str  # other text of the conversation, where tools may be named


class Selection(msgspec.Struct, frozen=True):
    """For each tool, in order: whether it stays, and why in a few words."""

    kept: tuple[bool, ...]
    reasons: tuple[str, ...]


def select(
    tools: tuple[Offered, ...],
    facts: Facts,
    mode: str,
    similarity: Similarity | None = None,
) -> Selection:
    """Decide for each tool. ``mode`` is "request" or "session"; ``similarity`` is the cosine of two
    texts' vectors, and should remember the vectors of texts that come again.

    In a session the answer only grows: what stays after one turn stays after all later ones.
    """
    offer = _offer(tools)
    if not facts.asks:
        return Selection((True,) * len(tools), ("nothing is asked in words",) * len(tools))
    named = frozenset(LEXICON.named(facts.mentioned, offer.names))
    if mode == "session":
        return _in_session(tools, facts.asks, facts.used, named, similarity)
    reasons = _standing(tools, offer, facts.asks, facts.used, named)
    _for_request(offer, facts, reasons, similarity)
    if UNCLEAR in reasons.values():
        # What nothing in the session hints at is not kept for want of a clear request.
        session = _in_session(tools, facts.asks, facts.used, named, None)
        reasons = {
            number: reason
            for number, reason in reasons.items()
            if reason != UNCLEAR or session.kept[number]
        }
    _companions(offer, facts.used, reasons)
    return _selection(tools, reasons)


@functools.lru_cache(64)
def _in_session(
    tools: tuple[Offered, ...],
    asks: tuple[str, ...],
    used: frozenset[str],
    named: frozenset[str],
    similarity: Similarity | None,
) -> Selection:
    """Of what a turn adds, most changes nothing here: neither asks, nor first uses, nor names."""
    offer = _offer(tools)
    reasons = _standing(tools, offer, asks, used, named)
    for text in asks:
        for number, reason in _session_needs(offer, text, similarity):
            reasons.setdefault(number, reason)
    _companions(offer, used, reasons)
    return _selection(tools, reasons)


def _selection(tools: tuple[Offered, ...], reasons: dict[int, str]) -> Selection:
    numbers = range(len(tools))
    return Selection(
        tuple(number in reasons for number in numbers),
        tuple(reasons.get(number, UNKNOWN) for number in numbers),
    )


@functools.lru_cache(64)
def _offer(tools: tuple[Offered, ...]) -> Offer:
    return prepared(tuple((tool.name, tool.description, tool.schema) for tool in tools))


def _standing(
    tools: tuple[Offered, ...],
    offer: Offer,
    asks: tuple[str, ...],
    used: frozenset[str],
    mentioned: frozenset[str],
) -> dict[int, str]:
    """Tools that stay whatever is asked: tool by its number, and why."""
    asked = "\n".join(asks)
    named = mentioned | LEXICON.named(asked, offer.names)
    if offer.quoted is not None:
        named |= {name for pair in offer.quoted.findall(asked) for name in pair if name}
    reasons: dict[int, str] = {}
    for number, tool in enumerate(tools):
        if tool.fixed:
            reasons[number] = "must stay"
        elif tool.name in used:
            reasons[number] = "used before"
        elif tool.name in named:
            reasons[number] = "named in the conversation"
    return reasons


def _for_request(
    offer: Offer, facts: Facts, reasons: dict[int, str], similarity: Similarity | None
) -> None:
    ask = read(facts.asks[-1])
    goes_on = ask.goes_on or (ask.praise and len(facts.asks) > 1)
    if ask.small_talk and not goes_on:
        return
    unclear = goes_on or ask.foreign or not ask.verbs
    if goes_on:
        ask = read("\n".join((*facts.asks[: -1 - EARLIER_ASKS : -1], facts.mentioned[-SAID_TAIL:])))
    needed = goes_on or ask.work or not ask.question
    if needed:
        for number, group in enumerate(offer.groups):
            if group >= 0 and number not in reasons and (why := _why(group, ask, unclear=unclear)):
                reasons[number] = why
    before = " ".join(facts.asks[-1 - EARLIER_ASKS : -1])
    met = _compared(offer, ask, before, similarity, reasons)
    if unclear and needed and not ask.work and not met:
        for number in range(len(offer.groups)):
            reasons.setdefault(number, UNCLEAR)


def _why(number: int, ask: Ask, *, unclear: bool) -> str:
    """Why a coding agent's tools stay for a request about work; "" if they do not."""
    group = GROUPS[number]
    if group.role == "look":
        return "reads files: always kept"
    if group.role == "always":
        return "of use with any work"
    if group.role in ("helper", "special"):
        hint = GROUP_HINTS[number].found(ask)
        return f"asked for: '{hint}'" if hint else ""
    if unclear:
        return UNCLEAR
    if group.role == "write":
        # A small edit is made in a file that is there.
        hint = ask.creates or ("" if ask.edits and not ask.large else ask.edits or ask.runs)
    else:
        hint = ask.edits or ask.creates or ask.runs
    return f"asked for: '{hint}'" if hint else ""


def _compared(
    offer: Offer,
    ask: Ask,
    before: str,
    similarity: Similarity | None,
    reasons: dict[int, str],
) -> bool:
    """Tools of no known group: by their server's name and subject, and by their score. Whether
    any of them is met by the request."""
    if not offer.compared:
        return False
    near = similarity is not None
    rows = signals(offer.features, ask.text, before, similarity)
    marks = scores(rows, near=near)
    ranked = sorted(marks, reverse=True)
    enough = ranked[(len(marks) - 1) // KEPT_PART]
    floor = min(FLOOR if near else FLOOR_WORDS, ranked[0] - NEAR_BEST, enough)
    if not offer.coding:
        _file_commands(offer, ask, reasons)
        _sources(offer, marks, floor, reasons)
    wanted = _servers(offer, ask)
    for number, mark, row in zip(offer.compared, marks, rows, strict=True):
        server = offer.servers[number]
        # Beside a coding agent's own tools a server must be asked for: they can do most things.
        if server and (meets(row, careful=False) if offer.coding else mark >= floor):
            wanted.setdefault(server, "its words meet the request's")
    met = False
    for number, mark in zip(offer.compared, marks, strict=True):
        server = offer.servers[number]
        if server in wanted or (not server and mark >= floor):
            reasons.setdefault(number, wanted.get(server, "its words meet the request's"))
            met = True
    return met


def _servers(offer: Offer, ask: Ask) -> dict[str, str]:
    """The servers that the turn names, or whose subject it speaks of, with the reason."""
    spoken = [hints.found(ask) for _, hints in DOMAIN_HINTS]
    wanted: dict[str, str] = {}
    for server, about in offer.domains.items():
        hint = about.names.found(ask) or next(
            (spoken[domain] for domain in about.domains if spoken[domain]), ""
        )
        if hint:
            wanted[server] = f"asked for: '{hint}'"
    return wanted


def _file_commands(offer: Offer, ask: Ask, reasons: dict[int, str]) -> None:
    """A shell's commands as tools of their own: no file is handled without a few of them."""
    commands = [n for n in offer.compared if offer.own_names[n] in FILE_COMMANDS]
    if len(commands) < 4 or not FILE_HINTS.found(ask):
        return
    for number in commands:
        if offer.own_names[number] in FILE_BASICS:
            reasons.setdefault(number, "reaches, reads and writes files")


def _sources(offer: Offer, marks: list[float], floor: float, reasons: dict[int, str]) -> None:
    """Tools that bring what the best ones take: what asks for a postal code needs what finds it."""
    best = sorted(range(len(marks)), key=lambda at: -marks[at])[:SOURCES_FOR]
    words = [tool.words for tool in offer.features]
    for at in best:
        if marks[at] < floor + SOURCES_ABOVE:
            continue
        for other, overlap in enumerate(LEXICON.overlaps(words, offer.features[at].schema, "")):
            number = offer.compared[other]
            if (
                other != at
                and overlap[0] >= SOURCE_SHARE
                and parts_of(offer.own_names[number])[0] in FETCHING
            ):
                taker = offer.own_names[offer.compared[at]]
                reasons.setdefault(number, f"brings what {taker} takes")


@functools.lru_cache(2048)
def _session_needs(
    offer: Offer, text: str, similarity: Similarity | None
) -> tuple[tuple[int, str], ...]:
    """What one turn adds to a session's tools. It must not look at any other turn."""
    ask = read(text)
    needs: list[tuple[int, str]] = []
    wanted = {} if ask.small_talk else _session_servers(offer, ask, similarity)
    unclear = ask.foreign and not ask.work and not wanted
    for number, group in enumerate(offer.groups):
        server = offer.servers[number]
        if server in wanted:
            needs.append((number, wanted[server]))
        elif unclear:
            needs.append((number, UNCLEAR))
        elif not server and group < 0:
            needs.append((number, "not known: kept"))
        elif group >= 0 and GROUPS[group].role != "special":
            needs.append((number, "of use in any coding session"))
        elif group >= 0 and (hint := GROUP_HINTS[group].found(ask)):
            needs.append((number, f"asked for: '{hint}'"))
    return tuple(needs)


def _session_servers(offer: Offer, ask: Ask, similarity: Similarity | None) -> dict[str, str]:
    if not offer.domains:
        return {}
    wanted = _servers(offer, ask)
    rows = signals(offer.features, ask.text, "", similarity)
    for number, row in zip(offer.compared, rows, strict=True):
        server = offer.servers[number]
        if server and server not in wanted and meets(row, careful=True):
            wanted[server] = "its words meet the request's"
    return wanted


def _companions(offer: Offer, called: frozenset[str], reasons: dict[int, str]) -> None:
    """Tools that others are of no use without."""
    groups = {offer.groups[number] for number in reasons if offer.groups[number] >= 0}
    roles = {GROUPS[group].role for group in groups}
    used = {
        GROUPS[group].role
        for own, group in zip(offer.full_names, offer.groups, strict=True)
        if group >= 0 and own in called
    }
    servers = {offer.servers[number] for number in reasons} - {""}
    families = {
        tool.family
        for number, tool in zip(offer.compared, offer.features, strict=True)
        if number in reasons
    }
    for number, group in enumerate(offer.groups):
        if group < 0 or number in reasons:
            continue
        role = GROUPS[group].role
        if role == "look" and roles & {"edit", "write", "shell"}:
            reasons[number] = "files are read before they are changed"
        elif role in ("helper", "special") and group in groups:
            reasons[number] = "goes with another tool that stays"
        elif role == "helper" and GROUPS[group].name == "commands that run on" and "shell" in used:
            reasons[number] = "a command may still run"
    for number, tool in zip(offer.compared, offer.features, strict=True):
        if number in reasons:
            continue
        if offer.servers[number] in servers:
            reasons[number] = "goes with another tool of its server"
        elif tool.family in families and GATES & set(parts_of(offer.own_names[number])):
            reasons[number] = "opens the door to another tool that stays"
