# The slots of a call, by the phase that sets them. Compiled, an access is a field of a C struct.

cdef class Exchange:
    # admit
    cdef public object desk, rules, inbound, request, api, request_id
    # read
    cdef public object model_token, body
    cdef public bint stream
    # route, write
    cdef public object planned, head
    # send
    cdef public object outbound, waiting_for
    cdef public int attempts
    cdef public bint reused
    cdef public long long times_written_ns
    # stream
    cdef public object reading, tee
    cdef public bint reply_begun, plain, framed
    cdef public int reply_status
    cdef public long long reply_bytes, times_first_ns, times_last_ns
    # settle
    cdef public object ended_by, error, error_source
    cdef public bint _settled
