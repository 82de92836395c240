# ruff: noqa: RUF001 (digits of all scripts)
"""Lines of logs and programs are taken out of an ask, whatever stands around them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.difficulty.quotes import _BULLET, _PASTED, own_text

LINES = st.lists(
    st.sampled_from(
        [
            *("", " ", "add it", "a: b", "\r", "- one", "2) two", "    x", "  at f(", "at f(x"),
            *("ERROR no", "WARNING", "panics", "panic", "x Error: y", "ValueError: y", "Error: "),
            *("AnException: e", "if (x)", "if x", "for x in y:", "x;", "x {", "] ;", "});", "})x"),
            *("| a |", "| a", "<p>", "< p", "$ ls", "$ls", "@@ -1", "--- a", "+-+ ", "++ x"),
            *("[12:00:00]", "2031-01-01", "٢٠٣١-٠١-٠١", "File x", "Traceback", "Caused by: x"),
            *("import x", "import(x)", "SELECT a;", "x" * 299 + ";", "x" * 300 + ";", "error[1]"),
            *("- " + "x" * 300, "\u3000\u3000\u3000\u3000x", "Infix (x)", "class A:", "return x="),
        ]
    ),
    max_size=8,
)


@given(LINES)
def test_lines_are_taken_out_by_the_two_expressions(lines: list[str]) -> None:
    """What is looked at before them only saves their time."""
    kept: list[str] = []
    pasted = bullets = 0
    for line in lines:
        if not line:
            kept += [line] if kept and kept[-1] else []
        elif _BULLET.match(line):
            bullets += 1
            kept.append(line)
        elif len(line) <= 300 and _PASTED.match(line):
            pasted += len(line)
        else:
            kept.append(line)
    text = "\n".join(lines).replace('"', " ")
    if len(lines) > 1:
        own = "\n".join(kept).replace('"', " ") if kept else text
        assert own_text(text, []) == (own, 0, pasted, bullets)
