"""The codec of Google's generateContent, of the Gemini API and of Vertex alike."""

from __future__ import annotations

from lynkr.wire.codec import Codec
from lynkr.wire.gemini.errors import decode_error, encode_error
from lynkr.wire.gemini.format import error_body, error_event
from lynkr.wire.gemini.replies import decode_response, encode_response
from lynkr.wire.gemini.requests import decode_request
from lynkr.wire.gemini.stream_decoder import GeminiStreamDecoder
from lynkr.wire.gemini.stream_encoder import GeminiStreamEncoder
from lynkr.wire.gemini.write import encode_request

CODEC = Codec(
    name="gemini",
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=GeminiStreamDecoder,
    stream_encoder=GeminiStreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
)

__all__ = ["CODEC", "error_body", "error_event"]
