"""The translate lane: a request written anew in the provider's dialect, its reply in the client's.

One ``Translation`` per target tried. It is pure: bytes in, bytes out. ``ReplyTranslator`` is what
a connection feeds while a stream passes; ``Translation.whole`` answers from a reply that was kept
back until it was complete (JSON bodies, and every error).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from lynkr.errors import GatewayError
from lynkr.wire.assembled import Assembly, merged, played
from lynkr.wire.codec import Codec, Context, Losses, Target, codec
from lynkr.wire.counting import answer, question
from lynkr.wire.encoding import decoder_for
from lynkr.wire.events import Event, Failed, Finish, Start, Used
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Failure, ReplyFacts, Request, Response, Usage
from lynkr.wire.plain_tools import Restorer, ToolNames, simplified
from lynkr.wire.tokens import request_tokens

# A translated reply's codes for what the gateway itself found wrong with it.
TRUNCATED = "upstream_truncated"
PROTOCOL = "upstream_protocol"
_NO_SUCH_CALL = (404, 405, 501)  # older servers, and proxies, that do not know the counting call


def counted(tokens: int) -> bytes:
    """The reply to ``/v1/messages/count_tokens``."""
    return dumps({"input_tokens": tokens})


class Plan(msgspec.Struct, frozen=True):
    """What a translation to one target needs to know; made once per configuration."""

    client: str  # names of the codecs
    spoken: str
    target: Target
    drops: frozenset[str]  # names of losses that the catalog tolerates here
    provider: str  # for messages
    counting: bool = False  # the provider is asked for a token count, not for a reply


class Translation:
    """One request on its way to one target. Raises ``GatewayError`` (400): it cannot carry it."""

    def __init__(
        self, asked: Request, request: Request, plan: Plan, *, call_id: str, created: int
    ) -> None:
        """``asked`` is the client's request; ``request`` the same with its earlier turns, where the
        client left them out."""
        self.asked = asked
        self.request = request
        self._client: Codec = codec(plan.client)
        self._spoken: Codec = codec(plan.spoken)
        losses = Losses()
        names = ToolNames()
        plain = request
        if plan.client != plan.spoken:
            custom = "custom_tools" in plan.target.capabilities
            plain, names = simplified(request, losses, custom=custom)
        self.body = self._spoken.encode_request(plain, plan.target, losses)
        if plan.counting:
            self.body = question(plan.spoken, self.body, plan.target.model)
        for loss in losses.found:
            if loss.name not in plan.drops and general(loss.field) not in plan.drops:
                raise cannot_carry(loss.name, loss.field, plan)
        self.dropped = tuple(dict.fromkeys(loss.name for loss in losses.found))
        self._names = names
        self._plan = plan
        self.context = Context(
            asked,
            call_id=call_id,
            created=created,
            model=asked.model or plan.target.model,
            tools=plain.tools,
        )
        self.facts = ReplyFacts()
        self.estimated = False  # a count that the provider did not give after all
        self.failure: Failure | None = None  # of an error reply, or one inside a stream
        self.reply: Response | None = None  # of a reply that came whole

    def streamed(self, content_encoding: bytes | None, note: Assembly | None) -> ReplyTranslator:
        """The reader of a streamed reply."""
        return ReplyTranslator(
            self, self._spoken, self._client, self._names, content_encoding, note
        )

    def whole(
        self, status: int, streamed: bool, body: bytes, request_id: str
    ) -> tuple[bytes, bool]:
        """The client's body for a reply that has come to its end, and whether that is a stream.

        ``streamed``: the body is a stream although the client wanted none. Raises ``ValueError``
        when a good reply is none of its dialect.
        """
        if self._plan.counting and (status == 200 or status in _NO_SUCH_CALL):
            self.estimated = status != 200
            if self.estimated:
                return counted(request_tokens(self.asked)), False
            return counted(answer(self._plan.spoken, body)), False
        if status >= 400:
            self.failure = self._spoken.decode_error(status, body)
            return self._client.encode_error(self.failure, request_id), False
        if streamed:
            assembly = Assembly()
            decoder = self._spoken.stream_decoder(self.context)
            assembly.add(decoder.feed(body))
            assembly.add(decoder.finish())
            if assembly.stop is None:
                failure = assembly.failure
                raise ValueError(failure.message if failure is not None else "it is not whole")
            response = assembly.response()
        else:
            response = self._decoded(body)
        self.facts = ReplyFacts(
            response.model, response.stop.native or response.stop.reason, "", response.usage
        )
        response = Restorer(self._names).response(response)
        self.reply = response
        if self.asked.stream:
            encoder = self._client.stream_encoder(self.context)
            return encoder.encode(played(response)), True
        return self._client.encode_response(response, self.context), False

    def _decoded(self, body: bytes) -> Response:
        """A whole reply. Some servers answer with status 200 and an error, and its words say more
        than that they are no reply."""
        try:
            return self._spoken.decode_response(body, self.context)
        except ValueError:
            told = self._spoken.decode_error(502, body).message
            if told == self._spoken.decode_error(502, b"").message:
                raise
            raise ValueError(told.rstrip(".")) from None


def general(field: str) -> str:
    """A field's path without its numbers: "messages.3.content.0.x" is "messages.content.x"."""
    return ".".join(word for word in field.split(".") if not word.isdigit())


def cannot_carry(name: str, field: str, plan: Plan) -> GatewayError:
    """The 400 for something that the target has no place for."""
    return GatewayError(
        "cannot_carry",
        400,
        f"Provider {plan.provider!r} has no place for {field!r} of this request.",
        source="client",
        field=field,
        hint=f'Leave it out, use another provider, or set drops = ["{name}"] for this one.',
    )


class ReplyTranslator:
    """Reads a stream of the provider, writes one of the client's; one call per network read."""

    def __init__(
        self,
        translation: Translation,
        spoken: Codec,
        client: Codec,
        names: ToolNames,
        content_encoding: bytes | None,
        note: Assembly | None,
    ) -> None:
        self._translation = translation
        self._decoder = spoken.stream_decoder(translation.context)
        self._encoder = client.stream_encoder(translation.context)
        self._restorer = Restorer(names)
        self._plain: Callable[[bytes], Iterator[bytes]] | None = decoder_for(content_encoding)
        self.note = note  # puts the reply together, for whoever wants it afterwards
        self.broken: tuple[str, str] | None = None
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """The next bytes for the client."""
        if self._plain is not None:
            data = b"".join(self._plain(data))
        return self._written(self._decoder.feed(data))

    def finish(self) -> bytes:
        """The last ones."""
        return self._written(self._decoder.finish())

    def ping(self) -> bytes:
        return self._encoder.ping()

    def error_event(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off here."""
        if self.ended:
            return b""
        self.ended = True
        return self._encoder.encode([Failed(failure)])

    def _written(self, events: list[Event]) -> bytes:
        if not events or self.ended:
            return b""
        events = self._restorer.events(events)
        if self.note is not None:
            self.note.add(events)
        for event in events:
            if isinstance(event, Used):
                self._used(event.usage)
            elif isinstance(event, Start):
                self._translation.facts = ReplyFacts(event.model, "", "", event.usage)
            elif isinstance(event, Finish):
                self.ended = True
                self._used(event.usage)
                facts = self._translation.facts
                self._translation.facts = ReplyFacts(
                    facts.model, event.stop.native or event.stop.reason, "", facts.usage
                )
            elif isinstance(event, Failed):
                self.ended = True
                failure = event.failure
                facts = self._translation.facts
                self._translation.facts = ReplyFacts(
                    facts.model, "", failure.code or failure.kind, facts.usage
                )
                if failure.code in (TRUNCATED, PROTOCOL):
                    # Not the provider's word but ours: the stream ends uncleanly after it.
                    self.broken = (failure.code, failure.message)
                    self.ended = False  # the call says so in its own words
                    events = events[:-1]
        return self._encoder.encode(events) if events else b""

    def _used(self, usage: Usage) -> None:
        facts = self._translation.facts
        self._translation.facts = ReplyFacts(
            facts.model, facts.stop_reason, facts.error, merged(facts.usage, usage)
        )


def decoded(body: bytes, content_encoding: bytes | None) -> bytes:
    """A collected body without its content-encoding. Raises ``ValueError``."""
    decoder = decoder_for(content_encoding)
    if decoder is None:
        return body
    try:
        return b"".join(decoder(body))
    except Exception as error:  # each library has errors of its own
        raise ValueError(f"its {content_encoding!r} encoding is broken") from error


def unreadable(error: ValueError, provider: str) -> GatewayError:
    """The 502 for a reply that is none of its dialect."""
    return GatewayError(
        "upstream_protocol",
        502,
        f"The upstream's reply is not what its dialect says: {error}.",
        source="upstream",
        retryable=True,
        hint=f"(provider {provider})",
    )


def internal(what: str) -> GatewayError:
    """The 500 for a bug of ours."""
    return GatewayError(
        "internal_error", 500, f"The gateway failed on this {what}.", source="gateway"
    )


# The gateway's own failures in a stream's words.
_KINDS = {429: "rate_limit", 503: "overloaded", 504: "timeout"}


def failure_of(error: GatewayError) -> Failure:
    """The gateway's own error, for a client in the middle of a stream."""
    kind = "invalid_request" if error.status < 500 else _KINDS.get(error.status, "api_error")
    return Failure(status=0, kind=kind, message=str(error), code=error.kind)  # type: ignore[arg-type]
