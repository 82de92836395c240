"""``lynkr show``: which gateway is asked, with which key, and what is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from lynkr.cli.main import main
from lynkr.cli.show import DEFAULT_URL, gateway
from lynkr.errors import LynkrError
from tests.cli.served import Asked, Gateway, Serve

ANTHROPIC = "https://gw.example/anthropic"
OPENAI = "http://openai.example:81/v1"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant", "OPENAI_API_KEY": "sk-oai"}


@pytest.mark.parametrize(
    ("environ", "url", "base", "key"),
    [
        ({}, "", DEFAULT_URL, ""),
        ({"LYNKR_KEY": "lk"}, "", DEFAULT_URL, "lk"),
        ({"LYNKR_URL": "http://a:1/v1", "LYNKR_KEY": "lk"}, "", "http://a:1", "lk"),
        ({"LYNKR_URL": "http://a:1", "ANTHROPIC_BASE_URL": ANTHROPIC}, "", "http://a:1", ""),
        ({"ANTHROPIC_BASE_URL": ANTHROPIC}, "", "https://gw.example", "sk-ant"),
        (
            {"ANTHROPIC_BASE_URL": ANTHROPIC, "ANTHROPIC_AUTH_TOKEN": "t"},
            "",
            "https://gw.example",
            "t",
        ),
        ({"ANTHROPIC_BASE_URL": ANTHROPIC, "LYNKR_KEY": "lk"}, "", "https://gw.example", "lk"),
        ({"OPENAI_BASE_URL": OPENAI}, "", "http://openai.example:81", "sk-oai"),
        (
            {"OPENAI_BASE_URL": OPENAI, "ANTHROPIC_BASE_URL": ANTHROPIC},
            OPENAI,
            "http://openai.example:81",
            "sk-oai",
        ),
        ({"ANTHROPIC_BASE_URL": ANTHROPIC}, "https://GW.example/", "https://gw.example", "sk-ant"),
        ({"ANTHROPIC_BASE_URL": ANTHROPIC}, "http://gw.example", "http://gw.example", ""),
        ({"ANTHROPIC_BASE_URL": ANTHROPIC}, "https://evil.example", "https://evil.example", ""),
        (
            {"ANTHROPIC_BASE_URL": ANTHROPIC},
            "https://gw.example@evil.example",
            "https://evil.example",
            "",
        ),
        ({"ANTHROPIC_BASE_URL": "nonsense"}, "http://a:1", "http://a:1", ""),
        ({"LYNKR_URL": "http://user:word@a:1"}, "", "http://a:1", ""),
    ],
)
def test_a_key_goes_to_its_own_gateway_only(
    environ: dict[str, str], url: str, base: str, key: str
) -> None:
    """A provider's key never leaves for an address that the tool does not send it to already."""
    assert gateway({**KEYS, **environ}, url) == (base, key)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gw.example", "http://", "http://a:x", "//a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(LynkrError, match="not the address"):
        gateway({}, url)


class Result(NamedTuple):
    code: object
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as exit_:
            main(["show", *arguments])
        return Result(exit_.value.code, *capsys.readouterr())

    return call


def test_a_text_is_printed_as_it_is(
    serve: Serve, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight from this machine's gateway, whatever proxy the environment names."""
    upstream = serve(200, "line ü\n  two")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "lk-mine")
    assert run("o_12") == Result(0, "line ü\n  two\n", "")
    assert upstream.asked == [Asked("/v1/originals/o_12", "lk-mine")]


def test_a_last_line_end_is_not_doubled(serve: Serve, run: Callable[..., Result]) -> None:
    assert run("o_12", "--url", serve(200, "a\n").url).out == "a\n"


def test_parts_are_asked_of_the_gateway(serve: Serve, run: Callable[..., Result]) -> None:
    upstream = serve(200, "x")
    run("o_12", "--lines", "2-5", "--grep", "a b&c", "--url", upstream.url)
    run("../admin", "--url", upstream.url)
    assert upstream.asked == [
        Asked("/v1/originals/o_12?lines=2-5&grep=a+b%26c", None),
        Asked("/v1/originals/..%2Fadmin", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"There is no original.","type":"x"}}',
        '{"type":"error","error":{"type":"not_found","message":"There is no original."}}',
    ],
)
def test_the_gateways_own_words_explain_a_failure(
    serve: Serve, run: Callable[..., Result], body: str
) -> None:
    result = run("o_12", "--url", serve(404, body).url)
    assert (result.code, result.out) == (1, "")
    assert "There is no original." in result.err


@pytest.mark.parametrize("body", ["<html>", "", '{"error": 5}', "[]"])
def test_an_answer_without_words_is_a_failure_all_the_same(
    serve: Serve, run: Callable[..., Result], body: str
) -> None:
    result = run("o_12", "--url", serve(502, body).url)
    assert (result.code, result.out) == (1, "")
    assert "Bad Gateway" in result.err


def test_a_key_does_not_follow_a_redirect(
    serve: Serve, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = serve(200, "stolen")
    upstream = serve(302, "", location=f"{elsewhere.url}/v1/originals/o_12")
    monkeypatch.setenv("LYNKR_URL", upstream.url)
    monkeypatch.setenv("LYNKR_KEY", "lk-mine")
    result = run("o_12")
    assert (result.code, result.out) == (1, "")
    assert elsewhere.asked == []


def test_nobody_there_is_a_failure_with_its_address(
    serve: Serve, run: Callable[..., Result]
) -> None:
    gone = Gateway(200, "")
    gone.close()
    result = run("o_12", "--url", gone.url)
    assert (result.code, result.out) == (1, "")
    assert f"{gone.url} cannot be reached" in result.err


def test_a_key_that_no_header_can_hold_is_not_shown(
    serve: Serve, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYNKR_KEY", "lk-secret\nx: y")
    result = run("o_12", "--url", serve(200, "x").url)
    assert (result.code, result.out) == (1, "")
    assert "secret" not in result.err


def test_bad_arguments(run: Callable[..., Result]) -> None:
    assert run().code == 2
    assert run("o_12", "--url", "nowhere").code == 1
    assert run("--help").out.startswith("Usage: lynkr show")
