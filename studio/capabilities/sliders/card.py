"""What the file of a slider says of itself."""

from __future__ import annotations

import time

from studio.capabilities.sliders.request import SliderRequest, ends
from studio.capabilities.sliders.task import SliderTask
from studio.core.edit import EditCard
from studio.core.files import Json
from studio.library.models import ModelEntry

NAMED = 3  # factors that are named as moved most


def slider_card(
    request: SliderRequest,
    stage: SliderTask,
    base: ModelEntry,
    measured: Json,
    *,
    settings: Json,
    method: str,
    base_hash: str,
    created: float,
) -> EditCard:
    """measured: {"models": final row by model, the base first, "calibration"}. created: unix seconds."""
    recipe, calibration = base.recipe, measured["calibration"]
    sampled = f"{base.steps} steps, {recipe['rule']}, guidance {recipe['guidance']:g}" if recipe else ""
    return EditCard(
        title=request.title or request.name,
        method=method,
        kind="direction" if request.method == "direction" else "slider",
        domain=base.domain,
        base=base.id,
        base_hash=base_hash,
        base_recipe=sampled,
        calibration=float(calibration["scale"]),
        attribute=_attribute(request, stage, measured["models"]),
        unit=stage.unit,
        prompts=request.prompts,
        seed=request.seed,
        steps=request.steps,
        settings=settings,
        measured=measured,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created)),
        note=str(calibration["sentence"]),
    )


def _attribute(request: SliderRequest, stage: SliderTask, models: Json) -> str:
    """What it moves: as it was asked for, or of a direction what it turned out to move most."""
    if request.method == "direction" and models:
        return f"{stage.attribute}: {', '.join(list(next(iter(models.values()))['moved'])[:NAMED])}"
    return ends(request) if request.attribute is None and request.worded else stage.attribute
