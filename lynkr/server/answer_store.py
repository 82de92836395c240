"""What the configuration names for the cache: the store of answers, a file of this host or Redis
for several, and the model that compares questions."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from lynkr.config.encryption_key import parse_key
from lynkr.config.settings import Settings
from lynkr.errors import Problem
from lynkr.stores.answers import AnswerStore
from lynkr.stores.seal import Seal

FILE = "answers.db"
MODEL_FILES = ("config.json", "tokenizer.json", "model.safetensors")
REFERENCE = "model2vec"  # loads what the compiled model cannot


def opener(settings: Settings) -> Callable[[], AnswerStore]:
    """What opens the store; called by the keeper's threads, again after each failure. Raises
    ``ValueError`` for an encryption key that is none."""
    cache, url = settings.cache, settings.storage.shared_url
    key = cache.encryption_key
    seal = Seal(parse_key(key)) if key else None
    path = Path(settings.server.state_dir).expanduser() / FILE

    def open_store() -> AnswerStore:
        if url:
            from lynkr.stores.answers_redis import RedisAnswers

            return RedisAnswers(
                url,
                entries_per_scope_max=cache.entries_per_key_max,
                bytes_max=cache.store_bytes_max,
                seal=seal,
            )
        from lynkr.stores.answers_sqlite import SqliteAnswers

        return SqliteAnswers(
            path,
            entries_per_scope_max=cache.entries_per_key_max,
            bytes_max=cache.store_bytes_max,
            seal=seal,
        )

    return open_store


def graphs_folder(settings: Settings) -> Path:
    """Where the graphs of large partitions wait for the next start."""
    return Path(settings.server.state_dir).expanduser() / "graphs"


def wants_questions(settings: Settings) -> bool:
    """Whether somebody was given answers to reworded questions by name, not by the default."""
    return "semantic" in (settings.cache.mode, *(key.cache for key in settings.auth.keys))


def worth_following(settings: Settings) -> bool:
    """Whether there may be answers already, of an earlier run or of other hosts."""
    modes = {settings.cache.mode, *(key.cache for key in settings.auth.keys)} - {"", "off"}
    path = Path(settings.server.state_dir).expanduser() / FILE
    return bool(modes) and (bool(settings.storage.shared_url) or path.exists())


def check(settings: Settings) -> list[Problem]:
    """What is wrong with the folder of the embedding model, if one is named.

    A model that the compiled code reads is loaded; of another one only its files are looked at,
    because what loads it starts threads, and this runs in processes that fork.
    """
    folder = settings.cache.model_dir
    fault = _model_fault(Path(folder).expanduser()) if folder else None
    return [] if fault is None else [Problem("cache.model_dir", *fault, folder)]


def _model_fault(path: Path) -> tuple[str, str] | None:
    """The reason, and what mends it."""
    if not path.is_dir():
        return "there is no such folder", f"name one that {REFERENCE} has saved a model into"
    missing = [name for name in MODEL_FILES[1:] if not (path / name).is_file()]
    if missing:
        return f"has no {missing[0]}", f"name a folder that {REFERENCE} has saved a model into"
    from lynkr._native.embed import StaticModel

    try:
        StaticModel.load(str(path))
    except ValueError as error:
        if find_spec(REFERENCE) is None:
            return (
                f"cannot be read without the package {REFERENCE}: {error}",
                f"install {REFERENCE}, or name a model with a WordPiece tokenizer such as BERT's",
            )
        if not (path / MODEL_FILES[0]).is_file():
            return (
                f"has no {MODEL_FILES[0]}, which {REFERENCE} needs: {error}",
                f"name a folder that {REFERENCE} has saved a model into",
            )
    return None
