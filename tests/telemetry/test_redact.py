"""Redaction: canaries of every shape that must not come through, and plain words that must."""

from __future__ import annotations

import json

import pytest

from lynkr.telemetry.redact import DEPTH_MAX, MASK, TEXT_CHARS_MAX, redact, redact_text

# Made up, in the shapes real ones have. CANARY is in each, so one test covers all.
CANARY = "cAnArY0123456789"
KEYS = [
    f"sk-{CANARY}",
    f"sk-ant-api03-{CANARY}-_AA",
    f"sk-proj-{CANARY}",
    f"lk-{CANARY}",
    f"AIza{CANARY}abcdefghijklmnop",
    f"xai-{CANARY}",
    f"gsk_{CANARY}",
    f"hf_{CANARY}",
    f"ghp_{CANARY}",
    f"github_pat_{CANARY}",
    f"AKIA{CANARY.upper()}",
    f"ya29.{CANARY}",
    f"eyJhbGciOi.{CANARY}.{CANARY}",
]
AROUND = [
    "{}",
    "key {} refused",
    "'{}'",
    '{{"x": "{}"}}',
    "a={}&b=2",
    "/path/{}/x",
    "({})",
    "\n{}\n",
]


def has_canary(text: str) -> bool:
    return CANARY.lower() in text.lower()


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_anywhere_in_a_text(key: str, around: str) -> None:
    text = redact_text(around.format(key))
    assert not has_canary(text)
    assert MASK in text


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"authorization: bearer {CANARY}",
        f"Proxy-Authorization: Basic {CANARY}==",
        f"x-api-key: {CANARY}",
        f'{{"api_key": "{CANARY}"}}',
        f"apiKey={CANARY};",
        f"https://user:{CANARY}@proxy.example:3128/",
        f"https://host/v1/models?key={CANARY}&alt=sse",
        f"password='{CANARY}'",
        f"X-Amz-Signature={CANARY}",
        f"access_token={CANARY}",
    ],
)
def test_a_secret_named_in_a_text(text: str) -> None:
    assert not has_canary(redact_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "task-management-is-not-a-key",
        "risk-assessment of the desk-research",
        "cannot connect to https://api.anthropic.com:443/v1/messages",
        "claude-sonnet-4-5-20250929",
        "max_tokens: 4096 is too large",
        "key main of team blue",
        "sk-",
        "",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("key", KEYS)
def test_what_stays_tells_the_kind_only(key: str) -> None:
    assert len(redact_text(key)) <= len("github_pat_") + len(MASK)


@pytest.mark.parametrize(
    "field",
    [
        "api_key",
        "API-KEY",
        "x-api-key",
        "authorization",
        "password",
        "client_secret",
        "set-cookie",
        "access_token",
        "token",
        "aws_credentials",
    ],
)
def test_a_secret_field_goes_whatever_is_in_it(field: str) -> None:
    assert redact("hunter2", field) == MASK
    assert redact({"headers": {field: "hunter2"}}) == {"headers": {field: MASK}}
    assert redact([b"hunter2"], field) == [MASK]


def test_a_key_field_keeps_names_and_loses_opaque_text() -> None:
    assert redact("log.access", "key") == "log.access"
    assert redact("QUJDREVGR0hJSktMTU5PUFFSU1RVVg==", "key") == MASK
    assert redact("sha256:" + "ab" * 32, "digest") == f"sha256:{MASK}"
    assert redact(["short", "A" * 40], "keys") == ["short", MASK]


def test_numbers_and_nothing_stay() -> None:
    fields = {"output_tokens": 5, "api_key": None, "token": 7, "stuck": True, "s": 0.5}
    assert redact(fields) == fields


def test_anything_becomes_json() -> None:
    value = {
        1: {f"sk-{CANARY}"},
        "error": ValueError(f"refused sk-{CANARY}"),
        "raw": f"Bearer {CANARY}".encode(),
        "nested": [({"password": CANARY},)],
    }
    text = json.dumps(redact(value))
    assert not has_canary(text)


def test_depth_is_bounded() -> None:
    value: object = f"sk-{CANARY}"
    for _ in range(DEPTH_MAX + 50):
        value = [value]
    assert str(redact(value)).count("[") == DEPTH_MAX + MASK.count("[")


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_a_key_across_the_cut_does_not_come_through_in_part(shift: int) -> None:
    text = "word " * (TEXT_CHARS_MAX // 5 - 5)
    text += "x" * shift + f" sk-{CANARY} {'more ' * 100}"
    cut = redact_text(text)
    assert len(cut) < TEXT_CHARS_MAX + 20
    assert "cAnA" not in cut


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a", "sk-", "Bearer ", "://", "key=", "eyJ.", "api_key: "])
def test_a_long_text_takes_no_long_time(unit: str) -> None:
    redact_text(unit * (10_000_000 // len(unit)))
