"""Whole photographs through the command's own way: formats, depths, notes, folders; the network changes nothing."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from lookalike.denoising import denoise, denoise_files, tiling
from lookalike.denoising.photo import read_photo, stored, turned
from lookalike.denoising.saving import checked_quality, encoded
from lookalike.errors import DataError, OptionError
from pictures import waves

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


class Same:
    """A model of pictures of any size that takes nothing away, or a constant."""

    image_shape_ = (8, 8, 3)
    reach = 4
    takes_level = True

    def __init__(self, taken: float = 0.0) -> None:
        self.taken = np.float32(taken)

    def reconstruct(self, pictures: np.ndarray, level: float | None = None) -> np.ndarray:
        assert pictures.dtype == np.float32
        return pictures - self.taken


def exif_of(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    exif[0x8769] = {0x829A: 0.01, 0x927C: b"notes of the maker"}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif.tobytes()


def saved(picture: Image.Image, form: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **settings)  # type: ignore[arg-type]
    return stream.getvalue()


def noisy(height: int = 40, width: int = 30, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(height).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, True)


def cleaned(content: bytes, model: Same | None = None, *, quality: int | None = None, strength: float = 1.0) -> bytes:
    """What becomes of one file, as `denoise_files` does it."""
    photo = read_photo(content)
    restored = denoise(model or Same(), photo.pixels, strength=strength, depth=photo.depth)
    return encoded(photo, restored, quality)


# What a file holds besides its pixels


LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}, "BMP": {}}


@pytest.mark.parametrize(
    ("form", "mode"),
    [("PNG", mode) for mode in ("L", "LA", "RGB", "RGBA")]
    + [("TIFF", mode) for mode in ("L", "LA", "RGB", "RGBA")]
    + [("WEBP", "RGB"), ("WEBP", "RGBA"), ("BMP", "L"), ("BMP", "RGB")],
)
def test_what_is_lossless_comes_back_bit_for_bit_with_its_notes(form: str, mode: str) -> None:
    picture = Image.fromarray(noisy(channels=4)).convert(mode)
    notes = {} if form == "BMP" else {"exif": exif_of(), "icc_profile": SRGB}
    content = saved(picture, form, **LOSSLESS[form], **notes)
    with Image.open(io.BytesIO(content)) as before, Image.open(
        io.BytesIO(cleaned(content))
    ) as after:  # fmt: skip
        assert (after.format, after.mode) == (before.format, before.mode)
        assert after.info.get("icc_profile") == before.info.get("icc_profile") == notes.get("icc_profile")
        told = [(exif, exif.get_ifd(0x8769), exif.get_ifd(0x8825)) for exif in (before.getexif(), after.getexif())]
        for tag in (0x010F, 0x0112):
            assert told[0][0].get(tag) == told[1][0].get(tag)
        assert told[0][1:] == told[1][1:]
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_its_tables_and_every_bit_of_its_notes(mode: str, subsampling: int) -> None:
    picture = Image.fromarray(waves(1, 48, 64)[0]).convert(mode)
    content = saved(
        *(picture, "JPEG"), quality=71, subsampling=subsampling, exif=exif_of(), icc_profile=SRGB * 150, xmp=XMP,
        dpi=(300, 300), comment=b"a word", progressive=subsampling == 1,
    )  # fmt: skip
    result = cleaned(content)
    with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(result)) as after:
        assert (after.mode, after.size) == (mode, (64, 48))
        assert after.quantization == before.quantization  # type: ignore[attr-defined]
        assert mode == "L" or after.layer == before.layer  # type: ignore[attr-defined]
        for note in ("exif", "icc_profile", "xmp", "dpi", "comment", "progressive"):
            assert after.info.get(note) == before.info.get(note)
        assert len(before.info["icc_profile"]) > 65_535  # in more than one segment
        # As coarse as before, and so nearly the same: each coefficient moves by what rounding pixels moves it.
        assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 1.0
    other = cleaned(content, quality=20)
    assert len(other) < len(result)
    with Image.open(io.BytesIO(other)) as after, Image.open(io.BytesIO(saved(picture, "JPEG", quality=20))) as plain:
        assert after.quantization == plain.quantization  # type: ignore[attr-defined]


def test_the_quality_of_other_lossy_files_counts() -> None:
    content = saved(Image.fromarray(noisy(64, 64)), "WEBP", quality=80)
    sizes = [len(cleaned(content, quality=quality)) for quality in (10, None, 100)]
    assert sizes == sorted(sizes)
    assert sizes[1] == len(cleaned(content, quality=90))
    for quality in (0, 101):
        with pytest.raises(OptionError, match=f"quality is {quality}; give a whole number from 1"):
            checked_quality(quality)


def test_a_png_keeps_what_says_how_its_numbers_are_meant() -> None:
    """Gamma and primaries without a profile, words, resolution; not what told of the pixels as they were."""
    content = saved(Image.fromarray(noisy()), "PNG", dpi=(120, 120))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    own = [chunk(b"gAMA", struct.pack(">I", 55_555)), chunk(b"tEXt", b"Author\0somebody"), chunk(b"bKGD", bytes(6))]
    content = content[:33] + b"".join(own) + content[33:]
    result = cleaned(content)
    assert own[0] in result
    assert own[1] in result
    assert own[2] not in result
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["dpi"] == pytest.approx((120, 120), abs=0.1)
        np.testing.assert_array_equal(np.asarray(image), noisy())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_model_sees_pictures_upright_and_files_stay_as_stored(orientation: int) -> None:
    picture = noisy(20, 33)
    content = saved(Image.fromarray(picture), "PNG", exif=exif_of(orientation))
    photo = read_photo(content)
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(photo.pixels, np.asarray(ImageOps.exif_transpose(image)))
    np.testing.assert_array_equal(stored(turned(picture, orientation), orientation), picture)
    with Image.open(io.BytesIO(cleaned(content))) as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
        assert image.getexif()[0x0112] == orientation


# 16 bits


def deep(form: str, picture: np.ndarray, **settings: object) -> bytes:
    """Written by OpenCV and tifffile."""
    if form == "png":
        order = picture[..., [2, 1, 0, 3][: picture.shape[2]]] if picture.shape[2] > 2 else picture
        return bytes(cv2.imencode(".png", order)[1].tobytes())
    stream, is_apart = io.BytesIO(), settings.get("planarconfig") == "separate"
    shown = picture if picture.shape[2] > 1 else picture[..., 0]
    tifffile.imwrite(
        *(stream, np.moveaxis(picture, 2, 0) if is_apart else shown),
        photometric="rgb" if picture.shape[2] > 2 else "minisblack",
        planarconfig=settings.pop("planarconfig", "contig" if picture.shape[2] > 1 else None),
        extrasamples=["unassalpha"] if picture.shape[2] in (2, 4) else None,
        **settings,
    )
    return stream.getvalue()


def read_deep(form: str, content: bytes, channels: int) -> np.ndarray:
    if form == "tif":
        found = tifffile.imread(io.BytesIO(content))
    else:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        found = found[..., [2, 1, 0, 3][:channels]] if channels > 2 else found
    return found.reshape(*found.shape[:2], channels)


@pytest.mark.parametrize(
    ("form", "channels"), [("png", 1), ("png", 3), ("png", 4), *(("tif", n) for n in (1, 2, 3, 4))]
)
def test_sixteen_bits_come_back_at_their_depth(form: str, channels: int) -> None:
    picture = noisy(130, 33, channels, np.uint16)
    colours = 1 if channels < 3 else 3
    result = cleaned(deep(form, picture))
    np.testing.assert_array_equal(read_deep(form, result, channels), picture)
    taken = read_deep(form, cleaned(deep(form, picture), Same(0.25)), channels).astype(int)
    np.testing.assert_allclose(
        taken[..., :colours], np.maximum(picture[..., :colours] - 0.25 * 65_535, 0), rtol=0, atol=0.51
    )
    np.testing.assert_array_equal(taken[..., colours:], picture[..., colours:])  # opacity has no noise


@pytest.mark.parametrize(
    "settings",
    [{"compression": "zlib"}, {"byteorder": ">"}, {"planarconfig": "separate"}, {"tile": (16, 16)},
     {"compression": "zlib", "predictor": True}],
)  # fmt: skip
def test_a_tiff_of_sixteen_bits_is_read_however_it_is_laid_out(settings: dict[str, object]) -> None:
    picture = noisy(50, 37, 3, np.uint16)
    content = deep("tif", picture, iccprofile=SRGB, resolution=(300, 300), description="a word", **dict(settings))
    result = cleaned(content)
    with tifffile.TiffFile(io.BytesIO(result)) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), picture)
        assert page.tags[34675].value == SRGB
        assert page.tags[270].value == "a word"
        assert page.tags[282].value == (300, 1)
        assert (page.tags[259].value == 1) == ("compression" not in settings)


def test_a_camera_of_twelve_bits_is_seen_at_its_own_white() -> None:
    """What the model sees spans from black to white, not a sixteenth of that."""
    picture = noisy(40, 40, 3, np.uint16) // 16
    assert 4000 < picture.max() < 4096
    result = cleaned(deep("png", picture), Same(0.25))
    expected = np.maximum(picture - 0.25 * 4095, 0)
    np.testing.assert_allclose(read_deep("png", result, 3), expected, rtol=0, atol=0.51)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_one_colour_of_a_deep_png_that_is_not_seen_becomes_opacity(channels: int) -> None:
    picture = noisy(9, 7, channels, np.uint16)
    content = deep("png", picture)
    key = struct.pack(f">{channels}H", *picture[4, 5].tolist())
    chunk = struct.pack(">I", len(key)) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
    result = cleaned(content[:33] + chunk + content[33:])
    found = read_deep("png", result, 4) if channels == 3 else tones_of(result)
    np.testing.assert_array_equal(found[..., :channels], picture)
    assert (found[..., -1] == 0).sum() == 1
    assert found[4, 5, -1] == 0


def tones_of(content: bytes) -> np.ndarray:
    """Grey and opacity, of which OpenCV makes colours."""
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return found[..., [0, 3]]


# What cannot be kept


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_colours_of_print_come_back_in_srgb_and_say_so(form: str) -> None:
    content = saved(Image.fromarray(noisy(channels=4), "CMYK"), form, icc_profile=b"of print" * 20, exif=exif_of())
    with Image.open(io.BytesIO(cleaned(content))) as image:
        assert (image.format, image.mode) == (form, "RGB")
        assert "icc_profile" not in image.info
        assert image.getexif()[0x0112] == 6


def test_what_has_no_writer_becomes_png(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(saved(Image.fromarray(noisy(channels=1)[..., 0]), "GIF"))
    (tmp_path / "b.jpg").write_bytes(saved(Image.fromarray(noisy()), "PNG"))  # whatever it is called
    done = denoise_files(Same(), [tmp_path / "a.gif", tmp_path / "b.jpg"], tmp_path / "out")
    assert [path.name for path in done.written] == ["a.png", "b.png", "sheet.png"]
    for path in done.written[:2]:
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")
def test_a_palette_with_transparency_keeps_it() -> None:
    picture = Image.fromarray(noisy()).convert("P")
    content = saved(picture, "PNG", transparency=int(np.asarray(picture)[0, 0]))
    with Image.open(io.BytesIO(content)) as before, Image.open(
        io.BytesIO(cleaned(content))
    ) as after:  # fmt: skip
        assert after.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before.convert("RGBA")))


# Strength, levels, folders


def test_strength_is_the_share_that_is_taken_away() -> None:
    picture = noisy(50, 30) // 2 + 100
    content = saved(Image.fromarray(picture), "PNG")
    for strength in (0.0, 0.25, 1.0):
        with Image.open(io.BytesIO(cleaned(content, Same(0.2), strength=strength))) as image:
            np.testing.assert_allclose(np.asarray(image), picture - 51 * strength, atol=0.51)
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(OptionError, match=f"strength is {strength:g}; give the share"):
            denoise(Same(), picture, strength=strength)


def test_levels_are_told_by_picture_and_the_work_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "WINDOW", 128)
    generator, folder = np.random.default_rng(0), tmp_path / "in"
    folder.mkdir()
    for name, sigma in (("a", 5), ("b", 25)):
        grown = waves(1, 300, 200)[0] * 0.5 + 60 + generator.normal(0, sigma, (300, 200, 3))
        Image.fromarray(np.clip(np.rint(grown), 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    (folder / "c.png").write_text("?")
    steps: list[tuple[float, int]] = []
    done = denoise_files(Same(), [folder], tmp_path / "out", progress=lambda *told: steps.append(told))
    for name, sigma in (("a", 5), ("b", 25)):
        assert done.levels[str(folder / f"{name}.png")] == pytest.approx(sigma / 255, rel=0.05)
    assert [one.name for one in done.skipped] == [str(folder / "c.png")]
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {3}
    assert steps[0][0] < 1 < steps[-1][0]
    assert done.told()[0] == f"wrote {tmp_path / 'out' / 'a.png'} (noise of about 5.0 of 255)"


def test_a_folder_is_taken_as_data_takes_it_and_keeps_its_shape(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for place in ("a.png", "deep/er/b.png", "deep/@eaDir/b.png", ".hidden.png", "out/old.png", "words.txt"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(saved(Image.fromarray(noisy()), "PNG"))
    (folder / "again").symlink_to(folder / "deep")
    (folder / "round.png").symlink_to(folder / "round.png")
    done = denoise_files(Same(), [folder], folder / "out")
    assert sorted(str(path.relative_to(folder / "out")) for path in done.written) == [
        "a.png",
        "deep/er/b.png",
        "sheet.png",
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"none holds no pictures, nor a run \(config.json or model.json\)"):
        denoise_files(Same(), [tmp_path / "none"], tmp_path / "out")


def test_memory_does_not_grow_with_the_picture_beyond_its_pixels() -> None:
    """Of 6 megapixels in 16 bits: arrays of pixels and the file, no floats of all of it."""
    import tracemalloc

    picture = np.zeros((2000, 3000, 3), np.uint16)
    picture[::7] = 30_000
    content = deep("tif", picture)
    photo = read_photo(content)
    tracemalloc.start()
    try:
        encoded(photo, denoise(Same(), photo.pixels, depth=photo.depth))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5.5 * picture.nbytes


# Which model


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A small network in the place of the package's own."""
    import lookalike as la
    from lookalike.denoising import ready as own

    folder = tmp_path / "own"
    la.UNetDenoiser(width=4, device="cpu").initialise((16, 16, 3)).save(folder)
    monkeypatch.setattr(own, "ready_folder", lambda: folder)
    own.load_ready.cache_clear()
    yield None  # type: ignore[misc]
    own.load_ready.cache_clear()


def test_without_a_run_the_packages_own_denoiser_works(ready: None, call: Callable, tmp_path: Path) -> None:
    run, pictures = tmp_path / "own", tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(noisy()).save(pictures / "a.png")
    for given in ([pictures], [pictures / "a.png"], [run, pictures], ["--run", run, pictures / "a.png"]):
        told = call("denoise", *given, "--out", tmp_path / "out", "--force", "--json").json
        assert [Path(name).name for name in told["written"]] == ["a.png", "sheet.png"]
        assert told["level"].keys() == {str(pictures / "a.png")}
    for given, message in (
        ([run], "is a run, and no picture is named"),
        (["runs/none", pictures], "runs/none is not there; give the folder of a run, a picture, or a folder of"),
        (["--run", pictures, pictures], "pictures"),
    ):
        outcome = call("denoise", *given, "--out", tmp_path / "out")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
        assert message in outcome.err
    missing = call("denoise", tmp_path / "gone.jpg", "--out", tmp_path / "out")
    assert (missing.code, "gone.jpg: cannot be read: No such file" in missing.err) == (2, True)
