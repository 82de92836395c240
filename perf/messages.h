/* What the mock provider says: Messages API replies and event frames, kept ready by size.
 *
 * Everything is the same bytes each time but for a frame's number and clock, so a write costs the mock
 * one memory patch and one system call. The heads carry the headers a real provider sends.
 */
#ifndef PERF_MESSAGES_H
#define PERF_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPLY_BYTES_MIN = 400,
    REPLY_BYTES_DEFAULT = 600,
    REPLY_BYTES_MAX = 1 << 20,
    FRAME_BYTES_MIN = 180,
    FRAME_BYTES_MAX = 16384,
    SIZES_MAX = 16, /* distinct reply or frame sizes in one run */
};

struct bytes {
    size_t asked;                     /* the size that was asked for: the key */
    size_t head_count, count;
    char *data;
};

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
    "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
    "cache-control: no-cache\r\nrequest-id: req_011CMockPerf000000000000\r\n"
    "anthropic-organization-id: 00000000-0000-4000-8000-000000000000\r\n"
    "anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n"
    "anthropic-ratelimit-requests-reset: 2026-11-23T12:00:01Z\r\n"
    "anthropic-ratelimit-tokens-limit: 400000\r\nanthropic-ratelimit-tokens-remaining: 399000\r\n"
    "anthropic-ratelimit-tokens-reset: 2026-11-23T12:00:01Z\r\n\r\n";

static const char REPLY_HEAD[] =
    "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
    "content-type: application/json\r\ncontent-length: %zu\r\n"
    "request-id: req_011CMockPerf000000000000\r\n"
    "anthropic-organization-id: 00000000-0000-4000-8000-000000000000\r\n"
    "anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n"
    "anthropic-ratelimit-requests-reset: 2026-11-23T12:00:01Z\r\n"
    "anthropic-ratelimit-tokens-limit: 400000\r\nanthropic-ratelimit-tokens-remaining: 399000\r\n"
    "anthropic-ratelimit-tokens-reset: 2026-11-23T12:00:01Z\r\n\r\n";

static const char MESSAGE_START[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01MockPerf\","
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],"
    "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
    "\"cache_creation_input_tokens\":412,\"cache_read_input_tokens\":30211,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";

static const char MESSAGE_END[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
    "\"stop_sequence\":null},\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":412,"
    "\"cache_read_input_tokens\":30211,\"output_tokens\":%u}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static const char FRAME_OPEN[] =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\"seq=";
static const char FRAME_CLOSE[] = "\"}}\n\n";
enum { SEQUENCE_DIGITS = 9, CLOCK_DIGITS = 20 };

static struct bytes replies[SIZES_MAX], frames[SIZES_MAX];

static struct bytes *find_size(struct bytes *cache, size_t asked)
{
    int index = 0;
    while (index < SIZES_MAX - 1 && cache[index].data && cache[index].asked != asked)
        index++;
    if (cache[index].asked != asked) {
        free(cache[index].data);
        cache[index] = (struct bytes){.asked = asked};
    }
    return &cache[index];
}

static const struct bytes *reply_of(size_t asked)
{
    struct bytes *reply = find_size(replies, asked);
    if (reply->data)
        return reply;
    static const char open[] =
        "{\"id\":\"msg_01MockPerf\",\"type\":\"message\",\"role\":\"assistant\","
        "\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[{\"type\":\"text\",\"text\":\"";
    static const char close[] =
        "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
        "\"cache_creation_input_tokens\":412,\"cache_read_input_tokens\":30211,\"output_tokens\":87}}";
    reply->data = malloc(sizeof REPLY_HEAD + 32 + asked);
    reply->head_count = (size_t)sprintf(reply->data, REPLY_HEAD, asked);
    char *text = reply->data + reply->head_count;
    memset(text, 'a', asked);
    memcpy(text, open, sizeof open - 1);
    memcpy(text + asked - (sizeof close - 1), close, sizeof close - 1);
    reply->count = reply->head_count + asked;
    return reply;
}

/* A frame of any size is the same bytes but for its number and its clock, which are patched in place. */
static struct bytes *frame_of(size_t asked)
{
    struct bytes *frame = find_size(frames, asked);
    if (frame->data)
        return frame;
    frame->data = malloc(asked + 32);
    frame->head_count = (size_t)sprintf(frame->data, "%zx\r\n", asked);
    char *text = frame->data + frame->head_count;
    memset(text, 'a', asked);
    memcpy(text, FRAME_OPEN, sizeof FRAME_OPEN - 1);
    memcpy(text + sizeof FRAME_OPEN - 1 + SEQUENCE_DIGITS, " at=", 4);
    text[sizeof FRAME_OPEN - 1 + SEQUENCE_DIGITS + 4 + CLOCK_DIGITS] = ' ';
    memcpy(text + asked - (sizeof FRAME_CLOSE - 1), FRAME_CLOSE, sizeof FRAME_CLOSE - 1);
    memcpy(text + asked, "\r\n", 2);
    frame->count = frame->head_count + asked + 2;
    return frame;
}

static void put_digits(char *at, int digits, uint64_t value)
{
    while (digits--) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Writes the number and the clock into a frame that frame_of gave. */
static void stamp_frame(struct bytes *frame, uint64_t sequence, uint64_t clock_ns)
{
    char *digits = frame->data + frame->head_count + sizeof FRAME_OPEN - 1;
    put_digits(digits, SEQUENCE_DIGITS, sequence);
    put_digits(digits + SEQUENCE_DIGITS + 4, CLOCK_DIGITS, clock_ns);
}

#endif
