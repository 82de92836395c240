"""One connection to an upstream: a request out, its reply spliced to the client.

An asyncio protocol over a raw transport, one call at a time. Reply bytes go from the socket through
the HTTP parser and the usage tee to the client's transport within one callback: head and first body
bytes in one write, one write per read afterwards, no Python code per event. Its states are drawn in
ARCHITECTURE.md.

The call (``gateway/exchange.py``) is asked or told once per phase:

    reply_head(outbound) -> (head bytes, reader, chunked)   reader: a tee, a translator, or None
                         -> COLLECT                         wants the whole body: reply_collected
                         -> None                            will try elsewhere: reply_declined
    reply_done(outbound)                                    everything was passed on
    upstream_failed(outbound, kind, message)                nothing was passed on yet
    reply_broken(outbound, kind, message)                   something was

A ``tap`` hears the body as the client gets it, unframed, for whoever waits for the same reply.
Memory per open stream: one read of the loop (at most 256 KB, uvloop's buffer) plus the client's
write buffer limit, after which this socket is not read until the client has caught up.
"""

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.string cimport memchr

from httptools import (
    HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser,
)

from lynkr._native.clock cimport monotonic_ns, monotonic_s
from lynkr._native.headers cimport (
    CODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, LENGTH, HeaderBlock, Kind, Line, empty_line,
    kind_of, next_line, stays_here,
)
from lynkr._native.headers import without
from lynkr._native.inbound cimport Inbound

cdef enum:
    HEAD_BYTES_MAX = 262144      # a reply head; providers send 1 to 4 KB
    JOIN_BYTES_MAX = 16384       # below this one copy is cheaper than a gathered write
    COLLECT_BYTES_MAX = 67108864 # a reply that is translated whole; images take some MB

cdef bytes LAST_CHUNK = b"0\r\n\r\n"
cdef double PING_AFTER_S = 15.0  # of silence; clients and proxies between give up after 30 to 60 s

COLLECT = "collect"


cdef class Outbound:
    def __init__(self, owner, origin, int generation):
        self.owner = owner
        self.origin = origin
        self.generation = generation
        self.block = HeaderBlock()
        self.pieces = []
        self.phase = READY
        self.born = self.idle_since = monotonic_s()
        self.parser = HttpResponseParser(self)

    # --- a call -----------------------------------------------------------------------------

    def start(self, call, Inbound client, bytes head not None, bytes body not None, *,
              double first_byte_timeout_s, double idle_timeout_s, double total_timeout_s) -> None:
        """Write one request. ``client`` receives the reply; ``call`` hears how it went."""
        assert self.phase == READY
        self.call = call
        self.client = client
        self.phase = AWAITING
        self.status = 0
        self.reason = b""
        self.head = self.client_head = None
        self.content_type = self.content_encoding = self.length = None
        self.chunked = self.close_delimited = self.got_bytes = self.frame = False
        self.complete = self.paused = self.keep_alive = self.collecting = False
        self.head_part = None
        self.body_bytes = 0
        self.first_byte_ns = self.last_byte_ns = 0
        self.calls += 1
        self.first_byte_timeout_s = first_byte_timeout_s
        self.idle_timeout_s = idle_timeout_s
        self.written_ns = monotonic_ns()
        self.deadline = self.written_ns * 1e-9 + first_byte_timeout_s
        self.call_deadline = self.written_ns * 1e-9 + total_timeout_s
        if len(body) <= JOIN_BYTES_MAX:
            self.transport.write(head + body)
        else:
            self.transport.writelines([head, body])

    def cancel(self) -> None:
        """The client has left: hang up at once, so that the provider stops generating."""
        self._detach()
        self.poisoned = True
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    cdef object _detach(self):
        cdef object call = self.call
        self.call = None
        self.client = None
        self.tee = None
        self.translator = None
        self.tap = None
        self.pieces.clear()
        self.deadline = 0
        return call

    def hand_over(self, call, Inbound client not None) -> None:
        """Go on with this reply for another call, whose client has had all of it so far."""
        assert self.phase == STREAMING and self.client_head is None and not self.collecting
        self.call = call
        self.client = client
        client.feed_from(self)
        if self.paused and not client.writing_paused:
            self.resume()

    def pause(self):
        if not self.paused and self.phase != DEAD:
            self.paused = True
            self.transport.pause_reading()

    def resume(self):
        if self.paused and self.phase != DEAD:
            self.paused = False
            self.deadline = monotonic_s() + self.idle_timeout_s
            self.transport.resume_reading()

    def check_deadline(self, double now):
        """Called by the pool's sweeper about once a second."""
        if self.call is None:
            return
        if now > self.call_deadline:
            self._broken(
                "upstream_total_timeout",
                "The call took longer than upstream.total_timeout_s allows.",
            )
        elif self.paused:
            return
        elif now < self.deadline:
            if self.translator is not None and now >= self.ping_due:
                self.ping_due = now + PING_AFTER_S
                ping = self.translator.ping()
                self.body_bytes += len(ping)
                self.client.write(self._framed(ping))
                if self.tap is not None:
                    self.tap.ping(ping)
        elif self.phase == AWAITING:
            self._broken(
                "upstream_timeout",
                f"The upstream sent nothing for {self.first_byte_timeout_s:g} s.",
            )
        elif self.phase == STREAMING:
            self._broken("upstream_idle", f"The upstream was silent for {self.idle_timeout_s:g} s.")

    # --- asyncio protocol -------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, bytes data):
        if self.call is None:
            # Nothing was asked: a reply that goes on after its end, or a farewell. Never reuse it.
            self.poisoned = True
            self.transport.abort()
            return
        if not self.got_bytes:
            self.got_bytes = True
            self.first_byte_ns = monotonic_ns()
        if self.phase == AWAITING:
            self._feed_head(data)
        else:
            self._parse(<const char*>data, len(data))
        if self.call is not None:
            self._forward()

    cdef int _parse(self, const char* data, Py_ssize_t length) except -1:
        """Let llhttp judge the next bytes; a fault ends the call."""
        if length == 0:
            return 0
        try:
            self.parser.feed_data(PyMemoryView_FromMemory(<char*>data, length, PyBUF_READ))
        except HttpParserCallbackError as error:
            self.call.crashed(error.__context__ or error)
            self._broken("internal_error", "The gateway failed while reading the reply.")
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.complete:
                self.poisoned = True  # the reply is whole; only what follows it is not
                return 0
            self._forward()
            self._odd(f"is not valid HTTP/1.1: {error}")
        return 0

    cdef int _feed_head(self, bytes data) except -1:
        """Take a final reply head, and informational ones before it, and what follows."""
        cdef const char* text
        cdef const char* end
        cdef Py_ssize_t at = 0, held
        while at < len(data) and self.call is not None and self.phase == AWAITING:
            held = 0
            if self.head_part is not None:
                held = len(self.head_part)
                data = self.head_part + data[at:]
                at = 0
                self.head_part = None
            text = <const char*>data
            end = empty_line(text, at, len(data), held)
            if end == NULL:
                self.head_part = data[at:]
                if len(self.head_part) > HEAD_BYTES_MAX:
                    return self._odd("head is too large")
                return self._parse(text + at + held, len(data) - at - held)
            end += 4
            if end - text - at > HEAD_BYTES_MAX:
                return self._odd("head is too large")
            self.status = 0
            self._parse(text + at + held, end - text - at - held)
            if self.call is None:
                return 0
            if self.status == 0:
                return self._odd("head ends too early")
            if self.status >= 200:
                self._begin_reply(text + at, end - 2)
            at = end - text
        if self.call is not None and at < len(data):
            self._parse(<const char*>data + at, len(data) - at)
        return 0

    cdef int _odd(self, str what) except -1:
        return self._broken("upstream_protocol", f"The upstream's reply {what}.")

    cdef int _begin_reply(self, const char* at, const char* end) except -1:
        """A final head that llhttp has accepted: what passes of it goes into the client's head."""
        cdef const char* newline = <const char*>memchr(at, c'\n', <size_t>(end - at))
        cdef const char* run
        cdef Line line
        cdef Kind kind
        cdef int found
        cdef list named = []  # in Connection headers: they belong to this hop
        # b"HTTP/1.1 200 OK\r\n"; the reason may be empty, with or without its space.
        self.reason = at[13:newline - 1 - at] if newline - at > 14 else b""
        at = newline + 1
        run = at
        self.block.clear()
        while True:
            found = next_line(&at, end, &line)
            if found == 0:
                break
            if found < 0:
                return self._odd("has a folded header line")
            kind = kind_of(line.start, line.name_length)
            if kind == CONTENT_TYPE:
                self.content_type = line.value[:line.value_length]
            elif kind == CONTENT_ENCODING:
                self.content_encoding = line.value[:line.value_length]
            elif stays_here(kind):
                if run < line.start:
                    self.block.add(run, line.start - run)
                run = at
                if kind == LENGTH:
                    self.length = line.value[:line.value_length]
                elif kind == CONNECTION:
                    named.append(line.value[:line.value_length].lower())
                elif kind == CODING:
                    self.chunked = True
                    if line.value_length != 7 or line.value[:7].lower() != b"chunked":
                        return self._odd("has an unknown transfer coding")
        if run < end:
            self.block.add(run, end - run)
        self.head = self.block.take()
        names = {word.strip() for word in b",".join(named).split(b",")} if named else set()
        names -= {b"close", b"keep-alive", b"upgrade", b"te", b""}
        if names:
            self.head = without(self.head, names)
        self.close_delimited = (
            self.length is None and not self.chunked and self.status != 204 and self.status != 304
        )
        try:
            answer = self.call.reply_head(self)
        except Exception as error:
            self.call.crashed(error)
            return self._broken("internal_error", "The gateway failed while reading the reply.")
        if answer is None:
            call = self._detach()
            self.poisoned = True
            self.transport.abort()
            call.reply_declined(self)
            return 0
        self.phase = STREAMING
        if answer is COLLECT:
            self.collecting = True
            return 0
        self.client_head, reader, self.frame = answer
        if isinstance(reader, ReplyTee):
            self.tee = reader
        elif reader is not None:
            self.translator = reader
            self.ping_due = monotonic_s() + PING_AFTER_S
        self.client.feed_from(self)
        return 0

    def eof_received(self): return False
    def connection_lost(self, exc):
        self.poisoned = True
        if self.call is not None:
            if self.phase == STREAMING and self.close_delimited and exc is None:
                self.complete = True
                self._forward()
            elif self.phase == AWAITING:
                self._broken(
                    "upstream_closed", "The upstream closed the connection without a reply."
                )
            else:
                self._broken(
                    "upstream_closed",
                    "The upstream closed the connection in the middle of its reply.",
                )
        self.phase = DEAD
        self.transport = None
        self.parser = None
        self.owner.closed(self)

    # The request is in memory already, within body_bytes_max.
    def pause_writing(self): pass
    def resume_writing(self): pass

    # --- parser callbacks -------------------------------------------------------------------
    # llhttp says where replies begin and end, and what is not HTTP.

    def on_message_begin(self):
        if self.complete:
            self.poisoned = True

    def on_headers_complete(self):
        if not self.complete:
            self.status = self.parser.get_status_code()

    def on_body(self, bytes data):
        if not self.complete:
            self.pieces.append(data)

    def on_message_complete(self):
        if self.complete or self.status < 200:
            return
        self.complete = True
        # Asked now: the parser forgets the framing of a message once it is over.
        self.keep_alive = self.parser.should_keep_alive()

    # --- the splice -------------------------------------------------------------------------

    cdef int _forward(self) except -1:
        """Everything the last read brought goes to the client in one write."""
        cdef bytes body, out
        cdef Inbound client = self.client
        if self.phase != STREAMING:
            return 0
        if self.collecting:
            return self._collect()
        if self.translator is not None:
            return self._forward_translated()
        body = b"".join(self.pieces)  # of one piece, the piece itself
        self.pieces.clear()
        if self.tee is not None and len(body) != 0:
            if self.tee.rename is not None:
                body = self.tee.edit(body)
            else:
                self.tee.feed(body)
        if self.complete and self.tee is not None and self.tee.withheld is not None:
            body = body + self.tee.withheld
        self.body_bytes += len(body)
        if self.tap is not None and len(body) != 0:
            self.tap.feed(body)
        out = self._framed(body)
        if self.complete and self.tee is not None and self.tee.cut_short():
            # The framing is whole but the conversation is not: passing this on as a clean end would
            # make Claude Code stop silently in the middle of a tool call.
            if len(out) != 0 or self.client_head is not None:
                client.write(out if self.client_head is None else self.client_head + out)
                self.client_head = None
            return self._broken(
                "upstream_truncated", "The upstream ended the stream before its end marker."
            )
        if self.complete and self.frame:
            out = out + LAST_CHUNK if len(out) != 0 else LAST_CHUNK
        if self.client_head is not None:
            out = self.client_head + out
            self.client_head = None
        if len(out) != 0:
            client.write(out)
        if self.complete:
            return self._complete()
        self.deadline = monotonic_s() + self.idle_timeout_s
        return 0

    cdef bytes _framed(self, bytes body):
        return b"%x\r\n%b\r\n" % (len(body), body) if self.frame and len(body) != 0 else body

    cdef int _forward_translated(self) except -1:
        """What the last read brought, in the client's dialect, in one write."""
        cdef bytes body, out
        cdef Inbound client = self.client
        cdef object broken
        try:
            body = self.translator.feed(b"".join(self.pieces))
            if self.complete:
                body += self.translator.finish()
        except Exception as error:
            self.call.crashed(error)
            return self._broken("internal_error", "The gateway failed while translating the reply.")
        finally:
            self.pieces.clear()
        broken = self.translator.broken
        self.body_bytes += len(body)
        if self.tap is not None and len(body) != 0:
            self.tap.feed(body)
        out = self._framed(body)
        if self.complete and self.frame and broken is None:
            out += LAST_CHUNK
        if self.client_head is not None:
            out = self.client_head + out
            self.client_head = None
        if len(out) != 0:
            client.write(out)
            self.ping_due = monotonic_s() + PING_AFTER_S
        if broken is not None:
            return self._broken(broken[0], broken[1])
        if self.complete:
            return self._complete()
        self.deadline = monotonic_s() + self.idle_timeout_s
        return 0

    cdef int _collect(self) except -1:
        """Keep what came; the whole body goes to the call, and the connection back to its pool."""
        cdef object call
        cdef bytes body
        if sum([len(piece) for piece in self.pieces]) > COLLECT_BYTES_MAX:
            return self._odd("is too large")
        if not self.complete:
            # Joined now and then, so that a body in tiny pieces does not cost an object each.
            if len(self.pieces) > 256:
                self.pieces = [b"".join(self.pieces)]
            self.deadline = monotonic_s() + self.idle_timeout_s
            return 0
        body = b"".join(self.pieces)
        call = self._release()
        call.reply_collected(self, body)
        return 0

    cdef int _complete(self) except -1:
        cdef object call = self._release()
        call.reply_done(self)
        return 0

    cdef object _release(self):
        """The reply is whole: the connection is free for the next call, if it can be."""
        cdef object call
        cdef Inbound client = self.client
        cdef bint reusable = (
            not self.poisoned and not self.close_delimited and self.keep_alive
            and self.transport.get_write_buffer_size() == 0
        )
        self.last_byte_ns = monotonic_ns()
        if self.paused and reusable:
            self.paused = False
            self.transport.resume_reading()
        call = self._detach()
        self.phase = READY
        self.idle_since = self.last_byte_ns * 1e-9
        if not reusable:
            self.poisoned = True
            self.transport.close()
        self.owner.released(self, reusable)
        return call

    cdef int _broken(self, str kind, str message) except -1:
        cdef bint begun = self.phase == STREAMING and not self.collecting
        cdef object call
        if begun and self.client_head is not None:
            # The head was still waiting for its first bytes; it counts as sent.
            self.client.write(self.client_head)
            self.client_head = None
        self.last_byte_ns = monotonic_ns()
        call = self._detach()
        self.poisoned = True
        if self.transport is not None and self.phase != DEAD:
            self.transport.abort()
        if begun:
            call.reply_broken(self, kind, message)
        else:
            call.upstream_failed(self, kind, message)
        return 0

    @property
    def alive(self) -> bool:
        return (
            self.phase == READY and not self.poisoned
            and self.transport is not None and not self.transport.is_closing()
        )
