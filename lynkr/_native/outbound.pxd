from lynkr._native.headers cimport HeaderBlock
from lynkr._native.inbound cimport Inbound
from lynkr._native.sse cimport ReplyTee

cdef enum Phase:
    READY         # no call; may be pooled
    AWAITING      # request written, no final reply head yet
    STREAMING     # head passed on, body passing
    DEAD

cdef class Outbound:
    cdef object owner               # the pool: released(conn, reusable), closed(conn)
    cdef readonly object origin
    cdef readonly object transport
    cdef object parser
    cdef HeaderBlock block
    cdef Phase phase
    cdef object call                # the Exchange
    cdef Inbound client
    cdef ReplyTee tee
    cdef public object tap          # hears the body, in the client's dialect; or None
    cdef object translator          # writes the reply anew in another dialect, in place of a tee
    cdef readonly int generation
    cdef readonly double born, idle_since
    cdef readonly int calls         # calls begun on this connection
    # one reply
    cdef readonly int status
    cdef readonly bytes reason, head, content_type, content_encoding
    cdef readonly object length     # bytes of the content-length value, or None
    cdef readonly bint chunked, close_delimited, got_bytes
    cdef readonly Py_ssize_t body_bytes
    cdef readonly long long written_ns, first_byte_ns, last_byte_ns
    cdef bint frame                 # chunked framing towards the client
    cdef bint collecting            # the whole body is kept, and nothing goes to the client
    cdef bint complete, poisoned, paused, keep_alive
    cdef list pieces
    cdef bytes head_part            # a reply head that has not ended yet; the parser has seen it
    cdef bytes client_head
    cdef double deadline, call_deadline, first_byte_timeout_s, idle_timeout_s
    cdef double ping_due            # when a translated stream that is silent gets a ping

    cdef int _parse(self, const char* data, Py_ssize_t length) except -1
    cdef int _feed_head(self, bytes data) except -1
    cdef int _odd(self, str what) except -1
    cdef int _begin_reply(self, const char* at, const char* end) except -1
    cdef int _forward(self) except -1
    cdef int _forward_translated(self) except -1
    cdef int _collect(self) except -1
    cdef bytes _framed(self, bytes body)
    cdef int _complete(self) except -1
    cdef object _release(self)
    cdef int _broken(self, str kind, str message) except -1
    cdef object _detach(self)
