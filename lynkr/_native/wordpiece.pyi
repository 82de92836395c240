from lynkr._native.model_files import TokenizerFile

class Vocabulary:
    size: int
    chars_median: int
    def __init__(self, vocab: bytes, added: list[tuple[bytes, int]]) -> None: ...

class WordPieces:
    unknown: int
    def __init__(self, spec: TokenizerFile) -> None: ...
