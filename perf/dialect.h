/* What the mock provider says: replies and event frames of one dialect, kept ready by size.
 *
 * Everything is the same bytes each time but for a frame's number and clock, so a write costs the mock
 * one memory patch and one system call. The heads carry the headers a real provider sends. Sizes are
 * those of the text inside, so that every dialect can be asked for the same amount of it.
 */
#ifndef PERF_DIALECT_H
#define PERF_DIALECT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZES_MAX = 16, /* distinct reply or frame sizes in one run */
    SEQUENCE_DIGITS = 9,
    CLOCK_DIGITS = 20,
};

struct bytes {
    size_t asked;                     /* the size that was asked for: the key */
    size_t head_count, count;
    char *data;
};

struct dialect {
    const char *stream_head, *reply_head;              /* HTTP; a reply's has %zu for its length */
    const char *reply_open, *reply_close;              /* around the text of a whole reply */
    const char *frame_open, *frame_close;              /* around the text of one event */
    const char *stream_open, *stream_close;            /* events; the last have %u for the tokens */
    struct bytes replies[SIZES_MAX], frames[SIZES_MAX];
};

/* Where the number and the clock go, in the text of every frame. */
static const char SEQUENCE_MARK[] = "seq=", CLOCK_MARK[] = " at=";

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

/* `text_bytes` of text between two constants; returns where the text begins. */
static char *put_between(char *at, const char *open, size_t text_bytes, const char *close)
{
    char *text = stpcpy(at, open);
    memset(text, 'a', text_bytes);
    strcpy(text + text_bytes, close);
    return text;
}

static const struct bytes *reply_of(struct dialect *dialect, size_t text_bytes)
{
    struct bytes *reply = find_size(dialect->replies, text_bytes);
    if (reply->data)
        return reply;
    size_t body_bytes = strlen(dialect->reply_open) + text_bytes + strlen(dialect->reply_close);
    reply->data = malloc(strlen(dialect->reply_head) + 32 + body_bytes);
    reply->head_count = (size_t)sprintf(reply->data, dialect->reply_head, body_bytes);
    put_between(reply->data + reply->head_count, dialect->reply_open, text_bytes, dialect->reply_close);
    reply->count = reply->head_count + body_bytes;
    return reply;
}

static void put_digits(char *at, int digits, uint64_t value)
{
    while (digits--) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* A frame of any size is the same bytes but for its number and its clock, which are patched in place. */
static const struct bytes *frame_of(struct dialect *dialect, size_t text_bytes, uint64_t sequence, uint64_t clock_ns)
{
    struct bytes *frame = find_size(dialect->frames, text_bytes);
    if (!frame->data) {
        size_t bytes = strlen(dialect->frame_open) + text_bytes + strlen(dialect->frame_close);
        frame->data = malloc(bytes + 32);
        char *text = put_between(frame->data + sprintf(frame->data, "%zx\r\n", bytes), dialect->frame_open,
                                 text_bytes, dialect->frame_close);
        memcpy(text, SEQUENCE_MARK, 4);
        memcpy(text + 4 + SEQUENCE_DIGITS, CLOCK_MARK, 4);
        text[8 + SEQUENCE_DIGITS + CLOCK_DIGITS] = ' ';
        strcat(text, "\r\n");
        frame->head_count = (size_t)(text - frame->data);
        frame->count = strlen(frame->data);
    }
    char *text = frame->data + frame->head_count;
    put_digits(text + 4, SEQUENCE_DIGITS, sequence);
    put_digits(text + 8 + SEQUENCE_DIGITS, CLOCK_DIGITS, clock_ns);
    return frame;
}

#endif
