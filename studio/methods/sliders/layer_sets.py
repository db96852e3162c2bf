"""Which layers of a diffusers UNet an adapter changes: the sets that trainers of sliders and LoRAs offer."""

from __future__ import annotations

from typing import Literal

from torch import nn

LayerSet = Literal["no cross-attention", "everything", "attention", "self-attention", "cross-attention"]
ENDS = ("conv_in", "conv_out", "time_embedding", "add_embedding", "time_proj", "class_embedding")


def layers(unet: nn.Module, chosen: LayerSet) -> dict[str, nn.Module]:
    """Linear and Conv2d layers by place. First and last convolution and the time embedding are in none of the sets.

    "no cross-attention" is Concept Sliders' usual choice (`noxattn`): the text is read as before.
    """
    found: dict[str, nn.Module] = {}
    for place, module in unet.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d) or place.split(".")[0] in ENDS:
            continue
        cross, own = ".attn2." in place, ".attn1." in place
        if {
            "no cross-attention": not cross,
            "everything": True,
            "attention": cross or own,
            "self-attention": own,
            "cross-attention": cross,
        }[chosen]:
            found[place] = module
    return found
