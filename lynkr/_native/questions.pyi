class Guard:
    def __init__(
        self,
        fits: bytes,
        why: int,
        many: int,
        alike: list[tuple[int, int]],
        opposite: list[tuple[int, int]],
        apart: list[tuple[int, int]],
        implied: list[tuple[int, int]],
    ) -> None: ...
    def compare(self, asked: bytes, kept: bytes) -> tuple[float, int]: ...
