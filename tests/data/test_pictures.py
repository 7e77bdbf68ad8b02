"""Every picture that a viewer shows comes in, as its owner sees it."""

from __future__ import annotations

import io
import logging
import os
import struct
import zlib
from pathlib import Path
from threading import Thread

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
from lookalike.data.names import say_what_8_bits_lose
from lookalike.data.samples import read_tiff
from lookalike.errors import PictureError

SIDES = st.integers(1, 20_000)


@settings(max_examples=60, deadline=None)
@given(SIDES, st.integers(1, 400), st.booleans(), st.integers(1, 1024), st.integers(1, 1024), st.integers(0, 40))
@example(640, 427, False, 45, 45, 0)
@example(1668, 2388, False, 32, 32, 0)
@example(178, 218, False, 47, 47, 0)
@example(8436, 153, False, 1, 1, 0)
@example(20_000, 400, True, 1, 1, 0)
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
    ("suffix", "module", "make", "levels"),
    [
        ("heic", "pi_heif", files.heic, 2),
        ("HEIF", "pi_heif", files.heic, 2),
        ("jxl", "pillow_jxl", files.jxl, 2),
        ("dng", "rawpy", files.dng, 4),
        ("avif", "PIL", lambda image: files.saved(image, "AVIF", quality=95), 4),
    ],
)
def test_formats_of_today(suffix: str, module: str, make: object, levels: float, tmp_path: Path) -> None:
    pytest.importorskip(module)
    content = make(BLOCKS)  # type: ignore[operator]
    assert difference(content, np.asarray(BLOCKS)) < levels
    for name in ("a", "b"):
        (tmp_path / f"{name}.{suffix}").write_bytes(content)
    images = la.load(tmp_path, size=(60, 80), fit="stretch", cache=False)
    assert images.names == [f"a.{suffix}", f"b.{suffix}"]
    assert (images.pixels == read_picture(content, None)).all()


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
    "primaries",
    [files.DISPLAY_P3, files.ADOBE_RGB, files.PROPHOTO, files.SWAPPED],
    ids=["p3", "adobe", "prophoto", "swapped"],
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
    muted = [np.asarray(files.blocks(seed=i)) // 3 + 85 for i in range(2)]
    swapped = files.profile(files.SWAPPED, 2.2)
    for i, pixels in enumerate(muted):
        content = files.saved(Image.fromarray(pixels), "JPEG", quality=100, subsampling=0, icc_profile=swapped)
        (tmp_path / f"{i}.jpg").write_bytes(content)
    images = la.load(tmp_path, size=(60, 80), fit="stretch", cache=False)
    for i, pixels in enumerate(muted):
        assert np.abs(images[i] - srgb_of(files.SWAPPED, 2.2, pixels)).mean() < 1.5
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


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Neither where a picture is read nor where its depth is asked for."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(PictureError, match="is not a regular file"):
        read_picture(pipe, None)
    asking = Thread(target=say_what_8_bits_lose, args=([pipe],), daemon=True)
    asking.start()
    asking.join(timeout=20)
    assert not asking.is_alive()


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


LEVELS = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)


@pytest.mark.parametrize("most", [4095, 16_383, 65_535])
@pytest.mark.parametrize("samples", ["grey", "grey and opacity", "rgb", "rgb and opacity"])
def test_sixteen_bits_of_a_png_are_seen(samples: str, most: int) -> None:
    """Of whichever range: with 65,535 Pillow's upper half counts, which is not rounded."""
    colours = LEVELS if samples.startswith("rgb") else RAMP[..., None]
    values = colours * most
    if samples.endswith("opacity"):
        values = np.concatenate([values, np.full((8, 8, 1), 65_535)], axis=-1)
    found = read_picture(files.png16(values), None)
    np.testing.assert_allclose(found, np.broadcast_to(colours * 255, found.shape), atol=0.51 if most < 65_535 else 1)


def written(values: npt.NDArray[np.generic], **options: object) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


OPAQUE = {"extrasamples": [2]}


@pytest.mark.parametrize("kind", ["u2", "u4", "i1", "i2", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("samples", ["grey", "grey and opacity", "rgb", "rgb and opacity", "planes"])
def test_tiffs_of_any_numbers(samples: str, order: str, kind: str) -> None:
    """Held against tifffile, in both orders of bytes; of the range that their kind has."""
    most = np.iinfo(kind).max if kind[0] in "iu" else 1.0
    colours = RAMP[..., None] if samples.startswith("grey") else LEVELS
    parts = np.concatenate([colours, np.ones((8, 8, 1))], axis=-1) if samples.endswith("opacity") else colours
    values = (np.rint(parts * most) if kind[0] in "iu" else parts).astype(kind)
    options: dict[str, object] = {"photometric": "minisblack" if samples.startswith("grey") else "rgb"}
    if samples == "planes":
        values, options["planarconfig"] = np.moveaxis(values, -1, 0), "separate"
    elif samples == "grey":
        values = values[..., 0]
    else:
        options |= {"planarconfig": "contig", **(OPAQUE if samples.endswith("opacity") else {})}
    found = read_picture(written(values, byteorder=order, **options), None)
    np.testing.assert_allclose(found, np.broadcast_to(colours * 255, found.shape), atol=1.6)


@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("compression", [1, 5, 32946], ids=["none", "lzw", "deflate"])
@pytest.mark.parametrize("shape", [(37, 53, 1), (37, 53, 3), (8, 16, 4)], ids=str)
def test_compressed_floats_are_opencvs(shape: tuple[int, int, int], compression: int, predictor: int) -> None:
    cv2 = pytest.importorskip("cv2")
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    how = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    _, content = cv2.imencode(".tif", values, [*how, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 7])
    held = read_tiff(content.tobytes())
    np.testing.assert_array_equal(held.colours, values[..., :3][..., ::-1])


@pytest.mark.parametrize("options", [{"tile": (16, 32)}, {"tile": (32, 16), "planarconfig": "separate"}], ids=str)
def test_tiles_of_sixteen_bits_are_tifffiles(options: dict[str, object]) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (37, 53, 3)).astype(np.uint16)
    given = np.moveaxis(values, -1, 0) if "planarconfig" in options else values
    held = read_tiff(written(given, photometric="rgb", **({"planarconfig": "contig"} | options)))
    np.testing.assert_array_equal(held.colours, values)


def test_opacity_and_white_of_a_tiff_are_as_it_says() -> None:
    """Half seen over white; what was multiplied by its opacity is divided first; grey from white down."""
    half = np.full((4, 4), 0.5)
    for extra, grey in ((2, 0.6), (1, 0.3)):  # the same picture, kept in two ways
        values = (np.stack([np.full((4, 4), grey), half], axis=-1) * 65_535).astype(np.uint16)
        values[0, 0, 0] = 0
        options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": [extra]}
        found = read_picture(written(values, **options), None)
        np.testing.assert_allclose(found[1:], 255 * (0.6 * 0.5 + 0.5), atol=2)
    down = written((RAMP * 1.0).astype(np.float16), photometric="miniswhite")
    np.testing.assert_allclose(read_picture(down, None)[..., 0], 255 - RAMP * 255, atol=1.6)


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
    complex_numbers = written(np.zeros((5, 6), np.complex64))
    with pytest.raises(PictureError, match=r"1 complex numbers of 64 bits a pixel; save it as PNG, or as a TIFF of 16"):
        read_picture(complex_numbers, None)
    with pytest.raises(PictureError, match="values that are not finite; save it without them"):
        read_picture(written(np.full((5, 6, 3), np.inf, np.float32), photometric="rgb"), None)


def test_a_table_of_tags_that_lacks_one_is_said_to_be_damaged() -> None:
    content = written(np.zeros((4, 4, 3), np.float32), photometric="rgb")
    for tag, reason in ((273, "lacks its size, its colours, or where they are"), (279, "does not fit together")):
        at = content.index(struct.pack("<H", tag), 8)
        broken = content[:at] + struct.pack("<H", 60_000) + content[at + 2 :]
        with pytest.raises(PictureError, match=f"is a damaged TIFF: its table of tags {reason}"):
            read_picture(broken, None)


def test_a_tiff_that_claims_too_much_is_refused_before_it_is_unpacked() -> None:
    content = bytearray(written(np.zeros((4, 4, 3), np.float32), photometric="rgb", tile=(16, 16)))
    for tag in (322, 323):
        at = content.index(struct.pack("<HH", tag, 3 if struct.pack("<HH", tag, 3) in content else 4))
        content[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 60_000)
    with pytest.raises(PictureError, match="more than fit into 536,870,912 bytes; save it smaller"):
        read_picture(bytes(content), None)


@pytest.mark.parametrize("shown", [b"", bytes(500), files.saved(BLOCKS, "JPEG")[:300]], ids=["none", "zeros", "cut"])
@pytest.mark.parametrize(("orientation", "bright"), [(1, np.s_[:12]), (3, np.s_[-12:]), (6, np.s_[:, -12:])])
def test_a_raw_file_without_a_preview_is_developed(shown: bytes, orientation: int, bright: object) -> None:
    """Its mosaic is bright above and dark below."""
    pytest.importorskip("rawpy")
    found = read_picture(files.dng(BLOCKS, orientation, shown), None)
    assert found.shape == (32, 32, 3)  # half of the sensor's side
    light = np.zeros((32, 32), bool)
    light[bright] = True  # type: ignore[index]
    assert found[light].min() > 200
    assert found[np.rot90(light, 2)].max() < 80
