"""The official Node SDKs as clients. Each scenario is a run of a script in ``node/``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lynkr.config.settings import TIER_NAMES, Provider
from tests.e2e import npm
from tests.e2e.gateway_in_process import Running, running
from tests.e2e.program import run
from tests.harness import replies
from tests.harness.upstream import Close, ScriptedUpstream, Send, Wait

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SCRIPTS = Path(__file__).parent / "node"
PACKAGES = {
    "anthropic_sdk.mjs": ("@anthropic-ai/sdk", "1.12.0"),
    "openai_sdk.mjs": ("openai", "6.49.0"),
}
KINDS = {"anthropic_sdk.mjs": "anthropic", "openai_sdk.mjs": "openai"}
each_sdk = pytest.mark.parametrize("script", list(PACKAGES))

_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
_START = {"type": "message_start", "message": {**_MESSAGE, "usage": {"input_tokens": 3}}}
_CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
BEGUN = {
    "anthropic_sdk.mjs": f"event: message_start\ndata: {json.dumps(_START)}\n\n".encode(),
    "openai_sdk.mjs": f"data: {json.dumps(_CHUNK)}\n\n".encode(),
}
DEMO_MODELS = ["lynkr-demo", *(f"lynkr-demo-{tier}" for tier in TIER_NAMES)]
FIRST = {"anthropic_sdk.mjs": "message_start", "openai_sdk.mjs": "chat.completion.chunk"}


async def told(script: str, scenario: str, gateway: Running, directory: Path) -> dict[str, Any]:
    """What the script prints. It is run from a directory that has the package."""
    modules = npm.installed(*PACKAGES[script]) / "node_modules"
    (directory / "node_modules").symlink_to(modules)
    (directory / script).write_text((SCRIPTS / script).read_text())
    outcome = await run(
        ["node", script, scenario, gateway.base_url],
        cwd=directory,
        environment={"HOME": str(directory)},
    )
    assert outcome.exit_code == 0, outcome
    found: dict[str, Any] = json.loads(outcome.output)
    return found


async def test_anthropic_on_the_demo(tmp_path: Path) -> None:
    async with running() as gateway:
        found = await told("anthropic_sdk.mjs", "demo", gateway, tmp_path)
    assert found["model"] == "lynkr-demo"
    assert found["whole"] == found["streamed"] == found["pieces"] != ""
    first, second, counted = found["usage"]
    assert first == second == counted > 0
    assert found["call"] == ["tool_use", "get_weather", ["city"]]
    assert "4 degrees ☃" in found["answer"]
    assert found["listed"] == DEMO_MODELS
    assert {(record.status, record.ended_by) for record in gateway.records} == {(200, "complete")}


async def test_openai_on_the_demo(tmp_path: Path) -> None:
    async with running() as gateway:
        found = await told("openai_sdk.mjs", "demo", gateway, tmp_path)
    assert found["model"] == "lynkr-demo"
    assert found["whole"] == found["streamed"] != ""
    assert found["usage"] == [20, 20]
    assert found["call"] == ["tool_calls", "get_weather", ["city"]]
    assert "4 degrees ☃" in found["answer"]
    assert found["response"] == found["said"] != ""
    assert found["ended"] == "response.incomplete"  # it was cut at its limit
    first, second = found["embedded"]
    assert first == second > 0
    assert found["listed"] == DEMO_MODELS
    assert {(record.status, record.ended_by) for record in gateway.records} == {(200, "complete")}


@each_sdk
async def test_upstream_error_is_the_sdks_own(tmp_path: Path, script: str) -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slower ☃"}}
    headers = [*replies.JSON, ("request-id", "req_upstream"), ("x-request-id", "req_upstream")]
    async with ScriptedUpstream() as upstream:
        upstream.reply(replies.sized(json.dumps(body).encode(), status=429, headers=headers))
        there = Provider(kind=KINDS[script], base_url=upstream.base_url)
        async with running({"main": there}) as gateway:
            found = await told(script, "error", gateway, tmp_path)
    assert (found["name"], found["status"]) == ("RateLimitError", 429)
    assert found["body"] == (body if script.startswith("anthropic") else body["error"])
    assert found["id"] == "req_upstream"


@each_sdk
async def test_broken_stream_throws(tmp_path: Path, script: str) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.script(Send(replies.chunked(BEGUN[script])), Close())
        there = Provider(kind=KINDS[script], base_url=upstream.base_url)
        async with running({"main": there}) as gateway:
            found = await told(script, "broken", gateway, tmp_path)
            record = await gateway.record()
    assert found.get("known") is True, found
    assert found["told"]
    assert (record.ended_by, record.error) == ("upstream", "upstream_truncated")


@each_sdk
async def test_leaving_a_stream_stops_the_upstream(tmp_path: Path, script: str) -> None:
    begun = replies.chunked(BEGUN[script]).removesuffix(replies.last_chunk())
    async with ScriptedUpstream() as upstream:
        upstream.script(Send(begun), Wait(asyncio.Event()))
        there = Provider(kind=KINDS[script], base_url=upstream.base_url)
        async with running({"main": there}) as gateway:
            found = await told(script, "leave", gateway, tmp_path)
            await upstream.ended()
            record = await gateway.record()
    assert found == {"seen": FIRST[script]}
    assert record.ended_by == "client"
