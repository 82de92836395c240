"""Made-up texts for made-up sessions: prose, source files, command output and JSON of a parcel
scheduler that does not exist. The same seed gives the same text."""

from __future__ import annotations

import json
from random import Random

_SUBJECTS = (
    "the depot index", "a courier's shift", "the retry ledger", "an open manifest",
    "the route planner", "a parked parcel", "the slot table", "the intake worker",
    "each carrier adapter", "the nightly sweep", "a signed receipt", "the quota guard",
)  # fmt: skip
_VERBS = (
    "is rebuilt before", "never outlives", "must be read together with", "takes its lock after",
    "reports late to", "is compared against", "falls back on", "hands its rows to",
    "may be replayed into", "expects a fresh copy of", "is billed through", "counts towards",
)  # fmt: skip
_TAILS = (
    "when the region has no free vans", "unless the caller asked for a dry run",
    "so that two shifts cannot claim it", "which keeps the audit short",
    "because weights arrive after labels", "even if the label was printed twice",
    "as long as the window is open", "and says so in its event",
)  # fmt: skip
_WORDS = (
    "parcel", "route", "depot", "shift", "label", "weight", "slot", "carrier", "receipt", "quota",
    "window", "manifest", "ledger", "sweep", "intake", "region", "van", "claim", "audit", "event",
)  # fmt: skip
_PLACES = ("Aarhus", "Brno", "Cork", "Dijon", "Évora", "Fulda", "Gdańsk", "Huelva", "Ioannina")


def prose(rng: Random, size: int) -> str:
    """Sentences, about ``size`` characters of them."""
    made = ""
    while len(made) < size:
        sentence = f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_SUBJECTS)}"
        end = "\n\n" if rng.random() < 0.15 else " "
        made += f"{sentence[0].upper()}{sentence[1:]} {rng.choice(_TAILS)}.{end}"
    return made.strip()


def name(rng: Random) -> str:
    return f"{rng.choice(_WORDS)}_{rng.choice(_WORDS)}"


def path(rng: Random) -> str:
    return f"ferry/{rng.choice(_WORDS)}s/{name(rng)}.py"


def source(rng: Random, lines: int) -> str:
    """A Python file."""
    made = [f'"""{prose(rng, 60)}"""', "", "from __future__ import annotations", ""]
    while len(made) < lines:
        first, second = name(rng), name(rng)
        made += [
            f"def {first}({second}: str, limit: int = {rng.randrange(5, 500)}) -> dict[str, int]:",
            f'    """{prose(rng, 70)}"""',
            f"    found = {{row.{rng.choice(_WORDS)}: row.count for row in load({second})}}",
            "    for key, count in sorted(found.items())[:limit]:",
            f"        if count > {rng.randrange(100)} and key not in {name(rng).upper()}:",
            f"            log.info({first!r}, key=key, count=count)",
            f"            found[key] = count - {rng.randrange(1, 9)}",
            "    return found",
            "",
        ]
    return "\n".join(made[:lines]) + "\n"


def numbered(text: str) -> str:
    """A file as agents' read tools show it."""
    return "\n".join(f"{number}\t{line}" for number, line in enumerate(text.splitlines(), 1))


def grep(rng: Random, hits: int) -> str:
    files = [path(rng) for _ in range(max(2, hits // 6))]
    found = sorted((rng.choice(files), rng.randrange(1, 400)) for _ in range(hits))
    return "\n".join(
        f"{file}:{line}:    {name(rng)} = {name(rng)}({rng.choice(_WORDS)!r})"
        for file, line in found
    )


def listing(rng: Random, files: int) -> str:
    return "\n".join(
        f"-rw-r--r-- 1 dev dev {rng.randrange(200, 90_000):>6} Nov {rng.randrange(1, 29):>2} "
        f"{rng.randrange(24):02}:{rng.randrange(60):02} {path(rng)}"
        for _ in range(files)
    )


def suite_run(rng: Random, tests: int, failed: int) -> str:
    """Output of a verbose test run with a few failures."""
    made = ["=" * 20 + " test session starts " + "=" * 20, f"collected {tests} items", ""]
    for number in range(tests):
        word = "FAILED" if number < failed else "PASSED"
        share = 100 * (number + 1) // tests
        made.append(f"tests/test_{rng.choice(_WORDS)}.py::test_{name(rng)} {word} [{share:>3}%]")
    for _ in range(failed):
        made += [
            "", "_" * 12 + f" test_{name(rng)} " + "_" * 12, "",
            f"    def test_{name(rng)}() -> None:",
            f">       assert {name(rng)}({rng.randrange(9)}) == {rng.randrange(99)}",
            f"E       assert {rng.randrange(99)} == {rng.randrange(99)}", "",
            f"tests/test_{rng.choice(_WORDS)}.py:{rng.randrange(200)}: AssertionError",
        ]  # fmt: skip
    made.append(f"{failed} failed, {tests - failed} passed in {rng.randrange(2, 40)}.1s")
    return "\n".join(made)


def records(rng: Random, count: int) -> list[dict[str, object]]:
    """Uniform records, as list calls of APIs return them."""
    return [
        {
            "id": f"pcl_{rng.randrange(16**8):08x}",
            "status": rng.choice(["queued", "loaded", "delivered", "returned"]),
            "depot": rng.choice(_PLACES),
            "weight_g": rng.randrange(50, 30_000),
            "attempts": rng.randrange(4),
            "fragile": rng.random() < 0.2,
            "note": None if rng.random() < 0.7 else prose(rng, 30),
            "updated_at": f"2026-11-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:15:00Z",
        }
        for _ in range(count)
    ]


def document(rng: Random, count: int, *, indent: int | None = 2) -> str:
    """A JSON reply of a command or a call."""
    found = records(rng, count)
    page = {"total": count, "next": None, "items": found}
    value = found if rng.random() < 0.5 else page
    separators = (",", ":") if indent is None else None
    return json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
