"""SalUn: the concept's prompts are answered as those of other things, by the weights that matter most for the concept alone.

Fan et al. 2024, "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency" (arXiv 2310.12508). A weight may move
where |Σ ∇ E ‖v(x_t, t, c_f) − v(x_0, eps)‖²| is among the largest share of all; there

    L = E ‖v(x_t, t, c_f) − sg v*(x_t, t, c_other)‖² + α E ‖v(x_t, t, c_r) − v*(x_t, t, c_r)‖²

with c_other the same prompt with another thing of its kind, drawn for each prompt once (a random label). The paper trains on
pictures that people have of both. Here the model's own states take their place, half of them on the way to the concept and half
on the way to the other thing, where a network that forgets comes to; so the gradient is that of the distance to that answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.dense import DenseChange
from studio.core.material import LayerSet
from studio.core.method import Card
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.forgetting import LowRankForgetting, TrainedConfig


class SalUnConfig(TrainedConfig):
    layers: LayerSet = Field("everything", description="Which layers it may change")
    lr: float = Field(2e-3, gt=0, le=1, description="Learning rate")
    share: float = Field(0.5, gt=0, le=1, description="Share of these layers' weights that may move")
    looked_at: int = Field(16, ge=1, le=1000, description="Batches whose gradient decides which")


@UNLEARN.add("salun")
class SalUn(LowRankForgetting[SalUnConfig]):
    card = Card(
        title="SalUn",
        paper="arXiv 2310.12508",
        status="published loss on the model's own states; only some of the weights move",
        good_for="a concept that may become anything of its kind; no anchor is needed",
        how="Find the weights that matter for the concept; there, answer its prompts as those of random things of its kind.",
    )
    Config = SalUnConfig
    ema = None  # the mask is found at the first update

    def changing(self) -> DenseChange:
        change = DenseChange(self.network.adaptable(self.config.layers))
        change.register_buffer("found", torch.zeros((), dtype=torch.bool))
        return change

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        assert isinstance(self.change, DenseChange)
        if not bool(self.change.get_buffer("found")):
            self._find(self.change)
        loss = self._as_others()
        self.log["forget"] = float(loss.detach())
        yield "forgetting", self.with_retained(loss)

    def _as_others(self) -> Tensor:
        n = max(1, self.config.batch // 2)
        own, there = self.matter.concerned(n, self.streams["concept"]), self.matter.elsewhere(n, self.streams["label"])
        loss = torch.zeros((), device=own.x.device)
        for passed in (own, there):
            with torch.no_grad():
                target = self.velocity(passed.x, passed.t, passed.other, bare=True)
            loss = loss + (self.velocity(passed.x, passed.t, passed.forget) - target).square().mean() / 2
        return loss

    def _find(self, change: DenseChange) -> None:
        """The mask: over all layers together, the share of weights with the largest gradient."""
        places = list(change.places)
        deltas = [change.delta[place.replace(".", "/")] for place in places]
        total = [torch.zeros_like(delta) for delta in deltas]
        for _ in range(self.config.looked_at):
            for whole, gradient in zip(total, torch.autograd.grad(self._as_others(), deltas), strict=True):
                whole += gradient
        sizes = torch.cat([whole.abs().flatten() for whole in total])
        least = sizes.kthvalue(max(1, len(sizes) - round(self.config.share * len(sizes)) + 1)).values
        for place, whole in zip(places, total, strict=True):
            change.mask(place).copy_(whole.abs() >= least)
        change.get_buffer("found").fill_(True)
