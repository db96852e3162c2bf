"""The two sizes of the built-in models: *pocket* (128 px, for people) and *nano* (32 px, for tests and instant jobs)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from studio.core.files import Json


class Size(BaseModel):
    """Everything that differs between pocket and nano."""

    model_config = ConfigDict(frozen=True)

    name: Literal["pocket", "nano"]
    pixels: int
    latent_channels: int
    latent_size: int
    n_scenes: int  # rendered once and encoded once
    autoencoder: Json  # arguments of AutoencoderTiny
    crop: int
    unet: Json  # arguments of UNet2DConditionModel
    text_width: int
    oracle_width: int
    beta_start: float
    beta_end: float


POCKET = Size(
    name="pocket",
    pixels=128,
    latent_channels=8,
    latent_size=16,
    n_scenes=40_000,
    autoencoder={
        # no residual blocks at the two finest levels: width 64 then costs about what 32 would, and had
        # 21 dB after 800 updates where 32 needed some 1,800 (one run each, squared error not yet in the loss)
        "encoder_block_out_channels": (64, 64, 64, 64),
        "decoder_block_out_channels": (64, 64, 64, 64),
        "num_encoder_blocks": (0, 0, 2, 4),
        "num_decoder_blocks": (4, 3, 0, 0),
    },
    crop=64,
    unet={
        "block_out_channels": (64, 96, 128),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 4,  # diffusers' name for the number of heads
        "norm_num_groups": 8,
    },
    text_width=128,
    oracle_width=24,
    beta_start=0.00085,
    beta_end=0.012,
)

NANO = Size(
    name="nano",
    pixels=32,
    latent_channels=4,
    latent_size=8,
    n_scenes=40_000,
    autoencoder={
        # with width 32 the oracle read the subject of 7 % of the reconstructions wrongly, which bounds every model on top
        "encoder_block_out_channels": (64, 64, 64),
        "decoder_block_out_channels": (64, 64, 64),
        "num_encoder_blocks": (0, 2, 3),
        "num_decoder_blocks": (3, 3, 0),
    },
    crop=32,
    unet={
        "block_out_channels": (56, 80),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    },
    text_width=64,
    oracle_width=32,
    beta_start=0.00085,
    beta_end=0.012,
)

SIZES = {"pocket": POCKET, "nano": NANO}
