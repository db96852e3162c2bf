"""Real diffusers folders with random weights, small enough to build in a test: SD- and SDXL-shaped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

LENGTH = 12


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Every letter a token, alone and at the end of a word; no merges."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    marks = ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate([*letters, *(c + "</w>" for c in letters), *marks])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH, unk_token=marks[1], pad_token=marks[1])


def text_config(words: CLIPTokenizer, width: int, layers: int = 2) -> CLIPTextConfig:
    n = len(words)
    return CLIPTextConfig(
        vocab_size=n, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=2,
        max_position_embeddings=LENGTH, projection_dim=width, bos_token_id=n - 2, eos_token_id=n - 1, pad_token_id=n - 1,
    )  # fmt: skip


def unet(cross: int, **more: Any) -> UNet2DConditionModel:
    shape: dict[str, Any] = {
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "block_out_channels": (16, 32), "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": cross, "attention_head_dim": 2, "norm_num_groups": 8,
    }  # fmt: skip
    return UNet2DConditionModel(**{**shape, **more})


def autoencoder(scaling: float = 0.18215) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4, norm_num_groups=4, sample_size=16, scaling_factor=scaling,
    )  # fmt: skip


def scheduler(prediction: str = "epsilon", **more: Any) -> DDIMScheduler:
    """The scheduler of Stable Diffusion 1.x (``set_alpha_to_one=False``, leading, offset 1)."""
    sd: dict[str, Any] = {
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
        "set_alpha_to_one": False, "steps_offset": 1, "prediction_type": prediction,
    }  # fmt: skip
    return DDIMScheduler(**{**sd, **more})


def sd_pipeline(folder: Path, seed: int = 0, prediction: str = "epsilon", tiny_vae: bool = False, **unet_more: Any) -> Any:
    torch.manual_seed(seed)
    words = tokenizer(folder / "words")
    small = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    vae: Any = autoencoder()
    if tiny_vae:
        vae = AutoencoderTiny(**small, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), latent_channels=4)
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(text_config(words, 16)).eval(), tokenizer=words,
        unet=unet(**{"cross": 16, **unet_more}).eval(),
        scheduler=scheduler(prediction), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def sdxl_pipeline(folder: Path, seed: int = 0, force_zeros: bool = True) -> Any:
    torch.manual_seed(seed)
    words, words_2 = tokenizer(folder / "words"), tokenizer(folder / "words_2")
    network = unet(
        16 + 24, transformer_layers_per_block=(1, 2), addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24 + 6 * 8,
    )  # fmt: skip
    pipe = StableDiffusionXLPipeline(
        vae=autoencoder(0.13025), text_encoder=CLIPTextModel(text_config(words, 16, 3)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text_config(words_2, 24, 3)).eval(), tokenizer=words, tokenizer_2=words_2,
        unet=network.eval(), scheduler=scheduler(), force_zeros_for_empty_prompt=force_zeros, add_watermarker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe
