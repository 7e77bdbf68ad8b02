"""Faces of photos: alignment against independent references, detectors on pictures whose faces are known."""

from __future__ import annotations

import io
import math
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures
from skimage.feature import Cascade
from skimage.transform import SimilarityTransform

import lookalike as la
from faces import with_squares, yunet_model
from lookalike.data import read_picture
from lookalike.data.faces import align as aligning
from lookalike.data.faces import mtcnn as cascade
from lookalike.data.faces import photos
from lookalike.data.faces.align import POINTS, SIDE, align, similarity
from lookalike.data.faces.contract import LEFT_EYE, LEFT_MOUTH, NOSE, RIGHT_EYE, Face
from lookalike.data.faces.finding import LONGEST, find_faces
from lookalike.data.faces.mtcnn import Mtcnn
from lookalike.data.faces.yunet import YuNet
from lookalike.data.framing import Framing
from lookalike.data.pipeline import PHOTOS, Source, decode_all
from lookalike.errors import DataError, MissingExtraError, OptionError, PictureError
from waiting import PATIENCE


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Points turned clockwise about the frame's middle, scaled, then moved so that the middle lies at `shift`."""
    angle = math.radians(degrees)
    matrix = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (points - SIDE / 2) @ matrix.T + shift


def smooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A scene in the frame's own coordinates, without detail finer than 40 pixels."""
    red = np.sin(x / 9) * np.cos(y / 13)
    green = np.cos(x / 17 + y / 7)
    blue = np.sin(x / 11 - y / 19)
    return np.stack([red, green, blue], axis=-1) * 100 + 127.5


def photo_of_scene(height: int, width: int, degrees: float, scale: float, middle: tuple[float, float]) -> np.ndarray:
    """A photo in which the scene lies turned, scaled and moved as `turned` does with points."""
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    angle = math.radians(-degrees)
    x, y = (column - middle[0]) / scale, (row - middle[1]) / scale
    scene = smooth(
        x * math.cos(angle) - y * math.sin(angle) + SIDE / 2, x * math.sin(angle) + y * math.cos(angle) + SIDE / 2
    )
    return np.rint(scene).astype(np.uint8)


class TestSimilarity:
    @pytest.mark.parametrize("seed", range(5))
    def test_is_that_of_scikit_image(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        points = rng.uniform(0, 500, (5, 2))
        places = turned(points, rng.uniform(-180, 180), rng.uniform(0.2, 5), (40, 90)) + rng.normal(0, 3, (5, 2))
        expected = SimilarityTransform.from_estimate(points, places)
        assert similarity(points, places) == pytest.approx(expected.params[:2], abs=1e-6)

    def test_an_exact_one_is_found_exactly(self) -> None:
        places = turned(POINTS, 37, 2.5, (300, 200))
        matrix = similarity(places, POINTS)
        assert places @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(POINTS, abs=1e-9)


class TestAlign:
    @pytest.mark.parametrize("scale", [0.4, 1.0, 1.7, 6.0])
    @pytest.mark.parametrize("degrees", [0, -20, 45, 170])
    def test_shows_the_scene_as_it_is_in_the_frame(self, scale: float, degrees: float) -> None:
        side = int(400 * scale)
        middle = (side / 2 + 3.3, side / 2 - 5.8)
        photo = photo_of_scene(side, side + 10, degrees, scale, middle)
        frame = align(photo, turned(POINTS, degrees, scale, middle))
        column, row = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
        difference = np.abs(frame - smooth(column, row))
        assert frame.shape == (SIDE, SIDE, 3)
        assert difference.max() < 6
        assert difference.mean() < 1.5

    @pytest.mark.parametrize(("crop", "scale"), [(80, 1.0), (0, 2.0), (60, 1.5)])
    def test_a_part_of_the_frame_at_any_scale(self, crop: int, scale: float) -> None:
        photo = photo_of_scene(700, 700, 10, 2.5, (350, 350))
        part = align(photo, turned(POINTS, 10, 2.5, (350, 350)), crop=crop, scale=scale)
        side = round(scale * (SIDE - 2 * crop))
        column, row = np.meshgrid((np.arange(side) + 0.5) / scale + crop, (np.arange(side) + 0.5) / scale + crop)
        assert part.shape == (side, side, 3)
        assert np.abs(part - smooth(column, row)).mean() < 1.5

    def test_detail_finer_than_the_frame_is_averaged(self) -> None:
        photo = np.zeros((2000, 2000, 3), np.uint8)
        photo[::2, 1::2] = photo[1::2, ::2] = 255
        frame = align(photo, turned(POINTS, 15, 7.0, (1000, 1000)))
        assert np.abs(frame.astype(int) - 127).max() <= 6

    def test_beyond_the_photo_its_edge_is_repeated(self) -> None:
        photo = np.zeros((300, 300, 3), np.uint8)
        photo[:, :20] = (200, 30, 90)
        frame = align(photo, turned(POINTS, 0, 1.0, (0, 150)))
        assert (frame[:, :120] == (200, 30, 90)).all()  # the photo's left edge lies at the frame's middle
        assert (frame[:, 160:] == 0).all()

    def test_a_face_that_lies_outside_gives_the_nearest_pixel(self) -> None:
        photo = np.full((40, 50, 3), 77, np.uint8)
        assert (align(photo, turned(POINTS, 0, 1.0, (-900, 2000))) == 77).all()


class Marked:
    """Finds a face of three coloured dots: red and blue eyes, a green mouth; but upright ones only."""

    name = "marked"
    sure = 0.9

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, photo: np.ndarray) -> list[Face]:
        self.seen.append(photo.shape[:2])
        bright = photo.astype(int)
        places = []
        for channel in (0, 2, 1):
            weight = np.clip(bright[..., channel] - bright.sum(axis=-1) / 2, 0, None).astype(float)
            if not weight.any():
                return []
            row, column = (np.arange(n) + 0.5 for n in weight.shape)
            places.append((weight.sum(axis=0) @ column / weight.sum(), weight.sum(axis=1) @ row / weight.sum()))
        left, right, mouth = np.array(places)
        across, down = right - left, mouth - (left + right) / 2
        if across[0] <= 0 or down[1] <= 0 or abs(across[1]) > abs(across[0]):
            return []
        middle = (left + right) / 2
        points = np.array([left, right, middle + down / 2, mouth - across / 4, mouth + across / 4])
        corners = np.concatenate([middle - 2 * across[0], middle + 2 * across[0]])
        return [Face(tuple(corners), points, 0.99)]


def dotted(height: int, width: int, left: tuple[int, int], right: tuple[int, int], mouth: tuple[int, int], dot: int):
    photo = np.zeros((height, width, 3), np.uint8)
    for (x, y), channel in ((left, 0), (right, 2), (mouth, 1)):
        photo[y - dot : y + dot, x - dot : x + dot, channel] = 255
    return photo


class Fixed:
    """Finds the same whatever it sees."""

    name = "fixed"
    sure = 0.95

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces

    def __call__(self, photo: np.ndarray) -> list[Face]:
        return self.faces


class TestFinding:
    def test_a_large_photo_is_looked_at_small_and_answered_in_its_own_pixels(self) -> None:
        detector = Marked()
        photo = dotted(3000, 4000, (1000, 900), (1400, 950), (1200, 1400), 40)
        (face,) = find_faces(photo, detector)
        assert detector.seen == [(1200, LONGEST)]
        assert face.points[LEFT_EYE] == pytest.approx((1000, 900), abs=0.6)
        assert face.points[RIGHT_EYE] == pytest.approx((1400, 950), abs=0.6)
        assert face.angle == pytest.approx(math.degrees(math.atan2(50, 400)), abs=0.1)

    @pytest.mark.parametrize(("quarters", "angle"), [(0, 0), (1, -90), (2, 180), (3, 90)])
    def test_a_turned_photo_is_turned_back(self, quarters: int, angle: int) -> None:
        upright = dotted(300, 500, (200, 100), (260, 100), (230, 180), 6)
        photo = np.ascontiguousarray(np.rot90(upright, quarters))
        (face,) = find_faces(photo, Marked())
        assert math.cos(math.radians(face.angle - angle)) == pytest.approx(1)
        for point, channel in ((LEFT_EYE, 0), (RIGHT_EYE, 2)):
            row, column = np.nonzero(photo[..., channel])
            assert face.points[point] == pytest.approx((column.mean() + 0.5, row.mean() + 0.5), abs=1e-6)
        left, top, right, bottom = face.box
        assert left < face.points[NOSE][0] < right
        assert top < face.points[NOSE][1] < bottom

    def test_aligned_turned_photos_are_one_picture(self) -> None:
        upright = dotted(300, 500, (200, 100), (260, 100), (230, 180), 6)
        frames = []
        for quarters in range(4):
            photo = np.ascontiguousarray(np.rot90(upright, quarters))
            (face,) = find_faces(photo, Marked())
            frames.append(align(photo, face.points).astype(int))
        assert frames[0].max() == 255
        for frame in frames[1:]:
            assert np.abs(frame - frames[0]).max() <= 2

    def test_overlapping_finds_are_one_and_the_largest_comes_first(self) -> None:
        def face(left: float, side: float, score: float) -> Face:
            return Face((left, 0, left + side, side), POINTS, score)

        found = find_faces(
            np.zeros((500, 500, 3), np.uint8),
            Fixed([face(0, 50, 0.99), face(3, 50, 0.8), face(200, 90, 0.9)]),
        )
        assert [(one.box[0], one.score) for one in found] == [(200, 0.9), (0, 0.99)]

    def test_nothing_found_is_no_face(self) -> None:
        assert find_faces(np.zeros((50, 60, 3), np.uint8), Marked()) == []


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    return Mtcnn()


class TestMtcnn:
    def test_the_one_face_of_a_portrait(self, mtcnn: Mtcnn) -> None:
        photo = pictures.astronaut()
        (face,) = find_faces(photo, mtcnn)
        (other,) = Cascade(pictures.lbp_frontal_face_cascade_filename()).detect_multi_scale(
            photo, scale_factor=1.1, step_ratio=1, min_size=(60, 60), max_size=(200, 200)
        )
        middle = (other["c"] + other["width"] / 2, other["r"] + other["height"] / 2)
        assert math.dist(middle, face.points[NOSE]) < other["width"] / 4
        assert abs(face.angle) < 15
        assert face.score > 0.99

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_a_portrait_on_its_side_or_head(self, mtcnn: Mtcnn, quarters: int) -> None:
        photo = pictures.astronaut()
        upright = align(photo, find_faces(photo, mtcnn)[0].points, crop=80)
        photo = np.ascontiguousarray(np.rot90(photo, quarters))
        found = align(photo, find_faces(photo, mtcnn)[0].points, crop=80)
        assert np.abs(found.astype(int) - upright).mean() < 8

    @pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket", "moon", "page", "coins", "brick", "grass"])
    def test_no_face_where_there_is_none(self, mtcnn: Mtcnn, name: str) -> None:
        photo = getattr(pictures, name)()
        photo = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=2)
        assert find_faces(photo[..., :3], mtcnn) == []

    @pytest.mark.parametrize("shape", [(1, 1), (5, 400), (19, 19), (20, 20)])
    def test_pictures_too_small_for_a_face(self, mtcnn: Mtcnn, shape: tuple[int, int]) -> None:
        assert find_faces(np.full((*shape, 3), 128, np.uint8), mtcnn) == []

    def test_the_missing_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cascade, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[faces\]'"):
            Mtcnn()

    def test_of_overlapping_boxes_the_best_stays(self) -> None:
        boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [2, 2, 6, 6], [30, 0, 40, 10]], np.float32)
        scores = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
        assert cascade._best(boxes, scores, 0.5).tolist() == [1, 2, 3]
        assert cascade._best(boxes, scores, 0.5, of_the_smaller=True).tolist() == [1, 3]


def test_the_places_are_those_of_a_face() -> None:
    assert aligning.POINTS.shape == (5, 2)
    left, right = POINTS[LEFT_EYE], POINTS[RIGHT_EYE]
    assert left[0] < POINTS[NOSE][0] < right[0]
    assert left[1] < POINTS[NOSE][1] < POINTS[LEFT_MOUTH][1]


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yunet_model(tmp_path_factory.mktemp("models") / "squares.onnx")


class TestYuNet:
    def test_rows_of_opencv_become_faces(self, squares: Path) -> None:
        (face,) = YuNet(squares)(with_squares((2, 5)))
        left, top, right, bottom = face.box
        assert (right - left, bottom - top) == pytest.approx((64, 96), abs=0.1)
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((5.5 * 32, 2.5 * 32), abs=0.1)
        assert face.points == pytest.approx(
            32 * np.array([[5.25, 2.25], [5.75, 2.25], [5.5, 2.5], [5.3, 2.75], [5.7, 2.75]]), abs=0.1
        )
        assert face.score > 0.9

    def test_the_name_follows_the_content(self, squares: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.onnx"
        copy.write_bytes(squares.read_bytes())
        assert YuNet(copy).name == YuNet(squares).name

    def test_what_is_no_such_model(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="is not there"):
            YuNet(tmp_path / "missing.onnx")
        (tmp_path / "text.onnx").write_text("no model")
        with pytest.raises(DataError, match="is no YuNet model"):
            YuNet(tmp_path / "text.onnx")


def jpeg(photo: np.ndarray, orientation: int | None = None) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(photo).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two photos with faces, one without, and a file that is no picture."""
    folder = tmp_path / "album"
    (folder / "trip").mkdir(parents=True)
    (folder / "three.jpg").write_bytes(jpeg(with_squares((1, 1), (1, 7), (7, 4))))
    (folder / "trip" / "one.jpg").write_bytes(jpeg(with_squares((5, 5))))
    (folder / "none.jpg").write_bytes(jpeg(np.zeros((320, 320, 3), np.uint8)))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


def test_photos_are_looked_at_side_by_side_and_few_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two threads waits for the other to look at a photo too; of a long source little is read ahead."""
    together = threading.Barrier(2, timeout=PATIENCE)

    class Waiting:
        name, sure = "waiting", 0.0

        def __call__(self, photo: np.ndarray) -> list[Face]:
            together.wait()
            return []

    monkeypatch.setattr(photos, "detector_of", lambda finder: Waiting())
    content, taken, done, most = jpeg(np.zeros((30, 40, 3), np.uint8)), 0, 0, 0

    def sources() -> Iterator[Source]:
        nonlocal taken
        for number in range(30 * PHOTOS):
            taken += 1
            yield Source(f"{number}.jpg", lambda: content)

    for decoded in decode_all(sources(), Framing(faces="waiting"), workers=2):
        most = max(most, taken - done)
        done += decoded.sources
    assert done == taken == 30 * PHOTOS
    assert most <= 7 * PHOTOS


class TestLoading:
    def test_every_face_is_an_item(self, album: Path, squares: Path) -> None:
        faces = la.load(album, faces=True, detector=squares)
        assert faces.names == ["three.jpg#face-1", "three.jpg#face-2", "three.jpg#face-3", "trip/one.jpg#face-1"]
        assert faces.image_shape == (32, 32, 3)
        assert faces.faces is not None
        assert [(one.number, one.faces) for one in faces.faces] == [(1, 3), (2, 3), (3, 3), (1, 1)]
        assert (faces.faces[3].left, faces.faces[3].top) == pytest.approx((5.5 * 32 - 32, 5.5 * 32 - 48), abs=0.2)
        assert {(one.name, one.reason) for one in faces.rejected} == {
            ("none.jpg", "no face found"),
            ("broken.jpg", "is not a picture in a format that can be read"),
        }
        assert faces.faceless == 1

    def test_the_cache_knows_where_they_were(self, album: Path, squares: Path) -> None:
        first = la.load(album, faces=True, detector=squares)
        again = la.load(album, faces=True, detector=squares)
        assert again.cached
        assert (again.names, again.faces, again.faceless) == (first.names, first.faces, 1)
        assert not la.load(album).cached  # whole photos are another set

    def test_a_set_is_read_again_from_its_spec(self, album: Path, squares: Path) -> None:
        faces = la.load(album, faces=True, detector=squares, size=40)
        assert faces.spec is not None
        spec = type(faces.spec).from_json(faces.spec.as_json())
        assert spec == faces.spec
        assert spec.framing == Framing((40, 40), 80, "stretch", str(squares))
        again = la.data.load_spec(spec, cache=False)
        assert again.digest == faces.digest

    def test_an_archive_gives_the_same_faces(self, album: Path, squares: Path, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "album.tar", "w") as tar:
            for name in ("three.jpg", "trip/one.jpg", "none.jpg"):
                tar.add(album / name, name)
        faces = la.load(tmp_path / "album.tar", faces=True, detector=squares)
        assert faces.digest == la.load(album, faces=True, detector=squares).digest

    def test_the_framing_of_a_face_is_lfws(self, album: Path, squares: Path) -> None:
        content = (album / "trip" / "one.jpg").read_bytes()
        photo = np.asarray(Image.open(io.BytesIO(content)))
        (face,) = YuNet(squares)(photo)
        whole = align(photo, face.points)
        given = read_picture(content, Framing((90, 90), 80, "stretch", str(squares)))
        assert np.abs(given.astype(int) - whole[80:170, 80:170]).max() <= 1

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_exif_turns_the_photo_first(self, squares: Path, orientation: int) -> None:
        upright = with_squares((2, 5))
        stored = np.rot90(upright, {3: 2, 6: 1, 8: 3}[orientation])
        framing = Framing((60, 60), 80, "stretch", str(squares))
        found = read_picture(jpeg(np.ascontiguousarray(stored), orientation), framing).astype(int)
        assert np.abs(found - read_picture(jpeg(upright), framing)).mean() < 3

    def test_a_single_picture_is_the_largest_face_or_the_one_named(self, squares: Path, tmp_path: Path) -> None:
        photo, framing = tmp_path / "photo.png", Framing((60, 60), 80, "stretch", str(squares))
        Image.fromarray(with_squares((1, 1), (7, 4), shades=True)).save(photo)
        first, second = (read_picture(f"{photo}#face-{number}", framing) for number in (1, 2))
        assert (read_picture(photo, framing) == first).all()
        assert (read_picture(photo.read_bytes(), framing) == first).all()
        assert np.median(first) - np.median(second) == 8
        with pytest.raises(OptionError, match="face 3 is asked for, and the photo has 2; give 1"):
            read_picture(f"{photo}#face-3", framing)
        with pytest.raises(PictureError, match="no face found"):
            read_picture(jpeg(np.zeros((320, 320, 3), np.uint8)), framing)
        Image.fromarray(with_squares((1, 1))).save(tmp_path / "photo.png#face-2.png")  # a file of such a name is itself
        assert (read_picture(tmp_path / "photo.png#face-2.png", framing) == first).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"detector": "some.onnx"}, "give faces"),
            ({"faces": True, "detector": "missing.onnx"}, "missing.onnx cannot be read"),
            ({"faces": True, "crop": 125}, "give at most 124"),
        ],
    )
    def test_what_does_not_fit_together(self, album: Path, arguments: dict[str, object], message: str) -> None:
        with pytest.raises((OptionError, DataError), match=message):
            la.load(album, **arguments)  # type: ignore[arg-type]

    def test_faces_are_not_looked_for_in_arrays_or_drawings(self, tmp_path: Path) -> None:
        np.save(tmp_path / "some.npy", np.zeros((4, 32, 32, 3), np.uint8))
        for source in (tmp_path / "some.npy", "synthetic:10"):
            with pytest.raises(OptionError, match=r"without faces|leave faces out"):
                la.load(source, faces=True)


@pytest.mark.lfw
def test_the_faces_of_lfw_lie_where_lfw_has_them(mtcnn: Mtcnn, lfw_archive: Path) -> None:
    """The mean shift of the eyes is near nothing, also where photos are turned and enlarged."""
    moved = []
    with tarfile.open(lfw_archive) as tar:
        members = [one for one, _ in zip((m for m in tar if m.name.endswith(".jpg")), range(40), strict=False)]
        for number, member in enumerate(members):
            file = tar.extractfile(member)
            assert file is not None
            photo = Image.open(file).convert("RGB")
            angle = (number % 5 - 2) * 12
            other = np.asarray(
                photo.resize((400, 400), Image.Resampling.BICUBIC).rotate(-angle, Image.Resampling.BICUBIC)
            )
            found = find_faces(other, mtcnn)
            assert found, member.name
            matrix = similarity(found[0].points, POINTS)
            eyes = turned(POINTS[:2], angle, 1.6, (200, 200))
            moved.append(eyes @ matrix[:, :2].T + matrix[:, 2] - POINTS[:2])
    assert np.abs(np.mean(moved, axis=(0, 1))) == pytest.approx(0, abs=2)
    assert np.hypot(*np.moveaxis(np.array(moved), -1, 0)).mean() < 5
