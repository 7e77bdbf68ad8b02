"""A sharp decoder as the training loop sees it: over a frozen model, with its critic, in one loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.models.base import Autoencoder
from lookalike.models.layers import initialise_as_keras
from lookalike.models.modules import torch_sides
from lookalike.models.sharp_network import SharpNetwork
from lookalike.sharpening.critic import Critic
from lookalike.sharpening.patches import patches_apart
from lookalike.training.objective import Loss, Trainable

AVERAGED = 0.995
"""Share of the mean of weights that a step keeps; the mean is what draws in the end."""
QUIET, RISE = 0.3, 0.2
"""Shares of all steps: without a critic, and over which its pull then rises to the whole."""
MATCH = 10.0
"""Weight of the critic's features beside its verdict, as pix2pixHD has it."""
PATCHES = 20.0
"""Weight of the distance of patches beside the critic's verdict."""


class Described(NamedTuple):
    """What the frozen model makes of pictures: codes (N, K), and its own drawing of these (N, C, H, W)."""

    codes: Tensor
    plain: Tensor


class Sharpening(Trainable):
    """The decoder that is trained, the mean of its weights over the last steps, and the critic while there is need.

    Args:
        model: fitted, with a code and a decoder; it stays as it is.
        width: channels at half the picture's sides.
        pull: weight of what asks for detail, critic and distance of patches, beside the mean absolute error.
        seed: of the initial weights, and of what patches are looked at and how.
        steps: of the whole training, which the critic's part is a share of.
    """

    seen: Tensor

    def __init__(self, model: Autoencoder, width: int, pull: float, seed: int, steps: int) -> None:
        super().__init__()
        self.decoder = SharpNetwork(model.image_shape_, model.code_size, width)
        self.critic = Critic(model.image_shape_[2])
        initialise_as_keras(self, seed)
        with torch.no_grad():
            self.decoder.last.weight.zero_()  # so that it begins at the plain picture
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.decoder).requires_grad_(False)
        self.register_buffer("seen", torch.zeros((), dtype=torch.float32))
        self.pull, self.seed = pull, seed
        self.quiet, self.rise = round(QUIET * steps), max(1, round(RISE * steps))
        # In a tuple, so that they are no children: neither trained nor kept in checkpoints.
        self.frozen = tuple(side.requires_grad_(False) for side in torch_sides(model))

    def scale_codes(self, mean: Tensor, deviation: Tensor) -> None:
        """Take the mean and the deviations (K,) of the codes of the training."""
        for network in (self.decoder, self.averaged):
            network.mean.copy_(mean)
            network.deviation.copy_(deviation)

    def described(self, images: Tensor) -> Described:
        """By the frozen model, in float32 whatever surrounds it, as it describes and draws everywhere."""
        encoder, decoder = (side.to(images.device) for side in self.frozen)
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            codes: Tensor = encoder(images)
            return Described(codes, decoder(codes).contiguous(memory_format=torch.channels_last))

    def forward(self, images: Tensor) -> Tensor:
        """Draw float32 (N, C, H, W) in [-0.5, 0.5] again, by the mean of the weights."""
        pictures: Tensor = self.averaged(*self.described(images))
        return pictures

    def loss(self, shown: Tensor, given: Tensor, extras: Mapping[str, Tensor]) -> Loss:
        """Absolute errors, how far apart patches are and, later on, what the critic says; and the critic's own loss.

        All are minimised at once by one optimiser: the critic's weights are held still where the decoder is judged, and
        pictures where the critic learns, so that neither has the other's gradient.
        """
        codes, plain = self.described(given)
        drawn = self.decoder(codes, plain)
        mse = F.mse_loss(drawn, shown)
        total = F.l1_loss(drawn, shown) + F.l1_loss(F.avg_pool2d(drawn, 2), F.avg_pool2d(shown, 2))
        step = self._counted()
        if self.pull:
            total = total + self.pull * PATCHES * patches_apart(drawn, shown, self.seed, step)
        if self.pull and step > self.quiet:
            pull = self.pull * min(1.0, (step - self.quiet) / self.rise)
            total = total + self._judged(drawn, shown, plain, pull)
        return Loss(total, mse)

    def _counted(self) -> int:
        """The number of this step, before which the mean takes in what the last one has led to."""
        with torch.no_grad():
            kept = min(AVERAGED, float(self.seen / (self.seen + 10)))
            for mean, own in zip(self.averaged.parameters(), self.decoder.parameters(), strict=True):
                mean.lerp_(own, 1 - kept)
            self.seen += 1
        return int(self.seen)

    def _judged(self, drawn: Tensor, shown: Tensor, plain: Tensor, pull: float) -> Tensor:
        """The critic's hinge loss (Lim and Ye, 2017), and the decoder's part in it."""
        both = self.critic(torch.cat([shown, drawn.detach()]), torch.cat([plain, plain]))
        real, false = both.patches.float().chunk(2)
        hinge = F.relu(1 - real).mean() + F.relu(1 + false).mean()
        own = self.critic(drawn, plain, frozen=True)
        match = torch.stack(
            [
                F.l1_loss(mine, theirs.chunk(2)[0].detach())
                for mine, theirs in zip(own.features, both.features, strict=True)
            ]
        ).mean()
        result: Tensor = hinge + pull * (MATCH * match - own.patches.float().mean())
        return result


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Copies on the CPU, by name."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
