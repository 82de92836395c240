"""The codec of Anthropic's Messages API: Claude Code speaks it, and many a provider."""

from __future__ import annotations

from lynkr.wire.anthropic.errors import decode_error, encode_error
from lynkr.wire.anthropic.replies import decode_response, encode_response
from lynkr.wire.anthropic.requests import NAME, decode_request
from lynkr.wire.anthropic.streams import Decoder, Encoder
from lynkr.wire.anthropic.write import encode_request
from lynkr.wire.codec import Codec

CODEC = Codec(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=Decoder,
    stream_encoder=Encoder,
    decode_error=decode_error,
    encode_error=encode_error,
)
