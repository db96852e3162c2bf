"""Least squares over what layers read: which change of their weights makes prompts read as others, and leaves the rest alone.

A layer W reads rows c of conditions. With G the mean over prompts of Σ c cᵀ, and D that of Σ (c_o − c_f) c_fᵀ over pairs,

    Δ = W (s D) (λ 1 + s G_f + p G_r)⁻¹

minimises s ‖(W + Δ) c_f − W c_o‖² + p ‖Δ c_r‖² + λ ‖Δ‖² (Gandikota et al. 2024, arXiv 2308.14761, equation 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.material import ConditionalNetwork
from studio.methods.unlearn.forgetting import Matter, rows

AT_ONCE = 32  # prompts that go through the network together
Moments = dict[str, Tensor]  # layer -> [in, in] float64


class Readers:
    """Linear layers of a network that read conditions. Layers that read one and the same tensor share their moments."""

    def __init__(self, network: ConditionalNetwork, layers: Mapping[str, nn.Module], matter: Matter, g: torch.Generator):
        if any(not isinstance(layer, nn.Linear) for layer in layers.values()):
            raise ValueError("a closed form was asked for layers that are not linear; keys and values of the attention would fit")
        self.network, self.layers, self.matter, self.g = network, dict(layers), matter, g

    def pairs(self, forget: Cond, becomes: Cond, after: bool = False) -> tuple[Moments, Moments]:
        """(G_f, D). after: of the places behind the first at which two prompts differ alone, which is where the concept
        itself stands; what the others read of it is all that differs there."""

        def moments(at: Tensor, instead: Tensor) -> tuple[Tensor, Tensor]:
            if after:
                differ = ((at - instead).norm(dim=-1) > 1e-4 * at.norm(dim=-1)).long()
                behind = (differ.cumsum(1) > 0) & ~((differ.cumsum(1) == 1) & (differ == 1))
                at, instead = at * behind[..., None], instead * behind[..., None]
            return _gram(at, at), _gram(instead - at, at)

        n = _count(forget)
        gram, moved = Moments(), Moments()
        for i in range(0, n, AT_ONCE):
            index = list(range(i, min(i + AT_ONCE, n)))
            at, instead = self._read(rows(forget, index)), self._read(rows(becomes, index))
            for place, (one, other) in self._shared(at, instead, moments).items():
                gram[place] = gram.get(place, 0) + one / n
                moved[place] = moved.get(place, 0) + other / n
        return gram, moved

    def alone(self, cond: Cond) -> Moments:
        """G of conditions."""
        n, gram = _count(cond), Moments()
        for i in range(0, n, AT_ONCE):
            at = self._read(rows(cond, list(range(i, min(i + AT_ONCE, n)))))
            for place, (one, _) in self._shared(at, at, lambda a, b: (_gram(a, a), b)).items():
                gram[place] = gram.get(place, 0) + one / n
        return gram

    def staying(self) -> Moments:
        """G of what must stay, and of prompts that say nothing, which guidance asks for."""
        cond = self.matter.staying()
        nothing = self.alone(self.matter.null(rows(cond, [0])))
        return {place: gram + nothing[place] for place, gram in self.alone(cond).items()}

    def weight(self, place: str) -> Tensor:
        """[out, in] float64."""
        return self.layers[place].get_parameter("weight").detach().double()

    @torch.no_grad()
    def _read(self, cond: Cond) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        x = self.matter.noise(cond, self.g)
        with _listening(self.layers, found):
            self.network(x, torch.zeros(len(x), device=x.device), cond)
        return found

    def _shared(
        self, at: Mapping[str, Tensor], instead: Mapping[str, Tensor], make: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """`make` of every layer's inputs, once where layers read the same tensor."""
        made: dict[int, tuple[Tensor, Tensor]] = {}
        for place, tensor in at.items():
            if id(tensor) not in made:
                made[id(tensor)] = make(tensor.double(), instead[place].double())
        return {place: made[id(tensor)] for place, tensor in at.items()}


def solved(weight: Tensor, moved: Tensor, gram: Tensor, ridge: float) -> Tensor:
    """W D (λ 1 + G)⁻¹ [out, in]."""
    whole = gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(whole, (weight @ moved).T).T


def _gram(a: Tensor, b: Tensor) -> Tensor:
    """Σ over samples and places of a bᵀ, [in, in]."""
    return a.flatten(0, -2).T @ b.flatten(0, -2)


def _count(cond: Cond) -> int:
    return len(next(iter(cond.values())))


@contextmanager
def _listening(layers: Mapping[str, nn.Module], found: dict[str, Tensor]) -> Iterator[None]:
    def hook(place: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(layer: nn.Module, inputs: Sequence[Tensor], output: Tensor) -> None:
            found[place] = inputs[0]

        return keep

    handles = [layer.register_forward_hook(hook(place)) for place, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
