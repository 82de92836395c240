"""What is counted of routed calls: by the reply itself, and by what the next one brings back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lynkr.stores.outcomes import FILE, read
from tests.gateway.cached import whole
from tests.gateway.test_routing import REVIEW, ask, body, theatre, turns

EDIT = {
    "type": "tool_use", "id": "t1", "name": "Edit",
    "input": {"file_path": "a.py", "old_string": "x", "new_string": "y"},
}  # fmt: skip
FAILED = {
    "type": "tool_result", "tool_use_id": "t1", "is_error": True,
    "content": "<tool_use_error>String to replace not found in file.</tool_use_error>",
}  # fmt: skip


async def test_a_failed_edit_counts_against_the_tier_that_made_it(tmp_path: Path) -> None:
    async with theatre(state_dir=str(tmp_path)) as stage:
        await ask(stage, body(REVIEW))
        exchange: list[dict[str, Any]] = [
            {"role": "user", "content": REVIEW},
            {"role": "assistant", "content": [EDIT]},
            {"role": "user", "content": [FAILED]},
        ]
        await ask(stage, body("", messages=exchange))
        record = await stage.record(1)
        assert (record.routing.before, record.routing.edits) == ("COMPLEX", 1)
        assert record.routing.edit_failures == 1
    rows = read(tmp_path / FILE, 0)
    assert {row.tier for row in rows} == {"COMPLEX"}
    assert {row.target for row in rows} == {"main:m-complex"}
    assert sum(row.calls for row in rows) == 2
    assert sum(row.edit_failures for row in rows) == 1
    assert sum(row.flawed for row in rows) == 1


async def test_a_complaint_counts_and_a_side_call_does_not(tmp_path: Path) -> None:
    async with theatre(state_dir=str(tmp_path)) as stage:
        await ask(stage, body(REVIEW))
        wrong = turns(REVIEW, "It is sound.", "that's wrong, try again")
        await ask(stage, body("", messages=wrong))
        await ask(stage, body("", messages=turns(REVIEW, "Sound.", "[SUGGESTION MODE: guess]")))
    rows = read(tmp_path / FILE, 0)
    assert sum(row.retries for row in rows) == 1
    assert sum(row.calls for row in rows) == 2


async def test_what_was_not_routed_is_not_counted(tmp_path: Path) -> None:
    async with theatre(state_dir=str(tmp_path)) as stage:
        await ask(stage, body(REVIEW, model="claude-haiku-4-5"))
    assert not (tmp_path / FILE).exists()


async def test_a_cut_reply_is_a_flaw(tmp_path: Path) -> None:
    async with theatre(state_dir=str(tmp_path)) as stage:
        stage["main"].reply(whole("messages", stop="max_tokens"))
        await stage.post("/v1/messages", body(REVIEW))
    (row,) = read(tmp_path / FILE, 0)
    assert (row.calls, row.truncated, row.flawed) == (1, 1, 1)
