"""The semantic cache through the real gateway: reworded questions, and everything that must not
meet."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from lynkr.config.settings import Auth, Cache, Key
from lynkr.policies.access import digest
from lynkr.stores.answers import Sighting
from tests.gateway.cached import ANSWER, PATHS, ask, asks, at, cache_of, text_of, until, whole
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send

SAME = (
    "Explain TCP vs UDP",
    "What is the difference between TCP and UDP?",
    "How do TCP and UDP differ?",
)
LAYERS = "What are the four layers of the TCP/IP model and what does each do?"
NO_SHADOWS = Cache(shadow_rate=0.0)


def semantic(api: str = "messages", cache: Cache = NO_SHADOWS, **sections: Any) -> Theatre:
    return at(api, mode="semantic", cache=cache, **sections)


def says(theatre: Theatre, text: str, api: str = "messages") -> None:
    """What the provider answers from here on."""
    theatre["one"].otherwise = Script((Send(whole(api, text)),))


def warm(api: str, text: str, **more: Any) -> bytes:
    """A question as clients ask it: no temperature."""
    body = json.loads(asks(api, text, **more))
    body.pop("temperature", None)
    return json.dumps(body | {k: v for k, v in more.items() if k == "temperature"}).encode()


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_reworded_question_has_the_same_answer(api: str, stream: bool) -> None:
    async with semantic(api) as theatre:
        says(theatre, ANSWER, api)
        await ask(theatre, api, warm(api, SAME[0]))
        for text in SAME[1:]:
            reply = await ask(theatre, api, warm(api, text, stream=stream))
            assert cache_of(reply) == ("hit", "semantic") and text_of(reply) == ANSWER
            assert 0.8 <= float(reply.header("x-lynkr-cache-similarity") or 0) <= 1
        says(theatre, "Four layers.", api)
        other = await ask(theatre, api, warm(api, LAYERS))
        assert cache_of(other) == ("miss", None) and text_of(other) == "Four layers."
        assert len(theatre["one"].requests) == 2


async def test_by_default_only_the_same_words_of_a_cold_call_do() -> None:
    async with at(mode="auto") as theatre:
        says(theatre, ANSWER)
        for text in SAME:
            assert cache_of(await ask(theatre, "messages", warm("messages", text)))[0] == "bypass"
            assert cache_of(await ask(theatre, "messages", asks("messages", text)))[0] == "miss"


@pytest.mark.parametrize(
    "text",
    [
        "Explain TCP vs UDP in two sentences",
        "Explain TCP vs QUIC",
        "Explain `TCP` vs `sctp.c`",
        "Why is TCP slower than UDP?",
        "What is the latest news on TCP vs UDP today?",
        "Explique TCP et UDP en détail, s'il vous plaît",
    ],
)
async def test_another_question_has_its_own(text: str) -> None:
    async with semantic() as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", SAME[0]))
        says(theatre, "Another.")
        assert text_of(await ask(theatre, "messages", warm("messages", text))) == "Another."


async def test_what_depends_on_the_day_is_found_by_its_own_words_only() -> None:
    async with semantic() as theatre:
        says(theatre, ANSWER)
        first = "What is the latest version of Python today?"
        await ask(theatre, "messages", warm("messages", first))
        for entry in theatre.gateway.answers.shelf.entries(None):
            assert not entry.semantic


async def test_longer_talk_is_found_by_its_own_words_only() -> None:
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": SAME[0]},
    ]
    async with semantic() as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", "", messages=talk))
        again = await ask(theatre, "messages", warm("messages", "", messages=talk))
        assert cache_of(again) == ("hit", "exact")
        talk[-1] = {"role": "user", "content": SAME[1]}
        other = await ask(theatre, "messages", warm("messages", "", messages=talk))
        assert cache_of(other) == ("miss", None)


async def test_nothing_but_the_question_ever_differs() -> None:
    """Whatever else of two calls differs, neither has the other's answer: keys, models, system
    prompts, tools that may not be called, sampling, limits, headers, epochs, what stands beside the
    question."""
    drawn = random.Random(5)
    tools = [{"name": "t", "input_schema": {"type": "object"}}]
    choices: dict[str, list[Any]] = {
        "key": ["sk-ana", "sk-bo"],
        "model": ["m", "n"],
        "system": [None, "Be kind.", "Be kind. "],
        "temperature": [None, 0, 1],
        "max_tokens": [100, 200],
        "tools": [None, tools],
        "beside": [None, "<system-reminder>Today is Monday.</system-reminder>"],
        "beta": ["a", "b"],
        "epoch": ["", "1"],
        "stop_sequences": [None, ["x"]],
    }
    keys = [Key(name=name, digest=digest(f"sk-{name}")) for name in ("ana", "bo")]
    hits = 0
    async with semantic(auth=Auth(required=True, keys=keys)) as theatre:
        for _ in range(400):
            world = {name: drawn.choice(values) for name, values in choices.items()}
            if drawn.random() < 0.5:  # often the usual one, so that there are hits at all
                world = {name: values[0] for name, values in choices.items()}
                changed = drawn.choice([*choices, ""])
                if changed:
                    world[changed] = drawn.choice(choices[changed])
            name = json.dumps(world)
            says(theatre, name)
            more = {
                field: world[field]
                for field in ("system", "temperature", "tools", "stop_sequences")
                if world[field] is not None
            }
            if "tools" in more:
                more["tool_choice"] = {"type": "none"}
            content: list[dict[str, str]] = [{"type": "text", "text": drawn.choice(SAME)}]
            if world["beside"] is not None:
                content.insert(0, {"type": "text", "text": world["beside"]})
            body = warm(
                "messages", "", messages=[{"role": "user", "content": content}],
                model=world["model"], max_tokens=world["max_tokens"], **more,
            )  # fmt: skip
            reply = await ask(
                theatre, "messages", body, x_api_key=world["key"],
                anthropic_beta=world["beta"], x_lynkr_cache_epoch=world["epoch"],
            )  # fmt: skip
            assert text_of(reply) == name
            hits += cache_of(reply)[1] == "semantic"
    assert hits > 50


# --- how far it is trusted ------------------------------------------------------------------------


async def test_hits_are_compared_with_fresh_answers() -> None:
    async with semantic(cache=Cache(shadow_rate=1.0)) as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", SAME[0]))
        reply = await ask(theatre, "messages", warm("messages", SAME[1]))
        assert cache_of(reply) == ("hit", "semantic")
        answers = theatre.gateway.answers
        await until(lambda: answers.counts.shadows == 1, "a comparison")
        assert answers.counts.disagreed == 0
        says(theatre, "Paris is the capital of France, with two million people in 2024.")
        await ask(theatre, "messages", warm("messages", SAME[2]))
        await until(lambda: answers.counts.shadows == 2, "a comparison")
        assert answers.counts.disagreed == 1
        await theatre.record(4)
        shadows = [record for record in theatre.records if record.cache.status == "shadow"]
        assert len(shadows) == 2 and all(record.usage.output_tokens for record in shadows)
        sent = theatre["one"].requests[1]
        assert json.loads(sent.body)["messages"] == [{"role": "user", "content": SAME[1]}]
        assert not any(name.lower().startswith("x-lynkr") for name, _ in sent.headers)


async def test_a_model_may_judge() -> None:
    cache = Cache(shadow_rate=1.0, judge="two:judge")
    async with Theatre(
        {"one": "anthropic", "two": {"kind": "openai", "apis": ["chat"]}},
        cache=msgspec.structs.replace(cache, mode="semantic"),
    ) as theatre:
        says(theatre, ANSWER)
        theatre["two"].otherwise = Script((Send(whole("chat", "DIFFERENT")),))
        await ask(theatre, "messages", warm("messages", SAME[0]))
        await ask(theatre, "messages", warm("messages", SAME[1]))
        answers = theatre.gateway.answers
        await until(lambda: answers.counts.shadows == 1, "a verdict")
        assert answers.counts.disagreed == 1
        asked = json.loads(theatre["two"].requests[0].body)
        assert asked["model"] == "judge" and ANSWER in asked["messages"][0]["content"]


async def test_too_many_wrong_answers_end_it() -> None:
    async with semantic() as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", SAME[0]))
        answers = theatre.gateway.answers
        [entry] = answers.shelf.entries(None)
        for number in range(40):
            answers.note(
                Sighting(
                    entry.id, entry.scope, entry.partition, 0.9 + number / 500, 1.0, False,
                    "judge", entry.stored_at,
                )
            )  # fmt: skip
        reply = await ask(theatre, "messages", warm("messages", SAME[1]))
        assert cache_of(reply) == ("miss", None)
        same = await ask(theatre, "messages", warm("messages", SAME[0]))
        assert cache_of(same) == ("hit", "exact")
        assert (await theatre.record(1)).cache.rule == "raised_bar"


async def test_a_failed_comparison_is_no_evidence() -> None:
    async with semantic(cache=Cache(shadow_rate=1.0)) as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", SAME[0]))
        theatre["one"].otherwise = Script(
            (Send(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}"),)
        )
        reply = await ask(theatre, "messages", warm("messages", SAME[1]))
        assert cache_of(reply) == ("hit", "semantic")
        await theatre.record(2)
        assert theatre.gateway.answers.counts.shadows == 0
        assert theatre.gateway._errands.under_way == 0


async def test_a_comparison_that_crashes_costs_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins when the client has its answer."""

    def broken(*_given: object) -> None:
        raise ValueError

    async with semantic(cache=Cache(shadow_rate=1.0)) as theatre:
        says(theatre, ANSWER)
        await ask(theatre, "messages", warm("messages", SAME[0]))
        monkeypatch.setattr(theatre.gateway._shadows, "begin", broken)
        reply = await ask(theatre, "messages", warm("messages", SAME[1]))
        assert cache_of(reply) == ("hit", "semantic") and text_of(reply) == ANSWER
        await theatre.record(1)
        assert len(theatre.records) == 2 and len(theatre["one"].requests) == 1
