"""Every method of unlearning on models of the shapes of SD 1.5 and SDXL: a step, a file, the file again, and gone again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core.edit import EditCard
from studio.core.lowrank import LayerChange
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.library.concepts import concepts, neighbours, pairs
from studio.methods.unlearn import UNLEARN
from studio.sampling.plan import student_plan, teacher_plan
from studio.workshop.material.forgotten import ForgottenMaterial
from tests.support.edits import equal, farthest, outputs

METHODS = sorted(UNLEARN.all())


def forgotten(model: Any, name: str, folder: Path, teacher: Path, **settings: str) -> LayerChange:
    """After two steps; of two concepts."""
    world = domain_of("image")
    plan = teacher_plan("tiny", (999.0, 499.0)) if model.recipe is None else student_plan("tiny", model.recipe)
    wanted = concepts(world, "b, c", "d")
    made = pairs(world, wanted, 4, 0), neighbours(world, wanted, 4, 0, ("e",))
    quiet = (lambda done, total: None, lambda: None)
    matter = ForgottenMaterial(
        model, world, plan, *made, folder, *quiet, lambda: open_model(teacher, "tiny/teacher").trainable_under_adapter()
    )
    chosen: Any = UNLEARN.get(name)
    few = {"batch": 2, "retained": 2} if "batch" in chosen.Config.model_fields else {}
    more = {"looked_at": 1, **settings} if name == "salun" else settings
    method = chosen(chosen.Config.model_validate({**few, **more}), Streams(0), model.trainable_under_adapter(), matter)
    for _ in Trainer(method, TrainerConfig(steps=2, warmup=0)).run():
        pass
    change = method.trained["forgetting"].module
    assert isinstance(change, LayerChange)
    return change


@pytest.mark.parametrize("name", METHODS)
def test_a_method_forgets_saves_is_worn_and_taken_off(folder: Path, name: str, tmp_path: Path) -> None:
    for role in UNLEARN.get(name).models or ("teacher", "student"):
        model = open_model(folder / role, "tiny")
        before = outputs(model)
        change = forgotten(model, name, tmp_path / role, folder / "teacher")
        assert equal(outputs(model), before)  # teaching leaves the opened model alone
        with model.under(change, 1.0):
            as_taught = outputs(model)
        model.adapter_files.write(change.edit(EditCard(title="Gone")).half(), tmp_path / f"{role}.safetensors")
        model.load_adapter("gone", tmp_path / f"{role}.safetensors")
        model.use_adapters([("gone", 1.0)])
        assert farthest(outputs(model), as_taught) < 0.02 < 50 * farthest(outputs(model), before)
        model.use_adapters([("gone", 0.0)])
        assert equal(outputs(model), before)
        model.unload_adapter("gone")
        assert equal(outputs(model), before)
