"""The pipelines whose folders can be opened, and what is different in them. No torch.

Lengths and scales are the defaults of diffusers' pipelines (0.42: `encode_prompt`, `__call__`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.core.files import Json

CLIP_WORDS, T5_WORDS = ("CLIPTokenizer", "CLIPTokenizerFast"), ("T5Tokenizer", "T5TokenizerFast")
POOLING, PROJECTING, T5 = ("CLIPTextModel",), ("CLIPTextModelWithProjection",), ("T5EncoderModel",)
OLD_PIXART = "Transformer2DModel"  # as older versions of diffusers call it; its norm_type says that it is one
VAE = ("AutoencoderKL", "AutoencoderTiny")


@dataclass(frozen=True)
class Kind:
    """pipeline, network: classes of diffusers. title: as people call it. parts: classes that are read, by part, those with text
    in the order of their numbers. optional: parts that an index may leave empty. length: text tokens that T5 reads. guidance: of
    the pipeline. lower: whether it reads prompts in lower case. loras: whether it takes any. flow: whether it is a rectified
    flow; else noise is added by a beta schedule. packed: latent channels and positions of a token (2 × 2 of them in Flux), 1
    where the network patches by itself. architecture: as modelspec calls it. crosses: whether text is read by
    cross-attention; else text and image share one attention."""

    pipeline: str
    network: str
    title: str
    parts: Mapping[str, Sequence[str]]
    length: int
    guidance: float
    architecture: str
    optional: tuple[str, ...] = ()
    flow: bool = True
    lower: bool = False
    loras: bool = True
    packed: int = 1
    crosses: bool = False

    def present(self, index: Json) -> dict[str, Sequence[str]]:
        """The parts that a folder must have, by its index."""
        return {part: known for part, known in self.parts.items() if part not in self.optional or index.get(part) not in _EMPTY}


_EMPTY = (None, [None, None])

SD3 = Kind(
    pipeline="StableDiffusion3Pipeline",
    network="SD3Transformer2DModel",
    title="Stable Diffusion 3",
    parts={"transformer": ("SD3Transformer2DModel",), "vae": VAE, "text_encoder": PROJECTING, "text_encoder_2": PROJECTING,
           "text_encoder_3": T5, "tokenizer": CLIP_WORDS, "tokenizer_2": CLIP_WORDS, "tokenizer_3": T5_WORDS},
    length=256,
    guidance=7.0,
    architecture="stable-diffusion-v3",
    optional=("text_encoder_3", "tokenizer_3"),
)  # fmt: skip
FLUX = Kind(
    pipeline="FluxPipeline",
    network="FluxTransformer2DModel",
    title="Flux",
    parts={"transformer": ("FluxTransformer2DModel",), "vae": VAE, "text_encoder": POOLING, "text_encoder_2": T5,
           "tokenizer": CLIP_WORDS, "tokenizer_2": T5_WORDS},
    length=512,
    guidance=1.0,  # `true_cfg_scale`; `guidance_scale` is an input of the network
    architecture="flux-1",
    packed=2,
)  # fmt: skip
PIXART = Kind(
    pipeline="PixArtAlphaPipeline",
    network="PixArtTransformer2DModel",
    title="PixArt-α",
    parts={"transformer": ("PixArtTransformer2DModel", OLD_PIXART), "vae": VAE, "text_encoder": T5, "tokenizer": T5_WORDS},
    length=120,
    guidance=4.5,
    architecture="pixart-alpha",
    flow=False,
    lower=True,
    crosses=True,
    loras=False,  # peft puts them on its transformer
)
KINDS = {kind.pipeline: kind for kind in (SD3, FLUX, PIXART)}
EMBEDDED_GUIDANCE = 3.5  # FluxPipeline's guidance_scale, where the network takes it as an input
