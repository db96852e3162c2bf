"""A negative prompt is read where guidance asks for the null, as diffusers' pipelines read theirs, within 1e-4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.domain import told
from studio.core.family import OpenModel
from studio.core.rng import INITIAL, noise
from studio.families import family_of, open_model
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import Once, encode_plans
from tests.support import tiny_models
from tests.support.tiny_transformers import PIPELINES

SEEDS, PROMPT, NEGATIVE, TOLERANCE, STEPS = [4, 9], "a red boat", "blurry text", 1e-4, 4
MAKE: dict[str, Any] = {
    "sd": tiny_models.sd_pipeline,
    "sdxl": tiny_models.sdxl_pipeline,
    "sd3": PIPELINES["sd3"],
    "pixart": PIPELINES["pixart"],
}


def drawn(pipe: Any, latents: Tensor, name: str) -> Tensor:
    how: dict[str, Any] = {"num_inference_steps": STEPS, "height": 16, "width": 16, "output_type": "latent"}
    if name == "pixart":
        how |= {"clean_caption": False, "use_resolution_binning": False}
    asked = {"negative_prompt": [NEGATIVE] * 2, "guidance_scale": 3.0, "latents": latents}
    images: Tensor = pipe([PROMPT] * 2, **asked, **how).images
    return images


def ours(model: OpenModel, grid: tuple[float, ...], name: str, negative: str, guidance: float = 3.0) -> Tensor:
    final = 0.0 if name in ("sd", "sdxl") else -1.0
    plan = teacher_plan("m", grid, "euler" if name == "sd3" else "ddim", guidance).model_copy(update={"final_t": final})
    cond = encode_plans([plan], {"m": model}, told([PROMPT]), negative=negative)
    return finished(sample(plan, {"m": model}, cond, SEEDS, model.shape))


@pytest.mark.parametrize("name", MAKE)
def test_a_plan_with_a_negative_prompt_is_the_pipeline(name: str, tmp_path: Path) -> None:
    pipe = MAKE[name](tmp_path)
    pipe.save_pretrained(tmp_path / "model")
    model, family = open_model(tmp_path / "model", "m"), family_of(tmp_path / "model")
    assert family is not None
    grid = family.timesteps(tmp_path / "model", STEPS, None)
    found = ours(model, grid, name, NEGATIVE)
    assert float((found - drawn(pipe, noise(SEEDS, INITIAL, model.shape), name)).abs().max()) < TOLERANCE
    assert float((found - ours(model, grid, name, "")).abs().max()) > 10 * TOLERANCE
    assert torch.equal(ours(model, grid, name, NEGATIVE, 1.0), ours(model, grid, name, "", 1.0))  # nothing is guided


def test_readings_of_two_negative_prompts_are_kept_apart(tmp_path: Path) -> None:
    MAKE["sdxl"](tmp_path).save_pretrained(tmp_path / "model")
    model, plan, cache = open_model(tmp_path / "model", "m"), teacher_plan("m", (900.0,)), Once()
    read = [encode_plans([plan], {"m": model}, told([PROMPT]), cache, text)["m"][1] for text in ("", NEGATIVE, "x")]
    assert len(cache) == 3 and not read[0]["pooled"].any()  # the null of SDXL is zeros, and a negative prompt is read
    assert not torch.equal(read[1]["pooled"], read[2]["pooled"])
    assert torch.equal(read[1]["time_ids"], read[0]["time_ids"])
