"""Diffusers' UNets as conditional networks: the one shape that sliders, words and ControlNets are trained on so far."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from studio.core.denoiser import Cond
from studio.core.lowrank import LayerChange, applied
from studio.core.material import GUIDANCE_DIM, ConditionalNetwork, LayerSet, guidance_embedding

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

Out = TypeVar("Out")
ENDS = ("conv_in", "conv_out", "time_embedding", "add_embedding", "time_proj", "class_embedding")  # worn by no adapter


class _Reached(Exception):
    """Not an error: the way out of a forward pass once its middle is known."""

    def __init__(self, features: Tensor):
        self.features = features


def _stop(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
    raise _Reached(output if isinstance(output, Tensor) else output[0])


class UNetNetwork(ConditionalNetwork):
    """A diffusers UNet2DConditionModel under the common signature; text states are ``cond['states']`` [B, L, D].

    A UNet with ``time_cond_proj_dim`` also reads cond["w"] [B], the guidance scale.
    """

    unet: UNet2DConditionModel

    def __init__(self, unet: UNet2DConditionModel):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        extra = {}
        if "w" in cond:
            dim = int(self.unet.config["time_cond_proj_dim"])
            extra["timestep_cond"] = guidance_embedding(cond["w"], dim).to(x)
        return self.unet(x, t, cond["states"], return_dict=False, **extra)[0]

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """Output of the middle block [B, C, h, w], or of the last block on the way down where there is none."""
        deepest = self.unet.down_blocks[-1] if self.unet.mid_block is None else self.unet.mid_block
        hook = deepest.register_forward_hook(_stop)  # the way up is not computed
        try:
            self.forward(x, t, cond)
        except _Reached as reached:
            return reached.features
        finally:
            hook.remove()
        raise AssertionError("the deepest block was not reached")

    def recompute(self, flag: bool) -> None:
        """Of every block only the input is kept (Chen et al. 2016, arXiv 1604.06174)."""
        if not flag:
            self.unet.disable_gradient_checkpointing()
            return

        def twice(block: Callable[..., Out], *inputs: object) -> Out:
            return checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), self.as_now()))

        self.unet.enable_gradient_checkpointing(twice)

    @property
    def adapted(self) -> nn.Module:
        return self.unet

    def adaptable(self, chosen: LayerSet) -> dict[str, nn.Module]:
        """First and last convolution and the time embedding are in none of the sets. "no cross-attention" is Concept Sliders'
        usual choice (`noxattn`): the text is read as before."""
        found: dict[str, nn.Module] = {}
        for place, module in self.unet.named_modules():
            if not isinstance(module, nn.Linear | nn.Conv2d) or place.split(".")[0] in ENDS:
                continue
            cross, own = ".attn2." in place, ".attn1." in place
            read = cross and place.endswith((".to_k", ".to_v"))  # what the text alone goes through
            if {
                "no cross-attention": not cross,
                "everything": True,
                "attention": cross or own,
                "self-attention": own,
                "cross-attention": cross,
                "cross-attention keys and values": read,
            }[chosen]:
                found[place] = module
        return found

    @property
    def first_layer(self) -> tuple[str, nn.Module]:
        return "conv_in", self.unet.conv_in

    def as_now(self) -> AbstractContextManager[None]:
        """What must hold again when a block of now is computed a second time; nothing for a network of its own."""
        return nullcontext()

    def with_guidance_input(self) -> UNetNetwork:
        if self.unet.config["time_cond_proj_dim"]:  # a student that has it already, which another begins with
            return copy.deepcopy(self)
        unet = cast("UNet2DConditionModel", type(self.unet).from_config({**self.unet.config, "time_cond_proj_dim": GUIDANCE_DIM}))
        missing, unexpected = unet.load_state_dict(self.unet.state_dict(), strict=False)
        assert missing == ["time_embedding.cond_proj.weight"] and not unexpected, (missing, unexpected)
        torch.nn.init.zeros_(unet.get_parameter(missing[0]))
        unet.set_attn_processor(dict(self.unet.attn_processors))
        return UNetNetwork(nn.Module.to(unet, next(self.unet.parameters()).device))


class SliderNetwork(UNetNetwork):
    """A UNet that also reads ``cond['pooled']`` [B, P] and ``cond['time_ids']`` [B, 6] where conditions hold them (SDXL)."""

    worn: tuple[LayerChange, Tensor | float] | None = None  # now, for blocks that are computed twice

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        extra = {"added_cond_kwargs": {"text_embeds": cond["pooled"], "time_ids": cond["time_ids"]}} if "pooled" in cond else {}
        return self.unet(x, t, cond["states"], return_dict=False, **extra)[0]

    def as_now(self) -> AbstractContextManager[None]:
        return nullcontext() if self.worn is None else applied(self.unet, *self.worn)

    @contextmanager
    def wearing(self, adapter: LayerChange, strength: Tensor | float) -> Iterator[None]:
        self.worn = adapter, strength
        try:
            with applied(self.unet, adapter, strength):
                yield
        finally:
            self.worn = None
