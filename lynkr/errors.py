"""The error tree: what went wrong, whose fault it is, and whether trying again can help.

    LynkrError ├── ConfigError      the operator's file or environment; carries every problem found,
    not the first └── GatewayError     one call failed; becomes an error body in the client's own
    dialect

Raised by meaning here, mapped to a wire body in one place (``wire/format.py``). Nothing below knows
HTTP beyond the status number.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Source = Literal["client", "upstream", "gateway"]


class LynkrError(Exception):
    """Base of everything the gateway raises on purpose."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with the configuration, complete enough to be mended from the message
    alone."""

    key: str  # dotted path, "providers.main.kind"
    reason: str
    fix: str = ""
    value: str = ""  # as written; secrets are replaced before they get here
    file: str = ""
    line: int = 0  # 1-based; 0 when the value did not come from a file

    def __str__(self) -> str:
        where = (
            f"{self.file}:{self.line}: " if self.line else (f"{self.file}: " if self.file else "")
        )
        value = f" = {self.value}" if self.value else ""
        fix = f"\n    fix: {self.fix}" if self.fix else ""
        return f"{where}{self.key}{value}: {self.reason}{fix}"


class ConfigError(LynkrError):
    """The configuration cannot be used. ``problems`` is never empty."""

    def __init__(self, problems: list[Problem]) -> None:
        assert problems
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class GatewayError(LynkrError):
    """A call that the gateway itself ends.

    ``kind`` is a stable word for scripts (``x-lynkr-error``), ``status`` the HTTP status,
    ``source`` who is to blame, ``field`` the request field at fault, ``hint`` what to do about it,
    ``retry_after_s`` when trying again makes sense.
    """

    def __init__(
        self,
        kind: str,
        status: int,
        message: str,
        *,
        source: Source,
        retryable: bool = False,
        field: str | None = None,
        hint: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.message = message
        self.source: Source = source
        self.retryable = retryable
        self.field = field
        self.hint = hint
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message
