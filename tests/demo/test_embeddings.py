"""The demo's embeddings: unit vectors, the same for the same input."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.demo.played import openai_sdk, whole

PATH = "/v1/embeddings"


def vectors(given: Any, **more: Any) -> list[list[float]]:
    reply = whole(PATH, {"model": "m", "input": given, **more})
    assert [entry["index"] for entry in reply["data"]] == list(range(len(reply["data"])))
    return [entry["embedding"] for entry in reply["data"]]


@pytest.mark.parametrize("dimensions", [1, 256, None, 4096])
def test_vectors_have_unit_length(dimensions: int | None) -> None:
    more = {} if dimensions is None else {"dimensions": dimensions}
    [vector] = vectors("hello", **more)
    assert len(vector) == (dimensions or 1536)
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)


def test_equal_inputs_agree_and_others_do_not() -> None:
    first, second, third = vectors(["a", "b", "a"])
    assert first == third != second
    assert [first] == vectors("a")
    assert vectors([1, 2]) == vectors([[1, 2]])


def test_the_sdk_reads_base64_as_the_same_numbers() -> None:
    # The SDK asks for base64 unless it is told otherwise.
    reply = openai_sdk().embeddings.create(model="m", input=["hello there"], dimensions=8)
    assert list(reply.data[0].embedding) == pytest.approx(vectors("hello there", dimensions=8)[0])
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == 3
