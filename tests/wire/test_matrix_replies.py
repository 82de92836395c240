"""Every reply of every provider towards every client: the client's official SDK reads the same.

What a reply says is known from the provider's own SDK, reading the bytes as they came. Translated
replies are read by the client's SDK, which holds them against its own types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from lynkr.wire.assembled import Assembly, played
from lynkr.wire.codec import Context
from lynkr.wire.events import (
    ArgumentsDelta,
    Event,
    Failed,
    Finish,
    TextDelta,
    ThinkingDelta,
)
from lynkr.wire.message import Opaque, Response, Stop, StopReason, Usage
from tests.harness.fixtures import Fixture
from tests.wire import ordered
from tests.wire.dialogues import DIALECT_OF, Asked, recorded
from tests.wire.matrix import FORMATS, context_of, decoded, the
from tests.wire.replies_written import Answer, answers
from tests.wire.sdk_replies import Call, Reply, read, refused

STREAMED = [answer for answer in answers() if answer.stream]
# A custom tool's call only comes where the client has custom tools.
CUSTOM = ("responses/custom_tool_stream",)
PAIRS = [
    (answer, client)
    for answer in answers()
    for client in FORMATS
    if answer.name not in CUSTOM or client in ("openai_chat", "openai_responses")
]

# What each client's dialect calls the reason that a reply ends.
STOPS: dict[str, dict[StopReason, str]] = {
    "anthropic_messages": {
        "end_turn": "end_turn", "max_tokens": "max_tokens", "stop_sequence": "stop_sequence",
        "tool_use": "tool_use", "refusal": "refusal", "pause_turn": "pause_turn",
        "context_window": "model_context_window_exceeded", "other": "end_turn",
    },
    "openai_chat": {
        "end_turn": "stop", "max_tokens": "length", "stop_sequence": "stop",
        "tool_use": "tool_calls", "refusal": "content_filter", "pause_turn": "stop",
        "context_window": "length", "other": "stop",
    },
    "openai_responses": {
        "end_turn": "completed", "max_tokens": "max_output_tokens", "stop_sequence": "completed",
        "tool_use": "completed", "refusal": "content_filter", "pause_turn": "completed",
        "context_window": "max_output_tokens", "other": "completed",
    },
    "gemini": {
        "end_turn": "STOP", "max_tokens": "MAX_TOKENS", "stop_sequence": "STOP",
        "tool_use": "STOP", "refusal": "SAFETY", "pause_turn": "OTHER",
        "context_window": "MAX_TOKENS", "other": "OTHER",
    },
    "bedrock": {
        "end_turn": "end_turn", "max_tokens": "max_tokens", "stop_sequence": "stop_sequence",
        "tool_use": "tool_use", "refusal": "content_filtered", "pause_turn": "end_turn",
        "context_window": "model_context_window_exceeded", "other": "end_turn",
    },
}  # fmt: skip
# A client that has everything on: the usage chunk of Chat, thoughts of Gemini.
ASKED: dict[str, dict[str, object]] = {
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": []},
    "openai_chat": {"model": "m", "messages": [], "stream_options": {"include_usage": True}},
    "openai_responses": {"model": "m", "input": [], "include": ["reasoning.encrypted_content"]},
    "gemini": {"contents": [], "generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
    "bedrock": {"messages": []},
}


def context(client: str, *, stream: bool = True) -> Context:
    body = dict(ASKED[client])
    if client not in ("gemini", "bedrock"):
        body["stream"] = stream
    asked = Asked("asked", client, json.dumps(body).encode(), "asked-model", stream)
    return context_of(decoded(asked))


def cut(body: bytes, seed: int) -> list[bytes]:
    """At a few places, inside characters too."""
    random = Random(seed)
    places = sorted({0, len(body), *(random.randrange(len(body) + 1) for _ in range(7))})
    return [body[a:b] for a, b in pairwise(places)]


def events_of(answer: Answer, client: str, pieces: Iterable[bytes]) -> list[list[Event]]:
    """What each piece yields, and the end; checked for order."""
    decoder = the(answer.dialect).stream_decoder(context(client))
    batches = [decoder.feed(piece) for piece in pieces]
    batches.append(decoder.finish())
    ordered.check(event for batch in batches for event in batch)
    return batches


@cache
def original(answer: Answer) -> Reply:
    """The reply as the provider's own SDK reads it; by hand where that does not read it all."""
    if answer.name == "messages/unknown_fields_stream":  # it stumbles over the missing start
        usage = 'data: {"type":"message_delta","usage":{"output_tokens":4444}}'
        text = f"{usage}\n\nevent: message_stop\n"
        return Reply(text, [], "refusal", Usage(21, 40), "claude-fable-5")
    said = read(answer.dialect, answer.body, stream=answer.stream)
    if answer.name == "gemini/argument_pieces_stream":  # it leaves the assembly to its user
        pieces = {
            "file_path": 'src/ü.py\n"☃"',
            "edits": [{"line": 12, "text": "x = 1"}, {"text": None}],
            "odd key": [True],
        }
        calls = [("write_file", pieces), ("read_file", {}), ("read_file", {"file_path": "b"})]
        return said._replace(calls=[Call("", name, given) for name, given in calls])
    # In these the last word is shorter than the fragments; what has gone out counts.
    if answer.name == "responses/reasoning_stream":
        return said._replace(thinking='**Thinking** about "response":{"usage":{}}')
    if answer.name == "responses/custom_tool_stream":
        source = """const out = await tools.exec_command({cmd: "printf 'data: [DONE]\\n\\n'"});\n"""
        return said._replace(calls=[said.calls[0]._replace(arguments=source)])
    return said


def assembled(events: Iterable[Event]) -> Assembly:
    whole = Assembly()
    whole.add(list(events))
    return whole


# --- the stream path and the whole path -----------------------------------------------------------


@pytest.mark.parametrize(("answer", "client"), PAIRS, ids=str)
def test_the_client_reads_what_the_provider_said(answer: Answer, client: str) -> None:
    """As a stream and as one body, whichever of the two the provider sent."""
    the(client)
    if answer.stream:
        batches = events_of(answer, client, cut(answer.body, len(answer.body)))
        events = [event for batch in batches for event in batch]
        assembly = assembled(events)
        assert assembly.stop is not None, assembly.failure
        response = assembly.response()
    else:
        response = the(answer.dialect).decode_response(answer.body, context(client))
        events = played(response)
        batches = [events]
        ordered.check(events)
    encoder = the(client).stream_encoder(context(client))
    pieces = [encoder.encode(batch) for batch in batches]
    strict = answer.name not in CUSTOM  # the SDK's chunks of Chat know no custom calls
    pieces = [piece for piece in pieces if piece]
    streamed = read(client, b"".join(pieces), stream=True, strict=strict, pieces=pieces)
    body = the(client).encode_response(response, context(client, stream=False))
    whole = read(client, body, stream=False, strict=True)
    _same(streamed, whole)
    _as_said(original(answer), response.stop, whole, answer, client)


def _same(streamed: Reply, whole: Reply) -> None:
    for name in Reply._fields:
        assert getattr(streamed, name) == getattr(whole, name), name


def _as_said(said: Reply, stop: Stop, heard: Reply, answer: Answer, client: str) -> None:
    if client in ("openai_chat", "openai_responses"):
        assert (heard.text, heard.refusal) == (said.text, said.refusal)
    else:
        assert heard.text == said.text + said.refusal
    if answer.name != "responses/reasoning_stream" or client != answer.dialect:
        assert heard.thinking == said.thinking
    assert [(call.name, call.arguments) for call in heard.calls] == [
        (call.name, call.arguments) for call in said.calls
    ]
    for before, after in zip(said.calls, heard.calls, strict=True):
        assert after.id
        assert after.id == before.id or not before.id or client == "bedrock"
    assert heard.usage == carried(said.usage, client, answer.stream)
    own = said.stop if client == answer.dialect else ""
    wanted = own or STOPS[client][stop.reason]
    assert heard.stop == wanted
    assert heard.model == ("" if client == "bedrock" else "asked-model")


def carried(usage: Usage, client: str, stream: bool) -> Usage:
    """The numbers that a client's dialect has a place for; 0 where it demands one."""
    into, out = usage.input_tokens, usage.output_tokens
    read_, written = usage.prompt_cache_read_tokens, usage.prompt_cache_write_tokens
    reasoning = usage.reasoning_tokens
    if usage == Usage() and client in ("openai_chat", "openai_responses", "gemini"):
        return usage  # may be left out
    if client == "gemini":  # it does not count what is written to a cache
        return Usage(None if into is None else into + (written or 0), out, read_, None, reasoning)
    if client == "openai_responses":
        return Usage(into or 0, out or 0, read_ or 0, written or 0, reasoning or 0)
    if client == "bedrock":
        reasoning = None  # it does not count them apart
    return Usage(into or 0, out or 0, read_, written, reasoning)


# --- while it goes on -----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", STREAMED, ids=repr)
def test_any_cut_gives_the_same_events(answer: Answer) -> None:
    def merged(batches: list[list[Event]]) -> list[Event]:
        return [event for batch in batches for event in batch]

    whole = merged(events_of(answer, "openai_chat", [answer.body]))
    for size in (1, 5):
        pieces = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
        assert merged(events_of(answer, "openai_chat", pieces)) == whole
    assert merged(events_of(answer, "openai_chat", cut(answer.body, 1))) == whole


@pytest.mark.parametrize("client", [name for name in FORMATS if name != "gemini"])
@pytest.mark.parametrize("answer", STREAMED, ids=repr)
def test_a_fragment_leaves_with_the_read_that_brought_it(answer: Answer, client: str) -> None:
    """Gemini's clients get calls whole, as they want them; all others get every piece at once."""
    encoder = the(client).stream_encoder(context(client))
    for batch in events_of(answer, client, answer.pieces):
        written = encoder.encode(batch)
        for event in batch:
            if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta) and event.text:
                assert _inside(event.text, written), (event, written)


def _inside(text: str, written: bytes) -> bool:
    """Escaped or not, with or without a second layer of quotes."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    forms = (plain, json.dumps(text)[1:-1], plain.replace("\x7f", "\\u007f"))
    return any(form.encode() in written for form in forms)


@pytest.mark.parametrize(("answer", "client"), [p for p in PAIRS if p[1] != "bedrock"], ids=str)
def test_no_character_is_split(answer: Answer, client: str) -> None:
    """Each write is text on its own: some clients decode each read by itself."""
    if not answer.stream:
        return
    encoder = the(client).stream_encoder(context(client))
    for batch in events_of(answer, client, cut(answer.body, 3)):
        encoder.encode(batch).decode()


SEARCH: dict[str, object] = {"type": "server_tool_use", "name": "find_it"}


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("provider", FORMATS)
def test_what_only_one_dialect_knows_is_shown_to_its_clients_alone(
    provider: str, client: str
) -> None:
    """Whatever its name is: they have some in common. Chat has no such parts."""
    block: dict[str, object] = {"toolUse": {"toolUseId": "x", "input": {}, **SEARCH}}
    part = Opaque(
        kind="server_tool_use",
        value=block if client == "bedrock" else {"id": "x", **SEARCH},
        format=provider,
    )
    reply = Response(
        id="r", model="m", parts=[part], stop=Stop("end_turn"), format=provider,
        extras={"x_beside": 1},
    )  # fmt: skip
    whole = the(client).encode_response(reply, context(client, stream=False))
    stream = the(client).stream_encoder(context(client)).encode(played(reply))
    shown = provider == client != "openai_chat"
    assert (b"find_it" in whole, b"find_it" in stream, b"x_beside" in whole) == (shown,) * 3


@pytest.mark.parametrize("client", FORMATS)
def test_a_ping_means_nothing(client: str) -> None:
    """Between any two events of a stream, and before the first."""
    (answer,) = (each for each in STREAMED if each.name == "messages/thinking_tool_stream")
    batches = events_of(answer, client, answer.pieces)
    encoder, quiet = (the(client).stream_encoder(context(client)) for _ in range(2))
    pinged = [part for batch in batches for part in (encoder.ping(), encoder.encode(batch))]
    plain = [quiet.encode(batch) for batch in batches]
    assert read(client, b"".join(pinged), stream=True) == read(client, b"".join(plain), stream=True)


def test_chat_tells_the_usage_only_when_asked() -> None:
    """``stream_options.include_usage`` adds one chunk without choices, before the end."""
    (answer,) = (each for each in STREAMED if each.name == "messages/text_stream")
    for wanted in (True, False):
        body = {"model": "m", "messages": [], "stream": True}
        if wanted:
            body["stream_options"] = {"include_usage": True}
        asked = Asked("asked", "openai_chat", json.dumps(body).encode(), "m", True)
        encoder = the("openai_chat").stream_encoder(context_of(decoded(asked)))
        events = [
            event for batch in events_of(answer, "openai_chat", [answer.body]) for event in batch
        ]
        lines = encoder.encode(events).decode().split("\n\n")
        assert lines[-2] == "data: [DONE]"
        data = [line.removeprefix("data: ") for line in lines[:-2] if line[:1] != ":"]
        chunks = [json.loads(line) for line in data]
        told = [chunk for chunk in chunks if chunk.get("usage")]
        assert len(told) == wanted
        if wanted:
            assert told == chunks[-1:]
            assert told[0]["choices"] == []
            assert told[0]["usage"]["prompt_tokens"] == 12 + 6821 + 318
            assert told[0]["usage"]["prompt_tokens_details"]["cached_tokens"] == 6821


@pytest.mark.parametrize("answer", answers(), ids=repr)
def test_the_usage_is_what_the_fixture_says(answer: Answer) -> None:
    """Also where the provider's SDK does not look."""
    expected = {fixture.name: fixture.expect.usage for fixture in recorded()}.get(answer.name)
    if expected is None:
        return
    if answer.stream:
        usage = assembled(
            event for batch in events_of(answer, "openai_chat", [answer.body]) for event in batch
        ).usage
    else:
        usage = the(answer.dialect).decode_response(answer.body, context("openai_chat")).usage
    assert usage == Usage(**expected)


# --- errors ---------------------------------------------------------------------------------------

ERRORS = [fixture for fixture in recorded() if fixture.expect.status >= 400]
BROKEN = [fixture for fixture in recorded() if fixture.expect.error]


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("fixture", ERRORS, ids=repr)
def test_an_error_reaches_the_client_as_its_own(fixture: Fixture, client: str) -> None:
    """With its message and its status; the SDK raises what it raises for its own provider."""
    status = fixture.expect.status
    failure = the(DIALECT_OF[fixture.family]).decode_error(status, fixture.reply)
    assert failure.status == status
    error = refused(client, status, the(client).encode_error(failure, "req-1"))
    shown = str(error).replace("\\'", "'")
    if failure.kind == "context_length":
        # In the client's own words: agents look for them, and then shorten the conversation.
        assert all(
            str(number) in shown for number in (failure.tokens, failure.tokens_max) if number
        )
        assert TOO_LONG[client] in f"{shown} {getattr(error, 'code', '')}"
    else:
        assert failure.message.split("\n")[0] in shown
    if client in RATE_LIMITED and status == 429:
        assert type(error).__name__ == RATE_LIMITED[client]


TOO_LONG = {
    "anthropic_messages": "prompt is too long",
    "openai_chat": "context_length_exceeded",
    "openai_responses": "context_length_exceeded",
    "gemini": "exceeds the maximum number of tokens",
    "bedrock": "ValidationException",
}
RATE_LIMITED = {
    "anthropic_messages": "RateLimitError",
    "openai_chat": "RateLimitError",
    "openai_responses": "RateLimitError",
    "bedrock": "ThrottlingException",
}


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("fixture", BROKEN, ids=repr)
def test_an_error_inside_a_stream_is_one_for_the_client(fixture: Fixture, client: str) -> None:
    """Never a clean end: an agent would take half an answer for a whole one."""
    dialect = DIALECT_OF[fixture.family]
    answer = Answer(fixture.name, dialect, fixture.reply, True, tuple(fixture.frames))
    encoder = the(client).stream_encoder(context(client))
    batches = events_of(answer, client, answer.pieces)
    last = [event for batch in batches for event in batch][-1]
    assert isinstance(last, Failed)
    body = b"".join(encoder.encode(batch) for batch in batches)
    error = refused(client, 200, body, stream=True)
    assert last.failure.message in str(error)


@pytest.mark.parametrize("answer", STREAMED, ids=repr)
def test_a_stream_that_is_cut_short_fails(answer: Answer) -> None:
    """Wherever it breaks off before the provider's own end, and never with an exception."""
    decoder = the(answer.dialect).stream_decoder(context("openai_chat"))
    events = [event for piece in answer.pieces[:1] for event in decoder.feed(piece)]
    events += decoder.finish()
    ordered.check(events)
    last = events[-1]
    assert isinstance(last, Failed | Finish)
    if not isinstance(last, Failed):
        assert len(answer.pieces) == 1 or answer.dialect in ("gemini",)
    else:
        assert last.failure.code == "upstream_truncated"
