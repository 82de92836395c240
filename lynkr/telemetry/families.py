"""The metrics by name: what is counted, with which labels, in which units.

The names are a contract with people's dashboards.
"""

from __future__ import annotations

import msgspec

SETS_MAX = 512  # label sets per series: more models than any provider lists
HISTOGRAM_SETS_MAX = 128  # (api, provider) pairs; a row is twenty numbers
MICRO = 1_000_000  # dollars are counted in millionths

# Milliseconds and microseconds, as the record has them; seconds are made at the scrape.
DURATION_MS = (
    *(50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000, 60_000),
    *(120_000, 300_000, 600_000, 1_800_000, 7_200_000),  # the last is upstream.total_timeout_s
)
FIRST_TOKEN_MS = (
    *(50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000),
    *(10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000),  # upstream.first_byte_timeout_s
)
OVERHEAD_US = (
    *(10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1_000),
    *(2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000),
)

Labels = tuple[str, ...]
Rows = list[tuple[Labels, list[int]]]  # of one family


class Family(msgspec.Struct, frozen=True):
    """One metric as the scraper sees it; the names are a contract with people's dashboards.

    A row of a counter is one number, or one per entry of ``columns``. A row of a histogram is a
    count per bucket, a count above them all, and the sum in microseconds.
    """

    name: str
    help: str
    labels: Labels = ()
    column_label: str = ""
    columns: Labels = ("",)
    bounds: tuple[int, ...] = ()
    per_second: int = 0  # how many of the bounds' or rows' unit make a second, or a dollar
    folds: int = 0  # which label takes open-ended values and becomes "other"
    sets_max: int = SETS_MAX

    @property
    def width(self) -> int:
        return len(self.bounds) + 2 if self.bounds else len(self.columns)


REQUESTS = Family(
    "lynkr_requests_total", "Calls ended.", ("api", "provider", "status", "lane"), folds=2
)
DURATION = Family(
    "lynkr_request_duration_seconds",
    "First byte of the request to last byte of the reply.",
    ("api", "provider"),
    bounds=DURATION_MS,
    per_second=1_000,
    folds=1,
    sets_max=HISTOGRAM_SETS_MAX,
)
FIRST_TOKEN = Family(
    "lynkr_time_to_first_token_seconds",
    "First byte of the request to first byte of the reply, streams only.",
    ("api", "provider"),
    bounds=FIRST_TOKEN_MS,
    per_second=1_000,
    folds=1,
    sets_max=HISTOGRAM_SETS_MAX,
)
OVERHEAD = Family(
    "lynkr_overhead_seconds",
    "Last byte of the request read to upstream write: what the gateway itself adds.",
    bounds=OVERHEAD_US,
    per_second=1_000_000,
)
TOKENS = Family(
    "lynkr_tokens_total",
    "Tokens as the provider reported them.",
    ("provider", "model"),
    column_label="kind",
    columns=("input", "output", "prompt_cache_read", "prompt_cache_write", "reasoning"),
    folds=1,
)
TOKENS_SAVED = Family(
    "lynkr_tokens_saved_total",
    "Input tokens not sent, estimated.",
    ("provider", "model"),
    folds=1,
)
COST = Family(
    "lynkr_cost_usd_total",
    "Dollars by the provider's usage, and of the same calls with nothing taken out.",
    ("provider", "model"),
    column_label="bill",
    columns=("sent", "passthrough"),
    per_second=MICRO,
    folds=1,
)
ERRORS = Family(
    "lynkr_errors_total", "Calls the gateway ended with an error.", ("source", "kind"), folds=1
)
ENDED = Family("lynkr_ended_total", "Calls by who ended them.", ("ended_by",))
FAILOVERS = Family(
    "lynkr_failovers_total", "Tries that failed and were followed by another one.", ("provider",)
)
BREAKERS = Family("lynkr_breaker_opened_total", "Circuit breakers that opened.", ("provider",))
REQUEST_BYTES = Family("lynkr_request_bytes_total", "Bytes of request bodies received.")
REPLY_BYTES = Family("lynkr_reply_bytes_total", "Bytes of reply bodies sent.")
LOG_DROPPED = Family("lynkr_log_lines_dropped_total", "Log lines given up because of a slow disk.")
POOL_OPENED = Family("lynkr_pool_opened_total", "Upstream connections opened.", ("origin",))
POOL_REUSED = Family("lynkr_pool_reused_total", "Calls sent on a pooled connection.", ("origin",))
POOL_RETRIED = Family(
    "lynkr_pool_retried_total",
    "Calls sent again because a pooled connection was dead.",
    ("origin",),
)
CACHE = Family(
    "lynkr_cache_requests_total",
    "Calls by what the cache did, and why.",
    ("status", "reason"),
    folds=1,
    sets_max=64,
)
CACHE_TOKENS = Family(
    "lynkr_cache_tokens_total",
    "Tokens of the calls whose answers were given again.",
    column_label="kind",
    columns=("input", "output"),
)
CACHE_STORED = Family("lynkr_cache_stored_total", "Answers kept.")
CACHE_EVICTED = Family("lynkr_cache_evicted_total", "Answers that made room for others.")
CACHE_DROPPED = Family(
    "lynkr_cache_writes_dropped_total", "Answers and notes given up because the store was behind."
)
CACHE_SHADOWS = Family(
    "lynkr_cache_shadows_total",
    "Semantic hits compared with a fresh answer.",
    column_label="verdict",
    columns=("agreed", "disagreed"),
)
CACHE_FEEDBACK = Family("lynkr_cache_feedback_total", "Answers that clients called wrong.")
ROUTED = Family(
    "lynkr_routed_total", "Calls by their tier and the rule that decided it.", ("tier", "rule"),
    sets_max=64,
)  # fmt: skip
MOVES = Family(
    "lynkr_route_moves_total",
    "Conversations that went on in another tier.",
    column_label="direction",
    columns=("up", "down"),
)
OUTCOMES = Family(
    "lynkr_reply_outcomes_total",
    "How replies turned out, by what the next request brought back; tier: that of the reply.",
    ("tier",),
    column_label="what",
    columns=(
        *("tool_results", "tool_errors", "invalid_calls", "edits", "edit_failures", "retries"),
    ),
)
FAMILIES = (
    *(REQUESTS, DURATION, FIRST_TOKEN, OVERHEAD, TOKENS, ERRORS, ENDED, TOKENS_SAVED, COST),
    *(REQUEST_BYTES, REPLY_BYTES, LOG_DROPPED, POOL_OPENED, POOL_REUSED, POOL_RETRIED),
    *(FAILOVERS, BREAKERS, CACHE, CACHE_TOKENS, CACHE_STORED, CACHE_EVICTED, CACHE_DROPPED),
    *(CACHE_SHADOWS, CACHE_FEEDBACK, ROUTED, MOVES, OUTCOMES),
)
