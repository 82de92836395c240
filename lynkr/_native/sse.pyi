from collections.abc import Callable, Iterable

from lynkr._native.paths import PathScanner, PathTable

class ReplyShape:
    table: PathTable
    def __init__(
        self, table: PathTable, begin: str, ends: dict[str, tuple[bytes, ...]]
    ) -> None: ...

class ReplyTee(PathScanner):
    values: list[bytes | None]
    begun: bool
    ended: bool
    at_boundary: bool
    blind: bool
    rename: bytes | None
    withheld: bytes | None
    def __init__(
        self,
        shape: ReplyShape,
        events: bool,
        decoder: Callable[[bytes], Iterable[bytes]] | None = None,
        rename: bytes | None = None,
    ) -> None: ...
    def over(self) -> bool: ...
    def edit(self, data: bytes) -> bytes: ...
    def feed(self, data: bytes) -> int: ...
