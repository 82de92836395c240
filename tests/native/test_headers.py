"""Which headers a proxy keeps, drops or answers for itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.headers import classify, value_of, without

KINDS = {
    "hop": ["te", "trailer", "keep-alive", "proxy-authorization", "proxy-connection", "proxy-x"],
    "connection": ["connection"],
    "length": ["content-length"],
    "coding": ["transfer-encoding"],
    "host": ["host"],
    "expect": ["expect"],
    "upgrade": ["upgrade"],
    "authorization": ["authorization"],
    "api_key": ["x-api-key"],
    "gateway": ["x-lynkr-key", "x-lynkr-x"],
    "forwarded": ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"],
    "content_type": ["content-type"],
    "content_encoding": ["content-encoding"],
    "version": ["anthropic-version"],
}
PASSED = [
    *("accept", "accept-encoding", "user-agent", "anthropic-beta", "x-stainless-lang", "cookie"),
    *("x-app", "x-claude-code-session-id", "x-request-id", "x-codex-window-id", "session-id"),
    *("openai-beta", "x-client-request-id", "version", "originator", "date", "retry-after"),
    # One letter away from a name that means something, or a prefix without its rest.
    *("x-api-keys", "x-api-ke", "x-lynkr-", "x-lynkr", "x-forwarded-", "x-forwarded", "x-real-ips"),
    *("t", "tee", "trailers", "transfer-encodings", "keep-aliv", "proxy-", "proxy", "vi", "vias"),
    *("hosts", "hos", "connections", "content-lengths", "content", "expects", "upgrades"),
    *("authorizations", "authorize", "anthropic-versions", "forward", "x", "x-", "x-a", "c", "p"),
    *("", "\x00", "é", "1", "~~~~"),
]
NAMED = [(kind, name) for kind, names in KINDS.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_a_header_has_one_meaning_in_any_case(kind: str, name: str) -> None:
    """Header names have no case (RFC 9110, 5.1)."""
    for spelt in (name, name.upper(), name.title(), name.swapcase()):
        assert classify(spelt.encode()) == kind


@pytest.mark.parametrize("name", PASSED)
def test_any_other_header_passes(name: str) -> None:
    """What the gateway does not know is none of its business."""
    for spelt in (name, name.upper(), name.title()):
        assert classify(spelt.encode()) == "pass"


@pytest.mark.parametrize("name", [name for _, name in NAMED])
def test_a_longer_or_shorter_name_is_another_header(name: str) -> None:
    """Except below the prefixes, one letter more or less makes it a stranger."""
    if name.startswith(("x-forwarded-", "x-lynkr-", "proxy-")):
        return
    assert classify(name.encode() + b"z") == "pass"
    assert classify(name.encode()[:-1]) == "pass"


LINES = b"Accept: a\r\nX-One: 1\r\nx-two:2\r\nX-ONE:  three \r\nEmpty:\r\nTime: 1:2:3\r\n"


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (set(), LINES),
        ({b"x-three"}, LINES),
        ({b"x-one"}, b"Accept: a\r\nx-two:2\r\nEmpty:\r\nTime: 1:2:3\r\n"),
        ({b"accept", b"time", b"empty"}, b"X-One: 1\r\nx-two:2\r\nX-ONE:  three \r\n"),
        ({b"x"}, LINES),
    ],
)
def test_the_lines_a_connection_header_lists_are_left_out(names: set[bytes], left: bytes) -> None:
    """Every line of those names, in any case; the others stay as they were, byte for byte."""
    assert without(LINES, names) == left
    assert without(b"", names) == b""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"accept", b"a"),
        (b"x-one", b"1"),
        (b"x-two", b"2"),
        (b"empty", b""),
        (b"time", b"1:2:3"),
        (b"x-three", None),
        (b"x", None),
    ],
)
def test_the_first_value_of_a_name_is_found(name: bytes, value: bytes | None) -> None:
    assert value_of(LINES, name) == value


def slowly(lines: bytes, name: bytes) -> bytes | None:
    """``value_of``, the obvious way."""
    for line in lines.split(b"\r\n"):
        key, colon, value = line.partition(b":")
        if colon and key.lower() == name:
            return value.strip()
    return None


@given(
    st.lists(st.sampled_from(re.findall(rb"\r\n|.", b"aBab:b: \r\n\t1\r\n\r", re.S)), max_size=40)
)
def test_whatever_the_bytes_the_first_value_is_the_same(pieces: list[bytes]) -> None:
    for name in (b"a", b"ab", b"b", b"aba"):
        assert value_of(b"".join(pieces), name) == slowly(b"".join(pieces), name)


def test_no_name_at_all_is_a_type_error() -> None:
    for call in (lambda: classify(None), lambda: value_of(None, b""), lambda: without(None, ())):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            call()
