"""What Python sees of ``lexicon.pyx``."""

from collections.abc import Mapping, Sequence

class Lexicon:
    def __init__(
        self,
        words: Mapping[str, int],
        stems: Mapping[str, Sequence[str | int]],
        pairs: Mapping[str, int],
        kinds: Mapping[str, int],
        edges: str,
        commas: str,
        stops: str,
        asks: str,
    ) -> None: ...
    def kinds(self, words: list[str], count: int) -> list[tuple[int, int]]: ...

def has_far_letters(text: str) -> bool: ...
