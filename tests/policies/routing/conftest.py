"""Bands that do not move when the score is fitted anew."""

from __future__ import annotations

import pytest

from tests.policies.routing.scores import fix_bands


@pytest.fixture
def bands(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_bands(monkeypatch)
