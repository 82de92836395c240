"""The codec of Amazon Bedrock's Converse and ConverseStream."""

from __future__ import annotations

from lynkr.wire.codec import Codec
from lynkr.wire.converse.blocks import NAME
from lynkr.wire.converse.replies import (
    decode_error,
    decode_response,
    encode_error,
    encode_response,
)
from lynkr.wire.converse.requests import decode_request
from lynkr.wire.converse.streams import StreamDecoder, StreamEncoder
from lynkr.wire.converse.write import encode_request

CODEC = Codec(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=StreamDecoder,
    stream_encoder=StreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
)
