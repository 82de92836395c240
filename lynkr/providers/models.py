"""What is known of models: limits, prices, prompt-cache minimum, and what they can take.

``models.toml`` ships with the package and is read when the first question is asked, one kind of
provider at a time, so that a gateway which only passes bytes on never holds it. An operator's own
file (``catalog.models_file``) adds models and replaces single facts. What is not known is ``None``:
no price is ever taken for zero, and nothing is asked of a model that nobody says it can do.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from lynkr.providers.kinds import CAPABILITIES, kinds

# What may follow a model's name without making it another model: dates, versions, clouds' marks.
_SUFFIX = re.compile(
    r"(?:\[[^\]]*\]|@[\w.-]+|:\d+|-v\d+|-\d{4}-\d{2}-\d{2}|-\d{2}-\d{4}|-\d{8}|-\d{4}"
    r"|-latest|-preview)$"
)
_VARIANT = re.compile(r":[a-z]+$")  # OpenRouter's ":free": the same model at another price
_TABLE = re.compile(r'^\["?([a-z0-9-]+)"?[.\]]', re.MULTILINE)
_T = TypeVar("_T")
_PRICES_KEPT = 6  # decimals of a price after a regional surcharge


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """US dollars per million tokens. ``None``: not known, or not charged apart."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None  # kept for five minutes, or as long as the provider does
    cache_write_1h: float | None = None
    threshold: int | None = None  # with more input tokens than this, the following are charged
    input_above: float | None = None
    output_above: float | None = None
    cache_read_above: float | None = None
    cache_write_above: float | None = None
    cache_write_1h_above: float | None = None

    def times(self, factor: float) -> Prices:
        """The prices with a surcharge."""
        if factor == 1:
            return self
        given = msgspec.structs.asdict(self)
        threshold = given.pop("threshold")
        charged = {
            name: None if price is None else round(price * factor, _PRICES_KEPT)
            for name, price in given.items()
        }
        return Prices(threshold=threshold, **charged)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model as a file tells it; what it leaves out it does not say."""

    context_window: int | None = None
    output_tokens_max: int | None = None
    prices: Prices | None = None
    cache_tokens_min: int | None = None
    capabilities: list[str] | None = None
    regional: bool | None = None  # whether the section's surcharges apply
    retires: str | None = None
    source: str | None = None
    checked: str | None = None


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The models of one kind of provider. ``models`` maps an id, or its beginning and ``*``."""

    source: str = ""  # of every model here that names none
    checked: str = ""
    like: list[str] = []  # kinds whose models are the same here, at the same prices
    like_unpriced: list[str] = []  # kinds whose models are the same, at prices of their own
    prefixes: dict[str, float] = {}  # what ids may begin with here, and the surcharge it stands for
    models: dict[str, Entry] = {}


class ModelFacts(msgspec.Struct, frozen=True):
    """What is known of one model at one kind of provider."""

    id: str  # the entry's own, which may be shorter than what was asked for
    context_window: int | None  # the most input tokens it takes
    output_tokens_max: int | None
    prices: Prices | None
    cache_tokens_min: int | None  # a shorter prefix is not cached
    capabilities: frozenset[str]
    retires: str  # the day it is announced to end, or ""
    source: str
    checked: str


class Shelf:
    """One section, with its models found by id."""

    def __init__(self, section: Section) -> None:
        self.section = section
        # Clouds write claude-opus-4.8 and gpt-5-5: points and dashes count as the same.
        self._ids = {_plain(name): name for name in section.models if not name.endswith("*")}
        self._beginnings = sorted(
            (name for name in section.models if name.endswith("*")), key=len, reverse=True
        )

    def exact(self, name: str) -> str | None:
        return self._ids.get(_plain(name))

    def beginning(self, name: str) -> str | None:
        """The longest entry that ends in ``*`` and fits."""
        return next((key for key in self._beginnings if name.startswith(key[:-1])), None)


Own = Mapping[str, Shelf]  # an operator's file, by kind


def _plain(name: str) -> str:
    return name.replace(".", "-")


def _texts() -> dict[str, str]:
    """The shipped file, cut at its kinds."""
    text = Path(__file__).with_name("models.toml").read_text("utf-8")
    starts: dict[str, int] = {}
    for table in _TABLE.finditer(text):
        starts.setdefault(table[1], table.start())
    ends = [*list(starts.values())[1:], len(text)]
    return {kind: text[start:end] for (kind, start), end in zip(starts.items(), ends, strict=True)}


@functools.cache
def _shipped(kind: str) -> Shelf | None:
    text = _texts().get(kind)
    if text is None:
        return None
    return Shelf(msgspec.convert(tomllib.loads(text)[kind], Section))


def own_models(path: str) -> Own:
    """An operator's file. Raises ``ValueError`` with what is wrong with it."""
    if not path:
        return {}
    try:
        text = Path(path).expanduser().read_text("utf-8-sig")
        sections = msgspec.convert(tomllib.loads(text), dict[str, Section])
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    for kind, section in sections.items():
        if kind not in kinds():
            raise ValueError(f"knows a kind {kind!r} that is not in the catalog")
        for name, entry in section.models.items():
            if unknown := sorted({*(entry.capabilities or ())} - CAPABILITIES):
                raise ValueError(f"{kind}.models.{name}: unknown capability {unknown[0]!r}")
    return {
        kind: Shelf(msgspec.structs.replace(section, source=section.source or path))
        for kind, section in sections.items()
    }


class _Hit(NamedTuple):
    """An entry that answers for a model, and what its prices are worth here."""

    id: str
    entry: Entry
    section: Section
    factor: float
    priced: bool

    @property
    def prices(self) -> Prices | None:
        if self.entry.prices is None or not self.priced:
            return None
        return self.entry.prices.times(self.factor if self.entry.regional else 1)


def facts(kind: str, model: str, own: Own | None = None) -> ModelFacts | None:
    """What is known of a model; what an operator's ``own`` file says counts more, field by field.

    The id itself is looked for first, then the id without date, version or region, then the
    longest entry that ends in ``*``.
    """
    own = own or {}
    sections = [shelf.section for shelf in (own.get(kind), _shipped(kind)) if shelf is not None]
    places = _places(kind, sections)
    asked = _asked(model, sections)
    found = (_hit(asked, places, shelf_of) for shelf_of in (own.get, _shipped))
    hits = [hit for hit in found if hit is not None]
    if not hits:
        return None
    return ModelFacts(
        id=hits[0].id,
        context_window=_first(hit.entry.context_window for hit in hits),
        output_tokens_max=_first(hit.entry.output_tokens_max for hit in hits),
        prices=_first(hit.prices for hit in hits),
        cache_tokens_min=_first(hit.entry.cache_tokens_min for hit in hits),
        capabilities=frozenset(_first(hit.entry.capabilities for hit in hits) or ()),
        retires=_first(hit.entry.retires for hit in hits) or "",
        source=hits[0].entry.source or hits[0].section.source,
        checked=hits[0].entry.checked or hits[0].section.checked,
    )


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def all_facts(kind: str, own: Own | None = None, *, shared: bool = False) -> list[ModelFacts]:
    """Every entry of a kind; with ``shared`` also those that it has in common with other kinds."""
    own = own or {}
    sections = [shelf.section for shelf in (_shipped(kind), own.get(kind)) if shelf is not None]
    names: dict[str, None] = {}
    for place, _ in _places(kind, sections)[: None if shared else 1]:
        for shelf in (_shipped(place), own.get(place)):
            names |= dict.fromkeys(shelf.section.models if shelf is not None else ())
    return [found for name in names if (found := facts(kind, name, own)) is not None]


def _places(kind: str, sections: list[Section]) -> list[tuple[str, bool]]:
    """The kinds to look in, the own one first, and whether their prices hold here."""
    places = {kind: True}
    for section in sections:
        places |= dict.fromkeys(section.like, True) | dict.fromkeys(section.like_unpriced, False)
    return list(places.items())


def _asked(model: str, sections: list[Section]) -> list[tuple[str, float]]:
    """The name as it was asked for, and without what this kind puts before names."""
    asked = {model: 1.0}
    for section in sections:
        for prefix, factor in section.prefixes.items():
            if model.startswith(prefix):
                asked.setdefault(model.removeprefix(prefix), factor)
    return list(asked.items())


def _hit(
    asked: list[tuple[str, float]],
    places: list[tuple[str, bool]],
    shelf_of: Callable[[str], Shelf | None],
) -> _Hit | None:
    shelves = [(found, priced) for kind, priced in places if (found := shelf_of(kind)) is not None]
    for name, factor in asked:
        for variant, same_price in _variants(name):
            for shelf, priced in shelves:
                if (key := shelf.exact(variant)) is not None:
                    entry = shelf.section.models[key]
                    return _Hit(key, entry, shelf.section, factor, priced and same_price)
    for name, factor in asked:
        for shelf, priced in shelves:
            if (key := shelf.beginning(name)) is not None:
                return _Hit(key, shelf.section.models[key], shelf.section, factor, priced)
    return None


def _variants(name: str) -> Iterator[tuple[str, bool]]:
    """The name, then what is left of it without suffixes, and whether the price is the same."""
    same_price = True
    while name:
        yield name, same_price
        cut = _SUFFIX.search(name)
        if cut is None:
            cut = _VARIANT.search(name)
            same_price = False
        name = name[: cut.start()] if cut is not None else ""
