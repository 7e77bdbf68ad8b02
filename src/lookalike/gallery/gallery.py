"""A gallery: a folder that lives, with a model's codes of pictures and everything that finds them again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lookalike.data.beside import Beside
from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Pixels, Rejected
from lookalike.data.options import DataOptions
from lookalike.data.pipeline import Progress
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery import index as indexes
from lookalike.gallery import queries, updating
from lookalike.gallery.calibration import Calibration, Threshold, keep_threshold, kept_threshold
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.changes import Changes, Counts
from lookalike.gallery.duplicates import Duplicates, find_duplicates
from lookalike.gallery.feed import Feed
from lookalike.gallery.folder import (
    MODEL,
    build_with,
    compact,
    framing_of,
    only_writer,
    open_catalog,
    remove_leftovers,
    usual_framing_of,
)
from lookalike.gallery.photos import photo_of
from lookalike.gallery.snapshot import Found, Snapshot
from lookalike.gallery.storage import storage_of
from lookalike.gallery.updating import Update
from lookalike.gallery.view import Floats, View, read_view
from lookalike.search.index import Index
from lookalike.search.metric import make_metric

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.models.base import Autoencoder

FALSE_MATCHES = 0.1
"""Wrong results within the match line, in each search, on average."""
MAY_REMOVE = 0.5


class Gallery:
    """Pictures, their codes by one model, and an index over them, in one folder; made by `Gallery.open`.

    Any number of processes may read while one updates: every call sees the last committed state. One object may be
    shared between threads.
    """

    def __init__(self, folder: Path, catalog: Catalog, model: Autoencoder | None, metric: str | None) -> None:
        self.folder = folder
        self._catalog = catalog
        self._given_model = model
        self._given_metric = metric
        self._lock = threading.RLock()
        self._view: View | None = None
        self._index: tuple[View, Index] | None = None

    @classmethod
    def open(
        cls, folder: str | Path, model: Autoencoder | None = None, *, metric: str | None = None, create: bool = True
    ) -> Self:
        """Open the gallery in a folder, or begin one there.

        Args:
            folder: made where it is missing.
            model: whose codes the gallery holds; None takes the copy that the gallery keeps.
            metric: "euclidean" (as in the reference notebook), "cosine", "whitened" or "whitened-cosine"; another than
                the gallery's takes effect with the next update. None: the gallery's own, "whitened-cosine" at first.
            create: False refuses a folder without a gallery.

        Raises:
            GalleryError: there is no gallery, or one of another model, or it is damaged.
            NotFittedError: the model has no weights yet.
            OptionError: the metric is unknown, or the model has no code.
        """
        folder = Path(folder)
        if metric is not None:
            make_metric(metric)
        if model is not None:
            model.require_code()
        return cls(folder, open_catalog(folder, model, metric, create=create), model, metric)

    def close(self) -> None:
        """Close the catalog; the object is of no use afterwards."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._now().ids)

    def __repr__(self) -> str:
        return f"Gallery({str(self.folder)!r}, {len(self):,} pictures, {self.metric})"

    @cached_property
    def model(self) -> Autoencoder:
        """The model whose codes these are."""
        if self._given_model is not None:
            return self._given_model
        from lookalike.models.loading import load_model

        model = load_model(self.folder / MODEL)
        if model.digest != self._catalog.fact("model"):
            raise GalleryError(f"{self.folder / MODEL} is not the model that made the codes; open with the run's model")
        return model

    @property
    def metric(self) -> str:
        """The metric that distances are in."""
        return indexes.wish_of(self._catalog).metric

    @property
    def promised_recall(self) -> float:
        """The share of the true 10 nearest that updates see kept."""
        return indexes.wish_of(self._catalog).recall

    @property
    def names(self) -> list[str]:
        """Names of the stored pictures, sorted; `codes`, `people` and `attributes` have their order."""
        return list(self._now().names)

    @property
    def codes(self) -> Floats:
        """Codes of the stored pictures, float32 (N, code_size)."""
        return self._now().codes.copy()

    @property
    def people(self) -> list[str | None]:
        """The person on each stored picture, None where nobody is known."""
        return list(self._now().people)

    @property
    def attributes(self) -> pd.DataFrame | None:
        """What the source knows of each stored picture, one row for each by its name; None where it knows nothing.

        Numbers and flags are float32, texts and times are strings; what is not known is missing, as pandas has it.
        """
        import pandas as pd

        view, columns = self._now(), self._catalog.given
        if not columns:
            return None
        held, none = self._catalog.given_values(), (None,) * len(columns)
        rows = zip(*(held.get(int(id), none) for id in view.ids), strict=True) if len(view.ids) else [()] * len(columns)
        table = {column.name: column.array(values) for column, values in zip(columns, rows, strict=True)}
        return pd.DataFrame(table, index=view.names, columns=[column.name for column in columns])

    @property
    def rejected(self) -> list[Rejected]:
        """Pictures of the source that could not be read, with reasons."""
        return [Rejected(item.name, item.reason or "") for item in self._catalog.items("rejected")]

    @property
    def source(self) -> DataSpec | None:
        """Where the pictures come from and how they are framed; None where they came from memory."""
        return updating.spec_of(self._catalog)

    @property
    def framing(self) -> Framing:
        """How a single picture is framed: as those that are stored, before these as the model's."""
        return framing_of(self._catalog, self.folder)

    def item(self, name: str) -> Item:
        """What the catalog knows of a stored picture.

        Raises:
            GalleryError: there is none of that name; the text says which are near.
        """
        view = self._now()
        return self._catalog.item(int(view.ids[queries.place_of(view, name)]))

    def picture(self, name: str) -> Pixels:
        """A stored picture as the model sees it: uint8 (H, W, C). Raises as `item`."""
        view = self._now()
        return np.array(view.all_pixels[view.rows[queries.place_of(view, name)]])

    def framed(self, source: str | Path | bytes, framing: Framing | None = None) -> Pixels:
        """A picture as the model sees it, of a file, its bytes, or a stored picture's name: uint8 (H, W, C).

        A file is framed as the gallery's pictures are, unless `framing` says otherwise.
        """
        view = self._now()
        if isinstance(source, str) and source in view.numbers:
            return self.picture(source)
        return queries.framed(source, framing or self.framing, view)

    def photo(self, name: str) -> Pixels:
        """The whole photo that a stored face is of, its face framed: (H, W, 3) uint8, at most 1,600 pixels a side.

        Raises:
            GalleryError: as `item`; or it is no face of a photo in a folder.
            PictureError: the photo cannot be read any more.
        """
        return photo_of(self.item(name), self.source)

    def code(self, name: str) -> Floats:
        """A stored picture's code: float32 (code_size,). Raises as `item`."""
        view = self._now()
        return np.array(view.all_codes[view.rows[queries.place_of(view, name)]])

    def update(
        self,
        data: ImageSet | str | Path | None = None,
        *,
        recall: float | None = None,
        method: str | None = None,
        size: int | tuple[int, int] | None = None,
        crop: int | None = None,
        fit: str | None = None,
        attributes: str | Path | None = None,
        layout: str = "auto",
        may_remove: float = MAY_REMOVE,
        key: str | None = None,
        exif: bool | None = None,
        faces: bool | None = None,
        detector: str | Path | None = None,
        progress: Progress | None = None,
        say: Callable[[str], None] | None = None,
        seed: int = 0,
    ) -> Update:
        """Bring the gallery to what a source holds now; only what is new, changed or gone is touched.

        The gallery mirrors its source: pictures that are no longer there leave the gallery. Files whose size and time
        of change are as before are not opened; those with the same content are not decoded.

        Args:
            data: a set of pictures, or anything that `load` reads; None for the source of the last update. Pictures
                that came from memory then stay as they are, and only the index is looked after.
            recall: promised share of the true 10 nearest, above 0 and up to 1; None as before, 0.95 at first.
            method: "auto", "exact", "lsh", "hnsw", "ivf" or "ivfpq"; None as before, "auto" at first.
            size, crop, fit: how pictures are framed; None as before, at first as the model's pictures were.
            attributes: a table of what is known of the pictures: CSV, TSV, JSON lines or Parquet with a column of their
                names, or a table for LFW as `load` takes it, which chooses pictures as well; None as before.
            layout: what names are taken for, as `load` takes it; "auto" as before.
            may_remove: the share of the pictures that may leave at once because the same source no longer holds them;
                more is refused, since a drive that is not there looks like that. What cannot be seen never leaves.
            key: the table's column that names pictures, in full, without folders or without suffix; None finds it.
            exif: whether files are asked when, where and with what they were taken, and how large they are; None as
                before, not at first.
            faces, detector: whether every face of a photo is a picture of its own, and what finds them, as `load` takes
                them; None as before, at first as the model's pictures were.
            progress: called with (pictures done, pictures in all or None).
            say: called with lines of text while an index is chosen.
            seed: of the probes that measure the recall.

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
        wish = indexes.wish_of(self._catalog).but(self._given_metric, method, recall)
        with only_writer(self.folder):
            self._catalog.upgrade()
            remove_leftovers(self._catalog, self.folder)
            indexes.remove_leftovers(self._catalog, self.folder)
            counts = Counts(0, 0, 0)
            found = updating.find(
                self._catalog,
                data,
                DataOptions.checked(
                    size=size,
                    crop=crop,
                    fit=fit,
                    attributes=attributes,
                    key=key,
                    exif=exif,
                    layout=layout,
                    faces=faces,
                    detector=detector,
                ),
                usual_framing_of(self._catalog, self.folder),
                progress=progress,
            )
            if found is not None and updating.begin(self._catalog, *found):
                counts = self._apply(*found, progress, may_remove, unseen)
            compact(self._catalog, self.folder)
            view = self._now()
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

    def search(self, query: Any, k: int = 5, *, where: str | None = None, framing: Framing | None = None) -> Found:
        """Find the `k` nearest stored pictures.

        A picture whose framed pixels are stored is at distance 0 from itself, exactly.

        Args:
            query: a picture, uint8 or centred float32 (H, W, C) of the model's shape; a picture file (Path, or its
                bytes), framed as the gallery's; the name of a stored picture; a code (code_size,); or several of these
                in a list (an array of pictures or codes counts as one): then the mean of their codes, taken after the
                metric's transform, so that each counts the same.
            k: how many, 1 or more; fewer come where fewer are stored or meet the filter.
            framing: how a picture file is framed; None as the gallery's pictures.
            where: a filter, such as "smile > 0.5 and person = 'Mira Tolan'"; see `lookalike.gallery.filters`.

        Raises:
            GalleryError: the name is unknown, or the filter cannot be read.
            PictureError: the file is no picture.
            OptionError: k, or the shape of the query, is not possible.
        """
        if k < 1:
            raise OptionError(f"k is {k}; ask for 1 neighbour or more")
        snapshot = self.snapshot()
        asked = queries.Reader(snapshot, self.encode, lambda: framing or self.framing).read(query)
        return snapshot.search(asked, k, () if where is None else (where,))

    @property
    def code_size(self) -> int:
        """Numbers of a code."""
        return int(self._catalog.fact("code_size"))

    @property
    def generation(self) -> int:
        """Which committed state the gallery is at: another number whenever an update has changed something."""
        return int(self._catalog.fact("generation"))

    def snapshot(self) -> Snapshot:
        """The last committed state with its index, for many questions to one and the same state.

        Raises:
            GalleryError: there are no pictures yet.
        """
        view, index = self._ready()
        return Snapshot(view, index, self._catalog)

    def known_threshold(self, false_matches: float = FALSE_MATCHES, *, seed: int = 0) -> Threshold | None:
        """What `threshold` has measured before and still holds, None where it would have to measure."""
        return kept_threshold(self._catalog, _match_key(false_matches, seed), len(self._now().ids))

    def threshold(self, false_matches: float = FALSE_MATCHES, *, seed: int = 0) -> Threshold:
        """The distance up to which what a search finds is a match, measured by searches for stored pictures.

        At most `false_matches` of a search's results over the whole gallery are wrong within it, on average: another
        person where persons are known, else another picture, and its `true_match_rate` is that of slightly changed
        copies. Its `distance` is None where codes cannot tell matches at that rate. Measured once and kept in the
        gallery, until that has changed much.

        Raises:
            GalleryError: there are too few pictures.
            OptionError: the number is not between 0 and 1.
        """
        return self._threshold(
            _match_key(false_matches, seed), lambda calibration: calibration.match(false_matches), seed
        )

    def duplicate_threshold(self, *, seed: int = 0) -> Threshold:
        """The distance that `duplicates` joins within, measured on slightly changed copies; kept as `threshold`."""
        return self._threshold(f"duplicate-codes:{seed}", lambda calibration: calibration.duplicate(), seed)

    def copy_threshold(self, *, seed: int = 0) -> Threshold:
        """How far codes of more changed copies lie (bordered, cut, recoloured); kept as `threshold`."""
        return self._threshold(f"copy:{seed}", lambda calibration: calibration.copy(), seed)

    def duplicates(self, threshold: float | None = None, *, seed: int = 0) -> Duplicates:
        """Groups of near-duplicates by codes alone: joined by steps of at most `threshold`, in the gallery's metric.

        `lookalike.review.find_copies` looks at the pictures themselves as well. None takes the distance of
        `duplicate_threshold`. Up to 50,000 pictures are compared exactly, each with each; in larger galleries the index
        names the near ones.

        Raises:
            OptionError: the threshold is negative.
        """
        view, index = self._ready()
        if threshold is None:
            threshold = self.duplicate_threshold(seed=seed).distance or 0.0
        return find_duplicates(view, index, threshold)

    def encode(self, pictures: Pixels) -> Floats:
        """Codes of framed pictures: uint8 (N, H, W, C) of the model's shape -> float32 (N, code_size)."""
        from lookalike.models.encoding import search_codes  # PyTorch takes a second to import

        return search_codes(self.model, pictures)

    def _now(self) -> View:
        """The last committed state."""
        with self._lock:
            if self._view is None or self._view.generation != self._catalog.fact("generation"):
                self._view = read_view(self._catalog, self.folder)
            return self._view

    def _ready(self) -> tuple[View, Index]:
        """The last committed state, and the index over it."""
        with self._lock:
            view = self._now()
            if not len(view.ids):
                raise GalleryError(f"{self.folder} holds no pictures yet; {build_with(self.folder)}")
            if self._index is None or self._index[0] is not view:
                self._index = view, indexes.index_of(self._catalog, self.folder, view)
            return self._index

    def _apply(
        self, feed: Feed, beside: Beside, progress: Progress | None, may_remove: float, unseen: list[str]
    ) -> Counts:
        """Bring the catalog to what the source holds: pictures are decoded and encoded at the same time."""
        from lookalike.models.encoding import Encoders  # PyTorch takes a second to import

        with Encoders(self.model) as encoders:
            changes = Changes(self._catalog, storage_of(self._catalog, self.folder), encoders.submit)
            counts = updating.apply_feed(changes, feed, beside, progress, may_remove)
            unseen += changes.unseen
            return counts

    def _threshold(self, key: str, measure: Callable[[Calibration], Threshold], seed: int) -> Threshold:
        """A threshold that was kept, or measured now where the gallery has changed much since."""
        view, index = self._ready()
        kept = kept_threshold(self._catalog, key, len(view.ids))
        if kept is not None:
            return kept
        found = measure(Calibration(view, self.encode, index.metric.transform, index.metric.distances, seed))
        keep_threshold(self._catalog, key, found)
        return found


def _match_key(false_matches: float, seed: int) -> str:
    return f"match-in-search:{false_matches!r}:{seed}"
