"""Which tools stay: the needed ones always, most of the others not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.transforms.tools.selection import Facts, Offered, Selection, select

NOTHING = frozenset[str]()
CODING = {
    "Read": "Reads a file.",
    "Write": "Writes a file.",
    "Edit": "Replaces text in a file.",
    "Bash": "Runs a command.",
    "BashOutput": "Reads what a background command has printed.",
    "KillShell": "Ends a background command.",
    "Glob": "Finds files by name.",
    "Grep": "Finds text in files.",
    "WebSearch": "Searches the web.",
    "WebFetch": "Fetches a page.",
    "TodoWrite": "Writes the list of steps.",
    "Task": "Starts a sub-agent.",
    "Skill": "Runs a skill.",
    "EnterPlanMode": "Plans first.",
    "ExitPlanMode": "Shows the plan.",
    "NotebookEdit": "Changes a cell.",
    "CronCreate": "Plans a prompt for later.",
    "CronDelete": "Forgets a planned prompt.",
    "EnterWorktree": "Works in a copy.",
    "Workflow": "Runs many agents by a script.",
    "mcp__github__create_pull_request": "Opens a pull request.",
    "mcp__github__list_issues": "Lists issues of a repository.",
    "mcp__browser__browser_navigate": "Goes to an address.",
    "mcp__browser__browser_click": "Clicks on an element.",
    "mcp__ledger__refund_invoice": "Refunds an invoice that was paid.",
    "mcp__ledger__find_invoice": "Finds an invoice by its number.",
}
LEDGER = {"mcp__ledger__refund_invoice", "mcp__ledger__find_invoice"}
GITHUB = {"mcp__github__create_pull_request", "mcp__github__list_issues"}
BROWSER = {"mcp__browser__browser_navigate", "mcp__browser__browser_click"}
LOOK = {"Read", "Glob", "Grep"}


def offered(tools: dict[str, str], fixed: str = "", schema: str = "{}") -> tuple[Offered, ...]:
    return tuple(Offered(name, text, schema, 50, name == fixed) for name, text in tools.items())


TOOLS = offered(CODING)


def names(tools: tuple[Offered, ...], selection: Selection) -> set[str]:
    return {tool.name for tool, kept in zip(tools, selection.kept, strict=True) if kept}


def asked(*asks: str, mode: str = "request", used: frozenset[str] = NOTHING) -> set[str]:
    return names(TOOLS, select(TOOLS, Facts(asks, used, ""), mode))


NEEDED = [
    ("What does the NOTES file say about colours?", LOOK),
    ("Change the timeout in the settings file to 30", {"Edit", "Read"}),
    ("Search for usages of parse_row and rename them", {"Edit", "Read", "Grep"}),
    ("Open a pull request for this branch", GITHUB | {"Bash"}),
    ("Track these three things as todos, then refactor", {"TodoWrite", "Edit", "Read"}),
    ("Should a subagent look through src?", {"Task", "Read"}),
    ("push it", {"Bash"}),
    ("commit this", {"Bash"}),
    ("now write tests for the parser", {"Write", "Edit", "Read", "Bash"}),
    ("why does the build break? run it and repair it", {"Bash", "Edit", "Read"}),
    ("stop the watcher in the background", {"KillShell", "BashOutput"}),
    ("add a cell to sales.ipynb that sums the rows", {"NotebookEdit", "Read"}),
    ("look on the web for the newest release of nginx", {"WebSearch", "WebFetch"}),
    ("click on the login button and tell me what happens", BROWSER),
    ("refund invoice 1207", LEDGER),
    ("check every hour whether the deploy is done", {"CronCreate", "CronDelete"}),
    ("leave plan mode, the plan is fine", {"ExitPlanMode", "EnterPlanMode"}),
    ("ejecuta las pruebas y arregla los errores", {"Bash", "Read", "Edit"}),
    ("rnu teh tetss agian", {"Bash", "Read", "Edit"}),
]


@pytest.mark.parametrize(("ask", "needed"), NEEDED)
@pytest.mark.parametrize("mode", ["request", "session"])
def test_what_is_asked_for_can_be_done(ask: str, needed: set[str], mode: str) -> None:
    """A model without the tool that it needs fails, or works around it at a cost."""
    assert needed <= asked(ask, mode=mode)


@pytest.mark.parametrize("ask", ["hi", "Thanks, great work!", "good morning everyone", "merci"])
def test_small_talk_needs_no_tools(ask: str) -> None:
    assert asked(ask) == set()


def test_a_question_about_the_world_needs_no_tools() -> None:
    """ "capital" is not about an "api"."""
    assert asked("What is the capital of France?") == set()


@pytest.mark.parametrize(
    ("ask", "not_needed"),
    [
        ("What does the NOTES file say about colours?", {"Write", "Edit", "Bash", *GITHUB, "Task"}),
        ("Change the timeout in the settings file to 30", {"Write", "Task", *LEDGER, *BROWSER}),
        ("refund invoice 1207", {*GITHUB, *BROWSER, "CronCreate", "Workflow"}),
    ],
)
def test_the_rest_is_left_out(ask: str, not_needed: set[str]) -> None:
    assert not not_needed & asked(ask)


def test_a_short_yes_is_read_with_what_was_said_before() -> None:
    facts = Facts(("Is there an invoice 12?", "yes, do it"), NOTHING, "Shall I refund invoice 12?")
    assert names(TOOLS, select(TOOLS, facts, "request")) >= LEDGER | {"Read", "Edit", "Bash"}
    assert asked("change the title of the page", "perfect") >= {"Edit", "Bash"}


def test_what_was_used_stays_and_brings_what_it_needs() -> None:
    """A command may still run, a server's session may still be open."""
    kept = asked("hi", used=frozenset(("Bash", "mcp__browser__browser_navigate")))
    assert kept == {"Bash", "BashOutput", "KillShell", *LOOK, *BROWSER}


def test_what_is_named_or_fixed_stays() -> None:
    for facts in (
        Facts(("hello",), NOTHING, "then mcp__ledger__find_invoice\\nfinds it"),
        Facts(("hello", "use mcp__ledger__find_invoice, thanks"), NOTHING, ""),
    ):
        assert "mcp__ledger__find_invoice" in names(TOOLS, select(TOOLS, facts, "request"))
    assert "NotebookEdit" in asked("hello", "thanks for the `NotebookEdit` call")
    tools = offered(CODING, fixed="Workflow")
    assert names(tools, select(tools, Facts(("hi",), NOTHING, ""), "request")) == {"Workflow"}


@pytest.mark.parametrize("mode", ["request", "session"])
def test_where_nothing_is_asked_in_words_all_stay(mode: str) -> None:
    assert asked(mode=mode) == set(CODING)


def test_a_request_in_another_language_keeps_what_it_may_need() -> None:
    """No hint of ours applies to it."""
    assert asked("сделай пожалуйста так, как мы вчера говорили") == set(CODING)


SHOP = {
    "search_flights": "Finds flights between two airports on a day.",
    "book_flight": "Books a flight for a traveller.",
    "cancel_booking": "Cancels a booking that was made.",
    "convert_currency": "Converts an amount from one currency to another.",
    "post_tweet": "Posts a short text.",
    "delete_tweet": "Deletes a text that was posted.",
    "list_followers": "Lists who follows an account.",
    "mute_account": "Hides what an account posts.",
    "lock_doors": "Locks the doors of the car.",
    "start_engine": "Starts the engine of the car.",
    "set_temperature": "Sets how warm it is in the car.",
    "fill_tank": "Fills fuel into the tank.",
}


def test_unknown_tools_are_compared_with_the_request() -> None:
    tools = offered(SHOP)
    kept = names(
        tools,
        select(tools, Facts(("Book a flight to Oslo for Ana",), NOTHING, ""), "request"),
    )
    assert "book_flight" in kept
    assert not {"lock_doors", "mute_account", "set_temperature"} & kept


def test_unknown_tools_of_a_session_stay() -> None:
    tools = offered(SHOP)
    facts = Facts(("Book a flight to Oslo",), NOTHING, "")
    assert names(tools, select(tools, facts, "session")) == set(SHOP)


def test_a_tool_that_fetches_what_another_takes_comes_along() -> None:
    """Distances by postal code need the postal codes."""
    tools = (
        Offered(
            "estimate_drive",
            "Estimates how far two cities are apart.",
            '{"properties":{"a":{"description":"zipcode of the first"},"zipcode":{}}}',
            9,
            False,
        ),
        Offered("get_zipcode", "Tells the code of a place.", "{}", 9, False),
        *offered(SHOP),
    )
    facts = Facts(("Estimate the drive between these two cities",), NOTHING, "")
    selection = select(tools, facts, "request")
    assert {"estimate_drive", "get_zipcode"} <= names(tools, selection)


def test_meaning_finds_what_no_shared_word_does() -> None:
    """With vectors at hand; without, the words alone decide."""
    near = {"aircraft": "book_flight. Books", "automobile": "start_engine. Starts"}

    def similarity(ask: str, text: str) -> float:
        words = text.replace(" ", "_")
        return max(
            (0.9 for word, mark in near.items() if word in ask and mark[:8] in words), default=0.0
        )

    tools = offered(
        {**CODING, "mcp__x__book_flight": "Books a seat.", "mcp__y__start_engine": "Go."}
    )
    facts = Facts(("I want a place on the next aircraft",), NOTHING, "")
    with_vectors = names(tools, select(tools, facts, "request", similarity))
    assert "mcp__x__book_flight" in with_vectors
    assert "mcp__y__start_engine" not in with_vectors


def test_a_session_leaves_out_only_what_nothing_hints_at() -> None:
    """Its core stays whatever is asked: to change the list later costs the whole prompt again."""
    kept = asked("Fix the null check in src/auth.py", mode="session")
    assert {"Read", "Edit", "Write", "Bash", "Task", "TodoWrite", "Skill", "ExitPlanMode"} <= kept
    assert not {"CronCreate", "EnterWorktree", "NotebookEdit", "Workflow", *LEDGER, *BROWSER} & kept


ASKS = st.lists(
    st.sampled_from(
        [ask for ask, _ in NEEDED]
        + ["hi", "thanks", "yes", "What is the capital of France?", "сделай это ещё раз", "x"]
    ),
    min_size=1,
    max_size=5,
)


@given(ASKS, st.sets(st.sampled_from(sorted(CODING))), st.text(max_size=20))
def test_a_session_only_grows(asks: list[str], used: set[str], said: str) -> None:
    """Each turn's tools hold all of the turn's before: the provider's cache is lost at most when
    something new is asked for."""
    before: set[str] = set()
    for turn in range(1, len(asks) + 1):
        calls = frozenset(sorted(used)[:turn])
        facts = Facts(tuple(asks[:turn]), calls, said[:turn])
        kept = names(TOOLS, select(TOOLS, facts, "session"))
        assert before <= kept
        before = kept


def test_each_tool_has_its_reason() -> None:
    selection = select(TOOLS, Facts(("refund invoice 1207",), NOTHING, ""), "request")
    why = dict(zip(CODING, selection.reasons, strict=True))
    assert why["mcp__browser__browser_click"] == "no word of this request needs it"
    assert why["Read"] == "reads files: always kept"
    assert (
        "invoice" in why["mcp__ledger__refund_invoice"]
        or "words" in why["mcp__ledger__refund_invoice"]
    )
