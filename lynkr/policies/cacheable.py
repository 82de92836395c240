"""Whether the answer to a call may be kept, and given again to the same or a reworded one.

The default gives only what a new call would have given: answers that do not depend on chance, on
tools, on what the provider keeps or on what somebody finds in the web today. A key that asks for
reuse (mode "semantic") gives up chance as well: any answer to a request is as good as another.
"""

from __future__ import annotations

import msgspec

from lynkr.config.settings import CacheMode
from lynkr.policies.cache_facts import WHOLE, Facts
from lynkr.policies.side_calls import REPEATABLE


class Cacheable(msgspec.Struct, frozen=True):
    """What may be done with one call."""

    exact: bool  # the same request may have the same answer
    semantic: bool  # and so may a reworded one, if all it asks is one question
    flight: bool  # the same request, sent meanwhile, may wait for this one's answer
    why: str  # one sentence
    rule: str  # one word for it: the label of metrics


def _no(rule: str, why: str) -> Cacheable:
    return Cacheable(False, False, False, why, rule)


_OFF = _no("off", "The cache is off for this key.")
_NOT_UNDERSTOOD = _no("not_understood", "The body's structure is not understood.")
_TOOLS = _no("tools", "It offers tools that the model may call.")
_MID_EXCHANGE = _no("mid_exchange", "It holds calls of tools and their results.")
_BACKGROUND = _no("background", "It is to run in the background at the provider.")
_CONTINUES = _no("continues", "It goes on from something that the provider keeps.")
_KEPT = _no(
    "kept_by_provider", "The provider keeps the reply, and the client may come back to its id."
)
_MEDIA = _no("media", "It holds more than text.")
_CANDIDATES = _no("candidates", "It asks for more than one answer.")
_CHANCE = _no("not_deterministic", "Its answer is a matter of chance: the temperature is not 0.")


def _ok(why: str, *, semantic: bool = False) -> Cacheable:
    return Cacheable(True, semantic, True, why, "ok")


_WHOLE = {
    "count_tokens": _ok("The same text has the same number of tokens."),
    "embeddings": _ok("The same text has the same embedding."),
}
_SIDE = _ok("A side call of the client's, whose answer may be repeated.")
_COLD = _ok("Its answer does not depend on chance: the temperature is 0.")
_SEEDED = _ok("It names a seed, so it asks for the same answer each time.")
_REUSED = _ok("The key takes earlier answers to the same request.")
_REWORDED = _ok("The key takes earlier answers to the same question.", semantic=True)


def judge(facts: Facts, side: str, mode: CacheMode, *, request_bytes_max: int) -> Cacheable:
    """What may be done with a call. ``side``: the kind of side call that it is, or ""."""
    if mode == "off":
        return _OFF
    if not facts.understood:
        return _NOT_UNDERSTOOD
    if facts.tools and not facts.tools_unused:
        return _TOOLS
    if facts.size > request_bytes_max:
        return _no("too_large", f"It is larger than {request_bytes_max} bytes.")
    if facts.api in WHOLE:
        return _WHOLE[facts.api]
    against = _against(facts)
    if against is not None:
        return against
    if side:
        if side in REPEATABLE:
            return _SIDE
        return _no("side_call", f"It is made for what it does, not for its answer: {side}.")
    if mode == "semantic":
        return _REWORDED if _is_question(facts) else _REUSED
    if facts.temperature == 0:
        return _COLD
    # https://platform.openai.com/docs/api-reference/chat/create, `seed`: "repeated requests with
    # the same seed and parameters should return the same result".
    return _SEEDED if facts.seeded else _CHANCE


def _against(facts: Facts) -> Cacheable | None:
    """What speaks against a call, whatever its key allows."""
    if facts.mid_exchange:
        return _MID_EXCHANGE
    if facts.background:
        return _BACKGROUND
    if facts.continues:
        return _CONTINUES
    if facts.kept_by_provider:
        return _KEPT
    if facts.service_run:
        return _no("service_run", f"The provider searches or runs things: {facts.service_run}.")
    if facts.other_media:
        return _MEDIA
    if facts.candidates > 1:
        return _CANDIDATES
    if facts.unknown:
        return _no("unknown_field", f"It has a field whose meaning is not known: {facts.unknown}.")
    return None


def _is_question(facts: Facts) -> bool:
    """Whether it may be one question, and its answer one that does for other words. A seed, log
    probabilities and visible thinking belong to the words that were really sent."""
    return (
        facts.users == 1
        and facts.turns == 0
        and not facts.seeded
        and not facts.logprobs
        and not facts.prediction
        and not facts.thinking
    )
