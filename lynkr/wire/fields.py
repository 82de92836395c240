"""Taking decoded JSON apart: typed access that says which field is wrong, and what is left over.

``Fields`` wraps one object of a request. Each getter removes what it takes, so that ``rest()`` is
exactly what the vocabulary has no word for. An absent field and ``null`` are the same to a getter;
``null`` of an unknown field stays in ``rest()``.
"""

from __future__ import annotations

from lynkr.wire.codec import invalid
from lynkr.wire.message import Json


class Fields:
    """One JSON object under ``at``, its path in the client's words ("" for the body itself)."""

    __slots__ = ("at", "left")

    def __init__(self, value: object, at: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(at or "body", f"{at or 'The body'} must be an object.")
        self.left: Json = dict(value)
        self.at = at

    def path(self, name: str) -> str:
        return f"{self.at}.{name}" if self.at else name

    def wrong(self, name: str, wanted: str) -> Exception:
        return invalid(self.path(name), f"It must be {wanted}.")

    def take(self, name: str) -> object:
        """Whatever it is; ``None`` when absent."""
        return self.left.pop(name, None)

    def text(self, name: str, default: str = "") -> str:
        value = self.left.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def needed(self, name: str) -> str:
        if self.left.get(name) is None:
            raise invalid(self.path(name), "It is missing.")
        return self.text(name)

    def flag(self, name: str) -> bool | None:
        value = self.left.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def whole(self, name: str) -> int | None:
        value = self.left.pop(name, None)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        return value

    def number(self, name: str) -> float | None:
        value = self.left.pop(name, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(name, "a number")
        return value

    def table(self, name: str) -> Json | None:
        value = self.left.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def array(self, name: str) -> list[object]:
        value = self.left.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "an array")
        return value

    def texts(self, name: str) -> list[str]:
        found: list[str] = []
        for value in self.array(name):
            if not isinstance(value, str):
                raise self.wrong(name, "an array of strings")
            found.append(value)
        return found

    def inner(self, name: str) -> Fields | None:
        """The object below ``name``, to be taken apart in turn."""
        value = self.left.pop(name, None)
        return None if value is None else Fields(value, self.path(name))

    def rest(self) -> Json:
        """What nobody took."""
        return self.left
