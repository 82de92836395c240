"""What an error looks like in each dialect, as clients take it apart."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.fixtures import Fixture


def error_of(fixture: Fixture, body: bytes) -> dict[str, Any]:
    """The error object of a JSON body."""
    payload = json.loads(body)
    if fixture.family == "messages":
        assert payload["type"] == "error"
    error: dict[str, Any] = payload["error"]
    assert error["message"]
    return error


def error_event_of(fixture: Fixture, frame: bytes) -> dict[str, Any]:
    """The error object of a stream's last frame; the frame may begin with half an event."""
    assert frame.endswith(b"\n\n")
    *_, line = frame.rstrip(b"\n").split(b"\n")
    payload = json.loads(line.removeprefix(b"data: "))
    if fixture.family != "chat":
        assert b"event: error\n" in frame
        assert payload["type"] == "error"
    error: dict[str, Any] = payload if fixture.family == "responses" else payload["error"]
    assert error["message"]
    return error
