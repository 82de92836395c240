"""Tables, JSON, logs, matches, listings, trees: structure, counts, and what sounds like trouble."""

from __future__ import annotations

import json

import pytest

from lynkr.transforms.digests.columns import notable, summary
from lynkr.transforms.digests.digest import digest
from lynkr.transforms.digests.lines import Digest


def told(text: str, command: str = "", tool: str = "") -> Digest:
    found = digest(text, command, tool)
    assert found is not None
    return found


def test_a_column_is_counted_ranged_or_sampled() -> None:
    assert summary(["up"] * 30 + ["down"]) == "up 30, down 1 (row 31)"
    assert summary([str(at) for at in range(30)]) == "0..29"
    assert summary(["same"] * 9) == "always same"
    assert summary([f"name {at}" for at in range(30)]) == "all different, such as name 0, name 1"
    assert summary(["a", "", "b"], samples=0) == "all different; 1 empty"
    assert notable([["ok"] * 20 + ["failed"] + ["ok"] * 20], 5) == [20]
    assert notable([["we speak of an error here in words"] + ["ok"] * 20], 5) == []


def test_pods_that_are_not_well_stay() -> None:
    rows = [
        f"sail-{at:03}-x{at * 37 % 91:02}      1/1     Running            0          {at % 9 + 1}d"
        for at in range(80)
    ]
    rows[57] = "mast-057-broken   0/1     CrashLoopBackOff   41         2d"
    text = "\n".join(["NAME              READY   STATUS             RESTARTS   AGE", *rows])
    for command in ("kubectl get pods", ""):
        found = told(text, command)
        assert found.kind == "table"
        assert "mast-057-broken  0/1  CrashLoopBackOff  41  2d" in found.text
        assert "STATUS: Running 79, CrashLoopBackOff 1 (row 58)" in found.text
        assert "[table of 80 rows" in found.text


def test_bordered_and_comma_separated_tables() -> None:
    rows = "\n".join(f"| {at:<4} | harbour of {at:<6} | open   |" for at in range(90))
    text = f"+------+------+-----+\n| id   | name | state |\n+------+---+\n{rows}\n"
    assert "state: always open" in told(text).text
    text = "id,name,level\n" + "\n".join(f"{at},harbour of {at},{at * 3}" for at in range(200))
    found = told(text, "cat levels.csv")
    assert "level: 0..597" in found.text
    assert "... 7-200" in found.text


def test_alike_objects_become_columns_and_trouble_stays() -> None:
    rows = [
        {"id": at, "name": f"ship {at}", "state": "failed" if at == 41 else "moored",
         "at": {"pier": at % 4, "berth": f"b{at}"}}
        for at in range(70)
    ]  # fmt: skip
    for text in (json.dumps(rows), json.dumps(rows, indent=2), "\n".join(map(json.dumps, rows))):
        found = told(text)
        assert found.kind == "json"
        assert "[70 objects]" in found.text
        assert "id: 0..69" in found.text
        assert "state: moored 69, failed 1 (row 42)" in found.text
        assert "at.pier: " in found.text
        assert '"name":"ship 41"' in found.text


def test_a_map_of_things_is_not_taken_for_fields() -> None:
    tree = {
        "name": "harbour",
        "version": "2.1.0",
        "dependencies": {
            f"part-{at}": {"version": f"1.{at}.0", "resolved": "x" * 60} for at in range(50)
        },
    }
    found = told(json.dumps(tree, indent=2), "npm ls --json")
    assert 'version: "2.1.0"' in found.text
    assert "{50 keys, alike} part-0 1.0.0, part-1 1.1.0" in found.text


def test_json_with_warnings_before_and_a_page_behind() -> None:
    value = {"kind": "Deployment", "spec": {"image": "sea:1.2", "replicas": 3}}
    page = "\n".join(f"  --option-{at}: how the tide number {at} is read" for at in range(90))
    found = told(f"{json.dumps(value, indent=4)}\n{page}")
    assert '"image":"sea:1.2"' in found.text
    assert "--option-0" in found.text
    rows = json.dumps([{"id": at, "name": f"ship {at}"} for at in range(90)])
    found = told(f"npm warn the tide is high\n{rows}")
    assert found.text.startswith("npm warn the tide is high\n[JSON of 1 lines")


def test_long_strings_of_one_object_are_cut() -> None:
    found = told(json.dumps({"page": "sea and sand " * 900, "status": 200}))
    assert "characters more" in found.text
    assert "status: 200" in found.text


def access(at: int, method: str, path: str, status: int) -> str:
    return (
        f'10.0.0.{at % 9} - - [02/Mar/2027:10:{at // 60:02}:{at % 60:02} +0000] "{method} {path}'
        f' HTTP/1.1" {status} 512'
    )


def test_requests_that_went_wrong_stay_and_the_others_are_counted() -> None:
    lines = [access(at, "GET", f"/ships/{at % 40}", 200) for at in range(400)]
    lines[100] = access(100, "GET", "/lost/4711", 404)
    lines[200] = lines[250] = access(200, "POST", "/ships", 500)
    lines[300] = access(300, "GET", "/old", 301)
    for command in ("cat access.log", ""):
        found = told("\n".join(lines), command)
        assert found.kind == "access log"
        assert lines[100] in found.text
        assert f"201, 251 (2x): {lines[200]}" in found.text
        assert lines[300] in found.text
        assert "1..400 (396x)" in found.text
        assert "2xx below: /ships 396" in found.text


def test_logs_fold_what_repeats_and_keep_each_error_with_its_trace() -> None:
    lines = [
        f"2027-03-02 10:{at // 60:02}:{at % 60:02} INFO tide at level {at}" for at in range(300)
    ]
    lines[120] = "2027-03-02 10:02:00 ERROR mast 7 broke: wind of 12"
    lines[121] = "    at Mast.bend (mast.js:12:5)"
    lines[200] = "2027-03-02 10:03:20 WARN the anchor drags"
    found = told("\n".join(lines))
    assert found.kind == "log"
    assert "ERROR mast 7 broke: wind of 12" in found.text
    assert "at Mast.bend (mast.js:12:5)" in found.text
    assert "WARN the anchor drags" in found.text
    assert "(297x)" in found.text
    assert len(found.text) < 1200


def test_matches_keep_all_files_and_line_numbers() -> None:
    lines = [
        f"src/{'abcde'[file]}/part.py:{at * 7 + file}:        log.info('the tide is at %d', {at})"
        for file in range(5)
        for at in range(1, 40)
    ]
    for text, command in (("\n".join(lines), "grep -rn log src"), ("\n".join(lines), "")):
        found = told(text, command)
        assert found.kind == "grep"
        assert "[195 matches in 5 files" in found.text
        for file in range(5):
            start = file * 39 + 1
            assert f"src/{'abcde'[file]}/part.py (39) [{start}-{start + 38}]" in found.text
        assert " 12: log.info" in found.text or "12, " in found.text
        assert str(39 * 7 + 4) in found.text


def test_matches_below_the_name_of_their_file() -> None:
    blocks = "\n\n".join(
        f"src/{name}.py\n"
        + "\n".join(f"{at}:    return the_tide_of({at}, level)" for at in range(1, 50))
        for name in ("pier", "crane", "mast")
    )
    found = told(blocks, "rg tide src")
    assert found.kind == "grep"
    assert "src/crane.py (49)" in found.text


def test_listings_say_folders_and_names_as_far_as_they_fit() -> None:
    paths = [f"./src/{'abcd'[at % 4]}/part_of_the_harbour_{at}.py" for at in range(240)]
    paths += ["./README.md", "./src/a/deep/er/one.txt"]
    found = told("\n".join(sorted(paths)), "find . -type f | sort")
    assert found.kind == "listing"
    assert "[242 entries" in found.text
    assert "README.md" in found.text
    assert "one.txt" in found.text
    assert "60 (.py 60)" in found.text
    rows = "\n".join(
        f"-rw-r--r-- 1 me me {at * 100:>6} Mar  2 10:00 part_{at}.py" for at in range(90)
    )
    text = f".:\ntotal 9\ndrwxr-xr-x 2 me me   4096 Mar  2 10:00 src\n\n./src:\ntotal 9\n{rows}\n"
    found = told(text, "ls -lR")
    assert "part_0.py 0" in found.text
    assert "part_89.py 8900" in found.text
    counts = "\n".join(f"{at * 7 % 300:>7} src/part_{at}.py" for at in range(200))
    found = told(f"{counts}\n  41234 total", "wc -l src/*")
    assert "41234 total" in found.text
    assert "    297 src/" in found.text


def test_trees_keep_what_is_missing_below_levels_that_do_not_fit() -> None:
    lines = ["harbour@1.0.0 /srv/harbour"]
    for at in range(40):
        lines.append(f"├─┬ part-{at}@1.{at}.0")
        lines += [
            f"│ ├── inner-part-number-{at}-{below}@2.0.{below} deduped" for below in range(12)
        ]
    lines.append("└── UNMET DEPENDENCY mast@^3.0.0")
    lines.insert(60, '│ ├── sail@9.0.0 invalid: "^8" from the root project')
    found = told("\n".join(lines), "npm ls --all")
    assert found.kind == "tree"
    assert all(f"part-{at}@1.{at}.0" in found.text for at in range(40))
    assert "UNMET DEPENDENCY mast@^3.0.0" in found.text
    assert "sail@9.0.0 invalid" in found.text
    assert "part-0@1.0.0 [3-14]" in found.text


def test_import_times_keep_the_slowest() -> None:
    lines = ["import time: self [us] | cumulative | imported package"]
    lines += [
        f"import time:       {at % 50:>3} |        {at % 60:>3} |   part_{at}" for at in range(200)
    ]
    lines[77] = "import time:     90123 |      99123 |   harbour.tide"
    found = told("\n".join(lines), "python -X importtime -c 'import harbour'")
    assert "90123 |  99123 |  harbour.tide" in found.text
    assert "[200 imports" in found.text


@pytest.mark.parametrize("numbered", ["{}\t{}", "{}: {}", "{:>6}→{}"])
def test_source_keeps_signatures_with_the_lines_between_them(numbered: str) -> None:
    code = ["import sea", "", "LEVEL_MAX = 9", ""]
    for at in range(24):
        code += [f"class Ship{at}:", f"    def sail(self, wind_{at}: int) -> None:"]
        code += [
            f"        self.step_{at}_{step} = wind_{at} * {step} + the_tide" for step in range(7)
        ]
    text = "\n".join(numbered.format(number, line) for number, line in enumerate(code, 1))
    found = told(text, "", "Read")
    assert found.kind == "source"
    for at in range(24):
        assert f"class Ship{at}:" in found.text
        assert f"def sail(self, wind_{at}: int)" in found.text
    assert "step_3_2" not in found.text
    assert "7-13" in found.text
    assert digest("\n".join(code), "cat sea.py") is not None


def test_documents_keep_their_headings() -> None:
    text = "\n\n".join(
        f"## Chapter {at}\n\nFirst words of chapter {at}.\n" + "The sea goes on and on.\n" * 12
        for at in range(30)
    )
    found = told(text, "cat docs/sea.md")
    assert found.kind == "document"
    assert all(f"## Chapter {at}\n" in found.text for at in range(30))


def test_anything_long_keeps_both_ends_and_alarms() -> None:
    lines = [f"the tide goes up and down for the {at}th time, and so it goes" for at in range(400)]
    lines[222] = "fatal: the mast is broken at frame 7"
    found = told("\n".join(lines))
    assert found.kind == "text"
    assert lines[0] in found.text
    assert lines[-1] in found.text
    assert "fatal: the mast is broken at frame 7" in found.text
