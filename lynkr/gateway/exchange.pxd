# The slots of a call, by the phase that sets them. Compiled, an access is a field of a C struct.

cdef class Exchange:
    # admit
    cdef public object desk, rules, inbound, request, api, request_id
    # read
    cdef public object original, model_token, asked
    cdef public bint stream
    # shape
    cdef public object layout, shaped, session, session_target, marks, cache_key
    cdef public object prefix
    cdef public long long estimate, messages
    cdef public bint held, moving, reshape
    # recall
    cdef public object caching, cache_line, cache_rule, errand
    # route, write
    cdef public object routed, route_lines, above
    cdef public double spent_usd
    cdef public bint local
    cdef public object planned, head, body, translation
    cdef public object dropped
    cdef public int key_index
    cdef public bint edited
    # send
    cdef public object outbound, waiting_for, failed, timer
    cdef public int attempts, tries
    cdef public bint reused
    cdef public long long times_written_ns
    # stream
    cdef public object reading, tee, translator, encoding, lines
    cdef public bint reply_begun, plain, framed, streaming, events
    cdef public int reply_status
    cdef public long long reply_bytes, times_first_ns, times_last_ns
    # settle
    cdef public object ended_by, error, error_source
    cdef public bint _settled
