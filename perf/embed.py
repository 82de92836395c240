"""`python -m perf.embed`: microseconds to embed a prompt with the model shipped in the package.

CPU time, the least of several repetitions on whatever else the machine does; the rows that a text
needs are in the processor's cache from the second time on.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from pathlib import Path

import lynkr
from lynkr._native.embed import StaticModel, similarity

TIMES = 2_000
PROMPT = b"how do i read a large file line by line in python without loading all of it at once "


def cpu_us(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, timer=time.process_time, repeat=9, number=TIMES)) / TIMES * 1e6


def main() -> None:
    begun = time.perf_counter()
    model = StaticModel.load(str(Path(lynkr.__file__).parent / "model"))
    print(f"load           {(time.perf_counter() - begun) * 1e3:6.2f} ms")
    words = (PROMPT * 20).split()
    for tokens in (5, 20, 200):
        text = b" ".join(words[:tokens])
        assert len(model.ids(text)) == tokens  # each word is one piece

        def embed(given: bytes = text) -> bytes:
            return model.embed(given)

        print(f"{tokens:>3} tokens     {cpu_us(embed):6.2f} us")
    one, other = model.embed(PROMPT), model.embed(PROMPT[:20])
    print(f"similarity     {cpu_us(lambda: similarity(one, other)):6.2f} us")


if __name__ == "__main__":
    main()
