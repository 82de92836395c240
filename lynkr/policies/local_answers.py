"""Answers to side calls that need no model: probes, warm-ups, titles, topics.

A probe and a warm-up are made for what they do, and any answer is one; a title is made of the first
words that the user typed. Where the client could want anything else (another field in its schema, a
conversation in a form that is not known) there is no answer here, and the call is sent like any
other. The same bytes get the same answer.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from lynkr._native.spans import MESSAGES, Layout, Message, string_value
from lynkr.policies.cache_facts import facts_of
from lynkr.policies.side_calls import ROWS
from lynkr.transforms.tools.own_words import own_words
from lynkr.wire.message import Response, Stop, Text, Usage

KINDS = ("quota", "warm_up", "title", "topic")
WORDS_MAX = 7  # Claude Code asks for 3 to 7, Claude Code 1 for 5 to 10
CHARS_MAX = 50  # opencode's bound; Codex says its own in a schema
TOPIC_WORDS_MAX = 3  # Claude Code 1 asks for 2 or 3
IDEOGRAPHS_MAX = 20  # of a title in a script without spaces
_WORD_CHARS_MAX = 30
_TEXT_BYTES_MAX = 64 * 1024  # of one text; who pastes more is not named by its first line
_SYSTEMS = (b"system", b"developer")
_NOTHING = Usage(input_tokens=0, output_tokens=0)

# Where the conversation stands in the one message that asks for its title, by the client.
_INSIDE = {
    "opencode": re.compile(r"(.*)", re.S),
    "Codex app": re.compile(r".*?^User prompt:[ \t]*\n?(.*)", re.S | re.M),
    "Claude Code 1": re.compile(
        r".*?^User: (.*?)(?=^(?:User|Claude|Assistant): |^Respond with the title\b|\Z)",
        re.S | re.M,
    ),
}
_ASKS = tuple((row.phrase, row.client) for row in ROWS if row.kind == "title")
_SESSION = re.compile(r"<(session|conversation|description)>(.*?)</\1>", re.S)
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.S | re.M)
_LINE_MARK = re.compile(r"^(?:[#>*+-]+|\d{1,3}[.)])\s+")
_EMPHASIS = re.compile(r"[`*]+|(?<!\w)_+|_+(?!\w)")
_SENTENCE_END = re.compile(
    r"(?<=\w)[)\]\"']*[.!?:;]+(?=\s|$)|[\u3002\uff01\uff1f\uff1b\uff1a]"  # and full-width ones
    r"|\s[-\u2013\u2014]+\s"  # a dash
)
_LEAD_IN = re.compile(
    r"(?:(?:hi|hey|hello|please|pls|okay|ok)\b(?:\s+(?:there|claude|all))?[\s,!.]+"
    r"|(?:can|could|would|will) you (?:please |kindly )?"
    r"|i(?:'d| would) like (?:you )?to |i (?:want|need) (?:you )?to |help me (?:to )?"
    r"|let'?s )",
    re.I,
)
_TRAILING = re.compile(
    r"an?|the|of|to|in|on|at|by|for|from|with|and|or|but|as|into|that|which|when|where|if|so"
    r"|this|these|my|our|your|its|is|are|was|be|it|we|you|i|because|while|than|then|not",
    re.I,
)
_BEFORE = "@._/~-#([{<$"  # punctuation that a word may begin with, and end with
_BEHIND = ")]}>%#_/"
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))


def local_answer(side: str, api: str, body: bytes, layout: Layout | None) -> Response | None:
    """The whole reply to a side call of a kind in ``KINDS``; ``None`` where there is none that is
    surely right. ``side`` is what ``side_calls.side_call`` says of the body."""
    if side not in KINDS or layout is None or not layout.message_list:
        return None
    facts = facts_of(api, body, layout)
    if not facts.understood or facts.candidates != 1 or facts.continues or facts.background:
        return None
    if side == "quota":
        return _reply("OK", body, layout, Stop(reason="max_tokens"))
    if side == "warm_up":
        return _reply("OK", body, layout)
    if facts.tools or facts.logprobs or facts.service_run or facts.mid_exchange:
        return None
    text = _topic(body, layout) if side == "topic" else _title(body, layout)
    return None if text is None else _reply(text, body, layout)


def _reply(text: str, body: bytes, layout: Layout, stop: Stop | None = None) -> Response:
    span = layout.model
    name = string_value(body, span) if span is not None else None
    return Response(
        id="",
        model="" if name is None else name.decode("utf-8", "replace"),
        parts=[Text(text=text)],
        stop=stop or Stop(reason="end_turn"),
        usage=_NOTHING,
    )


# --- the two kinds of text ----------------------------------------------------------------------


def _title(body: bytes, layout: Layout) -> str | None:
    form = _form(body, layout)
    if form is None or layout.message_list[-1].role != b"user":
        return None
    words = _first_words(body, layout)
    if words is None:
        return None
    title = title_of(words, form.chars_max)
    if len(title) < max(form.chars_min, 1):
        return None
    return _json({"title": title}) if form.json else title


def _topic(body: bytes, layout: Layout) -> str | None:
    """Claude Code 1 shows one message, and begins the answer itself with a brace."""
    messages = layout.message_list
    begun = False
    if messages[-1].role == b"assistant":
        if _texts(body, layout, messages[-1]) != ["{"]:
            return None
        begun = True
    asked = [one for one in messages if one.role == b"user"]
    if len(asked) != 1 or sum(one.role == b"assistant" for one in messages) != begun:
        return None
    texts = _texts(body, layout, asked[0])
    if texts is None:
        return None
    title = title_of(own_words("\n".join(texts)), CHARS_MAX, TOPIC_WORDS_MAX)
    new = " " in title or not title.isascii()  # "yes" and "continue" begin nothing
    text = _json({"isNewTopic": new, "title": title if new else None})
    return text[1:] if begun else text


def _json(value: dict[str, object]) -> str:
    return msgspec.json.encode(value).decode()


# --- what the client wants ----------------------------------------------------------------------


class _Form(msgspec.Struct, frozen=True):
    json: bool = False
    chars_max: int = CHARS_MAX
    chars_min: int = 0


class _Text(msgspec.Struct):
    type: str = ""
    maxLength: int = CHARS_MAX  # noqa: N815  # JSON Schema's names
    minLength: int = 0  # noqa: N815
    pattern: str = ""
    enum: list[msgspec.Raw] | None = None


class _Schema(msgspec.Struct):
    properties: dict[str, msgspec.Raw] = {}
    required: list[str] = []


class _Named(msgspec.Struct):
    """The four places of a schema: Chat has one more level than Messages and Responses."""

    type: str = ""
    schema: _Schema | None = None
    json_schema: _Named | None = None
    format: _Named | None = None


def _form(body: bytes, layout: Layout) -> _Form | None:
    """How the title is to be written; ``None`` for what is more than a title."""
    for name in (b"output_config", b"output_format", b"response_format", b"text"):
        span = layout.keys.get(name)
        if span is None or body[span[0] : span[1]] == b"null":
            continue
        try:
            found = msgspec.json.decode(body[span[0] : span[1]], type=_Named)
            found = found.format or found
            if found.type == "json_schema":
                named = found.json_schema or found
                return None if named.schema is None else _form_of(named.schema)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if found.type == "json_object":
            return _Form(True)
    return _Form(_wants_json(body, layout))


def _form_of(schema: _Schema) -> _Form | None:
    if not set(schema.required) <= {"title"} or "title" not in schema.properties:
        return None
    title = msgspec.json.decode(schema.properties["title"], type=_Text)
    if title.type != "string" or title.pattern or title.enum is not None:
        return None
    return _Form(True, min(title.maxLength, CHARS_MAX), title.minLength)


def _wants_json(body: bytes, layout: Layout) -> bool:
    """Whether instructions without a schema name the field that a title is to stand in."""
    spans = [block.text for block in layout.system_blocks]
    if layout.system is not None and layout.dialect != MESSAGES:
        spans.append(layout.system)
    for message in layout.message_list:
        if message.role in _SYSTEMS:
            first = message.first
            spans += [layout.blocks[at].text for at in range(first, first + message.count)]
    said = [body[span[0] : span[1]] for span in spans if span is not None]
    return any(b"JSON" in text and b'\\"title\\"' in text for text in said)


# --- the user's words ---------------------------------------------------------------------------


def _texts(body: bytes, layout: Layout, message: Message) -> list[str] | None:
    """The texts of a message; ``None`` where something in it is no text, or too long."""
    found: list[str] = []
    for at in range(message.first, message.first + message.count):
        span = layout.blocks[at].text
        value = string_value(body, span) if span is not None else None
        if value is None or len(value) > _TEXT_BYTES_MAX:
            return None
        found.append(value.decode("utf-8", "replace"))
    return found


def _first_words(body: bytes, layout: Layout) -> str | None:
    """The first of the conversation's texts that has words of the user's."""
    for message in layout.message_list:
        if message.role != b"user":
            continue
        texts = _texts(body, layout, message)
        if texts is None:
            return None
        for text in texts:
            inside = _inside(text.lstrip())
            if inside is None:
                return None
            words = own_words(inside)
            if words:
                return words
    return None


def _inside(text: str) -> str | None:
    """The text without the client's request for a title; ``None``: that is in no known form."""
    for phrase, client in _ASKS:
        if text.startswith(phrase):
            form = _INSIDE.get(client)
            found = form.match(text, len(phrase)) if form is not None else None
            return None if found is None else found[1]
    session = _SESSION.search(text)
    return text if session is None else session[2]


def title_of(text: str, chars_max: int = CHARS_MAX, words_max: int = WORDS_MAX) -> str:
    """The first words of a text as a title: one line, sentence case, no punctuation at its end, at
    most ``chars_max`` characters. "" where it has no words."""
    words: list[str] = []
    cut = False
    for sentence in _sentences(text):
        if len(words) > 1:
            break
        if not words and _is_unspaced(sentence):
            return _bare(_cut(_bare(sentence), min(chars_max, IDEOGRAPHS_MAX)))
        for token in sentence.split():
            word = _short(_bare(token))
            if not word:
                continue
            if len(words) == words_max or len(" ".join([*words, word])) > chars_max:
                cut = True
                break
            words.append(word)
    while cut and len(words) > 2 and _TRAILING.fullmatch(words[-1]):
        words.pop()
    return _cased(words)


def _sentences(text: str) -> list[str]:
    """The sentences of its first lines that are prose, without how one begins to ask."""
    found: list[str] = []
    for row in _FENCED.sub("\n", text).splitlines():
        line = _EMPHASIS.sub("", _LINE_MARK.sub("", row.strip()))
        line = "".join(char for char in line if char.isprintable())
        for sentence in _SENTENCE_END.split(line):
            if any(char.isalnum() for char in sentence):
                found.append(_asked(sentence.strip()))
        if len(found) > WORDS_MAX:
            break
    return found


def _asked(sentence: str) -> str:
    """What is asked, without "please" and "could you"."""
    while (lead := _LEAD_IN.match(sentence)) and lead.end() < len(sentence):
        sentence = sentence[lead.end() :]
    return sentence


def _bare(word: str) -> str:
    """Without the punctuation around it that is not its own."""
    start, end = 0, len(word)
    while start < end and word[start] not in _BEFORE and _is_mark(word[start]):
        start += 1
    while start < end and word[end - 1] not in _BEHIND and _is_mark(word[end - 1]):
        end -= 1
    word = word[start:end]
    for opening, closing in _PAIRS:
        if word.startswith(opening) and closing not in word:
            word = word[1:]
        elif word.endswith(closing) and opening not in word:
            word = word[:-1]
    return word if any(char.isalnum() for char in word) else ""


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PZ"


def _short(word: str) -> str:
    """A word that is not too long: of a path or address its last part."""
    if len(word) > _WORD_CHARS_MAX:
        word = word.partition("?")[0].rstrip("/").rpartition("/")[2]
    return word[:_WORD_CHARS_MAX]


def _cased(words: list[str]) -> str:
    line = " ".join(words)
    if len(words) > 2 and line.isupper():  # shouted
        line = line.lower()
    first = line.partition(" ")[0]
    if first.replace("-", "").replace("'", "").isalpha() and first.islower():
        line = line[0].upper() + line[1:]
    return line


def _is_unspaced(text: str) -> bool:
    """Whether a text is, in half of its letters, of a script that writes no spaces: Thai to Khmer,
    Kana, Han."""
    if text.isascii():
        return False
    letters = [ord(char) for char in text if char.isalpha()]
    without = sum(0x0E00 <= one <= 0x17FF or 0x3040 <= one <= 0x9FFF for one in letters)
    return 2 * without > len(letters)


def _cut(text: str, chars_max: int) -> str:
    """At most so many characters, and no mark without the letter it stands on."""
    at = min(chars_max, len(text))
    while 0 < at < len(text) and unicodedata.category(text[at])[0] == "M":
        at -= 1
    return text[:at]
