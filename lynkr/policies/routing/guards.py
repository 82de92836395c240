"""Which model of a tier can take a call at all: the last word in a decision.

A call that its model would refuse is worth nothing, so the guards may leave the tier: for the next
ones above it, then for those below. Where nobody can take it, it goes where it was decided, and the
provider says what is wrong with it.

Some lacks are no refusal: a call is fitted to a model that does not think, or writes less than was
asked for (``transforms.fitting``, or the translation). They decide between models of one tier, and
never leave it.
"""

from __future__ import annotations

from typing import NamedTuple

from lynkr.policies.routing.facts import Seen
from lynkr.policies.routing.offers import Offer, Offers, of_tier, place_of

# Of the context window. Prompt tokens are estimated: within 10 % on 19 of 20 texts where the
# vocabulary is known (`python -m eval counts`), and the reply needs room too.
PROMPT_SHARE_MAX = 0.85
NO_TOOLS = "no_tools"  # said of the few models that take none; silence means that tools work


class Pick(NamedTuple):
    """An offer. ``why`` says what another one lacks that would have come first; "" if none."""

    tier: int
    place: int  # in the tier; -1: nothing at all is offered
    why: str


def lack(offer: Offer, seen: Seen) -> str:
    """What an offer lacks to take a call, in a few words; "" if it can take it.

    Needs that the offer's ``drops`` tolerate (named as losses are, "max_tokens" for the length of
    the answer) are none. Without tools that length is what the call is about: the answer would be
    cut off. Coding tools ask for room that their calls do not need.
    """
    window = offer.context_window
    if window is not None and seen.prompt_tokens * offer.factor > PROMPT_SHARE_MAX * window:
        return f"has a context window of {window} tokens"
    known = offer.capabilities
    if known is not None:
        if seen.images and "images" not in known and "image" not in offer.drops:
            return "takes no images"
        if (seen.tools or seen.calls) and NO_TOOLS in known:
            return "takes no tools"
    return "" if seen.tools else _too_short(offer, seen)


def wish(offer: Offer, seen: Seen) -> str:
    """What an offer that can take a call lacks to take it as it was meant; "" if nothing."""
    known = offer.capabilities
    thinks = known is None or "reasoning" in known or "reasoning" in offer.drops
    if seen.thinking and not thinks:
        return "cannot think"
    return _too_short(offer, seen)


def _too_short(offer: Offer, seen: Seen) -> str:
    most = offer.output_tokens_max
    if most is not None and seen.output_tokens > most and "max_tokens" not in offer.drops:
        return f"answers with at most {most} tokens"
    return ""


def pick(offers: Offers, tier: int, seen: Seen, keep: int = 0, *, held: bool = False) -> Pick:
    """The offer that takes a call decided for ``tier``.

    ``keep`` is the digest of the one that took the conversation's last call. It goes on while it
    can, so that models of a tier do not take turns; with ``held`` (a tool exchange is under way)
    also where the guards had sent it to another tier.
    """
    chain = of_tier(offers, tier)
    place = place_of(chain, keep)
    if place >= 0 and not lack(chain[place], seen):
        return Pick(tier, place, "")
    if held:
        for other in range(len(offers)):
            place = place_of(offers[other], keep)
            if place >= 0 and not lack(offers[other][place], seen):
                return Pick(other, place, _why(offers, tier, seen))
    if _best(chain, seen) == 0:  # as a rule
        return Pick(tier, 0, "")
    order = [*range(tier, len(offers)), *range(min(tier, len(offers)) - 1, -1, -1)]
    for other in order:
        index = _best(offers[other], seen)
        if index >= 0:
            first = other == tier and index == 0
            return Pick(other, index, "" if first else _why(offers, tier, seen))
    place = place_of(chain, keep)
    for other in order:
        if offers[other]:
            why = _why(offers, other, seen)
            return Pick(other, place if other == tier and place >= 0 else 0, f"{why}, as do all")
    return Pick(tier, -1, "nothing is offered")


def _best(chain: tuple[Offer, ...], seen: Seen) -> int:
    """The first that lacks nothing, else the first that can take the call; -1: none can."""
    found = -1
    for index in range(len(chain)):
        if not lack(chain[index], seen):
            if not wish(chain[index], seen):
                return index
            if found < 0:
                found = index
    return found


def _why(offers: Offers, tier: int, seen: Seen) -> str:
    """What the first offer of a tier lacks."""
    chain = of_tier(offers, tier)
    if not chain:
        return "nothing is offered there"
    lacking = lack(chain[0], seen) or wish(chain[0], seen)
    return f"{chain[0].name} {lacking}" if lacking else ""
