"""Training of the oracle: cross-entropy a factor, regression of positions, and clean against spoilt renders."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.rng import rand, randint, randn
from studio.domains.pocket.dataset import SceneSet
from studio.domains.pocket.oracle import Oracle
from studio.domains.pocket.scene import FACTORS

Batch = tuple[Tensor, dict[str, Tensor], Tensor]


class OracleConfig(MethodConfig):
    batch: int = Field(64, ge=2)
    lr: float = Field(2e-3, gt=0)


class OracleTraining(Method[OracleConfig]):
    """One network, one loss. Batches are half clean (all heads learn) and half spoilt (the clean head learns)."""

    card = Card(
        title="Oracle",
        paper="our own; the evaluation classifier of Pocket World",
        status="our formulation",
        good_for="reading factors back from pictures",
    )
    Config = OracleConfig

    def __init__(self, config: OracleConfig, streams: Streams, oracle: Oracle, data: SceneSet):
        super().__init__(config, streams)
        self.oracle, self.data = oracle, data
        self.trained = {"oracle": Trained(oracle, config.lr, betas=(0.9, 0.99), weight_decay=1e-4, ema=0.998)}

    def batch(self) -> Batch:
        index, device = randint(len(self.data), (self.config.batch,), self.streams["data"]).cpu(), self.streams.device
        truth = {k: v[index].to(device) for k, v in self.data.labels.items()}
        values = torch.stack([self.data.values[k][index] for k in self.data.values], 1).to(device)
        return self.data.images(index).to(device), truth, values

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        images, truth, values = batch
        self.oracle.train()
        g = self.streams["noise"]
        mild = soften(images, g)
        bad = spoil(images[: len(images) // 2], g)
        _, logits, continuous, clean = self.oracle(torch.cat([mild, bad]))
        n = len(images)
        loss = torch.stack([F.cross_entropy(logits[k][:n], truth[k]) for k in FACTORS]).sum()
        position = (continuous[:n] - values).abs().mean()
        is_clean = (torch.arange(len(clean), device=clean.device) < n).float()
        cleanness = F.binary_cross_entropy_with_logits(clean, is_clean)
        right = torch.stack([(logits[k][:n].argmax(1) == truth[k]).float().mean() for k in FACTORS])
        self.log.update(accuracy=float(right.mean()), position=float(position.detach()), clean=float(cleanness.detach()))
        yield "oracle", loss + 20 * position + cleanness


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, sigma in pixels."""
    radius = max(1, round(2.5 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).repeat(3, 1, 1, 1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def soften(images: Tensor, g: torch.Generator) -> Tensor:
    """Changes too small for a person to mind (still clean): faint blur, faint noise, faint tint."""
    u = rand((4,), g)
    out = images
    if u[0] < 0.5:
        out = blur(out, float(0.25 + 0.4 * u[1]) * images.shape[-1] / 128 + 0.1)
    tint = 1 + 0.03 * randn((len(images), 3, 1, 1), g)
    noise = 0.02 * float(u[2]) * randn(images.shape, g)
    return (out * tint + noise).clamp(0, 1)


def spoil(images: Tensor, g: torch.Generator) -> Tensor:
    """Renders no more: heavy blur, heavy noise, two scenes blended, or patches of two scenes mixed."""
    n, _, h, _ = images.shape
    other = images[torch.randperm(n, generator=g, device=g.device)]
    kinds = randint(4, (n,), g)
    strength = rand((n, 1, 1, 1), g)
    grid = (rand((n, 1, 4, 4), g) < 0.5).float()
    mask = F.interpolate(grid, size=h, mode="nearest")
    unit = h / 128
    options = (
        blur(images, float(1.8 + 2.5 * rand((1,), g)) * unit + 0.3),
        images + (0.08 + 0.2 * strength) * randn(images.shape, g),
        images * (0.35 + 0.3 * strength) + other * (0.65 - 0.3 * strength),
        images * mask + other * (1 - mask),
    )
    out = torch.stack(options)[kinds, torch.arange(n, device=kinds.device)]
    return out.clamp(0, 1)
