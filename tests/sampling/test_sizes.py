"""Samples of another size than the model's own, not square: those of diffusers with height and width, within 1e-4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline
from torch import Tensor

from studio.core.domain import told
from studio.core.family import OpenModel, SizedGrids
from studio.core.rng import INITIAL, noise
from studio.families import autoencoder, describe, family_of, open_model
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import encode_once
from tests.support import tiny_models
from tests.support.tiny_transformers import PIPELINES

SEEDS, PROMPT, TOLERANCE, STEPS = [4, 9], "a red boat", 1e-4, 4
WIDE, HIGH = (4, 4, 12), (4, 8, 4)  # latents; a position is two pixels
MAKE: dict[str, Any] = {
    "sd": tiny_models.sd_pipeline,
    "sdxl": tiny_models.sdxl_pipeline,
    **{name: PIPELINES[name] for name in ("sd3", "schnell", "dev", "pixart")},
}


def saved(name: str, folder: Path) -> tuple[Any, OpenModel]:
    pipe = MAKE[name](folder)
    pipe.save_pretrained(folder / "model")
    return pipe, open_model(folder / "model", "m")


def drawn(pipe: Any, latents: Tensor, guidance: float) -> Tensor:
    """What the pipeline draws, told the size."""
    *_, high, wide = latents.shape
    how: dict[str, Any] = {"num_inference_steps": STEPS, "height": 2 * high, "width": 2 * wide, "output_type": "latent"}
    if isinstance(pipe, FluxPipeline):
        packed = FluxPipeline._pack_latents(latents, *latents.shape)
        asked = {"negative_prompt": [""] * 2, "true_cfg_scale": guidance, "latents": packed}
        return FluxPipeline._unpack_latents(pipe([PROMPT] * 2, **asked, **how).images, 2 * high, 2 * wide, 2)
    if "PixArt" in type(pipe).__name__:
        how |= {"clean_caption": False, "use_resolution_binning": False}
    images: Tensor = pipe([PROMPT] * 2, guidance_scale=guidance, latents=latents, **how).images
    return images


def ours(model: OpenModel, grid: tuple[float, ...], rule: str, guidance: float, shape: tuple[int, ...], final: float) -> Tensor:
    plan = teacher_plan("m", grid, rule, guidance).model_copy(update={"final_t": final})
    return finished(sample(plan, {"m": model}, encode_once({"m": model}, told([PROMPT])), SEEDS, shape))


@pytest.mark.parametrize("shape", [WIDE, HIGH])
@pytest.mark.parametrize("name", MAKE)
def test_a_plan_is_the_pipeline_with_height_and_width(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    pipe, model = saved(name, tmp_path)
    folder, family = tmp_path / "model", family_of(tmp_path / "model")
    assert family is not None
    own = family.timesteps(folder, STEPS, None)
    grid = family.timesteps_at(folder, STEPS, None, shape) if isinstance(family, SizedGrids) else own
    reference = drawn(pipe, noise(SEEDS, INITIAL, shape), 3.0)
    assert grid == pytest.approx([float(t) for t in pipe.scheduler.timesteps], abs=1e-3)
    assert (grid == pytest.approx(own, abs=1e-3)) == (name != "dev")  # whose grid is shifted by the number of tokens
    rule = "euler" if name in ("sd3", "schnell", "dev") else "ddim"
    found = ours(model, grid, rule, 3.0, shape, 0.0 if name.startswith("sd") and name != "sd3" else -1.0)
    assert tuple(found.shape) == (2, *shape)
    assert float((found - reference).abs().max()) < TOLERANCE
    assert model.decode(found, {}).shape == (2, 3, 2 * shape[1], 2 * shape[2])


def test_sdxl_is_told_the_size_of_what_it_draws(tmp_path: Path) -> None:
    _, model = saved("sdxl", tmp_path)
    said: list[Tensor] = []
    unet = model.denoiser.network.unet  # type: ignore[attr-defined]
    unet.add_time_proj.register_forward_hook(lambda _, given, __: said.append(given[0]))
    for shape in (WIDE, model.shape):
        ours(model, (900.0,), "ddim", 1.0, shape, 0.0)
    assert [tuple(of[:6].tolist()) for of in said] == [(8, 24, 0, 0, 8, 24), (16, 16, 0, 0, 16, 16)]


@pytest.mark.parametrize(
    ("name", "step", "most"), [("sd", 2, 0), ("sdxl", 2, 0), ("sd3", 2, 16), ("schnell", 2, 0), ("pixart", 2, 0)]
)
def test_the_face_says_in_which_steps_without_opening(name: str, step: int, most: int, tmp_path: Path) -> None:
    _, model = saved(name, tmp_path)
    found = describe(tmp_path / "model")
    assert (found.step, found.most) == (step, most)
    assert (found.shape, found.sample_shape) == (tuple(model.shape), tuple(model.sample_shape))


def test_a_decoder_takes_as_many_at_once_as_their_size_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = saved("sd", tmp_path)
    monkeypatch.setattr(autoencoder, "PIXELS_AT_ONCE", 2 * 16 * 16)
    calls: list[int] = []
    model.parts.vae.decoder.register_forward_hook(lambda _, given, __: calls.append(len(given[0])))  # type: ignore[attr-defined]
    model.decode(torch.zeros(4, 4, 8, 8), {})
    model.decode(torch.zeros(2, 4, 8, 16), {})
    assert calls == [2, 2, 1, 1]
