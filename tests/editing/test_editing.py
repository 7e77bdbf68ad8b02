"""Morphs, directions and edits, against closed forms, SciPy, scikit-learn and what procedural faces are drawn from."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.spatial import geometric_slerp
from scipy.stats import pearsonr
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score

import lookalike as la
from lookalike import plots
from lookalike.editing import Direction, learn_directions, load_directions, save_directions
from lookalike.editing.attributes import SOFTNESS
from lookalike.editing.detail import with_detail
from lookalike.editing.directions import folds_of, numbered_groups, score
from lookalike.editing.edit import amount_rows
from lookalike.editing.morph import between
from lookalike.editing.pictures import read_group, write_edit, write_morph
from lookalike.editing.store import keep_directions
from lookalike.errors import DataError, OptionError, RunError
from pictures import waves
from sharps import sharpened


@pytest.fixture(scope="module")
def pictures() -> la.ImageSet:
    return la.ImageSet(waves(60, 12, 10))


@pytest.fixture(scope="module")
def pca(pictures: la.ImageSet) -> la.PCAAutoencoder:
    return la.PCAAutoencoder(6).fit(pictures)


def drawn(model: la.PCAAutoencoder, codes: np.ndarray) -> np.ndarray:
    """What a PCA draws, by hand."""
    flat = np.asarray(codes) @ model.components_.astype(np.float64) + model.mean_
    return flat.reshape(-1, *model.image_shape_)


# Morphs


def test_a_linear_morph_is_the_straight_line(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    morph = la.morph(pca, pictures[3], pictures[4])
    a, b = pca.encode(pictures[[3, 4]]).astype(np.float64)
    assert morph.shape == (7, 12, 10, 3)
    assert morph.dtype == np.float32
    for step in range(7):
        assert_allclose(morph[step], drawn(pca, a * (1 - step / 6) + b * (step / 6))[0], atol=1e-5)
    assert_allclose(morph[[0, -1]], pca.reconstruct(pictures[[3, 4]]), atol=1e-6)
    assert_allclose(la.morph(pca, a, b, steps=3)[1], morph[3], atol=1e-6)  # codes do as well
    assert_allclose(la.morph(pca, pictures[3], b, steps=2), morph[[0, -1]], atol=1e-6)


def test_a_morph_of_a_convolutional_model(pictures: la.ImageSet) -> None:
    model = la.ConvAutoencoder(5, channels=(4, 4), device="cpu").initialise((12, 10, 3))
    a, b = model.encode(pictures[:2])
    t = np.linspace(0, 1, 4)[:, None]
    assert_allclose(la.morph(model, pictures[0], pictures[1], 4), model.decode(a * (1 - t) + b * t), atol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 50])
def test_a_spherical_morph_of_unit_codes_is_scipys(size: int) -> None:
    a, b = np.random.default_rng(size).normal(size=(2, size))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert_allclose(between(a, b, 9, "spherical"), geometric_slerp(a, b, np.linspace(0, 1, 9)), atol=1e-12)


def test_a_spherical_morph_turns_and_grows_evenly() -> None:
    codes = between([2.0, 0, 0], [0, 6.0, 0], 5, "spherical")
    assert_allclose(np.linalg.norm(codes, axis=1), [2, 3, 4, 5, 6])
    assert_allclose(np.degrees(np.arctan2(codes[:, 1], codes[:, 0])), [0, 22.5, 45, 67.5, 90], atol=1e-9)


@pytest.mark.parametrize("tiny", [0.0, 1e-12, 1e-7, 1e-5])
def test_a_spherical_morph_of_almost_one_code(tiny: float) -> None:
    codes = between([1.0, 0.0], [np.cos(tiny), np.sin(tiny)], 3, "spherical")
    assert_allclose(codes[1], [np.cos(tiny / 2), np.sin(tiny / 2)], atol=1e-15)


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_the_ends_of_a_morph_are_exact(kind: str) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 9))
    codes = between(a, b, 11, kind)
    assert_array_equal(codes[[0, -1]], [a, b])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], [0, 1], 1), "steps is 1; give 2 to 1000"),
        (([1, 0], [0, 1], 1001), "steps is 1001"),
        (([1, 0], [0, 1], 2.5), "steps is 2.5; give a whole number"),
        (([1, 0], [0, 1], 3, "round"), "'round' is unknown; give one of linear, spherical"),
        (([1, 0], [-2, 0], 3, "spherical"), "opposite"),
        (([0, 0], [0, 1], 3, "spherical"), "length 0"),
        (([1, 0], [0, 1, 2], 3), "one shape"),
    ],
)
def test_morphs_refuse(arguments: tuple, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        between(*arguments)


def test_what_is_neither_picture_nor_code_is_refused(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    with pytest.raises(OptionError, match=r"\(5,\) is neither picture nor code; .* \(6,\)"):
        la.morph(pca, np.zeros(5), np.zeros(6))
    with pytest.raises(OptionError, match=r"this model takes \(12, 10, 3\)"):
        la.morph(pca, pictures[0][:5], pictures[1])
    with pytest.raises(OptionError, match="not finite"):
        la.edit(pca, np.full(6, np.nan), la.principal_directions(pca.encode(pictures), 1)[0], 0)


# Scores


def test_scores_are_scikit_learns_and_scipys() -> None:
    draws = np.random.default_rng(1)
    predicted = np.round(draws.normal(size=200), 1)  # with ties
    two = (draws.uniform(size=200) < 0.3).astype(float)
    found = score(predicted + two, two, np.arange(200))
    assert (found.measure, found.chance) == ("AUC", 0.5)
    assert found.value == pytest.approx(roc_auc_score(two, predicted + two), abs=1e-12)
    real = draws.normal(size=200) + predicted
    found = score(predicted, real, np.arange(200))
    assert (found.measure, found.chance) == ("correlation", 0.0)
    assert found.value == pytest.approx(pearsonr(predicted, real).statistic, abs=1e-12)


@pytest.mark.parametrize("values", [2, 100])
def test_the_error_is_the_spread_of_guesses(values: int) -> None:
    draws = np.random.default_rng(2)
    truth = draws.permutation(np.arange(100) % values).astype(float)
    guesses = [score(draws.normal(size=100), truth, np.arange(100)) for _ in range(2000)]
    assert np.std([guess.value for guess in guesses]) == pytest.approx(guesses[0].error, rel=0.06)
    assert np.mean([guess.value for guess in guesses]) == pytest.approx(guesses[0].chance, abs=0.01)
    assert np.mean([guess.meaningful for guess in guesses]) < 0.005


def test_meaning_needs_size_as_well_as_significance() -> None:
    assert not la.editing.Score("AUC", 0.54, 0.5, 0.001).meaningful
    assert la.editing.Score("AUC", 0.56, 0.5, 0.001).meaningful
    assert not la.editing.Score("AUC", 0.9, 0.5, 0.15).meaningful
    assert not la.editing.Score("AUC", 0.1, 0.5, 0.01).meaningful
    assert not la.editing.Score("correlation", float("nan"), 0.0, 0.01).meaningful


def test_a_person_is_on_one_side_of_every_cut() -> None:
    people = [f"p{i}" for i in np.random.default_rng(3).integers(0, 80, 500)] + [""] * 20
    groups = numbered_groups(people, len(people))
    assert len(set(groups.tolist())) == len(set(people)) - 1 + 20
    fold = folds_of(groups, 5, seed=0)
    for group in np.unique(groups):
        assert len(set(fold[groups == group].tolist())) == 1
    assert np.bincount(fold, minlength=5).min() > 80
    assert (fold != folds_of(groups, 5, seed=1)).any()


# Directions


def test_principal_directions_are_scikit_learns() -> None:
    codes = np.random.default_rng(4).normal(size=(200, 8)) * np.arange(1, 9) + 5
    reference = PCA(4, svd_solver="full").fit(codes)
    directions = la.principal_directions(codes, 4)
    assert [one.name for one in directions] == [f"principal-{i}" for i in range(1, 5)]
    for one, axis, variance in zip(directions, reference.components_, reference.explained_variance_, strict=True):
        signed = axis * np.sign(axis[np.abs(axis).argmax()])
        assert_allclose(one.vector, signed, atol=1e-9)
        assert one.unit == pytest.approx(np.sqrt(variance))
        assert one.meaningful
    assert len(la.principal_directions(codes[:3], 10)) == 2


def test_these_minus_those() -> None:
    draws = np.random.default_rng(5)
    these, those = draws.normal(size=(30, 5)), draws.normal(size=(40, 5))
    these[:, 2] += 3
    found = la.difference_direction(these, those, "raised")
    assert_allclose(found.step, these.mean(axis=0) - those.mean(axis=0), atol=1e-12)
    assert_allclose(np.linalg.norm(found.vector), 1)
    assert found.score.value == pytest.approx(0.98, abs=0.02)  # normal variables 3 deviations apart: 0.983
    assert found.meaningful
    same = la.difference_direction(draws.normal(size=(30, 5)), those)
    assert not same.meaningful
    assert la.difference_direction(these[:1], those).score is None
    few = la.difference_direction(these[:3], those[:3])
    assert not few.meaningful  # however well it does on three of each


def linear_world(count: int = 4000, seed: int = 6) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Codes (count, 8) made linearly of three attributes, two of which go together, and of noise of uneven spread."""
    draws = np.random.default_rng(seed)
    old = draws.normal(size=count)
    grey = 0.8 * old + 0.6 * draws.normal(size=count)
    hat = (draws.uniform(size=count) < 0.3).astype(float)
    noise = draws.normal(size=(count, 8)) @ draws.normal(size=(8, 8))
    codes = noise + np.stack([old, grey, 4 * hat], axis=1) @ (2 * draws.normal(size=(3, 8)))
    return codes, {"old": old, "grey": grey, "hat": hat}


def test_an_attribute_direction_is_the_least_change_that_moves_one_read_out_alone() -> None:
    codes, table = linear_world()
    table = {name: table[name] for name in ("old", "grey")}
    weights = np.stack([LinearRegression().fit(codes, column).coef_ for column in table.values()])
    covariance = np.cov(codes.T)
    # Lagrange: v S^-1 v is least under W v = e_i for v = S W^T (W S W^T)^-1 e_i.
    expected = covariance @ weights.T @ np.linalg.inv(weights @ covariance @ weights.T)
    for i, direction in enumerate(la.attribute_directions(codes, table)):
        moved = weights @ direction.step
        assert moved[i] > 0
        assert abs(moved[1 - i]) < 2 * SOFTNESS * moved[i] * weights[1 - i].std() / weights[i].std() + 0.05 * moved[i]
        assert direction.vector @ expected[:, i] / np.linalg.norm(expected[:, i]) > 0.998
        assert direction.unit == pytest.approx((codes @ direction.vector).std(ddof=1))
        assert direction.meaningful


def test_attributes_that_come_alone_are_not_freed_of_one_another() -> None:
    codes, table = linear_world()
    reads_old = LinearRegression().fit(codes, table["old"]).coef_
    together = {one.name: one for one in la.attribute_directions(codes, table)}["grey"]
    (alone,) = la.attribute_directions(codes, {"grey": table["grey"]})
    assert reads_old @ alone.step > 5 * abs(reads_old @ together.step)
    covariance = (codes - codes.mean(axis=0)).T @ (table["grey"] - table["grey"].mean())
    assert_allclose(alone.vector, covariance / np.linalg.norm(covariance), atol=0.02)  # the least change is that


def test_two_values_are_read_by_logistic_regression_and_scored_by_auc() -> None:
    codes, table = linear_world()
    found = {one.name: one for one in la.attribute_directions(codes, table)}
    assert found["hat"].score.measure == "AUC"
    assert found["hat"].score.value > 0.95
    assert found["old"].score.measure == "correlation"
    truth = LinearRegression().fit(codes[:2000], table["old"][:2000])
    expected = pearsonr(truth.predict(codes[2000:]), table["old"][2000:]).statistic
    assert found["old"].score.value == pytest.approx(expected, abs=0.02)
    shifted = la.attribute_directions(codes, {**table, "hat": 7 - 2 * table["hat"]})[2]  # other values, other sign
    assert_allclose(shifted.vector, -found["hat"].vector, atol=1e-6)


def test_what_codes_do_not_tell_is_called_meaningless() -> None:
    codes, table = linear_world(1000)
    draws = np.random.default_rng(8)
    table |= {"moon": draws.normal(size=1000), "coin": (draws.uniform(size=1000) < 0.5).astype(float)}
    meaningful = {one.name: one.meaningful for one in la.attribute_directions(codes, table)}
    assert meaningful == {"old": True, "grey": True, "hat": True, "moon": False, "coin": False}


def test_knowing_the_person_does_not_count() -> None:
    """Every person has a place of their own in the codes, and a coin to go with it, which strangers' codes tell not."""
    draws = np.random.default_rng(9)
    person = np.repeat(np.arange(40), 20)
    codes = draws.normal(size=(40, 40))[person] + 0.1 * draws.normal(size=(800, 40))
    coin = draws.permutation(np.arange(40) % 2)[person].astype(float)
    (fooled,) = la.attribute_directions(codes, {"coin": coin})
    (honest,) = la.attribute_directions(codes, {"coin": coin}, people=[f"p{i}" for i in person])
    assert fooled.score.value > 0.9
    assert fooled.meaningful
    assert abs(honest.score.value - 0.5) < 0.3
    assert not honest.meaningful


def test_attribute_tables_are_checked() -> None:
    codes, table = linear_world(50)
    with pytest.raises(OptionError, match="'old' holds 1 values that are not finite"):
        la.attribute_directions(codes, {"old": np.append(table["old"][:-1], np.nan)})
    with pytest.raises(OptionError, match=r"'old' has values of shape \(49,\); give 50"):
        la.attribute_directions(codes, {"old": table["old"][:-1]})
    with pytest.raises(OptionError, match="nothing to learn"):
        la.attribute_directions(codes, {"flat": np.ones(50)})
    with pytest.raises(OptionError, match="2 people for 50 codes"):
        la.attribute_directions(codes, table, people=["a", "b"])
    with pytest.raises(OptionError, match="folds is 1; give 2 to 50"):
        la.attribute_directions(codes, table, folds=1)
    with pytest.raises(OptionError, match="N of 10 or more"):
        la.attribute_directions(codes[:9], {"old": table["old"][:9]})
    with pytest.raises(OptionError, match="same mean"):
        la.difference_direction(codes, codes)
    with pytest.raises(OptionError, match="one model"):
        la.difference_direction(codes, codes[:, :3])


def test_codes_that_never_change_and_few_pictures_do_no_harm() -> None:
    codes, table = linear_world(20)
    codes[:, 3] = 1.0
    rare = np.zeros(20)
    rare[4] = 1
    found = la.attribute_directions(np.repeat(codes, 4, axis=1), {**table, "rare": rare})
    for one in found:
        assert np.isfinite(one.vector).all()
        assert_allclose(np.linalg.norm(one.vector), 1)
        assert np.isfinite(one.score.value)
    assert not found[-1].meaningful


# Edits


def test_an_edit_moves_the_code(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    first, second = la.principal_directions(pca.encode(pictures), 2)
    code = pca.encode(pictures[7])[0].astype(np.float64)
    one = la.edit(pca, pictures[7], first, 1.5, keep_residual=False)
    assert one.shape == (12, 10, 3)
    assert_allclose(one, drawn(pca, code + 1.5 * first.unit * first.vector)[0], atol=1e-5)
    assert_allclose(la.edit(pca, code, first, 1.5), one, atol=1e-6)
    row = la.edit(pca, pictures[7], first, [-1, 0, 1.5], keep_residual=False)
    assert_allclose(row[2], one, atol=1e-6)
    assert_allclose(row[1], pca.reconstruct(pictures[7])[0], atol=1e-6)
    both = la.edit(pca, pictures[7], [first, second], [1.5, -2], keep_residual=False)
    assert_allclose(both, drawn(pca, code + 1.5 * first.step - 2 * second.step)[0], atol=1e-5)
    rows = la.edit(pca, pictures[7], [first, second], [[1.5, -2], [0, 0]], keep_residual=False)
    assert_allclose(rows, [both, row[1]], atol=1e-6)
    assert la.edit(pca, pictures[7], [first], [[1.5]]).shape == (1, 12, 10, 3)


def test_these_minus_those_leads_from_mean_to_mean(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    codes = pca.encode(pictures).astype(np.float64)
    direction = la.difference_direction(codes[:20], codes[20:])
    assert_allclose(
        la.edit(pca, codes[20:].mean(axis=0), direction, 1), drawn(pca, codes[:20].mean(axis=0))[0], atol=1e-5
    )


def test_the_residual_is_kept(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    (first,) = la.principal_directions(pca.encode(pictures), 1)
    kept = la.edit(pca, pictures[7], first, [0, 2])
    assert_array_equal(la.to_uint8(kept[0]), pictures[7])
    plain = la.edit(pca, pictures[7], first, [0, 2], keep_residual=False)
    assert np.abs(plain[0] - kept[0]).max() > 0.01
    assert_allclose(kept[1] - kept[0], plain[1] - plain[0], atol=1e-6)
    code = pca.encode(pictures[7])[0]
    assert_allclose(la.edit(pca, code, first, [0, 2]), plain, atol=1e-6)  # a code has none


def test_detail_goes_where_other_edges_are_drawn() -> None:
    """The left half is drawn brighter, and nothing else; in the right one every edge is turned round."""
    board = np.where((np.indices((40, 60)).sum(axis=0) // 2) % 2, 0.2, -0.2).astype(np.float32)[..., None]
    before = np.repeat(board, 3, axis=2)
    turned = np.arange(60)[:, None] >= 30
    after = np.where(turned, -before, before + np.float32(0.1))
    left_out = np.random.default_rng(0).normal(0, 0.05, before.shape).astype(np.float32)
    kept = with_detail(before + left_out, before, after[None], drop_what_changed=True)[0]
    assert_allclose(kept[:, :24], (after + left_out)[:, :24], atol=1e-6)
    assert_allclose(kept[:, 36:], after[:, 36:], atol=1e-6)
    everywhere = with_detail(before + left_out, before, after[None], drop_what_changed=False)[0]
    assert_allclose(everywhere, after + left_out, atol=1e-6)
    flat = np.zeros_like(before)  # nothing drawn there before or after: all that was left out stays
    assert_allclose(with_detail(left_out, flat, flat[None], drop_what_changed=True)[0], left_out, atol=1e-6)


def test_a_sharp_edit_begins_at_the_picture(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    model = sharpened(la.PCAAutoencoder(pca.code_size).fit(pictures))
    (first,) = la.principal_directions(model.encode(pictures), 1)
    nothing, far = la.edit(model, pictures[7], first, [0, 8], sharp=True)
    assert_array_equal(la.to_uint8(nothing), pictures[7])
    assert_allclose(la.edit(model, pictures[7], first, 8, sharp=True), far, atol=1e-4)
    code = model.encode(pictures[7])[0].astype(np.float64)
    moved = model.decode(code + 8 * first.step, sharp=True)[0]
    assert_allclose(la.edit(model, pictures[7], first, 8, keep_residual=False, sharp=True), moved, atol=1e-5)
    whole = la.to_uint8(pictures.pixels[7] / 255 - 0.5 + moved - model.decode(code, sharp=True)[0])
    assert np.abs(la.to_uint8(far).astype(int) - whole).max() > 3  # some of what was left out has gone


def test_edits_refuse(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    (first,) = la.principal_directions(pca.encode(pictures), 1)
    with pytest.raises(OptionError, match=r"amounts of shape \(3,\) for 2 directions"):
        la.edit(pca, pictures[0], [first, first], [1, 2, 3])
    with pytest.raises(OptionError, match=r"amounts of shape \(\) for 1 directions"):
        la.edit(pca, pictures[0], [first], 1)
    with pytest.raises(OptionError, match="0 directions"):
        la.edit(pca, pictures[0], [], [])
    with pytest.raises(OptionError, match="within -1000 to 1000"):
        la.edit(pca, pictures[0], first, np.nan)
    with pytest.raises(OptionError, match="'short' is of codes of 2 numbers, the model's have 6"):
        la.edit(pca, pictures[0], Direction("short", "difference", np.ones(2), 1.0), 1)


def test_typed_amounts_become_rows() -> None:
    assert amount_rows(1, [3, -1]) == [[3], [-1]]
    assert amount_rows(2, [3, -1]) == [[3, -1]]
    assert amount_rows(2, []) == [[-2, -2], [-1, -1], [0, 0], [1, 1], [2, 2]]
    with pytest.raises(OptionError, match="3 amounts for 2 directions"):
        amount_rows(2, [1, 2, 3])


# On disk


def test_directions_come_back_from_disk(pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path) -> None:
    codes = pca.encode(pictures)
    directions = [*la.principal_directions(codes, 2), la.difference_direction(codes[:30], codes[30:], "ours")]
    save_directions(directions, pca, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directions.json", "directions.safetensors"]
    found = load_directions(pca, tmp_path)
    assert list(found) == ["principal-1", "principal-2", "ours"]
    for one in directions:
        assert_array_equal(found[one.name].vector, one.vector)
        assert (found[one.name].unit, found[one.name].kind, found[one.name].score) == (one.unit, one.kind, one.score)
    with pytest.raises(OptionError, match="two directions are called 'principal-1'"):
        save_directions([directions[0]] * 2, pca, tmp_path)


def test_directions_of_another_model_and_damaged_ones_are_refused(
    pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"holds no directions .* learn them with: lookalike directions"):
        load_directions(pca, tmp_path)
    save_directions(la.principal_directions(pca.encode(pictures), 2), pca, tmp_path)
    with pytest.raises(RunError, match="are of another model"):
        load_directions(la.PCAAutoencoder(6).fit(pictures[:30]), tmp_path)
    vectors = tmp_path / "directions.safetensors"
    content = vectors.read_bytes()
    vectors.write_bytes(content[:-1] + b"?")
    with pytest.raises(RunError, match="is not the file"):
        load_directions(pca, tmp_path)
    vectors.write_bytes(content)
    description = tmp_path / "directions.json"
    for damage in ("[]", "{", '{"format": 1}', description.read_text().replace('"unit"', '"size"')):
        description.write_text(damage)
        with pytest.raises(RunError, match="are damaged"):
            load_directions(pca, tmp_path)
    description.write_text('{"format": 99}')
    with pytest.raises(RunError, match="of format 99"):
        load_directions(pca, tmp_path)


def test_new_directions_join_those_of_the_run(pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path) -> None:
    codes = pca.encode(pictures)
    ours = la.difference_direction(codes[:30], codes[30:], "ours")
    theirs = la.difference_direction(codes[:10], codes[10:], "theirs")

    def kept(*new: Direction) -> list[str]:
        names = [one.name for one in keep_directions(new, pca, tmp_path)]
        assert list(load_directions(pca, tmp_path)) == names
        return names

    assert kept(*la.principal_directions(codes, 2)) == ["principal-1", "principal-2"]
    assert kept(ours) == ["principal-1", "principal-2", "ours"]
    assert kept(theirs) == ["principal-1", "principal-2", "ours", "theirs"]
    assert kept(ours) == ["principal-1", "principal-2", "theirs", "ours"]
    assert kept(*la.principal_directions(codes, 1)) == ["principal-1", "theirs", "ours"]
    other = la.PCAAutoencoder(6).fit(pictures[:30])
    assert [one.name for one in keep_directions([ours], other, tmp_path)] == ["ours"]  # the others were of pca's codes


# Faces


@pytest.fixture(scope="module")
def faces() -> tuple[la.ImageSet, la.ImageSet, la.PCAAutoencoder, dict[str, Direction]]:
    train, test = la.load("synthetic:1500", size=16).split()
    model = la.PCAAutoencoder(64).fit(train)
    return train, test, model, {one.name: one for one in learn_directions(model, train)}


def test_faces_teach_their_attributes(faces) -> None:  # type: ignore[no-untyped-def]
    train, _, _, found = faces
    assert list(found) == [*(f"principal-{i}" for i in range(1, 11)), *train.attribute_names]
    assert all(found[name].meaningful for name in ("skin", "hair_lightness", "background_lightness", "turn", "light_x"))
    assert found["glasses"].score.measure == "AUC"
    assert not found["eye_colour"].meaningful or found["eye_colour"].score.value < 0.5


def test_edits_of_faces_change_what_they_should(faces) -> None:  # type: ignore[no-untyped-def]
    """Where the change lies is known from how the faces are drawn: skin in the middle, background in the corners."""
    _, test, model, found = faces
    middle, corners = np.s_[:, 8:10, 7:9], np.s_[:, :3, [0, 1, 14, 15]]

    def change(name: str) -> tuple[float, float]:
        codes = model.encode(test)
        up, down = (model.decode(codes + amount * found[name].step) for amount in (1, -1))
        return float((up - down)[middle].mean()), float((up - down)[corners].mean())

    skin, background = change("skin"), change("background_lightness")
    assert skin[0] < -0.1  # 1 is dark
    assert abs(skin[1]) < 0.3 * abs(skin[0])
    assert background[1] > 0.1
    assert abs(background[0]) < 0.3 * background[1]


def test_chosen_attributes_only(faces) -> None:  # type: ignore[no-untyped-def]
    train, _, model, found = faces
    chosen = learn_directions(model, train, attributes=["hat", "skin", "hat"], count=1)
    assert [one.name for one in chosen] == ["principal-1", "hat", "skin"]
    # Which others come along changes the vector, not the reading, but for the last bit on some processors.
    assert chosen[2].score.value == pytest.approx(found["skin"].score.value, rel=1e-12)
    with pytest.raises(OptionError, match=r"'smirk' is not in the table .* it has skin, beard"):
        learn_directions(model, train, attributes=["smirk"])


def test_pictures_without_a_table_give_principal_directions(pca: la.PCAAutoencoder, pictures: la.ImageSet) -> None:
    assert [one.kind for one in learn_directions(pca, pictures, count=3)] == ["principal"] * 3
    with pytest.raises(OptionError, match="there is no table"):
        learn_directions(pca, pictures, attributes=["smile"])
    few = la.ImageSet(
        pictures.pixels[:6], attribute_names=("a",), attribute_values=np.arange(6, dtype=np.float32)[:, None]
    )
    assert {one.kind for one in learn_directions(pca, few)} == {"principal"}
    unfilled = la.ImageSet(
        pictures.pixels, attribute_names=("a",), attribute_values=np.full((60, 1), np.nan, np.float32)
    )
    assert {one.kind for one in learn_directions(pca, unfilled)} == {"principal"}


# Pictures


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_small_pictures_are_enlarged_by_whole_numbers() -> None:
    pictures = waves(3, 12, 10)
    large = plots.enlarged(pictures, 128)
    assert large.shape == (3, 132, 110, 3)
    means = large.reshape(3, 12, 11, 10, 11, 3).mean(axis=(2, 4))
    assert np.abs(means - pictures).mean() < 5  # each pixel's patch keeps about its colour
    assert plots.enlarged(waves(1, 130, 20), 128).shape == (1, 130, 20, 3)
    assert plots.enlarged(waves(2, 12, 10, 1), 24).shape == (2, 24, 20, 1)


def test_a_morph_strip_has_the_pictures_at_both_ends(
    pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path
) -> None:
    write_morph(pca, pictures[0], pictures[1], tmp_path / "m.png", steps=3)
    strip = pixels_of(tmp_path / "m.png")
    gap = 132 // 16
    assert strip.shape == (132, 5 * 110 + 2 * gap, 3)
    assert_array_equal(strip[:, :110], plots.enlarged(pictures[[0]].pixels)[0])
    assert_array_equal(strip[:, -110:], plots.enlarged(pictures[[1]].pixels)[0])
    assert (strip[:, 110 : 110 + gap] == 255).all()
    middle = plots.enlarged(la.to_uint8(la.morph(pca, pictures[0], pictures[1], 3)))
    assert_array_equal(strip[:, 110 + gap : 440 + gap], np.concatenate(middle, axis=1))


def test_a_morph_animation_goes_there_and_back(pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path) -> None:
    write_morph(pca, pictures[0], pictures[1], tmp_path / "m.gif", steps=5)
    expected = plots.enlarged(la.to_uint8(la.morph(pca, pictures[0], pictures[1], 5)))
    with Image.open(tmp_path / "m.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.size) == (8, 0, (110, 132))
        times = []
        for frame, step in enumerate([0, 1, 2, 3, 4, 3, 2, 1]):
            gif.seek(frame)
            times.append(gif.info["duration"])
            distances = np.abs(np.asarray(gif.convert("RGB")).astype(int) - expected).mean(axis=(1, 2, 3))
            assert distances.argmin() == step
            assert distances[step] < 8  # of 255, with 256 colours a frame
    assert times == [600, 120, 120, 120, 600, 120, 120, 120]


def test_grey_pictures_are_written_too(tmp_path: Path) -> None:
    pictures = la.ImageSet(waves(20, 8, 8, 1))
    model = la.PCAAutoencoder(3).fit(pictures)
    for name in ("m.png", "m.gif"):
        write_morph(model, pictures[0], pictures[1], tmp_path / name, steps=2)
    with Image.open(tmp_path / "m.png") as strip:
        assert strip.mode == "L"
    Image.fromarray(waves(1, 8, 8)[0]).save(tmp_path / "c.png")
    assert read_group(model, [tmp_path / "c.png"]).shape == (1, 8, 8, 1)


def test_an_edit_strip_begins_with_the_picture(pca: la.PCAAutoencoder, pictures: la.ImageSet, tmp_path: Path) -> None:
    directions = la.principal_directions(pca.encode(pictures), 2)
    write_edit(pca, pictures[0], directions, [[1, 2], [0, 0]], tmp_path / "e.png")
    strip = pixels_of(tmp_path / "e.png")
    gap = 132 // 16
    assert strip.shape == (132, 330 + gap, 3)
    assert_array_equal(strip[:, :110], plots.enlarged(pictures[[0]].pixels)[0])
    edited = la.to_uint8(la.edit(pca, pictures[0], directions, [[1, 2]]))
    assert_array_equal(strip[:, 110 + gap : 220 + gap], plots.enlarged(edited)[0])
    with pytest.raises(OptionError, match=r"out is 'e.jpg'; give a name that ends in .png"):
        write_edit(pca, pictures[0], directions, [[1, 2]], tmp_path / "e.jpg")
    with pytest.raises(OptionError, match=r"ends in .png or .gif"):
        write_morph(pca, pictures[0], pictures[1], tmp_path / "e")


def test_groups_are_read_from_folders_and_files(pca: la.PCAAutoencoder, tmp_path: Path) -> None:
    pixels = waves(5, 12, 10, seed=3)
    (tmp_path / "folder").mkdir()
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / ("folder" if i < 3 else "") / f"{i}.png")
    group = read_group(pca, [tmp_path / "folder", tmp_path / "3.png", tmp_path / "4.png"])
    assert_array_equal(group, pixels)
    (tmp_path / "bad.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"bad.png is not a picture"):
        read_group(pca, [tmp_path / "bad.png"])
    with pytest.raises(OptionError, match="is empty"):
        read_group(pca, [])


def test_the_gif_writer_takes_one_picture() -> None:
    with Image.open(io.BytesIO(plots.there_and_back_gif(waves(1, 8, 8)))) as gif:
        assert gif.n_frames == 1
