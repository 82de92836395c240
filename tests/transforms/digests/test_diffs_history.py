"""Diffs, logs, status, blame."""

from __future__ import annotations

from lynkr.transforms.digests.digest import digest
from tests.transforms.digests.reading import covered


def changes(files: int, hunks: int, context: int = 3, path: str = "src/{}.py") -> str:
    out = []
    for file in range(files):
        name = path.format(f"part_{file}")
        out += [f"diff --git a/{name} b/{name}", "index 1234567..89abcde 100644"]
        out += [f"--- a/{name}", f"+++ b/{name}"]
        for hunk in range(hunks):
            at = 10 + 50 * hunk
            same = [
                f"     unchanged_value_{at}_{line} = compute(line, {line})"
                for line in range(context)
            ]
            out.append(
                f"@@ -{at},{2 * context + 2} +{at},{2 * context + 1} @@ def step_{hunk}(self):"
            )
            out += same
            out += [
                f"-    old_{hunk} = read()",
                f"--- {hunk} was here",
                f"+    new_{hunk} = read({file})",
            ]
            out += same
    return "\n".join(out) + "\n"


def test_files_and_hunk_headers_stay_and_context_goes() -> None:
    text = changes(6, 5)
    found = digest(text, "git diff")
    assert found is not None
    assert found.kind == "diff"
    assert len(covered(text, found.text)) > 20
    for file in range(6):
        assert f"diff --git a/src/part_{file}.py b/src/part_{file}.py  (+5 -10)" in found.text
    assert found.text.count("@@ -") == 30
    assert found.text.count("@@ -60,8 +60,7 @@ def step_1(self):") == 6
    assert "unchanged_value" not in found.text
    # A removed line that looks like a header of a file is a line.
    assert "+    new_4 = read(5)" in found.text


def test_changed_lines_go_only_where_there_are_too_many() -> None:
    text = changes(40, 40)
    found = digest(text)
    assert found is not None
    assert found.text.count("@@ -") == 1600
    assert "(3 changed)" in found.text
    assert len(covered(text, found.text)) >= 1600


def test_generated_files_are_counted() -> None:
    text = changes(2, 2) + changes(1, 1, context=2, path="web/package-lock.json{}").replace(
        "part_0", ""
    )
    lock = "\n".join(f'+      "integrity": "sha512-{at:030}"' for at in range(90))
    text += (
        "diff --git a/yarn.lock b/yarn.lock\n--- a/yarn.lock\n+++ b/yarn.lock\n@@ -0,0 +1,90 @@\n"
        + lock
    )
    found = digest(text)
    assert found is not None
    assert "diff --git a/yarn.lock b/yarn.lock  (+90 -0)" in found.text
    assert "sha512" not in found.text
    assert "(90 changed)" in found.text


def test_show_keeps_the_message_and_renames_and_binaries() -> None:
    text = (
        "commit 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567\nAuthor: Ines <ines@example.com>\n"
        "Date:   Mon Mar 1 10:00:00 2027 +0100\n\n    Count the waves anew\n\n"
        + changes(3, 6)
        + "diff --git a/a.png b/b.png\nsimilarity index 90%\nrename from a.png\nrename to b.png\n"
        "Binary files a/a.png and b/b.png differ\n"
    )
    found = digest(text, "git show")
    assert found is not None
    for kept in (
        "Count the waves anew",
        "Author: Ines",
        "rename from a.png",
        "Binary files a/a.png",
    ):
        assert kept in found.text
    covered(text, found.text)


def commit(at: int) -> str:
    return (
        f"commit {at:07x}{'ab' * 16}0\nAuthor: Omar Okafor <omar@example.com>\n"
        f"Date:   Tue Mar 2 10:{at % 60:02}:00 2027 +0100\n\n    Mend sail number {at}\n\n"
        "    It was torn in the storm of last week, and nobody had noticed it.\n\n"
        f" src/sails/{at}.py | 4 ++--\n docs/sails.md | 2 +-\n"
        " 2 files changed, 3 insertions(+), 3 deletions(-)\n\n"
    )


def test_a_log_is_one_line_per_commit_with_the_line_it_begins_at() -> None:
    text = "".join(commit(at) for at in range(60))
    found = digest(text, "git log --stat")
    assert found is not None
    lines = text.split("\n")
    for shown in found.text.rstrip().split("\n")[1:]:
        if shown.startswith("..."):
            continue
        number, name = shown.split(" ")[:2]
        assert lines[int(number) - 1].startswith(f"commit {name}")
        assert "2027-03-02 Omar Okafor: Mend sail number" in shown
        assert "2 files +3 -3" in shown


def test_a_short_log_keeps_its_beginning_and_what_is_tagged() -> None:
    text = "\n".join(
        f"{at:07x} {'(tag: v1.300) ' if at == 300 else ''}mend sail number {at} of the fleet"
        for at in range(600)
    )
    found = digest(text, "git log --oneline -n 600")
    assert found is not None
    assert "mend sail number 3 of" in found.text
    assert "(tag: v1.300)" in found.text
    assert "commits)" in found.text
    covered(text, found.text)


def test_status_keeps_headings_and_conflicts() -> None:
    names = "\n".join(f"\tmodified:   src/harbour/part_{at}.py" for at in range(120))
    new = "\n".join(f"\tdocs/new_{at}.md" for at in range(90))
    text = (
        f"On branch mend\nYour branch is up to date with 'origin/mend'.\n\nUnmerged paths:\n"
        f'  (use "git add <file>..." to mark resolution)\n\tboth modified:   src/keel.py\n\n'
        f"Changes not staged for commit:\n{names}\n\nUntracked files:\n{new}\n"
    )
    found = digest(text, "git status")
    assert found is not None
    assert found.kind == "git status"
    for kept in (
        "On branch mend",
        "both modified:   src/keel.py",
        "Untracked files:",
        " modified)",
    ):
        assert kept in found.text
    covered(text, found.text)


def test_blame_says_who_wrote_which_lines() -> None:
    people = ("Ines Adler", "Omar Okafor", "Lena Vogt")
    text = "\n".join(
        f"{'abc'[at // 40 % 3] * 8} ({people[at // 40 % 3]} 2027-03-0{at // 40 % 3 + 1}"
        f" 10:00:00 +0100 {at:3})     self.value_{at} = read(at, {at})"
        for at in range(1, 240)
    )
    found = digest(text, "git blame src/keel.py")
    assert found is not None
    assert found.kind == "git blame"
    assert "1-39 aaaaaaaa Ines Adler 2027-03-01" in found.text
    assert "40-79 bbbbbbbb Omar Okafor 2027-03-02" in found.text
