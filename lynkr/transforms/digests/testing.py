"""Output of test runners: each failure with its assertion and place, and the counts; what passed
is counted.

One reader for all runners. Their prints differ, but the parts are the same: lines for passed tests,
blocks about failed ones, traces, code around the failure, and summaries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from lynkr.transforms.digests.alarms import is_error, is_warning, masked
from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.frames import Trimming, trimmed
from lynkr.transforms.digests.lines import Digest, Excerpt, Text, fitting

_PASSED = re.compile(
    r"\s*(?:[✓✔√]|ok \d+\b|PASS\b|--- PASS|PASS \[|\[\s*OK\s*\])|test .{1,300} \.\.\. ok\b"
    r"|.{1,300} (?:PASSED|\.\.\. ok)\s*(?:\[\s*\d+%\])?$|ok\s+\S+\s+(?:[\d.]+s|\(cached\))"
)
_SKIPPED = re.compile(
    r"\s*(?:[○↓-] .{1,300}(?:\d ?ms\))?$|--- SKIP)|test .{1,300} \.\.\. ignored\b"
    r"|.{1,300} (?:SKIPPED|XFAIL)\b.{0,80}$"
)
_NOISE = re.compile(
    r"\s*(?:=== (?:RUN|PAUSE|CONT|NAME)|RUNS |START\b|SETUP\b|Compiling |Downloaded |Fresh |running"
    r" \d+ tests?$|ok$|PASS$)|\S{1,300}\s[.sx]+\s*(?:\[\s*\d+%\])?$|[.,sx]{2,}\s*(?:\[\s*\d+%\])?$"
)
# Each runner's surest line, and how a failure's block begins.
_MARKS = re.compile(
    r"=+ (?:test session starts|FAILURES|ERRORS|short test summary info|.{0,120}"
    r"\b(?:passed|failed|errors?)\b.{0,60} in [\d.]+s)"
    r"|Ran \d+ tests? in |FAILED \(|\s*(?:Tests|Test Suites|Test Files):?\s+.{0,80}"
    r"(?:passed|failed)"
    r"|\s+\d+ (?:passing|failing)\b|test result: |\s+Summary \[|--- (?:FAIL|PASS): "
    r"|(?:ok|FAIL)\s+\S+\s+[\d.]+s|# (?:pass|fail|tests) \d+|\u2139 (?:pass|fail) \d+"
    r"|Tests run: \d+|\d+ examples?, \d+ fail|Tests: \d+, Assertions|(?:Passed|Failed)!\s+- Failed:"
    r"|\d+ (?:passed|failed)(?:, \d+ \w+)*(?: in [\d.]+s)?$|\s+\d+ (?:passed|failed) \("
)
_SUMMARY = re.compile(
    r"\s*(?:(?:Tests|Test Suites|Test Files|Snapshots|Time|Duration|Start at|Tests run|Coverage"
    r"|TOTAL|All files|Ran all|Ran \d|FAILED|OK|BUILD|Summary|test result|Passed!|Failed!)\b"
    r".{0,30}[:(\d|]"
    r"|\d+ (?:passing|failing|pending|passed|failed|skipped|examples?|tests?)\b"
    r"|[#\u2139] (?:pass|fail|tests|skip|suites|cancelled)\w{0,3} \d+|failures:$|(?:FAIL|ok)\s*$"
    r"|congratulations|evaluation failed|error: test|collected \d+|platform |\S+: (?:OK|FAIL) "
    r"|\u276f \S{1,200} \(\d+ tests?\b)"
)
_STARTS = (
    (re.compile(r"_{3,} .{1,300} _{3,}$"), Trimming.MARKED),
    (re.compile(r"\s{0,6}● \S"), Trimming.MIXED),
    (re.compile(r"\s*(?:\u276f )?FAIL\s{1,4}\S+.{0,40} > "), Trimming.MIXED),
    (re.compile(r"\s{1,12}\d{1,5}\) \S"), Trimming.MIXED),
    (re.compile(r"-{3,4} .{1,300} (?:stdout|stderr) -{3,4}$"), Trimming.MIXED),
    (re.compile(r"-{3} (?:STDOUT|STDERR): "), Trimming.MIXED),
    (re.compile(r"\s*--- FAIL: "), Trimming.MIXED),
    (re.compile(r"(?:FAIL|ERROR): \S"), Trimming.MIXED),
    (re.compile(r"panic: |error(?:\[\w+\])?: \S|not ok \d"), Trimming.MIXED),
    (re.compile(r"\s*[✖✗\xd7✘] \S"), Trimming.MIXED),
)
_ENDS = re.compile(
    r"={5,}|(?:Test Suites|Tests|Test Files|Snapshots):?\s+\d|-{60,}$|failures:$|test result: "
    r"|(?:PASS|FAIL|ok)\s|\s*(?:PASS|FAIL)\s+\S+$|=== |\s*--- PASS|\s{1,8}(?:[✓✔√]) |  \d+ \w+ing\b"
    r"|\s*--- SKIP|# Subtest|Ran \d+ test|⎯{10,}|\s*Test Files "
)
_HEADED = re.compile(r"=+ (?:.{1,120}) =+$")
_TITLES = re.compile(r"\W*(?:FAIL:? )?\s*|\s+\(?[\d.]+ ?m?s\)?$|_{3,}|-{3,}")
_FAILED = re.compile(r".{1,300} (?:FAILED|ERROR|\.\.\. (?:FAIL|FAILED|ERROR))\s*(?:\[\s*\d+%\])?$")
_BEGINNINGS = frozenset(" \t_-●\u276f✖✗\xd7✘FEepn")
_CONSOLE = re.compile(r"\s{0,6}● Console\s*$")
_RULER = re.compile(r"([=_⎯-])\1{9,200}")
_FULL_BLOCKS_MAX = 40
_ALIKE_MAX = 3
_LOGGED_MAX = 12


class _Block(msgspec.Struct):
    start: int
    stop: int
    trimming: Trimming


def _shape(text: Text, hint: Hint) -> float:
    heads = text.heads
    ends = heads[:60] + heads[-60:] if len(heads) > 120 else heads
    if any(_MARKS.match(line) for line in ends):
        return 1.0
    if any(_MARKS.match(line) for line in text.sample):
        return 0.8
    return text.share(_PASSED) * 0.7


def _write(text: Text, hint: Hint) -> Digest | None:
    blocks = _blocks(text)

    def write(room: int) -> str:
        excerpt = Excerpt(text)
        told = _inside(excerpt, blocks, room)
        _outside(excerpt, blocks, told)
        return _RULER.sub(r"\1\1\1\1", excerpt.render(320))

    return Digest("tests", fitting((16, 8, 4, 2, 1), write, text.room(7000)))


def _blocks(text: Text) -> list[_Block]:
    blocks: list[_Block] = []
    inside = False
    for index, line in enumerate(text.heads):
        if line[:1] in _BEGINNINGS and not _PASSED.match(line):
            trimming = next((how for start, how in _STARTS if start.match(line)), None)
            if trimming is not None:
                blocks.append(_Block(index, index + 1, trimming))
                inside = True
                continue
        # unittest rules off its titles.
        ruled = inside and index == blocks[-1].start + 1 and line.startswith("-----")
        if inside and not ruled and _ENDS.match(line):
            inside = False
        if inside:
            blocks[-1].stop = index + 1
    return blocks


def _inside(excerpt: Excerpt, blocks: list[_Block], room: int) -> int:
    """Each failure, and none twice: some runners print all of them again at the end. Returns how
    many. Failures that differ only in numbers are told shortly after the first ones."""
    seen: set[str] = set()
    alike: Counter[str] = Counter()
    heads = excerpt.text.heads
    told = 0
    for block in blocks:
        span = heads[block.start : block.stop]
        if _CONSOLE.match(span[0]):
            for index in range(block.start, block.stop):
                excerpt.tags[index] = "of the console"
            excerpt.keep_all(block.start + at for at, line in enumerate(span) if is_error(line))
            continue
        kept = trimmed(span, block.trimming, room if told < _FULL_BLOCKS_MAX else 2)
        words = "\n".join(span[at].strip() for at in kept[1:4])
        key = _TITLES.sub("", span[0]) + words
        if key in seen and len(kept) > 1:
            for index in range(block.start, block.stop):
                excerpt.tags[index] = "seen above"
            continue
        seen.add(key)
        told += len(kept) > 1
        alike[masked(words)] += 1
        if alike[masked(words)] > _ALIKE_MAX:
            kept = trimmed(span, block.trimming, 1)
        excerpt.keep_all(block.start + at for at in kept)
    return told


def _outside(excerpt: Excerpt, blocks: list[_Block], told: int) -> None:
    """What stands around the failures: the beginning, summaries, errors, each warning once."""
    heads = excerpt.text.heads
    covered = bytearray(len(heads))
    for block in blocks:
        covered[block.start : block.stop] = b"\1" * (block.stop - block.start)
    failed = [at for at, line in enumerate(heads) if not covered[at] and _FAILED.match(line)]
    for index in failed if len(failed) <= told else []:
        covered[index] = 1
        excerpt.tags[index] = "failed, see below"
    warned: set[str] = set()
    for block in blocks:
        if heads[block.start].lstrip().startswith("--- FAIL"):
            excerpt.keep_all(_logged(heads, block.start))
    listing = named = False
    excerpt.ends(3, 4)
    for index, line in enumerate(heads):
        if covered[index]:
            continue
        named = line.startswith("failures:") or (named and line[:1] == " ")
        if _HEADED.match(line):
            listing = "short test summary" in line
            excerpt.keep(index)
        elif named or (listing and not line.startswith(("PASSED", "SKIPPED", "XFAIL"))):
            excerpt.keep(index)
        elif _PASSED.match(line):
            excerpt.tags[index] = "passed"
        elif _SKIPPED.match(line):
            excerpt.tags[index] = "skipped"
        elif _NOISE.match(line):
            continue
        elif _SUMMARY.match(line) or is_error(line):
            excerpt.keep(index)
        elif is_warning(line) and masked(line) not in warned:
            warned.add(masked(line))
            excerpt.keep(index)
            if index + 1 < len(heads) and "-->" in heads[index + 1]:
                excerpt.keep(index + 1)


def _logged(heads: list[str], end: int) -> Iterator[int]:
    """What a test of Go wrote before the line that says that it failed."""
    for index in range(end - 1, max(0, end - _LOGGED_MAX), -1):
        if heads[index].lstrip().startswith(("=== ", "--- ")) or not heads[index][:1].isspace():
            return
        yield index


NAMES = names(
    "pytest, py.test, jest, vitest, mocha, cargo test, cargo nextest, go test, tox, "
    "unittest, nox, npm test, npm run, npm t, yarn test, pnpm test, bun test, rspec, "
    "phpunit, ava, tap, playwright, make, gradle, gradlew, mvn, dotnet test, deno, ctest, "
    "node, pnpm run, yarn run, trial, nose2"
)
FAMILY = Family(NAMES, _shape, _write)
