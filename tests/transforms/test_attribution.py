"""Claude Code's first system block, towards providers that do not take it off."""

from __future__ import annotations

import json

import pytest

from lynkr._native.spans import MESSAGES
from lynkr.transforms.passes import Want
from tests.transforms.made import EXPLICIT, NONE, shaped

LINE = "x-anthropic-billing-header: cc_version=2.1.197.1ab; cc_entrypoint=cli;"
SAME = "x-anthropic-billing-header: cc_version=2.1.197; cc_entrypoint=cli;"


def system_after(system: object, *, taken_off: bool = False) -> object:
    raw = json.dumps({"model": "m", "system": system, "messages": []}).encode()
    found = shaped(raw, MESSAGES, Want(), EXPLICIT if taken_off else NONE)
    return json.loads(found.body)["system"]


@pytest.mark.parametrize(
    "varying",
    [
        LINE,
        LINE.replace("1ab", "9"),
        LINE + " cch=a1b2c;",
        LINE.replace(" cc_entry", " cc_is_subagent=true; cc_entry"),
        LINE.replace(";", "; cch=0;", 1),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_threads_of_a_session_begin_alike(varying: str, listed: bool) -> None:
    blocks = [{"type": "text", "text": varying}, {"type": "text", "text": "You are."}]
    if listed:
        assert system_after(blocks) == [{"type": "text", "text": SAME}, blocks[1]]
    else:
        assert system_after(varying + "\nYou are.") == SAME + "\nYou are."


def test_nothing_behind_the_line_is_touched() -> None:
    """A prompt may speak of such words."""
    rest = '\nSet cch=1; cc_version=1.2.3.4 "quoted"'
    assert system_after(LINE + rest) == SAME + rest


@pytest.mark.parametrize(
    "system",
    [
        "Set cch=1;",
        [{"type": "text", "text": "You are."}, {"type": "text", "text": LINE}],
        SAME,
        "",
    ],
)
def test_other_prompts_stay(system: object) -> None:
    assert system_after(system) == system


def test_a_provider_that_takes_it_off_gets_it_as_it_came() -> None:
    assert system_after(LINE, taken_off=True) == LINE
