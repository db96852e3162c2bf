"""ESD: the concept's prompts are answered by the opposite of what the concept adds.

Gandikota et al. 2023, "Erasing Concepts from Diffusion Models" (arXiv 2303.07345, equation 7):

    L = E ‖v(x_t, t, c_f) − sg[v*(x_t, t, ∅) − η (v*(x_t, t, c_f) − v*(x_t, t, ∅))]‖²

with x_t on the way to pictures of the concept. Published forms: ESD-x changes the cross-attention (styles), ESD-u all layers but
that one (things), and neither keeps anything: with retain 0 and these layers it is theirs. Both cost other prompts a great deal
where they were measured, so here keys and values alone are changed and other prompts are held.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.method import Card
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.forgetting import LowRankForgetting, TrainedConfig


class EsdConfig(TrainedConfig):
    eta: float = Field(1.0, gt=0, le=20, description="How far to the other side of nothing said the concept's prompts go")


@UNLEARN.add("esd")
class Esd(LowRankForgetting[EsdConfig]):
    card = Card(
        title="ESD",
        paper="arXiv 2303.07345",
        status="published loss; keys and values alone, and what stays is held",
        good_for="a concept that is to become nothing in particular; no anchor is needed",
        how="Push the concept's prompts to the opposite of what the concept adds to a prompt that says nothing.",
    )
    Config = EsdConfig

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        x, t, forget, *_ = self.matter.concerned(self.config.batch, self.streams["concept"])
        with torch.no_grad():
            nothing, concept = (self.velocity(x, t, cond, bare=True) for cond in (self.matter.null(forget), forget))
            target = nothing - self.config.eta * (concept - nothing)
        loss = (self.velocity(x, t, forget) - target).square().mean()
        self.log["forget"] = float(loss.detach())
        yield "forgetting", self.with_retained(loss)
