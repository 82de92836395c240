"""What a codec is: the eight verbs that carry one dialect to and from the neutral vocabulary.

    decode_request    client bytes   -> Request        encode_request    Request -> target bytes
    decode_response   target bytes   -> Response       encode_response   Response -> client bytes
    StreamDecoder     target pieces  -> events         StreamEncoder     events -> client pieces
    decode_error      target bytes   -> Failure        encode_error      Failure -> client bytes

All are pure: no clock, no randomness, no I/O. ``Context`` brings what would need them. Before a
request reaches the encoder of another dialect, ``plain_tools.simplified`` has turned everything
that only some dialects know about tools (namespaces, custom and deferred tools, references) into
plain function tools with names that the target takes; ``plain_tools.Restorer`` undoes it in the
reply. So an encoder of a foreign request sees function tools, hosted tools, and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from lynkr.errors import GatewayError
from lynkr.wire.events import Event
from lynkr.wire.message import Failure, Request, Response, Tool

# Where each codec lives. They are loaded on first use: a gateway that only splices never does.
MODULES = {
    "anthropic_messages": "lynkr.wire.anthropic.codec",
    "openai_chat": "lynkr.wire.chat.codec",
    "openai_responses": "lynkr.wire.responses.codec",
    "gemini": "lynkr.wire.gemini.codec",
    "bedrock": "lynkr.wire.converse.codec",
}


class Target(msgspec.Struct, frozen=True):
    """What an encoder must know of the model it writes for; made from the catalog.

    ``capabilities`` are the catalog's flags; each codec documents those it asks for.
    """

    model: str
    capabilities: frozenset[str] = frozenset()
    output_tokens_max: int | None = None  # the model's limit, where known
    output_tokens_default: int = 8192  # where the dialect demands a limit and the client set none
    missing_signature: str = ""  # Gemini: stands in for a thought signature that nobody has


# Words that ask for what a model does anyway: no loss where the target has no place for them.
USUAL_TIERS = ("", "auto", "default", "standard_only")
USUAL_VERBOSITIES = ("", "medium")


class Loss(msgspec.Struct, frozen=True):
    """Something of the request that the target cannot carry. ``name`` is the word that the
    catalog's ``drops`` use, ``field`` the place in the client's own words."""

    name: str
    field: str


class Losses:
    """Collects them while a request is written. Which are tolerable is not the codec's business."""

    def __init__(self) -> None:
        self.found: list[Loss] = []

    def add(self, name: str, field: str = "") -> None:
        self.found.append(Loss(name, field or name))

    def extras(self, extras: Mapping[str, object], at: str = "") -> None:
        """Every unknown field of a foreign request that says something.

        ``at`` is the path of what it belongs to; a field of one of the request's own tables, such
        as ``reasoning``, goes by its whole path. SDKs resend much that says nothing, such as
        ``citations: null``.
        """
        own = bool(at) and "." not in at
        for name, value in extras.items():
            if value is None or value == "" or value == [] or value == {}:
                continue
            path = f"{at}.{name}" if at else name
            self.found.append(Loss(path if own else name, path))


class Context:
    """One call, as its reply's codecs need to know it."""

    def __init__(
        self,
        request: Request,
        *,
        call_id: str,
        created: int,
        model: str,
        tools: list[Tool] | None = None,
    ) -> None:
        self.request = request  # as the client sent it
        self.tools = request.tools if tools is None else tools  # as the target knows them
        self.created = created  # unix seconds, for dialects that date their replies
        self.model = model  # the name to show: the one the client asked for
        self.reply_id = ""  # what the client's encoder called the reply
        self._call_id = call_id
        self._made = 0

    def make_id(self, prefix: str) -> str:
        """An id for something that the upstream left unnamed; unique, and the same on replay."""
        self._made += 1
        return f"{prefix}_{self._call_id}{self._made:02d}"


class StreamDecoder(Protocol):
    """Reads a reply of the target. Fed with the body's pieces, cut anywhere."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete by now; ``Failed`` (code "upstream_protocol") when the bytes
        make no sense. Never raises for bad input; after ``Finish`` or ``Failed`` yields nothing."""

    def finish(self) -> list[Event]:
        """The body has ended. What is left: usually nothing; ``Finish`` where the dialect ends with
        its body; ``Failed`` (code "upstream_truncated") if the reply's own end never came."""


class StreamEncoder(Protocol):
    """Writes a reply to the client. One call per read, whatever the number of events."""

    def encode(self, events: Iterable[Event]) -> bytes: ...

    def ping(self) -> bytes:
        """Something that keeps the connection alive and means nothing to the client."""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect. Decoders of requests raise ``GatewayError`` (400, kind "invalid_request", with
    ``field``); ``encode_request`` reports losses and never raises for them."""

    name: str
    # (body, model, stream); the last two are for dialects that keep them in the path
    decode_request: Callable[[bytes, str, bool], Request]
    encode_request: Callable[[Request, Target, Losses], bytes]
    decode_response: Callable[[bytes, Context], Response]  # raises ValueError: not a reply
    encode_response: Callable[[Response, Context], bytes]
    stream_decoder: Callable[[Context], StreamDecoder]
    stream_encoder: Callable[[Context], StreamEncoder]
    decode_error: Callable[[int, bytes], Failure]
    encode_error: Callable[[Failure, str], bytes]  # (failure, request id)


def codec(name: str) -> Codec:
    """The codec of a format, by its name."""
    found = importlib.import_module(MODULES[name]).CODEC
    assert isinstance(found, Codec)
    return found


def invalid(field: str, message: str) -> GatewayError:
    """The 400 for a request that breaks its dialect; ``field`` like "messages.2.content"."""
    return GatewayError("invalid_request", 400, message, source="client", field=field)
