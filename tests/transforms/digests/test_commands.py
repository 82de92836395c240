"""Command lines: whose output is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.transforms.digests.commands import hinted


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("git diff HEAD~1", "git diff"),
        ("git -C /srv/app --no-pager -c color.ui=never log -n 5", "git log"),
        ("cd /srv && FOO='a b' sudo -u me pytest -q 2>&1 | tail -n 50", "pytest"),
        ("python3.12 -m pytest tests", "pytest"),
        ("uv run --frozen pytest", "pytest"),
        ("npx jest --ci | cat", "jest"),
        ("pnpm exec vitest run", "vitest"),
        ("bunx eslint . || true", "eslint"),
        ("poetry run python -m mypy .", "mypy"),
        ("/opt/venv/bin/ruff check .", "ruff check"),
        ("timeout 60s cargo +nightly test -- --nocapture", "cargo +nightly"),
        ("RUST_BACKTRACE=1 cargo test", "cargo test"),
        ("bash -lc 'cd app && go test ./...'", "go test"),
        ("git ls-files | xargs wc -l", "wc"),
        ("find . -name '*.py' | sort | head -100", "find"),
        ("docker ps -a", "docker ps"),
        ("kubectl -n prod get pods", "kubectl get"),
        ("for f in a b; do grep -rn x $f; done", "grep"),
        ("python -X importtime -c 'import x'", "importtime"),
    ],
)
def test_the_program_is_found_behind_what_stands_before_it(command: str, name: str) -> None:
    assert name in hinted(command, "").names


def test_a_filter_is_not_the_program_but_may_be_one_alone() -> None:
    assert hinted("cargo build | grep error", "").names == {"cargo", "cargo build"}
    assert hinted("grep -rn error .", "").names == {"grep"}


def test_tools_of_clients_are_known_by_the_last_part_of_their_names() -> None:
    assert hinted("", "Read").names == {"cat"}
    assert hinted("", "mcp__files__read_text_file").names == {"cat"}
    assert hinted("", "Glob").names == {"find"}
    assert hinted("", "weather").names == frozenset()


@given(st.text(alphabet="abc-|&;'\"\\ \n$()<>=12/", max_size=200))
def test_any_command_is_read(command: str) -> None:
    assert isinstance(hinted(command, "bash").names, frozenset)
