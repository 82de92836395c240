"""``lynkr toon`` and ``lynkr untoon`` as a person runs them: exit codes, streams, messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from lynkr.cli import toon
from lynkr.errors import LynkrError

DATA = b'[{"id": 1.0, "who": "ada, l"},\n {"id": 2, "who": "bob"}]\n'
AS_TOON = b'[2]{id,who}:\n  1,"ada, l"\n  2,bob\n'

app = typer.Typer()
app.command("toon")(toon.toon)
app.command("untoon")(toon.untoon)


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(app, list(arguments), input=given)


def test_a_file_and_standard_input_give_the_same(tmp_path: Path) -> None:
    file = tmp_path / "given.json"
    file.write_bytes(DATA)
    for done in (run("toon", str(file)), run("toon", "-", given=DATA), run("toon", given=DATA)):
        assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, AS_TOON, "")


def test_there_and_back_as_written() -> None:
    there = run("toon", "--as-written", "--delimiter", "tab", given=DATA)
    assert there.stdout_bytes == b"[2\t]{id\twho}:\n  1.0\tada, l\n  2\tbob\n"
    back = run("untoon", given=there.stdout_bytes)
    assert back.stdout_bytes == b'[{"id":1.0,"who":"ada, l"},{"id":2,"who":"bob"}]\n'


def test_stats_go_to_stderr_and_the_text_to_stdout() -> None:
    done = run("toon", "--stats", given=DATA)
    assert done.stdout_bytes == AS_TOON
    first, second = done.stderr.splitlines()
    assert first == f"bytes: {len(DATA)} -> {len(AS_TOON) - 1} (-42.1 %)"
    assert second.startswith("tokens, estimated: ")


@pytest.mark.parametrize(
    ("command", "given", "message"),
    [
        ("toon", b'{"a":\n tru}', "standard input: not JSON: not a value at line 2, column 2"),
        ("toon", b'{"a":1,"a":2}', 'standard input: not representable: key "a" twice'),
        ("untoon", b"a: 1\n   b: 2", "standard input: not TOON: line 2: indented by 3 spaces"),
    ],
)
def test_bad_input_is_explained_with_its_place(command: str, given: bytes, message: str) -> None:
    """The program prints it and exits with 1, as for every ``LynkrError``."""
    done = run(command, given=given)
    assert isinstance(done.exception, LynkrError)
    assert str(done.exception).startswith(message)
    assert done.exit_code == 1
    assert done.stdout == ""


def test_a_missing_file_and_a_bad_option_are_explained(tmp_path: Path) -> None:
    done = run("toon", str(tmp_path / "none"))
    assert isinstance(done.exception, LynkrError)
    assert str(done.exception).endswith("none: No such file or directory")
    assert run("toon", "--delimiter", "x").exit_code == 2


def test_a_lenient_reader_takes_a_wrong_count() -> None:
    assert run("untoon", given=b"a[3]: 1").exit_code == 1
    assert run("untoon", "--lenient", given=b"a[3]: 1").stdout_bytes == b'{"a":[1]}\n'
