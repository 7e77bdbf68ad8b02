"""What recipes other than the notebook's are made of: Muon, the falling rate, mirroring, bfloat16."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lookalike as la
from lookalike.errors import OptionError, RunError
from lookalike.models.layers import SameConvTranspose2d
from lookalike.training.batches import Batches, Epoch, sides_shown
from lookalike.training.optimizer import Muon, _by_small_matrix, _by_whole_matrix, optimizer_of, orthogonal
from lookalike.training.recipe import OPTIMIZERS, RECIPES, Recipe, named_recipe
from pictures import waves

SMALL = {"code_size": 4, "channels": (4, 4, 4, 4), "device": "cpu"}
PICTURES = waves(96, 16, 16)
SHORT = replace(RECIPES["fast"], epochs=3, least_steps=0, batch_size=32, flips=True, jitter=0.1, wobble=0.05)
CPU = torch.device("cpu")
LEAST, MOST = 0.15, 2.0
"""Between these the three polynomials bring singular values from 0.03 to 1."""


def batches(pictures: np.ndarray, recipe: Recipe, epoch: int) -> Batches:
    return Batches(pictures, recipe, Epoch(0, epoch, len(pictures), None, sides_shown(pictures, recipe)), CPU)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (8, 8)], ids=str)
@pytest.mark.parametrize("half", [False, True])
def test_muon_turns_a_matrix_into_its_polar_factor(shape: tuple[int, int], half: bool) -> None:
    """Its singular vectors are those of the matrix; its singular values come to lie around 1."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonal(matrix, half=half).float()
    u, _, v = np.linalg.svd(matrix.numpy(), full_matrices=False)
    inner = u.T @ found.numpy() @ v.T
    assert np.abs(inner - np.diag(np.diag(inner))).max() < (0.25 if half else 1e-4)
    assert np.diag(inner).min() > LEAST
    assert np.diag(inner).max() < MOST


def test_a_kernels_matrix_has_a_row_for_each_output() -> None:
    """One step from zero moves a kernel by `rate` times an orthogonal matrix of (outputs, inputs x places)."""
    plain, transposed = nn.Conv2d(6, 4, 3), SameConvTranspose2d(6, 4)
    for layer in (plain, transposed):
        layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = nn.ModuleList([plain, transposed])
    optimizer = Muon(network, 0.1, 0.01, 0.9, 0.95, 1e-7, half=False)
    before = [layer.weight.detach().clone() for layer in (plain, transposed)]
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    optimizer.step()
    changes = [(layer.weight.detach() - old) / 0.1 for layer, old in zip((plain, transposed), before, strict=True)]
    rows = changes[0].reshape(4, -1), changes[1].transpose(0, 1).reshape(4, -1)
    for matrix in rows:
        singular = torch.linalg.svdvals(matrix)
        assert float(singular.min()) > LEAST
        assert float(singular.max()) < MOST


def test_muons_vectors_move_as_adam_does() -> None:
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    holder = nn.ParameterList([ours])
    optimizer = Muon(holder, 0.1, 0.01, 0.9, 0.95, 1e-8, half=False)
    reference = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.95), eps=1e-8)
    for step in range(4):
        gradient = torch.randn(5, generator=torch.Generator().manual_seed(step))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_has_no_gradient_stays_and_the_rest_moves_as_it_would_alone(name: str) -> None:
    recipe = Recipe(optimizer=name, learning_rate=0.1, weight_decay=0.1)

    def layer() -> nn.Linear:
        made = nn.Linear(3, 4)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        return made

    alone, moved, left_out, frozen = (layer() for _ in range(4))
    frozen.requires_grad_(False)
    together = nn.ModuleList([left_out, moved, frozen])
    for network, learning in ((nn.ModuleList([alone]), alone), (together, moved)):
        optimizer = optimizer_of(recipe, network, half=False)
        for step in range(3):
            learning.weight.grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
            learning.bias.grad = torch.ones(4)
            optimizer.step()
    for one, expected in ((moved, alone), (left_out, layer()), (frozen, layer())):
        torch.testing.assert_close(one.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    recipe = Recipe(schedule="cosine", warmup=0.1)
    rates = [recipe.rate_at(step, 200) for step in range(200)]
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert max(rates) == rates[20] == 1
    assert 0 < rates[-1] < 1e-3
    assert rates[110] == pytest.approx(0.5 * (1 + math.cos(math.pi * 90 / 180)))
    assert Recipe().rate_at(7, 200) == 1


def test_half_of_the_pictures_are_mirrored_anew_each_epoch() -> None:
    recipe = replace(SHORT, jitter=0.0, wobble=0.0)
    shown = batches(PICTURES, recipe, 1)
    members = np.arange(96)
    given = shown.pictures(members)[1].permute(0, 2, 3, 1).numpy()
    plain = PICTURES.astype(np.float32) / 255 - 0.5
    mirrored = np.array([np.allclose(a, b[:, ::-1]) for a, b in zip(given, plain, strict=True)])
    kept = np.array([np.allclose(a, b) for a, b in zip(given, plain, strict=True)])
    assert (mirrored ^ kept).all()
    assert 30 < mirrored.sum() < 66
    assert (batches(PICTURES, recipe, 2).mirrored != shown.mirrored).any()
    # A picture's fate does not depend on the batch it comes in.
    alone = shown.pictures(members[5:6])[1]
    torch.testing.assert_close(alone[0], shown.pictures(members)[1][5])


def test_contrast_colour_and_brightness_change_anew_each_epoch() -> None:
    """What was done to a picture is found again by a line through each channel's pixels, before and after."""
    pictures = np.random.default_rng(3).integers(90, 170, (300, 6, 6, 3), np.uint8)  # none of these reaches the ends
    members = np.arange(300)
    shown = [batches(pictures, Recipe(jitter=0.3), epoch) for epoch in (1, 2)]
    clean, given = shown[0].pictures(members)
    assert given is clean
    plain = torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 255 - 0.5
    x, y = plain.flatten(2), clean.double().flatten(2)
    deviations = x - x.mean(dim=2, keepdim=True)
    slopes = (deviations * y).sum(dim=2) / deviations.square().sum(dim=2)
    torch.testing.assert_close(y, slopes[..., None] * deviations + y.mean(dim=2, keepdim=True), atol=1e-5, rtol=0)
    # Contrast and colour add: 0.3 for all channels, 0.1 for each
    assert 0.6 <= float(slopes.min()) < 0.68
    assert 1.32 < float(slopes.max()) <= 1.4
    tints = slopes - slopes.mean(dim=1, keepdim=True)
    assert 0.09 < float(tints.abs().max()) <= 2 / 3 * 0.2
    whole = x.mean(dim=(1, 2))
    added = y.mean(dim=2) - whole[:, None] - slopes * (x.mean(dim=2) - whole[:, None])
    assert 0.14 < float(added.abs().max()) <= 0.15 + 1e-5
    torch.testing.assert_close(added, added[:, :1].expand(-1, 3), atol=1e-5, rtol=0)
    assert not torch.equal(shown[1].pictures(members)[0], clean)
    torch.testing.assert_close(shown[0].pictures(members[7:9])[0], clean[7:9])
    grey = batches(pictures[..., :1], Recipe(jitter=0.9), 1).pictures(members)[0]
    assert grey.shape == (300, 1, 6, 6)
    with pytest.raises(OptionError, match="jitter is 1; give a value from 0 to below 1"):
        Recipe(jitter=1.0)


def test_what_jitter_makes_is_a_picture() -> None:
    given = batches(PICTURES, Recipe(jitter=0.9), 1).pictures(np.arange(96))[0]
    assert (float(given.min()), float(given.max())) == (-0.5, 0.5)


def test_place_size_and_angle_change_anew_each_epoch() -> None:
    """Slopes along both sides say where each pixel came from: interpolation keeps a plane to 0.15 of a pixel."""
    height, width, count = 48, 80, 300
    rows, columns = np.mgrid[:height, :width]
    plane = np.stack([3 * columns, 3 * rows, 0 * rows + 77], 2).astype(np.uint8)
    pictures = np.broadcast_to(plane, (count, height, width, 3))
    members = np.arange(count)
    first, second = (batches(pictures, Recipe(wobble=0.02), epoch) for epoch in (1, 2))
    shown = first.pictures(members)[0].permute(0, 2, 3, 1).double().numpy()
    inside = np.s_[:, 8:-8, 8:-8]  # far enough from the edges for what is moved and for what interpolation reaches
    np.testing.assert_allclose(shown[..., 2], 77 / 255 - 0.5, atol=1e-6)
    came = (shown[inside][..., :2] + 0.5) * 255 / 3
    went = np.stack([columns, rows], 2)[8:-8, 8:-8].reshape(-1, 2) - [(width - 1) / 2, (height - 1) / 2]
    design = np.hstack([went, np.ones((len(went), 1))])
    maps = np.stack([np.linalg.lstsq(design, each.reshape(-1, 2), rcond=None)[0] for each in came])
    np.testing.assert_allclose(np.einsum("pk,nkc->npc", design, maps), came.reshape(count, -1, 2), atol=0.15)
    # Right angles stay right: across a row as down a column, whatever the sides
    np.testing.assert_allclose(maps[:, 0, 0], maps[:, 1, 1], atol=6e-3)
    np.testing.assert_allclose(maps[:, 0, 1], -maps[:, 1, 0], atol=6e-3)
    size, angle = np.hypot(maps[:, 0, 0], maps[:, 0, 1]), np.arctan2(maps[:, 0, 1], maps[:, 0, 0])
    shift = (maps[:, 2] - [(width - 1) / 2, (height - 1) / 2]) / [width, height]
    for drawn, largest in ((size - 1, 0.02), (angle, 0.04), (shift, 0.02)):
        assert 0.9 * largest < np.abs(drawn).max() < 1.05 * largest
        assert abs(drawn.mean()) < 0.15 * largest
    assert not torch.equal(second.pictures(members)[0], first.pictures(members)[0])
    torch.testing.assert_close(first.pictures(members[7:9])[0], first.pictures(members)[0][7:9])


def test_what_wobble_makes_is_a_picture() -> None:
    stripes = np.zeros((20, 16, 16, 1), np.uint8)
    stripes[:, ::2] = 255
    given = batches(stripes, Recipe(wobble=0.2), 1).pictures(np.arange(20))[0]
    assert (float(given.min()), float(given.max())) == (-0.5, 0.5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resuming_is_exact_for_every_part(tmp_path: Path, precision: str) -> None:
    recipe = replace(SHORT, precision=precision)

    def fit(run: Path | None, resume: bool = False) -> la.ConvAutoencoder:
        model = la.ConvAutoencoder(**SMALL)
        return model.fit(PICTURES, recipe=recipe, run=run, resume=resume, noise="gaussian:0.1", progress=False)

    whole = fit(None)
    fit(tmp_path / "run")
    for left in sorted((tmp_path / "run" / "checkpoints").iterdir())[1:]:
        left.unlink()
    resumed = fit(tmp_path / "run", resume=True)
    assert resumed.history_ == whole.history_
    assert resumed.digest == whole.digest
    with pytest.raises(RunError, match=r"recipe\.epochs was 3, is now 4 \(the rate falls over all of them\)"):
        la.ConvAutoencoder(**SMALL).fit(
            PICTURES, recipe=replace(recipe, epochs=4), run=tmp_path / "run", resume=True, noise="gaussian:0.1"
        )


def test_bfloat16_learns_as_float32_does() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (300, 1, 1, 3), np.uint8)
    train, test = np.split(np.broadcast_to(colours, (300, 16, 16, 3)), [270])
    scores = {}
    for precision in ("float32", "bfloat16"):
        recipe = Recipe(epochs=12, learning_rate=0.01, precision=precision)
        model = la.ConvAutoencoder(4, channels=(16, 16), device="cpu").fit(train, recipe=recipe, progress=False)
        scores[precision] = -model.score(test)
    assert scores["float32"] != scores["bfloat16"]
    assert scores["bfloat16"] < 1.5 * scores["float32"]


@pytest.mark.parametrize(("rows", "columns"), [(3, 288), (32, 64), (64, 288), (32, 1024)])
def test_muon_by_the_small_matrix_is_that_by_the_whole_one(rows: int, columns: int) -> None:
    """Singular values over five powers of ten, against float64."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, rows, generator=generator))[0] for n in (rows, columns))
    matrix = left @ torch.diag(torch.logspace(0, -5, rows)) @ right.t()
    matrix /= matrix.norm() * 1.01
    exact = _by_whole_matrix(matrix.double())
    assert float(torch.linalg.matrix_norm(_by_small_matrix(matrix) - exact, 2)) < 2e-4
    torch.testing.assert_close(_by_small_matrix(matrix.double()), exact, rtol=0, atol=1e-9)


def test_unknown_names_are_refused_at_once() -> None:
    with pytest.raises(OptionError, match=r"optimizer 'sgd' is unknown; .*schedule 'step' .*precision 'int8'"):
        Recipe(optimizer="sgd", schedule="step", precision="int8")
    with pytest.raises(OptionError, match="'slow' is unknown; give one of course, fast"):
        named_recipe("slow")


def test_fast_learns_faster_than_the_course_recipe() -> None:
    train, test = la.load("synthetic:700", size=16).split()
    fast = replace(RECIPES["fast"], batch_size=32)
    scores = [
        -la.ConvAutoencoder(16).fit(train, recipe=recipe, epochs=6, progress=False).score(test)
        for recipe in (fast, "course")
    ]
    assert scores[0] < 0.9 * scores[1]


def test_few_pictures_get_more_epochs() -> None:
    fast = RECIPES["fast"]
    assert fast.for_pictures(1_000_000) is fast
    few = fast.for_pictures(1000)
    assert few.epochs * math.ceil(1000 / fast.batch_size) == pytest.approx(fast.least_steps, rel=0.03)
    assert replace(fast, most_epochs=7).for_pictures(5).epochs == 7
    for recipe in RECIPES.values():
        # With 630 for training, what a set of 1,000 leaves after its test and 30% for validation, all steps are made
        assert recipe.for_pictures(630).epochs * math.ceil(630 / recipe.batch_size) >= recipe.least_steps
        assert recipe.for_pictures(5).epochs <= recipe.most_epochs
    assert RECIPES["course"].for_pictures(100).epochs == 25
    model = la.ConvAutoencoder(**SMALL).fit(PICTURES, recipe=replace(fast, least_steps=5, epochs=1), progress=False)
    assert len(model.history_) == 2
    assert len(la.ConvAutoencoder(**SMALL).fit(PICTURES, recipe="fast", epochs=1, progress=False).history_) == 1
