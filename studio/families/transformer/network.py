"""Transformers over patches as conditional networks: (x [B, C, H, W], t [B], cond) -> F [B, C, H, W], float32 outside and the
network's own precision inside. Conditions: "states" [B, L, D], "pooled" [B, P] (SD3, Flux), "mask" bool [B, L] (PixArt)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from studio.core.denoiser import Cond
from studio.core.lowrank import LayerChange, applied
from studio.core.material import ConditionalNetwork, LayerSet
from studio.families.computes_on import like
from studio.families.turns import Before

if TYPE_CHECKING:
    from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

    Transformer = SD3Transformer2DModel | FluxTransformer2DModel | PixArtTransformer2DModel

Out = TypeVar("Out")
BLOCKS = ("transformer_blocks", "single_transformer_blocks")


class _Reached(Exception):
    """Not an error: the way out of a forward pass once its middle is known."""

    def __init__(self, features: Tensor):
        self.features = features


def _stop(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
    raise _Reached(output if isinstance(output, Tensor) else output[-1])


class PatchTransformer(ConditionalNetwork):
    """What the three have alike. crosses: whether its blocks read the text by an attention of its own."""

    transformer: Transformer
    crosses = False

    def __init__(self, transformer: Transformer):
        super().__init__()
        self.transformer = transformer
        self.before = Before()
        self.worn: tuple[LayerChange, Tensor | float] | None = None  # now, for blocks that are computed twice

    @abstractmethod
    def ask(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """What the transformer says, in its own precision."""

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        self.before()
        given = like(self.transformer)
        floats = {name: value.to(given) for name, value in cond.items() if name in ("states", "pooled", "mask")}
        floats |= {"w": cond["w"].float()} if "w" in cond else {}
        return self.ask(x.to(given), t, floats).float()

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """Output of the block in the middle, [B, width, tokens of the image]."""
        blocks = self.transformer.transformer_blocks
        hook = blocks[len(blocks) // 2].register_forward_hook(_stop)  # what comes after it is not computed
        try:
            self.forward(x, t, cond)
        except _Reached as reached:
            return reached.features.transpose(1, 2)
        finally:
            hook.remove()
        raise AssertionError("the block in the middle was not reached")

    def recompute(self, flag: bool) -> None:
        """Of every block only the input is kept (Chen et al. 2016, arXiv 1604.06174)."""
        if not flag:
            self.transformer.disable_gradient_checkpointing()
            return

        def twice(block: Callable[..., Out], *inputs: object) -> Out:
            return checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), self._as_now()))

        self.transformer.enable_gradient_checkpointing(twice)

    @property
    def adapted(self) -> nn.Module:
        return self.transformer

    def adaptable(self, chosen: LayerSet) -> dict[str, nn.Module]:
        """Linear layers of the blocks. Where text and image share one attention, nothing is cross-attention."""
        layers: dict[str, nn.Module] = {
            place: layer
            for place, layer in self.transformer.named_modules()
            if isinstance(layer, nn.Linear) and place.split(".")[0] in BLOCKS
        }
        if chosen == "everything" or (chosen == "no cross-attention" and not self.crosses):
            return layers
        attention = {place: layer for place, layer in layers.items() if ".attn" in place}
        if chosen == "attention":
            return attention
        if not self.crosses:
            raise ValueError(f"text and image share one attention here, so {chosen} names no layers; attention would fit")
        cross = {place: layer for place, layer in attention.items() if ".attn2." in place}
        keep = {
            "no cross-attention": lambda place: place not in cross,
            "self-attention": lambda place: place in attention and place not in cross,
            "cross-attention": lambda place: place in cross,
            "cross-attention keys and values": lambda place: place in cross and place.endswith((".to_k", ".to_v")),
        }[chosen]
        return {place: layer for place, layer in layers.items() if keep(place)}

    @property
    def first_layer(self) -> tuple[str, nn.Module]:
        raise ValueError("a transformer's first layer makes tokens of patches and is told no places; the mode whole would fit")

    def _as_now(self) -> AbstractContextManager[None]:
        return nullcontext() if self.worn is None else applied(self.transformer, *self.worn)

    @contextmanager
    def wearing(self, adapter: LayerChange, strength: Tensor | float) -> Iterator[None]:
        self.worn = adapter, strength
        try:
            with applied(self.transformer, adapter, strength):
                yield
        finally:
            self.worn = None


class SD3Network(PatchTransformer):
    transformer: SD3Transformer2DModel

    def ask(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        out: Tensor = self.transformer(
            hidden_states=x,
            timestep=t,
            encoder_hidden_states=cond["states"],
            pooled_projections=cond["pooled"],
            return_dict=False,
        )[0]
        return out


class FluxNetwork(PatchTransformer):
    """guidance: the scale that the network takes as an input, where it does and cond["w"] [B] says no other."""

    transformer: FluxTransformer2DModel

    def __init__(self, transformer: FluxTransformer2DModel, guidance: float):
        super().__init__(transformer)
        self.guidance = guidance

    def ask(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        height, width = x.shape[2] // 2, x.shape[3] // 2
        own = torch.full((len(x),), self.guidance, dtype=torch.float32, device=x.device)
        out: Tensor = self.transformer(
            hidden_states=packed(x),
            timestep=t.to(x.dtype) / 1000,
            guidance=cond.get("w", own) if self.transformer.config["guidance_embeds"] else None,
            pooled_projections=cond["pooled"],
            encoder_hidden_states=cond["states"],
            txt_ids=torch.zeros(cond["states"].shape[1], 3, device=x.device, dtype=x.dtype),
            img_ids=image_ids(height, width).to(x),
            return_dict=False,
        )[0]
        return unpacked(out, height, width)


class PixArtNetwork(PatchTransformer):
    """pixels: of a side of one latent position; the network may be told the picture's size in pixels, and its proportions."""

    transformer: PixArtTransformer2DModel
    crosses = True

    def __init__(self, transformer: PixArtTransformer2DModel, pixels: int):
        super().__init__(transformer)
        self.pixels = pixels

    def ask(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        told: dict[str, Tensor | None] = {"resolution": None, "aspect_ratio": None}
        if self.transformer.use_additional_conditions:
            height, width = x.shape[2] * self.pixels, x.shape[3] * self.pixels
            told = {
                "resolution": torch.tensor([[height, width]]).expand(len(x), 2).to(x),
                "aspect_ratio": torch.tensor([[height / width]]).expand(len(x), 1).to(x),
            }
        out: Tensor = self.transformer(
            x,
            encoder_hidden_states=cond["states"],
            encoder_attention_mask=cond["mask"],
            timestep=t,
            added_cond_kwargs=told,
            return_dict=False,
        )[0]
        return out[:, : x.shape[1]]  # the rest is the variance, which was learned and is not used


def packed(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H/2 · W/2, 4 C]: 2 × 2 positions are one token."""
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), 4 * c)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `packed`. height, width: in tokens."""
    b, _, c = tokens.shape
    return tokens.view(b, height, width, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, c // 4, 2 * height, 2 * width)


def image_ids(height: int, width: int) -> Tensor:
    """[height · width, 3]: 0, row and column of every token."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).reshape(-1, 3)
