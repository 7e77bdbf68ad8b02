"""The optimisers that a recipe may name: Adamax as Keras applies it, and Muon.

Muon is momentum whose matrices are made orthogonal, so that every direction of a layer learns at one pace. Source:
Jordan and others, 2024 ("Muon: an optimizer for hidden layers in neural networks"); the polynomials are the first
ones of Amsel and others, 2025 ("The Polar Express").
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lookalike.kernels import adamax
from lookalike.training.recipe import Recipe

POLYNOMIALS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)
"""Coefficients of x, x^3 and x^5, one triple a step: these three lead as far as five steps of Muon's own."""
ADAM_BETA_1 = 0.9

Each = Callable[[Callable[[Tensor], Tensor], Sequence[Tensor], torch.dtype], Iterable[Tensor]]
"""Work done on each of some tensors, with results of the same shapes and of that type: `Ranks.each`."""


def _learning(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network that are trained."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _moved(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Those that have gradients, and these."""
    found = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    return [parameter for parameter, _ in found], [gradient for _, gradient in found]


def one_by_one(work: Callable[[Tensor], Tensor], given: Sequence[Tensor], dtype: torch.dtype) -> Iterable[Tensor]:
    """By this process alone."""
    return map(work, given)


class Optimizer(torch.optim.Optimizer):
    """What both have in common; the first group's "steps" counts the steps that were made."""

    # PyTorch hides these from its compiler by importing it, which takes longer than a first epoch of few pictures.
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move every parameter by one step, but those that the loss of this batch has given no gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self._step()
        return loss

    @abstractmethod
    def _step(self) -> None:
        """Move every parameter, without gradients of its own."""

    def set_rate(self, share: float) -> None:
        """Let every group learn at that share of its highest rate."""
        for group in self.param_groups:
            group["lr"] = group["initial_lr"] * share


class KerasAdamax(Optimizer):
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

    def _step(self) -> None:
        for group in self.param_groups:
            group["steps"] += 1
            rate = group["lr"] / (1 - group["beta_1"] ** group["steps"])
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["beta_1"], group["beta_2"], group["epsilon"], rate)

    def _move(
        self, parameter: Tensor, gradient: Tensor, beta_1: float, beta_2: float, epsilon: float, rate: float
    ) -> None:
        mean, most = self.state[parameter]["m"], self.state[parameter]["u"]
        if adamax(parameter, gradient, mean, most, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, rate=rate):
            return
        mean.lerp_(gradient, 1 - beta_1)
        torch.maximum(most.mul_(beta_2), gradient.abs(), out=most)
        parameter.addcdiv_(mean, most + epsilon, value=-rate)


class Muon(Optimizer):
    """Muon, with decoupled weight decay, for weights of two and more axes; Adam for biases and other vectors.

    A convolution's kernel is one matrix, (outputs, inputs and places), a transposed convolution's too. `half` lets the
    orthogonalisation run in bfloat16, which it bears; `each` may share it out.
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float,
        vector_rate: float,
        momentum: float,
        beta_2: float,
        epsilon: float,
        *,
        weight_decay: float = 0.0,
        half: bool,
        each: Each = one_by_one,
    ) -> None:
        parameters = _learning(network)
        rates = {"initial_lr": learning_rate, "lr": learning_rate}, {"initial_lr": vector_rate, "lr": vector_rate}
        matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
        groups = [{"params": members, **rate} for members, rate in zip((matrices, vectors), rates, strict=True)]
        shared = {"weight_decay": weight_decay, "steps": 0}
        super().__init__(groups, {**shared, "momentum": momentum, "beta_2": beta_2, "epsilon": epsilon})
        self.half = half
        self.each = each
        self._outputs_second = {
            id(module.weight) for module in network.modules() if isinstance(module, nn.ConvTranspose2d)
        }
        for parameter in matrices:
            self.state[parameter] = {"momentum": torch.zeros_like(parameter)}
        for parameter in vectors:
            self.state[parameter] = {"mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}

    def _step(self) -> None:
        matrices, vectors = self.param_groups
        matrices["steps"] += 1
        if matrices["params"]:
            self._move_matrices(matrices)
        if vectors["params"]:
            self._move_vectors(vectors, matrices["steps"])

    def _move_matrices(self, group: dict[str, Any]) -> None:
        parameters, gradients = _moved(group["params"])
        momenta = [self.state[p]["momentum"] for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        # Nesterov's look ahead
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        orders = [_as_matrix(p.ndim, second=id(p) in self._outputs_second) for p in parameters]
        matrices = [direction.permute(order).flatten(1) for direction, order in zip(ahead, orders, strict=True)]
        made = self.each(partial(orthogonal, half=self.half), matrices, torch.bfloat16 if self.half else torch.float32)
        for parameter, order, step in zip(parameters, orders, made, strict=True):
            # A tall matrix has fewer directions than outputs; this keeps the change of each output alike.
            scale = max(1.0, step.shape[0] / step.shape[1]) ** 0.5
            arranged = parameter.permute(order)
            arranged.add_(step.to(parameter.dtype).view(arranged.shape), alpha=-group["lr"] * scale)

    def _move_vectors(self, group: dict[str, Any], steps: int) -> None:
        parameters, gradients = _moved(group["params"])
        means = [self.state[p]["mean"] for p in parameters]
        squares = [self.state[p]["square"] for p in parameters]
        torch._foreach_lerp_(means, gradients, 1 - ADAM_BETA_1)
        torch._foreach_mul_(squares, group["beta_2"])
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["beta_2"])
        roots = torch._foreach_sqrt(torch._foreach_div(squares, 1 - group["beta_2"] ** steps))
        torch._foreach_add_(roots, group["epsilon"])
        torch._foreach_addcdiv_(parameters, means, roots, value=-group["lr"] / (1 - ADAM_BETA_1**steps))


def orthogonal(matrix: Tensor, *, half: bool) -> Tensor:
    """Roughly the nearest matrix with orthonormal rows or columns: its singular values lie between 0.2 and 1.9.

    Singular values of less than about 0.03 of the matrix's norm stay smaller. `half`: in bfloat16, the result too.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if tall else matrix
    x = x.to(torch.bfloat16) if half else x
    x = x / (x.norm() * 1.01 + 1e-12)  # polynomials hold for singular values up to 1, and bfloat16 rounds
    x = _by_small_matrix(x) if not half and x.shape[1] >= LONG * x.shape[0] else _by_whole_matrix(x)
    return (x.t() if tall else x).contiguous()


LONG = 2
"""Times as many columns as rows, from which on the small matrix of products of rows saves more than it takes."""


def _by_whole_matrix(x: Tensor) -> Tensor:
    """One polynomial after the other, each of the whole matrix: 6 m^2 n + 3 m^3 products for (m, n)."""
    for a, b, c in POLYNOMIALS:
        gram = x @ x.t()
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _by_small_matrix(x: Tensor) -> Tensor:
    """All polynomials of the matrix of products of rows, then of the whole: 2 m^2 n + 9 m^3 products for (m, n).

    Each is p(g) x with g = x x^T, and the next one's g is p(g) g p(g). In bfloat16 that would be too coarse, by up to
    1.2 in a singular value.
    """
    gram, whole = x @ x.t(), None
    for i, (a, b, c) in enumerate(POLYNOMIALS):
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        whole = polynomial if whole is None else polynomial @ whole
        if i + 1 < len(POLYNOMIALS):
            gram = polynomial @ gram @ polynomial
    assert whole is not None
    return whole @ x


def _as_matrix(axes: int, *, second: bool) -> tuple[int, ...]:
    """The order of axes that puts the outputs first; a kernel's places go before its inputs, as they lie in memory."""
    if axes == 2:
        return (0, 1)
    return (1, 2, 3, 0) if second else (0, 2, 3, 1)


def optimizer_of(recipe: Recipe, network: nn.Module, *, half: bool, each: Each = one_by_one) -> Optimizer:
    """The optimiser of a recipe for all weights of a network; `half` and `each` as for `Muon`."""
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
            each=each,
        )
    return KerasAdamax(_learning(network), recipe.learning_rate, recipe.beta_1, recipe.beta_2, recipe.epsilon)
