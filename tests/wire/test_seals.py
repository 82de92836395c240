"""A seal travels through a client of another dialect and comes back the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.codec import MODULES
from lynkr.wire.message import Seal
from lynkr.wire.seals import seal_text, unseal
from tests.wire.made_events import made_seals
from tests.wire.made_json import objects

FORMATS = sorted(MODULES)


@given(made_seals())
def test_a_seal_comes_back_as_it_was(seal: Seal) -> None:
    assert unseal(seal_text(seal)) == seal


@given(st.sampled_from(FORMATS), objects)
def test_whatever_it_holds(name: str, data: dict[str, object]) -> None:
    """Half emojis, large numbers, nothing at all."""
    seal = Seal(name, {**data, "s": "\ud83d", "n": 2**80})
    assert unseal(seal_text(seal)) == seal
    assert unseal(seal_text(Seal(name, {}))) == Seal(name, {})


@given(made_seals())
def test_the_text_fits_every_slot(seal: Seal) -> None:
    """Clients keep signatures in JSON and in files: plain ASCII, no spaces."""
    text = seal_text(seal)
    assert re.fullmatch(r"lynkr1\.[a-z_]+\.[A-Za-z0-9_-]*", text)
    assert seal_text(seal) == text  # the same bytes in every turn


@pytest.mark.parametrize("name", FORMATS)
def test_the_name_of_every_codec_can_be_told_from_the_rest(name: str) -> None:
    assert "." not in name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EqgfCioIARgB",  # Claude's
        "gAAAAABo1==",  # OpenAI's
        "lynkr1",
        "lynkr1.",
        "lynkr1.gemini",
        "lynkr1.gemini.",
        "lynkr1.gemini.!",
        "lynkr1.gemini.e",  # no base64
        "lynkr1.gemini.eyJh",  # no JSON
        "lynkr1.gemini.W10",  # a list
        "lynkr1.gemini.bnVsbA",  # null
        "lynkr1.gemini.\u00fc",
        "lynkr1..e30",  # of nobody
        "lynkr2.gemini.e30",
        " lynkr1.gemini.e30",
    ],
)
def test_what_is_not_ours_is_left_alone(text: str) -> None:
    assert unseal(text) is None


@given(st.text())
def test_unsealing_never_fails(text: str) -> None:
    assert unseal(text) is None
    unseal("lynkr1." + text)
    unseal("lynkr1.gemini." + text)


@given(made_seals(), st.integers(0, 200))
def test_a_text_that_was_cut_is_not_another_seal(seal: Seal, length: int) -> None:
    text = seal_text(seal)
    if length < len(text):
        assert unseal(text[:length]) is None
