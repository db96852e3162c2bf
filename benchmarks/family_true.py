"""Drawing with networks of true size and conditions that are made up: by the loop, and by diffusers' pipeline on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import true_sizes
from benchmarks.family_models import TRAILING, TRUE, true_size
from studio.core.denoiser import Denoiser
from studio.core.process import Flow
from studio.core.rng import INITIAL, noise
from studio.families import autoencoder
from studio.families.schedulers import process_of
from studio.families.stable.network import Network
from studio.families.stable.text import time_ids
from studio.families.transformer.network import FluxNetwork, PixArtNetwork, SD3Network
from studio.sampling import grids
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan

SIDES = {"sd1": 64, "sd2": 96, "sdxl": 128, "sd3": 128, "flux": 128, "pixart": 128}  # latent positions
TEXT = {"sd1": (77, 768, 0), "sd2": (77, 1024, 0), "sdxl": (77, 2048, 1280), "sd3": (333, 4096, 2048), "flux": (512, 4096, 768),
        "pixart": (120, 4096, 0)}  # tokens, width, width of what is pooled  # fmt: skip
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False, "steps_offset": 1}


def true_ways(name: str, device: str, guidance: float, steps: int, seeds: Sequence[int], parts: Any = None) -> dict[str, Any]:
    """The fields of `families.Ways`. parts: networks that are there already, for a test of small ones."""
    parts = parts or true_size(name, device)
    network, vae = parts.get("unet") or parts["transformer"], parts["vae"]
    pipe = _pipeline(name, parts, device)
    given, null = _conditions(name, network, device, 0), _conditions(name, network, device, 1)
    side = int(network.config.get("sample_size") or SIDES[name])
    shape = (int(vae.config["latent_channels"]), side, side)
    denoiser, ts = _denoiser(name, network, pipe), _grid(name, pipe, steps)
    plan = teacher_plan("m", ts, "euler" if name in ("sd3", "flux") else "ddim", guidance)
    if name == "sdxl":
        told = time_ids(side * pipe.vae_scale_factor, side * pipe.vae_scale_factor, 1, torch.device(device))
        given, null = {**given, "time_ids": told}, {**null, "time_ids": told}
    x = noise(list(seeds), INITIAL, shape).to(device)

    def loop() -> Tensor:
        return finished(sample(plan, {"m": denoiser}, {"m": (given, null)}, list(seeds), shape, start=x))

    @torch.inference_mode()
    def whole() -> Tensor:
        return autoencoder.decoded(vae, loop())

    return {"loop": loop, "whole": whole, "pipeline": _call(name, pipe, given, null, x, guidance, steps), "network": network,
            "images": len(seeds), "nfe": plan.nfe}  # fmt: skip


def _conditions(name: str, network: nn.Module, device: str, seed: int) -> dict[str, Tensor]:
    like, (length, width, pooled) = next(network.parameters()), TEXT[name]
    made = torch.Generator().manual_seed(seed)
    config: Any = network.config
    width = int(config.get("caption_channels") or config.get("joint_attention_dim") or config.get("cross_attention_dim") or width)
    tensors = {"states": torch.randn(1, length, width, generator=made)}
    if pooled:
        told = config.get("projection_class_embeddings_input_dim")  # SDXL: with what it is told of sizes
        pooled = told - 6 * config["addition_time_embed_dim"] if told else int(config.get("pooled_projection_dim") or pooled)
        tensors["pooled"] = torch.randn(1, pooled, generator=made)
    out = {key: value.to(device, like.dtype) for key, value in tensors.items()}
    return {**out, "mask": torch.ones(1, length, dtype=torch.bool, device=device)} if name == "pixart" else out


def _denoiser(name: str, network: Any, pipe: Any) -> Denoiser:
    if name == "sd3":
        return Denoiser(SD3Network(network).eval(), Flow(1000.0), "flow")
    if name == "flux":
        return Denoiser(FluxNetwork(network, 1.0).eval(), Flow(1000.0), "flow")
    process = process_of(dict(pipe.scheduler.config))
    if name == "pixart":
        return Denoiser(PixArtNetwork(network, pipe.vae_scale_factor).eval(), process, "eps")
    return Denoiser(Network(network, pipe.vae_scale_factor), process, "v" if name == "sd2" else "eps")


def _grid(name: str, pipe: Any, steps: int) -> tuple[float, ...]:
    """Those of the pipeline."""
    if name == "flux":
        pipe.scheduler.set_timesteps(sigmas=[1 - i / steps for i in range(steps)])
    elif name == "sd3":
        pipe.scheduler.set_timesteps(steps)
    else:
        return grids.trailing(steps)
    return tuple(float(t) for t in pipe.scheduler.timesteps)


def _pipeline(name: str, parts: Any, device: str) -> Any:
    """Of the same modules, without text encoders."""
    import diffusers

    cls = getattr(diffusers, true_sizes.MODELS[TRUE[name]][0])
    if name in ("sd3", "flux"):
        scheduler: Any = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0 if name == "sd3" else 1.0)
    else:
        kind = "v_prediction" if name == "sd2" else "epsilon"
        scheduler = diffusers.DDIMScheduler(**BETAS, **TRAILING, prediction_type=kind)
    none = {"sd1": 1, "sd2": 1, "sdxl": 2, "sd3": 3, "flux": 2, "pixart": 1}[name]
    text = {f"{part}{'' if i == 0 else f'_{i + 1}'}": None for i in range(none) for part in ("text_encoder", "tokenizer")}
    more = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False} if name in ("sd1", "sd2") else {}
    more |= {"add_watermarker": False} if name == "sdxl" else {}
    pipe = cls(**parts, scheduler=scheduler, **text, **more)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _call(name: str, pipe: Any, given: Any, null: Any, x: Tensor, guidance: float, steps: int) -> Callable[[], Tensor]:
    n, (_, channels, high, wide) = len(x), x.shape
    dtype = next((pipe.unet if hasattr(pipe, "unet") else pipe.transformer).parameters()).dtype
    how: dict[str, Any] = {"num_inference_steps": steps, "output_type": "pt"}
    how |= {"height": high * pipe.vae_scale_factor, "width": wide * pipe.vae_scale_factor}
    for prefix, tensors in (("", given), ("negative_", null)):
        how[f"{prefix}prompt_embeds"] = tensors["states"].expand(n, -1, -1)
        if "pooled" in tensors:
            how[f"{prefix}pooled_prompt_embeds"] = tensors["pooled"].expand(n, -1)
        if "mask" in tensors:
            how[f"{prefix}prompt_attention_mask"] = tensors["mask"].expand(n, -1)
    if name == "flux":
        how |= {"true_cfg_scale": guidance, "latents": pipe._pack_latents(x, n, channels, high, wide).to(dtype)}
    else:
        how |= {"guidance_scale": guidance, "latents": x.to(dtype)}
    if name == "pixart":
        how |= {"negative_prompt": None, "clean_caption": False, "use_resolution_binning": False}

    def call() -> Tensor:
        pictures: Tensor = pipe(**how).images
        return pictures

    return call
