"""Training of the oracle: a cross-entropy a factor and for the count, regression of positions, and clean against spoilt.

A third of what is learned from is attacked beforehand: one signed step of gradient within 4/255 of the picture (Goodfellow et
al. 2015; from a random start, Wong et al. 2020). Objectives that follow the oracle's gradient would otherwise find what no
person sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.rng import rand, randint
from studio.domains.pocket import spoils
from studio.domains.pocket.dataset import SceneSet, rendered, scenes, to_images
from studio.domains.pocket.oracle import Oracle
from studio.domains.pocket.pretrain.measure import reconstruct
from studio.domains.pocket.scene import COUNT, FACTORS, Scene

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

EPSILON = 4 / 255
UNKNOWN = -100  # cross-entropy leaves it out


@dataclass
class SpoiltSet:
    """Drawn spoils, made once: uint8 [N, H, W, 3], and what is true of each, by factor and the count; `UNKNOWN` if hidden."""

    pixels: np.ndarray
    truth: dict[str, Tensor]
    shows: Tensor  # 1 recognisable, 0 not, UNKNOWN

    def __len__(self) -> int:
        return len(self.pixels)


def kind_of(i: int) -> str:
    """Drawn spoils take turns."""
    return list(spoils.DRAWN)[i % len(spoils.DRAWN)]


def _drawn(numbered: Sequence[tuple[int, Scene]], size: int) -> np.ndarray:
    return np.stack([spoils.drawn(kind_of(i), s, np.random.default_rng([i, size]), size) for i, s in numbered])


def spoilt_set(folder: Path, n: int, size: int, seed: int) -> SpoiltSet:
    """``n`` drawn spoils of every kind in turn, of scenes of their own seed, in ``folder``."""
    numbered = list(enumerate(scenes(n, seed)))
    pixels = rendered(folder / f"spoilt-{size}px-{n}-seed{seed}.npy", numbered, size, _drawn)
    rows = [spoils.truth(kind_of(i), s.labels(), UNKNOWN) for i, s in numbered]
    truth = {name: torch.tensor([row[name] for row in rows]) for name in (*FACTORS, COUNT)}
    return SpoiltSet(pixels, truth, torch.tensor([_shows(kind_of(i)) for i in range(n)]))


def _shows(kind: str) -> int:
    shown = spoils.SHOWS[kind]
    return UNKNOWN if shown is None else int(shown)


def restored_set(path: Path, vae: AutoencoderTiny, pixels: np.ndarray, n: int) -> np.ndarray:
    """The first ``n`` pictures written and read by an autoencoder, uint8 [n, H, W, 3], in ``path``: made once."""
    if not path.exists():
        parts = [reconstruct(vae, to_images(pixels[i : min(i + 500, n)])) for i in range(0, n, 500)]
        images = torch.cat(parts).permute(0, 2, 3, 1)
        np.save(path, (images * 255).round().to(torch.uint8).numpy())
    return np.load(path, mmap_mode="c")


@dataclass
class Batch:
    """clean [n, 3, H, W] and drawn spoils [m, 3, H, W], each with their truth; shows [m]: whether the spoils are recognisable."""

    clean: Tensor
    truth: dict[str, Tensor]
    values: Tensor
    drawn: Tensor
    drawn_truth: dict[str, Tensor]
    shows: Tensor


class OracleConfig(MethodConfig):
    batch: int = Field(40, ge=4, description="Clean pictures an update; about as many spoilt ones come beside them")
    lr: float = Field(2e-3, gt=0)
    attacked: float = Field(0.15, ge=0, le=1, description="Share of the pictures attacked beforehand")
    restored: float = Field(0.3, ge=0, le=1, description="Share of pictures shown as the size's autoencoder restores them")
    kinds: int = Field(5, ge=1, description="Spoils of finished pictures an update")


class OracleTraining(Method[OracleConfig]):
    """One network, one loss. Clean pictures teach all heads, spoilt ones that they are, and what they leave readable."""

    card = Card(
        title="Oracle",
        paper="our own; the evaluation classifier of Pocket World",
        status="our formulation",
        good_for="reading factors back from pictures",
    )
    Config = OracleConfig

    def __init__(
        self,
        config: OracleConfig,
        streams: Streams,
        oracle: Oracle,
        data: SceneSet,
        spoilt: SpoiltSet,
        restored: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        """restored: the first of the clean and of the spoilt pictures, as an autoencoder writes and reads them. What models draw
        has gone through one; a gate that takes its marks for spoils would grade the autoencoder."""
        super().__init__(config, streams)
        self.oracle, self.data, self.spoilt, self.restored = oracle, data, spoilt, restored
        self.trained = {"oracle": Trained(oracle, config.lr, betas=(0.9, 0.99), weight_decay=1e-4, ema=0.998)}

    def batch(self) -> Batch:
        g, device = self.streams["data"], self.streams.device
        index = randint(len(self.data), (self.config.batch,), g).cpu()
        bad = randint(len(self.spoilt), (self.config.batch * 3 // 4,), g).cpu()
        truth = {k: v[index].to(device) for k, v in self.data.labels.items()}
        values = torch.stack([self.data.values[k][index] for k in self.data.values], 1).to(device)
        clean, drawn = self.data.pixels[index.numpy()], self.spoilt.pixels[bad.numpy()]
        if self.restored is not None:
            clean, drawn = self._restored(clean, index, self.restored[0]), self._restored(drawn, bad, self.restored[1])
        truth[COUNT] = torch.ones(len(index), dtype=torch.int64, device=device)
        left = {k: v[bad].to(device) for k, v in self.spoilt.truth.items()}
        shows = self.spoilt.shows[bad].to(device)
        return Batch(to_images(clean).to(device), truth, values, to_images(drawn).to(device), left, shows)

    def _restored(self, pixels: np.ndarray, index: Tensor, restored: np.ndarray) -> np.ndarray:
        """A share of the pictures exchanged for what the autoencoder makes of them."""
        chosen = (rand((len(index),), self.streams["data"]).cpu() < self.config.restored) & (index < len(restored))
        pixels[chosen.numpy()] = restored[index[chosen].numpy()]
        return pixels

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        g, n = self.streams["noise"], len(batch.clean)
        mild, drawn = _half_softened(batch.clean, g), _half_softened(batch.drawn, g)
        more, left, shows = self._of_images(mild, batch.truth, g)
        images = torch.cat([mild, drawn, more])
        truth = {k: torch.cat([batch.truth[k], batch.drawn_truth[k], left[k]]) for k in batch.truth}
        is_clean = (torch.arange(len(images), device=images.device) < n).long()
        judged = torch.stack([is_clean, torch.cat([torch.ones_like(is_clean[:n]), batch.shows, shows])], 1)
        chosen = rand((len(images),), g) < self.config.attacked
        if chosen.any():
            here = {k: v[chosen] for k, v in truth.items()}
            images[chosen] = self._attacked(images[chosen], here, judged[chosen], g)
        self.oracle.train()
        _, logits, continuous, seen = self.oracle(images.contiguous(memory_format=torch.channels_last))
        position = (continuous[:n] - batch.values).abs().mean()
        judging = _judged(seen, judged)
        right = torch.stack([(logits[k][:n].argmax(1) == batch.truth[k]).float().mean() for k in FACTORS])
        self.log.update(accuracy=float(right.mean()), position=float(position.detach()), judged=float(judging.detach()))
        yield "oracle", _classified(logits, truth) + 20 * position + 3 * judging

    def _of_images(self, clean: Tensor, truth: dict[str, Tensor], g: torch.Generator) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Spoils of finished pictures, a few kinds an update and as many of each; what is still true of them; whether they
        are recognisable."""
        each = max(2, len(clean) // self.config.kinds)
        names = list(spoils.IMAGE)
        kinds = torch.randperm(len(names), generator=g, device=g.device)[: self.config.kinds].tolist()
        order = torch.randperm(len(clean), generator=g, device=g.device)
        parts = [(names[k], i) for k, i in zip(kinds, order.split(each), strict=False) if len(i) > 1]

        def left(name: str, kind: str, i: Tensor) -> Tensor:
            known = kind in spoils.READABLE and name != "stars"
            return truth[name][i] if known else torch.full_like(i, UNKNOWN)

        images = torch.cat([spoils.of_image(kind, clean[i], g) for kind, i in parts])
        known = {name: torch.cat([left(name, kind, i) for kind, i in parts]) for name in truth}
        return images, known, torch.cat([torch.full_like(i, _shows(kind)) for kind, i in parts])

    def _attacked(self, images: Tensor, truth: dict[str, Tensor], judged: Tensor, g: torch.Generator) -> Tensor:
        """The pictures, each moved by at most a random share of `EPSILON` to where the oracle errs most."""
        self.oracle.eval()
        far = EPSILON * rand((len(images), 1, 1, 1), g)
        with torch.enable_grad():
            x = (images + far * (2 * rand(images.shape, g) - 1)).clamp(0, 1).requires_grad_()
            _, logits, _, seen = self.oracle(x)
            loss = _classified(logits, truth) + _judged(seen, judged)
            (gradient,) = torch.autograd.grad(loss, x)
        moved = x.detach() + 1.25 * far * gradient.sign()
        return torch.minimum(torch.maximum(moved, images - far), images + far).clamp(0, 1)


def _half_softened(images: Tensor, g: torch.Generator) -> Tensor:
    half = len(images) // 2
    return torch.cat([spoils.softened(images[:half], g), images[half:]])


def _classified(logits: dict[str, Tensor], truth: dict[str, Tensor]) -> Tensor:
    """Sum over heads of the cross-entropy of what is known; 0 where nothing is."""
    known = [k for k, t in truth.items() if bool((t != UNKNOWN).any())]
    return sum((F.cross_entropy(logits[k].float(), truth[k]) for k in known), start=logits[COUNT].sum() * 0)


def _judged(seen: Tensor, judged: Tensor) -> Tensor:
    """Sum of the two cross-entropies, clean and recognisable, of logits [N, 2] where the truth [N, 2] is known."""
    known = judged != UNKNOWN
    losses = F.binary_cross_entropy_with_logits(seen.float(), judged.clamp_min(0).float(), reduction="none") * known
    return (losses.sum(0) / known.sum(0).clamp_min(1)).sum()
