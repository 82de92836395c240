"""What is written down of a call, and what can never be."""

from __future__ import annotations

import msgspec
import pytest

from lynkr.policies.record import CacheUse, PoolGauge, Record, RoutingUse, Saving
from lynkr.wire.message import ReplyFacts, Usage

FIELDS = {field.name: field for field in msgspec.structs.fields(Record)}


def test_a_record_has_no_place_for_content_or_credentials() -> None:
    """Nothing downstream can leak a prompt, a reply or a key: only these facts leave the call."""
    assert set(FIELDS) == {
        *("request_id", "accepted_at", "api", "path", "client", "principal", "team"),
        *("provider", "lane", "model_asked", "model", "model_replied", "stream", "status"),
        *("ended_by", "error", "error_source", "stop_reason", "request_bytes", "reply_bytes"),
        *("attempts", "connection_reused", "overhead_us", "upstream_write_ms", "first_byte_ms"),
        *("last_byte_ms", "usage", "failed_over", "dropped", "saving", "cache", "routing"),
    }
    # The lists are of provider names and of words of the catalog.
    allowed = (
        str,
        int,
        float,
        bool,
        Usage,
        int | None,
        float | None,
        list[str],
        tuple[str, ...],
        Saving,
        CacheUse,
        RoutingUse,
    )
    for field in FIELDS.values():
        assert field.type in allowed or field.name == "ended_by"


def test_every_field_must_be_given() -> None:
    """A fact that was forgotten is an error, not a zero."""
    assert all(field.required for field in FIELDS.values())
    with pytest.raises(TypeError):
        Record()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("usage", "encoded"),
    [
        (Usage(), b"{}"),
        (Usage(input_tokens=0), b'{"input_tokens":0}'),
        (
            Usage(1, 2, 3, 4, 5),
            b'{"input_tokens":1,"output_tokens":2,"prompt_cache_read_tokens":3,'
            b'"prompt_cache_write_tokens":4,"reasoning_tokens":5}',
        ),
    ],
)
def test_what_was_not_reported_is_left_out_and_zero_is_not(usage: Usage, encoded: bytes) -> None:
    assert msgspec.json.encode(usage) == encoded
    assert msgspec.json.decode(encoded, type=Usage) == usage


@pytest.mark.parametrize("value", [Usage(), ReplyFacts(), PoolGauge("o", 0, 0, 0, 0, 0, 0)])
def test_facts_do_not_change(value: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], "other")
