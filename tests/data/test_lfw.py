"""LFW: its layout, pixels and table against OpenCV, the csv module and the published counts."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

import lookalike as la
from lookalike.data import lfw
from lookalike.data.jpeg import RowDecoder, plain_header
from lookalike.data.resize import resize_bilinear
from lookalike.errors import DataError, OptionError

PEOPLE = {"Ann_Lee": 3, "Bob": 1, "Jean-Pierre_de_la_Cruz": 2}


def jpeg(seed: int, side: int = 250, **options: object) -> bytes:
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 12, 3), np.uint8))
    stream = io.BytesIO()
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", **options)
    return stream.getvalue()


def members() -> dict[str, bytes]:
    names = [f"{who}/{who}_{number:04d}.jpg" for who, count in PEOPLE.items() for number in range(1, count + 1)]
    return {name: jpeg(i) for i, name in enumerate(names)}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "lfw.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members().items():
            info = tarfile.TarInfo(f"lfw/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in members().items():
        path = tmp_path / "lfw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "lfw"


def table(path: Path, rows: list[str], header: str = "#\tperson\timagenum\tMale\tSmiling") -> Path:
    path.write_text("\n".join(["# a comment", header, *rows]) + "\n")
    return path


def notebooks_way(content: bytes, size: int) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[80:-80, 80:-80]
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (size, size))


@pytest.mark.parametrize("size", [32, 38, 45])
def test_archive_and_folder_give_the_notebooks_pixels(archive: Path, folder: Path, size: int) -> None:
    expected = np.stack([notebooks_way(content, size) for content in members().values()])
    for source in (archive, folder):
        faces = la.load(source, size=size)
        assert faces.names == list(members())
        assert faces.people == [lfw.portrait(name).person for name in members()]
        assert np.abs(faces.pixels.astype(int) - expected).max() <= 1
        assert faces.spec.framing.crop == 80
    assert faces.people[-1] == "Jean-Pierre de la Cruz"


@pytest.mark.parametrize("source", [(90, 90), (250, 250), (13, 47), (1, 1), (8, 30)])
@pytest.mark.parametrize("target", [(32, 32), (45, 45), (64, 20), (1, 1), (90, 90), (200, 133)])
def test_resizing_is_opencvs(source: tuple[int, int], target: tuple[int, int]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (70, *source, 3), np.uint8)
    expected = np.stack([cv2.resize(picture, target[::-1]) for picture in pictures])
    assert np.abs(resize_bilinear(pictures, target).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"quality": 30}, {"optimize": True}], ids=str)
def test_cutting_rows_changes_no_pixel(options: dict) -> None:
    content = jpeg(5, **options)
    header = plain_header(content)
    assert header is not None
    rows = RowDecoder().decode(content, header, 170)
    assert len(rows) < 250
    np.testing.assert_array_equal(rows[:170], np.asarray(Image.open(io.BytesIO(content)))[:170])


def test_a_cut_off_jpeg_is_set_aside_though_its_rows_are_there(folder: Path) -> None:
    path = folder / "Bob" / "Bob_0001.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    faces = la.load(folder)
    assert len(faces) == 5
    assert [rejected.name for rejected in faces.rejected] == ["Bob/Bob_0001.jpg"]
    assert "truncated" in faces.rejected[0].reason


def test_the_table_chooses_and_is_joined_in_the_archives_order(archive: Path, tmp_path: Path) -> None:
    rows = ["Bob\t1\t1.0\t-1.0", "Ann Lee\t3\t0.5\t2.5", "Nobody Known\t1\t9\t9", "Ann Lee\t1\t-0.25\t1e-3"]
    faces = la.load(archive, attributes=table(tmp_path / "t.txt", rows))
    assert faces.names == ["Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0003.jpg", "Bob/Bob_0001.jpg"]
    assert list(faces.attributes.columns) == ["Male", "Smiling"]
    np.testing.assert_array_equal(faces.attributes, np.float32([[-0.25, 1e-3], [0.5, 2.5], [1, -1]]))


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["Bob\t1\t1.0"], "#\tperson\timagenum\tMale\tSmiling", "line 3 of .* a number and 2 values"),
        (["Bob\tx\t1\t1"], "#\tperson\timagenum\tMale\tSmiling", "line 3 of"),
        (["Bob\t1\tyes\t1"], "#\tperson\timagenum\tMale\tSmiling", "not a number"),
        (["Bob\t1\t1\t1"], "# who, imagenum", "line 2 of .* is not"),
        (["Zoe\t1\t1\t1"], "#\tperson\timagenum\tMale\tSmiling", "gives 0 usable pictures"),
    ],
)
def test_bad_tables_are_named(archive: Path, tmp_path: Path, rows: list[str], header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        la.load(archive, attributes=table(tmp_path / "t.txt", rows, header))


def test_misplaced_options(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"attribute table .* is not there"):
        la.load(archive, attributes=tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"gives 0 usable pictures.*crop is 130, which leaves nothing of 250 x 250"):
        la.load(archive, crop=130)
    for i in range(3):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / f"{i}.jpg").write_bytes(jpeg(i))
    with pytest.raises(OptionError, match="layout go with LFW only"):
        la.load(tmp_path / "other", attributes=table(tmp_path / "t.txt", []))


def test_split_is_scikit_learns(archive: Path) -> None:
    faces = la.load(archive)
    train, test = faces.split(test_size=0.4, random_state=7)
    members_train, members_test = train_test_split(np.arange(6), test_size=0.4, random_state=7)
    np.testing.assert_array_equal(train.pixels, faces.pixels[members_train])
    assert test.names == [faces.names[i] for i in members_test]
    assert test.people == [faces.people[i] for i in members_test]
    with pytest.raises(OptionError, match=r"test_size is 1.5"):
        faces.split(1.5)


@pytest.mark.lfw
@pytest.mark.parametrize("size", [32, 45])
def test_all_of_lfw_is_the_notebooks_within_a_grey_level(lfw_archive: Path, size: int) -> None:
    faces = la.load(lfw_archive, size=size)
    assert (len(faces), len(set(faces.people)), faces.rejected) == (13_233, 5_749, [])
    worst, place = 0, 0
    with tarfile.open(lfw_archive, "r|gz") as tar:
        for member in tar:
            if member.name.endswith(".jpg"):
                expected = notebooks_way(tar.extractfile(member).read(), size)
                worst = max(worst, int(np.abs(faces.pixels[place].astype(int) - expected).max()))
                place += 1
    assert place == 13_233
    assert worst <= 1


@pytest.mark.lfw
def test_the_real_table(lfw_archive: Path, lfw_attributes: Path) -> None:
    faces = la.load(lfw_archive, size=8, attributes=lfw_attributes)
    assert faces.pixels.shape == (13_143, 8, 8, 3)
    assert faces.attributes.shape == (13_143, 73)
    with lfw_attributes.open(newline="") as file:
        next(file)
        reader = csv.reader(file, delimiter="\t")
        header = next(reader)
        rows = {(row[0], int(row[1])): row[2:] for row in reader}
    assert list(faces.attributes.columns) == header[-73:]
    for i in range(0, 13_143, 97):
        name = Path(faces.names[i]).stem
        person, number = name.rsplit("_", 1)
        expected = np.float32(rows[person.replace("_", " "), int(number)])
        np.testing.assert_array_equal(faces.attributes.iloc[i], expected)
