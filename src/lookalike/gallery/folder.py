"""The gallery's folder: begun once, written by one process at a time, and kept from growing without end."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike.data.framing import Framing
from lookalike.errors import GalleryError, MissingExtraError
from lookalike.gallery import index as indexes
from lookalike.gallery import listing, stores
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.index import METHOD, METRIC, RECALL, Wish
from lookalike.gallery.schema import VERSION
from lookalike.gallery.storage import named_by, storage_of
from lookalike.gallery.view import View
from lookalike.models.sharp import sharp_digest
from lookalike.models.store import read_description

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

_log = logging.getLogger(__name__)

CATALOG = "catalog.sqlite"
MODEL = "model"
WRITTEN = (MODEL, "codes-*.bin", "pixels-*.bin", "index-*", "listing-*.npz")
"""What a gallery's folder comes to hold beside its catalog, as patterns."""
ACROSS_METRIC = "cosine"
"""Where texts have codes too: these lie apart from those of pictures, and whitening by pictures would blow that up."""
COMPACT_FROM = 1000
"""Rows that nobody names; fewer are not worth a rewriting."""


def open_catalog(
    folder: Path, model: Autoencoder | None, metric: str | None, *, store: str | None = None, create: bool
) -> Catalog:
    """The catalog of a gallery, begun where there is none; a model that is given is that of its codes.

    Raises:
        GalleryError: there is none and it may not be begun, or it is another model's, or damaged, or its codes are in
            another store than the one that is given.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        what = "a file" if folder.exists() else "a link that leads nowhere"
        raise GalleryError(f"{folder} is {what}; give a folder for the gallery")
    if not (folder / CATALOG).is_file() and (model is None or not create):
        raise GalleryError(f"{folder} holds no gallery; {build_with(folder)}")
    if not (folder / CATALOG).is_file():
        _expect_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    catalog = Catalog(folder / CATALOG)
    try:
        if catalog.version == 0:
            if model is None or not create:
                raise GalleryError(f"{folder} holds no gallery; {build_with(folder)}")
            catalog.close()
            _begin(folder, model, metric or (ACROSS_METRIC if model.has_text else METRIC), store or stores.DEFAULT)
            catalog = Catalog(folder / CATALOG)
        _bring_up_to_date(catalog, folder)
        if model is not None and model.digest != catalog.fact("model"):
            kind, size = catalog.fact("kind"), catalog.fact("code_size")
            raise GalleryError(
                f"{folder} holds the codes of another model ({kind}, code {size}); give the model it was built with, "
                "or build this one's gallery in another folder"
            )
        if store is not None and not stores.is_same(store, catalog.fact("store")):
            raise GalleryError(
                f"the codes of {folder} are in the store {stores.told_of(catalog.fact('store'))}; move them with: "
                f"lookalike gallery move {folder} --store {store}"
            )
    except BaseException:
        catalog.close()
        raise
    return catalog


def _expect_free(folder: Path) -> None:
    """Refuse a folder in which something lies that a new gallery would write over.

    What a beginning that was cut off has left is not taken for that: the catalog is there before all else.
    """
    for path in sorted(path for pattern in WRITTEN for path in folder.glob(pattern)):
        raise GalleryError(f"{folder} already holds {path.name}, which a gallery would write over; give another folder")


def _bring_up_to_date(catalog: Catalog, folder: Path) -> None:
    """Upgrade a catalog of an older version; it is read as it is where another process updates or nobody may write."""
    if catalog.version == VERSION:
        return
    try:
        with only_writer(folder):
            catalog.upgrade()
    except (GalleryError, OSError) as error:
        _log.info("%s stays of version %d for now: %s", catalog.path, catalog.version, error)


def build_with(folder: Path) -> str:
    """The remedy where a gallery is missing."""
    return f"build one with: lookalike index RUN DATA --gallery {folder}"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the gallery's lock, which the system releases even when the process is killed.

    Raises:
        GalleryError: another process holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise GalleryError(f"another process updates {folder}; wait for its end") from error
    try:
        yield
    finally:
        lock.release()


def _begin(folder: Path, model: Autoencoder, metric: str, store: str) -> None:
    """Keep a copy of the model and make an empty catalog, unless another process was quicker."""
    fact = stores.parsed(store)
    stores.store_at(fact, folder).reach()
    with only_writer(folder):
        catalog = Catalog(folder / CATALOG)
        try:
            if catalog.version == 0:
                model.save(folder / MODEL)
                catalog.create(
                    {
                        "model": model.digest,
                        "kind": model.kind,
                        "code_size": model.code_size,
                        "image_shape": list(model.image_shape_),
                        "generation": 0,
                        "files": 1,
                        "rows": 0,
                        "wish": list(Wish(metric, METHOD, RECALL)),
                        "store": fact,
                    }
                )
        finally:
            catalog.close()


def take_sharp(model: Autoencoder, folder: Path) -> None:
    """Keep the sharp decoder of a model that was given one since beside the gallery's copy of the model."""
    decoder = None if model.saved_in == folder / MODEL else model.own_sharp
    if decoder is not None and decoder.digest != sharp_digest(folder / MODEL):
        decoder.save(folder / MODEL)


def compact(catalog: Catalog, folder: Path, view: View) -> bool:
    """Write codes and pixels anew where more than half of their rows are named by nobody; whether that was so.

    The new files are whole before the catalog names them; whoever has the old ones mapped goes on reading them.
    """
    count = int(catalog.fact("rows"))
    live, places = np.unique(view.rows, return_inverse=True)
    if count - len(live) < max(COMPACT_FROM, count // 2):
        return False
    before, new = named_by(catalog), storage_of(catalog, folder).rewritten(live, count)
    with catalog.transaction():
        catalog.move_rows((int(row), int(id)) for row, id in zip(places, view.ids, strict=True))
        catalog.set_fact("rows", len(live))
        catalog.set_fact("files", new.number)
        catalog.next_generation()
    indexes.remove_leftovers(catalog, folder, before)
    return True


def remove_leftovers(catalog: Catalog, folder: Path) -> None:
    """Remove what the catalog does not name: rows of before a rewriting, or what a call left that was cut off."""
    indexes.remove_leftovers(catalog, folder)
    listing.remove_leftovers(catalog, folder)
    left = catalog.fact("left") or []
    for fact in left:
        try:
            stores.store_at(fact, folder).clean(None, 0)
        except (GalleryError, MissingExtraError) as error:
            _log.warning("what %s left in %s stays for now: %s", folder, stores.told_of(fact), error)
            return
    if left:
        with catalog.transaction():
            catalog.set_fact("left", [])


def framing_of(catalog: Catalog, folder: Path) -> Framing:
    """How a gallery frames a single picture, without loading its model: as those stored, else as its training's.

    Raises:
        RunError, WeightsError: the gallery's copy of the model is needed and cannot be read.
    """
    return usual_framing_of(catalog, folder) or Framing.of_training(catalog.fact("image_shape"), None)


def usual_framing_of(catalog: Catalog, folder: Path) -> Framing | None:
    """`framing_of`, but None where neither a stored picture nor the training says it."""
    known = catalog.fact("framing")
    if known is not None:
        return Framing.from_json(known)
    source = read_description(folder / MODEL)["data"]["source"]
    return None if source is None else Framing.of_training(catalog.fact("image_shape"), source)
