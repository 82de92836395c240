"""Tiers through ``lynkr serve``: what is remembered of a conversation on every worker of a host, on
hosts that share a Redis, and without it; and the demo, which has tiers of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cached_gateways import Told, answers, ask, control, messages_of, sent, until
from tests.e2e.gateway_process import GatewayProcess, provider
from tests.e2e.program import Outcome, run
from tests.harness.redis_server import RedisServer
from tests.harness.upstream import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WORKERS = 4
TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
MODELS = {tier: f"m-{tier.lower()}" for tier in TIERS}
# A greeting, a floor and what asks nothing: no fit of the weights moves them.
HI, REVIEW, THANKS = (
    "hi, are you there?",
    "Now do an architecture review of the gateway.",
    "thanks!",
)
ANSWERED = "Hello! What do you need?"


def routing() -> str:
    tiers = "".join(f'{tier.lower()} = "main:{model}"\n' for tier, model in MODELS.items())
    return f'[cache]\nmode = "off"\n[routing]\n{tiers}default = "lynkr/auto"\n'


@asynccontextmanager
async def host(
    folder: Path, upstream: ScriptedUpstream, more: str = "", workers: int = 2
) -> AsyncIterator[GatewayProcess]:
    folder.mkdir(exist_ok=True)
    config = provider("main", "anthropic", upstream.base_url, "sk-x") + routing() + more
    async with GatewayProcess(folder, config, ("--workers", str(workers))) as gateway:
        yield gateway


class Conversation:
    """What a client has said so far, and the headers that name its session: none, or Claude
    Code's."""

    def __init__(self, name: str, *, named: bool) -> None:
        self.name = name
        self.headers = {"x_claude_code_session_id": name} if named else {}
        self.said: list[str] = []

    def says(self, text: str) -> bytes:
        """The next request; the answer to the one before it is known by now."""
        if self.said:
            self.said.append(ANSWERED)
        self.said.append(text)
        messages = [
            {"role": "assistant" if number % 2 else "user", "content": content}
            for number, content in enumerate(self.said)
        ]
        # Begins like no other: without a session's name that is all that tells it apart.
        body = {"model": "claude-sonnet-5", "max_tokens": 64, "system": f"You are {self.name}."}
        return json.dumps(body | {"messages": messages}).encode()


def tier_of(told: Told) -> str:
    tier = told.reply.header("x-lynkr-tier") or ""
    assert told.reply.header("x-lynkr-model") == MODELS[tier]
    return tier


def reason_of(told: Told) -> str:
    return told.reply.header("x-lynkr-route-reason") or ""


async def begun(gateway: GatewayProcess, talk: Conversation, text: str, tier: str) -> None:
    assert tier_of(await ask(gateway, talk.says(text), **talk.headers)) == tier


async def on_every_worker(
    gateway: GatewayProcess, workers: int, body: bytes, headers: dict[str, str]
) -> list[Told]:
    """All replies to a request that is sent on new connections until each worker has answered."""
    found: list[Told] = []

    async def holds() -> bool:
        with contextlib.suppress(ConnectionError):  # of a worker that has just ended
            found.append(await ask(gateway, body, **headers))
        return len({told.worker for told in found}) >= workers

    await until(holds, "every worker to answer")
    return found


async def kept(gateway: GatewayProcess, workers: int, talk: Conversation, tier: str) -> None:
    """Every worker, each time: words that ask nothing leave the conversation in its tier."""
    found = await on_every_worker(gateway, workers, talk.says(THANKS), talk.headers)
    assert {tier_of(told) for told in found} == {tier}, [reason_of(told) for told in found]
    assert all("pinned" in reason_of(told) for told in found)


async def known(gateway: GatewayProcess, talk: Conversation) -> str:
    """The tier that a gateway remembers of a conversation; "" if it does not. Decides nothing:
    counts of tokens go where their conversation is."""
    body = json.loads(talk.says(THANKS))
    del body["max_tokens"], talk.said[-2:]
    counted = json.dumps(body).encode()
    target = "/v1/messages/count_tokens"
    reply = await sent(gateway.port, "POST", target, counted, **talk.headers)
    assert reply.status == 200, reply
    tier = reply.header("x-lynkr-tier") or ""
    return "" if tier == "MEDIUM" else tier  # where it goes that belongs to no conversation


async def hears(gateway: GatewayProcess, talk: Conversation, tier: str) -> None:
    async def holds() -> bool:
        return await known(gateway, talk) == tier

    await until(holds, f"the other host to know of {talk.name}")


each_identity = pytest.mark.parametrize("named", [True, False], ids=["named", "by its beginning"])


# --- several workers ------------------------------------------------------------------------------


@each_identity
async def test_every_worker_keeps_a_conversation_where_it_is(tmp_path: Path, named: bool) -> None:
    async with ScriptedUpstream() as upstream, host(tmp_path, upstream, "", WORKERS) as gateway:
        answers(upstream, ANSWERED)
        alone = Conversation("alone", named=named)
        found = await on_every_worker(gateway, WORKERS, alone.says(THANKS), alone.headers)
        assert {tier_of(told) for told in found} == {"SIMPLE"}, "by itself it asks nothing"

        talk = Conversation("first", named=named)
        await begun(gateway, talk, REVIEW, "COMPLEX")
        for _ in range(3):
            await kept(gateway, WORKERS, talk, "COMPLEX")

        risen = Conversation("second", named=named)
        await begun(gateway, risen, HI, "SIMPLE")
        await kept(gateway, WORKERS, risen, "SIMPLE")
        up = await ask(gateway, risen.says(REVIEW), **risen.headers)
        assert (tier_of(up), "up from SIMPLE" in reason_of(up)) == ("COMPLEX", True)
        await kept(gateway, WORKERS, risen, "COMPLEX")
        await kept(gateway, WORKERS, alone, "SIMPLE")


async def test_conversations_outlive_workers_and_configurations(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream, host(tmp_path, upstream) as gateway:
        answers(upstream, ANSWERED)
        talk = Conversation("first", named=True)
        await begun(gateway, talk, REVIEW, "COMPLEX")
        tasks = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children")
        if not tasks.exists():
            pytest.skip("this system does not tell a process's children")
        for victim in tasks.read_text().split():
            os.kill(int(victim), signal.SIGKILL)

        async def replaced() -> bool:
            return messages_of(gateway)["worker started"] == 4

        await until(replaced, "the workers' successors")
        await kept(gateway, 2, talk, "COMPLEX")

        gateway.write(gateway.config + '[providers.other]\nkind = "demo"\n')
        gateway.signal(signal.SIGHUP)

        async def reread() -> bool:
            listed = [await control(gateway, "GET", "/v1/models") for _ in range(8)]
            return all("lynkr-demo" in str(one) for one in listed)

        await until(reread, "every worker to read the configuration")
        await kept(gateway, 2, talk, "COMPLEX")


# --- several hosts --------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    yield server
    server.kill()


def shared(redis: RedisServer) -> str:
    return f'[storage]\nshared_url = "{redis.url}"\n'


@each_identity
async def test_hosts_that_share_a_redis_agree(
    tmp_path: Path, redis: RedisServer, named: bool
) -> None:
    redis.start()
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path / "a", upstream, shared(redis)) as here,
        host(tmp_path / "b", upstream, shared(redis)) as there,
        host(tmp_path / "c", upstream) as apart,
    ):
        answers(upstream, ANSWERED)
        talk = Conversation("first", named=named)
        await begun(here, talk, REVIEW, "COMPLEX")
        await hears(there, talk, "COMPLEX")
        await kept(there, 2, talk, "COMPLEX")
        await kept(here, 2, talk, "COMPLEX")
        assert await known(apart, talk) == "", "who shares nothing knows nothing"

        risen = Conversation("second", named=named)
        await begun(there, risen, HI, "SIMPLE")
        await hears(here, risen, "SIMPLE")
        up = await ask(here, risen.says(REVIEW), **risen.headers)
        assert (tier_of(up), "up from SIMPLE" in reason_of(up)) == ("COMPLEX", True)
        await hears(there, risen, "COMPLEX")
        await kept(there, 2, risen, "COMPLEX")


async def test_without_redis_each_host_decides_and_later_tells(
    tmp_path: Path, redis: RedisServer
) -> None:
    """It is not there at first, comes, goes, and comes back empty."""
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path / "a", upstream, shared(redis)) as here,
        host(tmp_path / "b", upstream, shared(redis)) as there,
    ):
        answers(upstream, ANSWERED)
        for outage in range(2):
            talk = Conversation(f"told later {outage}", named=True)
            other = Conversation(f"decided by each {outage}", named=True)
            for one in (talk, other):
                await begun(here, one, REVIEW, "COMPLEX")
                await kept(here, 2, one, "COMPLEX")
                assert await known(there, one) == ""
            by_itself = await ask(there, other.says(THANKS), **other.headers)
            assert (tier_of(by_itself), by_itself.reply.status) == ("SIMPLE", 200)
            redis.start()
            await hears(there, talk, "COMPLEX")
            await kept(there, 2, talk, "COMPLEX")
            redis.kill()
        await here.stop()
        assert {call["status"] for call in here.calls()} == {200}
        logged = json.dumps(here.events())
        assert "canary" not in logged, "the server's password"


# --- the demo -------------------------------------------------------------------------------------


async def command(gateway: GatewayProcess, *arguments: str) -> Outcome:
    """A command of lynkr with this gateway's configuration."""
    outcome = await run(
        [
            sys.executable,
            "-m",
            "lynkr",
            *arguments,
            "--config",
            str(gateway.directory / "lynkr.toml"),
        ],
        cwd=Path(__file__).parents[2],
        environment={"HOME": str(gateway.directory)},
    )
    assert outcome.exit_code == 0, outcome
    return outcome


def body(*texts: str, **more: Any) -> dict[str, Any]:
    messages = [
        {"role": "assistant" if number % 2 else "user", "content": text}
        for number, text in enumerate(texts)
    ]
    return {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": messages, **more}


TOOLS = [{"name": "Bash", "description": "Runs a command.", "input_schema": {"type": "object"}}]
GUESS = "[SUGGESTION MODE: Suggest what the user might naturally type next into Claude Code.]"
# Kinds of asks, and the least and the most that they may be sent to.
ASKS = {
    "greeting": (body("hi"), "SIMPLE", "SIMPLE"),
    "question": (body("What does git bisect do?"), "SIMPLE", "MEDIUM"),
    "reminder": (
        body("hi\n<system-reminder>Rotate the production credentials.</system-reminder>"),
        "SIMPLE",
        "SIMPLE",
    ),
    "suggestion": (
        body("How do I rotate a leaked key?", "Revoke it first.", GUESS, tools=TOOLS),
        "SIMPLE",
        "SIMPLE",
    ),
    "review": (body(HI, ANSWERED, REVIEW), "COMPLEX", "REASONING"),
    "protected": (
        body("Fix the off-by-one in src/auth/session.py and its tests."),
        "COMPLEX",
        "REASONING",
    ),
    "autonomous": (
        body("Work autonomously: run the tests, fix each failure, go on until all pass.",
             tools=TOOLS),
        "REASONING",
        "REASONING",
    ),
}  # fmt: skip


async def test_the_demo_shows_tiers_without_any_key(tmp_path: Path) -> None:
    """What a new user sees: the reply's headers, the list of models, explain and outcomes."""
    async with GatewayProcess(tmp_path, "") as gateway:
        listed = (await control(gateway, "GET", "/v1/models"))["data"]
        assert listed[0]["id"] == "lynkr/auto"
        names = [f"lynkr/{tier.lower()}" for tier in TIERS]
        names += ["lynkr-demo", *(f"lynkr-demo-{tier.lower()}" for tier in TIERS)]
        assert [one["id"] for one in listed[1:]] == names
        went: dict[str, int] = {}
        for kind, (asked, least, most) in ASKS.items():
            told = await ask(gateway, json.dumps(asked).encode())
            tier = told.reply.header("x-lynkr-tier") or ""
            at = TIERS.index(tier)
            assert TIERS.index(least) <= at <= TIERS.index(most), (kind, reason_of(told))
            assert told.reply.header("x-lynkr-model") == f"lynkr-demo-{tier.lower()}"
            assert reason_of(told).startswith(tier)
            await assert_explained(gateway, asked, tier, reason_of(told))
            if kind != "suggestion":  # side calls say nothing of how a model does
                went[tier] = went.get(tier, 0) + 1
        await gateway.stop()
        counted = json.loads((await command(gateway, "outcomes", "--json")).output)
        assert {row["tier"]: row["calls"] for row in counted["tiers"]} == went
        shown = (await command(gateway, "outcomes")).output
        assert all(tier in shown and f"demo:lynkr-demo-{tier.lower()}" in shown for tier in went)


async def assert_explained(
    gateway: GatewayProcess, asked: dict[str, Any], tier: str, reason: str
) -> None:
    """``lynkr explain`` says what the gateway has done, with the dimensions above zero."""
    file = gateway.directory / "asked.json"
    file.write_text(json.dumps(asked))
    plan = json.loads((await command(gateway, "explain", str(file), "--json")).output)
    assert (plan["tier"], plan["reasons"][0]) == (tier, reason)
    assert len(plan["dimensions"]) == 15
    assert all(0 <= value <= 1 for value in plan["dimensions"].values())
    shown = (await command(gateway, "explain", str(file))).output
    assert tier in shown and reason in shown
    for name, value in plan["dimensions"].items():
        assert (value < 0.005) or name in shown
