"""``lynkr cache``: what is asked of the gateway, and what is printed of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from lynkr.cli.main import main
from tests.cli.served import Asked, Serve

ENTRY = {
    "id": "c_1", "api": "messages", "provider": "one", "model": "m", "kind": "semantic",
    "age_s": 7300.0, "expires_in_s": 200_000.0, "hits": 3, "size": 12_345,
    "question": "Explain TCP vs UDP",
}  # fmt: skip
PARTITION = {
    "partition": "48bb006a437b", "compared": 40, "disagreed": 4, "estimate": 0.1, "low": 0.03,
    "high": 0.24, "similarity_min": 0.915, "off": False, "reason": "below it more were wrong",
}  # fmt: skip
STATS: dict[str, Any] = {
    "mode": "semantic", "shared_by": "team", "entries": 12, "semantic": 5, "bytes": 4_200_000,
    "false_hits": {
        "compared": 40, "disagreed": 4, "estimate": 0.1, "low": 0.03, "high": 0.24, "max": 0.01
    },
    "partitions_total": 3,
    "partitions": [PARTITION, {**PARTITION, "off": True}],
}  # fmt: skip


class Result(NamedTuple):
    code: object
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as exit_:
            main(["cache", *arguments])
        return Result(exit_.value.code, *capsys.readouterr())

    return call


def test_statistics_are_printed_for_people(serve: Serve, run: Run) -> None:
    result = run("stats", "--url", serve(200, json.dumps(STATS)).url)
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[:4] == [
        "mode semantic, shared by team",
        "answers 12, 5 for reworded questions too",
        "size 4.2 MB",
        "false hits 10.00% (3.00% to 24.00%) of 40 compared; at most 1.00% are allowed",
    ]
    assert "48bb006a437b 40 4 0.915 10.00% (3.00% to 24.00%): below it more were wrong" in lines
    assert any(line.startswith("48bb006a437b 40 4 off") for line in lines)
    assert lines[-1] == "and 1 more"


def test_an_admin_also_sees_scopes_and_the_workers_counts(serve: Serve, run: Run) -> None:
    scopes = [
        {"scope": "aa", "entries": 2, "semantic": 1, "bytes": 900},
        {"scope": "bb", "entries": 1, "semantic": 0, "bytes": 5},
    ]
    worker = {"stored": 9, "not_kept": {"max_tokens": 2, "refusal": 1}}
    found = {**STATS, "partitions": [], "scopes": scopes, "worker": worker}
    result = run("stats", "--url", serve(200, json.dumps(found)).url)
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert "aa 2 1 900 B" in lines
    assert "not kept max_tokens 2, refusal 1" in lines


def test_nothing_compared_is_said_in_words(serve: Serve, run: Run) -> None:
    none = {"compared": 0, "disagreed": 0, "estimate": None, "low": None, "high": None}
    found = {**STATS, "partitions": [], "false_hits": {**none, "max": 0.01}}
    out = run("stats", "--url", serve(200, json.dumps(found)).url).out
    assert "none compared yet; at most 1.00% are allowed" in out


@pytest.mark.parametrize("arguments", [("stats",), ("show",), ("show", "c_1")])
def test_json_is_the_gateways_own_document(
    arguments: tuple[str, ...], serve: Serve, run: Run
) -> None:
    result = run(*arguments, "--json", "--url", serve(200, json.dumps(STATS)).url)
    assert json.loads(result.out) == STATS


def test_entries_are_listed(serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "why " * 40
    exact = {**ENTRY, "id": "c_2", "kind": "exact", "question": None}
    entries = [ENTRY, exact, {**ENTRY, "question": long}]
    upstream = serve(200, json.dumps({"entries": entries, "more": 7}))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "lk-mine")
    result = run("show", "--limit", "3", "--question", "a b&c")
    assert upstream.asked == [Asked("/v1/cache/entries?limit=3&question=a+b%26c", "lk-mine")]
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[1] == "c_1 semantic messages one:m 2h 2d 3 12.35 kB Explain TCP vs UDP"
    assert lines[2] == "c_2 exact messages one:m 2h 2d 3 12.35 kB"
    assert lines[3].endswith("…")
    assert lines[-1] == "and 7 older ones"


def test_no_entries_are_said_in_words(serve: Serve, run: Run) -> None:
    upstream = serve(200, json.dumps({"entries": [], "more": 0}))
    assert run("show", "--url", upstream.url).out == "no answers are kept\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("TCP keeps\norder.\n", "TCP keeps\norder.\n"), (None, "not at hand")]
)
def test_an_entry_is_printed_with_its_text(
    text: str | None, shown: str, serve: Serve, run: Run
) -> None:
    upstream = serve(200, json.dumps({**ENTRY, "epoch": "", "text": text}))
    out = run("show", "c_1", "--url", upstream.url).out
    assert upstream.asked[0].path == "/v1/cache/entries/c_1"
    facts, _, body = out.partition("\n\n")
    assert "question  Explain TCP vs UDP" in facts
    assert "age       2h, 2d left" in facts
    assert "epoch" not in facts
    assert shown in body


def test_some_are_forgotten_by_their_ids(serve: Serve, run: Run) -> None:
    upstream = serve(200, '{"forgotten":1}')
    assert run("forget", "c_1", "../x", "--url", upstream.url).out == "c_1\n../x\n"
    assert [(one.method, one.path) for one in upstream.asked] == [
        ("DELETE", "/v1/cache/entries/c_1"),
        ("DELETE", "/v1/cache/entries/..%2Fx"),
    ]


def test_a_wrong_answer_is_told_and_what_went_is_printed(serve: Serve, run: Run) -> None:
    upstream = serve(200, '{"forgotten":["c_1","c_2"]}')
    result = run("wrong", "c_1", "--similarity", "0.93", "--url", upstream.url)
    assert result.out == "c_1\nc_2\n"
    run("wrong", "c_1", "--url", upstream.url)
    assert [(one.method, one.path, json.loads(one.body)) for one in upstream.asked] == [
        (
            "POST",
            "/v1/cache/feedback",
            {"entry": "c_1", "verdict": "wrong", "similarity": 0.93},
        ),
        ("POST", "/v1/cache/feedback", {"entry": "c_1", "verdict": "wrong"}),
    ]


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("--all",), {"all": True}),
        (("--all", "--all-keys"), {"all": True, "scope": "all"}),
        (("--model", "m", "--provider", "p"), {"model": "m", "provider": "p"}),
        (("--epoch", "abc"), {"epoch": "abc"}),
        (("--older-than", "90"), {"older_than_s": 90}),
        (("--older-than", "90s"), {"older_than_s": 90}),
        (("--older-than", "1.5m"), {"older_than_s": 90}),
        (("--older-than", "2h"), {"older_than_s": 7200}),
        (("--older-than", "7d"), {"older_than_s": 604_800}),
        (("--older-than", "0s"), {"older_than_s": 0}),
    ],
)
def test_a_purge_says_what_is_to_go(
    arguments: tuple[str, ...], body: dict[str, object], serve: Serve, run: Run
) -> None:
    upstream = serve(200, '{"forgotten":4}')
    assert run("purge", *arguments, "--yes", "--url", upstream.url).out == "4 forgotten\n"
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/v1/cache/purge")
    assert json.loads(asked.body) == body
    out = run("purge", *arguments, "--yes", "--json", "--url", upstream.url).out
    assert json.loads(out) == {"forgotten": 4}


def test_nothing_is_purged_unless_somebody_says_so(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = serve(200, '{"forgotten":4}')
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    result = run("purge", "--all", "--url", upstream.url)
    assert (result.code, result.out, upstream.asked) == (1, "", [])
    assert "--yes" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("purge", "--yes"),
        ("purge", "--yes", "--all-keys"),
        ("purge", "--yes", "--older-than", "soon"),
        ("purge", "--yes", "--older-than", "-1h"),
        ("show", "--limit", "0"),
        ("wrong", "c_1", "--similarity", "2"),
        ("wrong",),
        ("forget",),
        (),
    ],
)
def test_bad_arguments_ask_nobody(arguments: tuple[str, ...], serve: Serve, run: Run) -> None:
    upstream = serve(200, "{}")
    assert run(*arguments).code == 2
    assert upstream.asked == []


def test_the_gateways_own_words_explain_a_failure(serve: Serve, run: Run) -> None:
    upstream = serve(404, '{"error":{"message":"There is no answer.","type":"x"}}')
    for arguments in (("show", "c_1"), ("forget", "c_1"), ("wrong", "c_1"), ("stats",)):
        result = run(*arguments, "--url", upstream.url)
        assert (result.code, result.out) == (1, "")
        assert "There is no answer." in result.err


@pytest.mark.parametrize("body", ["", "<html>", "[]", "5"])
def test_what_is_no_answer_of_a_gateway_is_a_failure(body: str, serve: Serve, run: Run) -> None:
    result = run("stats", "--url", serve(200, body).url)
    assert (result.code, result.out) == (1, "")
    assert "another" in result.err
