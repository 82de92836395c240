"""OpenCode and Cline: coding tools that speak Chat to whatever base URL they are given.

Both run without a terminal and without a network: they ask nobody but the base URL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import npm
from tests.e2e.agent_plan import Act, Plan
from tests.e2e.program import Outcome, run

OPENCODE_VERSION = "1.18.33"
CLINE_VERSION = "3.0.65"
MODEL = "claude-sonnet-4-5"
FINAL = "All steps are done. ☃"
_PROMPT = "Do the steps."


def _lines(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.output.splitlines()]


@dataclass(frozen=True)
class ChatClient:
    """One run of a tool in a project directory, whose parent has a directory for its home."""

    directory: Path
    base_url: str
    effort: str = ""  # how much the model is asked to reason
    model: str = MODEL
    environment: Mapping[str, str] = field(default_factory=dict)  # more of it

    @staticmethod
    def plan(directory: Path) -> Plan:
        """The same session for each, with the tools that it has."""
        raise NotImplementedError

    async def run(self) -> Outcome:
        raise NotImplementedError

    @staticmethod
    def said(outcome: Outcome) -> str:
        """The last text that it shows."""
        raise NotImplementedError


class OpenCode(ChatClient):
    """https://opencode.ai/docs/providers: any server of Chat, by a package that it has built in."""

    @staticmethod
    def plan(directory: Path) -> Plan:
        notes, report = str(directory / "notes.txt"), str(directory / "report.txt")
        return Plan(
            (
                (Act("bash", {"command": "echo step-1", "description": "Says step-1"}),),
                (
                    Act("bash", {"command": "echo step-2a", "description": "Says step-2a"}),
                    Act("read", {"filePath": notes}),
                ),
                (Act("edit", {"filePath": notes, "oldString": "first", "newString": "naïve"}),),
                (Act("write", {"filePath": report, "content": "report ☃\n"}),),
                (Act("bash", {"command": "cat notes.txt report.txt; exit 3", "description": "-"}),),
            ),
            FINAL,
        )

    async def run(self) -> Outcome:
        command = npm.program("opencode-ai", OPENCODE_VERSION, "opencode")
        limits = {"context": 200_000, "output": 32_000}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "lynkr",
            "options": {"baseURL": f"{self.base_url}/v1", "apiKey": "client-key"},
            "models": {self.model: {"limit": limits, "reasoning": True}},
        }
        config = {
            "$schema": "https://opencode.ai/config.json",
            "provider": {"lynkr": provider},
            "model": f"lynkr/{self.model}",
        }
        (self.directory / "opencode.json").write_text(json.dumps(config))
        effort = ["--variant", self.effort] if self.effort else []
        home = str(self.directory.parent / "home")
        return await run(
            [str(command), "run", "--auto", "--format", "json", *effort, _PROMPT],
            cwd=self.directory,
            environment={
                "HOME": home,
                "TMPDIR": home,
                "OPENCODE_DISABLE_AUTOUPDATE": "1",
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
                "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
                **self.environment,
            },
        )

    @staticmethod
    def said(outcome: Outcome) -> str:
        texts = [line["part"]["text"] for line in _lines(outcome) if line["type"] == "text"]
        return str(texts[-1])


class Cline(ChatClient):
    """Its command line; what `cline auth -p openai-compatible` writes is written here."""

    @staticmethod
    def plan(directory: Path) -> Plan:
        notes, report = str(directory / "notes.txt"), str(directory / "report.txt")
        return Plan(
            (
                (Act("run_commands", {"commands": ["echo step-1"]}),),
                (
                    Act("run_commands", {"commands": ["echo step-2a"]}),
                    Act("read_files", {"files": [{"path": notes}]}),
                ),
                (Act("editor", {"path": notes, "old_text": "first", "new_text": "naïve"}),),
                (Act("editor", {"path": report, "new_text": "report ☃\n"}),),
                (Act("run_commands", {"commands": ["cat notes.txt report.txt; exit 3"]}),),
            ),
            FINAL,
        )

    async def run(self) -> Outcome:
        command = npm.program("cline", CLINE_VERSION, "cline")
        home = self.directory.parent / "home"
        settings = {
            "provider": "openai-compatible",
            "apiKey": "client-key",
            "model": self.model,
            "baseUrl": f"{self.base_url}/v1",
        }
        chosen = {
            "settings": settings,
            "updatedAt": "2026-11-23T00:00:00.000Z",
            "tokenSource": "manual",
        }
        stored = home / ".cline" / "data" / "settings"
        stored.mkdir(parents=True)
        (stored / "providers.json").write_text(
            json.dumps(
                {
                    "version": 1,
                    "lastUsedProvider": "openai-compatible",
                    "modes": {},
                    "providers": {"openai-compatible": chosen},
                }
            )
        )
        effort = ["--thinking", self.effort] if self.effort else []
        return await run(
            [str(command), "--json", "--auto-approve", "true", *effort, _PROMPT],
            cwd=self.directory,
            environment={
                "HOME": str(home),
                "TMPDIR": str(home),
                # Else it leaves a daemon behind that outlives it.
                "CLINE_SESSION_BACKEND_MODE": "local",
                **self.environment,
            },
        )

    @staticmethod
    def said(outcome: Outcome) -> str:
        (result,) = [line for line in _lines(outcome) if line["type"] == "run_result"]
        return str(result["text"])
