"""Text slider: a direction between two prompts, learned from the model alone.

Concept Sliders (Gandikota et al. 2023, arXiv 2311.12092, equation 7, and the authors' code): with the frozen network F*,

    F_s(x_t, c) → F*(x_t, c) + s · eta · (F*(x_t, c₊) − F*(x_t, c₋))

for x_t on the way of sampling with the slider on. The published slider trains s = +1 alone ("enhance"; "erase" is the
other sign); here both ends are trained, because the untrained end was not monotone when measured. Attributes to preserve
are prompts: the same direction is learned behind each of them. The equation is linear, so it holds for every prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import Contrast
from studio.core.method import Card, Streams
from studio.core.rng import randint
from studio.core.simulate import ddim, guided_x0
from studio.methods.sliders import SLIDERS
from studio.methods.sliders.slider import Slider, SliderConfig


class TextConfig(SliderConfig):
    eta: float = Field(1.0, gt=0, le=20, description="How far strength 1 goes, in differences of the two prompts")
    ends: Literal["both", "enhance", "erase"] = Field("both", description="Which strengths are trained: −1 and 1, 1, or −1")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the sampling that gives the noisy states")
    grid: int = Field(12, ge=2, le=100, description="Steps of that sampling; training stops it at a random one")


@SLIDERS.add("text")
class TextSlider(Slider[TextConfig]):
    card = Card(
        title="Two prompts",
        paper="arXiv 2311.12092",
        status="published loss; both ends are trained",
        good_for="attributes that words name; needs no data",
        how="Learn the difference that two prompts make, and make it without them.",
    )
    Config = TextConfig

    def __init__(self, config: TextConfig, streams: Streams, teacher: Denoiser, contrast: Contrast):
        super().__init__(config, streams, teacher, contrast)
        contrast.words(2, streams["words"])  # says at once when there are none

    def batch(self) -> tuple[Cond, Cond, Cond]:
        return self.contrast.words(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Cond, Cond, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        neutral, negative, positive = batch
        n = len(next(iter(neutral.values())))
        ends = {"both": [-1.0, 1.0], "enhance": [1.0], "erase": [-1.0]}[self.config.ends]
        s = torch.tensor(ends, device=self.streams.device).repeat(n)[:n]
        x, t = self.states(neutral, s)
        column = s.view(-1, *([1] * (x.ndim - 1)))
        with torch.no_grad():
            base, up, low = (self.output(x, t, cond) for cond in (neutral, positive, negative))
            target = base + column * self.config.eta * (up - low)
        loss = ((self.output(x, t, self.sometimes_null(neutral, self.contrast.null(neutral)), s) - target) ** 2).mean()
        self.log["mse"] = float(loss.detach())
        self.log["asked"] = float(((target - base) ** 2).mean())  # what doing nothing would cost
        yield "adapter", loss

    @torch.no_grad()
    def states(self, cond: Cond, s: Tensor) -> tuple[Tensor, Tensor]:
        """(x_t, t [n]) on the slider's own way from noise, stopped at a random step, the same for the batch."""
        c, process = self.config, self.denoiser.process
        times = [process.t_max * (1 - k / c.grid) for k in range(c.grid)]
        inside = [k for k, t in enumerate(times) if c.t_min * process.t_max <= t <= c.t_max * process.t_max] or [0]
        stop = inside[int(randint(len(inside), (), self.streams["time"]))]
        n = len(s)
        x = self.contrast.noise(cond, self.streams["noise"])
        null = self.contrast.null(cond)
        both = torch.cat([s, s]) if c.guidance != 1 else s
        with self.network.wearing(self.adapter, both):
            for here, there in zip(times[:stop], times[1 : stop + 1], strict=True):
                x = ddim(process, x, guided_x0(self.denoiser, x, here, cond, null, c.guidance), here, there)
        return x, torch.full((n,), times[stop], dtype=torch.float64, device=s.device)
