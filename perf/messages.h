/* The Messages API's words: the heads that Anthropic sends, and what stands around the text. */
#ifndef PERF_MESSAGES_H
#define PERF_MESSAGES_H

#include "dialect.h"

#define MESSAGES_HEADERS                                                                          \
    "request-id: req_011CMockPerf000000000000\r\n"                                                \
    "anthropic-organization-id: 00000000-0000-4000-8000-000000000000\r\n"                         \
    "anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n" \
    "anthropic-ratelimit-requests-reset: 2026-11-23T12:00:01Z\r\n"                                \
    "anthropic-ratelimit-tokens-limit: 400000\r\nanthropic-ratelimit-tokens-remaining: 399000\r\n" \
    "anthropic-ratelimit-tokens-reset: 2026-11-23T12:00:01Z\r\n\r\n"

static struct dialect messages = {
    .stream_head =
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
        "cache-control: no-cache\r\n" MESSAGES_HEADERS,
    .reply_head =
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        "content-type: application/json\r\ncontent-length: %zu\r\n" MESSAGES_HEADERS,
    .reply_open =
        "{\"id\":\"msg_01MockPerf\",\"type\":\"message\",\"role\":\"assistant\","
        "\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[{\"type\":\"text\",\"text\":\"",
    .reply_close =
        "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
        "\"cache_creation_input_tokens\":412,\"cache_read_input_tokens\":30211,\"output_tokens\":87}}",
    .stream_open =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01MockPerf\","
        "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],"
        "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
        "\"cache_creation_input_tokens\":412,\"cache_read_input_tokens\":30211,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    .frame_open =
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\"",
    .frame_close = "\"}}\n\n",
    .stream_close =
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null},\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":412,"
        "\"cache_read_input_tokens\":30211,\"output_tokens\":%u}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
};

#endif
