"""The store of answers that the configuration names: a file of this host, or Redis for several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lynkr.config.settings import Settings
from lynkr.stores.answers import AnswerStore
from lynkr.stores.seal import Seal, parse_key

FILE = "answers.db"


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


def worth_following(settings: Settings) -> bool:
    """Whether there may be answers already, of an earlier run or of other hosts."""
    modes = {settings.cache.mode, *(key.cache for key in settings.auth.keys)} - {"", "off"}
    path = Path(settings.server.state_dir).expanduser() / FILE
    return bool(modes) and (bool(settings.storage.shared_url) or path.exists())
