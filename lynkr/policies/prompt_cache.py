"""What a provider's prompt cache does with a row of requests: how many tokens of each it reads,
writes, and charges in full; and whether a real one behaves as it should.

A model of what providers document, for bills that are computed and not received. It has their rules
and none of their weather: evictions, overflow to another machine, requests at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from lynkr.policies.bill import Counts, cost
from lynkr.providers.kinds import Cache
from lynkr.providers.models import ModelFacts, Prices
from lynkr.transforms.pieces import KEY_BYTES, Piece
from lynkr.wire.message import Usage

TTL_UNSAID_S = 300  # the shortest that any provider states, for one that states nothing
TTL_LONG_S = 3600
ENTRIES_MAX = 65536  # beyond it the dead are swept out
MISSES_MAX = 2  # in a row: one may be an eviction, which is nobody's fault
CLEARLY_BELOW = 0.5  # of what should have been read; steps and marks explain less than that


class CacheRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one model's prompts are cached at one provider.

    explicit: Anthropic, platform.claude.com/docs/en/build-with-claude/prompt-caching.
    automatic: OpenAI, developers.openai.com/api/docs/guides/prompt-caching (from 1,024 tokens, in
    steps of 128); DeepSeek, api-docs.deepseek.com/guides/kv_cache (units of 64); Gemini,
    ai.google.dev/gemini-api/docs/caching (implicit caching).
    none: every token is charged as input.
    """

    style: Literal["explicit", "automatic", "none"]
    tokens_min: int = 0  # a shorter prefix is not cached
    breakpoints_max: int = 4
    lookback_blocks: int = 20  # places looked at per mark, the mark's own being the first
    ttl_s: int = TTL_UNSAID_S  # since it was last read or written
    ttl_long_s: int = TTL_LONG_S  # of marks that ask for "1h"
    step: int = 1  # automatic: what is read is a multiple of it


def rules_for(cache: Cache | None, facts: ModelFacts | None, *, step: int = 1) -> CacheRules:
    """The rules of a kind of provider, with the model's own minimum where it has one."""
    if cache is None or cache.style == "none":
        return CacheRules(style="none")
    own = facts.cache_tokens_min if facts is not None else None
    return CacheRules(
        style=cache.style,
        tokens_min=cache.tokens_min if own is None else own,
        breakpoints_max=cache.breakpoints_max,
        lookback_blocks=max(1, cache.lookback_blocks),
        ttl_s=cache.ttl_s or TTL_UNSAID_S,
        step=step,
    )


class TurnBill(msgspec.Struct, frozen=True):
    """What one request is charged for."""

    input_tokens: int  # neither read nor written
    write_tokens: int
    write_1h_tokens: int
    read_tokens: int
    output_tokens: int
    usd: float

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.write_tokens + self.write_1h_tokens + self.read_tokens


class _Split(msgspec.Struct, frozen=True):
    read: int = 0
    write: int = 0
    write_1h: int = 0


class _Prefix(msgspec.Struct, frozen=True):
    """The prompt up to and with one piece."""

    key: bytes
    tokens: int


class _Entry(msgspec.Struct):
    """A prefix that is kept."""

    until: float
    ttl_s: int


class PromptCache:
    """The cache of one model for one API key, over time. Times are seconds from anywhere, and go
    forward."""

    def __init__(self, rules: CacheRules, prices: Prices) -> None:
        self._rules = rules
        self._prices = prices
        self._kept: dict[bytes, _Entry] = {}

    def turn(self, at_s: float, pieces: Sequence[Piece], output_tokens: int = 0) -> TurnBill:
        """Sends a prompt. Raises ``ValueError`` when the price list lacks input or output."""
        prefixes = _prefixes(pieces)
        total = prefixes[-1].tokens if prefixes else 0
        if self._rules.style == "explicit":
            split = self._by_marks(at_s, pieces, prefixes)
        elif self._rules.style == "automatic":
            split = self._by_itself(at_s, prefixes, total)
        else:
            split = _Split()
        if len(self._kept) > ENTRIES_MAX:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.until > at_s}
        plain = total - split.read - split.write - split.write_1h
        counts = Counts(plain, split.read, split.write, split.write_1h, output_tokens)
        usd = cost(counts, self._prices)
        if usd is None:
            raise ValueError("the price of input or output is not known")
        return TurnBill(plain, split.write, split.write_1h, split.read, output_tokens, usd)

    # --- explicit -----------------------------------------------------------------------------

    def _by_marks(self, at_s: float, pieces: Sequence[Piece], prefixes: list[_Prefix]) -> _Split:
        """Anthropic's rules; the sentences quoted are of the page named in ``CacheRules``.

        "Cache writes happen only at your breakpoint": one entry per mark. "The system checks at
        most 20 positions per breakpoint, counting the breakpoint itself as the first"; "a run of
        consecutive tool_use blocks counts as one position, and so does a run of consecutive
        tool_result blocks". Charged: what the longest hit holds (A) as read, from there to the last
        1h mark (B) as written for an hour, from there to the last mark (C) as written.

        Assumed, since it is not said: of more marks than are allowed, the last count (the API
        refuses such a request); a mark inside what is read refreshes or makes its entry for free.
        """
        least = self._rules.tokens_min
        marks = [at for at, piece in enumerate(pieces) if piece.mark][
            -self._rules.breakpoints_max :
        ]
        marks = [at for at in marks if prefixes[at].tokens >= least]
        hit = max((self._looked_back(at_s, at, pieces, prefixes) for at in marks), default=-1)
        if hit >= 0:
            kept = self._kept[prefixes[hit].key]
            kept.until = at_s + kept.ttl_s
        for at in marks:
            self._keep(at_s, prefixes[at].key, pieces[at].mark)
        read = prefixes[hit].tokens if hit >= 0 else 0
        long = [prefixes[at].tokens for at in marks if pieces[at].mark == "1h"]
        to_long = max([read, *long])
        to_last = max([to_long, *(prefixes[at].tokens for at in marks)])
        return _Split(read=read, write=to_last - to_long, write_1h=to_long - read)

    def _looked_back(
        self, at_s: float, mark: int, pieces: Sequence[Piece], prefixes: list[_Prefix]
    ) -> int:
        """The longest living entry that a mark finds; -1 if none."""
        places, run = 0, 0
        for at in range(mark, -1, -1):
            if not (run and pieces[at].run == run):
                places += 1
            if places > self._rules.lookback_blocks:
                break
            run = pieces[at].run
            if self._alive(at_s, prefixes[at].key):
                return at
        return -1

    def _keep(self, at_s: float, key: bytes, mark: str) -> None:
        ttl_s = self._rules.ttl_long_s if mark == "1h" else self._rules.ttl_s
        if self._alive(at_s, key):  # a refresh does not make it another kind of entry
            ttl_s = self._kept[key].ttl_s
        self._kept[key] = _Entry(at_s + ttl_s, ttl_s)

    # --- automatic ----------------------------------------------------------------------------

    def _by_itself(self, at_s: float, prefixes: list[_Prefix], total: int) -> _Split:
        """The longest beginning that was sent before and still lives, in steps.

        Compared piece by piece, so within the first piece that differs nothing is read. Where the
        price list has a price for writing, all that could be read next time is charged as written;
        elsewhere it is input.
        """
        rules = self._rules
        living = (p.tokens for p in reversed(prefixes) if self._alive(at_s, p.key))
        read = _stepped(next(living, 0), rules)
        for prefix in prefixes:
            self._kept[prefix.key] = _Entry(at_s + rules.ttl_s, rules.ttl_s)
        charged = self._prices.cache_write is not None
        return _Split(read=read, write=_stepped(total, rules) - read if charged else 0)

    def _alive(self, at_s: float, key: bytes) -> bool:
        kept = self._kept.get(key)
        return kept is not None and at_s < kept.until


def _stepped(tokens: int, rules: CacheRules) -> int:
    return tokens - tokens % rules.step if tokens >= rules.tokens_min else 0


def _prefixes(pieces: Sequence[Piece]) -> list[_Prefix]:
    """Each prefix with a key that depends on all before it."""
    made: list[_Prefix] = []
    chain, tokens = b"", 0
    for piece in pieces:
        chain = blake2b(chain + piece.key, digest_size=KEY_BYTES).digest()
        tokens += piece.tokens
        made.append(_Prefix(chain, tokens))
    return made


class CacheWatch:
    """Whether a session's prompt cache is hit as often as an unchanged session's would be.

    One per session, fed with every call's measured usage. It says so when a session that had been
    cached reads less than half of what was there to be read, twice in a row: whatever the reason,
    the passes are not to go on in that session.
    """

    __slots__ = ("_at", "_cached", "_misses", "_rules", "_seen")

    def __init__(self, rules: CacheRules) -> None:
        self._rules = rules
        self._at: float | None = None  # of the last call that said what it used
        self._cached = 0  # tokens that the provider should have kept of it
        self._seen = False  # whether this provider has cached this session at all
        self._misses = 0

    def observe(self, now: float, usage: Usage, extends: bool) -> str | None:
        """One call's usage; ``now`` in seconds, ``extends``: its prompt begins with the last one's.

        Returns the reason why the passes should stand aside, or ``None``. Calls that say nothing
        (another prompt, an expired cache, a short prompt, no usage) neither accuse nor acquit.
        """
        rules = self._rules
        if usage.input_tokens is None or rules.style == "none":
            return None
        read = usage.prompt_cache_read_tokens or 0
        written = usage.prompt_cache_write_tokens or 0
        alive = self._at is not None and now - self._at < rules.ttl_s
        expected = self._cached if extends and alive and self._seen else 0
        missed = False
        if expected and expected >= rules.tokens_min:
            missed = read < CLEARLY_BELOW * expected
            self._misses = self._misses + 1 if missed else 0
        self._seen = self._seen or read + written > 0
        self._at = now
        # With marks only what was read or written is kept; otherwise all of the prompt is.
        unmarked = 0 if rules.style == "explicit" else usage.input_tokens
        self._cached = read + written + unmarked
        if not missed or self._misses < MISSES_MAX:
            return None
        return f"the prompt cache gave {read} of {expected} tokens, and little the time before"
