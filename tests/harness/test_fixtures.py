"""The fixtures say what they hold: an independent reader finds just what each expects."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.harness import reader
from tests.harness.fixtures import FAMILIES, USAGE_NAMES, Fixture, all_fixtures


@pytest.mark.parametrize("fixture", all_fixtures(), ids=repr)
def test_a_naive_reader_finds_what_is_expected(fixture: Fixture) -> None:
    expect = fixture.expect
    asked = json.loads(fixture.request)
    assert (asked["model"], asked.get("stream", False)) == (expect.model, expect.stream)
    if expect.status != 200:
        assert expect.usage == {}
        return
    found = reader.read(fixture.family, fixture.reply, stream=fixture.is_stream)
    assert found == (expect.model_replied, expect.stop_reason, expect.usage)


@pytest.mark.parametrize("fixture", all_fixtures(), ids=repr)
def test_frames_are_the_reply(fixture: Fixture) -> None:
    assert set(fixture.expect.usage) <= set(USAGE_NAMES)
    if fixture.is_stream:
        assert b"".join(fixture.frames) == fixture.reply
        assert len(fixture.frames) > 1


def test_every_family_is_well_covered() -> None:
    count = Counter(fixture.family for fixture in all_fixtures())
    assert set(count) == set(FAMILIES)
    assert min(count.values()) >= 8


@pytest.mark.parametrize(
    "bytes_",
    [b"\r\n\r\n", b"\n: ", b"\ndata:{", b",\ndata: ", b'"output_tokens":12.0', b" \t\r\n\n"],
)
def test_awkward_bytes_are_there(bytes_: bytes) -> None:
    assert any(bytes_ in fixture.reply for fixture in all_fixtures())
