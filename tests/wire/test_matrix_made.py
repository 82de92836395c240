"""Requests and replies made at random, across dialects: nothing breaks, and no word is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lynkr.errors import GatewayError
from lynkr.wire.assembled import Assembly
from lynkr.wire.events import Event, Failed, Finish
from lynkr.wire.message import (
    Message,
    Part,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.wire import ordered
from tests.wire.anthropic import made as made_anthropic
from tests.wire.chat import made as made_chat
from tests.wire.dialogues import Asked
from tests.wire.gemini import made as made_gemini
from tests.wire.made_events import streams
from tests.wire.matrix import BARE, FORMATS, FULL, decoded, target_of, the, written
from tests.wire.responses import made as made_responses
from tests.wire.sdk_replies import read, refused
from tests.wire.test_matrix_replies import context

MADE: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "anthropic_messages": made_anthropic.requests,
    "openai_chat": made_chat.requests(),
    "openai_responses": made_responses.requests(),
    "gemini": made_gemini.requests,
}
unhurried = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- requests -------------------------------------------------------------------------------------


def asked(dialect: str, body: dict[str, object]) -> Asked:
    return Asked("made", dialect, json.dumps(body).encode(), "m", False)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)


def words_of(request: Request) -> Iterator[str]:
    """Every text of the conversation that somebody can see. A result is the user's to give: where
    somebody else does, which no client does, it is a loss."""

    def of(parts: list[Part], results: bool) -> Iterator[str]:
        for part in parts:
            if isinstance(part, Text) and part.text.strip():
                yield part.text
            elif isinstance(part, ToolResult) and results:
                yield from of(part.content, False)

    messages: list[Message] = [*([request.system] if request.system else []), *request.messages]
    for message in messages:
        yield from of(message.parts, message.role in ("user", "tool"))


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("dialect", MADE)
@unhurried
@given(data=st.data())
def test_every_word_of_every_request_arrives(
    dialect: str, target: str, data: st.DataObject
) -> None:
    """Whatever a client sends: no exception, JSON, the same bytes twice, every text in it."""
    if dialect == target:
        return
    made = asked(dialect, data.draw(MADE[dialect]))
    try:
        request = decoded(made)
    except GatewayError as error:
        assert error.status == 400  # not every request that can be made is a good one
        return
    for flags in (FULL[target], BARE):
        sent = written(request, target_of(target, flags), target)
        assert written(decoded(made), target_of(target, flags), target).body == sent.body
        body = json.loads(sent.body)
        there = "\n".join(strings(body))
        assert [text for text in words_of(request) if text not in there] == []
        assert "lynkr1." not in there or "lynkr1." in made.body.decode()


# --- replies --------------------------------------------------------------------------------------


def meant(events: list[Event]) -> list[tuple[str, str, object]]:
    """What a client makes of a stream: words and calls. Words that follow each other are one."""
    whole = Assembly()
    whole.add(events)
    found: list[tuple[str, str, object]] = []
    for part in whole.parts:
        if isinstance(part, Text | Thinking):
            kind = "text" if isinstance(part, Text) else "thinking"
            if not part.text:
                continue
            if found and found[-1][0] == kind:
                found[-1] = (kind, found[-1][1] + part.text, None)
            else:
                found.append((kind, part.text, None))
        elif isinstance(part, ToolCall):
            found.append(("call", part.name, json.loads(part.arguments or "{}")))
    return found


def said(found: list[tuple[str, str, object]], kind: str) -> str:
    return "".join(text for each, text, _ in found if each == kind)


@pytest.mark.parametrize("client", FORMATS)
@unhurried
@given(
    events=streams(kinds=("function",), opaque=False, fails=False),
    batch=st.integers(1, 5),
)
def test_what_is_written_is_what_its_own_decoder_reads(
    client: str, events: list[Event], batch: int
) -> None:
    """Any order of parts, any text: one codec's encoder and decoder agree."""
    encoder = the(client).stream_encoder(context(client))
    body = b"".join(encoder.encode(events[at : at + batch]) for at in range(0, len(events), batch))
    decoder = the(client).stream_decoder(context(client))
    again = [*decoder.feed(body), *decoder.finish()]
    ordered.check(again)
    assert isinstance(again[-1], Finish), again[-1]
    before, after = meant(events), meant(again)
    for kind in ("text", "thinking"):
        assert said(after, kind) == said(before, kind)
    calls = [each for each in before if each[0] == "call"]
    assert [each for each in after if each[0] == "call"] == calls


@pytest.mark.parametrize("client", FORMATS)
@settings(unhurried, max_examples=15)
@given(data=st.data())
def test_every_reply_is_one_for_the_sdk(client: str, data: st.DataObject) -> None:
    # A seal of Responses is the whole item, words and all; made ones have none.
    seals = [name for name in FORMATS if name not in ("openai_responses", "bedrock")]
    events = data.draw(streams(seals=seals, kinds=("function",), opaque=False, fails=False))
    encoder = the(client).stream_encoder(context(client))
    reply = read(client, encoder.encode(events), stream=True, strict=True)
    wanted = meant(events)
    assert reply.text + reply.refusal == "" or said(wanted, "text")
    if client in ("anthropic_messages", "gemini", "bedrock"):
        assert reply.text == said(wanted, "text")
    else:
        assert len(reply.text + reply.refusal) == len(said(wanted, "text"))
    assert reply.thinking == said(wanted, "thinking")
    assert [(call.name, call.arguments) for call in reply.calls] == [
        (name, given) for kind, name, given in wanted if kind == "call"
    ]


@pytest.mark.parametrize("client", FORMATS)
@settings(unhurried, max_examples=15)
@given(events=streams(kinds=("function",), opaque=False, lone=True))
def test_half_emojis_and_failures_break_no_stream(client: str, events: list[Event]) -> None:
    """Every write is text; what breaks off is an error for the client."""
    encoder = the(client).stream_encoder(context(client))
    pieces = [encoder.encode([event]) for event in events]
    if client != "bedrock":
        for piece in pieces:
            piece.decode()
    if isinstance(events[-1], Failed):
        error = refused(client, 200, b"".join(pieces), stream=True)
        assert events[-1].failure.message in str(error)
