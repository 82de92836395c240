"""Every dialect of a client on every dialect of a provider, with the official SDKs as clients.

They build each request and understand each reply by the types of their own vendor, and the scripted
agent holds what the gateway makes of it against the types and rules of the provider.
"""

from __future__ import annotations

import json

import pytest

from lynkr.config.settings import Provider, Routing, Settings
from tests.e2e import agent_players
from tests.e2e.agent_plan import total
from tests.e2e.agent_upstream import AgentUpstream
from tests.e2e.gateway_in_process import running
from tests.e2e.test_agents import PLAN
from tests.e2e.test_translation import TARGETS, assert_extended, assert_seals_returned

CLIENTS = ["messages", "chat", "responses", "gemini"]  # Bedrock's own is served to no client
PAIRS = [(client, target) for client in CLIENTS for target in TARGETS if client != target]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("client", "target"), PAIRS)
async def test_session(client: str, target: str, stream: bool) -> None:
    """Two calls at once, arguments with a snowman, reasoning, and every token counted."""
    there = TARGETS[target]
    async with AgentUpstream(PLAN) as agent:
        provider = Provider(
            kind=there.kind,
            base_url=agent.base_url,
            api_key="upstream-key",
            apis=[there.apis] if there.apis else [],
        )
        settings = Settings(routing=Routing(default=f"main:{there.model}"))
        async with running({"main": provider}, settings=settings) as gateway:
            session = await agent_players.PLAYERS[client](gateway.base_url, stream)
            records = [await gateway.record(number) for number in range(session.replies)]
    assert [str(fault) for fault in agent.faults] == []
    assert agent.steps == [0, 1, 2, 3]
    assert session.final == PLAN.final
    assert [json.loads(result.split(": ", 1)[1]) for result in agent.results] == [
        {"command": 'echo "naïve" ☃'},
        {"command": "ls"},
        {"input": "*** Begin ☃\n"},
        {"command": "exit 3"},
    ]
    assert_extended(agent, target)
    if target != "chat":
        assert_seals_returned(agent)
    assert {record.lane for record in records} == {"translate"}
    expected = total(agent.replies)
    billed = {
        name: sum(getattr(record.usage, name) or 0 for record in records) for name in expected
    }
    assert billed == expected
    # Gemini's clients have no place for what was written to a cache: it is in the input.
    seen = dict(session.usage)
    if client == "gemini":
        expected["input_tokens"] += expected.pop("prompt_cache_write_tokens")
        del seen["prompt_cache_write_tokens"]
    assert seen == expected
