"""docs/conformance.md: what the tests run, as a page. `make docs` writes it anew.

The tables are made of the tests' own parameters, so a pair that is not tested cannot appear, and
the losses are those that `tests/wire/pinned_losses.py` pins.
"""

from __future__ import annotations

from lynkr.providers.losses import tolerated
from tests.e2e import test_translation, test_translation_sdks
from tests.wire.dialogues import all_requests
from tests.wire.matrix import FORMATS
from tests.wire.pinned_losses import LOSSES
from tests.wire.replies_written import answers

TITLES = {
    "anthropic_messages": "Messages",
    "openai_chat": "Chat",
    "openai_responses": "Responses",
    "gemini": "Gemini",
    "bedrock": "Converse",
}
TARGETS = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
    "gemini": "gemini",
    "bedrock": "bedrock",
}
SDKS = {
    "messages": "anthropic SDK",
    "chat": "openai SDK, Chat",
    "responses": "openai SDK, Responses",
    "gemini": "google-genai SDK",
}
CLIENTS = [name for name in FORMATS if name != "bedrock"]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _clients() -> list[str]:
    runs: dict[str, set[str]] = {}
    runs["Claude Code 2.1.197"] = {*test_translation.OTHER_THAN_MESSAGES, "messages"}
    runs["Codex 0.169.0"] = {*test_translation.OTHER_THAN_RESPONSES, "responses"}
    for name in test_translation.CHAT_CLIENTS:
        runs[name] = {"messages", "gemini", "bedrock", "chat"}
    for client, target in test_translation_sdks.PAIRS:
        runs.setdefault(SDKS[client], {client}).add(target)
    rows = [
        [client, *("session" if name in found else "" for name in TARGETS)]
        for client, found in runs.items()
    ]
    return _table(["client", *(TITLES[name] for name in TARGETS.values())], rows)


def _requests() -> list[str]:
    rows = []
    for dialect in FORMATS:
        asked = [each for each in all_requests() if each.dialect == dialect]
        cells = [
            f"{len(asked)} there and back" if target == dialect else f"{len(asked)} sent"
            for target in FORMATS
        ]
        rows.append([TITLES[dialect], *cells])
    return _table(["from, to", *(TITLES[name] for name in FORMATS)], rows)


def _replies() -> list[str]:
    rows = []
    for dialect in FORMATS:
        given = [each for each in answers() if each.dialect == dialect]
        streams = sum(each.stream for each in given)
        cell = f"{streams} streams, {len(given) - streams} whole"
        rows.append([TITLES[dialect], *(cell for _ in CLIENTS)])
    return _table(["provider, client", *(TITLES[name] for name in CLIENTS)], rows)


def _losses() -> list[str]:
    found: dict[str, set[str]] = {}
    for targets in LOSSES.values():
        for target, names in targets.items():
            for name in names:
                found.setdefault(name, set()).add(target)
    rows = [
        [
            f"`{name}`",
            *(
                ""
                if target not in found[name]
                else "left out"
                if name in tolerated(target)
                else "400"
                for target in FORMATS
            ),
        ]
        for name in sorted(found)
    ]
    return _table(["what is lost", *(TITLES[name] for name in FORMATS)], rows)


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Conformance",
            "",
            "Made by `make docs` of what the tests run; a test fails when it is out of date.",
            "",
            "## Clients",
            "",
            "Whole sessions through the gateway: tools called one by one and together, files "
            "changed and commands run as expected, usage equal to the provider's. The provider is "
            "a scripted one that checks every request against the official types and its own "
            "rules.",
            "",
            *_clients(),
            "## Requests",
            "",
            "Recorded and hand-written requests of coding agents. What is sent is checked against "
            "the provider's published schema, and for text, pictures, tools, calls and results "
            "that must have survived; its own dialect must come back equal.",
            "",
            *_requests(),
            "## Replies",
            "",
            "Recorded replies, cut at random places, parsed by the client's official SDK: text, "
            "calls, usage and stop reason must be what the provider said.",
            "",
            *_replies(),
            "## Losses",
            "",
            "What of these requests a capable model of each provider cannot be given, by name. "
            "`left out` is listed in `x-lynkr-dropped`; 400 names the field. Reasons: "
            "[translation](translation.md#what-is-left-out).",
            "",
            *_losses(),
        ]
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
