"""The cascade's check: what is broken is found, and nothing else is, since that costs a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lynkr.policies.routing.verify import FLAWS, flaw_of, is_open
from lynkr.wire.message import (
    Image,
    Json,
    Message,
    Offer,
    Opaque,
    OutputFormat,
    Part,
    Request,
    Response,
    Stop,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)

ANSWERS = Path(__file__).parents[2] / "fixtures" / "answers" / "agreement.jsonl"
READ = Tool(
    name="read_file",
    parameters={
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "line": {"type": "integer"},
            "mode": {"type": "string", "enum": ["text", "hex"]},
            "follow": {"type": ["boolean", "null"]},
            "parts": {"type": "array", "items": {"type": "string"}},
            "any": {"anyOf": [{"type": "string"}, {"type": "number"}]},
            "kind": {"const": "file"},
        },
        "required": ["path"],
    },
)


def ask(*texts: str, system: str = "", tools: tuple[Tool, ...] = (), **fields: Any) -> Request:
    said = [Message(role="user", parts=[Text(text=text)]) for text in texts]
    instructions = Message(role="system", parts=[Text(text=system)]) if system else None
    return Request(
        format="openai_chat", model="m", messages=said, system=instructions, tools=list(tools),
        **fields,
    )  # fmt: skip


def reply(*parts: Part | str, stop: StopReason = "end_turn") -> Response:
    found: list[Part] = [Text(text=part) if isinstance(part, str) else part for part in parts]
    return Response(id="r", model="m", parts=found, stop=Stop(reason=stop))


def flaw(asked: Request | str, *parts: Part | str, stop: StopReason = "end_turn") -> str:
    request = ask(asked) if isinstance(asked, str) else asked
    found = flaw_of(request, reply(*parts, stop=stop))
    assert found == "" or found in FLAWS
    return found


def call(arguments: str | Json, name: str = "read_file", **fields: Any) -> ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(id="c", name=name, arguments=text, **fields)


# --- empty, truncated ---------------------------------------------------------------------------


def test_no_words_are_no_answer() -> None:
    assert flaw("why?") == "empty"
    assert flaw("why?", " \n ") == "empty"
    assert flaw("why?", Thinking(text="because of the wind")) == "empty"


def test_what_is_no_text_may_be_the_answer() -> None:
    assert flaw("draw", Image(data="x", media_type="image/png")) == ""
    assert flaw("search", Opaque(kind="web_search_call", value={})) == ""
    assert flaw(ask("read", tools=(READ,)), call({"path": "a"})) == ""
    assert flaw("go on", stop="pause_turn") == ""
    assert flaw("count to nine", stop="stop_sequence") == ""


def test_a_refusal_is_an_answer() -> None:
    assert flaw("how?", stop="refusal") == ""
    assert flaw("how?", Text(text="", refusal=True)) == ""


def test_a_reply_that_was_cut_is_told_where_the_client_left_room() -> None:
    stops: tuple[StopReason, ...] = ("max_tokens", "context_window")
    for stop in stops:
        assert flaw("explain", "It is", stop=stop) == "truncated"
        assert flaw(ask("explain", max_output_tokens=4096), "It is", stop=stop) == "truncated"
    assert flaw(ask("one word", max_output_tokens=16), "It is", stop="max_tokens") == ""
    assert flaw(ask("x", max_output_tokens=1), stop="max_tokens") == ""


def test_a_block_of_code_that_never_ends_was_cut() -> None:
    assert flaw("sort", "Here:\n\n```python\ndef f(x):\n    return") == "truncated"
    done = "One:\n```\na\n```\nTwo:\n```js\nlet x = {"
    assert flaw("sort", done) == "truncated"
    assert flaw("sort", "- step\n\n  ~~~\n  run this") == "truncated"


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)\n```",
        "1. Do it:\n   ```sh\n   make\n   ```\n2. Done",
        "- ```sh\n  make\n  ```\n- next",
        "> ```\n> quoted\n> ```\nand so on",
        "~~~\n```\n~~~\nrest",
        "````md\n```\ncode\n```\n````\nrest",
        # A README in a block, with blocks of its own: CommonMark sees an open one.
        "```markdown\n# Tool\n```bash\nmake\n```\nMore\n```\nThat is the file",
        "```markdown\n# Tool\n```bash\nmake\n```\nMore\n```\n",
        "```\na\n```\nb\n```\n",
        "A fence is written ``` and closed by ``` too",
        "```text\nit was forgotten.\n\nThat is how it works.",
    ],
)
def test_a_block_that_is_closed_by_any_reading_was_not(text: str) -> None:
    assert not is_open(text)
    assert flaw("write a readme", text) == ""


def test_who_began_the_block_or_stops_at_its_end_knows_that_it_is_open() -> None:
    text = "```py\nx = 1\ny = 2"
    assert flaw("code", text) == "truncated"
    assert flaw(ask("code", stop=["```"]), text) == ""
    assert flaw("code", text, stop="stop_sequence") == ""
    begun = ask("code")
    begun.messages.append(Message(role="assistant", parts=[Text(text="```py\n")]))
    assert flaw(begun, "x = 1\n```\nIt sets x to one") == ""


# --- calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "a"},
        {"path": "a", "line": 3, "mode": "hex", "follow": True, "parts": ["b"], "kind": "file"},
        {"path": "a", "line": 3.0},
        {"path": "a", "follow": None},
        {"path": "a", "line": None},
        {"path": "a", "any": {"x": 1}},
        {"path": "a", "unheard": 1},
        {"path": ""},
    ],
)
def test_a_call_by_the_rules_passes(arguments: Json) -> None:
    assert flaw(ask("read", tools=(READ,)), "Reading.", call(arguments), stop="tool_use") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{",
        '{"path": "a"',
        "[]",
        '"a"',
        "null",
        {},
        {"line": 1},
        {"path": None},
        {"path": 3},
        {"path": ["a"]},
        {"path": "a", "line": "3"},
        {"path": "a", "line": 3.5},
        {"path": "a", "line": True},
        {"path": "a", "mode": "binary"},
        {"path": "a", "follow": "yes"},
        {"path": "a", "parts": "b"},
        {"path": "a", "parts": '["b"]'},
        {"path": "a", "kind": "folder"},
    ],
)
def test_a_call_against_the_rules_is_malformed(arguments: str | Json) -> None:
    found = flaw(ask("read", tools=(READ,)), call(arguments), stop="tool_use")
    assert found == "malformed_tool_call"


def test_a_tool_without_rules_takes_any_object() -> None:
    bare = Tool(name="now")
    for arguments in ("", "{}", '{"x": 1}'):
        assert flaw(ask("when", tools=(bare,)), call(arguments, "now"), stop="tool_use") == ""
    odd = Tool(name="odd", parameters={"properties": {"a": {"type": "date"}, "b": True}})
    assert flaw(ask("x", tools=(odd,)), call({"a": 1, "b": 2}, "odd"), stop="tool_use") == ""


def test_a_tool_that_nobody_offers_cannot_be_called() -> None:
    tools = ask("read", tools=(READ,))
    assert flaw(tools, call({}, "write_file"), stop="tool_use") == "malformed_tool_call"
    assert flaw("read", call({"path": "a"}), stop="tool_use") == "malformed_tool_call"


def test_a_tool_may_be_offered_in_several_ways() -> None:
    spaced = Tool(name="get", namespace="mcp")
    assert flaw(ask("x", tools=(spaced,)), call({}, "get", namespace="mcp"), stop="tool_use") == ""
    assert flaw(ask("x", tools=(spaced,)), call({}, "mcp__get"), stop="tool_use") == ""
    hosted = Tool(name="web_search", kind="hosted")
    assert flaw(ask("x", tools=(hosted,)), call({}, "web_search"), stop="tool_use") == ""
    later = ask("x")
    later.messages.insert(0, Message(role="developer", parts=[Offer(tools=[READ])]))
    assert flaw(later, call({"path": "a"}), stop="tool_use") == ""
    assert flaw(later, call({}), stop="tool_use") == "malformed_tool_call"
    found = ToolResult(call_id="1", content=[ToolReference(name="deploy")])
    told = ask("x")
    told.messages.insert(0, Message(role="user", parts=[found]))
    assert flaw(told, call({"any": 1}, "deploy"), stop="tool_use") == ""


def test_a_custom_tool_is_given_text() -> None:
    patch = Tool(name="apply_patch", kind="custom")
    asked = ask("patch", tools=(patch,))
    assert flaw(asked, call("*** Begin Patch", "apply_patch", kind="custom"), stop="tool_use") == ""


def test_a_call_that_was_demanded_has_to_come() -> None:
    for choice in (ToolChoice(mode="required"), ToolChoice(mode="tool", name="read_file")):
        asked = ask("read", tools=(READ,), tool_choice=choice)
        assert flaw(asked, "I have read it.") == "malformed_tool_call"
        assert flaw(asked, call({"path": "a"})) == ""
    search = Tool(name="web_search", kind="hosted")
    asked = ask("x", tools=(search,), tool_choice=ToolChoice(mode="tool", name="web_search"))
    assert flaw(asked, "It says so.") == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "read_file", "arguments": {"path": "a"}}',
        '```json\n{"name": "read_file", "parameters": {"path": "a"}}\n```',
        '[{"name": "read_file", "input": {"path": "a"}}]',
        '{"type": "function", "function": {"name": "read_file", "arguments": "{}"}}',
        'Let me look.\n<tool_call>\n{"name": "read_file", "arguments": {}}\n</tool_call>',
        '<function_calls>\n<invoke name="read_file">\n<parameter name="path">a</parameter>',
        '<invoke name="read_file">',
        "<function=read_file><parameter=path>a</parameter></function>",
        '[TOOL_CALLS][{"name": "read_file", "arguments": {}}]',
        '<|python_tag|>{"name": "read_file", "parameters": {}}',
    ],
)
def test_a_call_written_as_text_is_none(text: str) -> None:
    asked = ask("read it", tools=(READ,))
    assert flaw(asked, text) == "malformed_tool_call"
    assert flaw("read it", text) == ""  # where no tool is on offer, it is an example
    assert flaw(asked, text, call({"path": "a"}), stop="tool_use") == ""
    unused = ask("read it", tools=(READ,), tool_choice=ToolChoice(mode="none"))
    assert flaw(unused, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Hermes writes <tool_call> around a call, as in <tool_call>{...}</tool_call>.",
        'A call looks like this:\n```\n<tool_call>\n{"name": "read_file"}\n</tool_call>\n```\nDone',
        '{"name": "lynkr", "version": "1.0", "dependencies": {}}',
        '{"name": "read_file", "description": "Reads a file"}',
        '{"name": "write_file", "arguments": {}}',
        "<function=of_x>y</function>",
        "[1, 2, 3]",
        "[]",
        "I would call read_file with the path a.",
    ],
)
def test_talk_about_calls_is_no_call(text: str) -> None:
    assert flaw(ask("how do calls look?", tools=(READ,)), text) == ""


# --- JSON ---------------------------------------------------------------------------------------


def test_json_that_was_asked_for_has_to_be_json() -> None:
    schema: Json = {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    }
    for output, good, bad in (
        (OutputFormat(kind="json_object"), ['{"a": 1}', " {} "], ["a", "[1]", '{"a"', "```\n{}"]),
        (
            OutputFormat(kind="json_schema", schema=schema),
            ['{"title": "x"}'],
            ["{}", '{"title": 3}', "Title: x", '```json\n{"title": "x"}\n```'],
        ),
        (OutputFormat(kind="json_schema", schema={"type": "array"}), ["[]"], ["a"]),
    ):
        for text in good:
            assert flaw(ask("go", output=output), text) == ""
        for text in bad:
            assert flaw(ask("go", output=output), text) == "malformed_json"
    assert flaw(ask("go", output=OutputFormat(kind="text")), "a") == ""


# --- languages ----------------------------------------------------------------------------------

# "How do I read a file line by line?" and an answer of the same sense, in each script.
ZH_ASK = "\u600e\u4e48\u9010\u884c\u8bfb\u53d6\u6587\u4ef6\uff1f"
ZH = (
    "\u6253\u5f00\u6587\u4ef6\uff0c\u7136\u540e\u7528\u5faa\u73af\u8bfb\u53d6\u6bcf\u4e00\u884c"
    "\u3002\u8fd9\u6837\u4e0d\u4f1a\u628a\u6574\u4e2a\u6587\u4ef6\u653e\u5165\u5185\u5b58\u3002"
)
JA_ASK = "\u30d5\u30a1\u30a4\u30eb\u3092\u4e00\u884c\u305a\u3064\u8aad\u3080\u306b\u306f\uff1f"
JA = (
    "\u30d5\u30a1\u30a4\u30eb\u3092\u958b\u304d\u3001\u30eb\u30fc\u30d7\u3067\u5404\u884c\u3092"
    "\u8aad\u307f\u307e\u3059\u3002\u30e1\u30e2\u30ea\u3092\u7bc0\u7d04\u3067\u304d\u307e\u3059\u3002"
)
RU_ASK = "\u041a\u0430\u043a \u0447\u0438\u0442\u0430\u0442\u044c \u0444\u0430\u0439\u043b?"
RU = (
    "\u041e\u0442\u043a\u0440\u043e\u0439\u0442\u0435 \u0444\u0430\u0439\u043b \u0438 \u0447\u0438"
    "\u0442\u0430\u0439\u0442\u0435 \u043a\u0430\u0436\u0434\u0443\u044e \u0441\u0442\u0440\u043e"
    "\u043a\u0443 \u0432 \u0446\u0438\u043a\u043b\u0435 \u0434\u043e \u043a\u043e\u043d\u0446\u0430"
)
KO_ASK = "\ud30c\uc77c\uc744 \ud55c \uc904\uc529 \uc77d\ub294 \ubc29\ubc95\uc740?"
KO = (
    "\ud30c\uc77c\uc744 \uc5f4\uace0 \ubc18\ubcf5\ubb38\uc73c\ub85c \uac01 \uc904\uc744"
    " \uc77d\uc73c\uc138\uc694. \uba54\ubaa8\ub9ac\ub97c \uc544\ub08d\ub2c8\ub2e4."
)
AR_ASK = "\u0643\u064a\u0641 \u0623\u0642\u0631\u0623 \u0645\u0644\u0641\u0627\u061f"
EN_ASK = "How do I read a file line by line?"
EN = (
    "Open the file and walk over it in a loop: that is how you get one line after the other, and"
    " it does not read all of the file into memory as a list would."
)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [(EN_ASK, ZH), (EN_ASK, JA), (EN_ASK, RU), (EN_ASK, KO), (ZH_ASK, RU), (ZH_ASK, KO),
     (ZH_ASK, EN), (JA_ASK, EN), (RU_ASK, EN), (KO_ASK, EN), (AR_ASK, EN), (RU_ASK, ZH),
     (JA_ASK, ZH + ZH), (KO_ASK, ZH)],
)  # fmt: skip
def test_another_script_than_the_users_is_the_wrong_language(asked: str, answer: str) -> None:
    assert flaw(asked, answer) == "wrong_language"
    assert flaw(asked, f"{answer}\n\n```python\nfor line in file:\n    print(line)\n```") != ""


@pytest.mark.parametrize(
    ("asked", "answer"),
    [(EN_ASK, EN), (ZH_ASK, ZH), (JA_ASK, JA), (RU_ASK, RU), (KO_ASK, KO),
     ("How do I say this in Chinese: open the file?", ZH),
     ("Translate into Russian: open the file and read it", RU),
     ("What is the Japanese word for it, with an example?", JA),
     ("Explain " + ZH_ASK + " and answer it, would you please?", ZH),
     (ZH_ASK + "\u7528\u82f1\u6587\u56de\u7b54", EN),  # "answer in English"
     (RU_ASK + " \u041f\u043e-\u0430\u043d\u0433\u043b\u0438\u0439\u0441\u043a\u0438.", EN),
     # Code has Latin letters wherever it is written, and so do names and commands.
     (ZH_ASK, "```python\nwith open(path) as file:\n    for line in file:\n        use(line)\n```"),
     (ZH_ASK, "with open(path) as file:\n    for line in file:\n        print(line.rstrip())"),
     (RU_ASK, "grep -n main src/app.py | head -n 20 && git diff --stat HEAD~1 -- src tests docs"),
     (ZH_ASK, "Python, Java, Rust, Go, Kotlin, Swift, TypeScript, Haskell, OCaml, Erlang, Elixir"),
     (JA_ASK, "\u6771\u4eac\u90fd"),  # a Japanese answer of a few Han letters
     (ZH_ASK, "42"), (EN_ASK, "\u03c0 \u2248 3.14159, \u03bb = 2, \u0394 = 7, \u03a3 = 12"),
     ("hi", ZH), ("42 + 1", ZH), ("ok", RU)],
)  # fmt: skip
def test_a_language_that_may_be_meant_passes(asked: str, answer: str) -> None:
    assert flaw(asked, answer) == ""


def test_a_language_may_have_been_agreed_upon_before() -> None:
    assert flaw(ask(EN_ASK, system="Answer in Chinese."), ZH) == ""
    assert flaw(ask(EN_ASK, system=ZH_ASK), ZH) == ""
    assert flaw(ask(RU, EN_ASK), RU) == ""
    assert flaw(ask(EN_ASK, system="Be brief."), ZH) == "wrong_language"


def test_the_users_own_language_may_be_known_better() -> None:
    """A pasted log is no language: who asks about it in two Chinese words gets Chinese."""
    log = "error: the file is not there and the loop ended in a way that it should not"
    asked = ask(f"{log}\n\u4e3a\u4ec0\u4e48")
    assert flaw_of(asked, reply(ZH), "zh") == ""
    assert flaw_of(asked, reply(RU), "zh") == "wrong_language"
    assert flaw_of(ask(EN_ASK), reply(ZH), "de") == "wrong_language"
    assert flaw_of(ask(EN_ASK), reply(ZH), "zh-Hans") == ""


# --- loops --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The answer is that " + "the model is not able to find it and " * 30,
        "First, open it.\n" + "Then you have to check the value again.\n" * 40,
        "One.\n" + "- Check the logs of the server\n- Restart the server and wait\n" * 20,
        ZH + "\u6211\u4e0d\u80fd\u786e\u5b9a\u8fd9\u4e2a\u95ee\u9898\u7684\u7b54\u6848\u3002" * 30,
        "Hm. " + "no " * 900,
        "!" * 4000,
        "```python\n"
        + "    value = self.read_the_next_value_from(the_source, of_it)\n" * 60
        + "```",
    ],
)
def test_a_loop_is_found(text: str) -> None:
    assert flaw("what now?", text) == "repetition"


REFRAIN = "We sail, we sail, across the sea,\nthe wind will bring you back to me.\n"
GOOD = {
    "a song with a refrain": ("sing", ("The night is long.\n" + REFRAIN) * 4 + REFRAIN * 4),
    "laughter": ("a joke", "And that was it. " + "ha " * 60),
    "a table": (
        "show it",
        "| a | b |\n|---|---|\n" + "| not yet known to us | not yet known to us |\n" * 30,
    ),
    "equal rows of data": ("the board", "```\n" + "0 0 0 0 0 0 0 0\n" * 90 + "```"),
    "equal lines of code": ("unroll it", "```c\n" + "    *p++ = *q++;\n" * 64 + "```"),
    "padding": ("the key", "```\n" + "A" * 3000 + "\n```"),
    "html": ("nest it", "```html\n" + "<div>\n" * 80 + "</div>\n" * 80 + "```"),
    "a rule": ("draw a line", "Done:\n" + "-" * 120),
    "a to-do list": ("plan", "".join(f"- [ ] Write a test for the case {n}\n" for n in range(40))),
    "asked for": ("write it 50 times", "I will not talk in class again. " * 50),
    "copied": ("what is 'the same line of the log file'?", "the same line of the log file " * 30),
    "a countdown": ("count", "".join(f"{n} bottles of beer on the wall.\n" for n in range(99))),
    "a dialogue": ("a play", "A: Do you see the ship?\nB: No, I do not see it yet.\n" * 6),
    "a short word": ("yes or no?", "Yes"),
    "a number": ("how many?", "7"),
    "a diff": ("fix it", "```diff\n-  return a - b\n+  return a + b\n```"),
    "json": ("as json", json.dumps([{"id": n, "ok": True, "note": "none"} for n in range(60)])),
    "a chart": ("draw", "\n".join("#" * (n % 20) for n in range(80))),
    "emoji": ("party", "\U0001f389" * 300),
    "math": ("integrate", "$$\\int_0^1 x\\,dx = \\frac{1}{2}$$"),
    "only code": ("sort", "def sort(xs):\n    return sorted(xs)"),
    "a question": ("fix it", "Which file do you mean?"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_reply_has_no_flaw(name: str) -> None:
    asked, text = GOOD[name]
    assert flaw(asked, text) == ""
    assert flaw(ask(asked, tools=(READ,)), text) == ""


def test_good_answers_of_two_models_have_no_flaw() -> None:
    rows = [json.loads(line) for line in ANSWERS.read_text("utf-8").splitlines()]
    assert len(rows) > 50
    for row in rows:
        for text in (row["kept"], row["fresh"]):
            assert flaw("Tell me about it, please", text) == "", text


# --- echo ---------------------------------------------------------------------------------------

LONG = "Why does the importer skip the last row of every file that has no newline at its end?"


def test_the_question_is_no_answer() -> None:
    assert flaw(LONG, LONG) == "echo"
    assert flaw(LONG, f" {LONG.upper()}\n") == "echo"
    assert flaw(LONG, f"{LONG} Because of the reader.") == ""
    assert flaw("Thanks!", "Thanks!") == ""
    assert flaw(ask(LONG, system="Correct the user's spelling."), LONG) == ""
    assert flaw(f"Repeat: {LONG}", f"Repeat: {LONG}") == ""
