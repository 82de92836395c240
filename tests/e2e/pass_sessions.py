"""Sessions of coding tools whose results are worth shortening, and all that was sent in them.

Every tool plays the same session: JSON twice, a long listing, a file that is read and edited, a
test run before and after a change, and questions for parts of what was shortened. What the tool
sent and what the provider got are kept side by side.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lynkr.config.settings import Provider, Routing, Server, Settings, Tokens
from tests.e2e import (
    agent_chat,
    agent_messages,
    agent_responses,
    chat_clients,
    test_claude_code,
    test_codex,
)
from tests.e2e.agent_plan import Act, Plan, tokens_of
from tests.e2e.agent_upstream import AgentUpstream, Dialect, Instead, Seen
from tests.e2e.gateway_in_process import running
from tests.e2e.gateway_process import GatewayProcess, provider
from tests.e2e.program import Outcome
from tests.e2e.recording_relay import RecordingRelay
from tests.harness import client as raw

FINAL = test_claude_code.FINAL
ROWS, TESTS, FILES = 64, 80, 110  # Cline cuts what is longer than 8000 characters
_DIALECTS: dict[str, Dialect] = {
    "messages": agent_messages,
    "chat": agent_chat,
    "responses": agent_responses,
}
ASKED = "ID"  # in a command: the digest that came last
_ID = re.compile(r"lynkr show (o_[0-9a-f]{20})")
OLD, NEW = '"colour": "grün", "depth": 3', '"colour": "naïve", "depth": 4'
_ROWS_SCRIPT = f"""
import json
print(json.dumps([
    {{"file": f"src/p_{{n % 7}}/module_{{n:02d}}.py", "line": 11 * n + 3, "column": n % 5,
      "text": f"    return self.find(item_{{n}}, {{n * 7919 % 1000}})  # ☃"}}
    for n in range({ROWS})
], indent=1, ensure_ascii=False))
"""
_SUITE_SCRIPT = f"""
import pathlib
fixed = pathlib.Path("fixed.txt").exists()
print("============================= test session starts ==============================")
print("platform linux -- Python 3.11.7, pytest-8.4.2, pluggy-1.6.0")
print("collected {TESTS} items")
print()
for n in range({TESTS}):
    word = "FAILED" if n == 41 and not fixed or n == 77 else "PASSED"
    print(f"tests/part_{{n % 7}}/test_module_{{n:02d}}.py::test_registry_finds_item {{word}}"
          f" [{{100 * (n + 1) // {TESTS}:3d}}%]")
print()
print("=================================== FAILURES ===================================")
for n in (77,) if fixed else (41, 77):
    print(f"___________________________ test_registry_finds_item {{n}} __________________________")
    print()
    for line in range(12):
        print(f"    def step_{{line}}(registry):  # of module {{n}}")
    print(f">       assert registry.find({{n}}) == 'item {{n}}'")
    print(f"E       AssertionError: assert None == 'item {{n}}'")
    print(f"tests/part_{{n % 7}}/test_module_{{n:02d}}.py:{{n}}: AssertionError")
print("=========================== short test summary info ============================")
for n in (77,) if fixed else (41, 77):
    print(f"FAILED tests/part_{{n % 7}}/test_module_{{n:02d}}.py::test_registry_finds_item")
print(f"========================= {{1 if fixed else 2}} failed in 0.41s =========================")
raise SystemExit(1)
"""


def make_project(project: Path) -> None:
    """A directory to work in."""
    project.mkdir()
    (project / "rows.py").write_text(_ROWS_SCRIPT)
    (project / "suite.py").write_text(_SUITE_SCRIPT)
    facts = [f'  {{"name": "fact {n}", "colour": "grün", "depth": {n}}}' for n in range(24)]
    (project / "facts.json").write_text("[\n" + ",\n".join(facts) + "\n]\n")
    for number in range(FILES):
        place = project / "src" / f"part_{number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"module_{number:03d}.py").write_text(f"NUMBER = {number}\n")


def assert_worked(project: Path) -> None:
    facts = (project / "facts.json").read_text()
    assert facts.count(NEW) == 1
    assert facts.count("grün") == 23
    assert (project / "fixed.txt").read_text() == "fixed ☃\n"


class Tools(NamedTuple):
    """How a client's tools are asked to do what the session needs."""

    run: Callable[[str], Act]
    read: Callable[[str], Act]
    edit: Callable[[str, str, str], Act]
    write: Callable[[str, str], Act]
    first: tuple[Act, ...] = ()  # calls before all others


def plan_of(tools: Tools, directory: Path, *, recovering: bool) -> Plan:
    facts, fixed = str(directory / "facts.json"), str(directory / "fixed.txt")
    rows, suite = tools.run("python3 rows.py"), tools.run("python3 suite.py")
    asked = [f"lynkr show {ASKED} --grep FAILED", f"lynkr show {ASKED} --lines 2-3"]
    last = [(tools.run(command),) for command in asked] if recovering else []
    return Plan(
        (
            *((act,) for act in tools.first),
            (rows,),
            (rows, tools.run("ls -lR src")),
            (tools.read(facts),),
            (tools.edit(facts, OLD, NEW),),
            (suite,),
            (tools.write(fixed, "fixed ☃\n"),),
            (suite,),
            *last,
        ),
        FINAL,
    )


CLAUDE = Tools(
    run=lambda command: Act("Bash", {"command": command}),
    read=lambda path: Act("Read", {"file_path": path}),
    edit=lambda path, old, new: Act(
        "Edit", {"file_path": path, "old_string": old, "new_string": new}
    ),
    write=lambda path, text: Act("Write", {"file_path": path, "content": text}),
)

# After a tool that has to be searched for first.
LOADING = CLAUDE._replace(
    first=(
        Act("ToolSearch", {"query": "select:TaskCreate"}),
        Act("TaskCreate", {"subject": "A ☃ task", "description": "To be done"}),
    )
)


def _patched(path: str, old: str, new: str) -> Act:
    lines = (f'-  {{"name": "fact 3", {old}}},', f'+  {{"name": "fact 3", {new}}},')
    file = f"*** Update File: {Path(path).name}"
    return Act("apply_patch", "\n".join(["*** Begin Patch", file, "@@", *lines, "*** End Patch\n"]))


def _added(path: str, text: str) -> Act:
    lines = "".join(f"+{line}\n" for line in text.splitlines())
    return Act(
        "apply_patch", f"*** Begin Patch\n*** Add File: {Path(path).name}\n{lines}*** End Patch\n"
    )


CODEX = Tools(
    run=lambda command: Act("exec_command", {"cmd": command}),
    read=lambda path: Act("exec_command", {"cmd": f"cat {Path(path).name}"}),
    edit=_patched,
    write=_added,
)
OPENCODE = Tools(
    run=lambda command: Act("bash", {"command": command, "description": "-"}),
    read=lambda path: Act("read", {"filePath": path}),
    edit=lambda path, old, new: Act("edit", {"filePath": path, "oldString": old, "newString": new}),
    write=lambda path, text: Act("write", {"filePath": path, "content": text}),
)
CLINE = Tools(
    run=lambda command: Act("run_commands", {"commands": [command]}),
    read=lambda path: Act("read_files", {"files": [{"path": path}]}),
    edit=lambda path, old, new: Act("editor", {"path": path, "old_text": old, "new_text": new}),
    write=lambda path, text: Act("editor", {"path": path, "new_text": text}),
)


def asked_for(body: bytes, part: str) -> str:
    """Of which shortened text the model has asked for a part, with this option."""
    return str(re.findall(rf"{_ID.pattern} {part}", body.decode())[-1])


class AskingAgent(AgentUpstream):
    """Asks for parts of the last text that it was shown shortened, as a model does."""

    _unfilled: Plan | None = None

    def _note(self, results: list[str]) -> None:
        super()._note(results)
        found = _ID.findall("\n".join(self.results))
        if found:
            plan = self._unfilled = self._unfilled or self.plan
            steps = (tuple(_filled(act, found[-1]) for act in acts) for acts in plan.steps)
            self.plan = Plan(tuple(steps), plan.final)


def _filled(act: Act, id_: str) -> Act:
    def filled(value: object) -> object:
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.replace(f"show {ASKED} ", f"show {id_} ") if isinstance(value, str) else value

    if isinstance(act.arguments, str):
        return act
    return Act(act.tool, {name: filled(value) for name, value in act.arguments.items()})


# --- one session ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A client with a model, and the provider that it talks to."""

    id: str
    client: str
    model: str
    kind: str
    api: str  # which the client speaks
    tools: Tools
    target: str = ""  # the model asked for there, where it is another
    root: str = ""  # of the provider's paths
    wraps: bool = False  # what a tool printed, in JSON: such results are not made digests of
    environment: Mapping[str, str] = field(default_factory=dict)  # more of the client's

    def provider(self, base_url: str) -> Provider:
        return Provider(kind=self.kind, base_url=base_url + self.root, api_key="upstream-key")

    def config(self, base_url: str, tokens: Mapping[str, object]) -> str:
        routing = f'[routing]\ndefault = "main:{self.target}"\n' if self.target else ""
        passes = "".join(f"{name} = {json.dumps(value)}\n" for name, value in tokens.items())
        table = provider("main", self.kind, base_url + self.root, "upstream-key")
        return f"{table}{routing}[tokens]\n{passes}"


@dataclass
class Session:
    """What came of it."""

    case: Case
    tokens: Tokens
    directory: Path
    agent: AgentUpstream
    outcome: Outcome
    sent: list[Seen]  # by the client, in order of time
    calls: list[dict[str, Any]]  # lines of the access log
    events: list[dict[str, Any]]
    originals: dict[str, str] = field(default_factory=dict)  # by id, as the gateway gives them

    @property
    def got(self) -> list[Seen]:
        return self.agent.posts


async def _start(
    case: Case, project: Path, relay: RecordingRelay, gateway: GatewayProcess, agent: AgentUpstream
) -> Outcome:
    """The client, in an environment that has ``lynkr`` and says where the gateway is."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LYNKR_URL": gateway.base_url,
        **case.environment,
    }
    if case.client == "claude":
        claude: Any = test_claude_code.Setting(project, agent, gateway, relay)
        done: Outcome = await claude.claude(model=case.model, **environment)
        return done
    if case.client == "codex":
        codex = test_codex.Setting(case.model, project, agent, gateway, relay)
        return await codex.codex(environment)
    kind = chat_clients.OpenCode if case.client == "opencode" else chat_clients.Cline
    return await kind(project, relay.base_url, model=case.model, environment=environment).run()


async def play(
    case: Case, directory: Path, instead: dict[int, list[Instead]] | None = None, **tokens: Any
) -> Session:
    """A whole session; ``tokens`` is what the configuration says of the passes."""
    project = directory / "project"
    make_project(project)
    for needed in ("home", "gateway"):
        (directory / needed).mkdir()
    commands = Path(sys.executable).parent
    (directory / "home" / ".profile").write_text(f'PATH="{commands}:$PATH"\n')  # of login shells
    recovering = tokens.get("results") == "recoverable" and not case.wraps
    plan = plan_of(case.tools, project, recovering=recovering)
    async with AskingAgent(plan, instead=instead or {}) as agent:
        config = case.config(agent.base_url, tokens)
        async with (
            GatewayProcess(directory / "gateway", config) as gateway,
            RecordingRelay(gateway.port) as relay,
        ):
            outcome = await _start(case, project, relay, gateway, agent)
            ids = {id_ for seen in agent.posts for id_ in _ID.findall(seen.body.decode())}
            originals = {id_: await _original(gateway, id_) for id_ in sorted(ids)}
            await gateway.stop()
        sent = sorted(
            (seen for seen in relay.posts if "count_tokens" not in seen.target),
            key=lambda seen: seen.at,
        )
    calls, events = gateway.calls(), gateway.events()
    return Session(
        case, Tokens(**tokens), directory, agent, outcome, sent, calls, events, originals
    )


async def _original(gateway: GatewayProcess, id_: str) -> str:
    async with await raw.RawClient.connect(gateway.port) as client:
        client.send(raw.request(f"/v1/originals/{id_}", method="GET", host="localhost"))
        reply = await client.read_reply()
    assert reply.status == 200, reply.body
    return reply.body.decode()


# --- other workers --------------------------------------------------------------------------------


class Again(NamedTuple):
    """The same requests, sent again to gateways that have seen nothing yet."""

    got: list[bytes]  # by the provider
    saved: dict[bytes, int]  # by the client's body: what the reply's head says


async def sent_again(session: Session, workers: int = 2) -> Again:
    """Each request by turns to one of the workers, the last one first."""
    saved: dict[bytes, int] = {}
    async with AskingAgent(session.agent.plan) as agent:
        for worker in range(workers):
            async with _fresh(session, agent, worker) as port:
                for seen in session.sent[::-1][worker::workers]:
                    saved[seen.body] = await _saved(port, seen)
    return Again([seen.body for seen in agent.posts], saved)


@asynccontextmanager
async def _fresh(session: Session, agent: AgentUpstream, worker: int) -> AsyncIterator[int]:
    case = session.case
    routing = Routing(default=f"main:{case.target}" if case.target else "")
    async with running(
        {"main": case.provider(agent.base_url)},
        Server(state_dir=str(session.directory / f"state-{worker}")),
        Settings(tokens=session.tokens, routing=routing),
    ) as gateway:
        yield gateway.port


async def _saved(port: int, seen: Seen) -> int:
    """What the reply to this request says was saved."""
    head = [f"{seen.method} {seen.target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in seen.headers]
    async with await raw.RawClient.connect(port) as client:
        client.send("\r\n".join([*head, "", ""]).encode("latin-1") + seen.body)
        reply = await client.read_reply()
    assert (reply.status, reply.clean_end) == (200, True), reply.body
    return int(reply.header("x-lynkr-tokens-saved") or 0)


def record(session: Session, directory: Path) -> None:
    """The client's requests as ``lynkr replay`` reads them."""
    lines = []
    for seen in session.sent:
        step = _step_of(session, seen.body)
        line = {
            "client": session.case.client,
            "api": session.case.api,
            "at": round(seen.at - session.sent[0].at, 3),
            "body": seen.body.decode(),
            "output_tokens": tokens_of(max(step, 0)).output_tokens,
        }
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{session.case.id}.jsonl").write_text("".join(lines))


def _step_of(session: Session, body: bytes) -> int:
    """Which step of the plan answers this request; -1: none does, it is a side request."""
    said = json.loads(body)
    dialect = _DIALECTS[session.case.api]
    if not said.get("tools") and "additional_tools" not in body.decode():
        return -1
    return session.agent.plan.step(len(dialect.results(said)))
