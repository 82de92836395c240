Cuts = tuple[float, float, float]
Sums = tuple[float, float, float, float]

def use(level: int) -> int: ...
def chance(odds: float) -> float: ...

class Voters:
    dim: int
    def __init__(
        self,
        vectors: tuple[bytes, ...],
        tiers: bytes,
        axis: bytes,
        neighbours: int,
        width: float,
        vote: float,
        towards: float,
        cuts: Cuts,
        usual: float,
    ) -> None: ...
    def value(self, vector: bytes) -> tuple[float, int, float]: ...
    def told(
        self, vector: bytes
    ) -> tuple[float, tuple[float, float, float, float], float, float, int, float]: ...

class Weights:
    def __init__(
        self,
        terms: tuple[tuple[float, tuple[float, ...], float], ...],
        points: Sums,
        names: tuple[str, ...],
        usual: tuple[float, ...],
        meaning: float,
    ) -> None: ...
    def sums(self, values: tuple[float, ...], meaning: float) -> Sums: ...
    def scored(self, values: tuple[float, ...], meaning: float) -> tuple[float, Sums]: ...
    def moved(self, sums: Sums, part: int, by: float) -> float: ...
    def slopes(self, sums: Sums) -> list[float]: ...
    def points(self, dimensions: tuple[float, ...], meaning: float, sums: Sums) -> list[float]: ...
    def leading(
        self, dimensions: tuple[float, ...], meaning: float, sums: Sums, count: int
    ) -> str: ...
