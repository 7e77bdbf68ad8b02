"""A gallery: a folder that lives, with a model's codes of pictures and everything that finds them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from lookalike.data.beside import Beside
from lookalike.data.images import ImageSet
from lookalike.data.options import Asked, DataOptions
from lookalike.data.pipeline import Progress
from lookalike.errors import OptionError
from lookalike.gallery import index as indexes
from lookalike.gallery import stores, updating
from lookalike.gallery.changes import Changes, Counts
from lookalike.gallery.feed import Feed
from lookalike.gallery.folder import (
    MODEL,
    compact,
    only_writer,
    open_catalog,
    remove_leftovers,
    take_sharp,
    usual_framing_of,
)
from lookalike.gallery.given import CodeSet
from lookalike.gallery.listing import keep_listing
from lookalike.gallery.moving import Moved, bring
from lookalike.gallery.reader import GalleryReader
from lookalike.gallery.storage import storage_of
from lookalike.gallery.updating import Update
from lookalike.gallery.view import View
from lookalike.pixels import Floats
from lookalike.search.metric import make_metric

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

MAY_REMOVE = 0.5


class Gallery(GalleryReader):
    """Pictures, their codes by one model, and an index over them, in one folder; made by `Gallery.open`.

    Any number of processes may read while one updates: every call sees the last committed state. One object may be
    shared between threads.
    """

    @classmethod
    def open(
        cls,
        folder: str | Path,
        model: Autoencoder | None = None,
        *,
        metric: str | None = None,
        store: str | None = None,
        create: bool = True,
    ) -> Self:
        """Open the gallery in a folder, or begin one there.

        Args:
            folder: made where it is missing.
            model: whose codes the gallery holds; None takes the copy that the gallery keeps.
            metric: "euclidean" (as in the reference notebook), "cosine", "whitened" or "whitened-cosine"; another than
                the gallery's takes effect with the next update. None: the gallery's own; at first "cosine" for a
                model with an encoder of texts, else "whitened-cosine".
            store: where a new gallery's codes are: "local" (its folder, the default), "milvus:" (an embedded Milvus
                in its folder), "milvus:PATH.db", or "milvus:http://HOST:19530" (a server; what it asks for, a token or
                user:password, is taken from LOOKALIKE_MILVUS_TOKEN). Of one that exists, `move` changes it.
            create: False refuses a folder without a gallery.

        Raises:
            GalleryError: there is no gallery, or one of another model or store, or it is damaged.
            MissingExtraError: the store's client is not installed.
            NotFittedError: the model has no weights yet.
            OptionError: the metric is unknown, or the model has no code.
        """
        folder = Path(folder)
        if metric is not None:
            make_metric(metric)
        if store is not None:
            stores.parsed(store)
        if model is not None:
            model.require_code()
        return cls(folder, open_catalog(folder, model, metric, store=store, create=create), model, metric)

    def update(
        self,
        data: ImageSet | CodeSet | str | Path | None = None,
        *,
        recall: float | None = None,
        method: str | None = None,
        may_remove: float = MAY_REMOVE,
        progress: Progress | None = None,
        say: Callable[[str], None] | None = None,
        seed: int = 0,
        **asked: Unpack[Asked],
    ) -> Update:
        """Bring the gallery to what a source holds now; only what is new, changed or gone is touched.

        The gallery mirrors its source: pictures that are no longer there leave the gallery. Files whose size and time
        of change are as before are not opened; those with the same content are not decoded.

        Args:
            data: a set of pictures, or anything that `load` reads; for a gallery of codes alone, what `read_codes`
                gives; None for the source of the last update. Pictures
                that came from memory then stay as they are, and only the index is looked after.
            recall: promised share of the true 10 nearest, above 0 and up to 1; None as before, 0.95 at first.
            method: "auto", "exact", "lsh", "hnsw", "ivf" or "ivfpq"; in Milvus "auto", "exact", "hnsw" or "ivf".
                None as before, "auto" at first.
            may_remove: the share of the pictures that may leave at once because the same source no longer holds them;
                more is refused, since a drive that is not there looks like that. What cannot be seen never leaves.
            progress: called with (pictures done, pictures in all or None).
            say: called with lines of text while an index is chosen.
            seed: of the probes that measure the recall.
            asked: how the source is read, as `load` takes it (`size`, `crop`, `fit`, `attributes`, `key`, `exif`,
                `layout`, `faces`, `detector`); what is not given as before, at first as the model's pictures were.

        Raises:
            GalleryError: more than `may_remove` would leave, another process updates the gallery, or the pictures are
                framed otherwise than those here.
            DataError: the source cannot be read, or holds no usable picture.
            OptionError: an argument is out of range.
            Interrupted: Ctrl-C or SIGTERM; what was stored stays, and the next update goes on.
        """
        if not 0 <= may_remove <= 1:
            raise OptionError(f"may_remove is {may_remove:g}; give a share from 0 to 1")
        started = time.perf_counter()
        unseen: list[str] = []
        self._reach()
        wish = indexes.wish_of(self._catalog).but(self._given_metric, method, recall, self._store.kinds)
        with only_writer(self.folder):
            self._catalog.upgrade()
            remove_leftovers(self._catalog, self.folder)
            if self._given_model is not None:
                take_sharp(self._given_model, self.folder)
            counts = Counts(0, 0, 0)
            found = updating.find(
                self._catalog,
                data,
                DataOptions.checked(**asked),
                usual_framing_of(self._catalog, self.folder),
                progress=progress,
            )
            if found is not None and updating.begin(self._catalog, *found):
                counts = self._apply(*found, progress, may_remove, unseen)
            view = self._kept()
            report = indexes.maintain(self._catalog, self.folder, view, self.encode, wish, seed=seed, say=say)
            with self._lock:
                self._index = None
            self._given_metric = None
        return Update(
            len(view.ids),
            *counts,
            rejected=self.rejected,
            method=report.kind,
            recall_measured=report.recall,
            kept=report.kept,
            why=report.why,
            seconds=time.perf_counter() - started,
            unseen=unseen,
            skipped={} if found is None else dict(found[0].skipped),
        )

    def move(
        self, store: str, *, progress: Progress | None = None, say: Callable[[str], None] | None = None, seed: int = 0
    ) -> Moved:
        """Bring the codes to another store, as they are: nothing is encoded again, and the index is built there.

        A move that is cut off leaves the gallery in the one store or the other; the next update clears up.

        Args:
            store: as `open` takes it; where the codes are already, nothing is done.
            progress: called with (codes copied, codes in all).
            say: called with lines of text while an index is chosen.
            seed: of the probes that measure the recall.

        Raises:
            GalleryError: another process updates the gallery, or a store does not answer.
            OptionError: the store is none.
            MissingExtraError: the store's client is not installed.
        """
        started = time.perf_counter()
        self._reach()
        with only_writer(self.folder):
            self._catalog.upgrade()
            remove_leftovers(self._catalog, self.folder)
            before = self._store  # and with it the connection, until all is copied
            learned = self._ready()[1].metric if len(self) else None
            count = bring(self._catalog, self.folder, store, progress)
            self._reach()
            wish = indexes.wish_of(self._catalog).among(self._store.kinds)
            options: dict[str, Any] = {"seed": seed, "say": say, "learned": learned}
            report = indexes.maintain(self._catalog, self.folder, self._kept(), self.encode, wish, **options)
            remove_leftovers(self._catalog, self.folder)
            with self._lock:
                self._index = None
        seconds = time.perf_counter() - started
        return Moved(before.told, self._store.told, count, report.kind, report.recall, report.kept, report.why, seconds)

    def _kept(self) -> View:
        """What an update has led to, with its files in order: none larger than need be, and its items listed in one."""
        view = self._now()
        if compact(self._catalog, self.folder, view):
            view = self._now()
        if view.listing.file is None:
            keep_listing(self._catalog, self.folder, view.listing, view.generation)
            with self._lock:
                self._view = None  # so that what is in memory of it goes
        return self._now()

    def _apply(
        self, feed: Feed, beside: Beside, progress: Progress | None, may_remove: float, unseen: list[str]
    ) -> Counts:
        """Bring the catalog to what the source holds: pictures are decoded and encoded at the same time."""
        if not self.has_pictures:  # what comes in are codes
            changes = Changes(self._catalog, storage_of(self._catalog, self.folder), _as_they_are)
            return updating.apply_feed(changes, feed, beside, progress, may_remove)
        from lookalike.models.encoding import Encoders
        from lookalike.models.graphed import Graphed
        from lookalike.models.loading import load_model

        # What comes in is encoded by the arithmetic of what is there, which a model opened for queries need not have.
        model = load_model(self.folder / MODEL) if isinstance(self.model, Graphed) else self.model
        with Encoders(model) as encoders:
            changes = Changes(self._catalog, storage_of(self._catalog, self.folder), encoders.submit)
            counts = updating.apply_feed(changes, feed, beside, progress, may_remove)
            unseen += changes.unseen
            return counts


def _as_they_are(codes: Any) -> Callable[[], Floats]:
    """In the place of encoding, where codes come in."""
    return lambda: codes
