"""Copies in a folder: all that there are, at their levels, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError, OptionError
from lookalike.review import Copies, find_copies
from lookalike.review.grouping import Grouping
from lookalike.review.originals import digest_of_turns
from lookalike.review.sameness import Link
from scenes import scenes

COUNT = 200
TURN = Image.Transpose


def save(pictures: np.ndarray, folder: Path) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number:03}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    return paths


def indexed(folder: Path, place: Path, code: int = 24) -> la.Gallery:
    model = la.PCAAutoencoder(code).fit(la.load(folder, size=32, cache=False))
    gallery = la.Gallery.open(place, model)
    gallery.update(folder)
    return gallery


def pairs(found: Copies) -> set[tuple[str, ...]]:
    return {tuple(sorted(Path(name).stem[:3] for name in group)) for group in found.groups}


def test_all_of_200_resaved_copies_and_no_other(tmp_path: Path) -> None:
    paths = save(scenes(COUNT, 0), tmp_path / "in")
    for path in paths:
        with Image.open(path) as picture:
            picture.save(path.with_name(f"{path.stem} copy.jpg"), quality=60)
    with indexed(tmp_path / "in", tmp_path / "g") as gallery:
        found = find_copies(gallery)
        assert sorted(map(sorted, found.groups)) == [[f"{i:03} copy.jpg", f"{i:03}.png"] for i in range(COUNT)]
        assert (set(found.levels), found.stored_only) == ({"near"}, [])
        assert find_copies(gallery, level="picture").groups == []
        by_codes = {tuple(sorted(group)) for group in gallery.duplicates().groups}
        assert len(by_codes & {tuple(sorted(group)) for group in found.groups}) >= 0.95 * COUNT


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_grey_copy_is_found_among_few(tmp_path: Path, count: int) -> None:
    """Of two whitened codes each lies as far from the other as can be, whatever the pictures are."""
    paths = save(scenes(count, 5), tmp_path / "in")
    with Image.open(paths[0]) as picture:
        picture.convert("L").save(tmp_path / "in" / "000 grey.jpg", quality=90)
    model = la.SearchAutoencoder(1 if count == 1 else 2).fit(la.load(tmp_path / "in", size=32, cache=False))
    with la.Gallery.open(tmp_path / "g", model, metric="whitened-cosine") as gallery:
        gallery.update(tmp_path / "in")
        assert pairs(find_copies(gallery)) == {("000", "000")}


def test_grey_and_sepia_copies_are_found_in_a_small_folder(tmp_path: Path) -> None:
    """Whitened codes of a few dozen pictures take a picture without its colours for another one."""
    count = 60
    paths = save(la.load(f"leaves:{count}", size=64, cache=False).pixels, tmp_path / "in")
    sepia = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
    for path in paths:
        with Image.open(path) as picture:
            picture.convert("L").save(path.with_name(f"{path.stem} grey.jpg"), quality=90)
            picture.convert("RGB", sepia).save(path.with_name(f"{path.stem} sepia.jpg"), quality=90)
    model = la.SearchAutoencoder(128).fit(la.load(tmp_path / "in", size=32, cache=False))
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(tmp_path / "in")
        groups = find_copies(gallery).groups
    assert sorted(sorted(name[:3] for name in group) for group in groups) == [[f"{i:03}"] * 3 for i in range(count)]


def test_levels_are_told_apart(tmp_path: Path) -> None:
    """The same bytes under another name, another container, turns, and changes that people make."""
    paths = save(scenes(40, 1), tmp_path / "in")
    folder = tmp_path / "in"
    shutil.copy(paths[0], folder / "000 twin.png")
    made = {}
    for number, path in enumerate(paths[1:13], 1):
        with Image.open(path) as picture:
            made[number] = picture.convert("RGB")
    made[1].save(folder / "001 container.bmp")
    made[2].transpose(TURN.ROTATE_90).save(folder / "002 turned.png")
    made[3].transpose(TURN.FLIP_LEFT_RIGHT).save(folder / "003 mirrored.png")
    made[4].resize((61, 61)).save(folder / "004 small.jpg", quality=85)
    made[5].crop((5, 4, 91, 90)).save(folder / "005 cut.jpg", quality=90)
    bordered = Image.new("RGB", (116, 116), (250, 250, 250))
    bordered.paste(made[6], (10, 10))
    bordered.save(folder / "006 bordered.png")
    Image.fromarray((255 * (np.asarray(made[7]) / 255) ** 1.3 * (1, 0.9, 0.8)).astype(np.uint8)).save(
        folder / "007 coloured.png"
    )
    made[8].transpose(TURN.ROTATE_270).save(folder / "008 turned.jpg", quality=80)
    with indexed(folder, tmp_path / "g") as gallery:
        found = find_copies(gallery)
        levels = {group[0][:3]: level for group, level in zip(found.groups, found.levels, strict=True)}
        expected = {f"{i:03}": "bytes" if i == 0 else "picture" if i < 4 else "near" for i in range(9)}
        assert pairs(found) == {(name, name) for name in expected}
        assert levels == expected
        for level, count in (("bytes", 1), ("picture", 4)):
            assert len(find_copies(gallery, level=level).groups) == count
        with pytest.raises(OptionError, match="level is 'alike'; give one of bytes, picture, near, scene"):
            find_copies(gallery, level="alike")


def test_what_of_new_pictures_is_there_already(tmp_path: Path) -> None:
    pictures = scenes(60, 2)
    save(pictures[:50], tmp_path / "in")
    new = save(pictures[45:], tmp_path / "new")
    shutil.copy(new[0], new[0].with_name("twin.png"))
    with Image.open(new[1]) as picture:
        picture.convert("RGB").transpose(TURN.FLIP_LEFT_RIGHT).save(new[1].with_name("mirrored.jpg"), quality=80)
    (tmp_path / "new" / "broken.jpg").write_bytes(b"no picture")
    with indexed(tmp_path / "in", tmp_path / "g") as gallery:
        found = find_copies(gallery, against=tmp_path / "new")
        assert [one["name"] for one in found.as_json()["rejected"]] == ["broken.jpg"]  # of which nothing is known
        told = {group[0]: (group[1:], level) for group, level in zip(found.groups, found.levels, strict=True)}
        expected = {f"{i:03}.png": ([f"{45 + i:03}.png"], "bytes") for i in range(5)}
        assert told == expected | {
            "twin.png": (["045.png"], "bytes"),
            "mirrored.jpg": (["046.png"], "near"),
        }
        bytes_only = find_copies(gallery, level="bytes", against=tmp_path / "new")
        assert {group[0] for group in bytes_only.groups} == {*expected, "twin.png"}


def test_drawn_pictures_are_all_that_there_is_of_them(tmp_path: Path) -> None:
    faces = la.load("synthetic:60", size=16, cache=False)
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(4).fit(faces)) as gallery:
        gallery.update(faces)
        found = find_copies(gallery, level="scene")
    assert found.stored_only == []
    assert found.away is None


def test_copies_brought_to_another_aspect(tmp_path: Path) -> None:
    """What a gallery sees of a picture is its middle square, and of a copy with equal sides all of it."""
    (tmp_path / "in").mkdir()
    for number, picture in enumerate(scenes(24, 5, 160)):
        wide = Image.fromarray(picture[20:140] if number % 2 else picture[:, 27:133])  # 4:3, and about 2:3
        wide.save(tmp_path / "in" / f"{number:03}.png")
        if number < 8:
            wide.resize((110, 110)).save(tmp_path / "in" / f"{number:03} square.jpg", quality=90)
    with indexed(tmp_path / "in", tmp_path / "g") as gallery:
        assert pairs(find_copies(gallery)) == {(f"{i:03}", f"{i:03}") for i in range(8)}


def test_pictures_that_are_gone_are_compared_as_stored(tmp_path: Path) -> None:
    paths = save(scenes(30, 3), tmp_path / "in")
    for path in paths[:5]:
        with Image.open(path) as picture:
            picture.save(path.with_name(f"{path.stem} copy.jpg"), quality=80)
    with indexed(tmp_path / "in", tmp_path / "g") as gallery:
        paths[0].unlink()
        found = find_copies(gallery)
        assert pairs(found) == {(f"{i:03}", f"{i:03}") for i in range(5)}
        assert "000.png" in found.stored_only
        assert "001.png" not in found.stored_only
        (tmp_path / "in").rename(tmp_path / "moved")
        found = find_copies(gallery)
        assert pairs(found) == {(f"{i:03}", f"{i:03}") for i in range(5)}
        assert len(found.stored_only) >= 10


@pytest.mark.parametrize("count", [2, 5, 60])
def test_pictures_that_are_all_alike_are_one_group(count: int, tmp_path: Path) -> None:
    picture = scenes(1, 4)
    save(np.repeat(picture, count, axis=0), tmp_path / "in")
    other = np.concatenate([np.repeat(picture, count, axis=0), scenes(2, 5)])
    model = la.PCAAutoencoder(2).fit(ImageSet(other[:, ::3, ::3]))
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(tmp_path / "in")
        assert [len(group) for group in find_copies(gallery).groups] == [count]
    with la.Gallery.open(tmp_path / "m", model) as gallery:  # from memory: nothing larger is known
        gallery.update(ImageSet(other[:, ::3, ::3]))
        found = find_copies(gallery)
        assert [(len(group), level) for group, level in zip(found.groups, found.levels, strict=True)] == [
            (count, "picture")
        ]


def test_few_that_differ_are_no_copies_and_one_is_alone(tmp_path: Path) -> None:
    pictures = scenes(5, 6)[:, ::3, ::3]
    model = la.PCAAutoencoder(4).fit(ImageSet(pictures))
    for count in (1, 2, 5):
        with la.Gallery.open(tmp_path / str(count), model) as gallery:
            gallery.update(ImageSet(pictures[:count]))
            assert find_copies(gallery).groups == []
    with la.Gallery.open(tmp_path / "0", model) as gallery, pytest.raises(GalleryError, match="holds no pictures yet"):
        find_copies(gallery)


def test_a_chain_joins_only_what_is_the_same_as_the_first() -> None:
    """0 ~ 1 ~ 2 ~ 3, in steps: nobody is joined with what is two steps away."""

    def check(asked: list[tuple[int, int]]) -> list[Link | None]:
        return [Link("near", 0.9) if abs(a - b) == 1 else None for a, b in asked]

    grouping = Grouping(lambda place: (place,), check)
    grouping.take([(0, 1), (1, 2), (2, 3)])
    assert {leader: set(members) for leader, members in grouping.members.items()} == {0: {1}, 2: {3}}
    later = Grouping(lambda place: (place,), check)
    later.take([(1, 2)])
    later.take([(0, 1)])  # 1 comes to stand under 0, and 2, which is not the same as 0, is let go
    assert {leader: set(members) for leader, members in later.members.items()} == {0: {1}}
    assert later.leader(2) == 2


def test_the_digest_is_that_of_all_turns_and_of_no_other_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    views = [np.rot90(one, quarter) for one in (picture, picture[:, ::-1]) for quarter in range(4)]
    assert len({digest_of_turns(view) for view in views}) == 1
    changed = picture.copy()
    changed[3, 2, 1] ^= 1
    assert digest_of_turns(changed) != digest_of_turns(picture)


def shots(picture: np.ndarray, seed: int) -> np.ndarray:
    """Another shot: another place to stand, other light, and two things that moved."""
    generator = np.random.default_rng(seed)
    side = len(picture)
    image = Image.fromarray(picture)
    for _ in range(2):
        x, y, to_x, to_y = generator.integers(0, side - side // 4, 4).tolist()
        image.paste(image.crop((x, y, x + side // 4, y + side // 4)), (to_x, to_y))
    corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0)]) * 0.86 + 0.07 + generator.uniform(-0.05, 0.05, (4, 2))
    seen = image.transform(
        image.size, Image.Transform.QUAD, (side * corners).ravel().tolist(), Image.Resampling.BICUBIC
    )
    light = np.asarray(seen) / 255 * generator.uniform(0.85, 1.1) + generator.normal(0, 0.02, picture.shape)
    return np.asarray(255 * light.clip(0, 1), np.uint8)


@pytest.mark.parametrize("exif", [True, False])
def test_shots_of_one_scene_are_no_copies_and_are_shown_apart(tmp_path: Path, exif: bool) -> None:
    """With the time of the camera: bursts of two, three seconds apart, and one of them saved again.

    Without `exif` the gallery knows no times, and those in the files are read when pictures are compared.
    """
    folder = tmp_path / "in"
    folder.mkdir()
    vivid = scenes(30, 21)
    muted = (0.35 * vivid + 0.65 * vivid.mean(axis=3, keepdims=True)).astype(np.uint8)  # as photos are
    for number, picture in enumerate(muted):
        for shot in range(2 if number < 8 else 1):
            tags = Image.Exif()
            tags[0x8769] = {0x9003: f"2024:05:17 {10 + number // 6:02}:{number % 6}0:0{3 * shot}"}
            image = Image.fromarray(shots(picture, number) if shot else picture)
            image.save(folder / f"{number:03}.{shot}.jpg", quality=92, exif=tags)
    with Image.open(folder / "000.0.jpg") as image:
        image.save(folder / "000.0 copy.jpg", quality=70)
    model = la.PCAAutoencoder(24).fit(la.load(folder, size=32, cache=False))
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(folder, exif=exif)
        near, found = find_copies(gallery), find_copies(gallery, level="scene")
        assert [set(group) for group in near.groups] == [{"000.0.jpg", "000.0 copy.jpg"}]
        assert found.groups[:1] == near.groups
        assert found.levels == ["near"] + ["scene"] * (len(found.groups) - 1)
        assert pairs(found) == {(f"{i:03}", f"{i:03}") for i in range(len(found.groups) - 1)}
        assert len(found.groups) == 9
        plan = found.keep("unedited,oldest")
        assert len(plan.dropped) == 9
        assert all(plan.keepers[one.name].endswith(".0.jpg") for one in plan.dropped)


def test_pictures_said_to_be_no_duplicates_are_in_no_group_together() -> None:
    def check(asked: list[tuple[int, int]]) -> list[Link | None]:
        return [Link("near", 0.9) for _ in asked]

    grouping = Grouping(lambda place: (place,), check, "near", {1: {2, 4}, 2: {1}, 4: {1}})
    grouping.take([(0, 1), (0, 2), (0, 3), (4, 5), (1, 5)])
    groups = [{leader, *members} for leader, members in grouping.members.items()]
    assert any({0, 3} <= group for group in groups)
    assert not any({1, 2} <= group or {1, 4} <= group for group in groups)
