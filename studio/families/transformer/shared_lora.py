"""Teacher, student and fake score as one transformer with switched low-rank adapters (Hu et al. 2021, arXiv 2106.09685).

As `families.stable.shared_lora`, without PEFT: an adapter is hooks that are on while its `View` is asked.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.edit import Edit, EditCard, Merged
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, LayerSet
from studio.families.opened import NETWORK
from studio.families.transformer.network import PatchTransformer

if TYPE_CHECKING:
    from studio.families.transformer.network import Transformer


class Shared(ConditionalNetwork):
    """A frozen network that lends itself to any number of adapters; asked directly it is the bare one.

    rank: of every adapter, on all linear layers of the blocks. alone: whether its weights are those of the model's folder, so
    that an adapter is all that a student differs by.
    """

    def __init__(self, network: PatchTransformer, rank: int, alone: bool = True):
        super().__init__()
        self.network, self.rank, self.alone, self.lent = network.requires_grad_(False), rank, alone, 0

    def trainable_copy(self) -> ConditionalNetwork:
        """The network with a fresh adapter, which changes nothing until it is trained."""
        self.lent += 1  # adapters of one run start alike, whatever was drawn before
        return View(self, Adapter(self.adaptable("everything"), self.rank, float(self.rank), seed=self.lent))

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        out: Tensor = self.network(x, t, cond)
        return out

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.network.features(x, t, cond)

    def recompute(self, flag: bool) -> None:
        self.network.recompute(flag)

    @property
    def adapted(self) -> nn.Module:
        return self.network.adapted

    def adaptable(self, chosen: LayerSet) -> dict[str, nn.Module]:
        return self.network.adaptable(chosen)

    def with_guidance_input(self) -> ConditionalNetwork:
        raise ValueError("an adapter cannot take the guidance scale as an input; a student with full weights can")

    def __deepcopy__(self, memo: dict[int, object]) -> Shared:
        raise TypeError("a shared network is not copied; `trainable_copy` lends it")


class View(ConditionalNetwork):
    """A shared network with one adapter on. Parameters and state are the adapter's; a deep copy is another adapter."""

    def __init__(self, shared: Shared, adapter: Adapter):
        super().__init__()
        self.adapter = adapter
        self.__dict__["shared"] = shared  # not registered as a submodule: its weights are nobody's to save or to step

    @property
    def transformer(self) -> Transformer:
        """With the adapter in a copy of the weights."""
        shared: Shared = self.__dict__["shared"]
        merged = copy.deepcopy(shared.network.transformer)
        Merged({NETWORK: merged}, [(self.edit(EditCard(title="student")), 1.0)])
        return merged

    def edit(self, card: EditCard) -> Edit:
        """What the student differs by from the shared network."""
        return self.adapter.edit(card, NETWORK)

    @property
    def alone(self) -> bool:
        shared: Shared = self.__dict__["shared"]
        return shared.alone

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        shared: Shared = self.__dict__["shared"]
        with shared.network.wearing(self.adapter, 1.0):
            return shared(x, t, cond)

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        shared: Shared = self.__dict__["shared"]
        with shared.network.wearing(self.adapter, 1.0):
            return shared.features(x, t, cond)

    def with_guidance_input(self) -> ConditionalNetwork:
        shared: Shared = self.__dict__["shared"]
        return shared.with_guidance_input()

    def recompute(self, flag: bool) -> None:
        """Of the whole shared network: its other adapters do so too."""
        shared: Shared = self.__dict__["shared"]
        shared.recompute(flag)

    def __deepcopy__(self, memo: dict[int, object]) -> View:
        return View(self.__dict__["shared"], copy.deepcopy(self.adapter, memo))
