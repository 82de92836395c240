"""A kept answer: what is kept of a reply, and the reply that is made of it for another call.

Only words are kept (text, and the reasoning before it), in the neutral vocabulary, so that one
answer serves streamed and whole calls alike. Rendering takes a codec a tenth of a millisecond; the
second call of the same shape gets the first one's bytes with an id of its own.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Literal

import msgspec

from lynkr.policies.storable import why_not
from lynkr.wire.assembled import Assembly, played
from lynkr.wire.codec import Context, codec
from lynkr.wire.encoding import decoder_for
from lynkr.wire.format import Format
from lynkr.wire.message import Json, Part, Request, Response, Seal, Stop, Text, Thinking, Usage

RENDERED_MAX = 4  # shapes of one answer held as bytes: streamed and whole, by two clients
# Stands in rendered replies where the id of the call belongs; ids have the same length.
_PLACE = secrets.token_hex(10)
_PLACE_BYTES = _PLACE.encode()


class KeptPart(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    kind: Literal["text", "thinking"]
    text: str
    logprobs: list[Json] | None = None
    seal: Seal | None = None
    summary: bool = False


class KeptReply(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    model: str
    parts: list[KeptPart]
    stop: Stop
    usage: Usage
    created: int | None = None
    extras: Json = {}
    format: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptReply).decode


class Content:
    """The content of an answer as a worker holds it: the kept bytes, and what was made of them."""

    __slots__ = ("kept", "raw", "rendered")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.kept: KeptReply | None = None
        self.rendered: dict[bytes, bytes] = {}

    def reply(self) -> KeptReply:
        if self.kept is None:
            self.kept = _decode(self.raw)
        return self.kept

    def usage(self) -> Usage:
        return self.reply().usage


def read(format_: Format, body: bytes, content_encoding: bytes | None, *, stream: bool) -> Response:
    """A reply in the client's own dialect. Raises ``ValueError`` when it is none, or not whole."""
    decoder = decoder_for(content_encoding)
    if decoder is not None:
        try:
            body = b"".join(decoder(body))
        except Exception as error:  # each library has errors of its own
            raise ValueError(f"its {content_encoding!r} encoding is broken") from error
    spoken = codec(format_.name)
    asked = Request(format=format_.name, model="", messages=[], stream=stream)
    context = Context(asked, call_id=_PLACE, created=0, model="")
    if not stream:
        return spoken.decode_response(body, context)
    assembly = Assembly()
    reader = spoken.stream_decoder(context)
    assembly.add(reader.feed(body))
    assembly.add(reader.finish())
    if assembly.stop is None or assembly.failure is not None:
        raise ValueError("the stream is not whole")
    return assembly.response()


def kept(response: Response) -> tuple[bytes, str]:
    """The bytes to keep of a reply, or b"" and why it is not kept."""
    refused = why_not(response, 200)
    if refused:
        return b"", refused
    parts: list[KeptPart] = []
    for part in response.parts:
        if isinstance(part, Text):
            parts.append(KeptPart("text", part.text, part.logprobs))
        elif isinstance(part, Thinking):
            parts.append(KeptPart("thinking", part.text, None, part.seal, part.summary))
    reply = KeptReply(
        response.model, parts, response.stop, response.usage, response.created, response.extras,
        response.format,
    )  # fmt: skip
    return _encode(reply), ""


def text_of(reply: KeptReply) -> str:
    """What the reader of an answer sees."""
    return "".join(part.text for part in reply.parts if part.kind == "text")


def rendered(
    content: Content,
    format_: Format,
    body: bytes,
    question: tuple[int, int] | None,
    *,
    asked: str,
    renames: bool,
    thinking: bool,
    stream: bool,
    call_id: str,
    stored_at: float,
) -> bytes:
    """The reply to one call, in its client's dialect, whole or as a stream.

    ``asked`` is the model's name as the client wrote it; it is shown where the gateway ``renames``
    models, else the one that the provider gave. ``thinking``: the reasoning before the answer is
    shown too; it is about the wording of the call that it is from. ``body`` is the client's
    request, which says how the reply is to look (a usage event, a settings echo); ``question`` the
    span in it that has no say in that. Raises ``GatewayError`` (400) when the request breaks its
    dialect.
    """
    digest = hashlib.blake2b(format_.name.encode(), digest_size=16)
    if question is None:
        digest.update(body)
    else:
        digest.update(body[: question[0]])
        digest.update(b"\0")
        digest.update(body[question[1] :])
    digest.update(b"%d%d" % (stream, thinking))
    shape = digest.digest()
    made = content.rendered.get(shape)
    if made is None:
        reply = content.reply()
        if not thinking:
            words = [part for part in reply.parts if part.kind == "text"]
            reply = msgspec.structs.replace(reply, parts=words)
        made = _render(reply, format_, body, asked if renames else "", stream, stored_at)
        if len(content.rendered) >= RENDERED_MAX:
            content.rendered.clear()
        content.rendered[shape] = made
    return made.replace(_PLACE_BYTES, call_id.encode())


def _render(
    reply: KeptReply, format_: Format, body: bytes, shown: str, stream: bool, stored_at: float
) -> bytes:
    parts: list[Part] = []
    for part in reply.parts:
        if part.kind == "text":
            parts.append(Text(text=part.text, logprobs=part.logprobs))
        else:
            parts.append(Thinking(text=part.text, seal=part.seal, summary=part.summary))
    response = Response(
        id="", model=reply.model, parts=parts, stop=reply.stop, usage=reply.usage,
        created=reply.created or int(stored_at), format=reply.format, extras=reply.extras,
    )  # fmt: skip
    return render(response, format_, body, asked=shown, stream=stream, call_id=_PLACE)


def render(
    response: Response, format_: Format, body: bytes, *, asked: str, stream: bool, call_id: str
) -> bytes:
    """A reply of neutral words for one request, in its dialect, whole or as a stream. ``asked``:
    the model's name to show; "" shows the response's own. Raises ``GatewayError`` (400) when the
    request breaks its dialect."""
    spoken = codec(format_.name)
    context = Context(
        spoken.decode_request(body, asked, stream),
        call_id=call_id,
        created=response.created or 0,
        model=asked or response.model,
    )
    if stream:
        return spoken.stream_encoder(context).encode(played(response))
    return spoken.encode_response(response, context)
