"""A student as a folder that diffusers' pipeline opens: its teacher's, with another transformer and a scheduler of its own.

What a student does not change is not written again but linked (hard links; a copy where the file system has none), because a
T5 is larger than most students.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from studio.core.edit import Edit
from studio.core.files import Json
from studio.core.method import Method
from studio.core.recipe import Recipe
from studio.core.weights import forget_places, system_errors
from studio.families.folder import INDEX, json_object
from studio.families.layout import LORA, LORA_SETTINGS, original_of
from studio.families.plain_call import plain_call, scheduler_for, write_readme
from studio.families.schedulers import BETAS

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
    from transformers import PreTrainedModel

    from studio.families.autoencoder import Autoencoder
    from studio.families.transformer.network import Transformer
    from studio.families.transformer.parts import Open

LORA_WEIGHTS = "pytorch_lora_weights.safetensors"  # as diffusers looks for it
EXAMPLE = "a red house at night"  # words that every text-to-image model knows


def student_folder(target: Path, model: Open, taught: Transformer | Edit, method: Method, *, teacher_id: str, card: Json) -> None:
    """Write a finished student: weights in half precision, recipe.json, card.json, and a README with the call for diffusers.

    taught: its transformer, or what it differs by from its teacher's, which is then linked with a LoRA beside it.
    """
    recipe = model.recipe_of(method, teacher_id)
    target.mkdir(parents=True, exist_ok=True)
    whole: dict[str, Autoencoder | PreTrainedModel | Transformer] = {"vae": model.held.vae, **model.held.encoders}
    if isinstance(taught, Edit):
        whole["transformer"] = model.held.transformer
    for part in (*whole, *model.held.tokenizers):
        shutil.copytree(model.folder / part, target / part, copy_function=_linked, ignore=_pickles, dirs_exist_ok=True)
        if part in whole and original_of(model.folder / part) is not None:  # in one file with the teacher's
            whole[part].save_pretrained(target / part, safe_serialization=True)
    if isinstance(taught, Edit):
        model.adapter_files.write(taught, target / LORA / LORA_WEIGHTS)
        (target / LORA / LORA_SETTINGS).write_text(json.dumps({"scale": 1.0}) + "\n")
    else:
        half = nn.Module.to(copy.deepcopy(taught), "cpu", torch.float16)
        with system_errors():
            half.save_pretrained(target / "transformer", safe_serialization=True)
    scheduler = json_object(model.folder / "scheduler" / "scheduler_config.json")
    kept = {k: scheduler[k] for k in (*BETAS, "prediction_type") if k in scheduler}
    flow, train = model.kind.flow, int(model.denoiser.process.t_max)
    drawn = flow_scheduler(recipe, train) if flow else scheduler_for(kept, recipe.rule, recipe.timesteps)
    drawn.save_pretrained(target / "scheduler")
    forget_places(target)
    classes = {"scheduler": ["diffusers", type(drawn).__name__], "transformer": ["diffusers", model.kind.network]}
    index = {**json_object(model.folder / INDEX), **classes}
    (target / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    recipe.save(target)
    if "embedded_guidance" in model.card:  # the student's network reads it as its teacher's does
        card = {**card, "embedded_guidance": model.card["embedded_guidance"]}
    (target / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    there = model.kind.present(index)
    empty = [part for part in model.kind.optional if part not in there]
    write_readme(target, EXAMPLE, _call(target, model, recipe), empty, LORA if isinstance(taught, Edit) else "")


def flow_scheduler(recipe: Recipe, train: int) -> FlowMatchEulerDiscreteScheduler:
    """That takes the steps of a recipe where its σ are given to the pipeline: nothing is shifted, and `stochastic_sampling` is
    the rule lcm, x_s = (1 − s) x̂0 + s z."""
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=train, shift=1.0, stochastic_sampling=recipe.rule == "lcm")


def _call(folder: Path, model: Open, recipe: Recipe) -> Json:
    """Arguments of `pipe(prompt, ...)` with which plain diffusers draws as this studio does; of other rules the nearest."""
    if not model.kind.flow:
        return plain_call(folder)
    sigmas = [round(t / model.denoiser.process.t_max, 6) for t in recipe.timesteps]
    call: Json = {"num_inference_steps": len(sigmas), "sigmas": sigmas}
    if model.kind.packed == 1:
        call["guidance_scale"] = recipe.guidance
    elif model.embedded_guidance != 1:
        call["guidance_scale"] = model.embedded_guidance
    return call


def _linked(source: str, target: str) -> str:
    """In place of `shutil.copy2`."""
    Path(target).unlink(missing_ok=True)
    if not source.endswith(".safetensors"):  # a config may be changed in place by whoever owns the student
        return shutil.copy2(source, target)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        return shutil.copy2(source, target)
    return target


def _pickles(where: str, names: Sequence[str]) -> set[str]:
    return {name for name in names if name.startswith(".") or name.endswith((".bin", ".ckpt", ".pt", ".msgpack", ".h5"))}
