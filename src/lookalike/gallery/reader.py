"""What a gallery answers: every call of it sees the last committed state, whoever writes the next one meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, Rejected
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery import index as indexes
from lookalike.gallery import queries, stores, updating
from lookalike.gallery.calibration import Calibration, Threshold, keep_threshold, kept_threshold
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.decisions import Decisions
from lookalike.gallery.duplicates import Duplicates, find_duplicates
from lookalike.gallery.folder import MODEL, build_with, framing_of
from lookalike.gallery.photos import photo_of
from lookalike.gallery.snapshot import Found, Snapshot
from lookalike.gallery.storage import store_of
from lookalike.gallery.stores import Store
from lookalike.gallery.view import View, read_view
from lookalike.pixels import Floats, Pixels
from lookalike.search.index import Index

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.models.base import Autoencoder

FALSE_MATCHES = 0.1
"""Wrong results within the match line, in each search, on average."""


class GalleryReader:
    """The reading half of a `Gallery`; one object may be shared between threads."""

    def __init__(self, folder: Path, catalog: Catalog, model: Autoencoder | None, metric: str | None) -> None:
        self.folder = folder
        self._catalog = catalog
        self._given_model = model
        self._given_metric = metric
        self._lock = threading.RLock()
        self._view: View | None = None
        self._index: tuple[View, Index] | None = None
        self._store: Store = store_of(catalog, folder)

    def close(self) -> None:
        """Close the catalog and what leads to the codes; the object is of no use afterwards."""
        self._catalog.close()
        self._view = self._index = None
        del self._store

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
        from lookalike.models.loading import open_model

        model = open_model(self.folder / MODEL)
        if model.digest != self._catalog.fact("model"):
            raise GalleryError(f"{self.folder / MODEL} is not the model that made the codes; open with the run's model")
        return model

    @property
    def has_pictures(self) -> bool:
        """Whether the gallery holds pictures, and not codes alone."""
        return bool(self._catalog.fact("image_shape")[0])

    @property
    def metric(self) -> str:
        """The metric that distances are in."""
        return indexes.wish_of(self._catalog).metric

    @property
    def store(self) -> str:
        """Where the codes are, as `open` takes it."""
        return stores.told_of(self._catalog.fact("store"))

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
        return pd.DataFrame(table, index=list(view.names), columns=[column.name for column in columns])

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

    @property
    def decisions(self) -> Decisions:
        """What was decided of its pictures, and what is to be decided."""
        return Decisions(self, self._catalog)

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
        view.require_pictures()
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
            GalleryError: as `item`; or it is no face of a photo that lies in a file.
            PictureError: the photo cannot be read any more.
        """
        return photo_of(self.item(name), self.source)

    def code(self, name: str) -> Floats:
        """A stored picture's code: float32 (code_size,). Raises as `item`."""
        view = self._now()
        return np.array(view.all_codes[view.rows[queries.place_of(view, name)]])

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
        if self.model.by_pytorch:
            from lookalike.models.encoding import search_codes

            return search_codes(self.model, pictures)
        from lookalike.models.batched import exact_codes

        return exact_codes(self.model, pictures)

    def encode_text(self, text: str) -> Floats:
        """The code of a text, float32 (code_size,), to search for, by a model that has an encoder of texts.

        Raises:
            OptionError: the model has none, or the text is empty or too long.
            MissingExtraError: what it computes with is not installed.
        """
        return self.model.encode_text(text)

    def _reach(self) -> None:
        """See that the store answers, and stay with it while this object is open."""
        self._store = store_of(self._catalog, self.folder)
        self._store.reach()

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

    def _threshold(self, key: str, measure: Callable[[Calibration], Threshold], seed: int) -> Threshold:
        """A threshold that was kept, or measured now where the gallery has changed much since."""
        view, index = self._ready()
        view.require_pictures()
        kept = kept_threshold(self._catalog, key, len(view.ids))
        if kept is not None:
            return kept
        found = measure(Calibration(view, self.encode, index.metric.transform, index.metric.distances, seed))
        keep_threshold(self._catalog, key, found)
        return found


def _match_key(false_matches: float, seed: int) -> str:
    return f"match-in-search:{false_matches!r}:{seed}"
