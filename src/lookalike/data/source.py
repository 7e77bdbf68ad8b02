"""`load`: whatever holds pictures becomes an ImageSet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.data import archive, arrays, folder, lfw
from lookalike.data import cache as _cache
from lookalike.data.decode import decode_picture, read_file
from lookalike.data.download import fetch_lfw
from lookalike.data.framing import Framing, FramingOptions
from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.pipeline import Progress, decode_all
from lookalike.errors import DataError, OptionError

READER = 1
"""Raised when the same source would be read into other pixels, so that no older cache is found."""
LEAST = 2
DOWNLOADS = ("lfw", "lfw-funneled", "lfw-deepfunneled")
_SYNTHETIC = re.compile(r"synthetic(?::(\d+))?")


def load(
    source: str | Path,
    *,
    size: int | tuple[int, int] = 32,
    crop: int | None = None,
    attributes: str | Path | None = None,
    fit: str | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> ImageSet:
    """Read pictures into an ImageSet of uint8 (N, H, W, C), from the cache where they were read before.

    Args:
        source: "synthetic" or "synthetic:N" (procedural faces), "lfw", "lfw-funneled" or "lfw-deepfunneled" (downloaded
            once), the path of an LFW archive or its unpacked folder, any folder, tar or zip of pictures, or an .npy or
            .npz file whose first 4-D uint8 array is taken.
        size: height and width in pixels, or (height, width), each 1 to 1024.
        crop: pixels cut from each side before resizing; 80 for LFW, else 0.
        attributes: a table in the layout of `lfw_attributes.txt`; only the pictures it names are kept.
        fit: "stretch" (bilinear as OpenCV does it; for LFW), "crop" (centre, antialiased; for all else) or "pad".
        cache: False reads anew and keeps nothing.
        progress: called with (pictures done, pictures in all or None).

    Raises:
        DataError: the source cannot be read, or gives fewer than 2 usable pictures.
        OptionError: an argument is out of range.
    """
    options = FramingOptions.checked(size, crop, fit)
    table = None if attributes is None else Path(attributes).expanduser().resolve()
    drawn = _SYNTHETIC.fullmatch(str(source))
    if drawn:
        return _load_synthetic(int(drawn[1] or 13_000), options, table, cache, progress)
    return _load_path(_locate(source, options, table, progress), cache, progress)


class Located(NamedTuple):
    """A source on disk: its kind ("folder", "lfw folder", "archive", "lfw archive", "array"), and how it is read.

    `entries` are a folder's files, None for a single file; `table` is the attribute table.
    """

    path: Path
    kind: str
    entries: list[folder.Entry] | None
    framing: Framing
    table: Path | None

    @property
    def spec(self) -> DataSpec:
        """What finds it again."""
        size, crop, fit = self.framing.size, self.framing.crop, self.framing.fit
        return DataSpec(str(self.path), size, crop, fit, None if self.table is None else str(self.table))


def locate(
    source: str | Path,
    *,
    size: int | tuple[int, int] = 32,
    crop: int | None = None,
    attributes: str | Path | None = None,
    fit: str | None = None,
    progress: Progress | None = None,
) -> Located | None:
    """What `load` would read, without reading its pictures; None for procedural faces, which lie nowhere.

    Raises:
        DataError: the source is not there, or of no kind that can be read.
        OptionError: an argument is out of range.
    """
    options = FramingOptions.checked(size, crop, fit)
    if _SYNTHETIC.fullmatch(str(source)):
        return None
    table = None if attributes is None else Path(attributes).expanduser().resolve()
    return _locate(source, options, table, progress)


def load_spec(spec: DataSpec, *, cache: bool = True, progress: Progress | None = None) -> ImageSet:
    """Read again what `spec` describes; the same errors as `load`."""
    return load(
        spec.source,
        size=spec.size,
        crop=spec.crop,
        attributes=spec.attributes,
        fit=spec.fit,
        cache=cache,
        progress=progress,
    )


def read_picture(source: str | Path | bytes, spec: DataSpec | None) -> Pixels:
    """One picture, from a file or its bytes, prepared as those of `spec` (None: as it is): (H, W, 3) uint8.

    Raises:
        PictureError: it cannot be read.
    """
    content = source if isinstance(source, bytes) else read_file(Path(source))
    return decode_picture(content, None if spec is None else Framing(spec.size, spec.crop, spec.fit))


def _load_synthetic(
    count: int, options: FramingOptions, table: Path | None, use_cache: bool, progress: Progress | None
) -> ImageSet:
    from lookalike.data import synthetic

    framing = options.resolved(crop=0, fit="stretch")
    if table is not None:
        raise OptionError("attributes do not go with synthetic faces, which have their own table; leave them out")
    if framing.crop or framing.size[0] != framing.size[1]:
        raise OptionError(
            f"synthetic faces are drawn square and whole; size {framing.size} and crop {framing.crop} do not fit"
        )
    spec = DataSpec(f"synthetic:{count}", framing.size, 0, framing.fit)
    key = _cache.key_of("synthetic", synthetic.VERSION, count, framing.size[0])
    found = _cache.find(key) if use_cache else None
    if found is None:
        report = None if progress is None else lambda done: progress(done, count)
        drawn = synthetic.synthetic_faces(count, framing.size[0], progress=report)
        found = _cache.keep(key, drawn) if use_cache else drawn
    found.spec = spec
    return found


def _locate(source: str | Path, options: FramingOptions, table: Path | None, progress: Progress | None) -> Located:
    path = fetch_lfw(str(source), progress) if str(source) in DOWNLOADS else Path(source).expanduser().resolve()
    if not path.exists():
        raise DataError(f"{source} is not there; give a folder, an archive, an .npy or .npz file, 'synthetic' or 'lfw'")
    entries = folder.entries_of(path) if path.is_dir() else None
    kind = _kind_of(path, entries)
    is_faces = kind in ("lfw folder", "lfw archive")
    framing = options.resolved(crop=lfw.CROP if is_faces else 0, fit="stretch" if is_faces else "crop")
    if table is not None and not is_faces:
        raise OptionError(f"attributes go with LFW only; {path} is not of its layout (NAME/NAME_0001.jpg)")
    if table is not None and not table.is_file():
        raise DataError(f"attribute table {table} is not there; give the path of lfw_attributes.txt")
    return Located(path, kind, entries, framing, table)


def _load_path(located: Located, use_cache: bool, progress: Progress | None) -> ImageSet:
    path, kind, entries, framing, table = located
    key = None
    if use_cache:
        content: Any = _cache.content_digest(path) if entries is None else [str(path), *entries]
        known_table = None if table is None else _cache.content_digest(table)
        key = _cache.key_of(READER, kind, content, known_table, framing.size, framing.crop, framing.fit)
        found = _cache.find(key)
        if found is not None:
            found.spec = located.spec
            return found
    images = _read(path, kind, entries, framing, table, progress)
    if len(images) < LEAST:
        raise _too_few(path, images)
    kept = images if key is None else _cache.keep(key, images)
    kept.spec = located.spec
    return kept


def _kind_of(path: Path, entries: list[folder.Entry] | None) -> str:
    if entries is not None:
        return "lfw folder" if lfw.is_lfw(entry.name for entry in entries) else "folder"
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder; give one")
    if path.suffix.lower() in (".npy", ".npz"):
        return "array"
    if not archive.is_archive(path):
        raise DataError(f"{path} is no folder, tar, zip, .npy or .npz; put single pictures into a folder")
    # The layout shows in the first picture, so that a long archive is not read twice.
    first = next((source.name for source in archive.pictures_in(path)), None)
    return "lfw archive" if first is not None and lfw.portrait(first) else "archive"


def _read(
    path: Path,
    kind: str,
    entries: list[folder.Entry] | None,
    framing: Framing,
    table: Path | None,
    progress: Progress | None,
) -> ImageSet:
    if kind == "array":
        return ImageSet(arrays.frame_array(arrays.read_array(path), framing, progress))
    attributes = None if table is None else lfw.read_attributes(table)

    def wanted(name: str) -> bool:
        return attributes is None or lfw.portrait(name) in attributes.rows

    if entries is not None:
        chosen = [entry for entry in entries if wanted(entry.name)]
        chunks = list(decode_all(folder.pictures_in(path, chosen), framing, total=len(chosen), progress=progress))
    else:
        chunks = list(decode_all(archive.pictures_in(path, wanted), framing, progress=progress))
    names = [name for chunk in chunks for name in chunk.names]
    rejected = [one for chunk in chunks for one in chunk.rejected]
    pixels = np.concatenate([chunk.pixels for chunk in chunks]) if chunks else np.empty((0, *framing.size, 3), np.uint8)
    if not kind.startswith("lfw"):
        return ImageSet(pixels, _unique(names), rejected=rejected)
    portraits = [lfw.portrait(name) for name in names]
    return ImageSet(
        pixels,
        _unique([lfw.short_name(name) for name in names]),
        ["" if one is None else one.person for one in portraits],
        attribute_names=() if attributes is None else attributes.names,
        attribute_values=None
        if attributes is None
        else attributes.values[[attributes.rows[one] for one in portraits if one is not None]],
        rejected=rejected,
    )


def unique_namer() -> Callable[[str], str]:
    """Archives may hold a name twice; the later ones get a number."""
    seen: dict[str, int] = {}

    def named(name: str) -> str:
        seen[name] = seen.get(name, 0) + 1
        return name if seen[name] == 1 else f"{name}#{seen[name]}"

    return named


def _unique(names: list[str]) -> list[str]:
    named = unique_namer()
    return [named(name) for name in names]


def _too_few(path: Path, images: ImageSet) -> DataError:
    reason = ""
    if images.rejected:
        first = images.rejected[0]
        reason = f"; {len(images.rejected)} were set aside, the first: {first.name} {first.reason}"
    return DataError(f"{path} gives {len(images)} usable pictures, at least {LEAST} are needed{reason}")
