"""From one target to the next: what a failed try leads to, and what is kept of a good reply.

Only before the first byte has reached the client. The next target is prepared first; only when it
can take the call is the failure of this one set aside, so that a client always sees either a reply
or the last provider's own error.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import msgspec

from lynkr._native.headers import value_of
from lynkr.errors import GatewayError
from lynkr.gateway.shaping import on_its_way
from lynkr.gateway.writing import caller_of, write
from lynkr.policies.failover import backoff_s, blame, retry_after_s
from lynkr.wire.message import Message, Part

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.translate import Translation

# What ``write`` sets for one target.
_OF_TARGET = (
    "planned", "head", "body", "translation", "dropped", "edited",
    "shaped", "session", "session_target", "marks", "moving", "cache_key",
)  # fmt: skip
KEY_ASIDE_S = 60.0  # a refused key rests this long when the provider does not say


def refused(exchange: Exchange, outbound: Outbound) -> bool:
    """An error reply's head is in. True: another try was prepared, and this one is to be dropped.

    What the request itself is to blame for passes at once, and so does anything without a chain.
    """
    planned = exchange.planned
    assert planned is not None
    whose = blame(outbound.status)
    now = time.monotonic()
    given = value_of(outbound.head, b"retry-after")
    wait = retry_after_s(given.decode("latin-1"), time.time()) if given is not None else None
    if whose == "target":
        planned.breaker.failed(now, wait)
    else:
        planned.breaker.succeeded()  # it answers; what it says is another matter
    if whose in ("request", "nobody"):
        return False
    if whose == "key" and planned.keys is not None:
        planned.keys.put_aside(exchange.key_index, now + (wait or KEY_ASIDE_S))
        if planned.keys.any_free(now) and exchange.rules.standing.budget.take():
            exchange.failed.append(planned.provider)
            elsewhere(exchange)
            write(exchange)
            return True
    if planned.route.endpoint.auth == "client" and whose == "key":
        return False  # the caller's own credential: nobody else's may stand in for it
    if advance(exchange):
        return True
    return whose == "target" and _again(exchange, wait)


def advance(exchange: Exchange) -> bool:
    """Prepare the next target that lets calls pass and can carry this one."""
    before = [getattr(exchange, slot) for slot in _OF_TARGET]
    planned = exchange.planned
    assert planned is not None
    failed = planned.provider
    now = time.monotonic()
    following = planned.following
    while following is not None:
        if following.breaker.allows(now) and exchange.rules.standing.budget.take():
            exchange.planned = following
            try:
                write(exchange)
            except GatewayError:
                pass  # it has no place for something of this request: the one after might
            else:
                exchange.failed.append(failed)
                exchange.tries = 0
                elsewhere(exchange)
                on_its_way(exchange, following)
                return True
        following = following.following
    for slot, value in zip(_OF_TARGET, before, strict=True):
        setattr(exchange, slot, value)
    return False


def elsewhere(exchange: Exchange) -> None:
    """The call leaves a target, or a key: what was learned of its prompt there is not true of the
    next, and somebody else may write the cache."""
    exchange.estimate = 0
    prefix, exchange.prefix = exchange.prefix, b""
    if prefix:
        exchange.rules.standing.first_writes.ended(prefix, exchange)


def _again(exchange: Exchange, wait: float | None) -> bool:
    """The same target once more, after a pause, where the configuration asks for that."""
    settings = exchange.rules.settings.failover
    planned = exchange.planned
    assert planned is not None
    if exchange.tries > settings.retries_max or (wait or 0.0) > settings.retry_wait_s_max:
        return False
    if not planned.breaker.allows(time.monotonic()) or not exchange.rules.standing.budget.take():
        return False
    pause = backoff_s(exchange.tries, wait, random.random())  # noqa: S311  # spreads, hides nothing
    exchange.failed.append(planned.provider)
    exchange.timer = asyncio.get_running_loop().call_later(pause, exchange.again)
    return True


def keep_reply(exchange: Exchange, translation: Translation, parts: list[Part]) -> None:
    """Remember a reply that its client may continue by id."""
    asked, reply_id = translation.asked, translation.context.reply_id
    if not exchange.api.kept_by_id or asked.store is False or not reply_id:
        return
    exchange.rules.standing.conversations.keep(
        caller_of(exchange),
        reply_id,
        [*map(_unmarked, translation.request.messages), Message(role="assistant", parts=parts)],
        exchange.request.body_length + exchange.reply_bytes,
        time.monotonic(),
    )


def _unmarked(message: Message) -> Message:
    """A message without prompt-cache marks: each turn has its own, at its own end."""
    if all(getattr(part, "cache", None) is None for part in message.parts):
        return message
    parts = [
        part if getattr(part, "cache", None) is None else msgspec.structs.replace(part, cache=None)
        for part in message.parts
    ]
    return msgspec.structs.replace(message, parts=parts)
