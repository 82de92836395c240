"""What holds for every output: no error, no loss of length, the same each time, all lines said."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.outputs import Output
from lynkr.transforms.digests.commands import hinted
from lynkr.transforms.digests.digest import CHARS_MIN, FAMILIES, LINES_MAX, SHARE_MAX, digest
from lynkr.transforms.digests.lines import Text
from tests.transforms.digests.reading import covered, numbered

SAMPLES = Path(__file__).parents[3] / "eval" / "samples" / "outputs"
OUTPUTS = msgspec.json.decode((SAMPLES / "index.json").read_bytes(), type=list[Output])
COMMANDS = ["", "pytest", "git diff", "git status", "cat a.py", "npm ls --json", "make", "ls -l"]
PIECES = [
    "FAILED tests/a.py::test_b - boom", "____ test_b ____", "E   assert 1 == 2", "=== FAILURES ===",
    "diff --git a/x b/x", "@@ -1,3 +1,4 @@ def f", "+new", "-old", " same", "commit 0123abc", "",
    "a.py:3:1: error: wrong  [misc]", "  3:1  error  wrong  no-var", "src/a.js:12:let x = 1;", "{",
    '{"a": 1, "b": [1, 2]}', "├── a@1.0.0", "| a | b |", "a  b  c", "NAME  READY  STATUS", "\t- x",
    "2026-01-02 03:04:05 ERROR no", '1.1.1.1 - - [x] "GET /a HTTP/1.1" 404 9', "def f(a):", "1\tx",
    "error[E0308]: mismatched", " --> src/lib.rs:1:2", "-rw-r--r-- 1 a b 7 Jan  1 10:00 x",
    "  at x", "On branch main", "\tmodified:   a", "?? b", "import time: 1 | 2 | x",
    "Ran 3 tests in 1s",
    "\r", "\x1b[31mred", "\ud83d", "[1/9] building", "✓ passes", "  ● a \u203a b", "not ok 3",
    "12 a/b.py",
]  # fmt: skip

pieced = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), max_size=60).map(
    lambda lines: "\n".join(lines * (CHARS_MIN // max(1, sum(map(len, lines))) + 2))[:30_000]
)


@given(pieced, st.sampled_from(COMMANDS), st.sampled_from(["", "Read", "Grep", "Bash"]))
@settings(deadline=None)
def test_nothing_raises_and_nothing_grows(text: str, command: str, tool: str) -> None:
    found = digest(text, command, tool)
    assert found == digest(text, command, tool)
    if found is not None:
        assert len(text) >= CHARS_MIN
        assert len(found.text) <= SHARE_MAX * len(text) + 4000  # what a client put around it stays


@given(pieced)
@settings(deadline=None, max_examples=60)
def test_no_family_raises_on_what_is_another_ones(text: str) -> None:
    for family in FAMILIES:
        body = Text(text)
        hint = hinted("", "")
        assert 0.0 <= family.shape(body, hint) <= 1.1
        family.write(body, hint)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: Path(output.file).stem)
def test_outputs_that_end_anywhere_are_taken(output: Output) -> None:
    """Clients cut outputs; the cut may be anywhere."""
    text = (SAMPLES / output.file).read_text("utf-8")
    for cut in range(CHARS_MIN, len(text), max(1, len(text) // 23)):
        for part in (text[:cut], text[-cut:]):
            found = digest(part, output.command, output.tool)
            assert found is None or len(found.text) <= SHARE_MAX * len(part)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: Path(output.file).stem)
def test_what_must_be_known_at_once_is_in_the_digest(output: Output) -> None:
    text = (SAMPLES / output.file).read_text("utf-8")
    for command in (output.command, ""):
        found = digest(text, command, output.tool)
        shown = text if found is None else found.text
        for needle in output.needles:
            if needle.critical:
                assert all(word in shown for word in needle.must_contain), needle.question


@pytest.mark.parametrize("name", ["pytest-verbose", "jest", "git-diff", "cargo-build"])
def test_lines_are_kept_or_announced(name: str) -> None:
    (output,) = [each for each in OUTPUTS if Path(each.file).stem == name]
    text = (SAMPLES / output.file).read_text("utf-8")
    found = digest(text, output.command, output.tool)
    assert found is not None
    assert covered(text, found.text)


def test_short_and_endless_texts_are_left_alone() -> None:
    assert digest("x" * (CHARS_MIN - 1)) is None
    assert digest("a line\n" * (LINES_MAX + 1)) is None
    assert digest("one plain sentence after the other. " * 80) is None


UNITS = [
    "a", " ", "\t", "-", "=", "1", "a:", "a:1:", "(", "[", "{", '"', "\\", "a/", "a.b.", "public ",
    "A_", "@@ -1 +1 @@\n", "  1:1  error  ", "a  ", '{"a":[', "│ ", "\x1b[", "\r", "\ud800",
    "error ", "| ", "0.", "=> ", "./", "- ", "^", "..", "x" * 399 + "\n", " " * 399 + "\n",
    "A " * 200 + "\n",
    "-- " * 130 + "\n", "1 " * 200 + "\n", "a.b." * 100 + "\n", "(a" * 200 + "\n",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: repr(unit[:9]))
def test_two_megabytes_of_anything_end(unit: str) -> None:
    """An expression that goes back and forth would run into the timeout."""
    text = (unit * (2_000_000 // len(unit)))[:2_000_000]
    digest(text)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: repr(unit[:9]))
def test_no_family_loses_itself_in_long_lines(unit: str) -> None:
    text = "\n".join([(unit.replace("\n", "") * 400)[:400]] * 150)
    for family in FAMILIES:
        body = Text(text)
        family.shape(body, hinted("", ""))
        family.write(body, hinted("", ""))


def test_numbers_are_those_of_the_whole_text() -> None:
    """A client's header counts, so that a range can be asked for as it is said."""
    body = numbered(400)
    text = f"Exit code 1\n{body}"
    found = digest(text)
    assert found is not None
    assert found.text.startswith("Exit code 1\n")
    assert covered(text, found.text)
