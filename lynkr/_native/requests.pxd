from lynkr._native.headers cimport HeaderBlock

cdef class InboundLimits:
    cdef readonly Py_ssize_t body_bytes_max, header_bytes_max, write_buffer_bytes
    cdef readonly int header_count_max, pipeline_max
    cdef readonly double header_timeout_s, body_timeout_s, keepalive_timeout_s

cdef class InboundRequest:
    cdef readonly bytes method, target, path, query
    # what the handler's `hot` table holds for this path, or None
    cdef readonly object route
    cdef readonly bytes head            # header lines as they may be passed on
    cdef readonly bytes authorization, api_key, host, content_type, forwarded_for, anthropic_version
    cdef readonly list gateway_headers  # [(lower name, value)] of x-lynkr-*, or None
    cdef readonly bint keep_alive, http_1_0, complete, wants_continue
    cdef readonly long long accepted_ns, ready_ns
    cdef readonly Py_ssize_t body_length
    cdef public object principal        # set by the handler at the head
    cdef list chunks
    cdef bytes connection_names
    cdef Py_ssize_t declared            # content-length, or -1
    cdef bint chunked
    cdef int hosts
    cdef object refusal

cdef class RequestReader:
    cdef InboundLimits limits
    cdef object hot, judge, crashed, parser
    cdef HeaderBlock block
    cdef object queue                   # complete requests waiting for their turn
    cdef InboundRequest reading         # its head is in, its body is coming
    cdef object failure                 # (status, kind, message), or None
    cdef bytes head_part                # a head that has not ended yet; the parser has seen it
    cdef long long head_began_ns
    cdef bint head_seen, head_keep_alive, message_seen
    cdef bint line_cut                  # the last piece of a chunked body ended inside a line end

    cdef Py_ssize_t feed(self, bytes data) except -1
    cdef int _parse(self, const char* data, Py_ssize_t length) except -1
    cdef Py_ssize_t _feed_head(self, bytes data, Py_ssize_t at) except -1
    cdef Py_ssize_t _feed_sized(self, bytes data, Py_ssize_t at) except -1
    cdef Py_ssize_t _feed_chunked(self, bytes data, Py_ssize_t at) except -1
    cdef int _begin_request(self, const char* at, const char* end) except -1
    cdef int _take_headers(self, InboundRequest request, const char* at, const char* end) except -1
    cdef int _take_body(self, bytes chunk) except -1
    cdef InboundRequest unfinished(self)
    cdef int _end_request(self) except -1
    cdef int _fail(self, int status, str kind, str message) except -1
    cdef int _fail_body_size(self) except -1
