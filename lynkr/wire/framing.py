"""Server-sent events, read and written, for translated replies.

Reading takes CR, LF and CRLF, comments, fields in any order, data over several lines, and pieces
cut anywhere (https://html.spec.whatwg.org/multipage/server-sent-events.html). A character is never
split: text is decoded only in whole events.
"""

from __future__ import annotations

EVENT_BYTES_MAX = 64 * 1024 * 1024  # one event; an image in a reply takes a few MB


class EventTooLargeError(Exception):
    """One event exceeds EVENT_BYTES_MAX."""


class EventReader:
    """Cuts a body into events: pairs of name (b"" when there is none) and data."""

    def __init__(self) -> None:
        self._held: list[bytes] = []  # an unfinished line, in the pieces that it came in
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False
        self._after_cr = False

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The events that are whole by now; those without data are not worth mentioning."""
        if not data:
            return []
        if self._begun and not (self._held or self._data or self._name or self._after_cr):
            whole = _whole(data)
            if whole is not None:
                return [whole]
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]  # the second half of a CRLF
            self._after_cr = False
            if not data:
                return []
        self._after_cr = data[-1:] == b"\r"
        self._size += len(data)
        if self._size > EVENT_BYTES_MAX:
            raise EventTooLargeError
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._held.append(data)
        if b"\n" not in data:
            return []
        text = b"".join(self._held)
        if not self._begun:
            self._begun = True
            text = text.removeprefix(b"\xef\xbb\xbf")
        lines = text.split(b"\n")
        last = lines.pop()
        self._held = [last] if last else []
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> tuple[bytes, bytes] | None:
        if not line:
            self._size = 0
            name, data = self._name, self._data
            self._name, self._data = b"", []
            return (name, b"\n".join(data)) if data else None
        if line[:5] == b"data:":
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line[:6] == b"event:":
            self._name = line[6:].strip()
        elif line == b"data":
            self._data.append(b"")
        elif line == b"event":
            self._name = b""
        return None

    def rest(self) -> list[tuple[bytes, bytes]]:
        """At the end of the body: a last event that lacks its empty line."""
        return self.feed(b"\n\n") if self._held or self._data else []


def _whole(data: bytes) -> tuple[bytes, bytes] | None:
    """A read that is one event and no more, which most are: a name perhaps, one line of data."""
    if data[-2:] == b"\n\n":
        end = -2
    elif data[-4:] == b"\r\n\r\n":
        end = -4
    else:
        return None
    at = 0
    name = b""
    if data[:6] == b"event:":
        at = data.find(b"\n") + 1
        name = data[6:at].strip()
    if data[at : at + 6] != b"data: " or len(data) > EVENT_BYTES_MAX:
        return None
    payload = data[at + 6 : end]
    if b"\n" in payload or b"\r" in payload or b"\r" in name:
        return None
    return name, payload


def event(name: str, data: bytes) -> bytes:
    """One event; ``data`` is JSON on one line. No name gives no event line."""
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return b"data: %b\n\n" % data
