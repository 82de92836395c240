"""What the kernel knows about a program and all its processes: time on CPU, memory.

CPU time is read from `schedstat`, in nanoseconds, because `stat` counts in ticks of 10 ms
and guesses how they split between user and system. It is
the sum over every thread of every process of the session: nginx's master and lynkr's supervisor
count. What the kernel does for a socket in the sender's context counts for the sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stat:
    pid: int
    parent: int
    session: int


def parse_stat(text: str) -> Stat:
    # The name may itself hold spaces and parentheses: count from the last one.
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(pid=int(pid), parent=int(fields[1]), session=int(fields[3]))


@dataclass(frozen=True, slots=True)
class Cpu:
    """Time on a core, and time spent runnable while someone else had the core."""

    used_ns: int
    waited_ns: int

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.used_ns + other.used_ns, self.waited_ns + other.waited_ns)

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.used_ns - other.used_ns, self.waited_ns - other.waited_ns)


def parse_schedstat(text: str) -> Cpu:
    used_ns, waited_ns, _slices = text.split()
    return Cpu(int(used_ns), int(waited_ns))


def parse_rollup_kb(text: str, key: str) -> int:
    for line in text.splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise ValueError(f"no {key} in smaps_rollup")


def processes_of(session: int) -> list[Stat]:
    """Every process of the session, and every descendant that has left it."""
    everyone: list[Stat] = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                everyone.append(parse_stat((entry / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended while we looked
    return family(everyone, session)


def family(everyone: list[Stat], session: int) -> list[Stat]:
    members = {one.pid for one in everyone if one.session == session or one.pid == session}
    while True:
        joined = {one.pid for one in everyone if one.parent in members} - members
        if not joined:
            return [one for one in everyone if one.pid in members]
        members |= joined


def cpu(session: int) -> Cpu:
    total = Cpu(0, 0)
    for process in processes_of(session):
        for task in (PROC / str(process.pid) / "task").glob("*/schedstat"):
            try:
                total += parse_schedstat(task.read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total


@dataclass(frozen=True, slots=True)
class Memory:
    total_kb: int
    worker_kb: int  # the largest process: a worker, not its supervisor


def memory(session: int) -> Memory:
    sizes = [
        parse_rollup_kb((PROC / str(process.pid) / "smaps_rollup").read_text(), "Rss")
        for process in processes_of(session)
    ]
    return Memory(total_kb=sum(sizes), worker_kb=max(sizes))
