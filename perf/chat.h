/* Chat Completions' words: the heads that OpenAI sends, and what stands around the text. */
#ifndef PERF_CHAT_H
#define PERF_CHAT_H

#include "dialect.h"

#define CHAT_HEADERS                                                                              \
    "openai-organization: perf\r\nopenai-processing-ms: 412\r\nopenai-version: 2020-10-01\r\n"     \
    "x-request-id: req_011CMockPerf000000000000\r\n"                                              \
    "x-ratelimit-limit-requests: 4000\r\nx-ratelimit-remaining-requests: 3999\r\n"                \
    "x-ratelimit-reset-requests: 15ms\r\n"                                                        \
    "x-ratelimit-limit-tokens: 400000\r\nx-ratelimit-remaining-tokens: 399000\r\n"                \
    "x-ratelimit-reset-tokens: 150ms\r\n\r\n"

#define CHAT_CHUNK                                                                                \
    "data: {\"id\":\"chatcmpl-MockPerf0000000000000000000\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1795430401,\"model\":\"gpt-5.5-2026-06-01\",\"service_tier\":\"default\","       \
    "\"system_fingerprint\":\"fp_560af6e559\",\"choices\":["

#define CHAT_CACHED "\"prompt_tokens_details\":{\"cached_tokens\":30211,\"audio_tokens\":0}}"

static struct dialect chat = {
    .stream_head =
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
        "cache-control: no-cache\r\n" CHAT_HEADERS,
    .reply_head =
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        "content-type: application/json\r\ncontent-length: %zu\r\n" CHAT_HEADERS,
    .reply_open =
        "{\"id\":\"chatcmpl-MockPerf0000000000000000000\",\"object\":\"chat.completion\","
        "\"created\":1795430401,\"model\":\"gpt-5.5-2026-06-01\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"",
    .reply_close =
        "\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":30648,\"completion_tokens\":87,\"total_tokens\":30735," CHAT_CACHED
        ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_560af6e559\"}",
    .stream_open =
        CHAT_CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},"
        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aBcDeFgHi\"}\n\n",
    .frame_open = CHAT_CHUNK "{\"index\":0,\"delta\":{\"content\":\"",
    .frame_close = "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aBcDeFgHi\"}\n\n",
    .stream_close =
        CHAT_CHUNK "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":null,\"obfuscation\":\"aBcDe\"}\n\n"
        CHAT_CHUNK "],\"usage\":{\"prompt_tokens\":30648,\"completion_tokens\":%u,"
        CHAT_CACHED ",\"obfuscation\":\"\"}\n\n"
        "data: [DONE]\n\n",
};

#endif
