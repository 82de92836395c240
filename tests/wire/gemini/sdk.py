"""Google's own SDK as the client: what it makes of bytes, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import httpx2
from google import genai
from google.genai import types


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


_answers: list[Callable[[httpx2.Request], httpx2.Response]] = []


@cache
def _client() -> genai.Client:
    """One for all: it takes a while to make, and closes when it is let go."""
    transport = httpx2.MockTransport(lambda request: _answers[-1](request))
    return genai.Client(
        api_key="k", http_options=types.HttpOptions(client_args={"transport": transport})
    )


def _answering(answer: Callable[[httpx2.Request], httpx2.Response]) -> genai.Client:
    _answers[:] = [answer]
    return _client()


def whole(body: bytes, status: int = 200) -> types.GenerateContentResponse:
    """What generateContent gives for this reply."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        head = {"content-type": "application/json"}
        return httpx2.Response(status, headers=head, content=body)

    return _answering(answer).models.generate_content(model="gemini-x", contents="x")


def chunks(body: bytes, size: int = 4096) -> Iterator[types.GenerateContentResponse]:
    """What streamGenerateContent gives, the body read in pieces of ``size``."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        head = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=head, stream=_Pieces(body, size))

    yield from _answering(answer).models.generate_content_stream(model="gemini-x", contents="x")


def next_body(body: bytes, message: str) -> bytes:
    """A chat: the reply is streamed to it, and this is the request of its next turn."""
    sent: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        head = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=head, content=body)

    chat = _answering(answer).chats.create(model="gemini-x")
    for _ in range(2):
        for _chunk in chat.send_message_stream(message):
            pass
    return sent[-1]
