"""UCE: keys and values of the cross-attention in closed form, so that the concept reads as what it becomes.

Gandikota et al. 2024, "Unified Concept Editing in Diffusion Models" (arXiv 2308.14761, equation 7; `closed_form`). Every place of
a prompt with the concept is moved onto the same place of the prompt with what it becomes, over many prompts, where the paper
takes the concept's last token alone; what must stay is in the equation too. Milliseconds, and nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.dense import DenseChange
from studio.core.method import Card
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.closed_form import Readers, solved
from studio.methods.unlearn.forgetting import Forgetting, ForgettingConfig


class UceConfig(ForgettingConfig):
    erase: float = Field(1.0, gt=0, le=1000, description="Weight of the concept's prompts")
    preserve: float = Field(1.0, ge=0, le=1000, description="Weight of what must stay; 0 lets it move")
    ridge: float = Field(0.5, gt=0, le=1e6, description="Weight of the change itself: a larger one changes less")


@UNLEARN.add("uce")
class Uce(Forgetting[UceConfig]):
    card = Card(
        title="UCE",
        paper="arXiv 2308.14761",
        status="published equation, over all places of many prompts",
        good_for="an answer in milliseconds; needs no sampling and no training, and fits students as it is",
        how="Solve for keys and values that read the concept as what it becomes, and all else as before.",
        text_alone=True,
    )
    Config = UceConfig
    closed_form = True

    def changing(self) -> DenseChange:
        return DenseChange(self.network.adaptable(self.config.layers))

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        config, change = self.config, self.change
        assert isinstance(change, DenseChange)
        readers = Readers(self.network, self.network.adaptable(config.layers), self.matter, self.streams["concept"])
        gram, moved = readers.pairs(*self.matter.pairs())
        staying = readers.staying() if config.preserve else {}
        for place in change.places:
            whole = config.erase * gram[place] + (config.preserve * staying[place] if staying else 0)
            change.set(place, solved(readers.weight(place), config.erase * moved[place], whole, config.ridge))
        whole_change = torch.stack([change.of(place).sum() for place in change.places]).sum()
        yield "forgetting", 0.0 * whole_change  # nothing is left to step
