"""The translate lane over sockets: another dialect's provider behind each client surface."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.config.settings import Auth, Key
from lynkr.policies.access import digest
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Close, Reset, Send, Stall, Wait

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": (
        "/v1/messages?beta=true",
        {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi ☃"}]},
    ),
    "chat": (
        "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": "hi ☃"}]},
    ),
    "responses": ("/v1/responses", {"model": "m", "input": "hi ☃"}),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi ☃"}]}]},
    ),
}


def sse(*events: object, names: bool = False) -> bytes:
    out = b""
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        name = f"event: {event['type']}\n" if names and isinstance(event, dict) else ""
        out += f"{name}data: {data}\n\n".encode()
    return out


def chat_chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice], **more}  # fmt: skip


CHAT_STREAM = sse(
    chat_chunk({"role": "assistant", "content": ""}),
    chat_chunk({"content": "Grüße"}),
    chat_chunk({"content": ", Welt ☃"}),
    chat_chunk({}, "stop"),
    {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
     "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37,
               "prompt_tokens_details": {"cached_tokens": 20}}},
    "[DONE]",
)  # fmt: skip
CHAT_JSON = json.dumps(
    {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
     "choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße, Welt ☃"},
                  "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37,
               "prompt_tokens_details": {"cached_tokens": 20}}}
).encode()  # fmt: skip
MESSAGE_STREAM = sse(
    {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 20,
                  "cache_creation_input_tokens": 0, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße"}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "text_delta", "text": ", Welt ☃"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
     "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
    names=True,
)  # fmt: skip
MESSAGE_JSON = json.dumps(
    {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
     "content": [{"type": "text", "text": "Grüße, Welt ☃"}], "stop_reason": "end_turn",
     "stop_sequence": None,
     "usage": {"input_tokens": 10, "cache_read_input_tokens": 20,
               "cache_creation_input_tokens": 0, "output_tokens": 7}}
).encode()  # fmt: skip
# For each client, a provider that does not speak its dialect: kind, streamed reply, whole reply.
OTHER = {
    "messages": ("openai-compatible", CHAT_STREAM, CHAT_JSON),
    "chat": ("anthropic", MESSAGE_STREAM, MESSAGE_JSON),
    "responses": ("anthropic", MESSAGE_STREAM, MESSAGE_JSON),
    "gemini": ("anthropic", MESSAGE_STREAM, MESSAGE_JSON),
}
SURFACES = list(OTHER)


def other(api: str) -> dict[str, str | dict[str, Any]]:
    kind = OTHER[api][0]
    return {"far": {"kind": kind, "apis": ["chat"]} if kind == "openai-compatible" else kind}


def call(api: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    path, body = CALLS[api]
    if not stream:
        return path, body
    if api == "gemini":
        return path.replace(":generate", ":streamGenerate") + "?alt=sse", body
    return path, {**body, "stream": True}


def text_of(body: bytes) -> str:
    """Every text of a reply in any dialect, in order."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("text", "content", "delta") and isinstance(inner, str):
                    found.append(inner)
                elif key not in ("response", "item", "part"):
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    if body[:1] == b"{":
        walk(json.loads(body))
    else:
        for line in body.decode().splitlines():
            if line.startswith("data: {"):
                event = json.loads(line[6:])
                if not str(event.get("type", "")).endswith(".done"):
                    walk(event)
    return "".join(found)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("api", SURFACES)
async def test_a_reply_of_another_dialect_reaches_the_client_in_its_own(
    api: str, stream: bool
) -> None:
    _, streamed, whole = OTHER[api]
    async with Theatre(other(api)) as theatre:
        if stream:
            theatre["far"].reply(replies.chunked(streamed, cuts=range(50, len(streamed), 97)))
        else:
            theatre["far"].reply(replies.sized(whole))
        path, body = call(api, stream=stream)
        reply = await theatre.post(path, body)
        assert reply.status == 200, reply.body
        assert text_of(reply.body) == "Grüße, Welt ☃"
        assert reply.header("x-lynkr-lane") == "translate"
        expected = "text/event-stream; charset=utf-8" if stream else "application/json"
        assert reply.header("content-type") == expected
        record = await theatre.record()
        assert (record.lane, record.status, record.ended_by) == ("translate", 200, "complete")
        usage = record.usage
        assert (usage.input_tokens, usage.prompt_cache_read_tokens, usage.output_tokens) == (
            10, 20, 7,
        )  # fmt: skip
        assert record.reply_bytes == len(reply.body)
        seen = await theatre["far"].request()
        sent = json.loads(seen.body)
        assert "hi ☃" in json.dumps(sent, ensure_ascii=False)
        names = {name.lower() for name, _ in seen.headers}
        assert names <= {
            "host", "authorization", "x-api-key", "content-type", "content-length",
            "accept-encoding", "anthropic-version",
        }  # fmt: skip
        assert {n.lower(): v for n, v in seen.headers}["accept-encoding"] == "identity"


@pytest.mark.parametrize("api", SURFACES)
async def test_a_json_reply_serves_a_client_that_asked_for_a_stream(api: str) -> None:
    async with Theatre(other(api)) as theatre:
        theatre["far"].reply(replies.sized(OTHER[api][2]))
        reply = await theatre.post(*call(api, stream=True))
        assert reply.status == 200
        assert reply.header("content-type") == "text/event-stream; charset=utf-8"
        assert text_of(reply.body) == "Grüße, Welt ☃"


@pytest.mark.parametrize("coding", replies.ENCODERS)
async def test_an_encoded_reply_is_understood_although_none_was_asked_for(coding: str) -> None:
    async with Theatre(other("messages")) as theatre:
        theatre["far"].reply(replies.encoded(CHAT_STREAM, coding))
        reply = await theatre.post(*call("messages", stream=True))
        assert text_of(reply.body) == "Grüße, Welt ☃"
        body = replies.encoded(CHAT_JSON, coding, headers=replies.JSON)
        theatre["far"].reply(body)
        reply = await theatre.post(*call("messages", stream=False))
        assert text_of(reply.body) == "Grüße, Welt ☃"


async def test_fragments_go_on_as_they_come() -> None:
    """The client has the first piece of text before the provider has sent the second."""
    first, rest = CHAT_STREAM.split(b'data: {"id": "c1", "object": "chat.completion.chunk", '
                                    b'"created": 1, "model": "m", "choices": [{"index": 0, '
                                    b'"delta": {"content": ", Welt', 1)  # fmt: skip
    import asyncio

    go_on = asyncio.Event()
    async with Theatre(other("messages")) as theatre:
        theatre["far"].script(
            Send(replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])),
            Send(replies.chunk(first)),
            Wait(go_on),
            Send(replies.chunk(CHAT_STREAM[len(first) :]) + replies.last_chunk()),
        )
        path, body = call("messages", stream=True)
        async with await theatre.connect() as client:
            client.send(request(path, json.dumps(body).encode()))
            await client.read_head()
            seen = b""
            while "Grüße".encode() not in seen:
                seen += await client.read_piece()
            assert b"Welt" not in seen
            go_on.set()
            assert b"Welt" in (await client.rest()).body
    assert rest


async def test_silence_is_filled_with_pings_and_the_stream_goes_on() -> None:
    import asyncio

    go_on = asyncio.Event()
    cut = CHAT_STREAM.index(b"data", 10)
    async with Theatre(other("messages")) as theatre:
        theatre["far"].script(
            Send(replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])),
            Send(replies.chunk(CHAT_STREAM[:cut])),
            Wait(go_on),
            Send(replies.chunk(CHAT_STREAM[cut:]) + replies.last_chunk()),
        )
        path, body = call("messages", stream=True)
        async with await theatre.connect() as client:
            client.send(request(path, json.dumps(body).encode()))
            await client.read_head()
            seen = await client.read_piece()
            assert b"event: ping" not in seen
            now = asyncio.get_running_loop().time()
            theatre.gateway._pool.sweep(now + 10)
            theatre.gateway._pool.sweep(now + 16)
            theatre.gateway._pool.sweep(now + 17)  # one per 15 s of silence
            seen = await client.read_piece()
            assert seen.count(b"event: ping") == 1
            go_on.set()
            reply = await client.rest()
            assert text_of(reply.body).endswith("Grüße, Welt ☃")


@pytest.mark.parametrize("api", SURFACES)
@pytest.mark.parametrize("end", [Reset(), Close(), "clean"], ids=repr)
async def test_a_stream_that_breaks_ends_in_an_error_and_uncleanly(api: str, end: object) -> None:
    """Also when the framing is whole: a clean end in the middle is taken for success."""
    streamed = OTHER[api][1]
    half = streamed[: streamed.index(b", Welt")]
    half = half[: half.rindex(b"\n\n") + 2]
    steps: list[Any] = [
        Send(replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])),
        Send(replies.chunk(half)),
    ]
    steps += [Send(replies.last_chunk())] if end == "clean" else [end]
    async with Theatre(other(api)) as theatre:
        theatre["far"].script(*steps)
        path, body = call(api, stream=True)
        reply = await theatre.post(path, body)
        seen = reply.body
        assert reply.status == 200
        assert not reply.clean_end
        assert "Grüße".encode() in seen
        assert b"error" in seen or b"failed" in seen
        assert b"message_stop" not in seen
        assert b"[DONE]" not in seen
        assert b"response.completed" not in seen
        record = await theatre.record()
        assert record.ended_by == "upstream"
        assert record.error_source == "upstream"


async def test_a_client_that_leaves_hangs_up_on_the_provider() -> None:
    async with Theatre(other("messages")) as theatre:
        theatre["far"].script(
            Send(replies.head(headers=[*replies.EVENT_STREAM, ("Transfer-Encoding", "chunked")])),
            Send(replies.chunk(CHAT_STREAM[:200])),
            Stall(),
        )
        path, body = call("messages", stream=True)
        client: RawClient
        async with await theatre.connect() as client:
            client.send(request(path, json.dumps(body).encode()))
            await client.read_head()
        await theatre["far"].ended()
        assert (await theatre.record()).ended_by == "client"


async def test_what_has_no_place_is_a_400_that_names_it() -> None:
    async with Theatre(other("messages")) as theatre:
        path, body = call("messages", stream=False)
        reply = await theatre.post(path, {**body, "container": "c_1"})
        assert (reply.status, reply.header("x-lynkr-error")) == (400, "cannot_carry")
        error = json.loads(reply.body)
        assert error["error"]["type"] == "invalid_request_error"
        assert "container" in error["error"]["message"]
        assert theatre["far"].requests == []


async def test_what_the_catalog_tolerates_is_left_out_and_listed() -> None:
    async with Theatre(other("messages")) as theatre:
        theatre["far"].reply(replies.sized(CHAT_JSON))
        path, body = call("messages", stream=False)
        system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
        reply = await theatre.post(path, {**body, "system": system})
        assert reply.status == 200
        assert reply.header("x-lynkr-dropped") == "cache_control"
        assert (await theatre.record()).dropped == ("cache_control",)
        assert b"cache_control" not in (await theatre["far"].request()).body


async def test_a_providers_drops_setting_tolerates_more() -> None:
    table = {"far": {"kind": "openai-compatible", "apis": ["chat"], "drops": ["container"]}}
    async with Theatre(table) as theatre:  # type: ignore[arg-type]
        theatre["far"].reply(replies.sized(CHAT_JSON))
        path, body = call("messages", stream=False)
        reply = await theatre.post(path, {**body, "container": "c_1"})
        assert (reply.status, reply.header("x-lynkr-dropped")) == (200, "container")


async def test_a_request_that_breaks_its_own_dialect_is_a_400_before_anything_is_sent() -> None:
    async with Theatre(other("messages")) as theatre:
        for body in (b"{", b"[]", b'{"model":"m","messages":"no"}'):
            reply = await theatre.post("/v1/messages", body)
            assert (reply.status, reply.header("x-lynkr-error")) == (400, "invalid_request")
        assert theatre["far"].requests == []


async def test_a_reply_that_is_none_of_its_dialect_is_a_502() -> None:
    async with Theatre(other("messages")) as theatre:
        for body in (b"<html>", b"[]", b'{"choices": 3}', b""):
            theatre["far"].reply(replies.sized(body))
            reply = await theatre.post(*call("messages", stream=False))
            assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_protocol")


async def test_a_response_is_continued_by_its_id_at_a_target_that_keeps_none() -> None:
    """And only with the key that began it."""
    async with Theatre(other("responses")) as theatre:
        theatre["far"].reply(replies.sized(MESSAGE_JSON))
        first = await theatre.post("/v1/responses", {"model": "m", "input": "one"})
        response_id = json.loads(first.body)["id"]
        again = {"model": "m", "input": "two", "previous_response_id": response_id, "stream": True}
        theatre["far"].reply(replies.chunked(MESSAGE_STREAM))
        second = await theatre.post("/v1/responses", again)
        assert second.status == 200, second.body
        sent = json.loads((await theatre["far"].request(1)).body)["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "user"]
        assert "one" in json.dumps(sent[0])
        assert "Grüße" in json.dumps(sent[1], ensure_ascii=False)
        streamed_id = next(
            json.loads(line[6:])["response"]["id"]
            for line in second.body.decode().splitlines()
            if line.startswith("data: ") and "response.completed" in line
        )
        theatre["far"].reply(replies.sized(MESSAGE_JSON))
        third = {"model": "m", "input": "three", "previous_response_id": streamed_id}
        assert (await theatre.post("/v1/responses", third)).status == 200
        assert len(json.loads((await theatre["far"].request(2)).body)["messages"]) == 5


async def test_an_unknown_previous_response_is_a_400_in_openais_words() -> None:
    async with Theatre(other("responses")) as theatre:
        body = {"model": "m", "input": "two", "previous_response_id": "resp_gone"}
        reply = await theatre.post("/v1/responses", body)
        assert reply.status == 400
        error = json.loads(reply.body)["error"]
        assert error["code"] == "previous_response_not_found"
        assert error["param"] == "previous_response_id"


async def test_store_false_keeps_nothing() -> None:
    async with Theatre(other("responses")) as theatre:
        theatre["far"].reply(replies.sized(MESSAGE_JSON))
        first = await theatre.post("/v1/responses", {"model": "m", "input": "one", "store": False})
        body = {"model": "m", "input": "x", "previous_response_id": json.loads(first.body)["id"]}
        assert (await theatre.post("/v1/responses", body)).status == 400


async def test_googles_key_in_the_query_never_leaves_the_gateway() -> None:
    async with Theatre({"near": "gemini"}) as theatre:
        reply_body = json.dumps({"candidates": [], "modelVersion": "m"}).encode()
        theatre["near"].reply(replies.sized(reply_body))
        path, body = call("gemini", stream=True)
        reply = await theatre.post(f"{path}&key=secret-canary&x=1", body)
        assert reply.body == reply_body
        seen = await theatre["near"].request()
        assert seen.target == "/v1beta/models/m:streamGenerateContent?alt=sse&x=1"
        assert "secret-canary" not in str(seen.headers)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?key=lk-secret", []),
        ("?alt=json&key=lk-secret&x=1", []),
        ("", [("x-goog-api-key", "lk-secret")]),
        ("", [("api-key", "lk-secret")]),
        ("", [("x-api-key", "lk-secret")]),
        ("", [("authorization", "Bearer lk-secret")]),
    ],
)
async def test_a_key_of_the_gateway_opens_it_and_stays_there(
    query: str, headers: list[tuple[str, str]]
) -> None:
    """In every place where a client of this dialect may put it, spliced and translated alike."""
    auth = Auth(required=True, keys=[Key(name="ana", digest=digest("lk-secret"))])
    path, body = call("gemini", stream=False)
    for kind, good in (("gemini", b'{"candidates": []}'), ("anthropic", MESSAGE_JSON)):
        async with Theatre({"far": kind}, auth=auth) as theatre:
            refused = await theatre.post(path, body)
            assert (refused.status, json.loads(refused.body)["error"]["status"]) == (
                401,
                "UNAUTHENTICATED",
            )
            theatre["far"].reply(replies.sized(good))
            reply = await theatre.post(path + query, body, headers)
            assert reply.status == 200, reply.body
            seen = await theatre["far"].request()
            assert "lk-secret" not in seen.target
            assert "lk-secret" not in str(seen.headers)
            assert (await theatre.record(1)).principal == "ana"


async def test_the_callers_own_key_is_lent_in_the_providers_own_header() -> None:
    for kind, header, value in (
        ("anthropic", "x-api-key", "own"),
        ("openai", "authorization", "Bearer own"),
        ("gemini", "x-goog-api-key", "own"),
    ):
        async with Theatre({"far": {"kind": kind, "auth": "client", "api_key": ""}}) as theatre:
            theatre["far"].reply(replies.sized(b"{}"))
            path, body = CALLS["chat"] if kind != "openai" else CALLS["messages"]
            await theatre.post(path, body, [("authorization", "Bearer own")])
            seen = await theatre["far"].request()
            assert {n.lower(): v for n, v in seen.headers}[header] == value


async def test_a_session_stays_on_one_machine_of_a_provider_that_has_a_header_for_it() -> None:
    """Named by the client's own header, whatever its dialect calls it."""
    async with Theatre({"far": {"kind": "fireworks", "apis": ["chat"]}}) as theatre:
        for headers in ([("x-claude-code-session-id", "s-7")], []):
            theatre["far"].reply(replies.sized(CHAT_JSON))
            path, body = call("messages", stream=False)
            assert (await theatre.post(path, body, headers)).status == 200
        first, second = theatre["far"].requests
        assert ("x-session-affinity", "s-7") in [(n.lower(), v) for n, v in first.headers]
        assert "x-session-affinity" not in [n.lower() for n, _ in second.headers]
