"""Requests out of bytes: reads one connection's stream into whole requests, in order.

llhttp (through httptools) judges every head and every chunk and says where messages end; the bytes
themselves are kept as they came. Nothing here writes, waits or knows a socket.

    head     bytes up to an empty line: judged, then cut into lines    -> body, or the next head
    sized    a body of a declared length: counted                      -> the next head
    chunked  a body in chunks: decoded by llhttp                       -> the next head

The first thing that is not HTTP, or is over a limit, stops the reader for good (``failure``): where
the next request would begin can no longer be trusted.
"""

from collections import deque

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.string cimport memchr

from httptools import (
    HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser,
)

from lynkr._native.clock cimport monotonic_ns
from lynkr._native.headers cimport (
    API_KEY, AUTHORIZATION, CODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, FORWARDED,
    GATEWAY, HOST, LENGTH, PASS, VERSION, HeaderBlock, Kind, Line, empty_line, kind_of, next_line,
)
from lynkr._native.headers import without

cdef tuple MODEL_PATHS = (b"/v1beta/models/", b"/v1/models/")

cdef enum:
    PARSED_BODY_BYTES_MAX = 16384  # up to here walking a body is cheaper than making a parser


cdef inline bytes joined(bytes values, bytes value):
    """The values of a header so far, or ``None``, with one more."""
    return value if values is None else values + b"," + value


cdef class InboundLimits:
    """The bounds of one client connection; see ``config.settings.Limits`` for their reasons."""

    def __init__(self, *, Py_ssize_t body_bytes_max, Py_ssize_t header_bytes_max,
                 int header_count_max, double header_timeout_s, double body_timeout_s,
                 double keepalive_timeout_s, int pipeline_max, Py_ssize_t write_buffer_bytes):
        self.body_bytes_max = body_bytes_max
        self.header_bytes_max = header_bytes_max
        self.header_count_max = header_count_max
        self.header_timeout_s = header_timeout_s
        self.body_timeout_s = body_timeout_s
        self.keepalive_timeout_s = keepalive_timeout_s
        self.pipeline_max = pipeline_max
        self.write_buffer_bytes = write_buffer_bytes


cdef class InboundRequest:
    """A request as it came; ``head`` is the header lines that may be passed on, byte for byte."""

    def __cinit__(self):
        self.declared = -1
        self.chunks = []
        self.target = b""

    def body(self) -> bytes:
        """The whole body. Free when it came in one read."""
        cdef bytes whole
        if len(self.chunks) == 1:
            return <bytes>self.chunks[0]
        whole = b"".join(self.chunks)
        self.chunks = [whole]
        return whole

    def drop_body(self) -> None:
        """Let the body go: nothing will be retried any more."""
        self.chunks = [b""]

    def gateway_header(self, bytes name not None):
        if self.gateway_headers is None:
            return None
        for key, value in self.gateway_headers:
            if key == name:
                return value
        return None


cdef class RequestReader:
    """Reads the requests of one connection.

    ``judge(request)`` sees each head on a hot path and may refuse it; ``crashed`` hears of bugs.
    """

    def __init__(self, InboundLimits limits not None, hot not None, judge, crashed):
        self.limits = limits
        self.hot = hot
        self.judge = judge
        self.crashed = crashed
        self.queue = deque()
        self.block = HeaderBlock()
        self.parser = HttpRequestParser(self)

    # --- parser callbacks -------------------------------------------------------------------
    # llhttp says where messages begin and end, and what is not HTTP.

    def on_headers_complete(self):
        self.head_seen = True
        self.head_keep_alive = self.parser.should_keep_alive()

    def on_body(self, bytes chunk):
        if self.reading.chunked:
            self._take_body(chunk)

    def on_message_complete(self):
        self.message_seen = True

    cdef int _fail(self, int status, str kind, str message) except -1:
        """Stop parsing for good: nothing after this can be trusted to be the start of a request."""
        if self.failure is None:
            self.failure = (status, kind, message)
        return 0

    cdef int _fail_body_size(self) except -1:
        cdef Py_ssize_t limit = self.limits.body_bytes_max
        return self._fail(
            413, "body_too_large", f"The request body is larger than {limit} bytes."
        )

    cdef int _parse(self, const char* data, Py_ssize_t length) except -1:
        """Let llhttp judge the next bytes."""
        if length == 0:
            return 0
        try:
            self.parser.feed_data(PyMemoryView_FromMemory(<char*>data, length, PyBUF_READ))
        except HttpParserUpgrade:
            pass  # not spoken here: the message itself was a request like any other, and ends here
        except HttpParserCallbackError as error:
            self._fail(500, "internal_error", "The gateway failed to read the request.")
            self.crashed(error.__context__ or error)
        except HttpParserError as error:
            self._fail(400, "malformed_request", f"The request is not valid HTTP/1.1: {error}.")
        return 0

    cdef Py_ssize_t feed(self, bytes data) except -1:
        """Take the next bytes; how many were taken.

        Fewer when the queue is full, or after a failure.
        """
        cdef Py_ssize_t at = 0
        while at < len(data) and self.failure is None:
            if self.reading is None and len(self.queue) >= self.limits.pipeline_max:
                break
            if self.reading is None:
                at = self._feed_head(data, at)
            elif self.reading.chunked:
                at = self._feed_chunked(data, at)
            else:
                at = self._feed_sized(data, at)
        return at

    cdef Py_ssize_t _feed_head(self, bytes data, Py_ssize_t at) except -1:
        """Take bytes up to the end of a request head; where to go on."""
        cdef const char* text
        cdef const char* end
        cdef Py_ssize_t held = 0, start
        if self.head_part is not None:
            held = len(self.head_part)
            data = self.head_part + data[at:]
            start = 0
        else:
            start = at
            while start < len(data) and (data[start] == c'\r' or data[start] == c'\n'):
                start += 1  # RFC 9112 section 2.2: a client may send empty lines before a request
            if start == len(data):
                return start
            self.head_began_ns = monotonic_ns()
            self.head_seen = self.message_seen = False
        text = <const char*>data
        end = empty_line(text, start, len(data), held)
        if end == NULL:
            self._parse(text + start + held, len(data) - start - held)
            self.head_part = data[start:]
            if len(self.head_part) > self.limits.header_bytes_max:
                self._fail(431, "headers_too_large", "The request's headers are too large.")
            return at + len(data) - held if held else len(data)
        end += 4
        if end - text - start > self.limits.header_bytes_max:
            self.head_part = text[start:end - text]
            self._fail(431, "headers_too_large", "The request's headers are too large.")
            return len(data)
        self.head_part = None
        self._parse(text + start + held, end - text - start - held)
        if self.failure is None and not self.head_seen:
            self._fail(400, "malformed_request", "The request head ends too early.")
        if self.failure is None:
            self._begin_request(text + start, end - 2)
        if self.failure is None and self.message_seen:
            self._end_request()
        # Where the head ends in the bytes we were given, which may be fewer than those looked at.
        return at + (end - text) - held if held else end - text

    cdef int _begin_request(self, const char* at, const char* end) except -1:
        """A head that llhttp has accepted becomes a request. ``end`` is behind its last line."""
        cdef InboundRequest request = InboundRequest.__new__(InboundRequest)
        cdef const char* newline = <const char*>memchr(at, c'\n', <size_t>(end - at))
        cdef const char* space = <const char*>memchr(at, c' ', <size_t>(newline - at))
        cdef const char* last = newline - 1
        cdef char minor
        cdef Py_ssize_t mark
        while last > space and last[0] != c' ':
            last -= 1
        self.reading = request
        request.accepted_ns = self.head_began_ns
        if last <= space:  # HTTP/0.9, which llhttp lets pass: "GET /" alone
            self.reading = None
            return self._fail(400, "malformed_request", "The request line has no HTTP version.")
        request.method = at[:space - at]
        request.target = space[1:last - space]
        minor = (newline - 2)[0]
        request.http_1_0 = minor == c'0'
        if newline - last != 10 or last[6] != c'1' or (minor != c'1' and minor != c'0'):
            self._fail(505, "http_version_not_supported", "HTTP/1.1 is spoken here.")
        request.keep_alive = self.head_keep_alive
        if request.target[:7].lower() == b"http://" or request.target[:8].lower() == b"https://":
            # Absolute form (RFC 9112 section 3.2.2): what counts is behind the authority.
            mark = request.target.find(b"/", 8)
            request.target = b"/" if mark < 0 else request.target[mark:]
        mark = request.target.find(b"?")
        request.path = request.target if mark < 0 else request.target[:mark]
        request.query = b"" if mark < 0 else request.target[mark:]
        if request.method == b"POST":
            request.route = self.hot.get(request.path)
            if request.route is None:
                # Google's dialect puts the model and the verb into the path: the verb is the route.
                mark = request.path.rfind(b":")
                if mark > 0 and request.path.startswith(MODEL_PATHS):
                    request.route = self.hot.get(request.path[mark:])
        self._take_headers(request, newline + 1, end)
        if request.hosts > 1 or (request.hosts == 0 and not request.http_1_0):
            # RFC 9112 section 3.2
            self._fail(400, "malformed_request", "The request needs exactly one Host header.")
        if request.declared > self.limits.body_bytes_max:
            self._fail_body_size()
        if request.method == b"CONNECT":
            self._fail(405, "method_not_allowed", "This is a gateway, not a forward proxy.")
        if request.route is not None and self.failure is None:
            try:
                request.refusal = self.judge(request)
            except Exception as error:
                self._fail(500, "internal_error", "The gateway failed to read the request.")
                self.crashed(error)
        return 0

    cdef int _take_headers(self, InboundRequest request, const char* at, const char* end) except -1:
        """Sort the header lines: those that pass are copied in runs, the others are read here."""
        cdef Line line
        cdef Kind kind
        cdef const char* run = at           # lines from here on pass and are not copied yet
        cdef int found, count = 0
        cdef bytes value
        cdef HeaderBlock block = self.block
        block.clear()
        while True:
            found = next_line(&at, end, &line)
            if found == 0:
                break
            count += 1
            if found < 0:
                return self._fail(
                    400, "malformed_header", "A header line is folded or has no name."
                )
            if count > self.limits.header_count_max:
                return self._fail(431, "too_many_headers", "The request has too many headers.")
            kind = kind_of(line.start, line.name_length)
            if kind == PASS or kind == CONTENT_ENCODING:
                continue
            value = line.value[:line.value_length]
            if kind == CONTENT_TYPE:
                request.content_type = value
                continue
            if kind == VERSION:
                request.anthropic_version = value
                continue
            if run < line.start:
                block.add(run, line.start - run)
            run = at
            if kind == LENGTH:
                request.declared = int(value)
            elif kind == HOST:
                request.host = value
                request.hosts += 1
            elif kind == AUTHORIZATION:
                request.authorization = value
            elif kind == API_KEY:
                request.api_key = value
            elif kind == CODING:
                request.chunked = True
                if value.lower() != b"chunked":
                    self._fail(
                        501, "transfer_coding_not_supported",
                        "Only the chunked transfer coding is spoken here.",
                    )
            elif kind == CONNECTION:
                request.connection_names = joined(request.connection_names, value.lower())
            elif kind == EXPECT:
                request.wants_continue = value.lower() == b"100-continue"
            elif kind == FORWARDED:
                if line.start[:line.name_length].lower() == b"x-forwarded-for":
                    request.forwarded_for = joined(request.forwarded_for, value)
            elif kind == GATEWAY:
                if request.gateway_headers is None:
                    request.gateway_headers = []
                request.gateway_headers.append((line.start[:line.name_length].lower(), value))
        if run < end:
            block.add(run, end - run)
        request.head = block.take()
        if request.connection_names is not None:
            names = {word.strip() for word in request.connection_names.split(b",")}
            names -= {b"close", b"keep-alive", b"upgrade", b"te", b""}
            if names:
                request.head = without(request.head, names)
        return 0

    cdef int _take_body(self, bytes chunk) except -1:
        cdef InboundRequest request = self.reading
        request.body_length += len(chunk)
        if request.body_length > self.limits.body_bytes_max:
            self._fail_body_size()
        elif request.refusal is None:
            request.chunks.append(chunk)
        return 0

    cdef Py_ssize_t _feed_sized(self, bytes data, Py_ssize_t at) except -1:
        """Body bytes of a declared length need no parser, only counting."""
        cdef InboundRequest request = self.reading
        cdef Py_ssize_t left = request.declared - request.body_length
        cdef Py_ssize_t take = min(left, len(data) - at)
        if left <= 0:
            self._fail(400, "malformed_request", "The request has bytes that belong to no message.")
            return len(data)
        self._take_body(data if take == len(data) else data[at:at + take])
        if request.declared <= PARSED_BODY_BYTES_MAX:
            self._parse(<const char*>data + at, take)
        elif take == left:
            # The parser has not seen this body; a new one is cheaper than a walk over it.
            self.parser = HttpRequestParser(self)
        if take == left and self.failure is None:
            self._end_request()
        return at + take

    cdef Py_ssize_t _feed_chunked(self, bytes data, Py_ssize_t at) except -1:
        """Take bytes of a chunked body up to a place where it may end.

        A chunked message can only end right behind an empty line, so the parser gets the bytes in
        pieces that end there: what follows the message is then known to be the next one's.
        """
        cdef const char* text = <const char*>data
        cdef const char* stop
        cdef Py_ssize_t end
        # The last three bytes of the read before may be the first of the mark.
        stop = NULL
        if self.line_cut:
            stop = <const char*>memchr(text + at, c'\n', <size_t>(len(data) - at))
        if stop == NULL:
            stop = empty_line(text, at, len(data), 0)
            end = len(data) if stop == NULL else stop + 4 - text
        else:
            end = stop + 1 - text
        self.line_cut = (data[end - 1] == c'\r' or data[end - 1] == c'\n') and (
            end == len(data) or (self.line_cut and end - at <= 2)
        )
        self._parse(text + at, end - at)
        if self.message_seen and self.failure is None:
            self.line_cut = False
            self._end_request()
        return end

    cdef InboundRequest unfinished(self):
        """The request being read, or ``None``.

        One whose head has not ended is known by its target only, which is enough to refuse it in
        the dialect of its route.
        """
        cdef InboundRequest request
        if self.reading is not None or self.head_part is None:
            return self.reading
        request = InboundRequest.__new__(InboundRequest)
        words = self.head_part.partition(b"\r\n")[0].split(b" ")
        request.accepted_ns = self.head_began_ns
        if len(words) > 1:
            request.target = words[1]
        return request

    cdef int _end_request(self) except -1:
        cdef InboundRequest request = self.reading
        request.complete = True
        request.ready_ns = monotonic_ns()
        if not request.chunks:
            request.chunks.append(b"")
        self.reading = None
        self.queue.append(request)
        return 0
