"""Reading the configuration: precedence, variables, and complaints that can be acted upon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lynkr.config.environment import parse_dotenv
from lynkr.config.loader import Loaded, load, located
from lynkr.config.settings import Settings
from lynkr.errors import ConfigError, Problem

SECRET = "sk-do-not-print-me"


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **flags: Any) -> Loaded:
    (tmp_path / "lynkr.toml").write_text(text, "utf-8")
    return load(None, environ or {}, tmp_path, flags=flags.get("flags"))


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text, environ)
    return raised.value.problems


def only(found: list[Problem]) -> Problem:
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


# Which file.


def test_nothing_at_all_gives_the_defaults(tmp_path: Path) -> None:
    """The gateway starts without a file."""
    loaded = load(None, {}, tmp_path)
    assert loaded.settings == Settings()
    assert (loaded.file, loaded.notices, loaded.env_found) == (None, [], [])


def test_explicit_file_wins_over_variable_and_that_over_the_usual_one(tmp_path: Path) -> None:
    """--config, then LYNKR_CONFIG, then ./lynkr.toml."""
    for name, port in (("lynkr.toml", 1), ("variable.toml", 2), ("flag.toml", 3)):
        (tmp_path / name).write_text(f"[server]\nport = {port}\n")
    environ = {"LYNKR_CONFIG": "variable.toml"}
    assert load("flag.toml", environ, tmp_path).settings.server.port == 3
    by_variable = load(None, environ, tmp_path)
    assert by_variable.settings.server.port == 2
    assert by_variable.env_found == ["LYNKR_CONFIG"]
    usual = load(None, {}, tmp_path)
    assert (usual.settings.server.port, usual.file) == (1, tmp_path / "lynkr.toml")
    assert load(None, {"LYNKR_CONFIG": ""}, tmp_path).settings.server.port == 1


@pytest.mark.parametrize(
    ("path", "environ", "key"),
    [("gone.toml", {}, "--config"), (None, {"LYNKR_CONFIG": "gone.toml"}, "LYNKR_CONFIG")],
)
def test_a_named_file_must_exist(
    tmp_path: Path, path: str | None, environ: dict[str, str], key: str
) -> None:
    """A typing error in the path never falls back to another file in silence."""
    (tmp_path / "lynkr.toml").write_text("")
    with pytest.raises(ConfigError) as raised:
        load(path, environ, tmp_path)
    problem = only(raised.value.problems)
    assert (problem.key, problem.value) == (key, "gone.toml")
    assert problem.fix


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[server]\nport = \n", 2),
        ("[server]\nport = 1\nport = 2\n", 3),
        ('[server]\n\nhost = "abc\n', 3),
        ("[server]\nx = [1,\n", 2),
    ],
)
def test_syntax_errors_name_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    """A file that is not TOML is one problem, at its line."""
    problem = only(problems(tmp_path, text))
    assert (problem.file, problem.line) == ("lynkr.toml", line)
    assert "TOML" in problem.reason
    assert "(at" not in problem.reason


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    """Wrong encodings are explained, not a traceback."""
    (tmp_path / "lynkr.toml").write_bytes(b"[server]\nhost = '\xff'\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(None, {}, tmp_path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    """Files from Windows editors load."""
    (tmp_path / "lynkr.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 7\r\n")
    assert load(None, {}, tmp_path).settings.server.port == 7


# Variables.


def test_references_are_expanded_and_dollar_dollar_is_literal(tmp_path: Path) -> None:
    """${NAME} anywhere in a text value; $${ for a literal; several in one value."""
    loaded = read(
        tmp_path,
        '[providers.a]\nkind = "x"\napi_key = "${KEY}"\nbase_url = "http://${H}:${P}/v1"\n'
        'headers = { x-a = "$${KEY} $5" }\nmodels = { m = "${KEY}-${KEY}" }\n',
        {"KEY": SECRET, "H": "h", "P": "1", "UNUSED": "u"},
    )
    provider = loaded.settings.providers["a"]
    assert provider.api_key == SECRET
    assert provider.base_url == "http://h:1/v1"
    assert provider.headers == {"x-a": "${KEY} $5"}
    assert provider.models == {"m": f"{SECRET}-{SECRET}"}
    assert loaded.env_found == ["H", "KEY", "P"]


def test_an_expanded_value_is_not_expanded_again(tmp_path: Path) -> None:
    """A key that happens to hold ${…} arrives as it is."""
    loaded = read(tmp_path, '[log]\naccess = "${A}"\n', {"A": "${B}"})
    assert loaded.settings.log.access == "${B}"


def test_an_unset_variable_is_a_problem_with_line_and_fix(tmp_path: Path) -> None:
    """The message names the key, the line, the variable and what to do."""
    problem = only(problems(tmp_path, '[providers.a]\nkind = "x"\napi_key = "${NOPE}"\n'))
    assert (problem.key, problem.line) == ("providers.a.api_key", 3)
    assert problem.value == '"${NOPE}"'
    assert "NOPE is not set" in problem.reason
    assert "NOPE" in problem.fix


def test_a_malformed_reference_is_a_problem(tmp_path: Path) -> None:
    """Shell forms such as ${A:-b} are refused, not passed on as text."""
    problem = only(problems(tmp_path, '[log]\naccess = "${A:-b}"\n', {"A": "1"}))
    assert "$${" in problem.fix


def test_dotenv_supplies_what_the_environment_lacks(tmp_path: Path) -> None:
    """.env is a fallback: for ${…}, for overrides and for the catalog's own variables."""
    (tmp_path / ".env").write_text("A=from-file\nB=from-file\nLYNKR_SERVER__PORT=5\nnonsense\n")
    loaded = read(tmp_path, '[log]\naccess = "${A}-${B}"\n', {"A": "from-process"})
    assert loaded.settings.log.access == "from-process-from-file"
    assert loaded.settings.server.port == 5
    assert loaded.environ["B"] == "from-file"
    assert any(".env:4" in notice for notice in loaded.notices)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("  export A = b c  ", {"A": "b c"}),
        ("A=b # comment", {"A": "b"}),
        ("A=b#c", {"A": "b#c"}),
        ("A=", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A='b # c'  # d", {"A": "b # c"}),
        (r"A='b\n'", {"A": r"b\n"}),
        (r'A="b\n\"c\" \\ $x"', {"A": 'b\n"c" \\ $x'}),
        ('A="one\ntwo"\nB=3', {"A": "one\ntwo", "B": "3"}),
        ("A=b=c==", {"A": "b=c=="}),
        ("# A=1\n\n", {}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
    ],
)
def test_dotenv_lines(line: str, expected: dict[str, str]) -> None:
    """The forms of NAME=value that people write."""
    assert parse_dotenv(line) == (expected, [])


@pytest.mark.parametrize("line", ["A", "=b", "A B=c", 'A="open', "A='open", 'A="b" c', "1A=b"])
def test_dotenv_lines_that_are_not_assignments_are_counted(line: str) -> None:
    """They are reported by number, and do not disturb the next line."""
    assert parse_dotenv(f"X=1\n{line}\nY=2") == ({"X": "1", "Y": "2"}, [2])


def test_a_folder_named_dotenv_is_ignored(tmp_path: Path) -> None:
    """Virtual environments are sometimes called .env."""
    (tmp_path / ".env").mkdir()
    assert load(None, {}, tmp_path).settings == Settings()


# Overrides.

MAIN = (
    '[providers.main]\nkind = "x"\n[providers.my-local]\nkind = "x"\nheaders = { X-Team = "a" }\n'
)


@pytest.mark.parametrize(
    ("variable", "value", "where", "expected"),
    [
        ("LYNKR_SERVER__PORT", "9000", "server.port", 9000),
        ("lynkr_server__port", " 9000 ", "server.port", 9000),
        ("LYNKR_SERVER__DRAIN_S", "2", "server.drain_s", 2.0),
        ("LYNKR_SERVER__HOST", "localhost", "server.host", "localhost"),
        ("LYNKR_AUTH__REQUIRED", "off", "auth.required", False),
        ("LYNKR_LOG__LEVEL", "debug", "log.level", "debug"),
        ("LYNKR_LOG__ACCESS", "${HOME}", "log.access", "${HOME}"),
        ("LYNKR_SERVER__TRUSTED_PROXIES", '["10.0.0.1"]', "server.trusted_proxies", ["10.0.0.1"]),
        ("LYNKR_PROVIDERS__MAIN__API_KEY", "k", "providers.main.api_key", "k"),
        ("LYNKR_PROVIDERS__MAIN__MODELS", '{"a": "b"}', "providers.main.models", {"a": "b"}),
        ("LYNKR_PROVIDERS__MAIN__MODELS", '{a = "b"}', "providers.main.models", {"a": "b"}),
        ("LYNKR_PROVIDERS__MAIN__MODELS__A", "b", "providers.main.models", {"a": "b"}),
        ("LYNKR_PROVIDERS__MY_LOCAL__API_KEY", "k", "providers.my-local.api_key", "k"),
        (
            "LYNKR_PROVIDERS__MY_LOCAL__HEADERS__X_TEAM",
            "b",
            "providers.my-local.headers",
            {"X-Team": "b"},
        ),
    ],
)
def test_a_variable_sets_any_key(
    tmp_path: Path, variable: str, value: str, where: str, expected: object
) -> None:
    """Each kind of key can be set from the environment, by its type's own syntax."""
    loaded = read(tmp_path, MAIN, {variable: value})
    found: Any = loaded.settings
    for name in where.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    assert found == expected
    assert type(found) is type(expected)
    assert loaded.env_found == [variable]


def test_lists_of_tables_are_set_whole(tmp_path: Path) -> None:
    """auth.keys can come from the environment alone."""
    digest = "sha256:" + "0" * 64
    keys = json.dumps([{"name": "ana", "digest": digest}])
    loaded = load(None, {"LYNKR_AUTH__KEYS": keys, "LYNKR_AUTH__REQUIRED": "true"}, tmp_path)
    assert [(key.name, key.digest) for key in loaded.settings.auth.keys] == [("ana", digest)]


def test_a_provider_can_come_from_variables_alone(tmp_path: Path) -> None:
    """No file is needed to add a provider."""
    environ = {"LYNKR_PROVIDERS__MAIN__KIND": "x", "LYNKR_PROVIDERS__MAIN__API_KEY": "k"}
    assert load(None, environ, tmp_path).settings.providers["main"].api_key == "k"


def test_flag_wins_over_variable_wins_over_file(tmp_path: Path) -> None:
    """The order of precedence, and that a value which lost is not judged."""
    text = '[server]\nport = "bad ${UNSET}"\n'
    assert read(tmp_path, text, {"LYNKR_SERVER__PORT": "2"}).settings.server.port == 2
    loaded = read(tmp_path, text, {"LYNKR_SERVER__PORT": "x"}, flags={"server.port": 3})
    assert loaded.settings.server.port == 3


def test_a_flag_is_checked_like_anything_else(tmp_path: Path) -> None:
    """--host 0.0.0.0 without a key is refused, and the message names the flag."""
    with pytest.raises(ConfigError) as raised:
        load(None, {}, tmp_path, flags={"server.host": "0.0.0.0"})
    problem = only(raised.value.problems)
    assert problem.key == "server.host"
    assert "--host" in problem.reason


@pytest.mark.parametrize(
    ("variable", "fix"),
    [
        ("LYNKR_SERVR__PORT", "LYNKR_SERVER__PORT"),
        ("LYNKR_PROVIDERS__MAIN__APIKEY", "LYNKR_PROVIDERS__MAIN__API_KEY"),
        ("LYNKR_SERVER__PORT__X", "LYNKR_SERVER__PORT"),
        ("LYNKR_AUTH__KEYS__0__NAME", "LYNKR_AUTH__KEYS"),
        ("LYNKR___PORT", ""),
    ],
)
def test_an_unknown_override_is_a_problem(tmp_path: Path, variable: str, fix: str) -> None:
    """A misspelt variable does not pass in silence, and its value is not shown."""
    with pytest.raises(ConfigError) as raised:
        load(None, {variable: SECRET}, tmp_path)
    problem = only(raised.value.problems)
    assert problem.key == variable
    assert fix in problem.fix
    assert SECRET not in str(raised.value)


def test_other_lynkr_variables_are_left_alone_but_near_misses_are_noticed(tmp_path: Path) -> None:
    """LYNKR_DEBUG and its kin mean something elsewhere; LYNKR_PORT means nothing anywhere."""
    known = dict.fromkeys(("LYNKR_EVAL_DATA", "LYNKR_DEBUG", "LYNKR_LOG"), "1")
    assert load(None, known, tmp_path).notices == []
    (notice,) = load(None, {"LYNKR_PORT": "1"}, tmp_path).notices
    assert "LYNKR_SERVER__PORT" in notice


def test_a_bad_override_names_its_variable_not_a_line(tmp_path: Path) -> None:
    """Even where the file sets the same key: the file is not at fault."""
    problem = only(problems(tmp_path, "[server]\nport = 1\n", {"LYNKR_SERVER__PORT": "many"}))
    assert (problem.key, problem.file, problem.line) == ("server.port", "", 0)
    assert problem.value == '"many"'
    assert "LYNKR_SERVER__PORT" in problem.reason


# Complaints.


@pytest.mark.parametrize(
    ("text", "key", "line", "reason", "fix"),
    [
        ("[server]\nprot = 1\n", "server.prot", 2, "unknown key", "port"),
        ("[sever]\nport = 1\n", "sever", 1, "unknown key", "server"),
        ("port = 1\n", "port", 1, "unknown key", "[server]"),
        ("[memory]\nzzz = 1\n", "memory.zzz", 2, "unknown key", "known here: enabled"),
        ('[server]\nport = "80"\n', "server.port", 2, "a whole number", "quotes"),
        ("[server]\nport = 80.0\n", "server.port", 2, "a whole number", ""),
        ("[server]\nport = true\n", "server.port", 2, "a whole number", ""),
        ("[server]\ndrain_s = false\n", "server.drain_s", 2, "a number", ""),
        ("[server]\nhost = 1\n", "server.host", 2, "text in quotes", "quotes"),
        ("[server]\ndrain_s = 1979-05-27\n", "server.drain_s", 2, "a number", ""),
        ("[auth]\nrequired = 1\n", "auth.required", 2, "true or false", ""),
        ('[log]\nlevel = "Info"\n', "log.level", 2, 'one of "debug", "error"', '"info"'),
        ('server = "x"\n', "server", 1, "a table", ""),
        ("[server]\ntrusted_proxies = 1\n", "server.trusted_proxies", 2, "a list", ""),
        ("[server]\ntrusted_proxies = [\n 1 ]\n", "server.trusted_proxies[0]", 3, "text", ""),
        ("[auth]\nkeys = { a = 1 }\n", "auth.keys", 2, "a list of tables", ""),
        ("providers = []\n", "providers", 1, "a table of tables", ""),
        ("[providers]\na = 1\n", "providers.a", 2, "a table", ""),
        ("\n[providers.a]\n", "providers.a.kind", 2, "is missing", 'kind = "…"'),
        (
            '[providers.a]\nkind = "x"\nmodels = { b = 1 }\n',
            "providers.a.models.b",
            3,
            "text in quotes",
            "",
        ),
    ],
)
def test_each_complaint_names_key_line_reason_and_fix(
    tmp_path: Path, text: str, key: str, line: int, reason: str, fix: str
) -> None:
    """One table of wrong values: exactly one problem each, at its own line."""
    problem = only(problems(tmp_path, text))
    assert (problem.key, problem.file, problem.line) == (key, "lynkr.toml", line)
    assert reason in problem.reason
    assert fix in problem.fix


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Unknown keys, types, unset variables and meanings together, in the order of the file."""
    found = problems(
        tmp_path,
        "[server]\nport = 70000\nhots = 1\nworkers = 'x'\n"
        "[[auth.keys]]\nname = 'a'\ndigest = 'short'\n[[auth.keys]]\nname = 3\n"
        "[providers.a]\napi_key = '${NOPE}'\nkind = 'x'\n[routing]\ndefault = 'b'\n",
        {"LYNKR_LIMITS__PIPELINE_MAX": "x"},
    )
    assert [(problem.key, problem.line) for problem in found] == [
        ("limits.pipeline_max", 0),
        ("server.port", 2),
        ("server.hots", 3),
        ("server.workers", 4),
        ("auth.keys[0].digest", 7),
        ("auth.keys[1].digest", 8),
        ("auth.keys[1].name", 9),
        ("providers.a.api_key", 11),
        ("routing.default", 14),
    ]


def test_what_is_broken_is_not_judged_a_second_time(tmp_path: Path) -> None:
    """A wrong type gives one problem, not a chain of consequences."""
    text = '[server]\nhost = "0.0.0.0"\n[auth]\nrequired = "true"\n[routing]\ndefault = "a"\n'
    found = problems(tmp_path, "providers = 3\n" + text)
    assert [problem.key for problem in found] == ["providers", "auth.required"]


SECRET_FILES = {
    "unknown key": f"[providers.a]\nkind = 'x'\napi_ky = '{SECRET}'\n",
    "unknown key with reference": f"[providers.a]\nkind = 'x'\napi_ky = '{SECRET}${{NOPE}}'\n",
    "secret with reference": f"[providers.a]\nkind = 'x'\napi_key = '{SECRET}${{NOPE}}'\n",
    "key of the wrong type": f"[providers.a]\nkind = 'x'\napi_key = ['{SECRET}']\n",
    "the same key twice": f"[providers.a]\nkind='x'\napi_keys = ['{SECRET}', '{SECRET}']\n",
    "pool with reference": f"[providers.a]\nkind='x'\napi_keys = ['{SECRET}${{NOPE}}']\n",
    "pool as text": f"[providers.a]\nkind = 'x'\napi_keys = '{SECRET}'\n",
    "table as text": f"[providers]\na = '{SECRET}'\n",
    "headers as text": f"[providers.a]\nkind = 'x'\nheaders = 'x: {SECRET}'\n",
    "header value": f"[providers.a]\nkind = 'x'\nheaders = {{ x-a = '''{SECRET}\n''' }}\n",
    "connection header": f"[providers.a]\nkind = 'x'\nheaders = {{ Host = '{SECRET}' }}\n",
    "digest": f"[[auth.keys]]\nname = 'a'\ndigest = '{SECRET}'\n",
    "address": f"[providers.a]\nkind = 'x'\nbase_url = 'http://u:{SECRET}@h/v1'\n",
    "address with slash": f"[providers.a]\nkind = 'x'\nbase_url = 'http://u:/{SECRET}/@h/v1'\n",
    "address without scheme": f"[providers.a]\nkind = 'x'\nbase_url = 'u:{SECRET}@h'\n",
    "query": f"[providers.a]\nkind = 'x'\nbase_url = 'http://h/v1?key={SECRET}'\n",
    "proxy": f"[upstream]\nproxy = 'ftp://u:{SECRET}@h'\n",
    "storage": f"[storage]\ndatabase_url = ['{SECRET}']\n",
    "expanded": "[server]\nport = '${KEY}'\n",
    "expanded host": "[server]\nhost = '${KEY}/x'\n",
    "syntax": f"[providers.a]\napi_key = {SECRET}\n",
}


@pytest.mark.parametrize("text", SECRET_FILES.values(), ids=SECRET_FILES.keys())
def test_no_problem_shows_a_secret(tmp_path: Path, text: str) -> None:
    """Wherever a secret stands, and whatever is wrong with it, no message repeats it."""
    found = problems(tmp_path, text, {"KEY": SECRET})
    assert SECRET not in str(found) + str(ConfigError(found))


def test_secrets_from_variables_are_not_shown(tmp_path: Path) -> None:
    """Overrides of secret keys are masked as well, and so is the whole result in a log line."""
    digest = "LYNKR_AUTH__KEYS"
    value = json.dumps([{"name": "a", "digest": SECRET}])
    with pytest.raises(ConfigError) as raised:
        load(None, {digest: value}, tmp_path)
    assert SECRET not in str(raised.value.problems)
    loaded = load(None, {"ANTHROPIC_API_KEY": SECRET}, tmp_path)
    assert loaded.environ["ANTHROPIC_API_KEY"] == SECRET
    assert SECRET not in repr(loaded) + str(loaded)


def test_harmless_values_are_shown_as_written(tmp_path: Path) -> None:
    """Masking does not go so far that messages lose their use."""
    problem = only(problems(tmp_path, "[server]\nhost = '${H}/x'\n", {"H": "h"}))
    assert problem.value == '"${H}/x"'
    problem = only(problems(tmp_path, "[providers.a]\nkind='x'\nbase_url='ftp://h/v1'\n"))
    assert problem.value == '"ftp://h/v1"'


def test_problems_found_later_get_their_line(tmp_path: Path) -> None:
    """What the catalog complains about is as easy to find as the rest."""
    loaded = read(tmp_path, MAIN, {"LYNKR_PROVIDERS__MAIN__KIND": "y"})
    here, there = located(
        loaded, [Problem("providers.my-local.kind", "no"), Problem("providers.main.kind", "no")]
    )
    assert (here.file, here.line) == ("lynkr.toml", 4)
    assert (there.file, there.line) == ("", 0)
    assert "LYNKR_PROVIDERS__MAIN__KIND" in there.reason


def test_routes_are_read_from_a_file(tmp_path: Path) -> None:
    """A required list may be given, be missing or be of the wrong type."""
    loaded = read(tmp_path, f'{MAIN}\n[[routes]]\nmodel = "m"\ntargets = ["main"]\n')
    assert [(rule.model, rule.targets) for rule in loaded.settings.routes] == [("m", ["main"])]
    problem = only(problems(tmp_path, '[[routes]]\nmodel = "m"\n'))
    assert (problem.key, problem.reason) == ("routes[0].targets", "is missing")
    problem = only(problems(tmp_path, '[[routes]]\nmodel = "m"\ntargets = 3\n'))
    assert "routes[0].targets" in problem.key
