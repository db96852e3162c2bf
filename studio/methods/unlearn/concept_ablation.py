"""Concept ablation: the concept's prompts are answered as those of an anchor.

Kumari et al. 2023, "Ablating Concepts in Text-to-Image Diffusion Models" (arXiv 2303.13516), the model-based variant:

    L = E ‖v(x_t, t, c_f) − sg v*(x_t, t, c_o)‖² + λ E ‖v(x_t, t, c_r) − v*(x_t, t, c_r)‖²

with x_t on the way to pictures of the anchor c_o, which the untouched model draws itself. The second term takes the place of the
paper's regularisation on pictures of the anchor: it holds other prompts as well. On a student x_t are the states of its own few
timesteps.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from studio.core.method import Card
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.forgetting import LowRankForgetting, TrainedConfig


@UNLEARN.add("concept-ablation")
class ConceptAblation(LowRankForgetting[TrainedConfig]):
    card = Card(
        title="Concept ablation",
        paper="arXiv 2303.13516",
        status="published loss on a low-rank change; what stays is held by its own outputs",
        good_for="one concept that becomes another; what else a prompt says is kept",
        how="Teach the concept's prompts the answers that the model gives for what it becomes.",
    )
    Config = TrainedConfig

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        x, t, forget, becomes, _ = self.matter.anchored(self.config.batch, self.streams["concept"])
        with torch.no_grad():
            target = self.velocity(x, t, becomes, bare=True)
        loss = (self.velocity(x, t, forget) - target).square().mean()
        self.log["forget"] = float(loss.detach())
        yield "forgetting", self.with_retained(loss)
