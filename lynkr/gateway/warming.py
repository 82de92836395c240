"""What the first calls of a semantic cache would otherwise wait for, done before there are any.

The model and the tables of words are read, the codecs imported and the pages touched: 20 ms on a
quiet machine and ten times that on a busy one, in which an event loop would serve nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.gateway.answers import Answers
from lynkr.gateway.recall import words_of
from lynkr.gateway.shaping import DIALECTS
from lynkr.policies.questions.guard import Rule, judge
from lynkr.wire.apis import APIS
from lynkr.wire.codec import codec

_QUESTIONS = ("Explain TCP vs UDP", "What is the difference between TCP and UDP?")


def warm_up(answers: Answers, served: Iterable[str]) -> None:
    """``served``: the APIs whose answers may be kept. Raises what the library behind it
    raises when a model of the user's own cannot be loaded."""
    words = [words_of(text, answers) for text in _QUESTIONS]
    judge(words[0].features, words[1].features, 1.0, Rule())
    for api in DIALECTS.keys() & set(served):
        codec(APIS[api].format.name)
