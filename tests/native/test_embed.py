# ruff: noqa: RUF001 (many scripts, and letters that look like others, are what is tested)
"""The static embedding model gives model2vec's vectors, and its tokenizer's ids.

Both libraries are tools of the tests only; where they are not there, the golden numbers still hold.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lynkr
from lynkr._native import embed
from lynkr._native.embed import StaticModel, similarity
from tests.native.levels import at_level

FOLDER = Path(lynkr.__file__).parent / "model"

# Text to its number of ids and the first four values of its vector, as model2vec 0.10.0 said.
GOLDEN = {
    "How do I reverse a linked list in Python?": (
        10,
        (0.0530364, 0.0409827, 0.2446907, -0.0012054),
    ),
    "def f(x):\n    return x * 2": (10, (0.0428483, -0.0710379, 0.2458137, 0.0687827)),
    "naïve CAFÉ — Łódź": (4, (-0.1154418, 0.0569713, 0.0164917, -0.0974508)),
    "Как отсортировать словарь?": (22, (0.0330177, -0.0083378, 0.1067239, -0.0703710)),
    "日本語 中文 👋🏽 [UNK] ok": (8, (0.0983755, 0.0655837, 0.1180506, -0.0865704)),
}

TEXTS = [
    "",
    " \t\r\n ",
    "How do I reverse a linked list in Python?",
    "HOW DO I REVERSE A LINKED LIST IN PYTHON",
    "what's the time-complexity of heapsort; is it O(n log n)?!",
    "def f(x: int) -> str:\n    return f'{x!r}' * 2  # comment\n",
    '{"a":[1,2.5,null],"b":{"c":"d\\n"}}',
    "SELECT * FROM t WHERE a<>'b' AND c >= 10;",
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "é" * 101,
    "가" * 33,  # three letters each, once taken apart
    "가" * 34,
    "an unbelievablylongwordthatisnotinthevocabularyatall " + "ab" * 300,
    "naïve café déjà-vu — Ærøskøbing, Łódź, İstanbul, ẞ straße",
    "e\u0301 a\u0308\u0323 Z\u0334\u0351 \u0301\u0301 q\u0307\u0323 ≠ ≮ ;`",
    "Wie sortiere ich ein Wörterbuch nach Werten? Grüße aus Köln",
    "Comment trier un dictionnaire par valeurs ? L'été dernier, à Noël.",
    "Как отсортировать словарь по значениям? Ёжик, йод",
    "ΣΊΣΥΦΟΣ ΟΔΥΣΣΕΎΣ ἄνθρωπος",
    "如何按值对字典排序？谢谢。",
    "辞書を値でソートする方法は？カタカナ ガギグ ｶﾞ",
    "사전을 값으로 정렬하는 방법",
    "كيف أرتب قاموسا حسب القيم؟ مُحَمَّد",
    "शब्दकोश को मान के अनुसार कैसे क्रमबद्ध करें? क्षत्रिय",
    "พจนานุกรม ಕನ್ನಡ தமிழ் עִבְרִית",
    "👋🏽 hi 👨‍👩‍👧 ok ☃️ 🇩🇪",
    "a\x00b\x01c\x0bd\x0ce\x1cf\x1fg\x7fh\x85i\xa0j\xadk\u200bl\u2028m\u3000n\ufeffo\ufffdp",
    "\ue000 \U000f0000 \U0010fffd \u0378 \U0001f9ff \U000e0041",
    "[UNK] and [PAD] and [CLS], x[PAD]y [[PAD]] [PAD [pad] [UNK][UNK]",
    "##ing un##able # ## 100% $5.00 3,141.59 1e-9 0xFF",
    "Ａｂｃ ℌello ﬁne x² ½ ™ Ⅷ ꟋꟜ",
    "\U00011938 a\u0898b ᙭ 𑇉 𝕳𝖊𝖑𝖑𝖔 𝅘𝅥𝅮",
    "the " * 2000,
    "qwzx " * 600 + "hello",
]

letters = st.sampled_from(
    [
        *"abcXYZ09",
        *" \t\n",
        *"#[]'._-",
        "\x00",
        "é",
        "\u0301",
        "ß",
        "İ",
        "Σ",
        "中",
        "が",
        "ग",
        "👋",
    ]
)
texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=letters, max_size=160),
    st.lists(st.sampled_from([*TEXTS[:30], "[PAD]", "[UNK]", "running", "##s"]), max_size=4).map(
        "".join
    ),
)


@cache
def ours() -> StaticModel:
    return StaticModel.load(str(FOLDER))


def floats(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"{len(vector) // 4}f", vector)


@cache
def tokenizer() -> Any:
    """The library's own, of the same file and without its limits."""
    tokenizers = pytest.importorskip("tokenizers", reason="the tokenizers library judges the ids")
    found = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def library_ids(text: str) -> list[int]:
    found: list[int] = tokenizer().encode(text, add_special_tokens=False).ids
    return found


def library_model(folder: Path = FOLDER) -> Any:
    model2vec = pytest.importorskip("model2vec", reason="model2vec judges the vectors")
    return model2vec.StaticModel.from_pretrained(str(folder))


def assert_same_vectors(
    model: StaticModel, library: Any, given_texts: list[str], tolerance: float, **limits: int
) -> None:
    for text in given_texts:
        said = library.encode(text, normalize=True, **{"max_length": 512, **limits})
        mine = floats(model.embed(text.encode(), *limits.values()))
        assert mine == pytest.approx([float(value) for value in said], abs=tolerance), text[:80]


def composed(count: int, seed: int) -> list[str]:
    """Texts of words of every kind, in any order and number."""
    random = Random(seed)
    words = [word for text in TEXTS for word in text.split(" ") if len(word) < 120]
    return [
        random.choice(" \n").join(random.choices(words, k=random.randint(1, 60)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("text", GOLDEN)
def test_vectors_are_what_they_were(text: str) -> None:
    """Caches keep vectors: a change of the model or its reading makes them worthless."""
    count, values = GOLDEN[text]
    assert len(ours().ids(text.encode())) == count
    assert floats(ours().embed(text.encode()))[:4] == pytest.approx(values, abs=1e-6)


def test_vectors_equal_model2vecs() -> None:
    assert_same_vectors(ours(), library_model(), TEXTS + composed(300, seed=1), 1e-5)


@pytest.mark.parametrize("tokens_max", [1, 7, 64])
def test_the_limit_equals_model2vecs(tokens_max: int) -> None:
    """It counts unknown words too, and cuts the text by characters before."""
    given_texts = TEXTS + composed(40, seed=2)
    assert_same_vectors(ours(), library_model(), given_texts, 1e-5, max_length=tokens_max)


@pytest.mark.parametrize("text", TEXTS)
def test_ids_equal_the_tokenizers_librarys(text: str) -> None:
    assert ours().ids(text.encode()) == library_ids(text)


@given(texts)
@example("ab\x00cd\u0301ef")
def test_ids_of_any_text_equal_the_tokenizers_librarys(text: str) -> None:
    assert ours().ids(text.encode()) == library_ids(text)


def test_every_code_point_is_classed_as_the_tokenizers_library_does() -> None:
    """Dropped, space, a word by itself, or a letter: each gives other ids between two letters.

    Alone and as an accent too. Planes of nothing but private or unassigned code points are sampled.
    """
    assigned = [*range(0xD800), *range(0xE000, 0x20100), *range(0x2F800, 0x2FB00)]
    sampled = [*range(0x20000, 0x110000, 997), *range(0xE0000, 0xE0200)]
    codes = assigned + sampled
    for start in range(0, len(codes), 4096):
        part = codes[start : start + 4096]
        text = " ".join(f"a{chr(code)}b {chr(code)} e{chr(code)}" for code in part)
        if ours().ids(text.encode()) != library_ids(text):
            for code in part:
                one = f"a{chr(code)}b {chr(code)} e{chr(code)}"
                assert ours().ids(one.encode()) == library_ids(one), hex(code)


@given(st.binary(max_size=60))
@example(b"caf\xc3")
@example(b"a\xed\xa0\x80b \xf4\x90\x80\x80 \xc0\xaf \xff")
def test_bytes_that_are_not_utf8_are_left_out(text: bytes) -> None:
    """As if each were U+FFFD, which the tokenizer drops."""
    assert ours().ids(text) == ours().ids(text.decode("utf-8", "replace").encode())


def test_nothing_known_is_no_direction() -> None:
    for text in (b"", b" \n", b"[UNK]", b"x" * 101):
        assert not any(floats(ours().embed(text)))
    assert not any(floats(ours().embed(b"hello", 0)))
    assert not any(floats(ours().embed(b"hello", -1)))


@given(texts)
@settings(max_examples=50)
def test_vectors_have_unit_length_or_none(text: str) -> None:
    vector = floats(ours().embed(text.encode()))
    assert len(vector) == ours().dim == 256
    assert sum(value * value for value in vector) in (0, pytest.approx(1, abs=1e-5))


def _twin(ids: list[int]) -> bytes:
    """The rows of the packaged table added up one by one, brought to unit length."""
    content = (FOLDER / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    total = [0] * 256
    for token in ids:
        row = struct.unpack_from("256b", content, begin + 256 * token)
        total = [one + other for one, other in zip(total, row, strict=True)]
    scale = 1 / math.sqrt(sum(value * value for value in total))
    return struct.pack("256f", *(value * scale for value in total))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("words", [1, 3, 4, 255, 256, 257, 511, 512, 513, 700])
def test_rows_are_added_exactly(words: int, level: int) -> None:
    """However many, and with whatever instructions: sums of 16 bits are emptied in time."""
    with at_level(embed.use, level):
        for text in ("the quick lazy dog naps " * words, "?" * words):
            ids = ours().ids(text.encode())[:words]
            assert ours().embed(text.encode(), words) == _twin(ids)


@pytest.mark.parametrize("size", [1, 8, 30, 31, 32, 33, 34, 99, 100, 101])
@pytest.mark.parametrize("letter", ["q", "é", "가"])
def test_words_wait_in_their_order(size: int, letter: str) -> None:
    """Long words do not wait for what is fetched ahead for short ones, nor do added tokens."""
    words = ["cat", letter * size, "dog", "[PAD]", "a", letter * size, *"bcdefghijklmnop", "[UNK]"]
    alone = [ours().ids(word.encode()) for word in words]
    assert ours().ids(" ".join(words).encode()) == [token for ids in alone for token in ids]


def test_similarity_is_the_cosine() -> None:
    near, same, far = (
        ours().embed(text)
        for text in (b"sort a list in python", b"how to sort a python list", b"the price of oil")
    )
    expected = sum(x * y for x, y in zip(floats(near), floats(same), strict=True))
    assert similarity(near, same) == pytest.approx(expected, abs=1e-6)
    assert similarity(near, near) == pytest.approx(1, abs=1e-6)
    assert similarity(near, same) > 0.8 > 0.5 > similarity(near, far)
    assert similarity(b"", b"") == 0
    tenths = [struct.pack("11f", *([value] * 11)) for value in (0.1, 0.2)]
    assert similarity(*tenths) == pytest.approx(0.22)


@pytest.mark.parametrize(("a", "b"), [(b"1234", b"12345678"), (b"123", b"123")])
def test_vectors_that_do_not_match_are_refused(a: bytes, b: bytes) -> None:
    with pytest.raises(ValueError, match="vectors of"):
        similarity(a, b)


# --- other models -----------------------------------------------------------------------------

Tensor = tuple[str, tuple[int, ...], bytes]  # type, shape, content

PIECES = ["[PAD]", "[UNK]", "a", "##b", "b", "hello", "##s", "é", "É", "e", "中", "文", "!"]


def added(content: str, number: int) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": content, "special": True, **flags}


def tokenizer_spec(**normalizer: object) -> dict[str, Any]:
    return {
        "added_tokens": [added("[UNK]", 1)],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
            **normalizer,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: number for number, piece in enumerate(PIECES)},
        },
    }


def written(folder: Path, spec: dict[str, Any], **tensors: Tensor) -> Path:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, (dtype, shape, data) in tensors.items():
        offsets = (len(content), len(content) + len(data))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        content += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + content)
    (folder / "tokenizer.json").write_text(json.dumps(spec), "utf-8")
    (folder / "config.json").write_text(json.dumps({"normalize": True, "max_length": 512}), "utf-8")
    return folder


def table(code: str, rows: int, dim: int = 24) -> bytes:
    random = Random(rows)
    values = [random.randint(-127, 127) for _ in range(rows * dim)]
    return struct.pack(f"{rows * dim}{code}", *values)


@pytest.mark.parametrize(("dtype", "code"), [("I8", "b"), ("F16", "e"), ("F32", "f")])
@pytest.mark.parametrize("shared", [False, True])
def test_every_kind_of_table_is_read(dtype: str, code: str, shared: bool, tmp_path: Path) -> None:
    """Rows may be shared between tokens that differ in weight (vocabulary quantization)."""
    rows = 5 if shared else len(PIECES)
    tensors: dict[str, Tensor] = {"embeddings": (dtype, (rows, 24), table(code, rows))}
    if shared:
        count = len(PIECES)
        mapping = [number * 7 % rows for number in range(count)]
        weights = [0.25 + number / 8 for number in range(count)]
        tensors["mapping"] = ("I64", (count,), struct.pack(f"{count}q", *mapping))
        tensors["weights"] = ("F32", (count,), struct.pack(f"{count}f", *weights))
    folder = written(tmp_path, tokenizer_spec(), **tensors)
    model = StaticModel.load(str(folder))
    assert model.dim == 24
    said = ["hello as ab b! é 中文", "a", "nothing known: xyz"]
    # model2vec rounds what it returns to the table's own precision.
    tolerance = 1e-3 if dtype == "F16" else 1e-5
    assert_same_vectors(model, library_model(folder), said, tolerance)


@pytest.mark.parametrize(
    "normalizer",
    [
        {"lowercase": False},
        {"strip_accents": False},
        {"lowercase": False, "strip_accents": True},
        {"clean_text": False},
        {"handle_chinese_chars": False},
    ],
    ids=str,
)
def test_every_normalizer_is_obeyed(normalizer: dict[str, object], tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the tokenizers library judges the ids")
    rows = len(PIECES)
    spec = tokenizer_spec(**normalizer)
    folder = written(tmp_path, spec, embeddings=("I8", (rows, 24), table("b", rows)))
    library = tokenizers.Tokenizer.from_str(json.dumps({"version": "1.0", **spec}))
    model = StaticModel.load(str(folder))
    for text in [*TEXTS[:-2], "HelloS hellos É é E ab\x00b a\ufffdb a\x0bb 中文 中b [UNK] hello!"]:
        assert model.ids(text.encode()) == library.encode(text, add_special_tokens=False).ids


def load_with(tmp_path: Path, change: Any) -> str:
    """What loading says of a copy of a good model that ``change`` has spoiled."""
    spec = tokenizer_spec()
    tensors = {"embeddings": ("I8", (len(PIECES), 24), table("b", len(PIECES)))}
    change(spec, tensors)
    with pytest.raises(ValueError, match=r"(tokenizer\.json|model\.safetensors): ") as caught:
        StaticModel.load(str(written(tmp_path, spec, **tensors)))
    return str(caught.value).partition(".json: ")[2] or str(caught.value).partition("tensors: ")[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda spec, _: spec["model"].update(type="BPE"), "'BPE' - at `$.model.type`"),
        (lambda spec, _: spec.update(normalizer=None), "got `null` - at `$.normalizer`"),
        (lambda spec, _: spec["normalizer"].update(type="NFC"), "'NFC' - at `$.normalizer.type`"),
        (
            lambda spec, _: spec["pre_tokenizer"].update(type="Metaspace"),
            "'Metaspace' - at `$.pre_tok",
        ),
        (lambda spec, _: spec["model"].update(unk_token="[X]"), "not in the vocabulary"),
        (
            lambda spec, _: spec["model"].update(continuing_subword_prefix=""),
            "at `$.model.continuing_sub",
        ),
        (lambda spec, _: spec["model"].update(max_input_chars_per_word=5000), "<= 400"),
        (lambda spec, _: spec["model"]["vocab"].update(a=7), "each of one piece"),
        (lambda spec, _: spec["model"]["vocab"].update(a=-1), "each of one piece"),
        (lambda spec, _: spec["model"]["vocab"].update(a="1"), "each of one piece"),
        (lambda spec, _: spec["added_tokens"][0].update(lstrip=True), "unsupported flags"),
        (lambda spec, _: spec["added_tokens"][0].update(id=2), "has the ids 1 and 2"),
        (lambda spec, _: spec["model"]["vocab"].update(a=2.5), "not whole numbers"),
        (lambda spec, _: spec["model"]["vocab"].update(new=14), "none is 13"),
        (lambda spec, _: spec["model"]["vocab"].update({"x" * 256: 13}), "13 has 256 bytes"),
        (lambda spec, _: spec["model"]["vocab"].update({"": 13}), "13 has 0 bytes"),
        (lambda spec, _: spec["model"].update(vocab={}), "none is 0"),
        (lambda spec, _: spec["model"].update(vocab=[]), "not an object"),
        (lambda spec, _: spec["added_tokens"].append(added("[X]", 12)), "12 is of two pieces"),
        (lambda spec, _: spec["added_tokens"].append(added("[X]", 14)), "none is 13"),
        (lambda spec, _: spec["added_tokens"].append(added("[X]", 99999)), "99999"),
        (lambda _, tensors: tensors.clear(), "field `embeddings`"),
        (lambda _, tensors: tensors.update(embeddings=("I8", (9, 24), b"1" * 216)), "9 embed"),
        (lambda _, tensors: tensors.update(embeddings=("I8", (13, 24), b"1" * 8)), "cut short"),
        (lambda _, tensors: tensors.update(embeddings=("I8", (312,), b"1" * 312)), "the shape"),
        (lambda _, tensors: tensors.update(embeddings=("I8", (13, 0), b"")), "0 dimensions"),
        (lambda _, tensors: tensors.update(embeddings=("BF16", (13, 4), b"1" * 104)), "BF16"),
        (
            lambda _, tensors: tensors.update(
                mapping=("U8", (1,), b"1"), embeddings=("F32", (13, 1), b"1234" * 13)
            ),
            "U8, not I32 or I64",
        ),
        (
            lambda _, tensors: [
                tensors.clear(),
                tensors.update(x=("U8", (1,), b"1"), embeddings=("F32", (13, 1), b"1234" * 13)),
            ],
            "not aligned",
        ),
        (lambda _, tensors: tensors.update(weights=("F32", (2,), b"12345678")), "2 weights for"),
        (
            lambda _, tensors: tensors.update(
                mapping=("I32", (13,), struct.pack("13i", *[13] * 13))
            ),
            "leads outside",
        ),
    ],
)
def test_a_model_that_cannot_be_used_says_why(change: Any, said: str, tmp_path: Path) -> None:
    assert said in load_with(tmp_path, change)


def test_a_model_comes_from_files_only() -> None:
    with pytest.raises(TypeError, match="comes from"):
        StaticModel()


def test_pieces_may_be_escaped_and_tokens_may_be_no_pieces(tmp_path: Path) -> None:
    """JSON allows any spelling and spacing, and an added token its own row."""
    spec = tokenizer_spec()
    vocab = spec["model"]["vocab"]
    vocab.update({'"': len(vocab), "\\": len(vocab) + 1, "##/\u4e2d": len(vocab) + 2})
    spec["added_tokens"] += [added("[X]", len(vocab)), added("[X]]", len(vocab) + 1)]
    rows = len(vocab) + 2
    folder = written(tmp_path, spec, embeddings=("I8", (rows, 24), table("b", rows)))
    for indent in (None, 2):
        (folder / "tokenizer.json").write_text(json.dumps(spec, indent=indent), "utf-8")
        model = StaticModel.load(str(folder))
        assert model.ids('a"b\\ é[X]e [X]] x'.encode()) == [2, 13, 4, 14, 9, 16, 9, 17, 1]
        assert_same_vectors(model, library_model(folder), ['a"b\\ é[X]e [X]] x', "a" * 9], 1e-5)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\xff" * 20, b"{}", b"\x04" + b"\0" * 7 + b"nope"])
def test_a_broken_file_says_which(name: str, content: bytes | None, tmp_path: Path) -> None:
    for good in ("tokenizer.json", "model.safetensors"):
        shutil.copy(FOLDER / good, tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        StaticModel.load(str(tmp_path))
