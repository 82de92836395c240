"""The worker's cache of answers: what it holds, what it tells the other workers, and how far its
semantic half is to be trusted.

Everything that a call asks is in memory. The keeper's threads write to the store and bring what
other workers wrote; a store that is down costs answers, never a call.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from lynkr._native.embed import StaticModel
from lynkr._native.nearest import quantised
from lynkr.config.settings import Cache
from lynkr.gateway.flights import Flights
from lynkr.gateway.replay import Content
from lynkr.policies.false_hits import Bar, Ledger, sampled
from lynkr.policies.questions.guard import RULES
from lynkr.stores.answers import ID_PREFIX, Answer, Change, Dropped, Sighting
from lynkr.stores.index import SCAN_MAX
from lynkr.stores.shelf import Entry, Shelf
from lynkr.transforms.tools.nearness import packaged

TAKEN_AT_ONCE = 16  # changes of others put in place per turn of the loop; each takes some 30 us
NOTED_MAX = 1000
GONE_MAX = 10_000
NEIGHBOUR = 0.92  # cosine above which an answer falls with one that was wrong
UNWRITTEN_S = 60.0  # an answer younger than this may still be on its way to the store
FETCH_WAIT_S = 0.05  # for a content on disk or in Redis; then the call is sent
DIM = 256  # of the model that ships with lynkr
DRAWN_AT_ONCE = 256  # ids
CONTENT_COST = 400  # bytes of an answer's content in memory, beside the content


class Words(msgspec.Struct, frozen=True):
    """A question as it is compared."""

    text: str  # in canonical words
    features: bytes
    vector: bytes  # int8 per dimension
    against: str = ""  # why no other wording may answer it; then there is nothing else


class Keeper(Protocol):
    """The way to the store; nothing here waits."""

    @property
    def connected(self) -> bool: ...
    def start(self) -> None: ...
    def put(self, answer: Answer, content: bytes) -> None: ...
    def drop(self, ids: Sequence[str]) -> None: ...
    def note(self, sighting: Sighting) -> None: ...
    def fetch(self, scope: bytes, id_: str, done: Callable[[bytes | None], None]) -> None: ...


class Counts:
    """What this worker has seen; shown by ``/v1/cache/stats`` and ``/metrics``."""

    __slots__ = ("disagreed", "feedback", "refused", "shadows", "stored", "unfetched")

    def __init__(self) -> None:
        self.stored = 0
        self.shadows = 0
        self.disagreed = 0
        self.feedback = 0
        self.unfetched = 0
        self.refused: dict[str, int] = {}  # why replies were not kept


class Answers:
    """One worker's. ``keeper`` ``None``: in memory only, as for ``lynkr explain``."""

    def __init__(self, settings: Cache, keeper: Keeper | None = None) -> None:
        self.settings = settings
        self.flights = Flights()
        self.counts = Counts()
        self._keeper = keeper
        self._drawn: list[str] = []  # ids
        self._model: Any = None  # a StaticModel, or what else embeds
        self.words: dict[str, Words] = {}  # of questions asked lately
        self._shelf: Shelf | None = None
        self._arriving: deque[Change] = deque()
        self._taking = False
        self._unsettled = False  # graphs were read, and not all of the store's entries yet
        self._placed: list[Callable[[], object]] = []
        self.ledger = Ledger()
        self._gone: dict[str, None] = {}  # forgotten here
        self._noted: dict[Sighting, None] = {}  # that the log will bring back
        self.configure(settings)

    def configure(self, settings: Cache) -> None:
        """Other settings from here on. The model and the sizes of what is held stay."""
        model_dir = self.settings.model_dir  # its vectors are what was kept
        self.settings = msgspec.structs.replace(settings, model_dir=model_dir)
        self.flights.reply_bytes_max = settings.reply_bytes_max

    def start(self) -> None:
        """Begin to follow the store, if that has not begun."""
        if self._keeper is not None:
            self._keeper.start()

    def restore(self, folder: Path) -> None:
        """Read the graphs of large partitions, as they were saved, before the store's entries
        arrive: adding their vectors one by one takes minutes."""
        if self.settings.entries_max > SCAN_MAX:
            self._unsettled = self.shelf.index.load(folder) > 0

    def save(self, folder: Path) -> None:
        """For the next ``restore``. Raises ``OSError``."""
        if self._shelf is not None and self.settings.entries_max > SCAN_MAX:
            self._shelf.index.save(folder)

    # --- vectors ----------------------------------------------------------------------------

    @property
    def model(self) -> Any:
        if self._model is None:
            folder = self.settings.model_dir
            self._model = load_model(folder) if folder else packaged()
        return self._model

    @property
    def dim(self) -> int:
        """Of vectors; the built-in model need not be loaded to know its own."""
        return int(self.model.dim) if self.settings.model_dir else DIM

    def vector(self, text: str) -> bytes:
        """A text's embedding, one int8 per dimension."""
        return quantised(self.model.embed(text.encode("utf-8", "replace")))

    @property
    def shelf(self) -> Shelf:
        if self._shelf is None:
            settings = self.settings
            self._shelf = Shelf(
                entries_max=settings.entries_max,
                entries_per_scope_max=settings.entries_per_key_max,
                contents_bytes_max=settings.memory_bytes_max,
                dim=self.dim,
            )
        return self._shelf

    @property
    def evicted_total(self) -> int:
        return 0 if self._shelf is None else self._shelf.evicted_total

    def new_id(self) -> str:
        """Drawn many at a time: each draw lets go of the GIL, and the keeper's threads take it."""
        if not self._drawn:
            digits = secrets.token_hex(8 * DRAWN_AT_ONCE)
            self._drawn = [digits[at : at + 16] for at in range(0, len(digits), 16)]
        return ID_PREFIX + self._drawn.pop()

    # --- answers ----------------------------------------------------------------------------

    def keep(self, answer: Answer, content: bytes, now: float) -> None:
        """Keep an answer: here at once, elsewhere through the store."""
        self.start()
        entry = self.shelf.put(answer, None, now)
        if entry is None:
            return
        self.shelf.hold(entry, Content(content), len(content) + CONTENT_COST)
        self.counts.stored += 1
        if self._keeper is not None:
            self._keeper.put(answer, content)

    def content(self, entry: Entry) -> Content | None:
        """The content of an answer, if it is at hand."""
        found = self.shelf.content(entry)
        assert found is None or isinstance(found, Content)
        return found

    def fetch(self, entry: Entry, done: Callable[[Content | None], None]) -> None:
        """Ask the store for a content. ``done`` is called in a later turn of the loop, in any
        case within ``FETCH_WAIT_S``."""
        loop = asyncio.get_running_loop()
        told = False

        def arrived(raw: bytes | None) -> None:
            nonlocal told
            content = None if raw is None else Content(raw)
            if content is not None and raw is not None:
                self.shelf.hold(entry, content, len(raw) + CONTENT_COST)
            if not told:
                told = True
                timer.cancel()
                if content is None:
                    self.counts.unfetched += 1
                done(content)

        timer = loop.call_later(FETCH_WAIT_S, arrived, None)
        if self._keeper is None:
            loop.call_soon(arrived, None)
            return
        self._keeper.fetch(entry.scope, entry.id, lambda raw: _tell(loop, arrived, raw))

    def forget(self, ids: Sequence[str]) -> int:
        """Serve these no longer, here at once and elsewhere within a second."""
        for id_ in ids:
            self._gone[id_] = None
        while len(self._gone) > GONE_MAX:
            del self._gone[next(iter(self._gone))]
        dropped = self.shelf.drop(ids)
        if self._keeper is not None and ids:
            self._keeper.drop(ids)
        return dropped

    def wrong(self, entry: Entry, similarity: float, now: float) -> list[str]:
        """A client says that an answer is wrong: it goes, and so do its near neighbours. Gives the
        ids of all that went."""
        ids = [entry.id]
        if entry.partition:
            ids += [near.id for near in self.shelf.near(entry, NEIGHBOUR)]
            self.note(
                Sighting(
                    entry.id, entry.scope, entry.partition, similarity, 1.0, False, "feedback", now
                )
            )
        self.counts.feedback += 1
        self.forget(ids)
        return ids

    # --- trust ------------------------------------------------------------------------------

    def note(self, sighting: Sighting) -> None:
        """An answer was compared with a fresh one, or called wrong."""
        self.ledger.add(sighting.scope, sighting.partition, sighting)
        self._noted[sighting] = None
        if len(self._noted) > NOTED_MAX:
            del self._noted[next(iter(self._noted))]
        if sighting.source != "feedback":
            self.counts.shadows += 1
            self.counts.disagreed += not sighting.agreed
        if self._keeper is not None:
            self._keeper.note(sighting)

    def bar(self, scope: bytes, partition: bytes, max_false_hit: float) -> Bar:
        """What an answer must reach to be served in this partition."""
        floor = RULES[self.settings.rule].similarity_min
        return self.ledger.bar(scope, partition, max_false_hit, floor, time.time())

    def samples(self, scope: bytes, partition: bytes) -> bool:
        """Whether this hit is to be compared with a fresh answer."""
        base = self.settings.shadow_rate
        drawn = random.random()  # noqa: S311  # a sample, not a secret
        return base > 0 and sampled(self.ledger.rate(scope, partition, base), drawn)

    # --- what other workers wrote -----------------------------------------------------------

    def arrived(self, changes: Sequence[Change], placed: Callable[[], object]) -> None:
        """Changes from the log, on the event loop; put in place a few at a time. ``placed`` is
        called when all are."""
        self._arriving.extend(changes)
        self._placed.append(placed)
        if not self._taking:
            self._taking = True
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        now = time.time()
        for _ in range(min(TAKEN_AT_ONCE, len(self._arriving))):
            change = self._arriving.popleft()
            if isinstance(change, Answer):
                if change.id in self._gone:
                    continue  # it was on its way here when it was forgotten
                self.shelf.put(change, None, now)
            elif isinstance(change, Dropped):
                self.shelf.drop(change.ids)
            elif self._noted.pop(change, change) is change:  # not one of our own, come back
                self.ledger.add(change.scope, change.partition, change)
        if self._arriving:
            asyncio.get_running_loop().call_soon(self._take)
            return
        self._taking = False
        if self._unsettled and self._keeper is not None and self._keeper.connected:
            self._unsettled = False
            self.shelf.index.settle()
        placed, self._placed = self._placed, []
        for tell in placed:
            tell()

    def renewed(self, living: frozenset[str], now: float) -> None:
        """All ids that the store has. Others may have been dropped while nobody listened; only
        what was kept just now may not be there yet."""
        gone = [
            entry.id
            for entry in self.shelf.entries(None)
            if entry.id not in living and entry.stored_at < now - UNWRITTEN_S
        ]
        self.shelf.drop(gone)


def _tell(
    loop: asyncio.AbstractEventLoop, arrived: Callable[[bytes | None], None], raw: bytes | None
) -> None:
    """From a thread; the loop may have ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(arrived, raw)


def load_model(folder: str) -> Any:
    """A static embedding model of the user's own: compiled if its tokenizer is BERT's, else by
    model2vec. Raises ``OSError``, ``ValueError``, ``ImportError``."""
    path = Path(folder).expanduser()
    try:
        return StaticModel.load(str(path))
    except ValueError:
        return _Reference(path)


class _Reference:
    """model2vec's own class, with the same face."""

    def __init__(self, path: Path) -> None:
        from model2vec import StaticModel as Reference

        self._model = Reference.from_pretrained(str(path))
        self.dim = int(self._model.dim)

    def embed(self, text: bytes) -> bytes:
        import numpy

        vector = self._model.encode([text.decode("utf-8", "replace")])[0]
        return numpy.asarray(vector, numpy.float32).tobytes()
