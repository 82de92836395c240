"""A provider with a scripted agent behind it: drives a coding tool through a session of tool calls.

It speaks every dialect that a provider can have, each on its own paths. It records every request
byte for byte, refuses what breaks the rules of its dialect as the real provider does, and can break
a stream in the middle of a tool call. It listens on the test's own loop, on a free port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self
from urllib.parse import unquote

from aiohttp import web

from tests.e2e import agent_bedrock, agent_chat, agent_gemini, agent_messages, agent_responses
from tests.e2e.agent_plan import Answer, Asked, Body, Plan, Refused, Tokens

_BODY_BYTES_MAX = 64 * 1024 * 1024
_AGENT = "x-claude-code-agent-id"
_OF_THE_HOP = ("host", "connection", "content-length", "authorization", "x-api-key")
Request = tuple[str, str, tuple[tuple[str, str], ...], bytes]


class Dialect(Protocol):
    """What the scripted agent needs to know of one dialect; its modules are these."""

    def check(self, asked: Asked, plan: Plan) -> None:
        """Raises ``Refused`` where the request breaks a rule."""

    def answer(self, asked: Asked, plan: Plan, number: int) -> Answer: ...

    def results(self, body: Body) -> list[str]: ...

    def history(self, body: Body) -> list[Body]: ...

    def refusal(self, message: str) -> Body: ...


_PATHS: list[tuple[re.Pattern[str], Dialect]] = [
    (re.compile(r"/v1/messages"), agent_messages),
    (re.compile(r"/v1/responses"), agent_responses),
    (re.compile(r"/v1/chat/completions"), agent_chat),
    (
        re.compile(
            r"/v1(?:beta)?/models/(?P<model>.+):(?:generateContent|(?P<stream>streamGenerate).+)"
        ),
        agent_gemini,
    ),
    (re.compile(r"/model/(?P<model>[^/]+)/converse(?P<stream>-stream)?"), agent_bedrock),
]


@dataclass(frozen=True)
class Turn:
    """One answered request, as the agent understood it."""

    dialect: Dialect
    asked: Asked
    answer: Answer


@dataclass(frozen=True)
class Seen:
    """One request, as it came."""

    method: str
    target: str  # path and query
    headers: list[tuple[str, str]]
    body: bytes
    at: float = 0.0  # monotonic seconds, where the one who saw it has noted them

    def value(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def end_to_end(self) -> Request:
        """What a gateway that changes nothing passes on: all but the credential and the hop."""
        headers = tuple(pair for pair in self.headers if pair[0].lower() not in _OF_THE_HOP)
        return self.method, self.target, headers, self.body


@dataclass
class Fault:
    """The replies of this step break inside their tool call, so many times."""

    step: int
    times: int
    clean: bool = False  # ended by the framing, as if the reply were whole; else the line is cut
    # The break waits for this, so that a test can see first that the client has the half call.
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Instead:
    """What comes in place of a reply."""

    status: int  # 0: nothing comes, the connection is reset
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False  # the connection ends after the body, inside its framing


@dataclass(frozen=True)
class _Summed(Plan):
    """The same, in a conversation that has a summary in place of its first results."""

    results_gone: int

    def step(self, results_seen: int) -> int:
        return super().step(results_seen + self.results_gone)


@dataclass
class AgentUpstream:
    """Use as an async context manager; ``base_url`` is where it listens."""

    plan: Plan
    fault: Fault | None = None
    sub_agents: Plan | None = None  # what Claude Code's sub-agents do, which its header tells
    # By step: what its first requests get, one after the other.
    instead: dict[int, list[Instead]] = field(default_factory=dict)
    models: tuple[str, ...] = ("scripted-agent",)  # what it lists; it answers to any name
    requests: list[Seen] = field(default_factory=list)
    replies: list[Tokens] = field(default_factory=list)  # usage of the replies sent to their end
    steps: list[int] = field(default_factory=list)  # of the answers given; -1 for side requests
    results: list[str] = field(default_factory=list)  # tool results of the longest conversation
    results_gone: int = 0  # how many of the first the client has put into a summary
    turns: list[Turn] = field(default_factory=list)  # the requests that it answered
    faults: list[BaseException] = field(default_factory=list)  # requests that break the rules
    port: int = 0
    _answers: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def posts(self) -> list[Seen]:
        """The inference requests."""
        return [seen for seen in self.requests if seen.method == "POST"]

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_BODY_BYTES_MAX)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = [(name.decode(), value.decode("latin-1")) for name, value in request.raw_headers]
        self.requests.append(Seen(request.method, request.raw_path, headers, body))
        if request.method == "HEAD":
            return web.Response()
        if request.path == "/v1/models":
            return web.json_response(self._models())
        if request.path == "/v1/messages/count_tokens":
            return web.Response(body=agent_messages.count(json.loads(body)).body)
        for pattern, dialect in _PATHS:
            found = pattern.fullmatch(request.raw_path.partition("?")[0])
            if found:
                return await self._talk(request, dialect, found.groupdict(), body)
        return web.json_response({"error": {"message": "no such path"}}, status=404)

    async def _talk(
        self, request: web.Request, dialect: Dialect, named: Mapping[str, str | None], body: bytes
    ) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            asked = _asked(request, named, json.loads(body), headers)
            plan = _Summed(self.plan.steps, self.plan.final, self.results_gone)
            if self.sub_agents is not None and _AGENT in headers:
                plan = _Summed(self.sub_agents.steps, self.sub_agents.final, 0)
            dialect.check(asked, plan)
            self._answers += 1
            wanted = asked
            if _is_compaction(dialect, asked.body):
                self.results_gone = len(dialect.results(asked.body))
                wanted = _without_tools(asked)
            answer = dialect.answer(wanted, plan, self._answers)
            self._note(dialect.results(asked.body))
        except (Refused, LookupError, TypeError, ValueError, AssertionError) as fault:
            self.faults.append(fault)
            kind = {"x-amzn-errortype": "ValidationException"} if dialect is agent_bedrock else {}
            words = str(fault) if isinstance(fault, Refused) else repr(fault)
            return web.json_response(dialect.refusal(words), status=400, headers=kind)
        self.steps.append(answer.step)
        self.turns.append(Turn(dialect, asked, answer))
        if self.instead.get(answer.step):
            return await self._fail(request, self.instead[answer.step].pop(0))
        if not answer.events:
            if answer.tokens is not None:
                self.replies.append(answer.tokens)
            return web.Response(body=answer.body, content_type="application/json")
        reply = web.StreamResponse(headers={"content-type": answer.kind})
        await reply.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the gateway gave the reply up
            await self._stream(request, reply, answer)
        return reply

    async def _fail(self, request: web.Request, instead: Instead) -> web.StreamResponse:
        assert request.transport is not None
        if not instead.status:
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
            return web.Response()
        if not instead.cut:
            return web.Response(
                status=instead.status, body=instead.body, headers=dict(instead.headers)
            )
        reply = web.StreamResponse(status=instead.status, headers=dict(instead.headers))
        await reply.prepare(request)
        await reply.write(instead.body)
        request.transport.close()
        return reply

    def _models(self) -> dict[str, object]:
        listed = [{"type": "model", "id": name, "created": 1} for name in self.models]
        return {"data": listed, "has_more": False}

    def _note(self, results: list[str]) -> None:
        if len(results) > len(self.results):
            self.results = results

    async def _stream(
        self, request: web.Request, reply: web.StreamResponse, answer: Answer
    ) -> None:
        breaks = self.fault is not None and self.fault.times > 0 and self.fault.step == answer.step
        for number, event in enumerate(answer.events):
            if breaks and number == answer.break_at:
                assert self.fault is not None
                self.fault.times -= 1
                await self.fault.released.wait()
                await self._break(request, reply, event, self.fault)
                return
            await reply.write(event)
            await asyncio.sleep(0)  # each event in a write of its own
        if answer.tokens is not None:
            self.replies.append(answer.tokens)  # first: the client may be gone once it has the end
        await reply.write_eof()

    async def _break(
        self, request: web.Request, reply: web.StreamResponse, event: bytes, fault: Fault
    ) -> None:
        if fault.clean:
            await reply.write_eof()
            return
        await reply.write(event[: len(event) // 2])
        assert request.transport is not None
        request.transport.close()  # FIN after what was written: the chunked body has no end


def _asked(
    request: web.Request, named: Mapping[str, str | None], body: Body, headers: Mapping[str, str]
) -> Asked:
    """Where the path names the model, it also says whether the reply is a stream."""
    if not named:
        return Asked(body, body["model"], bool(body.get("stream")), headers)
    stream = named["stream"] is not None
    if stream and "Generate" in str(named["stream"]) and request.query.get("alt") != "sse":
        raise Refused("without alt=sse the stream is a JSON array, which this agent does not speak")
    return Asked(body, unquote(str(named["model"])), stream, headers)


# Of what coding tools say when they ask for a summary of the conversation.
_COMPACTION = ("CRITICAL: Respond with TEXT ONLY",)
_TOOLS = ("tools", "toolConfig")


def _is_compaction(dialect: Dialect, body: Body) -> bool:
    """A model that is told not to call its tools does not."""
    last = json.dumps(dialect.history(body)[-1])
    return any(words in last for words in _COMPACTION)


def _without_tools(asked: Asked) -> Asked:
    left = {name: value for name, value in asked.body.items() if name not in _TOOLS}
    return replace(asked, body=left)
