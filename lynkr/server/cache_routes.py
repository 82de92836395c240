"""What the cache says about itself: what it holds, how far it is to be trusted, and how to make it
forget.

An entry is shown to those whom it would be served to, and to admin keys; for everybody else there
is no such entry. Lists are of what this worker holds, which is what the store has as of a second
ago, as far as there is room for it. Questions are in the store only, and purging looks there too,
so that nothing comes back with the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import orjson
from aiohttp import web

from lynkr.errors import GatewayError
from lynkr.gateway.answers import Answers
from lynkr.gateway.cache_keys import epochs_in, scopes_of
from lynkr.gateway.replay import Content, text_of
from lynkr.gateway.rules import Rules
from lynkr.policies.access import Principal, bearer
from lynkr.policies.false_hits import Sighted, verdict
from lynkr.stores.answers import Answer, AnswerStore
from lynkr.stores.shelf import Entry

SHOWN = 50  # entries in a list, unless it is said how many
SHOWN_MAX = 1000
FORGOTTEN_AT_ONCE = 1000  # ids in one note to the other workers
FETCH_TRIES = 3  # each waits as long as a call would
PARTITIONS_SHOWN = 50  # the worst; what is to be known of one takes up to 2 ms
PREFIX = 12  # hexadecimal digits of a scope or partition that are shown


_Form = TypeVar("_Form")
_Place = tuple[bytes, bytes]  # scope and partition


class Worker(Protocol):
    @property
    def rules(self) -> Rules: ...
    @property
    def answers(self) -> Answers: ...


class Caller(Protocol):
    def __call__(self, request: web.Request, *, admin: bool = False) -> Principal: ...


class Purge(msgspec.Struct, forbid_unknown_fields=True):
    """What an answer must be to be forgotten; each that is given must hold."""

    model: str = ""
    provider: str = ""
    epoch: str = ""
    older_than_s: float | None = None
    all: bool = False
    scope: str = ""  # "all": of all keys

    @property
    def said(self) -> bool:
        given = self.model or self.provider or self.epoch or self.all
        return bool(given) or self.older_than_s is not None

    def wants(self, kept: Entry | Answer, now: float) -> bool:
        return (
            self.model in ("", kept.model)
            and self.provider in ("", kept.provider)
            # The configuration's epoch, then the client's.
            and (not self.epoch or self.epoch in epochs_in(kept.epoch))
            and (self.older_than_s is None or kept.stored_at <= now - self.older_than_s)
        )


class Feedback(msgspec.Struct, forbid_unknown_fields=True):
    entry: str
    verdict: str
    similarity: float = 1.0  # x-lynkr-cache-similarity of the reply


class CacheRoutes:
    """``caller`` says who asks, or refuses; ``open_store`` opens what the keeper writes to, and may
    raise what the library behind it raises."""

    def __init__(
        self, worker: Worker, caller: Caller, open_store: Callable[[], AnswerStore]
    ) -> None:
        self._worker = worker
        self._caller = caller
        self._open_store = open_store

    # --- reading ----------------------------------------------------------------------------

    async def stats(self, request: web.Request) -> web.Response:
        """How much is held, and how often semantic hits were wrong."""
        principal, scopes = self._asking(request)
        rules, answers, now = self._worker.rules, self._worker.answers, time.time()
        cache = rules.settings.cache
        bound = cache.max_false_hit
        if not principal.admin and principal.max_false_hit is not None:
            bound = principal.max_false_hit
        sizes = _sizes(self._held(scopes, now))
        seen = self._seen(scopes)
        worst = heapq.nlargest(PARTITIONS_SHOWN, seen, key=lambda place: _wrong_first(seen[place]))
        bars = {place: answers.bar(*place, bound) for place in worst}

        def estimates() -> tuple[dict[str, object], dict[_Place, dict[str, object]]]:
            every = [one for rows in seen.values() for one in rows]
            return _estimate(every, now), {place: _estimate(seen[place], now) for place in worst}

        every, each = await asyncio.to_thread(estimates)
        found: dict[str, Any] = {
            "mode": principal.cache or cache.mode,
            "shared_by": cache.scope,
            **_sum(sizes.values()),
            "false_hits": {**every, "max": bound},
            "partitions_total": len(seen),
            "partitions": [
                {
                    "partition": place[1].hex()[:PREFIX],
                    **({"scope": place[0].hex()[:PREFIX]} if principal.admin else {}),
                    **each[place],
                    "similarity_min": bars[place].similarity_min,
                    "off": bars[place].off,
                    "reason": bars[place].reason,
                }
                for place in worst
            ],
        }
        if principal.admin:
            found["scopes"] = [
                {"scope": scope.hex()[:PREFIX], **_sum([of])}
                for scope, of in sorted(sizes.items(), key=lambda item: -item[1][0])
            ]
        if principal.admin or (principal.anonymous and not rules.keyring):
            found["worker"] = self._counts()
        return _json(found)

    async def entries(self, request: web.Request) -> web.Response:
        """The newest first."""
        principal, scopes = self._asking(request)
        limit = _limit(request.query.get("limit", ""))
        wanted = request.query.get("question", "").casefold()
        now = time.time()
        held = self._held(scopes, now)
        questions: dict[str, str] | None = None
        if wanted:
            questions = await self._questions({one.id for one in held if one.semantic})
            held = [one for one in held if wanted in questions.get(one.id, "").casefold()]
        newest = heapq.nlargest(limit, held, key=lambda entry: entry.stored_at)
        if questions is None:
            questions = await self._questions({one.id for one in newest if one.semantic})
        return _json(
            {
                "entries": [_shown(one, questions.get(one.id), now, principal) for one in newest],
                "more": len(held) - len(newest),
            }
        )

    async def entry(self, request: web.Request) -> web.Response:
        """One answer with its text."""
        principal, scopes = self._asking(request)
        entry = self._find(request.match_info["id"], scopes)
        questions = await self._questions({entry.id} if entry.semantic else set())
        content = await self._content(entry)
        text = None
        if content is not None:
            whole = entry.kind == "body"
            text = content.raw.decode("utf-8", "replace") if whole else text_of(content.reply())
        shown = _shown(entry, questions.get(entry.id), time.time(), principal)
        return _json({**shown, "epoch": _epoch(entry), "text": text})

    # --- forgetting -------------------------------------------------------------------------

    async def forget(self, request: web.Request) -> web.Response:
        """One answer is served no longer."""
        _, scopes = self._asking(request)
        entry = self._find(request.match_info["id"], scopes)
        self._worker.answers.forget([entry.id])
        return _json({"forgotten": 1})

    async def purge(self, request: web.Request) -> web.Response:
        """What matches is served no longer; how many those were."""
        _, scopes = self._asking(request)
        wanted = await _body(request, Purge)
        if not wanted.said:
            raise _invalid(
                "Nothing says what to forget.",
                hint='Give model, provider, epoch or older_than_s; {"all": true} is everything.',
            )
        if wanted.older_than_s is not None and not wanted.older_than_s >= 0:
            raise _invalid("older_than_s is zero or more.", "older_than_s")
        if wanted.scope not in ("", "all"):
            raise _invalid('scope is "all" or absent.', "scope")
        if wanted.scope == "all":
            self._caller(request, admin=True)
            scopes = None
        now = time.time()
        ids = [one.id for one in self._held(scopes, 0.0) if wanted.wants(one, now)]
        self._forget(ids)
        known = set(ids)

        def others() -> list[str]:
            with contextlib.closing(self._stored()) as stored:
                return [
                    one.id
                    for one in stored
                    if one.id not in known
                    and (scopes is None or one.scope in scopes)
                    and wanted.wants(one, now)
                ]

        try:
            more = await asyncio.to_thread(others)
        except Exception as error:  # the driver's own, OSError
            raise GatewayError(
                "store_unavailable",
                503,
                f"The store of answers cannot be read ({type(error).__name__}); of those at hand"
                f" {len(ids)} were forgotten.",
                source="gateway",
                hint="Purge again when it is there.",
            ) from None
        self._forget(more)
        return _json({"forgotten": len(ids) + len(more)})

    async def feedback(self, request: web.Request) -> web.Response:
        """A client says that an answer was wrong: what went with it."""
        _, scopes = self._asking(request)
        said = await _body(request, Feedback)
        if said.verdict != "wrong":
            raise _invalid('The only verdict is "wrong".', "verdict")
        if not 0 <= said.similarity <= 1:
            raise _invalid("similarity is from 0 to 1.", "similarity")
        entry = self._find(said.entry, scopes)
        gone = self._worker.answers.wrong(entry, said.similarity, time.time())
        return _json({"forgotten": gone})

    # --- whose ------------------------------------------------------------------------------

    def _asking(self, request: web.Request) -> tuple[Principal, frozenset[bytes] | None]:
        """Who asks, and which scopes they may ask about; ``None``: all."""
        principal = self._caller(request)
        if principal.admin:
            return principal, None
        headers = {
            name: request.headers[name].encode("utf-8", "surrogateescape")
            for name in ("authorization", "x-api-key", "x-lynkr-key")
            if name in request.headers
        }
        authorization, api_key = headers.get("authorization"), headers.get("x-api-key")
        keys = [key for key in (bearer(authorization), api_key, headers.get("x-lynkr-key")) if key]
        sharing = self._worker.rules.settings.cache.scope
        return principal, scopes_of(principal, sharing, (authorization, api_key), keys)

    def _held(self, scopes: frozenset[bytes] | None, now: float) -> list[Entry]:
        """What may be served of these scopes, or of all."""
        shelf = self._worker.answers.shelf
        return [
            entry
            for scope in ([None] if scopes is None else scopes)
            for entry in shelf.entries(scope)
            if entry.expires_at > now
        ]

    def _seen(self, scopes: frozenset[bytes] | None) -> dict[_Place, list[Sighted]]:
        """The comparisons of these scopes, or of all, by their partition."""
        ledger = self._worker.answers.ledger
        return {
            place: ledger.seen(*place)
            for scope in ([None] if scopes is None else scopes)
            for place in ledger.places(scope)
        }

    def _find(self, id_: str, scopes: frozenset[bytes] | None) -> Entry:
        entry = self._worker.answers.shelf.find(id_)
        if entry is None or (scopes is not None and entry.scope not in scopes):
            raise GatewayError(
                "not_found",
                404,
                f"There is no answer {id_!r} for this key.",
                source="client",
                field="entry",
                hint="It may have expired, or been forgotten already.",
            )
        return entry

    # --- what is stored ---------------------------------------------------------------------

    def _stored(self) -> Generator[Answer]:
        """Every answer of the store. May wait for a disk or a network: for threads."""
        store = self._open_store()
        try:
            for fact in store.snapshot()[0]:
                if isinstance(fact, Answer):
                    yield fact
        finally:
            store.close()

    async def _questions(self, ids: set[str]) -> dict[str, str]:
        """The canonical words of these answers' questions, as far as the store can tell."""

        def read() -> dict[str, str]:
            found: dict[str, str] = {}
            with contextlib.closing(self._stored()) as stored:
                for one in stored:
                    if one.id in ids:
                        found[one.id] = one.question
                    if len(found) == len(ids):
                        break
            return found

        try:
            return await asyncio.to_thread(read) if ids else {}
        except Exception:  # a list without questions is better than none; the keeper tells of it
            return {}

    async def _content(self, entry: Entry) -> Content | None:
        answers = self._worker.answers
        for _ in range(FETCH_TRIES):
            found = answers.content(entry)
            if found is not None:
                return found
            arrived: asyncio.Future[Content | None] = asyncio.get_running_loop().create_future()
            answers.fetch(entry, arrived.set_result)
            found = await arrived
            if found is not None:
                return found
        return None

    def _forget(self, ids: list[str]) -> None:
        for start in range(0, len(ids), FORGOTTEN_AT_ONCE):
            self._worker.answers.forget(ids[start : start + FORGOTTEN_AT_ONCE])

    def _counts(self) -> dict[str, object]:
        """What this worker has seen since its start, of all keys."""
        answers, counts = self._worker.answers, self._worker.answers.counts
        return {
            "stored": counts.stored,
            "not_kept": dict(sorted(counts.refused.items())),
            "evicted": answers.evicted_total,
            "joined": answers.flights.joined_total,
            "shadows": counts.shadows,
            "disagreed": counts.disagreed,
            "feedback": counts.feedback,
            "unfetched": counts.unfetched,
        }


def _json(payload: object) -> web.Response:
    return web.Response(body=orjson.dumps(payload), content_type="application/json")


def _invalid(message: str, field: str | None = None, hint: str | None = None) -> GatewayError:
    return GatewayError("invalid_request", 400, message, source="client", field=field, hint=hint)


async def _body(request: web.Request, form: type[_Form]) -> _Form:
    try:
        return msgspec.json.decode(await request.read(), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"The body is not what it should be: {error}.") from None


def _limit(text: str) -> int:
    if not text:
        return SHOWN
    if not text.isdecimal() or not 1 <= int(text) <= SHOWN_MAX:
        raise _invalid(f"limit is from 1 to {SHOWN_MAX}.", "limit")
    return int(text)


def _sizes(held: Iterable[Entry]) -> dict[bytes, list[int]]:
    """By scope: entries, those that may answer other words, bytes of their contents."""
    found: dict[bytes, list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in held:
        row = found[entry.scope]
        row[0] += 1
        row[1] += entry.semantic
        row[2] += entry.size
    return found


def _sum(rows: Iterable[list[int]]) -> dict[str, int]:
    entries, semantic, size = map(sum, zip([0, 0, 0], *rows, strict=True))
    return {"entries": entries, "semantic": semantic, "bytes": size}


def _wrong_first(seen: Sequence[Sighted]) -> tuple[int, int]:
    return sum(not one.agreed for one in seen), len(seen)


def _estimate(seen: Sequence[Sighted], now: float) -> dict[str, object]:
    """How often hits were compared, and the share that was wrong with its 95 % interval."""
    wrong, compared = _wrong_first(seen)
    found: dict[str, object] = {"compared": compared, "disagreed": wrong}
    if not seen:
        return {**found, "estimate": None, "low": None, "high": None}
    # With no bound to be held to, and of hits at any similarity.
    bar = verdict(seen, 1.0, -1.0, now)
    shares = {"estimate": bar.estimate, "low": bar.low, "high": bar.high}
    return {**found, **{name: round(share, 6) for name, share in shares.items()}}


def _epoch(entry: Entry) -> str:
    """The configuration's and the client's, as far as they are given."""
    return " ".join(filter(None, epochs_in(entry.epoch)))


def _shown(
    entry: Entry, question: str | None, now: float, principal: Principal
) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": entry.id,
        "api": entry.api,
        "provider": entry.provider,
        "model": entry.model,
        "kind": "semantic" if entry.semantic else "exact",
        "age_s": round(max(now - entry.stored_at, 0.0), 1),
        "expires_in_s": round(max(entry.expires_at - now, 0.0), 1),
        "hits": entry.hits,
        "size": entry.size,
        "question": question or None,
    }
    if principal.admin:
        shown["scope"] = entry.scope.hex()[:PREFIX]
    return shown
