"""The token counter: near o200k_base, and the same as its slow twin on any bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.tokens import count, count_span
from scripts.token_table import class_of
from tests.native import reference_tokens as reference

# Counted with the o200k_base ranks of tiktoken 0.14.
COUNTED = {
    "english": (
        40,
        "We shouldn't have shipped it on Friday; they're still sorting out who'd approved t"
        "he\n"
        "change, and I'll bet the rollback plan was never rehearsed. It's a 2-hour job, at "
        "most.\n",
    ),
    "python": (
        97,
        "class Parser:\n"
        '    """Reads HTTPResponse heads."""\n'
        "\n"
        "    def feed_data(self, data: bytes) -> tuple[bool, bytes]:\n"
        '        if not self._buf and data[:4] != b"HTTP":\n'
        '            raise ValueError(f"bad start: {data[:16]!r}")\n'
        "        self._buf += data  # kept until \\r\\n\\r\\n\n"
        '        return self._buf.find(b"\\r\\n\\r\\n") >= 0, bytes(self._buf)\n',
    ),
    "rust": (
        63,
        "impl<T: Clone + Send> Queue<T> {\n"
        "\tpub fn push(&mut self, item: T) -> Result<(), QueueError> {\n"
        "\t\tif self.items.len() >= MAX_QUEUE_LEN { return Err(QueueError::Full); }\n"
        "\t\tself.items.push_back(item);\n"
        "\t\tOk(())\n"
        "\t}\n"
        "}\n",
    ),
    "json": (
        77,
        '{"orders":[{"id":"ord_8812","total":1249.50,"currency":"EUR","lines":[{"sku":"KX-2'
        '04","qty":3}],"paid":true,"note":null},{"id":"ord_8813","total":87,"currency":"EUR'
        '","lines":[],"paid":false,"note":"call \\"Mia\\" first"}]}',
    ),
    "listing": (
        89,
        "drwxr-xr-x  7 deploy deploy   4096 Mar 14 09:21 releases\n"
        "-rw-r--r--  1 deploy deploy 183221 Mar 14 09:20 bundle.9f3ac1.js\n"
        "lrwxrwxrwx  1 root   root       31 Feb 02 18:55 current -> /srv/shop/releases/2026"
        "0314092011\n",
    ),
    "german": (
        34,
        "Der Zwischenspeicher wird erst geleert, wenn alle Verbindungen geschlossen sind; a"
        "ndernfalls gäbe es Überschneidungen bei größeren Übertragungen.",
    ),
    "russian": (
        22,
        "Сервер не отвечает уже десять минут, поэтому мы переключили запросы на резервный узел.",
    ),
    "chinese": (
        21,
        "请把日志文件上传到服务器\uff0c然后检查第三行的错误信息。如果还有问题\uff0c请告诉我。",
    ),
    "japanese": (
        21,
        "設定ファイルを読み込めませんでした。パスワードをもう一度確認してください。",
    ),
    "arabic": (
        18,
        "يرجى التحقق من الاتصال بالشبكة ثم إعادة المحاولة بعد دقيقة واحدة.",
    ),
    "hindi": (
        17,
        "कृपया फ़ाइल को सहेजने से पहले नाम बदल दें।",
    ),
    "korean": (
        16,
        "요청이 시간 안에 끝나지 않아 연결을 닫았습니다.",
    ),
    "emoji": (
        30,
        "Deploy done 🚀🎉 — all 👍🏽, nothing 🔥… ✅ 3/3 ⚠️ → ½ ±2°C",
    ),
    "base64": (
        51,
        "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k+QmFzZTY0L0lzK05vdD1FbmdsaXNo",
    ),
    "hex": (
        41,
        "5f1d7a84cd3b9a0e66c2f8017be4d3a95c0f1e2d deadbeef0badf00d",
    ),
    "uuid": (
        35,
        "3d1f0f66-7c5a-4b3e-9f0b-5f2a61b1c9d7\n",
    ),
    "url": (
        24,
        "https://shop.example.com/v2/items/8812?ref=mail&utm_source=spring%20sale#reviews",
    ),
    "blanks": (
        13,
        "a\n\n\n    b\t\tc   \n  \r\n   d        e  \n\n",
    ),
    "screaming": (
        18,
        "MAX_RETRIES_PER_HOST=5 getHTTPClient XMLHttpRequest iOSApp McDonald'S",
    ),
    "special": (
        21,
        "<|endoftext|> and <|im_start|>user<|im_end|>",
    ),
    "mixed": (
        20,
        "Das API-Gateway 返回 HTTP 503\uff0c不是 500: naïve café's “quote”.",
    ),
}

# Where the pattern decides: cases, contractions, marks, blanks of all kinds, what ends a piece.
AWKWARD = [
    *("a", "z", "A", "Z", "{", "`", "@", "[", "0", "9", "12", " ", "  ", "\t", "\r", "\n", "\x0b"),
    *("'s", "'S", "'re", "'LL", "'v", "'", "/", "//", "-", "_", "\0", "\x7f", "the", " of", "Mc"),
    *(
        "\x85",
        "\xa0",
        "\u2003",
        "\u3000",
        "é",
        "É",
        "ß",
        "ǅ",
        "ʰ",
        "ª",
        "中",
        "文字",
        "か",
        "\u0301",
    ),
    *("\u0903", "½", "Ⅷ", "٣", "🚀", "\u200d", "\ufe0f", "\u017f", "\U000e0100", "\U0001d400", "�"),
    *("internationalization", "x" * 9, "qzxjkvwq", "abcdefg", "------", "\n\n\n", "    "),
]
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(AWKWARD), max_size=40).map("".join),
    st.text(alphabet="abcXYZ019 '\n.,_-{}\":", max_size=120),
)


@pytest.mark.parametrize("name", COUNTED)
def test_a_text_counts_as_its_tokenizer_counts_it(name: str) -> None:
    exact, text = COUNTED[name]
    assert abs(count(text.encode()) - exact) <= exact * 0.03


def test_the_texts_together_are_exact_within_a_thousandth() -> None:
    exact = sum(tokens for tokens, _ in COUNTED.values())
    counted = sum(count(text.encode()) for _, text in COUNTED.values())
    assert abs(counted - exact) <= 1


@given(texts)
@example("".join(AWKWARD))
@example(" ".join(AWKWARD))
@example("\u0352YX")
@settings(max_examples=200, deadline=None)
def test_a_text_counts_as_in_the_twin(text: str) -> None:
    data = text.encode("utf-8", "replace")
    assert count(data) == reference.count(data)


@given(st.binary(max_size=60), texts)
@example(b"\xe2\x82", "a")
@example(b"\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80\xe0\x80\xaf\xff", "")
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_utf8_count_as_in_the_twin(data: bytes, text: str) -> None:
    mixed = data[:20] + text.encode("utf-8", "replace") + data[20:]
    assert count(mixed) == reference.count(mixed)


@pytest.mark.parametrize(
    "text",
    [
        *("=" * 600, " " * 300 + "x", "ab" * 200, "a" * 255, "a" * 256, "a" * 257),
        *("統" * 200, "x" + "é" * 200, "🚀" * 90, "\n" * 400, "Q" * 1000),
    ],
)
def test_a_long_piece_counts_as_in_the_twin(text: str) -> None:
    """Cut into parts, none of which ends inside a character."""
    assert count(text.encode()) == reference.count(text.encode())


@pytest.mark.parametrize("name", COUNTED)
def test_a_cut_anywhere_counts_as_in_the_twin(name: str) -> None:
    """The fast path stops short of the end; the counter must not see what lies behind it."""
    data = COUNTED[name][1].encode()
    for size in range(0, len(data), max(1, len(data) // 25)):
        assert count(memoryview(data)[:size]) == reference.count(data[:size])


@given(texts)
def test_a_count_is_bounded_by_the_bytes(text: str) -> None:
    """No token is empty and none is longer than 128 bytes."""
    data = text.encode("utf-8", "replace")
    assert len(data) / 128 <= count(data) <= len(data)
    assert (count(data) == 0) == (data == b"")


def test_a_count_does_not_depend_on_what_was_counted_before() -> None:
    """Pieces are remembered; 20,000 others drive them out and change nothing."""
    words = [
        f"zq{number:05d}".translate({48 + d: 97 + d for d in range(10)}) for number in range(20000)
    ]
    first = [count(word.encode()) for word in words[:500]]
    together = sum(count(word.encode()) for word in words)
    assert [count(word.encode()) for word in words[:500]] == first
    assert sum(count(word.encode()) for word in words) == together
    assert first[:50] == [reference.count(word.encode()) for word in words[:50]]


@given(texts, st.booleans(), st.binary(max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_json_string_counts_as_what_it_stands_for(text: str, ascii_only: bool, by: bytes) -> None:
    text = text.encode("utf-8", "replace").decode()
    content = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()
    body = by + content + by
    counted = count_span(body, len(by), len(by) + len(content), True)
    assert counted == count(text.encode())
    if b"\\" not in content:
        assert count_span(body, len(by), len(by) + len(content), False) == counted


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb"a\/b\\c\"d\b\f\n\r\t", 'a/b\\c"d\b\f\n\r\t'),
        (rb"\u00e9\u4E2D\ud83d\ude80!", "é中🚀!"),
        (rb"\ud83d \ude80\ud83d\u0041", "\ufffd \ufffd\ufffdA"),
        (rb"tail \u12", "tail u12"),  # no JSON: what is no escape stands for itself
        (b"tail \\", "tail \\"),
    ],
)
def test_every_escape_is_undone(content: bytes, text: str) -> None:
    assert count_span(content, 0, len(content), True) == count(text.encode())


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_a_span_outside_the_body_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no span"):
        count_span(b"abc", start, end, False)


@pytest.mark.parametrize("as_type", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer_is_read(as_type: type) -> None:
    assert count(as_type(b"hello there")) == 2
    assert count_span(as_type(b"hello there"), 5, 11, False) == 1


def test_no_bytes_at_all_are_a_type_error() -> None:
    for nothing in (None, "text"):
        with pytest.raises(TypeError):
            count(nothing)  # type: ignore[arg-type]


def test_the_table_has_the_class_of_every_character() -> None:
    """A newer Python may know characters that the table does not: those are symbols in it."""
    _, classes = reference.table()
    wrong = [code for code in range(0x110000) if classes[code] not in (0, class_of(code))]
    assert wrong == []
    known = sum(classes[code] == class_of(code) for code in range(0x110000))
    assert known > 0x110000 * 0.98
