"""The forms in which coding tools write into the user's turn: names of tags, lines, whole turns.

Seen in, or known of, Claude Code, Codex and its editor extension, Cline, Roo and Kilo Code, Cursor,
Windsurf, Copilot, Continue, opencode, Gemini CLI, Zed, Kiro and aider. A name that only a tool
would think of is an envelope wherever it stands. Names that a user's own markup may have too are
envelopes at the beginning or the end of a text only: there the tools put them.
"""

from __future__ import annotations

import functools
import re

CLIENT, EDGE, USER, ONLY = "client", "edge", "user", "only"

_CLIENTS = re.compile(
    r"system[-_](?:reminder|notice|notification|message|info|information|note|context|warning)"
    r"|environment_(?:context|details)|(?:user|skills|plugins|apps)_instructions"
    r"|command-(?:name|message|contents)|local-command-[a-z-]+|bash-(?:input|stdout|stderr)"
    r"|ide_[a-z_]+|new-diagnostics|[a-z-]+-hook|task-notification|persisted-output"
    r"|tool_use_error|tool_(?:result|output)|function_(?:results|calls)"
    r"|(?:file|folder|url)_content|attached_files|current_file|manually_added_selection"
    r"|additional_data|open_and_recently_viewed_files|workspace_info|project_layout|git_status"
    r"|user_info|cursor_rules[a-z_]*|rules_[a-z_]+|turn_aborted|subagent_notification"
    r"|editor_context|user_shell_command|user_action|available_skills|info-msg|hook_prompt"
    r"|editorcontext|reminderinstructions|toolreferences|conversation-summary|todolist"
    r"|(?:user|session|repo)memory|environmentcontext|ephemeral_message|steering-reminder"
    r"|(?:open|active)-editor-files?|current_datetime|collaboration_mode|session_context"
    r"|(?:open|opened|visible|recent|selected)_files|active_file|terminal_output|lint_errors"
)
# What may be a user's own element as well.
_EDGES = re.compile(
    r"file|files|folder|url|documents?|context|rules|permissions|instructions|memories|memory"
    r"|reminders?|notices?|notifications?|diagnostics|attachments?|todos|env|environment|hooks?"
    r"|metadata|editor|workspace|ide|selection|stdout|stderr|skills|agents|harness|telemetry"
    r"|todo|terminal|clipboard|tabs|system|session|lint|ambient|ctx|kb|functions|tools|policy"
    r"|important|skill|rule|timestamp"
)
# Names of two parts or more: whose it is, and what.
_WHOSE = re.compile(
    r"system|ide|editor|env|environment|workspace|vscode|cursor|cline|roo|kilo|codex|claude|copilot"
    r"|gemini|windsurf|harness|agents?|assistant|client|session|hooks?|mcp|tools?|terminals?|shell"
    r"|bash|git|repo|repository|project|todos?|context|memory|attached|attachments?|open|opened"
    r"|active|current|recent|recently|visible|selected|background|linter|lint|user|files?"
    r"|conversation|runtime|sandbox|permissions?|security|policy|skills?|plugins?|servers?"
    r"|additional|important|custom|budget|token|usage|plan|ci|build|test|workflow|command|cli|tab"
    r"|subagent|teammate|codebase|retrieved|available|changed|previous|search|web|image|pr|code"
)
# Of names without a hyphen one of the two is enough.
_SPEAKING = re.compile(
    r"ide|editor|vscode|cursor|cline|roo|kilo|codex|claude|copilot|gemini|windsurf|mcp|terminal|git"
    r"|repo|todo|opened|recently|background|attached|retrieved|subagent|teammate|ambient|codebase"
)
_SPOKEN = re.compile(r"reminders?|context|notice|instructions|diagnostics|stdout|stderr|memory")
_SURELY = frozenset(
    ["system", "ide", "harness", "hook", "hooks", "mcp", "workspace", "vscode", "environment"]
)
_WHAT = re.compile(
    r"reminders?|context|notices?|notifications?|details|hooks?|diagnostics|info|information"
    r"|instructions|output|outputs|stdout|stderr|state|status|metadata|memory|memories|notes|files"
    r"|file|selection|changes|results|rules|summary|warnings?|messages?|guidelines|policy|tabs"
    r"|edits|logs?|errors|problems|list|lists|documents|snapshot|commits|data|usage|caveat|events?"
    r"|note|msg|content|banner|tips?|hints?|updates?|report|config|settings|environment|session"
    r"|todos?|docs|header|footer|branch|directory|cwd|date|time|structure|tree|layout|location"
    r"|comments|diff|result|position|budget|conversation|tools|tasks?|code|servers"
)
# What the client puts around the user's own words: the tags go, the words stay.
_USERS = frozenset(
    [
        "task",
        "feedback",
        "user_message",
        "user_input",
        "answer",
        "command-args",
        "request",
        "prompt",
    ]
)
# Where one of these is, the words between are all that is the user's.
_ONLY = frozenset(["user_query", "user_request", "userrequest"])
_PARTS = re.compile(r"[-_]|(?<=[a-z])(?=[A-Z])")

TAG = re.compile(r"<(/?)([A-Za-z][\w-]{0,63})(?:\s[^<>]{0,400})?>")
# Tags that can be the client's, or the user's, wherever they are: a page of HTML has none.
NAMED = re.compile(
    r"<(/?)([A-Za-z]{1,40}+[-_][\w-]{0,63}|[a-z]{1,40}+[A-Z]\w{0,63}|task|feedback|answer|request"
    r"|prompt|todolist|TASK|USER_REQUEST)(?:\s[^<>]{0,400})?>"
)
OPENER = re.compile(rb"<([A-Za-z][\w-]{0,63})(?:[ ][^<>]{0,400})?>")  # as it is in JSON


@functools.lru_cache(1024)
def whose(tag: str) -> str:
    """Who speaks between a tag and its end: the client, the client if it is at the edge of a text,
    the user, only the user; "" for any other tag."""
    name = tag.lower()
    if name in _ONLY:
        return ONLY
    if _CLIENTS.fullmatch(name):
        return CLIENT
    if not tag.isupper() and tag[0].isupper():
        return ""  # a component of the user's
    if name in _USERS:
        return USER
    if _EDGES.fullmatch(name):
        return EDGE
    parts = _PARTS.split(tag)
    if len(parts) < 2:
        return ""
    first, last = parts[0].lower(), parts[-1].lower()
    if _WHOSE.fullmatch(first) and _WHAT.fullmatch(last):
        return CLIENT if first in _SURELY else EDGE
    if first in _SURELY and tag.islower() and last != "prompt":
        return EDGE
    # No element of HTML's, nor one that a user may define there, has an underscore.
    return (
        EDGE if "-" not in tag and (_SPEAKING.fullmatch(first) or _SPOKEN.fullmatch(last)) else ""
    )


# A whole turn that only the client can have written: side requests, compactions, what they left.
# The words that each begins with, and the pattern of what follows them.
_TURNS = (
    ("[SUGGESTION MODE", r"\b"),
    ("CRITICAL: Respond with TEXT ONLY", r"\b"),
    ("You are performing a CONTEXT CHECKPOINT COMPACTION", r"\b"),
    ("Your task is to create a detailed summary of the conversation so far", r"\b"),
    ("This session is being continued from a previous conversation", r"\b"),
    ("Another language model started to solve this problem and produced a summary", r"\b"),
    ("I spoke to you previously about a number of things.\n", ""),
    ("Base directory for this skill: ", ""),
    ("Stop hook feedback:\n", ""),
    ("Tool loaded.", r"\s*$"),
    ("Continue if you have next steps, or stop and ask for clarification", r"\b"),
    ("Called the ", r"\w+ tool with the following input: "),
    ("<path>", r"[^<]*</path>\s*<type>\w+</type>"),
    ("The following tool was executed by the user", r"\s*$"),
    ("What did we do so far?", r"\s*$"),
    ("[ERROR] You did not use a tool in your previous response", r"\b"),
    ("[NOTE] Some previous conversation history with the user has been removed", r"\b"),
    ("This is the Gemini CLI. We are setting up the context for our chat.", ""),
    ("I have *added these files to the chat*", ""),
    ("Here are summaries of some files present in my git", ""),
    ("I switched to a new code base. Please don't consider the above files", ""),
    ("# Fix any errors below, if possible.", ""),
)
_FAILED_EDITS = r"# \d+ SEARCH/REPLACE blocks? failed to match!"
TURN_BEGINS = tuple(begin for begin, _ in _TURNS)  # of every turn that does not begin with "#"
TURN = re.compile(
    r"\s*(?:"
    + "|".join([*(re.escape(begin) + rest for begin, rest in _TURNS), _FAILED_EDITS])
    + ")"
)
# Beginning of a text that is a tool's result: Cline and its kin without native tools.
ANSWERED = re.compile(r"\[[a-z]\w{0,60}(?: for '[^\n]{0,4000}')?\] Result:")
# What a user typed while tools ran comes in a reminder of Claude Code's and opencode's.
QUEUED = re.compile(
    r"\s*The user sent (?:the following|a new) message\b[^\n]{0,80}:\n(.*?)"
    r"(?=\n\s*(?:Please address this message and|IMPORTANT: After completing your curr)|\Z)",
    re.DOTALL,
)
# Codex's editor extension: what stands before is the client's.
REQUEST = re.compile(r"^## My request(?: for \w+)?:?[ \t]*$", re.MULTILINE)
IDE_HEADS = ("# Context from my IDE setup:", "# Files mentioned by the user")
COMMENT = re.compile(
    r"<!--\s{0,9}(?:system|ide|harness|hook|editor|workspace|environment|reminder|context|client)\b",
    re.IGNORECASE,
)
_NOTE = (
    r"(?:notice|reminder|notification|note|message|warning|info|context|event|status|output|update"
    r"|feedback)"
)
# What a line in brackets begins with: what speaks and that it does; what speaks, in capitals, which
# no log of a program has; a list of what is open, if it is all of the line.
_BRACKETS = (
    r"\[(?:(?i:system|harness|ide|editor|hook|automated|environment|session|client|workspace"
    rf"|context|background)[ _-](?i:{_NOTE})\b[^\]\n]{{0,2000}}\].*"
    r"|(?:SYSTEM|HARNESS|IDE|EDITOR|HOOK|AUTOMATED|ENVIRONMENT|REMINDER|NOTICE|NOTIFICATION)\b"
    r"[^\]\n]{0,2000}\].*"
    r"|(?i:open (?:files?|tabs?)|context|git (?:status|branch)|current (?:file|directory|mode)"
    r"|cursor position|selection|diagnostics|workspace|attached files?|reminder|terminal|todo list"
    r"|(?:tool|hook|command|terminal) (?:output|result))[ ]?:[^\]\n]{0,2000}\][ \t]*(?=\n|\Z))"
)
# A line of the client's: what is in every such line, how far behind the line's beginning that may
# be, and the line. Regular expressions alone would try each character of a long text.
LINES = tuple(
    (token, reach, re.compile(pattern, flags))
    for token, reach, flags, pattern in (
        ("[Request interrupted by user", 8, 0, r"[ \t]*\[Request interrupted by user[^\]\n]*\]"),
        ("[Image", 8, 0, r"[ \t]*\[Image\b[^\]\n]{0,200}\]"),
        ("[Pasted text", 8, 0, r"[ \t]*\[Pasted text\b[^\]\n]{0,200}\]"),
        ("[Attachment", 8, 0, r"[ \t]*\[Attachment\b[^\]\n]{0,200}\]"),
        ("Caveat: The messages below were", 8, 0, r"[ \t]*Caveat: The messages below were gen.*"),
        ("# AGENTS.md instructions for ", 8, 0, r"[ \t]*# AGENTS\.md instructions for .*"),
        ("[", 0, 0, _BRACKETS),
        *(
            (
                word, 24, re.IGNORECASE,
                r"[ \t]*(?:system|harness|ide|editor|hook|environment|session|workspace|automated)"
                rf" {_NOTE}:.*",
            )
            for word in ("otice:", "eminder:", "otification:", "SYSTEM ")
        ),
        (
            "our todo list ", 8, 0,
            r"[ \t]*Your todo list (?:has changed|is (?:currently )?empty)\b.*"
            r"(?:\n[ \t]*(?:(?:\d+\.|[-*])[ \t]*)?\[(?:pending|in_progress|completed|x| )\].*)*",
        ),
        ("SYSTEM: ", 8, 0, r"[ \t]*SYSTEM: .*"),
        (
            "was modified, either by the user or by a linter", 400, 0,
            r"[ \t]*Note: .{1,380} was modified, either by the user or by a linter.*",
        ),
        (
            "been used recently", 32, 0,
            r"[ \t]*The (?:TodoWrite tool hasn't|task tools haven't) been used recently.*",
        ),
        (
            " opened the file ", 16, 0,
            r"[ \t]*The user opened the file .{1,400} in the IDE\..*",
        ),
        (
            " hook ", 80, 0,
            r"[ \t]*(?:PreToolUse|PostToolUse|UserPromptSubmit|SessionStart|Stop|SubagentStop)"
            r"(?::\w+)? hook (?:feedback|success|additional context|error|blocking error)\b.*",
        ),
    )
)  # fmt: skip
ANYWHERE = re.compile(
    r"\[(?:Image|Pasted text) #\d+[^\]\n]{0,80}\]|\[\.\.\.Truncated text[^\]\n]{0,80}\]"
)
ANYWHERE_TOKENS = ("[Image #", "[Pasted text #", "[...Truncated text")
# Text between two lines of these.
BETWEEN = (("--- Content from referenced files ---", "--- End of content ---"),)
