"""What is known of a picture's file when one of several copies is to be chosen."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable

import numpy as np
from PIL import Image

from lookalike import files
from lookalike.choosing import FEW_COLOURS, LOSSLESS, LOSSY, RAW, Facts
from lookalike.data.decode import decode_picture
from lookalike.data.exif import COLUMNS as OF_CAMERA
from lookalike.data.exif import read_exif
from lookalike.data.formats import kind_of
from lookalike.data.images import Pixels
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.review.hints import luma
from lookalike.review.originals import shown_of
from lookalike.review.rereading import read_again
from lookalike.review.sharpness import sharpness

_RANKS = {"RAW": RAW, "PNG": LOSSLESS, "BMP": LOSSLESS, "TIFF": LOSSLESS, "GIF": FEW_COLOURS}
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
_TAKEN = [column.name for column in OF_CAMERA].index("taken")
_SOFTWARE = 0x0131
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|snapseed|picasa|affinity|darktable|rawtherapee|pixelmator|capture one|acdsee|paintshop|"
    r"paint\.net|vsco|canva|luminar|photoscape|picsart|facetune|polarr|on1 |dxo|digikam|krita|pixlr|meitu|instagram",
    re.IGNORECASE,
)
_EDITED_NAMES = re.compile(
    r"(\(\d+\)|[ _-]+cop(y|ie)([ _]*\(?\d+\)?)?|[ _-]kopie([ _]*\(?\d+\)?)?|[ _-]+(edit(ed)?|bearbeitet|modifi[eé]e?)"
    r"([ _-]*\d+)?|~\d+)$|^(copy of|kopie von|copie de) |^img_e\d+$",
    re.IGNORECASE,
)
LARGEST_JUDGED = 2048
"""Pixels of the longer side at which a picture's sharpness is judged, at most."""


def edited_by_name(name: str) -> str:
    """What of a file's name tells that it is a copy or an edit, "" for nothing: `IMG_1 (1).jpg`, `a copy.png`."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    found = _EDITED_NAMES.search(stem)
    return "" if found is None else f"named {found[0].strip()!r}"


def facts_of(gallery: Gallery, snapshot: Snapshot, names: Iterable[str]) -> dict[str, Facts]:
    """The facts of stored pictures by their names, read again from their files; what cannot be, as it is stored."""
    wanted = set(names)
    changed = {name: _iso(modified) for name, modified in snapshot.catalog.fields("name, modified", "stored")}
    spec = gallery.source
    found: dict[str, Facts] = {}
    digests: dict[str, str] = {}
    if spec is not None and spec.framing.faces is None:
        for name, (facts, digest) in read_again(spec, wanted, _of_file, _of_row):
            time = facts.time or changed[name]
            found[name] = facts._replace(name=name, time=time, edited=edited_by_name(name) or facts.edited)
            digests[name] = digest
    any_read = bool(found)  # else all are drawn, from memory, faces, or the whole folder is away
    for name in wanted - found.keys():
        facts = _of_pixels(snapshot.picture(snapshot.view.numbers[name]))
        edited = edited_by_name(name)
        found[name] = facts._replace(name=name, time=changed[name], edited=edited, is_read=not any_read)
    return _told_apart(found, digests)


def _told_apart(found: dict[str, Facts], digests: dict[str, str]) -> dict[str, Facts]:
    """A lossless file of the very pixels of a lossy one was made of it: an encoder that loses would not hit them."""
    lossy = {digests[name]: found[name].format for name in digests if found[name].keeps == LOSSY and found[name].format}
    made = {
        name: found[name]._replace(edited=found[name].edited or f"made of a {lossy[digest]}, of its very pixels")
        for name, digest in digests.items()
        if found[name].keeps == LOSSLESS and digest in lossy
    }
    return {**found, **made}


def _of_pixels(picture: Pixels) -> Facts:
    """Of a picture (H, W, C) that no file is known of."""
    height, width = picture.shape[:2]
    return Facts("", width, height, _sharpness(picture), "", LOSSY, 0, "", False, "")


def _of_row(picture: Pixels) -> tuple[Facts, str]:
    return _of_pixels(picture), ""


def _of_file(content: bytes) -> tuple[Facts, str]:
    """All but the name, and a digest of the pixels; `time` is "" where the file does not say when it was taken.

    Raises `PictureError`.
    """
    picture = decode_picture(content, None)
    height, width = picture.shape[:2]
    form, keeps, software = _opened(content)
    taken = read_exif(content)[_TAKEN]
    edited = f"made by {software}" if _EDITORS.search(software) else ""
    facts = Facts(
        "", width, height, _sharpness(picture), form, keeps, len(content), str(taken or ""), taken is not None, edited
    )
    shown = shown_of(picture)
    facts = facts if shown == width * height else facts._replace(within=shown)
    return facts, files.sha256(np.ascontiguousarray(picture).data)


def _sharpness(picture: Pixels) -> float:
    """Of a large picture at a fraction of its size, by means."""
    step = -(-max(picture.shape[:2]) // LARGEST_JUDGED)
    grey = luma(picture[None])[0]
    if step > 1:
        rows, columns = (side // step for side in grey.shape)
        pieces = grey[: rows * step, : columns * step].reshape(rows, step, columns, step)
        grey = pieces.mean(axis=(1, 3), dtype=np.float32)
    return sharpness(grey)


def _opened(content: bytes) -> tuple[str, int, str]:
    """The format's name, what it keeps, and the program that wrote the file."""
    kind = kind_of(content)
    if kind == "RAW":
        return kind, RAW, ""
    try:
        with Image.open(io.BytesIO(content)) as image:
            form = image.format or kind or "unknown"
            keeps = _RANKS.get(form, LOSSY)
            if form == "TIFF" and image.info.get("compression") in _LOSSY_TIFF:
                keeps = LOSSY
            if form == "WEBP" and b"VP8L" in content[12:64]:
                keeps = LOSSLESS
            software = image.getexif().get(_SOFTWARE)
            return form, keeps, software.strip("\0 ") if isinstance(software, str) else ""
    except Exception:  # Pillow's readers raise many kinds, and need not know what was decoded
        return kind or "unknown", LOSSY, ""


def _iso(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return ""
    return datetime.datetime.fromtimestamp(nanoseconds // 10**9, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
