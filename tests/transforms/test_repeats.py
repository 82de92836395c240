"""Results that the model has read already: what is said in their place, and when nothing is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.transforms.line_delta import applied
from lynkr.transforms.passes import Shaped, Want
from lynkr.wire.tokens import estimated
from tests.transforms.made import DIALECTS, Did, Turn, body, result_texts, shaped

WANT = Want(repeats=True)
LONG = "\n".join(f"src/file_{number}.py: warning, line {number * 7} is odd" for number in range(60))
OTHER = "\n".join(f"another text entirely, number {number}" for number in range(60))


def ran(command: str, result: str) -> Turn:
    return Turn(calls=(Did("Bash", {"command": command}, result),))


def read(path: str, result: str) -> Turn:
    return Turn(calls=(Did("Read", {"path": path}, result),))


def sent(turns: list[Turn], dialect: int = MESSAGES, want: Want = WANT, **more: Any) -> list[str]:
    """What the model reads of each result."""
    return result_texts(run(turns, dialect, want, **more).body, dialect)


def run(turns: list[Turn], dialect: int = MESSAGES, want: Want = WANT, **more: Any) -> Shaped:
    raw = body(dialect, "Look.", turns, **more)
    found = shaped(raw, dialect, want)
    before, after = result_texts(raw, dialect), result_texts(found.body, dialect)
    for old, new in zip(before, after, strict=True):
        assert new == old or estimated(new) + 64 <= estimated(old)
    saved = sum(map(estimated, before)) - sum(map(estimated, after))
    assert found.saved == saved
    assert json.loads(found.body) == put(
        json.loads(raw), dict(zip(before, after, strict=True)), after
    )
    return found


def put(value: Any, _texts: dict[str, str], after: list[str]) -> Any:
    """The body with other results: nothing else may have changed."""
    left = iter(after)

    def placed(one: Any) -> Any:
        if isinstance(one, list):
            return [placed(each) for each in one]
        if not isinstance(one, dict):
            return one
        if one.get("type") == "tool_result" or one.get("role") == "tool":
            return {**one, "content": next(left)}
        if one.get("type") == "function_call_output":
            return {**one, "output": next(left)}
        return {name: placed(each) for name, each in one.items()}

    return placed(value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_text_again_is_a_sentence(dialect: int) -> None:
    texts = sent([ran("ruff .", LONG), ran("ruff check .", LONG)], dialect)
    assert texts[0] == LONG
    assert texts[1] == (
        '[Exactly the same output as that of the earlier Bash call {"command": "ruff ."}, which'
        f" stands above: 60 lines, {len(LONG)} bytes, beginning with"
        " 'src/file_0.py: warning, line 0 is odd'.]"
    )


def test_a_third_copy_points_at_the_first_and_says_which_call_that_was() -> None:
    """Three equal calls: a reader must know which of them is meant."""
    texts = sent([ran("make", LONG)] * 3)
    assert texts[0] == LONG
    assert "(no. " not in texts[1]
    assert '{"command": "make"} (no. 1 of these calls), which stands above' in texts[2]


def test_a_file_read_twice_is_a_reference_but_never_told_by_its_differences() -> None:
    changed = LONG.replace("line 70", "line 71")
    texts = sent([read("a", LONG), read("a", LONG), read("a", changed)])
    assert texts[1].startswith("[Exactly the same output as that of the earlier Read call")
    assert texts[2] == changed
    assert sent([ran("cat a", LONG), ran("cat a", changed)]) == [LONG, changed]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_few_other_lines_are_told_alone(dialect: int) -> None:
    """And make the text again, from the one that stands above."""
    changed = LONG.replace("line 70 is odd", "line 70 is even") + "\nlast"
    texts = sent([ran("make", LONG), ran("ls", OTHER), ran("make", changed)], dialect)
    assert texts[:2] == [LONG, OTHER]
    head, _, said = texts[2].removesuffix("\n]").partition("\n")
    assert head == (
        '[The same output as that of the earlier Bash call {"command": "make"}, which stands'
        " above, but for these of its lines:"
    )
    assert applied(LONG.encode(), said.encode()).decode() == changed


def test_differences_are_told_from_a_text_that_stands_not_from_one_that_was_told() -> None:
    """Lines can be counted only where they can be seen."""
    versions = [LONG.replace("line 70 ", f"line 70{extra} ") for extra in ("", "x", "y", "x")]
    texts = sent([ran("make", version) for version in versions])
    assert texts[0] == LONG
    for text, version in list(zip(texts, versions, strict=True))[1:]:
        head, _, said = text.removesuffix("\n]").partition("\n")
        assert applied(LONG.encode(), said.encode()).decode() == version
        assert ("(no. 1 of these calls)" in head) == (version != versions[1] or text != texts[1])


def test_only_the_very_same_call_is_compared() -> None:
    changed = LONG.replace("line 70 ", "line 71 ")
    assert sent([ran("make a", LONG), ran("make b", changed)]) == [LONG, changed]


def test_another_copy_after_the_first_was_cleared_stands_itself() -> None:
    """Clients take old results out of the conversation: what is left must not point there."""
    turns = [ran("make", "[Old tool result content cleared]"), ran("make", LONG), ran("make", LONG)]
    texts = sent(turns)
    assert texts[1] == LONG
    assert texts[2].startswith("[Exactly the same")


def test_short_texts_stay() -> None:
    short = LONG[:700]
    assert sent([ran("make", short)] * 2) == [short, short]


def test_a_sentence_that_would_save_little_is_not_said() -> None:
    """A thousand equal signs are few tokens."""
    few = "-" * 1000
    assert sent([ran("make", few)] * 2) == [few, few]


@pytest.mark.parametrize(
    ("dialect", "more", "kept"),
    [
        (MESSAGES, {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, True),
        (MESSAGES, {"context_management": {"edits": [{"type": "compact_20260112"}]}}, True),
        (MESSAGES, {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, False),
        (RESPONSES, {"context_management": [{"type": "compaction"}]}, True),
        (RESPONSES, {"truncation": "auto"}, True),
        (RESPONSES, {"truncation": "disabled"}, False),
        (RESPONSES, {"truncation": None}, False),
        (CHAT, {"truncation": "auto"}, True),
    ],
)
def test_nothing_is_referred_to_where_a_provider_forgets(
    dialect: int, more: dict[str, Any], kept: bool
) -> None:
    texts = sent([ran("make", LONG)] * 2, dialect, **more)
    assert (texts == [LONG, LONG]) == kept


def test_off_is_off() -> None:
    assert sent([ran("make", LONG)] * 2, want=Want()) == [LONG, LONG]


@pytest.mark.parametrize("command", ["lynkr show o_1", "curl :8081/v1/originals/o_1"])
def test_a_text_that_the_model_asked_the_gateway_for_comes_whole(command: str) -> None:
    """Else it would be told to look above, where a digest stands."""
    texts = sent([ran("make", LONG), ran(command, LONG), ran(command, LONG), ran("make", LONG)])
    assert texts[:3] == [LONG] * 3
    assert texts[3].startswith("[Exactly the same output as that of the earlier Bash call")


LOG = "\n".join(
    f"2026-11-23T10:{number // 60:02}:{number % 60:02} INFO worker handled request {number}"
    for number in range(400)
)


def test_a_text_of_which_a_digest_is_sent_is_not_referred_to() -> None:
    """It does not stand above: each copy has its own digest, with the way to the whole."""
    want = Want(repeats=True, results="recoverable", scope=b"ana")
    found = run([ran("cat app.log", LOG), ran("cat app.log", LOG)], want=want)
    texts = result_texts(found.body, MESSAGES)
    assert len(found.originals) == 2
    assert texts[0] == texts[1] != LOG
    near = LOG.replace("request 70 ", "request 71 ")
    found = run([ran("docker logs app", LOG), ran("docker logs app", near)], want=want)
    assert [note.stage for note in found.notes] == ["results", "results"]


JSON = json.dumps(
    [{"id": number, "name": f"item {number}", "tags": ["a", "b"]} for number in range(80)], indent=2
)


def test_a_text_in_another_form_is_referred_to_but_its_lines_are_not_counted() -> None:
    """JSON re-encoded says the same, in other lines."""
    want = Want(repeats=True, results="lossless")
    first = [ran("api /items", JSON), ran("api /items", JSON)]
    texts = sent(first, want=want)
    assert texts[0] != JSON
    assert texts[1].endswith('call {"command": "api /items"}, which stands above.]')
    near = JSON.replace("item 7", "article seven")
    texts = sent([first[0], ran("api /items", near)], want=want)
    assert not texts[1].startswith("[")
    assert "article seven" in texts[1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_words_with_any_memory(dialect: int) -> None:
    """Another worker, another host, the same bytes."""
    changed = LONG.replace("line 70 ", "line 71 ")
    raw = body(
        dialect, "Look.", [ran("make", text) for text in (LONG, LONG, changed, changed, OTHER)]
    )
    memo = Memo(1 << 24)
    bodies = {shaped(raw, dialect, WANT, memo=memo).body for _ in range(3)}
    bodies |= {shaped(raw, dialect, WANT, memo=Memo(0)).body}
    assert len(bodies) == 1


def test_each_of_several_texts_of_a_result_is_compared() -> None:
    parts = [{"type": "text", "text": text} for text in (LONG, OTHER)]
    blocks = [{"type": "tool_result", "tool_use_id": "a", "content": parts}] * 2
    raw = json.dumps({"messages": [{"role": "user", "content": blocks}]}).encode()
    (message,) = json.loads(shaped(raw, MESSAGES, WANT).body)["messages"]
    first, second = (block["content"] for block in message["content"])
    assert first == parts
    assert all(part["text"].startswith("[Exactly the same output") for part in second)


def headed(number: int, text: str) -> str:
    return f"Chunk ID: {number:04x}\nWall time: 0.{number} seconds\nOutput:\n{text}"


def test_what_codex_puts_before_an_output_is_kept_and_not_compared() -> None:
    """Its first lines differ each time, and say when it was."""
    turns = [ran("make", headed(number, LONG)) for number in (1, 2)]
    first, second = sent(turns, RESPONSES)
    assert first == headed(1, LONG)
    assert second.startswith(headed(2, "[Exactly the same output as that of the earlier Bash call"))
    changed = [ran("make", headed(1, LONG)), ran("make", headed(2, LONG + "\none more"))]
    assert sent(changed, RESPONSES)[1] == headed(2, LONG + "\none more")


def test_results_without_their_calls_are_compared_by_text_alone() -> None:
    blocks = [{"type": "tool_result", "tool_use_id": "a", "content": LONG}] * 2
    raw = json.dumps({"messages": [{"role": "user", "content": blocks}]}).encode()
    found = shaped(raw, MESSAGES, WANT)
    assert result_texts(found.body, MESSAGES)[1].startswith(
        "[Exactly the same output as that of the earlier result, which stands above"
    )


def test_what_is_said_of_a_call_is_short_and_valid() -> None:
    command = 'echo "ü" \\ ' + "x" * 500
    texts = sent([ran(command, LONG), ran("b", LONG)], CHAT)
    assert re.search(r'Bash call \{"command": "echo .{60,120}\.\.\., which', texts[1])


def test_savings_are_told_apart_by_what_an_earlier_request_had() -> None:
    """What was cached before is worth a tenth of what is new."""
    old = run([ran("a", LONG), ran("b", LONG), ran("c", OTHER)])
    new = run([ran("c", OTHER), ran("a", LONG), ran("b", LONG)])
    assert old.saved_old == new.saved_new == old.saved > 0
    assert old.saved_new == new.saved_old == 0
