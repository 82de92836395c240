"""Made-up sessions in the shapes that real clients were seen to send: the same in every run.

claude-code     Messages; 25 tools of 90 kB, three marks of which one moves, 18 turns
claude-break    the same with two pauses that outlast the cache, and a second question
claude-short    five sessions of four turns, one after the other: they share tools and system prompt
opencode        Messages; marks on the system prompt and the last two messages; parallel calls
codex           Responses; 10 tools, sealed reasoning, a cache key
sdk-agent       Chat; business tools that answer in JSON, no marks
aider           Chat; no tools, whole files in the prompt, 12 turns
script          Chat; ten single questions with one system prompt: no session ever goes on
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from eval import session_texts as texts
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.policies.simulator import Turn

Json = dict[str, Any]
Step = tuple[str, Json, str]  # a tool's name, its arguments, what it brought back

# name, size of the definition in bytes, what it does
_CODING = (
    ("Bash", 12000, "Runs a shell command and returns what it prints", "command"),
    ("Read", 2600, "Reads a file and returns its lines with their numbers", "file_path"),
    ("Edit", 2400, "Replaces a passage of a file by another one", "file_path"),
    ("Write", 1800, "Writes a file", "file_path"),
    ("TaskCreate", 2800, "Adds a task to the list of what is to be done", "title"),
    ("TaskUpdate", 3500, "Changes the state of a task", "task_id"),
    ("TaskList", 1500, "Lists the tasks", "state"),
    ("Agent", 6800, "Starts another agent with a task of its own", "prompt"),
    ("Workflow", 21000, "Runs a described workflow of several agents", "script"),
    ("DesignSync", 9000, "Brings components of a design system up to date", "component"),
    ("CronCreate", 4100, "Plans a command for later, again and again", "schedule"),
    ("CronDelete", 900, "Removes a planned command", "id"),
    ("CronList", 800, "Lists planned commands", "filter"),
    ("EnterWorktree", 3800, "Makes a second working tree of the repository", "branch"),
    ("ExitWorktree", 1500, "Leaves a working tree", "keep"),
    ("ScheduleWakeup", 3700, "Asks to be woken after a while", "delay"),
    ("WebFetch", 2000, "Fetches a page and answers a question about it", "url"),
    ("WebSearch", 1700, "Searches the web", "query"),
    ("NotebookEdit", 1600, "Changes a cell of a notebook", "notebook_path"),
    ("AskUser", 2200, "Asks the user to choose between answers", "question"),
    ("Monitor", 1900, "Watches a command that runs in the background", "job"),
    ("StopTask", 700, "Ends a command that runs in the background", "job"),
    ("PushNotification", 900, "Tells the user something on another device", "message"),
    ("SendMessage", 1500, "Sends a message to another agent", "to"),
    ("Skill", 2100, "Loads a described skill", "name"),
)  # fmt: skip
_BUSINESS = (
    ("list_parcels", 1100, "Lists parcels by depot and state", "depot"),
    ("get_parcel", 700, "Returns one parcel with its history", "id"),
    ("search_couriers", 900, "Finds couriers with free hours", "region"),
    ("assign_route", 1000, "Gives a route to a courier", "route"),
    ("cancel_route", 600, "Takes a route back", "route"),
    ("create_refund", 900, "Refunds the postage of a parcel", "id"),
    ("list_invoices", 900, "Lists invoices of a customer", "customer"),
    ("send_mail", 1200, "Sends a mail from a template", "template"),
    ("translate_text", 700, "Translates a text", "text"),
    ("get_weather", 500, "The weather at a place", "place"),
    ("render_chart", 1400, "Draws a chart of numbers", "series"),
    ("export_sheet", 1100, "Writes rows into a spreadsheet", "rows"),
    ("create_ticket", 1000, "Opens a ticket for support", "subject"),
    ("query_warehouse", 1300, "Runs a query on the data warehouse", "sql"),
)  # fmt: skip
_TERMINAL = (
    ("exec_command", 1500, "Runs a command in a terminal", "cmd"),
    ("write_stdin", 900, "Writes to a running command", "chars"),
    ("update_plan", 1000, "Writes down the plan", "plan"),
    ("view_image", 600, "Shows an image of the disk", "path"),
    ("apply_patch", 1400, "Changes files by a patch", "patch"),
    ("spawn_agent", 1400, "Starts another agent", "task"),
    ("wait_agent", 500, "Waits for another agent", "id"),
    ("close_agent", 500, "Ends another agent", "id"),
    ("list_resources", 600, "Lists resources of servers", "server"),
    ("read_resource", 600, "Reads a resource of a server", "uri"),
)  # fmt: skip


class Sample(msgspec.Struct, frozen=True):
    """One session of one client, or several that share a cache."""

    name: str
    client: str
    turns: list[Turn]


def samples() -> list[Sample]:
    """All of them. Each has a cache of its own."""
    return [
        Sample("claude-code", "Claude Code", _turns("claude-code", MESSAGES, _claude(1, (), 18))),
        Sample(
            "claude-break", "Claude Code", _turns("claude-break", MESSAGES, _claude(2, (6, 12), 18))
        ),
        Sample("claude-short", "Claude Code, short", _short_sessions()),
        Sample("opencode", "opencode", _turns("opencode", MESSAGES, _opencode())),
        Sample("codex", "Codex", _turns("codex", RESPONSES, _codex())),
        Sample("sdk-agent", "OpenAI SDK", _turns("sdk-agent", CHAT, _agent())),
        Sample("aider", "aider", _turns("aider", CHAT, _aider())),
        Sample("script", "script", _turns("script", CHAT, _script(), apart=True)),
    ]


def _turns(
    name: str, dialect: int, made: Iterator[tuple[float, Json, int]], *, apart: bool = False
) -> list[Turn]:
    """Requests with their pauses, written as clients in JavaScript and Python write them. With
    ``apart`` each is a session of its own."""
    turns: list[Turn] = []
    now = 0.0
    for pause, body, output in made:
        now += pause
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        session = f"{name} {len(turns) + 1}" if apart else name
        turns.append(Turn(session, now, data, dialect, str(body["model"]), output))
    return turns


def _schema(rng: Random, argument: str, size: int) -> Json:
    properties: Json = {argument: {"type": "string", "description": texts.prose(rng, 60)}}
    while len(json.dumps(properties)) < size:
        kind = rng.choice(["string", "integer", "boolean"])
        properties[texts.name(rng)] = {"type": kind, "description": texts.prose(rng, 80)}
    return {
        "type": "object",
        "properties": properties,
        "required": [argument],
        "additionalProperties": False,
    }


def _tools(rng: Random, wanted: tuple[tuple[str, int, str, str], ...]) -> list[Json]:
    """Definitions of a given size: three quarters of it in the description."""
    return [
        {
            "name": name,
            "description": f"{what}. {texts.prose(rng, 3 * size // 4)}",
            "input_schema": _schema(rng, argument, size // 4),
        }
        for name, size, what, argument in wanted
    ]


def _functions(rng: Random, wanted: tuple[tuple[str, int, str, str], ...]) -> list[Json]:
    return [
        {
            "name": tool["name"],
            "description": tool["description"],
            "parameters": tool["input_schema"],
        }
        for tool in _tools(rng, wanted)
    ]


# --- work ---------------------------------------------------------------------------------------


def _work(rng: Random, count: int) -> Iterator[Step]:
    """What a coding agent does: it looks, reads, changes, tests, and looks again."""
    files = {path: texts.source(rng, rng.randrange(60, 320)) for path in _paths(rng, 4)}
    names = list(files)
    run = Random(rng.randrange(10**6)).randrange(10**6)
    for number in range(count):
        match number % 9:
            case 0:
                yield "Bash", {"command": "ls -l ferry"}, texts.listing(rng, rng.randrange(20, 60))
            case 1 | 5:
                found = texts.grep(rng, rng.randrange(20, 90))
                yield "Bash", {"command": f"grep -rn {texts.name(rng)} ferry"}, found
            case 2 | 6:  # the second time around the same files again
                file = names[number // 9 % len(names)]
                yield "Read", {"file_path": f"/home/dev/{file}"}, texts.numbered(files[file])
            case 3:
                reply = texts.document(rng, rng.randrange(20, 90))
                yield "Bash", {"command": "ferryctl parcels list --json"}, reply
            case 4:
                file = rng.choice(names)
                change = {"old_string": "limit: int", "new_string": "most: int"}
                yield "Edit", {"file_path": f"/home/dev/{file}", **change}, "The file was updated."
            case 7:  # the same tests each time, a failure less
                shown = texts.suite_run(Random(run), 60, max(0, 3 - number // 9))
                yield "Bash", {"command": "python -m pytest -v"}, shown
            case _:
                reply = texts.document(rng, rng.randrange(5, 40), indent=None)
                yield "Bash", {"command": "curl -s localhost:9/routes"}, reply


def _paths(rng: Random, count: int) -> list[str]:
    return [f"{texts.path(rng)[:-3]}{number}.py" for number in range(count)]


def _pause(rng: Random) -> float:
    return round(rng.uniform(6, 40), 1)


# --- clients ------------------------------------------------------------------------------------


_ASK = "Parcels are counted twice when a shift ends. Find out why, mend it and run the tests."
_ASKS = (
    _ASK,
    "Which files mention the quota guard? Only list them.",
    "Bump the version and write the change into the changelog.",
    "Search the web for what the carrier changed in its API, and compare it with our adapter.",
    "Plan a nightly run of the sweep and tell me on my phone when it fails.",
)


def _short_sessions() -> list[Turn]:
    """Each begins a minute after the last one ended: within the time that the cache lives."""
    turns: list[Turn] = []
    for number, ask in enumerate(_ASKS):
        start = turns[-1].at_s + 60 if turns else 0.0
        name = f"claude-short {number + 1}"
        made = _turns(name, MESSAGES, _claude(10 + number, (), 4, ask))
        turns += [msgspec.structs.replace(turn, at_s=start + turn.at_s) for turn in made]
    return turns


def _claude(
    seed: int, breaks: tuple[int, ...], count: int, ask: str = _ASK
) -> Iterator[tuple[float, Json, int]]:
    """``breaks``: turns before which the user was away for longer than the cache lives. Tools and
    system prompt are the same in every session."""
    rng = Random(0)
    tools = _tools(rng, _CODING)
    billing = "x-anthropic-billing-header: cc_version=2.1.197.3fa; cc_entrypoint=cli;"
    system = [
        {"type": "text", "text": billing},
        _marked({"type": "text", "text": "You are an agent that works on software."}),
        _marked({"type": "text", "text": texts.prose(rng, 26_000)}),
    ]
    rng = Random(seed)
    reminder = f"<system-reminder>\n{texts.prose(rng, 1500)}\n</system-reminder>"
    messages: list[Json] = [
        _user({"type": "text", "text": reminder}, {"type": "text", "text": ask})
    ]
    for number, (name, arguments, result) in enumerate(_work(rng, count)):
        pause = 420.0 if number in breaks else _pause(rng)
        yield pause, _claude_body(tools, system, messages), rng.randrange(90, 700)
        call = {"type": "tool_use", "id": f"toolu_{number:04}", "name": name, "input": arguments}
        said = [{"type": "text", "text": texts.prose(rng, 120)}] if rng.random() < 0.6 else []
        messages.append({"role": "assistant", "content": [*said, call]})
        brought = {"type": "tool_result", "tool_use_id": call["id"], "content": result}
        blocks = [brought]
        if number + 1 in breaks:
            later = "Good. Now write down in the tasks what is left, and look at the routes too."
            blocks.append({"type": "text", "text": later})
        messages.append(_user(*blocks))


def _claude_body(tools: list[Json], system: list[Json], messages: list[Json]) -> Json:
    """The third mark stands on the last block, and only there."""
    *before, last = messages
    *blocks, end = last["content"]
    return {
        "model": "claude-sonnet-4-5-20250929",
        "messages": [*before, _user(*blocks, _marked(end))],
        "system": system,
        "tools": tools,
        "metadata": {"user_id": '{"session_id":"5e1f"}'},
        "max_tokens": 32000,
        "thinking": {"budget_tokens": 31999, "type": "enabled"},
        "stream": True,
    }


def _opencode() -> Iterator[tuple[float, Json, int]]:
    """Several calls a turn; the marks stand on the system prompt and the last two messages."""
    rng = Random(3)
    tools = _tools(rng, _CODING[:10])
    system = [_marked({"type": "text", "text": texts.prose(rng, 9500)})]
    ask = "Read how manifests are signed, and say where the receipt could get lost."
    messages: list[Json] = [_user({"type": "text", "text": ask})]
    work = _work(rng, 60)
    for number in range(14):
        *before, last = messages
        kept = [*before[:-1], *map(_last_marked, [*before[-1:], last])]
        body: Json = {"model": "claude-sonnet-4-5", "max_tokens": 32000, "system": system}
        body |= {"messages": kept, "tools": tools, "stream": True}
        yield _pause(rng), body, rng.randrange(80, 500)
        calls: list[Json] = []
        results: list[Json] = []
        for part in range(rng.choice([1, 1, 2, 4])):
            name, arguments, result = next(work)
            known = {"type": "tool_use", "id": f"call_{number}_{part}", "name": name}
            calls.append({**known, "input": arguments})
            results.append({"type": "tool_result", "tool_use_id": known["id"], "content": result})
        messages += [{"role": "assistant", "content": calls}, _user(*results)]


def _codex() -> Iterator[tuple[float, Json, int]]:
    rng = Random(4)
    tools = [{"type": "function", **tool, "strict": False} for tool in _functions(rng, _TERMINAL)]
    items: list[Json] = [
        _item("developer", texts.prose(rng, 22_000)),
        _item(
            "user", "<environment_context>\n  <cwd>/home/dev/ferry</cwd>\n</environment_context>"
        ),
        _item("user", "The nightly sweep leaves open manifests behind. Mend it and prove it."),
    ]
    for number, (_, arguments, result) in enumerate(_work(rng, 18)):
        body: Json = {"model": "gpt-5.5", "input": items, "tools": tools, "tool_choice": "auto"}
        body |= {"parallel_tool_calls": True, "store": False, "stream": True}
        body |= {"include": ["reasoning.encrypted_content"], "prompt_cache_key": "thread-4"}
        yield _pause(rng), body, rng.randrange(60, 600)
        command = arguments.get("command", f"cat {arguments.get('file_path', '')}")
        call = f"call_{number:04}"
        sealed = base64.b64encode(rng.randbytes(700)).decode()
        heading = f"Chunk ID: {rng.randrange(16**6):06x}\nWall time: 0.2 seconds\n"
        heading += (
            f"Process exited with code 0\nOriginal token count: {len(result) // 4}\nOutput:\n"
        )
        said = json.dumps({"cmd": command})
        items = [
            *items,
            {"type": "reasoning", "summary": [], "encrypted_content": sealed},
            {"type": "function_call", "name": "exec_command", "arguments": said, "call_id": call},
            {"type": "function_call_output", "call_id": call, "output": heading + result},
        ]


def _agent() -> Iterator[tuple[float, Json, int]]:
    """A business agent as the SDK's examples make it: no marks, no key, JSON for answers."""
    rng = Random(5)
    tools = [{"type": "function", "function": tool} for tool in _functions(rng, _BUSINESS)]
    messages: list[Json] = [
        {"role": "system", "content": texts.prose(rng, 2400)},
        {"role": "user", "content": "Which parcels in Brno wait for longest, and who could go?"},
    ]
    for number in range(14):
        body = {"model": "gpt-5.5", "messages": messages, "tools": tools}
        yield _pause(rng), body, rng.randrange(40, 300)
        name = ("list_parcels", "get_parcel", "search_couriers")[number % 3]
        said = {"name": name, "arguments": json.dumps({"depot": "Brno", "page": number})}
        call = {"id": f"call_{number}", "type": "function", "function": said}
        reply = texts.document(rng, rng.randrange(4, 60), indent=rng.choice([None, 2]))
        messages = [
            *messages,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": reply},
        ]
        if number == 8:
            more = "And the same for Cork, please."
            messages += [{"role": "assistant", "content": texts.prose(rng, 300)}]
            messages += [{"role": "user", "content": more}]


def _aider() -> Iterator[tuple[float, Json, int]]:
    """The files stand behind the history, as they are now: the prompt changes before its end."""
    rng = Random(6)
    system = {"role": "system", "content": texts.prose(rng, 5400)}
    shown = {
        "role": "user",
        "content": f"Here is the map of the repository:\n{texts.grep(rng, 60)}",
    }
    files = [texts.source(rng, 120), texts.source(rng, 90)]
    history: list[Json] = []
    for number in range(12):
        files[number % 2] = files[number % 2].replace("limit", f"limit{number}", 1)
        quoted = "\n".join(f"ferry/file{at}.py\n```\n{one}```" for at, one in enumerate(files))
        current = {"role": "user", "content": f"These are the files to change:\n{quoted}"}
        ask = {"role": "user", "content": f"Step {number}: {texts.prose(rng, 120)}"}
        ok = {"role": "assistant", "content": "Ok."}
        messages = [system, shown, ok, *history, current, ok, ask]
        yield _pause(rng), {"model": "gpt-5.5", "messages": messages, "temperature": 0}, 350
        old, new = texts.source(rng, 12), texts.source(rng, 12)
        change = f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE"
        history += [ask, {"role": "assistant", "content": change}]


def _script() -> Iterator[tuple[float, Json, int]]:
    rng = Random(7)
    system = {"role": "system", "content": texts.prose(rng, 7000)}
    for _ in range(10):
        text = {
            "role": "user",
            "content": f"Which depot is this about?\n\n{texts.prose(rng, 9000)}",
        }
        yield 2.0, {"model": "gpt-5.5", "messages": [system, text], "temperature": 0}, 20


# --- pieces of bodies -----------------------------------------------------------------------------


def _marked(block: Json) -> Json:
    return {**block, "cache_control": {"type": "ephemeral"}}


def _last_marked(message: Json) -> Json:
    *blocks, last = message["content"]
    return {**message, "content": [*blocks, _marked(last)]}


def _user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def _item(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
