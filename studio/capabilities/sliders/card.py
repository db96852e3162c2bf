"""What the file of a slider says of itself."""

from __future__ import annotations

from studio.capabilities.sliders.request import SliderRequest, ends
from studio.capabilities.sliders.task import SliderTask
from studio.core.files import Json
from studio.library.models import ModelEntry

NAMED = 3  # factors that are named as moved most


def of_a_slider(request: SliderRequest, stage: SliderTask, base: ModelEntry, measured: Json) -> Json:
    """What its card (`core.edit.EditCard`) says besides where it comes from.

    measured: {"models": final row by model, the base first, "calibration"}."""
    recipe, calibration = base.recipe, measured["calibration"]
    sampled = f"{base.steps} steps, {recipe['rule']}, guidance {recipe['guidance']:g}" if recipe else ""
    return {
        "kind": "direction" if request.method == "direction" else "slider", "base_recipe": sampled,
        "calibration": float(calibration["scale"]), "attribute": _attribute(request, stage, measured["models"]),
        "unit": stage.unit, "prompts": request.prompts, "measured": measured, "note": str(calibration["sentence"]),
    }  # fmt: skip


def _attribute(request: SliderRequest, stage: SliderTask, models: Json) -> str:
    """What it moves: as it was asked for, or of a direction what it turned out to move most."""
    if request.method == "direction" and models:
        return f"{stage.attribute}: {', '.join(list(next(iter(models.values()))['moved'])[:NAMED])}"
    return ends(request) if request.attribute is None and request.worded else stage.attribute
