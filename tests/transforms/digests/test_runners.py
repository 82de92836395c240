"""Test runners: failures by name, with what was asserted and where; counts; no lists of passes."""

from __future__ import annotations

from lynkr.transforms.digests.digest import digest
from tests.transforms.digests.reading import covered


def told(text: str, command: str = "") -> str:
    found = digest(text, command)
    assert found is not None
    assert found.kind == "tests"
    covered(text, found.text)
    return found.text


PYTEST_BLOCK = """\
____________________________ test_tide[{n}] ____________________________

    def test_tide(n):
        harbour = Harbour()
        for boat in fleet(n):
            harbour.admit(boat)
        # the sea is calm
>       assert harbour.level == {n}
E       AssertionError: assert {m} == {n}
E        +  where {m} = Harbour().level

tests/test_sea.py:{line}: AssertionError
"""


def pytest_output(failures: int) -> str:
    dots = "\n".join(f"tests/test_{at:02}.py {'.' * 40} [{at:3}%]" for at in range(90))
    blocks = "".join(PYTEST_BLOCK.format(n=at, m=at + 7, line=at + 30) for at in range(failures))
    names = "".join(f"FAILED tests/test_sea.py::test_tide[{at}]\n" for at in range(failures))
    return (
        "============================= test session starts =============================\n"
        f"platform linux\ncollected 3600 items\n\n{dots}\n\n"
        f"=============================== FAILURES ===============================\n{blocks}"
        f"=========================== short test summary info ============================\n{names}"
        f"================= {failures} failed, {3600 - failures} passed in 9.81s ================\n"
    )


def test_pytest_failures_keep_assertion_values_and_place() -> None:
    text = pytest_output(2)
    short = told(text, "python -m pytest")
    assert ">       assert harbour.level == 1" in short
    assert "E       AssertionError: assert 8 == 1" in short
    assert "E        +  where 8 = Harbour().level" in short
    assert "tests/test_sea.py:31: AssertionError" in short
    assert "FAILED tests/test_sea.py::test_tide[1]" in short
    assert "2 failed, 3598 passed in 9.81s" in short
    assert "the sea is calm" not in short
    assert short == told(text)  # the command is not needed


def test_many_failures_that_are_alike_keep_name_assertion_and_place_each() -> None:
    short = told(pytest_output(60))
    for at in range(60):
        assert f"test_tide[{at}]" in short
        assert f"assert {at + 7} == {at}" in short
        assert f"tests/test_sea.py:{at + 30}: AssertionError" in short


def test_warnings_of_pytest_are_told_once() -> None:
    warning = "  /srv/app/old.py:12: DeprecationWarning: use tide() instead\n    ebb()\n\n"
    text = pytest_output(1).replace(
        "=========================== short",
        "=============================== warnings summary ===============================\n"
        + warning * 9
        + "=========================== short",
    )
    assert told(text).count("DeprecationWarning: use tide() instead") == 1


def test_jest_keeps_the_difference_and_the_own_frame_and_no_console() -> None:
    passed = "\n".join(f"    ✓ sails smoothly {at} ({at} ms)" for at in range(80))
    failed = """\
  ● Console

    console.log
      chatter of the test

  ● fleet \u203a returns in order

    expect(received).toEqual(expected) // deep equality

    - Expected  - 1
    + Received  + 1

      Array [
    -   "anchor",
    +   "beacon",
      ]

      10 |   const fleet = load();
    > 11 |   expect(fleet.names()).toEqual(["anchor"]);
         |                         ^
      12 | });

      at Object.toEqual (src/fleet.test.js:11:25)
      at Promise.then (node_modules/jest-circus/build/index.js:7:7)
"""
    text = f"FAIL src/fleet.test.js\n  fleet\n{passed}\n    ✕ returns in order (4 ms)\n\n{failed}"
    text += "\nTest Suites: 1 failed, 1 total\nTests:       1 failed, 80 passed, 81 total\n"
    short = told(text, "npx jest")
    for kept in (
        "● fleet \u203a returns in order",
        '-   "anchor"',
        '+   "beacon"',
        "src/fleet.test.js:11:25",
        "Tests:       1 failed, 80 passed, 81 total",
        "(79 passed",
    ):
        assert kept in short
    assert "chatter" not in short


def test_vitest_and_mocha() -> None:
    listed = "\n".join(f"     ✓ keeps the tide at level {at} 0ms" for at in range(90))
    vitest = f"""
 \u276f src/sea.spec.ts (91 tests | 1 failed) 20ms
{listed}
     \xd7 counts the waves 5ms

⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/sea.spec.ts > sea > counts the waves
AssertionError: expected 3 to be 4 // Object.is equality

- Expected
+ Received

- 4
+ 3

 \u276f src/sea.spec.ts:14:22
     12|   const sea = open();
     13|   sea.rise();
     14|   expect(sea.waves).toBe(4);
       |                      ^

⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/1]⎯

 Test Files  1 failed (1)
      Tests  1 failed | 90 passed (91)
"""
    short = told(vitest)
    for kept in (
        "sea > counts the waves",
        "expected 3 to be 4",
        "src/sea.spec.ts:14:22",
        "90 passed",
    ):
        assert kept in short
    mocha = "\n  harbour\n" + "\n".join(f"    ✔ lets boat {at} in" for at in range(120))
    mocha += """
    1) closes at night

  120 passing (31ms)
  1 failing

  1) harbour
       closes at night:
     AssertionError: expected true to equal false
      at Context.<anonymous> (test/harbour.js:44:9)
      at process.processImmediate (node:internal/timers:483:21)
"""
    short = told(mocha)
    for kept in (
        "closes at night",
        "expected true to equal false",
        "test/harbour.js:44:9",
        "120 passing",
    ):
        assert kept in short


def test_cargo_test() -> None:
    names = "".join(f"test sea::wave_{at} ... ok\n" for at in range(150))
    text = f"""    Finished test profile in 1.02s
running 151 tests
{names}test sea::storm ... FAILED

failures:

---- sea::storm stdout ----
thread 'sea::storm' panicked at src/sea.rs:77:9:
assertion `left == right` failed: wind
  left: 12
 right: 9
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

failures:
    sea::storm

test result: FAILED. 150 passed; 1 failed; 0 ignored; 0 measured; finished in 0.31s
"""
    short = told(text, "cargo test")
    for kept in (
        "panicked at src/sea.rs:77:9",
        "left: 12",
        "right: 9",
        "test result: FAILED. 150 passed",
    ):
        assert kept in short
    assert "wave_40" not in short


def test_go_test() -> None:
    passed = "".join(
        f"=== RUN   TestWave{at}\n--- PASS: TestWave{at} (0.00s)\n" for at in range(90)
    )
    text = f"""{passed}=== RUN   TestStorm
    sea_test.go:31: wind is 12, want 9
--- FAIL: TestStorm (0.02s)
    sea_test.go:35: the mast is broken
FAIL
FAIL\texample.org/sea\t0.41s
ok  \texample.org/port\t0.20s
FAIL
"""
    short = told(text, "go test -v ./...")
    for kept in (
        "--- FAIL: TestStorm",
        "sea_test.go:35: the mast is broken",
        "FAIL\texample.org/sea",
    ):
        assert kept in short
    assert "sea_test.go:31: wind is 12, want 9" in short
    assert "TestWave40" not in short


def test_unittest_keeps_the_own_frame_and_the_exception() -> None:
    dots = "".join(f"test_wave_{at} (tests.sea.Sea.test_wave_{at}) ... ok\n" for at in range(60))
    text = f"""{dots}test_storm (tests.sea.Sea.test_storm) ... FAIL

======================================================================
FAIL: test_storm (tests.sea.Sea.test_storm)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/srv/tests/sea.py", line 41, in test_storm
    self.assertEqual(wind(), 9)
    ~~~~~~~~~~~~~~~~^^^^^^^^^^^
AssertionError: 12 != 9

----------------------------------------------------------------------
Ran 61 tests in 0.120s

FAILED (failures=1)
"""
    short = told(text, "python -m unittest -v")
    for kept in ("FAIL: test_storm", 'sea.py", line 41', "AssertionError: 12 != 9", "Ran 61 tests"):
        assert kept in short


def test_tap_keeps_error_and_place_without_the_runners_own_frames() -> None:
    passed = "".join(
        f"# Subtest: wave {at}\nok {at} - wave {at}\n  ---\n  duration_ms: 0.2\n  ...\n"
        for at in range(1, 80)
    )
    text = f"""TAP version 13
{passed}# Subtest: storm
not ok 80 - storm
  ---
  duration_ms: 0.9
  location: '/srv/sea.test.mjs:4:1'
  error: '12 == 9'
  stack: |-
    TestContext.<anonymous> (file:///srv/sea.test.mjs:5:10)
    Test.run (node:internal/test_runner/test:796:25)
  ...
1..80
# tests 80
# pass 79
# fail 1
"""
    short = told(text)
    for kept in ("not ok 80 - storm", "error: '12 == 9'", "/srv/sea.test.mjs", "# fail 1"):
        assert kept in short
    assert "node:internal" not in short
