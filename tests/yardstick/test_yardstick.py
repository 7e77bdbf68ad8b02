"""The yardstick: each measure against a closed form or a loop, and the command as a user calls it."""

from __future__ import annotations

import csv
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from lookalike import metrics
from lookalike.data import load
from lookalike.data.options import DataOptions
from lookalike.errors import DataError, RunError
from lookalike.search.metric import METRICS
from lookalike.yardstick.figures import Figure, as_csv, as_markdown, shown
from lookalike.yardstick.ground_truth import (
    PREFERRED,
    attribute_agreement,
    by_chance,
    chance_agreement,
    choose_attributes,
    survey,
    yes_or_no,
)
from lookalike.yardstick.search import nearest_others, nearest_others_by_bits, perceptual_hash
from lookalike.yardstick.subjects import Subject, load_runs, read_data
from lookalike.yardstick.verification import Pairs, best_threshold, draw_pairs, pair_distances, read_pairs, verify

DATA = "synthetic:200"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


# Neighbours and retrieval


def test_neighbours_are_those_of_a_loop(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(60, 5)).astype(np.float32)
    queries = np.array([3, 0, 59, 17])
    for query, found in zip(queries, nearest_others(rows, queries, 7), strict=True):
        distances = [(float(np.sum((rows[query] - row) ** 2)), i) for i, row in enumerate(rows) if i != query]
        assert found.tolist() == [i for _, i in sorted(distances)[:7]]


def test_a_picture_is_never_its_own_neighbour() -> None:
    rows = np.zeros((40, 3), np.float32)  # all equal: the query itself may be crowded out of the nearest
    queries = np.arange(40)
    found = nearest_others(rows, queries, 10)
    assert not (found == queries[:, None]).any()
    assert all(len(set(row)) == 10 for row in found.tolist())
    found = nearest_others_by_bits(np.zeros((40, 8), bool), queries, 10, np.random.default_rng(0))
    assert not (found == queries[:, None]).any()


def test_neighbours_by_bits_are_those_of_a_loop_and_ties_are_fair(rng: np.random.Generator) -> None:
    bits = rng.random((50, 16)) < 0.5
    queries = np.arange(50)
    differing = (bits[:, None] != bits[None]).sum(axis=2)
    np.fill_diagonal(differing, 99)
    found = nearest_others_by_bits(bits, queries, 6, rng)
    np.testing.assert_array_equal(np.take_along_axis(differing, found, 1), np.sort(differing, axis=1)[:, :6])
    # Nine equal ones: over many draws, each comes first as often as the next.
    first = [nearest_others_by_bits(np.zeros((10, 4), bool), np.array([0]), 1, rng)[0, 0] for _ in range(1800)]
    counts = np.bincount(first, minlength=10)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 200).max() < 5 * np.sqrt(200)


def test_same_label_at_k_is_that_of_a_loop(rng: np.random.Generator) -> None:
    rows, labels = rng.normal(size=(80, 3)).astype(np.float32), rng.integers(0, 25, 80)
    queries = np.array([i for i in range(80) if (labels == labels[i]).sum() > 1])
    neighbours = nearest_others(rows, queries, 10)
    shares = []
    for k in (1, 5, 10):
        hits = 0
        for query in queries:
            others = sorted((i for i in range(80) if i != query), key=lambda i: np.sum((rows[i] - rows[query]) ** 2))
            hits += any(labels[i] == labels[query] for i in others[:k])
        shares.append(metrics.same_label_at_k(neighbours, queries, labels, k))
        assert shares[-1] == hits / len(queries)
    assert 0 < shares[0] < shares[1] < shares[2] < 1


def test_recall_at_k() -> None:
    true = np.array([[1, 2, 3], [4, 5, -1], [-1, -1, -1]])
    found = np.array([[3, 9, 1], [4, -1, 5], [0, -1, 1]])
    assert metrics.recall_at_k(found, true) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(metrics.recall_at_k(true[2:], true[2:]))


# The perceptual hash


def test_the_hash_is_the_sign_of_low_frequencies_about_their_median(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 256, (1, 20, 24, 3)).astype(np.uint8)
    grey = picture[0].astype(float) @ [0.299, 0.587, 0.114]
    y, x = np.arange(20) + 0.5, np.arange(24) + 0.5
    waves = np.array(
        [
            np.sum(grey * np.cos(np.pi * u * y / 20)[:, None] * np.cos(np.pi * v * x / 24)[None])
            for u in range(1, 9)
            for v in range(1, 9)
        ]
    )
    np.testing.assert_array_equal(perceptual_hash(picture)[0], waves > np.median(waves))


def test_the_hash_bears_brightness_and_contrast_and_sees_another_picture(rng: np.random.Generator) -> None:
    pictures = rng.integers(20, 100, (30, 32, 32, 3)).astype(np.uint8)
    hashes = perceptual_hash(pictures)
    assert hashes.shape == (30, 64)
    assert hashes.mean() == 0.5
    np.testing.assert_array_equal(perceptual_hash(pictures + np.uint8(50)), hashes)
    np.testing.assert_array_equal(perceptual_hash(pictures * np.uint8(2)), hashes)
    grey = pictures[..., :1]
    np.testing.assert_array_equal(perceptual_hash(grey), perceptual_hash(np.repeat(grey, 3, axis=3)))
    differing = (hashes[:, None] != hashes[None]).sum(axis=2)[np.triu_indices(30, 1)]
    assert 28 < differing.mean() < 36
    nearly = (pictures + rng.integers(0, 3, pictures.shape)).astype(np.uint8)
    assert (perceptual_hash(nearly) != hashes).sum(axis=1).max() < differing.min()


# Attributes


def test_columns_become_yes_and_no() -> None:
    nan = np.nan
    values = np.array([[-1, 0, -0.2, 0.1, nan], [1, 0, 0.5, 0.2, 1], [1, 3, 0.0, 0.7, 1], [-1, 0, nan, 0.9, 1]])
    expected = [[0, 0, 0, 0, nan], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0], [0, 0, nan, 1, 0]]
    np.testing.assert_array_equal(yes_or_no(values.astype(np.float32)), expected)


def test_ten_attributes_are_chosen() -> None:
    faces = load(DATA, size=16)
    labels = yes_or_no(faces.attribute_values)
    assert [faces.attribute_names[i] for i in choose_attributes(faces.attribute_names, labels)] == list(PREFERRED[1])
    other = np.tile(np.array([[0.0], [1.0]], np.float32), (3, 12))
    other[:, 1] = 1
    names = tuple(f"a{i}" for i in range(12))
    assert choose_attributes(names, other) == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_agreement_of_random_neighbours_is_that_of_chance(rng: np.random.Generator) -> None:
    labels = (rng.random(3000) < 0.1).astype(np.float32)
    queries = np.arange(3000)
    neighbours = (queries[:, None] + rng.integers(1, 3000, (3000, 10))) % 3000
    found = attribute_agreement(neighbours, queries, labels)
    rare, chance = labels.mean(), chance_agreement(queries, labels)
    assert chance.share == pytest.approx(rare**2 + (1 - rare) ** 2, abs=1e-3)
    assert chance.balanced == pytest.approx(0.5, abs=1e-3)
    assert found.share == pytest.approx(chance.share, abs=0.01)
    assert found.balanced == pytest.approx(0.5, abs=0.02)


def test_agreement_counts_both_classes_alike_and_leaves_out_the_unknown() -> None:
    labels = np.array([1, 1, 0, 0, 0, np.nan], np.float32)
    neighbours = np.array([[1, 5], [0, 2], [3, 4], [1, 2], [5, 5], [0, 1]])
    # Query 0: 1 of 1 known; 1: half; 2: both; 3: half; 4: no neighbour known; 5: unknown itself.
    found = attribute_agreement(neighbours, np.arange(6), labels)
    assert found.share == pytest.approx((1 + 0.5 + 1 + 0.5) / 4)
    assert found.balanced == pytest.approx(((1 + 0.5) / 2 + (1 + 0.5) / 2) / 2)
    everyone = np.array([[j for j in range(6) if j != i] for i in range(6)])  # all others: exactly the chance
    assert attribute_agreement(everyone, np.arange(6), labels) == pytest.approx(chance_agreement(np.arange(6), labels))
    assert attribute_agreement(neighbours[:2], np.array([0, 1]), labels) is None


def test_chance_of_the_same_person_is_that_of_all_orders() -> None:
    people = ["a", "a", "a", "b", "b", "c"]
    ground = survey(la.ImageSet(np.zeros((6, 16, 16, 3), np.uint8), people=people), queries=99, seed=0)
    found = {measured.level: measured.value for measured in by_chance(ground)}
    first = (3 * 2 / 5 + 2 * 1 / 5) / 5
    assert found == {"1": pytest.approx(first), "5": 1.0, "10": 1.0}
    orders = [
        people[order[0]] == people[i] or people[order[1]] == people[i]
        for i in range(5)
        for order in itertools.permutations([j for j in range(6) if j != i])
    ]
    two = by_chance(ground, tops=(2,))
    assert next(two).value == pytest.approx(np.mean(orders))


# Verification


def test_the_best_threshold_is_that_of_a_loop(rng: np.random.Generator) -> None:
    for _ in range(50):
        distances, same = rng.integers(0, 8, 12).astype(float), rng.random(12) < 0.5
        rights = {t: int(((distances <= t) == same).sum()) for t in np.arange(-0.5, 8.5)}
        chosen = best_threshold(distances, same)
        assert int(((distances <= chosen) == same).sum()) == max(rights.values())


def test_a_fold_is_judged_by_the_threshold_of_the_others() -> None:
    # Folds 0 and 1 part at 2.5, fold 2 at 12.5; each alone would be judged without error.
    distances = np.array([1.0, 2.0, 3.0, 4.0] * 2 + [11.0, 12.0, 13.0, 14.0])
    same = np.array([True, True, False, False] * 3)
    pairs = Pairs(np.zeros(12, np.int64), np.ones(12, np.int64), same, np.repeat([0, 1, 2], 4))
    own = [best_threshold(distances[pairs.fold == f], same[pairs.fold == f]) for f in range(3)]
    assert own == [2.5, 2.5, 12.5]
    found = verify(distances, pairs)
    # For fold 0 the others part best at 2.5 (6 of 8 right; 12.5 gives 6 as well, the lower counts); for 2 at 2.5.
    assert found.mean == pytest.approx((1 + 1 + 0.5) / 3)
    assert found.standard_error == pytest.approx(np.std([1, 1, 0.5], ddof=1) / np.sqrt(3))


def test_verification_of_people_far_apart_is_right_and_of_noise_is_chance(rng: np.random.Generator) -> None:
    people = [f"p{i // 4}" for i in range(400)]
    pairs = draw_pairs(people, seed=1)
    centres = rng.normal(size=(100, 16)).astype(np.float32)[np.arange(400) // 4]
    apart = centres + 0.01 * rng.normal(size=(400, 16)).astype(np.float32)
    distances = pair_distances(apart, pairs)
    np.testing.assert_allclose(distances, np.linalg.norm(apart[pairs.first] - apart[pairs.second], axis=1), rtol=1e-5)
    assert verify(distances, pairs) == (1.0, 0.0)
    noise = rng.normal(size=(400, 16)).astype(np.float32)
    assert verify(pair_distances(noise, pairs), pairs).mean == pytest.approx(0.5, abs=0.08)


def test_drawn_pairs_keep_people_in_their_folds() -> None:
    people = [f"p{i // 3}" for i in range(300)] + [f"alone {i // 2}" if i % 2 else "" for i in range(40)]
    pairs = draw_pairs(people, seed=5)
    names = np.array(people)
    folds_of: dict[str, set[int]] = {}
    for first, second, same, fold in zip(*pairs, strict=True):
        assert first != second
        assert (names[first] == names[second]) == same
        for name in (names[first], names[second]):
            assert name
            folds_of.setdefault(name, set()).add(int(fold))
    assert all(len(folds) == 1 for folds in folds_of.values())
    assert np.bincount(pairs.fold[pairs.same]).tolist() == np.bincount(pairs.fold[~pairs.same]).tolist() == [30] * 10
    assert len({*zip(pairs.first, pairs.second, strict=True)}) == len(pairs.same)
    again = draw_pairs(people, seed=5)
    assert all((a == b).all() for a, b in zip(pairs, again, strict=True))
    assert any((a != b).any() for a, b in zip(pairs, draw_pairs(people, seed=6), strict=True))
    assert draw_pairs(["a", "a", "b"] * 3, seed=0) is None


def test_pairs_are_read(tmp_path: Path) -> None:
    names = [f"{who}/{who}_{i:04d}.jpg" for who in ("A_B", "C") for i in (1, 2, 3)]
    table = tmp_path / "pairs.txt"
    table.write_text("2\t1\nA_B\t1\t3\nA_B\t2\tC\t1\nC\t2\t3\nC\t1\tD\t1\n")
    pairs, missing = read_pairs(table, names)
    assert missing == 1
    assert [column.tolist() for column in pairs] == [[0, 1, 4], [2, 3, 5], [True, False, True], [0, 0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 of .* is not 'folds<TAB>pairs'"),
        ("2\tx\n", "line 1 of .* is not 'folds<TAB>pairs'"),
        ("1\t1\nA\t1\t2\n", "has 1 pairs, its first line promises 2"),
        ("1\t1\nA\t1\t2\nA\t1\t2\n", "line 3 of .* is not a person, a number, a person and a number"),
        ("1\t1\nA\t1\ttwo\nA\t1\tB\t2\n", "line 2 of .* is not a person and two numbers"),
        ("2\t1\nA\t1\t2\nA\t1\tB\t1\nX\t1\t2\nX\t1\tY\t1\n", "1 of the 4 pairs .* in fewer than two folds"),
    ],
)
def test_damaged_pairs_are_refused(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "pairs.txt"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        read_pairs(table, ["A/A_0001.jpg", "A/A_0002.jpg"])


def test_missing_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table of pairs .* cannot be read"):
        read_pairs(tmp_path / "none.txt", [])


# What the pictures allow, and who may be judged


def test_what_pictures_do_not_say_is_left_out() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    ground = survey(la.ImageSet(pixels), queries=12, seed=1)
    assert (len(ground.queries), ground.people, ground.attributes, ground.pairs) == (12, None, None, None)
    assert [reason.split(":")[0] for reason in ground.left_out] == ["retrieval", "agreement", "verification"]
    singles = survey(la.ImageSet(pixels, people=[f"p{i}" for i in range(30)]), queries=99, seed=1)
    assert "nobody is on two pictures" in singles.left_out[0]
    few = la.ImageSet(pixels[:4], people=["a", "a", "", "b"])
    assert survey(few, queries=99, seed=1).has_mate.tolist() == [True, True, False, False]
    assert survey(few, queries=99, seed=1).k == 3


def test_a_table_beside_the_pictures_drops_none(tmp_path: Path) -> None:
    names = [f"A/A_{i:04d}.jpg" for i in range(1, 6)]
    table = tmp_path / "table.txt"
    rows = "".join(f"A\t{i}\t{value}\t1.0\n" for i, value in ((1, 1.0), (2, -1.0), (4, 1.0)))
    table.write_text(f"# table\n#\tperson\timagenum\tSmiling\tMale\n{rows}")
    pixels = np.zeros((5, 16, 16, 3), np.uint8)
    ground = survey(la.ImageSet(pixels, names), attributes=table, queries=99, seed=0)
    assert ground.attributes[0] == ["Smiling"]
    np.testing.assert_array_equal(ground.attributes[1][:, 0], [1, 0, np.nan, 1, np.nan])
    with pytest.raises(DataError, match="names none of the pictures"):
        survey(la.ImageSet(pixels), attributes=table, queries=99, seed=0)


def test_runs_of_another_split_are_refused(tmp_path: Path) -> None:
    train, _ = load("synthetic:60", size=16).split()
    la.PCAAutoencoder(4).fit(train, run=tmp_path / "good")
    la.PCAAutoencoder(4).fit(train.split(0.2)[0], run=tmp_path / "held" / "good")
    la.PCAAutoencoder(4).fit(load("synthetic:60", size=16).split(random_state=1)[0], run=tmp_path / "other")
    la.PCAAutoencoder(4).fit(train.pixels, run=tmp_path / "array")
    runs = load_runs([tmp_path / "good", tmp_path / "held" / "good"])
    assert [subject.name for subject in runs] == [str(tmp_path / "good"), str(tmp_path / "held" / "good")]
    assert read_data("synthetic:60", runs, DataOptions()).image_shape == (16, 16, 3)
    for folder, data, message in (
        ("other", "synthetic:60", "was trained on 54 pictures that are not the training split"),
        ("good", "synthetic:61", "was trained on 54 pictures that are not the training split"),
        ("array", "synthetic:60", "does not know its training pictures"),
    ):
        with pytest.raises(RunError, match=message):
            read_data(data, load_runs([tmp_path / folder]), DataOptions())
    with pytest.raises(RunError, match=r"good takes pictures of \(16, 16, 3\), DATA gives \(20, 20, 3\)"):
        read_data("synthetic:60", load_runs([tmp_path / "good"]), DataOptions(size=(20, 20)))


# The tables


def test_the_page_lays_measures_and_levels_out() -> None:
    figures = [
        Figure("a", 8, "", "reconstruction", "MSE", "", 0.0123456),
        Figure("a", 8, "", "reconstruction", "PSNR (dB)", "", 20.0),
        Figure("b", None, "", "reconstruction", "PSNR (dB)", "", 21.119),
        Figure("a", 8, "euclidean", "retrieval", "same person in the top", "1", 0.25),
        Figure("a", 8, "euclidean", "retrieval", "same person in the top", "5", 0.5),
    ]
    page = as_markdown("T", ["n"], figures)
    assert page.startswith("# T\n\n- n\n\n## Reconstruction of the test pictures\n")
    assert (
        "| model | code | MSE | PSNR (dB) |\n|---|---|---|---|\n| a | 8 | 0.01235 | 20.00 |\n| b | – |  | 21.12 |"
        in page
    )
    assert "same person in the top:\n\n| model | code | metric | 1 | 5 |" in page
    assert "| a | 8 | euclidean | 0.250 | 0.500 |" in page


def numbers_of(text: str) -> list[str]:
    """All decimal numbers in the table rows of a page, in sorted order."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return sorted(
        cell for line in rows for cell in re.split(r"\s*\|\s*", line) if re.fullmatch(r"-?\d+\.\d+|nan|inf", cell)
    )


def test_the_whole_command(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    command = ["bench", "quality", DATA, "--size", 16, "--code", 4, "--epochs", 1, "--pictures", 3, "--out", out]
    found = call(*command, "--json").json
    assert (found["images"], found["test_images"]) == (200, 20)
    assert [(m["model"], m["code_size"]) for m in found["models"]] == [
        ("conv", 4), ("exact PCA", 4), ("residual", 4), ("search", 4), ("dense", 4), ("denoiser", 512), ("unet", None),
    ]  # fmt: skip
    assert found["left_out"] == ["exact PCA with a code of 512: 180 pictures of 768 values allow a code of 180 at most"]
    assert set(found["best_metric"].values()) <= set(METRICS)

    figures = [Figure(**row) for row in found["figures"]]
    rows = list(csv.DictReader(io.StringIO((out / "quality.csv").read_text())))
    assert [float(row["value"]) for row in rows] == [figure.value for figure in figures]
    assert (out / "quality.csv").read_text() == as_csv(figures)
    page = (out / "quality.md").read_text()
    assert numbers_of(page) == sorted(shown(row["measure"], float(row["value"])) for row in rows)
    assert (out / "quality.png").stat().st_size > 20_000

    def value(model: str, group: str, measure: str, level: str = "", metric: str = "") -> float:
        (one,) = [f.value for f in figures if f[:1] + f[2:6] == (model, metric, group, measure, level)]
        return one

    faces = load(DATA, size=16)
    train, test = faces.split()
    conv, pca = la.load_model(out / "runs" / "conv-4"), la.PCAAutoencoder(4).fit(train)
    assert value("conv", "reconstruction", "MSE") == pytest.approx(conv.evaluate(test).mse, rel=1e-6)
    assert value("exact PCA", "reconstruction", "SSIM") == pytest.approx(pca.evaluate(test).ssim, rel=1e-6)
    assert value("noisy input", "denoising", "MSE", "25/255") == pytest.approx((25 / 255) ** 2, rel=0.1)
    assert {f.level for f in figures if f.group == "denoising"} == {"15/255", "25/255", "50/255", "blind"}
    assert len({f.model for f in figures if f.group == "denoising"}) >= 3 + 1 + 3  # models, the input, classical ones
    codes = pca.encode(faces).astype(np.float64)
    mates = [i for i in range(200) if faces.people.count(faces.people[i]) > 1]
    hits = 0
    for i in mates:
        distances = np.sum((codes - codes[i]) ** 2, axis=1)
        distances[i] = np.inf
        hits += faces.people[int(distances.argmin())] == faces.people[i]
    share = value("exact PCA", "retrieval", "same person in the top", "1", "euclidean")
    assert share == pytest.approx(hits / len(mates), abs=1.5 / len(mates))
    assert {f.level for f in figures if f.measure == "balanced agreement"} == {"mean", *PREFERRED[1]}

    again = call(*command)  # takes the finished trainings as they are
    assert again.code == 0, again.err
    assert again.out.startswith(page)


def test_given_runs_are_judged_as_they_are(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = tmp_path / "mine"
    faces = load("synthetic:60", size=16)
    la.ConvAutoencoder(3, channels=(4, 4), device="cpu").fit(faces.split()[0], epochs=1, progress=False, run=run)
    command = ["bench", "quality", "synthetic:60", "--run", run, "--pictures", 1, "--out", tmp_path / "out", "--json"]
    found = call(*command).json
    assert [(m["model"], m["code_size"]) for m in found["models"]] == [("mine", 3), ("exact PCA", 3)]
    assert [f["value"] for f in found["figures"]][:1] == [
        pytest.approx(la.load_model(run).evaluate(faces.split()[1]).mse, rel=1e-6)
    ]
    assert not (tmp_path / "out" / "runs").exists()


def test_without_scikit_image_the_classical_denoisers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike.denoising import classical
    from lookalike.yardstick.quality import judge_denoising

    monkeypatch.setattr(classical, "find_spec", lambda _: None)
    train, test = load("synthetic:60", size=16).split()
    left_out: list[str] = []
    subjects = [Subject("mine", la.PCAAutoencoder(4).fit(train))]
    figures = judge_denoising(subjects, train, test, pictures=9, seed=0, left_out=left_out, say=lambda _: None)
    assert {figure.model for figure in figures} == {"noisy input", "mine"}
    assert left_out == ["a classical denoiser needs the extra 'bench': pip install 'lookalike[bench]'"]


def test_bad_input_gives_one_clear_line(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in (
        (["bench", "quality", DATA, "--out", tmp_path, "--run", tmp_path / "none"], "is not a folder"),
        (["bench", "quality", DATA, "--out", tmp_path, "--pictures", 0], "--pictures"),
        (["bench", "quality", "nowhere", "--out", tmp_path], "nowhere is not there"),
        (["bench", "dance"], "No such command 'dance'"),
    ):
        outcome = call(*arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome.err
        assert message in outcome.err


# The published figures


@pytest.mark.lfw
@pytest.mark.slow
def test_published_retrieval_on_lfw(lfw_archive: Path) -> None:
    """All 13,233 photos, crop 80, 32 x 32; exact PCA of the training split, all other photos the gallery."""
    from lookalike.search.metric import make_metric

    faces = load(lfw_archive, size=32)
    ground = survey(faces, queries=20_000, seed=0)
    asked = ground.queries[ground.has_mate]
    assert len(asked) == 9164
    train, _ = faces.split()
    for code, published in ((32, (0.085, 0.161, 0.172)), (128, (None, 0.253, 0.317))):
        model = la.PCAAutoencoder(code).fit(train)
        learned_on, codes = model.encode(train), model.encode(faces)
        for name, figure in zip(("euclidean", "whitened", "whitened-cosine"), published, strict=True):
            if figure is not None:
                rows = make_metric(name).fit(learned_on).transform(codes)
                share = metrics.same_label_at_k(nearest_others(rows, asked, 1), asked, ground.people, 1)
                assert share == pytest.approx(figure, abs=0.003), (code, name)
    pixels = faces.pixels.reshape(len(faces), -1).astype(np.float32) / np.float32(255)
    share = metrics.same_label_at_k(nearest_others(pixels, asked, 1), asked, ground.people, 1)
    assert share == pytest.approx(0.131, abs=0.003)


@pytest.mark.lfw
def test_lfw_pairs_are_all_there(lfw_archive: Path) -> None:
    table = lfw_archive.parent / "lfw_pairs.txt"
    if not table.exists():
        pytest.skip(f"{table} is not here")
    faces = load(lfw_archive, size=32)
    pairs, missing = read_pairs(table, faces.names)
    assert missing == 0
    assert np.bincount(pairs.fold).tolist() == [600] * 10
    people = np.array(faces.people)
    np.testing.assert_array_equal(people[pairs.first] == people[pairs.second], pairs.same)


@pytest.mark.parametrize("count", [2, 6])
def test_plot_keeps_its_legends_and_labels_off_the_bars(count: int) -> None:
    from lookalike.yardstick.figures import quality_figure

    figures = [
        Figure("raw pixels", None, "euclidean", "retrieval", "same person in the top", "1", 0.1),
        Figure("raw pixels", None, "euclidean", "verification", "accuracy", "", 0.6),
    ]
    for model in (f"a run of some length {i}" for i in range(count)):
        figures.append(Figure(model, 32, "", "reconstruction", "MSE", "", 0.004))
        figures += [Figure(model, 32, "", "denoising", "PSNR (dB)", level, 24.0) for level in ("15/255", "blind")]
        for metric in ("euclidean", "cosine", "whitened", "whitened-cosine"):
            figures.append(Figure(model, 32, metric, "retrieval", "same person in the top", "1", 0.2))
            figures.append(Figure(model, 32, metric, "verification", "accuracy", "", 0.7))
    plot = quality_figure(figures)
    plot.draw_without_rendering()
    for axes in plot.axes[2:]:
        panel, boxes = axes.get_window_extent(), [label.get_window_extent() for label in axes.texts]
        assert panel.width > 500  # of 1,300 in all: no legend takes its room
        assert len(boxes) == 4 * count
        assert not axes.get_legend().get_window_extent().overlaps(panel)
        assert all(box.y1 <= panel.y1 for box in boxes)
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
