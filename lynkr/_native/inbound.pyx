"""One client connection: its requests answered in order, within deadlines, until one side leaves.

An asyncio protocol over a raw transport. What a request is, and where it ends, is known to
``RequestReader`` (``requests.pyx``), which makes requests out of the bytes; here each of them gets
its turn and its reply.

Order. Requests of one connection are answered strictly in order: those read ahead wait in the
reader's queue, which is of bounded length. Beyond that the bytes stay unparsed, and when too many
of them are held the socket is not read.

Deadlines. Each state has one, and a sweeper looks about once a second whether it has passed. A
request that is late is answered with 408, an idle connection is closed, and a client that takes
nothing of its reply for minutes is cut off.

Writing. Reply bytes go to the transport as they come; while its buffer is full, whatever produces
the reply is paused.

Leaving. The socket is read while a reply is on its way, because that is how a client that leaves is
noticed. A client that was refused may finish sending for a moment, so that the reply reaches it.

The handler (``server/front.py``) is called with whole facts, never with pieces:

    hot                        {path: route}
    head(inbound, request)     -> error or None    the head of a hot request is in
    call(inbound, request)     a hot request is complete and it is its turn
    cold(inbound, request)     the same for any other request
    refused(inbound, request, error) -> bytes      the reply to a request that ``head`` refused
    refusal(inbound, request or None, status, kind, message) -> bytes      to something unusable
    crashed(error)             the gateway itself failed
    connected(inbound)         the connection is there
    lost(inbound)              the connection is gone
"""

from lynkr._native.clock cimport monotonic_s
from lynkr._native.requests cimport InboundLimits, InboundRequest, RequestReader

cdef enum:
    HELD_BYTES_MAX = 65536       # unparsed bytes of later requests before the socket is paused

cdef double LINGER_S = 2.0       # how long a refused client may go on sending before it is cut off
cdef double WRITE_STALL_S = 300.0


cdef class Inbound:
    def __init__(self, loop, handler, InboundLimits limits not None):
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.reader = RequestReader(limits, handler.hot, self._judge, handler.crashed)
        self.held = None
        self.state = IDLE
        self.deadline = monotonic_s() + limits.keepalive_timeout_s

    # --- asyncio protocol -------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(self.limits.write_buffer_bytes)
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else "unix"
        self.handler.connected(self)

    def connection_lost(self, exc):
        self.state = CLOSED
        answering, self.answering = self.answering, None
        self.source = None
        self.reader = None
        self.held = None
        self.handler.lost(self)
        if answering is not None:
            answering.client_left()

    def eof_received(self):
        # A client that closes its sending side has left, as nginx also sees it; nothing more is
        # owed.
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
        if self.held is not None or len(self.reader.queue) != 0:
            self._hold(data)
            return
        self._feed(data)

    def _judge(self, InboundRequest request):
        return self.handler.head(self, request)

    cdef int _feed(self, bytes data) except -1:
        cdef Py_ssize_t taken = self.reader.feed(data)
        if taken < len(data) and self.reader.failure is None:
            self._hold(data[taken:])
        return self._pump()

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
            if len(self.reader.queue) != 0:
                request = <InboundRequest>self.reader.queue.popleft()
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
            if self.reader.failure is not None:
                status, kind, message = self.reader.failure
                request = self.reader.unfinished()
                self.write(self.handler.refusal(self, request, status, kind, message))
                return self._linger()
            request = self.reader.reading
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
        elif self.reader.reading is not None:
            self.state = BODY
            self.deadline = monotonic_s() + self.limits.body_timeout_s
        elif self.reader.head_part is None:
            if self.draining:
                self.transport.close()
            elif self.state != IDLE or self.deadline == 0:
                self.state = IDLE
                self.deadline = monotonic_s() + self.limits.keepalive_timeout_s
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
            message = f"The request {what} did not arrive in time."
            request = self.reader.unfinished()
            self.write(self.handler.refusal(self, request, 408, "request_timeout", message))
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
        """``owner`` answers the current request.

        Its ``client_left()`` is called if the client goes.
        """
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
            self.reader.queue.clear()
            return self._linger()
        self.state = IDLE
        self.deadline = 0
        return self._pump()

    def end(self, bint keep) -> None:
        self.finish(keep)

    def end_broken(self, bytes last, bint reset) -> None:
        """The reply cannot be completed: send ``last``, then end.

        Nobody may take it for complete: a framed reply is cut before its end mark, which every
        client sees, and a reply that ends with the connection is ended with a reset instead.
        """
        self.answering = None
        self.source = None
        self.current = None
        if self.state == CLOSED:
            return
        if last:
            self.transport.write(last)
        self.reader.queue.clear()
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
        """Close politely: send what is left, say that no more comes, let the client finish sending.

        Closing with unread bytes in the socket makes the kernel reset the connection, and the
        client would lose the very reply that tells it what was wrong.
        """
        self.held = None
        unread = self.reader.reading is not None or self.reader.failure is not None
        if not unread and self.reader.head_part is None and not self.reading_paused:
            self.state = LINGER
            self.deadline = monotonic_s() + LINGER_S
            self.transport.close()
            return 0
        self.state = LINGER
        self.deadline = monotonic_s() + LINGER_S
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        return 0

    def drain(self):
        """Take no further request: an idle connection closes now, a busy one after its reply."""
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
