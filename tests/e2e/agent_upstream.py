"""A provider with a scripted agent behind it: drives a coding tool through a session of tool calls.

It speaks Messages and Responses, records every request byte for byte, and can break a stream in the
middle of a tool call. It listens on the test's own loop, on a free port.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from tests.e2e import agent_messages, agent_responses
from tests.e2e.agent_plan import Answer, Plan, Tokens

_BODY_BYTES_MAX = 64 * 1024 * 1024
_OF_THE_HOP = ("host", "connection", "content-length", "authorization", "x-api-key")
Request = tuple[str, str, tuple[tuple[str, str], ...], bytes]


@dataclass(frozen=True)
class Seen:
    """One request, as it came."""

    method: str
    target: str  # path and query
    headers: list[tuple[str, str]]
    body: bytes

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


@dataclass
class AgentUpstream:
    """Use as an async context manager; ``base_url`` is where it listens."""

    plan: Plan
    fault: Fault | None = None
    models: tuple[str, ...] = ("scripted-agent",)  # what it lists; it answers to any name
    requests: list[Seen] = field(default_factory=list)
    replies: list[Tokens] = field(default_factory=list)  # usage of the replies sent to their end
    steps: list[int] = field(default_factory=list)  # of the answers given; -1 for side requests
    results: list[str] = field(default_factory=list)  # tool results of the longest conversation
    faults: list[BaseException] = field(default_factory=list)  # requests the agent did not expect
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
        try:
            answer = self._answer(request.path, body)
        except (KeyError, LookupError, ValueError, AssertionError) as fault:
            self.faults.append(fault)
            return web.json_response({"error": {"message": repr(fault)}}, status=400)
        if answer is None:
            return web.json_response({"error": {"message": "no such path"}}, status=404)
        if not answer.events:
            if answer.tokens is not None:
                self.replies.append(answer.tokens)
            return web.Response(body=answer.body, content_type="application/json")
        return await self._stream(request, answer)

    def _answer(self, path: str, body: bytes) -> Answer | None:
        self._answers += 1
        match path:
            case "/v1/messages":
                asked = json.loads(body)
                self._note(agent_messages.results(asked))
                answer = agent_messages.answer(asked, self.plan, self._answers)
            case "/v1/models":
                return Answer((), json.dumps(self._models()).encode(), None)
            case "/v1/messages/count_tokens":
                return agent_messages.count(json.loads(body))
            case "/v1/responses":
                asked = json.loads(body)
                self._note(agent_responses.results(asked))
                answer = agent_responses.answer(asked, self.plan, self._answers)
            case _:
                return None
        self.steps.append(answer.step)
        return answer

    def _models(self) -> dict[str, object]:
        listed = [{"type": "model", "id": name, "created": 1} for name in self.models]
        return {"data": listed, "has_more": False}

    def _note(self, results: list[str]) -> None:
        if len(results) > len(self.results):
            self.results = results

    async def _stream(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await reply.prepare(request)
        breaks = self.fault is not None and self.fault.times > 0 and self.fault.step == answer.step
        for number, event in enumerate(answer.events):
            if breaks and number == answer.break_at:
                assert self.fault is not None
                self.fault.times -= 1
                await self.fault.released.wait()
                await self._break(request, reply, event, self.fault)
                return reply
            await reply.write(event)
            await asyncio.sleep(0)  # each event in a write of its own
        assert answer.tokens is not None
        self.replies.append(answer.tokens)  # first: the client may be gone once it has the end
        await reply.write_eof()
        return reply

    async def _break(
        self, request: web.Request, reply: web.StreamResponse, event: bytes, fault: Fault
    ) -> None:
        if fault.clean:
            await reply.write_eof()
            return
        await reply.write(event[: len(event) // 2])
        assert request.transport is not None
        request.transport.close()  # FIN after what was written: the chunked body has no end
