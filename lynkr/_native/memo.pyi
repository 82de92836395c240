import builtins

class Memo:
    bytes_max: int
    bytes: int
    def __init__(self, bytes_max: int) -> None: ...
    def __len__(self) -> int: ...
    def get(
        self, scope: builtins.bytes, body: builtins.bytes, start: int, end: int
    ) -> object | None: ...
    def put(
        self,
        scope: builtins.bytes,
        body: builtins.bytes,
        start: int,
        end: int,
        value: object,
        cost_bytes: int,
    ) -> None: ...
    def clear(self) -> None: ...

def block_hash(body: bytes, start: int, end: int) -> int: ...
