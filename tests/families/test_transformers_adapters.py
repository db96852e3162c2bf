"""Students of transformers as adapters on one shared network: taught, resumed, saved as LoRAs on the base, drawn by diffusers."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, FluxPipeline

from studio.core.domain import told
from studio.core.material import ConditionalNetwork
from studio.core.rng import INITIAL, noise
from studio.families import describe, open_model
from studio.families.transformer.model import Model
from studio.families.transformer.shared_lora import Shared, View
from studio.sampling.loop import finished, sample
from studio.sampling.plan import student_plan
from studio.sampling.prompts import encode_once
from tests.families.test_transformers import PROMPTS, SEEDS, TOLERANCE, drawn, saved
from tests.families.test_transformers_taught import KINDS, OBJECTIVES, given_noise, taught, trainer_of
from tests.support.edits import equal, outputs
from tests.support.tiny_transformers import PIPELINES


@pytest.fixture(params=KINDS)
def model(request: Any, tmp_path: Path) -> Model:
    return saved(PIPELINES[request.param](tmp_path), tmp_path / "model")[1]


def grid(model: Model, n: int) -> tuple[int, ...]:
    return tuple(round((1000 if model.kind.flow else 999) - 250 * i) for i in range(n))


def test_a_fresh_adapter_changes_nothing_and_a_taught_one_its_own_view_alone(model: Model) -> None:
    shared: Any = model.trainable(2).network
    assert isinstance(shared, Shared)
    asked = torch.randn(2, *model.shape), torch.tensor([500.0, 20.0]), model.encode(told(PROMPTS))
    first, second = shared.trainable_copy(), shared.trainable_copy()
    with torch.no_grad():
        bare = shared(*asked)
        assert torch.equal(first(*asked), bare)
        for parameter in first.parameters():
            parameter.add_(0.05)
        assert not torch.allclose(first(*asked), bare, atol=1e-3)
        assert torch.equal(shared(*asked), bare) and torch.equal(second(*asked), bare)
        twin = copy.deepcopy(first)
        assert torch.equal(twin(*asked), first(*asked))
        plain = model.trainable().network
        assert isinstance(plain, ConditionalNetwork)
        plain.get_submodule("transformer").load_state_dict(first.get_submodule("transformer").state_dict())
        assert torch.allclose(plain(*asked), first(*asked), atol=1e-4)
    assert {id(p) for p in twin.parameters()}.isdisjoint({id(p) for p in first.parameters()})
    assert sum(p.numel() for p in first.parameters()) < sum(p.numel() for p in shared.parameters()) / 2
    with pytest.raises(ValueError, match="an adapter cannot take the guidance scale as an input"):
        first.with_guidance_input()


@pytest.mark.parametrize(("objective", "config"), OBJECTIVES)
def test_objectives_teach_adapters_and_leave_model_and_teacher_alone(
    model: Model, objective: str, config: dict[str, Any]
) -> None:
    config = {**config, "timesteps": grid(model, 2)}
    bare = outputs(model)
    trainer: Any = taught(model, objective, rank=2, **config)
    assert trainer.skipped == 0 and equal(outputs(model), bare)
    student, teacher = trainer.method.student.network, trainer.method.teacher.network
    assert isinstance(student, View) and isinstance(teacher, Shared)
    asked = torch.randn(2, *model.shape), torch.tensor([500.0, 500.0]), model.encode(told(PROMPTS))
    with torch.no_grad():
        assert torch.allclose(teacher(*asked), model.denoiser.network(*asked), atol=1e-5)
        assert not torch.allclose(student(*asked), teacher(*asked), atol=1e-4)
    again = trainer_of(model, objective, rank=2, **config)
    again.load_state_dict(trainer.state_dict())
    with torch.no_grad():
        assert torch.equal(again.method.student.network(*asked), student(*asked))  # type: ignore[attr-defined]


def test_blocks_that_are_computed_twice_give_the_same_adapter(model: Model) -> None:
    students = [taught(model, "lcm", flag, 2, grid=4, timesteps=grid(model, 2)).ema["student"].module for flag in (False, True)]
    for a, b in zip(students[0].parameters(), students[1].parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_student_is_a_lora_on_its_base_here_and_in_diffusers(model: Model, tmp_path: Path, monkeypatch: Any) -> None:
    times = grid(model, 4)
    trainer = taught(model, "lcm", rank=2, grid=4, timesteps=times)
    view = trainer.ema["student"].module
    folder = tmp_path / "student"
    model.save_student(folder, view, trainer.method, "mine/teacher", {"what": "a student"})
    assert describe(folder).reason == "" and describe(folder).architecture == describe(model.folder).architecture
    student: Any = open_model(folder, "s", beside=[model])  # type: ignore[list-item]
    base, kept = model.folder / "transformer", folder / "transformer"
    weights = "diffusion_pytorch_model.safetensors"
    assert (folder / "lora").is_dir() == model.kind.loras == os.path.samefile(base / weights, kept / weights)
    assert (student.held.transformer is model.held.transformer) == model.kind.loras
    asked = torch.randn(2, *model.shape), torch.tensor([500.0, 500.0]), model.encode(told(PROMPTS))
    with torch.no_grad():
        assert torch.allclose(student.denoiser.network(*asked), view(*asked), atol=2e-3)  # in half precision on the disk
    pipe: Any = DiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    readme = (folder / "README.md").read_text()
    assert ('pipe.load_lora_weights("student/lora")' in readme) == model.kind.loras
    if model.kind.loras:
        pipe.load_lora_weights(folder / "lora")
    found = re.search(r'at night", (.*)\).images', readme)
    assert found is not None
    call = eval(f"dict({found[1]})")
    cond = encode_once({"s": student}, told(PROMPTS))
    here = finished(sample(student_plan("s", student.recipe), {"s": student}, cond, SEEDS, student.shape))
    steps, guidance = call.pop("num_inference_steps"), call.pop("guidance_scale", 1.0)
    given_noise(pipe, student, monkeypatch)
    guided = 1.0 if isinstance(pipe, FluxPipeline) else guidance
    reference = drawn(pipe, noise(SEEDS, INITIAL, student.shape), steps, guided, **call)
    assert float((here - reference).abs().max()) < TOLERANCE


def test_a_student_that_began_as_another_is_saved_in_the_weights(tmp_path: Path) -> None:
    _, model = saved(PIPELINES["sd3"](tmp_path), tmp_path / "model")
    first = taught(model, "lcm", rank=2, grid=4, timesteps=grid(model, 2))
    model.save_student(tmp_path / "one", first.ema["student"].module, first.method, "mine/teacher", {})
    one = open_model(tmp_path / "one", "one")
    network: Any = model.trainable(2, start=one).network
    pupil = network.student()
    asked = torch.randn(2, *model.shape), torch.tensor([500.0, 500.0]), model.encode(told(PROMPTS))
    with torch.no_grad():
        one_says: Any = one.denoiser.network  # type: ignore[attr-defined]
        assert torch.allclose(pupil(*asked), one_says(*asked), atol=1e-5)
    model.save_student(tmp_path / "two", pupil, first.method, "mine/teacher", {})
    assert not (tmp_path / "two" / "lora").exists()
    two: Any = open_model(tmp_path / "two", "two")
    with torch.no_grad():
        assert torch.allclose(two.denoiser.network(*asked), pupil(*asked), atol=2e-3)
