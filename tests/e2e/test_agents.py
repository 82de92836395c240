"""The scripted agent itself: the official SDKs take it for a provider, and it keeps to the rules.

What this holds true is what ``test_translation.py`` builds on: a session that the agent accepts is
one that the provider's own SDK could have had, and each broken rule is noticed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import anthropic
import botocore.exceptions
import openai
import pytest
from google.genai import errors as gemini_errors

from tests.e2e import agent_players
from tests.e2e.agent_plan import Act, Asked, Body, Plan, Refused, total
from tests.e2e.agent_upstream import AgentUpstream, Dialect

PLAN = Plan(
    (
        (Act("shell", {"command": 'echo "naïve" ☃'}),),
        (Act("shell", {"command": "ls"}), Act("patch", "*** Begin ☃\n")),
        (Act("shell", {"command": "exit 3"}),),
    ),
    "All steps are done. ☃",
)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("dialect", agent_players.PLAYERS)
async def test_session(dialect: str, stream: bool) -> None:
    """The official SDK understands every reply, and every request of it is accepted."""
    async with AgentUpstream(PLAN) as agent:
        session = await agent_players.PLAYERS[dialect](agent.base_url, stream)
    assert agent.faults == []
    assert agent.steps == [0, 1, 2, 3]
    assert session.final == PLAN.final
    assert session.usage == total(agent.replies)
    assert agent.results == [
        'shell ran: {"command": "echo \\"naïve\\" ☃"}',
        'shell ran: {"command": "ls"}',
        'patch ran: {"input": "*** Begin ☃\\n"}',
        'shell ran: {"command": "exit 3"}',
    ]


# --- broken rules ---------------------------------------------------------------------------------

# A whole conversation of each dialect, played once: it has a question, three steps, and results.
_played: dict[str, tuple[Dialect, Asked]] = {}


async def played(dialect: str) -> tuple[Dialect, Asked]:
    if dialect not in _played:
        async with AgentUpstream(PLAN) as agent:
            await agent_players.PLAYERS[dialect](agent.base_url, True)
        last = agent.turns[-1]
        _played[dialect] = last.dialect, last.asked
    return _played[dialect]


def put(*path: str | int, value: object) -> Callable[[Body], object]:
    """Sets what stands at a place of the request."""

    def change(body: Body) -> None:
        at: Any = body
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Body], object]:
    """Takes away what stands at a place of the request."""

    def change(body: Body) -> None:
        at: Any = body
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


def twice(name: str, number: int) -> Callable[[Body], object]:
    """An item of a list comes again, right behind itself."""

    def change(body: Body) -> None:
        body[name].insert(number, copy.deepcopy(body[name][number]))

    return change


ODD = "not the one that was given"
# Chat: system, question, call, result, two calls, result, result, call, result.
# Messages and Bedrock: question, call, result, two calls, two results, call, result. So Gemini.
# Responses: question, reasoning, call, result, reasoning, call, call, result, result, ...
BROKEN: list[tuple[str, str, Callable[[Body], object], str]] = [
    ("chat", "unknown field", put("reasoning", value={}), "reasoning: Extra inputs"),
    ("chat", "unknown field of a part", put("messages", 3, "is_error", value=True), "3.is_error"),
    ("chat", "wrong type", put("temperature", value="hot"), "temperature"),
    ("chat", "no messages", put("messages", value=[]), "too short - 'messages'"),
    ("chat", "unknown role", put("messages", 0, "role", value="model"), "messages.0"),
    ("chat", "no result", drop("messages", 3), "tool calls without a response"),
    ("chat", "one of two results", drop("messages", 6), "tool calls without a response"),
    ("chat", "no last result", drop("messages", 8), "at the end"),
    ("chat", "result of no call", put("messages", 3, "tool_call_id", value=ODD), "answers no"),
    ("chat", "result twice", twice("messages", 3), "answers no"),
    ("chat", "two calls of an id", put("messages", 4, "tool_calls", 1, "id", value="call_0100"),
     "ids repeat"),
    ("chat", "no calls", put("messages", 2, "tool_calls", value=[]), "'tool_calls'"),
    ("chat", "empty assistant", put("messages", 2, value={"role": "assistant", "content": None}),
     "expected content or tool_calls"),
    ("chat", "long id", put("messages", 2, "tool_calls", 0, "id", value="i" * 41), "too long"),
    ("chat", "broken arguments",
     put("messages", 2, "tool_calls", 0, "function", "arguments", value="{"), "no JSON"),
    ("chat", "arguments no object",
     put("messages", 2, "tool_calls", 0, "function", "arguments", value="[]"), "no object"),
    ("chat", "name of a call",
     put("messages", 2, "tool_calls", 0, "function", "name", value="a.b"), "name 'a.b'"),
    ("chat", "name of a tool", put("tools", 0, "function", "name", value="n" * 65), "name of a"),
    ("chat", "custom tool", put("tools", 0, value={"type": "custom", "custom": {"name": "x"}}),
     "only function tools"),
    ("chat", "no tools", put("tools", value=[]), "too short - 'tools'"),
    ("chat", "choice without tools",
     lambda body: (body.pop("tools"), body.update(tool_choice="auto")), "only allowed with tools"),
    ("chat", "two limits", lambda body: body.update(max_tokens=1, max_completion_tokens=1),
     "exclude each other"),
    ("messages", "unknown field", put("seed", value=1), "seed: Extra inputs"),
    ("messages", "no limit", drop("max_tokens"), "max_tokens"),
    ("messages", "limit of zero", put("max_tokens", value=0), "greater than 0"),
    ("messages", "no messages", put("messages", value=[]), "at least one"),
    ("messages", "assistant first", drop("messages", 0), "first role"),
    ("messages", "system inside", put("messages", 0, "role", value="system"), "first role"),
    ("messages", "empty text", put("messages", 1, "content", 1, "text", value=" "), "non-empty"),
    ("messages", "empty string", put("messages", 0, "content", value=""), "non-empty"),
    ("messages", "no result", drop("messages", 2), "but results []"),
    ("messages", "one of two results", drop("messages", 4, "content", 1), "but results"),
    ("messages", "no last result", drop("messages", 6), "without tool_result"),
    ("messages", "result of no call",
     put("messages", 2, "content", 0, "tool_use_id", value="toolu_odd"), "but results"),
    ("messages", "text before results",
     lambda body: body["messages"][2]["content"].insert(0, {"type": "text", "text": "So:"}),
     "must come first"),
    ("messages", "id of a call", put("messages", 1, "content", 2, "id", value="a.b"), "id 'a.b'"),
    ("messages", "name of a tool", put("tools", 0, "name", value="n" * 129), "tools: name"),
    ("messages", "choice without tools",
     lambda body: (body.pop("tools"), body.update(tool_choice={"type": "auto"})), "with tools"),
    ("messages", "no thinking", drop("messages", 1, "content", 0), "Expected `thinking`"),
    ("messages", "other thinking", put("messages", 1, "content", 0, "thinking", value=ODD),
     "Invalid `signature`"),
    ("messages", "other signature", put("messages", 1, "content", 0, "signature", value=ODD),
     "Invalid `signature`"),
    ("messages", "forced and thinking", put("tool_choice", value={"type": "any"}), "forces"),
    ("messages", "sampling", put("temperature", value=1), "temperature: Extra inputs"),
    ("messages", "small budget", put("thinking", "budget_tokens", value=1000), "at least 1024"),
    ("messages", "budget over the limit", put("max_tokens", value=1024), "greater than the budget"),
    ("messages", "five cache marks",
     lambda body: [message["content"][0].update(cache_control={"type": "ephemeral"})
                   for message in body["messages"][2::2] + body["messages"][2::2]]
     and [block.update(cache_control={"type": "ephemeral"})
          for block in (*body["tools"], *body["messages"][4]["content"])], "maximum of 4"),
    ("responses", "unknown field", put("stop", value=["x"]), "stop: Extra inputs"),
    ("responses", "unknown item", put("input", 0, value={"type": "thought"}), "input.0.type"),
    ("responses", "no strictness", drop("tools", 0, "strict"), "strict: Field required"),
    ("responses", "no result", drop("input", 3), "No tool output found"),
    ("responses", "result of no call", put("input", 3, "call_id", value="call_odd"),
     "No tool call found"),
    ("responses", "result before call", lambda body: body["input"].insert(1, body["input"][3]),
     "No tool call found"),
    ("responses", "no reasoning", drop("input", 1), "without its required reasoning"),
    ("responses", "reasoning of another step",
     lambda body: body["input"].__setitem__(1, body["input"][4]), "without its required reasoning"),
    ("responses", "other reasoning", put("input", 1, "encrypted_content", value=ODD),
     "could not be verified"),
    ("responses", "reasoning that is not stored", drop("input", 1, "encrypted_content"),
     "not persisted"),
    ("responses", "reasoning alone",
     lambda body: (body.pop("store"), body["input"].__delitem__(slice(2, 4))),
     "without its required following item"),
    ("responses", "long call id", put("input", 2, "call_id", value="c" * 65), "too long"),
    ("responses", "id of another kind", put("input", 2, "id", value="call_0000"), "is no fc id"),
    ("responses", "name of a call", put("input", 2, "name", value="a.b"), "name: 'a.b'"),
    ("gemini", "unknown field", put("generationConfig", "effort", value="low"), "effort"),
    ("gemini", "JSON Schema where a subset is known",
     put("tools", 0, "functionDeclarations", 0,
         value={"name": "x", "parameters": {"type": "object", "$schema": "y"}}), "$schema"),
    ("gemini", "two schemas", put("tools", 0, "functionDeclarations", 0, "parameters", value={}),
     "parametersJsonSchema"),
    ("gemini", "name of a tool", put("tools", 0, "functionDeclarations", 0, "name", value="a b"),
     "Invalid function name"),
    ("gemini", "unknown value", put("toolConfig", value={"functionCallingConfig": {"mode": "X"}}),
     "X is not a valid"),
    ("gemini", "no contents", put("contents", value=[]), "not specified"),
    ("gemini", "assistant", put("contents", 1, "role", value="assistant"), "use user or model"),
    ("gemini", "two turns of one", twice("contents", 2), "follow each other"),
    ("gemini", "no result",
     put("contents", 2, value={"role": "user", "parts": [{"text": "Go on."}]}), "are not those of"),
    ("gemini", "one of two results", drop("contents", 4, "parts", 1), "are not those of"),
    ("gemini", "result of no call",
     put("contents", 2, "parts", 0, "functionResponse", "name", value="odd"), "are not those of"),
    ("gemini", "ends with the model", drop("contents", 6), "the last turn"),
    ("gemini", "other signature",
     lambda body: [part.update(thoughtSignature="b2Rk") for part in body["contents"][1]["parts"]
                   if "functionCall" in part], "not valid"),
    ("gemini", "no signature",
     lambda body: [part.pop("thoughtSignature", None) for part in body["contents"][3]["parts"]],
     "missing a thought_signature"),
    ("bedrock", "unknown field", put("stream", value=True), "unknown field stream"),
    ("bedrock", "two members of a union", put("messages", 0, "content", 0, "cachePoint",
                                              value={"type": "default"}), "tagged union"),
    ("bedrock", "unknown value", put("messages", 2, "content", 0, "toolResult", "status",
                                     value="bad"), "not in the list"),
    ("bedrock", "binary value as text",
     put("messages", 1, "content", 0, value={"reasoningContent": {"redactedContent": "§"}}),
     "not base64"),
    ("bedrock", "temperature", put("inferenceConfig", value={"temperature": 1.5}), "maximum"),
    ("bedrock", "empty description",
     put("toolConfig", "tools", 0, "toolSpec", "description", value=""), "below the minimum"),
    ("bedrock", "name of a tool", put("toolConfig", "tools", 0, "toolSpec", "name", value="a.b"),
     "is not like"),
    ("bedrock", "no messages", put("messages", value=[]), "at least one"),
    ("bedrock", "no tool config", drop("toolConfig"), "toolConfig field must be defined"),
    ("bedrock", "two turns of one", twice("messages", 2), "must alternate"),
    ("bedrock", "system inside", put("messages", 0, "role", value="system"), "system"),
    ("bedrock", "empty message", put("messages", 2, "content", value=[]), "is empty"),
    ("bedrock", "blank text", put("messages", 0, "content", 0, "text", value=" "), "is blank"),
    ("bedrock", "one of two results", drop("messages", 4, "content", 1), "toolResult blocks"),
    ("bedrock", "result of no call",
     put("messages", 2, "content", 0, "toolResult", "toolUseId", value="odd"), "toolResult blocks"),
    ("bedrock", "no reasoning", drop("messages", 1, "content", 0), "Expected `thinking`"),
    ("bedrock", "other signature",
     put("messages", 1, "content", 0, "reasoningContent", "reasoningText", "signature", value=ODD),
     "Invalid `signature`"),
    ("bedrock", "ends with the assistant", drop("messages", 6), "must end with a user"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "change", "words"),
    [
        pytest.param(name, change, words, id=f"{name}: {rule}")
        for name, rule, change, words in BROKEN
    ],
)
async def test_broken_rule_is_noticed(
    dialect: str, change: Callable[[Body], object], words: str
) -> None:
    """The same conversation with one thing wrong is refused, and for this reason."""
    module, asked = await played(dialect)
    module.check(asked, PLAN)
    body = copy.deepcopy(asked.body)
    change(body)
    with pytest.raises(Refused) as refused:
        module.check(Asked(body, asked.model, asked.stream, asked.headers), PLAN)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("version", "changes", "words"),
    [
        ("", {}, "header is required"),
        ("2023-06-01", {"temperature": 0.2}, "`temperature` may only be 1"),
        ("2023-06-01", {"top_k": 5}, "`top_k` must be unset"),
        ("2023-06-01", {"temperature": 1}, ""),
    ],
)
async def test_older_version_of_messages(version: str, changes: Body, words: str) -> None:
    """It takes sampling parameters, and no system messages without a word in the betas."""
    module, asked = await played("messages")
    body = {**asked.body, **changes}
    older = Asked(body, asked.model, asked.stream, {"anthropic-version": version})
    if words:
        with pytest.raises(Refused, match=words):
            module.check(older, PLAN)
        return
    module.check(older, PLAN)
    told = [*body["messages"], {"role": "system", "content": "Hurry."}]
    with pytest.raises(Refused, match="unexpected role system"):
        module.check(Asked({**body, "messages": told}, "", True, older.headers), PLAN)
    betas = {**older.headers, "anthropic-beta": "mid-conversation-system-2026-04-07"}
    module.check(Asked({**body, "messages": told}, "", True, betas), PLAN)


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        ("chat", openai.BadRequestError),
        ("responses", openai.BadRequestError),
        ("messages", anthropic.BadRequestError),
        ("gemini", gemini_errors.ClientError),
        ("bedrock", botocore.exceptions.ClientError),
    ],
)
async def test_refusal_has_the_shape_of_the_provider(
    dialect: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK raises its own error with the reason in it, and the agent remembers it as a fault."""
    monkeypatch.setitem(agent_players.SCHEMAS, "n" * 200, {"type": "object"})
    async with AgentUpstream(PLAN) as agent:
        with pytest.raises(error) as raised:
            await agent_players.PLAYERS[dialect](agent.base_url, True)
    (fault,) = agent.faults
    assert str(fault) in str(raised.value)
    assert agent.turns == []
