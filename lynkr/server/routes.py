"""The control plane's routes: what the gateway says about itself. No inference passes here."""

from __future__ import annotations

import asyncio
import difflib
import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from lynkr import __version__
from lynkr.errors import ConfigError, GatewayError
from lynkr.gateway.answers import Answers
from lynkr.gateway.rules import Rules
from lynkr.policies.access import ANONYMOUS, Principal, bearer
from lynkr.server.answer_store import opener
from lynkr.server.cache_routes import CacheRoutes
from lynkr.server.listing import Listing
from lynkr.stores.originals import Originals, part
from lynkr.telemetry.metrics import CONTENT_TYPE
from lynkr.wire.anthropic import format as anthropic
from lynkr.wire.apis import APIS
from lynkr.wire.chat import format as openai_chat

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Worker(Protocol):
    """What the routes need of the process they run in."""

    @property
    def rules(self) -> Rules: ...
    @property
    def draining(self) -> bool: ...
    @property
    def originals(self) -> Originals: ...
    @property
    def answers(self) -> Answers: ...
    def next_request_id(self) -> str: ...
    def crashed(self, error: BaseException) -> None: ...
    def request_reload(self) -> list[str]: ...
    async def scrape(self) -> bytes: ...


def application(worker: Worker, listing: Listing) -> web.Application:
    """The aiohttp application. It is never bound to a socket of its own."""
    routes = Routes(worker, listing)
    cache = CacheRoutes(worker, routes.caller, opener(worker.rules.settings))
    app = web.Application(middlewares=[routes.errors], client_max_size=16 * 1024 * 1024)
    app.add_routes(
        [
            web.get("/", routes.index),
            web.get("/health/live", routes.live),
            web.get("/health/ready", routes.ready),
            web.get("/metrics", routes.metrics),
            web.get("/v1/models", routes.models),
            web.get("/v1/models/{model:.+}", routes.model),
            web.get("/v1/originals/{id}", routes.original),
            web.get("/v1/cache/stats", cache.stats),
            web.get("/v1/cache/entries", cache.entries),
            web.get("/v1/cache/entries/{id}", cache.entry),
            web.delete("/v1/cache/entries/{id}", cache.forget),
            web.post("/v1/cache/purge", cache.purge),
            web.post("/v1/cache/feedback", cache.feedback),
            web.get("/v1/responses", routes.websocket),
            *(web.route("*", api.shown_path, routes.only_post) for api in APIS.values()),
            web.post("/admin/reload", routes.reload),
        ]
    )
    app.on_response_prepare.append(_sign)
    return app


async def _sign(_request: web.Request, reply: web.StreamResponse) -> None:
    reply.headers["Server"] = "lynkr"  # not which Python and which library


def _json(payload: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(payload), status=status, content_type="application/json")


class Routes:
    def __init__(self, worker: Worker, listing: Listing) -> None:
        self._worker = worker
        self._listing = listing

    # --- errors -----------------------------------------------------------------------------

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every error of the control plane is JSON in the caller's dialect."""
        try:
            return await handler(request)
        except GatewayError as error:
            return self._error(request, error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status, "bad_request")
            reply = self._error(
                request,
                GatewayError(
                    kind,
                    error.status,
                    f"{request.method} {request.path}: {error.reason}.",
                    source="client",
                    hint=_hint(request.method, request.path),
                ),
            )
            if "Allow" in error.headers:
                reply.headers["Allow"] = error.headers["Allow"]
            return reply
        except Exception as error:
            self._worker.crashed(error)
            return self._error(
                request,
                GatewayError(
                    "internal_error", 500, "The gateway failed on this request.", source="gateway"
                ),
            )

    def _error(self, request: web.Request, error: GatewayError) -> web.Response:
        request_id = self._worker.next_request_id()
        dialect = (
            anthropic.FORMAT
            if "anthropic-version" in request.headers or request.path.startswith("/v1/messages")
            else openai_chat.FORMAT
        )
        headers = {"x-lynkr-error": error.kind, "x-lynkr-request-id": request_id}
        if error.status == 401:
            headers["www-authenticate"] = "Bearer"
        return web.Response(
            body=dialect.error_body(error, request_id),
            status=error.status,
            content_type="application/json",
            headers=headers,
        )

    # --- who may ask ------------------------------------------------------------------------

    def _principal(self, request: web.Request, *, admin: bool = False) -> Principal:
        keyring = self._worker.rules.keyring
        found: Principal | None = None
        authorization = request.headers.get("authorization")
        for key in (
            request.headers.get("x-lynkr-key"),
            request.headers.get("x-api-key"),
            (bearer(authorization.encode()) or b"").decode() if authorization else None,
        ):
            if key and found is None:
                found = keyring.find(key.encode("utf-8", "surrogateescape"))
        if found is None and not keyring.required and not (admin and keyring):
            found = ANONYMOUS
        if found is None:
            raise GatewayError(
                "missing_key",
                401,
                "This needs a key.",
                source="client",
                hint="Send it as Authorization: Bearer or x-api-key.",
            )
        if admin and not found.admin and not found.anonymous:
            raise GatewayError(
                "not_admin",
                403,
                "This needs an admin key.",
                source="client",
                hint="Set admin = true on the key in lynkr.toml.",
            )
        if admin and found.anonymous:
            self._refuse_strangers(request)
        return found

    def caller(self, request: web.Request, *, admin: bool = False) -> Principal:
        """Who asks for what is theirs; without keys, only a local program may."""
        principal = self._principal(request, admin=admin)
        if principal.anonymous and not admin:
            self._refuse_strangers(request)
        return principal

    def _refuse_strangers(self, request: web.Request) -> None:
        """Without keys only this machine's own programs may administer, or read what tools and
        models said. No web page may: a page could reach the port through the user's browser, by its
        own origin or a rebound name."""
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        local = name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
        if "origin" in request.headers or not local:
            raise GatewayError(
                "not_local",
                403,
                f"Without keys, {request.path} answers local programs only.",
                source="client",
                hint="Configure a key.",
            )

    # --- routes -----------------------------------------------------------------------------

    async def original(self, request: web.Request) -> web.Response:
        """A text that was shortened, whole or in part; only for the key it was shortened for."""
        principal = self.caller(request)
        id_ = request.match_info["id"]
        text = await asyncio.to_thread(self._worker.originals.find, principal.name.encode(), id_)
        if text is None:
            raise GatewayError(
                "not_found",
                404,
                f"There is no original {id_!r} for this key.",
                source="client",
                hint="Originals are kept for tokens.originals_ttl_h; run the tool again.",
            )
        try:
            shown = part(
                text.decode("utf-8"), request.query.get("lines", ""), request.query.get("grep", "")
            )
        except ValueError as error:
            raise GatewayError(
                "invalid_lines", 400, f"{error}.", source="client", field="lines"
            ) from None
        return web.Response(text=shown, content_type="text/plain", charset="utf-8")

    async def index(self, request: web.Request) -> web.Response:
        return _json(
            {
                "name": "lynkr",
                "version": __version__,
                "providers": list(self._worker.rules.endpoints),
                "apis": [api.shown_path for api in APIS.values()],
            }
        )

    async def live(self, request: web.Request) -> web.Response:
        return _json({"status": "live"})

    async def ready(self, request: web.Request) -> web.Response:
        if self._worker.draining:
            return _json({"status": "draining"}, 503)
        return _json({"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        if self._worker.rules.keyring.required:
            self._principal(request, admin=True)
        return web.Response(
            body=await self._worker.scrape(), headers={"content-type": CONTENT_TYPE}
        )

    async def models(self, request: web.Request) -> web.Response:
        self._principal(request)
        names = await self._listing.models()
        if "anthropic-version" in request.headers:
            return _json(self._listing.anthropic_page(names, request.query))
        return _json({"object": "list", "data": [self._listing.openai_entry(n) for n in names]})

    async def model(self, request: web.Request) -> web.Response:
        self._principal(request)
        wanted = request.match_info["model"]
        for name in await self._listing.models():
            if hmac.compare_digest(name.id.encode(), wanted.encode()):
                if "anthropic-version" in request.headers:
                    return _json(self._listing.anthropic_entry(name))
                return _json(self._listing.openai_entry(name))
        raise GatewayError(
            "model_not_found",
            404,
            f"Model {wanted!r} is not listed.",
            source="client",
            field="model",
            hint="GET /v1/models lists what is; an unlisted name may still work in a request.",
        )

    async def websocket(self, request: web.Request) -> web.Response:
        """Codex tries a WebSocket first and goes on over HTTP at once when it is told so."""
        if (
            request.headers.get("upgrade", "").lower() == "websocket"
            or "sec-websocket-key" in request.headers
        ):
            raise GatewayError(
                "websocket_not_supported",
                426,
                "Responses are served over HTTP here.",
                source="client",
                hint="Use POST /v1/responses.",
            )
        raise web.HTTPMethodNotAllowed("GET", ["POST"])

    async def only_post(self, request: web.Request) -> web.Response:
        """An inference route by another method; POST never gets here."""
        raise web.HTTPMethodNotAllowed(request.method, ["POST"])

    async def reload(self, request: web.Request) -> web.Response:
        self._principal(request, admin=True)
        try:
            notices = self._worker.request_reload()
        except ConfigError as error:
            return _json(
                {"reloaded": False, "problems": [str(problem) for problem in error.problems]}, 422
            )
        return _json({"reloaded": True, "notices": notices})


def _hint(method: str, path: str) -> str | None:
    """What was probably meant: a base URL with one `/v1` too many or too few, or a wrong method."""
    known = [api.shown_path for api in APIS.values()] + ["/v1/models"]
    if path in known:
        return f"{path} takes {'GET' if path == '/v1/models' else 'POST'}."
    bare = path.removeprefix("/v1").removeprefix("/v1").rstrip("/")
    for candidate in known:
        if bare and candidate.removeprefix("/v1") == bare:
            return f"Did you mean {candidate}? Check the base URL."
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else "GET / lists what is served."
