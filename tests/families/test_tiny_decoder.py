"""Tiny decoders draw what diffusers' pipeline draws with one in its autoencoder's place; those that do not fit are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny

from studio.core.domain import told
from studio.core.rng import INITIAL, noise
from studio.families import family_of, open_model
from studio.families.tiny_decoder import misfit, open_tiny
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import encode_once
from tests.support import tiny_models
from tests.support.tiny_transformers import flux_pipeline, pixart_pipeline, sd3_pipeline

SHAPE, SAMPLE, SEEDS = (4, 8, 8), (3, 16, 16), [4, 9]
TRAILING = {"timestep_spacing": "trailing", "set_alpha_to_one": True}


def tiny(levels: int = 2, channels: int = 4) -> AutoencoderTiny:
    torch.manual_seed(3)
    return AutoencoderTiny(
        encoder_block_out_channels=(8,) * levels, decoder_block_out_channels=(8,) * levels, latent_channels=channels,
        num_encoder_blocks=(1,) * levels, num_decoder_blocks=(1,) * levels,
    ).eval()  # fmt: skip


def stable(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def made(folder: Path) -> Any:
        pipe = make(folder)
        pipe.scheduler = tiny_models.scheduler(**TRAILING)
        return pipe

    return made


MAKE = {"sd": stable(tiny_models.sd_pipeline), "sdxl": stable(tiny_models.sdxl_pipeline), "sd3": sd3_pipeline,
        "flux": flux_pipeline, "pixart": pixart_pipeline}  # fmt: skip


@pytest.mark.parametrize("name", MAKE)
def test_pictures_are_those_of_the_pipeline_with_the_tiny_autoencoder(name: str, tmp_path: Path) -> None:
    pipe = MAKE[name](tmp_path / "words")
    pipe.save_pretrained(tmp_path / "model")
    tiny().save_pretrained(tmp_path / "tiny")
    model, family = open_model(tmp_path / "model", "m"), family_of(tmp_path / "model")
    assert family is not None and misfit(tmp_path / "tiny", model.shape, model.sample_shape) == ""
    pipe.vae = tiny()
    x, how = noise(SEEDS, INITIAL, model.shape), {"num_inference_steps": 2, "height": 16, "width": 16, "output_type": "pt"}
    if name == "flux":
        theirs = pipe(["a red boat"] * 2, latents=pipe._pack_latents(x, 2, 4, 8, 8), **how).images
    else:
        how |= {"clean_caption": False, "use_resolution_binning": False} if name == "pixart" else {}
        theirs = pipe(["a red boat"] * 2, latents=x, guidance_scale=1.0, **how).images
    plan = teacher_plan("m", family.timesteps(tmp_path / "model", 2, None), "euler" if name in ("sd3", "flux") else "ddim")
    latents = finished(sample(plan, {"m": model}, encode_once({"m": model}, told(["a red boat"])), SEEDS, model.shape))
    ours = open_tiny(tmp_path / "tiny", "cpu", torch.float32).decode(latents)
    assert ours.shape == theirs.shape and ours.dtype == torch.float32
    assert float((ours - theirs).abs().max()) < 1e-4
    assert float((ours - model.decode(latents)).abs().max()) > 1e-2  # another decoder than its own


def test_one_file_opens_with_what_its_header_says(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    whole = AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, latent_channels=16).eval()
    save_file(whole.state_dict(), tmp_path / "taef1.safetensors")
    assert misfit(tmp_path / "taef1.safetensors", (16, 4, 4), (3, 32, 32)) == ""
    z = torch.randn(1, 16, 4, 4)
    with torch.no_grad():
        expected = (whole.decode(z).sample * 0.5 + 0.5).clamp(0, 1)
    assert torch.allclose(open_tiny(tmp_path / "taef1.safetensors", "cpu", torch.float32).decode(z), expected, atol=1e-6)
    save_file({**whole.state_dict(), "more": torch.zeros(1)}, tmp_path / "more.safetensors")
    with pytest.raises(ValueError, match="more.safetensors has not the layers of an AutoencoderTiny"):
        open_tiny(tmp_path / "more.safetensors", "cpu", torch.float32)


def test_what_does_not_fit_says_why(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tiny(channels=16).save_pretrained(tmp_path / "wide")
    tiny(levels=3).save_pretrained(tmp_path / "deep")
    tiny_models.autoencoder().save_pretrained(tmp_path / "full")
    save_file({"1.weight": torch.zeros(8, 4, 3, 3)}, tmp_path / "original.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps({"_class_name": "AutoencoderTiny", "latent_channels": None}))
    found = {name: misfit(tmp_path / name, SHAPE, SAMPLE) for name in (
        "wide", "deep", "full", "original.safetensors", "torn.safetensors", "empty", "odd", "gone")}  # fmt: skip
    assert found == {
        "wide": "it takes latents of 16 channels and the model has 4",
        "deep": "it draws 4 pixels a side of a position and the model 2",
        "full": "it has the class AutoencoderKL; a folder of an AutoencoderTiny of diffusers would fit",
        "original.safetensors": "its weights do not have the names of diffusers' AutoencoderTiny; "
        "a folder or file of one would fit",
        "torn.safetensors": "it is damaged",
        "empty": "it has no config.json; a folder of an AutoencoderTiny of diffusers would fit",
        "odd": "it is damaged",
        "gone": "it is not there",
    }
