"""The model of prompt caches against bills worked out by hand, and the watch over real ones."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.prompt_cache import CacheRules, CacheWatch, PromptCache, rules_for
from lynkr.providers.kinds import kinds
from lynkr.providers.models import Prices, facts
from lynkr.transforms.pieces import Piece
from lynkr.wire.message import Usage

CLAUDE = Prices(input=3, output=15, cache_read=0.3, cache_write=3.75, cache_write_1h=6)
GPT = Prices(input=5, output=30, cache_read=0.5)
NEWER = Prices(input=5, output=30, cache_read=0.5, cache_write=6.25)

MARKS = CacheRules(style="explicit", tokens_min=1024)
STEPS = CacheRules(style="automatic", tokens_min=1024, step=128)


def row(*said: str) -> list[Piece]:
    """Pieces from ``name:tokens`` or ``name:tokens:mark``, with ``name/run`` for runs."""
    pieces = []
    for one in said:
        name, tokens, mark = (*one.split(":"), "")[:3]
        name, _, run = name.partition("/")
        pieces.append(Piece(name.encode(), int(tokens), mark, int(run or 0)))
    return pieces


def marked() -> PromptCache:
    return PromptCache(MARKS, CLAUDE)


def test_a_cold_prompt_is_written_and_a_warm_one_read() -> None:
    """2,000 written and 50 after the mark; then 2,000 read, 300 written, 20 after it."""
    cache = marked()
    cold = cache.turn(0, row("tools:1500", "system:500:5m", "ask:50"), 100)
    assert (cold.read_tokens, cold.write_tokens, cold.input_tokens) == (0, 2000, 50)
    assert cold.usd == pytest.approx((2000 * 3.75 + 50 * 3 + 100 * 15) / 1e6)
    said = row("tools:1500", "system:500:5m", "ask:50", "reply:250:5m", "more:20")
    warm = cache.turn(299, said, 10)
    assert (warm.read_tokens, warm.write_tokens, warm.input_tokens) == (2000, 300, 20)
    assert warm.usd == pytest.approx((2000 * 0.3 + 300 * 3.75 + 20 * 3 + 10 * 15) / 1e6)
    assert warm.prompt_tokens == 2320


def test_a_mark_that_moves_on_reads_back_to_where_it_was() -> None:
    """The old mark is gone from the request; its entry is found by looking back."""
    cache = marked()
    cache.turn(0, row("system:2000", "a:100:5m"))
    bill = cache.turn(10, row("system:2000", "a:100", "b:100", "c:100:5m"))
    assert (bill.read_tokens, bill.write_tokens, bill.input_tokens) == (2100, 200, 0)


def test_reading_keeps_an_entry_alive_and_silence_does_not() -> None:
    """Five minutes since it was last used, not since it was written."""
    cache = marked()
    prompt = row("system:2000:5m")
    assert cache.turn(0, prompt).write_tokens == 2000
    assert cache.turn(200, prompt).read_tokens == 2000
    assert cache.turn(499, prompt).read_tokens == 2000
    late = cache.turn(799, prompt)
    assert (late.read_tokens, late.write_tokens) == (0, 2000)


def test_a_look_back_ends_after_twenty_places() -> None:
    """The provider's own example: 15 pieces, then 35. The entry at 15 is one place too far."""
    blocks = [f"b{at}:100" for at in range(35)]
    short = [*blocks[:14], "b14:100:5m"]
    cache = marked()
    cache.turn(0, row(*short))
    missed = cache.turn(10, row(*blocks[:34], "b34:100:5m"))
    assert (missed.read_tokens, missed.write_tokens) == (0, 3500)

    nearer = marked()
    nearer.turn(0, row(*short))
    assert nearer.turn(10, row(*blocks[:33], "b33:100:5m")).read_tokens == 1500

    helped = marked()
    helped.turn(0, row(*short))
    again = helped.turn(10, row(*short, *blocks[15:34], "b34:100:5m"))
    assert (again.read_tokens, again.write_tokens) == (1500, 2000)


def test_calls_side_by_side_are_one_place_and_so_are_their_results() -> None:
    """Fifteen parallel calls do not push the last request's entry out of sight."""
    cache = marked()
    cache.turn(0, row("system:2000:5m"))
    calls = [f"call{at}/1:10" for at in range(15)]
    results = [f"result{at}/2:10" for at in range(15)]
    bill = cache.turn(10, row("system:2000", *calls, *results, "end:10:5m"))
    assert (bill.read_tokens, bill.write_tokens) == (2000, 310)
    apart = marked()
    apart.turn(0, row("system:2000:5m"))
    other = [one for pair in zip(calls, results, strict=True) for one in pair]
    assert apart.turn(10, row("system:2000", *other, "end:10:5m")).read_tokens == 0


def test_a_prefix_under_the_minimum_is_not_cached() -> None:
    """1,023 tokens up to the mark are plain input, however long the rest is."""
    cache = marked()
    prompt = row("system:1023:5m", "ask:5000")
    for at in (0, 1):
        bill = cache.turn(at, prompt)
        assert (bill.read_tokens, bill.write_tokens, bill.input_tokens) == (0, 0, 6023)
    assert cache.turn(2, row("system:1024:5m")).write_tokens == 1024


def test_an_hour_is_charged_apart_and_outlives_the_rest() -> None:
    """1h up to the last such mark, 5m from there to the last mark; after 20 minutes the first part
    is still read."""
    cache = marked()
    prompt = row("tools:3000", "system:1000:1h", "ask:200:5m", "tail:10")
    first = cache.turn(0, prompt)
    assert (first.write_1h_tokens, first.write_tokens, first.input_tokens) == (4000, 200, 10)
    assert first.usd == pytest.approx((4000 * 6 + 200 * 3.75 + 10 * 3) / 1e6)
    later = cache.turn(1200, prompt)
    assert (later.read_tokens, later.write_tokens, later.write_1h_tokens) == (4000, 200, 0)
    much_later = cache.turn(1200 + 3600, prompt)
    assert (much_later.read_tokens, much_later.write_1h_tokens) == (0, 4000)


def test_of_too_many_marks_the_last_four_count() -> None:
    cache = marked()
    said = [f"b{at}:1100:5m" for at in range(5)]
    cache.turn(0, row(*said))
    assert cache.turn(1, row(said[0], "other:10")).read_tokens == 0
    assert cache.turn(2, row(*said[:2], "other:10")).read_tokens == 2200


def test_a_change_makes_all_that_follows_new() -> None:
    """Tools come first: another tool list is another prompt."""
    cache = marked()
    cache.turn(0, row("tools:2000", "system:100:5m", "ask:100:5m"))
    bill = cache.turn(1, row("tools2:2000", "system:100:5m", "ask:100:5m"))
    assert (bill.read_tokens, bill.write_tokens) == (0, 2200)
    kept = cache.turn(2, row("tools:2000", "system:100:5m", "other:100:5m"))
    assert (kept.read_tokens, kept.write_tokens) == (2100, 100)


def test_without_marks_nothing_is_cached_where_marks_are_needed() -> None:
    cache = marked()
    for at in (0, 1):
        assert cache.turn(at, row("system:5000")).input_tokens == 5000


def test_an_automatic_cache_reads_in_steps() -> None:
    """2,000 tokens in common are 1,920 read: fifteen steps of 128. Writing is not charged apart."""
    cache = PromptCache(STEPS, GPT)
    cold = cache.turn(0, row("system:1500", "ask:500"), 10)
    assert (cold.read_tokens, cold.write_tokens, cold.input_tokens) == (0, 0, 2000)
    warm = cache.turn(10, row("system:1500", "ask:500", "more:100"), 10)
    assert (warm.read_tokens, warm.input_tokens) == (1920, 180)
    assert warm.usd == pytest.approx((1920 * 0.5 + 180 * 5 + 10 * 30) / 1e6)
    assert cache.turn(20, row("system:1500", "other:500")).read_tokens == 1408
    assert cache.turn(30, row("system2:1500")).read_tokens == 0
    assert cache.turn(330, row("system:1500", "ask:500")).read_tokens == 0


def test_an_automatic_cache_has_a_minimum_too() -> None:
    cache = PromptCache(STEPS, GPT)
    cache.turn(0, row("system:1023"))
    assert cache.turn(1, row("system:1023", "more:500")).read_tokens == 0
    assert cache.turn(2, row("system:1023", "more:500")).read_tokens == 1408


def test_writing_is_charged_where_the_list_has_a_price_for_it() -> None:
    """From GPT-5.6 on: 2,048 could be read next time, so they are written; the rest is input."""
    cache = PromptCache(STEPS, NEWER)
    cold = cache.turn(0, row("system:2100"))
    assert (cold.write_tokens, cold.input_tokens) == (2048, 52)
    warm = cache.turn(1, row("system:2100", "more:300"))
    assert (warm.read_tokens, warm.write_tokens, warm.input_tokens) == (2048, 256, 96)


def test_two_keys_do_not_share_a_cache() -> None:
    """A session whose calls alternate between keys pays for two caches."""
    prompt = row("system:2000:5m")
    one, two = marked(), marked()
    assert one.turn(0, prompt).write_tokens == 2000
    assert two.turn(1, prompt).write_tokens == 2000
    assert one.turn(2, prompt).read_tokens == 2000


def test_no_cache_charges_everything() -> None:
    cache = PromptCache(CacheRules(style="none"), CLAUDE)
    prompt = row("system:2000:5m", "ask:10")
    for at in (0, 1):
        bill = cache.turn(at, prompt, 1)
        assert bill.usd == pytest.approx((2010 * 3 + 15) / 1e6)


def test_an_empty_prompt_and_a_missing_price() -> None:
    assert marked().turn(0, []).usd == 0
    with pytest.raises(ValueError, match="not known"):
        PromptCache(MARKS, Prices(output=1)).turn(0, row("a:1"))


def test_rules_come_from_the_catalog_and_the_model() -> None:
    """The model's own minimum counts more than the kind's."""
    anthropic = kinds()["anthropic"].cache
    assert rules_for(anthropic, facts("anthropic", "claude-sonnet-4-5")) == MARKS
    opus = rules_for(anthropic, facts("anthropic", "claude-opus-5-5"))
    assert opus.tokens_min == 512
    openai = rules_for(kinds()["openai"].cache, None, step=128)
    assert openai == msgspec.structs.replace(STEPS, breakpoints_max=0, lookback_blocks=1)
    assert rules_for(None, None).style == "none"
    assert rules_for(kinds()["deepseek"].cache, None).ttl_s > 0


# --- the law ----------------------------------------------------------------------------------

made_piece = st.builds(
    Piece,
    key=st.sampled_from([b"a", b"b", b"c", b"d"]),
    tokens=st.integers(0, 3000),
    mark=st.sampled_from(["", "", "5m", "1h"]),
    run=st.sampled_from([0, 0, 1, 2]),
)
made_turns = st.lists(
    st.tuples(st.integers(0, 400), st.lists(made_piece, max_size=12)), min_size=1, max_size=6
)


@given(made_turns, st.sampled_from([(MARKS, CLAUDE), (STEPS, GPT), (STEPS, NEWER)]))
def test_every_token_is_charged_once_and_nothing_saved_costs_the_same(
    turns: list[tuple[int, list[Piece]]], target: tuple[CacheRules, Prices]
) -> None:
    """Two caches that are sent the same charge the same, and each charges each token once."""
    one, two = PromptCache(*target), PromptCache(*target)
    now = 0
    for pause, pieces in turns:
        now += pause
        bill = one.turn(now, pieces, 5)
        assert bill == two.turn(now, pieces, 5)
        assert bill.prompt_tokens == sum(piece.tokens for piece in pieces)
        assert min(bill.input_tokens, bill.read_tokens, bill.write_tokens) >= 0
        assert bill.write_1h_tokens >= 0


@given(
    st.lists(st.tuples(st.integers(1, 2000), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(0, 400), min_size=12, max_size=12),
    st.sampled_from([(MARKS, CLAUDE), (STEPS, GPT), (STEPS, NEWER)]),
)
def test_cutting_at_first_sight_never_costs_more(
    blocks: list[tuple[int, bool]], pauses: list[int], target: tuple[CacheRules, Prices]
) -> None:
    """Each block is halved when it first appears and stays so, as the passes do it: no pause and no
    cache make the session dearer. Prompts here are long enough to be cached either way."""
    whole, cut = PromptCache(*target), PromptCache(*target)
    now, spent, saved = 0, 0.0, 0.0
    for turn in range(1, len(blocks) + 1):
        now += pauses[turn - 1]
        sizes = blocks[:turn]
        spent += whole.turn(now, conversation([size for size, _ in sizes])).usd
        halved = [size // 2 if cut_it else size for size, cut_it in sizes]
        saved += cut.turn(now, conversation(halved)).usd
    # A step of an automatic cache may be lost at the end of what was cut, on each turn.
    steps_lost = 128 * len(blocks) * (target[1].input or 0) / 1e6
    assert saved <= spent + (steps_lost if target[0].style == "automatic" else 1e-12)


def conversation(sizes: list[int]) -> list[Piece]:
    pieces = [Piece(b"system", 3000, "5m")]
    last = len(sizes) - 1
    for at, size in enumerate(sizes):
        pieces.append(Piece(b"%d" % at, size, "5m" if at == last else ""))
    return pieces


# --- watching -----------------------------------------------------------------------------------


def used(plain: int, read: int | None = None, written: int | None = None) -> Usage:
    return Usage(plain, 10, read, written)


def test_two_misses_in_a_row_are_told() -> None:
    """The whole prompt is written again and again: something keeps changing it."""
    watch = CacheWatch(MARKS)
    assert watch.observe(0, used(10, 0, 9000), extends=False) is None
    assert watch.observe(10, used(10, 0, 9500), extends=True) is None
    reason = watch.observe(20, used(10, 0, 9900), extends=True)
    assert reason is not None
    assert "0 of 9500 tokens" in reason


def test_a_session_that_reads_its_cache_is_left_alone() -> None:
    """Also when one call missed: an eviction is nobody's fault."""
    watch = CacheWatch(MARKS)
    watch.observe(0, used(10, 0, 9000), extends=False)
    for now, usage in (
        (10, used(10, 9000, 500)),
        (20, used(10, 0, 9900)),
        (30, used(10, 9900, 100)),
        (40, used(10, 0, 10_100)),
    ):
        assert watch.observe(now, usage, extends=True) is None


@pytest.mark.parametrize(
    ("now", "extends"), [(400, True), (20, False)], ids=["expired", "another prompt"]
)
def test_what_could_not_be_read_is_not_missed(now: int, extends: bool) -> None:
    watch = CacheWatch(MARKS)
    watch.observe(0, used(10, 0, 9000), extends=False)
    for turn in range(1, 5):
        assert watch.observe(turn * now, used(10, 0, 9000), extends=extends) is None


def test_a_provider_that_never_cached_is_not_accused() -> None:
    """No reads and no writes were ever reported: there is nothing to lose."""
    watch = CacheWatch(STEPS)
    for turn in range(5):
        assert watch.observe(turn, used(9000, 0), extends=True) is None
        assert watch.observe(turn, Usage(), extends=True) is None


def test_an_automatic_cache_is_watched_by_its_reads() -> None:
    """It reports no writes; that it read before shows that it caches."""
    watch = CacheWatch(STEPS)
    watch.observe(0, used(9000), extends=False)
    watch.observe(1, used(500, 8960), extends=True)
    assert watch.observe(2, used(9600, 0), extends=True) is None
    assert watch.observe(3, used(9700, 1024), extends=True) is not None


def test_a_prompt_under_the_minimum_is_not_judged() -> None:
    watch = CacheWatch(STEPS)
    watch.observe(0, used(0, 900), extends=False)
    for turn in range(1, 4):
        assert watch.observe(turn, used(900, 0), extends=True) is None
