"""A student as a folder that diffusers opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.files import Json
from studio.core.method import Method
from studio.families.plain_call import scheduler_for, write_readme
from studio.families.stable.folders import save_pipeline

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    from studio.families.stable.parts import Open

EXAMPLE = "a red house at night"  # words that every text-to-image model knows


def student_folder(target: Path, model: Open, unet: UNet2DConditionModel, method: Method, *, teacher_id: str, card: Json) -> None:
    """Write a finished student: a diffusers folder whose other parts are its teacher's, recipe.json and card.json.

    unet: the student's trained UNet. A scheduler that draws as the recipe says goes with it, and a README
    with the call, for plain diffusers.
    """
    how = method.sampling()
    scheduler = json.loads((model.folder / "scheduler" / "scheduler_config.json").read_text())
    keys = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
    kept = {k: scheduler[k] for k in keys if k in scheduler}
    drawn = scheduler_for(kept, how.rule, how.timesteps)
    p = model.parts
    save_pipeline(target, p.tokenizers[0], p.encoders[0], unet, drawn, p.vae)
    model.recipe_of(method, teacher_id).save(target)
    if how.embedded_guidance is not None:
        card = {**card, "embedded_guidance": how.embedded_guidance}
    (target / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    write_readme(target, EXAMPLE)
