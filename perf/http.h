/* The part of HTTP/1.1 that the mock upstream and the load client share: heads and body framing.
 *
 * Nothing here allocates or does I/O. It trusts its peer to be a gateway under test, so it is strict
 * about what it cannot read and silent about everything else.
 */
#ifndef PERF_HTTP_H
#define PERF_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000ull + (uint64_t)at.tv_nsec;
}

static inline uint64_t process_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000ull + (uint64_t)used.tv_nsec;
}

/* Length of the head including its blank line, or 0 while more bytes are needed. */
static inline size_t head_length(const char *bytes, size_t count)
{
    const char *end = memmem(bytes, count, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* The value of one header, or NULL. `name` is lower case and ends with its colon. */
static inline const char *header_value(const char *head, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    const char *end = head + length;
    const char *line = memchr(head, '\n', length);
    while (line && ++line + name_length < end) {
        /* The first letter decides almost every line, which keeps the mock cheap. */
        if ((*line | 0x20) == *name && strncasecmp(line, name, name_length) == 0) {
            const char *value = line + name_length;
            while (*value == ' ')
                value++;
            return value;
        }
        line = memchr(line, '\n', (size_t)(end - line));
    }
    return NULL;
}

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };
enum chunk_part { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

struct body {
    enum framing framing;
    enum chunk_part part;
    uint64_t remaining_bytes;
    unsigned trailer_line_bytes;
    bool done;
    bool broken;
};

static inline void body_begin(struct body *body, const char *head, size_t length, bool is_reply)
{
    memset(body, 0, sizeof *body);
    const char *encoding = header_value(head, length, "transfer-encoding:");
    const char *declared = header_value(head, length, "content-length:");
    if (encoding && strncasecmp(encoding, "chunked", 7) == 0) {
        body->framing = FRAMING_CHUNKED;
    } else if (declared) {
        body->remaining_bytes = strtoull(declared, NULL, 10);
        body->done = body->remaining_bytes == 0;
    } else if (is_reply) {
        body->framing = FRAMING_CLOSE;
    } else {
        body->done = true;
    }
}

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one step through `bytes` and returns how many it consumed; `payload` is the data within them,
 * possibly none. Call again until everything is consumed, or until `done` or `broken` is set. */
static inline size_t body_step(struct body *body, const char *bytes, size_t count,
                               const char **payload, size_t *payload_bytes)
{
    *payload = bytes;
    *payload_bytes = 0;
    if (body->framing == FRAMING_CLOSE) {
        *payload_bytes = count;
        return count;
    }
    if (body->framing == FRAMING_LENGTH || body->part == CHUNK_DATA) {
        size_t taken = count < body->remaining_bytes ? count : (size_t)body->remaining_bytes;
        *payload_bytes = taken;
        body->remaining_bytes -= taken;
        if (body->remaining_bytes == 0) {
            body->done = body->framing == FRAMING_LENGTH;
            body->part = CHUNK_DATA_END;
        }
        return taken;
    }
    char c = *bytes;
    switch (body->part) {
    case CHUNK_SIZE:
        if (hex_digit(c) >= 0) {
            body->remaining_bytes = body->remaining_bytes * 16 + (uint64_t)hex_digit(c);
            return 1;
        }
        body->part = CHUNK_EXTENSION;
        /* fall through */
    case CHUNK_EXTENSION:
        if (c == '\n') {
            body->part = body->remaining_bytes ? CHUNK_DATA : CHUNK_TRAILER;
            body->trailer_line_bytes = 0;
        }
        return 1;
    case CHUNK_DATA_END:
        if (c == '\n')
            body->part = CHUNK_SIZE;
        else
            body->broken = c != '\r';
        return 1;
    case CHUNK_TRAILER:
        if (c == '\n') {
            body->done = body->trailer_line_bytes == 0;
            body->trailer_line_bytes = 0;
        } else if (c != '\r') {
            body->trailer_line_bytes++;
        }
        return 1;
    default:
        body->broken = true;
        return 1;
    }
}

#endif
