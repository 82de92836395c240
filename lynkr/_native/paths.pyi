class PathTable:
    paths: tuple[str, ...]
    def __init__(self, *paths: str) -> None: ...

class PathScanner:
    escaped_key: bool

class SpanScanner(PathScanner):
    def __init__(self, table: PathTable) -> None: ...

def find_spans(
    table: PathTable, body: bytes | bytearray | memoryview
) -> list[tuple[int, int] | None] | None: ...
