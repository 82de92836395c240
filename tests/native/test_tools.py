"""The words of tools and requests: as their slow twin reads them, and on token boundaries."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.tools import Lexicon
from tests.native import reference_tools

STOP = ("the", "a", "of", "to")
ALIKE = (("delete", "remove"), ("folder", "directory", "dir"), ("remove", "drop"))
SCHEMA = (b"type", b"properties", b"description", b"enum", b"required", b"title")
LEXICON = Lexicon(STOP, ALIKE, SCHEMA)
TWIN = reference_tools.Lexicon(STOP, ALIKE, SCHEMA)

ENDINGS = ("", "s", "es", "ies", "ied", "ing", "ed", "ation", "ator", "ion", "ly", "sses", "e")
WORDS = st.one_of(
    st.sampled_from(
        ["delete", "Remove", "folder", "the", "getHTTPServer", "k8s", "GitHub", "über"]
    ),
    st.builds(
        lambda root, ending: root + ending,
        st.text("abdeglnrst", min_size=1, max_size=7),
        st.sampled_from(ENDINGS),
    ),
    st.text("aB9 _-.é漢\\", max_size=12),
    st.text("x", min_size=60, max_size=70),
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
VALUES = st.recursive(
    TEXTS | st.integers(0, 9),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(
                ["type", "description", "enum", "title", "filePath", "properties", "x"]
            ),
            inner,
            max_size=3,
        )
        | st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)
SCHEMAS = st.one_of(
    VALUES.map(json.dumps), VALUES.map(lambda value: json.dumps(value, ensure_ascii=False)), TEXTS
)


@given(st.one_of(TEXTS, st.text()))
def test_a_text_has_the_stems_of_its_twin(text: str) -> None:
    """Every rule of the choice of tools stands on these."""
    assert LEXICON.stems(text) == TWIN.stems(text)


@given(TEXTS, TEXTS, SCHEMAS)
def test_a_tool_has_the_words_of_its_twin(name: str, description: str, schema: str) -> None:
    """Each word once, in the first field it stands in; schemas may be cut or no JSON at all."""
    for text in (schema, schema[: len(schema) // 2]):
        words = LEXICON.tool(name, description, text).listed()
        assert words == list(TWIN.tool(name, description, text).items())


@given(st.lists(st.tuples(TEXTS, TEXTS, SCHEMAS), max_size=4), TEXTS, TEXTS)
def test_overlaps_are_those_of_the_twin(
    tools: list[tuple[str, str, str]], ask: str, before: str
) -> None:
    found = LEXICON.overlaps([LEXICON.tool(*tool) for tool in tools], ask, before)
    wanted = TWIN.overlaps([TWIN.tool(*tool) for tool in tools], ask, before)
    assert [pytest.approx(row) for row in wanted] == found


NAMES = frozenset(("Read", "mcp__github__create_issue", "über", "a-b.c", "x"))


@given(st.lists(st.sampled_from([*NAMES, " ", "\\", "\\n", ".", "(", "_", "Reads"])).map("".join))
def test_names_are_found_as_by_the_twin(text: str) -> None:
    assert LEXICON.named(text, NAMES) == TWIN.named(text, NAMES)


def test_many_words_are_kept_apart() -> None:
    """More words than any table begins with: it grows."""
    text = " ".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)}q" for n in range(600))
    tool = LEXICON.tool("", text, "")
    assert len(tool.listed()) == 600
    assert LEXICON.overlaps([tool], text, "")[0][2] > 5


def test_a_word_is_never_found_inside_another() -> None:
    """ "capital" is not "api", and "concatenate" is not "cat"."""
    api, cat = LEXICON.tool("api", "", ""), LEXICON.tool("cat", "", "")
    assert [row[0] for row in LEXICON.overlaps([api, cat], "concatenate the capital", "")] == [0, 0]
    assert LEXICON.overlaps([api], "call the API", "")[0][0] == 1


def test_a_camel_case_name_is_met_by_its_parts_and_as_a_whole() -> None:
    tool = LEXICON.tool("GitHub", "", "")
    for ask in ("github", "git", "hub", "GitHub"):
        assert LEXICON.overlaps([tool], ask, "")[0][0] > 0


def test_a_word_that_means_the_same_counts_half() -> None:
    tool = LEXICON.tool("remove", "", "")
    assert LEXICON.overlaps([tool], "remove it", "")[0][0] == 1
    assert LEXICON.overlaps([tool], "delete it", "")[0][0] == 0.5
    assert LEXICON.overlaps([tool], "folder", "")[0][0] == 0


def test_a_name_is_a_whole_identifier() -> None:
    """Text may be the inside of JSON strings, where a line ends in backslash and n."""
    names = frozenset(("create_issue",))
    assert LEXICON.named("call\\ncreate_issue.", names) == {"create_issue"}
    assert LEXICON.named("recreate_issue create_issues", names) == set()
