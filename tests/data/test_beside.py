"""What is known of pictures beside their pixels, by `load`: from tables of any layout, and from what cameras wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lookalike as la
from faces import with_squares, yunet_model
from lookalike.data import DataSpec, load_spec
from lookalike.errors import DataError, OptionError
from pictures import waves

NAMES = ["a.jpg", "b.jpg", "deep/c.jpg", "d.jpg"]
CAMERAS = {"a.jpg": "Pixel 7", "b.jpg": "Canon", "deep/c.jpg": "Canon"}
RECORDS = pd.DataFrame(
    {
        "photo": ["deep/c.jpg", "b", "a.jpg", "gone.jpg"],
        "rating": [1.5, None, 3, 4],
        "where": ["sea", "hills", None, "sea"],
        "kept": ["yes", "no", "yes", None],
        "person": ["Ann", "", "Bo", "Di"],
    }
)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    for name, pixels in zip(NAMES, waves(4, 20, 30), strict=True):
        tags = Image.Exif()
        if name in CAMERAS:
            tags[0x0110] = CAMERAS[name]
        Image.fromarray(pixels).save(folder / name, exif=tags)
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    RECORDS.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def words(faces: la.ImageSet, name: str) -> list[str | None]:
    """A column of words, None for what is missing."""
    column = faces.attributes[name]
    return [None if pd.isna(value) else value for value in column]


def expected(names: list[str]) -> pd.DataFrame:
    """The join that pandas makes."""
    known = RECORDS.assign(photo=RECORDS["photo"].replace("b", "b.jpg")).set_index("photo").reindex(names)
    kept = known["kept"].map({"yes": 1, "no": 0})
    return pd.DataFrame(
        {"rating": known["rating"].astype(np.float32), "where": known["where"], "kept": kept.astype(np.float32)}
    ).reset_index(drop=True)


def test_a_table_is_joined_and_no_picture_is_dropped(album: Path, table: Path) -> None:
    bare = la.load(album)
    faces = la.load(album, attributes=table, key="Photo")
    assert faces.names == bare.names
    np.testing.assert_array_equal(faces.pixels, bare.pixels)
    pd.testing.assert_frame_equal(faces.attributes, expected(faces.names))
    assert faces.people == ["Bo", "", "", "Ann"]  # in the order of the names: a, b, d, deep/c
    assert (faces.number_of_people, repr(faces).count("2 people")) == (2, 1)
    assert (bare.people, bare.number_of_people) == (None, None)
    chosen = faces[[3, 0]]
    pd.testing.assert_frame_equal(chosen.attributes, faces.attributes.iloc[[3, 0]].reset_index(drop=True))
    train, test = faces.split(0.25)
    assert {*words(train, "where"), *words(test, "where")} == {None, "hills", "sea"}


def test_numbers_alone_are_float32(album: Path, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("name,x,y\na,1,0\nd,2.5,1\n")
    faces = la.load(album, attributes=tmp_path / "n.csv")
    assert faces.attribute_values.dtype == np.float32
    np.testing.assert_array_equal(faces.attribute_values, [[1, 0], [np.nan] * 2, [2.5, 1], [np.nan] * 2])


def test_pixels_are_cached_and_a_changed_table_is_seen(album: Path, table: Path) -> None:
    first = la.load(album, attributes=table, exif=True)
    again = la.load(album, attributes=table, exif=True)
    assert (first.cached, again.cached) == (False, True)
    pd.testing.assert_frame_equal(again.attributes, first.attributes)
    table.write_text("name,where\nd.jpg,river\n")
    other = la.load(album, attributes=table)
    assert words(other, "where") == [None, None, "river", None]
    assert words(la.load(album, attributes=table, exif=True), "where") == [None, None, "river", None]
    assert la.load(album).attributes is None


def test_cameras_tell_in_folders_and_archives(album: Path, table: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "album"), "zip", album)
    for source in (album, archive):
        for _ in range(2):  # read, and found in the cache
            faces = la.load(source, exif=True)
            told = dict(zip(faces.names, words(faces, "camera"), strict=True))
            assert {name: camera for name, camera in told.items() if camera} == CAMERAS
            assert faces.attributes["width"].tolist() == [30] * 4
            assert faces.attributes["latitude"].isna().all()
    both = la.load(album, attributes=table, exif=True)
    assert list(both.attributes)[:5] == ["rating", "where", "kept", "taken", "camera"]
    assert list(both.attributes)[-1] == "rating 2"  # the table's falls first, as in galleries


def test_a_set_is_found_again_and_gives_its_gallery_the_same(album: Path, table: Path, tmp_path: Path) -> None:
    faces = la.load(album, size=16, attributes=table, key="photo", exif=True)
    again = load_spec(DataSpec.from_json(faces.spec.as_json()))
    pd.testing.assert_frame_equal(again.attributes, faces.attributes)
    model = la.PCAAutoencoder(3).fit(waves(20, 16, 16))
    with la.Gallery.open(tmp_path / "by-set", model) as one, la.Gallery.open(tmp_path / "by-path", model) as other:
        one.update(faces)
        other.update(album, attributes=table, key="photo", exif=True)
        pd.testing.assert_frame_equal(one.attributes, other.attributes)
        assert one.names == other.names
        assert one.people == other.people
        assert one.search("a.jpg", 4, where="where = 'sea' and camera = 'Canon'").names == ["deep/c.jpg"]
        one.update()  # from the folder, as the set was read
        pd.testing.assert_frame_equal(one.attributes, other.attributes)


def test_drawn_faces_and_arrays_have_tables_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,smile,word\n00001,7,one\nTribel_Gamaru_0001,8,two\n")
    drawn = la.load("synthetic:3", size=16, attributes=tmp_path / "t.csv")
    bare = la.load("synthetic:3", size=16)
    assert list(drawn.attributes) == [*bare.attributes, "smile 2", "word"]
    np.testing.assert_array_equal(drawn.attributes[list(bare.attributes)], bare.attributes)
    np.save(tmp_path / "p.npy", waves(3, 16, 16))
    assert words(la.load(tmp_path / "p.npy", attributes=tmp_path / "t.csv"), "word") == [None, "one", None]
    for source in ("synthetic:3", tmp_path / "p.npy"):
        with pytest.raises(OptionError, match="leave exif out"):
            la.load(source, exif=True)


def test_every_face_has_its_photos_row(tmp_path: Path) -> None:
    squares = yunet_model(tmp_path / "squares.onnx")
    folder = tmp_path / "album"
    folder.mkdir()
    Image.fromarray(with_squares((1, 1), (1, 7), (7, 4), shades=True)).save(folder / "many.png")
    Image.fromarray(with_squares((5, 5))).save(folder / "one.png")
    Image.fromarray(with_squares((3, 3))).save(folder / "unknown.png")
    (tmp_path / "t.csv").write_text("name,where,person\nmany.png,sea,Ann\none,hills,Bo\nnobody,x,y\n")
    options = {"faces": True, "detector": squares, "attributes": tmp_path / "t.csv", "exif": True}
    faces = la.load(folder, **options)
    assert faces.names == [*(f"many.png#face-{i}" for i in (1, 2, 3)), "one.png#face-1", "unknown.png#face-1"]
    assert words(faces, "where") == ["sea", "sea", "sea", "hills", None]
    assert faces.attributes["width"].tolist() == [320] * 5
    assert faces.people == ["Ann", "", "", "Bo", ""]  # whom a photo is of is its largest face
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(4).fit(waves(30, 32, 32))) as gallery:
        gallery.update(folder, **options)
        pd.testing.assert_frame_equal(gallery.attributes.reset_index(drop=True), faces.attributes)
        assert [person or "" for person in gallery.people] == faces.people
        # as a list of faces that was saved from the page comes back with who they are
        rows = ("name,where,person", "many.png#face-2,hut,Di", "many.png,sea,Ann", "one.png#face-1,hut,Bo")
        (tmp_path / "t.csv").write_text("\n".join(rows))
        named = la.load(folder, **options)
        assert words(named, "where") == ["sea", "hut", "sea", "hut", None]
        assert named.people == ["Ann", "Di", "", "Bo", ""]
        (tmp_path / "t.csv").write_text("name,where\nmany.png,lake\n")
        gallery.update()
        assert gallery.attributes["where"].dropna().to_dict() == {f"many.png#face-{i}": "lake" for i in (1, 2, 3)}


def test_tables_of_other_pictures_are_refused(album: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("name,other,n\nx.jpg,a.jpg,1\ny.jpg,b.jpg,2\n")
    with pytest.raises(DataError, match=r"names none of these pictures by its column 'name', such as 'x.jpg'"):
        la.load(album, attributes=table)
    assert la.load(album, attributes=table, key="other").attributes["n"].dropna().tolist() == [1, 2]
    with pytest.raises(OptionError, match=r"key is 'more', which is no column of .*; give one of name, other, n"):
        la.load(album, attributes=table, key="more")
    with pytest.raises(OptionError, match="key is 'name', but there is no table"):
        la.load(album, key="name")
    lfws = tmp_path / "lfw.txt"
    lfws.write_text("a comment\n#\tperson\timagenum\tSmiling\nBob\t1\t1\n")
    with pytest.raises(OptionError, match="names persons and numbers"):
        la.load(album, attributes=lfws, key="person", layout="lfw")


@pytest.mark.lfw
def test_lfw_keeps_all_pictures_beside_another_table(lfw_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "file,hat\nAaron_Eckhart_0001.jpg,felt\nZydrunas_Ilgauskas/Zydrunas_Ilgauskas_0001,none\n"
    )
    faces = la.load(lfw_archive, attributes=tmp_path / "t.csv")
    assert len(faces) == 13_233
    known = faces.attributes["hat"].dropna()
    assert {faces.names[place]: hat for place, hat in known.items()} == {
        "Aaron_Eckhart/Aaron_Eckhart_0001.jpg": "felt",
        "Zydrunas_Ilgauskas/Zydrunas_Ilgauskas_0001.jpg": "none",
    }
    assert len(set(faces.people)) == 5_749
