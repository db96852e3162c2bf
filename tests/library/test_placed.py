"""Models whose YAML file names a source: put together when they are listed, found again, made anew, or said why not."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from studio.core.domain import told
from studio.families import adapter_files, open_model
from studio.jobs.jobs import Jobs
from studio.jobs.paths import Paths
from studio.library.models import ModelEntry, load_registry
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.support.edits import random_edit
from tests.support.fixtures import states
from tests.support.tiny_models import sd_pipeline

RECIPE = {"teacher": "tiny/base", "teacher_hash": "", "timesteps": [999, 749, 499, 249], "rule": "lcm", "prediction": "eps",
          "valid_steps": [4]}  # fmt: skip
BASE = {"id": "tiny/base", "title": "Base", "role": "teacher", "domain": "plain", "size": 16, "folder": "base"}
STUDENT = {"id": "tiny/fast", "title": "Fast", "role": "student", "teacher": "tiny/base", "domain": "plain", "size": 16,
           "recipe": RECIPE}  # fmt: skip
LORA = {"path": "lora.safetensors", "holds": "lora", "base": "tiny/base", "scale": 0.5}


@pytest.fixture
def studio(tmp_path: Path) -> Jobs:
    """A data folder with a base that lies there, and a LoRA and a network of another model beside it."""
    from studio.library.stock import open_jobs

    studio = open_jobs(tmp_path / "data")
    models = studio.paths.models
    sd_pipeline(tmp_path / "a").save_pretrained(models / "base")
    sd_pipeline(tmp_path / "b", seed=1, prediction="v_prediction").unet.save_pretrained(models / "net")
    bare = open_model(models / "base")
    edit = random_edit(adapter_files.targets(bare.modules), keep=lambda path: path.startswith("unet.") and "attn" in path)
    bare.adapter_files.write(edit, models / "lora.safetensors", "diffusers")
    listed(studio.paths, BASE)
    return studio


def listed(paths: Paths, about: dict[str, Any], **more: Any) -> ModelEntry:
    """The model as its file now says."""
    said = {**about, **more}
    (paths.models / f"{said['id'].replace('/', '-')}.yaml").write_text(yaml.safe_dump(said))
    registry = load_registry(paths)
    assert registry.problems == {}
    return registry.get(said["id"])


def test_a_student_in_the_form_of_a_lora_is_listed_and_drawn_as_one_network(studio: Jobs) -> None:
    entry = listed(studio.paths, STUDENT, source=LORA, embedded_guidance=None)
    assert entry.available and entry.valid_steps == (4,) and entry.folder.is_dir()
    warm = ModelCache("cpu")
    asked = {"prompt": "a red boat", "pair": "tiny/fast", "arms": ["teacher", "student", "hybrid-1"], "seeds": "0-1"}
    run = studio.submit("compare", {**asked, "teacher_steps": 4})
    run_job(studio.paths.run(run), models=warm, registry=load_registry(studio.paths))
    assert states(studio, run)[-1] == "done"
    base, student = (warm.model(load_registry(studio.paths).get(name)) for name in ("tiny/base", "tiny/fast"))
    assert base.held.unet is student.held.unet, "one copy"  # type: ignore[attr-defined]
    result = studio.result(run)
    assert result is not None and {row["arm"] for row in result["arms"]} == {"teacher", "student", "hybrid-1"}
    assert result["models"]["tiny/base"]["hash"] != result["models"]["tiny/fast"]["hash"]


def test_a_network_alone_predicts_what_its_recipe_says(studio: Jobs) -> None:
    source = {"path": "net/diffusion_pytorch_model.safetensors", "holds": "network", "base": "tiny/base"}
    entry = listed(studio.paths, STUDENT, source=source, recipe={**RECIPE, "prediction": "v"})
    assert entry.available, entry.reason
    assert open_model(entry.folder).denoiser.prediction == "v"
    entry = listed(studio.paths, STUDENT, source=source)
    assert entry.available and open_model(entry.folder).denoiser.prediction == "eps", "made anew"


def test_guidance_that_a_network_takes_as_input_stands_in_its_card(studio: Jobs) -> None:
    entry = listed(studio.paths, STUDENT, source=LORA, embedded_guidance=8.0)
    assert open_model(entry.folder).embedded_guidance == 8.0
    assert open_model(listed(studio.paths, STUDENT, source=LORA, embedded_guidance=2.0).folder).embedded_guidance == 2.0


def test_it_is_made_once_and_again_when_something_changed(studio: Jobs) -> None:
    entry = listed(studio.paths, STUDENT, source=LORA)
    mark = entry.folder / "lora" / "settings.json"
    before = mark.stat().st_ino
    assert load_registry(studio.paths).get("tiny/fast").folder == entry.folder and mark.stat().st_ino == before
    listed(studio.paths, STUDENT, source={**LORA, "scale": 0.25})
    assert json.loads(mark.read_text()) == {"scale": 0.25}
    assert not list(entry.folder.parent.glob(".*")), "no draft is left"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": {**LORA, "base": "tiny/none"}}, "tiny/fast stands on tiny/none: there is no model tiny/none."),
        ({"source": {**LORA, "path": "gone.safetensors"}}, "gone.safetensors is not on this machine."),
        ({"source": {"hub": "some/where", "holds": "lora", "file": "a.safetensors", "base": "tiny/base"}},
         "tiny/fast is not downloaded yet; `python -m studio models download tiny/fast` does it."),
        ({"recipe": {**RECIPE, "prediction": "flow"}, "source": LORA}, "says that it predicts flow, and its folder says eps"),
        ({"recipe": None, "source": LORA}, "has no recipe.json"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(studio: Jobs, change: dict[str, Any], reason: str) -> None:
    entry = listed(studio.paths, STUDENT, **change)
    assert not entry.available and reason in entry.reason
    assert str(studio.paths.models) not in entry.reason


def test_a_base_that_is_gone_takes_its_students_with_it(studio: Jobs) -> None:
    assert listed(studio.paths, STUDENT, source=LORA).available
    shutil.rmtree(studio.paths.models / "base")
    entry = load_registry(studio.paths).get("tiny/fast")
    assert not entry.available and entry.reason.startswith("tiny/fast stands on tiny/base: tiny/base is not on this machine yet")


def test_either_a_folder_or_a_source(studio: Jobs) -> None:
    for more in ({}, {"folder": "base", "source": LORA}):
        (studio.paths.models / "bad.yaml").write_text(yaml.safe_dump({**STUDENT, "id": "tiny/bad", **more}))
        assert "either a folder or a source" in load_registry(studio.paths).problems["bad.yaml"]


def test_twenty_turns_of_teacher_and_student_leave_memory_as_it_was(studio: Jobs) -> None:
    """Bytes of all tensors that this process holds, before and after twenty alternations."""
    listed(studio.paths, STUDENT, source=LORA)
    warm, registry = ModelCache("cpu"), load_registry(studio.paths)

    def turn() -> None:
        for name in ("tiny/base", "tiny/fast"):
            model = warm.model(registry.get(name))
            with torch.no_grad():
                model.denoiser.network(torch.zeros(1, *model.shape), torch.tensor([500.0]), model.encode(told(["a boat"])))

    def held() -> int:
        gc.collect()
        return sum(t.numel() * t.element_size() for t in gc.get_objects() if issubclass(type(t), torch.Tensor))

    turn()
    before = held()
    for _ in range(20):
        turn()
    assert 0 < held() <= before * 1.02
