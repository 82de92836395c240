"""Recorded sessions under tiers: what goes where, and what the three bills say of each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.session_samples import samples
from lynkr._native.spans import CHAT, MESSAGES
from lynkr.config.settings import Provider, Routing, Settings
from lynkr.policies.routing.facts import TIERS, Ask, Policy, Score, Seen
from lynkr.policies.routing.offered import configured, recorded
from lynkr.policies.routing.replay import Replayed, play
from lynkr.policies.simulator import Turn
from tests.policies.routing.scores import score

pytestmark = pytest.mark.usefixtures("bands")

CLAUDE = Settings(
    routing=Routing(
        simple="anthropic:claude-haiku-4-5",
        medium="anthropic:claude-sonnet-4-5",
        complex="anthropic:claude-opus-4-5",
        reasoning="anthropic:claude-fable-5",
    )
)
OFFERS = configured(CLAUDE)
SYSTEM = "You help with parcels and couriers, and you answer in few words. " * 400
TOOLS = [{"name": "Fetch", "description": "Fetches a parcel", "input_schema": {"type": "object"}}]
OWN = "claude-opus-4-5"
Json = dict[str, Any]


def measure(ask: Ask, seen: Seen) -> Score:
    """By one word of the ask."""
    points = {"easy": 5.0, "small": 30.0, "hard": 60.0, "proof": 90.0}
    return score(next((value for word, value in points.items() if word in ask.text), 30.0))


def said(role: str, *blocks: Json) -> Json:
    return {"role": role, "content": list(blocks)}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(number: int) -> Json:
    return {
        "type": "tool_use",
        "id": f"t{number}",
        "name": "Fetch",
        "input": {"id": number},
    }


def result(number: int, *, failed: bool = False) -> Json:
    brought = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "file " * 200}
    return brought | ({"is_error": True} if failed else {})


class Client:
    """One conversation of Claude Code's, with its marks."""

    def __init__(self, model: str = OWN, session: str = "s") -> None:
        self.model, self.session = model, session
        self.messages: list[Json] = []
        self.turns: list[Turn] = []
        self.at_s = 0.0

    def ask(self, words: str, *, calls: int = 2, failed: bool = False, pause: float = 10) -> None:
        self.messages.append(said("user", text(f"{words}, number {len(self.messages)}")))
        self.send(pause)
        for _ in range(calls):
            number = len(self.messages)
            self.messages.append(said("assistant", call(number)))
            self.messages.append(said("user", result(number, failed=failed)))
            self.send()
        self.messages.append(said("assistant", text("Done.")))

    def send(self, pause: float = 10) -> None:
        self.at_s += pause
        *before, last = self.messages
        *blocks, end = last["content"]
        marked = said("user", *blocks, {**end, "cache_control": {"type": "ephemeral"}})
        system = [{**text(SYSTEM), "cache_control": {"type": "ephemeral"}}]
        self.post({"system": system, "tools": TOOLS, "messages": [*before, marked]})

    def post(self, body: Json, model: str = "") -> None:
        body = {"model": model or self.model, "max_tokens": 8000, **body}
        data = json.dumps(body, separators=(",", ":")).encode()
        self.turns.append(
            Turn(self.session, self.at_s, data, MESSAGES, str(body["model"]), output_tokens=300)
        )


def played(*clients: Client, **more: Any) -> Replayed:
    turns = sorted((turn for one in clients for turn in one.turns), key=lambda turn: turn.at_s)
    own = recorded(turn.model for turn in turns)
    return play(turns, OFFERS, own, Policy(), measure, **more)


def tiers(found: Replayed, session: int = 0) -> list[str]:
    return [step.tier for step in found.sessions[session].steps]


def test_an_ask_and_its_tool_calls_go_to_one_model() -> None:
    client = Client()
    client.ask("something small")
    found = played(client)
    assert tiers(found) == ["MEDIUM"] * 3
    (session,) = found.sessions
    assert [step.rule for step in session.steps] == ["score", "pinned", "pinned"]
    assert {step.target for step in session.steps} == {"anthropic:claude-sonnet-4-5"}
    assert (session.sums.served, session.sums.own_served, session.sums.calls) == (3, 3, 3)
    assert session.sums.tiers == {"SIMPLE": 0, "MEDIUM": 3, "COMPLEX": 0, "REASONING": 0}
    assert session.sums.usd is not None
    assert session.sums.own_usd is not None
    assert session.sums.usd < session.sums.own_usd
    assert session.sums.single == "anthropic:claude-sonnet-4-5"
    assert session.sums.single_usd == session.sums.usd == found.total.usd


def test_up_at_harder_words_and_down_after_a_pause_that_pays() -> None:
    client = Client()
    client.ask("something small")
    client.ask("something hard")
    client.ask("something easy")
    client.ask("something easy", pause=400)
    found = played(client)
    assert tiers(found) == ["MEDIUM"] * 3 + ["COMPLEX"] * 6 + ["SIMPLE"] * 3
    steps = found.sessions[0].steps
    assert [step.moved for step in steps if step.moved] == ["up", "down"]
    assert found.total.moves == 2
    assert steps[3].switch is not None
    assert steps[3].break_even_turns is None  # nothing is ever saved by a dearer model
    assert steps[9].break_even_turns == 1
    assert all(step.served for step in steps)


def test_failures_raise_a_session() -> None:
    client = Client()
    client.ask("something small", calls=5, failed=True)
    found = played(client)
    assert tiers(found) == ["MEDIUM"] * 3 + ["COMPLEX"] * 3
    assert found.sessions[0].steps[3].rule == "raised"


def test_sub_agents_and_side_calls_are_told_apart() -> None:
    """Under one session id: the sub-agent has words of its own, the title call has no pin."""
    client, agent = Client(), Client()
    client.ask("something hard", calls=1)
    agent.at_s = client.at_s + 1
    agent.ask("something easy", calls=1)
    client.at_s = agent.at_s + 1
    title = {
        "system": [text("Generate a concise, sentence-case title for it.")],
        "messages": [said("user", text("something hard"))],
    }
    client.post(title, "claude-haiku-4-5")
    client.at_s += 15
    client.messages.append(said("user", text("something small")))
    client.send()
    found = played(client, agent)
    steps = found.sessions[0].steps
    assert [step.tier for step in steps] == [
        *("COMPLEX", "COMPLEX", "SIMPLE", "SIMPLE", "SIMPLE", "COMPLEX")
    ]
    assert [step.conversation for step in steps] == [1, 1, 2, 2, 0, 1]
    assert [step.side for step in steps] == ["", "", "", "", "title", ""]
    assert steps[4].rule == "side"


def test_a_conversation_is_forgotten_after_its_time() -> None:
    client = Client()
    client.ask("something hard", calls=0)
    client.ask("something easy", calls=0, pause=100)
    assert tiers(played(client)) == ["COMPLEX", "COMPLEX"]
    found = played(client, pin_ttl_s=60)
    assert tiers(found) == ["COMPLEX", "SIMPLE"]
    assert found.sessions[0].steps[1].rule == "score"


def test_a_compacted_conversation_is_the_same_one_and_may_go_down() -> None:
    """It begins with other words now; its session is all that is left of it."""
    client = Client()
    client.ask("something hard", calls=40)
    summary = "This session is being continued from a previous conversation: parcels were counted."
    client.messages = [said("user", text(summary), text("something easy"))]
    client.send()
    found = played(client)
    steps = found.sessions[0].steps
    assert [step.conversation for step in steps] == [1] * 42
    assert (steps[-2].tier, steps[-1].tier) == ("COMPLEX", "SIMPLE")
    assert steps[-1].rule == "lowered"
    assert "compacted" in steps[-1].reason


def test_what_the_users_own_model_serves() -> None:
    """The tier that offers it; a model that no tier has counts by its price; else unknown."""
    client = Client("claude-sonnet-4-5-20250929")
    client.ask("something hard", calls=0)
    sums = played(client).total
    assert (sums.served, sums.own_served) == (1, 0)
    other = Client("claude-opus-4-8")
    other.ask("something hard", calls=0)
    assert played(other).total.own_served == 1
    secret = Client("secret")
    secret.ask("something hard", calls=0)
    sums = played(secret).total
    assert (sums.own_served, sums.own_usd) == (None, None)
    assert sums.usd is not None


def test_a_price_that_nobody_knows_is_no_dollar() -> None:
    free = Settings(
        providers={"home": Provider(kind="ollama", models={"s": "small:1b"})},
        routing=Routing(simple="home:s", medium="home:m", complex="home:c", reasoning="home:r"),
    )
    client = Client()
    client.ask("something small", calls=0)
    own = recorded([OWN])
    found = play(client.turns, configured(free), own, Policy(), measure)
    assert found.sessions[0].steps[0].target == "home:m"
    assert found.total.usd is None
    assert found.total.single == ""
    assert found.total.own_usd is not None
    assert configured(free)[0][0].name == "home:small:1b"


def test_a_configuration_without_tiers_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no tiers"):
        configured(Settings())
    odd = Routing(simple="x:a", medium="x:b", complex="x:c", reasoning="x:d")
    with pytest.raises(ValueError, match="no provider x"):
        configured(Settings(routing=odd))


def test_a_body_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ValueError, match="can be read"):
        play([Turn("s", 0, b'{"messages":[', CHAT, OWN)], OFFERS, {}, Policy(), measure)


# --- the bills ------------------------------------------------------------------------------------

ASKS = st.lists(
    st.tuples(
        st.sampled_from(["easy", "small", "hard", "proof"]),
        st.integers(0, 4),
        st.sampled_from([10.0, 200.0, 400.0]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@given(ASKS)
def test_a_session_that_only_goes_down_never_costs_more_than_one_model(
    asks: list[tuple[str, int, float]],
) -> None:
    """Than the cheapest single model that serves all of it, and than never moving."""
    asks = sorted(asks, key=lambda ask: -["easy", "small", "hard", "proof"].index(ask[0]))
    client = Client()
    for words, calls, pause in asks:
        client.ask(f"something {words}", calls=calls, pause=pause)
    sums = played(client).total
    assert sums.served == sums.calls
    assert sums.usd is not None
    assert sums.single_usd is not None
    assert sums.usd <= sums.single_usd + 1e-9


@settings(max_examples=60)
@given(ASKS)
def test_what_going_up_costs_is_bounded(asks: list[tuple[str, int, float]]) -> None:
    """A session that goes up has written its prompt in vain: once for each step, and no more."""
    client = Client()
    for words, calls, pause in asks:
        client.ask(f"something {words}", calls=calls, pause=pause)
    found = played(client)
    sums = found.total
    assert sums.served == sums.calls
    assert sums.usd is not None
    assert sums.single_usd is not None
    steps = found.sessions[0].steps
    ups = [step.switch.once_usd for step in steps if step.moved == "up" and step.switch]
    assert sums.usd <= sums.single_usd + 1.01 * sum(ups) + 1e-9
    assert len(ups) == sum(step.moved == "up" for step in steps)


def always(value: float) -> Callable[[Ask, Seen], Score]:
    return lambda ask, seen: score(value)


def test_made_up_sessions_of_real_clients() -> None:
    """Without a change of difficulty a session costs what its tier costs, never more."""
    for value in (10.0, 30.0, 60.0, 90.0):
        for sample in samples():
            own = recorded(turn.model for turn in sample.turns)
            found = play(sample.turns, OFFERS, own, Policy(), always(value))
            assert found.total.served == found.total.calls, sample.name
            assert found.total.usd is not None
            assert found.total.single_usd is not None
            assert found.total.usd <= found.total.single_usd + 1e-9, (sample.name, value)
            assert set(found.total.tiers) == set(TIERS)
