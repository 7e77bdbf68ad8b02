"""The contract of every index of codes: held, removed and found again by the caller's ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError, SearchError
from lookalike.search import store
from lookalike.search.inputs import Ids, as_codes, as_ids, whole
from lookalike.search.lookup import Lookup, Mask, Rows, fingerprints
from lookalike.search.metric import Floats, Metric, make_metric

BLOCK = 1 << 17
"""Codes that are transformed, held and compared at once; of fewer, all."""


class Neighbours(NamedTuple):
    """The nearest items of each query, nearest first; -1 and infinity where fewer than k items are held."""

    ids: Ids
    distances: Floats


class Setting(NamedTuple):
    """A whole number that a kind of index can be tuned by; a default of None is found from the codes at `fit`."""

    default: int | None
    least: int
    most: int
    at_query: bool = False


class Index(ABC):
    """Base of all indexes over codes.

    Codes are numbers of shape (N, K), a single one (K,); ids are the caller's, int64, 0 or more and unique. Distances
    are true ones in the index's metric for every kind, and a stored code that is asked for comes back at exactly 0.

    Args:
        metric: "euclidean", "cosine", "whitened" or "whitened-cosine"; what it learns, it learns at `fit`.
        settings: whole numbers by the names in the kind's `options`.

    Attributes:
        metric: the `Metric`.
        settings: the settings in force by name; those left to the index are among them after `fit`.
        held_in: the name of what holds its points, where that is not the index itself.
    """

    kind: ClassVar[str]
    options: ClassVar[dict[str, Setting]] = {}
    effort: ClassVar[str | None] = None
    """The setting that trades speed for recall when a query is answered; None where there is nothing to trade."""
    may_miss_itself: ClassVar[bool] = False
    """Whether `_search` can pass by a stored point that is asked for; equal ones are then looked up beside it."""
    links_codes: ClassVar[bool] = False
    """Whether a query walks by links of codes: it then finds the neighbours of a code that is held more surely."""
    variants: ClassVar[tuple[dict[str, int], ...]] = ({},)
    """Other settings of a query that are worth trying, each with every effort."""

    def __init__(self, metric: str = "euclidean", **settings: int | None) -> None:
        self.metric = make_metric(metric)
        self._given = {name: setting.default for name, setting in self.options.items()} | self._checked(settings)
        self.settings = self._set()
        self.held_in: str | None = None
        self._width: int | None = None
        self._ids: Ids = np.empty(0, np.int64)
        self._numbered: Lookup | None = None
        self._twins: Lookup | None = None
        self._mapped: store.Arrays | None = None

    @abstractmethod
    def _learn(self, points: Floats, count: int) -> None:
        """Learn a structure for `count` points from some of them, float32 (n, K), and hold none yet; n may be 0."""

    @abstractmethod
    def _extend(self, points: Floats) -> None:
        """Hold further points as the next rows."""

    @abstractmethod
    def _keep(self, kept: Mask) -> None:
        """Keep some rows, bool (rows,), and number them anew without gaps."""

    @abstractmethod
    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        """True squared distances float32 (Q, k), nearest first, and rows; -1 where none was found; k <= rows."""

    @abstractmethod
    def _state(self) -> store.Written:
        """The structure as arrays by name."""

    @abstractmethod
    def _restore(self, arrays: store.Arrays) -> None:
        """Take over a structure that `_state` gave; what is mapped of it may not be changed."""

    @property
    @abstractmethod
    def misses_nothing(self) -> bool:
        """Whether, as it is set, every query finds its true neighbours."""

    @property
    def most_effort(self) -> int:
        """The value of `effort` beyond which nothing more is found."""
        return 1

    def _search_all(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        """As `_search`, with nothing left out."""
        return self._search(points, k)

    def _points(self, rows: Rows) -> Floats:
        """The points of some rows; asked only where `may_miss_itself`."""
        raise NotImplementedError

    def _fingerprints(self) -> npt.NDArray[np.uint64]:
        """Those of all points, by row; asked only where `may_miss_itself`."""
        return fingerprints(self._points(np.arange(len(self))))

    def fit(self, codes: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> Self:
        """Learn the metric and the structure from codes (N, K), and hold them; what was held before is let go.

        Args:
            codes: finite numbers, (N, K).
            ids: one for each code; 0 to N - 1 by default.

        Raises:
            OptionError: codes or ids are not such.
        """
        given = as_codes(codes)
        return self.hold(make_metric(self.metric.name).fit(given), given, ids)

    def hold(self, metric: Metric, codes: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> Self:
        """As `fit`, with a metric that has learned already."""
        given = as_codes(codes)
        names = as_ids(np.arange(len(given)) if ids is None else ids, len(given))
        self.metric = metric
        self.settings = self._set()
        self._width = given.shape[1]
        self._mapped = None
        taught = sample(len(given), max(BLOCK, self.taught_by(len(given))))
        points = metric.transform(given[taught])
        self._learn(points, len(given))
        for block in blocks(len(given)):
            self._extend(points[block] if len(points) == len(given) else metric.transform(given[block]))
        self._ids, self._numbered, self._twins = names, None, None
        return self

    def taught_by(self, count: int) -> int:
        """Of how many points, of `count`, a structure is learned."""
        return 0

    @property
    def _by_id(self) -> Lookup:
        """The row of each id; made when it is first needed, which no query does."""
        if self._numbered is None:
            self._numbered = Lookup(self._ids)
        return self._numbered

    def _own(self) -> None:
        """Take into memory what is left in a file, before it changes."""
        if self._mapped is not None:
            self._restore({name: np.asarray(array) for name, array in self._mapped.items()})
            self._mapped = None

    def add(self, codes: npt.ArrayLike, ids: npt.ArrayLike) -> None:
        """Hold further codes (N, K) under new ids (N,); nothing is learned anew.

        Raises:
            OptionError: codes or ids are not such, or an id is held already.
            SearchError: the index was not fitted.
        """
        given = as_codes(codes, self._fitted_width())
        names = as_ids(ids, len(given))
        held = names[self._by_id.find(names) >= 0]
        if len(held):
            raise OptionError(f"id {held[0]} is held already; remove it first, or give the code another id")
        points = self.metric.transform(given)
        self._own()
        self._extend(points)
        self._ids = np.concatenate([self._ids, names])
        self._by_id.add(names)
        if self._twins is not None:
            self._twins.add(fingerprints(points))

    def remove(self, ids: npt.ArrayLike) -> int:
        """Let items go; returns how many of the ids were held.

        Raises:
            OptionError: the ids are no whole numbers.
            SearchError: the index was not fitted.
        """
        self._fitted_width()
        rows = self._by_id.find(whole(ids).astype(np.int64).ravel())
        kept = np.ones(len(self), np.bool_)
        kept[rows[rows >= 0]] = False
        removed = len(self) - int(kept.sum())
        if removed:
            self._own()
            self._keep(kept)
            self._ids = self._ids[kept]
            self._by_id.keep(kept)
            if self._twins is not None:
                self._twins.keep(kept)
        return removed

    def settle(self) -> None:
        """Bring what was added and removed to where the points are held; nothing, where the index itself holds them.

        Only who may change what others read there calls this; a query is right with and without it.
        """
        return

    def query(self, codes: npt.ArrayLike, k: int = 10) -> Neighbours:
        """The k nearest items of each code: ids int64 (N, k) and distances float32 (N, k), nearest first.

        Args:
            codes: finite numbers, (N, K), or one code (K,), which is taken as (1, K).
            k: how many, 1 or more; more than are held gives -1 and infinity at the end.

        Raises:
            OptionError: codes or k are not such.
            SearchError: the index was not fitted.
        """
        points = self.metric.transform(as_codes(codes, self._fitted_width()))
        if k < 1:
            raise OptionError(f"k is {k}; ask for 1 neighbour or more")
        asked = min(k, len(self))
        if not asked or not len(points):
            return _padded(Neighbours(np.empty((len(points), 0), np.int64), np.empty((len(points), 0), np.float32)), k)
        squared, rows = self._search(points, asked)
        short = rows[:, -1] < 0
        if short.any():
            squared[short], rows[short] = self._search_all(points[short], asked)
        self._put_twins_first(points, squared, rows)
        found = Neighbours(self._ids[rows], self.metric.distances(squared))
        return found if asked == k else _padded(found, k)

    def tune(self, **settings: int) -> None:
        """Change settings that act when a query is answered.

        Raises:
            OptionError: a setting is unknown, out of range, or built into the structure.
        """
        checked = self._checked(dict(settings))
        for name in checked:
            if not self.options[name].at_query:
                raise OptionError(f"{name} of an index of kind {self.kind} is built in; make another index of it")
        self._given |= checked
        self.settings |= {name: self._given[name] or 0 for name in checked}

    def __len__(self) -> int:
        """How many items are held."""
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """A copy of the ids that are held, int64, in no order that means anything."""
        return self._ids.copy()

    def save(self, folder: str | Path) -> None:
        """Write the index into a folder, atomically; an index that is there already is replaced.

        Raises:
            SearchError: the index was not fitted.
        """
        arrays: dict[str, Any] = {"ids": self._ids}
        description = {
            "kind": self.kind,
            "metric": self.metric.name,
            "given": self._given,
            "settings": self.settings,
            "width": self._fitted_width(),
            "items": len(self),
        }
        if self.held_in is not None:
            description["held_in"] = self.held_in
        arrays |= {f"metric.{name}": array for name, array in self.metric.state().items()}
        arrays |= {f"structure.{name}": array for name, array in self._state().items()}
        store.save(Path(folder), description, arrays)

    def restored(self, description: dict[str, Any], arrays: store.Arrays) -> Self:
        """Become what `save` wrote of an index of this kind; `load_index` reads every kind."""
        self.metric = Metric.from_state(description["metric"], store.part(arrays, "metric"))
        self.settings = description["settings"]
        self.held_in = description.get("held_in")
        self._width = description["width"]
        self._ids, self._numbered = arrays["ids"], None
        structure = store.part(arrays, "structure")
        self._restore(structure)
        is_mapped = any(isinstance(array, np.memmap) for array in structure.values())
        self._mapped = structure if is_mapped else None
        return self

    def _put_twins_first(self, points: Floats, squared: Floats, rows: Rows) -> None:
        """Put stored points that equal a query's at its first place, where the search has missed them."""
        missing = np.flatnonzero(squared[:, 0] > 0)
        if not self.may_miss_itself or not len(missing):
            return
        if self._twins is None:
            self._twins = Lookup(self._fingerprints())
        found = self._twins.find(fingerprints(points[missing]))
        missing, found = missing[found >= 0], found[found >= 0]
        if not len(found):
            return
        equal = (points[missing] == self._points(found)).all(axis=1)
        missing, found = missing[equal], found[equal]
        squared[missing, 1:], rows[missing, 1:] = squared[missing, :-1], rows[missing, :-1]
        squared[missing, 0], rows[missing, 0] = 0, found

    def _set(self) -> dict[str, int]:
        return {name: value for name, value in self._given.items() if value is not None}

    def _fitted_width(self) -> int:
        if self._width is None:
            raise SearchError(f"this index of kind {self.kind} has learned nothing yet; call fit with some codes")
        return self._width

    def _checked(self, settings: dict[str, int | None]) -> dict[str, int | None]:
        for name, value in settings.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise OptionError(f"an index of kind {self.kind} has no setting {name!r}; its settings: {known}")
            default, least, most, _ = self.options[name]
            if value is None and default is None:
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not least <= value <= most:
                raise OptionError(f"{name} is {value!r}; give a whole number from {least} to {most}")
        return {name: None if value is None else int(value) for name, value in settings.items()}


def blocks(count: int) -> Iterator[slice]:
    """So many rows in blocks; one, though it is empty, where there are none."""
    for start in range(0, max(count, 1), BLOCK):
        yield slice(start, min(start + BLOCK, count))


def sample(count: int, most: int) -> slice | Rows:
    """All of `count` rows, or `most` of them, evenly spaced."""
    return slice(None) if count <= most else np.arange(most) * count // most


def _padded(found: Neighbours, k: int) -> Neighbours:
    missing = ((0, 0), (0, k - found.ids.shape[1]))
    return Neighbours(
        np.pad(found.ids, missing, constant_values=-1),
        np.pad(found.distances, missing, constant_values=np.inf),
    )
