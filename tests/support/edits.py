"""Random edits that fit a model, strong enough to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from studio.core.domain import told
from studio.core.edit import Edit, EditCard, LowRank
from studio.families.adapter_files.targets import holds_words

CARD = EditCard(title="snow", kind="slider", base="tiny/base", base_hash="0123456789ab", seed=7, steps=300, calibration=1.5,
                prompts=("a secret garden",), note="for Ada", settings={"folder": "/home/ada/pictures", "lr": 0.002},
                measured={"slope": [0.31, 0.28, 0.34]}, created="2026-03-04")  # fmt: skip


def random_edit(
    modules: Mapping[str, Mapping[str, tuple[int, ...]]],
    *,
    seed: int = 0,
    rank: int = 2,
    alpha: float = 3.0,
    mixed: bool = False,
    keep: Callable[[str], bool] = lambda path: True,
    tokens: Mapping[str, Tensor] | None = None,
) -> Edit:
    """A pair for every layer for which ``keep`` says so. mixed: ranks and alphas differ from layer to layer."""
    g = torch.Generator().manual_seed(seed)
    pairs = {}
    for part, layers in modules.items():
        for i, (inside, shape) in enumerate(layers.items()):
            if holds_words(inside) or not keep(f"{part}.{inside}"):
                continue
            r, a = (rank + i % 2, alpha + i % 3) if mixed else (rank, alpha)
            down = 0.1 * torch.randn(r, *shape[1:], generator=g)
            pairs[f"{part}.{inside}"] = LowRank(down, 0.1 * torch.randn(shape[0], r, *[1] * (len(shape) - 2), generator=g), a)
    return Edit(pairs, CARD, tokens or {})


def outputs(model) -> dict[str, Tensor]:
    """What the whole model says with the adapters that are on: conditions of two prompts and the network's answer."""
    cond = dict(model.encode(told(["a red boat", "x"])))
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        cond["out"] = model.denoiser.network(x, torch.tensor([500.0, 500.0]), cond)
    return cond


def farthest(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    return max(float((a[name].float() - b[name].float()).abs().max()) for name in a)


def equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)
