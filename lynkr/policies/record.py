"""Record: the settled facts of one call, written once, after the last byte.

The only thing that leaves the hot path: the log line, the metrics and (later) the ledger are all
made from it. It holds no prompt, no reply text and no credential, so nothing downstream can leak
one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lynkr.wire.message import Usage

# Who ended the call: "complete" is the upstream's own end marker, anything else cut it short.
EndedBy = Literal["complete", "client", "upstream", "gateway"]


class Saving(msgspec.Struct, frozen=True):
    """What the token passes did to one call, and what it cost with and without them."""

    tokens: int = 0  # estimated input tokens that were not sent
    passes: tuple[str, ...] = ()  # that changed something: tools, results, repeats, marks
    aside: str = ""  # why they left this session alone
    usd: float | None = None  # of the usage that the provider reported
    passthrough_usd: float | None = None  # of the same call, had nothing been taken out of it


class CacheUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the cache did with one call."""

    status: str  # hit | miss | bypass | shadow: the gateway's own call, to compare
    kind: str = ""  # of a hit: exact | semantic | flight
    rule: str = ""  # why it was no hit, where that is known
    entry: str = ""  # id of the answer
    similarity: float | None = None
    age_s: float | None = None
    usage: Usage = Usage()  # of the call that the answer is from: not billed again


class RoutingUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which tier a call went to, and why."""

    tier: str = ""  # "": there are no tiers, or the model was asked for by its name
    rule: str = ""
    reason: str = ""
    counterfactual: str = ""
    score: float | None = None
    dimensions: dict[str, float] = {}  # those above 0
    side: str = ""  # kind of side call
    moved: str = ""  # up | down: the conversation was elsewhere
    break_even_turns: float | None = None  # of that move, or of one that was considered
    before: str = ""  # the tier that gave the conversation's last reply, where it is remembered
    # How that reply turned out, by what this request brings back.
    tool_results: int = 0
    tool_errors: int = 0
    invalid_calls: int = 0
    edits: int = 0
    edit_failures: int = 0
    retried: bool = False


class Record(msgspec.Struct, kw_only=True):
    """One call. Times are milliseconds since ``accepted_at``; ``None`` means it never got there."""

    request_id: str
    accepted_at: float  # unix seconds: first byte of the request head was read
    api: str  # messages | count_tokens | chat | responses | embeddings
    path: str
    client: str  # address, from X-Forwarded-For only when the peer is a trusted proxy
    principal: str  # key name, or "anonymous"
    team: str
    provider: str
    lane: str  # splice | edit | translate | cache | local | none (ended before a lane was chosen)
    model_asked: str
    model: str  # what the upstream was asked for
    model_replied: str  # what the upstream said it used
    stream: bool
    status: int  # as sent to the client; 0 when the client left before any head
    ended_by: EndedBy
    error: str  # kind of the gateway's own error, or ""
    error_source: str  # client | upstream | gateway, or ""
    stop_reason: str
    request_bytes: int  # body as received
    reply_bytes: int  # body as sent
    attempts: int  # upstream sends, 0 when none was made
    failed_over: list[str]  # providers that were tried before this one and failed
    dropped: tuple[str, ...]  # what a translation left out, as x-lynkr-dropped says
    connection_reused: bool
    overhead_us: int | None  # accept of the last request byte to upstream write
    upstream_write_ms: float | None
    first_byte_ms: float | None  # time_to_first_token as the client sees it
    last_byte_ms: float
    usage: Usage
    saving: Saving
    cache: CacheUse
    routing: RoutingUse


class PoolGauge(msgspec.Struct, frozen=True):
    """One origin's connections as its pool sees them now. The totals count since the pool was
    made."""

    origin: str
    active: int
    idle: int
    waiting: int
    opened_total: int
    reused_total: int
    retried_total: int
