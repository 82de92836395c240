/* The mock provider: a single-threaded epoll server that answers like a provider, and never waits.
 *
 * POST /v1/chat/completions is answered like Chat Completions, every other path like the Messages API.
 * What the answer is, the `baggage` header decides (W3C: what a caller tells all behind it), because
 * gateways pass it on, also those that write the request anew; so the load client can drive the mock
 * through any of them. Its members, sizes being those of the text in a reply:
 *
 *   mock-stream=CHUNKS:INTERVAL_US:BYTES   an event stream, one HTTP chunk and one write per frame
 *   mock-reply-bytes=BYTES                 the size of a plain JSON reply
 *   mock-delay-us=MICROSECONDS             how long a plain reply is held back
 *
 * A body with "stream":true and no mock-stream gets a default stream. Each delta carries its number
 * and the clock at its write, so the client can tell lost, late and reordered apart without asking.
 * GET /mock/stats tells how far behind its own schedule the mock has been: a run in which the mock was
 * late says nothing about a gateway.
 *
 * It listens on loopback only, prints "port N", and ends when its stdin closes or its parent dies.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chat.h"
#include "http.h"
#include "messages.h"

enum {
    CONNECTIONS_MAX = 16384,
    HEAD_BYTES_MAX = 16384,           /* a coding agent sends about 2 KB; gateways add a little */
    BACKLOG_BYTES_MAX = 4 << 20,      /* one connection's unsent bytes, when the gateway stops reading */
    EVENTS_PER_WAIT = 256,
    LATE_NS = 10 * 1000 * 1000,
    REPLY_TEXT_BYTES = 307,           /* a reply of the Messages API then has 600 bytes */
    REPLY_TEXT_BYTES_MAX = 1 << 20,
    FRAME_TEXT_BYTES_MIN = 38,        /* number, clock and a blank */
    FRAME_TEXT_BYTES_MAX = 16384,
};

struct connection {
    int fd;
    int heap_index;                   /* -1 while nothing is scheduled */
    uint64_t due_ns, interval_ns;
    uint32_t chunks, sent_chunks;
    bool in_body, wants_stream, is_streaming, head_only, is_stats, is_writable_awaited;
    size_t reply_bytes, frame_bytes;  /* of text */
    struct dialect *dialect;
    uint64_t delay_ns;
    struct body body;
    size_t head_count;
    char *backlog;
    size_t backlog_count, backlog_sent;
    char head[HEAD_BYTES_MAX];
};

static struct {
    uint64_t requests, streams, frames, late_frames, lag_max_ns, full_sockets, open_connections;
} stats;

static int epoll_fd;
static struct connection *heap[CONNECTIONS_MAX];
static int heap_count;
static char scratch[1 << 18];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The schedule: an indexed binary heap, so a stream whose client left can be taken out. */

static void heap_place(int index, struct connection *connection)
{
    heap[index] = connection;
    connection->heap_index = index;
}

static void heap_settle(int index)
{
    struct connection *moved = heap[index];
    while (index > 0 && heap[(index - 1) / 2]->due_ns > moved->due_ns) {
        heap_place(index, heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        int child = 2 * index + 1;
        if (child >= heap_count)
            break;
        if (child + 1 < heap_count && heap[child + 1]->due_ns < heap[child]->due_ns)
            child++;
        if (heap[child]->due_ns >= moved->due_ns)
            break;
        heap_place(index, heap[child]);
        index = child;
    }
    heap_place(index, moved);
}

static void schedule(struct connection *connection, uint64_t due_ns)
{
    connection->due_ns = due_ns;
    if (connection->heap_index < 0)
        heap_place(heap_count++, connection);
    heap_settle(connection->heap_index);
}

static void unschedule(struct connection *connection)
{
    int index = connection->heap_index;
    if (index < 0)
        return;
    connection->heap_index = -1;
    struct connection *last = heap[--heap_count];
    if (last != connection) {
        heap_place(index, last);
        heap_settle(index);
    }
}

static void watch(struct connection *connection, bool for_writing)
{
    if (connection->is_writable_awaited == for_writing)
        return;
    connection->is_writable_awaited = for_writing;
    struct epoll_event event = {EPOLLIN | (for_writing ? EPOLLOUT : 0), {.ptr = connection}};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void close_connection(struct connection *connection)
{
    unschedule(connection);
    close(connection->fd);
    free(connection->backlog);
    free(connection);
    stats.open_connections--;
}

/* False when the connection is unusable; the caller closes it. */
static bool write_bytes(struct connection *connection, const char *data, size_t count)
{
    if (connection->backlog_count == 0) {
        ssize_t written = send(connection->fd, data, count, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN)
            return false;
        if (written == (ssize_t)count)
            return true;
        if (written > 0) {
            data += written;
            count -= (size_t)written;
        }
        stats.full_sockets++;
    }
    if (connection->backlog_count + count > BACKLOG_BYTES_MAX)
        return false;
    char *grown = realloc(connection->backlog, connection->backlog_count + count);
    if (!grown)
        return false;
    memcpy(grown + connection->backlog_count, data, count);
    connection->backlog = grown;
    connection->backlog_count += count;
    watch(connection, true);
    return true;
}

static bool flush_backlog(struct connection *connection)
{
    size_t unsent = connection->backlog_count - connection->backlog_sent;
    ssize_t written = send(connection->fd, connection->backlog + connection->backlog_sent, unsent, MSG_NOSIGNAL);
    if (written < 0)
        return errno == EAGAIN;
    connection->backlog_sent += (size_t)written;
    if (connection->backlog_sent == connection->backlog_count) {
        free(connection->backlog);
        connection->backlog = NULL;
        connection->backlog_count = connection->backlog_sent = 0;
        watch(connection, false);
    }
    return true;
}

static bool send_frame(struct connection *connection)
{
    const struct bytes *frame =
        frame_of(connection->dialect, connection->frame_bytes, connection->sent_chunks++, now_ns());
    stats.frames++;
    return write_bytes(connection, frame->data, frame->count);
}

static bool send_stream_end(struct connection *connection)
{
    char text[2048], chunk[2100];
    int count = snprintf(text, sizeof text, connection->dialect->stream_close, connection->sent_chunks);
    int total = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n0\r\n\r\n", (unsigned)count, text);
    connection->is_streaming = false;
    return write_bytes(connection, chunk, (size_t)total);
}

static bool send_stream_start(struct connection *connection)
{
    const struct dialect *dialect = connection->dialect;
    char start[2048];
    int count = snprintf(start, sizeof start, "%s%zx\r\n%s\r\n", dialect->stream_head,
                         strlen(dialect->stream_open), dialect->stream_open);
    stats.streams++;
    connection->is_streaming = true;
    connection->sent_chunks = 0;
    schedule(connection, now_ns());
    return write_bytes(connection, start, (size_t)count);
}

static bool send_stats(struct connection *connection)
{
    char text[512], reply[768];
    int count = snprintf(text, sizeof text,
        "{\"requests\":%lu,\"streams\":%lu,\"frames\":%lu,\"late_frames\":%lu,\"lag_max_ns\":%lu,"
        "\"full_sockets\":%lu,\"open_connections\":%lu}",
        stats.requests, stats.streams, stats.frames, stats.late_frames, stats.lag_max_ns,
        stats.full_sockets, stats.open_connections);
    int total = snprintf(reply, sizeof reply,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", count, text);
    /* The worst lag is that of one measurement: asking starts the next. */
    stats.lag_max_ns = stats.late_frames = 0;
    return write_bytes(connection, reply, (size_t)total);
}

static bool send_reply(struct connection *connection)
{
    const struct bytes *reply = reply_of(connection->dialect, connection->reply_bytes);
    return write_bytes(connection, reply->data, connection->head_only ? reply->head_count : reply->count);
}

static bool answer(struct connection *connection)
{
    connection->in_body = false;
    connection->head_count = 0;
    if (connection->is_stats)
        return send_stats(connection);
    stats.requests++;
    if (connection->wants_stream)
        return send_stream_start(connection);
    if (connection->delay_ns) {
        schedule(connection, now_ns() + connection->delay_ns);
        return true;
    }
    return send_reply(connection);
}

static size_t clamp(size_t value, size_t low, size_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The value of one member of the baggage, or NULL. `name` ends with its equals sign. */
static const char *baggage_value(const char *head, size_t length, const char *name)
{
    const char *line = header_value(head, length, "baggage:");
    if (!line)
        return NULL;
    const char *end = memchr(line, '\r', (size_t)(head + length - line));
    const char *at = end ? memmem(line, (size_t)(end - line), name, strlen(name)) : NULL;
    return at ? at + strlen(name) : NULL;
}

static void read_head(struct connection *connection, size_t length)
{
    const char *head = connection->head;
    connection->dialect = strncmp(head, "POST /v1/chat/completions", 25) == 0 ? &chat : &messages;
    const char *value = baggage_value(head, length, "mock-stream=");
    unsigned long chunks = 50, interval_us = 20000, bytes = FRAME_TEXT_BYTES_MIN;
    if (value)
        sscanf(value, "%lu:%lu:%lu", &chunks, &interval_us, &bytes);
    connection->wants_stream = value != NULL;
    connection->chunks = (uint32_t)chunks;
    connection->interval_ns = interval_us * 1000ull;
    connection->frame_bytes = clamp(bytes, FRAME_TEXT_BYTES_MIN, FRAME_TEXT_BYTES_MAX);
    value = baggage_value(head, length, "mock-reply-bytes=");
    connection->reply_bytes = value ? clamp(strtoul(value, NULL, 10), 0, REPLY_TEXT_BYTES_MAX) : REPLY_TEXT_BYTES;
    value = baggage_value(head, length, "mock-delay-us=");
    connection->delay_ns = value ? strtoull(value, NULL, 10) * 1000 : 0;
    connection->head_only = strncmp(head, "HEAD ", 5) == 0;
    connection->is_stats = strncmp(head, "GET /mock/stats", 15) == 0;
    body_begin(&connection->body, head, length, false);
    connection->in_body = true;
}

static bool read_body(struct connection *connection, const char *bytes, size_t count)
{
    /* A key cut by two reads is missed, which only costs a default stream nobody in the harness uses. */
    if (!connection->wants_stream && memmem(bytes, count, "\"stream\":true", 13))
        connection->wants_stream = true;
    while (count && !connection->body.done && !connection->body.broken) {
        const char *payload;
        size_t payload_bytes, taken = body_step(&connection->body, bytes, count, &payload, &payload_bytes);
        bytes += taken;
        count -= taken;
    }
    if (connection->body.broken || count)
        return false;
    return !connection->body.done || answer(connection);
}

static bool readable(struct connection *connection)
{
    bool in_head = !connection->in_body;
    char *into = in_head ? connection->head + connection->head_count : scratch;
    size_t room = in_head ? HEAD_BYTES_MAX - connection->head_count : sizeof scratch;
    ssize_t count = recv(connection->fd, into, room, 0);
    if (count <= 0)
        return count < 0 && errno == EAGAIN;
    if (connection->is_streaming || connection->heap_index >= 0)
        return false; /* pipelining: no gateway under test does it to an upstream */
    if (!in_head)
        return read_body(connection, scratch, (size_t)count);
    connection->head_count += (size_t)count;
    size_t length = head_length(connection->head, connection->head_count);
    if (!length)
        return connection->head_count < HEAD_BYTES_MAX;
    read_head(connection, length);
    return read_body(connection, connection->head + length, connection->head_count - length);
}

static bool fire(struct connection *connection, uint64_t now)
{
    uint64_t lag = now - connection->due_ns;
    stats.late_frames += lag > LATE_NS;
    if (lag > stats.lag_max_ns)
        stats.lag_max_ns = lag;
    if (!connection->is_streaming) {
        unschedule(connection);
        return send_reply(connection);
    }
    if (connection->sent_chunks < connection->chunks && !send_frame(connection))
        return false;
    if (connection->sent_chunks < connection->chunks) {
        /* Against the schedule, not against now: a late frame must not excuse the ones after it. */
        schedule(connection, connection->due_ns + connection->interval_ns);
        return true;
    }
    unschedule(connection);
    return send_stream_end(connection);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *connection = NULL;
        if (stats.open_connections < CONNECTIONS_MAX)
            connection = malloc(sizeof *connection);
        if (!connection) {
            close(fd);
            continue;
        }
        /* The head buffer stays untouched, so an idle connection does not cost its pages. */
        memset(connection, 0, offsetof(struct connection, head));
        connection->fd = fd;
        connection->heap_index = -1;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {EPOLLIN, {.ptr = connection}};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
        stats.open_connections++;
    }
}

static int listen_on_loopback(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&address, &length))
        fail("listen");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void wait_and_read(int listener)
{
    static char listener_mark, stdin_mark;
    static bool is_watched;
    if (!is_watched) {
        struct epoll_event accepts = {EPOLLIN, {.ptr = &listener_mark}}, ends = {EPOLLIN, {.ptr = &stdin_mark}};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &accepts);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ends);
        is_watched = true;
    }
    struct epoll_event events[EVENTS_PER_WAIT];
    struct timespec until = {3600, 0};
    if (heap_count) {
        uint64_t now = now_ns(), due = heap[0]->due_ns;
        uint64_t left = due > now ? due - now : 0;
        until = (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
    }
    int count = epoll_pwait2(epoll_fd, events, EVENTS_PER_WAIT, &until, NULL);
    for (int index = 0; index < count; index++) {
        struct connection *connection = events[index].data.ptr;
        if (events[index].data.ptr == &listener_mark)
            accept_all(listener);
        else if (events[index].data.ptr == &stdin_mark)
            exit(0);
        else if (((events[index].events & EPOLLOUT) && !flush_backlog(connection)) ||
                 ((events[index].events & ~EPOLLOUT) && !readable(connection)))
            close_connection(connection);
    }
}

int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on_loopback();
    for (;;) {
        wait_and_read(listener);
        uint64_t now = now_ns();
        /* The bound keeps reads alive when a stream without an interval is always due. */
        for (int fired = 0; fired < EVENTS_PER_WAIT && heap_count && heap[0]->due_ns <= now; fired++) {
            struct connection *connection = heap[0];
            if (!fire(connection, now))
                close_connection(connection);
        }
    }
}
