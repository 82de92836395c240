"""The evaluation of the semantic cache: its figures add up, and a bad guard shows in them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

import eval.__main__ as frame
from eval import cache, cache_chart, cache_lookup, cache_trade_off
from eval.cache_decision import ALL_RULES, Questions
from eval.cache_pairs import Pair, pair_sets, reworded
from eval.report import Cell, Table
from eval.shares import percent, spread, wilson
from lynkr.policies.questions import guard
from lynkr.policies.questions.guard import Rule, Verdict

SVG = "{http://www.w3.org/2000/svg}"
CLUSTER = {
    "base": "Which port does Redis listen on?",
    "same": ["Which port does Redis listen on by default?", "On which port does Redis listen?"],
    "different": [["entity", "Which port does Postgres listen on?"]],
}
QQP = '1\tWhat does ""REST"" mean?\tWhat is meant by ""REST""?\n0\tWho wrote it?\tWho sold it?\n'
MOCK = "Plants turn light into sugar.\tPlants turn the light into sugar.\n" * 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tiny set of each kind, under names of another split."""
    folder = tmp_path / "data" / "paraphrase"
    folder.mkdir(parents=True)
    folder.joinpath("prompts_kept.jsonl").write_text(json.dumps(CLUSTER) + "\n")
    folder.joinpath("qqp_kept.tsv").write_text(QQP)
    folder.joinpath("gptcache_mock.tsv").write_text(MOCK)
    return folder.parent


def titled(tables: list[Table], title: str) -> Table:
    (found,) = (table for table in tables if table.title.startswith(title))
    return found


def column(table: Table, name: str, **where: str) -> list[Cell]:
    """The cells of a column, of the rows in which other columns have a value."""
    at = table.columns.index
    return [
        row[at(name)]
        for row in table.rows
        if all(row[at(key)] == value for key, value in where.items())
    ]


def test_samples_are_measured_without_other_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkout alone has the tables, a page that shows the chart, and the chart."""
    out = tmp_path / "out"
    assert frame.main(["cache", "--data", str(tmp_path), "--out", str(out)]) in (0, 1)
    assert "cache: samples: recall" in capsys.readouterr().out
    assert "![cache](cache.svg)" in (out / "cache.md").read_text("utf-8")
    assert {row[0] for row in json.loads((out / "cache.json").read_text())[0]["rows"]} == {
        "samples",
        "long",
    }
    ElementTree.parse(out / "cache.svg")


def test_figures_add_up(data: Path) -> None:
    """Each table counts the same pairs: kinds make up the false hits, a bound's row the rule's."""
    tables = cache.run(data)
    rules, kinds = titled(tables, "Pairs served"), titled(tables, "False hits by kind")
    assert set(column(rules, "set")) == {"samples", "long", "prompts_kept", "qqp_kept"}
    for pairs in pair_sets(data):
        for rule in ALL_RULES:
            where = {"set": pairs.name, "rule": rule}
            (same,), (served,) = column(rules, "same", **where), column(rules, "served", **where)
            (different,), (false,) = (
                column(rules, name, **where) for name in ("different", "false")
            )
            assert (same, different) == (pairs.same, pairs.different)
            assert column(rules, "recall %", **where) == [percent(_int(served), _int(same))]
            if pairs.name != "qqp_kept":
                (row,) = (row for row in kinds.rows if row[:2] == [pairs.name, rule])
                assert sum(_int(cell) for cell in row[2:]) == false
        bound = {"set": pairs.name, "curve": "guard"}
        trade = titled(tables, cache_trade_off.TITLE)
        at = column(trade, "bound", **bound).index(Rule().coverage_min)
        default = column(rules, "recall %", set=pairs.name, rule="default")
        assert [100 * _float(column(trade, "recall", **bound)[at])] == pytest.approx(default)
    for row in titled(tables, "GPTCache's benchmark").rows:
        if "published" not in str(row[0]):
            assert sum(_int(cell) for cell in row[1:4]) == 2
    for row in titled(tables, "Why pairs").rows:
        assert _int(row[3]) <= _int(row[2]) and _int(row[5]) <= _int(row[4])


def _int(cell: Cell) -> int:
    assert isinstance(cell, int)
    return cell


def _float(cell: Cell) -> float:
    assert isinstance(cell, int | float)
    return cell


def test_a_guard_that_lets_all_pass_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its false hits go up in the table, and the targets are missed."""

    def lax(asked: bytes, kept: bytes, similarity: float, rule: Rule) -> Verdict:
        return Verdict(True, 1.0, ())

    good = titled(cache.run(tmp_path), "Pairs served")
    monkeypatch.setattr(guard, "judge", lax)
    tables = cache.run(tmp_path)
    bad = titled(tables, "Pairs served")
    where = {"set": "samples", "rule": "default"}
    (before,), (after,) = column(good, "false", **where), column(bad, "false", **where)
    (different,) = column(bad, "different", **where)
    assert _int(before) < 0.1 * _int(different) < 0.9 * _int(different) < _int(after)
    _, met = frame.summary({"cache": [bad]})
    assert not met
    assert not titled(tables, "The seed's questions").targets[0][3]


def test_the_seeds_questions_are_decided_rightly(tmp_path: Path) -> None:
    """What the issue promises always: TCP against UDP hits, the layers of TCP/IP do not."""
    seed = titled(cache.run(tmp_path), "The seed's questions")
    assert [row[:4] for row in seed.rows if row[2] != row[3]] == []


def test_the_chart_has_a_panel_per_set_and_every_point(data: Path) -> None:
    tables = cache.run(data)
    ((name, drawn),) = cache.drawings(tables).items()
    assert name == "cache.svg"
    wanted = Counter((str(row[0]), str(row[1])) for row in tables[-1].rows)
    panels = ElementTree.fromstring(drawn).findall(f"{SVG}g[@data-set]")
    found = {
        (panel.get("data-set"), curve.get("data-curve")): len(curve.findall(f"{SVG}path[@fill]"))
        for panel in panels
        for curve in panel.findall(f"{SVG}g[@data-curve]")
    }
    lines = {curve for curve in cache_chart.STYLES if cache_chart.STYLES[curve].line}
    for key, marks in wanted.items():
        assert found[key] == marks + (key[1] in lines), key
    assert len(panels) == 5


def test_more_false_hits_stand_further_right() -> None:
    """No false hit stands at the axis; ten times as many are one decade further."""
    points = tuple(cache_chart.Point(0.5, false, 0.5) for false in (0.0, 0.01, 0.1, 1.0))
    panel = cache_chart.Panel("one & all", (cache_chart.Curve("guard", points),), (0.5, 0.01))
    drawn = ElementTree.fromstring(cache_chart.draw("<title>", [panel]))
    curve = drawn.find(f".//{SVG}g[@data-curve='guard']/{SVG}path")
    assert curve is not None
    across = [float(place.split()[0]) for place in curve.attrib["d"][1:].split("L")]
    assert across[0] < across[1] < across[2] < across[3]
    assert across[2] - across[1] == pytest.approx(across[3] - across[2], abs=0.2)


def test_files_are_read_as_they_are_written(data: Path) -> None:
    """Any split by its name; doubled quotes are one; every wording meets each negative."""
    sets = {pairs.name: pairs for pairs in pair_sets(data)}
    assert (sets["prompts_kept"].same, sets["prompts_kept"].different) == (3, 3)
    assert sets["qqp_kept"].pairs[0] == Pair(
        'What does "REST" mean?', 'What is meant by "REST"?', True
    )
    assert len(reworded(data)) == 2
    assert reworded(None) == []
    assert [pairs.name for pairs in pair_sets(None)] == ["samples", "long"]


def test_long_questions_differ_in_one_part() -> None:
    """Each is asked once in other words, and has a negative for each of its parts."""
    (pairs,) = (pairs.pairs for pairs in pair_sets(None) if pairs.name == "long")
    by_kept: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_kept.setdefault(pair.kept, []).append(pair)
    for kept, found in by_kept.items():
        assert [pair.same for pair in found] == [True] + [False] * 5
        asked = {pair.asked for pair in found}
        assert len(asked) == 6 and kept not in asked


def test_the_nearest_that_fits_is_served() -> None:
    """Among the four nearest. None where none may be served."""
    texts = ("Explain TCP vs UDP", "Explain TCP vs QUIC", "How do TCP and UDP differ?", "Hello")
    questions = [Questions()(text) for text in texts]
    serve = cache_lookup.serving(questions, questions, "default")
    assert serve(0, [(1, 0.99), (2, 0.97), (3, 0.9)]) == 2
    assert serve(0, [(1, 0.99), (3, 0.97)]) is None
    alone = cache_lookup.serving(questions, questions, "cosine >= 0.90")
    assert alone(0, [(1, 0.99), (2, 0.97)]) == 1 and alone(0, [(1, 0.89)]) is None


def test_a_stream_counts_each_question_once() -> None:
    """Where all is served, the first question is a miss and every other one is a hit."""
    pairs = [
        Pair("a", "a again", same=True),
        Pair("a", "b", same=False),
        Pair("c", "a again", same=False),
    ]
    stream = cache_lookup.Stream(pairs)
    assert stream.texts == ["a", "a again", "b", "c"]
    close = [[(other, 0.9) for other in range(4) if other != at] for at in range(4)]
    for seed in range(5):
        found = stream.run(close, lambda at, near: near[0][0] if near else None, seed)
        assert (found.questions, found.repeats) == (4, 1)
        assert found.right + found.wrong + found.unlabelled == 3
        none = stream.run(close, lambda at, near: None, seed)
        assert (none.right, none.wrong, none.unlabelled, none.repeats) == (0, 0, 0, 1)


def test_intervals_are_wilsons() -> None:
    """Against values worked out by hand; nothing seen says nothing."""
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert wilson(5, 10) == pytest.approx((0.23659, 0.76341), abs=1e-5)
    assert wilson(0, 0) == (0.0, 1.0)
    assert spread(0, 0) == ""
    assert percent(1, 0) is None
