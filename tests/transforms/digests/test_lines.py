"""Texts as lines, and excerpts that say exactly what they leave out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lynkr.transforms.digests.lines import Excerpt, Text, clipped, fitting, spans
from lynkr.transforms.digests.wrapping import unwrapped
from tests.transforms.digests.reading import covered, numbered


def test_a_terminal_shows_no_colours_and_only_the_last_of_overwritten_progress() -> None:
    text = Text("\x1b[31mred\x1b[0m\r\n10%\r50%\r100% done\nlast\n")
    assert text.lines == ["red", "100% done", "last"]


def test_gaps_have_the_lines_numbers_and_say_what_was_there() -> None:
    body = numbered(10)
    excerpt = Excerpt(Text(body))
    excerpt.ends(2, 1)
    excerpt.keep(6)
    excerpt.tags.update({2: "passed", 3: "passed", 4: "skipped"})
    lines = excerpt.render().split("\n")
    assert lines[2] == "... lines 3-6 left out (2 passed, 1 skipped)"
    assert lines[4] == "... 8-9"
    assert covered(body, "\n".join(lines)) == [(3, 6), (8, 9)]


def test_a_gap_shorter_than_its_announcement_is_kept() -> None:
    excerpt = Excerpt(Text("first line of it\n}\n\nlast line of it"))
    excerpt.ends(1, 1)
    assert excerpt.render() == "first line of it\n}\n\nlast line of it"


@given(st.lists(st.text(alphabet="ab \t", max_size=60), min_size=1), st.randoms())
def test_kept_lines_and_gaps_cover_the_text(lines: list[str], random: object) -> None:
    body = "\n".join([*lines, "end"])
    excerpt = Excerpt(Text(body))
    excerpt.keep_all(at for at in range(len(lines)) if random.random() < 0.3)  # type: ignore[attr-defined]
    covered(body, excerpt.render())


def test_a_line_that_is_cut_says_how_much_is_gone() -> None:
    assert clipped("x" * 900, 600) == "x" * 400 + " ... [500 characters of this line left out]"


@given(st.lists(st.integers(1, 60), unique=True))
def test_spans_name_each_number_once(numbers: list[int]) -> None:
    numbers.sort()
    said: list[int] = []
    for part in spans(numbers).split(", ") if numbers else []:
        first, _, last = part.partition("-")
        said.extend(range(int(first), int(last or first) + 1))
    assert said == numbers


def test_the_richest_level_that_fits_is_taken_and_else_the_leanest() -> None:
    assert fitting((5, 3, 1), lambda size: "x" * size, 4) == "xxx"
    assert fitting((900, 500, 200), lambda size: "x" * size, 4) == "x" * 200


def test_what_a_client_puts_around_an_output_is_taken_off_and_kept() -> None:
    text = (
        "Chunk ID: 7\nWall time: 0.2 seconds\nProcess exited with code 1\nOutput:\n"
        "line one\nline two\n\n<system-reminder>\nmind the gap\n</system-reminder>"
    )
    parts = unwrapped(text)
    assert parts.body == "line one\nline two"
    assert parts.first == 5
    assert parts.before + parts.body + parts.after == text
    read = unwrapped("<path>/srv/a.py</path>\n<type>file</type>\n<content>\n1: x\n</content>")
    assert (read.path, read.body, read.first) == ("/srv/a.py", "1: x", 4)


@given(st.text(alphabet="OutpExicde: 1<>/path\n()", max_size=120))
def test_the_three_pieces_are_the_text(text: str) -> None:
    parts = unwrapped(text)
    assert parts.before + parts.body + parts.after == text
    assert parts.first == parts.before.count("\n") + 1
