"""``GET /v1/models``: what can be asked for, in the shape of either dialect.

Aliases first, then what each provider lists itself, read at most once a minute; a provider that
does not answer in time is represented by the catalog. The list informs clients; it allows and
forbids nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import aiohttp
import msgspec
import orjson

from lynkr.config.settings import TIER_NAMES, TIER_PREFIX
from lynkr.gateway.rules import Rules
from lynkr.providers.catalog import Endpoint

FRESH_S = 60.0
FETCH_TIMEOUT_S = 3.0
REPLY_BYTES_MAX = 4 * 1024 * 1024
YEAR_10000 = 253_402_300_800  # unix seconds: what strftime can still write
PAGE_MAX = 1000  # the Messages API's own limit

# What pickers show of the names that stand for tiers.
_SHOWN = {
    "auto": "lynkr: the right model for each request",
    "simple": "lynkr: for simple requests",
    "medium": "lynkr: for one focused task",
    "complex": "lynkr: for hard tasks",
    "reasoning": "lynkr: for the hardest tasks",
}


class ListedModel(msgspec.Struct, frozen=True):
    id: str
    provider: str
    created: int = 0  # unix seconds; 0 when the provider does not say
    display_name: str = ""


class Listing:
    """The model list of one worker. ``session`` is the control plane's own HTTP client."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        session: Callable[[], aiohttp.ClientSession],
        note: Callable[[str, str], None],
    ) -> None:
        self._rules = rules
        self._session = session
        self._note = note
        self._cached: dict[str, tuple[float, list[ListedModel]]] = {}

    def forget(self) -> None:
        """After a reload the providers may be others."""
        self._cached.clear()

    async def models(self) -> list[ListedModel]:
        endpoints = self._rules().endpoints
        lists = await asyncio.gather(*(self._of(endpoint) for endpoint in endpoints.values()))
        listed: dict[str, ListedModel] = {}
        if self._rules().tiering is not None:
            for tier in ("auto", *TIER_NAMES):
                name = f"{TIER_PREFIX}{tier}"
                listed[name] = ListedModel(name, "lynkr", display_name=_SHOWN[tier])
        for endpoint in endpoints.values():
            for alias in endpoint.aliases:
                listed.setdefault(alias, ListedModel(alias, endpoint.name))
        for models in lists:
            for model in models:
                # Two providers with one name: the plain name goes to the first, as in routing.
                name = model.id if model.id not in listed else f"{model.provider}:{model.id}"
                listed.setdefault(name, msgspec.structs.replace(model, id=name))
        return list(listed.values())

    async def _of(self, endpoint: Endpoint) -> list[ListedModel]:
        fresh = self._cached.get(endpoint.name)
        now = time.monotonic()
        if fresh is not None and now - fresh[0] < FRESH_S:
            return fresh[1]
        models = [ListedModel(name, endpoint.name) for name in endpoint.models]
        # A caller's own credential is not ours to list with.
        if endpoint.models_path and endpoint.auth != "client" and endpoint.origin.scheme != "demo":
            try:
                models = await self._fetch(endpoint)
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
                self._note(endpoint.name, f"{type(error).__name__}: {error}")
        self._cached[endpoint.name] = (now, models)
        return models

    async def _fetch(self, endpoint: Endpoint) -> list[ListedModel]:
        headers = {}
        lines = [line for _, line in (*endpoint.default_headers, *endpoint.forced_headers)]
        for line in b"".join([*lines, endpoint.key_lines]).decode().splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
        url = f"{endpoint.origin}{endpoint.models_path}?limit={PAGE_MAX}"
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        async with self._session().get(
            url, headers=headers, timeout=timeout, allow_redirects=False
        ) as reply:
            if reply.status != 200:
                raise ValueError(f"status {reply.status}")
            raw = await reply.content.read(REPLY_BYTES_MAX)
        payload = orjson.loads(raw)
        data = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(data, list):
            raise ValueError("not a model list")
        return [
            ListedModel(
                entry["id"],
                endpoint.name,
                entry["created"] if isinstance(entry.get("created"), int) else 0,
                entry["display_name"] if isinstance(entry.get("display_name"), str) else "",
            )
            for entry in data
            if isinstance(entry, dict) and isinstance(entry.get("id"), str)
        ]

    def openai_entry(self, model: ListedModel) -> dict[str, object]:
        return {
            "id": model.id,
            "object": "model",
            "created": model.created,
            "owned_by": model.provider,
        }

    def anthropic_entry(self, model: ListedModel) -> dict[str, object]:
        created_at = model.created if 0 <= model.created < YEAR_10000 else 0
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created_at))
        return {
            "type": "model",
            "id": model.id,
            "display_name": model.display_name or model.id,
            "created_at": created,
        }

    def anthropic_page(
        self, models: list[ListedModel], query: Mapping[str, str]
    ) -> dict[str, object]:
        """One page, by the Messages API's own ``limit``, ``after_id`` and ``before_id``."""
        names = [model.id for model in models]
        start, end = 0, len(models)
        if query.get("after_id") in names:
            start = names.index(query["after_id"]) + 1
        if query.get("before_id") in names:
            end = names.index(query["before_id"])
        limit = int(query["limit"]) if query.get("limit", "").isdecimal() else 20
        size = max(1, min(limit, PAGE_MAX))
        asked = models[start:end]
        # Towards the beginning a page is the entries right before the named one.
        backwards = query.get("before_id") in names and query.get("after_id") not in names
        page = asked[-size:] if backwards else asked[:size]
        return {
            "data": [self.anthropic_entry(model) for model in page],
            "has_more": len(page) < len(asked),
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
