"""Every method of personalization on models of the shapes of SD3, Flux and PixArt-α: a step, a file, the file again, and gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core.edit import EditCard
from studio.core.recipe import Recipe
from studio.families import open_model
from studio.methods.personalize import PERSONALIZE
from tests.methods.test_personalize_shapes import METHODS, taught, with_word
from tests.support.edits import equal, farthest, outputs
from tests.support.tiny_transformers import PIPELINES

MARKS = {"sd3": ["", "@2", "@t5"], "sd3-without-t5": ["", "@2"], "schnell": ["", "@t5"], "dev": ["", "@t5"], "pixart": ["@t5"]}
JOINT = "text and image share one attention here, so cross-attention keys and values names no layers; attention would fit"


@pytest.fixture(scope="module", params=["sd3", "dev", "pixart"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As that of the shapes of Stable Diffusion (`conftest`)."""
    root = tmp_path_factory.mktemp(kind)
    pipe = PIPELINES[kind](root / "parts")
    for role in ("teacher", "student"):
        pipe.save_pretrained(root / role)
    prediction = "eps" if kind == "pixart" else "flow"
    recipe = {"teacher": "tiny/teacher", "teacher_hash": "0" * 12, "timesteps": (999.0, 499.0), "rule": "lcm"}
    Recipe.model_validate({**recipe, "prediction": prediction, "valid_steps": (2,)}).save(root / "student")
    return root


@pytest.mark.parametrize("name", METHODS)
def test_a_method_teaches_saves_is_worn_and_taken_off(folder: Path, kind: str, name: str, tmp_path: Path) -> None:
    for role in PERSONALIZE.get(name).models or ("teacher", "student"):
        model: Any = open_model(folder / role, "tiny")
        before = outputs(model)
        if name == "custom-diffusion" and kind != "pixart":
            with pytest.raises(ValueError, match=JOINT):
                taught(model, name, tmp_path / role)
            continue
        worn = taught(model, name, tmp_path / role)
        assert equal(outputs(model), before)  # teaching leaves the opened model alone
        assert [word.removeprefix("<mine>") for word in worn.tokens] == MARKS[kind]
        with model.knowing([worn.tokens]), worn.on(model):
            as_taught = with_word(model)
        edit = worn.edit(EditCard(title="Mine"))
        model.adapter_files.write(edit, tmp_path / f"{role}.safetensors")
        again, _ = model.adapter_files.read(tmp_path / f"{role}.safetensors")
        assert again.hash == edit.hash
        model.load_adapter("mine", tmp_path / f"{role}.safetensors")
        model.use_adapters([("mine", 1.0)])
        assert farthest(with_word(model), as_taught) < 1e-5
        assert (farthest(outputs(model), before) == 0) == (worn.adapter is None)
        model.unload_adapter("mine")
        assert equal(outputs(model), before) and model._vocabulary.words == ()
