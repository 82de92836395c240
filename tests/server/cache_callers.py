"""A gateway with a cache, and callers with keys who ask about it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from lynkr.config.settings import Auth, Cache, Key
from lynkr.policies.access import digest
from tests.gateway.cached import ask, asks, cache_of, until, whole
from tests.harness.client import Reply, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send

AUTH = Auth(
    required=True,
    keys=[
        Key(name="ana", digest=digest("lk-ana"), team="core"),
        Key(name="ben", digest=digest("lk-ben"), team="core"),
        Key(name="eve", digest=digest("lk-eve"), team="other"),
        Key(name="root", digest=digest("lk-root"), admin=True),
    ],
)
QUESTION = "Explain TCP vs UDP"
OTHER = "Which city is the capital of Portugal?"


class Said(NamedTuple):
    status: int
    data: Any


def staged(
    *, auth: Auth | None = AUTH, table: dict[str, Any] | None = None, **cache: Any
) -> Theatre:
    """A gateway that reuses answers to reworded questions, in front of a provider that always has
    one."""
    settings = Cache(mode="semantic", shadow_rate=0.0, **cache)
    sections: dict[str, Any] = {} if auth is None else {"auth": auth}
    theatre = Theatre({"one": {"kind": "anthropic", **(table or {})}}, cache=settings, **sections)
    theatre["one"].otherwise = Script((Send(whole("messages")),))
    return theatre


async def about(
    theatre: Theatre,
    path: str,
    body: object = None,
    *,
    key: str = "lk-ana",
    method: str = "",
    host: str = "localhost:8081",
    headers: tuple[tuple[str, str], ...] = (),
) -> Said:
    data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    lines = [*headers, *([("x-lynkr-key", key)] if key else [])]
    method = method or ("GET" if body is None else "POST")
    async with await theatre.connect() as client:
        client.send(request(f"/v1/cache/{path}", data, method=method, headers=lines, host=host))
        reply = await client.read_reply()
    return Said(reply.status, json.loads(reply.body))


async def kept(theatre: Theatre, text: str = QUESTION, *, key: str = "lk-ana", **more: Any) -> str:
    """Have a question answered; the id of what was kept of it."""
    before = {entry.id for entry in theatre.gateway.answers.shelf.entries()}
    headers = more.pop("headers", {})
    body = asks("messages", text, **more)
    if key:
        headers = {"x_lynkr_key": key, **headers}
    reply = await ask(theatre, "messages", body, **headers)
    assert reply.status == 200
    assert cache_of(reply)[0] == "miss"
    return await new_id(theatre, before)


async def new_id(theatre: Theatre, before: set[str]) -> str:
    def arrived() -> bool:
        return any(one.id not in before for one in theatre.gateway.answers.shelf.entries())

    await until(arrived, "an entry")
    [found] = [one.id for one in theatre.gateway.answers.shelf.entries() if one.id not in before]
    return found


async def written(theatre: Theatre, count: int) -> None:
    """So many writes have reached the store."""
    await until(lambda: theatre.gateway._keeper.written_total >= count, f"{count} writes")


async def again(theatre: Theatre, text: str = QUESTION, *, key: str = "lk-ana") -> Reply:
    return await ask(theatre, "messages", asks("messages", text), x_lynkr_key=key)
