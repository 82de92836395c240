"""Linters, type checkers and builds: every place stays."""

from __future__ import annotations

import json

import pytest

from lynkr.transforms.digests.digest import digest
from lynkr.transforms.digests.reports import placed
from tests.transforms.digests.reading import covered

FILES = ("src/harbour/pier.py", "src/harbour/crane.py", "src/tide.py")


def mypy() -> str:
    lines = []
    for at in range(90):
        said = (
            "Function is missing a type annotation  [no-untyped-def]"
            if at % 2
            else f'Argument {at} to "moor" has incompatible type "str"  [arg-type]'
        )
        lines.append(f"{FILES[at % 3]}:{at * 3 + 5}: error: {said}")
    return "\n".join([*lines, "Found 90 errors in 3 files (checked 12 source files)"])


def test_each_error_of_a_type_checker_keeps_file_line_and_words() -> None:
    found = digest(mypy(), "uv run mypy .")
    assert found is not None
    assert found.kind == "diagnostics"
    words = found.text.replace(",", " ").split()
    for at in range(90):
        assert str(at * 3 + 5) in words
        if not at % 2:
            assert f'error: Argument {at} to "moor" has incompatible type "str"' in found.text
    assert found.text.count("Function is missing a type annotation  [no-untyped-def]") == 1
    assert "Found 90 errors in 3 files" in found.text
    assert all(file in found.text for file in FILES)


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ("src/a_{f}.ts({n},7): error TS2322: Type 'string' is not assignable.", "Found 80 errors."),
        ("src/a_{f}.ts:{n}:7 - error TS2322: Type 'string' is not assignable.", "Found 80 errors."),
        ("src/a_{f}.py:{n}:7: F401 [*] `os` imported but unused", "Found 80 errors."),
        ("src/a_{f}.py:{n}:7: E501 line too long (101 > 100 characters)", "80"),
        ("  src/a_{f}.py:{n}:7 - error: `x` is unbound (reportUnbound)", "80 errors, 0 warnings"),
        ("src/a_{f}.c:{n}:7: warning: unused variable 'x' [-Wunused-variable]", "80 warnings."),
        ("src/a_{f}.go:{n}:7: ineffectual assignment to err (ineffassign)", "80 issues:"),
        ("src/a_{f}.py:{n}:7: W0612: Unused variable 'key' (unused-variable)", "rated at 7.1/10"),
    ],
)
def test_prints_of_many_tools_are_read(line: str, summary: str) -> None:
    text = "\n".join([*(line.format(f=at % 4, n=at * 2 + 11) for at in range(80)), "", summary])
    found = digest(text)
    assert found is not None
    assert found.kind == "diagnostics"
    assert summary in found.text
    words = found.text.replace(",", " ").replace(":", " ").split()
    assert all(str(at * 2 + 11) in words for at in range(80))


def test_matches_of_grep_are_no_diagnostics() -> None:
    assert placed("src/a.py:12:    raise ValueError(name)") is None
    assert placed("2027-03-01 10:00:00 INFO started") is None
    assert placed("src/a.py:12:5: error: no such name  [name-defined]") is not None


def test_rules_of_a_linter_are_told_once_with_their_lines() -> None:
    blocks = []
    for file in range(12):
        rows = [
            f"  {at * 3 + 1:>4}:5   warning  Unexpected var, use let  no-var" for at in range(30)
        ]
        rows.append(f"  {file + 200:>4}:9   error    'boat_{file}' is not defined   no-undef")
        blocks.append("\n".join([f"/srv/app/lib/part_{file}.js", *rows]))
    text = "\n" + "\n\n".join(blocks) + "\n\n✖ 372 problems (12 errors, 360 warnings)\n"
    found = digest(text, "npx eslint lib")
    assert found is not None
    assert len(found.text) < 0.3 * len(text)
    assert "372 problems (12 errors, 360 warnings)" in found.text
    for file in range(12):
        assert f"/srv/app/lib/part_{file}.js" in found.text
        assert str(file + 200) in found.text


def test_json_of_linters_is_read_too() -> None:
    eslint = [
        {
            "filePath": f"/srv/lib/{file}.js",
            "messages": [
                {"ruleId": "no-var", "severity": 1, "message": "Unexpected var.", "line": at}
                for at in range(3, 60, 3)
            ],
            "source": "var x = 1;\n" * 200,
        }
        for file in range(4)
    ]
    ruff = [
        {
            "filename": "/srv/a.py",
            "code": "F401",
            "message": f"`name_{at}` imported but unused",
            "location": {"row": at, "column": 1},
        }
        for at in range(40)
    ]
    found = digest(json.dumps(eslint))
    assert found is not None
    assert found.kind == "diagnostics"
    assert "/srv/lib/3.js" in found.text
    assert "57" in found.text
    assert "var x" not in found.text
    found = digest(json.dumps(ruff, indent=2))
    assert found is not None
    assert "F401" in found.text


def rust(at: int) -> str:
    return f"""error[E0308]: mismatched types
  --> src/part_{at}.rs:{at + 3}:9
   |
{at + 1:2} | fn level() -> String {{
   |               ------ expected `String` because of return type
{at + 3:2} |     tide + {at}
   |     ^^^^^^^ expected `String`, found `i32`
   |
   = note: the tide is a number

"""


def test_builds_keep_each_error_with_its_place_and_label_and_warnings_once() -> None:
    progress = "".join(f"   Compiling part_{at} v0.1.{at}\n" for at in range(90))
    warning = (
        "warning: unused variable: `tide`\n --> src/lib.rs:{}:9\n  |\n  = note: on by default\n\n"
    )
    text = (
        progress
        + "".join(rust(at) for at in range(9))
        + "".join(warning.format(at) for at in range(3))
        + "error: could not compile `harbour` (lib) due to 9 previous errors\n"
        + "".join(f"the tide goes out for the {at}th time\n" for at in range(9))
    )
    found = digest(text, "cargo build")
    assert found is not None
    assert found.kind == "build"
    for at in range(9):
        assert f"--> src/part_{at}.rs:{at + 3}:9" in found.text
    assert found.text.count("expected `String`, found `i32`") == 9
    assert found.text.count("warning: unused variable: `tide`") == 1
    assert all(f"src/lib.rs:{at}:9" in found.text for at in range(3))
    assert "Compiling)" in found.text
    covered(text, found.text)


def test_an_installation_keeps_its_warnings_and_result() -> None:
    text = (
        "".join(
            f"Collecting part-{at}\n  Downloading part_{at}-1.0-py3-none-any.whl\n"
            for at in range(90)
        )
        + "WARNING: The candidate selected for download was yanked\n"
        + "Installing collected packages: part-1, part-2\n"
        + "ERROR: pip's resolver found that sail 2.0 requires mast<3, but you have mast 3.1\n"
        + "Successfully installed part-1-1.0 part-2-1.0\n"
    )
    found = digest(text, "pip install -r requirements.txt")
    assert found is not None
    for kept in (
        "was yanked",
        "requires mast<3, but you have mast 3.1",
        "Successfully installed part-1",
    ):
        assert kept in found.text
    covered(text, found.text)
