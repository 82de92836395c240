# ruff: noqa: RUF001 (quotation marks and punctuation of all scripts are what is read)
"""An ask is read as it is meant: whole words, own words, phrases, and no more of it than
there is room for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.difficulty.lexicon import BIT, CLASSES
from lynkr.policies.difficulty.quotes import PATHS_MAX
from lynkr.policies.difficulty.reading import CHARS_MAX, OWN_MAX, Reading, read

HITS_MAX = 240


def classes(text: str) -> set[str]:
    mask = read(text).mask
    return {name for name in CLASSES if mask & BIT[name]}


def count(text: str, name: str) -> int:
    return read(text).counts[CLASSES.index(name)]


def said(text: str) -> list[str]:
    return [word for _, _, _, word in read(text).hits]


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the author of the authority", "auth"),
        ("they overwhelm us", "infra"),  # helm
        ("an improper disprovement", "prove"),
        ("contest and attestation", "tests"),
        ("a prefix and a suffix", "fix"),
        ("a payload for the paymaster", "pay"),
        ("preproductive", "prod"),
    ],
)
def test_a_word_inside_of_another_is_not_met(text: str, name: str) -> None:
    assert name not in classes(text)


@pytest.mark.parametrize(
    "text",
    [
        "auth",
        "AUTH!",
        "(auth)",
        "auth/login",
        "the auth's bug",
        "auth, then",
        "**auth**",
        "auth...",
    ],
)
def test_a_word_is_met_in_any_punctuation(text: str) -> None:
    assert "auth" in classes(text)


def test_parts_of_what_is_joined_are_words() -> None:
    assert read("sign-in flow").words == ["sign-in", "flow"]  # listed so
    assert read("auth/login").words == ["auth", "login"]
    assert read("l'authentification est cassée").words[0] == "authentification"
    assert read("John’s id").words == ["john", "id"]


def test_the_same_word_counts_once_and_every_place_of_it_is_kept() -> None:
    once, often = read("prove the theorem"), read("prove the theorem prove the theorem")
    assert once.counts == often.counts
    assert len(often.hits) == 2 * len(once.hits)
    assert count("prove", "prove") < count("prove the theorem", "prove")


def test_a_stem_stands_for_its_words() -> None:
    assert "refactor" in classes("refactoring")
    assert "auth" in classes("die Authentifizierungsschicht")
    assert "auth" in classes("исправь авторизацию")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("修复支付回调", "pay"),
        ("決済を直して", "pay"),
        ("결제를 고쳐줘", "pay"),
        ("แก้การชำระเงินให้หน่อย", "pay"),
        ("أصلح المدفوعات", "pay"),
        ("भुगतान ठीक करो", "pay"),
        ("sửa lỗi đăng nhập", "auth"),
        ("tái cấu trúc toàn bộ hệ thống", "whole"),
        ("đổi mật khẩu", "auth"),
    ],
)
def test_words_of_other_scripts(text: str, name: str) -> None:
    assert name in classes(text)


def test_letters_with_accents_belong_to_their_words() -> None:
    """Those of Vietnamese stand behind the scripts that are searched inside of words."""
    words = "tái cấu trúc toàn bộ hệ thống đăng nhập"
    assert read(words).words == words.split()
    assert read(words).size == len(words.split())
    assert read(words.replace(" ", ", ")).words == words.split()


def test_the_size_of_a_text_without_spaces_is_estimated() -> None:
    assert read("龘龘龘龘龘龘").size == 3
    assert 5 <= read("请帮我把这个模块里面所有的函数都好好看一遍然后告诉我").size <= 26
    assert read("read all of the functions in this one").size == 8


def test_words_without_their_accents() -> None:
    assert classes("erklar mir das") == classes("erklär mir das")
    assert "explain" in classes("explicame esto")


# --- phrases ----------------------------------------------------------------------------------


def test_a_phrase_wins_over_its_beginning() -> None:
    assert "access control" in said("fix the access control")
    assert "drop table" in said("drop table x")
    assert "drop table" not in said("drop it on the table")


def test_a_gap_in_a_phrase_is_three_words_at_most() -> None:
    gapped = "what does ~ stand for"
    assert gapped in said("what does the long acronym stand for")
    assert gapped not in said("what does the very long acronym stand for")
    assert gapped not in said("stand what does for")


def test_a_negation_within_a_phrase_negates_nothing_else() -> None:
    """ "Do not ask me" is an order of its own: what follows it is wanted."""
    found = read("do not ask me before you fix and refactor it")
    assert found.negated == 0
    assert {"auto", "fix", "refactor"} <= classes("do not ask me before you fix and refactor it")
    assert "refactor" in classes("until no errors are left refactor it")


# --- what is not said by the user -------------------------------------------------------------


@pytest.mark.parametrize(
    "marks",
    ['""', "``", "“”", "„“", "«»", "「」", "『』", "‘’"],
)
def test_what_is_quoted_is_not_said(marks: str) -> None:
    text = f"look at {marks[0]}prove the theorem{marks[1]} again"
    found = read(text)
    assert found.quoted == len("prove the theorem")
    assert "prove" not in classes(text)


def test_single_quotes_and_apostrophes() -> None:
    assert "prove" not in classes("say 'prove it' now")
    assert "prove" in classes("don't say it's done, rather: prove it's done")
    assert "prove" not in classes("say 'don't prove it' now")


def test_a_text_that_is_quoted_as_a_whole_is_said() -> None:
    assert "prove" in classes('"prove the theorem"')
    assert "prove" in classes("`prove the theorem`")


def test_quotation_marks_far_apart_are_no_pair() -> None:
    assert "prove" in classes('5" wide ' + "and so on " * 60 + 'prove it, 6" long')
    assert "prove" in classes('a " b\n\nprove it " c')


def test_code_blocks_are_not_said() -> None:
    found = read("```\nprove the theorem\n```\nwhat is this")
    assert found.pasted == len("\nprove the theorem\n")
    assert "prove" not in classes("```\nprove the theorem\n```\nwhat is this")
    assert "prove" not in classes("what is this ```prove the theorem")  # left open


@pytest.mark.parametrize(
    "line",
    [
        "2031-03-02 08:14:07,112 ERROR prove the theorem",
        "[08:14:07] prove the theorem",
        "WARN prove the theorem",
        "    prove the theorem",
        'File "prove the theorem", line 3',
        "ValueError: prove the theorem",
        "$ prove the theorem",
        "+++ prove the theorem",
        "def prove(the, theorem):",
        "return prove(the_theorem)",
        "| prove | the theorem |",
        "<p>prove the theorem</p>",
        "prove the theorem;",
    ],
)
def test_pasted_lines_are_not_said(line: str) -> None:
    text = f"have a look\n{line}\nthanks"
    assert read(text).pasted == len(line)
    assert "prove" not in classes(text)


def test_sentences_that_begin_like_code_are_said() -> None:
    for line in ("import the theorem and prove it", "if it holds, prove it", "Return to prove it."):
        assert "prove" in classes(f"have a look\n{line}\nthanks")


def test_a_list_is_said_however_it_looks() -> None:
    text = "please\n    - prove the theorem;\n    2) fix it\n• and test it"
    assert read(text).bullets == 3
    assert {"prove", "fix", "tests"} <= classes(text)


def test_a_log_alone_is_all_there_is_to_read() -> None:
    assert read("ERROR one\nERROR two").words


def test_paths_are_found_in_quotes_too() -> None:
    found = read("see `lib/pay/x.go`, \"src/a.ts\", 'docs/b.md', “c/d/e.rs” and «f.py»")
    paths = [path for _, path in found.paths]
    assert paths == ["lib/pay/x.go", "src/a.ts", "docs/b.md", "c/d/e.rs", "f.py"]
    assert {place for place, _ in found.paths} == {-1}


def test_paths_are_found_with_their_sentence() -> None:
    found = read("Read it. Then fix Src/A.py and lib/b/ now")
    assert found.paths == [(1, "src/a.py"), (1, "lib/b/")]
    assert read("see https://x.org/a/b.html, and/or 1/2, e.g. this").paths == []


@pytest.mark.parametrize("path", ["./src/a.py", ".github/workflows/ci.yml", "../lib/a.py"])
def test_a_dot_before_a_word_ends_no_sentence(path: str) -> None:
    found = read(f"fix {path} please")
    assert found.sentences == 1
    assert [place for place, _ in found.paths] == [0]


def test_paths_are_bounded() -> None:
    assert len(read(" ".join(f"a/b{at}.py" for at in range(99))).paths) == PATHS_MAX
    assert len(read("see " + " ".join(f"`a/b{at}.py`" for at in range(99))).paths) == PATHS_MAX


# --- structure --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("add a test", 1),
        ("add a test, please", 2),
        ("add login, billing, search, export and import", 4),
        ("add the new login, the old billing, the full search", 3),
        ("add one. Then two, three", 2),
        ("fix it, as so many other words come before the next, as here", 2),
        ("加登录、支付、权限、密码", 4),
    ],
)
def test_items_of_an_enumeration(text: str, items: int) -> None:
    assert read(text).items == items


def test_sentences_and_questions() -> None:
    found = read("Do it now. Why? Because I say so! Or 3.5 times e.g. so...")
    assert found.asked[:3] == [False, True, False]
    assert found.questions == 1
    assert found.numbers == 1
    assert read("one\ntwo\n\nthree").sentences == 3
    assert read("なぜ動かない？直して。").asked == [True, False]
    assert read("why ?").asked == [True]
    assert read("").sentences == 1
    assert read("").questions == 0


def test_pieces_of_code_are_symbols() -> None:
    found = read("call foo_bar() and x->y with 12,000 rows")
    assert found.symbols == 2
    assert found.numbers == 1


def test_the_opening_is_of_the_first_words() -> None:
    assert read("explain how it goes, then we go on and refactor").opening & BIT["explain"]
    assert not read("explain how it goes, then we go on and refactor").opening & BIT["refactor"]


# --- languages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "name", "met"),
    [
        ("comment on fait ça pour la page et les tests", "fr", "howto", True),
        ("add a comment to the page", "en", "howto", False),
        ("add a comment to the page", "en", "cosmetic", True),
        ("comment on fait ça pour la page et les tests", "fr", "cosmetic", False),
        ("les modules font ce qui est dans le dossier", "fr", "cosmetic", False),
        ("change the font of the page", "en", "cosmetic", True),
        ("ich bin mit der Datei fix und fertig", "de", "fix", False),
        ("fix the file", "en", "fix", True),
        ("please prove it to me", "en", "prove", True),
        ("gli amici e le prove che sono nella casa", "it", "prove", False),
        ("write a brief for the team", "en", "brief", True),
        ("schreib mir einen Brief, der nicht zu lang ist", "de", "creative", True),
        ("fait vite ce qui est dans le dossier", "fr", "small", True),
        ("use vite for the build of this", "en", "code", True),
    ],
)
def test_a_word_is_judged_by_the_language_of_the_text(
    text: str, language: str, name: str, met: bool
) -> None:
    assert read(text).language == language
    assert (name in classes(text)) is met


def test_words_of_other_languages_do_not_count_in_an_english_text() -> None:
    """ "The sale of the main die" tells nothing of French or German words."""
    text = "the lista of all the rest is in the file"
    assert "lista" not in said(text)
    assert "lista" in said("lista los archivos que hay en el servidor")


# --- bounds -----------------------------------------------------------------------------------

BIG = 100_000
HOSTILE = (
    *("<" * BIG, '"' * BIG, "`" * BIG, "\n" * BIG, "'" * BIG, " '" * BIG, "|" * BIG, "-" * BIG),
    *("a" * BIG, "à" * BIG, "İ" * BIG, "\ud83d" * BIG, "😀" * BIG, "\x00" * BIG, "“" * BIG),
    *("„a" * BIG, "word " * BIG, "证明" * BIG, "ế" * BIG, "ế证" * BIG, "x'y" * BIG, "a/b" * BIG),
    *(". " * BIG, "```" * BIG, "a？" * BIG, "how do " * BIG, "until " * BIG, "don't " * BIG),
    *(
        "fix, " * BIG,
        ("a" * 290 + "\n") * 400,
        "if " * BIG + ";",
        '"a b' * BIG,
        "prove that " * BIG,
    ),
)


def assert_bounded(found: Reading) -> None:
    words = len(found.words)
    assert words <= OWN_MAX + 1
    assert found.size <= OWN_MAX + 1
    assert sum(len(word) for word in found.words) <= 2 * OWN_MAX  # lower case may be longer
    assert len(found.hits) <= HITS_MAX
    assert len(found.paths) <= PATHS_MAX
    assert 1 <= found.sentences <= words + 1
    assert len(found.asked) <= found.sentences
    assert 0 <= found.questions <= found.sentences
    assert 1 <= found.items <= words + 1
    assert 0 <= found.quoted + found.pasted <= CHARS_MAX + 2
    assert len(found.counts) == len(CLASSES)
    assert all(0 <= at < words for at, _, _, _ in found.hits)
    assert all(0 <= place < found.sentences for _, place, _, _ in found.hits)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:8]))
def test_any_text_of_any_size_is_read_within_bounds(text: str) -> None:
    assert_bounded(read(text))


@given(
    st.text(max_size=400)
    | st.lists(
        st.sampled_from([*" .,?!'\"`\n|<>/-~*\x00\x01\x02\ud83d支付ế", "fix ", "don't "])
    ).map("".join)
)
def test_no_text_fails(text: str) -> None:
    assert_bounded(read(text))


def test_long_texts_are_read_at_both_ends() -> None:
    filling = "the ferry leaves at nine. " * 2000
    found = read("prove it. " + filling + "Then rename it")
    assert {"prove", "edit"} <= classes("prove it. " + filling + "Then rename it")
    assert len(found.words) < OWN_MAX
    assert "prove" not in classes(filling + "prove it. " + filling)


def test_a_long_paste_leaves_the_question_behind_it() -> None:
    line = "2031-03-02 08:14:07 ERROR prove the theorem\n"
    log = line * (CHARS_MAX // len(line) - 1)
    assert len(log) > OWN_MAX
    assert classes(log + "explain this") == classes("explain this")


# --- the same everywhere ----------------------------------------------------------------------

_PRINT = """
import sys
from lynkr.policies.difficulty.dimensions import features
from lynkr.policies.difficulty.floors import floors
from lynkr.policies.difficulty.reading import read
from lynkr.policies.routing.facts import Ask, Seen
for text in sys.argv[1:]:
    found = read(text)
    print([value.hex() for value in features(found, Ask(text), Seen())])
    print(found.hits, found.language, floors(found))
"""


def test_readings_do_not_depend_on_the_seed_of_hashes() -> None:
    prompts = (
        "Refactor src/auth/session.py, don't touch billing, and prove that it terminates",
        "comment on fait ça pour la page et les tests",
        "überarbeite das Modul, aber ohne die Tests zu ändern",
        "修复支付回调的重复扣款，直到全部通过",
        "keep going until all tests pass, think step by step, what does it stand for?",
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _PRINT, *prompts],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "20241")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 2 * len(prompts)
