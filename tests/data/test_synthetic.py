"""Procedural faces: reproducible, true to their attribute table, and faces to a detector trained on photographs."""

import re
from dataclasses import astuple, replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from lookalike.data import load
from lookalike.data.framing import Framing
from lookalike.data.images import ImageSet
from lookalike.data.synthetic import VERSION, Person, Shot, draw, person, synthetic_faces
from lookalike.data.synthetic.people import person_name
from lookalike.errors import OptionError

MANY = 1010  # more than one block of a thousand
PLAIN = Shot(zoom=1.1, background_clutter=0.0)


@pytest.fixture(scope="module")
def many() -> ImageSet:
    return synthetic_faces(MANY, size=16)


@pytest.fixture(scope="module")
def crowd() -> ImageSet:
    return synthetic_faces(300, size=32)


def picture(who: Person, shot: Shot, size: int = 64) -> np.ndarray:
    """One picture as float, (size, size, 3)."""
    return draw([who], [shot], size)[0].astype(float)


def model_face(**changes: float) -> Person:
    """A plain person without hat, beard, fringe or anything else that hides the face."""
    hides = ("bald", "bun", "beard", "moustache", "fringe", "freckles", "wrinkles", "earrings", "hair_grey")
    plain = {**dict.fromkeys(hides, 0.0), "hair_length": 0.15, "skin": 0.15, "hair_lightness": 0.1}
    return replace(person(0, 3), **{**plain, **changes})


def centre_of_mass(weights: np.ndarray) -> tuple[float, float]:
    """(x, y) in pixels."""
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return float((weights * x).sum() / weights.sum()), float((weights * y).sum() / weights.sum())


# --- the set


def test_a_small_set_is_the_beginning_of_a_large_one(many: ImageSet) -> None:
    few = synthetic_faces(37, size=16)
    assert np.array_equal(few.pixels, many.pixels[:37])
    assert few.names == many.names[:37]
    assert few.people == many.people[:37]
    assert np.array_equal(few.attribute_values, many.attribute_values[:37])
    across_blocks = synthetic_faces(1003, size=16)
    assert np.array_equal(across_blocks.pixels, many.pixels[:1003])


def test_portraits_are_the_same_people_aligned(crowd: ImageSet) -> None:
    """Of which as many numbers keep more: what straight components leave of held-out pictures is a smaller share."""
    aligned = load("portraits:300", size=32, cache=False)
    assert (aligned.names, aligned.spec.source) == (crowd.names, "portraits:300")
    assert np.array_equal(load("portraits:20", size=32, cache=False).pixels, aligned.pixels[:20])

    def column(images: ImageSet, name: str) -> np.ndarray:
        return images.attribute_values[:, images.attribute_names.index(name)]

    for name in ("skin", "beard", "eye_spacing", "smile", "hat", "glasses", "light_x"):
        assert np.array_equal(column(aligned, name), column(crowd, name)), name
    for name in ("turn", "tilt", "nod", "blur"):
        assert 0 < column(aligned, name).std() < 0.5 * column(crowd, name).std(), name

    def left(images: ImageSet) -> float:
        """The share of what varies in the middle of faces that 32 components leave."""
        flat = images.pixels.reshape(len(images), -1) / 255
        components = PCA(32, svd_solver="full").fit(flat[:200])
        held = flat[200:]
        middle = np.s_[:, 8:24, 8:24]
        apart, varies = held - components.inverse_transform(components.transform(held)), held - held.mean(axis=0)
        return float(np.divide(*(np.square(one.reshape(-1, 32, 32, 3)[middle]).mean() for one in (apart, varies))))

    assert left(aligned) < 0.85 * left(crowd)


def test_a_seed_is_a_world() -> None:
    one, again, other = synthetic_faces(8, seed=5), synthetic_faces(8, seed=5), synthetic_faces(8, seed=6)
    assert one.digest == again.digest
    assert one.digest != other.digest
    assert one.people != other.people
    assert len({picture.tobytes() for picture in one.pixels}) == 8


def test_no_block_repeats_another(many: ImageSet) -> None:
    assert len({picture.tobytes() for picture in many.pixels}) == MANY
    assert many.people is not None
    assert not set(many.people[:1000]) & set(many.people[1000:])


def test_every_person_has_a_name_alone() -> None:
    names = [person_name(3, index) for index in range(50_000)]
    assert len(set(names)) == len(names)


def test_the_set_says_where_it_comes_from(many: ImageSet) -> None:
    assert many.pixels.shape == (MANY, 16, 16, 3)
    assert many.pixels.dtype == np.uint8
    assert many.spec is not None
    assert (many.spec.source, many.spec.framing) == (f"synthetic:{MANY}", Framing((16, 16), 0, "stretch"))
    assert isinstance(VERSION, str)


@pytest.mark.parametrize("size", [48, 64, 128])
def test_every_size_shows_the_same_faces(size: int, crowd: ImageSet) -> None:
    count = 24
    large = synthetic_faces(count, size=size)
    small = synthetic_faces(count, size=16)
    assert large.names == crowd.names[:count]
    assert np.array_equal(large.attribute_values, crowd.attribute_values[:count])
    side = size // 16
    averaged = large.pixels.reshape(count, 16, side, 16, side, 3).mean(axis=(2, 4))
    difference = np.abs(averaged - small.pixels.astype(float)).mean(axis=(1, 2, 3))
    assert difference.max() < 8
    shuffled = np.abs(averaged - np.roll(small.pixels, 1, axis=0).astype(float)).mean()
    assert difference.mean() < shuffled / 8


def test_names_are_in_the_manner_of_lfw(many: ImageSet) -> None:
    assert len(set(many.names)) == MANY
    assert many.people is not None
    seen: dict[str, int] = {}
    for name, who in zip(many.names, many.people, strict=True):
        assert re.fullmatch(r"[A-Z][a-z]+_[A-Z][a-z]+_\d{4}", name)
        assert name[: name.rindex("_")].replace("_", " ") == who
        seen[who] = seen.get(who, 0) + 1
        assert int(name[-4:]) == seen[who]


def test_a_few_people_have_many_pictures_and_most_have_one(many: ImageSet) -> None:
    _, counts = np.unique(many.people, return_counts=True)
    assert counts.max() >= 30
    assert (counts == 1).mean() > 0.5
    assert counts[counts > 1].sum() > 0.4 * MANY, "retrieval of the same person needs enough pairs"


def test_pictures_of_one_person_share_the_person_and_nothing_else(many: ImageSet) -> None:
    names = list(many.attribute_names)
    table = many.attribute_values
    who = np.array(many.people)
    most = max(set(who), key=lambda name: (who == name).sum())
    rows = table[who == most]
    for name in ("skin", "beard", "hair_length", "hair_lightness", "face_width", "eye_size", "bald", "curly"):
        assert np.ptp(rows[:, names.index(name)]) == 0
        assert np.ptp(table[:, names.index(name)]) > 0
    for name in ("turn", "tilt", "nod", "light_x", "smile", "background_lightness", "blur"):
        assert len(set(rows[:, names.index(name)])) > 0.8 * len(rows)


def test_the_table_has_the_promised_columns_in_range(many: ImageSet) -> None:
    table = many.attributes
    assert table is not None
    assert many.attribute_values.dtype == np.float32
    assert np.isfinite(many.attribute_values).all()
    for name in ("glasses", "sunglasses", "hat", "bald"):
        assert set(table[name]) == {0.0, 1.0}
        assert 0.02 < table[name].mean() < 0.4
    for name in ("skin", "mouth_open", "beard", "hair_length", "hair_lightness", "hair_red", "curly",
                 "brow_thickness", "wrinkles", "background_lightness", "light_strength"):  # fmt: skip
        assert table[name].between(0, 1).all()
        assert table[name].std() > 0.1
    for name in ("light_x", "light_y", "smile"):
        assert table[name].between(-1, 1).all()
        assert table[name].min() < -0.3
        assert table[name].max() > 0.7
    for name, reach in (("turn", 25), ("tilt", 8), ("nod", 8)):
        assert table[name].min() < -reach
        assert table[name].max() > reach
    assert {"face_width", "eye_size"} <= set(table.columns)
    assert not ((table["glasses"] == 1) & (table["sunglasses"] == 1)).any()


def test_pixels_vary_as_much_as_photographs_do(crowd: ImageSet) -> None:
    values = crowd.pixels.reshape(len(crowd), -1) / 255.0
    assert 0.03 < values.var(axis=0).mean() < 0.065
    assert crowd.pixels.min() < 10
    assert crowd.pixels.max() > 245


def test_progress_counts_the_pictures() -> None:
    done: list[int] = []
    synthetic_faces(50, size=32, progress=done.append)
    assert done == sorted(set(done))
    assert done[-1] == 50
    assert len(done) > 1


# --- persons and shots


def test_a_person_depends_on_seed_and_index_only() -> None:
    assert person(2, 1234) == person(2, 1234)
    assert person(2, 1234) != person(2, 1235)
    assert person(2, 1234) != person(3, 1234)


def test_a_person_is_a_vector() -> None:
    who = person(0, 42)
    vector = who.as_vector()
    assert vector.dtype == np.float32
    assert vector.shape == (len(astuple(who)),)
    assert Person.from_vector(vector) == who
    assert np.array_equal(picture(Person.from_vector(vector.tolist()), PLAIN), picture(who, PLAIN))
    with pytest.raises(OptionError, match=r"\(3,\) does not fit; give 48 numbers"):
        Person.from_vector([1, 2, 3])


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    people = [person(9, i) for i in range(40)]
    shots = [replace(PLAIN, turn=i - 20.0, hat=i % 3 == 0, glasses=i % 2, blur=i / 20, grain=0.01) for i in range(40)]
    together = draw(people, shots, 32)
    for i in (0, 1, 15, 16, 39):
        assert np.array_equal(draw([people[i]], [shots[i]], 32)[0], together[i])
    assert np.array_equal(draw(people[::-1], shots[::-1], 32)[::-1], together)


def test_another_shot_of_a_person_keeps_skin_and_hair() -> None:
    people = [replace(person(4, i), bald=0, fringe=0.2, curly=0.1) for i in range(40)]
    first = draw(people, [PLAIN] * 40, 64).astype(float)
    second = draw(people, [replace(PLAIN, turn=14, tilt=4, smile=0.9, mouth_open=0.3)] * 40, 64).astype(float)
    changed = np.abs(first - second).mean(axis=(1, 2, 3))
    assert changed.min() > 3
    skin = (slice(None), slice(34, 38), slice(28, 36))
    crown = (slice(None), slice(8, 11), slice(28, 36))
    for patch in (skin, crown):
        a, b = first[patch].mean(axis=(1, 2)), second[patch].mean(axis=(1, 2))
        apart = np.linalg.norm(a[:, None] - b[None], axis=2)
        assert np.median(np.diag(apart)) < 0.35 * np.median(apart)


def test_no_shots_no_pictures() -> None:
    assert draw([], [], 32).shape == (0, 32, 32, 3)


# --- attributes drive the pixels that they name; rows are the picture's y, columns its x


@pytest.mark.parametrize("worn", ["glasses", "sunglasses"])
def test_glasses_sit_around_the_eyes(worn: str) -> None:
    without, wearing = picture(model_face(), PLAIN), picture(model_face(), replace(PLAIN, **{worn: 1}))
    change = np.abs(wearing - without).mean(axis=2)
    eyes = change[26:42, 14:50]
    assert eyes.mean() > (4 if worn == "glasses" else 25)
    assert change[48:].max() == 0
    assert change[:20].max() == 0
    if worn == "sunglasses":
        assert wearing[32:36, 20:26].mean() < 0.5 * without[32:36, 20:26].mean()


def test_a_hat_covers_the_top() -> None:
    for kind in (0, 1, 2):
        who = model_face(hat_kind=kind, hat_hue=0.3, hat_lightness=0.6)
        change = np.abs(picture(who, replace(PLAIN, hat=1)) - picture(who, PLAIN)).mean(axis=2)
        assert change[6:16, 24:40].mean() > 40
        assert change[40:].mean() < 3


def test_a_beard_darkens_the_chin() -> None:
    shaved, bearded = picture(model_face(), PLAIN), picture(model_face(beard=0.9, beard_cheeks=0.5), PLAIN)
    assert bearded[51:54, 28:36].mean() < 0.6 * shaved[51:54, 28:36].mean()
    assert np.abs(bearded - shaved)[:32].max() == 0


def redness(image: np.ndarray) -> np.ndarray:
    """How much redder than the skin around it, at least 0; finds painted lips."""
    excess = image[..., 0] - image[..., 1]
    return np.maximum(excess - np.percentile(excess, 90), 0)


@pytest.mark.parametrize(("smile", "sign"), [(0.9, 1), (-0.9, -1)])
def test_a_smile_lifts_the_corners_of_the_mouth(smile: float, sign: int) -> None:
    image = picture(model_face(lip_colour=1, blush=0), replace(PLAIN, smile=smile), size=128)
    lips = redness(image[84:104, 36:92])
    columns = np.flatnonzero(lips.max(axis=0) > 15)
    _, corners = centre_of_mass(lips[:, [*columns[:4], *columns[-4:]]] + 1e-9)
    _, middle = centre_of_mass(lips[:, 25:31] + 1e-9)
    assert sign * (middle - corners) > 0.7


def test_an_open_mouth_is_dark_inside() -> None:
    who = model_face(skin=0.0)
    shut, open_ = (picture(who, replace(PLAIN, smile=0, mouth_open=o))[44:50, 29:35].mean() for o in (0.0, 0.9))
    assert open_ < shut - 25


@pytest.mark.parametrize(("light_x", "sign"), [(0.9, 1), (-0.9, -1)])
def test_light_falls_from_its_side(light_x: float, sign: int) -> None:
    image = picture(model_face(parting=0), replace(PLAIN, light_x=light_x, light_strength=0.9))
    assert sign * (image[36:46, 38:46].mean() - image[36:46, 18:26].mean()) > 30


def test_light_from_above_and_below() -> None:
    shot = replace(PLAIN, light_x=0, light_strength=0.9)
    above, below = (picture(model_face(bald=1), replace(shot, light_y=y)) for y in (0.9, -0.5))
    assert above[18:22, 28:36].mean() > below[18:22, 28:36].mean() + 10
    assert above[53:55, 28:36].mean() < below[53:55, 28:36].mean() - 10


def eyes_at(shot: Shot) -> tuple[float, float, float]:
    """(x, y, slope) of the dark lenses of sunglasses: where the eyes are and how they lean."""
    image = picture(model_face(skin=0, hair_lightness=1), replace(shot, sunglasses=1), size=128)
    bare = picture(model_face(skin=0, hair_lightness=1), shot, size=128)
    dark = np.maximum(bare - image, 0).mean(axis=2) * (image.mean(axis=2) < 90)
    x, y = centre_of_mass(dark)
    rows, columns = np.mgrid[:128, :128]
    slope = (dark * (rows - y) * (columns - x)).sum() / (dark * (columns - x) ** 2).sum()
    return x, y, float(slope)


def test_turn_tilt_and_nod_move_the_eyes_as_the_table_says() -> None:
    x, y, slope = eyes_at(PLAIN)
    assert eyes_at(replace(PLAIN, turn=25))[0] > x + 6
    assert eyes_at(replace(PLAIN, turn=-25))[0] < x - 6
    assert eyes_at(replace(PLAIN, nod=12))[1] > y + 2
    assert eyes_at(replace(PLAIN, nod=-12))[1] < y - 2
    for degrees in (-12, 12):
        leaning = np.rad2deg(np.arctan(eyes_at(replace(PLAIN, tilt=degrees))[2] - slope))
        assert leaning == pytest.approx(degrees, abs=2.5)


@pytest.mark.parametrize(
    ("field", "low", "high", "where"),
    [
        ("skin", 0.9, 0.1, (slice(34, 42), slice(28, 36))),
        ("hair_lightness", 0.0, 1.0, (slice(9, 13), slice(26, 38))),
        ("bald", 0, 1, (slice(9, 13), slice(26, 38))),
        ("brow_thickness", 1.0, 0.0, (slice(28, 32), slice(20, 44))),
    ],
)
def test_the_person_colours_the_face(field: str, low: float, high: float, where: tuple[slice, slice]) -> None:
    darker, lighter = (picture(model_face(**{field: v}), PLAIN)[where].mean() for v in (low, high))
    assert lighter > darker + 8


def test_red_hair_is_red() -> None:
    brown, red = (picture(model_face(hair_lightness=0.5, hair_red=r), PLAIN)[9:13, 26:38] for r in (0.0, 1.0))
    assert (red[..., 0] - red[..., 1]).mean() > (brown[..., 0] - brown[..., 1]).mean() + 20


def test_long_hair_falls_beside_the_neck() -> None:
    short, long = picture(model_face(), PLAIN), picture(model_face(hair_length=0.9), PLAIN)
    beside = np.abs(long - short).mean(axis=2)[48:56]
    assert beside[:, 10:18].mean() > 40
    assert beside[:, 46:54].mean() > 40


def test_a_wider_face_is_wider() -> None:
    shot = replace(PLAIN, background_lightness=0.05, background_saturation=0)
    narrow, wide = (picture(model_face(face_width=w, bald=1, ear_size=0.1), shot)[40].mean(axis=1) for w in (0.9, 1.1))
    assert (wide > 70).sum() >= (narrow > 70).sum() + 4


def test_background_and_blur() -> None:
    dark, light = (picture(model_face(), replace(PLAIN, background_lightness=v))[:10, :10].mean() for v in (0.2, 0.8))
    assert light > dark + 80
    sharp, soft = (picture(model_face(), replace(PLAIN, blur=b)) for b in (0.0, 2.0))
    detail = [np.abs(np.diff(image, axis=1)).max() for image in (sharp, soft)]
    assert detail[1] < 0.6 * detail[0]
    assert soft.mean() == pytest.approx(sharp.mean(), abs=1)


def test_grain_has_the_deviation_it_says() -> None:
    shot = replace(PLAIN, background_lightness=0.5)
    noise = picture(model_face(), replace(shot, grain=0.03, grain_seed=0.7), 256) - picture(model_face(), shot, 256)
    assert noise[:60, :60].std() / 255 == pytest.approx(0.03, rel=0.05)
    assert abs(noise[:60, :60].mean()) < 0.5


def test_a_detector_trained_on_photographs_sees_faces() -> None:
    feature = pytest.importorskip("skimage.feature")
    data = pytest.importorskip("skimage.data")
    detector = feature.Cascade(data.lbp_frontal_face_cascade_filename())

    def found(images: np.ndarray) -> float:
        sees = [
            detector.detect_multi_scale(img=i, scale_factor=1.1, step_ratio=1, min_size=(40, 40), max_size=(96, 96))
            for i in images
        ]
        return float(np.mean([bool(s) for s in sees]))

    images = draw([person(1, i) for i in range(40)], [replace(PLAIN, zoom=1.0)] * 40, 96)
    assert found(images) > 0.65
    assert found(np.roll(images, 48, axis=1)) < 0.1, "the detector must not see faces everywhere"


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 15}, r"^size is 15; .* 16 to 256 pixels, such as 32$"),
        ({"size": 257}, r"^size is 257; .* 16 to 256 pixels, such as 32$"),
        ({"size": 32.5}, r"^size is 32.5; give a whole number$"),
        ({"count": 1}, r"^count is 1; ask for at least 2 "),
        ({"count": -5}, r"^count is -5; ask for at least 2 "),
        ({"count": "many"}, r"^count is 'many'; give a whole number$"),
        ({"seed": -1}, r"^seed is -1; give 0 or more$"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, int], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        synthetic_faces(**{"count": 4, **arguments})


def test_draw_and_person_refuse_what_does_not_fit() -> None:
    with pytest.raises(OptionError, match="size is 8"):
        draw([model_face()], [PLAIN], 8)
    with pytest.raises(OptionError, match="1 persons and 2 shots; give one shot for each person"):
        draw([model_face()], [PLAIN, PLAIN], 32)
    with pytest.raises(OptionError, match="index is -1; give 0 or more"):
        person(0, -1)
