"""The command line: exit codes, what is on which stream, and that no secret is ever there."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from lynkr import __version__
from lynkr.cli import doctor
from lynkr.cli.main import main
from lynkr.config.loader import Loaded, load
from lynkr.config.settings import Server
from lynkr.errors import ConfigError

SECRET = "sk-do-not-print-me"
GOOD = '[server]\nport = 0\n[providers.main]\nkind = "anthropic"\napi_key = "${KEY}"\n'
BAD = '[server]\nprot = 1\nworkers = 0\n[providers.main]\nkind = "anthropic"\n'


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder of its own, in an environment with nothing of lynkr's."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("LYNKR_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(*arguments: str, stdin: str = "", file: str | None = None, **environ: str) -> Result:
        if file is not None:
            (tmp_path / "lynkr.toml").write_text(file)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as exit_:
            main(list(arguments))
        out, err = capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return Result(code, out, err)

    return call


# The tree.

COMMANDS = [
    (),
    ("serve",),
    ("check-config",),
    ("config-schema",),
    ("doctor",),
    ("version",),
    ("keys",),
    ("keys", "hash"),
    ("keys", "new"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(run: Run, command: tuple[str, ...]) -> None:
    """--help succeeds everywhere and does nothing else."""
    result = run(*command, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: " + " ".join(["lynkr", *command]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("serve", "--bogus"),
        ("serve", "--port", "x"),
        ("serve", "--port", "65536"),
        ("serve", "--workers", "0"),
        ("serve", "extra"),
        ("check-config", "--config"),
        ("keys", "hash", SECRET),
        ("keys", "new", "--name", "a\nb"),
    ],
    ids=" ".join,
)
def test_bad_arguments_exit_2(run: Run, arguments: tuple[str, ...]) -> None:
    """Scripts can tell a wrong call from a failure; stdout stays empty."""
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
def test_version(run: Run, arguments: tuple[str, ...]) -> None:
    """Both spellings print the version."""
    assert run(*arguments) == Result(0, f"lynkr {__version__}\n", "")


def test_config_schema_prints_the_schema(run: Run) -> None:
    """One JSON document that editors understand."""
    result = run("config-schema")
    assert result.code == 0
    assert result.document["$defs"]["Server"]["properties"]["port"]["default"] == 8081


def test_the_module_runs_like_the_command(tmp_path: Path) -> None:
    """`python -m lynkr` carries the exit code out of a real process."""
    environ = {**os.environ, "LYNKR_CONFIG": "gone.toml"}
    result = subprocess.run(
        [sys.executable, "-m", "lynkr", "check-config"],
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "gone.toml" in result.stderr


def test_starting_up_does_not_pay_for_what_serve_does_not_use() -> None:
    """What only other commands need stays out of the process that becomes a worker."""
    code = "import sys, lynkr.cli.main; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(result.stdout.split())
    assert "lynkr.cli.serve" in loaded
    assert not {"rich", "lynkr.config.schema", "lynkr.providers.catalog"} & loaded


# serve.


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Loaded, Callable[[], Loaded]]]:
    """A stand-in for the server: keeps what it was given and ends with 0."""
    calls: list[tuple[Loaded, Callable[[], Loaded]]] = []

    def serve(loaded: Loaded, reload: Callable[[], Loaded]) -> int:
        calls.append((loaded, reload))
        return int(os.environ.get("EXIT", "0"))

    module = ModuleType("lynkr.server.run")
    module.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lynkr.server.run", module)
    return calls


Served = list[tuple[Loaded, Callable[[], Loaded]]]


def test_serve_puts_flags_over_the_file(run: Run, served: Served) -> None:
    """--host, --port and --workers win; the rest is the file's."""
    arguments = ("serve", "--host", "::1", "--port", "0", "--workers", "2")
    assert run(*arguments, file=GOOD.replace("port = 0", "port = 7"), KEY=SECRET).code == 0
    ((loaded, _),) = served
    server = loaded.settings.server
    assert (server.host, server.port, server.workers) == ("::1", 0, 2)
    assert loaded.settings.providers["main"].api_key == SECRET


def test_serve_ends_with_the_servers_code(run: Run, served: Served) -> None:
    """What the server returns is what the shell sees."""
    assert run("serve", EXIT="1").code == 1
    assert len(served) == 1


def test_reload_reads_again_with_the_same_flags(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SIGHUP sees the new file; the flags stay, the folder is the first one, errors rise."""
    run("serve", "--port", "5", file=GOOD, KEY=SECRET)
    ((_, reload),) = served
    monkeypatch.chdir("/")
    (tmp_path / "lynkr.toml").write_text(GOOD.replace("port = 0", "workers = 3"))
    again = reload().settings.server
    assert (again.port, again.workers) == (5, 3)
    (tmp_path / "lynkr.toml").write_text(BAD)
    with pytest.raises(ConfigError):
        reload()


def test_demo_uses_no_provider_of_the_file(run: Run, served: Served) -> None:
    """--demo answers from the demo upstream alone, after a reload as well."""
    run("serve", "--demo", file=GOOD + '[routing]\ndefault = "main"\n', KEY=SECRET)
    ((loaded, reload),) = served
    for settings in (loaded.settings, reload().settings):
        assert {name: p.kind for name, p in settings.providers.items()} == {"demo": "demo"}
        assert settings.routing.default == "lynkr/auto"
        assert settings.routing.chain("complex") == ["demo:lynkr-demo-complex"]
        assert settings.server.port == 0


@pytest.mark.parametrize(
    ("arguments", "file", "expected"),
    [
        (("serve",), BAD, "lynkr.toml:2: server.prot"),
        (("serve", "--host", "0.0.0.0"), "", "lynkr keys hash"),
        (("serve",), '[providers.a]\nkind = "anthropc"\n', "lynkr.toml:2: providers.a.kind"),
        (("serve", "--config", "gone.toml"), "", "gone.toml"),
    ],
)
def test_serve_refuses_a_bad_configuration(
    run: Run, served: Served, arguments: tuple[str, ...], file: str, expected: str
) -> None:
    """Exit 1 with the explanation on stderr, before anything is started."""
    result = run(*arguments, file=file)
    assert (result.code, result.out) == (1, "")
    assert expected in result.err
    assert served == []


# check-config.


def test_check_config_says_ok(run: Run, tmp_path: Path) -> None:
    """The file, the providers, the variables used and the notices."""
    result = run("check-config", file=GOOD + "[memory]\nenabled = true\n", KEY=SECRET)
    assert (result.code, result.err) == (0, "")
    for part in (f"ok: {tmp_path}/lynkr.toml", "main: anthropic", "KEY", "notice: memory"):
        assert part in result.out
    assert SECRET not in result.out


def test_check_config_json_says_the_same(run: Run, tmp_path: Path) -> None:
    """One document with stable names."""
    result = run("check-config", "--json", file=GOOD, KEY=SECRET)
    assert (result.code, result.err) == (0, "")
    assert result.document == {
        "ok": True,
        "file": str(tmp_path / "lynkr.toml"),
        "providers": {"main": "anthropic"},
        "variables": ["KEY"],
        "notices": [],
        "problems": [],
    }


def test_check_config_finds_providers_in_the_environment(run: Run) -> None:
    """Without a file, the usual variables make the providers."""
    result = run("check-config", "--json", ANTHROPIC_API_KEY=SECRET)
    assert result.document["providers"] == {"anthropic": "anthropic"}
    assert result.document["file"] is None


def test_check_config_prints_every_problem(run: Run) -> None:
    """Place, key, value, reason and fix on stderr; nothing on stdout; exit 1."""
    result = run("check-config", file=BAD)
    assert (result.code, result.out) == (1, "")
    for part in (
        "lynkr.toml:2: server.prot",
        "unknown key",
        "fix: did you mean port?",
        "lynkr.toml:3: server.workers = 0",
        "2 problems",
    ):
        assert part in result.err


def test_problems_are_printed_as_they_are(run: Run) -> None:
    """No wrapping that breaks a path in two, and no markup out of a value."""
    long = "[bold]" + "x" * 60
    result = run("check-config", file=f'[server]\nhost = "{long} y"\n', COLUMNS="40")
    assert f'server.host = "{long} y"\n' in result.err


def test_check_config_json_lists_problems(run: Run) -> None:
    """The same in one document, with file, line, key, value, reason and fix."""
    result = run("check-config", "--json", file=BAD)
    assert (result.code, result.err) == (1, "")
    assert result.document["ok"] is False
    assert result.document["problems"][1] == {
        "key": "server.workers",
        "reason": "must be 1 to 256",
        "fix": "one per core is plenty",
        "value": "0",
        "file": "lynkr.toml",
        "line": 3,
    }


def test_check_config_asks_the_catalog(run: Run) -> None:
    """A kind that does not exist is found here, with its line."""
    result = run("check-config", "--json", file='[providers.a]\n\nkind = "anthropc"\n')
    (problem,) = result.document["problems"]
    assert (problem["key"], problem["line"]) == ("providers.a.kind", 3)


# keys.

ABC_DIGEST = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("stdin", ["abc", "abc\n", "abc\r\n"])
def test_keys_hash_reads_one_line(run: Run, stdin: str) -> None:
    """The digest is that of the key without its line end, and all that is printed."""
    assert run("keys", "hash", stdin=stdin) == Result(0, ABC_DIGEST + "\n", "")
    assert run("keys", "hash", "--json", stdin=stdin).document == {"digest": ABC_DIGEST}


@pytest.mark.parametrize("stdin", ["", "\n", "abc \n", " abc", "a\tb", "clé"])
def test_keys_hash_refuses_what_no_client_could_send(run: Run, stdin: str) -> None:
    """A key that would never match is refused here, not discovered later; it is not repeated."""
    result = run("keys", "hash", stdin=stdin)
    assert (result.code, result.out) == (1, "")
    assert not stdin.strip() or stdin.strip() not in result.err


def test_keys_new_makes_a_key_that_works(run: Run, tmp_path: Path) -> None:
    """The printed table, pasted, loads; its digest is that of the printed key."""
    result = run("keys", "new", "--name", 'Ana "Q" é', "--team", "core")
    assert result.code == 0
    match = re.search(r"lk-[A-Za-z0-9_-]{43}\n", result.out)
    assert match is not None
    table = result.out[result.out.index("[[auth.keys]]") :]
    assert match[0].strip() not in table
    (tmp_path / "lynkr.toml").write_text(table)
    (key,) = load(None, {}, tmp_path).settings.auth.keys
    assert (key.name, key.team) == ('Ana "Q" é', "core")
    assert run("keys", "hash", stdin=match[0]).out.strip() == key.digest


def test_keys_new_json(run: Run) -> None:
    """Everything in one document; two keys are never the same, nor are made-up names."""
    first, second = (run("keys", "new", "--json").document for _ in range(2))
    assert first["key"] != second["key"]
    assert first["name"] != second["name"]
    assert tomllib.loads(first["toml"])["auth"]["keys"] == [
        {"name": first["name"], "digest": first["digest"]}
    ]


# doctor.


def statuses(result: Result) -> dict[str, str]:
    return {check["name"]: check["status"] for check in result.document["checks"]}


def test_doctor_is_content_with_a_good_machine(run: Run) -> None:
    """Every line ok, exit 0, and the credential is seen but not shown."""
    result = run("doctor", "--json", file=GOOD, KEY=SECRET)
    assert result.code == 0
    assert result.document["ok"] is True
    found = statuses(result)
    assert set(found.values()) == {"ok"}
    assert {"python", "config", "state_dir", "port 0", "provider main"} <= set(found)
    assert any(name.startswith("compiled ") for name in found)
    assert SECRET not in result.out
    text = run("doctor")
    assert "credential present" in text.out
    assert SECRET not in text.out
    assert all(line.startswith("ok ") for line in text.out.splitlines())


def test_doctor_warns_of_settings_without_effect(run: Run) -> None:
    """A warning is not a failure."""
    result = run("doctor", "--json", file=GOOD + "[memory]\nenabled = true\n", KEY=SECRET)
    assert result.code == 0
    assert "warn" in [c["status"] for c in result.document["checks"] if c["name"] == "config"]


def test_doctor_without_providers_says_what_answers(run: Run) -> None:
    """No key anywhere: the demo upstream, and the names of the variables looked for."""
    result = run("doctor", "--json", file="[server]\nport = 0\n")
    check = result.document["checks"][-1]
    assert (result.code, check["status"]) == (0, "warn")
    assert "ANTHROPIC_API_KEY" in check["fix"]


def test_doctor_reports_each_config_problem(run: Run) -> None:
    """Exit 1, one line each, with place and fix."""
    result = run("doctor", file=BAD)
    assert result.code == 1
    assert re.search(r"fail\s+config\s+lynkr.toml:2: server.prot", result.out)
    assert "fix: did you mean port?" in result.out


def test_doctor_fails_a_provider_without_credential(run: Run) -> None:
    """The catalog's complaint, with the variable to set."""
    result = run("doctor", "--json", file=GOOD.replace('api_key = "${KEY}"', ""))
    (check,) = (c for c in result.document["checks"] if c["status"] == "fail")
    assert (result.code, check["name"]) == (1, "provider")
    assert "ANTHROPIC_API_KEY" in check["fix"]


def test_doctor_sees_a_port_that_is_taken() -> None:
    """The port of a running server fails; once it is closed, it passes."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        server = Server(port=holder.getsockname()[1])
        assert doctor.port_free(server).status == "fail"
    assert doctor.port_free(server).status == "ok"


def test_doctor_sees_a_host_that_is_not_here() -> None:
    """An address of another machine cannot be listened on (192.0.2.0/24 is for documentation)."""
    assert doctor.port_free(Server(host="192.0.2.1", port=0)).status == "fail"


def test_doctor_judges_the_state_folder(tmp_path: Path) -> None:
    """A new folder will be made; a file in its way fails. Nothing is created by looking."""
    assert doctor.state_dir(tmp_path / "a" / "b").status == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").write_text("")
    assert doctor.state_dir(tmp_path / "a" / "b").status == "fail"


def test_doctor_sees_a_folder_it_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere, so the system's answer is given here."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor.state_dir(tmp_path).status == "fail"


def test_doctor_judges_the_certificate_file(tmp_path: Path) -> None:
    """Missing and not PEM fail; PEM passes."""
    file = tmp_path / "ca.pem"
    assert doctor.ca_file(file).status == "fail"
    file.write_text("no")
    assert doctor.ca_file(file).status == "fail"
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert doctor.ca_file(file).status == "ok"


def test_doctor_names_modules_that_were_not_built(tmp_path: Path) -> None:
    """A source without its binary fails by name; a folder with neither fails as a whole."""
    assert [check.status for check in doctor.compiled_modules(tmp_path)] == ["fail"]
    (tmp_path / "missing.pyx").write_text("")
    (check,) = doctor.compiled_modules(tmp_path)
    assert (check.name, check.status) == ("compiled missing", "fail")
    assert "make build" in check.fix


def test_doctor_wants_a_recent_python() -> None:
    """3.10 fails, 3.11 passes."""
    assert doctor.python_version((3, 10, 9)).status == "fail"
    assert doctor.python_version((3, 11, 0)).status == "ok"
