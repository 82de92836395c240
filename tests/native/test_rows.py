"""JSON folded into tables is the same JSON, whatever it was; and it is as small as promised."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.jsontape import normal
from lynkr._native.rows import fold
from lynkr._native.unrows import unfold
from tests.native import reference_rows

WORDS = [
    "alpha",
    "beta",
    "src/",
    "/lib",
    "NOTE: ",
    " — ",
    "é",
    "日本",
    "$",
    "$1",
    "${1}",
    "\\",
    '"',
]
WORDS += [
    "\n",
    "\t",
    "\u0001",
    "x" * 9,
    "A1",
    "007",
    "42",
    "-",
    ",",
    ";",
    "]",
    "[",
    "^",
    " ",
    "u00",
]
WORDS += [
    " assigned to ",
    "error in ",
    "file",
    ".js",
    "",
    "true",
    "null",
    "{",
    "\ud800",
    "<table 1>",
]


def dumped(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") if "\ud800" not in text else ascii_only(value)


def ascii_only(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def agreed(data: bytes) -> bytes | None:
    """The folded text, the same of both; and the way back."""
    made = fold(data)
    assert made == reference_rows.fold(data)
    if made is not None:
        assert unfold(made) == normal(data)
    return made


texts = st.lists(st.sampled_from(WORDS), max_size=5).map("".join)
floats = st.floats(allow_nan=False, allow_infinity=False, width=16)
integers = st.one_of(st.integers(-5, 2000), st.integers(10**20, 10**21))
scalars = st.one_of(texts, integers, floats, st.booleans(), st.none())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=10,
)


class Rows:
    """Rows of one shape, with holes and exceptions, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.holes = self.random.choice([0, 0, 0.1, 0.4])
        self.odd = self.random.choice([0, 0, 0, 0.05])
        self.row = 0

    def text(self, plan: list[str | int]) -> str:
        return "".join(
            part if isinstance(part, str) else self.random.choice(WORDS[:part]) for part in plan
        )

    def plan(self, depth: int) -> tuple[str, object]:
        kind = self.random.choice(
            ["text"] * 4 + ["number", "mixed", "count", "same"] + ["object", "list", "fixed"] * 2
        )
        if depth == 0 and kind in ("object", "list", "fixed"):
            kind = "text"
        if kind == "text":
            few = [self.random.choice([*WORDS, 3, 12, len(WORDS)]) for _ in range(5)]
            return kind, few[: self.random.randint(1, 5)]
        if kind == "count":
            return kind, (
                self.random.randint(0, 12),
                self.random.choice([1, 1, 5]),
                few_words(self),
            )
        if kind in ("object", "list"):
            keys = self.random.sample(["id", "name", "a$", "k\\", "e", "ü", "x y"], 3)
            return kind, {key: self.plan(depth - 1) for key in keys}
        if kind == "fixed":
            return kind, [self.plan(depth - 1) for _ in range(self.random.randint(1, 3))]
        return kind, None

    def value(self, plan: tuple[str, object]) -> object:
        kind, how = plan
        if self.random.random() < self.odd:
            return self.random.choice([None, 1, "odd", [], {}, [{}], {"z": 1}])
        if kind == "text":
            assert isinstance(how, list)
            return self.text(how)
        if kind == "count":
            assert isinstance(how, tuple)
            number = how[0] + self.row * how[1]
            return how[2] % number if how[2] else number
        if kind == "object":
            assert isinstance(how, dict)
            return {
                key: self.value(inner)
                for key, inner in how.items()
                if self.random.random() >= self.holes
            }
        if kind == "list":
            assert isinstance(how, dict)
            return [self.value(("object", how)) for _ in range(self.random.randint(0, 3))]
        if kind == "fixed":
            assert isinstance(how, list)
            return [self.value(inner) for inner in how]
        if kind == "same":
            return {"s": ["$", 1, None], "t": "ok"}
        if kind == "number":
            return self.random.choice([1, 2.5, -3, 10**20, True])
        return self.random.choice([None, "12", "x", 7, "", [1, "a,b"], {"q": "]"}, "true"])

    def rows(self, count: int) -> list[object]:
        plan = ("object", {key: self.plan(2) for key in ("file", "n", "z")})
        made = []
        for self.row in range(count):
            made.append(self.value(plan))
        return made


def few_words(rows: Rows) -> str:
    return rows.random.choice(["", "n%d", "%d.js", "%04d", "a%db", "%02d-x"])


@settings(max_examples=300)
@given(st.integers(0, 10**9), st.integers(3, 24))
def test_rows_of_a_shape_fold_as_the_twin_says_and_come_back(seed: int, count: int) -> None:
    rows = Rows(seed).rows(count)
    agreed(dumped(rows))
    agreed(dumped({"total": 3, "items": rows, "more": {"<table 1>": rows[:4]}}))
    agreed(dumped({f"key {i}$": row for i, row in enumerate(rows)}))


@settings(max_examples=200)
@given(st.lists(values, min_size=1, max_size=6), st.integers(1, 5))
@example(["\ud800"] * 3, 5)
def test_any_json_comes_back(some: list[object], times: int) -> None:
    agreed(ascii_only(some * times))


@settings(max_examples=100)
@given(st.lists(texts, min_size=8, max_size=20))
def test_lists_of_strings_come_back(some: list[str]) -> None:
    agreed(ascii_only(some))
    agreed(ascii_only([f"src/{text}/index.js" for text in some]))
    agreed(ascii_only({f"{i}{text}": text for i, text in enumerate(some)}))


@given(st.integers(0, 10**9), st.integers(3, 12))
def test_json_lines_come_back_as_lines(seed: int, count: int) -> None:
    lines = [ascii_only(row) for row in Rows(seed).rows(count)]
    data = b"\n".join(lines)
    made = fold(data + b"\n")
    assert made == reference_rows.fold(data)
    if made is not None:
        assert made.split(b" ")[1] == b"lines"
        assert unfold(made) == b"\n".join(map(normal, lines))


GREP = [
    {
        "file": f"src/{['routes', 'models', 'tests'][i % 3]}/module{i * 7 % 11}.js",
        "line": i * 37 % 101,
        "match": f"NOTE: {['fix it', 'add tests here', 'drop'][i % 3]} — assigned to {'ab'[i % 2]}",
        "ok": True,
    }
    for i in range(12)
]


def test_what_is_equal_stands_in_the_template_once() -> None:
    made = agreed(dumped(GREP))
    assert made is not None
    head, *lines = made.decode().split("\n")
    assert head == (
        '12 rows of {"file":"src/$1/module$2.js","line":$3,"match":"NOTE: $4 — assigned to $5",'
        '"ok":true}, $n=column n:'
    )
    assert lines[1] == "models,7,37,add tests here,b"
    assert len(lines) == 12


def test_equal_columns_are_one_and_counters_are_said_every_tenth_row() -> None:
    words = ["red", "sea", "oak", "fig"] * 3
    rows = [{"id": i + 1, "key": f"k{i:03}", "a": f"<{w}>", "b": w} for i, w in enumerate(words)]
    made = agreed(dumped(rows))
    assert made is not None
    head, *lines = made.decode().split("\n")
    assert head == (
        '12 rows of {"id":$i,"key":"k$j","a":"<$1>","b":"$1"}, i=1..12, j=000..011, $n=column n:'
    )
    assert lines == ["1:red", *words[1:10], "11:oak", "fig"]


def test_members_that_some_rows_lack() -> None:
    rows: list[dict[str, object]] = [{"id": i * i, "level": "information"} for i in range(9)]
    for i in (2, 5, 6, 7, 8):
        rows[i]["error"] = {"message": "" if i == 5 else f"no {WORDS[i]}", "fatal": False}
    made = agreed(dumped(rows))
    assert made is not None
    assert b'"error"?:{"message":"$2","fatal":false}}, empty=absent' in made
    assert made.split(b"\n")[6] == b'25,""'


def test_lists_in_rows_have_columns_of_their_own() -> None:
    rows = [
        {"order": 7 * n, "items": [{"sku": f"SKU-{n}{i}", "name": f"thing, {i}"} for i in range(n)]}
        for n in range(4)
    ]
    made = agreed(dumped(rows))
    assert made is not None
    assert made.decode().split("\n") == [
        '4 rows of {"order":$1,"items":[{"sku":"SKU-$2","name":"thing, $3"},...]}'
        " as $1,[$2,$3;...]:",
        "0,[]",
        "7,[10,0]",
        "14,[20,0;21,1]",
        "21,[30,0;31,1;32,2]",
    ]


def test_repeated_long_cells_are_said_once_and_again_every_tenth_row() -> None:
    rows = [{"path": "a/long/path.py" if i < 12 else "b", "n": i * i} for i in range(14)]
    made = agreed(dumped(rows))
    assert made is not None
    lines = made.decode().split("\n")[1:]
    assert [i for i, line in enumerate(lines) if line.startswith("^,")] == [*range(1, 10), 11]


def test_tables_inside_a_document() -> None:
    made = agreed(dumped({"items": GREP, "total": 12, "names": [f"src/n{i}.js" for i in range(9)]}))
    assert made is not None
    assert made.startswith(
        b'{"items":<table 1>,"total":12,"names":<table 2>}\ntable 1: 12 rows of '
    )
    assert made.endswith(b'\ntable 2: 9 rows of "src/n$i.js", i=0..8')


def test_long_texts_are_not_taken_apart() -> None:
    rows = [
        {
            "path": f"src/{n}",
            "checked by the linter": True,
            "source": f"import os\n{n} " + "code " * 79,
            "rules that were looked at": ["no-var", "no-tabs", "no-eval", "max-len"],
        }
        for n in range(6)
    ]
    made = agreed(dumped(rows))
    assert made is not None
    assert b'"source":"$1"' in made


def test_numbers_keep_the_way_they_are_written() -> None:
    rows = b",".join(b'{"first":%s,"constant":1.00e+2}' % n for n in (b"1.0", b"-0", b"1e5", b"12"))
    made = agreed(b"[" + rows + b"]")
    assert made is not None
    assert made.split(b"\n")[1:] == [b"1.0", b"-0", b"1e5", b"12"]


def test_repeated_keys_are_kept() -> None:
    rows = b'{"name":"a","name":"b","number":%d}'
    agreed(b"[" + b",".join(rows % i for i in range(20)) + b"]")
    agreed(b"{" + b",".join(b'"same":' + rows % i for i in range(20)) + b"}")


def test_deep_and_wide_values_are_given_up_alike() -> None:
    deep: object = ["leaf"]
    for _ in range(7):
        deep = [deep] * 3
        agreed(dumped(deep))
    agreed(dumped([{f"k{i}": [i, {"a": i}] for i in range(60)}] * 9))


@pytest.mark.parametrize(
    "data",
    [b"", b"1", b"[]", b"{}", b"[1,2,3,4,5]", b"no", b'{"a":1}\nno', b"[" * 90 + b"]" * 90,
     b'[{"a":1},{"b":2},{"c":3},{"d":4}]', b'{"a":1}\n{"a":2}\n\n{"a":3}'],
)  # fmt: skip
def test_what_has_no_table_is_left(data: bytes) -> None:
    assert fold(data) is None


@settings(max_examples=300)
@given(
    st.integers(0, 10**9), st.lists(st.tuples(st.integers(0), st.sampled_from(WORDS)), max_size=4)
)
def test_a_damaged_text_is_refused_or_read_but_never_overrun(
    seed: int, damage: list[tuple[int, str]]
) -> None:
    made = fold(dumped({"items": Rows(seed).rows(12), "id": 1}))
    text = bytearray(made or b'{"a":<table 1>}\ntable 1: 2 rows of {"a?":[{"b":$1},...]}:\n[1]\n')
    for at, what in damage:
        at %= len(text)
        text[at : at + len(what.encode("utf-8", "replace")) % 3] = what.encode("utf-8", "replace")
    for end in (len(text), len(text) * 2 // 3):
        try:
            unfold(bytes(text[:end]))
        except ValueError as error:
            assert "not a folded table" in str(error)


@pytest.mark.parametrize(
    "text",
    [b"", b"3 rows", b"3 rows of", b"1 rows of $1:\n", b'2 rows of {"a":$1}, $n=column n:\n1\n2\n3',
     b'2 rows of {"a":$1}, $n=column n:\n1', b'{"a":<table 1>}\n', b'{"a":1}\ntable 1: 1 rows of 1',
     b"9 rows of $i, i=1..3", b'1 rows of [{"a":[{"b":$1},...]},...]:\n', b'{"a":<table 1>}',
     b'1 rows of [{x"},...]"}]:\n'],
)  # fmt: skip
def test_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a folded table"):
        unfold(text)
