"""The passes in the life of a call: what is asked of them here, and what becomes of what they say.

Runs inside ``write``, once per target tried, on the client's own bytes. A body whose structure is
not understood passes as it is, and so does everything when a pass fails: fewer tokens are never
worth a call.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from lynkr._native.headers import value_of
from lynkr._native.spans import (
    CHAT,
    MESSAGES,
    RESPONSES,
    RESULT,
    Block,
    Layout,
    ToolSpan,
)
from lynkr.config.settings import Tokens
from lynkr.gateway.sessions import Session, prompt_key, session_key
from lynkr.policies.access import ANONYMOUS, Principal
from lynkr.policies.prompt_cache import CacheWatch
from lynkr.transforms.attribution import HEADER
from lynkr.transforms.cache_plan import (
    Aim,
    goes_on,
    marking,
    replied,
    standing,
)
from lynkr.transforms.passes import Marks, Shaped, Want, shape
from lynkr.transforms.pieces import pieces_of
from lynkr.wire.message import Usage

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.rules import PlannedRoute

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
# Sessions by the headers that clients send: Claude Code, Codex, opencode, and proxies between.
SESSION_HEADERS = (
    b"x-claude-code-session-id", b"session-id", b"x-session-affinity", b"x-session-id",
)  # fmt: skip
AGENT_HEADER = b"x-claude-code-agent-id"
_PASSTHROUGH = b"x-lynkr-passthrough"
_YES = (b"true", b"1")
SAMPLED_EVERY = 32  # calls, of which one is estimated whole
SAMPLED_BYTES_MAX = 64 * 1024  # half a millisecond
_EARLIER = (b"previous_response_id", b"conversation")  # a Responses call may leave its past out
_NOTHING = (b"null", b'""')
_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')


def named_session(head: bytes) -> bytes | None:
    """The session's id, where the client names one."""
    for name in SESSION_HEADERS:
        value = value_of(head, name)
        if value is not None:
            return value
    return None


def said(exchange: Exchange, name: bytes) -> bool:
    """Whether the client switches something on by this header."""
    given = exchange.request.gateway_header(name)
    return given is not None and given.lower() in _YES


def passthrough(exchange: Exchange) -> bool:
    """Whether the client wants the call left as it is."""
    return said(exchange, _PASSTHROUGH)


def wanted(exchange: Exchange) -> bool:
    """Whether passes may touch this call at all; then its layout is worth knowing."""
    if exchange.api.name not in DIALECTS or passthrough(exchange):
        return False
    tokens = exchange.rules.settings.tokens
    tools, results = _modes(tokens, exchange.request.principal or ANONYMOUS)
    return tools != "off" or results != "off" or tokens.cache_marks or tokens.repeats


def _modes(tokens: Tokens, principal: Principal) -> tuple[str, str]:
    return principal.tools or tokens.tools, principal.results or tokens.results


def shaped(exchange: Exchange, planned: PlannedRoute) -> Shaped | None:
    """The call's body after the passes, for one target; ``None``: it is to go as it came."""
    layout, aim = exchange.layout, planned.aim
    exchange.shaped = None
    if not exchange.reshape or layout is None or aim is None or layout.messages is None:
        return None
    if _out_of_reach(layout, aim, len(exchange.original)):
        exchange.session, exchange.marks = None, ""
        return None
    principal = exchange.request.principal or ANONYMOUS
    scope = principal.name.encode()
    try:
        session = _session(exchange, planned, layout, scope)
        if session.aside:
            return None
        found = shape(
            exchange.original,
            layout.dialect,
            _want(exchange, planned, layout, session, principal, scope),
            aim,
            exchange.rules.standing.memo,
            layout,
        )
        if found is not None and found.originals:
            exchange.rules.standing.originals.keep(scope, found.originals, exchange.original)
    except Exception as error:  # a pass that fails must not fail the call
        exchange.desk.crashed(error)
        return None
    exchange.shaped = found
    return found


def _out_of_reach(layout: Layout, aim: Aim, size: int) -> bool:
    """Whether no pass could do anything: no tools, no results, and a prompt that is not kept. Such
    a call is not worth a session either."""
    if layout.tool_list or aim.cache_key or not aim.billing_header:
        return False
    if aim.cached and aim.long_enough(size):
        return False
    return all(block.kind != RESULT for block in layout.blocks)


def _want(
    exchange: Exchange,
    planned: PlannedRoute,
    layout: Layout,
    session: Session,
    principal: Principal,
    scope: bytes,
) -> Want:
    tokens = exchange.rules.settings.tokens
    tools, results = _modes(tokens, principal)
    body = exchange.original
    continues = named_past(body, layout)
    if continues:
        tools = "off"  # the words that it would choose by are not here
    marks: Marks = ""
    cache_key = ""
    if tokens.cache_marks:
        pays, moving = (True, True) if continues else marking(layout, grows=False)
        if pays and not moving:  # only then does it matter, and it reads the whole conversation
            moving = goes_on(body, layout, session.standing)
        exchange.moving = moving
        first = not continues and not replied(layout)
        marks = session.marks(time.monotonic(), first=first) if pays else ""
        if marks == "1h" and planned.aim is not None and not planned.aim.marks_1h:
            marks = "5m"
        exchange.marks = own_life(body, layout) if layout.marks else marks
        cache_key = exchange.cache_key
    return Want(
        tools=tools,  # type: ignore[arg-type]  # the settings' own words
        results=results,  # type: ignore[arg-type]
        repeats=tokens.repeats,
        marks=marks,
        moving=exchange.moving,
        cache_key=cache_key,
        scope=scope,
        rename=planned.model_token if planned.plan is None else None,
    )


def named_past(body: bytes, layout: Layout) -> bool:
    """Whether the call goes on from turns that the provider, or the gateway, keeps by a name."""
    spans = (layout.keys.get(name) for name in _EARLIER)
    return any(span is not None and body[span[0] : span[1]] not in _NOTHING for span in spans)


def own_life(body: bytes, layout: Layout) -> Marks:
    """How long the client's own marks ask to be kept: the last one, which most is written for."""
    rows: Iterable[Block | ToolSpan] = chain(
        reversed(layout.blocks), reversed(layout.system_blocks), layout.tool_list
    )
    for one in rows:
        if one.marked:
            return "1h" if _HOUR.search(body, one.start, one.end) else "5m"
    return "5m"


def _session(exchange: Exchange, planned: PlannedRoute, layout: Layout, scope: bytes) -> Session:
    """The conversation at this target; noted once per call, however many targets are tried."""
    if exchange.session is not None and exchange.session_target is planned:
        return exchange.session
    body, head = exchange.original, exchange.request.head
    named = (named_session(head) or b"") + b"\0" + (value_of(head, AGENT_HEADER) or b"")
    target = planned.provider.encode() + b"\0" + planned.route.model.encode()
    key = session_key(scope, named, target, body, layout)
    exchange.cache_key = "lynkr-" + key.hex()[:20]
    sessions = exchange.rules.standing.sessions
    session = sessions.known(key)
    if session is None:
        session = sessions.find(key, prompt_key(scope, body, layout))
    exchange.session, exchange.session_target = session, planned
    return session


def on_its_way(exchange: Exchange, planned: PlannedRoute) -> None:
    """The call is about to be sent: its session hears of it, and the first of a session may have to
    wait for another one's prompt to be written."""
    session, layout = exchange.session, exchange.layout
    if session is None or layout is None:
        return
    exchange.messages = len(layout.message_list)
    try:
        first = not replied(layout) and not named_past(exchange.original, layout)
        if first and not session.turns:
            exchange.prefix = _prefix(exchange, planned, layout)
        session.seen(time.monotonic(), first=first)
        if planned.aim is not None and planned.aim.marks:
            session.standing = standing(exchange.original, layout)
        _sampled(exchange, layout)
    except Exception as error:  # what is only remembered must not fail the call either
        exchange.desk.crashed(error)


def _prefix(exchange: Exchange, planned: PlannedRoute, layout: Layout) -> bytes:
    """Names the part of the prompt that other sessions share: tools and system, at one target with
    one key. Empty where nothing is shared or kept."""
    body, aim, shaped_ = exchange.original, planned.aim, exchange.shaped
    if aim is None or not aim.cached:
        return b""
    if aim.style == "explicit" and not layout.marks and not (exchange.marks and aim.marks):
        return b""
    spans = [span for span in (layout.tools, layout.system) if span is not None]
    if not aim.long_enough(sum(end - start for start, end in spans)):
        return b""
    digest = hashlib.blake2b(planned.provider.encode(), digest_size=16)
    digest.update(b"\0%b\0%d\0" % (planned.route.model.encode(), exchange.key_index))
    if shaped_ is not None and shaped_.tools is not None:
        digest.update(bytes(shaped_.tools.kept))  # with other tools it is another prompt
    if layout.tools is not None:
        digest.update(body[slice(*layout.tools)])
    if layout.system is not None:
        start, end = layout.system
        for block in layout.system_blocks[:1]:
            text = None if block.plain else block.text
            if text is not None and body.startswith(HEADER, text[0]):
                start = block.end  # Claude Code's attribution, which differs with every thread
        digest.update(body[start:end])
    return digest.digest()


def begun(exchange: Exchange) -> None:
    """A good reply has begun: the prefix of its prompt can be read from now on."""
    planned = exchange.planned
    ttl_s = 300 if planned is None or planned.cache_rules is None else planned.cache_rules.ttl_s
    exchange.rules.standing.first_writes.begun(exchange.prefix, time.monotonic() + ttl_s)


def learn(exchange: Exchange, planned: PlannedRoute, usage: Usage) -> float:
    """How many of the target's tokens an estimated one is; a call whose prompt was estimated
    (``_sampled``) and then counted by its provider corrects that."""
    calibration = exchange.rules.standing.calibration
    if exchange.estimate and usage.input_tokens is not None:
        cached = (usage.prompt_cache_read_tokens or 0) + (usage.prompt_cache_write_tokens or 0)
        calibration.learn(planned.family, exchange.estimate, usage.input_tokens + cached)
    return calibration.factor(planned.family)


def _sampled(exchange: Exchange, layout: Layout) -> None:
    """Every so many calls, how many tokens the prompt should be: counting each would cost more than
    all passes together."""
    standing = exchange.rules.standing
    standing.calls += 1
    body = exchange.original
    if standing.calls % SAMPLED_EVERY == 1 and len(body) <= SAMPLED_BYTES_MAX:
        whole = sum(piece.tokens for piece in pieces_of(body, layout))
        saved = exchange.shaped.saved if exchange.shaped is not None else 0
        exchange.estimate = max(whole - saved, 0)


def passes_of(found: Shaped | None) -> tuple[str, ...]:
    """The passes that changed something, in their order."""
    if found is None:
        return ()
    names = dict.fromkeys(note.stage for note in found.notes)
    if found.tools is not None and not all(found.tools.kept):
        names = {"tools": None, **names}
    if found.marked:
        names["marks"] = None
    return tuple(names)


def settle_session(exchange: Exchange, usage: Usage, now: float) -> None:
    """After a call: what its usage says of the session's prompt cache. A session whose cache is
    read less than an unchanged request would have read it is left alone from here on."""
    session, planned = exchange.session, exchange.planned
    if session is None or planned is None or planned.cache_rules is None:
        return
    if exchange.reply_status != 200 or usage.input_tokens is None:
        return
    messages = exchange.messages
    extends = session.turns > 1 and messages >= session.messages
    session.messages = messages
    if session.watch is None:
        session.watch = CacheWatch(planned.cache_rules)
    reason = session.watch.observe(now, usage, extends)
    changed = exchange.shaped is not None and exchange.shaped.changed
    if reason is not None and changed and not session.aside:
        session.aside = reason
        exchange.rules.standing.sessions.aside_total += 1
