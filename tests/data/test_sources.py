"""Folders, archives and arrays of pictures; what cannot be read is set aside, never fatal."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from files import blocks
from lookalike.data import DataSpec, Framing, load_spec, pipeline, read_picture
from lookalike.errors import DataError, OptionError, PictureError
from pictures import waves

RED = (200, 30, 40)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def put(folder: Path, **contents: bytes) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def flat(mode: str, colour: object, side: int = 40) -> Image.Image:
    return Image.new(mode, (side, side), colour)


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.full((40, 40), 200 * 257, np.uint16))


def half_clear() -> Image.Image:
    return flat("RGBA", (0, 0, 0, 128))


def palette() -> Image.Image:
    return flat("RGB", RED).quantize(4)


def animated() -> bytes:
    return saved(
        flat("P", 1), "GIF", save_all=True, append_images=[flat("P", 2)], palette=[0] * 3 + [10, 200, 10] + [9] * 3
    )


PICTURES = {
    "rgb.png": (saved(flat("RGB", RED), "PNG"), RED),
    "grey.png": (saved(flat("L", 120), "PNG"), (120, 120, 120)),
    "palette.png": (saved(palette(), "PNG"), RED),
    "bilevel.png": (saved(flat("1", 1), "PNG"), (255, 255, 255)),
    "alpha.png": (saved(half_clear(), "PNG"), (127, 127, 127)),
    "grey alpha.png": (saved(flat("LA", (0, 128)), "PNG"), (127, 127, 127)),
    "clear palette.gif": (saved(flat("P", 0), "GIF", transparency=0), (255, 255, 255)),
    "sixteen.png": (saved(sixteen_bits(), "PNG"), (200, 200, 200)),
    "sixteen.tiff": (saved(sixteen_bits(), "TIFF"), (200, 200, 200)),
    "float.tiff": (saved(Image.fromarray(np.full((40, 40), 0.5, np.float32)), "TIFF"), (128, 128, 128)),
    "animated.gif": (animated(), (10, 200, 10)),
    "web.webp": (saved(flat("RGB", RED), "WEBP", lossless=True), RED),
    "windows.bmp": (saved(flat("RGB", RED), "BMP"), RED),
    "photo.jpg": (saved(flat("RGB", RED), "JPEG", quality=95), RED),
    "grey.jpg": (saved(flat("L", 120), "JPEG"), (120, 120, 120)),
    "press.jpg": (saved(flat("CMYK", (0, 255, 255, 0)), "JPEG", quality=95), (254, 0, 0)),
}


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_of_picture(name: str, fit: str) -> None:
    content, colour = PICTURES[name]
    picture = read_picture(content, Framing((16, 16), 0, fit))
    assert (picture.shape, picture.dtype) == ((16, 16, 3), np.uint8)
    assert np.abs(picture.astype(int) - colour).max() <= 3


def corners(orientation: int | None) -> bytes:
    """White top left, red top right, black below; stored turned as the EXIF orientation says."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, :16] = 255
    pixels[:16, 16:] = (255, 0, 0)
    undo = {None: lambda p: p, 3: lambda p: np.rot90(p, 2), 6: lambda p: np.rot90(p, 1), 8: lambda p: np.rot90(p, 3)}
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    return saved(Image.fromarray(np.ascontiguousarray(undo[orientation](pixels))), "JPEG", quality=98, exif=exif)


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("orientation", [None, 3, 6, 8])
def test_exif_orientation(orientation: int | None, fit: str) -> None:
    picture = read_picture(corners(orientation), Framing((32, 32), 0, fit)).astype(int)
    assert picture[4, 4].min() > 240
    assert np.abs(picture[4, 28] - (255, 0, 0)).max() < 25
    assert picture[28].max() < 15


def test_fit_crop_pad_and_stretch() -> None:
    """A picture twice as wide as high: left half black, right half white."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    content = saved(Image.fromarray(pixels), "PNG")
    crop, pad, stretch = (read_picture(content, Framing((20, 20), 0, fit)) for fit in ("crop", "pad", "stretch"))
    for picture in (crop, pad, stretch):
        assert picture[10, 3].max() < 5
        assert picture[10, 16].min() > 250
    marked = pixels.copy()
    marked[:12] = (0, 0, 255)
    content = saved(Image.fromarray(marked), "PNG")
    padded = read_picture(content, Framing((20, 20), 0, "pad"))
    assert (padded[0, 2] == (0, 0, 255)).all()  # the edge is repeated above the picture
    assert (padded[19, 2] == 0).all()


def test_antialiasing_averages_what_disappears() -> None:
    checks = np.indices((256, 256)).sum(axis=0) % 2 * 255
    content = saved(Image.fromarray(np.repeat(checks[..., None], 3, 2).astype(np.uint8)), "PNG")
    picture = read_picture(content, Framing((16, 16), 0, "crop"))
    assert np.abs(picture.astype(int) - 127).max() <= 4


def test_the_jpeg_decoders_own_scaling_changes_little() -> None:
    large = Image.fromarray(waves(1, 600, 800)[0])
    content = saved(large, "JPEG", quality=95)
    scaled = read_picture(content, Framing((32, 32), 0, "crop")).astype(int)
    plain = read_picture(saved(Image.open(io.BytesIO(content)), "PNG"), Framing((32, 32), 0, "crop")).astype(int)
    assert np.abs(scaled - plain).mean() < 1
    assert np.abs(scaled - plain).max() < 8


def bad_pictures(folder: Path) -> Path:
    good = saved(Image.fromarray(waves(1, 64, 64)[0]), "PNG")
    photo = saved(Image.fromarray(waves(1, 64, 64)[0]), "JPEG")
    put(folder, a__png=good, b__jpg=photo, cut__png=good[:-40], cut__jpg=photo[: len(photo) // 2], empty__png=b"")
    put(folder, text__jpg=b"not a picture", notes__txt=b"ignored")
    put(folder / ".hidden", c__png=good)
    put(folder / "__MACOSX", d__png=good)
    put(folder / "deep" / "er", e__PNG=good)
    bomb = bytearray(saved(flat("RGB", RED, 8), "PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    put(folder, bomb__png=bytes(bomb))
    (folder / "link.png").symlink_to(folder / "nowhere.png")
    (folder / "round.png").symlink_to(folder / "round.png")
    os.mkfifo(folder / "pipe.png")
    os.mknod(folder / "socket.png", stat.S_IFSOCK | 0o600)
    with open(os.fsencode(folder) + b"/na\xffme.png", "wb") as file:  # noqa: PTH123
        file.write(good)
    return folder


def test_what_cannot_be_read_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    images = la.load(bad_pictures(tmp_path / "p"))
    assert images.names == ["a.png", "b.jpg", "deep/er/e.PNG", "na\\xffme.png"]
    assert images.people is None
    reasons = {rejected.name: rejected.reason for rejected in images.rejected}
    assert reasons.keys() == {
        "cut.png", "cut.jpg", "empty.png", "text.jpg", "bomb.png", "link.png", "round.png", "pipe.png", "socket.png"
    }  # fmt: skip
    assert reasons["empty.png"] == "is empty (0 bytes)"
    assert reasons["text.jpg"] == "is not a picture in a format that can be read"
    assert reasons["bomb.png"] == "claims more pixels than the limit of 100,000,000"
    assert "truncated" in reasons["cut.jpg"]
    assert reasons["pipe.png"] == reasons["socket.png"] == "is not a regular file"
    assert "No such file" in reasons["link.png"]


def test_memory_bounds_change_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain JPEGs of two sizes among PNGs and a bad file, resized in stacks as large as the bound allows."""
    for i, pixels in enumerate(waves(90, 40, 48)):
        shown = Image.fromarray(pixels if i % 3 else pixels[:30])
        shown.save(tmp_path / f"{i:02d}.{'png' if i % 7 == 0 else 'jpg'}")
    (tmp_path / "11.jpg").write_bytes(b"?")
    usual = la.load(tmp_path, size=16, fit="stretch", cache=False)
    for bound in (1, 10_000, 50_000):
        monkeypatch.setattr(pipeline, "TASK_BYTES", bound)
        bounded = la.load(tmp_path, size=16, fit="stretch", cache=False)
        assert bounded.names == usual.names
        assert bounded.rejected == usual.rejected
        np.testing.assert_array_equal(bounded.pixels, usual.pixels)
    assert len(usual) == 89


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_files_are_set_aside(tmp_path: Path) -> None:
    folder = bad_pictures(tmp_path / "p")
    (folder / "a.png").chmod(0)
    reasons = {rejected.name: rejected.reason for rejected in la.load(folder).rejected}
    assert "Permission denied" in reasons["a.png"]


def contents() -> dict[str, bytes]:
    files = {f"p/{i}.png": saved(Image.fromarray(picture), "PNG") for i, picture in enumerate(waves(5, 40, 40))}
    return {**files, "p/bad.png": b"?", "p/readme.txt": b"-", "__MACOSX/p/1.png": b"?"}


def tar_of(path: Path, mode: str) -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in contents().items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents().items():
            archive.writestr(name, content)
    return path


ARCHIVES = {
    "plain.tar": lambda folder: tar_of(folder / "plain.tar", "w"),
    "a.tar.gz": lambda folder: tar_of(folder / "a.tar.gz", "w:gz"),
    "a.tar.bz2": lambda folder: tar_of(folder / "a.tar.bz2", "w:bz2"),
    "a.tar.xz": lambda folder: tar_of(folder / "a.tar.xz", "w:xz"),
    "a.zip": lambda folder: zip_of(folder / "a.zip"),
    "no suffix": lambda folder: tar_of(folder / "no suffix", "w:gz"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_give_what_their_folder_gives(name: str, tmp_path: Path) -> None:
    for member, content in contents().items():
        put(tmp_path / "f" / Path(member).parent, **{Path(member).name.replace(".", "__"): content})
    images = la.load(ARCHIVES[name](tmp_path))
    expected = la.load(tmp_path / "f")
    assert images.names == expected.names == [f"p/{i}.png" for i in range(5)]
    np.testing.assert_array_equal(images.pixels, expected.pixels)
    assert [one.name for one in images.rejected] == ["p/bad.png"]


LONG = "x" * 150 + "/" + "y" * 120 + ".png"


@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"]
)
def test_long_names_and_other_members(tmp_path: Path, form: int) -> None:
    """What the fast way cannot read in the middle of an archive, tarfile goes on with."""
    png = saved(flat("RGB", RED), "PNG")
    names = [
        "a.png",
        "d/b.png",
        "m" * 90 + "/" + "n" * 90 + ".png",
        *([] if form == tarfile.USTAR_FORMAT else [LONG]),
        "c.png",
    ]
    with tarfile.open(tmp_path / "a.tgz", "w:gz", format=form) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(png)
            tar.addfile(info, io.BytesIO(png))
            link = tarfile.TarInfo(f"link to {len(name)}.png")
            link.type, link.linkname = tarfile.SYMTYPE, name[:90]
            tar.addfile(link)
    assert la.load(tmp_path / "a.tgz").names == names


def test_two_gzip_files_in_one(tmp_path: Path) -> None:
    content = tar_of(tmp_path / "a.tar", "w").read_bytes()
    whole = gzip.compress(content[:3000]) + gzip.compress(content[3000:]) + bytes(100)
    (tmp_path / "a.tgz").write_bytes(whole)
    assert len(la.load(tmp_path / "a.tgz")) == 5


@pytest.mark.parametrize("name", [name for name in ARCHIVES if name != "no suffix"])
@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_archives_that_were_cut_off_are_refused(name: str, keep: float, tmp_path: Path) -> None:
    path = ARCHIVES[name](tmp_path)
    content = path.read_bytes()
    # A tar ends in blocks of zeros, of which some may be missing without harm.
    path.write_bytes(content.rstrip(b"\0")[: int(len(content.rstrip(b"\0")) * keep)])
    with pytest.raises(DataError, match=r"is damaged or cut off .* get it again|is no folder, tar, zip"):
        la.load(path)


def test_a_flipped_bit_in_the_compression_is_noticed(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", "w")
    squeezed = bytearray(gzip.compress(path.read_bytes()))
    squeezed[-6] ^= 1  # in the checksum, behind all members
    (tmp_path / "a.tar.gz").write_bytes(squeezed)
    with pytest.raises(DataError, match="damaged or cut off"):
        la.load(tmp_path / "a.tar.gz")
    (tmp_path / "b.tar.bz2").write_bytes(bz2.compress(path.read_bytes())[:-4])
    with pytest.raises(DataError, match="damaged or cut off"):
        la.load(tmp_path / "b.tar.bz2")


def test_an_encrypted_member_is_set_aside(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")  # the first entry of the directory; its flags stand 8 bytes on
    content[at + 8] |= 1
    path.write_bytes(content)
    images = la.load(path)
    assert len(images) == 4
    assert images.rejected[0] == ("p/0.png", "is encrypted")


def test_the_same_name_twice(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for content in list(contents().values())[:3]:
            info = tarfile.TarInfo("x.png")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert la.load(tmp_path / "a.tar").names == ["x.png", "x.png#2", "x.png#3"]


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays(tmp_path: Path, channels: int) -> None:
    pixels = waves(6, 32, 32, channels)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "b.npz", labels=np.arange(6), faces=pixels, more=pixels[:2])
    for name in ("a.npy", "b.npz"):
        np.testing.assert_array_equal(la.load(tmp_path / name).pixels, pixels)
        smaller = la.load(tmp_path / name, size=16)
        assert smaller.pixels.shape == (6, 16, 16, channels)
        averaged = pixels.reshape(6, 16, 2, 16, 2, channels).mean(axis=(2, 4))
        assert np.abs(smaller.pixels - averaged).mean() < 6


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/unpickled",)


def bad_arrays(folder: Path) -> dict[str, Path]:
    np.save(folder / "floats.npy", np.zeros((3, 4, 4, 3)))
    np.save(folder / "objects.npy", np.array([Evil()], object), allow_pickle=True)
    np.savez(folder / "none.npz", a=np.arange(3))
    (folder / "cut.npy").write_bytes((folder / "floats.npy").read_bytes()[:200])
    (folder / "cut.npz").write_bytes((folder / "none.npz").read_bytes()[:60])
    (folder / "text.npy").write_text("hello")
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("floats.npy", r"holds floats.npy: float64 \(3, 4, 4, 3\); give a uint8 array"),
        ("objects.npy", "cannot be read as NumPy arrays"),
        ("none.npz", r"holds a: int64 \(3,\)"),
        ("cut.npy", "cannot be read as NumPy arrays"),
        ("cut.npz", "cannot be read as NumPy arrays"),
        ("text.npy", "cannot be read as NumPy arrays"),
    ],
)
def test_bad_arrays_are_refused_and_nothing_is_unpickled(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        la.load(bad_arrays(tmp_path)[name])
    assert not Path("/tmp/unpickled").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, r"size is 0; give 1 to 1024 pixels a side \("),
        ({"size": (5, 6, 7)}, r"size is \(5, 6, 7\); give 1 to 1024 pixels, or \(height, width\)"),
        ({"size": 2000}, "size is 2000"),
        ({"size": (32, 32, 3)}, "size is"),
        ({"size": 3.5}, "size is 3.5"),
        ({"crop": -1}, "crop is -1"),
        ({"fit": "squash"}, "fit is 'squash'; give one of stretch, crop, pad"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        la.load("synthetic:10", **options)


def test_bad_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not there; give a folder"):
        la.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="gives 0 usable pictures, at least 2"):
        la.load(put(tmp_path / "empty"))
    with pytest.raises(
        DataError, match=r"gives 1 usable pictures?.* 1 were set aside, the first: b.png is not a picture"
    ):
        la.load(put(tmp_path / "one", a__png=PICTURES["rgb.png"][0], b__png=b"?"))
    text = tmp_path / "x.txt"
    text.write_text("hello")
    with pytest.raises(DataError, match="is no folder, tar, zip"):
        la.load(text)
    with pytest.raises(PictureError, match="No such file"):
        read_picture(tmp_path / "none.png", Framing())


def test_the_cache_is_found_by_content_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "f"
    for i, picture in enumerate(waves(4, 40, 40)):
        put(folder, **{f"{i}__png": saved(Image.fromarray(picture), "PNG")})
    path = ARCHIVES["a.zip"](tmp_path)
    for source in (folder, path):
        first, second = la.load(source), la.load(source)
        assert (first.cached, second.cached) == (False, True)
        assert isinstance(second.pixels, np.memmap)
        np.testing.assert_array_equal(first.pixels, second.pixels)
        assert (first.names, first.rejected, first.spec) == (second.names, second.rejected, second.spec)
        assert la.ImageSet(np.array(second.pixels)).digest == second.digest
        assert not la.load(source, size=16).cached
        assert not la.load(source, fit="pad").cached
        assert not la.load(source, cache=False).cached
    moved = path.rename(tmp_path / "moved.zip")
    assert la.load(moved).cached  # the content is the same
    put(folder, **{"1__png": saved(flat("RGB", RED), "PNG")})
    changed = la.load(folder)
    assert not changed.cached
    assert np.abs(changed.pixels[1].astype(int) - RED).max() <= 1


@pytest.mark.parametrize("how", ["cut pixels", "no pixels", "bad json", "empty json"])
def test_a_damaged_cache_is_read_anew(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    path = ARCHIVES["a.zip"](tmp_path)
    expected = np.array(la.load(path).pixels)
    (pixels,) = (tmp_path / "cache").glob("*/pixels.bin")
    about = pixels.with_name("about.json")
    if how == "cut pixels":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif how == "no pixels":
        pixels.unlink()
    else:
        about.write_text("{" if how == "bad json" else "{}")
    again = la.load(path)
    assert not again.cached
    np.testing.assert_array_equal(again.pixels, expected)
    assert la.load(path).cached


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file" / "cache"))
    assert len(la.load(ARCHIVES["a.zip"](tmp_path))) == 5
    assert "cannot be written" in caplog.text


def test_a_set_comes_back_from_its_spec(tmp_path: Path) -> None:
    images = la.load(ARCHIVES["a.zip"](tmp_path), size=(20, 24), crop=2, fit="pad")
    spec = DataSpec.from_json(json.loads(json.dumps(images.spec.as_json())))
    assert spec == images.spec
    assert load_spec(spec).digest == images.digest
    single = read_picture(contents()["p/3.png"], spec.framing)
    np.testing.assert_array_equal(single, images.pixels[3])


def test_slicing() -> None:
    images = la.ImageSet(
        waves(6), people=list("aabbcc"), attribute_names=["x"], attribute_values=np.arange(6, dtype=np.float32)[:, None]
    )
    assert images[2].shape == (32, 32, 3)
    for chosen in (images[1:3], images[[1, 2]], images[np.arange(6) % 5 % 3 > 0][:2]):
        assert (chosen.names, chosen.people) == (["00001", "00002"], ["a", "b"])
        assert chosen.attributes["x"].tolist() == [1, 2]
    assert images[::2].digest == la.ImageSet(images.pixels[::2]).digest != images.digest
    assert len(list(images)) == 6
    assert "6 pictures of 32 x 32 x 3, 3 people, 1 attributes" in repr(images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 4, 4, 3)),), "pixels are float64"),
        ((np.zeros((2, 4, 4), np.uint8),), "pixels are uint8 of shape"),
        ((np.zeros((2, 4, 4, 3), np.uint8), ["a"]), "1 names for 2 pictures"),
    ],
)
def test_sets_that_do_not_fit(arguments: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        la.ImageSet(*arguments)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    la.load(ARCHIVES["a.zip"](tmp_path), cache=False, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == 6
    la.load("synthetic:150", size=16, cache=False, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (150, 150)


@pytest.mark.parametrize("faces", [None, "mtcnn"])
def test_sources_stream_through_all_cores(faces: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many are read at once as there are cores, and few more than are done."""

    def no_face(*_: object) -> None:
        raise PictureError("shows no face")

    monkeypatch.setattr("lookalike.data.faces.photos.portraits", no_face)
    monkeypatch.setattr(pipeline, "available_cores", lambda: 3)
    for most in ("CHUNK", "PHOTOS"):
        monkeypatch.setattr(pipeline, most, 1)
    content, together, begun = saved(blocks(), "PNG"), threading.Barrier(3), []

    def read() -> bytes:
        together.wait(timeout=60)
        return content

    def sources() -> Iterator[pipeline.Source]:
        for number in range(30):
            begun.append(number)
            yield pipeline.Source(str(number), read)

    done = 0
    for chunk in pipeline.decode_all(sources(), Framing((8, 8), faces=faces)):
        done += chunk.sources
        assert len(begun) <= done + 3 * 3
    assert done == 30
