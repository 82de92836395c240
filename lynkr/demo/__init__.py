"""The demo upstream: a pretend provider that answers when none is configured.

    request    bytes -> fields, and the bad requests that are refused
    toolbox    the tools offered, which one to call, and with what
    schema     JSON Schema -> one small instance of it
    replies    what is said, cut where the client asked for it to be cut
    frames     a reply as timed frames
    messages | chat | responses | embeddings    one dialect each
    script     path and body -> reply

Everything here is pure: the same request and seed give the same frames, and none of them is sent.
"""
