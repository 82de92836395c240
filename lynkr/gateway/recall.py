"""The cache in the life of a call: whether a kept answer will do, and what is kept of a new one.

``look_up`` runs between route and write, so that a hit costs neither passes nor translation.
Nothing here may fail a call: what goes wrong is logged, and the call is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lynkr._native.headers import value_of
from lynkr._native.spans import Layout
from lynkr.errors import GatewayError
from lynkr.gateway.answers import Answers, Words
from lynkr.gateway.cache_keys import Names, epoch_of, scope_of
from lynkr.gateway.caching import MISS, Caching, Hit, Question
from lynkr.gateway.flights import Flight
from lynkr.gateway.following import end
from lynkr.gateway.lanes import translated_head
from lynkr.gateway.replay import Content, kept, read, rendered
from lynkr.gateway.shaping import DIALECTS, passthrough, said
from lynkr.policies.access import ANONYMOUS
from lynkr.policies.cache_facts import WHOLE, facts_of, question_of
from lynkr.policies.cacheable import Cacheable, judge
from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import RULES, Verdict, choose
from lynkr.policies.side_calls import side_call
from lynkr.policies.storable import body_storable
from lynkr.stores.answers import Answer
from lynkr.stores.shelf import Entry
from lynkr.wire.message import Response

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange

APIS = frozenset((*DIALECTS, *WHOLE))  # replies of the second kind are kept as they came
WORDS_MAX = 512  # questions of up to 600 bytes; about 1 KB each with what is made of them


def worth_reading(exchange: Exchange) -> bool:
    """Whether the layout of the body is needed to tell if the cache may have a part in it."""
    mode = (exchange.request.principal or ANONYMOUS).cache or exchange.rules.settings.cache.mode
    return mode != "off" and exchange.api.name in DIALECTS and not passthrough(exchange)


def look_up(exchange: Exchange, send: Callable[[Exchange], None]) -> bool:
    """Answer the call from the cache, or from another call's reply. True: it is answered, or
    waits, and ``send`` is called if it must be sent after all."""
    planned = exchange.planned
    assert planned is not None
    api = exchange.api.name
    if api not in APIS or planned.lane == "estimate" or passthrough(exchange):
        return False
    try:
        return _look_up(exchange, send)
    except Exception as error:  # the cache must not fail a call
        if not isinstance(error, GatewayError):  # that is: no answer has the form it asks for
            exchange.desk.crashed(error)
        exchange.caching, exchange.cache_rule = None, "failed"
        return False


def _look_up(exchange: Exchange, send: Callable[[Exchange], None]) -> bool:
    errand = exchange.errand
    cache, principal = exchange.rules.settings.cache, exchange.request.principal or ANONYMOUS
    assert exchange.planned is not None
    verdict = verdict_of(
        exchange.api.name,
        exchange.original,
        exchange.layout,
        principal.cache or exchange.planned.cache_mode,
        cache.request_bytes_max,
    )
    exchange.cache_rule = verdict.rule
    if errand is None and not (verdict.exact or verdict.semantic):
        return False
    found = _caching(exchange, send)
    if found is None:
        if errand is None:
            exchange.cache_rule = "not_understood"
        return False
    caching, names = found
    if errand is not None:
        exchange.caching = caching
        caching.store = caching.look_up = False
        caching.flight = Flight(exchange.rules.standing.answers.flights, caching.key, exchange)
        return False
    answers = exchange.rules.standing.answers
    answers.start()
    now = time.time()
    if caching.look_up:
        entry = answers.shelf.exact(caching.key, caching.scope, caching.epoch, now)
        if entry is not None:
            return _serve(exchange, caching, entry, Hit("exact", entry.id), now)
        flight = answers.flights.find(caching.key)
        if flight is not None:
            exchange.caching = caching
            caching.flight = flight
            answers.flights.joined_total += 1
            flight.join(exchange)
            return True
    if verdict.semantic:
        _note_question(exchange, caching, names, answers)
        if caching.question is not None and caching.look_up:
            near = nearest(exchange, caching, answers, now)
            if near is not None:
                return _serve(exchange, caching, near[0], near[1], now)
    exchange.caching = caching
    exchange.cache_line = MISS
    if caching.look_up:
        caching.flight = answers.flights.start(caching.key, exchange)
    else:
        caching.flight = Flight(answers.flights, caching.key, exchange)
    return False


def verdict_of(
    api: str, body: bytes, layout: Layout | None, mode: str, request_bytes_max: int
) -> Cacheable:
    """Whether a call may be answered from the cache, and why not."""
    facts = facts_of(api, body, layout)
    side = side_call(api, body, layout) if layout is not None and not facts.tools else ""
    return judge(facts, side, mode, request_bytes_max=request_bytes_max)  # type: ignore[arg-type]


def _caching(exchange: Exchange, send: Callable[[Exchange], None]) -> tuple[Caching, Names] | None:
    planned, request = exchange.planned, exchange.request
    assert planned is not None
    cache = exchange.rules.settings.cache
    principal = request.principal or ANONYMOUS
    given = request.gateway_header(b"x-lynkr-cache-epoch") or b""
    epoch = epoch_of(cache.epoch, given)
    lent = planned.route.endpoint.auth == "client"
    scope = scope_of(principal, cache.scope, request, lent=lent)
    names = Names(
        exchange.api.name, scope, epoch, exchange.rules.standing.answers.settings.model_dir,
        planned, request, exchange.original, exchange.layout,
    )  # fmt: skip
    if names.key is None:
        return None
    control = (value_of(request.head, b"cache-control") or b"").lower()
    no_store = b"no-store" in control or said(exchange, b"x-lynkr-no-store")
    no_cache = b"no-cache" in control or said(exchange, b"x-lynkr-no-cache")
    caching = Caching(
        scope=scope,
        key=names.key,
        epoch=epoch,
        target=planned,
        store=not no_store,
        look_up=not (no_cache or b"no-store" in control),
        go_on=send,
    )
    return caching, names


def _note_question(exchange: Exchange, caching: Caching, names: Names, answers: Answers) -> None:
    """The question in the form in which it is compared; none for what no other wording may
    answer."""
    layout = exchange.layout
    asked = question_of(exchange.original, layout) if layout is not None else None
    if asked is None:
        return
    words = words_of(asked.text, answers)
    if words.against:
        exchange.cache_rule = words.against
        return
    partition = names.partition(asked.span)
    if partition is None:
        return
    caching.partition = partition
    caching.question = Question(asked.span, words.text, words.features, words.vector)


def words_of(text: str, answers: Answers) -> Words:
    """Read once, as long as it is asked again and again: half of what a hit costs."""
    found = answers.words.get(text)
    if found is None:
        plain = canon(text)
        if plain.fleeting:
            found = Words("", b"", b"", "fleeting")
        elif plain.language != "en" and not answers.settings.model_dir:
            found = Words("", b"", b"", "language")
        else:
            found = Words(plain.text, features(plain), answers.vector(plain.text))
        if len(answers.words) >= WORDS_MAX:
            del answers.words[next(iter(answers.words))]
        answers.words[text] = found
    return found


def nearest(
    exchange: Exchange, caching: Caching, answers: Answers, now: float
) -> tuple[Entry, Hit] | None:
    """The nearest kept answer to another wording of the question that the guard lets pass."""
    asked = caching.question
    assert asked is not None
    cache = exchange.rules.settings.cache
    principal = exchange.request.principal or ANONYMOUS
    bound = cache.max_false_hit if principal.max_false_hit is None else principal.max_false_hit
    bar = answers.bar(caching.scope, caching.partition, bound)
    if bar.off:
        exchange.cache_rule = "false_hits"
        return None
    rule = RULES[cache.rule]
    floor = rule.similarity_min
    if bar.similarity_min > floor:
        rule = msgspec.structs.replace(rule, similarity_min=bar.similarity_min)
    near = answers.shelf.nearest(caching.partition, asked.vector, caching.scope, caching.epoch, now)
    if not near:
        return None
    choice = choose(asked.features, [(entry.features, one) for entry, one in near], rule)
    if choice.index >= 0:
        entry, similarity = near[choice.index]
        coverage = choice.verdicts[choice.index].coverage
        return entry, Hit("semantic", entry.id, similarity, coverage)
    exchange.cache_rule = _why(choice.verdicts[0], near[0][1], floor)
    return None


def _why(nearest: Verdict, similarity: float, floor: float) -> str:
    """Why the nearest question's answer would not do: one word."""
    if not nearest.vetoes:
        return "lead"  # another one is as near
    if nearest.vetoes[0] == "similarity":
        return "raised_bar" if similarity >= floor else "ok"  # there is none that is near at all
    return nearest.vetoes[0]


# --- a hit ----------------------------------------------------------------------------------------


def _serve(exchange: Exchange, caching: Caching, entry: Entry, hit: Hit, now: float) -> bool:
    answers = exchange.rules.standing.answers
    exchange.caching = caching
    content = answers.content(entry)
    if content is not None:
        return _answer(exchange, entry, hit, content, now)

    def fetched(content: Content | None) -> None:
        if exchange.settled:
            return
        try:
            # It may have been forgotten meanwhile.
            served = (
                content is not None
                and answers.shelf.find(entry.id) is entry
                and _answer(exchange, entry, hit, content, now)
            )
        except Exception as error:
            exchange.desk.crashed(error)
            served = False
        if not served:
            exchange.cache_line = MISS
            caching.flight = Flight(answers.flights, caching.key, exchange)
            exchange.sent_after_all()

    answers.fetch(entry, fetched)
    return True


def _answer(exchange: Exchange, entry: Entry, hit: Hit, content: Content, now: float) -> bool:
    """Send a kept answer."""
    planned, caching = exchange.planned, exchange.caching
    assert planned is not None and caching is not None
    answers = exchange.rules.standing.answers
    semantic = hit.kind == "semantic"
    if entry.kind == "body":
        body, streamed, usage = content.raw, False, hit.usage
    else:
        streamed, usage = exchange.stream, content.usage()
        body = rendered(
            content,
            exchange.api.format,
            exchange.original,
            caching.question.span if semantic and caching.question is not None else None,
            asked=planned.asked,
            renames=planned.rename is not None or planned.plan is not None,
            thinking=not semantic,
            stream=streamed,
            call_id=exchange.request_id.removeprefix("req_"),
            stored_at=entry.stored_at,
        )
    hit = Hit(hit.kind, hit.entry, hit.similarity, hit.coverage, now - entry.stored_at, usage)
    caching.hit = hit
    exchange.cache_line = hit.lines()
    exchange.reply_status = 200
    exchange.times_first_ns = time.monotonic_ns()
    head, _ = translated_head(
        200, b"", exchange.request, planned.cached_lines + exchange.own_lines,
        exchange.request_id, (exchange.times_first_ns - exchange.request.ready_ns) // 1000, (),
        saved=0, streamed=streamed, length=len(body),
    )  # fmt: skip
    exchange.reply_bytes = len(body)
    answers.shelf.used(entry, now)
    exchange.inbound.send(head + body)
    end(exchange)
    if semantic and answers.samples(caching.scope, caching.partition):
        try:
            exchange.desk.shadow(exchange, entry, hit, content)
        except Exception as error:  # the client has its answer already
            exchange.desk.crashed(error)
    return True


# --- what is kept ---------------------------------------------------------------------------------


def settled(exchange: Exchange) -> None:
    """The call is over: its reply is kept, and whoever waits for it is told."""
    response: Response | None = None
    caching = exchange.caching
    if caching is not None and caching.flight is not None:
        flight, caching.flight = caching.flight, None
        if flight.leader is not exchange:
            flight.leave(exchange)
        elif not flight.complete:
            flight.failed()
        else:
            try:
                response = _keep(exchange, caching, flight)
            except Exception as error:
                exchange.desk.crashed(error)
            flight.settled(_served_now)
    if exchange.errand is not None:
        exchange.errand(response)


def _keep(exchange: Exchange, caching: Caching, flight: Flight) -> Response | None:
    """Keep the reply, if it is one that may be; in any case read it."""
    response: Response | None = None
    raw, why = b"", ""
    if exchange.ended_by != "complete" or flight.overflown or not flight.pieces:
        why = "too_large" if flight.overflown else "incomplete"
    elif exchange.api.name in WHOLE:
        raw = b"".join(flight.pieces)
        if flight.encoding is not None or not body_storable(exchange.api.name, raw):
            raw, why = b"", "not_a_reply"
    else:
        try:
            response = read(
                exchange.api.format, b"".join(flight.pieces), flight.encoding,
                stream=flight.streamed,
            )  # fmt: skip
        except ValueError:
            why = "not_a_reply"
        else:
            raw, why = kept(response)
    answers = exchange.rules.standing.answers
    if why:
        answers.counts.refused[why] = answers.counts.refused.get(why, 0) + 1
    elif caching.store and exchange.planned is caching.target:
        answers.keep(_named(exchange, caching, answers.new_id(), raw), raw, time.time())
    return response


def _named(exchange: Exchange, caching: Caching, id_: str, raw: bytes) -> Answer:
    asked, now = caching.question, time.time()
    semantic = asked is not None and bool(asked.features)
    target = caching.target
    return Answer(
        id=id_,
        scope=caching.scope,
        key=caching.key,
        partition=caching.partition if semantic else b"",
        epoch=caching.epoch,
        stored_at=now,
        expires_at=now + exchange.rules.settings.cache.ttl_s,
        provider=target.provider,
        model=target.route.model,
        api=exchange.api.name,
        kind="body" if exchange.api.name in WHOLE else "reply",
        size=len(raw),
        question=asked.text if semantic and asked is not None else "",
        vector=asked.vector if asked is not None else b"",
        features=asked.features if asked is not None else b"",
    )


def _served_now(exchange: Exchange) -> bool:
    """Answer a call that waited for another one's reply from what is kept of it by now."""
    caching = exchange.caching
    if caching is None or exchange.settled:
        return True
    answers = exchange.rules.standing.answers
    now = time.time()
    entry = answers.shelf.exact(caching.key, caching.scope, caching.epoch, now)
    if entry is None:
        return False
    try:
        return _serve(exchange, caching, entry, Hit("exact", entry.id), now)
    except Exception as error:
        exchange.desk.crashed(error)
        return False
