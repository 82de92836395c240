"""Semantic hits compared with fresh answers: how often a kept answer was the wrong one.

A sample of hits is sent to the provider as well, after its client has been served. What comes back
is compared with what was kept, by its words and structure, and, where the configuration names a
model to judge, by that model. Only the verdict is kept.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from lynkr._native.embed import similarity
from lynkr.gateway.errands import Errands, rebuilt
from lynkr.gateway.replay import Content, text_of
from lynkr.policies.agreement import agreement, judge_prompt, judged
from lynkr.stores.answers import Sighting
from lynkr.wire.message import Response, Text

if TYPE_CHECKING:
    from lynkr.gateway.answers import Answers
    from lynkr.gateway.caching import Hit
    from lynkr.gateway.exchange import Exchange
    from lynkr.policies.access import Principal
    from lynkr.stores.shelf import Entry

COMPARED_CHARACTERS = 8000  # of either answer
_FRESH = b"x-lynkr-no-cache: true\r\nx-lynkr-no-store: true\r\n"


class Shadows:
    """The worker's comparisons under way."""

    def __init__(self, answers: Answers, errands: Errands) -> None:
        self._answers = answers
        self._errands = errands

    def begin(self, exchange: Exchange, entry: Entry, hit: Hit, content: Content) -> None:
        """Send the hit's request to the provider as well."""
        principal = exchange.request.principal
        caching = exchange.caching
        assert caching is not None
        question = caching.question.text if caching.question is not None else ""
        kept = text_of(content.reply())[:COMPARED_CHARACTERS]
        scope, partition = caching.scope, caching.partition

        def compared(response: Response | None) -> None:
            if response is None:
                return  # no answer, no evidence
            fresh = _text(response)[:COMPARED_CHARACTERS]
            embed = self._answers.model.embed
            cosine = similarity(
                embed(kept.encode("utf-8", "replace")), embed(fresh.encode("utf-8", "replace"))
            )
            found = agreement(kept, fresh, cosine)
            sighting = Sighting(
                entry.id, scope, partition, hit.similarity, hit.coverage, found.agreed,
                "shadow", time.time(),
            )  # fmt: skip
            judge = self._answers.settings.judge
            if not judge or not self._judged(judge, principal, question, kept, fresh, sighting):
                self._answers.note(sighting)

        self._errands.send(principal, rebuilt(exchange.request, _FRESH), compared)

    def _judged(
        self,
        judge: str,
        principal: Principal | None,
        question: str,
        kept: str,
        fresh: str,
        sighting: Sighting,
    ) -> bool:
        """Ask the configured model; its word counts before that of the comparison."""
        asked = {
            "model": judge,
            "messages": [{"role": "user", "content": judge_prompt(question, kept, fresh)}],
            "temperature": 0,
        }

        def told(response: Response | None) -> None:
            said = None if response is None else judged(_text(response))
            if said is None:
                self._answers.note(sighting)
            else:
                self._answers.note(msgspec.structs.replace(sighting, agreed=said, source="judge"))

        body = msgspec.json.encode(asked)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n%b" % _FRESH
        head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return self._errands.send(principal, head + body, told)


def _text(response: Response) -> str:
    return "".join(part.text for part in response.parts if isinstance(part, Text))
