"""JSON made at random, small and nasty: what clients and models put into their messages."""

from __future__ import annotations

from hypothesis import strategies as st

# What breaks codecs: quotes and escapes, line ends (Unicode's too), characters of two to four
# bytes, joined emojis, the frames of the very protocols that carry it.
NASTY = (
    '"', "\\", "\n", "\r\n", "\u2028", "\x00", "\x7f", "ü", "☃", "👋🏽", "👩‍👩‍👧",
    "data: [DONE]\n\n", "event: x", "</s>", '{"a":1}', "\ufeff", " ",
)  # fmt: skip

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=12)


def some_text(*, lone: bool = False) -> st.SearchStrategy[str]:
    """``lone``: with halves of surrogate pairs, as JavaScript makes them."""
    pieces = [*NASTY, *(["\ud83d", "\ude80"] if lone else [])]
    plain = st.text(max_size=10)
    return st.lists(st.one_of(st.sampled_from(pieces), plain), max_size=4).map("".join)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3)),
    some_text(),
)
values: st.SearchStrategy[object] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)
objects: st.SearchStrategy[dict[str, object]] = st.dictionaries(words, values, max_size=3)
# Fields that no vocabulary has a word for.
unknown: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    words.map(lambda name: "x_" + name), values, max_size=1
)
