/* The load client: one thread, one epoll, bounded in time, loopback only.
 *
 *   client requests  a closed loop: `connections` callers, each sends its next call when it has its reply
 *   client streams   `connections` event streams side by side, every chunk checked by number and clock
 *   client idle      opens `connections`, makes one call (or starts one stream) on each, says "ready",
 *                    and holds them until its stdin closes
 *
 * Options: --port P --connections C --body FILE --header "name: value" (repeatable) --requests N
 * --duration-ms D --repeat R --chunks N --ramp-us U --late-us L --deadline-ms D --first-number F.
 * Each @@@@@@@@ in the body becomes the request's number, so that no two requests are the same.
 * One JSON object goes to stdout. Whatever happens, it ends at its deadline, and says what was missing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "histogram.h"
#include "http.h"

enum {
    CONNECTIONS_MAX = 8192,
    HEAD_BYTES_MAX = 8192,
    FRAME_BYTES_MAX = 20000, /* above the mock's largest frame */
    EVENTS_PER_WAIT = 256,
    ERRORS_MAX = 2000,       /* past this a gateway is broken, and the run says so at once */
    NUMBERS_MAX = 256,       /* places in the body for the request's number */
};

static const char NUMBER_MARK[] = "@@@@@@@@";

enum mode { MODE_REQUESTS, MODE_STREAMS, MODE_IDLE };
enum phase { CLOSED, CONNECTING, SENDING, HEAD, BODY, HELD };

struct caller {
    int fd;
    enum phase phase;
    bool is_finished, is_event_stream, is_closing, is_ended, is_ready;
    uint64_t begun_ns, chunk_ns;
    uint32_t next_sequence, calls;
    size_t sent, head_count, frame_count;
    struct body body;
    char *request; /* its own where requests are numbered */
    char head[HEAD_BYTES_MAX];
    char frame[FRAME_BYTES_MAX];
};

static struct {
    enum mode mode;
    uint16_t port;
    uint32_t connections, repeat, chunks;
    uint64_t requests, duration_ns, ramp_ns, late_ns, deadline_ns, first_number;
} options = {.connections = 1, .repeat = 1, .late_ns = 50000000, .deadline_ns = 60000000000ull};

static struct {
    uint64_t begun, done, connect, status, closed, framing, chunks, lost, late, reordered;
    uint64_t first_ns, last_ns;
    uint32_t ready, finished;
    int last_bad_status;
} seen;

static struct histogram latency, first_chunk, chunk_delay, chunk_gap;
static struct caller *callers;
static char *request;
static size_t request_bytes;
static size_t number_at[NUMBERS_MAX];
static uint32_t numbers;
static int epoll_fd;
static char scratch[1 << 17];

static void fail(const char *what)
{
    fprintf(stderr, "perf client: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t errors(void)
{
    return seen.connect + seen.status + seen.closed + seen.framing;
}

static void watch(struct caller *caller, uint32_t events, int operation)
{
    struct epoll_event event = {events, {.ptr = caller}};
    epoll_ctl(epoll_fd, operation, caller->fd, &event);
}

static void connect_caller(struct caller *caller)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (caller->fd < 0)
        fail("socket");
    int on = 1;
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    caller->phase = CONNECTING;
    if (connect(caller->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        seen.connect++;
    watch(caller, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void close_caller(struct caller *caller)
{
    if (caller->phase != CLOSED)
        close(caller->fd);
    caller->phase = CLOSED;
}

static bool may_begin(uint64_t now)
{
    if (options.mode == MODE_REQUESTS) {
        if (options.requests && seen.begun >= options.requests)
            return false;
        return !options.duration_ns || !seen.first_ns || now - seen.first_ns < options.duration_ns;
    }
    return true;
}

static void finish(struct caller *caller)
{
    if (!caller->is_finished) {
        caller->is_finished = true;
        seen.finished++;
    }
    if (options.mode != MODE_IDLE)
        close_caller(caller);
}

static void broken(struct caller *caller, uint64_t *counter)
{
    ++*counter;
    close_caller(caller);
    /* A closed loop keeps its concurrency; a broken stream stays broken, its chunks count as lost. */
    if (options.mode == MODE_REQUESTS && may_begin(now_ns()) && errors() < ERRORS_MAX)
        connect_caller(caller);
    else
        finish(caller);
}

static void send_more(struct caller *caller)
{
    ssize_t count = send(caller->fd, caller->request + caller->sent, request_bytes - caller->sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
        broken(caller, &seen.closed);
        return;
    }
    bool was_whole = caller->sent == 0;
    caller->sent += count > 0 ? (size_t)count : 0;
    if (caller->sent == request_bytes) {
        caller->phase = HEAD;
        if (!was_whole)
            watch(caller, EPOLLIN, EPOLL_CTL_MOD);
    } else if (was_whole) {
        watch(caller, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
}

static void find_numbers(void)
{
    char *at = request;
    size_t size = sizeof NUMBER_MARK - 1;
    while ((at = memmem(at, request_bytes - (size_t)(at - request), NUMBER_MARK, size)) && numbers < NUMBERS_MAX) {
        number_at[numbers++] = (size_t)(at - request);
        at += size;
    }
}

/* Writes the request's number into a copy that only this caller sends. */
static void write_number(struct caller *caller)
{
    if (!caller->request) {
        caller->request = numbers ? malloc(request_bytes) : request;
        if (!caller->request)
            fail("malloc");
        if (numbers)
            memcpy(caller->request, request, request_bytes);
    }
    char digits[32];
    snprintf(digits, sizeof digits, "%08lu", (options.first_number + seen.begun) % 100000000);
    for (uint32_t index = 0; index < numbers; index++)
        memcpy(caller->request + number_at[index], digits, sizeof NUMBER_MARK - 1);
}

static void begin(struct caller *caller, uint64_t now)
{
    if (!seen.first_ns)
        seen.first_ns = now;
    seen.begun++;
    caller->calls++;
    caller->begun_ns = now;
    caller->chunk_ns = 0;
    caller->next_sequence = 0;
    caller->sent = caller->head_count = caller->frame_count = 0;
    caller->is_ended = false;
    write_number(caller);
    caller->phase = SENDING;
    send_more(caller);
}

static void ready(struct caller *caller)
{
    if (caller->is_ready)
        return;
    caller->is_ready = true;
    if (++seen.ready == options.connections && options.mode == MODE_IDLE) {
        printf("ready\n");
        fflush(stdout);
    }
}

static void complete(struct caller *caller, uint64_t now)
{
    seen.last_ns = now;
    ready(caller);
    seen.framing += options.mode == MODE_STREAMS && !caller->is_ended;
    seen.done++;
    histogram_add(&latency, now - caller->begun_ns);
    bool is_last = options.mode == MODE_IDLE ||
                   (options.mode == MODE_STREAMS && caller->calls >= options.repeat) || !may_begin(now);
    if (is_last) {
        caller->phase = HELD;
        finish(caller);
    } else if (caller->is_closing) {
        close_caller(caller);
        connect_caller(caller);
    } else {
        begin(caller, now);
    }
}

static uint64_t number_after(const char *frame, size_t count, const char *key)
{
    const char *at = memmem(frame, count, key, strlen(key));
    return at ? strtoull(at + strlen(key), NULL, 10) : UINT64_MAX;
}

static void take_frame(struct caller *caller, uint64_t now)
{
    caller->frame[caller->frame_count] = 0;
    uint64_t sequence = number_after(caller->frame, caller->frame_count, "seq=");
    if (sequence == UINT64_MAX) {
        if (strncmp(caller->frame, "event: message_stop", 19) == 0)
            caller->is_ended = true;
        return;
    }
    uint64_t delay_ns = now - number_after(caller->frame, caller->frame_count, "at=");
    histogram_add(&chunk_delay, delay_ns);
    seen.late += delay_ns > options.late_ns;
    seen.chunks++;
    if (caller->chunk_ns)
        histogram_add(&chunk_gap, now - caller->chunk_ns);
    else
        histogram_add(&first_chunk, now - caller->begun_ns);
    caller->chunk_ns = now;
    seen.reordered += sequence < caller->next_sequence;
    caller->next_sequence = (uint32_t)sequence + 1;
    ready(caller);
}

/* Cuts the payload into frames at blank lines, wherever the gateway has cut its chunks. */
static bool take_events(struct caller *caller, const char *bytes, size_t count, uint64_t now)
{
    while (count) {
        const char *line_end = memchr(bytes, '\n', count);
        size_t taken = line_end ? (size_t)(line_end - bytes) + 1 : count;
        if (caller->frame_count + taken >= FRAME_BYTES_MAX)
            return false;
        memcpy(caller->frame + caller->frame_count, bytes, taken);
        caller->frame_count += taken;
        bytes += taken;
        count -= taken;
        size_t have = caller->frame_count;
        if (line_end && have >= 2 && caller->frame[have - 2] == '\n') {
            take_frame(caller, now);
            caller->frame_count = 0;
        }
    }
    return true;
}

static bool take_head(struct caller *caller)
{
    size_t length = head_length(caller->head, caller->head_count);
    caller->head[caller->head_count] = 0;
    int status = atoi(caller->head + 9);
    if (status != 200) {
        seen.last_bad_status = status;
        broken(caller, &seen.status);
        return false;
    }
    body_begin(&caller->body, caller->head, length, true);
    const char *type = header_value(caller->head, length, "content-type:");
    caller->is_event_stream = type && strncasecmp(type, "text/event-stream", 17) == 0;
    const char *connection = header_value(caller->head, length, "connection:");
    caller->is_closing = connection && strncasecmp(connection, "close", 5) == 0;
    caller->phase = BODY;
    return true;
}

static void take_body(struct caller *caller, const char *bytes, size_t count, uint64_t now)
{
    while (count && !caller->body.done) {
        const char *payload;
        size_t payload_bytes, taken = body_step(&caller->body, bytes, count, &payload, &payload_bytes);
        bool is_fine = !caller->is_event_stream || take_events(caller, payload, payload_bytes, now);
        if (!is_fine || caller->body.broken) {
            broken(caller, &seen.framing);
            return;
        }
        bytes += taken;
        count -= taken;
    }
    if (count)
        broken(caller, &seen.framing);
    else if (caller->body.done)
        complete(caller, now);
}

static void receive(struct caller *caller)
{
    bool in_head = caller->phase == HEAD || caller->phase == SENDING;
    char *into = in_head ? caller->head + caller->head_count : scratch;
    size_t room = in_head ? HEAD_BYTES_MAX - 1 - caller->head_count : sizeof scratch;
    ssize_t count = recv(caller->fd, into, room, 0);
    uint64_t now = now_ns();
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0 || caller->phase == HELD) {
        if (count == 0 && caller->phase == BODY && caller->body.framing == FRAMING_CLOSE)
            complete(caller, now);
        else
            broken(caller, &seen.closed);
        return;
    }
    if (!in_head) {
        take_body(caller, scratch, (size_t)count, now);
        return;
    }
    caller->head_count += (size_t)count;
    size_t length = head_length(caller->head, caller->head_count);
    if (!length && caller->head_count == HEAD_BYTES_MAX - 1)
        broken(caller, &seen.framing);
    else if (length && take_head(caller))
        take_body(caller, caller->head + length, caller->head_count - length, now);
}

static void on_event(struct caller *caller, uint32_t events)
{
    if (caller->phase == CONNECTING) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(caller->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error) {
            broken(caller, &seen.connect);
            return;
        }
        watch(caller, EPOLLIN, EPOLL_CTL_MOD);
        begin(caller, now_ns());
        return;
    }
    if ((events & EPOLLOUT) && caller->phase == SENDING)
        send_more(caller);
    if ((events & ~EPOLLOUT) && caller->phase != CLOSED && caller->phase != CONNECTING)
        receive(caller);
}

/* Starts what the ramp has made due and returns when the next one is. */
static uint64_t start_due(uint64_t start_ns, uint64_t now, uint32_t *started)
{
    while (*started < options.connections) {
        uint64_t due = start_ns + *started * options.ramp_ns;
        if (due > now)
            return due;
        connect_caller(&callers[(*started)++]);
    }
    return UINT64_MAX;
}

static void run(void)
{
    uint64_t start_ns = now_ns(), end_ns = start_ns + options.deadline_ns;
    uint32_t started = 0;
    bool is_held = options.mode == MODE_IDLE;
    struct epoll_event stdin_event = {EPOLLIN, {.ptr = NULL}};
    if (is_held)
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &stdin_event);
    uint64_t errors_max = is_held ? 1 : ERRORS_MAX;
    while ((is_held || seen.finished < options.connections) && errors() < errors_max) {
        uint64_t now = now_ns();
        if (now >= end_ns)
            break;
        uint64_t next = start_due(start_ns, now, &started);
        uint64_t left = (next < end_ns ? next : end_ns) - now;
        struct timespec until = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_pwait2(epoll_fd, events, EVENTS_PER_WAIT, &until, NULL);
        for (int index = 0; index < count; index++) {
            if (events[index].data.ptr)
                on_event(events[index].data.ptr, events[index].events);
            else
                is_held = false;
        }
        if (!is_held && options.mode == MODE_IDLE)
            return;
    }
}

/* Whatever was asked for and never came, for whichever reason: cut, stuck, or not even started. */
static void count_lost(void)
{
    uint64_t expected = (uint64_t)options.connections * options.repeat * options.chunks;
    if (options.mode == MODE_STREAMS && expected > seen.chunks)
        seen.lost = expected - seen.chunks;
}

static void print_result(void)
{
    printf("{\"begun\":%lu,\"done\":%lu,\"unfinished\":%u,\"ready\":%u,\"elapsed_ns\":%lu,\"cpu_ns\":%lu,",
           seen.begun, seen.done, options.connections - seen.finished, seen.ready,
           seen.last_ns > seen.first_ns ? seen.last_ns - seen.first_ns : 0, process_cpu_ns());
    printf("\"errors\":{\"connect\":%lu,\"status\":%lu,\"closed\":%lu,\"framing\":%lu,\"last_status\":%d},",
           seen.connect, seen.status, seen.closed, seen.framing, seen.last_bad_status);
    printf("\"chunks\":%lu,\"lost\":%lu,\"late\":%lu,\"reordered\":%lu,", seen.chunks, seen.lost,
           seen.late, seen.reordered);
    histogram_print(&latency, "latency");
    printf(",");
    histogram_print(&first_chunk, "first_chunk");
    printf(",");
    histogram_print(&chunk_delay, "chunk_delay");
    printf(",");
    histogram_print(&chunk_gap, "chunk_gap");
    printf("}\n");
}

static void read_options(int count, char **words)
{
    static const struct option known[] = {
        {"port", 1, 0, 'p'},     {"connections", 1, 0, 'c'}, {"body", 1, 0, 'b'},    {"header", 1, 0, 'h'},
        {"requests", 1, 0, 'n'}, {"duration-ms", 1, 0, 'd'}, {"repeat", 1, 0, 'r'},  {"chunks", 1, 0, 'k'},
        {"ramp-us", 1, 0, 'u'},  {"late-us", 1, 0, 'l'},     {"deadline-ms", 1, 0, 'e'}, {"first-number", 1, 0, 'f'}, {0}};
    static char extra_headers[8192];
    const char *body = "/dev/null";
    for (int option; (option = getopt_long(count, words, "", known, NULL)) != -1;) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'p': options.port = (uint16_t)number; break;
        case 'c': options.connections = (uint32_t)number; break;
        case 'b': body = optarg; break;
        case 'n': options.requests = number; break;
        case 'd': options.duration_ns = number * 1000000; break;
        case 'r': options.repeat = (uint32_t)number; break;
        case 'k': options.chunks = (uint32_t)number; break;
        case 'u': options.ramp_ns = number * 1000; break;
        case 'l': options.late_ns = number * 1000; break;
        case 'f': options.first_number = number; break;
        case 'e': options.deadline_ns = number * 1000000; break;
        case 'h':
            if (strlen(extra_headers) + strlen(optarg) + 3 > sizeof extra_headers)
                fail("too many headers");
            strcat(strcat(extra_headers, optarg), "\r\n");
            break;
        default: exit(2);
        }
    }
    const char *mode = optind < count ? words[optind] : "";
    options.mode = !strcmp(mode, "streams") ? MODE_STREAMS : !strcmp(mode, "idle") ? MODE_IDLE : MODE_REQUESTS;
    bool is_bounded = options.mode != MODE_REQUESTS || options.requests || options.duration_ns;
    if (!options.port || !options.connections || options.connections > CONNECTIONS_MAX || !is_bounded) {
        fprintf(stderr, "perf client: needs --port, --connections (at most %d) and a bound\n", CONNECTIONS_MAX);
        exit(2);
    }
    request = agent_request(body, options.port, extra_headers, &request_bytes);
    if (!request)
        fail(body);
}

int main(int count, char **words)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    read_options(count, words);
    find_numbers();
    callers = calloc(options.connections, sizeof *callers);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!callers || epoll_fd < 0)
        fail("start");
    run();
    count_lost();
    print_result();
    return 0;
}
