"""A result is made smaller only if it can be read back, says the same, and is smaller."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.jsontape import normal
from lynkr.transforms.results import forms
from lynkr.transforms.results.forms import Shrunk, restore, shrink
from lynkr.transforms.results.grep_lines import grouped, ungrouped
from lynkr.wire.tokens import estimated_bytes
from tests.native.test_rows import ascii_only, values

PODS = [
    {
        "name": f"web-{i * 7919 % 1000}",
        "status": "Running",
        "node": f"node-{i % 3}",
        "restarts": i % 4,
    }
    for i in range(30)
]
PRETTY = json.dumps(PODS, indent=2).encode()
CONFIG = json.dumps(
    {"a": {"b": [1, {"c": "some text"}] * 3}, "d": list(range(99))}, indent=4
).encode()
REMINDER = b"\n\n<system-reminder>\nThe task list is empty.\n</system-reminder>"


def shrunk(text: bytes) -> Shrunk:
    """What became of it, which must pay."""
    made = shrink(text)
    assert made is not None
    assert made.before == estimated_bytes(text)
    assert made.after == estimated_bytes(made.text)
    assert made.before - made.after >= max(16, 0.05 * made.before)
    return made


def test_a_table_becomes_rows() -> None:
    made = shrunk(PRETTY)
    assert made.kind == "rows"
    assert made.text.startswith(b'30 rows of {"name":"web-$1","status":"Running"')
    assert restore(made) == normal(PRETTY)
    assert made.after * 4 < made.before


def test_what_has_no_table_becomes_compact_or_toon() -> None:
    made = shrunk(CONFIG)
    assert made.kind in ("compact", "toon")
    assert restore(made) == normal(CONFIG)


@pytest.mark.parametrize(
    "header",
    [
        b"Script completed\nWall time 0.1 seconds\nOutput:\n",
        b"Chunk ID: 1a2b\nWall time: 0.0520 seconds\nProcess exited with code 0\n"
        b"Original token count: 900\nOutput:\n",
        b"Content of /etc/pods:\n",
        b"[notice] cached\n",
    ],
)
@pytest.mark.parametrize("tail", [b"", b"\n", REMINDER, b"\n" + REMINDER + b"\n"])
def test_lines_above_and_reminders_below_stay(header: bytes, tail: bytes) -> None:
    made = shrunk(header + PRETTY + tail)
    assert made.text.startswith(header + b"30 rows of ")
    assert made.text.endswith(tail)
    assert restore(made) == header + normal(PRETTY) + tail


def test_json_lines_stay_lines() -> None:
    lines = [json.dumps(pod) for pod in PODS]
    made = shrunk("\n".join(lines).encode() + b"\n")
    assert made.kind == "rows"
    assert made.text.startswith(b"30 lines of {")
    assert restore(made) == b"\n".join(normal(line.encode()) for line in lines) + b"\n"


def test_json_in_the_text_of_an_mcp_result() -> None:
    inner = json.dumps(PODS)
    made = shrunk(
        json.dumps({"content": [{"type": "text", "text": inner}], "isError": False}).encode()
    )
    assert made.kind == "text"
    assert made.text.startswith(
        b'{"content":[{"type":"text","text":<text 1>}],"isError":false}\ntext 1:\n30 rows of {'
    )
    again = json.loads(restore(made))
    assert again["content"][0]["text"].encode() == normal(inner.encode())


def test_commands_and_their_output_as_cline_sends_them() -> None:
    code = "def f(x):\n    return {\n        'a': \"b\",\n        'c': x,\n    }\n" * 12
    answers = [
        {"query": "kubectl get pods -o json", "result": PRETTY.decode(), "success": True},
        {"query": "cat f.py", "result": code, "success": True},
    ]
    made = shrunk(json.dumps(answers).encode())
    assert made.kind == "text"
    assert made.inner == ("rows", "plain")
    again = json.loads(restore(made))
    assert again[1] == answers[1]
    assert json.loads(again[0]["result"]) == PODS


def test_json_in_json_in_json() -> None:
    deepest = json.dumps({"content": [{"type": "text", "text": json.dumps(PODS)}]})
    outer = {"results": [{"output": deepest, "id": 1}]}
    made = shrunk(json.dumps(outer).encode())
    assert made.inner == ("inner rows",)
    inner = json.loads(json.loads(restore(made))["results"][0]["output"])
    assert json.loads(inner["content"][0]["text"]) == PODS


def test_a_string_that_looks_like_a_seam_stays_in_its_document() -> None:
    trap = 'a\nb\n\t"c"\ntext 1:\n<text 1>\n' * 20
    data = json.dumps([{"result": trap, "x": trap + "<text 2>"}], indent=8).encode()
    made = shrink(data)
    assert made is None or restore(made) == normal(data)


@settings(max_examples=150)
@given(st.lists(values, min_size=2, max_size=6), st.integers(1, 4), st.booleans())
def test_any_json_says_the_same_or_is_left(some: list[object], times: int, nested: bool) -> None:
    data = ascii_only(some * times)
    if nested:
        data = ascii_only({"content": [{"type": "text", "text": data.decode()}]})
    made = shrink(data)
    if made is None:
        return
    again = restore(made)
    if made.kind != "text":
        assert again == normal(data)
    else:
        text = json.loads(again)["content"][0]["text"]
        assert normal(text.encode()) == normal(json.loads(data)["content"][0]["text"].encode())


def test_a_form_that_cannot_be_read_back_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(text: bytes) -> bytes:
        if text.endswith(b"0"):
            raise ValueError("no")
        return text

    monkeypatch.setitem(forms._INVERSES, "rows", wrong)
    monkeypatch.setitem(forms._INVERSES, "toon", wrong)
    made = shrunk(PRETTY)
    assert made.kind == "compact"
    assert made.text == normal(PRETTY)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x" * 5000,
        b'{"a":1}',
        normal(CONFIG),
        PRETTY[:-1],
        b"1\t[\n2\t  {" + PRETTY,
        b"[INFO] no json\n" * 100,
        b"2026-01-01T10:00:01 x.y: message\n" * 50,
    ],
)
def test_what_is_small_or_no_json_is_left(text: bytes) -> None:
    made = shrink(text)
    assert made is None or made.kind == "toon"
    if made is not None:
        assert restore(made) == normal(text)


# --- grep -----------------------------------------------------------------------------------------

MATCHES = b"\n".join(
    b"src/deep/folder/module_%d.py:%d:    raise TypeError(message)" % (i // 5, i * 3 + 1)
    for i in range(30)
)


def test_matches_are_grouped_by_file() -> None:
    made = shrunk(MATCHES + b"\n" + REMINDER)
    assert made.kind == "grep"
    assert made.text.startswith(
        b"src/deep/folder/module_0.py\n1:    raise TypeError(message)\n4:    raise"
    )
    assert restore(made) == MATCHES + b"\n" + REMINDER
    assert made.after < 0.75 * made.before


def test_context_lines_and_their_groups() -> None:
    text = b"\n--\n".join(
        b"a-1-b/x-2-y.py-%d-before\na-1-b/x-2-y.py:%d:match - 1-2\na-1-b/x-2-y.py-%d-"
        % (n, n + 1, n + 2)
        for n in (5, 50, 70)
    )
    made = grouped(text)
    assert made is not None
    assert made.startswith(b"a-1-b/x-2-y.py\n5-before\n6:match - 1-2\n7-\n--\n50-before")
    assert ungrouped(made) == text


def test_matches_without_line_numbers() -> None:
    text = b"\n".join(b"docs/page%d.md: see: here %d" % (i // 4, i) for i in range(12))
    made = grouped(text)
    assert made is not None
    assert made.startswith(b"docs/page0.md:\n  see: here 0\n  see")
    assert ungrouped(made) == text


pieces = st.sampled_from(
    [b"a/b.py", b"c.py", b":", b"-", b"1", b"12", b"--", b" ", b"text", b"a/b.py:1:x", b"\r", b""]
)


@settings(max_examples=300)
@given(st.lists(st.lists(pieces, max_size=6).map(b"".join), min_size=6, max_size=20))
def test_lines_are_grouped_exactly_or_not_at_all(lines: list[bytes]) -> None:
    for text in (b"\n".join(lines), b"\n".join(b"a/b.py:7:" + line for line in lines)):
        made = grouped(text)
        assert made is None or ungrouped(made) == text
    assert grouped(b"\n".join(b"a/b.py:7:" + line for line in lines)) is not None
