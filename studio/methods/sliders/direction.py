"""Discovered slider: one principal direction of how the base's own samples differ, in feature space.

After SliderSpace (Gandikota et al. 2025, arXiv 2502.01639): samples of the base over many seeds, their features, the
principal directions v_k. SliderSpace trains an adapter whose change of the features points along v_k (cosine); here it must
also be as long as the samples' own spread along it, so that strength 1 is one standard deviation:

    phi(x̂0_s) − phi(x̂0_0) → s · std_k · v_k

(our formulation; the length is what makes sliders comparable). Nobody names the attribute; what it is, is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, to_x0
from studio.core.material import Contrast
from studio.core.method import Card, Streams
from studio.core.rng import generator, randint
from studio.core.simulate import rollout
from studio.methods.sliders import SLIDERS
from studio.methods.sliders.slider import Slider, SliderConfig


class DirectionConfig(SliderConfig):
    direction: int = Field(1, ge=1, le=64, description="Which principal direction; 1 is the widest")
    samples: int = Field(256, ge=32, le=16384, description="Samples of the base that the directions come from")
    sample_steps: int = Field(12, ge=2, le=100, description="Steps of their sampling")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of their sampling")
    t_min: float = Field(0.25, ge=0, lt=1, description="Trained from this share of the time range on")


@SLIDERS.add("direction")
class DirectionSlider(Slider[DirectionConfig]):
    card = Card(
        title="Discovered direction",
        paper="arXiv 2502.01639",
        status="our formulation: one standard deviation of the base's own spread",
        good_for="finding what a model varies by itself, without naming it",
        how="Take the base's samples, find the directions in which they differ most, and learn to move along one.",
    )
    Config = DirectionConfig

    def __init__(self, config: DirectionConfig, streams: Streams, teacher: Denoiser, contrast: Contrast):
        super().__init__(config, streams, teacher, contrast)
        self._found: tuple[Tensor, Cond, Tensor, float] | None = None

    def found(self) -> tuple[Tensor, Cond, Tensor, float]:
        """(the base's samples [N, ...], their conditions, the unit direction [D], the spread along it), made once.

        From a generator of its own, so that a run that is continued finds the same without storing it. The sign is that
        of the direction's largest entry, because a principal direction has none.
        """
        if self._found is None:
            c = self.config
            g = generator(self.streams.seed, "directions", self.streams.device)
            x0, conds, features = [], [], []
            for first in range(0, c.samples, c.batch):
                n = min(c.batch, c.samples - first)
                cond = self.contrast.conditions(n, g)
                times = [self.denoiser.process.t_max * (1 - k / c.sample_steps) for k in range(c.sample_steps)]
                noise = self.contrast.noise(cond, g)
                made = rollout(self.denoiser, noise, times, cond, self.contrast.null(cond), c.guidance)[-1]
                x0.append(made)
                conds.append(cond)
                with torch.no_grad():
                    features.append(self.contrast.features(made, cond))
            flat = torch.cat(features).double()
            centred = flat - flat.mean(0)
            _, spread, v = torch.linalg.svd(centred, full_matrices=False)
            k = c.direction - 1
            if k >= len(v):
                raise ValueError(f"direction {c.direction} does not fit; {c.samples} samples have {len(v)}")
            along = v[k] * v[k][v[k].abs().argmax()].sign()
            std = float(spread[k] / (len(flat) - 1) ** 0.5)
            cond = {name: torch.cat([part[name] for part in conds]) for name in conds[0]}
            self._found = torch.cat(x0), cond, along.float(), std
        return self._found

    def batch(self) -> tuple[Tensor, Cond]:
        x0, cond, _, _ = self.found()
        index = randint(len(x0), (self.config.batch,), self.streams["data"])
        return x0[index], {k: v[index] for k, v in cond.items()}

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        _, _, along, std = self.found()
        x, t, _ = self.noised(x0, cond)
        s = torch.tensor([-1.0, 1.0], device=x.device).repeat(len(x))[: len(x)]
        alpha, sigma = self.denoiser.process.alpha_sigma(t)

        def seen(strength: Tensor | None) -> Tensor:
            F = self.output(x, t, cond, strength)
            return self.contrast.features(to_x0(self.denoiser.prediction, F, x, alpha, sigma), cond)

        with torch.no_grad():
            before = seen(None)
        moved = seen(s) - before
        wanted = s[:, None] * std * along
        loss = ((moved - wanted) ** 2).sum(1).mean() / std**2
        with torch.no_grad():
            self.log["along"] = float((moved @ along * s).mean() / std)  # 1 is one standard deviation
            self.log["cosine"] = float(torch.cosine_similarity(moved, wanted).mean())
        yield "adapter", loss
