# The two passes that bring a request to one spelling.

from lynkr._native.grammar cimport Bytes

cdef enum:
    STAYS = -1                       # an object that is copied as it is

cdef struct Member:
    Bytes key                        # in the body
    int size                         # of the key
    int start, end                   # in the first text: from the key's quote on
    int first, last                  # the objects inside, from `first` up to `last`

cdef struct Object:                  # numbered as they open, but for those without members
    int start, end                   # in the first text, with the braces
    int next                         # the first object behind it
    int members, count               # of `moved`; or STAYS

cdef struct Room:                    # a growing array
    void* at
    Py_ssize_t size                  # bytes

cdef struct Work:                    # one body; the rooms outlive it
    Bytes data
    int length
    Room text, open, moved, objects
    int used                         # bytes of `text`: the body without blanks
    int opened                       # of `open`: members of the objects that are open
    int moves                        # of `moved`: members of those that are not as they should be
    int count                        # of `objects`
    int hole_start, hole_end, hole_at  # the last in `text`; -1: not met
