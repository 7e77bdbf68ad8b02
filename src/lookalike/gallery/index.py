"""The index beside the catalog: chosen and measured by an update, caught up by whoever finds it of another moment.

An index knows the ids it holds. Whatever the catalog names in addition is added in memory, whatever it no longer
names is removed, so that an index may be of any moment: before an update that was cut off, or one that goes on now.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.data.images import Pixels
from lookalike.errors import OptionError, SearchError
from lookalike.gallery.catalog import LISTING, Catalog
from lookalike.gallery.storage import named_by, storage_of, store_of
from lookalike.gallery.stores import Named
from lookalike.gallery.view import Floats, View
from lookalike.search.index import Index, Kinds, index_class, load_index
from lookalike.search.inputs import Ids
from lookalike.search.metric import Metric
from lookalike.search.recall import choose, keep_promise
from lookalike.search.report import Report

METRIC, METHOD, RECALL = "whitened-cosine", "auto", 0.95
"""Where nothing else is asked: the metric that finds the same person most often (`lookalike bench quality`), any kind
of index, and the recall that is promised."""
K = 10
"""Neighbours that the recall promise speaks of."""
PROBES = 1000
MUCH = 1.5
"""A gallery that is this many times larger, or smaller, than when its index was chosen is chosen for anew."""
_log = logging.getLogger(__name__)


class Wish(NamedTuple):
    """What is asked of an index: its metric, its kind or "auto", and the mean recall@10 it is to keep."""

    metric: str
    method: str
    recall: float

    def but(self, metric: str | None, method: str | None, recall: float | None, kinds: Kinds) -> Wish:
        """The same, but for what is given; `kinds` are those that can be had.

        Raises:
            OptionError: the recall is out of range, or the method unknown.
        """
        wish = Wish(
            metric or self.metric,
            self.method if method is None else method,
            self.recall if recall is None else recall,
        )
        if not 0 < wish.recall <= 1:
            raise OptionError(f"recall is {wish.recall:g}; give a share above 0 and up to 1, such as 0.95")
        if wish.method != METHOD and wish.method not in kinds:
            raise OptionError(f"method {wish.method!r} is unknown; give one of {METHOD}, {', '.join(kinds)}")
        return wish

    def among(self, kinds: Kinds) -> Wish:
        """The same, of any kind where the one that was asked for cannot be had."""
        return self if self.method in kinds else self._replace(method=METHOD)


def index_of(catalog: Catalog, folder: Path, view: View) -> Index:
    """The index over exactly the view's items; an exact one in memory where there is none on disk, or a damaged one."""
    found = _load(catalog, folder)
    if found is None:
        return index_class("exact")(wish_of(catalog).metric).fit(view.codes, view.ids)
    index, about = found
    if not _is_of(about, view):
        _catch_up(index, view)
    return index


def wish_of(catalog: Catalog) -> Wish:
    """What is asked of this gallery's index."""
    return Wish(*catalog.fact("wish"))


def maintain(
    catalog: Catalog,
    folder: Path,
    view: View,
    encode: Callable[[Pixels], Floats],
    wish: Wish,
    *,
    seed: int,
    say: Callable[[str], None] | None,
    learned: Metric | None = None,
) -> Report:
    """Bring the index to the view's items and measure it; another setting, or another index, where it fell short.

    An index that is chosen anew learns its metric, unless one that has `learned` is given.
    """
    about, kinds = catalog.fact("index"), store_of(catalog, folder).kinds
    probes = _probes(catalog, view, encode, seed)
    found = None
    if about is not None and list(wish) == catalog.fact("wish") and is_alike(about["chosen_for"], len(view.ids)):
        found = _load(catalog, folder)
    if found is None:
        chosen_for = len(view.ids)
        metric = wish.metric if learned is None else learned
        asked: dict[str, Any] = {"metric": metric, "recall": wish.recall, "k": K, "method": wish.method}
        queries = probes.codes if probes.own is None else None
        index, report = choose(view.codes, view.ids, **asked, queries=queries, seed=seed, progress=say, kinds=kinds)
    else:
        index, about = found
        chosen_for, report = about["chosen_for"], Report(**{**about["report"], "trials": ()})
        if _is_of(about, view):
            return report
        if not _catch_up(index, view):
            with catalog.transaction():
                catalog.set_fact("index", {**about, LISTING: view.listing.file})
            return report
        index.settle()
        held = view.codes, view.ids, probes.codes, report
        index, report = keep_promise(index, *held, own=probes.own, seed=seed, progress=say, kinds=kinds)
    about = {"chosen_for": chosen_for, "report": report.as_json(), LISTING: view.listing.file}
    _save(catalog, folder, index, wish, about)
    return report


def remove_leftovers(catalog: Catalog, folder: Path, before: Named | None = None) -> None:
    """Remove rows and indexes that the catalog does not name: replaced ones, or what a call left that was cut off."""
    about = catalog.fact("index") or {}
    storage_of(catalog, folder).clean(catalog.fact("rows"), about.get("held_in"), before)
    for path in folder.glob("index-*"):
        if path.name != about.get("folder"):
            shutil.rmtree(path, ignore_errors=True)


def _is_of(about: dict[str, Any], view: View) -> bool:
    """Whether an index is known to hold exactly the view's items."""
    return view.listing.file is not None and about.get(LISTING) == view.listing.file


def _load(catalog: Catalog, folder: Path) -> tuple[Index, dict[str, Any]] | None:
    """The index that the catalog names, and what it knows of it."""
    for _ in range(3):
        about = catalog.fact("index")
        if about is None:
            return None
        path = folder / about["folder"]
        try:
            return load_index(path, store_of(catalog, folder).kinds), about
        except (SearchError, OSError) as error:
            if (catalog.fact("index") or {}).get("folder") != about["folder"]:
                continue  # an update has replaced it meanwhile
            _log.warning("%s cannot be read (%s); the search is exact until the next update", path, error)
            return None
    return None


def _catch_up(index: Index, view: View) -> bool:
    """Remove and add what makes the index hold the view's items; whether there was anything."""
    if np.array_equal(index.ids, view.ids):
        return False
    gone = np.setdiff1d(index.ids, view.ids)
    new = np.setdiff1d(view.ids, index.ids)
    if len(gone):
        index.remove(gone)
    if len(new):
        places = view.places(new)
        index.add(view.all_codes[view.rows[places]], view.ids[places])
    return bool(len(gone) or len(new))


def _save(catalog: Catalog, folder: Path, index: Index, wish: Wish, about: dict[str, Any]) -> None:
    """Write the index to a folder of its own, then let the catalog name it, then remove the one before."""
    number = int((catalog.fact("index") or {"folder": "index-0"})["folder"].partition("-")[2]) + 1
    path, before = folder / f"index-{number}", named_by(catalog)
    shutil.rmtree(path, ignore_errors=True)
    index.save(path)
    with catalog.transaction():
        catalog.set_fact("index", {**about, "folder": path.name, "held_in": index.held_in})
        catalog.set_fact("wish", list(wish))
        if index.held_in != before.held_in:  # who has the one before in hand is to let it go
            catalog.next_generation(same_items=True)
    remove_leftovers(catalog, folder, before)


class Probes(NamedTuple):
    """What the recall is measured by: codes (Q, K), and the ids (Q,) of the items that they are, if they are held."""

    codes: Floats
    own: Ids | None


def _probes(catalog: Catalog, view: View, encode: Callable[[Pixels], Floats], seed: int) -> Probes:
    """Codes of mirrored copies, which were never stored, of up to 1,000 pictures; kept with the gallery.

    Codes alone cannot be mirrored: they are asked for as they are, and do not count as their own neighbours.
    """
    kept, own = catalog.array("probes"), catalog.array("probes_own")
    if kept is not None and is_alike(catalog.fact("probes_drawn_for"), len(view.ids)):
        if view.has_pictures:
            return Probes(kept.astype(np.float32), None)
        if own is not None:
            return Probes(kept.astype(np.float32), own.astype(np.int64))
    generator = np.random.default_rng(seed)
    places = np.sort(generator.choice(len(view.ids), min(len(view.ids), PROBES), replace=False))
    if view.has_pictures:
        probes = Probes(encode(np.ascontiguousarray(view.all_pixels[view.rows[places]][:, :, ::-1])), None)
    else:
        probes = Probes(view.codes_at(places), view.ids[places])
    with catalog.transaction():
        catalog.set_array("probes", probes.codes)
        if probes.own is not None:
            catalog.set_array("probes_own", probes.own)
        catalog.set_fact("probes_drawn_for", len(view.ids))
    return probes


def is_alike(then: int, now: int) -> bool:
    """Whether a gallery of `now` pictures has not changed much since it had `then`."""
    return then <= now * MUCH and now <= then * MUCH
