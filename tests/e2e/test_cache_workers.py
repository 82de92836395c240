"""The cache through ``lynkr serve``: workers of one host and of several that share a store, what
the store's bytes give away, restarts, and one upstream call for many clients."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import lynkr
from tests.e2e.cached_gateways import (
    EXACT,
    KEY,
    NOT_KEPT,
    SEMANTIC,
    TCP,
    TCP_REWORDED,
    answers,
    ask,
    bytes_in,
    checked,
    command,
    config,
    control,
    everywhere,
    forgotten,
    kept,
    messages_of,
    question,
    served,
    until,
)
from tests.e2e.gateway_process import GatewayProcess
from tests.gateway.cached import ANSWER, PATHS, events, text_of
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.redis_server import RedisServer
from tests.harness.upstream import ScriptedUpstream, Send, Wait

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WORKERS = 4
SEAL = 'encryption_key = "' + "5e" * 32 + '"\n'
ASKED_CANARY = "canaryquestion"
ANSWERED_CANARY = "canaryanswer"
CLIENTS = 200


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, "--rdbcompression", "no")
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def host(
    folder: Path, upstream: ScriptedUpstream, cache: str, workers: int = 1
) -> AsyncIterator[GatewayProcess]:
    folder.mkdir(exist_ok=True)
    arguments = ("--workers", str(workers))
    async with GatewayProcess(folder, config(upstream, cache), arguments) as gateway:
        yield gateway


# --- several workers ------------------------------------------------------------------------------


async def test_what_one_worker_keeps_all_serve_and_what_one_forgets_none_does(
    tmp_path: Path,
) -> None:
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path, upstream, SEMANTIC, WORKERS) as gateway,
    ):
        answers(upstream)
        entry = await kept(gateway, question(TCP))
        answers(upstream, "Asked anew.")
        await served(gateway, WORKERS, question(TCP), entry, "exact")
        asked = len(upstream.requests)
        for stream in (False, True):
            reworded = question(TCP_REWORDED, stream=stream)
            await served(gateway, WORKERS, reworded, entry, "semantic")
        told = await everywhere(gateway, WORKERS, question(TCP), lambda told: told.kind != "")
        assert {one.text for one in told} == {ANSWER}
        assert len(upstream.requests) == asked, "whoever has the answer does not ask"

        stats = await command(gateway, "stats")
        assert stats.exit_code == 0, stats
        assert "semantic, shared by key" in stats.output
        as_json = await command(gateway, "stats", "--json")
        assert json.loads(as_json.output)["entries"] >= 1

        await control(gateway, "DELETE", f"/v1/cache/entries/{entry}")
        await forgotten(gateway, WORKERS, question(TCP))
        await forgotten(gateway, WORKERS, question(TCP_REWORDED))


async def test_the_command_forgets_for_every_worker(tmp_path: Path) -> None:
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path, upstream, EXACT, WORKERS) as gateway,
    ):
        answers(upstream)
        body = question(TCP, cold=True)
        entry = await kept(gateway, body)
        await served(gateway, WORKERS, body, entry, "exact")
        done = await command(gateway, "forget", entry)
        assert (done.exit_code, done.output.split()) == (0, [entry]), done
        await forgotten(gateway, WORKERS, body)


# --- several hosts --------------------------------------------------------------------------------


async def test_two_hosts_share_one_redis(tmp_path: Path, redis: RedisServer) -> None:
    shared = f'{SEMANTIC}[storage]\nshared_url = "{redis.url}"\n'
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path / "a", upstream, shared, 2) as here,
        host(tmp_path / "b", upstream, shared, 2) as there,
    ):
        answers(upstream)
        entry = await kept(here, question(TCP))
        answers(upstream, "Asked anew.")
        await served(there, 2, question(TCP_REWORDED), entry, "semantic")
        await served(here, 2, question(TCP_REWORDED), entry, "semantic")

        wrong = {"entry": entry, "verdict": "wrong"}
        assert (await control(there, "POST", "/v1/cache/feedback", wrong))["forgotten"] == [entry]
        await forgotten(here, 2, question(TCP))
        await forgotten(there, 2, question(TCP))


async def test_calls_go_on_without_redis_and_answers_travel_when_it_is_back(
    tmp_path: Path, redis: RedisServer
) -> None:
    shared = f'{SEMANTIC}[storage]\nshared_url = "{redis.url}"\n'
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path / "a", upstream, shared, 2) as here,
        host(tmp_path / "b", upstream, shared, 2) as there,
    ):
        answers(upstream)
        entry = await kept(here, question(TCP))
        for gateway in (here, there):  # each worker has the content at hand from here on
            await served(gateway, 2, question(TCP), entry, "exact")

        redis.kill()
        answers(upstream, "Asked anew.")
        for gateway in (here, there):
            await served(gateway, 2, question(TCP), entry, "exact")
            await served(gateway, 2, question(TCP_REWORDED), entry, "semantic")
            asked = len(upstream.requests)
            told = await ask(gateway, question("Why is the sky blue?"), **NOT_KEPT)
            assert (told.kind, told.text, len(upstream.requests)) == ("", "Asked anew.", asked + 1)

        async def complained() -> bool:
            return all(_told(gateway, "cannot use its store") for gateway in (here, there))

        await until(complained, "the outage to be told")
        redis.start()  # empty: it keeps nothing on disk

        async def recovered() -> bool:
            return all(_told(gateway, "is there again") for gateway in (here, there))

        await until(recovered, "the end of the outage to be told")
        answers(upstream, "Written after the outage.")
        late = question("What does a compiler do?")
        found = await kept(here, late)
        for gateway in (here, there):
            await served(gateway, 2, late, found, "exact")


def _told(gateway: GatewayProcess, words: str) -> int:
    return sum(count for message, count in messages_of(gateway).items() if words in message)


# --- what can be read -----------------------------------------------------------------------------


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("place", ["sqlite", "redis"])
async def test_with_a_key_the_store_gives_nothing_away(
    tmp_path: Path, place: str, sealed: bool, request: pytest.FixtureRequest
) -> None:
    """Without one the canaries are found: so the search can find them."""
    server = request.getfixturevalue("redis") if place == "redis" else None
    storage = f'[storage]\nshared_url = "{server.url}"\n' if server is not None else ""
    folder = tmp_path / "gateway"
    cache = SEMANTIC + (SEAL if sealed else "") + storage
    asked = question(f"Why is {ASKED_CANARY} blue?")
    async with ScriptedUpstream() as upstream:
        answers(upstream, f"It is {ANSWERED_CANARY}.")
        async with host(folder, upstream, cache) as gateway:
            entry = await kept(gateway, asked)
            await gateway.stop()  # all that waits is written
        stored = bytes_in(folder / "state")
        if server is not None:
            stored += _dumped(server)
        for canary in (ASKED_CANARY, ANSWERED_CANARY):
            assert (canary.encode() in stored) is not sealed
        answers(upstream, "Asked anew.")
        async with host(folder, upstream, cache) as gateway:
            await served(gateway, 1, asked, entry, "exact")
            told = await ask(gateway, asked)
            assert told.text == f"It is {ANSWERED_CANARY}.", "who has the key can read it"


def _dumped(server: RedisServer) -> bytes:
    """All that the server holds, as it would write it to disk."""
    import redis as driver

    client = driver.Redis.from_url(server.url)
    client.save()
    folder = client.config_get("dir")["dir"]
    client.close()
    return (Path(str(folder)) / "dump.rdb").read_bytes()


async def test_what_is_found_by_its_words_only_keeps_no_words(tmp_path: Path) -> None:
    """The exact cache knows a question by its digest; neither the log nor the terminal has it."""
    async with ScriptedUpstream() as upstream:
        answers(upstream, f"It is {ANSWERED_CANARY}.")
        async with host(tmp_path, upstream, EXACT) as gateway:
            body = question(f"Why is {ASKED_CANARY} blue?", cold=True)
            await kept(gateway, body)
            await gateway.stop()
            shown = "".join(gateway.output).encode()
            assert [call["cache"]["status"] for call in gateway.calls()] == ["miss", "hit"]
        stored = bytes_in(tmp_path / "state")
        assert ASKED_CANARY.encode() not in stored
        assert ANSWERED_CANARY.encode() in stored
        logged = (tmp_path / "access.jsonl").read_bytes() + shown
        for canary in (ASKED_CANARY, ANSWERED_CANARY, KEY):
            assert canary.encode() not in logged


async def test_no_words_and_no_keys_are_logged_while_the_store_is_away(
    tmp_path: Path, redis: RedisServer
) -> None:
    storage = f'{SEAL}[storage]\nshared_url = "{redis.url}"\n'
    async with ScriptedUpstream() as upstream:
        answers(upstream, f"It is {ANSWERED_CANARY}.")
        async with host(tmp_path / "gateway", upstream, SEMANTIC + storage) as gateway:
            asked = question(f"Why is {ASKED_CANARY} blue?")
            await kept(gateway, asked)
            redis.kill()

            async def complained() -> bool:
                return _told(gateway, "cannot use its store") > 0

            await until(complained, "the outage to be told")
            await gateway.stop()
            shown = "".join(gateway.output)
        logged = (tmp_path / "gateway" / "access.jsonl").read_text() + shown
        for canary in (
            ASKED_CANARY,
            ANSWERED_CANARY,
            KEY,
            "5e" * 32,
            "canary%2Fpass",
            "canary/pass",
        ):
            assert canary not in logged


# --- over time ------------------------------------------------------------------------------------


async def test_a_restart_keeps_answers_and_another_epoch_leaves_them_behind(
    tmp_path: Path,
) -> None:
    async with ScriptedUpstream() as upstream:
        answers(upstream)
        async with host(tmp_path, upstream, SEMANTIC, 2) as gateway:
            entry = await kept(gateway, question(TCP))
        answers(upstream, "Asked anew.")
        async with host(tmp_path, upstream, SEMANTIC, 2) as gateway:
            await served(gateway, 2, question(TCP_REWORDED), entry, "semantic")
            await served(gateway, 2, question(TCP), entry, "exact")
            gateway.write(config(upstream, SEMANTIC + 'epoch = "second"\n'))
            gateway.signal(signal.SIGHUP)
            await forgotten(gateway, 2, question(TCP))
            await forgotten(gateway, 2, question(TCP_REWORDED))
            gateway.write(config(upstream, SEMANTIC))
            gateway.signal(signal.SIGHUP)
            await served(gateway, 2, question(TCP), entry, "exact")


# --- one call for many ----------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
async def test_one_upstream_call_serves_200_clients(tmp_path: Path, begun: bool) -> None:
    """Whether they come before the reply begins or while it streams."""
    go_on = asyncio.Event()
    first, *others = events()
    head = replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])
    rest = b"".join(map(replies.chunk, others)) + replies.last_chunk()
    start, late = head + replies.chunk(first), rest
    async with ScriptedUpstream() as upstream, host(tmp_path, upstream, EXACT) as gateway:
        if begun:
            upstream.script(Send(start), Wait(go_on), Send(late))
        else:
            upstream.script(Wait(go_on), Send(start), Send(late))
        call = request(PATHS["messages"], question(TCP, stream=True, cold=True))
        clients = []
        for _ in range(CLIENTS):
            clients.append(await RawClient.connect(gateway.port))
            clients[-1].send(call)
        if begun:
            for client in clients:
                await client.read_head()
                assert await client.read_event() == first

        async def joined() -> bool:
            stats = await control(gateway, "GET", "/v1/cache/stats")
            return bool(stats["worker"]["joined"] == CLIENTS - 1)

        await until(joined, "all the others to join")
        go_on.set()
        for client in clients:
            if not begun:
                await client.read_head()
            reply = await client.rest()
            assert reply.clean_end and text_of(reply) == ANSWER
            client.close()
        assert len(upstream.requests) == 1
        await gateway.stop()
        calls = gateway.calls()
        assert [one["ended_by"] for one in calls] == ["complete"] * CLIENTS
        kinds = [one["cache"].get("kind", "") for one in calls]
        assert (kinds.count("flight"), kinds.count("")) == (CLIENTS - 1, 1)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "line", "key", "words"),
    [
        ("cache", 'encryption_key = "abc"', "cache.encryption_key", "openssl rand -hex 32"),
        ("storage", 'shared_url = "localhost:6379"', "storage.shared_url", "redis://"),
        ("cache", "max_false_hit = 2", "cache.max_false_hit", "0.01"),
        ("cache", 'model_dir = "no/such/folder"', "cache.model_dir", "model2vec"),
    ],
)
async def test_a_wrong_setting_is_named_with_its_line_and_fix(
    tmp_path: Path, section: str, line: str, key: str, words: str
) -> None:
    file = tmp_path / "lynkr.toml"
    file.write_text(f'[providers.main]\nkind = "anthropic"\n\n[{section}]\n{line}\n')
    outcome = await checked(file)
    said = outcome.output + outcome.errors
    assert outcome.exit_code == 1, outcome
    assert "lynkr.toml:5: " + key in said and "fix: " in said and words in said
    assert '"abc"' not in said, "it may be a secret, mistyped"


async def test_a_model_of_ones_own_is_used_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(Path(lynkr.__file__).parent / "model", model)
    own = f'{SEMANTIC}model_dir = "{model}"\n'
    async with (
        ScriptedUpstream() as upstream,
        host(tmp_path / "gateway", upstream, own, 2) as gateway,
    ):
        answers(upstream)
        entry = await kept(gateway, question(TCP))
        await served(gateway, 2, question(TCP_REWORDED), entry, "semantic")
        gateway.write(config(upstream, f'{SEMANTIC}model_dir = "{tmp_path / "gone"}"\n'))
        gateway.signal(signal.SIGHUP)

        async def complained() -> bool:
            return any("cache.model_dir" in str(event) for event in gateway.events())

        await until(complained, "the wrong folder to be reported")
        await served(gateway, 2, question(TCP_REWORDED), entry, "semantic")
    with pytest.raises(AssertionError, match="model_dir"):
        wrong = f'{SEMANTIC}model_dir = "{tmp_path / "gone"}"\n'
        async with ScriptedUpstream() as upstream, host(tmp_path / "other", upstream, wrong):
            pass
