"""Real diffusers folders with random weights, small enough to build in a test: shaped like SD3, Flux and PixArt-α."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5TokenizerFast

from tests.support.tiny_models import text_config, tokenizer

WIDTH = 32  # of T5


def t5_tokenizer() -> T5TokenizerFast:
    """Every letter a token, alone and at the beginning of a word."""
    letters = string.ascii_lowercase
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -2.0),
        *((f"{m}{c}", -3.0) for m in ("", "▁") for c in letters),
    ]
    return T5TokenizerFast(vocab=pieces, extra_ids=0)


def t5(words: T5TokenizerFast) -> T5EncoderModel:
    config = T5Config(vocab_size=len(words), d_model=WIDTH, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    return T5EncoderModel(config).eval()


def autoencoder() -> AutoencoderKL:
    """16 pixels a side, 8 positions."""
    return AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4, norm_num_groups=4, sample_size=16, scaling_factor=1.5, shift_factor=0.06,
        use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip


def sharpened(network: Any) -> Any:
    """So that what an untrained network says depends on the text: released ones begin with gates near zero."""
    for name, weight in network.named_parameters():
        if "norm" in name and weight.ndim == 2 or "adaln" in name and weight.ndim == 2:
            nn.init.normal_(weight, std=0.2)
    return network.eval()


def sd3_pipeline(folder: Path, seed: int = 0, t5_too: bool = True, scheduler: Any = None, **more: Any) -> Any:
    torch.manual_seed(seed)
    words, words_2, words_3 = tokenizer(folder / "words"), tokenizer(folder / "words_2"), t5_tokenizer()
    network = SD3Transformer2DModel(**{
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "num_layers": 2, "attention_head_dim": 8,
        "num_attention_heads": 4, "joint_attention_dim": WIDTH, "caption_projection_dim": 32, "pooled_projection_dim": 28,
        "pos_embed_max_size": 8, **more,
    })  # fmt: skip
    pipe = StableDiffusion3Pipeline(
        transformer=sharpened(network), vae=autoencoder(), scheduler=scheduler or FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=CLIPTextModelWithProjection(text_config(words, 12, 3)).eval(), tokenizer=words,
        text_encoder_2=CLIPTextModelWithProjection(text_config(words_2, 16, 3)).eval(), tokenizer_2=words_2,
        text_encoder_3=t5(words_3) if t5_too else None, tokenizer_3=words_3 if t5_too else None,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def flux_pipeline(folder: Path, seed: int = 0, dev: bool = False, scheduler: Any = None, **more: Any) -> Any:
    """Shaped like FLUX.1-schnell, or FLUX.1-dev: with guidance as an input, and a grid shifted by the number of tokens."""
    torch.manual_seed(seed)
    words, words_2 = tokenizer(folder / "words"), t5_tokenizer()
    network = FluxTransformer2DModel(**{
        "in_channels": 16, "num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
        "joint_attention_dim": WIDTH, "pooled_projection_dim": 12, "guidance_embeds": dev, "axes_dims_rope": (4, 6, 6), **more,
    })  # fmt: skip
    usual = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0) if dev else FlowMatchEulerDiscreteScheduler()
    pipe = FluxPipeline(
        transformer=sharpened(network), vae=autoencoder(), scheduler=scheduler or usual,
        text_encoder=CLIPTextModel(text_config(words, 12)).eval(), tokenizer=words, text_encoder_2=t5(words_2),
        tokenizer_2=words_2,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pixart_pipeline(folder: Path, seed: int = 0, scheduler: Any = None, **more: Any) -> Any:
    torch.manual_seed(seed)
    words = t5_tokenizer()
    network = PixArtTransformer2DModel(**{
        "sample_size": 8, "in_channels": 4, "out_channels": 8, "num_layers": 2, "attention_head_dim": 8,
        "num_attention_heads": 3, "cross_attention_dim": 24, "caption_channels": WIDTH, **more,
    })  # fmt: skip
    # of little noise, so that what an untrained network believes in stays near 1
    usual = DDIMScheduler(
        beta_schedule="linear", beta_end=0.005, clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    pipe = PixArtAlphaPipeline(
        tokenizer=words, text_encoder=t5(words), vae=autoencoder(), transformer=sharpened(network), scheduler=scheduler or usual
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


PIPELINES = {
    "sd3": sd3_pipeline,
    "sd3-without-t5": lambda folder, **more: sd3_pipeline(folder, t5_too=False, **more),
    "schnell": flux_pipeline,
    "dev": lambda folder, **more: flux_pipeline(folder, dev=True, **more),
    "pixart": pixart_pipeline,
}
