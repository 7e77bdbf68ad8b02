"""Adamax as Keras applies it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


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
        super().__init__(
            parameters,
            {"lr": learning_rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "steps": 0},
        )
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
            parameters = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in parameters]
            means = [self.state[p]["m"] for p in parameters]
            maxima = [self.state[p]["u"] for p in parameters]
            torch._foreach_lerp_(means, gradients, 1 - group["beta_1"])
            torch._foreach_mul_(maxima, group["beta_2"])
            torch._foreach_maximum_(maxima, torch._foreach_abs(gradients))
            rate = group["lr"] / (1 - group["beta_1"] ** group["steps"])
            torch._foreach_addcdiv_(parameters, means, torch._foreach_add(maxima, group["epsilon"]), value=-rate)
        return loss
