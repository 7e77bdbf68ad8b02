"""An update: a source is walked through once, and only what is new, changed or gone is touched."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.data.beside import Beside
from lookalike.data.columns import Value
from lookalike.data.decode import UnseenError
from lookalike.data.framing import Framing
from lookalike.data.images import NO_FACE, DataSpec, ImageSet, Rejected
from lookalike.data.located import reader_state
from lookalike.data.options import DataOptions
from lookalike.data.pipeline import Progress, Source, decode_all
from lookalike.errors import DataError, GalleryError, Interrupted, OptionError, PictureError
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.changes import Changes, Counts, plain_values
from lookalike.gallery.feed import Entry, Feed, feed_of
from lookalike.gallery.given import CodeSet
from lookalike.pixels import as_channels
from lookalike.training.interruption import StopRequest


@dataclass(frozen=True)
class Update:
    """What an update did.

    Attributes:
        images: pictures in the gallery now.
        added, updated, removed: pictures that came, changed, or went; images = images before + added - removed.
        rejected: all that is set aside now, with reasons.
        method: the kind of index: "exact", "lsh", "hnsw", "ivf" or "ivfpq".
        recall_measured: mean share of the true 10 nearest that the index finds for mirrored copies of its pictures.
        kept: whether that keeps the promise, the uncertainty of the measurement allowed for.
        why: a sentence about the choice of the index.
        seconds: time it took.
        unseen: folders that could not be listed and files that could not be read, whose pictures stayed as they were.
        skipped: how many files of the source were not looked at, by suffix or reason.
    """

    images: int
    added: int
    updated: int
    removed: int
    rejected: list[Rejected]
    method: str
    recall_measured: float
    kept: bool
    why: str
    seconds: float
    unseen: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def faceless(self) -> int:
        """Photos that are set aside because no face was found in them."""
        return sum(reason == NO_FACE for _, reason in self.rejected)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rejected = [one._asdict() for one in self.rejected]
        return {**asdict(self), "rejected": rejected, "faceless": self.faceless}


class _Known(PictureError):
    """Not an error: a file's content is known, so that decoding it again would give nothing new."""


def find(
    catalog: Catalog,
    data: ImageSet | CodeSet | str | Path | None,
    options: DataOptions,
    usual: Framing | None,
    *,
    progress: Progress | None,
) -> tuple[Feed, Beside] | None:
    """The pictures to update from, and what is known of them; None where the last source was memory.

    Options that are None are as before; `usual` is how pictures are framed where nothing is asked for.

    Raises:
        GalleryError: no source is known.
        DataError, OptionError: as `load`.
    """
    height, width, _ = catalog.fact("image_shape")
    if isinstance(data, CodeSet) or not height:
        return _find_codes(catalog, data)
    if options.size not in (None, (height, width)):
        asked = options.size[0] if options.size[0] == options.size[1] else options.size
        raise OptionError(f"size is {asked}; this gallery's model takes pictures of {height} x {width}")
    known = spec_of(catalog)
    place = catalog.fact("reading") if known is None else known.source
    if data is None:
        if place is None and not catalog.count("stored"):
            raise GalleryError(f"{catalog.path.parent} holds no pictures yet; name DATA to fill it with")
        if place is None:
            return None
        data = str(place)
    is_known = (
        known is not None and not isinstance(data, ImageSet) and known.source in (str(data), str(files.named(data)))
    )
    options = replace(_as_before(known if is_known else None, options), size=(height, width))
    feed = feed_of(data, options, usual, progress)
    beside = Beside.asked(options, files=feed.entries is not None)
    beside.own = feed.columns
    return feed, beside


def _find_codes(catalog: Catalog, data: Any) -> tuple[Feed, Beside] | None:
    if data is None:
        return None
    size, holds_codes = catalog.fact("code_size"), not catalog.fact("image_shape")[0]
    if not isinstance(data, CodeSet) or not holds_codes or data.codes.shape[1] != size:
        given = f"codes of {data.codes.shape[1]} numbers" if isinstance(data, CodeSet) else "pictures"
        held = f"codes of {size} numbers alone" if holds_codes else "pictures, which its model encodes"
        raise GalleryError(f"{given} are given, and this gallery holds {held}; build another gallery")
    return data.feed(), Beside.asked(DataOptions(), files=False)


def _as_before(known: DataSpec | None, options: DataOptions) -> DataOptions:
    """What is asked for beside pixels; what is not said is as before, where the source is."""
    if known is None:
        return options
    before = known.options
    if options.attributes is None:
        options = replace(options, attributes=before.attributes, key=options.key or before.key)
    exif = before.exif if options.exif is None else options.exif
    return replace(options, exif=exif, layout=before.layout if options.layout == "auto" else options.layout)


def begin(catalog: Catalog, feed: Feed, beside: Beside) -> bool:
    """Note where the pictures come from; False where the source is as it was at the end of the last update.

    Raises:
        GalleryError: the pictures are framed otherwise than those that are here.
    """
    if feed.state is not None and (spec_of(catalog), catalog.fact("source_state")) == (feed.spec, feed.state):
        return False
    _check_framing(catalog, feed)
    place = None if feed.spec is None else feed.spec.source
    with catalog.transaction():
        if place != catalog.fact("reading"):
            catalog.forget_files()
        catalog.set_fact("reading", place)
        if not catalog.count("stored") and not catalog.count("rejected"):
            catalog.set_fact("reader", reader_state())
        catalog.set_fact("source_state", None)
        if feed.framing is not None:
            catalog.set_fact("framing", feed.framing.as_json())
        if beside.columns != catalog.given:
            catalog.set_given(beside.columns)
            catalog.next_generation(same_items=True)
            if beside.exif:
                catalog.forget_files()
    return True


def apply_feed(changes: Changes, feed: Feed, beside: Beside, progress: Progress | None, may_remove: float) -> Counts:
    """Bring the catalog to what the source holds now.

    Raises:
        GalleryError: more than the share `may_remove` of the pictures is nowhere in the source; none was removed.
        DataError: the source is damaged, or has no usable picture; what it had before stays in the gallery.
        Interrupted: Ctrl-C or SIGTERM; whole chunks are stored, and the next update goes on after them.
    """
    with StopRequest() as stop:

        def report(done: int, total: int | None) -> None:
            if progress is not None:
                progress(done, total)
            if stop.requested:
                changes.settle()
                held = changes.catalog.count("stored")
                raise Interrupted(f"the update stopped with {held:,} pictures stored; update again to go on")

        if feed.entries is not None:
            _take_files(changes, feed, beside, report)
        else:
            _take_pixels(changes, feed, beside, report)
    beside.check()
    if not changes.stored:
        reason = f"; one was set aside because it {changes.first_reason}" if changes.first_reason else ""
        raise DataError(f"the source holds no usable picture{reason}; the gallery is left as it was")
    _check_loss(changes, feed, may_remove)
    counts = changes.finish()
    with changes.catalog.transaction():
        changes.catalog.set_fact("source", None if feed.spec is None else feed.spec.as_json())
        changes.catalog.set_fact("source_state", feed.state)
        changes.catalog.set_fact("reader", reader_state())
    return counts


def _check_loss(changes: Changes, feed: Feed, may_remove: float) -> None:
    """A drive that is not there looks like a folder that was emptied."""
    before = spec_of(changes.catalog)
    if feed.entries is None or before is None or feed.spec is None or before.source != feed.spec.source:
        return
    held, lost = changes.held.stored, changes.lost()
    if lost > may_remove * held:
        raise GalleryError(
            f"{lost:,} of {held:,} pictures are no longer in {feed.spec.source}, and a share of {may_remove:g} of them "
            "may leave at once; is a drive missing? If they are gone for good, update with --may-remove 1"
        )


def _take_files(changes: Changes, feed: Feed, beside: Beside, progress: Progress) -> None:
    """Read what looks new; decode what is; both on all cores."""
    assert feed.entries is not None
    assert feed.framing is not None
    framing = feed.framing
    entries = (_known(entry, beside) for entry in feed.entries())
    told: dict[str, tuple[Value, ...]] = {}
    waiting: dict[str, Entry] = {}
    contents: dict[str, str] = {}
    unread: set[str] = set()
    kept: list[str] = []
    done = 0
    changes.keep_unseen(feed.unseen)
    channels = changes.storage.pixels.shape[2]

    def sources() -> Iterator[Source]:
        for entry in entries:
            if changes.is_unchanged(entry):
                changes.keep(entry)
                kept.append(entry.name)
            else:
                waiting[entry.name] = entry
                # a photo of known content has faces to be found again, whose codes are known by their pixels
                contained: Container[str] = changes.held if framing.faces is None else {}
                yield Source(entry.name, _reader(entry, contained, contents, unread, beside, told))

    def opened(name: str) -> Entry:
        """An entry whose file was opened, with what that told."""
        entry, inside = waiting[name], told.get(name, ())
        own = () if entry.values is None else entry.values
        return entry._replace(values=(*own, *inside)) if inside else entry

    def forget(name: str) -> None:
        for known in (waiting, told, contents):
            known.pop(name, None)

    for decoded in decode_all(sources(), feed.framing):
        for name, reason in decoded.rejected:
            entry, content = opened(name), contents.get(name)
            known = changes.held.known(content) if reason == _IS_KNOWN and content is not None else None
            if known is not None and content is not None:
                changes.take_known(entry, content, known)
            elif name in unread and any(item.state == "stored" for item in changes.held.items_of(name)):
                changes.keep_unseen([name])
            else:
                changes.reject(entry, content, reason)
            forget(name)
        faces = [None] * len(decoded.names) if decoded.faces is None else decoded.faces
        came = []
        for name, face, picture in zip(decoded.names, faces, as_channels(decoded.pixels, channels), strict=True):
            entry = opened(name) if face is None else opened(name).of_face(face)
            came.append((entry, contents[name], picture))
            if face is None or face.number == face.faces:
                forget(name)
        changes.take_pictures(came)
        done += decoded.sources
        progress(done + len(kept), feed.total)
    progress(done + len(kept), feed.total)


def _known(entry: Entry, beside: Beside) -> Entry:
    """An entry with what is known of it before its file is opened."""
    if beside.table is None:
        return entry
    own = None if entry.values is None else plain_values(entry.values)
    return entry._replace(**beside.of(entry.name, entry.person, own)._asdict())


_IS_KNOWN = "is known"


def _reader(
    entry: Entry,
    known: Container[str],
    contents: dict[str, str],
    unread: set[str],
    beside: Beside,
    told: dict[str, tuple[Value, ...]],
) -> Callable[[], bytes]:
    def read() -> bytes:
        assert entry.read is not None
        try:
            content = entry.read()
        except UnseenError:
            unread.add(entry.name)
            raise
        digest = contents[entry.name] = files.sha256(content)
        told[entry.name] = beside.inside(content)
        if digest in known:
            raise _Known(_IS_KNOWN)
        return content

    return read


def _take_pixels(changes: Changes, feed: Feed, beside: Beside, progress: Progress) -> None:
    assert feed.blocks is not None
    for entries, pixels in feed.blocks():
        expected = changes.storage.taken
        if pixels.shape[1:] != expected:
            raise OptionError(
                f"pictures of shape {pixels.shape[1:]}; this gallery's model takes {expected}: load them with "
                f"size={expected[:2]}"
            )
        came = zip(entries, pixels, strict=True)
        changes.take_pictures([(_known(entry, beside), None, picture) for entry, picture in came])
        progress(changes.seen, feed.total)


def _check_framing(catalog: Catalog, feed: Feed) -> None:
    known = catalog.fact("framing")
    if known is None or feed.framing is None or not catalog.count("stored"):
        return
    stored = Framing.from_json(known)
    if stored != feed.framing:
        raise GalleryError(
            f"this gallery's pictures are framed with {_told(stored)}, these with {_told(feed.framing)}; give the "
            "same, or build another gallery"
        )


def _told(framing: Framing) -> str:
    """A framing in words, but for its size."""
    faces = "" if framing.faces is None else f" of faces found by {framing.faces}"
    return f"crop {framing.crop} and fit {framing.fit!r}{faces}"


def spec_of(catalog: Catalog) -> DataSpec | None:
    """The source of a gallery's pictures, None where they came from memory (or nothing was stored yet)."""
    source = catalog.fact("source")
    return None if source is None else DataSpec.from_json(source)
