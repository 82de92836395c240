"""The list of models: the providers' own, in the caller's dialect, asked for once a minute."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from lynkr.config.settings import TIER_NAMES, Provider, Routing, Settings, Upstream
from lynkr.gateway.rules import Rules
from lynkr.providers.kinds import kinds
from lynkr.server import listing as listing_module
from lynkr.server.listing import PAGE_MAX, ListedModel, Listing
from lynkr.upstream.pool import Pool
from tests.gateway.test_pipeline import never
from tests.harness import replies
from tests.harness.upstream import Close, ScriptedUpstream, Send, Stall

MODELS = b'{"object":"list","data":[{"id":"one","created":7},{"id":"two","display_name":"Two"}]}'


class Stage:
    """A listing over one scripted provider. ``notes`` is what the log would say."""

    def __init__(self, upstream: ScriptedUpstream, session: aiohttp.ClientSession) -> None:
        self.upstream = upstream
        self.notes: list[tuple[str, str]] = []
        self.listing = Listing(
            lambda: self.rules, lambda: session, lambda name, why: self.notes.append((name, why))
        )
        self.provide(p=self.provider())

    def provider(self, **given: Any) -> Provider:
        defaults = {"kind": "openai", "api_key": "sk", "base_url": self.upstream.base_url}
        return Provider(**{**defaults, **given})

    def provide(self, *, routing: Routing | None = None, **providers: Provider) -> None:
        pool = Pool(Upstream(), never, lambda: 0.0)
        settings = Settings(providers=providers, routing=routing or Routing())
        self.rules = Rules(settings, {}, pool)

    async def names(self) -> list[str]:
        return [model.id for model in await self.listing.models()]


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with ScriptedUpstream() as upstream, aiohttp.ClientSession() as session:
        yield Stage(upstream, session)


CATALOG = ["gpt-6", "gpt-5.5", "gpt-5.4-nano", "text-embedding-3-small", "text-embedding-3-large"]


async def test_the_list_is_the_providers_own() -> None:
    async with staged() as stage:
        stage.provide(p=stage.provider(headers={"X-Team": "a"}))
        stage.upstream.reply(replies.sized(MODELS))
        assert await stage.listing.models() == [
            ListedModel("one", "p", 7),
            ListedModel("two", "p", 0, "Two"),
        ]
        seen = await stage.upstream.request()
        assert (seen.method, seen.target) == ("GET", f"/v1/models?limit={PAGE_MAX}")
        assert seen.head.value("authorization") == "Bearer sk"
        assert seen.head.value("x-team") == "a"


async def test_it_is_asked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        for _ in range(2):
            stage.upstream.reply(replies.sized(MODELS))
        await stage.names()
        await stage.names()
        assert len(stage.upstream.requests) == 1
        monkeypatch.setattr(listing_module, "FRESH_S", 0.0)
        await stage.names()
        assert len(stage.upstream.requests) == 2


async def test_a_reload_forgets_it() -> None:
    async with staged() as stage:
        stage.upstream.reply(replies.sized(MODELS))
        await stage.names()
        stage.listing.forget()
        stage.upstream.reply(replies.sized(b'{"data":[{"id":"three"}]}'))
        assert await stage.names() == ["three"]


FAILURES = [
    replies.sized(b"{}", status=401),
    replies.sized(b"", status=302, headers=[("Location", "http://elsewhere.invalid/")]),
    replies.sized(b"<html>"),
    replies.sized(b"[]"),
    replies.sized(b'{"data":{}}'),
    replies.sized(b"\xff"),
    replies.INVALID_STATUS_LINE,
    replies.sized(b"{}", wrong_by=5),
    b"",
]


@pytest.mark.parametrize("reply", FAILURES)
async def test_a_provider_that_does_not_say_is_represented_by_the_catalog(reply: bytes) -> None:
    """And the log says why; it is not asked again for a minute either."""
    async with staged() as stage:
        stage.upstream.script(Send(reply), Close())
        assert await stage.names() == CATALOG
        assert [name for name, _ in stage.notes] == ["p"]
        asked = len(stage.upstream.requests)
        assert await stage.names() == CATALOG
        assert len(stage.upstream.requests) == asked


async def test_a_provider_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "FETCH_TIMEOUT_S", 0.1)
    async with staged() as stage:
        stage.upstream.script(Stall())
        assert await stage.names() == CATALOG
        assert stage.notes[0][1].startswith("TimeoutError")


async def test_odd_entries_are_left_out_and_odd_fields_are_not_said() -> None:
    data: list[Any] = [
        *({"id": "a", "created": "x", "display_name": 5}, {"id": 7}, "b", None, {"x": 1}, []),
        {"id": "c", "created": 1.5},
    ]
    async with staged() as stage:
        stage.upstream.reply(replies.sized(json.dumps({"data": data}).encode()))
        assert await stage.listing.models() == [ListedModel("a", "p"), ListedModel("c", "p")]


async def test_an_encoded_list_is_read() -> None:
    async with staged() as stage:
        headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
        stage.upstream.reply(replies.sized(gzip.compress(MODELS), headers=headers))
        assert await stage.names() == ["one", "two"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"auth": "client"}, CATALOG),
        ({"kind": "demo", "base_url": ""}, list(kinds()["demo"].models)),
    ],
)
async def test_who_cannot_be_asked_is_represented_by_the_catalog(
    given: dict[str, str], names: list[str]
) -> None:
    """A caller's own credential is not ours to list with; the demo has no network."""
    async with staged() as stage:
        stage.provide(p=stage.provider(**given))
        assert await stage.names() == names
        assert (stage.upstream.requests, stage.notes) == ([], [])


async def test_aliases_come_first_and_one_name_means_one_model() -> None:
    """The plain name goes to the first provider, as in routing; the other's is told apart."""
    async with staged() as stage:
        stage.provide(
            p=stage.provider(auth="client", models={"fast": "gpt-6", "gpt-5.5": "x"}),
            q=stage.provider(auth="client"),
        )
        found = await stage.listing.models()
        assert [model.id for model in found][:2] == ["fast", "gpt-5.5"]
        assert [model.provider for model in found if model.id == "gpt-6"] == ["p"]
        assert [model.provider for model in found if model.id == "q:gpt-6"] == ["q"]
        assert len({model.id for model in found}) == len(found)


# --- dialects -----------------------------------------------------------------------------------

LISTING = Listing(lambda: pytest.fail(), lambda: pytest.fail(), lambda *_: None)
MANY = [ListedModel(f"m{number:02}", "p", number) for number in range(30)]


def test_an_openai_entry() -> None:
    assert LISTING.openai_entry(ListedModel("m", "p", 7, "M")) == {
        "id": "m",
        "object": "model",
        "created": 7,
        "owned_by": "p",
    }


@pytest.mark.parametrize(("shown", "expected"), [("M", "M"), ("", "m")])
def test_an_anthropic_entry(shown: str, expected: str) -> None:
    assert LISTING.anthropic_entry(ListedModel("m", "p", 86400, shown)) == {
        "type": "model",
        "id": "m",
        "display_name": expected,
        "created_at": "1970-01-02T00:00:00Z",
    }


PAGES = [
    ({}, 0, 20, True),
    ({"limit": "1000"}, 0, 30, False),
    ({"limit": "30"}, 0, 30, False),
    ({"limit": "5"}, 0, 5, True),
    ({"limit": "0"}, 0, 1, True),
    ({"limit": "-5"}, 0, 20, True),
    ({"limit": "x"}, 0, 20, True),
    ({"limit": "99999999999999999999"}, 0, 30, False),
    ({"after_id": "m09", "limit": "5"}, 10, 15, True),
    ({"after_id": "m27"}, 28, 30, False),
    ({"after_id": "nowhere", "limit": "5"}, 0, 5, True),
    ({"before_id": "m05"}, 0, 5, False),
]


@pytest.mark.parametrize(("query", "start", "end", "more"), PAGES)
def test_a_page_is_what_its_query_asks_for(
    query: dict[str, str], start: int, end: int, more: bool
) -> None:
    page = LISTING.anthropic_page(MANY, query)
    assert page == {
        "data": [LISTING.anthropic_entry(model) for model in MANY[start:end]],
        "has_more": more,
        "first_id": MANY[start].id,
        "last_id": MANY[end - 1].id,
    }


def test_pages_follow_each_other_to_the_end() -> None:
    seen: list[object] = []
    query = {"limit": "7"}
    while True:
        page: Any = LISTING.anthropic_page(MANY, query)
        seen += [entry["id"] for entry in page["data"]]
        if not page["has_more"]:
            break
        query["after_id"] = page["last_id"]
    assert seen == [model.id for model in MANY]


@pytest.mark.parametrize("query", [{}, {"after_id": "m29"}])
def test_an_empty_page_has_no_ends(query: dict[str, str]) -> None:
    page = LISTING.anthropic_page(MANY if query else [], query)
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_a_page_before_an_id_ends_right_before_it() -> None:
    """https://docs.anthropic.com/en/api/models-list: the results immediately before the object."""
    page: Any = LISTING.anthropic_page(MANY, {"before_id": "m20", "limit": "5"})
    assert [entry["id"] for entry in page["data"]] == [f"m{number}" for number in range(15, 20)]


def test_an_odd_time_does_not_break_the_list() -> None:
    entry = LISTING.anthropic_entry(ListedModel("m", "p", 10**17))
    assert entry["created_at"] == "1970-01-01T00:00:00Z"


async def test_tiers_can_be_picked() -> None:
    """Their names come first, where the configuration has them."""
    async with staged() as stage:
        routing = Routing(simple="p:m", medium="p:m", complex="p:m", reasoning="p:m")
        stage.provide(p=stage.provider(kind="demo", base_url=""), routing=routing)
        names = await stage.names()
        assert names[:5] == [f"lynkr/{tier}" for tier in ("auto", *TIER_NAMES)]
        shown = stage.listing.anthropic_entry((await stage.listing.models())[0])
        assert "right model" in str(shown["display_name"])
