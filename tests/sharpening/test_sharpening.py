"""A second decoder on a frozen model's codes: what it learns, that it ends with the same bits, and who may have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import lookalike as la
from lookalike.appearance import detail_energy
from lookalike.errors import Interrupted, OptionError, RunError
from lookalike.models.base import Autoencoder
from lookalike.models.loading import open_model
from lookalike.models.sharp import DESCRIPTION, WEIGHTS
from lookalike.sharpening.critic import Bounded
from lookalike.sharpening.fitting import training_folder
from lookalike.sharpening.network import PATCHES, Sharpening
from lookalike.sharpening.patches import patches_apart
from lookalike.training.interruption import StopRequest
from lookalike.training.recipe import RECIPES
from pictures import waves

QUICK = replace(RECIPES["sharp"], epochs=2, least_steps=0)
SMALL = {"width": 4, "recipe": QUICK, "progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def pca() -> la.PCAAutoencoder:
    return la.PCAAutoencoder(6).fit(waves(96, 20, 18))


def begun(model: Autoencoder, pull: float = 0.02, steps: int = 10) -> tuple[Sharpening, torch.Tensor]:
    """One that draws something, in evaluation mode, so that the critic's power method stands still; and a batch."""
    network = Sharpening(model, 4, pull, seed=0, steps=steps).eval()
    network.decoder.last.weight.data.normal_(0, 0.01, generator=torch.Generator().manual_seed(1))
    batch = torch.from_numpy(waves(12, 20, 18, seed=3)).permute(0, 3, 1, 2).float() / 255 - 0.5
    return network, batch


def gradients(network: Sharpening, batch: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    """Of the decoder and of the critic, after a loss."""
    network.zero_grad(set_to_none=True)
    network.loss(batch, batch, {}).total.backward()
    own = [p.grad.clone() for p in network.decoder.parameters()]
    return own, [None if p.grad is None else p.grad.clone() for p in network.critic.parameters()]


def test_it_begins_at_the_plain_picture(pca: la.PCAAutoencoder) -> None:
    network = Sharpening(pca, 4, 0.02, seed=0, steps=10)
    pictures = waves(12, 20, 18, seed=3)
    with torch.no_grad():
        found = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), pca.reconstruct(pictures), atol=1e-5)


def test_a_bounded_convolution_has_a_largest_singular_value_of_one() -> None:
    layer, generator = Bounded(6, 5, 4, 2), torch.Generator().manual_seed(0)
    layer.weight.data.normal_(generator=generator)
    x = torch.randn(2, 6, 8, 8, generator=generator)
    for _ in range(300):
        found = layer(x)
    largest = np.linalg.svd(layer.weight.detach().flatten(1).numpy(), compute_uv=False)[0]
    torch.testing.assert_close(found, F.conv2d(x, layer.weight / largest, layer.bias, 2, 1), rtol=1e-3, atol=1e-4)


def test_neither_learns_from_what_the_other_wants(pca: la.PCAAutoencoder) -> None:
    network, batch = begun(pca)
    network.seen += 10
    network.pull = 1e-9
    weak, critics = gradients(network, batch)
    network.pull = 0.5
    strong, same = gradients(network, batch)
    for one, other in zip(critics, same, strict=True):
        torch.testing.assert_close(one, other)  # whatever the decoder is told to heed
    assert any((a - b).abs().max() > 1e-6 for a, b in zip(weak, strong, strict=True))


def test_the_critic_keeps_quiet_at_first(pca: la.PCAAutoencoder) -> None:
    network, batch = begun(pca, pull=0.5, steps=100)
    early, none = gradients(network, batch)
    assert all(one is None for one in none)
    codes, plain = network.described(batch)
    network.zero_grad()
    drawn = network.decoder(codes, plain)
    errors = F.l1_loss(drawn, batch) + F.l1_loss(F.avg_pool2d(drawn, 2), F.avg_pool2d(batch, 2))
    (errors + 0.5 * PATCHES * patches_apart(drawn, batch, seed=0, step=1)).backward()
    for one, p in zip(early, network.decoder.parameters(), strict=True):
        torch.testing.assert_close(one, p.grad)
    network.seen.fill_(60)
    assert all(one is not None for one in gradients(network, batch)[1])


def test_the_mean_follows_the_weights(pca: la.PCAAutoencoder) -> None:
    network, batch = begun(pca)
    first = network.decoder.last.weight.detach().clone()
    network.loss(batch, batch, {})  # at the first step there is no mean yet
    torch.testing.assert_close(network.averaged.last.weight, first)
    with torch.no_grad():
        network.decoder.last.weight.add_(1.0)
    network.loss(batch, batch, {})
    kept = 1 / 11
    torch.testing.assert_close(network.averaged.last.weight, kept * first + (1 - kept) * (first + 1))


@pytest.mark.parametrize(
    "model",
    [
        la.PCAAutoencoder(6),
        la.ConvAutoencoder(6, channels=(8, 8)),
        la.ResidualAutoencoder(6, width=4),
        la.SearchAutoencoder(6),
    ],
    ids=lambda model: model.kind,
)
def test_every_kind_with_a_decoder_has_one_and_stays_as_it_is(model: Autoencoder, tmp_path: Path) -> None:
    pictures = waves(64, 16, 16)
    model.fit(pictures, run=tmp_path, **({"epochs": 1, "progress": False} if model.trains_in_epochs else {}))  # type: ignore[call-arg]
    digest, codes = model.digest, model.encode(pictures)
    plain = model.decode(codes)
    with pytest.raises(OptionError, match="no sharp decoder; train one with: lookalike sharpen RUN"):
        model.decode(codes, sharp=True)
    la.sharpen(model, pictures, run=tmp_path, **SMALL)
    assert model.digest == digest
    np.testing.assert_array_equal(model.encode(pictures), codes)
    np.testing.assert_array_equal(model.decode(codes), plain)
    drawn = model.decode(codes, sharp=True)
    assert np.abs(drawn - plain).max() > 1e-3
    for opened in (la.load_model(tmp_path), open_model(tmp_path)):
        np.testing.assert_allclose(opened.decode(codes, sharp=True), drawn, atol=1e-4)


def test_a_broken_training_ends_with_the_bits_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pca: la.PCAAutoencoder
) -> None:
    pictures, test = waves(96, 20, 18), waves(20, 20, 18, seed=9)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = {**SMALL, "recipe": replace(QUICK, epochs=4), "test": test}
    la.sharpen(la.PCAAutoencoder(6).fit(pictures), pictures, run=whole, **options)

    steps = 0

    def requested(_: StopRequest) -> bool:
        nonlocal steps
        steps += 1
        return steps in (2, 8)  # in the middle of the first epoch, and where the critic has begun

    with monkeypatch.context() as patched:
        patched.setattr(StopRequest, "requested", property(requested, lambda *_: None), raising=False)
        for _ in range(2):
            with pytest.raises(Interrupted, match="--resume"):
                la.sharpen(la.PCAAutoencoder(6).fit(pictures), pictures, run=broken, resume=True, **options)
    la.sharpen(la.PCAAutoencoder(6).fit(pictures), pictures, run=broken, resume=True, **options)
    model = la.PCAAutoencoder(6).fit(pictures)
    for name in (WEIGHTS, DESCRIPTION):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    for name in ("metrics.csv", "metrics.jsonl", "checkpoints/epoch-0004.safetensors"):
        assert (training_folder(broken, model) / name).read_bytes() == (
            training_folder(whole, model) / name
        ).read_bytes()
    with pytest.raises(RunError, match="add --resume"):
        la.sharpen(model, pictures, run=whole, **options)
    with pytest.raises(RunError, match=r"begun differently: model.parameters.pull was 0.02, is now 0.1"):
        la.sharpen(model, pictures, run=whole, resume=True, pull=0.1, **options)


def test_it_draws_more_detail_than_the_model() -> None:
    train, test = la.load("synthetic:200", size=16).split(0.2)
    model = la.PCAAutoencoder(8).fit(train)
    recipe = replace(RECIPES["sharp"], epochs=12, least_steps=0, learning_rate=0.03, flips=False)
    la.sharpen(model, train, recipe=recipe, width=8, pull=0.3, progress=False, device="cpu")
    codes = model.encode(test)
    drawn, plain = (detail_energy(model.decode(codes, sharp=sharp)).mean() for sharp in (True, False))
    assert plain < 0.6 * detail_energy(test.pixels / 255 - 0.5).mean()
    assert drawn > 1.07 * plain


def test_what_cannot_be_is_refused(pca: la.PCAAutoencoder, tmp_path: Path) -> None:
    pictures = waves(40, 20, 18)
    for options, said in (({"width": 0}, "width is 0"), ({"pull": 2.0}, "pull is 2"), ({"resume": True}, "give run=")):
        with pytest.raises(OptionError, match=said):
            la.sharpen(pca, pictures, progress=False, **options)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="this model takes"):
        la.sharpen(pca, waves(40, 16, 16), progress=False)
    with pytest.raises(OptionError, match="has no code"):
        la.sharpen(la.UNetDenoiser(width=4).initialise((16, 16, 3)), waves(40, 16, 16), progress=False)
    conv = la.ConvAutoencoder(4, channels=(8, 8)).initialise((20, 18, 3))
    conv.save(tmp_path)
    with pytest.raises(OptionError, match="learns nothing"):
        la.sharpen(open_model(tmp_path), pictures, progress=False)
