"""Folders and what is in them, drawn by indentation: a folder's path is said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

_PARTS_MAX = 30  # deeper folders are one name


class Folder:
    """Entries in the order in which they came; ``first`` and ``last`` are their lines."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.folders: dict[str, Folder] = {}
        self.first = self.last = 0  # of all entries below, and of its own files
        self.own_first = self.own_last = 0
        self.total = 0

    def add(self, path: str, line: int, said: str = "", *, folder: bool = False) -> None:
        """An entry below this folder, with its line and what is said of it."""
        path = path.replace("\\", "/")
        parts = path.lstrip("/").split("/", _PARTS_MAX)
        if path.startswith("/"):
            parts[0] = f"/{parts[0]}"
        here = self
        here._met(line)
        for at, part in enumerate(parts[:-1]):
            if part in (".", "") and (at or len(parts) > 1):
                continue
            here = here.folders.setdefault(part, Folder())
            here._met(line)
        name = parts[-1] or path
        if folder:
            here.folders.setdefault(name, Folder())._met(line, 0)
            return
        here.names.append(f"{name} {said}" if said else name)
        here.own_first = here.own_first or line
        here.own_last = line
        stem, dot, kind = name.rpartition(".")
        here.kinds[f".{kind[:12]}" if dot and stem else "others"] += 1

    def _met(self, line: int, count: int = 1) -> None:
        self.first = min(self.first or line, line)
        self.last = line
        self.total += count

    @property
    def all_kinds(self) -> Counter[str]:
        kinds = Counter(self.kinds)
        for folder in self.folders.values():
            kinds.update(folder.all_kinds)
        return kinds

    @property
    def count(self) -> int:
        return sum(1 + folder.count for folder in self.folders.values())


def drawn(root: Folder, names_max: int, depth_max: int) -> Iterator[str]:
    """Lines, one to a folder; its files behind it, ``names_max`` of them."""
    yield from _drawn("", root, 0, names_max, depth_max)


def _drawn(name: str, folder: Folder, depth: int, names_max: int, depth_max: int) -> Iterator[str]:
    inner = folder.folders
    while depth and not folder.names and len(inner) == 1 and depth < depth_max:
        (only, folder), *_ = inner.items()
        name, inner = f"{name}/{only}", folder.folders
    indent = " " * max(0, depth - 1)
    label = f"{indent}{name}/" if name else "./"
    if depth >= depth_max and inner:
        yield (
            f"{label} {folder.total} entries in {folder.count} folders"
            f" ({_told(folder.all_kinds)}) [{folder.first}-{folder.last}]"
        )
        return
    if folder.names:
        yield f"{label} {_files(folder, names_max)}"
    elif depth:
        yield label
    for part, below in inner.items():
        yield from _drawn(part, below, depth + 1, names_max, depth_max)


def _files(folder: Folder, most: int) -> str:
    names = folder.names
    # One left out would not be shorter said.
    if len(names) <= max(1, most):
        return ", ".join(names)
    shown = [*names[: most - 1], "...", names[-1]] if most else []
    where = f"{folder.own_first}-{folder.own_last}"
    return f"{len(names)} ({_told(folder.kinds)}) [{where}] {', '.join(shown)}".rstrip()


def _told(kinds: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(4))
