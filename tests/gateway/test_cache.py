"""The exact cache through the real gateway: what is answered again, what never is, and how."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from lynkr.config.settings import Auth, Cache, Failover, Key, Routing, Settings
from lynkr.policies.access import digest
from lynkr.server.answer_store import opener
from lynkr.stores.answers import Answer
from lynkr.stores.keeper import Keeper
from tests.gateway.cached import ANSWER, ask, asks, at, cache_of, stream, text_of, until, whole
from tests.harness.theatre import Theatre
from tests.harness.upstream import Reset, Script, Send

APIS = ("messages", "chat", "responses")


def answers(theatre: Theatre, *data: bytes) -> None:
    for one in data:
        theatre["one"].script(Send(one))


@pytest.mark.parametrize("api", APIS)
async def test_the_same_request_is_answered_again(api: str) -> None:
    async with at(api) as theatre:
        answers(theatre, whole(api))
        first = await ask(theatre, api, asks(api))
        second = await ask(theatre, api, asks(api))
        assert cache_of(first) == ("miss", None)
        assert cache_of(second) == ("hit", "exact")
        assert len(theatre["one"].requests) == 1
        assert text_of(first) == text_of(second) == ANSWER
        one, other = json.loads(first.body), json.loads(second.body)
        assert one.pop("id") != other.pop("id")
        counts = {k: v for k, v in one["usage"].items() if isinstance(v, int)}
        assert counts.items() <= other["usage"].items()  # as recorded
        assert other["model"] == one["model"]
        assert (second.header("x-lynkr-cache-entry") or "").startswith("c_")
        assert second.header("x-lynkr-lane") == "cache"


@pytest.mark.parametrize("api", APIS)
async def test_a_whole_answer_serves_a_stream(api: str) -> None:
    async with at(api) as theatre:
        answers(theatre, whole(api))
        await ask(theatre, api, asks(api))
        streamed = await ask(theatre, api, asks(api, stream=True))
        assert cache_of(streamed) == ("hit", "exact")
        assert (streamed.header("content-type") or "").startswith("text/event-stream")
        assert text_of(streamed) == ANSWER and streamed.clean_end


async def test_a_stream_serves_a_whole_answer() -> None:
    async with at() as theatre:
        answers(theatre, stream())
        first = await ask(theatre, "messages", asks("messages", stream=True))
        assert text_of(first) == ANSWER
        second = await ask(theatre, "messages", asks("messages"))
        assert cache_of(second) == ("hit", "exact")
        assert json.loads(second.body)["content"] == [{"type": "text", "text": ANSWER}]


async def test_the_bill_of_a_hit_is_zero_and_its_saving_is_what_it_would_have_cost() -> None:
    async with at(providers_model := "messages") as theatre:
        answers(theatre, whole("messages"))
        body = asks(providers_model, model="claude-haiku-4-5")
        await ask(theatre, "messages", body)
        await ask(theatre, "messages", body)
        record = await theatre.record(1)
        assert record.lane == "cache" and record.cache.status == "hit"
        assert record.usage.input_tokens is None  # nobody is billed for it twice
        assert record.cache.usage.input_tokens == 11 and record.cache.usage.output_tokens == 7
        assert record.saving.usd == 0 and (record.saving.passthrough_usd or 0) > 0
        assert (await theatre.record(0)).cache.status == "miss"


@pytest.mark.parametrize(
    ("api", "naming"),
    [
        ("messages", {"metadata": {"user_id": "session-2"}}),
        ("chat", {"user": "u2", "metadata": {"a": "b"}, "stream": True,
                  "stream_options": {"include_usage": True}}),
        ("responses", {"prompt_cache_key": "k2", "safety_identifier": "s"}),
    ],
)  # fmt: skip
async def test_what_only_names_a_call_makes_no_other(api: str, naming: dict[str, Any]) -> None:
    async with at(api) as theatre:
        answers(theatre, whole(api))
        await ask(theatre, api, asks(api))
        same = json.loads(asks(api, **naming))
        turned = json.dumps(dict(reversed(same.items())), indent=1).encode()
        assert cache_of(await ask(theatre, api, turned)) == ("hit", "exact")


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"}, {"max_tokens": 99}, {"system": "Be brief."}, {"top_p": 0.5},
        {"messages": [{"role": "user", "content": "Explain TCP vs UDP "}]},
        {"stop_sequences": ["x"]},
    ],
    ids=repr,
)  # fmt: skip
async def test_what_shapes_the_answer_makes_another(other: dict[str, Any]) -> None:
    async with at() as theatre:
        answers(theatre, whole("messages"), whole("messages", "Other."))
        await ask(theatre, "messages", asks("messages"))
        reply = await ask(theatre, "messages", asks("messages", **other))
        assert cache_of(reply) == ("miss", None) and text_of(reply) == "Other."


async def test_headers_that_switch_behaviour_make_another() -> None:
    async with at() as theatre:
        answers(theatre, *[whole("messages")] * 3)
        for beta in ("a-2025", "b-2025", "a-2025"):
            await ask(theatre, "messages", asks("messages"), anthropic_beta=beta)
        assert len(theatre["one"].requests) == 2


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (asks("messages", temperature=1), "not_deterministic"),
        (asks("messages", tools=[{"name": "t", "input_schema": {"type": "object"}}]), "tools"),
        (b'{"model": "m", "model": "m", "messages": []}', "not_understood"),
    ],
)
async def test_what_is_not_safe_to_repeat_is_sent(body: bytes, rule: str) -> None:
    async with at() as theatre:
        answers(theatre, *[whole("messages")] * 2)
        for _ in range(2):
            reply = await ask(theatre, "messages", body)
            assert cache_of(reply) == ("bypass", None)
        assert len(theatre["one"].requests) == 2
        cache = (await theatre.record()).cache
        assert (cache.status, cache.rule) == ("bypass", rule)


@pytest.mark.parametrize(
    "reply",
    [
        whole("messages", "cut", "max_tokens"),
        whole("messages", "", "end_turn"),
        whole("messages", "no", "refusal"),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_what_went_wrong_is_not_kept(reply: bytes) -> None:
    async with at() as theatre:
        answers(theatre, reply, whole("messages"))
        first = await ask(theatre, "messages", asks("messages"))
        assert first.body == reply.split(b"\r\n\r\n", 1)[1]
        second = await ask(theatre, "messages", asks("messages"))
        assert cache_of(second) == ("miss", None) and text_of(second) == ANSWER


async def test_large_answers_pass_and_are_not_kept() -> None:
    long = "word " * 3000
    async with at(cache=Cache(reply_bytes_max=10_000)) as theatre:
        answers(theatre, *[whole("messages", long)] * 2)
        for _ in range(2):
            reply = await ask(theatre, "messages", asks("messages"))
            assert text_of(reply) == long and cache_of(reply) == ("miss", None)


@pytest.mark.parametrize(
    "header",
    [
        {"x_lynkr_no_cache": "true"},
        {"cache_control": "no-cache"},
        {"x_lynkr_passthrough": "true"},
    ],
)
async def test_a_client_can_ask_for_a_fresh_answer(header: dict[str, str]) -> None:
    async with at() as theatre:
        answers(theatre, whole("messages"), whole("messages", "Fresh."))
        await ask(theatre, "messages", asks("messages"))
        fresh = await ask(theatre, "messages", asks("messages"), **header)
        assert text_of(fresh) == "Fresh."
        after = await ask(theatre, "messages", asks("messages"))
        kept = "Fresh." if "x_lynkr_passthrough" not in header else ANSWER
        assert text_of(after) == kept and cache_of(after) == ("hit", "exact")


@pytest.mark.parametrize("header", [{"x_lynkr_no_store": "true"}, {"cache_control": "no-store"}])
async def test_a_client_can_keep_its_answer_out(header: dict[str, str]) -> None:
    async with at() as theatre:
        answers(theatre, whole("messages", "Secret."), whole("messages"))
        await ask(theatre, "messages", asks("messages"), **header)
        assert text_of(await ask(theatre, "messages", asks("messages"))) == ANSWER


async def test_keys_and_teams_share_nothing_by_default() -> None:
    keys = [
        Key(name=name, digest=digest(f"sk-{name}"), team=team)
        for name, team in (("ana", "core"), ("bo", "core"), ("cy", "web"))
    ]
    auth = Auth(required=True, keys=keys)
    for sharing, sent in (("key", 3), ("team", 2)):
        cache = Cache(scope=sharing)  # type: ignore[arg-type]
        async with at(cache=cache, auth=auth) as theatre:
            for name in ("ana", "bo", "cy", "ana"):
                theatre["one"].otherwise = Script((Send(whole("messages", f"For {name}.")),))
                reply = await ask(theatre, "messages", asks("messages"), x_api_key=f"sk-{name}")
                owner = name if sharing == "key" or name == "cy" else "ana"
                assert text_of(reply) == f"For {owner}."
            assert len(theatre["one"].requests) == sent


async def test_callers_with_credentials_of_their_own_share_nothing() -> None:
    cache = msgspec.structs.replace(Cache(), mode="exact")
    providers = {"one": {"kind": "anthropic", "auth": "client"}}
    async with Theatre(providers, cache=cache) as theatre:  # type: ignore[arg-type]
        for credential in ("sk-a", "sk-b", "sk-a"):
            answers(theatre, whole("messages", f"For {credential}."))
            reply = await ask(theatre, "messages", asks("messages"), x_api_key=credential)
            assert text_of(reply) == f"For {credential}."
        assert len(theatre["one"].requests) == 2


async def test_a_key_can_switch_it_off() -> None:
    keys = [Key(name="ana", digest=digest("sk-ana"), cache="off")]
    async with at(auth=Auth(keys=keys)) as theatre:
        answers(theatre, *[whole("messages")] * 2)
        for _ in range(2):
            reply = await ask(theatre, "messages", asks("messages"), x_api_key="sk-ana")
            assert cache_of(reply) == ("bypass", None)


async def test_another_epoch_is_another_world() -> None:
    async with at() as theatre:
        for epoch in ("a", "b", "a"):
            answers(theatre, whole("messages", f"At {epoch}."))
            reply = await ask(theatre, "messages", asks("messages"), x_lynkr_cache_epoch=epoch)
            assert text_of(reply) == f"At {epoch}."
        assert len(theatre["one"].requests) == 2


async def test_an_answer_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at(cache=Cache(ttl_s=60)) as theatre:
        answers(theatre, whole("messages"), whole("messages", "New."))
        await ask(theatre, "messages", asks("messages"))
        found = theatre.gateway.answers
        [entry] = list(found.shelf.entries(None))
        assert entry.expires_at - entry.stored_at == pytest.approx(60)
        now = entry.expires_at + 1
        assert found.shelf.exact(entry.key, entry.scope, entry.epoch, now) is None


async def test_counts_and_embeddings_are_kept_as_they_came() -> None:
    async with Theatre({"one": "anthropic", "two": "openai"}, cache=Cache(mode="exact")) as theatre:
        count = b'{"input_tokens": 12, "new": [1]}'
        theatre["one"].script(Send(_json(count)))
        asked = b'{"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Hi"}]}'
        for expected in ("miss", "hit"):
            reply = await theatre.post("/v1/messages/count_tokens", asked)
            assert reply.body == count and reply.header("x-lynkr-cache") == expected
        vectors = b'{"object":"list","data":[{"embedding":[0.1]}],"model":"e","usage":{}}'
        theatre["two"].script(Send(_json(vectors)))
        asked = b'{"model": "text-embedding-3-small", "input": "Hi"}'
        for expected in ("miss", "hit"):
            reply = await theatre.post("/v1/embeddings", asked)
            assert reply.body == vectors and reply.header("x-lynkr-cache") == expected


def _json(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


async def test_another_targets_answer_is_not_kept_under_the_first_ones_name() -> None:
    async with Theatre(
        {"one": "anthropic", "two": "anthropic"},
        cache=Cache(mode="exact"),
        routing=msgspec.convert({"fallbacks": ["two"]}, type=type(_settings().routing)),
    ) as theatre:
        theatre["one"].script(Send(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"))
        theatre["two"].script(Send(whole("messages", "Second best.")))
        theatre["one"].script(Send(whole("messages")))
        assert text_of(await ask(theatre, "messages", asks("messages"))) == "Second best."
        assert text_of(await ask(theatre, "messages", asks("messages"))) == ANSWER


def _settings() -> Any:
    from lynkr.config.settings import Settings

    return Settings()


async def test_an_answer_is_there_after_a_restart() -> None:
    async with at() as theatre:
        answers(theatre, whole("messages"))
        await ask(theatre, "messages", asks("messages"))
        gateway = theatre.gateway
        await gateway.stop(drain_s=0)
        from lynkr.server.app import Gateway

        theatre.gateway = Gateway(gateway.settings, on_record=theatre._note)
        await theatre.gateway.start()
        await until(
            lambda: len(list(theatre.gateway.answers.shelf.entries(None))) == 1, "the entry"
        )
        reply = await ask(theatre, "messages", asks("messages"))
        assert cache_of(reply) == ("hit", "exact") and text_of(reply) == ANSWER


async def test_a_broken_store_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at() as theatre:
        state = theatre.gateway.settings.server.state_dir
        await asyncio.to_thread(_ruin, state)
        answers(theatre, whole("messages"))
        assert text_of(await ask(theatre, "messages", asks("messages"))) == ANSWER
        assert cache_of(await ask(theatre, "messages", asks("messages"))) == ("hit", "exact")


def _ruin(folder: str) -> None:
    from pathlib import Path

    (Path(folder) / "answers.db").mkdir()


async def test_kept_answers_are_given_while_their_provider_is_down() -> None:
    """Also when its circuit breaker is open, and when another provider stands in for it."""
    for providers in ({"one": "anthropic"}, {"one": "anthropic", "two": "anthropic"}):
        async with Theatre(
            dict(providers),
            cache=Cache(mode="exact"),
            failover=Failover(breaker_failures=1),
            routing=Routing(fallbacks=list(providers)[1:]),
        ) as theatre:
            answers(theatre, whole("messages"))
            await ask(theatre, "messages", asks("messages"))
            theatre["one"].otherwise = Script((Reset(),))
            for name in list(providers)[1:]:
                theatre[name].otherwise = Script((Send(whole("messages", "Second best.")),))
            await ask(theatre, "messages", asks("messages", "Something else"))
            again = await ask(theatre, "messages", asks("messages"))
            assert cache_of(again) == ("hit", "exact") and text_of(again) == ANSWER


async def test_what_is_forgotten_does_not_come_back_by_the_log() -> None:
    """Not even when it was on its way from the store at that moment."""
    async with at() as theatre:
        answers(theatre, whole("messages"))
        await ask(theatre, "messages", asks("messages"))
        found = theatre.gateway.answers
        [entry] = found.shelf.entries(None)
        log = found._keeper
        assert isinstance(log, Keeper)
        await until(lambda: log.delivered_total >= 1, "it to come back")
        facts = await asyncio.to_thread(_all_of, theatre.gateway.settings)
        placed = asyncio.Event()
        found.arrived(facts, placed.set)
        assert found.forget([entry.id]) == 1
        await placed.wait()
        assert found.shelf.find(entry.id) is None


def _all_of(settings: Settings) -> list[Answer]:
    store = opener(settings)()
    try:
        return [fact for fact in store.snapshot()[0] if isinstance(fact, Answer)]
    finally:
        store.close()
