"""Chat's slots for reasoning: what streams send in pieces is whole again, and seals come home."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.chat.reasoning import (
    foreign_detail,
    is_summary,
    merge,
    numbered,
    own_seal,
    take_history,
    text_of,
)
from lynkr.wire.chat.replies import Reasoned
from lynkr.wire.message import Json, Seal, Thinking
from tests.wire.chat.made import unhurried
from tests.wire.made_events import made_seals
from tests.wire.made_json import some_text

CLAUDE: list[Json] = [
    {"type": "reasoning.text", "text": "Let", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "text": " me.", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "signature": "Et8B", "format": "anthropic-claude-v1", "index": 0},
]


def collected(*chunks: list[Json]) -> list[Json]:
    found: list[Json] = []
    for chunk in chunks:
        merge(found, chunk)
    return found


def test_a_signature_joins_its_text() -> None:
    """Replayed in pieces, Claude says: Invalid `signature` in `thinking` block."""
    whole: Json = {
        "type": "reasoning.text", "text": "Let me.", "format": "anthropic-claude-v1", "index": 0,
        "signature": "Et8B",
    }  # fmt: skip
    assert collected(*([each] for each in CLAUDE)) == [whole]
    assert collected(CLAUDE) == [whole]
    assert text_of([whole]) == "Let me."


def test_the_next_block_is_another_one_though_its_index_is_the_same() -> None:
    second: Json = {"type": "reasoning.text", "text": "Then", "index": 0}
    assert len(collected(CLAUDE, [second])) == 2
    assert len(collected([{"type": "reasoning.text", "text": "a", "index": 0}],
                         [{"type": "reasoning.text", "text": "b", "index": 1}])) == 2  # fmt: skip


def test_summaries_are_joined_and_encrypted_entries_are_not() -> None:
    summary: Json = {"type": "reasoning.summary", "summary": "a", "index": 0, "id": None}
    secret: Json = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    found = collected([summary], [{**summary, "summary": "b", "id": "rs_1"}], [secret], [secret])
    assert found == [{**summary, "summary": "ab", "id": "rs_1"}, secret, secret]
    assert is_summary(found) and not is_summary([secret])


def test_what_a_chunk_held_is_not_changed() -> None:
    before = json.dumps(CLAUDE)
    collected(CLAUDE, CLAUDE)
    assert json.dumps(CLAUDE) == before


def test_entries_are_numbered_through() -> None:
    found = numbered([{"type": "a", "index": 0}, {"type": "b", "index": 0}], 3)
    assert [entry["index"] for entry in found] == [3, 4]


# --- history --------------------------------------------------------------------------------------


def test_plain_reasoning_knows_its_field() -> None:
    for field in ("reasoning_content", "reasoning"):
        message: Json = {field: "Hm", "content": "a"}
        assert take_history(message) == [
            (Thinking(text="Hm", seal=Seal("openai_chat", {"field": field})), "")
        ]
        assert message == {"content": "a"}


def test_details_of_this_dialect_are_one_seal() -> None:
    details = collected(CLAUDE)
    message: Json = {"reasoning": "Let me.", "reasoning_details": details}
    (found,) = take_history(message)
    seal = Seal("openai_chat", {"field": "reasoning", "reasoning_details": details})
    assert found == (Thinking(text="Let me.", seal=seal), "")
    (alone,) = take_history({"reasoning_details": details})
    assert alone == (Thinking(text="Let me.", seal=own_seal("", details)), "")


def test_what_is_no_reasoning_stays_in_the_message() -> None:
    odd: Json = {"reasoning": {"a": 1}, "reasoning_details": ["x"]}
    assert take_history(dict(odd)) == []
    left = dict(odd)
    take_history(left)
    assert left == odd


def test_a_foreign_seal_without_its_offset() -> None:
    """Clients may drop fields that they do not know; the text is then the last one's."""
    seal = Seal("anthropic_messages", {"signature": "s"})
    detail = foreign_detail(seal, 0, "", 0)
    assert set(detail) == {"type", "data", "format", "index"}
    message: Json = {"reasoning_content": "Hm", "reasoning_details": [detail]}
    assert take_history(message) == [(Thinking(text="Hm", seal=seal), "")]


def test_somebody_elses_encrypted_entry_is_not_ours() -> None:
    entry: Json = {"type": "reasoning.encrypted", "data": "lynkr1.x.e30", "format": "other"}
    (found,) = take_history({"reasoning_details": [entry]})
    assert found[0].seal == own_seal("", [entry])


@unhurried
@given(
    st.lists(
        st.tuples(
            some_text(),
            made_seals(("anthropic_messages", "gemini", "openai_responses")),
            st.sampled_from(["", "c1", "c2"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_seals_and_texts_come_home(parts: list[tuple[str, Seal, str]]) -> None:
    """What a Chat client keeps of a foreign reply, and sends back, is the very same reasoning:
    every seal with its own text, for a signature is of that text alone."""
    reasoned = Reasoned()
    details: list[Json] = []
    for text, seal, call_id in parts:
        reasoned.begin()
        reasoned.text(text)
        reasoned.sealed(seal)
        details += reasoned.before(call_id)[0]
    assert [entry["index"] for entry in details] == list(range(len(parts)))
    message: Json = {
        "reasoning_content": "".join(text for text, _, _ in parts),
        "reasoning_details": json.loads(json.dumps(details)),
    }
    assert take_history(message) == [
        (Thinking(text=text, seal=seal), call_id) for text, seal, call_id in parts
    ]


def test_reasoning_before_the_first_seal() -> None:
    reasoned = Reasoned()
    reasoned.begin()
    reasoned.text("unsealed")
    reasoned.begin()
    reasoned.text("sealed")
    seal = Seal("gemini", {"thoughtSignature": "x"})
    reasoned.sealed(seal)
    details, _ = reasoned.before()
    found = take_history({"reasoning_content": "unsealedsealed", "reasoning_details": details})
    assert [thinking.text for thinking, _ in found] == ["unsealed", "sealed"]
    assert found[0][0].seal == own_seal("reasoning_content", [])
    assert found[1][0].seal == seal
