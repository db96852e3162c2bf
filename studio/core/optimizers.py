"""AdamW with its moments in 32 or 8 bits, and Muon for the hidden matrices of networks trained from scratch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn

from studio.core.weights import State

Optimizer = Literal["adamw", "adamw8bit", "muon"]
# Both keep small tensors (below 4,096 numbers) in 32 bits. torchao compiles its step, which takes a minute at the start.
EIGHT_BIT = {"bitsandbytes": "bitsandbytes.optim", "torchao": "torchao.optim"}


def make_optimizer(
    kind: Optimizer, module: nn.Module, *, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101); "adamw8bit" stores both moments in blocks of 8-bit numbers with a
    scale each (Dettmers et al. 2022, arXiv 2110.02861): 2 bytes a weight instead of 8. "muon": see `Muon`.

    ValueError in one sentence when no package here has it.
    """
    settings: _Settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
    if kind == "adamw":
        return torch.optim.AdamW(module.parameters(), fused=True, **settings)
    if kind == "muon":
        return Muon(module, **settings)
    for package in EIGHT_BIT.values():
        try:
            return importlib.import_module(package).AdamW8bit(list(module.parameters()), **settings)
        except (ImportError, OSError, AttributeError):  # not installed, or not for this machine
            continue
    raise ValueError(f"The optimiser adamw8bit needs the package {' or '.join(EIGHT_BIT)}; install one, or choose adamw.")


class _Settings(TypedDict):
    lr: float
    betas: tuple[float, float]
    weight_decay: float


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") for every matrix inside a network,
    AdamW for the rest: embeddings, the first and the last layer, gains and biases.

    A matrix moves by the nearest orthogonal one to its momentum, found by five Newton–Schulz steps, times `PACE` × lr ×
    √max(1, rows / columns); a filter [out, in, h, w] is a matrix [out, in · h · w]. `lr` is AdamW's; with 8e-4 matrices move
    at 0.02. Weight decay is AdamW's alone. One learning rate for both, so that `set_rate` knows nothing of it.
    """

    PACE, MOMENTUM, STEPS = 25.0, 0.95, 5

    def __init__(self, module: nn.Module, *, lr: float, betas: tuple[float, float], weight_decay: float):
        hidden, rest = _hidden(module)
        super().__init__([{"params": hidden}, {"params": rest}], {"lr": lr})
        self.adamw = torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        hidden, rest = self.param_groups
        set_rate(self.adamw, rest["lr"])
        self.adamw.step()
        alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for p in hidden["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            momentum = state.setdefault("momentum", torch.zeros_like(p))
            momentum.lerp_(p.grad, 1 - self.MOMENTUM)
            ahead = p.grad.lerp(momentum, self.MOMENTUM).flatten(1)  # Nesterov's
            alike.setdefault((ahead.shape[0], ahead.shape[1]), []).append((p, ahead))
        for (rows, columns), pairs in alike.items():
            moves = orthogonal(torch.stack([ahead for _, ahead in pairs]), self.STEPS)
            for (p, _), move in zip(pairs, moves, strict=True):
                far = self.PACE * hidden["lr"] * max(1.0, rows / columns) ** 0.5
                p.sub_(move.view(p.shape).to(p.dtype), alpha=far)

    def state_dict(self) -> State:
        return {"matrices": super().state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state_dict: State) -> None:
        super().load_state_dict(state_dict["matrices"])
        self.adamw.load_state_dict(state_dict["adamw"])


def _hidden(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(matrices inside the network, everything else) among what is trained."""
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, p in module.named_parameters():
        if p.requires_grad:
            inside = p.ndim >= 2 and id(p) not in tables and not {"conv_in", "conv_out"} & set(name.split("."))
            (hidden if inside else rest).append(p)
    return hidden, rest


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix of each of [n, rows, columns], roughly: singular values end between 0.7 and 1.2.

    The quintic Newton–Schulz iteration with Jordan's coefficients, in bf16 on a GPU; many CPUs are several times faster in fp32.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.float() if matrices.device.type == "cpu" else matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Learning rate of all groups, whether the optimiser keeps it as a number or as a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
