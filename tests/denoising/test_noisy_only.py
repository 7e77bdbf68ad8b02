"""A U-Net that learns from noisy pictures alone: its pairs of neighbours, what comes of it, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike.denoising.ready import load_ready
from lookalike.errors import OptionError
from lookalike.models.loading import open_model
from lookalike.models.noisy_only import PAIRS, drawn_pairs, halves
from lookalike.models.unet import UNetDenoiser
from lookalike.training.batches import Epoch
from lookalike.training.recipe import Recipe

QUICK = Recipe(epochs=8, optimizer="muon", learning_rate=0.02, beta_1=0.95, beta_2=0.95, schedule="cosine")
SIGMA = 30


def flat(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(pictures of one colour each, the same with noise), uint8 (count, 12, 12, 3)."""
    generator = np.random.default_rng(seed)
    clean = np.repeat(generator.integers(100, 156, (count, 1, 1, 3)), 144, axis=1).reshape(count, 12, 12, 3)
    noisy = np.rint(clean + SIGMA * generator.standard_normal(clean.shape)).clip(0, 255)
    return clean.astype(np.uint8), noisy.astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noisy")
    np.save(folder / "noisy.npy", flat(222, seed=0)[1])
    return folder


def test_both_halves_have_neighbours_of_every_square() -> None:
    picture = torch.arange(2 * 3 * 7 * 4, dtype=torch.float32).reshape(2, 3, 7, 4)  # its last row is in no square
    pairs = torch.arange(12).reshape(2, 3, 2) % 8
    first, second = halves(picture, pairs.float())
    for n, row, column in np.ndindex(2, 3, 2):
        square = picture[n, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(1)
        places = PAIRS[int(pairs[n, row, column])]
        assert torch.equal(first[n, :, row, column], square[:, places[0]])
        assert torch.equal(second[n, :, row, column], square[:, places[1]])


def test_pairs_lie_beside_one_another_each_way() -> None:
    squares = {(a, b) for a in range(4) for b in range(4) if abs(a // 2 - b // 2) + abs(a % 2 - b % 2) == 1}
    assert (set(PAIRS), len(PAIRS)) == (squares, 8)


def test_what_a_square_gives_comes_from_seed_epoch_and_picture() -> None:
    drawn = drawn_pairs(Epoch(3, 2, 50, None, (13, 8)))(np.arange(50))
    assert drawn.shape == (50, 6, 4)
    assert set(np.unique(drawn)) == set(range(8))
    np.testing.assert_array_equal(drawn_pairs(Epoch(3, 2, 50, None, (13, 8)))(np.array([7, 49])), drawn[[7, 49]])
    for other in (Epoch(3, 3, 50, None, (13, 8)), Epoch(4, 2, 50, None, (13, 8))):
        assert (drawn_pairs(other)(np.arange(50)) != drawn).any()


def test_noise_goes_though_no_clean_picture_was_ever_seen() -> None:
    model = UNetDenoiser(width=4, noisy_only=True, device="cpu")
    model.fit(flat(200, seed=0)[1], recipe=QUICK, progress=False)
    clean, noisy = flat(20, seed=1)
    before, after = (
        np.square(one.astype(float) - clean).mean() for one in (noisy, la.to_uint8(model.reconstruct(noisy)))
    )
    assert before == pytest.approx(SIGMA**2, rel=0.1)
    assert after < 0.4 * before


def test_noise_on_top_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"noise is 'gaussian:0.1', but these pictures have noise of their own; leave"
    ):
        UNetDenoiser(noisy_only=True).fit(flat(8, seed=0)[1], noise="gaussian:0.1", progress=False)


def test_on_the_command_line(call, folder: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = ("train", folder / "noisy.npy", "--run", folder / "run", "--model", "unet", "--noisy-only")
    result = call(*arguments, "--set", "width=4", "--size", 12, "--epochs", 1, "--json").json
    assert (result["noise"], result["denoise_mse"]) == (None, None)
    config = json.loads((folder / "run" / "config.json").read_text())
    assert config["model"]["parameters"]["noisy_only"] is True
    opened, model = open_model(folder / "run"), la.load_model(folder / "run")
    assert not opened.by_pytorch
    noisy = flat(3, seed=2)[1]
    np.testing.assert_allclose(opened.reconstruct(noisy), model.reconstruct(noisy), rtol=0, atol=1e-5)
    card = (folder / "run" / "card.md").read_text()
    assert "this model, of these noisy pictures, of which there are no clean ones" in card
    assert "Clean ones it has never seen." in card
    text = call(*arguments, "--set", "width=4", "--size", 12, "--epochs", 1, "--resume").out
    assert "no clean pictures to compare with" in text


def test_it_goes_on_from_the_packages_denoiser_unless_told_otherwise(call, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def begun(name: str, *options: object, data: Path = folder / "noisy.npy") -> tuple[dict | None, list[int]]:
        run = tmp_path / name
        call("train", data, "--run", run, "--noisy-only", "--size", 12, "--epochs", 1, "--json", *options).json  # noqa: B018
        model = json.loads((run / "model.json").read_text())
        return model["data"].get("begun_with"), model["parameters"].get("channels", [])

    ready = {"kind": "unet", "digest": load_ready().digest}
    assert begun("plain") == (ready, [48, 64, 96])
    assert begun("named", "--model", "unet", "--begin-with", "ready") == (ready, [48, 64, 96])
    assert begun("fresh", "--model", "unet", "--begin-with", "fresh") == (None, [])
    assert begun("form", "--model", "unet", "--set", "width=4") == (None, [])
    np.save(tmp_path / "grey.npy", flat(40, seed=0)[1][..., :1])
    assert begun("grey", data=tmp_path / "grey.npy") == (None, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "conv"], "model 'conv' takes no noisy only; leave it out: it belongs to unet"),
        (["--model", "unet", "--noise", "gaussian:0.1"], "these pictures have noise of their own; leave it out"),
    ],
)
def test_what_does_not_go_with_it_is_named(call, folder: Path, tmp_path: Path, options: list, message: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("train", folder / "noisy.npy", "--run", tmp_path / "r", "--noisy-only", "--size", 12, *options)
    assert (code, err.count("\n")) == (2, 1), err
    assert message in err
