"""What ``lynkr explain`` says of the cache: whether, why, what is near, and which veto fired."""

from __future__ import annotations

import json
from typing import Any

from lynkr.config.settings import Auth, Cache, Key, Provider, Settings, Upstream
from lynkr.gateway.explain import explain
from lynkr.gateway.rules import Rules
from lynkr.policies.access import ANONYMOUS, Principal, digest
from lynkr.stores.answers import Answer
from lynkr.upstream.pool import Pool
from tests.gateway.cached import ask, asks, at, whole
from tests.harness.upstream import Script, Send


def rules(cache: Cache, base_url: str = "") -> Rules:
    settings = Settings(
        providers={"one": Provider(kind="anthropic", api_key="k", base_url=base_url)},
        cache=cache,
        auth=Auth(keys=[Key(name="ana", digest=digest("k"), cache="semantic")]),
    )

    def nowhere(*_given: object) -> Any:
        raise AssertionError("a plan opens no connection")

    return Rules(settings, {}, Pool(Upstream(), nowhere, float))


def plan(
    cache: Cache,
    body: bytes,
    kept: tuple[list[Answer], str] = ([], ""),
    principal: Principal = ANONYMOUS,
) -> dict[str, Any]:
    made = rules(cache, kept[1])
    found: dict[str, Any] = explain(made, body, "messages", principal, kept[0])["cache"]
    return found


async def kept_of(text: str) -> tuple[list[Answer], str]:
    """What a gateway keeps of one answered question, without headers that switch anything, and
    where its provider is: elsewhere it would be another partition."""
    async with at(mode="semantic") as theatre:
        theatre["one"].otherwise = Script((Send(whole("messages")),))
        await ask(theatre, "messages", asks("messages", text))
        answers: list[Answer] = []
        theatre.gateway._keeper.put = lambda answer, _: answers.append(answer)  # type: ignore
        await ask(theatre, "messages", asks("messages", text), cache_control="no-cache")
        return answers, theatre["one"].base_url


def test_an_agents_call_has_no_part_in_it() -> None:
    tools = [{"name": "t", "input_schema": {"type": "object"}}]
    found = plan(Cache(), asks("messages", tools=tools))
    assert (found["cacheable"], found["rule"]) == (False, "tools")
    assert found["why"].endswith(".")


def test_a_call_left_to_chance_is_told_so() -> None:
    body = json.loads(asks("messages"))
    del body["temperature"]
    found = plan(Cache(), json.dumps(body).encode())
    assert (found["mode"], found["cacheable"], found["rule"]) == (
        "exact",
        False,
        "not_deterministic",
    )


def test_a_keys_own_mode_counts() -> None:
    made = rules(Cache())
    ana = made.keyring.named("ana")
    assert ana is not None
    found = explain(made, asks("messages"), "messages", ana)["cache"]
    assert found["mode"] == "semantic" and found["question"]["text"] == "Explain TCP vs UDP"


async def test_the_nearest_are_shown_with_their_vetoes() -> None:
    kept = await kept_of("Explain TCP vs UDP")
    cache = Cache(mode="semantic")
    same = plan(cache, asks("messages", "How do TCP and UDP differ?"), kept)
    [near] = same["nearest"]
    assert near["would_answer"] and near["same_partition"] and not near["vetoes"]
    assert (near["entry"], near["question"]) == (kept[0][0].id, kept[0][0].question)
    other = plan(cache, asks("messages", "Explain TCP vs QUIC"), kept)
    [near] = other["nearest"]
    assert not near["would_answer"] and "name" in near["vetoes"]
    exact = plan(cache, asks("messages", "Explain TCP vs UDP"), kept)
    assert exact["entry"] == kept[0][0].id
    elsewhere = plan(cache, asks("messages", "How do TCP and UDP differ?", system="Hi"), kept)
    assert not elsewhere["nearest"][0]["same_partition"]


async def test_nobody_is_shown_what_is_anothers() -> None:
    kept = await kept_of("Explain TCP vs UDP")
    found = plan(Cache(mode="semantic"), asks("messages"), kept, Principal(name="bo"))
    assert found["nearest"] == [] and found["entry"] is None


def test_what_changes_with_the_day_has_no_neighbours() -> None:
    found = plan(Cache(mode="semantic"), asks("messages", "What is the weather today?"))
    assert found["question"]["fleeting"] and "nearest" not in found
    assert "time" in found["why"]
