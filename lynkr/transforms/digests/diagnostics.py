"""Linters and type checkers: every place stays, what is said more than once is said once.

Errors of compilers and type checkers keep their own words each. Findings of a linter's rule are
folded to the rule where they would not fit otherwise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from lynkr.transforms.digests.commands import Hint
from lynkr.transforms.digests.family import Family, names
from lynkr.transforms.digests.lines import Digest, Text, clipped
from lynkr.transforms.digests.reports import Finding, Report, read
from lynkr.transforms.digests.reports import from_json as findings_in

_SHARED_MIN = 3  # from so many on, a message stands once above all of its places
_DETAIL_LINES = 3
_OTHERS_MAX = 30
NAMES = names(
    "ruff, ruff check, flake8, pylint, mypy, pyright, basedpyright, eslint, tsc, biome, "
    "biome check, golangci-lint, shellcheck, cargo clippy, cargo check, go vet, stylelint, "
    "oxlint, rubocop, vue-tsc, ty, pyre, bandit, clang-tidy, yamllint, npm run, make, "
    "prettier, standard, xo, dmypy, pycodestyle, pydocstyle"
)


def _shape(text: Text, hint: Hint) -> float:
    if text.body[:1] in "[{" and len(text.lines) < 3:
        return 0.0
    report = read(text)
    if len(report.findings) < 5:
        return 0.0
    covered = sum(finding.stop - finding.index for finding in report.findings)
    return min(1.0, (covered + len({each.path for each in report.findings})) / len(text.lines))


def _write(text: Text, hint: Hint) -> Digest | None:
    report = read(text)
    if not report.findings:
        return None
    rest = [clipped(text.lines[index], 300) for index in _others(text, report)]
    details = {
        finding.index: _details(text, finding)
        for finding in report.findings
        if finding.typed and finding.stop > finding.index + 1
    }
    body = folded(report.findings, text.room(4000), details, text)
    return Digest("diagnostics", "\n".join([body, *rest]))


def _others(text: Text, report: Report) -> list[int]:
    """Summaries and the like; repeated headings of the modules are not."""
    told = [at for at in report.others if not text.heads[at].startswith("*****")]
    if len(told) > _OTHERS_MAX:
        told = told[: _OTHERS_MAX // 3] + told[-2 * _OTHERS_MAX // 3 :]
    return told


def _details(text: Text, finding: Finding) -> list[str]:
    """What a compiler says below its message, without the code it quotes."""
    lines = [line.strip() for line in text.heads[finding.index + 1 : finding.stop]]
    said = [
        line
        for line in lines
        if line
        and not line.startswith(("-->", "|", "^", "~"))
        and not line[0].isdigit()
        and line.rstrip("^~ ")
    ]
    return [clipped(line, 200) for line in said[:_DETAIL_LINES]]


def folded(
    findings: list[Finding],
    budget: int,
    details: dict[int, list[str]] | None = None,
    text: Text | None = None,
) -> str:
    """The findings in the first of three forms that fits."""
    counts = Counter(finding.path for finding in findings)
    total = f"[{len(findings)} findings in {len(counts)} files; numbers are lines of the files"
    where = f"; they stood in lines {_extent(text, findings)} of this output]" if text else "]"
    heading = total + where
    written = ""
    for columns, by_rule in ((True, False), (False, False), (False, True)):
        written = "\n".join([heading, *_grouped(findings, details or {}, columns, by_rule)])
        if len(written) <= budget:
            break
    return written


def _extent(text: Text, findings: list[Finding]) -> str:
    return f"{text.number(findings[0].index)}-{text.number(findings[-1].stop - 1)}"


def _grouped(
    findings: Iterable[Finding], details: dict[int, list[str]], columns: bool, by_rule: bool
) -> Iterable[str]:
    lenient: dict[str, list[Finding]] = defaultdict(list)
    exact: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        if by_rule and finding.rule and not finding.typed:
            lenient[finding.rule].append(finding)
        else:
            exact[finding.said, *details.get(finding.index, ())].append(finding)
    yield from _rules(lenient)
    alone: dict[str, list[Finding]] = defaultdict(list)
    for words, same in exact.items():
        if len(same) < _SHARED_MIN:
            for finding in same:
                alone[finding.path].append(finding)
            continue
        yield f"{words[0]} ({len(same)}x)"
        yield from (f"    {line}" for line in words[1:])
        places = defaultdict(list)
        for finding in same:
            places[finding.path].append(finding)
        for path, there in places.items():
            yield f"  {path}: {_lines(there, columns)}"
    for path, there in alone.items():
        yield path
        for finding in sorted(there, key=lambda each: int(each.line)):
            column = f":{finding.column}" if finding.column and columns else ""
            yield f"  {finding.line}{column} {finding.said}"
            for detail in details.get(finding.index, ()):
                yield f"      {detail}"


def _rules(lenient: dict[str, list[Finding]]) -> Iterable[str]:
    """A legend of the rules with an example each, then per file the lines of each rule."""
    files: dict[str, dict[str, list[Finding]]] = {}
    for rule, found in sorted(lenient.items(), key=lambda item: -len(item[1])):
        kinds = len({each.said for each in found})
        example = "" if kinds == 1 else f", {kinds} messages such as"
        errors = sum(each.severe for each in found)
        severe = f", {errors} errors" if errors else ""
        yield f"{rule} ({len(found)}x{severe}{example}): {clipped(found[0].said, 160)}"
        for each in found:
            files.setdefault(each.path, {}).setdefault(rule, []).append(each)
    for path, rules in files.items():
        yield path
        for rule, found in rules.items():
            yield f"  {rule}: {_lines(found, columns=False)}"


def _lines(findings: list[Finding], columns: bool) -> str:
    if columns and findings[0].column:
        return ", ".join(f"{each.line}:{each.column}" for each in findings)
    # Not as ranges: whoever looks for a line finds its number.
    return ", ".join(dict.fromkeys(each.line for each in findings))


def of_json(value: object, budget: int) -> str:
    """The digest of a linter's JSON; empty if it is none."""
    findings = list(findings_in(value))
    if len(findings) < 5:
        return ""
    return folded(findings, budget)


FAMILY = Family(NAMES, _shape, _write, 0.6)
