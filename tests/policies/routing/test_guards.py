"""A call goes to a model that can take it, and to the same one as long as that can."""

from __future__ import annotations

import msgspec
import pytest

from lynkr.policies.routing.facts import COMPLEX, MEDIUM, REASONING, SIMPLE, Seen
from lynkr.policies.routing.guards import lack, pick, wish
from lynkr.policies.routing.offers import digest
from tests.policies.routing.scores import OFFERS, offer

PLAIN = offer("p:plain", takes=(), window=100_000, output=8_000)


@pytest.mark.parametrize(
    ("seen", "lacking"),
    [
        (Seen(), ""),
        (Seen(prompt_tokens=85_000), ""),
        (Seen(prompt_tokens=85_001), "has a context window of 100000 tokens"),
        (Seen(images=True), "takes no images"),
        (Seen(thinking=True), ""),
        (Seen(tools=3), ""),
        (Seen(tools=3, output_tokens=8_001), ""),
        (Seen(output_tokens=8_000), ""),
        (Seen(output_tokens=8_001), "answers with at most 8000 tokens"),
    ],
)
def test_what_a_model_lacks(seen: Seen, lacking: str) -> None:
    assert lack(PLAIN, seen) == lacking


@pytest.mark.parametrize(
    ("seen", "lacking"),
    [
        (Seen(), ""),
        (Seen(thinking=True), "cannot think"),
        (Seen(tools=3, output_tokens=8_000), ""),
        (Seen(tools=3, output_tokens=8_001), "answers with at most 8000 tokens"),
    ],
)
def test_what_a_call_is_fitted_for_is_no_lack_but_a_wish(seen: Seen, lacking: str) -> None:
    assert lack(PLAIN, seen) == ""
    assert wish(PLAIN, seen) == lacking


def test_what_is_not_known_is_not_held_against_a_model() -> None:
    unknown = offer("x:y", None, rules=None, window=None, output=None, takes=None)
    hard = Seen(images=True, thinking=True, tools=9, prompt_tokens=10**7, output_tokens=10**6)
    assert lack(unknown, hard) == wish(unknown, hard) == ""


def test_only_a_model_known_to_take_no_tools_is_passed_over_for_them() -> None:
    without = offer("x:y", takes=("no_tools",))
    assert lack(without, Seen(tools=1)) == lack(without, Seen(calls=1)) == "takes no tools"
    assert lack(without, Seen()) == ""


def test_losses_that_are_tolerated_are_none() -> None:
    lax = offer("p:lax", takes=(), output=100, drops=("reasoning", "image", "max_tokens"))
    everything = Seen(images=True, thinking=True, output_tokens=9_999)
    assert lack(lax, everything) == wish(lax, everything) == ""


def test_tokens_are_those_of_the_model() -> None:
    denser = msgspec.structs.replace(PLAIN, factor=1.4)
    assert lack(denser, Seen(prompt_tokens=70_000))
    assert not lack(PLAIN, Seen(prompt_tokens=70_000))


def test_the_order_of_those_who_may_step_in() -> None:
    """The tier's own in order, then the tiers above in order, then those below, nearest first."""
    can, cannot = offer("y:can"), offer("n:cannot", takes=())
    also = offer("z:can")
    image = Seen(images=True)
    here = ((can,), (cannot, can, also), (can,), (can,))
    assert pick(here, MEDIUM, image) == (MEDIUM, 1, "n:cannot takes no images")
    above = ((can,), (cannot,), (cannot,), (cannot, can))
    assert pick(above, MEDIUM, image) == (REASONING, 1, "n:cannot takes no images")
    below = ((can,), (can,), (cannot,), (cannot,))
    assert pick(below, REASONING, image) == (MEDIUM, 0, "n:cannot takes no images")


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen(thinking=True), "s:slow cannot think"),
        (Seen(tools=1, output_tokens=9_000), "s:slow answers with at most 8000 tokens"),
    ],
)
def test_a_wish_chooses_between_the_models_of_a_tier_and_never_leaves_it(
    seen: Seen, why: str
) -> None:
    slow, other = (offer(name, takes=(), output=8_000) for name in ("s:slow", "o:other"))
    can, blind = offer("y:can"), offer("b:blind", takes=(), window=10)
    assert pick(((slow, can), (can,)), SIMPLE, seen) == (SIMPLE, 1, why)
    assert pick(((slow, other), (can,)), SIMPLE, seen) == (SIMPLE, 0, "")
    assert pick(((slow, can), (can,)), SIMPLE, seen, slow.digest) == (SIMPLE, 0, "")
    large = msgspec.structs.replace(seen, prompt_tokens=1_000)
    found = pick(((blind,), (slow, can)), SIMPLE, large)
    assert found == (MEDIUM, 1, "b:blind has a context window of 10 tokens")


def test_a_long_answer_without_tools_leaves_the_tier() -> None:
    short, can = offer("s:short", output=8_000), offer("y:can")
    assert pick(((short,), (can,)), SIMPLE, Seen(output_tokens=9_000))[:2] == (MEDIUM, 0)


def test_where_nobody_can_it_goes_where_it_was_decided() -> None:
    """The provider answers then; the reason says what will be wrong."""
    cannot, other = offer("n:cannot", takes=()), offer("n:other", takes=())
    none = ((cannot,), (cannot, other), (cannot,), (cannot,))
    image = Seen(images=True)
    assert pick(none, MEDIUM, image) == (MEDIUM, 0, "n:cannot takes no images, as do all")
    assert pick(none, MEDIUM, image, other.digest).place == 1
    assert pick((), MEDIUM, image) == (MEDIUM, -1, "nothing is offered")
    assert pick(((), (), (cannot,), ()), SIMPLE, image)[:2] == (COMPLEX, 0)


def test_the_model_of_the_last_call_goes_on_while_it_can() -> None:
    second = OFFERS[MEDIUM][1].digest
    assert pick(OFFERS, MEDIUM, Seen(), second) == (MEDIUM, 1, "")
    assert pick(OFFERS, COMPLEX, Seen(), second) == (COMPLEX, 0, "")
    assert pick(OFFERS, MEDIUM, Seen(), digest("gone:gone")) == (MEDIUM, 0, "")


def test_in_a_tool_exchange_it_goes_on_where_the_guards_had_sent_it() -> None:
    """The picture is gone from the history: no reason to change the model between two calls."""
    large = OFFERS[COMPLEX][0].digest
    assert pick(OFFERS, MEDIUM, Seen(typed=False), large, held=True)[:2] == (COMPLEX, 0)
    assert pick(OFFERS, MEDIUM, Seen(), large)[:2] == (MEDIUM, 0)
