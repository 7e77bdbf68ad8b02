"""A gallery follows its source: what an update touches, what it keeps, and who may write."""

from __future__ import annotations

import io
import os
import random
import sqlite3
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lookalike as la
from lookalike.data import folder as data_folder
from lookalike.data import pipeline
from lookalike.data.images import ImageSet
from lookalike.errors import DataError, GalleryError, Interrupted, OptionError
from lookalike.gallery import changes
from lookalike.gallery import folder as gallery_folder
from lookalike.gallery.catalog import Catalog
from lookalike.models import encoding
from pictures import waves

SIDE = 16


@pytest.fixture(scope="module")
def model() -> la.PCAAutoencoder:
    return la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=9))


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    return la.load("synthetic:1000", size=SIDE)


def write(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty PNGs in two folders."""
    for i, pixels in enumerate(waves(40, SIDE, SIDE)):
        write(tmp_path / "pictures", f"{'ab'[i % 2]}/{i:02d}.png", pixels)
    return tmp_path / "pictures"


class Touched:
    """Counts files that are opened and pictures that are decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = self.decoded = 0
        read_file, decode_picture = data_folder.read_file, pipeline.decode_picture

        def opening(path: Path) -> bytes:
            self.opened += 1
            return read_file(path)

        def decoding(*arguments: object) -> np.ndarray:
            self.decoded += 1
            return decode_picture(*arguments)

        monkeypatch.setattr(data_folder, "read_file", opening)
        monkeypatch.setattr(pipeline, "decode_picture", decoding)

    def take(self) -> tuple[int, int]:
        result = self.opened, self.decoded
        self.opened = self.decoded = 0
        return result


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Touched:
    return Touched(monkeypatch)


def counts(update: la.gallery.Update) -> tuple[int, int, int, int]:
    return update.images, update.added, update.updated, update.removed


def check_whole(gallery: la.Gallery, expected: dict[str, np.ndarray]) -> None:
    """The gallery holds exactly these pictures, with their codes, and finds each of them."""
    assert gallery.names == sorted(expected)
    pictures = np.stack([expected[name] for name in gallery.names])
    for name in gallery.names:
        np.testing.assert_array_equal(gallery.picture(name), expected[name])
    np.testing.assert_allclose(gallery.codes, gallery.model.encode(pictures), rtol=1e-4, atol=1e-4)
    for name, picture in expected.items():
        found = gallery.search(picture, k=3)
        assert name in np.array(found.names)[found.distances == 0]


def test_an_update_touches_only_what_is_new_changed_or_gone(
    folder: Path, tmp_path: Path, model: la.PCAAutoencoder, touched: Touched
) -> None:
    gallery = la.Gallery.open(tmp_path / "g", model)
    expected = {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in folder.rglob("*.png")}
    assert counts(gallery.update(folder)) == (40, 40, 0, 0)
    assert touched.take() == (40, 40)
    check_whole(gallery, expected)
    codes = dict(zip(gallery.names, gallery.codes, strict=True))

    assert counts(gallery.update()) == (40, 0, 0, 0)
    assert touched.take() == (0, 0)

    fresh = waves(5, SIDE, SIDE, seed=5)
    for name, pixels in zip(("a/00.png", "b/01.png", "new/1.png", "new/2.png"), fresh, strict=False):
        expected[name] = pixels
        write(folder, name, pixels)
    for name in ("a/02.png", "a/04.png", "b/05.png"):
        del expected[name]
        (folder / name).unlink()
    assert counts(gallery.update()) == (39, 2, 2, 3)
    assert touched.take() == (4, 4)
    check_whole(gallery, expected)

    os.utime(folder / "a/06.png", ns=(1, 1))
    (folder / "b/07.png").rename(folder / "moved.png")
    expected["moved.png"] = expected.pop("b/07.png")
    assert counts(gallery.update(folder)) == (39, 1, 0, 1)
    assert touched.take() == (2, 0)
    check_whole(gallery, expected)
    np.testing.assert_array_equal(gallery.code("moved.png"), codes["b/07.png"])
    assert counts(gallery.update()) == (39, 0, 0, 0)
    assert touched.take() == (0, 0)


def test_garbage_is_set_aside_with_its_reason_and_comes_back(
    folder: Path, tmp_path: Path, model: la.PCAAutoencoder, touched: Touched
) -> None:
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(folder)
    content = (folder / "a/00.png").read_bytes()
    (folder / "a/00.png").write_bytes(content[:50])
    (folder / "b/01.png").write_bytes(b"")
    update = gallery.update()
    assert counts(update) == (38, 0, 0, 2)
    assert [name for name, _ in update.rejected] == ["a/00.png", "b/01.png"]
    assert "0 bytes" in update.rejected[1].reason
    assert update.rejected == gallery.rejected
    with pytest.raises(GalleryError, match=r"no picture called a/00\.png is stored"):
        gallery.picture("a/00.png")
    touched.take()
    assert counts(gallery.update()) == (38, 0, 0, 0)
    assert touched.take()[1] == 0
    (folder / "a/00.png").write_bytes(content)
    assert counts(gallery.update()) == (39, 1, 0, 0)
    assert gallery.search("a/00.png", k=1).names == ["a/00.png"]


def test_archives_are_streamed_only_when_they_changed(
    tmp_path: Path, model: la.PCAAutoencoder, touched: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {f"{i:02d}.png": pixels for i, pixels in enumerate(waves(30, SIDE, SIDE))}
    path = tmp_path / "pictures.tar"

    def pack() -> None:
        with tarfile.open(path, "w") as archive:
            for name, pixels in pictures.items():
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "png")
                member = tarfile.TarInfo(name)
                member.size = len(stream.getvalue())
                archive.addfile(member, io.BytesIO(stream.getvalue()))

    pack()
    gallery = la.Gallery.open(tmp_path / "g", model)
    assert counts(gallery.update(path)) == (30, 30, 0, 0)
    assert touched.take()[1] == 30
    assert counts(gallery.update()) == (30, 0, 0, 0)
    del pictures["03.png"]
    pictures["04.png"], pictures["90.png"] = waves(2, SIDE, SIDE, seed=4)
    pack()
    assert counts(gallery.update()) == (30, 1, 1, 1)
    assert touched.take()[1] == 2
    check_whole(gallery, pictures)
    os.utime(path, ns=(1, 1))
    assert counts(gallery.update()) == (30, 0, 0, 0)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match="damaged or cut off"):
        gallery.update()
    check_whole(gallery, pictures)


def test_arrays_and_sets_are_compared_by_name_and_pixels(tmp_path: Path, model: la.PCAAutoencoder) -> None:
    pixels = waves(20, SIDE, SIDE)
    np.save(tmp_path / "p.npy", pixels)
    gallery = la.Gallery.open(tmp_path / "g", model)
    assert counts(gallery.update(tmp_path / "p.npy")) == (20, 20, 0, 0)
    pixels[3] = waves(1, SIDE, SIDE, seed=3)[0]
    np.save(tmp_path / "p.npy", pixels[:-1])
    assert counts(gallery.update()) == (19, 0, 1, 1)
    check_whole(gallery, {f"{i:05d}": picture for i, picture in enumerate(pixels[:-1])})
    names = [f"{i:05d}" for i in range(2, 22)]
    assert counts(gallery.update(ImageSet(np.roll(pixels, -2, axis=0), names))) == (20, 3, 0, 2)
    assert counts(gallery.update()) == (20, 0, 0, 0)  # there is no source to look at


def test_people_and_attributes_follow_their_table(tmp_path: Path, model: la.PCAAutoencoder) -> None:
    pixels = waves(6, SIDE, SIDE)
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    values[5, 1] = np.nan
    people = ["Ann", "Ann", "", "Bob", "Bob", "Cleo"]
    table = {"attribute_names": ("height", "Hair Colour"), "attribute_values": values}
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(ImageSet(pixels, list("abcdef"), people, **table))
    assert gallery.people == ["Ann", "Ann", None, "Bob", "Bob", "Cleo"]
    expected = pd.DataFrame(values, index=list("abcdef"), columns=["height", "Hair Colour"])
    pd.testing.assert_frame_equal(gallery.attributes, expected)
    assert gallery.search("a", k=9, where="hair_colour > 4").names != []
    values[0, 0] = 77
    people[2] = "Dora"
    update = gallery.update(ImageSet(pixels, list("abcdef"), people, **table))
    assert counts(update) == (6, 0, 0, 0)
    assert gallery.search("a", where="height = 77").names == ["a"]
    assert gallery.search("a", where="person = 'Dora'").names == ["c"]
    other = {"attribute_names": ("weight",), "attribute_values": values[:, :1]}
    gallery.update(ImageSet(pixels, list("abcdef"), people, **other))
    assert list(gallery.attributes.columns) == ["weight"]
    with pytest.raises(GalleryError, match="does not know"):
        gallery.search("a", where="height = 77")
    gallery.update(ImageSet(pixels, list("abcdef")))
    assert gallery.attributes is None
    assert set(gallery.people) == {None}


def test_a_folder_of_faces_keeps_people_and_reads_its_table(tmp_path: Path, model: la.PCAAutoencoder) -> None:
    root = tmp_path / "lfw"
    for i, pixels in enumerate(waves(6, 250, 250)):
        write(root, f"Ann_Lee/Ann_Lee_{i:04d}.jpg" if i < 4 else f"Bo/Bo_{i:04d}.jpg", pixels)
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(root)
    assert gallery.source.framing.crop == 80
    assert gallery.source.framing.fit == "stretch"
    assert gallery.people == ["Ann Lee"] * 4 + ["Bo"] * 2
    loaded = la.load(root, size=SIDE)
    assert gallery.names == sorted(loaded.names)
    for name, picture in zip(loaded.names, loaded, strict=True):
        np.testing.assert_array_equal(gallery.picture(name), picture)
        assert gallery.search(root / name, k=1).distances[0] == 0
    table = tmp_path / "table.txt"
    rows = "".join(f"Ann Lee\t{i}\t{i / 2}\t1\n" for i in range(3))
    table.write_text(f"# a\n#\tperson\timagenum\tSmiling\tMale\n{rows}")
    assert counts(gallery.update(root, attributes=table)) == (3, 0, 0, 3)
    assert gallery.attributes.Smiling.tolist() == [0, 0.5, 1]
    assert counts(gallery.update()) == (3, 0, 0, 0)  # the table is remembered
    assert counts(gallery.update(root)) == (3, 0, 0, 0)


def test_the_framing_is_the_runs_then_the_gallerys(folder: Path, tmp_path: Path) -> None:
    pixels = waves(30, 24, 40)
    for i, picture in enumerate(pixels):
        write(tmp_path / "train", f"{i}.png", picture)
    trained = la.PCAAutoencoder(4).fit(la.load(tmp_path / "train", size=8, fit="pad", crop=2))
    gallery = la.Gallery.open(tmp_path / "g", trained)
    gallery.update(tmp_path / "train")
    loaded = la.load(tmp_path / "train", size=8, fit="pad", crop=2)
    for name, picture in zip(loaded.names, loaded, strict=True):
        np.testing.assert_array_equal(gallery.picture(name), picture)
    with pytest.raises(GalleryError, match="framed with crop 2 and fit 'pad'"):
        gallery.update(tmp_path / "train", crop=0)
    with pytest.raises(OptionError, match="size is 9; this gallery's model takes pictures of 8 x 8"):
        gallery.update(tmp_path / "train", size=9)
    other = la.Gallery.open(tmp_path / "h", trained)
    other.update(tmp_path / "train", crop=0, fit="crop")
    plain = la.load(tmp_path / "train", size=8)
    np.testing.assert_array_equal(other.picture("3.png"), plain[plain.names.index("3.png")])


def test_grey_models_take_files_in_colour(folder: Path, tmp_path: Path) -> None:
    grey = la.PCAAutoencoder(4).fit(waves(30, SIDE, SIDE, 1))
    gallery = la.Gallery.open(tmp_path / "g", grey)
    gallery.update(folder)
    luma = np.asarray(Image.open(folder / "a/00.png").convert("L"), np.int16)
    assert np.abs(gallery.picture("a/00.png")[..., 0].astype(np.int16) - luma).max() <= 1
    assert gallery.search(folder / "a/00.png", k=1) == (["a/00.png"], 0)
    with pytest.raises(OptionError, match=r"pictures of shape \(16, 16, 3\); this gallery's model takes \(16, 16, 1\)"):
        gallery.update(ImageSet(waves(3, SIDE, SIDE)))


@pytest.mark.local_store("looks at the size of the file of codes")
def test_equal_pictures_share_their_code_and_are_all_found(tmp_path: Path, model: la.PCAAutoencoder) -> None:
    pixels = np.repeat(waves(5, SIDE, SIDE), 3, axis=0)
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(ImageSet(pixels))
    assert (gallery.folder / "codes-1.bin").stat().st_size == 5 * 8 * 4
    names, distances = gallery.search(pixels[4], k=3)
    assert names == ["00003", "00004", "00005"]
    assert distances.tolist() == [0, 0, 0]
    gallery.update(ImageSet(np.delete(pixels, 4, axis=0), [f"{i:05d}" for i in range(15) if i != 4]))
    assert gallery.search(pixels[4], k=3).names[:2] == ["00003", "00005"]


def test_rows_that_nobody_names_are_left_out_in_the_end(
    tmp_path: Path, model: la.PCAAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_folder, "COMPACT_FROM", 10)
    monkeypatch.setattr(changes, "CHUNK", 7)
    gallery = la.Gallery.open(tmp_path / "g", model)
    reader = la.Gallery.open(tmp_path / "g")
    sizes = []
    for seed in range(6):
        pixels = waves(20, SIDE, SIDE, seed=seed)
        pixels[:5] = waves(5, SIDE, SIDE, seed=77)
        gallery.update(ImageSet(pixels))
        check_whole(reader, {f"{i:05d}": picture for i, picture in enumerate(pixels)})
        sizes.append(sum(path.stat().st_size for path in gallery.folder.glob("pixels-*.bin")))
    assert max(sizes) <= 2.5 * 20 * SIDE * SIDE * 3
    assert len(list(gallery.folder.glob("codes-*.bin"))) == (gallery.store == "local")


def test_a_source_without_pictures_leaves_the_gallery_as_it_was(
    folder: Path, tmp_path: Path, model: la.PCAAutoencoder
) -> None:
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no usable picture; the gallery is left as it was"):
        gallery.update(tmp_path / "empty")
    (tmp_path / "empty" / "bad.png").write_text("?")
    with pytest.raises(DataError, match="one was set aside because it is not a picture"):
        gallery.update(tmp_path / "empty")
    with pytest.raises(DataError, match="nowhere is not there"):
        gallery.update(tmp_path / "nowhere")
    assert len(gallery) == 40
    assert counts(gallery.update()) == (40, 0, 0, 0)


def test_another_folder_of_the_same_names_is_read(folder: Path, tmp_path: Path, model: la.PCAAutoencoder) -> None:
    """Equal sizes and times mean nothing where the files are others."""
    other = tmp_path / "other"
    for path in folder.rglob("*.png"):
        picture = np.asarray(Image.open(path)).copy()
        twin = other / path.relative_to(folder)
        twin.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, compress_level=0)
        Image.fromarray(255 - picture).save(twin, compress_level=0)
        assert path.stat().st_size == twin.stat().st_size
        for one in (path, twin):
            os.utime(one, ns=(10**18, 10**18))
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(folder)
    assert counts(gallery.update(other)) == (40, 0, 40, 0)


def test_a_gallery_belongs_to_one_model(folder: Path, tmp_path: Path, model: la.PCAAutoencoder) -> None:
    la.Gallery.open(tmp_path / "g", model).update(folder)
    model.save(tmp_path / "run")
    assert len(la.Gallery.open(tmp_path / "g", la.load_model(tmp_path / "run"))) == 40
    other = la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=10))
    with pytest.raises(GalleryError, match=r"holds the codes of another model .* in another folder"):
        la.Gallery.open(tmp_path / "g", other)
    alone = la.Gallery.open(tmp_path / "g")
    assert alone.model.digest == model.digest
    new = waves(1, SIDE, SIDE, seed=50)[0]
    assert alone.search(new, k=2).distances[0] > 0
    write(folder, "new.png", new)
    assert counts(alone.update()) == (41, 1, 0, 0)


@pytest.mark.local_store("asks no gallery")
def test_digests_tell_models_apart(model: la.PCAAutoencoder, tmp_path: Path) -> None:
    training = waves(200, SIDE, SIDE, seed=9)
    assert la.PCAAutoencoder(8, solver="auto", seed=5).fit(training).digest == model.digest
    assert la.PCAAutoencoder(7).fit(training).digest != model.digest
    options = {"code_size": 4, "channels": (4, 4, 4, 4), "device": "cpu"}
    linear, elu = (la.ConvAutoencoder(**options, dense_activation=a).initialise((16, 16, 3)) for a in ("linear", "elu"))
    assert linear.weights()["encoder"].keys() == elu.weights()["encoder"].keys()
    assert linear.digest != elu.digest
    linear.save(tmp_path / "m")
    assert la.load_model(tmp_path / "m").digest == linear.digest


def test_bad_galleries_are_refused_in_one_line(tmp_path: Path, model: la.PCAAutoencoder, folder: Path) -> None:
    with pytest.raises(GalleryError, match="holds no gallery; build one with: lookalike index RUN DATA"):
        la.Gallery.open(tmp_path / "g")
    with pytest.raises(GalleryError, match="holds no gallery"):
        la.Gallery.open(tmp_path / "g", model, create=False)
    assert not (tmp_path / "g").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(GalleryError, match="is a file; give a folder"):
        la.Gallery.open(tmp_path / "file", model)
    empty = la.Gallery.open(tmp_path / "empty", model)
    assert (len(empty), empty.names) == (0, [])
    for use in (lambda: empty.search("x"), empty.duplicates, empty.threshold):
        with pytest.raises(GalleryError, match="holds no pictures yet"):
            use()
    with pytest.raises(GalleryError, match="name DATA to fill it with"):
        empty.update()
    for options in ({"recall": 0}, {"recall": 1.5}, {"method": "magic"}):
        with pytest.raises(OptionError, match="give"):
            empty.update(folder, **options)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "catalog.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(GalleryError, match=r"cannot be used .* build it again"):
        la.Gallery.open(tmp_path / "damaged", model)
    empty.update(folder)
    with sqlite3.connect(tmp_path / "empty" / "catalog.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(GalleryError, match=r"is of version 99, this program reads \d+; update lookalike"):
        la.Gallery.open(tmp_path / "empty", model)


@pytest.mark.local_store("cuts the file of codes off")
def test_cut_off_files_are_noticed(tmp_path: Path, model: la.PCAAutoencoder, folder: Path) -> None:
    la.Gallery.open(tmp_path / "g", model).update(folder)
    path = tmp_path / "g" / "codes-1.bin"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(GalleryError, match="fewer than the 40 rows"):
        la.Gallery.open(tmp_path / "g").search("a/00.png")


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path, model: la.PCAAutoencoder, folder: Path) -> None:
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(folder)
    with gallery_folder.only_writer(tmp_path / "g"):
        with pytest.raises(GalleryError, match=r"another process updates .*; wait for its end"):
            gallery.update(folder)
        assert gallery.search("a/00.png", k=1).names == ["a/00.png"]
    assert counts(gallery.update(folder)) == (40, 0, 0, 0)


def test_one_object_serves_many_threads_while_it_updates(faces: ImageSet, tmp_path: Path) -> None:
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(8).fit(faces))
    gallery.update(faces[:100])
    failures: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found = gallery.search(faces[5], k=2)
            if (found.names[0], found.distances[0]) != (faces.names[5], 0):
                failures.append(str(found))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for count in (200, 300, 150):
        gallery.update(faces[:count])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.local_store("commits 80 chunks; test_stores.py cuts updates off over Milvus")
def test_stopping_between_chunks_keeps_what_is_stored(
    tmp_path: Path, model: la.PCAAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CHUNK", 50)
    np.save(tmp_path / "p.npy", waves(3000, SIDE, SIDE))
    gallery = la.Gallery.open(tmp_path / "g", model)
    with pytest.raises(Interrupted, match=r"stopped with 1,000 pictures stored; update again to go on"):
        gallery.update(tmp_path / "p.npy", progress=lambda done, _: os.kill(os.getpid(), 2) if done < 2000 else None)
    assert len(la.Gallery.open(tmp_path / "g")) == 1000
    whole = la.Gallery.open(tmp_path / "h", model)
    whole.update(tmp_path / "p.npy")
    assert counts(gallery.update()) == (3000, 2000, 0, 0)
    assert gallery.names == whole.names
    np.testing.assert_array_equal(gallery.codes, whole.codes)


@pytest.mark.local_store("is about what encodes, and waits")
def test_codes_are_those_of_whole_chunks_however_slow_each_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is encoded while others are decoded: a network's last bits depend on who goes through together."""
    monkeypatch.setattr(changes, "CHUNK", 30)
    pictures = waves(400, SIDE, SIDE)
    for i, picture in enumerate(pictures):
        write(tmp_path / "pictures", f"{i:03d}.png", picture)
    network = la.ConvAutoencoder(8).initialise((SIDE, SIDE, 3))
    expected = np.concatenate([encoding.search_codes(network, pictures[at : at + 30]) for at in range(0, 400, 30)])
    delays, original = random.Random(0), encoding.search_codes

    def slowly(*arguments: Any) -> Any:
        time.sleep(delays.choice((0, 0, 0.05)))
        return original(*arguments)

    monkeypatch.setattr(encoding, "search_codes", slowly)
    monkeypatch.setattr(encoding, "available_cores", lambda: 3)
    gallery = la.Gallery.open(tmp_path / "g", network)
    gallery.update(tmp_path / "pictures", method="exact")
    assert gallery.names == [f"{i:03d}.png" for i in range(400)]
    np.testing.assert_array_equal(gallery.codes, expected)


def test_chunks_that_are_encoded_are_kept_when_a_later_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CHUNK", 20)
    monkeypatch.setattr(changes, "AHEAD", 1)
    np.save(tmp_path / "p.npy", waves(200, SIDE, SIDE))
    network = la.ConvAutoencoder(8).initialise((SIDE, SIDE, 3))
    original, calls = encoding.search_codes, 0

    def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise MemoryError("no more")
        return original(*arguments)

    monkeypatch.setattr(encoding, "search_codes", failing)
    monkeypatch.setattr(encoding, "available_cores", lambda: 1)
    gallery = la.Gallery.open(tmp_path / "g", network)
    with pytest.raises(MemoryError):
        gallery.update(tmp_path / "p.npy")
    assert len(gallery) == 60
    monkeypatch.setattr(encoding, "search_codes", original)
    assert counts(gallery.update()) == (200, 140, 0, 0)
    chunks = np.split(waves(200, SIDE, SIDE), 10)
    np.testing.assert_array_equal(gallery.codes, np.concatenate([original(network, chunk) for chunk in chunks]))


def test_the_catalog_rolls_back_what_fails(tmp_path: Path, model: la.PCAAutoencoder, folder: Path) -> None:
    gallery = la.Gallery.open(tmp_path / "g", model)
    gallery.update(folder)
    catalog = Catalog(tmp_path / "g" / "catalog.sqlite")
    before = catalog.items("stored")

    def fail() -> None:
        with catalog.transaction():
            catalog.retire([before[0].id])
            catalog.purge()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert catalog.items("stored") == before
    with pytest.raises(GalleryError, match="UNIQUE constraint"), catalog.transaction():
        catalog.add(before[0], None)
    catalog.close()


@pytest.mark.lfw
@pytest.mark.local_store("takes long, and is about what reads")
def test_lfw_from_its_archive(lfw_archive: Path, lfw_attributes: Path, tmp_path: Path) -> None:
    """Names, pixels, people and attributes as `load` gives them; the real pictures find themselves."""
    faces = la.load(lfw_archive, attributes=lfw_attributes)
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(32).fit(faces[:2000]))
    update = gallery.update(lfw_archive, crop=80, fit="stretch", attributes=lfw_attributes)
    assert counts(update) == (13_143, 13_143, 0, 0)
    assert gallery.names == sorted(faces.names)
    order = np.argsort(np.array(faces.names))
    view = gallery._now()
    np.testing.assert_array_equal(view.all_pixels[view.rows], faces.pixels[order])
    np.testing.assert_array_equal(gallery.attributes.to_numpy(), faces.attribute_values[order])
    assert gallery.people == [faces.people[i] for i in order]
    for i in range(0, 13_143, 500):
        assert gallery.search(faces[i], k=1).distances[0] == 0
    assert counts(gallery.update()) == (13_143, 0, 0, 0)
