"""What cameras wrote, as Pillow writes it, in every kind of file."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

import files
import lookalike as la
from lookalike.data import exif


def jpeg(write: Callable[[Image.Exif], Any] = lambda tags: None, size: tuple[int, int] = (40, 30)) -> bytes:
    stream, tags = io.BytesIO(), Image.Exif()
    write(tags)
    Image.new("RGB", size).save(stream, "jpeg", exif=tags)
    return stream.getvalue()


def told(content: bytes) -> dict[str, Any]:
    return dict(zip((column.name for column in exif.COLUMNS), exif.read_exif(content), strict=True))


def test_what_a_camera_wrote() -> None:
    def write(tags: Image.Exif) -> None:
        tags[0x010F], tags[0x0110], tags[0x0112], tags[0x4746] = "Google\0", "Pixel 7 ", 6, 4
        tags[0x0132] = "2025:01:01 00:00:00"
        tags.get_ifd(0x8769)[0x9003] = "2024:05:17 14:30:09"
        place = tags.get_ifd(0x8825)
        place[1], place[2] = "S", (IFDRational(33), IFDRational(51), IFDRational(3540, 100))
        place[3], place[4] = "E", (IFDRational(151), IFDRational(12), IFDRational(4000, 100))

    found = told(jpeg(write))
    assert (found.pop("latitude"), found.pop("longitude")) == pytest.approx((-33.8598333, 151.2111111))
    assert found == {"taken": "2024-05-17T14:30:09", "camera": "Pixel 7", "width": 30, "height": 40, "rating": 4}


def test_what_is_missing_or_makes_no_sense_is_not_known() -> None:
    plain = dict.fromkeys(column.name for column in exif.COLUMNS) | {"width": 40, "height": 30}
    assert told(jpeg()) == plain

    def nonsense(tags: Image.Exif) -> None:
        tags[0x0132], tags[0x4746] = "0000:00:00 00:00:00", 99
        place = tags.get_ifd(0x8825)
        place[1], place[2] = "N", (IFDRational(500), IFDRational(0), IFDRational(0))
        place[3], place[4] = "W", (IFDRational(1, 0), IFDRational(0), IFDRational(0))

    assert told(jpeg(nonsense)) == plain

    def maker_alone(tags: Image.Exif) -> None:
        tags[0x010F], tags[0x0132] = "Acme", "2024:05:17 14:30:09"

    assert told(jpeg(maker_alone)) == plain | {"camera": "Acme", "taken": "2024-05-17T14:30:09"}
    for broken in (b"", b"nonsense", jpeg(maker_alone)[:30], json.dumps({}).encode()):
        assert set(told(broken).values()) == {None}
    cut = bytearray(jpeg(maker_alone))
    at = cut.index(b"Exif")
    for place in range(at, at + 60):  # every way in which one byte of it can be wrong
        for value in (0, 255):
            broken_tags = bytes(cut[:place]) + bytes([value]) + bytes(cut[place + 1 :])
            assert told(broken_tags)["width"] in (30, 40, None)


def phones(tags: Image.Exif) -> None:
    tags[0x0110], tags[0x0112] = "iPhone 15", 6
    tags.get_ifd(0x8769)[0x9003] = "2024:05:17 14:30:09"
    place = tags.get_ifd(0x8825)
    place[1], place[2] = "N", (IFDRational(47), IFDRational(30), IFDRational(0))
    place[3], place[4] = "W", (IFDRational(8), IFDRational(15), IFDRational(0))


PHONES = {"taken": "2024-05-17T14:30:09", "camera": "iPhone 15", "latitude": 47.5, "longitude": -8.25, "rating": None}


def noted() -> bytes:
    tags = Image.Exif()
    tags.endian = "<"
    phones(tags)
    return tags.tobytes()


@pytest.mark.parametrize(
    ("kind", "module"),
    [("heic", "pi_heif"), ("jxl", "pillow_jxl"), *((kind, "PIL") for kind in ("avif", "webp", "png", "jpeg", "tiff"))],
)
def test_every_kind_of_file_tells_it(kind: str, module: str) -> None:
    """The size is that of the picture as it is shown: 6 is a quarter turn, which a JPEG XL does not follow."""
    pytest.importorskip(module)
    picture = files.blocks(60, 80)
    make: dict[str, Callable[..., bytes]] = {"heic": files.heic, "jxl": files.jxl}
    save = make.get(kind, lambda image, **options: files.saved(image, kind.upper(), **options))
    size = (80, 60) if kind == "jxl" else (60, 80)
    assert told(save(picture, exif=noted())) == PHONES | dict(zip(("width", "height"), size, strict=True))


def test_a_phones_photos_are_searched_by_what_it_wrote(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    for number in range(3):
        (tmp_path / f"{number}.heic").write_bytes(files.heic(files.blocks(seed=number), exif=noted()))
    read = la.load(tmp_path, exif=True, cache=False)
    assert read.attributes["camera"].tolist() == ["iPhone 15"] * 3
    assert read.attributes["width"].tolist() == [60] * 3


def test_a_raw_file_tells_it() -> None:
    """By its sensor's size, and not by that of the preview, which its first table of tags is of."""
    pytest.importorskip("rawpy")
    upright = told(files.dng(files.blocks(60, 80)))
    assert (upright["camera"], upright["width"], upright["height"]) == ("Test Camera", 64, 64)


@pytest.mark.parametrize("kind", ["ORF", "RW2", "CR3", "RAF"])
def test_raw_files_that_begin_otherwise_tell_it(kind: str) -> None:
    """As exiftool's tables of these formats have it; there is no picture in these to be measured."""
    tags = noted().removeprefix(b"Exif\0\0")
    if kind == "CR3":
        content = struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom" + struct.pack(">I", 4096) + b"moov"
        content += struct.pack(">I", 4000) + b"uuid" + bytes(16)
        for name, part in ((b"CMT1", tags), (b"CMT2", _only(0x8769)), (b"CMT4", _only(0x8825))):
            content += struct.pack(">I", len(part) + 8) + name + part
    elif kind == "RAF":
        inner = files.jpeg_with(files.blocks(), (0xE1, noted()))
        content = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">I", 160).ljust(76, b"\0") + inner
    else:
        content = {"ORF": b"IIRO", "RW2": b"IIU\0"}[kind] + tags[4:]
    found = told(content)
    assert {name: found[name] for name in PHONES} == PHONES


def _only(part: int) -> bytes:
    """A TIFF whose first table is one of EXIF's inner ones."""
    tags, inner = Image.Exif(), Image.Exif()
    tags.endian = inner.endian = "<"
    phones(tags)
    for tag, value in tags.get_ifd(part).items():
        inner[tag] = value
    return inner.tobytes().removeprefix(b"Exif\0\0")


def test_what_is_broken_costs_no_more_than_itself() -> None:
    """A tag of the wrong kind, and a chunk that is no EXIF: the others stand, and so does the size."""
    picture = files.blocks(60, 80)
    wrong = told(files.jpeg_with(picture, (0xE1, b"Exif\0\0" + files.exif(6, (0x010F, 5, 1, struct.pack(">I", 8))))))
    assert (wrong["width"], wrong["height"], wrong["camera"]) == (60, 80, None)
    junk = told(files.png_with(picture, files.chunk(b"eXIf", b"junk!")))
    assert (junk["width"], junk["height"], junk["taken"]) == (80, 60, None)
