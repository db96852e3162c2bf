"""A ControlNet as differences from a UNet's own encoder: trained so, kept so, and made a whole network again.

A ControlNet (Zhang et al. 2023, arXiv 2302.05543, section 3) is a copy of a UNet's encoder that also sees a hint and whose
outputs are added, through convolutions that begin at zero, to the skip connections and the middle of the frozen UNet. Here
the copy differs from the encoder by low-rank pairs (as Control-LoRA's files do); what the encoder has not, the hint encoder
and the zero convolutions, is held in full. A file is then a fraction of a copy, and needs the encoder it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.core.lowrank import Adapter, applied
from studio.core.trim import cut, ranks_for

if TYPE_CHECKING:
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

OWN = ("controlnet_cond_embedding", "controlnet_down_blocks", "controlnet_mid_block")  # what the encoder has not
PLACES = ("down_blocks", "mid_block")  # whose layers get low-rank pairs
CHANNELS = (8, 16, 32, 48)  # of the hint encoder, the last one at the size of the latent


def hint_channels(halvings: int) -> tuple[int, ...]:
    """Channels of a hint encoder that halves a picture's side so many times."""
    if not 1 <= halvings < len(CHANNELS) + 1:
        raise ValueError(f"a hint {2**halvings} times as large as the latent does not fit; 2, 4, 8 or 16 times would")
    return (*CHANNELS[:halvings], CHANNELS[min(halvings, len(CHANNELS) - 1)])


def copy_of(unet: UNet2DConditionModel, channels: tuple[int, ...]) -> ControlNetModel:
    """A diffusers ControlNetModel with the encoder of ``unet``: float32, frozen, its zero convolutions at zero."""
    from diffusers import ControlNetModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the hint encoder's first values; `Differences` draws them anew from its seed
        control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=channels)
    nn.Module.to(control, next(unet.parameters()).device, torch.float32)  # diffusers' own warns of any change of precision
    return control.eval().requires_grad_(False)


class Differences(nn.Module):
    """What is trained and kept of a ControlNet. Its parameters are the pairs, the hint encoder and the zero convolutions.

    control: the whole network, whose encoder stays as it is (shared, and in no state dict). rank: of the pairs. seed:
    decides every first value.
    """

    def __init__(self, control: ControlNetModel, rank: int, seed: int = 0):
        super().__init__()
        layers = {
            place: module
            for place, module in control.named_modules()
            if place.split(".")[0] in PLACES and isinstance(module, nn.Linear | nn.Conv2d)
        }
        self.adapter = Adapter(layers, rank, float(rank), seed)
        self._control = (control,)  # in a tuple, as it is no part of what is saved
        for name in OWN:
            self.add_module(name, getattr(control, name).requires_grad_(True))
        g = torch.Generator().manual_seed(seed)
        for convolution in control.controlnet_cond_embedding.modules():
            if isinstance(convolution, nn.Conv2d) and bool(convolution.weight.any()):  # the last one begins at zero
                bound = (3 / convolution.weight[0].numel()) ** 0.5  # keeps the variance (He et al. 2015) up to a factor
                with torch.no_grad():
                    convolution.weight.copy_((torch.rand(convolution.weight.shape, generator=g) * 2 - 1) * bound)
                    nn.init.zeros_(convolution.get_parameter("bias"))

    def forward(self, x: Tensor, t: Tensor, states: Tensor, hint: Tensor) -> tuple[list[Tensor], Tensor]:
        """(x [B, C, h, w], t [B], text states [B, L, D], hint [B, 3, H, W]) -> what is added to the UNet's skips and middle."""
        control = self._control[0]
        with applied(control, self.adapter, 1.0):
            down, middle = control(x, t, states, hint, return_dict=False)
        return down, middle

    def tensors(self) -> dict[str, Tensor]:
        """What a file holds: "<layer>.down" and "<layer>.up" of the pairs, and the full weights by their place."""
        out = {}
        for place in self.adapter.places:
            key = place.replace(".", "/")
            out[f"{place}.down"], out[f"{place}.up"] = self.adapter.down[key], self.adapter.up[key]
        out.update({key: value for key, value in self.state_dict().items() if not key.startswith("adapter.")})
        return {key: value.detach().cpu() for key, value in out.items()}


def trimmed(tensors: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """`Differences.tensors` with a share of the squared change of all pairs kept (`core.trim`); the rest stays whole."""
    pairs = {
        key.removesuffix(".down"): (down, tensors[f"{key.removesuffix('.down')}.up"], 1.0)
        for key, down in tensors.items()
        if key.endswith(".down")
    }
    out = {key: value for key, value in tensors.items() if key.split(".")[0] in OWN}
    for place, rank in ranks_for(pairs, keep).items():
        down, up, _ = pairs[place]
        if rank:
            out[f"{place}.down"], out[f"{place}.up"] = (down, up) if rank == len(down) else cut(down, up, rank)
    return out


def restored(unet: UNet2DConditionModel, tensors: Mapping[str, Tensor], channels: tuple[int, ...]) -> ControlNetModel:
    """The whole ControlNet again, float32: the encoder of ``unet`` with the differences merged into it.

    ValueError in one sentence where the differences belong to another architecture.
    """
    control = copy_of(unet, channels)
    own = {key: value for key, value in tensors.items() if key.split(".")[0] in OWN}
    pairs = {key.removesuffix(".down"): value for key, value in tensors.items() if key.endswith(".down")}
    state = control.state_dict()
    wanted = {key for key in state if key.split(".")[0] in OWN}
    if set(own) != wanted or not pairs:
        raise ValueError(
            f"it has {len(own)} of the {len(wanted)} tensors of a hint encoder and zero convolutions that this "
            "model needs; a ControlNet made for this architecture would fit"
        )
    with torch.no_grad():
        for key, value in own.items():
            _check(key, state[key].shape, value.shape)
            state[key].copy_(value)
        for place, down in pairs.items():
            up, weight = tensors.get(f"{place}.up"), state.get(f"{place}.weight")
            if up is None or weight is None:
                raise ValueError(
                    f"{place} is not in this model, or half of its pair is missing; a ControlNet made for this "
                    "architecture would fit"
                )
            _check(place, weight.shape, (up.shape[0], *down.shape[1:]))
            weight.add_((up.float().flatten(1) @ down.float().flatten(1)).reshape(weight.shape).to(weight))
    return control


def _check(place: str, wanted: Sequence[int], given: Sequence[int]) -> None:
    if tuple(wanted) != tuple(given):
        raise ValueError(
            f"{place} has the shape {list(given)} and this model needs {list(wanted)}; a ControlNet made for this "
            "architecture would fit"
        )
