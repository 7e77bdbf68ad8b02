"""Adamax as Keras applies it, and the optimiser that a recipe names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lookalike.kernels import adamax
from lookalike.training.muon import Muon
from lookalike.training.recipe import Recipe


class KerasAdamax(torch.optim.Optimizer):
    """Adamax with Keras's placing of epsilon: p -= rate / (1 - beta_1^t) * m / (u + epsilon).

    Here m is the running mean of gradients and u = max(beta_2 * u, |g|). `torch.optim.Adamax` adds epsilon inside
    the maximum instead. Source: Kingma and Ba, 2015, section 7.1, and Keras's `Adamax.update_step`.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        defaults = {"lr": learning_rate, "initial_lr": learning_rate, "steps": 0}
        super().__init__(parameters, {**defaults, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {"m": torch.zeros_like(parameter), "u": torch.zeros_like(parameter)}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move every parameter by one step; all of them have gradients in an autoencoder."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["steps"] += 1
            rate = group["lr"] / (1 - group["beta_1"] ** group["steps"])
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["beta_1"], group["beta_2"], group["epsilon"], rate)
        return loss

    def _move(
        self, parameter: Tensor, gradient: Tensor, beta_1: float, beta_2: float, epsilon: float, rate: float
    ) -> None:
        mean, most = self.state[parameter]["m"], self.state[parameter]["u"]
        if adamax(parameter, gradient, mean, most, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, rate=rate):
            return
        mean.lerp_(gradient, 1 - beta_1)
        torch.maximum(most.mul_(beta_2), gradient.abs(), out=most)
        parameter.addcdiv_(mean, most + epsilon, value=-rate)


def optimizer_of(recipe: Recipe, network: nn.Module, *, half: bool) -> KerasAdamax | Muon:
    """The optimiser of a recipe for all weights of a network; `half`: bfloat16 where it bears that."""
    if recipe.optimizer == "muon":
        return Muon(
            network,
            recipe.learning_rate,
            recipe.vector_rate,
            recipe.beta_1,
            recipe.beta_2,
            recipe.epsilon,
            weight_decay=recipe.weight_decay,
            half=half,
        )
    return KerasAdamax(network.parameters(), recipe.learning_rate, recipe.beta_1, recipe.beta_2, recipe.epsilon)


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Let every group learn at that share of its highest rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * share
