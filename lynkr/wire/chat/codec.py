"""OpenAI Chat Completions, the codec: requests, replies, streams and errors of this dialect."""

from __future__ import annotations

from lynkr.wire.chat.reasoning import NAME
from lynkr.wire.chat.replies import decode_response, encode_response
from lynkr.wire.chat.requests import decode_request
from lynkr.wire.chat.stream_decoder import ChatStreamDecoder
from lynkr.wire.chat.stream_encoder import ChatStreamEncoder
from lynkr.wire.chat.write import encode_request
from lynkr.wire.codec import Codec
from lynkr.wire.openai_errors import decode_error, encode_error

CODEC = Codec(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=ChatStreamDecoder,
    stream_encoder=ChatStreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
)
