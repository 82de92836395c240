"""Which calls bring back a file as it stands, however the agent spells them."""

from __future__ import annotations

import json

import pytest

from lynkr._native.spans import CALL, CHAT, RESPONSES, scan
from lynkr.transforms.results.reading import call_of, command_of, reads_file, recovers

READERS = """
Read read read_file readFile ReadFile Read_File readfile view View view_file viewFile cat open
NotebookRead read_notebook fs_read file_read fileRead load_file get_file get_file_contents open_file
read_text_file read_many_files ReadManyFiles read_multiple_files readCurrentlyOpenFile
view_code_item copilot_readFile get_file_content str_replace_based_edit_tool str_replace_editor
text_editor mcp__filesystem__read_text_file mcp__fs__read mcp__github__get_file_contents
functions.read_file filesystem-read_file
"""
OTHERS = """
thread read_thread spread_files_list web_fetch fetch WebFetch get show list_files search_files grep
get_pull_request_files get_file_info gmail_read_message read_url_content view_text_website
mcp__filesystem__list_directory mcp__read_file__search slack_read_channel Bash exec_command Edit
Write get_thread get_content readme already ReadMcpResource list_open_files find_files
"""


@pytest.mark.parametrize("name", READERS.split())
def test_a_tool_that_reads_files_is_known_by_its_name(name: str) -> None:
    """An agent edits by repeating a file's text: no other form of it may be sent."""
    assert reads_file(name.encode(), b'{"path":"a.json"}')


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_tools_are_not(name: str) -> None:
    """JSON from an API is worth re-encoding, whatever words its tool shares with files."""
    assert not reads_file(name.encode(), b'{"path":"a.json"}')


def test_an_editor_tool_that_views_reads_a_file_though_its_command_is_no_shell_command() -> None:
    arguments = b'{"command":"view","path":"/a.json"}'
    assert reads_file(b"str_replace_based_edit_tool", arguments)


PRINTS = [
    "cat x.json",
    " cat a\n",
    "cat x;",
    "cat x || true",
    "cat x 2>/dev/null || echo none",
    "cd a && cat b",
    "ls; cat b",
    "nl -ba f | sed -n '1,20p'",
    "sed -n '1,5p;7p' x",
    "cat 'a b' | head -5",
    "cat<x",
    "/bin/cat x",
    "sudo cat /etc/x",
    "FOO=1 cat x",
    "timeout 5 head x",
    "bash -lc 'cat x'",
    'sh -c "cat x"',
    "if true; then cat x; fi",
    "find . -name a -exec cat {} \\;",
    "find . -name a | xargs cat && cat b",
    "git show HEAD:a.json",
    "type a.txt",
    "Get-Content a",
]
NO_PRINTS = [
    "",
    "curl api | jq .",
    "npm test | tail -5",
    "pytest 2>&1 | tail -30",
    "cat x | jq .",
    "grep -n cat x",
    "echo 'cat x; cat y'",
    "python -c 'a; cat'",
    "git show HEAD",
    "git log | head",
    "ls; pwd",
    "concatenate x",
    "jq '.a | type' x.json",
    "curl 'http://x?a=1&cat=2'",
    "lynkr show o_12",
]


@pytest.mark.parametrize("command", PRINTS)
def test_a_command_that_prints_a_file_reads_it(command: str) -> None:
    assert reads_file(b"Bash", json.dumps({"command": command}).encode())


@pytest.mark.parametrize("command", NO_PRINTS)
def test_a_command_that_makes_its_own_output_does_not(command: str) -> None:
    """The end of a test run is no file, though ``tail`` prints files too."""
    assert not reads_file(b"Bash", json.dumps({"command": command}).encode())


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "cat a b"},
        {"cmd": "cat a b"},
        {"script": "cat a b"},
        {"CommandLine": "cat a b"},
        {"command": ["bash", "-lc", "cat a b"]},
        {"command": ["/usr/bin/zsh", "-c", "cat a b"]},
        {"command": ["powershell.exe", "-Command", "cat a b"]},
        {"command": ["cmd", "/c", "cat a b"]},
        {"command": ["cat", "a", "b"]},
        {"commands": ["cat a b"]},
        {"command": "cat a b", "cmd": None, "timeout": 5},
        {"command": "", "cmd": "cat a b"},
    ],
)
def test_every_agents_way_to_say_a_command_is_understood(arguments: object) -> None:
    """Claude Code, Codex, Gemini CLI, opencode, Amp, Windsurf; as an object and as its string."""
    plain = json.dumps(arguments)
    for written in (plain, json.dumps(plain)):
        assert command_of(written.encode()) == "cat a b"
        assert reads_file(b"shell", written.encode())


def test_free_text_is_the_command_and_may_hold_one_in_quotes() -> None:
    """Codex's exec takes text: a command line, or a program with commands in it."""
    assert command_of(b'"cat a"') == "cat a"
    assert reads_file(b"exec", b'"cat a"')
    program = 'const r = await tools.exec_command({cmd: "cat a.json"})'
    assert reads_file(b"exec", json.dumps(program).encode())
    assert not reads_file(b"exec", json.dumps(program.replace("cat", "jq")).encode())


@pytest.mark.parametrize("arguments", [b"", b"{", b"[]", b"5", b'{"command":5}', b'"\\ud800"'])
def test_arguments_that_hold_no_command_have_none(arguments: bytes) -> None:
    assert command_of(arguments) == ""
    assert not reads_file(b"x", arguments)


def test_a_shell_of_responses_keeps_its_command_in_its_action() -> None:
    body = json.dumps(
        {
            "input": [
                {
                    "type": "local_shell_call",
                    "call_id": "c",
                    "action": {"type": "exec", "command": ["bash", "-lc", "cat a"]},
                }
            ]
        }
    ).encode()
    layout = scan(body, RESPONSES)
    assert layout is not None
    name, arguments = call_of(body, layout.blocks[0])
    assert command_of(arguments) == "cat a"
    assert reads_file(name, arguments)


def test_a_call_is_its_name_and_its_arguments_as_they_stand() -> None:
    function = {"name": "n", "arguments": '{"a": 1}'}
    call = {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}
    body = json.dumps({"messages": [call]}).encode()
    layout = scan(body, CHAT)
    assert layout is not None
    assert layout.blocks[0].kind == CALL
    assert call_of(body, layout.blocks[0]) == (b"n", b'"{\\"a\\": 1}"')
    assert call_of(body, None) == (b"", b"")


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "lynkr show o_12 --grep x"},
        {"command": "cd a && /usr/local/bin/lynkr show o_12"},
        {"command": "python -m lynkr show o_12"},
        {"command": ["lynkr", "show", "o_12"]},
        {"command": "curl -s localhost:8081/v1/originals/o_12"},
        {"url": "http://127.0.0.1:8081/v1/originals/o_12"},
    ],
)
def test_a_call_for_an_original_is_known(arguments: object) -> None:
    """What it brings must come whole, or the model could never read it."""
    plain = json.dumps(arguments)
    for written in (plain, json.dumps(plain), plain.replace("/", "\\/")):
        assert recovers(written.encode())


@pytest.mark.parametrize(
    "command", ["git show", "lynkr serve", "cat lynkr/cli/show.py", "lynkrshow"]
)
def test_other_calls_are_not_for_originals(command: str) -> None:
    assert not recovers(json.dumps({"command": command}).encode())
