"""What it costs to move a conversation to another model: the prompt is in the cache of one, and the
other has never seen it.

Both ways are billed over the next call and those expected after it, by each provider's own rules
for its prompt cache: what stood in the request before is read, what is new is written, and the
first call elsewhere writes all of it. Prices are those of a prompt as long as the one at hand.
"""

from __future__ import annotations

import math

import msgspec

from lynkr.policies.bill import MILLION
from lynkr.policies.prompt_cache import TTL_LONG_S, TTL_UNSAID_S
from lynkr.policies.routing.facts import Switch
from lynkr.policies.routing.offers import Offer

# Of a conversation nothing else is known of. How long one goes on is about as spread out as how
# long tasks are; these are the numbers that lynkr 9 took, of coding sessions.
CALLS_LEFT = 10  # after the next
OUTPUT_TOKENS = 800  # of a reply
NEW_TOKENS = 1200  # beside the reply, that each further call adds: results, words
_CACHE_TOKENS_MIN = 1024  # of a provider that does not say, as ``transforms.cache_plan`` takes it


class Course(msgspec.Struct, frozen=True):
    """What a row of calls costs at one offer, in dollars: the n-th call after the first costs
    ``later + (n - 1) * growth``."""

    first: float
    later: float
    growth: float
    once: float  # of ``first``, what a prompt that was in the cache would not have cost

    def dollars(self, calls: float) -> float:
        """Of the first ``calls``, at least 1."""
        more = calls - 1
        return self.first + more * self.later + more * (more - 1) / 2 * self.growth


def cache_life_s(offer: Offer) -> float:
    """How long a prompt is taken to stay in an offer's cache after its last call.

    An hour where nobody says anything of the cache: the longest that a provider states. Where there
    is none, the shortest: only a pause makes a decision old, not the want of a cache.
    """
    if offer.rules is None:
        return TTL_LONG_S
    return float(TTL_UNSAID_S if offer.rules.style == "none" else offer.rules.ttl_s)


def course(offer: Offer, prompt_tokens: int, output_tokens: int, *, warm: bool) -> Course | None:
    """The calls of a conversation from here on; ``None`` where the offer's prices are not known.

    ``warm``: all but what is new of the prompt is in the offer's cache.
    """
    prices = offer.prices
    if prices is None or prices.input is None or prices.output is None:
        return None
    prompt = prompt_tokens * offer.factor
    reply = (output_tokens or OUTPUT_TOKENS) * offer.factor
    new = reply + NEW_TOKENS * offer.factor
    entry, said = prices.input, prices.output
    read, write = prices.cache_read, prices.cache_write
    if prices.threshold is not None and prompt > prices.threshold:
        entry = entry if prices.input_above is None else prices.input_above
        said = said if prices.output_above is None else prices.output_above
        read = read if prices.cache_read_above is None else prices.cache_read_above
        write = write if prices.cache_write_above is None else prices.cache_write_above
    rules = offer.rules
    least = _CACHE_TOKENS_MIN if rules is None else rules.tokens_min
    if prompt < least or (rules is not None and rules.style == "none"):
        read = write = entry
    read = entry if read is None else read
    write = entry if write is None else write
    fresh = min(new, prompt)
    cold = prompt * write
    kept = (prompt - fresh) * read + fresh * write
    spoken = reply * said
    return Course(
        first=((kept if warm else cold) + spoken) / MILLION,
        later=(prompt * read + new * write + spoken) / MILLION,
        growth=new * read / MILLION,
        once=0.0 if warm else (cold - kept) / MILLION,
    )


def consider(
    stay: Offer,
    move: Offer,
    prompt_tokens: int,
    output_tokens: int,
    *,
    warm: bool,
    calls_left: int = CALLS_LEFT,
) -> Switch | None:
    """Staying against moving; ``None`` where prices are not known.

    ``prompt_tokens`` and ``output_tokens`` (0: not known) are estimates, before the offers' own
    factors. ``warm``: the prompt is in the cache of where the conversation is. ``calls_left`` are
    expected after the next one.
    """
    staying = course(stay, prompt_tokens, output_tokens, warm=warm)
    moving = course(move, prompt_tokens, output_tokens, warm=False)
    if staying is None or moving is None:
        return None
    return Switch(
        stay_usd=staying.dollars(1 + calls_left),
        move_usd=moving.dollars(1 + calls_left),
        once_usd=moving.once,
        break_even_turns=_break_even(staying, moving),
        warm=warm,
    )


def _break_even(staying: Course, moving: Course) -> float:
    """The calls, at least 1, after which moving has cost no more than staying; inf: it never does.

    The difference of both after 1 + x calls is a polynomial of the second degree in x.
    """
    ahead = moving.first - staying.first
    if ahead <= 0:
        return 1.0
    square = (moving.growth - staying.growth) / 2
    slope = moving.later - staying.later - square
    if square == 0:
        return 1 + ahead / -slope if slope < 0 else math.inf
    under = slope * slope - 4 * square * ahead
    if under < 0:
        return math.inf
    root = math.sqrt(under)
    # Of both roots the smaller that lies ahead; written so that nothing cancels out.
    half = -(slope + math.copysign(root, slope)) / 2
    ends = [half / square]
    if half:
        ends.append(ahead / half)
    return 1 + min((end for end in ends if end > 0), default=math.inf)
