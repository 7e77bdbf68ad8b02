"""`load`: whatever holds pictures becomes an ImageSet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from lookalike.data import arrays, lfw
from lookalike.data import cache as _cache
from lookalike.data.beside import Beside
from lookalike.data.columns import Column, Value, matrix
from lookalike.data.decode import decode_picture, read_file
from lookalike.data.exif import COLUMNS as CAMERAS
from lookalike.data.exif import read_exif
from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.located import Drawn, Located, drawn_of, locate
from lookalike.data.names import photo_and_face, told
from lookalike.data.options import Asked, DataOptions
from lookalike.data.pipeline import Decoded, Progress, Source, decode_all
from lookalike.errors import DataError, OptionError

LEAST = 2
Attributes = tuple[tuple[Column, ...], npt.NDArray[Any] | None]
"""Columns, and their values, one row a picture."""


def load(
    source: str | Path, *, cache: bool = True, progress: Progress | None = None, **asked: Unpack[Asked]
) -> ImageSet:
    """Read pictures into an ImageSet of uint8 (N, H, W, C), from the cache where they were read before.

    Args:
        source: "synthetic" or "synthetic:N" (procedural faces), "portraits" or "portraits:N" (the same aligned),
            "leaves" or "leaves:N" (procedural dead leaves), "lfw", "lfw-funneled" or "lfw-deepfunneled" (downloaded
            once), the path of an LFW archive or its unpacked folder, any folder, tar or zip of pictures, or an .npy or
            .npz file whose first 4-D uint8 array is taken.
        cache: False reads anew and keeps nothing.
        progress: called with (pictures done, pictures in all or None).
        asked: `size` (usually 32), `crop`, `fit`, `attributes`, `key`, `exif`, `layout`, `faces`, `detector`: see
            `Asked`.

    Raises:
        DataError: the source or the table cannot be read, the table names none of its pictures, or it gives fewer than
            2 usable ones.
        OptionError: an argument is out of range.
        MissingExtraError: faces or a Parquet table are asked for, and the extra is not installed.
    """
    return load_with(source, DataOptions.checked(**asked), cache=cache, progress=progress)


def load_with(
    source: str | Path, options: DataOptions, *, cache: bool = True, progress: Progress | None = None
) -> ImageSet:
    """`load` with options that are checked already; the same errors."""
    located = locate(source, options, progress)
    beside = Beside.asked(options, files=located is not None and located.kind != "array")
    drawn = drawn_of(source)
    if drawn is not None:
        images = _load_drawn(drawn, options, cache, progress)
    else:
        assert located is not None
        images = _load_located(located, cache, progress)
    beside.join(images)
    return images


def load_spec(spec: DataSpec, *, cache: bool = True, progress: Progress | None = None) -> ImageSet:
    """Read again what `spec` describes; the same errors as `load`."""
    return load_with(spec.source, spec.options, cache=cache, progress=progress)


def read_picture(source: str | Path | bytes, framing: Framing | None) -> Pixels:
    """One picture, from a file or its bytes, framed so (None: as it is): (H, W, 3) uint8.

    Where the framing is one of faces, the largest of the photo, or the one of a name such as `photo.jpg#face-2`.

    Raises:
        PictureError: it cannot be read, or shows no face.
        OptionError: there is no face of that number; the text says how many there are.
    """
    if framing is None or framing.faces is None:
        return decode_picture(_content_of(source), framing)
    from lookalike.data.faces.photos import portrait

    if isinstance(source, bytes) or Path(source).exists():
        return portrait(_content_of(source), framing)
    photo, number = photo_and_face(str(source))
    return portrait(_content_of(photo), framing, number)


def _content_of(source: str | Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else read_file(Path(source))


def _load_drawn(asked: Drawn, options: DataOptions, use_cache: bool, progress: Progress | None) -> ImageSet:
    framing = options.framing(Framing(fit="stretch"))
    called = asked.called
    if framing.faces is not None:
        raise OptionError(f"faces are looked for in photos; {called} are framed already, so leave faces out")
    if framing.crop or framing.size[0] != framing.size[1]:
        raise OptionError(
            f"{called} are drawn square and whole; size {framing.size} and crop {framing.crop} do not fit"
        )
    version, draw = _drawer(asked.name)
    key = _cache.key_of(asked.name, version, asked.pictures, framing.size[0])
    found = _cache.find(key) if use_cache else None
    if found is None:
        report = None if progress is None else lambda done: progress(done, asked.pictures)
        drawn = draw(asked.pictures, framing.size[0], progress=report)
        found = _cache.keep(key, drawn) if use_cache else drawn
    table = None if options.attributes is None else str(options.attributes)
    found.spec = DataSpec(str(asked), framing, table, key=options.key)
    return found


def _drawer(name: str) -> tuple[str, Callable[..., ImageSet]]:
    """The version of a procedural source, and what draws it: (count, size, progress=) -> ImageSet."""
    if name == "leaves":
        from lookalike.data import leaves

        return leaves.VERSION, leaves.leaves
    from lookalike.data import synthetic

    return synthetic.VERSION, partial(synthetic.synthetic_faces, aligned=name == "portraits")


def _load_located(located: Located, use_cache: bool, progress: Progress | None) -> ImageSet:
    key = _cache.key_of(located.state, located.framing.as_json()) if use_cache else None
    images = None if key is None else _cache.find(key)
    if images is None:
        images = _read(located, progress)
        if len(images) < LEAST:
            raise _too_few(located.path, images)
        if key is not None:
            images = _cache.keep(key, images)
    if located.listing is not None:
        images.skipped = dict(located.skipped)
    images.unseen = list(located.unseen)
    images.spec = located.spec
    return images


def _read(located: Located, progress: Progress | None) -> ImageSet:
    if located.kind == "array":
        return ImageSet(arrays.frame_array(arrays.read_array(located.path), located.framing, progress))
    labels = located.labels()
    entries = located.wanted_entries(labels)
    total = None if entries is None else len(entries)
    told: dict[str, tuple[Value, ...]] = {}
    sources = located.pictures(labels)
    if located.options.exif:
        sources = (source._replace(read=partial(_asked, source, told)) for source in sources)
    chunks = list(decode_all(sources, located.framing, total=total, progress=progress))
    named = [label for chunk in chunks for label in _labels_of(chunk, labels)]
    no_pixels = np.empty((0, *located.framing.size, 3), np.uint8)
    columns, values = _known(labels, named)
    if located.options.exif:
        columns, values = _with_cameras(columns, values, [told[name] for chunk in chunks for name in chunk.names])
    return ImageSet(
        np.concatenate([chunk.pixels for chunk in chunks]) if chunks else no_pixels,
        [label.name for label in named],
        [label.person or "" for label in named] if labels.is_lfw else None,
        columns=columns,
        attribute_values=values,
        rejected=[one for chunk in chunks for one in chunk.rejected],
        skipped=located.skipped,
        unseen=located.unseen,
        faces=None if located.framing.faces is None else [one for chunk in chunks for one in chunk.faces or ()],
    )


def _known(labels: lfw.Labels, named: list[lfw.Label]) -> Attributes:
    """What LFW's own table says of the pictures that it chose."""
    if labels.table is None:
        return (), None
    rows = [label.row for label in named if label.row is not None]
    return tuple(map(Column, labels.attribute_names)), labels.table.values[rows]


def _with_cameras(
    columns: tuple[Column, ...], values: npt.NDArray[Any] | None, told: list[tuple[Value, ...]]
) -> Attributes:
    """The same, and after it what was written into the pictures' files."""
    own: list[list[Value]] = [[] for _ in told] if values is None else values.tolist()
    columns = (*columns, *CAMERAS)
    return columns, matrix(columns, [(*row, *inside) for row, inside in zip(own, told, strict=True)])


def _asked(source: Source, told: dict[str, tuple[Value, ...]]) -> bytes:
    """A picture's content; what its camera wrote into it goes to `told`, by the source's name."""
    content = source.read()
    told[source.name] = read_exif(content)
    return content


def _labels_of(chunk: Decoded, labels: lfw.Labels) -> Iterator[lfw.Label]:
    """The label of each picture of a chunk, in its order; a photo's faces go by the photo's."""
    if chunk.faces is None:
        yield from map(labels.of, chunk.names)
        return
    for name, face in zip(chunk.names, chunk.faces, strict=True):
        if face.number == 1:
            photo = labels.of(name)
        yield labels.of_face(photo, face.number)


def _too_few(path: Path, images: ImageSet) -> DataError:
    reason = ""
    if images.rejected:
        first = images.rejected[0]
        reason = f"; {len(images.rejected)} were set aside, the first: {first.name} {first.reason}"
    if images.skipped:
        reason += f"; not looked at: {told(images.skipped)}"
    if images.unseen:
        reason += f"; {len(images.unseen)} folders cannot be listed, the first: {images.unseen[0]}"
    usable = f"{len(images)} usable {'picture' if len(images) == 1 else 'pictures'}"
    return DataError(f"{path} gives {usable}, at least {LEAST} are needed{reason}")
