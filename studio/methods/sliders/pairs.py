"""Image-pair slider: the same scene with less and with more of an attribute.

Concept Sliders' visual sliders (Gandikota et al. 2023, arXiv 2311.12092, section 4.2): "before" and "after" get the same
noise; the adapter at −s must predict the noise of the first, at +s that of the second. Here a scene may be rendered at any
level of the attribute and the strength is that level, so that what lies between the ends is taught as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.methods.sliders import SLIDERS
from studio.methods.sliders.slider import Slider, SliderConfig


class PairConfig(SliderConfig):
    pass


@SLIDERS.add("pairs")
class PairSlider(Slider[PairConfig]):
    card = Card(
        title="Image pairs",
        paper="arXiv 2311.12092",
        status="published recipe; the strength follows the level of the attribute",
        good_for="attributes that no word names, and even steps from one end to the other",
        how="Show the same scene with less and with more of it; each strength must predict its own picture.",
    )
    Config = PairConfig

    def batch(self) -> tuple[Tensor, Tensor, Cond]:
        return self.contrast.samples(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, level, cond = batch
        x, t, target = self.noised(x0, cond)
        found = self.output(x, t, self.sometimes_null(cond, self.contrast.null(cond)), level)
        loss = ((found - target) ** 2).mean()
        self.log["mse"] = float(loss.detach())
        yield "adapter", loss
