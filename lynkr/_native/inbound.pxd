from lynkr._native.requests cimport InboundLimits, InboundRequest, RequestReader

cdef enum State:
    IDLE          # between requests; the keep-alive deadline runs
    HEAD          # a request head has begun; the header deadline runs
    BODY          # a request body is coming; the body deadline runs
    BUSY          # every request read so far is complete; one is being answered
    LINGER        # answered and half closed; what still comes is thrown away
    CLOSED

cdef class Inbound:
    cdef object loop, handler
    cdef RequestReader reader
    cdef InboundLimits limits
    cdef readonly object transport
    cdef readonly str peer
    cdef State state
    cdef object answering               # the owner of the current reply: has client_left()
    cdef object source                  # what feeds the current reply: has pause() and resume()
    cdef InboundRequest current
    cdef object held                    # bytes of later requests, not parsed yet
    cdef Py_ssize_t held_bytes
    cdef bint reading_paused, pumping, draining
    cdef readonly bint writing_paused
    cdef double deadline
    cdef readonly Py_ssize_t written    # body and head bytes of the current reply
    cdef Py_ssize_t pending_bytes       # unsent when the linger deadline last passed

    cdef bint write(self, bytes data) except -1
    cdef int finish(self, bint keep) except -1
    cdef int _feed(self, bytes data) except -1
    cdef int _pump(self) except -1
    cdef int _answer_ready(self) except -1
    cdef int _update_state(self) except -1
    cdef int _linger(self) except -1
