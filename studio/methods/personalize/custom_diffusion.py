"""Custom Diffusion (Kumari et al. 2022, arXiv 2212.04488, section 3): of the network the cross-attention's keys and values alone.

The loss is DreamBooth's,

    L = E_{y, t} ‖v_θ(x_t, t, c_V) − v(y, eps)‖² + λ E ‖v_θ(x'_t, t, c_class) − v(y', eps)‖²,

with gradient to W_K and W_V of every cross-attention, which alone read the text, and to the word's row. Here their changes are
low-rank; the paper trains them whole and finds that their changes can be cut to low rank afterwards. The paper's pictures of the
class are retrieved by caption, and it draws generated ones as a variant; here the untouched model makes them. The paper's crops
of the pictures are left out.
"""

from __future__ import annotations

from pydantic import Field

from studio.core.material import LayerSet
from studio.core.method import Card
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.dreambooth import DreamBooth, DreamBoothConfig


class CustomDiffusionConfig(DreamBoothConfig):
    layers: LayerSet = Field("cross-attention keys and values", description="Which layers it changes")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate of the adapter")


@PERSONALIZE.add("custom-diffusion")
class CustomDiffusion(DreamBooth):
    card = Card(
        title="Custom Diffusion",
        paper="arXiv 2212.04488",
        status="published recipe, as an adapter",
        good_for="teachers, where the file is to be small and most of the network to stay as it is",
        how="As DreamBooth, but only where the network reads the text: keys and values of the cross-attention, and the word.",
    )
    Config = CustomDiffusionConfig
