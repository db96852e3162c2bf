"""Teacher, student and fake score as one network with switched low-rank adapters.

DMD2 keeps three copies of a network; with adapters (Hu et al. 2021, arXiv 2106.09685) it keeps one, and its optimisers
hold a few per cent of the weights. A `View` is the shared UNet with one adapter switched on: to the trainer it is an
ordinary network whose parameters, state and EMA are the adapter's alone.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.material import ConditionalNetwork
from studio.core.unet import UNetNetwork
from studio.families.stable.footprint import ATTENTION as ATTENTION
from studio.families.stable.footprint import EVERYTHING

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


class Shared(UNetNetwork):
    """A frozen UNet that lends itself to any number of adapters; called directly it is the bare teacher.

    rank: of every adapter. targets: names of the layers they change (attention alone, or everything).
    """

    def __init__(self, unet: UNet2DConditionModel, rank: int = 16, targets: tuple[str, ...] = EVERYTHING):
        super().__init__(unet)
        if rank < 1:
            raise ValueError(f"a rank of {rank} does not fit; 1 or more would")
        self.rank, self.targets = rank, targets
        self.names: list[str] = []
        self.on: str | None = None  # the adapter that is switched on
        unet.requires_grad_(False)

    def trainable_copy(self) -> ConditionalNetwork:
        """The teacher with a fresh adapter, which changes nothing until it is trained."""
        from peft import LoraConfig

        name = f"adapter_{len(self.names)}"
        self.names.append(name)
        wanted = {parameter: parameter.requires_grad for parameter in self.unet.parameters()}
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(),
        ):  # adapters of one run start alike, whatever was drawn before
            torch.manual_seed(len(self.names))
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are what is meant
            config = LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=list(self.targets), init_lora_weights=True)
            self.unet.add_adapter(config, adapter_name=name)
        for parameter, flag in wanted.items():  # peft switches the gradients of other adapters off
            parameter.requires_grad_(flag)
        self.activate(None)
        return View(self, name)

    def activate(self, name: str | None) -> None:
        """Switch to one adapter, or to none. Which parameters want gradients does not change."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        for module in self.unet.modules():
            if isinstance(module, BaseTunerLayer):
                module._disable_adapters = name is None
                if name is not None:
                    module._active_adapter = [name]
        self.on = name

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """One adapter on, or none; afterwards what was on before."""
        before = self.on
        self.activate(name)
        try:
            yield
        finally:
            self.activate(before)

    def as_now(self) -> AbstractContextManager[None]:
        """The adapter that is on now: by the time of the backward pass another one may be."""
        return self.using(self.on)

    def adapter(self, name: str) -> dict[str, nn.Parameter]:
        """The adapter's parameters by their place in the UNet."""
        found = {}
        for place, parameter in self.unet.named_parameters():
            before, dot, after = place.partition(f".{name}.")
            if dot:
                found[f"{before}.{after}"] = parameter
        return found

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        self.activate(None)
        return super().forward(x, t, cond)

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        self.activate(None)
        return super().features(x, t, cond)

    def with_guidance_input(self) -> UNetNetwork:
        raise ValueError("an adapter cannot take the guidance scale as an input; a student with full weights can")

    def __deepcopy__(self, memo: dict[int, object]) -> Shared:
        raise TypeError("a shared network is not copied; `trainable_copy` lends it")


class View(ConditionalNetwork):
    """A shared network with one adapter on. Parameters and state are the adapter's; a deep copy is another adapter."""

    def __init__(self, shared: Shared, name: str):
        super().__init__()
        self.name = name
        self.__dict__["shared"] = shared  # not registered as a submodule: its weights are nobody's to save or to step
        self.weights = nn.ParameterDict(
            {place.replace(".", "/"): parameter.requires_grad_(True) for place, parameter in shared.adapter(name).items()}
        )

    @property
    def unet(self) -> nn.Module:
        """The UNet with this adapter merged into a copy of the weights: what is saved as a student of its own."""
        shared: Shared = self.__dict__["shared"]
        merged = copy.deepcopy(shared.unet)
        from peft.tuners.tuners_utils import BaseTunerLayer

        for place, module in list(merged.named_modules()):
            if isinstance(module, BaseTunerLayer):
                module._disable_adapters = False
                module.merge(adapter_names=[self.name])
                parent = merged.get_submodule(place.rpartition(".")[0])
                setattr(parent, place.rpartition(".")[2], module.get_base_layer())
        if hasattr(merged, "peft_config"):
            del merged.peft_config
        merged._hf_peft_config_loaded = False
        return merged

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        shared: Shared = self.__dict__["shared"]
        shared.activate(self.name)
        try:
            return UNetNetwork.forward(shared, x, t, cond)
        finally:
            shared.activate(None)

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        shared: Shared = self.__dict__["shared"]
        hooked = UNetNetwork(shared.unet)
        shared.activate(self.name)
        try:
            return hooked.features(x, t, cond)
        finally:
            shared.activate(None)

    def with_guidance_input(self) -> UNetNetwork:
        shared: Shared = self.__dict__["shared"]
        return shared.with_guidance_input()

    def recompute(self, flag: bool) -> None:
        """Of the whole shared network: its other adapters do so too."""
        self.__dict__["shared"].recompute(flag)

    def lora_state(self) -> Mapping[str, Tensor]:
        """The adapter in PEFT's names, for files that other tools read."""
        return {f"unet.{place.replace('/', '.')}": p.detach() for place, p in self.weights.items()}

    def __deepcopy__(self, memo: dict[int, object]) -> View:
        shared: Shared = self.__dict__["shared"]
        twin = shared.trainable_copy()
        assert isinstance(twin, View)
        twin.load_state_dict(self.state_dict())
        return twin
