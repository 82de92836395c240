"""One client connection: request heads and bodies in, reply bytes out.

An asyncio protocol over a raw transport. llhttp (through httptools) judges every head and every chunk and
says where messages end; the bytes themselves are kept as they came. A request whose path is in the
handler's ``hot`` table goes on as bytes, any other is rebuilt for the control plane. Requests of one connection are answered strictly in order: those parsed ahead wait in a queue of
bounded length, and beyond that the bytes stay unparsed and the socket is not read.

The socket is read while a reply is on its way, because that is how a client that leaves is noticed.

The handler (``server/front.py``) is called with whole facts, never with pieces:

    hot                        {path: route}
    head(inbound, request)     -> error or None    the head of a hot request is in
    call(inbound, request)     a hot request is complete and it is its turn
    cold(inbound, request)     the same for any other request
    refusal(request, status, kind, message, keep) -> bytes    a reply to something unusable
    lost(inbound)              the connection is gone
"""

from collections import deque

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.string cimport memchr

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from lynkr._native.clock cimport monotonic_ns, monotonic_s
from lynkr._native.headers cimport (
    API_KEY, AUTHORIZATION, CODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, FORWARDED,
    GATEWAY, HOST, LENGTH, PASS, VERSION, HeaderBlock, Kind, Line, kind_of, next_line,
)
from lynkr._native.headers import without

cdef extern from "string.h" nogil:
    void* memmem(const void* haystack, size_t length, const void* needle, size_t needle_length)

cdef enum:
    HELD_BYTES_MAX = 65536        # unparsed bytes of later requests before the socket is paused
    PARSED_BODY_BYTES_MAX = 16384 # up to here walking a body is cheaper than making a parser

cdef double LINGER_S = 2.0       # how long a refused client may go on sending before it is cut off
cdef double WRITE_STALL_S = 300.0


cdef class InboundLimits:
    """The bounds of one client connection; see ``config.settings.Limits`` for their reasons."""

    def __init__(self, *, Py_ssize_t body_bytes_max, Py_ssize_t header_bytes_max, int header_count_max,
                 double header_timeout_s, double body_timeout_s, double keepalive_timeout_s,
                 int pipeline_max, Py_ssize_t write_buffer_bytes):
        self.body_bytes_max = body_bytes_max
        self.header_bytes_max = header_bytes_max
        self.header_count_max = header_count_max
        self.header_timeout_s = header_timeout_s
        self.body_timeout_s = body_timeout_s
        self.keepalive_timeout_s = keepalive_timeout_s
        self.pipeline_max = pipeline_max
        self.write_buffer_bytes = write_buffer_bytes


cdef class InboundRequest:
    """A request as it came. ``head`` holds the header lines that may be passed on, byte for byte."""

    def __cinit__(self):
        self.declared = -1
        self.chunks = []
        self.target = b""

    def body(self) -> bytes:
        """The whole body. Free when it came in one read."""
        cdef bytes joined
        if len(self.chunks) == 1:
            return <bytes>self.chunks[0]
        joined = b"".join(self.chunks)
        self.chunks = [joined]
        return joined

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


cdef class Inbound:
    def __init__(self, loop, handler, InboundLimits limits not None):
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.queue = deque()
        self.block = HeaderBlock()
        self.parser = HttpRequestParser(self)
        self.held = None
        self.state = IDLE
        self.deadline = monotonic_s() + limits.keepalive_timeout_s

    # --- asyncio protocol -------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(self.limits.write_buffer_bytes)
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else "unix"

    def connection_lost(self, exc):
        self.state = CLOSED
        answering, self.answering = self.answering, None
        self.source = None
        self.queue.clear()
        self.reading = None
        self.parser = None
        self.handler.lost(self)
        if answering is not None:
            answering.client_left()

    def eof_received(self):
        # A client that closes its sending side has left, as nginx also sees it; nothing more is owed.
        return False

    def pause_writing(self):
        self.writing_paused = True
        if self.source is not None:
            self.source.pause()
        if self.deadline == 0:
            self.deadline = monotonic_s() + WRITE_STALL_S

    def resume_writing(self):
        self.writing_paused = False
        if self.state == BUSY:
            self.deadline = 0
        if self.source is not None:
            self.source.resume()

    def data_received(self, bytes data):
        if self.state == LINGER or self.state == CLOSED:
            return
        if self.failure is not None:
            return
        if self.held is not None or len(self.queue) != 0:
            self._hold(data)
            return
        self._feed(data)

    # --- parser callbacks: llhttp says where messages begin and end, and what is not HTTP ----------

    def on_headers_complete(self):
        self.head_seen = True
        self.head_keep_alive = self.parser.should_keep_alive()

    def on_body(self, bytes chunk):
        if self.reading.chunked:
            self._take_body(chunk)

    def on_message_complete(self):
        self.message_seen = True

    # --- reading ----------------------------------------------------------------------------

    cdef int _fail(self, int status, str kind, str message) except -1:
        """Stop parsing for good: nothing after this can be trusted to be the start of a request."""
        if self.failure is None:
            self.failure = (status, kind, message)
        return 0

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
            self.handler.crashed(error.__context__ or error)
        except HttpParserError as error:
            self._fail(400, "malformed_request", f"The request is not valid HTTP/1.1: {error}.")
        return 0

    cdef int _feed(self, bytes data) except -1:
        cdef Py_ssize_t at = 0
        while at < len(data) and self.failure is None:
            if self.reading is None and len(self.queue) >= self.limits.pipeline_max:
                self._hold(data[at:])
                break
            if self.reading is None:
                at = self._feed_head(data, at)
            elif self.reading.chunked:
                at = self._feed_chunked(data, at)
            else:
                at = self._feed_sized(data, at)
        return self._pump()

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
        end = <const char*>memmem(
            text + start + max(0, held - 3), <size_t>(len(data) - start - max(0, held - 3)), b"\r\n\r\n", 4)
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
        request.http_1_0 = (newline - 2)[0] == c'0'
        if newline - last != 10 or last[6] != c'1' or ((newline - 2)[0] != c'1' and (newline - 2)[0] != c'0'):
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
            request.route = self.handler.hot.get(request.path)
        self._take_headers(request, newline + 1, end)
        if request.hosts > 1 or (request.hosts == 0 and not request.http_1_0):
            self._fail(400, "malformed_request", "The request needs exactly one Host header.")  # RFC 9112 section 3.2
        if request.declared > self.limits.body_bytes_max:
            self._fail(413, "body_too_large", f"The request body is larger than {self.limits.body_bytes_max} bytes.")
        if request.method == b"CONNECT":
            self._fail(405, "method_not_allowed", "This is a gateway, not a forward proxy.")
        if request.route is not None and self.failure is None:
            try:
                request.refusal = self.handler.head(self, request)
            except Exception as error:
                self._fail(500, "internal_error", "The gateway failed to read the request.")
                self.handler.crashed(error)
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
                return self._fail(400, "malformed_header", "A header line is folded or has no name.")
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
                    self._fail(501, "transfer_coding_not_supported", "Only the chunked transfer coding is spoken here.")
            elif kind == CONNECTION:
                value = value.lower()
                request.connection_names = value if request.connection_names is None else request.connection_names + b"," + value
            elif kind == EXPECT:
                request.wants_continue = value.lower() == b"100-continue"
            elif kind == FORWARDED:
                if line.start[:line.name_length].lower() == b"x-forwarded-for":
                    request.forwarded_for = value if request.forwarded_for is None else request.forwarded_for + b"," + value
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
            self._fail(413, "body_too_large", f"The request body is larger than {self.limits.body_bytes_max} bytes.")
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
        """A chunked message can only end right behind an empty line, so the parser gets the bytes in
        pieces that end there: what follows the message is then known to be the next one's."""
        cdef const char* text = <const char*>data
        cdef const char* stop
        cdef Py_ssize_t end
        # The last three bytes of the read before may be the first of the mark.
        stop = <const char*>memchr(text + at, c'\n', <size_t>(len(data) - at)) if self.line_cut else NULL
        if stop == NULL:
            stop = <const char*>memmem(text + at, <size_t>(len(data) - at), b"\r\n\r\n", 4)
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

    cdef InboundRequest _unfinished(self):
        """A request known by its target only, so that it can be refused in its route's dialect."""
        cdef InboundRequest request = InboundRequest.__new__(InboundRequest)
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

    def _hold(self, bytes data):
        if self.held is None:
            self.held = []
            self.held_bytes = 0
        self.held.append(data)
        self.held_bytes += len(data)
        if self.held_bytes > HELD_BYTES_MAX and not self.reading_paused:
            self.reading_paused = True
            self.transport.pause_reading()

    cdef int _pump(self) except -1:
        """Answer the next request if none is being answered; else see what to wait for."""
        if self.pumping:
            return 0
        self.pumping = True
        try:
            self._answer_ready()
        finally:
            self.pumping = False
        return self._update_state()

    cdef int _answer_ready(self) except -1:
        cdef InboundRequest request
        cdef bytes data
        while self.answering is None and self.state != CLOSED and self.state != LINGER:
            if len(self.queue) != 0:
                request = <InboundRequest>self.queue.popleft()
                self.current = request
                self.written = 0
                self.state = BUSY
                self.deadline = 0
                if request.refusal is not None:
                    self.write(self.handler.refused(self, request, request.refusal))
                    self.finish(request.keep_alive)
                elif request.route is not None:
                    self.handler.call(self, request)
                else:
                    self.handler.cold(self, request)
                continue
            if self.held is not None:
                data = b"".join(self.held)
                self.held = None
                if self.reading_paused:
                    self.reading_paused = False
                    self.transport.resume_reading()
                self._feed(data)
                continue
            if self.failure is not None:
                status, kind, message = self.failure
                if self.reading is None and self.head_part is not None:
                    self.reading = self._unfinished()
                self.write(self.handler.refusal(self, self.reading, status, kind, message))
                return self._linger()
            request = self.reading
            if request is not None:
                if request.refusal is not None:
                    request.keep_alive = False
                    self.write(self.handler.refused(self, request, request.refusal))
                    return self._linger()
                if request.wants_continue and not request.http_1_0:
                    request.wants_continue = False
                    if request.body_length == 0:
                        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            break
        return 0

    cdef int _update_state(self) except -1:
        if self.state == CLOSED or self.state == LINGER:
            return 0
        if self.answering is not None:
            self.state = BUSY
            self.deadline = monotonic_s() + WRITE_STALL_S if self.writing_paused else 0
        elif self.reading is None and self.head_part is None:
            if self.draining:
                self.transport.close()
            elif self.state != IDLE or self.deadline == 0:
                self.state = IDLE
                self.deadline = monotonic_s() + self.limits.keepalive_timeout_s
        elif self.reading is not None:
            self.state = BODY
            self.deadline = monotonic_s() + self.limits.body_timeout_s
        elif self.state != HEAD:
            # Not extended by more bytes: a head that trickles in is a head that is late.
            self.state = HEAD
            self.deadline = monotonic_s() + self.limits.header_timeout_s
        return 0

    def check_deadline(self, double now):
        """Called by the sweeper about once a second."""
        if self.deadline == 0 or now < self.deadline or self.state == CLOSED:
            return
        if self.state == HEAD or self.state == BODY:
            what = "headers" if self.state == HEAD else "body"
            self.write(self.handler.refusal(
                self, self.reading, 408, "request_timeout", f"The request {what} did not arrive in time."))
            self._linger()
        elif self.state == BUSY:
            self.transport.abort()  # a client that reads nothing for minutes
        elif self.state == IDLE:
            self.transport.close()
        else:
            # Lingering. As long as the client still takes what we owe it, it may.
            pending = self.transport.get_write_buffer_size()
            if pending == 0 or pending == self.pending_bytes:
                self.transport.abort()
            else:
                self.pending_bytes = pending
                self.deadline = now + WRITE_STALL_S

    # --- writing ----------------------------------------------------------------------------

    def begin(self, owner, source=None):
        """``owner`` answers the current request: its ``client_left()`` is called if the client goes."""
        self.answering = owner
        self.source = source

    def feed_from(self, source):
        """``source`` now produces the reply; it is paused while the client does not keep up."""
        self.source = source
        if source is not None and self.writing_paused:
            source.pause()

    cdef bint write(self, bytes data) except -1:
        if self.state == CLOSED:
            return False
        self.written += len(data)
        self.transport.write(data)
        return True

    def send(self, bytes data not None) -> bool:
        """Reply bytes, head included; false when the client is gone."""
        return self.write(data)

    cdef int finish(self, bint keep) except -1:
        """The reply is complete. ``keep`` false closes once it is flushed."""
        cdef InboundRequest request = self.current
        self.answering = None
        self.source = None
        self.current = None
        if self.state == CLOSED:
            return 0
        if not keep or not request.keep_alive or self.draining:
            self.queue.clear()
            return self._linger()
        self.state = IDLE
        self.deadline = 0
        return self._pump()

    def end(self, bint keep) -> None:
        self.finish(keep)

    def end_broken(self, bytes last, bint reset) -> None:
        """The reply cannot be completed: send ``last``, then end so that nobody takes it for complete.

        A framed reply is cut before its end mark, which every client sees; a reply that ends with the
        connection is ended with a reset instead.
        """
        self.answering = None
        self.source = None
        self.current = None
        if self.state == CLOSED:
            return
        if last:
            self.transport.write(last)
        self.queue.clear()
        self.held = None
        if reset:
            self._reset_when_flushed()
        else:
            self._linger()

    def _reset_when_flushed(self):
        import socket
        import struct

        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.state = LINGER
        self.deadline = monotonic_s() + LINGER_S
        self.transport.close()

    cdef int _linger(self) except -1:
        """Close politely: send what is left, say that no more comes, and let the client finish sending.

        Closing with unread bytes in the socket makes the kernel reset the connection, and the client
        would lose the very reply that tells it what was wrong.
        """
        self.held = None
        if self.reading is None and self.failure is None and not self.reading_paused:
            self.state = LINGER
            self.deadline = monotonic_s() + LINGER_S
            self.transport.close()
            return 0
        self.reading = None
        self.state = LINGER
        self.deadline = monotonic_s() + LINGER_S
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        return 0

    def drain(self):
        """No further request is taken; an idle connection closes now, a busy one after its reply."""
        self.draining = True
        if self.state == IDLE:
            self.transport.close()

    def abort(self):
        if self.state != CLOSED:
            self.transport.abort()

    @property
    def gone(self) -> bool:
        return self.state == CLOSED

    @property
    def busy(self) -> bool:
        return self.answering is not None
