"""OpenAI Responses as a codec.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from lynkr.wire.codec import Codec
from lynkr.wire.openai_errors import decode_error, encode_error
from lynkr.wire.responses.items import NAME
from lynkr.wire.responses.replies import decode_response, encode_response
from lynkr.wire.responses.requests import decode_request
from lynkr.wire.responses.stream_decoder import ResponsesStreamDecoder
from lynkr.wire.responses.stream_encoder import ResponsesStreamEncoder
from lynkr.wire.responses.write import encode_request

CODEC = Codec(
    name=NAME,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=ResponsesStreamDecoder,
    stream_encoder=ResponsesStreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
)
