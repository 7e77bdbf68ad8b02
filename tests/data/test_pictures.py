"""Every picture that a viewer shows comes in, as its owner sees it."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import files
import lookalike as la
from lookalike.data import Framing, read_picture
from lookalike.data.decode import frame_image
from lookalike.errors import PictureError

SIDES = st.integers(1, 20_000)


@settings(max_examples=60, deadline=None)
@given(SIDES, st.integers(1, 400), st.booleans(), st.integers(1, 1024), st.integers(1, 1024), st.integers(0, 40))
@example(640, 427, False, 45, 45, 0)
@example(1668, 2388, False, 32, 32, 0)
@example(178, 218, False, 47, 47, 0)
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_any_picture_frames(fit: str, long: int, short: int, tall: bool, height: int, width: int, crop: int) -> None:
    """A picture of one colour gives that colour everywhere, whatever is cut or filled up."""
    size = (short, long) if tall else (long, short)
    crop = min(crop, (min(size) - 1) // 2)
    framed = frame_image(Image.new("L", size, 77), Framing((height, width), crop, fit))
    assert framed.shape == (height, width, 1)
    assert (framed == 77).all()


BLOCKS = files.blocks()
TURNED = np.rot90(np.asarray(BLOCKS), -1).astype(int)


def difference(content: bytes, expected: npt.NDArray[np.generic]) -> float:
    found = read_picture(content, None)
    assert found.shape == expected.shape
    return float(np.abs(found.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize(
    ("module", "make", "levels"),
    [
        ("pi_heif", files.heic, 2),
        ("pillow_jxl", files.jxl, 2),
        ("rawpy", files.dng, 4),
        ("PIL", lambda image: files.saved(image, "AVIF", quality=95), 4),
    ],
    ids=["heic", "jxl", "raw", "avif"],
)
def test_formats_of_today(module: str, make: object, levels: float) -> None:
    pytest.importorskip(module)
    assert difference(make(BLOCKS), np.asarray(BLOCKS)) < levels  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["heic", "raw", "avif", "webp", "png", "tiff"])
def test_they_are_turned_as_their_cameras_were(kind: str) -> None:
    """As EXIF's 6 says: a quarter turn clockwise, once, wherever a format keeps it."""
    noted = files.exif(6)
    made = {
        "heic": lambda: files.heic(BLOCKS, exif=noted),
        "raw": lambda: files.dng(BLOCKS, 6),
        "avif": lambda: files.saved(BLOCKS, "AVIF", quality=95, exif=noted),
        "webp": lambda: files.saved(BLOCKS, "WEBP", lossless=True, exif=noted),
        "png": lambda: files.saved(BLOCKS, "PNG", exif=noted),
        "tiff": lambda: files.saved(BLOCKS, "TIFF", tiffinfo={274: 6}),
    }
    if kind in ("heic", "raw"):
        pytest.importorskip({"heic": "pi_heif", "raw": "rawpy"}[kind])
    assert difference(made[kind](), TURNED) < 5


@pytest.mark.parametrize(("kind", "extra"), [("HEIF", "heic"), ("JXL", "jxl"), ("RAW", "raw")])
def test_without_its_extra_a_picture_is_set_aside_with_what_to_install(
    kind: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str) -> None:
        raise ImportError(name)

    content = {"HEIF": files.heic, "JXL": files.jxl, "RAW": files.dng}[kind](BLOCKS)
    suffix = {"HEIF": "heic", "JXL": "jxl", "RAW": "dng"}[kind]
    monkeypatch.setattr("lookalike.data.formats.import_module", fails)
    for name in ("a.png", "b.png"):
        BLOCKS.save(tmp_path / name)
    (tmp_path / f"c.{suffix}").write_bytes(content)
    images = la.load(tmp_path, cache=False)
    assert images.names == ["a.png", "b.png"]
    (rejected,) = images.rejected
    assert rejected.name == f"c.{suffix}"
    assert f"pip install 'lookalike[{extra}]'" in rejected.reason


def srgb_of(primaries: tuple[float, ...], gamma: float, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """By the definition: linear light, through XYZ, to sRGB's primaries and curve (IEC 61966-2-1)."""

    def to_xyz(xy: tuple[float, ...]) -> npt.NDArray[np.float64]:
        points = np.array(xy).reshape(3, 2)
        columns = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)])
        white = np.array([0.3127, 0.3290, 0.3583]) / 0.3290
        return columns * np.linalg.solve(columns, white)

    linear = (values / 255.0) ** gamma @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


SRGB = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    "primaries", [files.DISPLAY_P3, files.ADOBE_RGB, files.SWAPPED], ids=["p3", "adobe", "swapped"]
)
def test_colours_are_as_their_profile_says(kind: str, primaries: tuple[float, ...]) -> None:
    muted = np.asarray(BLOCKS) // 3 + 85  # colours that both spaces hold
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    content = files.saved(Image.fromarray(muted), kind, icc_profile=files.profile(primaries, 2.2), **options)
    expected = srgb_of(primaries, 2.2, muted)
    assert np.abs(expected - muted).mean() > 2
    assert difference(content, np.rint(expected)) < (1.5 if kind == "JPEG" else 0.75)
    stretched = read_picture(content, Framing(BLOCKS.size[::-1], 0, "stretch"))
    np.testing.assert_array_equal(stretched, read_picture(content, None))


def test_profiles_of_srgb_and_broken_ones_change_nothing() -> None:
    for profile in (files.srgb_profile(), b"no profile", files.srgb_profile()[:200]):
        assert difference(files.saved(BLOCKS, "PNG", icc_profile=profile), np.asarray(BLOCKS)) == 0


def test_a_folder_of_plain_jpegs_heeds_a_profile_too(tmp_path: Path) -> None:
    """The fast way for LFW's framing must leave such pictures to the careful one."""
    for i in range(2):
        content = files.saved(files.blocks(seed=i), "JPEG", quality=95, icc_profile=files.profile(files.SWAPPED, 2.2))
        (tmp_path / f"{i}.jpg").write_bytes(content)
    images = la.load(tmp_path, size=(60, 80), fit="stretch", cache=False)
    for i in range(2):
        np.testing.assert_array_equal(images[i], read_picture(tmp_path / f"{i}.jpg", None))


MAKE_OF_NO_WORDS = (0x010F, 5, 1, struct.pack(">I", 8))
RESOLUTION_OF_BYTES = (0x011A, 2, 4, b"abcd")
LARGE = zlib.compress(bytes(3 << 20))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (files.png_with(BLOCKS, files.chunk(b"eXIf", b"junk!")), np.asarray(BLOCKS)),
        (files.png_with(BLOCKS, files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\nzz"))),
         np.asarray(BLOCKS)),
        (files.png_with(BLOCKS, files.chunk(b"zTXt", b"Comment\0\0" + LARGE)), np.asarray(BLOCKS)),
        (files.png_with(BLOCKS, files.chunk(b"iTXt", b"Comment\0\1\0\0\0" + LARGE)), np.asarray(BLOCKS)),
        (files.png_with(BLOCKS, files.chunk(b"iCCP", b"name\0\0" + LARGE)), np.asarray(BLOCKS)),
        (files.png_with(BLOCKS, files.chunk(b"tEXt", b"Comment\0hi", right=False)), np.asarray(BLOCKS)),
        (files.jpeg_with(BLOCKS, (0xE1, b"Exif\0\0" + files.exif(6, MAKE_OF_NO_WORDS))), TURNED),
        (files.jpeg_with(BLOCKS, (0xE1, b"Exif\0\0" + files.exif(6, RESOLUTION_OF_BYTES))), TURNED),
        (files.jpeg_with(BLOCKS, (0xE1, b"Exif\0\0" + b"\xff" * 40)), np.asarray(BLOCKS)),
        (files.jpeg_with(BLOCKS, (0xE2, b"ICC_PROFILE\0\1\1" + b"?" * 200)), np.asarray(BLOCKS)),
        (files.saved(BLOCKS, "JPEG", quality=95)[:-2], np.asarray(BLOCKS)),
        (files.saved(BLOCKS, "JPEG", quality=95, progressive=True)[:-2], np.asarray(BLOCKS)),
        (files.saved(BLOCKS, "TIFF", tiffinfo={270: "words"}).replace(struct.pack("<HH", 270, 2),
         struct.pack("<HH", 282, 2)), np.asarray(BLOCKS)),
    ],
    ids=["exif", "raw profile", "text", "international text", "profile", "checksum", "make", "resolution",
         "exif of a jpeg", "profile of a jpeg", "end", "end of a progressive", "resolution of a tiff"],
)  # fmt: skip
def test_broken_metadata_costs_no_picture(content: bytes, expected: npt.NDArray[np.generic]) -> None:
    assert difference(content, expected) < 4


def test_what_is_really_cut_off_stays_out() -> None:
    for progressive in (False, True):
        whole = files.saved(BLOCKS, "JPEG", quality=95, progressive=progressive)
        for content in (whole[: len(whole) * 2 // 3], whole[:-40]):
            with pytest.raises(PictureError, match="truncated"):
                read_picture(content, None)


RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    "content",
    [
        files.tiff((RAMP * 4095).astype(np.float32)),
        files.tiff((RAMP * 255).astype(np.int32)),
        files.tiff((RAMP * 4095).astype(np.uint16)),
        files.tiff((RAMP * 65535).astype(np.uint16)),
        files.tiff(RAMP.astype(np.float32)),
        files.tiff((RAMP * 255).astype(np.float32)),
        files.tiff((RAMP * 9e6).astype(np.int32)),
        files.tiff((RAMP * 3 - 1).astype(np.float32)),
        files.tiff((RAMP * 300).astype(np.uint16), t341=300),
        files.tiff((RAMP * 1000 + 50).astype(np.uint16), t340=50, t341=1050),
        files.saved(Image.fromarray((RAMP * 4095).astype(np.uint16)), "PNG"),
    ],
    ids=["float to 4095", "int32 to 255", "12 bits in 16", "16 bits", "float to 1", "float to 255", "large", "negative",
         "stated white", "stated black and white", "12 bits in a png"],
)  # fmt: skip
def test_deep_pictures_show_their_range(content: bytes) -> None:
    found = read_picture(content, None)
    np.testing.assert_allclose(found[..., 0], RAMP * 255, atol=1.6)


def test_twelve_bits_of_colour_are_seen() -> None:
    levels = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels * 4095)
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")
    content = b"\x89PNG\r\n\x1a\n" + b"".join(files.chunk(*part) for part in parts)
    np.testing.assert_allclose(read_picture(content, None), levels * 255, atol=18)  # Pillow leaves 4 of the 12 bits


def test_a_range_of_its_own_is_said_once_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            (tmp_path / folder / f"{i}.tif").write_bytes(files.tiff((RAMP * 4095).astype(np.float32)))
    with caplog.at_level(logging.WARNING):
        la.load(tmp_path, cache=False)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert all("says not which value is white" in line for line in said)


def test_something_is_seen_on_a_transparent_ground() -> None:
    for line, ground in ((255, 0), (0, 255), (120, 255)):
        drawn = np.zeros((20, 20, 4), np.uint8)
        drawn[8:12] = (line, line, line, 255)
        found = read_picture(files.saved(Image.fromarray(drawn), "PNG"), None)
        assert found[0, 0, 0] == ground
        assert found[10, 10, 0] == line


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame_that_is_not_blank(kind: str) -> None:
    blank, other = Image.new("RGB", BLOCKS.size, "white"), files.blocks(seed=1)
    options = {"save_all": True, "append_images": [BLOCKS, other], **({"lossless": True} if kind == "WEBP" else {})}
    assert difference(files.saved(blank, kind, **options), np.asarray(BLOCKS)) < 2
    assert read_picture(files.saved(blank, kind), None).min() == 255


def test_tiffs_that_cannot_be_read_say_what_they_are() -> None:
    tifffile = pytest.importorskip("tifffile")
    import io

    for values, options, words in (
        (np.zeros((5, 6, 3), np.float32), {"photometric": "rgb"}, "3 floats of 32 bits"),
        (np.zeros((5, 6, 2), np.uint16), {"photometric": "minisblack", "extrasamples": [2], "planarconfig": "contig"},
         "2 numbers of 16 bits"),
    ):  # fmt: skip
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, **options)
        with pytest.raises(PictureError, match=words):
            read_picture(stream.getvalue(), None)
