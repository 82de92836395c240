"""What scripts and dashboards rely on is documented: headers, error kinds, metrics, links."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from lynkr._native.headers import classify
from lynkr.config.loader import load
from lynkr.policies.failover import Failure, judge
from lynkr.providers import losses
from lynkr.providers.catalog import endpoints
from lynkr.server.banner import banner
from lynkr.telemetry.families import FAMILIES
from lynkr.telemetry.metrics import POOL_STATES, CacheTotals, Gauges, Metrics, expose, merge
from lynkr.wire.apis import APIS
from tests import conformance

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCES = sorted((ROOT / "lynkr").rglob("*.py"))
COMPILED = sorted((ROOT / "lynkr" / "_native").glob("*.pyx"))


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Table rows whose first cell begins with a word in backticks, by that word."""
    return {
        match[1]: [cell.strip() for cell in re.split(r"(?<!\\)\|", match[0])[2:-1]]
        for match in re.finditer(r"^\| `([^`]+)`.*\|$", text, re.MULTILINE)
    }


# --- errors -----------------------------------------------------------------------------------


def texts(node: ast.AST) -> Iterator[str]:
    """The words that an expression may come to; a test it makes is none of them."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body)
            yield from texts(orelse)
        case ast.Call(func=ast.Attribute(attr="get", value=ast.Dict(values=values)), args=args):
            for value in (*values, *args[1:]):
                yield from texts(value)


def status_of(node: ast.AST | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def kinds_in(path: Path) -> Iterator[tuple[str, str]]:
    """Every error kind that a Python file can make, with its status where it is written there."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(bases=[ast.Name(id="GatewayError")]):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                        yield ast.literal_eval(call.args[0]), status_of(call.args[1])
            case ast.Call(func=ast.Name(id="GatewayError"), args=[kind, status, *_]):
                for text in texts(kind):
                    yield text, status_of(status)
            case ast.Call(func=ast.Attribute(attr="refusal"), args=[_, _, status, kind, *_]):
                for text in texts(kind):
                    yield text, status_of(status)
            case ast.Assign(targets=[ast.Name(id="kind")], value=value) if "server" in path.parts:
                for text in texts(value):
                    yield text, ""


def kinds() -> dict[str, set[str]]:
    """Kind to the statuses it comes with, over all sources."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for kind, status in kinds_in(path):
            found[kind] |= {status} - {""}
    for path in COMPILED:
        text = path.read_text("utf-8")
        for status, kind in re.findall(r'\b([45]\d\d), "([a-z_]+)"', text):
            found[kind].add(status)
        for kind in re.findall(r'_broken\(\s*"([a-z_]+)"', text):
            judged = judge(Failure(kind, reused=False, got_bytes=True, attempts=1))
            found[kind].add(str(judged.status))
    return found


KINDS = kinds()


def test_error_kinds_are_found_in_every_form_of_raising() -> None:
    """The tests below would pass over nothing if the search found nothing."""
    assert KINDS["missing_key"] == {"401"}  # one of two, by a condition
    assert KINDS["upstream_unreachable"] == {"502"}  # by a subclass
    assert KINDS["too_many_connections"] == {"503"}  # through the front
    assert KINDS["body_too_large"] == {"413"}  # compiled
    assert KINDS["upstream_idle"] == {"504"}  # compiled, judged later
    assert {"not_found", "bad_request"} <= set(KINDS)  # from a table


def test_each_error_kind_is_documented_with_its_status() -> None:
    table = rows(page("http.md").partition("## Errors")[2])
    assert set(table) == set(KINDS)
    wrong = {
        kind: (table[kind][0], statuses)
        for kind, statuses in KINDS.items()
        if not statuses <= {table[kind][0]}
    }
    assert not wrong, "(documented, in the code)"


# --- headers ----------------------------------------------------------------------------------


def test_each_header_of_ours_is_documented() -> None:
    """Also the other way round: a header nobody reads or writes is not promised."""
    text = "".join(path.read_text("utf-8") for path in (*SOURCES, *COMPILED))
    used = set(re.findall(r"x-lynkr-[a-z][a-z-]*[a-z]", text))
    documented = set(re.findall(r"`(x-lynkr-[a-z-]*[a-z])`", page("http.md")))
    assert documented == used


def test_the_header_table_is_what_the_code_does() -> None:
    """ARCHITECTURE.md lists the headers that do not simply pass; the compiled table decides."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("\n## Headers\n")[2].partition("\n## ")[0]
    listed = [
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z-]+[a-z*])`", line.split("|")[1])
    ]
    handled = {name: classify(name.replace("*", "any").encode()) for name in listed}
    passing = [name for name, how in handled.items() if how == "pass"]
    assert not passing
    assert set(handled.values()) == {
        *("hop", "connection", "length", "coding", "host", "expect", "upgrade", "authorization"),
        *("api_key", "gateway", "forwarded", "content_type", "content_encoding", "version"),
    }


# --- routes and metrics -------------------------------------------------------------------------


def test_each_inference_route_is_documented() -> None:
    assert {f"POST {api.shown_path}" for api in APIS.values()} <= set(rows(page("http.md")))


def test_each_route_of_the_control_plane_is_documented() -> None:
    source = (ROOT / "lynkr" / "server" / "routes.py").read_text("utf-8")
    routes = re.findall(r'web\.(get|post|delete)\("([^"]+)"', source)
    assert len(routes) > 6
    for method, path in routes:
        shown = re.sub(r"\{.*\}", "NAME", path)
        assert f"`{method.upper()} {shown}`" in page("http.md"), shown


def test_each_metric_is_documented_with_its_type_and_labels() -> None:
    metrics = Metrics(Gauges(), cache=lambda: CacheTotals(agreed=1))  # without one, no ratio
    text = expose(merge([metrics.snapshot()], [True]), workers=1).decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    table = rows(page("metrics.md").partition("## Series")[2].partition("## Labels")[0])
    assert {name: row[0] for name, row in table.items()} == types
    for family in FAMILIES:
        labels = {*family.labels, family.column_label} - {""}
        assert set(re.findall(r"`(\w+)`", table[family.name][1])) == labels, family.name


def test_values_of_labels_are_documented() -> None:
    text = page("metrics.md").partition("## Labels")[2]
    for value in (*APIS, *POOL_STATES, "splice", "edit", "none", "complete", "client", "upstream"):
        assert f"`{value}`" in page("metrics.md"), value
    for family in FAMILIES:
        for column in filter(None, family.columns):
            assert f"`{column}`" in text, column


# --- the README ---------------------------------------------------------------------------------


def test_the_example_of_the_readme_is_a_valid_configuration(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    example = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "lynkr.toml").write_text(example, "utf-8")
    loaded = load(None, {"ANTHROPIC_API_KEY": "sk-1"}, tmp_path)
    assert loaded.notices == []
    assert list(endpoints(loaded.settings, loaded.environ)) == ["main", "local"]


def test_the_readme_shows_what_is_printed_at_start(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    printed = banner(load(None, {}, tmp_path), [], 8081, 1).partition("\n\n")[2]
    tools, _, curl = printed.partition("\n\ntry: ")
    assert f"```text\n{tools}\n```" in text
    assert f"```sh\n{curl}\n```" in text


# --- links ------------------------------------------------------------------------------------

FOLDERS = ("", "docs/", "docs/clients/", "deploy/", "perf/")
PAGES = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md"))


def anchors(text: str) -> set[str]:
    """Headings as a forge links to them."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", path.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text("utf-8"))):
            broken.append(target)
    assert not broken


def test_each_tolerated_loss_is_documented_with_its_reason() -> None:
    """docs/translation.md has the table of what may be left out, word for word."""
    table = page("translation.md").partition("## What is left out")[2]
    documented = {name: cells[0] for name, cells in rows(table).items()}
    assert documented == losses.reasons("any")


def test_the_conformance_page_is_what_the_tests_run() -> None:
    assert page("conformance.md") == conformance.page(), "make docs"
