"""One record a kind: what it says is so, what a kind does not take is refused, and a new kind changes nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lookalike as la
from lookalike.errors import OptionError
from lookalike.models import (
    KINDS,
    Kind,
    kinds_of_their_own,
    learners,
    model_class,
    new_model,
    parameters_of_words,
    usual,
)
from lookalike.models.layers import FlattenChannelsLast, dense_decoder, initialise_as_keras
from lookalike.models.networked import NetworkAutoencoder
from lookalike.noise import parse_noise
from lookalike.training.batches import Epoch, Places
from lookalike.training.objective import Loss, Trainable
from lookalike.training.recipe import RECIPES
from pictures import waves


@pytest.mark.parametrize("name", learners())
def test_a_record_is_true_of_its_class(name: str) -> None:
    kind, learner = KINDS[name], model_class(name)
    assert (kind.code_size is not None) == learner.has_code == ("code_size" in learner.parameters())
    assert learner.kind in kinds_of_their_own()
    assert KINDS[learner.kind].home == kind.home
    assert kind.recipe is None or kind.recipe in RECIPES
    if kind.noise is not None:
        parse_noise(kind.noise)
    model = new_model(name, seed=None, device="cpu")
    assert type(model) is learner
    assert not learner.has_code or model.code_size == kind.code_size


def test_what_a_kind_does_not_take_is_refused_with_those_that_do() -> None:
    with pytest.raises(OptionError, match="model 'conv' takes no solver; leave it out: it belongs to pca"):
        new_model("conv", solver="svd")
    with pytest.raises(OptionError, match="model 'pca' takes no device; leave it out: it belongs to conv, residual"):
        new_model("pca", device="cuda")
    with pytest.raises(OptionError, match="model 'unet' takes no code size"):
        new_model("unet", code_size=8)
    with pytest.raises(OptionError, match=r"takes no wings; leave it out: there are code_size, seed, solver"):
        new_model("pca", wings=2)
    assert new_model("pca", device="cpu", seed=3).seed == 3


def test_parameters_in_words() -> None:
    assert parameters_of_words("conv", ["channels=8,16", "seed=3"]) == {"channels": (8, 16), "seed": 3}
    assert parameters_of_words("unet", ["width=8", "device=cpu"]) == {"width": 8, "device": "cpu"}
    with pytest.raises(OptionError, match="'depth=3' sets nothing of model 'unet'; give one of biases, blocks"):
        parameters_of_words("unet", ["depth=3"])
    with pytest.raises(OptionError, match="width is 'wide'; give a whole number"):
        parameters_of_words("unet", ["width=wide"])
    with pytest.raises(OptionError, match="channels is '8;16'; give whole numbers with commas"):
        parameters_of_words("conv", ["channels=8;16"])


def test_help_says_what_is_usual() -> None:
    assert usual("code_size") == "32; 512 for denoiser"
    assert usual("noise").startswith("none; gaussian")


# A kind that nobody has thought of: it owns its loss, and wants random numbers of its own for every picture.

OWN_STREAM = 100


class Draws:
    """Standard normal numbers for every picture and epoch."""

    def __init__(self, size: int, epoch: Epoch) -> None:
        self.drawn = epoch.stream(OWN_STREAM).normal(size=(epoch.count, size)).astype(np.float32)

    def __call__(self, members: Places) -> np.ndarray:
        return self.drawn[members]


class Variational(Trainable):
    """Kingma and Welling, 2014, with one Dense layer a side."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, beta: float, seed: int) -> None:
        super().__init__()
        self.beta = beta
        self.encoder = nn.Sequential(FlattenChannelsLast(), nn.Linear(int(np.prod(image_shape)), 2 * code_size))
        self.decoder = dense_decoder(image_shape, code_size)
        self.extras = {"draws": lambda epoch: Draws(code_size, epoch)}
        initialise_as_keras(self, seed)

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images).chunk(2, 1)[0])

    def loss(self, shown: Tensor, given: Tensor, extras: Mapping[str, Tensor]) -> Loss:
        mean, log_variance = self.encoder(given).chunk(2, 1)
        mse = (self.decoder(mean + extras["draws"] * (log_variance / 2).exp()) - shown).square().mean()
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        return Loss(mse + self.beta * divergence, mse)


class VariationalAutoencoder(NetworkAutoencoder):
    kind = "vae"

    def __init__(self, code_size: int = 8, beta: float = 1e-5, seed: int = 0, device: str = "auto") -> None:
        self.code_size = code_size
        self.beta = beta
        self.seed = seed
        self.device = device

    def _build(self, image_shape: tuple[int, int, int]) -> Variational:
        return Variational(image_shape, self.code_size, self.beta, self.seed)

    def _encode(self, pictures: np.ndarray) -> np.ndarray:
        return super()._encode(pictures)[:, : self.code_size]


@pytest.fixture
def vae(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("lookalike.models.vae")
    module.VariationalAutoencoder = VariationalAutoencoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lookalike.models.vae", module)
    monkeypatch.setitem(KINDS, "vae", Kind("vae.VariationalAutoencoder", "tried here", code_size=8))


@pytest.mark.usefixtures("vae")
def test_a_kind_that_owns_its_loss_trains_resumes_and_is_found(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    np.save(tmp_path / "p.npy", waves(80, 12, 12))
    unbroken, resumed = tmp_path / "unbroken", tmp_path / "resumed"
    options = ["--model", "vae", "--size", 12, "--set", "beta=0.0001", "--json"]
    told = call("train", tmp_path / "p.npy", "--run", unbroken, "--epochs", 4, *options).json
    assert (told["model"], told["code_size"], told["epochs"]) == ("vae", 8, 4)
    call("train", tmp_path / "p.npy", "--run", resumed, "--epochs", 2, *options)
    call("train", tmp_path / "p.npy", "--run", resumed, "--epochs", 4, "--resume", *options)
    for name in ("encoder.safetensors", "decoder.safetensors", "metrics.csv"):
        assert (unbroken / name).read_bytes() == (resumed / name).read_bytes()
    model = la.load_model(unbroken)
    assert (type(model), model.beta) == (VariationalAutoencoder, 0.0001)
    curve = [entry["train_mse"] for entry in model.history_]
    assert curve == sorted(curve, reverse=True)
    assert call("index", unbroken, tmp_path / "p.npy", "--gallery", tmp_path / "g", "--json").json["images"] == 80


@pytest.mark.usefixtures("vae")
def test_its_loss_is_what_is_minimised_and_the_mse_what_is_told() -> None:
    pictures = waves(64, 12, 12)
    strict, loose = (
        VariationalAutoencoder(beta=beta, device="cpu").fit(pictures, epochs=6, progress=False) for beta in (1.0, 0.0)
    )
    spread = [float(np.square(model.encode(pictures)).mean()) for model in (strict, loose)]
    assert spread[0] < spread[1]  # the divergence pulls codes to 0
    for model, total_is in ((strict, "more"), (loose, "the MSE")):
        given = torch.zeros(2, 3, 12, 12), torch.zeros(2, 3, 12, 12), {"draws": torch.zeros(2, 8)}
        with torch.no_grad():
            total, mse = model.network_.loss(*given)
        assert (float(total) > float(mse)) == (total_is == "more")
